"""Reading a user's CSV or Parquet file, with a sentence for all that can be wrong."""

import codecs
import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from interpretkd._base import InputError, closest
from interpretkd.data._column_kinds import Read, read_columns
from interpretkd.data._column_problems import column_problems, refuse_columns
from interpretkd.data._csv_file import csv_columns
from interpretkd.data._table_options import ReadTable, TableOptions
from interpretkd.data._text_column import TextColumn


def read_table(
    path: str | os.PathLike[str],
    *,
    drop: Sequence[str] = (),
    only: Sequence[str] | None = None,
    options: TableOptions | None = None,
) -> pd.DataFrame:
    """Read a table from a CSV or Parquet file.

    Parameters
    ----------
    path : str or path
        The file. A CSV file is UTF-8 with a header; the delimiter is found out of
        comma, semicolon, tab and bar. An empty cell, "NA", "NaN", "null" and the like
        are missing values; "None" is a text, but missing among numbers.
    drop : sequence of str, default=()
        Columns to leave out.
    only : sequence of str, default=None
        The columns to keep, all of which must be there; None keeps every column.
    options : TableOptions, default=None
        How the table is written, where it is not found out.

    Returns
    -------
    DataFrame
        Numbers, booleans, dates and texts; `open_table` also says what was unusual.

    Raises
    ------
    InputError
        For a file that is absent, empty, of another kind or damaged, for a duplicate
        header, text among numbers, and texts that tell rows apart.
    """
    table = open_table(path, drop=drop, only=only, options=options)
    refuse_columns(table.problems)
    return table.frame


def open_table(
    path: str | os.PathLike[str],
    *,
    drop: Sequence[str] = (),
    only: Sequence[str] | None = None,
    options: TableOptions | None = None,
) -> ReadTable:
    """Read a table with what is to be said of it; its problems are not raised.

    Parameters
    ----------
    path : str or path
        As for `read_table`.
    drop : sequence of str, default=()
        Columns to leave out.
    only : sequence of str, default=None
        The columns to keep; None keeps every column.
    options : TableOptions, default=None
        How the table is written, where it is not found out.

    Returns
    -------
    ReadTable
        Its rows, notes, problems and formats.

    Raises
    ------
    InputError
        For a file that is absent, empty, of another kind or damaged, and for a column
        that is not there.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"There is no file {str(file)!r}.")
    return parse_table(
        file.read_bytes(), file.name, drop=drop, only=only, options=options
    )


def parse_table(
    content: bytes,
    name: str,
    *,
    drop: Sequence[str] = (),
    only: Sequence[str] | None = None,
    options: TableOptions | None = None,
) -> ReadTable:
    r"""Parse a CSV or Parquet file; its problems are not raised.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str
        Its name, whose ending says which kind it is.
    drop : sequence of str, default=()
        Columns to leave out.
    only : sequence of str, default=None
        The columns to keep; None keeps every column.
    options : TableOptions, default=None
        How the table is written, where it is not found out.

    Returns
    -------
    ReadTable
        At least one row.

    Raises
    ------
    InputError
        For a file that is empty, of another kind or damaged, a duplicate header, and
        for a column that is not there.

    Examples
    --------
    >>> table = parse_table(b"age;home\n31,5;own\n", "people.csv")
    >>> table.frame
        age home
    0  31.5  own
    >>> table.notes
    ("Column 'age' is read as numbers: '31,5' as 31.5.",)
    """
    told = TableOptions() if options is None else options
    columns, notes = raw_columns(content, name, told)
    _check_named(columns, told)
    for column in drop:
        if column not in columns:
            raise InputError(
                f"There is no column {column!r} to drop.{closest(column, columns)}"
            )
        del columns[column]
    if only is not None:
        require_columns(pd.DataFrame(columns=list(columns)), only)
        columns = {column: columns[column] for column in only}
    return _typed(columns, notes, told)


def raw_columns(
    content: bytes, name: str, options: TableOptions
) -> tuple[dict[str, TextColumn | Read], tuple[str, ...]]:
    """Split a file into columns: texts that are not looked at yet, or typed ones.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str
        Its name.
    options : TableOptions
        The delimiter and the encoding of a CSV file.

    Returns
    -------
    columns : dict of str to TextColumn or Read
        By name, in order.
    notes : tuple of str
        What is odd about the file.

    Raises
    ------
    InputError
        For a file that is empty, of another kind or damaged, and a duplicate header.
    """
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise InputError(f"The file {name!r} is empty.")
    ending = Path(name).suffix.lower()
    notes: tuple[str, ...] = ()
    columns: dict[str, TextColumn | Read]
    if ending in (".parquet", ".pq"):
        from interpretkd.data._parquet_file import parquet_columns

        columns, n_rows = parquet_columns(content, name)
    elif ending in (".csv", ".tsv", ".txt"):
        found, notes = csv_columns(content, name, options)
        columns = {column.name: column for column in found}
        n_rows = len(found[0].place)
    else:
        raise InputError(
            f"A table must be a .csv, .tsv, .txt or .parquet file. Got {name!r}."
        )
    if n_rows == 0:
        raise InputError(f"The file {name!r} has a header and no rows.")
    return columns, notes


def frame_of(columns: dict[str, "pd.Series[Any]"]) -> pd.DataFrame:
    """Put columns side by side.

    Parameters
    ----------
    columns : dict of str to Series of shape (n_samples,)
        By name, with the same index.

    Returns
    -------
    DataFrame of shape (n_samples, n_columns)
        The columns.
    """
    return pd.DataFrame(dict(enumerate(columns.values()))).set_axis(
        list(columns), axis=1
    )


def as_they_stand(
    path: str | os.PathLike[str], options: TableOptions | None = None
) -> pd.DataFrame:
    """Return the cells of a file as they are written.

    Parameters
    ----------
    path : str or path
        A CSV or Parquet file.
    options : TableOptions, default=None
        The delimiter and the encoding of a CSV file.

    Returns
    -------
    DataFrame
        Texts, and what a Parquet file says is something else.

    Raises
    ------
    InputError
        For a file that is absent, empty, of another kind or damaged.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"There is no file {str(file)!r}.")
    told = TableOptions() if options is None else options
    columns, _ = raw_columns(file.read_bytes(), file.name, told)
    cells = {}
    for name, column in columns.items():
        if isinstance(column, Read):
            cells[name] = column.values
        else:
            texts = np.asarray([*column.texts.to_pylist(), None], dtype=object)
            cells[name] = pd.Series(texts[column.place], dtype=object)
    return frame_of(cells)


