"""Running exported SQL where it belongs: in SQLite, and in DuckDB."""

import contextlib
import datetime
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from interpretkd.export._parity import Checker, Decided, NotChecked
from interpretkd.export._question import PlainColumns, Question
from interpretkd.export._specification import _ModelSpec
from interpretkd.export._sql.dialects import _double_type
from interpretkd.export._sql.names import _fresh, _names_in_table, _quoted
from interpretkd.export._sql.statement import _sql_text

TABLE = "rows"
"""The table that the checks make."""
_ENGINES = {"postgresql": "duckdb"}
"""Which database a statement is checked in, where that is another one."""


def _sql_checker(spec: _ModelSpec, dialect: str) -> tuple[str, Checker]:
    """Return what runs the statement, and a function that does.

    There is no PostgreSQL server to be expected on a user's machine: its statement is
    run in DuckDB, which reads PostgreSQL's language, and the name says so.
    """
    names = _names_in_table(spec.schema.names, _ENGINES.get(dialect, dialect))
    statement = _sql_text(
        spec, dialect=dialect, table=TABLE, keep=[_row_column(spec)], names=names
    )

    def ask(question: Question) -> Decided:
        columns = question.cells(range(len(spec.schema)))
        if dialect == "sqlite":
            found = _ask_sqlite(spec, columns, statement)
        else:
            found = _ask_duckdb(spec, columns, statement, dialect)
        return _answers_from(spec, found)

    return _database(dialect), ask


def _answers_from(spec: _ModelSpec, records: Sequence[Sequence[Any]]) -> Decided:
    """Read what a statement returned, in any order, the row's number first."""
    ordered = [list(record)[1:] for record in sorted(records, key=lambda r: r[0])]
    n_outputs = spec.form.n_outputs
    said = [[np.nan if v is None else v for v in row[-n_outputs:]] for row in ordered]
    values = np.asarray(said, dtype=np.float64).reshape(-1, n_outputs)
    decided: Any = np.zeros(len(ordered), dtype=np.int64)
    if spec.task == "multiclass":
        place = {label: i for i, label in enumerate(spec.labels)}
        decided = np.asarray([place.get(row[0], -1) for row in ordered], dtype=np.int64)
    elif spec.task == "multilabel":
        flags = [[-1 if v is None else v for v in row[:n_outputs]] for row in ordered]
        decided = np.asarray(flags, dtype=np.int64).reshape(-1, n_outputs)
    return Decided(values, decided)


def _row_column(spec: _ModelSpec) -> str:
    """Name the column that numbers the rows of a check, as none of the student's."""
    return _fresh("number of the row", {n.casefold() for n in spec.schema.names})


def _create_table(spec: _ModelSpec, dialect: str, engine: str | None = None) -> str:
    """Write the CREATE TABLE for the student's rows, the row's number first."""
    double = _double_type(dialect)
    columns = [f"{_quoted(_row_column(spec))} INTEGER"]
    named = _names_in_table(spec.schema.names, engine or dialect)
    for feature in spec.schema.features:
        kind = double
        if feature.kind == "date":
            zoned = getattr(feature.calendar, "zone", None) is not None
            kind = "TIMESTAMPTZ" if zoned else "TIMESTAMP"
            kind = "TEXT" if dialect == "sqlite" else kind
        elif feature.is_categorical and isinstance(feature.categories[0], str):
            kind = "TEXT"
        elif feature.is_categorical and isinstance(feature.categories[0], bool):
            kind = "INTEGER" if dialect == "sqlite" else "BOOLEAN"
        columns.append(f"{_quoted(named[feature.name])} {kind}")
    return f"CREATE TEMPORARY TABLE {_quoted(TABLE)} ({', '.join(columns)})"


def _ask_sqlite(spec: _ModelSpec, columns: PlainColumns, statement: str) -> list[Any]:
    import sqlite3

    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("SELECT EXP(0.0)")
        except sqlite3.OperationalError as error:
            raise NotChecked("this SQLite has no mathematical functions") from error
        connection.execute(_create_table(spec, "sqlite"))
        marks = ", ".join("?" * (len(spec.schema) + 1))
        connection.executemany(
            f"INSERT INTO {_quoted(TABLE)} VALUES ({marks})",
            ([_sqlite_value(v) for v in record] for record in _records(spec, columns)),
        )
        return connection.execute(statement).fetchall()


def _ask_duckdb(
    spec: _ModelSpec, columns: PlainColumns, statement: str, dialect: str
) -> list[Any]:
    try:
        import duckdb
    except ImportError as error:
        raise NotChecked("the package duckdb is not installed") from error
    import pyarrow

    data = list(zip(*_records(spec, columns), strict=True))
    names = [f"column {i}" for i in range(len(data))]  # it goes by their order
    table = pyarrow.table(dict(zip(names, map(_arrow, data), strict=True)))
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(_create_table(spec, dialect, "duckdb"))
        connection.register("given", table)
        connection.execute(f"INSERT INTO {_quoted(TABLE)} SELECT * FROM given")
        found: list[Any] = connection.execute(statement).fetchall()
        return found


def _arrow(values: Sequence[Any]) -> Any:
    import pyarrow

    return pyarrow.array(list(values), from_pandas=False)


def _records(spec: _ModelSpec, columns: PlainColumns) -> Iterator[tuple[Any, ...]]:
    listed = [columns[name] for name in spec.schema.names]
    return zip(range(len(listed[0])), *listed, strict=True)


def _sqlite_value(value: Any) -> Any:
    return str(value) if isinstance(value, datetime.date) else value


def _database(dialect: str) -> str:
    import sqlite3

    if dialect == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    try:
        found = version("duckdb")
    except PackageNotFoundError:
        return "DuckDB"
    said = f"DuckDB {found}"
    if dialect == "postgresql":
        said += ", which reads PostgreSQL's language; no PostgreSQL server was asked"
    return said
