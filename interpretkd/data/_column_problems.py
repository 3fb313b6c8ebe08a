"""Columns that nothing can be learnt from: text among numbers, and names of rows."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from interpretkd._base import InputError

_MANY_CATEGORIES, _MOST_CATEGORIES = 100, 1000
_MOST_TOLD = 8
_MANY_NAMES = 30
_LARGEST = float(np.finfo(np.float32).max)
_ID_NAME = re.compile(
    r"^(?i:ids?|index|idx|key|uuid|guid|row|rownum|row[_ ]?(?:id|number|nr|no)|nr|no"
    r"|unnamed: \d+|.*[_ -](?:id|key|uuid|guid))$|^.*[a-z](?:Id|ID)$"
)
_FEWEST_IDS = 10


def check_columns(table: pd.DataFrame) -> None:
    """Refuse columns that nothing can be learnt from.

    Parameters
    ----------
    table : DataFrame
        What `open_table` found.

    Raises
    ------
    InputError
        For text among numbers, and texts that tell rows apart.
    """
    refuse_columns(column_problems(table))


def column_problems(
    table: pd.DataFrame, *, texts: Collection[str] = ()
) -> dict[str, str]:
    """Say of each column that cannot be used why.

    Parameters
    ----------
    table : DataFrame
        Rows.
    texts : collection of str, default=()
        Columns that may be texts though most of their cells are numbers.

    Returns
    -------
    dict of str to str
        A sentence by the column's name.
    """
    found = {}
    for i, name in enumerate(table.columns):
        problem = column_problem(table.iloc[:, i], may_be_text=str(name) in texts)
        if problem:
            found[str(name)] = problem
    return found


def refuse_columns(problems: Mapping[str, str]) -> None:
    """Raise for all columns that cannot be used, at once.

    Parameters
    ----------
    problems : mapping of str to str
        A sentence by the column's name.

    Raises
    ------
    InputError
        When there is one.
    """
    if not problems:
        return
    told = list(problems.values())
    if len(told) == 1:
        raise InputError(told[0])
    more = f" And {len(told) - _MOST_TOLD} more." if len(told) > _MOST_TOLD else ""
    names = " ".join(f"--drop {_typed(name)}" for name in list(problems)[:_MOST_TOLD])
    raise InputError(
        f"{len(told)} columns cannot be used. {' '.join(told[:_MOST_TOLD])}{more} All "
        f"of these are left out with {names}."
    )


def column_problem(column: "pd.Series[Any]", *, may_be_text: bool = False) -> str:
    """Say why a column cannot be used.

    Parameters
    ----------
    column : Series of shape (n_samples,)
        The column.
    may_be_text : bool, default=False
        Whether it may be text though most of its cells are numbers.

    Returns
    -------
    str
        A sentence; "" for a column that can be used.
    """
    if pd.api.types.is_numeric_dtype(column) or column.isna().all():
        return ""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return ""
    if not pd.api.types.is_string_dtype(column) and column.dtype != object:
        return ""  # a date or the like: Schema says what to do
    present = column.dropna()
    try:
        counts = present.value_counts(sort=False)
    except TypeError:  # lists, dicts: Schema says what to do
        return ""
    levels = pd.Series(counts.index)
    wrong = pd.to_numeric(levels, errors="coerce").isna().to_numpy()
    n_wrong = int(counts[wrong].sum())
    if n_wrong and n_wrong < 0.5 * len(present) and not may_be_text:
        is_wrong = column.isin(levels[wrong]).to_numpy()
        place = int(np.flatnonzero(is_wrong)[0])
        return (
            f"Column {column.name!r}: {n_wrong} of {len(column)} values are not "
            f"numbers, e.g. {column.iloc[place]!r} (row {place + 1}); if that stands "
            "for a missing value, name it (--na-values); if these are codes, say so "
            f"(--as {column.name}=text)."
        )
    tells_apart = len(levels) > max(_MANY_CATEGORIES, len(present) // 2)
    if not tells_apart and len(levels) <= _MOST_CATEGORIES:
        return ""
    hint = (
        "" if wrong.any() else f"; or read them as numbers (--as {column.name}=number)"
    )
    return (
        f"Column {column.name!r} holds {len(levels)} different texts in {len(present)} "
        f"rows, too many for categories; leave it out (--drop){hint}."
    )


def id_columns(table: pd.DataFrame, target: str | None = None) -> list[str]:
    """Find the columns that tell every row apart.

    Parameters
    ----------
    table : DataFrame
        Rows.
    target : str or None, default=None
        The column to predict, which is none of them.

    Returns
    -------
    list of str
        Texts of which no two rows have the same, or too many to be categories; whole
        numbers that count the rows, or that all differ in a column called an id.
    """
    return [
        str(name)
        for i, name in enumerate(table.columns)
        if str(name) != target and _tells_apart(table.iloc[:, i])
    ]


def counter_notes(table: pd.DataFrame, target: str | None = None) -> tuple[str, ...]:
    """Notice whole numbers that count the rows, or are called an id and all differ.

    Parameters
    ----------
    table : DataFrame
        Rows.
    target : str or None, default=None
        The column to predict, which is none of them.

    Returns
    -------
    tuple of str
        A sentence each.
    """
    return tuple(
        f"Column {name!r} tells every row apart, as a number or name of rows does; "
        "leave it out (--drop-ids) unless it says something."
        for name in id_columns(table, target)
        if pd.api.types.is_numeric_dtype(table[name])
    )


def group_notes(table: pd.DataFrame, target: str | None = None) -> tuple[str, ...]:
    """Notice names that come back row after row, as customers and patients do.

    Parameters
    ----------
    table : DataFrame
        Rows.
    target : str or None, default=None
        The column to predict, which is none of them.

    Returns
    -------
    tuple of str
        A sentence each.
    """
    said = []
    for i, name in enumerate(map(str, table.columns)):
        column = table.iloc[:, i]
        is_text = column.dtype == object or pd.api.types.is_string_dtype(column)
        if name == target or not is_text:
            continue
        n_texts, n_rows = column.nunique(), int(column.notna().sum())
        if n_texts >= _MANY_NAMES and 10 * n_texts >= n_rows > n_texts:
            said.append(
                f"Column {name!r} has {n_texts:,} different texts in {n_rows:,} rows: "
                "if it names who or what rows belong to, say so (--group), or leave it "
                "out (--drop); as it is, a rule may ask for single ones."
            )
    return tuple(said)


def infinite_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Say where a number is infinite, or larger than a code may be.

    Parameters
    ----------
    table : DataFrame
        Rows.

    Returns
    -------
    DataFrame
        Of the same shape; what is no number is False.
    """
    found = pd.DataFrame(False, index=table.index, columns=table.columns)
    for i in range(table.shape[1]):
        column = table.iloc[:, i]
        if pd.api.types.is_float_dtype(column):
            numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
            found.isetitem(i, np.abs(numbers) > _LARGEST)
    return found


def _tells_apart(column: "pd.Series[Any]") -> bool:
    present = column.dropna()
    if len(present) < _FEWEST_IDS:
        return False
    if pd.api.types.is_integer_dtype(column):
        if not present.is_unique:
            return False
        steps = int(present.max()) - int(present.min())
        counts = steps == len(present) - 1 and present.is_monotonic_increasing
        return bool(counts) or _ID_NAME.match(str(column.name)) is not None
    is_text = pd.api.types.is_string_dtype(column) or column.dtype == object
    if not is_text or isinstance(column.dtype, pd.CategoricalDtype):
        return False
    try:
        n_texts = present.nunique()
    except TypeError:
        return False
    return n_texts == len(present) or "too many for categories" in column_problem(
        column
    )


def _typed(name: str) -> str:
    return name if name.isidentifier() else repr(name)