def _typed(
    columns: dict[str, TextColumn | Read], notes: tuple[str, ...], told: TableOptions
) -> ReadTable:
    cells = [c for c in columns.values() if isinstance(c, TextColumn)]
    read = dict(zip([c.name for c in cells], read_columns(cells, told), strict=True))
    whole = {n: c if isinstance(c, Read) else read[n] for n, c in columns.items()}
    frame = frame_of({name: column.values for name, column in whole.items()})
    texts = {name for name, c in whole.items() if c.is_text}
    named = {name: c.problem for name, c in whole.items() if c.problem}
    for name, problem in column_problems(frame, texts=texts).items():
        hints = [note for note in whole[name].notes if "looks like" in note]
        named.setdefault(name, " ".join([problem, *hints]))
    problems = {name: named[name] for name in whole if name in named}
    for column in whole.values():
        notes += column.notes
    formats = {name: c.format for name, c in whole.items() if c.format}
    return ReadTable(frame, notes, problems, formats)


def _check_named(columns: dict[str, TextColumn | Read], told: TableOptions) -> None:
    for name in told.kinds:
        if name not in columns:
            raise InputError(
                f"There is no column {name!r} to read as {told.kinds[name]}."
                f"{closest(name, columns)}"
            )


def require_columns(table: pd.DataFrame, names: Sequence[str]) -> None:
    """Check that a table has some columns; it may have others.

    Parameters
    ----------
    table : DataFrame
        The table.
    names : sequence of str
        What it must have.

    Raises
    ------
    InputError
        When one is absent, with the names that are most alike.
    """
    absent = [name for name in names if name not in table.columns]
    if not absent:
        return
    extra = [str(name) for name in table.columns if name not in set(names)]
    rest = f" It has columns that are not asked for: {_listed(extra)}." if extra else ""
    raise InputError(
        f"The table lacks the columns {_listed(absent)}.{_closest(absent, extra)}{rest}"
    )


def _closest(absent: list[str], extra: list[str]) -> str:
    """Say which of the extra columns the absent ones may be."""
    if len(absent) == 1:
        return closest(absent[0], extra)
    near = [(name, difflib.get_close_matches(name, extra, 1)) for name in absent[:10]]
    pairs = [f"{found[0]!r} for {name!r}" for name, found in near if found]
    return f" Closest are {', '.join(pairs)}." if pairs else ""


def _listed(names: Sequence[str], most: int = 10) -> str:
    further = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + further
