"""Growing a tree on many target columns at once, over bins.

At each node the rows' targets are summed up bin by bin, and the test with the largest
fall of the squared error is taken: with targets of 0 and 1 that is the Gini index.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes, Schema
from interpretkd.models import Tree
from interpretkd.students._cart.binning import (
    N_BYTES,
    Binned,
    _bin_columns,
    _n_threads,
    _spread,
)
from interpretkd.students._cart.draft import Draft, _finish_draft, _tidy
from interpretkd.students._cart.splitting import (
    _left_bins,
    _partition,
    _ranks_at,
    _scatter,
    _search,
    _weighted_sum,
)

_MOST_COLUMNS = 16
"""Beyond so many target columns the search reads their principal components."""
_KEPT_VARIANCE = 0.99
_MANY_CELLS = 1_000_000
"""From so many on, rows in the most frequent bin of a column are not added up."""
_SEEN = 1_000
"""Rows by which that bin is found."""
_MOST_SHARE = 0.5
_WIDE = 128
"""Columns from which on the work is cut into more parts than there are threads."""
_CLOSE = 1e-9
"""Gains nearer to one another than this share of all squares are worked out exactly."""


@dataclass(frozen=True)
class Limits:
    """What a tree may be.

    Parameters
    ----------
    max_leaves : int or None, default=None
        In [2, inf); with it the tree grows best-first. None for no bound.
    max_depth : int or None, default=None
        In [1, inf); None for no bound.
    min_samples_leaf : float, default=1
        The least sum of weights in a leaf.
    min_gain : float, default=0.0
        In [0, inf): the least fall of the mean squared error (summed over the target
        columns, over all rows) that a test must bring.
    monotone : ndarray of shape (n_features,), int8, or None
        1 where the target must not fall, -1 where it must not rise with the number.
    feature_cost : ndarray of shape (n_features,), float64, or None
        What a test of the column costs, in the unit of `min_gain`.
    """

    max_leaves: int | None = None
    max_depth: int | None = None
    min_samples_leaf: float = 1
    min_gain: float = 0.0
    monotone: NDArray[np.int8] | None = None
    feature_cost: Array | None = None


def grow(
    schema: Schema,
    codes: Codes,
    targets: Array,
    sample_weight: Array | None = None,
    *,
    limits: Limits = Limits(),
    seed: int = 0,
) -> Tree:
    """Grow one tree with vector leaves by squared error on all target columns.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Target columns.
    sample_weight : ndarray of shape (n_samples,), default=None
        How much each row counts.
    limits : Limits
        What the tree may be.
    seed : int, default=0
        Decides between tests of equal gain.

    Returns
    -------
    Tree
        The tree over the original columns.

    References
    ----------
    Liu, Wang & Matwin (2018), "Improving the interpretability of deep neural networks
    with knowledge distillation": one tree, multi-output regression on logits.
    Breiman, Friedman, Olshen & Stone (1984), "Classification and regression trees":
    growth by squared error, and the order of categories.

    Examples
    --------
    >>> from interpretkd.data import Schema
    >>> codes = np.array([[1.0], [2.0], [3.0], [4.0]], dtype=np.float32)
    >>> tree = grow(Schema.from_data(codes), codes, np.array([[0.0], [0], [1], [1]]))
    >>> tree.n_leaves, float(tree.nodes.threshold[0])
    (2, 2.5)
    """
    weight = np.ones(len(codes)) if sample_weight is None else sample_weight
    binned = _bin_columns(schema, codes)
    draft = grow_draft(binned, targets, weight, limits, seed=seed)
    return _finish_draft(draft, binned, codes, targets, weight)


def grow_draft(
    binned: Binned,
    targets: Array,
    weight: Array,
    limits: Limits,
    *,
    seed: int = 0,
    feature_share: float = 1.0,
    hints: Array | None = None,
) -> Draft:
    """Grow the tests of one tree.

    Parameters
    ----------
    binned : Binned
        The rows.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Target columns.
    weight : ndarray of shape (n_samples,), float64
        How much each row counts.
    limits : Limits
        What the tree may be.
    seed : int, default=0
        Decides between tests of equal gain, and of `feature_share`.
    feature_share : float, default=1.0
        In (0, 1]: the share of columns, drawn anew at each node, that it may test.
    hints : ndarray of shape (n_samples, n_hints), float64, or None, default=None
        Guide columns: a test gains what it gains on the targets and on them.

    Returns
    -------
    Draft
        The tests.
    """
    columns = _compress(targets, weight)
    if hints is not None:
        columns = np.hstack([columns, _beside(columns, targets, hints, weight)])
    return _Grower(binned, columns, weight, limits, seed, feature_share).grow()


def _beside(columns: Array, targets: Array, hints: Array, weight: Array) -> Array:
    """Return few guide columns, in the unit of the columns that targets became.

    Targets and hints are made fewer each by themselves: the targets' columns stay what
    they are without hints, and the first one is what a monotone constraint is about.
    """
    guides = _principal(hints, weight) if hints.shape[1] > _MOST_COLUMNS else hints
    # One was kept of two that rise and fall together: it gains half of both.
    halved = columns.shape[1] < targets.shape[1] == 2
    return guides * np.sqrt(0.5) if halved else guides


def _compress(targets: Array, weight: Array) -> Array:
    """Return fewer columns that lead to the same tests, or nearly the same.

    One column for two that always have the same sum; at most 16 principal components,
    with 99 % of the variance where so few have it.
    """
    n_outputs = targets.shape[1]
    if n_outputs == 2 and np.ptp(targets.sum(axis=1)) < 1e-9:
        return targets[:, 1:]
    return targets if n_outputs <= _MOST_COLUMNS else _principal(targets, weight)


def _principal(targets: Array, weight: Array) -> Array:
    centred = targets - np.average(targets, axis=0, weights=weight)
    variances, axes = np.linalg.eigh((centred * weight[:, None]).T @ centred)
    share = np.cumsum(variances[::-1]) / max(variances.sum(), 1e-300)
    n_kept = min(int(np.searchsorted(share, _KEPT_VARIANCE)) + 1, _MOST_COLUMNS)
    return centred @ axes[:, ::-1][:, :n_kept]


class _Grower:
    """One growth: the nodes so far, and the rows sorted by node."""

    def __init__(
        self,
        binned: Binned,
        targets: Array,
        weight: Array,
        limits: Limits,
        seed: int,
        feature_share: float,
    ) -> None:
        n_features = len(binned.matrix)
        self.binned, self.limits, self.share = binned, limits, feature_share
        self.rng = np.random.default_rng(seed)
        # The first of equal gains is taken; which is first, the seed decides.
        self.places = self.rng.permutation(n_features) if seed else None
        self.targets = np.ascontiguousarray(targets, dtype=np.float64)
        self.weight = _plainly(weight)
        self.order = _rows_that_count(weight)
        # Less their mean, since gains are small differences of sums of squares.
        self.centre, self.total = _centre(self.targets, weight)
        self.squares = self._scatter((0, len(self.order)))[1]
        self.common = _common_bins(binned, limits)
        none = np.zeros(n_features)
        self.cost = none if limits.feature_cost is None else limits.feature_cost
        self.monotone = (
            none.astype(np.int8) if limits.monotone is None else limits.monotone
        )
        self.feature: list[int] = []
        self.sets: list[NDArray[np.bool_]] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.spans: list[tuple[int, int]] = []
        self.depth: list[int] = []
        self.bounds: list[tuple[float, float]] = []
        self.asked: list[NDArray[np.bool_]] = []
        self.best: dict[int, tuple[float, int, int]] = {}

    def grow(self) -> Draft:
        every = np.ones(len(self.binned.matrix), dtype=np.bool_)
        self._add((0, len(self.order)), 0, (-np.inf, np.inf), every)
        if self.limits.max_leaves is None:
            self._grow_by_level()
        else:
            self._grow_best_first(self.limits.max_leaves)
        return self._renumber()

    def _grow_by_level(self) -> None:
        """Split all that can be split; a level at once reads each column once."""
        level = [0]
        while level:
            self._search(level)
            level = [
                child
                for node in level
                if node in self.best
                for child in self._cut(node)
            ]

    def _grow_best_first(self, max_leaves: int) -> None:
        waiting: list[tuple[float, int]] = []
        fresh = [0]
        for _ in range(max_leaves - 1):
            self._search(fresh)
            for node in fresh:
                if node in self.best:
                    heapq.heappush(waiting, (-self.best[node][0], node))
            if not waiting:
                return
            fresh = self._cut(heapq.heappop(waiting)[1])

    def _add(
        self,
        span: tuple[int, int],
        depth: int,
        bounds: tuple[float, float],
        asked: NDArray[np.bool_],
    ) -> int:
        self.feature.append(-1)
        self.sets.append(_NO_BINS)
        self.left.append(-1)
        self.right.append(-1)
        self.spans.append(span)
        self.depth.append(depth)
        self.bounds.append(bounds)
        self.asked.append(asked)
        return len(self.feature) - 1

    def _search(self, nodes: list[int]) -> None:
        """Find the best test of each of these nodes."""
        limits = self.limits
        least = max(limits.min_samples_leaf, 1e-300) * (1 - 1e-9)
        nodes = [
            node
            for node in nodes
            if (limits.max_depth is None or self.depth[node] < limits.max_depth)
            and self._is_impure(node, least)
        ]
        if not nodes:
            return
        spans = np.asarray([self.spans[node] for node in nodes])
        bounds = np.asarray([self.bounds[node] for node in nodes])
        n_features = len(self.binned.matrix)
        gains = np.full((len(nodes), n_features), -np.inf)
        cuts = np.zeros((len(nodes), n_features), dtype=np.int32)
        hopeful = np.stack([self.asked[node] for node in nodes])
        asked = hopeful.copy()
        if self.share < 1:
            asked &= self.rng.random((len(nodes), n_features)) < self.share
        drawn = asked.copy()

        def search(asked: NDArray[np.bool_], common: NDArray[np.int16]) -> None:
            def work(first: int, last: int) -> None:
                _search(
                    self.binned.matrix,
                    self.binned.n_bins,
                    self.binned.is_set,
                    common,
                    self.monotone,
                    self.order,
                    self.targets,
                    self.centre,
                    self.weight,
                    spans,
                    bounds,
                    asked,
                    least,
                    first,
                    last,
                    gains,
                    cuts,
                )

            n_cells = int(asked.sum(axis=1) @ (spans[:, 1] - spans[:, 0]))
            n_cells *= 1 + len(self.centre)
            # Each part gathers the targets anew: few parts, but of work alike.
            n_parts = _n_threads(n_cells) * (2 if n_features > _WIDE else 1)
            block = max(-(-n_features // n_parts), 4)
            _spread(work, n_features, n_cells, block)

        search(asked, self.common)
        hopeful &= asked | ~drawn
        gains -= self.cost * self.total
        sparse = self.common >= 0
        if sparse.any():  # their gains are not exact yet
            best = gains.max(axis=1, keepdims=True)
            asked[:, ~sparse] = False
            asked &= gains >= best - _CLOSE * self.squares
            gains[:, sparse] = -np.inf
            search(asked, np.full(n_features, -1, dtype=np.int16))
            gains[asked] -= np.broadcast_to(self.cost * self.total, asked.shape)[asked]
        if self.places is not None:
            gains, cuts = gains[:, self.places], cuts[:, self.places]
        chosen = gains.argmax(axis=1)
        floor = limits.min_gain * self.total - 1e-12 * self.squares
        for i, node in enumerate(nodes):
            self.asked[node] = hopeful[i]
            j = int(chosen[i])
            if gains[i, j] < floor or gains[i, j] == -np.inf:
                continue
            column = j if self.places is None else int(self.places[j])
            self.best[node] = (float(gains[i, j]), column, int(cuts[i, j]))

    def _is_impure(self, node: int, least: float) -> bool:
        first, last = self.spans[node]
        if last - first < 2:
            return False
        weight, squares, _ = self._scatter((first, last))
        if weight < 2 * least:
            return False
        return squares > 1e-12 * self.squares * weight / self.total

    def _scatter(self, span: tuple[int, int]) -> tuple[float, float, float]:
        """Return a node's weight, its squares about its mean, its first mean."""
        mean = np.empty(len(self.centre))
        columns = (self.order, self.targets, self.centre, self.weight)
        weight, squares = _scatter(*columns, *span, mean)
        return weight, squares, float(mean[0] + self.centre[0])

    def _cut(self, node: int) -> list[int]:
        """Apply a node's best test: two children, and its rows sorted by side."""
        _, column, cut = self.best.pop(node)
        first, last = self.spans[node]
        bins = self.binned
        ranks = _NO_RANKS
        if bins.is_set[column]:
            ranks = _ranks_at(
                bins.matrix,
                column,
                bins.n_bins[column],
                self.order,
                self.targets,
                self.centre,
                self.weight,
                first,
                last,
            )
        goes_left = _left_bins(
            bins.matrix[column],
            bins.n_bins[column],
            bins.is_set[column],
            ranks,
            self.order,
            self.weight,
            first,
            last,
            cut,
        )
        middle = _partition(bins.matrix[column], goes_left, self.order, first, last)
        low, high = self.bounds[node]
        left_bounds = right_bounds = (low, high)
        if self.monotone[column]:
            sides = (self._scatter((first, middle)), self._scatter((middle, last)))
            half = 0.5 * (sides[0][2] + sides[1][2])
            left_bounds, right_bounds = (low, half), (half, high)
            if self.monotone[column] < 0:
                left_bounds, right_bounds = (half, high), (low, half)
        depth, asked = self.depth[node] + 1, self.asked[node]
        self.feature[node], self.sets[node] = column, goes_left
        self.left[node] = self._add((first, middle), depth, left_bounds, asked)
        self.right[node] = self._add((middle, last), depth, right_bounds, asked)
        return [self.left[node], self.right[node]]

    def _renumber(self) -> Draft:
        return _tidy(
            np.asarray(self.feature, dtype=np.int32),
            np.stack(self.sets),
            np.asarray(self.left, dtype=np.int32),
            np.asarray(self.right, dtype=np.int32),
        )


