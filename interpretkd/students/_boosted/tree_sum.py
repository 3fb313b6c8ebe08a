"""A sum of trees while it grows, and all its leaves fitted together."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes, Encoded
from interpretkd.models import Forest, join_nodes
from interpretkd.students._boosted.rounds import _base_margins, _loss_slopes
from interpretkd.students._cart.binning import N_BYTES, Binned, _bin_rows
from interpretkd.students._cart.draft import Draft, _finish_draft
from interpretkd.targets import apply_link

PENALTY = 1.0
"""On half the sum of the leaves' squares, as xgboost has it."""


@dataclass(frozen=True, eq=False)
class BoostingRows:
    """Rows, their target columns, and how trees are grown on them.

    Parameters
    ----------
    rows : Encoded
        The rows.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Target columns.
    weight : ndarray of shape (n_samples,), float64
        How much each row counts.
    link : {"identity", "softmax", "sigmoid"}, default="identity"
        Squared error on the columns, or cross-entropy with them.
    min_child_weight : float, default=1.0
        The least sum of second derivatives in a leaf.
    subsample, column_share : float, default=1.0
        In (0, 1]: the rows a tree, and the columns a node, that decide about tests.
    seed : int, default=0
        Of what is drawn.
    """

    rows: Encoded
    targets: Array
    weight: Array
    link: str = "identity"
    min_child_weight: float = 1.0
    subsample: float = 1.0
    column_share: float = 1.0
    seed: int = 0

    @property
    def codes(self) -> Codes:
        """The rows as codes."""
        return self.rows.codes

    @property
    def binned(self) -> Binned:
        """The rows in bins, made once."""
        return self.rows.once(_bin_rows)

    def take(self, index: NDArray[np.integer]) -> "BoostingRows":
        """Return some of the rows, in bins of their own.

        Parameters
        ----------
        index : ndarray of int
            Their positions.

        Returns
        -------
        BoostingRows
            These rows, in the order of the whole.
        """
        index = np.sort(index)
        rows = Encoded(self.rows.schema, self.codes[index])
        weight = self.weight[index]
        return replace(self, rows=rows, targets=self.targets[index], weight=weight)

    @cached_property
    def base(self) -> Array:
        """What the sums start from."""
        return _base_margins(
            np.average(self.targets, axis=0, weights=self.weight), self.link
        )

    @property
    def outputs(self) -> range:
        """The outputs that get trees: of two under a softmax one is enough."""
        n_outputs = self.targets.shape[1]
        first = self.link == "softmax" and n_outputs == 2
        return range(int(first), n_outputs)

    def _predict(self, margins: Array) -> Array:
        return apply_link(margins, self.link)

    def slopes(self, margins: Array) -> tuple[Array, Array]:
        """Return the loss's two derivatives by the margins.

        Parameters
        ----------
        margins : ndarray of shape (n_samples, n_outputs)
            The sums of the trees.

        Returns
        -------
        tuple of ndarray of shape (n_samples, n_outputs)
            Slope and curvature.
        """
        slopes = _loss_slopes(self.targets, self.weight, self.link, self._predict)
        return slopes(margins, None)

    def _loss(self, outputs: Array) -> float:
        """Return the weighted sum of the rows' losses."""
        if self.link == "identity":
            losses = 0.5 * (outputs - self.targets) ** 2
        else:
            losses = -self.targets * np.log(np.maximum(outputs, 1e-12))
        if self.link == "sigmoid":
            losses -= (1 - self.targets) * np.log(np.maximum(1 - outputs, 1e-12))
        return float(self.weight @ losses.sum(axis=1))

    def score(self, outputs: Array) -> float:
        """Return the score of predictions, the larger the better.

        Parameters
        ----------
        outputs : ndarray of shape (n_samples, n_outputs)
            Predictions of these rows.

        Returns
        -------
        float
            The mean loss, negative.
        """
        return -self._loss(outputs) / float(self.weight.sum())


@dataclass(frozen=True, eq=False)
class GrownTree:
    """One tree of a sum.

    Parameters
    ----------
    draft : Draft
        Its tests.
    leaf : ndarray of shape (n_samples,), int
        The leaf of each row.
    output : int
        The target column to which it adds.
    value : ndarray of shape (n_nodes,), float64
        What each leaf adds.
    gain : float, default=0.0
        What it gains a leaf.
    """

    draft: Draft
    leaf: NDArray[np.integer]
    output: int
    value: Array
    gain: float = 0.0


