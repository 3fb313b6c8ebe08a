"""A tree as an indented outline, and as a decision table."""

from collections.abc import Mapping, Sequence

import pandas as pd

from interpretkd._base import one_line
from interpretkd.data import Schema
from interpretkd.models._conditions import Condition, branch_tests, path_conditions
from interpretkd.models._nodes import Nodes

ANY = "-"
"""What a decision table shows where a rule does not ask."""


def outline(nodes: Nodes, ends: Mapping[int, str], heads: Mapping[int, str]) -> str:
    """Write a tree as indented lines, one a branch.

    Parameters
    ----------
    nodes : Nodes
        The tests of one tree.
    ends : mapping of int to str
        What to say at the nodes where the outline ends; a branch that leads to none
        of them is left out.
    heads : mapping of int to str
        What to say beside the tests, by the node they lead to.

    Returns
    -------
    str
        The lines: the test in words, and at the end of a branch what follows from it.
    """
    root = int(nodes.roots[0])
    shown, reached = _above(nodes, ends), path_conditions(nodes)
    lines = [heads[root]] if root in heads else []
    waiting = [(root, "always", -1)]
    while waiting:
        node, test, level = waiting.pop()
        if node not in shown:
            continue
        if level >= 0 or node in ends:
            lines.append("  " * max(level, 0) + _line(node, test, ends, heads))
        if node not in ends:
            left, right = _branches(nodes, node, reached)
            waiting.append((int(nodes.right[node]), right.brief, level + 1))
            waiting.append((int(nodes.left[node]), left.brief, level + 1))
    return "\n".join(lines)


def from_left(nodes: Nodes) -> dict[int, int]:
    """Return the place of each node when a tree is read from left to right.

    Parameters
    ----------
    nodes : Nodes
        The tests of one tree.

    Returns
    -------
    dict of int to int
        By node its place; a test comes before what is below it.
    """
    left, right = nodes.left.tolist(), nodes.right.tolist()
    order: dict[int, int] = {}
    waiting = [int(nodes.roots[0])]
    while waiting:
        node = waiting.pop()
        order[node] = len(order)
        if left[node] >= 0:
            waiting += [right[node], left[node]]
    return order


def decision_cells(
    schema: Schema, rules: Sequence[tuple[Condition, ...]]
) -> pd.DataFrame:
    """Return what rules ask, one column a feature.

    Parameters
    ----------
    schema : Schema
        The columns.
    rules : sequence of tuple of Condition
        The conditions of each rule.

    Returns
    -------
    DataFrame of str
        One row a rule; the features that some rule asks for, those that most rules ask
        for first. A cell holds what passes ("<= 30", "(25, 30]", "in {own, free}") or
        "-" for anything.
    """
    asked: dict[int, int] = {}
    for conditions in rules:
        for condition in conditions:
            asked[condition.position] = asked.get(condition.position, 0) + 1
    order = sorted(asked, key=lambda position: (-asked[position], position))
    rows = []
    for conditions in rules:
        cells = {
            condition.position: one_line(condition.cell) for condition in conditions
        }
        rows.append([cells.get(position, ANY) for position in order])
    return pd.DataFrame(
        rows, columns=[schema.names[position] for position in order], dtype=object
    )


def _branches(
    nodes: Nodes, node: int, reached: Mapping[int, tuple[Condition, ...]]
) -> list[Condition]:
    """Return the tests of both branches; of categories, only those still possible."""
    found = []
    children = (int(nodes.left[node]), int(nodes.right[node]))
    for child, test in zip(children, branch_tests(nodes, node), strict=True):
        narrowed = [c for c in reached[child] if c.position == test.position]
        use = narrowed if test.feature.is_categorical else []
        found.append(use[0] if use else test)
    return found


def _above(nodes: Nodes, ends: Mapping[int, str]) -> set[int]:
    """Return the nodes on the ways to where the outline ends."""
    shown = set(ends)
    left, right = nodes.left.tolist(), nodes.right.tolist()
    for node in reversed(range(len(left))):  # children come behind their parents
        if left[node] in shown or right[node] in shown:
            shown.add(node)
    return shown


def _line(
    node: int, test: str, ends: Mapping[int, str], heads: Mapping[int, str]
) -> str:
    if node in ends:
        return one_line(f"{test}: {ends[node]}")
    head = f" [{heads[node]}]" if node in heads else ""
    return one_line(f"{test}{head}")
