"""What a row must be to reach a node: tests joined to one condition a feature.

A condition is an interval or a set of categories; many tests of one feature on a path
become one condition, and those that say nothing are left out.
"""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import joined
from interpretkd.data import Codes, Feature
from interpretkd.models._nodes import ALL_NUMBERS, Nodes

_BRIEF = 5
"""How many categories a brief text names."""

_UNCLEAR = re.compile(r'[,{}"]|^\s|\s$|^$|^missing$|^not ')
"""Names that could be taken for more than one name, or for our own words."""


@dataclass(frozen=True)
class Condition:
    """What one feature of a row must be.

    Parameters
    ----------
    feature : Feature
        The column.
    position : int
        Where it stands among the columns.
    low, high : float
        Numbers in (low, high] pass; for a number only.
    categories : tuple of int
        The positions of the categories that pass; for a categorical feature only.
    values : bool
        Whether any number passes at all; False for "is missing".
    missing : bool
        Whether a missing value passes.

    Examples
    --------
    >>> home = Feature("home", "categorical", ("own", "rent", "free"))
    >>> print(Condition(home, 0, categories=(0, 2)))
    home is not rent
    >>> Condition(home, 0, categories=(0, 2)).cell
    'not rent'
    """

    feature: Feature
    position: int
    low: float = -np.inf
    high: float = np.inf
    categories: tuple[int, ...] = ()
    values: bool = True
    missing: bool = True

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        return _sentence(self, None)

    @property
    def brief(self) -> str:
        """The same in words, of a long list of categories only the first five."""
        long = len(self.feature.categories) > 2 * _BRIEF
        return _sentence(self, _BRIEF) if long else self._text

    @property
    def cell(self) -> str:
        """What passes, without the feature's name: for a column under that name."""
        return _passing(self, None)

    @cached_property
    def says_nothing(self) -> bool:
        """Whether every value passes, of those that the training rows had."""
        if self.feature.has_missing and not self.missing:
            return False
        if self.feature.is_categorical:
            return len(self.categories) == len(self.feature.categories)
        return self.values and self.low == -np.inf and self.high == np.inf

    def holds(self, codes: Codes) -> NDArray[np.bool_]:
        """Tell for which rows the condition holds.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_features), float32
            Rows as `Schema.encode` returns them.

        Returns
        -------
        ndarray of shape (n_samples,), bool
            One value a row.
        """
        column = codes[:, self.position]
        gap = np.isnan(column)
        if self.feature.is_categorical:
            inside = np.isin(column, self.categories)
        else:
            inside = (column > self.low) & (column <= self.high) & self.values
        return np.where(gap, self.missing, inside)


def path_conditions(nodes: Nodes) -> dict[int, tuple[Condition, ...]]:
    """Return what a row must be to reach each node of a tree.

    Tests of one feature are joined; those that say nothing are left out.

    Parameters
    ----------
    nodes : Nodes
        The tests of one tree.

    Returns
    -------
    dict of int to tuple of Condition
        For each node one condition a feature that was asked for above it.
    """
    known: dict[int, dict[int, Condition]] = {int(nodes.roots[0]): {}}
    left, right = nodes.left.tolist(), nodes.right.tolist()
    for node, position in enumerate(nodes.feature.tolist()):
        if position < 0:  # a leaf
            continue
        above = known[node]  # parents come before their children
        before = above.get(position) or _anything(nodes, position)
        for child, goes_left in ((left[node], True), (right[node], False)):
            after = _narrow(nodes, node, before, goes_left=goes_left)
            known[child] = {**above, position: after}
    return {
        node: tuple(c for c in by_feature.values() if not c.says_nothing)
        for node, by_feature in known.items()
    }


def node_test(nodes: Nodes, node: int) -> Condition:
    """Return a node's test by itself: the condition under which a row goes left.

    Parameters
    ----------
    nodes : Nodes
        The tests of one or more trees.
    node : int
        A node that is no leaf.

    Returns
    -------
    Condition
        The condition.
    """
    return branch_tests(nodes, node)[0]


