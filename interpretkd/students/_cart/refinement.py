"""Improving a tree by its true objective, after greedy growth has had its say.

Every node in turn gets the test that loses least given the two subtrees below it, from
the lowest level to the root and again, until nothing changes: each step can only lower
the objective. Branches that no row needs are cut off.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd.students._cart.binning import Binned
from interpretkd.students._cart.cutting import _prune_draft
from interpretkd.students._cart.draft import Draft, _parents, _tidy
from interpretkd.students._cart.objective import (
    COSTS,
    TreeObjective,
    _leaf_sums,
    _loss_of,
    _write_answer,
)
from interpretkd.students._cart.retesting import _retest


def _improve_draft(
    draft: Draft,
    binned: Binned,
    objective: TreeObjective,
    *,
    min_samples_leaf: float = 1,
    passes: int = 20,
) -> Draft:
    """Find better tests for a tree of this shape, in so many passes over all nodes.

    The result is no worse; it may have fewer leaves. Where each leaf of the draft has
    the least sum of weights, so has each of the result.

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
    better = _prune_draft(better, binned, objective, min_samples_leaf=min_samples_leaf)
    # To keep leaves large enough may cost more than was gained.
    before, after = (_loss_of(tree, binned, objective) for tree in (draft, better))
    return better if after <= before + 1e-9 * (1.0 + abs(before)) else draft


def _revise(
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

    The new branch is the nodes from `first` up to, but not with, `last`. Only tests
    that it can have made worse than another are looked at again: those in it and above
    it, and then those near what has changed; they may change to the given columns. The
    draft may have too many leaves; limits are as for `_prune_draft`. The result may be
    better or worse than the tree before.
    """
    fresh = np.zeros(len(draft.feature), dtype=np.bool_)
    fresh[first:last] = True
    above = _parents(draft)
    while first >= 0:
        fresh[first] = True
        first = int(above[first])
    draft = _improved(draft, binned, objective, min_samples_leaf, 3, fresh, columns)
    draft = _prune_draft(
        draft,
        binned,
        objective,
        max_leaves,
        min_samples_leaf=min_samples_leaf,
        min_gain=min_gain,
        fresh=fresh,
    )
    draft = _improved(draft, binned, objective, min_samples_leaf, 10, fresh, columns)
    return _prune_draft(
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
