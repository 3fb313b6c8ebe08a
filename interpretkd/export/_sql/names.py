"""Names that come from data, as three databases take them.

A column that a database cannot hold under its own name is read under another one,
which the statement says; within a statement every column has a name that means nothing
to any database.
"""

import re
from collections.abc import Iterable, Sequence

from interpretkd._base import InputError

_LONGEST_NAME = 60
"""PostgreSQL cuts names after 63 bytes; some are for what is put behind."""
_LONGEST_READ = 63
_MOST_PARTS = 3
"""Database, schema, table."""
_PART = re.compile(r'"((?:[^"]|"")*)"(?=\.|$)|([^".][^.]*)(?=\.|$)', re.DOTALL)
_SIMPLE = re.compile(r"(?!(?:column|kept|score|sum) )[A-Za-z][ !#-~]{0,40}")
_SPECIAL = {"false", "oid", "rowid", "true"}
"""Names that mean something to SQLite, even in quotes."""


def _quoted(text: str) -> str:
    """Quote an identifier.

    Examples
    --------
    >>> print(_quoted('a "b" c'))
    "a ""b"" c"
    """
    return '"' + text.replace('"', '""') + '"'


def _fresh(name: str, taken: set[str]) -> str:
    """Return a name that none of those taken (case-folded) has, with underscores."""
    while name.casefold() in taken:
        name += "_"
    return name


def _short_name(name: str, most: int = _LONGEST_NAME) -> str:
    """Cut a name to so many bytes, so that no database cuts it further."""
    return name.encode()[:most].decode(errors="ignore")


def _table_name(text: object) -> str:
    """Quote a table, and its schema apart.

    Dots part schema and table; a part in double quotes may hold dots itself.

    Examples
    --------
    >>> print(_table_name("public.customers"), _table_name('"a.b"'))
    "public"."customers" "a.b"
    """
    parts = _parts(text) if isinstance(text, str) else []
    if not 1 <= len(parts) <= _MOST_PARTS or not all(parts) or "\0" in str(text):
        raise InputError(
            "The 'table' parameter of an SQL export must be a table, with its schema "
            "before a dot if it has one, such as public.customers; a name that holds a "
            f'dot itself stands in double quotes, such as "a.b". Got {text!r}.'
        )
    return ".".join(map(_quoted, parts))


def _parts(text: str) -> list[str]:
    parts, end = [], -1
    while end < len(text):
        found = _PART.match(text, end + 1)
        if found is None:
            return []
        quoted, bare = found.groups()
        parts.append(bare if quoted is None else quoted.replace('""', '"'))
        end = found.end()
    return parts


def _names_in_table(names: Sequence[str], dialect: str) -> dict[str, str]:
    """Return under which name a table of this database holds each column.

    That is its own, but where no table can have it: an empty name, one that the
    database takes for another column's (SQLite and DuckDB do not tell cases apart,
    PostgreSQL cuts after 63 bytes). A second column gets a number behind, as DuckDB
    itself calls it.

    Examples
    --------
    >>> _names_in_table(("AGE", "age", ""), "duckdb")
    {'AGE': 'AGE', 'age': 'age_1', '': 'column2'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for position, name in enumerate(names):
        base = name or f"column{position}"
        if dialect == "postgresql":
            base = _short_name(base, _LONGEST_READ)
        given, number = base, 0
        while _folded(given, dialect) in taken:
            number += 1
            given = f"{_short_name(base, _LONGEST_NAME)}_{number}"
        found[name] = given
        taken.add(_folded(given, dialect))
    return found


def _neutral_names(names: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """Name columns within a statement: their own names where these are simple ones.

    Examples
    --------
    >>> _neutral_names(["age", "True", "AGE", "width (cm)"], ["refused"])
    {'age': 'age', 'True': 'column 1', 'AGE': 'column 2', 'width (cm)': 'width (cm)'}
    """
    used = {*map(str.casefold, taken), *_SPECIAL}
    found: dict[str, str] = {}
    for position, name in enumerate(names):
        simple = _SIMPLE.fullmatch(name) and name.casefold() not in used
        found[name] = name if simple else f"column {position}"
        used.add(found[name].casefold())
    return found


def _folded(name: str, dialect: str) -> str:
    """Fold what a database does not tell apart: of SQLite and DuckDB, a to z."""
    if dialect == "postgresql":
        return name
    return "".join(c.lower() if c.isascii() else c for c in name)
