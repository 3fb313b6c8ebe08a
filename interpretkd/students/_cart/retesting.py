"""The best new test of one node, given what each row loses on either side."""

import numpy as np
from numba import njit

from interpretkd.students._cart.binning import N_BYTES

_MANY = 40
"""In leaves of the least size: rows that care where they go, enough to count alone."""


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _retest(  # type: ignore[no-untyped-def]
    bins, tests, node, rows, gain, weight, price, least, columns
):
    """Give a node the test that loses least; say whether it was changed.

    ``gain[p]`` is what row p loses more on the left side than on the right; every loss
    here is less what all rows would lose on the right.
    """
    feature, goes_left, left, right = tests
    best, everything, slack = _loss_as_it_is(
        bins.matrix[feature[node]],
        goes_left[node],
        rows,
        gain,
        weight,
        price[feature[node]],
        least,
    )
    # One of the two branches alone may do: no row needs the other.
    is_needless = min(everything, 0.0) <= best + slack
    if is_needless:
        best = min(everything, 0.0)
    chosen, cut, missing_left = _best_test(
        bins, rows, gain, weight, price, least, columns, best, slack
    )
    if chosen >= 0:
        feature[node] = chosen
        _write_test(
            bins.matrix[chosen],
            bins.n_bins[chosen],
            bins.is_set[chosen],
            goes_left[node],
            rows,
            gain,
            weight,
            cut,
            missing_left,
        )
    elif is_needless:
        _lift(tests, node, left[node] if everything <= 0 else right[node])
    return chosen >= 0 or is_needless


@njit(cache=True, nogil=True, error_model="numpy")
def _lift(tests, node, child):  # type: ignore[no-untyped-def]
    """Let a node become one of its children."""
    feature, goes_left, left, right = tests
    feature[node] = feature[child]
    goes_left[node] = goes_left[child]
    left[node], right[node] = left[child], right[child]


@njit(cache=True, nogil=True, error_model="numpy")
def _best_test(  # type: ignore[no-untyped-def]
    bins, rows, gain, weight, price, least, columns, best, slack
):
    """Return column, cut and side of missing values of the test that loses least.

    The column is -1 where no test loses less than the best so far.
    """
    cells, sums, total = _rows_that_care(rows, gain, weight, least)
    by_bin = np.zeros((N_BYTES, 2))
    chosen, cut, missing_left = -1, -1, False
    for j in columns:
        there = by_bin[: bins.n_bins[j] + 1]
        _add_up(bins.matrix[j], cells, sums, there)
        if bins.is_set[j]:
            loss = _loss_of_best_set(there, price[j], total, least)
            if loss < best - slack:
                best, chosen = loss, j
            continue
        loss, threshold, missing = _best_threshold(
            there, price[j], total, least, best, slack
        )
        if threshold >= 0:
            best, chosen, cut, missing_left = loss, j, threshold, missing
    return chosen, cut, missing_left


@njit(cache=True, nogil=True, error_model="numpy")
def _loss_as_it_is(  # type: ignore[no-untyped-def]
    column, goes_left, rows, gain, weight, price, least
):
    """Return what a node's own test loses, and what all rows lose on the left.

    The first is infinite where a side is too small: the test may not stay. The third
    is by how much a loss must be smaller to count as smaller.
    """
    total, inside, everything, loss = 0.0, 0.0, 0.0, price
    for p in range(len(rows)):
        total += weight[p]
        everything += gain[p]
        if goes_left[column[rows[p]]]:
            loss += gain[p]
            inside += weight[p]
    slack = 1e-9 * (1.0 + abs(loss))
    if inside < least or total - inside < least:
        loss = np.inf
    return loss, everything, slack


