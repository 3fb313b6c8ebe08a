"""Trees over bins, as they are while they are being built.

A draft's test is the set of bins that go left, whatever the column: for a number the
bins up to a threshold, for a category any set, each with or without the missing ones.
So one walk and one search serve every kind of column. A finished draft becomes a
`Tree` over the original columns.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes
from interpretkd.models import ALL_NUMBERS, Nodes, Tree, floor_to_float32
from interpretkd.students._cart.binning import N_BYTES, Binned

_BLOCK = 65_536
"""Rows that are counted at a time."""


class _Tests(NamedTuple):
    """The arrays of a `Draft`, in the order in which compiled code takes them."""

    feature: NDArray[np.int32]
    goes_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Draft:
    """The tests of one tree over bins.

    Parameters
    ----------
    feature : ndarray of shape (n_nodes,), int32
        The column tested; -1 at leaves.
    goes_left : ndarray of shape (n_nodes, 256), bool
        For each bin of the column tested whether it goes left.
    left, right : ndarray of shape (n_nodes,), int32
        The children, always behind their parent; -1 at leaves.
    """

    feature: NDArray[np.int32]
    goes_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    @property
    def n_leaves(self) -> int:
        """The number of leaves."""
        return int((self.feature < 0).sum())

    @property
    def depths(self) -> NDArray[np.int32]:
        """The number of tests above each node, shape (n_nodes,)."""
        depths = np.zeros(len(self.feature), dtype=np.int32)
        for node in np.flatnonzero(self.feature >= 0):
            depths[[self.left[node], self.right[node]]] = depths[node] + 1
        return depths

    @property
    def tests(self) -> _Tests:
        """The arrays as compiled code takes them."""
        return _Tests(self.feature, self.goes_left, self.left, self.right)

    def copy(self) -> "Draft":
        """Return a draft with arrays of its own.

        Returns
        -------
        Draft
            The same tests.
        """
        feature, goes_left, left, right = self.tests
        return Draft(feature.copy(), goes_left.copy(), left.copy(), right.copy())


def leaves_of(draft: Draft, binned: Binned) -> NDArray[np.int32]:
    """Find the leaf of each row.

    Parameters
    ----------
    draft : Draft
        The tree.
    binned : Binned
        The rows.

    Returns
    -------
    ndarray of shape (n_samples,), int32
        The index of each row's leaf.
    """
    return _walk(binned.matrix, *draft.tests)


def _finish_draft(
    draft: Draft, binned: Binned, codes: Codes, targets: Array, weight: Array
) -> Tree:
    """Turn a draft into a tree over the original columns.

    A threshold lies half-way between the two nearest values of the rows that reach
    the test, one on each side. The nodes are given the means of the target columns;
    `codes` are the same rows as `binned`.
    """
    feature = draft.feature
    inner = feature >= 0
    leaf = leaves_of(draft, binned)
    cover, value = _means(draft, leaf, targets, weight)
    low, high = _nearest(codes, leaf, _parents(draft), *draft.tests)
    # Without a number on one side only "is missing" is asked: ALL_NUMBERS.
    middle = np.clip(low, -ALL_NUMBERS, None).astype(np.float64) / 2
    middle += np.clip(high, None, ALL_NUMBERS).astype(np.float64) / 2
    middle[np.isneginf(low)] = -ALL_NUMBERS
    middle[np.isposinf(high)] = ALL_NUMBERS
    threshold = floor_to_float32(middle)
    column = np.maximum(feature, 0)
    categorical = inner & binned.is_set[column]
    threshold[~inner | categorical] = 0
    missing = binned.n_bins[column]
    sets = [
        draft.goes_left[node, binned.edges[feature[node]]]
        for node in np.flatnonzero(categorical)
    ]
    nodes = Nodes(
        schema=binned.schema,
        feature=feature,
        threshold=threshold,
        missing_left=inner & draft.goes_left[np.arange(len(feature)), missing],
        left=draft.left,
        right=draft.right,
        left_categories=np.concatenate(sets) if sets else np.zeros(0, dtype=bool),
        roots=np.zeros(1, dtype=np.int32),
    )
    return Tree(nodes, value, cover, support=_counts(draft, leaf))


def _parents(draft: Draft) -> NDArray[np.int32]:
    """Return the parent of each node; -1 at the root."""
    above = np.full(len(draft.feature), -1, dtype=np.int32)
    inner = np.flatnonzero(draft.feature >= 0)
    above[draft.left[inner]] = inner
    above[draft.right[inner]] = inner
    return above


def _branch_of(draft: Draft, below: NDArray[np.bool_]) -> Draft:
    """Return the nodes of a branch, out of a tidy tree, as a tree of its own."""
    first = int(np.flatnonzero(below)[0])
    return Draft(
        draft.feature[below],
        draft.goes_left[below],
        np.maximum(draft.left[below] - first, -1),
        np.maximum(draft.right[below] - first, -1),
    )


def _graft(draft: Draft, node: int, branch: Draft) -> Draft:
    """Put a branch in the place of a node and of all below it."""
    shift = len(draft.feature)
    feature = np.concatenate([draft.feature, branch.feature])
    goes_left = np.concatenate([draft.goes_left, branch.goes_left])
    left = np.concatenate([draft.left, branch.left])
    right = np.concatenate([draft.right, branch.right])
    for child in (left, right):
        child[shift:][branch.feature >= 0] += shift
    feature[node], goes_left[node] = feature[shift], goes_left[shift]
    left[node], right[node] = left[shift], right[shift]
    return _tidy(feature, goes_left, left, right)


def _tidy(
    feature: NDArray[np.int32],
    goes_left: NDArray[np.bool_],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    marks: NDArray[np.bool_] | None = None,
) -> Draft:
    """Keep the nodes that can be reached from node 0, depth first, left before right.

    A branch is then a run of neighbours. Marks of the nodes are changed in place, to
    stand at the nodes' new places.
    """
    order, waiting = [], [0]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if feature[node] >= 0:
            waiting += [int(right[node]), int(left[node])]
    kept = np.asarray(order)
    place = np.full(len(feature), -1, dtype=np.int32)
    place[kept] = np.arange(len(kept))
    inner = feature[kept] >= 0
    if marks is not None:
        marks[: len(kept)] = marks[kept]
    return Draft(
        feature[kept],
        goes_left[kept],
        np.where(inner, place[left[kept]], -1).astype(np.int32),
        np.where(inner, place[right[kept]], -1).astype(np.int32),
    )


def _is_monotone(
    draft: Draft,
    answers: NDArray[np.float64],
    monotone: NDArray[np.int8],
    binned: Binned,
) -> bool:
    """Say whether a tree keeps to its monotone constraints, everywhere.

    Two leaves matter to a column when some row could move from one to the other by a
    change of that column alone. ``monotone`` is 1 where the answer must not fall as the
    number rises, -1 where it must not rise, else 0.
    """
    leaves = np.flatnonzero(draft.feature < 0)
    boxes = np.ones((len(draft.feature), len(monotone), N_BYTES), dtype=np.bool_)
    for node in np.flatnonzero(draft.feature >= 0):  # parents before children
        column = draft.feature[node]
        for child, side in ((draft.left, True), (draft.right, False)):
            boxes[child[node]] = boxes[node]
            boxes[child[node], column] &= draft.goes_left[node] == side
    return bool(_boxes_agree(boxes[leaves], answers[leaves], monotone, binned.n_bins))


def _means(
    draft: Draft | Nodes, leaf: NDArray[np.int32], targets: Array, weight: Array
) -> tuple[Array, Array]:
    """Return the weight and the mean target of the rows at each node."""
    n_nodes = len(draft.feature)
    total, cover = _leaf_totals(leaf, targets, weight, n_nodes)
    for node in np.flatnonzero(draft.feature >= 0)[::-1]:  # children before parents
        both = [draft.left[node], draft.right[node]]
        cover[node] = cover[both].sum()
        total[node] = total[both].sum(axis=0)
    return cover, total / np.maximum(cover, 1e-300)[:, None]


def _counts(draft: Draft | Nodes, leaf: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many rows come by each node."""
    counts = np.zeros(len(draft.feature), dtype=np.int64)
    for first in range(0, len(leaf), _BLOCK):  # of all rows it would take a copy
        counts += np.bincount(leaf[first : first + _BLOCK], minlength=len(counts))
    for node in np.flatnonzero(draft.feature >= 0)[::-1]:  # children before parents
        counts[node] = counts[draft.left[node]] + counts[draft.right[node]]
    return counts


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _walk(matrix, feature, goes_left, left, right):  # type: ignore[no-untyped-def]
    """Find the leaf of each row."""
    leaves = np.empty(matrix.shape[1], dtype=np.int32)
    for i in range(matrix.shape[1]):
        node = 0
        while feature[node] >= 0:
            side = goes_left[node, matrix[feature[node], i]]
            node = left[node] if side else right[node]
        leaves[i] = node
    return leaves