class TreeSum:
    """A sum of trees while it grows.

    Parameters
    ----------
    data : BoostingRows
        The rows.
    trees : list of GrownTree
        The trees so far.
    """

    def __init__(self, data: BoostingRows, trees: list[GrownTree]) -> None:
        self.data, self.trees = data, trees
        self.values = [tree.value for tree in trees]

    @property
    def n_leaves(self) -> int:
        """The leaves of all trees together."""
        return sum(tree.draft.n_leaves for tree in self.trees)

    def cut(self, max_leaves: int) -> "TreeSum":
        """Return the first trees, their leaves fitted anew.

        Parameters
        ----------
        max_leaves : int
            The most leaves of these trees together.

        Returns
        -------
        TreeSum
            The smaller sum.
        """
        ends = np.cumsum([tree.draft.n_leaves for tree in self.trees])
        part = TreeSum(self.data, self.trees[: int((ends <= max_leaves).sum())])
        part.refit()
        return part

    def add(self, tree: GrownTree) -> None:
        """Add a tree.

        Parameters
        ----------
        tree : GrownTree
            It comes last.
        """
        self.trees.append(tree)
        self.values.append(tree.value)

    def margins(self) -> Array:
        """Return the sums for the rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Before the link.
        """
        out = np.tile(self.data.base, (len(self.data.codes), 1))
        if self.trees:
            leaf, start, column = self._places()
            _add_values(leaf, start, column, np.concatenate(self.values), out)
        return out

    def refit(self) -> None:
        """Fit the values of all leaves together."""
        if not self.trees:
            return
        from scipy.optimize import minimize

        data = self.data
        leaf, start, column = self._places()
        now = np.concatenate(self.values)
        margins, inside = np.empty(data.targets.shape), np.zeros(len(now))
        _add_slopes(
            leaf,
            start,
            column,
            np.broadcast_to(data.weight[:, None], margins.shape),
            inside,
        )
        # The solver is fast where all directions are about equally steep, and its
        # tolerances are for losses of about 1.
        steepness, scale = np.sqrt(inside + PENALTY), 1.0

        def objective(steps: Array) -> tuple[float, Array]:
            values = steps / steepness
            margins[:] = data.base
            _add_values(leaf, start, column, values, margins)
            outputs = data._predict(margins)
            loss = data._loss(outputs) + 0.5 * PENALTY * float(values @ values)
            slopes = PENALTY * values
            rises = data.weight[:, None] * (outputs - data.targets)
            _add_slopes(leaf, start, column, rises, slopes)
            return loss / scale, slopes / steepness / scale

        scale = max(objective(np.zeros_like(now))[0], 1e-300)
        found = minimize(
            objective,
            now * steepness,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 100, "ftol": 1e-7, "gtol": 1e-9},
        )
        self.values = np.split(found.x / steepness, start[1:])

    def _places(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """Return each row's node in each tree, where its values start, its output."""
        sizes = [len(tree.draft.feature) for tree in self.trees]
        return (
            np.stack([tree.leaf for tree in self.trees]),
            np.cumsum([0, *sizes[:-1]]),
            np.asarray([tree.output for tree in self.trees]),
        )

    def freeze(self) -> Forest:
        """Return the trees over the original columns.

        Returns
        -------
        Forest
            What is left when nothing is added any more.
        """
        data = self.data
        _, curvature = data.slopes(self.margins())
        trees, values = self.trees, self.values
        if not trees:  # nothing is to be told apart
            trees, values = [_lone_leaf(data)], [np.zeros(1)]
        none = np.zeros((len(data.codes), 1))
        parts = [
            _finish_draft(
                t.draft, data.binned, data.codes, none, curvature[:, t.output]
            )
            for t in trees
        ]
        return Forest(
            join_nodes([part.nodes for part in parts]),
            value=np.concatenate(values),
            cover=np.concatenate([part.cover for part in parts]),
            column=np.asarray([tree.output for tree in trees]),
            base=data.base,
            link=data.link,
        )


def _lone_leaf(data: BoostingRows) -> GrownTree:
    none = np.full(1, -1, dtype=np.int32)
    draft = Draft(none, np.zeros((1, N_BYTES), dtype=np.bool_), none, none)
    leaf = np.zeros(len(data.codes), dtype=np.uint8)
    return GrownTree(draft, leaf, data.outputs[0], np.zeros(1))


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True)
def _add_values(leaf, start, column, values, out):  # type: ignore[no-untyped-def]
    for t in range(len(leaf)):
        for i in range(leaf.shape[1]):
            out[i, column[t]] += values[start[t] + leaf[t, i]]


@njit(cache=True, nogil=True)
def _add_slopes(leaf, start, column, rises, out):  # type: ignore[no-untyped-def]
    for t in range(len(leaf)):
        for i in range(leaf.shape[1]):
            out[start[t] + leaf[t, i]] += rises[i, column[t]]
