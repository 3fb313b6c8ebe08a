"""Parquet files as typed columns: decimals as numbers, a named index as a column."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute as pc
import pyarrow.parquet

from interpretkd._base import InputError
from interpretkd.data._arrow_memory import arrow_reader
from interpretkd.data._column_kinds import Read
from interpretkd.data._csv_file import check_header
from interpretkd.data._number_texts import plain_values
from interpretkd.data._text_column import TextColumn

_NO_INDEX = re.compile(r"__index_level_\d+__")


def parquet_columns(
    content: bytes, name: str
) -> tuple[dict[str, TextColumn | Read], int]:
    """Split a Parquet file into columns.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str
        Its name, for messages.

    Returns
    -------
    columns : dict of str to TextColumn or Read
        Texts, or what is read already.
    n_rows : int
        How many rows there are.

    Raises
    ------
    InputError
        For a damaged file and for a column that is there twice.
    """
    try:
        check_header(pyarrow.parquet.read_schema(arrow_reader(content)).names, name)
        table = pyarrow.parquet.read_table(arrow_reader(content))
        table.validate(full=True)
        index = _index(table)
        found: dict[str, TextColumn | Read] = {
            str(key): Read(values)
            for key, values in index.items()
            if values is not None
        }
        for key in table.column_names:
            if key not in index or not _NO_INDEX.fullmatch(key):
                found[key] = _column(key, table.column(key))
    except InputError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, TypeError) as error:
        raise InputError(
            f"The file {name!r} is not a readable Parquet file."
        ) from error
    return found, table.num_rows


def _index(table: Any) -> dict[str, "pd.Series[Any] | None"]:
    """Return the named ranges that pandas keeps beside the columns.

    Other parts of an index are columns of the file; those without a name are passed
    over.
    """
    kept = (table.schema.metadata or {}).get(b"pandas")
    try:
        told = json.loads(kept)["index_columns"] if kept else []
    except (ValueError, KeyError, TypeError):
        return {}
    found: dict[str, pd.Series[Any] | None] = {}
    for entry in told if isinstance(told, list) else []:
        if isinstance(entry, str):
            found[entry] = None
        elif isinstance(entry, dict) and isinstance(entry.get("name"), str):
            values = np.arange(entry["start"], entry["stop"], entry["step"])
            if len(values) == table.num_rows:
                found[entry["name"]] = pd.Series(values)
    return found


def _column(name: str, cells: Any) -> TextColumn | Read:
    kind, types = cells.type, pyarrow.types
    if types.is_string(kind) or types.is_large_string(kind) or _is_view(kind):
        return TextColumn.of(name, cells, is_typed=True)
    if types.is_decimal(kind):
        return Read(_decimals(cells))
    if types.is_date(kind):
        return Read(pd.Series(cells.cast(pyarrow.timestamp("s")).to_pandas()))
    problem = _problem(name, kind)
    if problem:
        return Read(pd.Series(cells.to_pandas()), problem=problem)
    values = pd.Series(cells.to_pandas())
    return Read(values, _wide_note(name, cells, values))


def _is_view(kind: Any) -> bool:
    return str(kind) == "string_view"


def _decimals(cells: Any) -> "pd.Series[Any]":
    """Return the nearest floats; whole numbers where there are no decimals."""
    texts = pc.cast(cells, pyarrow.string()).combine_chunks()
    values = plain_values(texts.drop_null())
    if not texts.null_count:
        return pd.Series(values)
    column = pd.Series(np.full(len(texts), np.nan))
    column[texts.is_valid().to_numpy(zero_copy_only=False)] = values.astype(float)
    return column


def _problem(name: str, kind: Any) -> str:
    """Say why a column of some type cannot be used, "" if it can."""
    types = pyarrow.types
    what = ""
    if types.is_time(kind):
        what = "times of day; give them as numbers, such as hours since midnight"
    elif types.is_duration(kind) or types.is_interval(kind):
        what = "spans of time; give them as numbers, such as days"
    elif "binary" in str(kind):
        what = "bytes, not texts; write it as text"
    elif types.is_struct(kind) or types.is_map(kind):
        what = "records within cells; write a column for each part"
    elif types.is_nested(kind):
        what = "lists within cells; write a column for each part"
    elif isinstance(kind, pyarrow.BaseExtensionType):
        what = f"the type {kind.extension_name}; write it as texts, numbers or dates"
    return f"Column {name!r} holds {what}, or leave it out (--drop)." if what else ""


def _wide_note(name: str, cells: Any, values: "pd.Series[Any]") -> tuple[str, ...]:
    """Speak of whole numbers that lose digits because cells beside them are missing."""
    is_whole = pyarrow.types.is_integer(cells.type)
    if not is_whole or values.dtype.kind != "f" or not len(values):
        return ()
    if not values.abs().max() > 2**53:
        return ()
    return (
        f"Column {name!r} holds whole numbers above 2**53 beside missing values; they "
        "are rounded to about 16 digits.",
    )
