"""Improving a tree by its true objective, after greedy growth has had its say.

Every node in turn gets the test that loses least given the two subtrees below it, from
the lowest level to the root and again, until nothing changes: each step can only lower
the objective. Branches that no row needs are cut off.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd.students._cart.binning import N_BYTES, Binned
from interpretkd.students._cart.draft import Draft, _parents, _tidy, leaves_of
from interpretkd.students._cart.objective import (
    COSTS,
    TreeObjective,
    _impurity,
    _leaf_sums,
    _loss_of,
    _write_answer,
)

_MANY = 40
"""In leaves of the least size: rows that care where they go, enough to count alone."""


def improve(
    draft: Draft,
    binned: Binned,
    objective: TreeObjective,
    *,
    min_samples_leaf: float = 1,
    passes: int = 20,
) -> Draft:
    """Find better tests for a tree of this shape.

    Parameters
    ----------
    draft : Draft
        The tree.
    binned : Binned
        The rows.
    objective : TreeObjective
        What is to be small.
    min_samples_leaf : float, default=1
        The least sum of weights in a leaf; where the draft already has it, so has the
        result.
    passes : int, default=20
        The most passes over all nodes.

    Returns
    -------
    Draft
        A tree that is no worse; it may have fewer leaves.

    References
    ----------
    Carreira-Perpinan & Tavallali (2018), "Alternating optimization of decision trees,
    with application to learning sparse oblique trees".
    """
    fresh = np.ones(len(draft.feature), dtype=np.bool_)
    columns = np.flatnonzero(binned.n_bins > 0)
    better = _improved(
        draft, binned, objective, min_samples_leaf, passes, fresh, columns
    )
    better = prune(better, binned, objective, min_samples_leaf=min_samples_leaf)
    # To keep leaves large enough may cost more than was gained.
    before, after = (_loss_of(tree, binned, objective) for tree in (draft, better))
    return better if after <= before + 1e-9 * (1.0 + abs(before)) else draft


def revise(
    draft: Draft,
    binned: Binned,
    objective: TreeObjective,
    max_leaves: int | None,
    *,
    min_samples_leaf: float,
    min_gain: float,
    first: int,
    last: int,
    columns: NDArray[np.int64],
) -> Draft:
    """Improve a tree of which one branch is new, and cut it back to size.

    Only tests that the new branch can have made worse than another are looked at
    again: those in it and above it, and then those near what has changed.

    Parameters
    ----------
    draft : Draft
        The tree; it may have too many leaves.
    binned : Binned
        The rows.
    objective : TreeObjective
        What is to be small.
    max_leaves : int or None
        In [1, inf): the leaves that may stay. None for no bound.
    min_samples_leaf : float
        The least sum of weights in a leaf.
    min_gain : float
        In [0, inf): what each leaf must gain, in units of the mean over the rows.
    first, last : int
        The new branch: its nodes from `first` up to, but not with, `last`.
    columns : ndarray of int
        The columns that tests may change to.

    Returns
    -------
    Draft
        A tree that may be better or worse than the one before.
    """
    fresh = np.zeros(len(draft.feature), dtype=np.bool_)
    fresh[first:last] = True
    above = _parents(draft)
    while first >= 0:
        fresh[first] = True
        first = int(above[first])
    draft = _improved(draft, binned, objective, min_samples_leaf, 3, fresh, columns)
    draft = prune(
        draft,
        binned,
        objective,
        max_leaves,
        min_samples_leaf=min_samples_leaf,
        min_gain=min_gain,
        fresh=fresh,
    )
    draft = _improved(draft, binned, objective, min_samples_leaf, 10, fresh, columns)
    return prune(
        draft, binned, objective, min_samples_leaf=min_samples_leaf, min_gain=min_gain
    )


def _improved(
    draft: Draft,
    binned: Binned,
    objective: TreeObjective,
    min_samples_leaf: float,
    passes: int,
    fresh: NDArray[np.bool_],
    columns: NDArray[np.int64],
) -> Draft:
    """Look again at the tests that are marked as fresh; leave the marks as they end."""
    tests = draft.copy().tests
    _improve(
        _Bins(binned.matrix, binned.n_bins, binned.is_set),
        tests,
        objective.kind,
        objective.table,
        objective.weight,
        objective.price,
        float(min_samples_leaf) * (1 - 1e-9),
        passes,
        fresh,
        columns,
    )
    return _tidy(*tests, fresh)


def prune(
    draft: Draft,
    binned: Binned,
    objective: TreeObjective,
    max_leaves: int | None = None,
    *,
    min_samples_leaf: float = 1,
    min_gain: float = 0.0,
    fresh: NDArray[np.bool_] | None = None,
) -> Draft:
    """Cut branches off where it costs least a leaf.

    Parameters
    ----------
    draft : Draft
        The tree.
    binned : Binned
        The rows.
    objective : TreeObjective
        What is to be small.
    max_leaves : int or None, default=None
        In [1, inf): the leaves that may stay. None for no bound.
    min_samples_leaf : float, default=1
        The least sum of weights in a leaf.
    min_gain : float, default=0.0
        In [0, inf): what each leaf must gain, in units of the mean over the rows.
    fresh : ndarray of shape (>= n_nodes,), bool, or None
        Marks of the nodes, changed in place: what is above a cut gets one.

    Returns
    -------
    Draft
        The smaller tree, free of tests that gain nothing.
    """
    leaf = leaves_of(draft, binned)
    sums, weights = _leaf_sums(
        leaf, len(draft.feature), objective.table, objective.weight
    )
    tests = draft.copy().tests
    if fresh is None:
        fresh = np.zeros(len(draft.feature), dtype=np.bool_)
    _prune(
        tests[0],
        tests[2],
        tests[3],
        objective.kind,
        sums,
        weights,
        objective.price,
        float(min_samples_leaf) * (1 - 1e-9),
        min_gain * objective.weight.sum(),
        len(draft.feature) if max_leaves is None else max_leaves,
        _parents(draft),
        fresh,
    )
    return _tidy(*tests, fresh)


class _Bins(NamedTuple):
    """The rows as compiled code takes them; as in `Binned`."""

    matrix: NDArray[np.uint8]
    n_bins: NDArray[np.int32]
    is_set: NDArray[np.bool_]


class _Answers(NamedTuple):
    """What the nodes answer as leaves; see `_write_answer`."""

    slopes: NDArray[np.float64]
    constants: NDArray[np.float64]
    decisions: NDArray[np.int32]


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _improve(  # type: ignore[no-untyped-def]
    bins, tests, kind, table, weight, price, least, passes, fresh, columns
):
    """Look at the marked tests level by level, upwards, until a pass changes none."""
    feature, goes_left, left, right = tests
    n_nodes = len(feature)
    leaf = np.zeros(len(weight), dtype=np.int32)
    order = np.empty(len(weight), dtype=np.int32)
    gain = np.empty(len(weight))
    starts = np.zeros(n_nodes + 1, dtype=np.int64)
    answers = _Answers(
        np.zeros((n_nodes, table.shape[1])),
        np.zeros(n_nodes),
        np.zeros(n_nodes, dtype=np.int32),
    )
    depth = np.empty(n_nodes, dtype=np.int32)
    above = np.empty(n_nodes, dtype=np.int32)
    for i in range(len(leaf)):
        leaf[i] = _descend(bins.matrix, feature, goes_left, left, right, 0, i)
    stale = True
    for _ in range(passes):
        changed = False
        deepest = _set_depths(feature, left, right, depth, above)
        lineage = _lineages(depth, above, deepest)
        for level in range(deepest - 1, -1, -1):
            selected = (depth == level) & (feature >= 0) & fresh[:n_nodes]
            if not selected.any():
                continue
            _sort_rows(leaf, lineage[:, level], selected, order, starts)
            if stale:
                _answer_anew(feature, depth, leaf, kind, table, weight, answers)
                stale = False
            for node in np.flatnonzero(selected):
                fresh[node] = False
                rows = order[starts[node] : starts[node + 1]]
                own = gain[: len(rows)]
                _compare_sides(
                    bins.matrix,
                    tests,
                    node,
                    rows,
                    leaf,
                    kind,
                    table,
                    weight,
                    answers,
                    own,
                )
                if not _retest(
                    bins, tests, node, rows, own, weight[rows], price, least, columns
                ):
                    continue
                changed, stale = True, True
                _freshen(feature, left, right, above, node, fresh)
                for i in rows:
                    leaf[i] = _descend(
                        bins.matrix, feature, goes_left, left, right, node, i
                    )
        if not changed:
            break


@njit(cache=True, nogil=True, error_model="numpy")
def _descend(  # type: ignore[no-untyped-def]
    matrix, feature, goes_left, left, right, node, i
):
    while feature[node] >= 0:
        side = goes_left[node, matrix[feature[node], i]]
        node = left[node] if side else right[node]
    return node


@njit(cache=True, nogil=True, error_model="numpy")
def _lineages(depth, above, deepest):  # type: ignore[no-untyped-def]
    """Return for each node and level the ancestor there, or the node itself."""
    lineage = np.full((len(depth), deepest + 1), -1, dtype=np.int32)
    for node in range(len(depth)):
        if depth[node] < 0:
            continue
        ancestor = node
        while ancestor >= 0:
            lineage[node, depth[ancestor]] = ancestor
            ancestor = above[ancestor]
    return lineage


@njit(cache=True, nogil=True, error_model="numpy")
def _sort_rows(leaf, ancestor, selected, order, starts):  # type: ignore[no-untyped-def]
    """Sort by node the rows of the selected nodes."""
    starts[:] = 0
    for i in range(len(leaf)):
        node = ancestor[leaf[i]]
        if node >= 0 and selected[node]:
            starts[node + 1] += 1
    for node in range(len(selected)):
        starts[node + 1] += starts[node]
    places = starts.copy()
    for i in range(len(leaf)):
        node = ancestor[leaf[i]]
        if node >= 0 and selected[node]:
            order[places[node]] = i
            places[node] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _answer_anew(  # type: ignore[no-untyped-def]
    feature, depth, leaf, kind, table, weight, answers
):
    """Let each leaf answer what is best for the rows that it has now."""
    sums, weights = _leaf_sums(leaf, len(feature), table, weight)
    for node in range(len(feature)):
        if depth[node] >= 0 and feature[node] < 0:
            answers.decisions[node] = np.argmin(sums[node])
            answers.constants[node] = _write_answer(
                kind, sums[node], weights[node], answers.slopes[node]
            )


@njit(cache=True, nogil=True, error_model="numpy")
def _compare_sides(  # type: ignore[no-untyped-def]
    matrix, tests, node, rows, leaf, kind, table, weight, answers, gain
):
    """Write what each row of a node loses more on the left side than on the right."""
    feature, goes_left, left, right = tests
    slopes, constants, decisions = answers
    column, own, n_columns = matrix[feature[node]], goes_left[node], table.shape[1]
    for p in range(len(rows)):
        i = rows[p]
        here, side = leaf[i], own[column[i]]
        other = right[node] if side else left[node]
        there = _descend(matrix, feature, goes_left, left, right, other, i)
        if kind == COSTS:
            loss = table[i, decisions[here]] - table[i, decisions[there]]
        else:
            loss = weight[i] * (constants[here] - constants[there])
            for k in range(n_columns):
                loss += table[i, k] * (slopes[here, k] - slopes[there, k])
        gain[p] = loss if side else -loss


@njit(cache=True, nogil=True, error_model="numpy")
def _freshen(feature, left, right, above, node, fresh):  # type: ignore[no-untyped-def]
    """Mark what a changed test can have made worse: all above and all below it."""
    parent = node
    while parent >= 0:
        fresh[parent] = True
        parent = above[parent]
    stack = np.empty(len(feature), dtype=np.int32)
    stack[0] = node
    size = 1
    while size:
        size -= 1
        node = stack[size]
        fresh[node] = True
        if feature[node] >= 0:
            stack[size], stack[size + 1] = left[node], right[node]
            size += 2


@njit(cache=True, nogil=True, error_model="numpy")
def _set_depths(feature, left, right, depth, above):  # type: ignore[no-untyped-def]
    """Write each node's depth and parent, -1 where it is unreached; return the most."""
    stack = np.empty(len(feature), dtype=np.int32)
    stack[0] = 0
    depth[:] = -1
    above[:] = -1
    depth[0] = 0
    size, deepest = 1, 0
    while size:
        size -= 1
        node = stack[size]
        deepest = max(deepest, depth[node])
        if feature[node] >= 0:
            for child in (left[node], right[node]):
                depth[child] = depth[node] + 1
                above[child] = node
                stack[size] = child
                size += 1
    return deepest


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


