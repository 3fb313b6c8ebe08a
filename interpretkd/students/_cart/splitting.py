"""The best cut of each column at each node, by squared error over bins.

What is added up for each bin is a row: the target columns, less their mean and times
the row's weight, then the weight itself, padded with zeros to whole `LANES`. Rows are
read where they lie, a block at a time, so that no sorted copy of the targets is needed;
columns are read four at a time, so that the processor need not wait until one sum is
written before it adds to the same bin again.
"""

import numpy as np
from numba import njit

from interpretkd.students._cart.binning import N_BYTES
from interpretkd.students._cart.vectors import LANES, _add_lanes

_HELD = 65_536
"""Numbers, 512 KB, that the targets of a node's rows may take to be gathered once."""
_BLOCK = 1024
"""Rows whose targets are gathered at a time where there are more."""
_SUMMED = 131_072
"""Numbers, 1 MB, that the sums of the columns read at a time may take."""
_CLOSE = 1e-9
"""Gains nearer than this to the best, relative to their parts, are compared exactly."""


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _search(  # type: ignore[no-untyped-def]
    matrix,
    n_bins,
    is_set,
    common,
    monotone,
    order,
    targets,
    centre,
    weight,
    spans,
    bounds,
    asked,
    least,
    first_feature,
    last_feature,
    gains,
    cuts,
):
    """Find the best cut of each of these columns at each of these nodes.

    A column that can be cut neither here nor below is no longer `asked`. One with a
    `common` bin, which is not -1, gets no cut, and a gain that is right but for its
    last digits: the rows of that bin, most of all, are not read.
    """
    n_columns, width = len(centre), _width(len(centre))
    size = N_BYTES * width
    n_features = last_feature - first_feature
    columns, bins = np.empty(n_features, dtype=np.int64), np.empty(N_BYTES, np.int64)
    together = min(max(_SUMMED // size, 4), n_features)
    sums = np.zeros(together * size)
    held = 0
    for m in range(len(spans)):
        held = max(held, spans[m, 1] - spans[m, 0])
    held = min(held, _HELD // width)
    rows, values = np.empty(held, dtype=np.int32), np.zeros(held * width)
    node, space = np.empty(width), np.empty((3, N_BYTES + width))
    for m in range(len(spans)):
        n_asked = _asked_columns(asked[m], n_bins, common, first_feature, columns)
        first, last = spans[m, 0], spans[m, 1]
        is_held = last - first <= held
        block = held if is_held else min(held, _BLOCK)
        node[:] = 0
        step = min(together, 4 if is_held else together)
        for a in range(0, n_asked, step):
            group = columns[a : min(a + step, n_asked)]
            for p in range(first, last, block):
                n = min(block, last - p)
                if a == 0 or not is_held:
                    _gather(order, p, n, targets, centre, weight, rows, values)
                if a == 0:
                    for q in range(n):
                        for k in range(0, width, LANES):
                            _add_lanes(node, k, values, q * width + k)
                _add_up(matrix, group, common, rows[:n], values, width, sums)
            for g in range(len(group)):
                j = group[g]
                own = sums[g * size : (g + 1) * size]
                n_there = _occupied(own, n_bins[j], common[j], n_columns, width, bins)
                if common[j] >= 0:
                    _fill_in(own, bins[:n_there], common[j], node, width)
                gains[m, j], cuts[m, j], asked[m, j] = _best_cut(
                    own,
                    n_bins[j],
                    bins[:n_there],
                    is_set[j],
                    common[j] < 0,
                    monotone[j],
                    centre,
                    bounds[m],
                    least,
                    space,
                )
                for r in range(n_there):
                    for at in range(bins[r] * width, (bins[r] + 1) * width):
                        own[at] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def _width(n_columns):  # type: ignore[no-untyped-def]
    return (n_columns + LANES) // LANES * LANES


@njit(cache=True, nogil=True, error_model="numpy")
def _asked_columns(  # type: ignore[no-untyped-def]
    asked, n_bins, common, first, columns
):
    """Write which columns are asked, those with a common bin last; return how many."""
    n = 0
    for is_sparse in (False, True):
        for j in range(first, first + len(columns)):
            if asked[j] and n_bins[j] > 0 and (common[j] >= 0) == is_sparse:
                columns[n] = j
                n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _gather(  # type: ignore[no-untyped-def]
    order, first, n, targets, centre, weight, rows, values
):
    """Write what n rows add to the sums, and which rows they are."""
    n_columns, width, is_weighted = len(centre), _width(len(centre)), len(weight) > 1
    for q in range(n):
        i = order[first + q]
        rows[q] = i
        own = weight[i if is_weighted else 0]
        for k in range(n_columns):
            values[q * width + k] = (targets[i, k] - centre[k]) * own
        values[q * width + n_columns] = own


@njit(cache=True, nogil=True, error_model="numpy")
def _add_up(  # type: ignore[no-untyped-def]
    matrix, columns, common, rows, values, width, sums
):
    """Add what the rows add to the bins of these columns, one column behind another."""
    size, whole = N_BYTES * width, 0
    while whole + 4 <= len(columns) and common[columns[whole + 3]] < 0:
        whole += 4
    for g in range(0, whole, 4):
        one, two = matrix[columns[g]], matrix[columns[g + 1]]
        three, four = matrix[columns[g + 2]], matrix[columns[g + 3]]
        for q in range(len(rows)):
            i = rows[q]
            a, b = g * size + one[i] * width, (g + 1) * size + two[i] * width
            c, d = (g + 2) * size + three[i] * width, (g + 3) * size + four[i] * width
            for k in range(0, width, LANES):
                start = q * width + k
                _add_lanes(sums, a + k, values, start)
                _add_lanes(sums, b + k, values, start)
                _add_lanes(sums, c + k, values, start)
                _add_lanes(sums, d + k, values, start)
    places = np.empty(len(rows), dtype=np.int32)
    found = np.empty(len(rows), dtype=np.uint8)
    for g in range(whole, len(columns)):
        column, most = matrix[columns[g]], common[columns[g]]
        n = 0
        for q in range(len(rows)):  # no branch that the processor would have to guess
            b = column[rows[q]]
            places[n], found[n] = q, b
            n += b != most
        for p in range(n):
            for k in range(0, width, LANES):
                at, start = g * size + found[p] * width, places[p] * width
                _add_lanes(sums, at + k, values, start + k)


@njit(cache=True, nogil=True, error_model="numpy")
def _occupied(  # type: ignore[no-untyped-def]
    sums, n_bins, common, n_columns, width, bins
):
    """Write which bins have rows, that of the missing values last; return how many."""
    n = 0
    for b in range(n_bins + 1):
        bins[n] = b
        n += (sums[b * width + n_columns] != 0) | (b == common)
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_in(sums, bins, common, node, width):  # type: ignore[no-untyped-def]
    """Give the common bin what the node has and the other bins have not."""
    at = common * width
    for b in bins:
        if b != common:
            for k in range(0, width, LANES):
                _add_lanes(sums, at + k, sums, b * width + k)
    for k in range(width):
        sums[at + k] = node[k] - sums[at + k]


@njit(cache=True, nogil=True, error_model="numpy")
def _best_cut(  # type: ignore[no-untyped-def]
    sums, n_bins, bins, is_set, exactly, monotone, centre, bounds, least, space
):
    """Return gain and cut of a column's best test, and whether any may ever do.

    First all gains are worked out in a quick way, then those near the best exactly.
    """
    n_columns, width = len(centre), _width(len(centre))
    everything, left = space[0, N_BYTES:], space[1, N_BYTES:]
    everything[:] = 0
    heaviest, rest = 0.0, 0.0
    for b in bins:
        for k in range(0, width, LANES):
            _add_lanes(everything, k, sums, b * width + k)
        own = sums[b * width + n_columns]
        rest += min(own, heaviest)
        heaviest = max(own, heaviest)
    if rest * (1 + 1e-6) < least:  # whatever the cut, it is all on one side
        return -np.inf, 0, False
    total, base = everything[n_columns], 0.0
    for k in range(n_columns):
        base += everything[k] ** 2 / total
    has_missing = not is_set and bins[-1] == n_bins
    ranks = bins[: len(bins) - has_missing]
    if is_set:
        ranks = _ranks(sums, bins, n_columns, width)
    is_bound = monotone != 0 or bounds[0] > -np.inf or bounds[1] < np.inf
    gain, cut, most = -np.inf, 0, -np.inf
    for step in range(2):
        floor = most - _CLOSE * (base + most)
        for missing_left in range(2 if has_missing else 1):
            guesses = space[missing_left]
            left[:] = 0
            if missing_left:
                for k in range(0, width, LANES):
                    _add_lanes(left, k, sums, n_bins * width + k)
            # All numbers against the missing values is a cut, too.
            for r in range(len(ranks) - (not has_missing or missing_left)):
                at = ranks[r] * width
                for k in range(0, width, LANES):
                    _add_lanes(left, k, sums, at + k)
                inside = left[n_columns]
                outside = total - inside
                if step == 1:
                    if guesses[r] < floor:
                        continue
                    found = -base
                    for k in range(n_columns):
                        found += left[k] ** 2 / inside
                        found += (everything[k] - left[k]) ** 2 / outside
                    if found > gain:
                        gain = found
                        cut = 2 * (r if is_set else ranks[r]) + missing_left
                    continue
                guesses[r] = -np.inf
                if inside < least or outside < least:
                    continue
                if is_bound:
                    low = left[0] / inside + centre[0]
                    high = (everything[0] - left[0]) / outside + centre[0]
                    if monotone * (high - low) < 0:
                        continue
                    if min(low, high) < bounds[0] or max(low, high) > bounds[1]:
                        continue
                share, square = inside / total, 0.0
                for k in range(n_columns):
                    square += (left[k] - everything[k] * share) ** 2
                guesses[r] = square * total / (inside * outside)
                most = max(most, guesses[r])
        if most == -np.inf or not exactly:
            return most, 0, True
    return gain, cut, True


@njit(cache=True, nogil=True, error_model="numpy")
def _ranks(sums, bins, n_columns, width):  # type: ignore[no-untyped-def]
    """Return the bins that have rows, ordered along their means' main direction."""
    there, total = bins.copy(), 0.0
    centre, turned = np.zeros(n_columns), np.empty(n_columns)
    axis = np.zeros(n_columns)
    axis[0] = 1.0
    for b in there:
        total += sums[b * width + n_columns]
        for k in range(n_columns):
            centre[k] += sums[b * width + k]
    for step in range(30 if n_columns > 1 else 0):  # power iteration
        turned[:] = 0
        for b in there:
            own, length = sums[b * width + n_columns], 0.0
            for k in range(n_columns):
                offset = sums[b * width + k] / own - centre[k] / total
                # From a start of no direction: the sum of all offsets' sizes.
                length += offset * axis[k] if step else abs(offset)
            for k in range(n_columns):
                offset = sums[b * width + k] / own - centre[k] / total
                turned[k] += own * length * offset
        size = 0.0
        for k in range(n_columns):
            size += turned[k] ** 2
        if size == 0:
            break
        for k in range(n_columns):
            axis[k] = turned[k] / np.sqrt(size)
    scores = np.zeros(len(there))
    for r in range(len(there)):
        at = there[r] * width
        for k in range(n_columns):
            scores[r] += sums[at + k] / sums[at + n_columns] * axis[k]
    _sort_by(scores, there)
    return there


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
def _ranks_at(  # type: ignore[no-untyped-def]
    matrix, j, n_bins, order, targets, centre, weight, first, last
):
    """Return the bins of a categorical column that a node has, in order, as above."""
    n_columns, width = len(centre), _width(len(centre))
    sums, bins = np.zeros(N_BYTES * width), np.empty(N_BYTES, dtype=np.int64)
    rows, values = np.empty(_BLOCK, dtype=np.int32), np.zeros(_BLOCK * width)
    columns, common = np.empty(1, dtype=np.int64), np.empty(len(matrix), np.int16)
    columns[0], common[j] = j, -1
    for p in range(first, last, _BLOCK):
        n = min(_BLOCK, last - p)
        _gather(order, p, n, targets, centre, weight, rows, values)
        _add_up(matrix, columns, common, rows[:n], values, width, sums)
    n_there = _occupied(sums, n_bins, -1, n_columns, width, bins)
    return _ranks(sums, bins[:n_there], n_columns, width)


@njit(cache=True, nogil=True, error_model="numpy")
def _left_bins(  # type: ignore[no-untyped-def]
    column, n_bins, is_set, ranks, order, weight, first, last, cut
):
    """Return the bins that go left; those without rows go with the heavier side."""
    goes_left, weights = np.zeros(N_BYTES, dtype=np.bool_), np.zeros(N_BYTES)
    last_rank = cut // 2
    for p in range(first, last):
        i = order[p]
        weights[column[i]] += weight[i if len(weight) > 1 else 0]
    if is_set:
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
def _partition(column, goes_left, order, first, last):  # type: ignore[no-untyped-def]
    """Sort the rows of a node by side, each side in its old order."""
    right = np.empty(last - first, dtype=np.int32)
    a, b = first, 0
    for p in range(first, last):
        i = order[p]
        if goes_left[column[i]]:
            order[a] = i
            a += 1
        else:
            right[b] = i
            b += 1
    for p in range(b):
        order[a + p] = right[p]
    return a


@njit(cache=True, nogil=True, error_model="numpy")
def _scatter(  # type: ignore[no-untyped-def]
    order, targets, centre, weight, first, last, mean
):
    """Return the weight of a node's rows and their squared distance from its mean.

    The mean is written, less the centre. All is summed up as differences from the first
    row: of equal rows nothing is left, not even what rounding leaves.
    """
    total, square = 0.0, 0.0
    mean[:] = 0
    one = order[first]
    for p in range(first, last):
        i = order[p]
        own = weight[i if len(weight) > 1 else 0]
        total += own
        for k in range(len(mean)):
            apart = targets[i, k] - targets[one, k]
            mean[k] += own * apart
            square += own * apart**2
    for k in range(len(mean)):
        square -= mean[k] ** 2 / total
        mean[k] = mean[k] / total + (targets[one, k] - centre[k])
    return total, square


@njit(cache=True, nogil=True, error_model="numpy")
def _weighted_sum(targets, weight):  # type: ignore[no-untyped-def]
    """Add up the rows times their weight, one after another."""
    total = np.zeros(targets.shape[1])
    for i in range(len(targets)):
        own = weight[i if len(weight) > 1 else 0]
        for k in range(len(total)):
            total[k] += targets[i, k] * own
    return total
