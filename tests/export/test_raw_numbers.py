"""Rules and exports of numbers that float32 does not hold speak of the numbers."""

import contextlib
import re
import sqlite3
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st

from interpretkd.data import Schema
from interpretkd.distillation import DistilledClassifier
from interpretkd.export import conditions_sql, export_student
from interpretkd.export._made_rows import _made_rows
from interpretkd.export._specification import _model_spec
from interpretkd.models import Nodes, Tree, path_conditions
from interpretkd.rules import extract_rules
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import CallableTeacher

WHOLE = st.integers(-(2**53), 2**53)
SECONDS = 1_577_836_800 + np.arange(0, 300 * 99_991, 99_991)


def _chain(schema: Schema, thresholds: list[float]) -> Tree:
    """Return a tree that asks for one threshold after the other, falling."""
    n = len(thresholds)
    feature, left, right = [], [], []
    for i in range(n):
        feature += [0, -1]
        left += [2 * i + 2, -1]
        right += [2 * i + 1, -1]
    feature.append(-1)
    left.append(-1)
    right.append(-1)
    size = 2 * n + 1
    threshold = np.zeros(size, dtype=np.float32)
    threshold[np.arange(n) * 2] = thresholds
    nodes = Nodes(
        schema,
        np.asarray(feature),
        threshold,
        np.zeros(size, dtype=bool),
        np.asarray(left),
        np.asarray(right),
        np.zeros(0, dtype=bool),
        np.zeros(1, dtype=np.int32),
    )
    values = np.arange(size, dtype=np.float64)[:, None]
    return Tree(nodes, values, np.ones(size))


def _holds(text: str, number: int | float) -> bool:
    """Evaluate a printed condition of the column v in exact arithmetic."""
    parts = re.fullmatch(r"(?:(\S+) < )?v(?: (<=|>) (\S+))?", text)
    assert parts is not None, text
    low, sign, end = parts.groups()
    above = low is None or number > _read(low)
    if sign is None:
        return above
    return above and (number <= _read(end) if sign == "<=" else number > _read(end))


def _read(text: str) -> int | float:
    digits = text.replace(",", "")
    return int(digits) if re.fullmatch(r"-?\d+", digits) else float(digits)


@given(st.lists(WHOLE, min_size=2, max_size=12, unique=True), st.data())
@example([20240101, 20240102, 20240103], None)
@settings(max_examples=25, deadline=None)
def test_what_is_printed_and_exported_is_true_of_whole_numbers(
    values: list[int], data: Any
) -> None:
    X = pd.DataFrame({"v": values})
    schema = Schema.from_data(X)
    codes = np.unique(schema.encode(X))
    cuts = codes[:-1] if data is None else data.draw(st.sets(st.sampled_from(codes)))
    tree = _chain(schema, sorted(map(float, cuts), reverse=True))
    further = [] if data is None else data.draw(st.lists(WHOLE, max_size=5))
    near = [n + step for n in values for step in (-1, 0, 1)]
    numbers = sorted({n for n in [*near, *further] if abs(n) <= 2**53})
    rows = pd.DataFrame({"v": numbers})
    reached = tree.apply(rows).tolist()
    conditions = path_conditions(tree.nodes)
    for number, leaf in zip(numbers, reached, strict=True):
        own = [
            node
            for node in np.flatnonzero(tree.nodes.is_leaf).tolist()
            if all(_holds(str(c), number) for c in conditions[node])
        ]
        assert own == [leaf], number
    for to in ("python", "sql", "json"):
        export_student(tree, to, rows)
    export_student(tree, "sql", rows, dialect="duckdb")
    with contextlib.closing(sqlite3.connect(":memory:")) as base:
        base.execute("CREATE TABLE t (v INTEGER)")
        base.executemany("INSERT INTO t VALUES (?)", [(n,) for n in numbers])
        for node in set(reached):
            asked = conditions_sql(conditions[node])
            found = base.execute(f"SELECT v FROM t WHERE {asked} ORDER BY v").fetchall()
            pairs = zip(numbers, reached, strict=True)
            assert [v for (v,) in found] == [n for n, leaf in pairs if leaf == node]


@pytest.mark.parametrize("student", [LinearStudent(), BoostedStudent(8, max_depth=3)])
@pytest.mark.parametrize("to", ["python", "sql", "c", "json", "onnx", "pmml"])
def test_sums_of_such_numbers_are_exported(student: Any, to: str) -> None:
    X = pd.DataFrame(
        {
            "time": np.where(np.arange(300) % 9, SECONDS, np.nan),
            "day": SECONDS // 86_400 * 86_400 * 10,
            "small": np.arange(300) % 7,
        }
    )
    assert {f.scale is not None for f in Schema.from_data(X).features} == {True, False}
    model = DistilledClassifier(_teacher(), student, transfer=None, random_state=0)
    assert "equal" in str(export_student(model.fit(X), to, X))


def _teacher() -> CallableTeacher:
    def told(rows: pd.DataFrame) -> Any:
        score = (rows["day"] - rows["day"].mean()) / rows["day"].std()
        score += rows["small"] / 5
        return np.column_stack([-score, score])

    return CallableTeacher(told)


def test_rules_of_days_written_as_numbers_are_true_of_every_row() -> None:
    days = pd.date_range("2019-01-01", periods=600).strftime("%Y%m%d").astype(int)
    X = pd.DataFrame({"v": days})

    def told(rows: pd.DataFrame) -> Any:
        score = np.where(rows["v"] % 100 <= 11, 3.0, -3.0)
        return np.column_stack([-score, score])

    model = DistilledClassifier(CallableTeacher(told), transfer=None, random_state=0)
    model.fit(X)
    for rules in (extract_rules(model), extract_rules(model).readable(X)):
        place = rules.apply(X)
        for day, own in zip(days.tolist(), place.tolist(), strict=True):
            true = [
                i
                for i, rule in enumerate(rules)
                if all(_holds(str(c), day) for c in rule.conditions)
            ]
            assert true == [own]


def test_fitted_thresholds_are_short_in_the_numbers_themselves() -> None:
    days = np.asarray([20240105, 20240117, 20240131, 20240302, 20240309, 20240328])
    X = pd.DataFrame({"v": np.repeat(days, 20)})
    y = (X["v"] > 20240201).astype(float)
    tree = CartStudent(2).fit(X, y).tree_
    (feature,) = tree.schema.features
    assert feature.last_text(float(tree.nodes.threshold[0])) == "20240200"
    near = pd.DataFrame({"v": [20240200, 20240201]})
    assert len(set(tree.apply(near).tolist())) == 2


def test_rows_are_made_on_both_sides_of_such_borders() -> None:
    schema = Schema.from_data(pd.DataFrame({"v": SECONDS}))
    (feature,) = schema.features
    assert feature.scale is not None
    cut = float(schema.encode(pd.DataFrame({"v": SECONDS[9:10]}))[0, 0])
    made = _made_rows(_model_spec(_chain(schema, [cut]))).rows
    last = feature.scale.last(cut)
    assert {last, last + 1, last - 1, last + 0.5} <= set(np.asarray(made)[:, 0])