def _plainly(weight: Array) -> Array:
    """Return the weights; one alone where all are 1, which saves reading them."""
    if (weight == 1).all():
        return np.ones(1)
    return np.ascontiguousarray(weight, dtype=np.float64)


def _rows_that_count(weight: Array) -> NDArray[np.int32]:
    if weight.all():
        return np.arange(len(weight), dtype=np.int32)
    return np.flatnonzero(weight > 0).astype(np.int32)


def _common_bins(binned: Binned, limits: Limits) -> NDArray[np.int16]:
    """Return the bin of most rows of each column that has such a bin; else -1.

    There are none where it is no use: for few cells and for sets, whose order needs
    exact sums; and none with monotone constraints, which exact means decide.
    """
    common = np.full(len(binned.matrix), -1, dtype=np.int16)
    if binned.matrix.size < _MANY_CELLS or limits.monotone is not None:
        return common
    seen = binned.matrix[:, :: binned.n_samples // _SEEN + 1]
    for j in np.flatnonzero(~binned.is_set):
        counts = np.bincount(seen[j])
        if counts.max() > _MOST_SHARE * seen.shape[1]:
            common[j] = counts.argmax()
    return common


def _centre(targets: Array, weight: Array) -> tuple[Array, float]:
    """Return the mean row and all weight, without a copy of the targets."""
    if not weight.all():
        targets, weight = targets[weight > 0], weight[weight > 0]
    total = float(weight.sum())
    if targets.shape[1] == 1:
        return np.average(targets, axis=0, weights=weight), total
    return _weighted_sum(targets, _plainly(weight)) / total, total


_NO_RANKS = np.zeros(0, dtype=np.int64)
_NO_BINS = np.zeros(N_BYTES, dtype=np.bool_)
