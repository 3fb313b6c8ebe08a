"""Thresholds that people can read, of trees that have others, and no row that moves.

A threshold may lie anywhere between the largest value that goes left and the smallest
that goes right; of all numbers in that gap, the one of the fewest digits is taken.
Nothing is ever rounded to a number of decimals, which moves rows.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError, Shown, check_boolean, number_text
from interpretkd.data import Codes, Rows
from interpretkd.models import (
    Forest,
    Nodes,
    Tree,
    column_gaps,
    node_gaps,
    numeric_tests,
    rows_seen,
    shortest_thresholds,
)


@dataclass(frozen=True, eq=False, repr=False)
class Readable(Shown):
    """A tree with readable thresholds, and what they cost.

    Parameters
    ----------
    tree : Tree or Forest
        The same tests at rounded thresholds; values and covers are as they were.
    n_rows : int
        The rows that were to stay where they are.
    n_changed : int
        Those of them that reach another leaf.
    digits_before, digits_after : float
        The mean number of significant digits of the thresholds; NaN without any.
    n_held_out : int or None, default=None
        Further rows, that had no say.
    n_held_out_changed : int or None, default=None
        Those of them that reach another leaf.
    """

    tree: Tree | Forest
    n_rows: int
    n_changed: int
    digits_before: float
    digits_after: float
    n_held_out: int | None = None
    n_held_out_changed: int | None = None

    def __str__(self) -> str:
        text = f"{self.n_changed:,} of {self.n_rows:,} rows change leaf"
        if self.n_held_out is not None:
            text += (
                f", {self.n_held_out_changed:,} of {self.n_held_out:,} held-out rows do"
            )
        if np.isnan(self.digits_before):
            return f"{text}; there is no threshold"
        return (
            f"{text}; thresholds have {self.digits_after:.1f} digits on average "
            f"instead of {self.digits_before:.1f}"
        )


def readable(
    model: Any,
    X: Rows,
    *,
    aggressive: bool = False,
    X_held_out: Rows | None = None,
) -> Readable:
    """Give a tree the shortest thresholds under which no given row changes its leaf.

    Parameters
    ----------
    model : Tree, Forest, or fitted model with a `tree_` or `forest_`
        Whose thresholds to round; it stays as it is.
    X : array-like or frame of shape (n_samples, n_features)
        The rows that must not move: those that the tree was fitted to, best with all
        others at hand.
    aggressive : bool, default=False
        False moves a threshold between the two neighbouring values that the feature
        has in any row. True looks only at the rows that reach the node: fewer digits,
        and rows that nobody has seen change their leaf more often.
    X_held_out : array-like or frame of shape (n_samples, n_features), default=None
        Other rows, to count how many of them change their leaf.

    Returns
    -------
    Readable
        The tree, and how many rows changed.

    Raises
    ------
    InputError
        When the model has no tree, or a row does not fit it.

    Notes
    -----
    Values and thresholds are compared as the trees compare them, in float32. Digits
    are significant ones: 1200 has two, as has 0.25. Of the numbers with the fewest
    digits the one nearest to the old threshold is taken; in a column of whole numbers
    only whole ones are asked. A threshold stays as it is where no row is on one of
    its sides, where it tells numbers from missing values, and where it is a date,
    which reads well anyhow. Two tests of one feature on one path keep their order, so
    no rule becomes impossible.

    Examples
    --------
    >>> import numpy as np
    >>> from interpretkd.students import CartStudent
    >>> x = np.array([[0.1234567], [0.2987654], [0.3712345], [0.9123456]])
    >>> student = CartStudent(2, search="greedy", min_samples_leaf=1)
    >>> student = student.fit(x, [0, 0, 1, 1])
    >>> rounded = readable(student, x)
    >>> float(rounded.tree.nodes.threshold[0])
    0.30000001192092896
    >>> print(rounded)
    0 of 4 rows change leaf; thresholds have 1.0 digits on average instead of ...
    """
    tree = _tree_of(model)
    check_boolean("readable", "aggressive", aggressive)
    seen = tree.schema.encode(rows_seen(model, X))
    codes = np.ascontiguousarray(seen, dtype=np.float32)
    nodes = tree.nodes
    asked = numeric_tests(nodes)
    low, high, whole = column_gaps(nodes, asked, codes)
    if aggressive:
        low, high = _widened(nodes, codes, low, high)
    rounded = asked[np.isfinite(low[asked]) & np.isfinite(high[asked])]
    _keep_order(nodes, asked, low, high)
    threshold = shortest_thresholds(
        nodes, rounded, low[rounded], high[rounded], whole[rounded]
    )
    after = replace(tree, nodes=replace(nodes, threshold=threshold))
    held_out = None
    if X_held_out is not None:
        held_out = tree.schema.encode(rows_seen(model, X_held_out))
    return Readable(
        tree=after,
        n_rows=len(codes),
        n_changed=_n_moved(nodes, after.nodes, codes),
        digits_before=_mean_digits(nodes, asked),
        digits_after=_mean_digits(after.nodes, asked),
        n_held_out=None if held_out is None else len(held_out),
        n_held_out_changed=None
        if held_out is None
        else _n_moved(nodes, after.nodes, held_out),
    )


def _significant_digits(value: float) -> int:
    """Count the digits that are needed to write a float32 number.

    Examples
    --------
    >>> [_significant_digits(x) for x in (1200, 0.25, -3.5, 0, 0.1)]
    [2, 2, 2, 1, 1]
    """
    return _digits_in(number_text(value))


def _digits_in(text: str) -> int:
    return max(len(re.sub(r"\D", "", text).strip("0")), 1)


def _tree_of(model: Any) -> Tree | Forest:
    name = type(getattr(model, "student_", model)).__name__
    for form in ("tree_", "forest_"):
        model = getattr(model, form, model)
    if not isinstance(model, Tree | Forest):
        raise InputError(
            f"Only trees have thresholds to round; a {name} has none. Use a "
            "CartStudent or a BoostedStudent."
        )
    return model


def _widened(
    nodes: Nodes, codes: Codes, low: Codes, high: Codes
) -> tuple[Codes, Codes]:
    """Return the gaps among the rows that reach each node, where both sides have any.

    They hold the gaps among all rows.
    """
    near, far = node_gaps(nodes, codes)
    both = np.isfinite(near) & np.isfinite(far)
    return np.where(both, near, low), np.where(both, far, high)


def _keep_order(
    nodes: Nodes, asked: NDArray[np.int64], low: Codes, high: Codes
) -> None:
    """Part the gaps of tests of one feature on one path where they overlap.

    No row lies between such thresholds, but a rule does, and must stay possible.
    """
    parent = np.full(len(nodes.feature), -1)
    inner = np.flatnonzero(~nodes.is_leaf)
    parent[nodes.left[inner]] = parent[nodes.right[inner]] = inner
    above, feature = parent.tolist(), nodes.feature.tolist()
    for node in asked.tolist():
        ancestor = above[node]
        while ancestor >= 0:
            if feature[ancestor] == feature[node]:
                _part(nodes.threshold, low, high, ancestor, node)
            ancestor = above[ancestor]


def _part(
    threshold: NDArray[np.float32], low: Codes, high: Codes, one: int, other: int
) -> None:
    first, last = (one, other) if threshold[one] < threshold[other] else (other, one)
    if threshold[first] == threshold[last] or high[first] <= low[last]:
        return
    middle = np.float32(float(threshold[first]) / 2 + float(threshold[last]) / 2)
    middle = max(middle, np.nextafter(threshold[first], np.float32(np.inf)))
    high[first], low[last] = min(high[first], middle), max(low[last], middle)


def _mean_digits(nodes: Nodes, asked: NDArray[np.int64]) -> float:
    if len(asked) == 0:
        return float("nan")
    features = [nodes.schema.features[j] for j in nodes.feature[asked].tolist()]
    pairs = zip(features, nodes.threshold[asked].tolist(), strict=True)
    texts = [feature.last_text(threshold) for feature, threshold in pairs]
    return float(np.mean([_digits_in(text) for text in texts]))


def _n_moved(before: Nodes, after: Nodes, codes: Codes) -> int:
    moved = np.zeros(len(codes), dtype=bool)
    for tree in range(len(before.roots)):
        moved |= before.apply(codes, tree) != after.apply(codes, tree)
    return int(moved.sum())
