"""New rows read as a run knows them: what a column is was settled in training.

A file of one row says little about its columns, and a CSV file nothing at all: "True",
"01", "1E5" and "NA" may be texts there. So each cell is looked up in what the training
saw, and a Parquet file gives the same rows as a CSV file.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow

from interpretkd._base import InputError
from interpretkd.data._column_kinds import (
    ORDERS,
    Read,
    look_alike,
    read_columns,
)
from interpretkd.data._column_problems import infinite_cells
from interpretkd.data._date_texts import DateTexts
from interpretkd.data._dates import Calendar
from interpretkd.data._feature import Category, Feature
from interpretkd.data._number_texts import (
    PLAIN,
    NumberFormat,
    NumberTexts,
    are_plain,
    plain_values,
)
from interpretkd.data._schema import Schema
from interpretkd.data._table_options import ReadTable, TableOptions
from interpretkd.data._tables import frame_of, raw_columns, require_columns
from interpretkd.data._text_column import TextColumn

_PLAIN = NumberFormat()
_MOST_UNREAD = 200
"""Different texts that are not what the column was, from which on it is another."""
_WORDS = {True: ("True", "true", "TRUE", "1"), False: ("False", "false", "FALSE", "0")}


def read_rows(
    path: str | os.PathLike[str],
    schema: Schema,
    *,
    further: Sequence[Feature] = (),
    options: TableOptions | None = None,
    formats: Mapping[str, str] | None = None,
    keep_unread: bool = False,
) -> ReadTable:
    """Read new rows of a file by the columns that a model knows.

    Parameters
    ----------
    path : str or path
        A CSV or Parquet file; columns that are not asked for are passed over.
    schema : Schema
        The model's columns.
    further : sequence of Feature, default=()
        Further columns that are wanted, such as the labels; one of them that holds
        categories which are not known here is left as it is.
    options : TableOptions, default=None
        How the table is written, where it is not found out.
    formats : mapping of str to str, default=None
        How columns were written in training: `ReadTable.formats`.
    keep_unread : bool, default=False
        Whether cells that are not what the column was in training stay as they are
        written, and infinity is let through, for `unseen_cells` to find.

    Returns
    -------
    ReadTable
        The columns in the schema's order, then the further ones, and what is to be
        said of them.

    Raises
    ------
    InputError
        For a file that cannot be read, an absent column, and cells that are not what
        the column was in training.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"There is no file {str(file)!r}.")
    return parse_rows(
        file.read_bytes(),
        file.name,
        schema,
        further=further,
        options=options,
        formats=formats,
        keep_unread=keep_unread,
    )


def parse_rows(
    content: bytes,
    name: str,
    schema: Schema,
    *,
    further: Sequence[Feature] = (),
    options: TableOptions | None = None,
    formats: Mapping[str, str] | None = None,
    keep_unread: bool = False,
) -> ReadTable:
    r"""Do what `read_rows` does with the bytes of a file.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str
        Its name, whose ending says which kind it is.
    schema : Schema
        The model's columns.
    further : sequence of Feature, default=()
        Further columns that are wanted.
    options : TableOptions, default=None
        How the table is written, where it is not found out.
    formats : mapping of str to str, default=None
        How columns were written in training: `ReadTable.formats`.
    keep_unread : bool, default=False
        Whether cells that are not what the column was stay as they are written.

    Returns
    -------
    ReadTable
        As `read_rows` returns it.

    Raises
    ------
    InputError
        As `read_rows` raises it.

    Examples
    --------
    >>> schema = Schema((Feature("code", "categorical", ("01", "None")),))
    >>> parse_rows(b"code\n01\nNone\n", "new.csv", schema).frame["code"].tolist()
    ['01', 'None']
    """
    told = TableOptions() if options is None else options
    columns, notes = raw_columns(content, name, told)
    wanted = [*schema.features, *further]
    names = [feature.name for feature in wanted]
    require_columns(pd.DataFrame(columns=list(columns)), names)
    known = {} if formats is None else formats
    read: dict[str, pd.Series[Any]] = {}
    open_ones: list[TextColumn] = []
    for feature in wanted:
        cells = columns[feature.name]
        if isinstance(cells, Read) and cells.problem:
            raise InputError(cells.problem)
        column = _texts_of(feature, cells)
        if isinstance(column, pd.Series):
            read[feature.name] = column
        elif feature.is_categorical:
            form = known.get(feature.name, "")
            if form and not isinstance(cells, Read):
                column = _plainly(feature, column, told, form)
            read[feature.name] = _categories(feature, column, told)
        else:
            found = _as_trained(feature, column, told, known.get(feature.name, ""))
            if found is None:
                open_ones.append(column)
            else:
                read[feature.name] = found
    features = {feature.name: feature for feature in wanted}
    kinds = {f.name: "date" if f.is_date else "number" for f in wanted}
    asked = replace(told, kinds={c.name: kinds[c.name] for c in open_ones})
    for text, settled in zip(open_ones, read_columns(open_ones, asked), strict=True):
        if settled.problem and keep_unread:
            form = known.get(text.name, "")
            settled = _partly_read(features[text.name], text, told, form)
        if settled.problem:
            raise InputError(settled.problem)
        read[text.name] = settled.values
        if settled.format:  # otherwise than in training
            notes += settled.notes
    frame = frame_of({name: read[name] for name in names})
    if not keep_unread:
        _refuse_infinite(frame)
    for feature in schema.features:
        notes += _gap_note(feature, frame[feature.name])
    return ReadTable(frame, notes)


