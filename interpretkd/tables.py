"""Reading a user's CSV or Parquet file, with a sentence for all that can be wrong."""

import codecs
import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._files import csv_text, write_atomically
from interpretkd._validation import InputError, check_choice, closest

__all__ = [
    "predict_table",
    "read_table",
    "split_target",
    "take_labels",
    "take_rows_for",
]

_MOST_CLASSES = 20
"""A number with more different whole values than this is a quantity, not a class."""
_FEWEST_A_CLASS = 5
_MANY_CATEGORIES, _MOST_CATEGORIES = 100, 1000
_DELIMITERS = ",;\t|"
_KINDS = ("classification", "regression")


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
    content = file.read_bytes()
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise InputError(f"The file {file.name!r} is empty.")
    if file.suffix.lower() in (".parquet", ".pq"):
        table = _parse_parquet(content, file.name)
    elif file.suffix.lower() in (".csv", ".tsv", ".txt"):
        table = _parse_csv(content, file.name)
    else:
        raise InputError(
            f"A table must be a .csv, .tsv, .txt or .parquet file. Got {file.name!r}."
        )
    if len(table) == 0:
        raise InputError(f"The file {file.name!r} has a header and no rows.")
    for name in drop:
        if name not in table.columns:
            raise InputError(
                f"There is no column {name!r} to drop.{closest(name, table.columns)}"
            )
    table = table.drop(columns=list(drop))
    if only is not None:
        _need(table, only)
        table = table[list(only)]
    for name in table.columns:
        _check_column(table[name])
    return table


def split_target(
    table: pd.DataFrame, target: str, *, task: str = "auto"
) -> tuple[pd.DataFrame, NDArray[Any], str]:
    """Take the target column out of a table.

    Parameters
    ----------
    table : DataFrame
        What `read_table` returned.
    target : str
        The column to predict.
    task : {"auto", "classification", "regression"}, default="auto"
        "auto" takes a number that is not whole, or has more than 20 different values,
        for a quantity, and all else for classes.

    Returns
    -------
    rows : DataFrame
        The other columns.
    y : ndarray of shape (n_samples,)
        Class names as text, or values.
    task : {"multiclass", "regression"}
        What was decided.

    Raises
    ------
    InputError
        For an unknown or constant target, one with gaps, a class of fewer than five
        rows, and when no other column is left.
    """
    check_choice("split_target", "task", task, ("auto", *_KINDS))
    if target not in table.columns:
        raise InputError(
            f"There is no column {target!r}.{closest(target, table.columns)} The "
            f"columns are {', '.join(map(repr, table.columns[:30]))}."
        )
    column = table[target]
    gaps = int(column.isna().sum())
    if gaps:
        row = int(np.flatnonzero(column.isna())[0]) + 1
        raise InputError(
            f"The target {target!r} is missing in {gaps} of {len(column)} rows, e.g. "
            f"row {row}; remove such rows first."
        )
    first = _plain(column.iloc[0])
    if column.nunique() == 1:
        raise InputError(
            f"The target {target!r} is constant: every row has {first!r}, so there is "
            "one class and nothing to learn."
        )
    rows = table.drop(columns=target)
    rows = rows.loc[:, rows.notna().any()]
    if rows.shape[1] == 0:
        raise InputError(f"The table has no column beside the target {target!r}.")
    is_number = pd.api.types.is_numeric_dtype(column) and column.dtype != bool
    if is_number and not np.isfinite(column.to_numpy(dtype=np.float64)).all():
        raise InputError(f"The target {target!r} must be finite. Got infinity.")
    if task == "regression" and not is_number:
        raise InputError(
            f"The target {target!r} must hold numbers for regression. Got e.g. "
            f"{first!r}."
        )
    if task == "regression" or (task == "auto" and is_number and _is_quantity(column)):
        return rows, column.to_numpy(dtype=np.float64), "regression"
    labels = column.astype(str).to_numpy(dtype=object).astype(str)
    names, counts = np.unique(labels, return_counts=True)
    if counts.min() < _FEWEST_A_CLASS:
        rare = names[counts.argmin()]
        raise InputError(
            f"Every class of the target {target!r} must have at least "
            f"{_FEWEST_A_CLASS} rows. Class {str(rare)!r} has {counts.min()}."
        )
    return rows, labels, "multiclass"


