"""SQL decides every row as the student does, and refuses those that it refuses."""

import sqlite3

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd._base import InputError
from interpretkd.data import Feature, Schema
from interpretkd.export import EXPORTS, ParityError, export_student
from interpretkd.export._made_rows import _made_rows
from interpretkd.export._specification import _model_spec
from interpretkd.export._sql.dialects import DIALECTS, _threshold
from interpretkd.export._sql.names import _names_in_table, _table_name
from tests.export.models import chain_of_tests, german, plain, students
from tests.export.small_students import FORMS, NAMES, TASKS, small_student

FAMILIES = tuple(students())


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(TASKS))
def test_every_student_comes_out_equal_in_every_dialect(form, seed, task):
    spec = small_student(np.random.default_rng(seed), form, task)
    made = _made_rows(spec)
    assert made.refused.any() or not any(
        not spec.schema.features[i].is_boolean for i in spec.used
    )
    for dialect in DIALECTS:
        parity = export_student(spec, "sql", dialect=dialect).parity
        assert parity.n_made_equal == parity.n_made == len(made)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(TASKS))
def test_other_formats_refuse_the_same_rows(form, seed, task):
    spec = small_student(np.random.default_rng(seed), form, task)
    for to in ("python", "json", "onnx", "pmml"):
        if to == "pmml" and task == "multilabel":
            continue
        parity = export_student(spec, to).parity
        assert parity.n_made_equal == parity.n_made == len(_made_rows(spec))


