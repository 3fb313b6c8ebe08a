"""Reading a user's CSV or Parquet file, with a sentence for all that can be wrong."""

import codecs
import csv
import difflib
import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from interpretkd._base import InputError, closest
from interpretkd.data._columns import check_columns

_DELIMITERS = ",;\t|"


def read_table(
    path: str | os.PathLike[str],
    *,
    drop: Sequence[str] = (),
    only: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read a table from a CSV or Parquet file.

    Parameters
    ----------
    path : str or path
        The file. A CSV file is UTF-8 with a header; the delimiter is the one out of
        comma, semicolon, tab and bar that its header has most of. An empty cell, "NA",
        "NaN", "null" and the like are missing values.
    drop : sequence of str, default=()
        Columns to leave out.
    only : sequence of str, default=None
        The columns to keep, all of which must be there; None keeps every column.

    Returns
    -------
    DataFrame
        Numbers, booleans and texts.

    Raises
    ------
    InputError
        For a file that is absent, empty, of another kind or damaged, for a duplicate
        header, text among numbers, and texts that tell rows apart.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"There is no file {str(file)!r}.")
    table = parse_table(file.read_bytes(), file.name)
    for name in drop:
        if name not in table.columns:
            raise InputError(
                f"There is no column {name!r} to drop.{closest(name, table.columns)}"
            )
    table = table.drop(columns=list(drop))
    if only is not None:
        require_columns(table, only)
        table = table[list(only)]
    check_columns(table)
    return table


def parse_table(content: bytes, name: str) -> pd.DataFrame:
    r"""Parse a CSV or Parquet file; its columns are not looked at yet.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str
        Its name, whose ending says which kind it is.

    Returns
    -------
    DataFrame
        At least one row; `check_columns` says whether it can be used.

    Raises
    ------
    InputError
        For a file that is empty, of another kind or damaged, and a duplicate header.

    Examples
    --------
    >>> parse_table(b"age;home\n31;own\n", "people.csv")
       age home
    0   31  own
    """
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise InputError(f"The file {name!r} is empty.")
    ending = Path(name).suffix.lower()
    if ending in (".parquet", ".pq"):
        table = _parse_parquet(content, name)
    elif ending in (".csv", ".tsv", ".txt"):
        table = _parse_csv(content, name)
    else:
        raise InputError(
            f"A table must be a .csv, .tsv, .txt or .parquet file. Got {name!r}."
        )
    if len(table) == 0:
        raise InputError(f"The file {name!r} has a header and no rows.")
    return table


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


def _parse_parquet(content: bytes, name: str) -> pd.DataFrame:
    import pyarrow
    import pyarrow.parquet

    try:
        _check_header(pyarrow.parquet.read_schema(io.BytesIO(content)).names, name)
        table = pyarrow.parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(
            f"The file {name!r} is not a readable Parquet file."
        ) from error
    frame: pd.DataFrame = table.to_pandas()
    return frame.reset_index(drop=True)


def _parse_csv(content: bytes, name: str) -> pd.DataFrame:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"The file {name!r} is not UTF-8 text (byte {error.start}); save it as "
            "UTF-8 CSV."
        ) from error
    if "\0" in text:
        raise InputError(
            f"The file {name!r} is not a readable CSV file: it holds NUL bytes."
        )
    text = text.lstrip("\r\n")
    try:
        delimiter, header = _header(text)
        _check_header(header, name)
        _check_widths(text, delimiter, len(header), name)
        return pd.read_csv(
            io.StringIO(text), sep=delimiter, index_col=False, low_memory=False
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise InputError(
            f"The file {name!r} is not a readable CSV file: {reason}."
        ) from None


def _header(text: str) -> tuple[str, list[str]]:
    """Return the delimiter that splits the header into most columns, and these."""
    found = {
        delimiter: next(csv.reader(io.StringIO(text), delimiter=delimiter))
        for delimiter in _DELIMITERS
    }
    best = max(_DELIMITERS, key=lambda delimiter: len(found[delimiter]))
    return best, found[best]


def _check_widths(text: str, delimiter: str, n_columns: int, name: str) -> None:
    """Refuse rows that are longer or shorter than the header: pandas fills or cuts."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    for row in reader:
        if row and len(row) != n_columns and not (n_columns == 1 and not "".join(row)):
            raise InputError(
                f"The file {name!r} is not a readable CSV file: Expected {n_columns} "
                f"fields in line {reader.line_num}, saw {len(row)}."
            )


def _check_header(header: list[str], name: str) -> None:
    twice = [column for column, count in Counter(header).items() if count > 1]
    if twice:
        raise InputError(
            f"The header of {name!r} names a column twice: "
            f"{', '.join(map(repr, twice[:5]))}."
        )
