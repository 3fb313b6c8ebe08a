"""Thresholds between any two values, where a column has more of them than bins.

A tree is searched for over at most 255 bins a column. Near the thresholds that it ends
with, the bins are then made as narrow as the values allow, and the tree is improved
over these: all others become wider.
"""

import numpy as np
from numpy.typing import NDArray

from interpretkd.data import Codes
from interpretkd.models import floor_to_float32
from interpretkd.students._cart.binning import MAX_BINS, N_BYTES, Binned
from interpretkd.students._cart.draft import Draft
from interpretkd.students._cart.problem import _Problem

_MOST_CELLS = 20_000_000
"""Rows of more cells are left alone: new bins are a copy of them."""
_ROUNDS = 3
"""How often the bins follow the thresholds."""
_FINE = MAX_BINS // 2
"""Bins of a column that are spent near its thresholds."""


def _sharpen(problem: _Problem, draft: Draft, codes: Codes) -> tuple[_Problem, Draft]:
    """Improve a tree's thresholds over all values of the columns that it tests.

    `codes` are the same rows as those of the problem. Returns the problem on other
    bins, and the tree over these; it is no worse, and the same one, on the same bins,
    where no column tested has more values than bins or nothing was gained.
    """
    best, lowest = (problem, draft), problem.loss(draft)
    if codes.size > _MOST_CELLS:
        return best
    for _ in range(_ROUNDS):
        before, tree = best
        finer = _finer(before.binned, tree, codes)
        if finer is None:
            return best
        binned, tree = finer
        after = _Problem(binned, problem.targets, problem.objective, problem.limits)
        tree = after.improve(tree)
        loss = after.loss(tree)
        if loss >= lowest - 1e-9 * (1 + abs(lowest)):
            return best
        best, lowest = (after, tree), loss
    return best


def _finer(binned: Binned, draft: Draft, codes: Codes) -> tuple[Binned, Draft] | None:
    """Return bins that are narrow near the thresholds, and the tree over them."""
    matrix, n_bins = binned.matrix.copy(), binned.n_bins.copy()
    edges, goes_left = list(binned.edges), draft.goes_left.copy()
    changed = False
    for j in np.unique(draft.feature[draft.feature >= 0]):
        if binned.is_set[j]:
            continue
        values = np.unique(codes[:, j][~np.isnan(codes[:, j])])
        if len(values) <= n_bins[j]:
            continue
        nodes = np.flatnonzero(draft.feature == j)
        cuts = _cuts_of(draft, nodes, int(n_bins[j]), binned.edges[j])
        edges[j] = _edges_near(values, cuts)
        n_bins[j] = len(edges[j]) + 1
        bins = np.searchsorted(edges[j], codes[:, j])
        matrix[j] = np.where(np.isnan(codes[:, j]), n_bins[j], bins)
        for node in nodes:
            goes_left[node] = _moved(draft.goes_left[node], binned, int(j), edges[j])
        changed = True
    if not changed:
        return None
    finer = Binned(binned.schema, matrix, n_bins, binned.is_set, tuple(edges))
    return finer, Draft(draft.feature, goes_left, draft.left, draft.right)


def _cuts_of(
    draft: Draft, nodes: NDArray[np.int64], n_bins: int, edges: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the thresholds of some nodes that test one column of numbers."""
    n_left = draft.goes_left[nodes, :n_bins].sum(axis=1)
    inside = (n_left > 0) & (n_left < n_bins)  # others ask for what is missing
    return np.unique(edges[n_left[inside] - 1])


def _edges_near(
    values: NDArray[np.float32], cuts: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the thresholds, all that are near them, and of the others some."""
    middle = (values[:-1].astype(np.float64) + values[1:]) / 2
    every = floor_to_float32(middle)
    at = np.searchsorted(values, cuts, side="right") - 1
    distance = np.abs(np.arange(len(every))[:, None] - at).min(
        axis=1, initial=len(every)
    )
    near = np.argsort(distance, kind="stable")[:_FINE]
    spare = MAX_BINS - 1 - _FINE - len(cuts)
    rest = np.linspace(0, len(every) - 1, spare).astype(np.int64)
    chosen = np.unique(np.concatenate([near, rest]))
    return np.unique(np.concatenate([every[chosen], cuts]))


def _moved(
    goes_left: NDArray[np.bool_],
    binned: Binned,
    column: int,
    edges: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Return a test of a number over other bins, which have its threshold, too."""
    n_bins = int(binned.n_bins[column])
    n_left = int(goes_left[:n_bins].sum())
    moved = np.zeros(N_BYTES, dtype=np.bool_)
    if n_left == n_bins:
        moved[: len(edges) + 1] = True
    elif n_left:
        cut = binned.edges[column][n_left - 1]
        moved[: int(np.searchsorted(edges, cut)) + 1] = True
    moved[len(edges) + 1] = goes_left[n_bins]
    return moved
