"""The tests of trees as frozen arrays, and the walk of a row through them.

A test sends a row to the left child when

* the feature is a number and ``float32(x) <= threshold``;
* the feature is categorical and the row's category is in the node's left set;
* the value is missing and ``missing_left`` is True.

"Is missing" itself is a test, too: `ALL_NUMBERS` as the threshold, or every category
in the left set, with ``missing_left`` False.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Codes, Schema

ALL_NUMBERS = float(np.finfo(np.float32).max)
"""The threshold that every number passes: only a missing value can fail it."""

NODE_ARRAYS = {
    "feature": np.int32,
    "threshold": np.float32,
    "missing_left": np.bool_,
    "left": np.int32,
    "right": np.int32,
    "left_categories": np.bool_,
}
"""The arrays that are saved, with their types."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """The tests of one or more trees, checked so that no row can get lost in them.

    Parameters
    ----------
    schema : Schema
        The columns that the tests read.
    feature : ndarray of shape (n_nodes,), int32
        The column tested; -1 at leaves.
    threshold : ndarray of shape (n_nodes,), float32
        Numbers up to here go left; 0 where it is not used.
    missing_left : ndarray of shape (n_nodes,), bool
        Whether a missing value goes left.
    left, right : ndarray of shape (n_nodes,), int32
        The children, always behind their parent; -1 at leaves.
    left_categories : ndarray of shape (total,), bool
        For each node that tests a categorical feature, in node order, one value a
        category: whether it goes left.
    roots : ndarray of shape (n_trees,), int32
        Where each tree starts.

    Raises
    ------
    InputError
        When the arrays are not such trees: lengths, indices out of range, cycles,
        nodes with two parents or none, thresholds that are not finite.
    """

    schema: Schema
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    left_categories: NDArray[np.bool_]
    roots: NDArray[np.int32]

    def __post_init__(self) -> None:
        for name, dtype in {**NODE_ARRAYS, "roots": np.int32}.items():
            freeze(self, name, dtype, n_dims=1)
        self._check_shapes()
        self._check_links()
        categories = self._n_categories
        if len(self.left_categories) != categories.sum():
            raise InputError(
                "The tree's category sets do not fit its tests: "
                f"{categories.sum()} values needed. Got {len(self.left_categories)}."
            )

    @cached_property
    def is_leaf(self) -> NDArray[np.bool_]:
        """Whether each node is a leaf, shape (n_nodes,)."""
        return self.feature < 0

    @cached_property
    def depths(self) -> NDArray[np.int32]:
        """The number of tests above each node, shape (n_nodes,)."""
        depths = np.zeros(len(self.feature), dtype=np.int32)
        for node in np.flatnonzero(~self.is_leaf):  # parents come before children
            depths[[self.left[node], self.right[node]]] = depths[node] + 1
        return depths

    @cached_property
    def tree_of(self) -> NDArray[np.int64]:
        """Which tree each node belongs to, shape (n_nodes,)."""
        above = np.arange(len(self.feature))
        inner = np.flatnonzero(~self.is_leaf)
        above[self.left[inner]] = above[self.right[inner]] = inner
        while (above != above[above]).any():
            above = above[above]
        order = np.argsort(self.roots)
        return order[np.searchsorted(self.roots, above, sorter=order)]

    @cached_property
    def category_start(self) -> NDArray[np.int64]:
        """Where each node's set starts in `left_categories`; -1 for a number."""
        counts = self._n_categories
        start = np.cumsum(counts) - counts
        return np.where(counts > 0, start, -1)

    def left_set(self, node: int) -> NDArray[np.bool_]:
        """Return which categories go left at a node that tests a categorical feature.

        Parameters
        ----------
        node : int
            The node's index.

        Returns
        -------
        ndarray of shape (n_categories,), bool
            One value a category.
        """
        start = self.category_start[node]
        n_categories = len(self.schema.features[self.feature[node]].categories)
        return self.left_categories[start : start + n_categories]

    def apply(self, codes: Codes, tree: int = 0) -> NDArray[np.int32]:
        """Find the leaf of each row.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_features), float32
            Rows as `Schema.encode` returns them.
        tree : int, default=0
            Which tree.

        Returns
        -------
        ndarray of shape (n_samples,), int32
            The index of the leaf.
        """
        return _apply(_codes(codes), self._tests, self.roots[tree])

    def add_up(
        self,
        codes: Codes,
        value: NDArray[np.float32],
        column: NDArray[np.int32],
        out: NDArray[np.float64],
    ) -> None:
        """Add to each row of `out`, tree by tree, the value of the leaf it reaches.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_features), float32
            Rows as `Schema.encode` returns them.
        value : ndarray of shape (n_nodes,), float32
            What a leaf adds.
        column : ndarray of shape (n_trees,), int32
            The column of `out` that each tree adds to.
        out : ndarray of shape (n_samples, n_outputs), float64
            Changed in place.
        """
        _add_up(_codes(codes), self._tests, self.roots, value, column, out)

    def members(self, tree: int) -> NDArray[np.int64]:
        """Return the nodes of one tree, in order.

        Parameters
        ----------
        tree : int
            Which tree.

        Returns
        -------
        ndarray of int64
            Their indices.
        """
        inside, waiting = [], [int(self.roots[tree])]
        while waiting:
            node = waiting.pop()
            inside.append(node)
            if self.feature[node] >= 0:
                waiting += [int(self.left[node]), int(self.right[node])]
        return np.sort(np.asarray(inside))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for saving.

        Returns
        -------
        dict
            The arrays; the roots are not among them.
        """
        return {name: getattr(self, name) for name in NODE_ARRAYS}

    @cached_property
    def _tests(self) -> tuple[NDArray[Any], ...]:
        """The arrays as compiled code takes them; of children the right one first."""
        return (
            self.feature,
            self.threshold,
            self.missing_left,
            np.stack([self.right, self.left], axis=1).ravel(),
            self.category_start,
            self.left_categories,
        )

    @cached_property
    def _n_categories(self) -> NDArray[np.int64]:
        sizes = [len(feature.categories) for feature in self.schema.features]
        return np.asarray([*sizes, 0])[self.feature]

    def _check_shapes(self) -> None:
        n_nodes = len(self.feature)
        lengths = {name: len(getattr(self, name)) for name in list(NODE_ARRAYS)[:5]}
        if n_nodes == 0 or set(lengths.values()) != {n_nodes}:
            raise InputError(f"A tree's arrays must be of one length. Got {lengths}.")
        if self.feature.min() < -1 or self.feature.max() >= len(self.schema):
            raise InputError(
                f"A tree's feature indices must lie in [-1, {len(self.schema)}). Got "
                f"{self.feature.min()} to {self.feature.max()}."
            )
        if not np.isfinite(self.threshold).all():
            raise InputError("A tree's thresholds must be finite.")

    def _check_links(self) -> None:
        n_nodes, leaf = len(self.feature), self.feature < 0
        own = np.arange(n_nodes)
        for name in ("left", "right"):
            child = getattr(self, name)
            if (child[leaf] != -1).any():
                raise InputError(f"A tree's leaves must have -1 as '{name}'.")
            inner = child[~leaf]
            if ((inner <= own[~leaf]) | (inner >= n_nodes)).any():
                raise InputError(
                    f"A tree's '{name}' children must come behind their parent and "
                    f"before the end, {n_nodes}."
                )
        if len(self.roots) == 0 or self.roots.min() < 0 or self.roots.max() >= n_nodes:
            raise InputError(f"A tree's roots must lie in [0, {n_nodes}).")
        reached = np.concatenate([self.left[~leaf], self.right[~leaf], self.roots])
        if (np.bincount(reached, minlength=n_nodes) != 1).any():
            raise InputError("Each node of a tree must have exactly one parent.")


def floor_to_float32(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round thresholds down to float32, so that ``x <= t`` keeps its meaning.

    For every float32 ``x``, ``float64(x) <= threshold`` equals ``x <= result``:
    scikit-learn compares float32 values with float64 thresholds. Infinity, which
    scikit-learn writes for "is missing", becomes `ALL_NUMBERS`.

    Parameters
    ----------
    threshold : ndarray of float64
        Thresholds of ``<=`` tests.

    Returns
    -------
    ndarray of float32
        The largest float32 values that are not above them.

    Examples
    --------
    >>> nearest = float(np.float32(0.1))
    >>> float(floor_to_float32(np.array([0.1]))[0]) < 0.1 < nearest
    True
    """
    limited = np.clip(threshold, -ALL_NUMBERS, ALL_NUMBERS)
    rounded = limited.astype(np.float32)
    above = rounded.astype(np.float64) > limited
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return rounded


