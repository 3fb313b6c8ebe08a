"""A tree in SQL: one CASE that names a row's rule, and a table of what rules say."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from interpretkd._base import one_line
from interpretkd.export._sql.names import _quoted
from interpretkd.export._sql.writer import _output_columns, _Writer
from interpretkd.models import Condition, Nodes, Tree, branch_tests

_MOST_RULES = 20
"""Of a tree whose rules are written one by one: SQLite asks them once a rule."""
_MOST_CONDITIONS = 150
_LONG = 200
"""Letters of a rule's comment."""


def _is_small(tree: Tree) -> bool:
    """Tell whether people would read the tree's rules one by one."""
    nodes = tree.nodes
    leaves = nodes.is_leaf
    asked = int(nodes.depths[leaves].sum())
    return int(leaves.sum()) <= _MOST_RULES and asked <= _MOST_CONDITIONS


def _plain_tree(writer: _Writer, tree: Tree, numbers: Mapping[int, int]) -> str:
    """Write a small tree as one CASE over its rules, to be read by people."""
    paths = _exact_paths(tree.nodes)
    leaves = sorted(
        np.flatnonzero(tree.nodes.is_leaf).tolist(), key=numbers.__getitem__
    )
    rules = ['WHEN w."refused" = 1 THEN NULL']
    rules += [
        f"WHEN {_all_of(writer, paths[leaf])} THEN {numbers[leaf]}"
        f"  -- rule {numbers[leaf]}: {_in_words(paths[leaf])}"
        for leaf in leaves
    ]
    listed = "\n  ".join(rules)
    said = _said_by_rules(writer, tree, leaves, numbers, "rule")
    source = writer.step("input")
    cells = ",\n  ".join(writer.cells())
    read = f"{source} AS (\nSELECT\n  {cells}\nFROM {writer.source}\n)"
    if writer.spec.scores:  # which are worth adding up once
        source = _read_once(writer)
        read = ",\n".join(writer.stages)
    return (
        f"WITH\n{read},\n{said}\n{_selected(writer)}\n"
        f"FROM {source} AS w LEFT JOIN {writer.step('rules')} AS m "
        f'ON m."rule" = CASE\n  {listed}\nEND'
    )


def _large_tree(writer: _Writer, tree: Tree) -> str:
    """Write a tree as CASEs within one another, over cells that are read once."""
    source = _read_once(writer)
    case = writer.walk(tree.nodes, 0, str)
    leaf = f'CASE WHEN "refused" = 1 THEN NULL ELSE\n{case}\nEND AS "leaf"'
    writer.stage("walked", [*writer.carried, leaf], source)
    leaves = np.flatnonzero(tree.nodes.is_leaf).tolist()
    said = _said_by_rules(writer, tree, leaves, {i: i for i in leaves}, "leaf")
    chain = ",\n".join([*writer.stages, said])
    return (
        f"WITH\n{chain}\n{_selected(writer)}\n"
        f"FROM {writer.step('walked')} AS w LEFT JOIN {writer.step('rules')} AS m "
        'ON m."leaf" = w."leaf"'
    )


def _read_once(writer: _Writer) -> str:
    """Add the steps that read the cells and add up the sums; return the last."""
    writer.stage("input", writer.cells(), writer.source)
    if not writer.spec.scores:
        return writer.step("input")
    writer.stage("scored", ["*", *writer.scores()], writer.step("input"))
    return writer.step("scored")


def _said_by_rules(
    writer: _Writer, tree: Tree, leaves: list[int], numbers: Mapping[int, int], key: str
) -> str:
    """Write the table of what each rule says."""
    values, decisions = writer.spec.results(tree.value[leaves])
    rows = [
        f"({numbers[leaf]}, {', '.join(_outcome(writer, values[i], decisions[i]))})"
        for i, leaf in enumerate(leaves)
    ]
    named = ", ".join(map(_quoted, [key, *_output_columns(writer.spec)]))
    body = ",\n  ".join(rows)
    return f"{writer.step('rules')}({named}) AS (VALUES\n  {body}\n)"


def _outcome(writer: _Writer, values: Any, decisions: Any) -> Iterator[str]:
    """Write what a leaf means, in the order of `_output_columns`."""
    if writer.spec.task == "multiclass":
        yield writer.literal(writer.spec.labels[int(decisions)])
    elif writer.spec.task == "multilabel":
        yield from (str(int(on)) for on in decisions)
    for value in values:
        yield writer.literal(float(value))


def _selected(writer: _Writer) -> str:
    """Write the columns of the answer; PostgreSQL reads numbers as decimals."""
    outputs = _output_columns(writer.spec)
    n_values = writer.spec.form.n_outputs
    said = []
    for i, output in enumerate(outputs):
        name = _quoted(output)
        is_value = i >= len(outputs) - n_values
        if is_value and writer.dialect == "postgresql":
            said.append(f"CAST(m.{name} AS {writer.double}) AS {name}")
        else:
            said.append(f"m.{name} AS {name}")
    listed = ",\n  ".join([*writer.restored, *said])
    return f"SELECT\n  {listed}"


def _exact_paths(nodes: Nodes) -> dict[int, tuple[Condition, ...]]:
    """Return what a row must be to reach each leaf, missing cells and all.

    `path_conditions` leaves out what says nothing of the training rows.
    """
    known: dict[int, dict[int, Condition]] = {int(nodes.roots[0]): {}}
    for node, position in enumerate(nodes.feature.tolist()):
        if position < 0:
            continue
        above = known.pop(node)
        children = (int(nodes.left[node]), int(nodes.right[node]))
        for child, test in zip(children, branch_tests(nodes, node), strict=True):
            before = above.get(position, test)
            known[child] = {**above, position: _both(before, test)}
    return {leaf: tuple(found.values()) for leaf, found in known.items()}


def _both(one: Condition, other: Condition) -> Condition:
    within = set(other.categories)
    return Condition(
        one.feature,
        one.position,
        max(one.low, other.low),
        min(one.high, other.high),
        tuple(c for c in one.categories if c in within),
        one.values and other.values,
        one.missing and other.missing,
    )


def _all_of(writer: _Writer, path: tuple[Condition, ...]) -> str:
    found = [_one_of(writer, condition) for condition in path]
    return " AND ".join(text for text in found if text) or "1 = 1"


def _one_of(writer: _Writer, condition: Condition) -> str:
    """Write a condition; nothing where every cell meets it."""
    column = f"w.{writer.tested(condition.position)}"
    tests = _tests(writer, condition, column)
    missing = condition.missing and condition.position not in writer.spec.scores
    if tests is None:
        return f"{column} IS NULL" if missing else "1 = 0"
    if not tests:
        return "" if missing else f"{column} IS NOT NULL"
    joined = " AND ".join(tests)
    if not missing:
        return joined
    return f"({column} IS NULL OR {joined})"


def _tests(writer: _Writer, condition: Condition, column: str) -> list[str] | None:
    """Write which values pass: all of them ([]), some, or none (None)."""
    feature, chosen = condition.feature, condition.categories
    if feature.is_categorical:
        if len(chosen) == len(feature.categories):
            return []
        return [f"{column} IN ({writer.levels(feature, chosen)})"] if chosen else None
    if not condition.values or condition.low >= condition.high:
        return None
    ends = {">": condition.low, "<=": condition.high}
    return [
        f"{column} {sign} {writer.end(feature, condition.position, end)}"
        for sign, end in ends.items()
        if np.isfinite(end)
    ]


def _in_words(path: tuple[Condition, ...]) -> str:
    said = [c.brief for c in path if not c.says_nothing]
    text = one_line(" AND ".join(said) or "always")
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."
