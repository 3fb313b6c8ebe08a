"""Improving a tree by its true objective, after greedy growth has had its say.

Every node in turn gets the test that loses least given the two subtrees below it, from
the lowest level to the root and again, until nothing changes: each step can only lower
the objective. Branches that no row needs are cut off.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd.binning import N_BYTES, Binned
from interpretkd.drafts import Draft, leaves_of, parents, tidy
from interpretkd.objective import (
    COSTS,
    TreeObjective,
    impurity,
    leaf_sums,
    loss_of,
    write_answer,
)

__all__ = ["improve", "prune", "revise"]

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
    before, after = (loss_of(tree, binned, objective) for tree in (draft, better))
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
    above = parents(draft)
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
        draft,
        binned,
        objective,
        min_samples_leaf=min_samples_leaf,
        min_gain=min_gain,
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
        binned.matrix,
        binned.n_bins,
        binned.is_set,
        *tests,
        objective.kind,
        objective.table,
        objective.weight,
        objective.price,
        float(min_samples_leaf) * (1 - 1e-9),
        passes,
        fresh,
        columns,
    )
    return tidy(*tests, fresh)


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
    sums, weights = leaf_sums(
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
        parents(draft),
        fresh,
    )
    return tidy(*tests, fresh)


# numba compiles what follows for the types that it is called with: annotations would
# say nothing to it.
@njit(cache=True, nogil=True, error_model="numpy")
def _improve(  # type: ignore[no-untyped-def]
    matrix,
    n_bins,
    is_set,
    feature,
    goes_left,
    left,
    right,
    kind,
    table,
    weight,
    price,
    least,
    passes,
    fresh,
    columns,
):
    n_samples = matrix.shape[1]
    n_nodes = len(feature)
    leaf = np.zeros(n_samples, dtype=np.int32)
    order = np.empty(n_samples, dtype=np.int32)
    starts = np.zeros(n_nodes + 1, dtype=np.int64)
    slopes = np.zeros((n_nodes, table.shape[1]))
    constants = np.zeros(n_nodes)
    decisions = np.zeros(n_nodes, dtype=np.int32)
    gain = np.empty(n_samples)
    own_weight = np.empty(n_samples)
    depth = np.empty(n_nodes, dtype=np.int32)
    above = np.empty(n_nodes, dtype=np.int32)
    for i in range(n_samples):
        leaf[i] = _descend(matrix, feature, goes_left, left, right, 0, i)
    stale = True
    for _ in range(passes):
        changed = False
        deepest = _set_depths(feature, left, right, depth, above)
        lineage = _lineages(depth, above, deepest)
        for level in range(deepest - 1, -1, -1):
            n_rows = _sort_rows(
                leaf, lineage[:, level], feature, depth, level, fresh, order, starts
            )
            if n_rows == 0:
                continue
            if stale:  # leaves answer what is best for their rows, now
                sums, weights = leaf_sums(leaf, n_nodes, table, weight)
                for node in range(n_nodes):
                    if depth[node] >= 0 and feature[node] < 0:
                        decisions[node] = np.argmin(sums[node])
                        constants[node] = write_answer(
                            kind, sums[node], weights[node], slopes[node]
                        )
                stale = False
            for node in range(n_nodes):
                if depth[node] != level or feature[node] < 0 or not fresh[node]:
                    continue
                fresh[node] = False
                first, last = starts[node], starts[node + 1]
                for p in range(first, last):
                    i = order[p]
                    own_weight[p] = weight[i]
                    here = leaf[i]
                    side = goes_left[node, matrix[feature[node], i]]
                    there = _descend(
                        matrix,
                        feature,
                        goes_left,
                        left,
                        right,
                        right[node] if side else left[node],
                        i,
                    )
                    if kind == COSTS:
                        loss = table[i, decisions[here]] - table[i, decisions[there]]
                    else:
                        loss = weight[i] * (constants[here] - constants[there])
                        for k in range(table.shape[1]):
                            loss += table[i, k] * (slopes[here, k] - slopes[there, k])
                    gain[p] = loss if side else -loss
                if _retest(
                    matrix,
                    n_bins,
                    is_set,
                    feature,
                    goes_left,
                    left,
                    right,
                    node,
                    order,
                    gain,
                    own_weight,
                    price,
                    first,
                    last,
                    least,
                    columns,
                ):
                    changed, stale = True, True
                    _freshen(feature, left, right, above, node, fresh)
                    for p in range(first, last):
                        i = order[p]
                        leaf[i] = _descend(
                            matrix, feature, goes_left, left, right, node, i
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
def _sort_rows(  # type: ignore[no-untyped-def]
    leaf, ancestor, feature, depth, level, fresh, order, starts
):
    """Sort by node the rows of those tests of a level that are to be looked at."""
    wanted = np.zeros(len(feature), dtype=np.bool_)
    n_wanted = 0
    for node in range(len(feature)):
        if depth[node] == level and feature[node] >= 0 and fresh[node]:
            wanted[node] = True
            n_wanted += 1
    starts[:] = 0
    if n_wanted == 0:
        return 0
    for i in range(len(leaf)):
        node = ancestor[leaf[i]]
        if node >= 0 and wanted[node]:
            starts[node + 1] += 1
    for node in range(len(feature)):
        starts[node + 1] += starts[node]
    places = starts.copy()
    for i in range(len(leaf)):
        node = ancestor[leaf[i]]
        if node >= 0 and wanted[node]:
            order[places[node]] = i
            places[node] += 1
    return max(starts[len(feature)], 1)


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
    matrix,
    n_bins,
    is_set,
    feature,
    goes_left,
    left,
    right,
    node,
    order,
    gain,
    weight,
    price,
    first,
    last,
    least,
    columns,
):
    """Give a node the test that loses least; say whether it was changed.

    ``gain[p]`` is what row p loses more on the left side than on the right.
    """
    total, everything = 0.0, 0.0
    now, now_weight = price[feature[node]], 0.0
    for p in range(first, last):
        total += weight[p]
        everything += gain[p]
        if goes_left[node, matrix[feature[node], order[p]]]:
            now += gain[p]
            now_weight += weight[p]
    slack = 1e-9 * (1.0 + abs(now))
    dead = 0
    best = now
    if now_weight < least or total - now_weight < least:
        best = np.inf  # as it is, it may not stay
    if min(everything, 0.0) <= best + slack:
        best = min(everything, 0.0)
        dead = 1 if everything <= 0 else 2
    # Rows that lose the same on both sides matter to the size of leaves alone: where
    # there are many others, these suffice for that, too.
    cells = np.empty(last - first, dtype=np.int32)
    sums = np.empty((last - first, 2))
    n_caring, caring = 0, 0.0
    for p in range(first, last):
        if gain[p] != 0:
            n_caring += 1
            caring += weight[p]
    all_count = caring < _MANY * least
    n = 0
    for p in range(first, last):
        if all_count or gain[p] != 0:
            cells[n], sums[n, 0], sums[n, 1] = order[p], gain[p], weight[p]
            n += 1
    n_rows = n
    if not all_count:
        total = caring
    by_bin = np.zeros((N_BYTES, 2))
    best_feature, best_from, best_to, best_missing = -1, 0, 0, False
    for j in columns:
        n = n_bins[j]
        column = matrix[j]
        by_bin[: n + 1] = 0
        for p in range(n_rows):
            b = column[cells[p]]
            by_bin[b, 0] += sums[p, 0]
            by_bin[b, 1] += sums[p, 1]
        if is_set[j]:
            loss, inside = price[j], 0.0
            for b in range(n + 1):
                if by_bin[b, 0] < 0:
                    loss += by_bin[b, 0]
                    inside += by_bin[b, 1]
            if inside >= least and total - inside >= least and loss < best - slack:
                best, best_feature, dead = loss, j, 0
            continue
        for missing_left in range(2 if by_bin[n, 1] > 0 else 1):
            loss = price[j] + (by_bin[n, 0] if missing_left else 0.0)
            inside = by_bin[n, 1] if missing_left else 0.0
            for b in range(n):
                loss += by_bin[b, 0]
                inside += by_bin[b, 1]
                if by_bin[b, 1] == 0:
                    continue
                if total - inside < least:
                    break
                if inside >= least and loss < best - slack:
                    best, best_feature, dead = loss, j, 0
                    best_from, best_to, best_missing = b, b, missing_left == 1
                elif (
                    best_feature == j
                    and best_missing == (missing_left == 1)
                    and best_to == _before(by_bin, b)
                    and loss <= best + slack
                    and inside >= least
                ):
                    best_to = b  # a plateau: no row between cares
    if dead:
        # A branch that no row needs: the node becomes its other child.
        child = left[node] if dead == 1 else right[node]
        feature[node] = feature[child]
        goes_left[node] = goes_left[child]
        left[node], right[node] = left[child], right[child]
        return True
    if best_feature < 0:
        return False
    _set_test(
        matrix[best_feature],
        n_bins[best_feature],
        is_set[best_feature],
        goes_left[node],
        order,
        gain,
        weight,
        first,
        last,
        (best_from + best_to) // 2,
        best_missing,
    )
    feature[node] = best_feature
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _before(by_bin, b):  # type: ignore[no-untyped-def]
    """Return the bin with rows before this one."""
    b -= 1
    while b >= 0 and by_bin[b, 1] == 0:
        b -= 1
    return b


@njit(cache=True, nogil=True, error_model="numpy")
def _set_test(  # type: ignore[no-untyped-def]
    column, n, is_set, goes_left, order, gain, weight, first, last, cut, missing
):
    """Write the bins that go left; those without rows go with the heavier side."""
    by_bin = np.zeros(N_BYTES)
    weights = np.zeros(N_BYTES)
    for p in range(first, last):
        by_bin[column[order[p]]] += gain[p]
        weights[column[order[p]]] += weight[p]
    goes_left[:] = False
    if is_set:
        for b in range(n + 1):
            goes_left[b] = by_bin[b] < 0
    else:
        goes_left[: cut + 1] = True
        goes_left[n] = missing
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
    n_nodes = len(feature)
    below = np.zeros(n_nodes)  # the loss of the leaves and tests below a node
    own = np.zeros(n_nodes)  # its loss as a leaf
    leaves = np.ones(n_nodes, dtype=np.int64)
    for node in range(n_nodes - 1, -1, -1):
        if feature[node] >= 0:
            for child in (left[node], right[node]):
                sums[node] += sums[child]
                weights[node] += weights[child]
        if weights[node] > 0:
            own[node] = impurity(kind, sums[node], weights[node])
        if weights[node] < least and node > 0:
            own[node] = np.inf
    gain += 1e-9 * (1.0 + abs(own[0]))
    stack = np.empty(n_nodes, dtype=np.int64)
    while True:
        for node in range(n_nodes - 1, -1, -1):
            below[node], leaves[node] = own[node], 1
            if feature[node] >= 0:
                below[node] = below[left[node]] + below[right[node]]
                below[node] += price[feature[node]]
                leaves[node] = leaves[left[node]] + leaves[right[node]]
        worst, least_cost = -1, np.inf
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
                worst, least_cost = node, cost
        if worst < 0 or (leaves[0] <= max_leaves and least_cost > gain):
            return
        feature[worst] = -1
        while worst >= 0:
            fresh[worst] = True
            worst = above[worst]