def _check_arrays(arrays: Mapping[str, Any], needed: Iterable[str]) -> None:
    """Check that arrays out of a file are those that make up a model, no more."""
    if set(arrays) != set(needed):
        raise InputError(
            f"The arrays {sorted(needed)} are needed. Got {sorted(arrays)}."
        )


def freeze(owner: object, name: str, dtype: Any, n_dims: int) -> None:
    """Replace an array of a frozen dataclass by a read-only copy of the right type.

    Parameters
    ----------
    owner : dataclass
        Whose array it is.
    name : str
        The field.
    dtype : dtype
        What the copy shall have.
    n_dims : int
        The dimensions it must have.

    Raises
    ------
    InputError
        For other dimensions, and for anything but numbers.
    """
    array = np.asarray(getattr(owner, name))
    if array.ndim != n_dims or array.dtype.kind not in "biuf":
        raise InputError(
            f"The array '{name}' of {type(owner).__name__} must have {n_dims} "
            f"dimension(s) of numbers. Got shape {array.shape}, dtype {array.dtype}."
        )
    if np.dtype(dtype).kind == "i" and array.dtype.kind == "f":
        raise InputError(
            f"The array '{name}' of {type(owner).__name__} must hold integers. Got "
            f"dtype {array.dtype}."
        )
    with np.errstate(over="ignore"):  # the owner refuses what is not finite
        frozen = np.array(array, dtype=dtype)
    frozen.setflags(write=False)
    object.__setattr__(owner, name, frozen)


