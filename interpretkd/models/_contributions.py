"""What each feature adds to the sums of a boosted or linear student, row by row."""

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.data import Codes
from interpretkd.models._forest import Forest
from interpretkd.models._linear import Linear, design_matrix
from interpretkd.models._nodes import Nodes


def path_contributions(form: Forest | Linear, codes: Codes) -> tuple[Array, Array]:
    """Split the sums of one row into what each feature adds.

    Parameters
    ----------
    form : Forest or Linear
        The student.
    codes : ndarray of shape (n_features,), float32
        The row, as `Schema.encode` returns it.

    Returns
    -------
    base : ndarray of shape (n_outputs,)
        The sums of a mean training row: for trees the sum of what their roots would
        say, with the inner nodes' values from their leaves, weighted with the cover.
    parts : ndarray of shape (n_features, n_outputs)
        What is added to it: a coefficient times the distance from the training mean,
        or the changes of the value along the paths. ``base + parts.sum(axis=0)`` are
        the form's margins.

    References
    ----------
    Saabas (2014), "Interpreting random forests", for the paths.
    """
    if isinstance(form, Linear):
        return _of_weighted_sum(form, codes)
    nodes, value = form.nodes, _node_values(form)
    base = form.base.copy()
    np.add.at(base, form.column, value[nodes.roots])
    parts = np.zeros((len(form.schema), form.n_outputs))
    trees = range(form.n_trees)
    here = np.asarray([int(nodes.apply(codes[None], tree)[0]) for tree in trees])
    output, parent = form.column, _parents(nodes)
    while True:  # one step up in all trees
        below = parent[here] >= 0
        here, output = here[below], output[below]
        if not len(here):
            return base, parts
        above = parent[here]
        np.add.at(parts, (nodes.feature[above], output), value[here] - value[above])
        here = above


def feature_importance(form: Forest) -> Array:
    """Return how much the tests of each feature tell apart.

    Parameters
    ----------
    form : Forest
        The trees.

    Returns
    -------
    ndarray of shape (n_features,)
        In [0, 1], with a sum of 1 unless no tree has a test: by how much the tests
        lower the squared differences of what the trees add, weighted with the cover.
    """
    nodes, value = form.nodes, _node_values(form)
    inner = np.flatnonzero(~nodes.is_leaf)
    gain = np.zeros(len(inner))
    for child in (nodes.left[inner], nodes.right[inner]):
        gain += form.cover[child] * (value[child] - value[inner]) ** 2
    total = np.bincount(nodes.feature[inner], gain, minlength=len(form.schema))
    return total / max(total.sum(), 1e-300)


def _of_weighted_sum(form: Linear, codes: Codes) -> tuple[Array, Array]:
    row = design_matrix(form.schema, codes[None], form.fill)[0]
    added = (row - form.fill)[:, None] * form.coefficients
    owner = [c.feature for c in form.schema.columns(indicate_missing=True)]
    parts = np.zeros((len(form.schema), form.n_outputs))
    np.add.at(parts, owner, added)
    return form.intercept + form.fill @ form.coefficients, parts


def _parents(nodes: Nodes) -> NDArray[np.int64]:
    parent = np.full(len(nodes.feature), -1)
    inner = np.flatnonzero(~nodes.is_leaf)
    parent[nodes.left[inner]] = parent[nodes.right[inner]] = inner
    return parent


def _node_values(form: Forest) -> Array:
    """Return the mean of the leaves below each node, weighted with their cover."""
    nodes = form.nodes
    levels = [nodes.roots.astype(np.int64)]
    while len(inner := levels[-1][~nodes.is_leaf[levels[-1]]]):
        levels[-1] = inner
        levels.append(np.concatenate([nodes.left[inner], nodes.right[inner]]))
    value, weight = form.value.astype(np.float64), form.cover.astype(np.float64)
    for inner in levels[-2::-1]:
        left, right = nodes.left[inner], nodes.right[inner]
        total = weight[left] + weight[right]
        share = np.where(total > 0, weight[left] / np.where(total > 0, total, 1), 0.5)
        value[inner] = share * value[left] + (1 - share) * value[right]
    return value