@pytest.mark.parametrize("dialect", ["duckdb", "postgresql"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_the_student_refuses_is_null_in_every_column(family, dialect):
    model, X = german(family)
    text = export_student(model, "sql", X[:9], dialect=dialect, keep=["id"]).text
    rows = X.iloc[[1, 1, 1, 1]].astype(object).reset_index(drop=True)
    used = {model.schema_.names[i] for i in _model_spec(model).used}
    rows.loc[1, "status_of_existing_checking_account"] = "never seen"
    rows.loc[2, "duration_in_month"] = 1e39
    rows.loc[3, "duration_in_month"] = -np.inf
    assert {"status_of_existing_checking_account", "duration_in_month"} <= used
    features = model.schema_.features
    kinds = ["VARCHAR" if f.is_categorical else "DOUBLE" for f in features]
    with duckdb.connect() as connection:
        listed = ", ".join(
            f'"{name}" {kind}' for name, kind in zip(X.columns, kinds, strict=True)
        )
        connection.execute(f"CREATE TABLE rows (id INTEGER, {listed})")
        marks = ", ".join("?" * (X.shape[1] + 1))
        for i, row in enumerate(rows.itertuples(index=False)):
            cells = [None if cell != cell else cell for cell in row]
            connection.execute(f"INSERT INTO rows VALUES ({marks})", [i, *cells])
        found = sorted(connection.execute(text).fetchall())
    assert None not in found[0]
    assert [set(row[1:]) for row in found[1:]] == [{None}] * 3


def test_a_statement_that_decides_refused_rows_is_found(monkeypatch):
    """GREATEST passes over NULL in DuckDB and PostgreSQL."""
    model, X = german("boosted")
    monkeypatch.setattr(
        "interpretkd.export._sql.sums._at_least",
        lambda value, least: f"GREATEST({value}, {least})",
    )
    with pytest.raises(ParityError, match="for nothing"):
        export_student(model, "sql", X[:9], dialect="duckdb")


SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(SINGLES.filter(lambda t: abs(t) < 3e38))
def test_thresholds_have_few_digits_and_no_cell_between(threshold):
    low = np.float32(threshold)
    high = np.nextafter(low, np.float32(np.inf))
    for dialect in DIALECTS:
        text = _threshold(threshold, dialect)
        assert float(low) <= float(text) < float(high)
        assert len(text.strip("-").split("e")[0].replace(".", "").strip("0")) <= 9


def test_literals_are_read_easily():
    tree = chain_of_tests(Schema((Feature("x"),)), [(0, 0.5, False)], [0.0, 1.5, 2.5])
    for dialect in DIALECTS:
        text = export_student(tree, "sql", dialect=dialect).text
        assert '"x" <= 0.5 ' in text
        assert "0.50000" not in text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_small_tree_is_one_case_with_the_numbers_of_its_rules(dialect):
    model, X = plain("iris", "tree")
    text = export_student(model, "sql", X, dialect=dialect).text
    assert "MATERIALIZED" not in text
    numbers = [
        line.split("-- ")[1].split(":")[0]
        for line in text.splitlines()
        if "-- rule" in line
    ]
    n_leaves = model.student_.form_.n_leaves
    assert numbers == [f"rule {i + 1}" for i in range(n_leaves)]


def test_a_large_tree_is_written_in_steps():
    tests = [(0, float(i) + 0.1, False) for i in range(60)]
    tree = chain_of_tests(Schema((Feature("x"),)), tests, np.arange(121))
    assert "MATERIALIZED" in export_student(tree, "sql").text


def test_a_schema_is_quoted_apart_from_its_table():
    assert _table_name("public.customers") == '"public"."customers"'
    assert _table_name('"a.b"') == '"a.b"'
    assert _table_name('s."a ""b"".c"') == '"s"."a ""b"".c"'
    assert _table_name('odd "x"; --') == '"odd ""x""; --"'
    for wrong in ("", ".", "a.", ".a", "a..b", '"a', '"a"b', "a.b.c.d", "a\0", None):
        with pytest.raises(InputError, match="'table' parameter of an SQL export"):
            _table_name(wrong)


def test_a_table_in_a_schema_is_read():
    model, X = plain("iris", "tree")
    text = export_student(
        model, "sql", X, dialect="duckdb", table="bank.customers", keep=["id"]
    ).text
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA bank")
        columns = ", ".join(f"x{i} DOUBLE" for i in range(4))
        connection.execute(f"CREATE TABLE bank.customers (id INTEGER, {columns})")
        for i, row in enumerate(X.tolist()):
            connection.execute(
                "INSERT INTO bank.customers VALUES (?, ?, ?, ?, ?)", [i, *row]
            )
        found = sorted(connection.execute(text).fetchall())
    assert [row[1] for row in found] == model.predict(X).tolist()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_table_needs_two_columns_of_one_name(dialect):
    named = _names_in_table(NAMES, dialect)
    assert list(named) == list(NAMES)
    limit = 63 if dialect == "postgresql" else 10_000
    folded = [n if dialect == "postgresql" else n.lower() for n in named.values()]
    assert len(set(folded)) == len(folded)
    assert all(0 < len(name.encode()) <= limit for name in named.values())
    assert named["select"] == "select"


def test_a_column_called_true_is_read_by_sqlite():
    schema = Schema((Feature("True"), Feature("AGE"), Feature("age"), Feature("")))
    tests = [(i, float(i), False) for i in range(4)]
    tree = chain_of_tests(schema, tests, np.arange(9) / 2)
    text = export_student(tree, "sql").text
    assert "The column 'age' is read as 'age_1'" in text
    with sqlite3.connect(":memory:") as connection:
        connection.execute('CREATE TABLE rows ("True", AGE, age_1, column3)')
        connection.execute("INSERT INTO rows VALUES (1, 2, 3, 4), (-1, 0, 0, 0)")
        found = connection.execute(text).fetchall()
    connection.close()
    assert [row[-1] for row in found] == [4.0, 0.5]


@pytest.mark.parametrize("affinity", ["", "TEXT", "BLOB", "NUMERIC", "INTEGER"])
def test_texts_among_numbers_are_refused_by_sqlite(affinity):
    tree = chain_of_tests(Schema((Feature("x"),)), [(0, 2.0, False)], [0.0, 1.0, 2.0])
    text = export_student(tree, "sql").text
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f"CREATE TABLE rows (x {affinity})")
        cells = [(1,), (3,), ("one",), (b"1",), (None,), (-(2**63),)]
        connection.executemany("INSERT INTO rows VALUES (?)", cells)
        found = [row[-1] for row in connection.execute(text)]
    connection.close()
    assert found[2:5] == [None, None, 2.0]
    if affinity == "TEXT":  # the numbers are texts there
        assert found == [None, None, None, None, 2.0, None]
    else:
        assert found == [1.0, 2.0, None, None, 2.0, 1.0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_tree_that_is_too_deep_has_no_sql(dialect):
    tests = [(0, float(i), False) for i in range(301)]
    tree = chain_of_tests(Schema((Feature("x"),)), tests, np.arange(603))
    with pytest.raises(InputError, match="asks 301 tests in a row has no SQL"):
        export_student(tree, "sql", dialect=dialect)


@pytest.mark.parametrize("to", EXPORTS)
def test_no_error_of_another_library_leaves_an_export(to, monkeypatch):
    model, X = plain("iris", "tree")

    def fail(*args, **settings):
        raise RuntimeError("out of\nluck")

    for name in ("check", "tree_diagram"):
        monkeypatch.setattr(f"interpretkd.export._export.{name}", fail)
    with pytest.raises(InputError, match=rf"exported to {to}: RuntimeError, out of"):
        export_student(model, to, X)


@pytest.mark.parametrize("keep", ["id", [1], [None], 5])
def test_the_columns_to_keep_are_a_list_of_names(keep):
    model, X = plain("iris", "tree")
    with pytest.raises(InputError, match="must be a list of column names"):
        export_student(model, "sql", X, keep=keep)