@njit(cache=True, nogil=True, error_model="numpy")
def _leaf_totals(leaf, targets, weight, n_nodes):  # type: ignore[no-untyped-def]
    """Add up the rows' targets, times their weight, and their weight, leaf by leaf."""
    total, cover = np.zeros((n_nodes, targets.shape[1])), np.zeros(n_nodes)
    for i in range(len(leaf)):
        cover[leaf[i]] += weight[i]
        for k in range(targets.shape[1]):
            total[leaf[i], k] += weight[i] * targets[i, k]
    return total, cover


@njit(cache=True, nogil=True, error_model="numpy")
def _nearest(  # type: ignore[no-untyped-def]
    codes, leaf, above, feature, goes_left, left, right
):
    """Return the largest number left and the smallest right of each test."""
    low = np.full(len(feature), np.float32(-np.inf), dtype=np.float32)
    high = np.full(len(feature), np.float32(np.inf), dtype=np.float32)
    for i in range(len(leaf)):
        child = leaf[i]
        while above[child] >= 0:  # upwards: the way down is known already
            node = above[child]
            x = codes[i, feature[node]]
            if child == left[node]:
                low[node] = max(low[node], x) if x == x else low[node]
            else:
                high[node] = min(high[node], x) if x == x else high[node]
            child = node
    return low, high


@njit(cache=True, nogil=True, error_model="numpy")
def _boxes_agree(boxes, answers, monotone, n_bins):  # type: ignore[no-untyped-def]
    n_leaves = len(answers)
    for j in range(len(monotone)):
        if monotone[j] == 0:
            continue
        for a in range(n_leaves):
            for b in range(n_leaves):
                rises = monotone[j] * (answers[b] - answers[a])
                if rises >= -1e-12 or not _meet(boxes, a, b, j, n_bins):
                    continue
                lowest_a, highest_b = -1, -1
                for x in range(n_bins[j]):  # missing values have no order
                    if boxes[a, j, x] and lowest_a < 0:
                        lowest_a = x
                    if boxes[b, j, x]:
                        highest_b = x
                if 0 <= lowest_a < highest_b:
                    return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _meet(boxes, a, b, j, n_bins):  # type: ignore[no-untyped-def]
    """Say whether two leaves share a value of every column but j."""
    for f in range(boxes.shape[1]):
        if f == j:
            continue
        shared = False
        for x in range(n_bins[f] + 1):
            if boxes[a, f, x] and boxes[b, f, x]:
                shared = True
                break
        if not shared:
            return False
    return True
