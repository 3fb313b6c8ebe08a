"""Names, numbers and values as three SQL dialects read them."""

import contextlib
from collections.abc import Iterable
from typing import Any

from interpretkd._base import InputError

DIALECTS = ("sqlite", "postgresql", "duckdb")

_LONGEST_NAME = 60
"""PostgreSQL cuts names after 63 bytes."""


def quoted(text: str) -> str:
    """Quote an identifier.

    Parameters
    ----------
    text : str
        Any name.

    Returns
    -------
    str
        The name as all three dialects read it.

    Examples
    --------
    >>> print(quoted('a "b" c'))
    "a ""b"" c"
    """
    return '"' + text.replace('"', '""') + '"'


def literal(value: Any, dialect: str) -> str:
    """Write a value.

    Parameters
    ----------
    value : str, int, float or bool
        The value; a float is finite.
    dialect : {"sqlite", "postgresql", "duckdb"}
        For which database.

    Returns
    -------
    str
        The value; floats with an exponent, or DuckDB takes them for decimals.

    Examples
    --------
    >>> print(literal("it's", "duckdb"), literal(0.5, "duckdb"))
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


def border(value: float, dialect: str) -> str:
    """Write a threshold such that the database reads no other number.

    Parameters
    ----------
    value : float
        The threshold.
    dialect : {"sqlite", "postgresql", "duckdb"}
        For which database.

    Returns
    -------
    str
        A decimal; a fraction where SQLite, which does not always read the nearest
        float64, would be wrong.
    """
    text = literal(value, dialect)
    if dialect != "sqlite" or _read_by_sqlite(text) == value:
        return text
    top, bottom = value.as_integer_ratio()
    if bottom >= 2**1000:
        return text
    return f"({literal(float(top), dialect)} / {literal(float(bottom), dialect)})"


def double_type(dialect: str) -> str:
    """Return what a dialect calls a float64.

    Parameters
    ----------
    dialect : {"sqlite", "postgresql", "duckdb"}
        For which database.

    Returns
    -------
    str
        The type.
    """
    return {"sqlite": "REAL", "duckdb": "DOUBLE"}.get(dialect, "DOUBLE PRECISION")


def fresh(name: str, taken: set[str]) -> str:
    """Return a name that is not taken yet, with underscores where needed.

    Parameters
    ----------
    name : str
        What it should be.
    taken : set of str
        The names that are there, case-folded.

    Returns
    -------
    str
        The name.
    """
    while name.casefold() in taken:
        name += "_"
    return name


def short_name(name: str) -> str:
    """Cut a name such that no database cuts it further.

    Parameters
    ----------
    name : str
        Any name.

    Returns
    -------
    str
        Its first 60 bytes.
    """
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore")


def check_distinct(names: Iterable[str], dialect: str) -> None:
    """Refuse columns that a database takes for one.

    Parameters
    ----------
    names : iterable of str
        The columns' names.
    dialect : {"sqlite", "postgresql", "duckdb"}
        For which database.

    Raises
    ------
    InputError
        For names that differ in case alone, unless the dialect tells them apart.
    """
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