@njit(cache=True, nogil=True, error_model="numpy")
def _prune(  # type: ignore[no-untyped-def]
    feature,
    left,
    right,
    kind,
    sums,
    weights,
    price,
    least,
    gain,
    max_leaves,
    above,
    fresh,
):
    """Make a leaf of the weakest test, again and again, as long as it is worth it."""
    n_nodes = len(feature)
    own = _losses_as_leaves(feature, left, right, kind, sums, weights, least)
    below = np.empty(n_nodes)
    leaves = np.empty(n_nodes, dtype=np.int64)
    gain += 1e-9 * (1.0 + abs(own[0]))
    while True:
        for node in range(n_nodes - 1, -1, -1):
            below[node], leaves[node] = own[node], 1
            if feature[node] >= 0:
                below[node] = below[left[node]] + below[right[node]]
                below[node] += price[feature[node]]
                leaves[node] = leaves[left[node]] + leaves[right[node]]
        worst, cost = _weakest_test(feature, left, right, own, below, leaves)
        if worst < 0 or (leaves[0] <= max_leaves and cost > gain):
            return
        feature[worst] = -1
        while worst >= 0:
            fresh[worst] = True
            worst = above[worst]


@njit(cache=True, nogil=True, error_model="numpy")
def _losses_as_leaves(  # type: ignore[no-untyped-def]
    feature, left, right, kind, sums, weights, least
):
    """Return what each node loses as a leaf: infinitely much where it is too small.

    Sums and weights, those of the leaves, become those of all nodes.
    """
    own = np.zeros(len(feature))
    for node in range(len(feature) - 1, -1, -1):
        if feature[node] >= 0:
            for child in (left[node], right[node]):
                sums[node] += sums[child]
                weights[node] += weights[child]
        if weights[node] > 0:
            own[node] = _impurity(kind, sums[node], weights[node])
        if weights[node] < least and node > 0:
            own[node] = np.inf
    return own


@njit(cache=True, nogil=True, error_model="numpy")
def _weakest_test(  # type: ignore[no-untyped-def]
    feature, left, right, own, below, leaves
):
    """Return the node whose leaves gain least, each, and how much; -1 where none is."""
    weakest, least_cost = -1, np.inf
    stack = np.empty(len(feature), dtype=np.int64)
    stack[0] = 0
    size = 1
    while size:
        size -= 1
        node = stack[size]
        if feature[node] < 0:
            continue
        stack[size], stack[size + 1] = left[node], right[node]
        size += 2
        if own[node] == np.inf:
            continue
        cost = (own[node] - below[node]) / (leaves[node] - 1)
        if cost < least_cost:
            weakest, least_cost = node, cost
    return weakest, least_cost
