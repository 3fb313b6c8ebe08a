"""Growing a tree on many target columns at once, into frozen arrays.

The growth is scikit-learn's. It reads one indicator column a category; the tests on
these columns are folded back into tests on the original columns.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from interpretkd.nodes import ALL_NUMBERS, Nodes, floor_to_float32
from interpretkd.schema import MISSING, VALUE, Codes, Column, Schema, expand
from interpretkd.trees import Tree

__all__ = ["fold_tests", "grow"]


def grow(
    schema: Schema,
    codes: Codes,
    targets: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None = None,
    *,
    max_leaves: int | None = None,
    max_depth: int | None = None,
    min_samples_leaf: int = 1,
    seed: int = 0,
) -> Tree:
    """Grow one tree with vector leaves by squared error on all target columns.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Target columns.
    sample_weight : ndarray of shape (n_samples,), default=None
        How much each row counts.
    max_leaves : int or None, default=None
        In [2, inf); with it the tree grows best-first. None for no bound.
    max_depth : int or None, default=None
        In [1, inf); None for no bound.
    min_samples_leaf : int, default=1
        In [1, inf): the fewest rows a leaf may have; with weights, their least sum.
    seed : int, default=0
        Decides between tests of equal gain.

    Returns
    -------
    Tree
        The tree over the original columns.

    References
    ----------
    Liu, Wang & Matwin (2018), "Improving the interpretability of deep neural networks
    with knowledge distillation": one tree, multi-output regression on logits.

    Examples
    --------
    >>> from interpretkd.schema import Schema
    >>> codes = np.array([[1.0], [2.0], [3.0], [4.0]], dtype=np.float32)
    >>> tree = grow(Schema.from_data(codes), codes, np.array([[0.0], [0], [1], [1]]))
    >>> tree.n_leaves, float(tree.nodes.threshold[0])
    (2, 2.5)
    """
    columns = schema.columns(indicate_missing=False)
    fitted = DecisionTreeRegressor(
        max_leaf_nodes=max_leaves,
        max_depth=max_depth,
        random_state=seed,
        **_leaf_bounds(min_samples_leaf, len(codes), sample_weight),
    ).fit(expand(codes, columns), targets, sample_weight=sample_weight)
    grown = fitted.tree_
    leaf = grown.children_left < 0
    nodes = fold_tests(
        schema,
        columns,
        column=np.where(leaf, -1, grown.feature),
        threshold=floor_to_float32(np.where(leaf, 0.0, grown.threshold)),
        missing_left=grown.missing_go_to_left.astype(bool) & ~leaf,
        left=grown.children_left,
        right=grown.children_right,
        roots=np.zeros(1, dtype=np.int32),
    )
    return Tree(nodes, grown.value[:, :, 0], grown.weighted_n_node_samples)


def _leaf_bounds(
    least: int, n_samples: int, sample_weight: NDArray[np.float64] | None
) -> dict[str, float]:
    """Say `min_samples_leaf` such that a weight of 2 equals a row that comes twice."""
    if sample_weight is None:
        return {"min_samples_leaf": least}
    share = (least - 1e-9) / sample_weight.sum()  # may not lose `least` to rounding
    if share > 0.5:  # there is no such split, and scikit-learn refuses the number
        return {"min_samples_split": n_samples + 1}
    return {"min_weight_fraction_leaf": max(share, 0.0)}


def fold_tests(
    schema: Schema,
    columns: tuple[Column, ...],
    *,
    column: NDArray[np.integer],
    threshold: NDArray[np.float32],
    missing_left: NDArray[np.bool_],
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    roots: NDArray[np.integer],
) -> Nodes:
    """Turn tests on the expanded columns into tests on the original ones.

    Parameters
    ----------
    schema : Schema
        The columns.
    columns : tuple of Column
        What each expanded column is.
    column : ndarray of shape (n_nodes,), int
        The expanded column tested; -1 at leaves.
    threshold : ndarray of shape (n_nodes,), float32
        Values up to here go left.
    missing_left : ndarray of shape (n_nodes,), bool
        Whether a missing value goes left; only numbers can be missing here.
    left, right : ndarray of shape (n_nodes,), int
        The children; -1 at leaves.
    roots : ndarray of shape (n_trees,), int
        Where each tree starts.

    Returns
    -------
    Nodes
        The tests on the original columns.
    """
    feature_of = np.asarray([c.feature for c in columns] + [-1], dtype=np.int32)
    part_of = np.asarray([c.part for c in columns] + [VALUE])
    feature, part = feature_of[column], part_of[column]
    categorical = np.asarray([f.is_categorical for f in schema.features] + [False])
    # A test on an indicator sends 0 left: all that is not the category, not missing.
    on_missing, on_category = part == MISSING, part >= 0
    threshold = np.where(on_missing, np.float32(ALL_NUMBERS), threshold)
    threshold = np.where(categorical[feature], np.float32(0), threshold)
    missing_left = np.where(on_category, True, missing_left & ~on_missing)
    sets = [
        np.arange(len(schema.features[feature[node]].categories)) != part[node]
        for node in np.flatnonzero(categorical[feature])
    ]
    return Nodes(
        schema=schema,
        feature=feature,
        threshold=threshold.astype(np.float32),
        missing_left=missing_left,
        left=np.where(feature < 0, -1, left).astype(np.int32),
        right=np.where(feature < 0, -1, right).astype(np.int32),
        left_categories=np.concatenate(sets) if sets else np.zeros(0, dtype=bool),
        roots=roots.astype(np.int32),
    )