def _texts_of(
    feature: Feature, cells: TextColumn | Read
) -> "TextColumn | pd.Series[Any]":
    """Return texts that are to be read, or cells that are what the feature is."""
    if isinstance(cells, TextColumn):
        return cells
    values = cells.values
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        values = values.astype(object)
    elif feature.is_date and pd.api.types.is_datetime64_any_dtype(dtype):
        return values
    is_number = pd.api.types.is_numeric_dtype(values.dtype)
    if is_number and not feature.is_categorical and not feature.is_date:
        return values
    distinct = pd.Series(values.dropna().unique())
    said = {value: _said(value) for value in distinct.tolist()}
    texts = pyarrow.array(
        [
            None if gap else said[value]
            for value, gap in zip(values, values.isna(), strict=True)
        ],
        "string",
    )
    return TextColumn.of(feature.name, texts, is_typed=True)


def _said(value: Any) -> str:
    """Write a typed value as it would stand in a CSV file."""
    if isinstance(value, pd.Timestamp):
        return str(value).removesuffix(" 00:00:00")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return str(int(value))
    return str(value)


def _plainly(
    feature: Feature, column: TextColumn, options: TableOptions, form: str
) -> TextColumn:
    """Write labels that were numbers or dates of some format as their classes are."""
    as_was = Feature(feature.name)
    if form in ORDERS.values():
        as_was = Feature(feature.name, "date", calendar=Calendar("day"))
    values = _as_trained(as_was, column, options, form)
    if values is None:
        return column
    plain = _texts_of(feature, Read(values))
    return plain if isinstance(plain, TextColumn) else column


def _categories(
    feature: Feature, column: TextColumn, options: TableOptions
) -> "pd.Series[Any]":
    """Look the texts up among the categories; what is not there stays as it is."""
    known: dict[str, Category] = {}
    for level in feature.categories:
        words = _WORDS[level] if isinstance(level, bool) else (str(level),)
        if isinstance(level, float) and level.is_integer():
            words = (*words, str(int(level)))
        known |= dict.fromkeys(words, level)
    numbers = {
        Decimal(str(level)): level
        for level in feature.categories
        if isinstance(level, int | float) and not isinstance(level, bool)
    }
    gaps = column.missing(options.na_values, of_texts=True, keep=False)
    levels: list[Any] = []
    for text, trimmed, gap in zip(
        column.texts.to_pylist(), column.trimmed.to_pylist(), gaps, strict=True
    ):
        if text in known:
            levels.append(known[text])
        elif gap:
            levels.append(None)
        else:
            whole = re.sub(r"\.0+$", "", trimmed)  # 1.0, where gaps made floats of 1
            level = known.get(trimmed, known.get(whole, text))
            if numbers and level is text and re.fullmatch(PLAIN, trimmed):
                level = numbers.get(Decimal(trimmed), text)  # +1, 1E5
            levels.append(level)
    cells = np.asarray([*levels, None], dtype=object)[column.place]
    series = pd.Series(cells, dtype=object)
    if feature.is_boolean and all(isinstance(level, bool) for level in levels):
        return series if series.isna().any() else series.astype(bool)
    return series


