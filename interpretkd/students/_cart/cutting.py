"""Cutting a tree back to size while it is searched for."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from interpretkd.students._cart.binning import Binned
from interpretkd.students._cart.draft import Draft, _parents, _tidy, leaves_of
from interpretkd.students._cart.objective import TreeObjective, _impurity, _leaf_sums


def _prune_draft(
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

    No more than `max_leaves` stay (None for no bound), and no test that gains nothing.
    `min_samples_leaf` is the least sum of weights in a leaf, `min_gain` what each leaf
    must gain, in units of the mean over the rows. `fresh` are marks of the nodes,
    changed in place: what is above a cut gets one.
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
