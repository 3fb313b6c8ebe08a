"""The best cut of each column at each node, by squared error over bins."""

import numpy as np
from numba import njit

from interpretkd.students._cart.binning import N_BYTES


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _search(  # type: ignore[no-untyped-def]
    matrix,
    n_bins,
    is_set,
    monotone,
    order,
    sums,
    weight,
    centre,
    spans,
    bounds,
    asked,
    least,
    first_feature,
    last_feature,
    gains,
    cuts,
):
    """Find the best cut of each of these columns at each of these nodes."""
    n_columns = sums.shape[1]
    by_bin = np.zeros((N_BYTES, n_columns))
    weights = np.zeros(N_BYTES)
    everything = np.empty(n_columns)
    left = np.empty(n_columns)
    for j in range(first_feature, last_feature):
        if n_bins[j] == 0:
            continue
        for m in range(len(spans)):
            if not asked[m, j]:
                continue
            first, last = spans[m]
            _add_up(
                matrix[j], n_bins[j], order, sums, weight, first, last, by_bin, weights
            )
            total = 0.0
            everything[:] = 0
            for b in range(n_bins[j] + 1):
                total += weights[b]
                for k in range(n_columns):
                    everything[k] += by_bin[b, k]
            base = 0.0
            for k in range(n_columns):
                base += everything[k] ** 2 / total
            if is_set[j]:
                n_there, ranks = _ranks(by_bin, weights, n_bins[j] + 1)
            else:
                n_there = n_bins[j]
                ranks = _IN_ORDER
            has_missing = not is_set[j] and weights[n_bins[j]] > 0
            for missing_left in range(2 if has_missing else 1):
                left[:] = 0
                inside = 0.0
                if missing_left:
                    inside += weights[n_bins[j]]
                    left[:] += by_bin[n_bins[j]]
                # All numbers against the missing values is a cut, too.
                end = n_there - 1 + (1 if has_missing and not missing_left else 0)
                for r in range(end):
                    b = ranks[r]
                    if weights[b] == 0:
                        continue
                    inside += weights[b]
                    for k in range(n_columns):
                        left[k] += by_bin[b, k]
                    outside = total - inside
                    if outside < least:
                        break
                    if inside < least:
                        continue
                    gain = -base
                    for k in range(n_columns):
                        gain += left[k] ** 2 / inside
                        gain += (everything[k] - left[k]) ** 2 / outside
                    if gain <= gains[m, j]:
                        continue
                    low = left[0] / inside + centre
                    high = (everything[0] - left[0]) / outside + centre
                    if monotone[j] * (high - low) < 0:
                        continue
                    if min(low, high) < bounds[m, 0] or max(low, high) > bounds[m, 1]:
                        continue
                    gains[m, j] = gain
                    cuts[m, j] = 2 * r + missing_left


_IN_ORDER = np.arange(N_BYTES)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_up(  # type: ignore[no-untyped-def]
    column, n_bins, order, sums, weight, first, last, by_bin, weights
):
    """Sum up the rows' targets and weights, bin by bin."""
    n_columns = sums.shape[1]
    by_bin[: n_bins + 1] = 0
    weights[: n_bins + 1] = 0
    if n_columns == 1:
        for p in range(first, last):
            b = column[order[p]]
            weights[b] += weight[p]
            by_bin[b, 0] += sums[p, 0]
        return
    for p in range(first, last):
        b = column[order[p]]
        weights[b] += weight[p]
        for k in range(n_columns):
            by_bin[b, k] += sums[p, k]


@njit(cache=True, nogil=True, error_model="numpy")
def _ranks(by_bin, weights, n_bins):  # type: ignore[no-untyped-def]
    """Return the bins that have rows, ordered along their means' main direction."""
    n_columns = by_bin.shape[1]
    there = np.flatnonzero(weights[:n_bins] > 0)
    centre = np.zeros(n_columns)
    total = 0.0
    for b in there:
        total += weights[b]
        for k in range(n_columns):
            centre[k] += by_bin[b, k]
    axis = np.zeros(n_columns)
    axis[0] = 1.0
    turned = np.empty(n_columns)
    for step in range(30 if n_columns > 1 else 0):  # power iteration
        turned[:] = 0
        for b in there:
            length = 0.0
            for k in range(n_columns):
                offset = by_bin[b, k] / weights[b] - centre[k] / total
                # From a start of no direction: the sum of all offsets' sizes.
                length += offset * axis[k] if step else abs(offset)
            for k in range(n_columns):
                offset = by_bin[b, k] / weights[b] - centre[k] / total
                turned[k] += weights[b] * length * offset
        size = 0.0
        for k in range(n_columns):
            size += turned[k] ** 2
        if size == 0:
            break
        for k in range(n_columns):
            axis[k] = turned[k] / np.sqrt(size)
    scores = np.zeros(len(there))
    for i in range(len(there)):
        for k in range(n_columns):
            scores[i] += by_bin[there[i], k] / weights[there[i]] * axis[k]
    _sort_by(scores, there)
    return len(there), there


@njit(cache=True, nogil=True, error_model="numpy")
def _sort_by(scores, items):  # type: ignore[no-untyped-def]
    """Sort a few items and their scores, in place; equal ones keep their order."""
    for i in range(1, len(items)):
        score, item = scores[i], items[i]
        j = i - 1
        while j >= 0 and scores[j] > score:
            scores[j + 1], items[j + 1] = scores[j], items[j]
            j -= 1
        scores[j + 1], items[j + 1] = score, item


@njit(cache=True, nogil=True, error_model="numpy")
def _left_bins(  # type: ignore[no-untyped-def]
    column, n_bins, is_set, order, sums, weight, first, last, cut
):
    """Return the bins that go left; those without rows go with the heavier side."""
    by_bin = np.zeros((N_BYTES, sums.shape[1]))
    weights = np.zeros(N_BYTES)
    _add_up(column, n_bins, order, sums, weight, first, last, by_bin, weights)
    goes_left = np.zeros(N_BYTES, dtype=np.bool_)
    last_rank = cut // 2
    if is_set:
        _, ranks = _ranks(by_bin, weights, n_bins + 1)
        for r in range(last_rank + 1):
            goes_left[ranks[r]] = True
    else:
        goes_left[: last_rank + 1] = True
        goes_left[n_bins] = cut % 2 == 1
    balance = 0.0
    for b in range(n_bins + 1):
        balance += weights[b] if goes_left[b] else -weights[b]
    for b in range(n_bins + 1):
        if weights[b] == 0 and (is_set or b == n_bins):
            goes_left[b] = balance >= 0
    return goes_left


@njit(cache=True, nogil=True, error_model="numpy")
def _partition(  # type: ignore[no-untyped-def]
    column, goes_left, order, sums, weight, squares, first, last
):
    """Sort the rows of a node by side, each side in its old order."""
    n = last - first
    own, own_sums = order[first:last].copy(), sums[first:last].copy()
    own_weight, own_squares = weight[first:last].copy(), squares[first:last].copy()
    n_left = 0
    for p in range(n):
        n_left += goes_left[column[own[p]]]
    a, b = first, first + n_left
    for p in range(n):
        if goes_left[column[own[p]]]:
            place = a
            a += 1
        else:
            place = b
            b += 1
        order[place] = own[p]
        sums[place] = own_sums[p]
        weight[place] = own_weight[p]
        squares[place] = own_squares[p]
    return first + n_left
