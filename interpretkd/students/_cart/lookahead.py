"""Branches that are best as a whole, not test by test.

Greedy growth takes the best single test, though two tests that are useless alone may
be best together. Two levels are solved at once, exactly (`two_levels.py`). Above them
tests on top are tried, those first that do best with two levels; what was found for
some rows is remembered, so that a search may come back and look further.
"""

import time
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.students._cart.binning import N_BYTES, Binned
from interpretkd.students._cart.draft import Draft
from interpretkd.students._cart.objective import TreeObjective
from interpretkd.students._cart.two_levels import (
    _best_single,
    _Ordered,
    _put_in_order,
    _scan,
)

_MOST_ROWS = 5_000
"""Rows that a drawn branch is chosen on; it is improved on all of them."""
_SHARES = (0.3, 0.5, 0.8)
"""Columns that a drawn branch may test: chance finds other ways."""
_GAPS = (24, 96)
"""Tests on top are tried in rounds: two of one column that are tried in the same round
part the rows by more than one in so many of them; in the last round all are tried."""
_OVERHEAD = 100_000
"""What it costs to look at rows at all, in cells read."""

Test = tuple[int, NDArray[np.bool_]]
"""A column, and of each bin whether it goes left."""


@dataclass
class Meter:
    """Counts what a search reads, and says when it must end.

    Parameters
    ----------
    most : float
        Cells that may be read.
    deadline : float
        By `time.monotonic`.
    read : float, default=0.0
        Cells read so far.
    in_time : bool, default=True
        Whether the search was not ended by the deadline.
    """

    most: float = np.inf
    deadline: float = np.inf
    read: float = 0.0
    in_time: bool = True

    @property
    def ended(self) -> bool:
        """Whether the search must end."""
        if time.monotonic() > self.deadline:
            self.in_time = False
        return self.read > self.most or not self.in_time


@dataclass
class _Known:
    """What is known of the best tree for some rows; it changes as more is found out.

    `saved` is what the best tree found saves of the dearest decisions' cost, `bound`
    what none is thought to exceed, and `complete` whether all that could were tried.
    """

    saved: float
    draft: Draft
    bound: float
    complete: bool = True
    tops: "_Tops | None" = None