def take_labels(
    model: Any, table: pd.DataFrame, target: str | None
) -> NDArray[Any] | None:
    """Take the labels of new rows, in the form of a fitted model's classes.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    table : DataFrame
        What `read_table` returned.
    target : str or None
        The labels' column; None when there is none.

    Returns
    -------
    ndarray of shape (n_samples,) or None
        The labels.

    Raises
    ------
    InputError
        For an unknown column, one with gaps, and labels that the model does not know.
    """
    if target is None:
        return None
    if target not in table.columns:
        raise InputError(
            f"There is no column {target!r}.{closest(target, table.columns)}"
        )
    column = table[target]
    if column.isna().any():
        raise InputError(
            f"The target {target!r} is missing in {column.isna().sum()} rows."
        )
    if not hasattr(model, "classes_"):
        if not pd.api.types.is_numeric_dtype(column):
            raise InputError(
                f"The target {target!r} must hold numbers. Got e.g. "
                f"{_plain(column.iloc[0])!r}."
            )
        return column.to_numpy(dtype=np.float64)
    known = {str(name): name for name in model.classes_.tolist()}
    texts = column.astype(str)
    strange = sorted(set(texts) - set(known))
    if strange:
        raise InputError(
            f"The target {target!r} holds classes that the model does not know: "
            f"{', '.join(map(repr, strange[:5]))}. It knows "
            f"{', '.join(map(repr, list(known)[:20]))}."
        )
    return np.asarray([known[text] for text in texts])


def take_rows_for(model: Any, table: pd.DataFrame) -> Any:
    """Take the columns of new rows that a fitted model reads.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    table : DataFrame
        What `read_table` returned.

    Returns
    -------
    DataFrame or ndarray of shape (n_samples, n_features)
        The rows; an array for a model that was fitted to an array.

    Raises
    ------
    InputError
        When a column is absent.
    """
    _need(table, model.schema_.names)
    rows = table[list(model.schema_.names)]
    return rows if hasattr(model, "feature_names_in_") else rows.to_numpy()


def predict_table(
    model: Any, path: str | os.PathLike[str], out: str | os.PathLike[str]
) -> Path:
    """Let a fitted model decide the rows of a file, and write its decisions.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    path : str or path
        A CSV or Parquet file with the model's columns; others are passed over.
    out : str or path
        A .csv or .parquet file; it gets the column "prediction" and, for classes, one
        "probability of ..." a class, row by row as in `path`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        For rows that do not fit the model, or another ending.
    """
    target = Path(out)
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(
            f"Predictions are written to a .csv or .parquet file. Got {target.name!r}."
        )
    rows = take_rows_for(model, read_table(path, only=model.schema_.names))
    decided = pd.DataFrame({"prediction": list(model.predict(rows))})
    if hasattr(model, "classes_"):
        chances = model.predict_proba(rows)
        for i, name in enumerate(model.classes_):
            decided[f"probability of {name}"] = chances[:, i]
    if target.suffix.lower() == ".csv":
        write_atomically(target, csv_text(decided).encode())
    else:
        buffer = io.BytesIO()
        decided.to_parquet(buffer, index=False)
        write_atomically(target, buffer.getvalue())
    return target


def _need(table: pd.DataFrame, names: Sequence[str]) -> None:
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise InputError(
            f"The table lacks the columns {', '.join(map(repr, absent[:10]))}."
            f"{closest(absent[0], table.columns)}"
        )


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


def _check_column(column: "pd.Series[Any]") -> None:
    """Refuse numbers with text among them, and texts that tell rows apart."""
    if pd.api.types.is_numeric_dtype(column) or column.isna().all():
        return
    if isinstance(column.dtype, pd.CategoricalDtype):
        return
    if not pd.api.types.is_string_dtype(column) and column.dtype != object:
        return  # a date or the like: Schema says what to do
    present = column.dropna()
    numbers = pd.to_numeric(present, errors="coerce")
    wrong = numbers.isna()
    if wrong.any() and wrong.mean() < 0.5:
        place = int(np.flatnonzero(column.index == wrong.idxmax())[0])
        raise InputError(
            f"Column {column.name!r}: {wrong.sum()} of {len(column)} values are not "
            f"numbers, e.g. {present[wrong].iloc[0]!r} (row {place + 1})."
        )
    try:
        n_texts = present.nunique()
    except TypeError:  # lists, dicts: Schema says what to do
        return
    tells_apart = n_texts > max(_MANY_CATEGORIES, len(present) // 2)
    if tells_apart or n_texts > _MOST_CATEGORIES:
        raise InputError(
            f"Column {column.name!r} holds {n_texts} different texts in {len(present)} "
            "rows, too many for categories; leave it out (--drop)."
        )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _is_quantity(column: "pd.Series[Any]") -> bool:
    values = column.to_numpy(dtype=np.float64)
    return bool((values != np.round(values)).any() or column.nunique() > _MOST_CLASSES)
