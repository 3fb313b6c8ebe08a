"""Exports decide as the student does, and say so only when they do."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, strategies as st

import interpretkd.targets
from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.export import ParityError, export_student
from interpretkd.export._made_rows import _made_rows
from interpretkd.export._parity import check
from interpretkd.export._specification import (
    LARGEST,
    SMALLEST,
    _double_threshold,
    _model_spec,
)
from interpretkd.export._sql.checker import _sql_checker
from interpretkd.models import ALL_NUMBERS, Forest, Linear, Nodes
from interpretkd.students import CartStudent
from tests.export.models import (
    chain_of_tests,
    diabetes,
    german,
    hostile,
    multilabel,
    plain,
    students,
)

FAMILIES = tuple(students())
CHECKED = ("sql", "python", "c", "json", "onnx", "pmml")
MODELS = {
    "german": german,
    "hostile": hostile,
    "diabetes": diabetes,
    "values": lambda family: diabetes(family, 2),
    "labels": multilabel,
    "hard labels": lambda family: multilabel(family, "hard"),
    "digits": lambda family: plain("digits", family),
    "cancer": lambda family: plain("cancer", family),
    "iris": lambda family: plain("iris", family),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", MODELS)
def test_every_form_and_task_comes_out_equal(name, family):
    model, X = MODELS[name](family)
    X = X[:150]
    for to in CHECKED:
        if to == "pmml" and name in ("values", "labels", "hard labels"):
            with pytest.raises(InputError, match="A PMML model predicts one target"):
                export_student(model, to, X)
            continue
        parity = export_student(model, to, X).parity
        assert parity.n_equal == parity.n_rows == 150
        assert parity.n_made_equal == parity.n_made > 0
        assert parity.largest_difference < (1e-6 if to == "onnx" else 1e-9)


@pytest.mark.parametrize("dialect", ["postgresql", "duckdb"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["german", "hostile", "diabetes", "labels"])
def test_statements_are_run_in_duckdb(name, family, dialect):
    model, X = MODELS[name](family)
    said = str(export_student(model, "sql", X[:150], dialect=dialect))
    assert said.startswith("150 of 150 rows equal, ")
    assert "(checked in DuckDB" in said
    assert ("no PostgreSQL server was asked" in said) == (dialect == "postgresql")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_specification_is_the_model(name, family):
    model, X = MODELS[name](family)
    spec = _model_spec(model)
    values, decisions = spec.predict(X)
    if spec.task == "regression":
        np.testing.assert_array_equal(values, model.predict(X).reshape(len(X), -1))
        return
    np.testing.assert_array_equal(values, model.predict_proba(X))
    if spec.task == "multiclass":
        decisions = np.asarray(spec.labels, dtype=object)[decisions]
    np.testing.assert_array_equal(decisions, model.predict(X))


def test_the_smallest_probability_is_that_of_the_targets():
    assert interpretkd.targets._target._SMALLEST == SMALLEST


SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


@given(SINGLES, DOUBLES, st.integers(-3, 3))
@example(0.0, -0.0, 0)
@example(float(np.finfo(np.float32).max), 3.4028235677973366e38, 0)
@example(float(np.finfo(np.float32).smallest_subnormal), 0.0, 1)
@example(16777216.0, 16777217.0, 0)
@example(16777218.0, 16777219.0, 0)
def test_the_double_threshold_separates_the_same_numbers(threshold, x, steps):
    border = _double_threshold(threshold)
    near = border
    for _ in range(abs(steps)):
        near = math.nextafter(near, math.copysign(math.inf, steps))
    with np.errstate(over="ignore"):
        for number in (x, near, threshold):
            assert (np.float32(number) <= np.float32(threshold)) == (number <= border)


def test_the_largest_number_is_the_last_that_is_not_infinite():
    with np.errstate(over="ignore"):
        assert np.float32(LARGEST) == np.finfo(np.float32).max
        assert np.isinf(np.float32(np.nextafter(LARGEST, np.inf)))


@pytest.mark.parametrize(
    ("to", "writer"),
    [("python", "_to_python"), ("pmml", "_to_pmml")],
)
def test_a_threshold_that_is_not_rounded_is_found(to, writer, monkeypatch):
    """The naive threshold is right on all rows but those that lie beside it."""
    model, X = plain("cancer", "tree")
    naive = f"interpretkd.export.{writer}._border_of"
    monkeypatch.setattr(naive, lambda feature, threshold: threshold)
    with pytest.raises(ParityError, match=r"Nothing was written: .* rows came out"):
        export_student(model, to, X)


def test_another_students_answers_are_not_equal():
    model, X = plain("iris", "tree")
    other, _ = plain("iris", "boosted")
    _, ask = _sql_checker(_model_spec(other), "sqlite")
    with pytest.raises(ParityError, match="of 150 rows came out otherwise in SQLite"):
        check(_model_spec(model), "SQLite", ask, X)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_made_rows_meet_every_test(family):
    model, X = german(family)
    spec = _model_spec(model)
    made = _made_rows(spec, X)
    made = made.part(~made.refused)
    rows, codes = made.rows, spec.schema.encode(made.rows)
    assert np.isnan(codes[:, list(spec.used)]).any(axis=0).all()
    if family in ("tree", "scored"):
        reached = np.unique(spec.form.apply(rows))
        assert len(reached) == spec.form.n_leaves
    if family == "tree":
        nodes = spec.form.nodes
        for node in np.flatnonzero(nodes.category_start >= 0):
            position = nodes.feature[node]
            seen = np.unique(codes[:, position])
            assert len(seen[~np.isnan(seen)]) == len(
                spec.schema.features[position].categories
            )


# Trees that a search rarely grows: tests of "is missing", empty sets, long chains.


def mixed_schema():
    return Schema(
        (
            Feature("x", has_missing=True),
            Feature("level", "categorical", (1, 2, 30), has_missing=True),
            Feature("truth", "categorical", (False, True), has_missing=True),
            Feature("part", "categorical", (0.25, 1.5)),
        )
    )


def odd_tree():
    tests = [
        (0, ALL_NUMBERS, False),  # right: x is missing
        (0, ALL_NUMBERS, True),  # always left
        (1, [False, False, False], True),
        (1, [True, True, True], False),
        (2, [True, False], True),
        (2, [False, True], False),
        (3, [True, False], False),
    ]
    return chain_of_tests(mixed_schema(), tests, np.arange(15) / 3)


def mixed_rows():
    frame = pd.DataFrame(
        {
            "x": [0.1, np.nan, -3.0, np.nan],
            "level": pd.Series([1, 2, 30, None], dtype=object),
            "truth": pd.Series([True, None, False, True], dtype=object),
            "part": [0.25, 1.5, 0.25, 1.5],
        }
    )
    return frame


def chain(n_tests):
    schema = Schema((Feature("x"), Feature("y")))
    tests = [(i % 2, float(i) + 0.1, i % 3 == 0) for i in range(n_tests)]
    return chain_of_tests(schema, tests, np.arange(2 * n_tests + 1))


def stumps(n_trees):
    schema = Schema((Feature("x", has_missing=True),))
    return Forest(
        Nodes(
            schema,
            np.tile([0, -1, -1], n_trees),
            np.repeat(np.linspace(-1, 1, n_trees), 3).astype(np.float32),
            np.tile([True, False, False], n_trees),
            np.ravel([[3 * i + 1, -1, -1] for i in range(n_trees)]),
            np.ravel([[3 * i + 2, -1, -1] for i in range(n_trees)]),
            np.zeros(0, dtype=bool),
            3 * np.arange(n_trees),
        ),
        np.linspace(-0.4, 0.6, 3 * n_trees).astype(np.float32),
        np.ones(3 * n_trees, dtype=np.float32),
        np.zeros(n_trees, dtype=np.int32),
        np.asarray([0.7]),
    )


def leaf_alone():
    return chain_of_tests(Schema((Feature("x"),)), [], [2.5])


def constant_linear():
    schema = Schema((Feature("x"),))
    return Linear(schema, np.zeros((1, 1)), np.asarray([2.5]), np.zeros(1))


@pytest.mark.parametrize(
    ("to", "dialect"),
    [*((to, "sqlite") for to in CHECKED), ("sql", "postgresql"), ("sql", "duckdb")],
)
@pytest.mark.parametrize(
    "make",
    [odd_tree, lambda: chain(60), lambda: stumps(250), leaf_alone, constant_linear],
)
def test_odd_forms_come_out_equal(make, to, dialect):
    form = make()
    rows = mixed_rows() if len(form.schema) == 4 else None
    parity = export_student(form, to, rows, dialect=dialect).parity
    assert parity.n_made_equal == parity.n_made > 0
    assert not parity.reason


def test_columns_of_dates_are_read_as_dates():
    days = pd.Series(pd.date_range("2019-12-20", periods=60, freq="D"))
    times = pd.Series(pd.date_range("1969-12-30 03:00:07", periods=60, freq="3h"))
    zoned = times.dt.tz_localize("Europe/Paris")
    frame = pd.DataFrame({"day": days, "time": times, "zoned": zoned})
    frame.loc[::5, "day"] = pd.NaT
    frame.loc[::7, "time"] = pd.NaT
    y = np.column_stack([np.arange(60) % 17, (np.arange(60) ** 2) % 23])
    student = CartStudent(12, search="greedy").fit(frame, y)
    assert len(_model_spec(student).used) >= 2
    for to in CHECKED[:-1]:
        parity = export_student(student, to, frame).parity
        assert parity.n_equal == 60
        assert not parity.reason
    one = CartStudent(12, search="greedy").fit(frame, y[:, :1])
    assert export_student(one, "pmml", frame).parity.n_equal == 60
    for dialect in ("postgresql", "duckdb"):
        assert (
            export_student(student, "sql", frame, dialect=dialect).parity.n_equal == 60
        )