@njit(cache=True, nogil=True, error_model="numpy")
def _rows_that_care(rows, gain, weight, least):  # type: ignore[no-untyped-def]
    """Return the rows to choose a test by, their gains and weights, and all weight.

    Rows that lose the same on both sides matter to the size of leaves alone: where
    there are many others, these suffice for that, too.
    """
    total, caring = 0.0, 0.0
    for p in range(len(rows)):
        total += weight[p]
        if gain[p] != 0:
            caring += weight[p]
    all_count = caring < _MANY * least
    cells = np.empty(len(rows), dtype=np.int32)
    sums = np.empty((len(rows), 2))
    n = 0
    for p in range(len(rows)):
        if all_count or gain[p] != 0:
            cells[n], sums[n, 0], sums[n, 1] = rows[p], gain[p], weight[p]
            n += 1
    return cells[:n], sums[:n], total if all_count else caring


@njit(cache=True, nogil=True, error_model="numpy")
def _add_up(column, cells, sums, by_bin):  # type: ignore[no-untyped-def]
    """Sum up gains and weights, bin by bin; that of the missing values is the last."""
    by_bin[:] = 0
    for p in range(len(cells)):
        b = column[cells[p]]
        by_bin[b, 0] += sums[p, 0]
        by_bin[b, 1] += sums[p, 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _loss_of_best_set(by_bin, price, total, least):  # type: ignore[no-untyped-def]
    """Return what it loses to send left just the categories that lose less there."""
    loss, inside = price, 0.0
    for b in range(len(by_bin)):
        if by_bin[b, 0] < 0:
            loss += by_bin[b, 0]
            inside += by_bin[b, 1]
    return loss if inside >= least and total - inside >= least else np.inf


@njit(cache=True, nogil=True, error_model="numpy")
def _best_threshold(  # type: ignore[no-untyped-def]
    by_bin, price, total, least, best, slack
):
    """Return loss and cut of a column's best test, and whether missing values go left.

    The cut is -1 where no test is better than the best so far.
    """
    n, cut, missing_left = len(by_bin) - 1, -1, False
    found = _best_cut(by_bin[:n], price, 0.0, total, least, best, slack)
    if found[1] >= 0:
        best, cut = found
    if by_bin[n, 1] > 0:
        found = _best_cut(
            by_bin[:n], price + by_bin[n, 0], by_bin[n, 1], total, least, best, slack
        )
        if found[1] >= 0:
            best, cut = found
            missing_left = True
    return best, cut, missing_left


@njit(cache=True, nogil=True, error_model="numpy")
def _best_cut(  # type: ignore[no-untyped-def]
    by_bin, loss, inside, total, least, best, slack
):
    """Return loss and last bin on the left of the best cut; -1 where none is better.

    Between neighbours that lose the same no row cares: the middle is taken.
    """
    first, last, before = -1, -1, -1
    for b in range(len(by_bin)):
        loss += by_bin[b, 0]
        inside += by_bin[b, 1]
        if by_bin[b, 1] == 0:
            continue
        if total - inside < least:
            break
        if inside >= least and loss < best - slack:
            best, first, last = loss, b, b
        elif first >= 0 and last == before and loss <= best + slack:
            last = b
        before = b
    return best, (first + last) // 2


@njit(cache=True, nogil=True, error_model="numpy")
def _write_test(  # type: ignore[no-untyped-def]
    column, n, is_set, goes_left, rows, gain, weight, cut, missing_left
):
    """Write the bins that go left; those without rows go with the heavier side."""
    by_bin = np.zeros(N_BYTES)
    weights = np.zeros(N_BYTES)
    for p in range(len(rows)):
        by_bin[column[rows[p]]] += gain[p]
        weights[column[rows[p]]] += weight[p]
    goes_left[:] = False
    if is_set:
        goes_left[: n + 1] = by_bin[: n + 1] < 0
    else:
        goes_left[: cut + 1] = True
        goes_left[n] = missing_left
    balance = 0.0
    for b in range(n + 1):
        balance += weights[b] if goes_left[b] else -weights[b]
    for b in range(n + 1):
        if weights[b] == 0 and (is_set or b == n):
            goes_left[b] = balance >= 0
