"""Branches of two or three levels that are best as a whole, not test by test.

Greedy growth takes the best single test, though two tests that are useless alone may
be best together. Here the upper tests are candidates, and below each of them the best
test on either side is found over all columns and thresholds.
"""

from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd.students._cart.binning import N_BYTES, Binned
from interpretkd.students._cart.draft import Draft
from interpretkd.students._cart.objective import TreeObjective
from interpretkd.students._cart.splitting import _sort_by

Candidates: TypeAlias = tuple[NDArray[np.integer], NDArray[np.bool_]]

_MOST_ROWS = 5_000
"""Rows that a branch is chosen on; what is chosen is improved on all of them."""
_CANDIDATES = 12
_NUDGE = 1e-3
"""The weight of the Gini index, which tells tests of equal cost apart."""


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

    The depth is in [1, 3]. Of two levels the upper test is the best of some
    candidates; of three the uppermost is drawn at random.
    """
    if len(rows) > _MOST_ROWS:
        share = _MOST_ROWS / len(rows)
        rows = np.sort(rng.permutation(rows)[:_MOST_ROWS])
        min_samples_leaf = max(1.0, min_samples_leaf * share)
    least = float(min_samples_leaf) * (1 - 1e-9)
    if depth == 3:
        feature, sets = _draw_tests(binned, rows, columns, 1, rng)
        goes_left = sets[0, binned.matrix[feature[0], rows]]
        sides = []
        for part in (rows[goes_left], rows[~goes_left]):
            tests = _draw_tests(binned, part, columns, _CANDIDATES, rng)
            sides.append(_two_levels(binned, objective, part, columns, tests, least)[0])
        return _join(int(feature[0]), sets[0], *sides)
    n_candidates = _CANDIDATES if depth == 2 else 0
    tests = _draw_tests(binned, rows, columns, n_candidates, rng)
    return _two_levels(binned, objective, rows, columns, tests, least)[0]


def _best_over_tests(
    binned: Binned,
    objective: TreeObjective,
    tests: Candidates,
    *,
    depth: int,
    min_samples_leaf: float,
    rng: np.random.Generator,
) -> Draft:
    """Find the best tree whose lowest tests are free and the others among a few.

    The depth is in [1, 3]; the generator draws the rows, when there are many.
    """
    rows = np.arange(binned.n_samples)
    if len(rows) > _MOST_ROWS:
        min_samples_leaf = max(1.0, min_samples_leaf * _MOST_ROWS / len(rows))
        rows = np.sort(rng.permutation(rows)[:_MOST_ROWS])
    least = float(min_samples_leaf) * (1 - 1e-9)
    columns = np.flatnonzero(binned.n_bins > 0)
    feature, sets = tests
    if depth < 3:
        given = (feature, sets) if depth == 2 else (feature[:0], sets[:0])
        return _two_levels(binned, objective, rows, columns, given, least)[0]
    best, lowest = _leaf(), np.inf
    for j, left in zip(feature, sets, strict=True):
        goes_left = left[binned.matrix[j, rows]]
        sides = [
            _two_levels(binned, objective, part, columns, tests, least)
            for part in (rows[goes_left], rows[~goes_left])
        ]
        loss = sum(loss for _, loss in sides)
        if loss < lowest:
            best = _join(int(j), left, *(branch for branch, _ in sides))
            lowest = loss
    return best


def _two_levels(
    binned: Binned,
    objective: TreeObjective,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    candidates: Candidates,
    least: float,
) -> tuple[Draft, float]:
    """Return the best branch with one of the candidates on top, and what it costs."""
    if len(rows) < 2:
        return _leaf(), 0.0
    feature, sets = candidates
    chosen, tests, goes_left, loss = _look_ahead(
        binned.matrix,
        binned.n_bins,
        binned.is_set,
        columns,
        rows,
        objective.table,
        objective.weight,
        feature,
        sets,
        least,
    )
    below = [
        _leaf() if test < 0 else _join(int(test), left, _leaf(), _leaf())
        for test, left in zip(tests, goes_left, strict=True)
    ]
    if chosen < 0:
        return below[0], loss
    return _join(int(feature[chosen]), sets[chosen], *below), loss


def _draw_tests(
    binned: Binned,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    n_tests: int,
    rng: np.random.Generator,
) -> Candidates:
    """Draw tests as a column and the value of one of the rows."""
    if len(rows) == 0:
        n_tests = 0
    feature = rng.choice(columns, n_tests)
    drawn = rows[rng.integers(max(len(rows), 1), size=n_tests)]
    values = binned.matrix[feature, drawn].astype(np.int64)
    sets = np.arange(N_BYTES) <= values[:, None]
    for i, (j, value) in enumerate(zip(feature, values, strict=True)):
        n_bins = binned.n_bins[j]
        if binned.is_set[j]:
            subset = rng.random(N_BYTES) < 0.5
            sets[i] = subset if rng.random() < 0.5 else np.arange(N_BYTES) == value
        elif value < n_bins:
            sets[i, n_bins] = rng.random() < 0.5
        else:  # "is missing"
            sets[i, n_bins] = False
    return feature, sets


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


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _look_ahead(  # type: ignore[no-untyped-def]
    matrix, n_bins, is_set, columns, rows, table, weight, feature, sets, least
):
    """Return the best candidate and the best test on either side of it.

    Without candidates all rows are on the left side.
    """
    side = np.zeros(len(rows), dtype=np.int64)
    tests = np.full(2, -1, dtype=np.int64)
    goes_left = np.zeros((2, N_BYTES), dtype=np.bool_)
    given = (matrix, n_bins, is_set, columns, rows, side, table, weight, least)
    if len(feature) == 0:
        loss = _best_tests(given, tests, goes_left)
        return -1, tests, goes_left, loss
    chosen, lowest = 0, np.inf
    for c in range(len(feature)):
        for p in range(len(rows)):
            side[p] = 0 if sets[c, matrix[feature[c], rows[p]]] else 1
        own = np.full(2, -1, dtype=np.int64)
        own_left = np.zeros((2, N_BYTES), dtype=np.bool_)
        loss = _best_tests(given, own, own_left)
        if loss < lowest:
            chosen, lowest = c, loss
            tests[:] = own
            goes_left[:] = own_left
    return chosen, tests, goes_left, lowest


@njit(cache=True, nogil=True, error_model="numpy")
def _best_tests(given, tests, goes_left):  # type: ignore[no-untyped-def]
    """Find the best test on each side; return what both sides then cost."""
    matrix, n_bins, is_set, columns, rows, side, table, weight, least = given
    n_columns = table.shape[1]
    everything = np.zeros((2, n_columns))
    total = np.zeros(2)
    for p in range(len(rows)):
        total[side[p]] += weight[rows[p]]
        for k in range(n_columns):
            everything[side[p], k] += table[rows[p], k]
    lowest = np.zeros(2)
    for s in range(2):
        lowest[s] = _cost(everything[s], total[s])
    by_bin = np.zeros((2, N_BYTES, n_columns))
    weights = np.zeros((2, N_BYTES))
    left = np.zeros(n_columns)
    for j in columns:
        n = n_bins[j]
        by_bin[:, : n + 1] = 0
        weights[:, : n + 1] = 0
        for p in range(len(rows)):
            b = matrix[j, rows[p]]
            weights[side[p], b] += weight[rows[p]]
            for k in range(n_columns):
                by_bin[side[p], b, k] += table[rows[p], k]
        for s in range(2):
            if total[s] < 2 * least:
                continue
            ranks = np.arange(N_BYTES)
            n_ranks = n
            if is_set[j]:
                ranks = _ranks(by_bin[s], weights[s], everything[s], n + 1)
                n_ranks = len(ranks)
            has_missing = not is_set[j] and weights[s, n] > 0
            for missing_left in range(2 if has_missing else 1):
                inside = weights[s, n] if missing_left else 0.0
                for k in range(n_columns):
                    left[k] = by_bin[s, n, k] if missing_left else 0.0
                for r in range(n_ranks):
                    b = ranks[r]
                    if weights[s, b] == 0:
                        continue
                    inside += weights[s, b]
                    for k in range(n_columns):
                        left[k] += by_bin[s, b, k]
                    if inside < least:
                        continue
                    if total[s] - inside < least:
                        break
                    cost = _cost(left, inside)
                    cost += _cost(everything[s] - left, total[s] - inside)
                    if cost < lowest[s]:
                        lowest[s] = cost
                        tests[s] = j
                        goes_left[s, :] = False
                        for i in range(r + 1):
                            goes_left[s, ranks[i]] = True
                        if not is_set[j]:
                            goes_left[s, n] = missing_left == 1
    return lowest.sum()


@njit(cache=True, nogil=True, error_model="numpy")
def _cost(sums, weight):  # type: ignore[no-untyped-def]
    """Return the cheapest decision's cost, nudged towards pure leaves."""
    cheapest, squares = np.inf, 0.0
    for k in range(len(sums)):
        cheapest = min(cheapest, sums[k])
        squares += (weight - sums[k]) ** 2
    return cheapest + _NUDGE * (weight - squares / max(weight, 1e-300))


@njit(cache=True, nogil=True, error_model="numpy")
def _ranks(by_bin, weights, everything, n_bins):  # type: ignore[no-untyped-def]
    """Order the bins that have rows by what sets the two cheapest classes apart."""
    first = np.argmin(everything)
    others = everything.copy()
    others[first] = np.inf
    second = np.argmin(others)
    there = np.flatnonzero(weights[:n_bins] > 0)
    scores = np.empty(len(there))
    for i in range(len(there)):
        b = there[i]
        scores[i] = (by_bin[b, first] - by_bin[b, second]) / weights[b]
    _sort_by(scores, there)
    return there
