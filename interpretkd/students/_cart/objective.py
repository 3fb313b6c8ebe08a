"""What a tree is to make small, whatever finds the tree: a sum over rows and tests.

Given the rows of a leaf, what the leaf should answer follows, and so does what the rows
lose by it: searching and pruning compare trees by `_loss_of` alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.students._cart.binning import Binned
from interpretkd.students._cart.draft import Draft, leaves_of
from interpretkd.targets import deciding, deciding_labels

COSTS, PAIRS, SQUARES, CROSS_ENTROPY = range(4)
_BLOCK = 65_536
"""Rows whose losses are worked out at a time."""


@dataclass(frozen=True, eq=False)
class TreeObjective:
    """What a tree is to make small: a sum over rows, given what each leaf answers.

    Parameters
    ----------
    kind : {0, 1, 2, 3}
        `COSTS`: a leaf decides for one column, and a row costs what stands there.
        `PAIRS`: the same for each pair of neighbouring columns by itself.
        `SQUARES`: a leaf answers its mean; squared error, summed over the columns.
        `CROSS_ENTROPY`: a leaf answers its mean, a distribution.
    table : ndarray of shape (n_samples, n_columns), float64
        The costs, or the targets; times the row's weight.
    weight : ndarray of shape (n_samples,), float64
        How much each row counts.
    price : ndarray of shape (n_features,), float64
        What a test of each column costs, in units of the sum.
    """

    kind: int
    table: Array
    weight: Array
    price: Array

    def take(self, rows: NDArray[np.integer]) -> "TreeObjective":
        """Return the objective over some of the rows.

        Parameters
        ----------
        rows : ndarray of int
            Their positions.

        Returns
        -------
        TreeObjective
            Of these rows.
        """
        weight = self.weight[rows]
        share = weight.sum() / max(self.weight.sum(), 1e-300)
        return TreeObjective(self.kind, self.table[rows], weight, self.price * share)


def _loss_of(draft: Draft, binned: Binned, objective: TreeObjective) -> float:
    """Return the objective's value with the best answer in each leaf.

    For squared error it is the value less a constant of the rows.
    """
    leaf = leaves_of(draft, binned)
    sums, weights = _leaf_sums(
        leaf, len(draft.feature), objective.table, objective.weight
    )
    own = np.flatnonzero((draft.feature < 0) & (weights > 0))
    loss = sum(_impurity(objective.kind, sums[i], weights[i]) for i in own)
    return float(loss + objective.price[draft.feature[draft.feature >= 0]].sum())


def _losses_elsewhere(
    draft: Draft,
    binned: Binned,
    objective: TreeObjective,
    others: Binned,
    elsewhere: TreeObjective,
) -> Iterator[tuple[Array, slice]]:
    """Yield what a tree loses on other rows with the answers of its own, and which.

    Losses are times the row's weight, and for squared error less a constant of the row.
    """
    n_nodes = len(draft.feature)
    leaf = leaves_of(draft, binned)
    sums, weights = _leaf_sums(leaf, n_nodes, objective.table, objective.weight)
    slopes, constants = np.zeros_like(sums), np.zeros(n_nodes)
    for node in np.flatnonzero(draft.feature < 0):
        constants[node] = _write_answer(
            objective.kind, sums[node], weights[node], slopes[node]
        )
    leaf = leaves_of(draft, others)
    for first in range(0, len(leaf), _BLOCK):
        rows = slice(first, first + _BLOCK)
        own = leaf[rows]
        linear = (elsewhere.table[rows] * slopes[own]).sum(axis=1)
        yield linear + elsewhere.weight[rows] * constants[own], rows


def _agree_with_decisions(values: Array, sums: Array, kind: int) -> Array:
    """Move mean targets just so far that they decide what costs least.

    The mean of soft targets may be largest for another class than the one most rows
    are decided for. The result is the nearest to the mean, by squared error, whose
    largest entry is the cheapest class, by the costs in `sums`; it keeps the mean's
    sum.

    Examples
    --------
    >>> costs = np.array([[3.0, 2.0, 9.0]])
    >>> _agree_with_decisions(np.array([[0.5, 0.4, 0.1]]), costs, COSTS).round(4)
    array([[0.45, 0.45, 0.1 ]])
    """
    if kind == PAIRS:
        return deciding_labels(values, sums[:, 1::2] < sums[:, 0::2])
    return deciding(values, sums.argmin(axis=1)) if kind == COSTS else values


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _impurity(kind, sums, weight):  # type: ignore[no-untyped-def]
    """Return the loss of rows in one leaf that answers what is best for them.

    `sums` is the objective's table, summed up over the rows. For squared error the loss
    is less a constant of the rows.
    """
    if kind == COSTS:
        return sums.min()
    total = 0.0
    if kind == PAIRS:
        for k in range(0, len(sums), 2):
            total += min(sums[k], sums[k + 1])
        return total
    if kind == SQUARES:
        return -(sums**2).sum() / weight
    for k in range(len(sums)):
        if sums[k] > 0:
            total -= sums[k] * np.log(sums[k] / weight)
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _leaf_sums(leaf, n_nodes, table, weight):  # type: ignore[no-untyped-def]
    """Sum up an objective's table and weights, leaf by leaf."""
    sums = np.zeros((n_nodes, table.shape[1]))
    weights = np.zeros(n_nodes)
    for i in range(len(leaf)):
        weights[leaf[i]] += weight[i]
        for k in range(table.shape[1]):
            sums[leaf[i], k] += table[i, k]
    return sums, weights


@njit(cache=True, nogil=True, error_model="numpy")
def _write_answer(kind, sums, weight, slope):  # type: ignore[no-untyped-def]
    """Write a leaf's best answer as a slope: loss = table . slope + weight * constant.

    The slope is changed in place, the constant returned.
    """
    if kind == COSTS:
        slope[:] = 0
        slope[np.argmin(sums)] = 1
        return 0.0
    if kind == PAIRS:
        for k in range(0, len(sums), 2):
            slope[k] = sums[k] <= sums[k + 1]
            slope[k + 1] = sums[k] > sums[k + 1]
        return 0.0
    mean = sums / max(weight, 1e-300)
    if kind == SQUARES:
        slope[:] = -2 * mean
        return (mean**2).sum()
    slope[:] = -np.log(np.maximum(mean, 1e-9))
    return 0.0