def branch_tests(nodes: Nodes, node: int) -> tuple[Condition, Condition]:
    """Return a node's test twice: what goes left, and what goes right.

    Parameters
    ----------
    nodes : Nodes
        The tests of one or more trees.
    node : int
        A node that is no leaf.

    Returns
    -------
    left, right : Condition
        Of each row exactly one of them holds.
    """
    whole = _anything(nodes, int(nodes.feature[node]))
    return (
        _narrow(nodes, node, whole, goes_left=True),
        _narrow(nodes, node, whole, goes_left=False),
    )


def decision_path(nodes: Nodes, codes: Codes) -> list[tuple[int, Condition]]:
    """Return the nodes above a row's leaf, from the root, and what it fulfils there.

    Parameters
    ----------
    nodes : Nodes
        Of a tree.
    codes : ndarray of shape (n_features,)
        The row's codes.

    Returns
    -------
    list of (int, Condition)
        Node and condition; empty for a tree of one leaf.
    """
    found, node = [], 0
    while nodes.feature[node] >= 0:
        left, right = branch_tests(nodes, node)
        goes_left = bool(left.holds(codes[None])[0])
        found.append((node, left if goes_left else right))
        node = int(nodes.left[node] if goes_left else nodes.right[node])
    return found


def _anything(nodes: Nodes, position: int) -> Condition:
    feature = nodes.schema.features[position]
    categories = tuple(range(len(feature.categories)))
    return Condition(feature, position, categories=categories)


def _narrow(
    nodes: Nodes, node: int, before: Condition, *, goes_left: bool
) -> Condition:
    """Return what is left of a condition after one more test."""
    missing = before.missing and bool(nodes.missing_left[node]) == goes_left
    low, high, values = before.low, before.high, before.values
    categories = before.categories
    if before.feature.is_categorical:
        left = nodes.left_set(node).tolist()
        categories = tuple(c for c in categories if left[c] == goes_left)
    else:
        threshold = float(nodes.threshold[node])
        if goes_left:
            high = min(high, threshold) if threshold < ALL_NUMBERS else high
        else:
            low = max(low, threshold)
            values = values and threshold < ALL_NUMBERS
    return Condition(
        before.feature, before.position, low, high, categories, values, missing
    )


def _sentence(condition: Condition, most: int | None) -> str:
    name, low, high = condition.feature.name, condition.low, condition.high
    if condition.feature.is_categorical or not condition.values:
        return f"{name} is {_passing(condition, most)}"
    if low == -np.inf and high == np.inf:
        return f"{name} is not missing"
    if low == -np.inf or high == np.inf:
        return f"{name} {_passing(condition, most)}"
    first, last = _numbers(condition)
    return f"{first} < {name} <= {last}{_or_missing(condition)}"


def _passing(condition: Condition, most: int | None) -> str:
    low, high = condition.low, condition.high
    if condition.feature.is_categorical:
        text = _categories(condition, most)
    elif low == -np.inf and high == np.inf:
        text = "not missing" if condition.values else "missing"
    elif not condition.values:
        text = "missing"
    else:
        first, last = _numbers(condition)
        text = f"({first}, {last}]"
        if low == -np.inf:
            text = f"<= {last}"
        elif high == np.inf:
            text = f"> {first}"
    whole = text in ("missing", "not missing")
    return text if whole else text + _or_missing(condition)


def _numbers(condition: Condition) -> tuple[str, str]:
    """Return the ends of the interval; of a date, the last moments that count."""
    say = condition.feature.last_text
    ends = (condition.low, condition.high)
    first, last = ("" if np.isinf(end) else say(end) for end in ends)
    return first, last


def _categories(condition: Condition, most: int | None) -> str:
    feature, chosen = condition.feature, condition.categories
    n_categories = len(feature.categories)
    if not chosen:
        return "missing" if condition.missing else "in {}"
    if len(chosen) == n_categories:
        return "not missing"
    within = set(chosen)
    others = [i for i in range(n_categories) if i not in within]
    negation, listed = "", list(chosen)
    if len(others) < len(chosen):
        negation, listed = "not ", others
    names = [_clear(feature.text(i)) for i in listed]
    if len(names) == 1:
        return negation + names[0]
    return f"{negation}in {{{joined(names, most)}}}"


def _clear(name: str) -> str:
    if not _UNCLEAR.search(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _or_missing(condition: Condition) -> str:
    if not condition.feature.has_missing or not condition.missing:
        return ""
    return " or missing"
