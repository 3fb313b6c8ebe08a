"""Names, numbers and values as three SQL dialects read them."""

import contextlib
from collections.abc import Iterable
from typing import Any

from interpretkd._base import InputError

DIALECTS = ("sqlite", "postgresql", "duckdb")

_LONGEST_NAME = 60
"""PostgreSQL cuts names after 63 bytes."""


def _quoted(text: str) -> str:
    """Quote an identifier.

    Examples
    --------
    >>> print(_quoted('a "b" c'))
    "a ""b"" c"
    """
    return '"' + text.replace('"', '""') + '"'


def _literal(value: Any, dialect: str) -> str:
    """Write a value; floats with an exponent, or DuckDB takes them for decimals.

    Examples
    --------
    >>> print(_literal("it's", "duckdb"), _literal(0.5, "duckdb"))
    'it''s' 0.5e0
    """
    if isinstance(value, bool):
        words = ("0", "1") if dialect == "sqlite" else ("FALSE", "TRUE")
        return words[value]
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return str(value)
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def _border(value: int | float, dialect: str) -> str:
    """Write a threshold such that the database reads no other number.

    It is a fraction where SQLite, which does not always read the nearest float64, would
    be wrong.
    """
    text = _literal(value, dialect)
    if isinstance(value, int):
        return text
    if dialect != "sqlite" or _read_by_sqlite(text) == value:
        return text
    top, bottom = value.as_integer_ratio()
    if bottom >= 2**1000:
        return text
    return f"({_literal(float(top), dialect)} / {_literal(float(bottom), dialect)})"


def _double_type(dialect: str) -> str:
    """Return what a dialect calls a float64."""
    return {"sqlite": "REAL", "duckdb": "DOUBLE"}.get(dialect, "DOUBLE PRECISION")


def _fresh(name: str, taken: set[str]) -> str:
    """Return a name that none of those taken (case-folded) has, with underscores."""
    while name.casefold() in taken:
        name += "_"
    return name


def _short_name(name: str) -> str:
    """Cut a name to 60 bytes, so that no database cuts it further."""
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore")


def _check_distinct(names: Iterable[str], dialect: str) -> None:
    """Refuse columns that a database takes for one: they differ in case alone."""
    folded: dict[str, str] = {}
    for name in dict.fromkeys(names):
        key = name if dialect == "postgresql" else name.casefold()
        other = folded.setdefault(key, name)
        if other != name:
            raise InputError(
                f"The columns {other!r} and {name!r} are one for {dialect}. Rename one."
            )


def _read_by_sqlite(text: str) -> float:
    import sqlite3

    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        return float(connection.execute(f"SELECT {text}").fetchone()[0])