def _codes(codes: Codes) -> Codes:
    return np.ascontiguousarray(codes, dtype=np.float32)


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True)
def _descend(row, tests, root):  # type: ignore[no-untyped-def]
    """Find the leaf of a row.

    Which of the children is next is reckoned, since the processor could not guess it;
    what it can guess, that most values are there, is asked. Indices without a sign
    need no look at whether they count from the end.
    """
    feature, threshold, missing_left, children, start, in_left = tests
    node = np.uint64(root)
    while feature[node] >= 0:
        x = row[np.uint64(feature[node])]
        goes_left = np.uint64(x <= threshold[node])
        if x != x:
            goes_left = np.uint64(missing_left[node])
        elif len(in_left) > 0 and start[node] >= 0:
            goes_left = np.uint64(in_left[start[node] + np.int64(x)])
        node = np.uint64(children[np.uint64(2) * node + goes_left])
    return node


@njit(cache=True, nogil=True)
def _apply(codes, tests, root):  # type: ignore[no-untyped-def]
    leaves = np.empty(len(codes), dtype=np.int32)
    for i in range(len(codes)):
        leaves[i] = _descend(codes[i], tests, root)
    return leaves


@njit(cache=True, nogil=True)
def _add_up(  # type: ignore[no-untyped-def]
    codes, tests, roots, value, column, out
):
    block = 512  # rows that stay in the cache while all trees pass over them
    for begin in range(0, len(codes), block):
        end = min(begin + block, len(codes))
        for t in range(len(roots)):
            for i in range(begin, end):
                leaf = _descend(codes[i], tests, roots[t])
                out[i, column[t]] += value[leaf]