def _as_trained(
    feature: Feature, column: TextColumn, options: TableOptions, form: str
) -> "pd.Series[Any] | None":
    """Read numbers or dates as they were written in training; None if they are not."""
    if _told_otherwise(feature, options, form):
        return None
    known = ~column.missing(options.na_values, of_texts=False, keep=False)
    if not known.any():
        kind = "M8[s]" if feature.is_date else np.float64
        zone = None if feature.calendar is None else feature.calendar.zone
        empty = pd.Series(np.full(len(column.place), np.nan)).astype(kind)
        return empty if zone is None else empty.dt.tz_localize(zone)
    cells = column.part(known)
    if feature.is_date:
        dates = DateTexts.of(cells)
        if not form or dates.mix_zones or np.isnat(dates.in_order(form)).any():
            return None
        return column.spread(dates.days(form), known)
    style = NumberFormat.from_text(form) if form else _PLAIN
    if style == _PLAIN:
        if not are_plain(cells).all():
            return None
        return column.spread(plain_values(cells), known)
    numbers = NumberTexts.of(cells)
    if not numbers.all_fit or not set(numbers.marks.tolist()) <= {"", style.mark}:
        return None
    if not numbers.fits(style.decimal, style.group).all():
        return None
    return column.spread(numbers.values(style), known)


def _told_otherwise(feature: Feature, options: TableOptions, form: str) -> bool:
    """Say whether a person says that these rows are written otherwise than before."""
    if feature.is_date:
        return options.dates is not None and ORDERS[options.dates] != form
    style = NumberFormat.from_text(form) if form else _PLAIN
    return options.decimal not in (None, style.decimal)


def _partly_read(
    feature: Feature, column: TextColumn, options: TableOptions, form: str
) -> Read:
    """Read what looks like a number or date; all else stays as it is written.

    A column is written in one way: which one, all that can be read in it tells
    together.
    """
    kind = "date" if feature.is_date else "number"
    known = ~column.missing(options.na_values, of_texts=False, keep=False)
    bad = known & ~look_alike(column, kind)
    if int(bad.sum()) > _MOST_UNREAD:
        raise InputError(
            f"Column {feature.name!r} holds more than {_MOST_UNREAD} different texts "
            f"that are no {kind}s, e.g. {column.example(bad)[0]!r}: it is not what it "
            "was in training."
        )
    places = np.flatnonzero(known & ~bad)
    few = TextColumn(
        column.name,
        column.texts.take(pyarrow.array(places, pyarrow.int64())),
        np.arange(len(places)),
    )
    found = _read_few(feature, few, options, form)
    cells = np.full(len(known) + 1, None, dtype=object)
    cells[places] = found.values.tolist()
    for place in np.flatnonzero(bad).tolist():
        cells[place] = column.texts[place].as_py()
    values = pd.Series(cells[column.place], dtype=object)
    return replace(found, values=values)


def _read_few(
    feature: Feature, column: TextColumn, options: TableOptions, form: str
) -> Read:
    if not len(column.place):
        return Read(pd.Series(dtype=object))
    found = _as_trained(feature, column, options, form)
    if found is not None:
        return Read(found)
    kinds = {feature.name: "date" if feature.is_date else "number"}
    return read_columns([column], replace(options, kinds=kinds))[0]


def _refuse_infinite(frame: pd.DataFrame) -> None:
    found = infinite_cells(frame).to_numpy()
    if not found.any():
        return
    row, column = (int(place[0]) for place in np.nonzero(found))
    raise InputError(
        f"Column {frame.columns[column]!r} holds {frame.iloc[row, column]} (row "
        f"{row + 1}); a number must be finite, and at most 3.4e38."
    )


def _gap_note(feature: Feature, column: "pd.Series[Any]") -> tuple[str, ...]:
    gaps = column.isna().to_numpy()
    if feature.has_missing or not gaps.any():
        return ()
    row = int(np.flatnonzero(gaps)[0]) + 1
    return (
        f"Column {feature.name!r} is missing in {int(gaps.sum())} of {len(gaps)} rows, "
        f"e.g. row {row}; no row of the training had it missing, so what is decided "
        "there was never measured.",
    )