class _Tops:
    """Tests on top of some rows, in the order in which they are worth a try.

    Parameters
    ----------
    ordered : _Ordered
        The rows.
    values : ndarray of shape (n_orders, 256), float64
        What each test saves with two levels, -inf where that was not looked at.
    spread : ndarray of shape (n_samples,), float64
        What each row may lose.
    least : float
        The least sum of weights on either side.
    """

    def __init__(
        self, ordered: _Ordered, values: Array, spread: Array, least: float
    ) -> None:
        self.bins, self.sizes = ordered.bins, ordered.sizes
        self.column, self.is_set = ordered.column, ordered.is_set
        self.at_stake = _running_sums(ordered, spread)
        weight = _running_sums(ordered, ordered.weight)
        is_large = (weight >= least) & (weight[:, -1:] - weight >= least)
        self.total = float(spread.sum())
        guesses = np.full(values.shape, -np.inf)
        for q, size in enumerate(self.sizes):
            seen = np.flatnonzero(np.isfinite(values[q]))
            if len(seen):
                line = self.at_stake[q]
                guesses[q, : size - 1] = np.interp(
                    line[: size - 1], line[seen], values[q, seen]
                )
        orders, places = np.nonzero(np.isfinite(guesses) & is_large)
        by_guess = np.argsort(-guesses[orders, places], kind="stable")
        orders, places = orders[by_guess], places[by_guess]
        by_round = np.argsort(self._rounds(orders, places), kind="stable")
        self.orders, self.places = orders[by_round], places[by_round]
        self.upper = np.full(values.shape, self.total)

    def __len__(self) -> int:
        return len(self.orders)

    def _rounds(
        self, orders: NDArray[np.int64], places: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Say of each test in which round it is tried."""
        rounds = np.full(len(orders), len(_GAPS))
        at_stake = self.at_stake[orders, places]
        for number, share in enumerate(_GAPS):
            gap = self.total / share
            taken: dict[int, list[float]] = {}
            for i in np.flatnonzero(rounds == len(_GAPS)):
                near = taken.setdefault(int(orders[i]), [])
                if all(abs(at_stake[i] - other) > gap for other in near):
                    near.append(at_stake[i])
                    rounds[i] = number
        return rounds

    def test(self, binned: Binned, i: int) -> Test:
        """Return a test."""
        q, place = int(self.orders[i]), int(self.places[i])
        left = np.arange(self.sizes[q]) <= place
        heavier = bool(self.at_stake[q, place] > self.total / 2)
        column, there = int(self.column[q]), self.bins[q, : self.sizes[q]]
        return _test_of(binned, column, there[left], there[~left], heavier)

    def bounds(self, n_tops: int) -> Array:
        """Return what trees with each of the first tests may save at the most."""
        return self.upper[self.orders[:n_tops], self.places[:n_tops]]

    def note(self, i: int, bound: float) -> None:
        """Note what trees with a test, or one near it, on top do not exceed."""
        q, line = self.orders[i], self.at_stake[self.orders[i]]
        near = bound + np.abs(line - line[self.places[i]])
        np.minimum(self.upper[q], near, out=self.upper[q])


class _Lookahead:
    """A search for trees over some columns that remembers what it has found.

    Parameters
    ----------
    binned : Binned
        The rows.
    objective : TreeObjective
        Costs of decisions.
    columns : ndarray of int
        The columns that may be tested.
    min_samples_leaf : float
        The least sum of weights in a leaf.
    meter : Meter
        When to end.
    """

    def __init__(
        self,
        binned: Binned,
        objective: TreeObjective,
        columns: NDArray[np.int64],
        min_samples_leaf: float,
        meter: Meter,
    ) -> None:
        self.binned, self.columns, self.meter = binned, columns, meter
        self.gains = objective.table.max(axis=1, keepdims=True) - objective.table
        self.spread = self.gains.max(axis=1)
        self.weight, self.price = objective.weight, objective.price
        self.least = float(min_samples_leaf) * (1 - 1e-9)
        self.known: dict[tuple[bytes, int], _Known] = {}

    def solve(
        self, rows: NDArray[np.int64], depth: int, needed: float, n_tops: int
    ) -> _Known:
        """Look for the best tree for some rows.

        One or two levels are solved; of more, so many tests are tried on top. Trees
        that save no more than is needed may be passed over.
        """
        leaf, total = self._as_leaf(rows), float(self.spread[rows].sum())
        if depth == 0 or len(rows) < 2 or leaf >= total * (1 - 1e-12):
            return _Known(leaf, _leaf(), leaf)
        if total <= needed or self.meter.ended:
            return _Known(leaf, _leaf(), total, total <= needed)
        key = (blake2b(rows.tobytes(), digest_size=16).digest(), depth)
        known = self.known.get(key)
        if known is None or (depth <= 2 and known.bound > max(needed, known.saved)):
            least = max(needed, leaf) if depth <= 2 else leaf
            known = self._solve_low(rows, depth, least)
            self.known[key] = known
        if known.tops is not None:
            self._widen(known, rows, depth, needed, n_tops)
        return known

    def try_test(
        self,
        rows: NDArray[np.int64],
        test: Test,
        depth: int,
        needed: float,
        n_tops: int,
    ) -> _Known:
        """Look for the best branches below a given test."""
        column, goes_left = test
        sides = goes_left[self.binned.matrix[column, rows]]
        left, right = rows[sides], rows[~sides]
        price = float(self.price[column])
        most = float(self.spread[right].sum())
        first = self.solve(left, depth - 1, needed + price - most, n_tops)
        second = self.solve(right, depth - 1, needed + price - first.saved, n_tops)
        bounds = [one.bound if one.complete else one.saved for one in (first, second)]
        return _Known(
            first.saved + second.saved - price,
            _join(column, goes_left, first.draft, second.draft),
            sum(bounds) - price,
            first.complete and second.complete,
        )

    def _widen(
        self,
        known: _Known,
        rows: NDArray[np.int64],
        depth: int,
        needed: float,
        n_tops: int,
    ) -> None:
        """Try tests on top that may be better than what is known."""
        tops = known.tops
        assert tops is not None
        target = max(known.saved, needed) * (1 + 1e-9)
        for i in np.flatnonzero(tops.bounds(n_tops) > target).tolist():
            if self.meter.ended:
                break
            if tops.bounds(n_tops)[i] <= target:  # by what was found meanwhile
                continue
            test = tops.test(self.binned, i)
            found = self.try_test(rows, test, depth, target, n_tops)
            tops.note(i, found.bound)
            if found.saved > known.saved:
                known.saved, known.draft = found.saved, found.draft
                target = max(known.saved, needed) * (1 + 1e-9)
        known.bound = max(known.saved, float(tops.bounds(len(tops)).max(initial=0.0)))
        known.complete = known.bound <= target * (1 + 1e-9)

    def _as_leaf(self, rows: NDArray[np.int64]) -> float:
        return float(self.gains[rows].sum(axis=0).max())

    def _solve_low(self, rows: NDArray[np.int64], depth: int, needed: float) -> _Known:
        """Solve one or two levels; for more, find the tests to try on top, too."""
        binned, spread = self.binned, self.spread[rows]
        leaf = self._as_leaf(rows)
        ordered = _Ordered(
            *_put_in_order(
                binned.matrix,
                binned.n_bins,
                binned.is_set,
                self.columns,
                rows,
                self.gains,
                self.weight,
                self.price,
            )
        )
        if len(ordered.sizes) == 0:
            return _Known(leaf, _leaf(), leaf)
        tests = np.full((3, 2), -1, dtype=np.int64)
        sets = np.zeros((3, N_BYTES), dtype=np.bool_)
        values = np.full(ordered.bins.shape, -np.inf)
        enough = needed + 1e-9 * (1 + abs(needed))
        if depth == 1:
            saved, n_looks = _best_single(ordered, self.least, tests, sets), 1
        else:
            saved, n_looks = _scan(
                ordered, spread, self.least, enough, values, tests, sets
            )
        reach = float(ordered.sizes.sum()) * (ordered.gains.shape[1] + 1)
        self.meter.read += _OVERHEAD + ordered.ranks.size + n_looks * reach
        known = _Known(leaf, _leaf(), max(needed, leaf))
        if tests[0, 0] >= 0 and saved > enough:
            below = [self._branch(ordered, tests[s], sets[s]) for s in (1, 2)]
            known.draft = self._branch(ordered, tests[0], sets[0], below)
            known.saved = known.bound = saved
        if depth > 2:
            known.tops = _Tops(ordered, values, spread, self.least)
            known.bound, known.complete = float(spread.sum()), False
        return known

    def _branch(
        self,
        ordered: _Ordered,
        test: NDArray[np.int64],
        left: NDArray[np.bool_],
        below: list[Draft] | None = None,
    ) -> Draft:
        """Return a test as a tree, or a leaf."""
        q, place = test
        if q < 0:
            return _leaf()
        if not ordered.is_set[q]:
            left = np.arange(N_BYTES) <= place
        sides = left[ordered.ranks[:, q]]
        heavier = bool(ordered.weight @ (2.0 * sides - 1) > 0)
        there, left = ordered.bins[q, : ordered.sizes[q]], left[: ordered.sizes[q]]
        column = int(ordered.column[q])
        own = _test_of(self.binned, column, there[left], there[~left], heavier)
        return _join(*own, *(below or (_leaf(), _leaf())))


def _best_branch(
    binned: Binned,
    objective: TreeObjective,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    *,
    depth: int,
    min_samples_leaf: float,
    rng: np.random.Generator,
) -> Draft:
    """Find a good branch for some rows by the cost of its decisions, or one leaf.

    The depth is in [1, 3]. Up to two levels it is the best one over some of the
    columns, drawn at random; of three levels the uppermost test is drawn, too.
    """
    if len(rows) > _MOST_ROWS:
        share = _MOST_ROWS / len(rows)
        rows = np.sort(rng.permutation(rows)[:_MOST_ROWS])
        min_samples_leaf = max(1.0, min_samples_leaf * share)
    n_columns = int(np.ceil(rng.choice(_SHARES) * len(columns)))
    columns = np.sort(rng.permutation(columns)[:n_columns])
    search = _Lookahead(binned, objective, columns, min_samples_leaf, Meter())
    if depth < 3:
        return search.solve(rows, depth, 0.0, 0).draft
    test = _draw_test(binned, rows, columns, rng)
    return search.try_test(rows, test, depth, 0.0, 0).draft


def _draw_test(
    binned: Binned,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    rng: np.random.Generator,
) -> Test:
    """Draw a test as a column and the value of one of the rows."""
    column = int(rng.choice(columns))
    value = int(binned.matrix[column, rng.choice(rows)])
    missing = int(binned.n_bins[column])
    goes_left = np.arange(N_BYTES) <= value
    if binned.is_set[column]:
        subset = rng.random(N_BYTES) < 0.5
        goes_left = subset if rng.random() < 0.5 else np.arange(N_BYTES) == value
    else:
        goes_left[missing] = value < missing and rng.random() < 0.5
    return column, goes_left


def _test_of(
    binned: Binned,
    column: int,
    left: NDArray[np.uint8],
    right: NDArray[np.uint8],
    heavier: bool,
) -> Test:
    """Return a test by the bins that go left and right, and the heavier side.

    What is in no row goes where the order of the bins asks for it, or there.
    """
    goes_left = np.full(N_BYTES, heavier)
    goes_left[left], goes_left[right] = True, False
    if not binned.is_set[column]:
        missing = int(binned.n_bins[column])
        last = left[left != missing].max(initial=0) if (left != missing).any() else -1
        goes_left[:missing] = np.arange(missing) <= int(last)
    return column, goes_left


def _running_sums(ordered: _Ordered, of_rows: Array) -> Array:
    """Sum up something of the rows along each order."""
    sums = [np.bincount(ranks, of_rows, N_BYTES) for ranks in ordered.ranks.T]
    return np.stack(sums).cumsum(axis=1)


def _leaf() -> Draft:
    one = np.full(1, -1, dtype=np.int32)
    return Draft(one, np.zeros((1, N_BYTES), dtype=np.bool_), one, one)


def _join(
    feature: int, goes_left: NDArray[np.bool_], left: Draft, right: Draft
) -> Draft:
    """Put a test above two branches."""
    n_left = len(left.feature)
    parts = ((left, 1), (right, 1 + n_left))

    def children(name: str, own: int) -> NDArray[np.int32]:
        below = [
            np.where(part.feature >= 0, getattr(part, name) + shift, -1)
            for part, shift in parts
        ]
        return np.concatenate([[own], *below]).astype(np.int32)

    return Draft(
        np.concatenate([[feature], left.feature, right.feature]).astype(np.int32),
        np.concatenate([goes_left[None], left.goes_left, right.goes_left]),
        children("left", 1),
        children("right", 1 + n_left),
    )
