"""The best tree of two levels over all tests of all columns: exact, and quick.

For each test on top, the best test below on either side is found over all columns and
thresholds. Rows move from one side to the other as the threshold on top rises, and
what each class saves is kept summed up along each column, so that one test on top
costs a few passes over the bins. A threshold changes the best loss by no more than the
rows that it moves can lose: where that is too little to matter, it is passed over.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.students._cart.binning import N_BYTES
from interpretkd.students._cart.splitting import _sort_by

_FEW = 24
"""Rows fewer than these are added to running sums one by one."""


class _Ordered(NamedTuple):
    """Rows at a node, each column in one or two orders of the bins that are there.

    Parameters
    ----------
    ranks : ndarray of shape (n_samples, n_orders), uint8
        The place of each cell's bin in the order.
    bins : ndarray of shape (n_orders, 256), uint8
        The bin at each place.
    sizes : ndarray of shape (n_orders,), int64
        The bins that are there, two or more.
    column : ndarray of shape (n_orders,), int64
        The column that is put in order.
    is_set : ndarray of shape (n_orders,), bool
        Whether the bins have no order of their own, as categories.
    gains : ndarray of shape (n_samples, n_classes), float64
        What each class saves of what the dearest one costs.
    weight : ndarray of shape (n_samples,), float64
        How much each row counts.
    price : ndarray of shape (n_orders,), float64
        What a test costs.
    """

    ranks: NDArray[np.uint8]
    bins: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    column: NDArray[np.int64]
    is_set: NDArray[np.bool_]
    gains: Array
    weight: Array
    price: Array


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _put_in_order(  # type: ignore[no-untyped-def]
    matrix, n_bins, is_set, columns, rows, gains, weight, price
):
    """Return some rows as `_Ordered`.

    Where a number is missing in some rows, the missing ones come last in one order and
    first in another. Categories are ordered by what sets the two best classes apart.
    """
    n, n_classes = len(rows), gains.shape[1]
    most = 2 * len(columns)
    ranks = np.empty((n, most), dtype=np.uint8)
    bins = np.zeros((most, N_BYTES), dtype=np.uint8)
    sizes = np.zeros(most, dtype=np.int64)
    column = np.zeros(most, dtype=np.int64)
    own = np.empty((n, n_classes))
    own_weight = np.empty(n)
    total = np.zeros(n_classes)
    for p in range(n):
        own_weight[p] = weight[rows[p]]
        for k in range(n_classes):
            own[p, k] = gains[rows[p], k]
            total[k] += own[p, k]
    first, second = _two_best(total)
    place = np.zeros(N_BYTES, dtype=np.uint8)
    scores, weights = np.empty(N_BYTES), np.empty(N_BYTES)
    counts = np.empty(N_BYTES, dtype=np.int64)
    q = 0
    for j in columns:
        scores[:], weights[:], counts[:] = 0, 1e-300, 0
        for p in range(n):
            b = matrix[j, rows[p]]
            counts[b] += 1
            weights[b] += own_weight[p]
            scores[b] += own[p, first] - own[p, second]
        there = np.flatnonzero(counts)
        if len(there) < 2:
            continue
        if is_set[j]:
            _sort_by(scores[there] / weights[there], there)
        has_missing = not is_set[j] and there[-1] == n_bins[j]
        for missing_first in range(2 if has_missing else 1):
            if missing_first:
                there = np.roll(there, 1)
            for r in range(len(there)):
                bins[q, r] = there[r]
                place[there[r]] = r
            for p in range(n):
                ranks[p, q] = place[matrix[j, rows[p]]]
            sizes[q] = len(there)
            column[q] = j
            q += 1
    return (
        ranks[:, :q].copy(),
        bins[:q],
        sizes[:q],
        column[:q],
        is_set[column[:q]],
        own[:, total > 0],
        own_weight,
        price[column[:q]],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _two_best(total):  # type: ignore[no-untyped-def]
    """Return the two largest of some sums."""
    first = np.argmax(total)
    second = 0 if first > 0 or len(total) == 1 else 1
    for k in range(len(total)):
        if k != first and total[k] > total[second]:
            second = k
    return first, second


@njit(cache=True, nogil=True, error_model="numpy")
def _best_single(ordered, least, tests, sets):  # type: ignore[no-untyped-def]
    """Find the single test that saves most; return what it saves.

    It is written to the first of `tests` and `sets`, as by `_scan`.
    """
    whole, totals, masks = _sum_up(ordered, least)
    found, own_sets, saved = tests[1:].copy(), sets[1:].copy(), np.empty(2)
    n_orders = len(ordered.sizes)
    _look_below(
        ordered, whole, whole, totals, 0, n_orders, masks, least, saved, found, own_sets
    )
    tests[0] = found[0]
    sets[0] = own_sets[0]
    return saved[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _scan(  # type: ignore[no-untyped-def]
    ordered, spread, least, needed, values, tests, sets
):
    """Find the two-level tree that saves most; return that and the number of looks.

    `spread` is what each row may lose. Trees that save no more than is needed may be
    passed over. What each test on top saves at the best is written to `values`, by
    order and place, where it is looked at (else it stays as it is). The tests of the
    best tree, on top and on the two sides, are written as order and place to `tests`,
    -1 where there is none, and for categories the places that go left to `sets`.
    """
    ranks, _, sizes, _, _, gains, weight, price = ordered
    n, n_orders = ranks.shape
    n_classes = gains.shape[1]
    whole, totals, masks = _sum_up(ordered, least)
    everything = totals[0].copy()
    part = np.zeros_like(whole)
    found, own_sets, saved = tests[1:].copy(), sets[1:].copy(), np.empty(2)
    single = np.empty(n_orders)
    for o in range(n_orders):
        _look_below(
            ordered,
            whole,
            whole,
            totals,
            o,
            o + 1,
            masks,
            least,
            saved,
            found,
            own_sets,
        )
        single[o] = -saved[0]
    order = np.empty(n, dtype=np.int64)
    starts = np.empty(N_BYTES + 1, dtype=np.int64)
    best, n_looks = needed, 0
    for o in np.argsort(single, kind="mergesort"):  # the best may come early
        _sort_places(ranks[:, o], sizes[o], order, starts)
        part[:] = 0
        totals[0] = 0
        slack, at_stake, n_moved = -1.0, 0.0, 0
        for r in range(sizes[o] - 1):
            for i in range(starts[r], starts[r + 1]):
                p = order[i]
                at_stake += spread[p]
                for k in range(n_classes):
                    totals[0, k] += gains[p, k]
                totals[0, n_classes] += weight[p]
            if at_stake <= slack:
                continue
            if masks and totals[0, n_classes] < least:
                continue
            if masks and everything[n_classes] - totals[0, n_classes] < least:
                break
            for k in range(n_classes + 1):
                totals[1, k] = everything[k] - totals[0, k]
            _move(ordered, order[n_moved : starts[r + 1]], part)
            n_moved = starts[r + 1]
            n_looks += 1
            _look_below(
                ordered,
                part,
                whole,
                totals,
                0,
                n_orders,
                masks,
                least,
                saved,
                found,
                own_sets,
            )
            value = saved[0] + saved[1] - price[o]
            values[o, r] = value
            if value > best:
                best = value
                tests[0, 0], tests[0, 1] = o, r
                sets[0] = False
                sets[0, : r + 1] = True
                tests[1:] = found
                sets[1:] = own_sets
            slack, at_stake = best - value, 0.0
    return best, n_looks


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_up(ordered, least):  # type: ignore[no-untyped-def]
    """Return the sums of all rows, with all on the left, and whether leaves matter."""
    n_orders, n_classes = len(ordered.sizes), ordered.gains.shape[1]
    whole = np.zeros((n_orders, n_classes + 1, np.max(ordered.sizes)))
    _move(ordered, np.arange(len(ordered.weight)), whole)
    totals = np.zeros((2, n_classes + 1))
    lightest = np.inf
    for p in range(len(ordered.weight)):
        lightest = min(lightest, ordered.weight[p])
        totals[0, n_classes] += ordered.weight[p]
        for k in range(n_classes):
            totals[0, k] += ordered.gains[p, k]
    return whole, totals, least > lightest


@njit(cache=True, nogil=True, error_model="numpy")
def _move(ordered, moved, part):  # type: ignore[no-untyped-def]
    """Add rows to the sums along each order: what each class saves, and the weight."""
    ranks, _, sizes, _, _, gains, weight, _ = ordered
    n_classes, n_orders = gains.shape[1], ranks.shape[1]
    one_by_one = len(moved) < _FEW
    fresh = part if one_by_one else np.zeros_like(part)
    for p in moved:
        for k in range(n_classes + 1):
            g = gains[p, k] if k < n_classes else weight[p]
            if g == 0:
                continue
            for q in range(n_orders):
                first = ranks[p, q]
                for r in range(first, sizes[q] if one_by_one else first + 1):
                    fresh[q, k, r] += g
    if one_by_one:
        return
    for q in range(n_orders):
        for k in range(n_classes + 1):
            inside = 0.0
            for r in range(sizes[q]):
                inside += fresh[q, k, r]
                part[q, k, r] += inside


@njit(cache=True, nogil=True, error_model="numpy")
def _sort_places(ranks, size, order, starts):  # type: ignore[no-untyped-def]
    """Sort the rows by their place in an order."""
    starts[: size + 1] = 0
    for p in range(len(ranks)):
        starts[ranks[p] + 1] += 1
    for r in range(size):
        starts[r + 1] += starts[r]
    at = starts[:size].copy()
    for p in range(len(ranks)):
        order[at[ranks[p]]] = p
        at[ranks[p]] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _look_below(  # type: ignore[no-untyped-def]
    ordered, part, whole, totals, first, last, masks, least, saved, found, sets
):
    """Find the best test on each side, over some orders, and what the sides save.

    `part` are the sums of the rows on the left side, `whole` those of all.
    """
    sizes, price = ordered.sizes, ordered.price
    n_classes = part.shape[1] - 1
    best = np.empty((4, part.shape[2]))  # of each side, left and right of a test below
    for s in range(2):
        saved[s] = 0.0
        found[s] = -1
        for k in range(n_classes):
            saved[s] = max(saved[s], totals[s, k])
    for q in range(first, last):
        if ordered.is_set[q]:
            for s in range(2):
                _look_at_set(
                    ordered,
                    part[q],
                    whole[q],
                    totals[s],
                    s,
                    q,
                    masks,
                    least,
                    saved,
                    found,
                    sets,
                )
            continue
        m = sizes[q] - 1
        best[:, :m] = 0
        for k in range(n_classes):
            left, right = totals[0, k], totals[1, k]
            for r in range(m):
                inside = part[q, k, r]
                beside = whole[q, k, r] - inside
                best[0, r] = max(best[0, r], inside)
                best[1, r] = max(best[1, r], left - inside)
                best[2, r] = max(best[2, r], beside)
                best[3, r] = max(best[3, r], right - beside)
        for s in range(2):
            highest = saved[s] + price[q]
            for r in range(m):
                value = best[2 * s, r] + best[2 * s + 1, r]
                if value <= highest:
                    continue
                if masks:
                    inside = part[q, n_classes, r]
                    if s:
                        inside = whole[q, n_classes, r] - inside
                    if min(inside, totals[s, n_classes] - inside) < least:
                        continue
                highest = value
                saved[s] = value - price[q]
                found[s, 0], found[s, 1] = q, r


@njit(cache=True, nogil=True, error_model="numpy")
def _look_at_set(  # type: ignore[no-untyped-def]
    ordered, part, whole, total, s, q, masks, least, saved, found, sets
):
    """Find the best set of categories on one side, in the order that suits it."""
    n_classes, size = part.shape[0] - 1, ordered.sizes[q]
    alone = np.zeros((size, n_classes + 1))
    for k in range(n_classes + 1):
        before = 0.0
        for r in range(size):
            up_to = whole[k, r] - part[k, r] if s else part[k, r]
            alone[r, k] = up_to - before
            before = up_to
    first, second = _two_best(total[:n_classes])
    there = np.flatnonzero(alone[:, n_classes] > 1e-12)
    scores = np.empty(len(there))
    for i in range(len(there)):
        r = there[i]
        scores[i] = (alone[r, first] - alone[r, second]) / alone[r, n_classes]
    _sort_by(scores, there)
    inside = np.zeros(n_classes + 1)
    for i in range(len(there) - 1):
        left, right = 0.0, 0.0
        for k in range(n_classes + 1):
            inside[k] += alone[there[i], k]
            if k < n_classes:
                left = max(left, inside[k])
                right = max(right, total[k] - inside[k])
        if masks and inside[n_classes] < least:
            continue
        if masks and total[n_classes] - inside[n_classes] < least:
            break
        if left + right - ordered.price[q] > saved[s]:
            saved[s] = left + right - ordered.price[q]
            found[s, 0], found[s, 1] = q, i
            sets[s] = False
            for t in range(i + 1):
                sets[s, there[t]] = True
