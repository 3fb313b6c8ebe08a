"""The columns of a table: what they hold, which rows are kept, and the target."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError, check_choice, check_integer, closest
from interpretkd.data._column_problems import column_problems, infinite_cells
from interpretkd.data._frames import plain_value

_MOST_CLASSES = 20
"""A number with more different whole values than this is a quantity, not a class."""
_FEWEST_A_CLASS = 5
_KINDS = ("classification", "regression")


def describe_columns(
    table: pd.DataFrame, problems: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Say of each column what it holds, and whether it can be used.

    Parameters
    ----------
    table : DataFrame
        Rows.
    problems : mapping of str to str, default=None
        The problems that were found when they were read; None looks for them.

    Returns
    -------
    DataFrame
        One row a column: "column", "kind" ("number", "text", "yes or no", "date",
        "other" or "nothing"), the counts "missing", "infinite" and "different", an
        "example", and the "problem" in one sentence, "" where there is none.

    Examples
    --------
    >>> table = pd.DataFrame({"age": [31.0, None, 40.0], "home": ["own"] * 3})
    >>> print(describe_columns(table).to_string(index=False))
    column   kind  missing  infinite  different example problem
       age number        1         0          2    31.0
      home   text        0         0          1     own
    """
    found = column_problems(table) if problems is None else problems
    return pd.DataFrame(
        [_described(table[name], found.get(str(name), "")) for name in table.columns]
    )


@dataclass(frozen=True)
class RowChoice:
    """What becomes of rows that cannot be used as they are, and of too many.

    Parameters
    ----------
    missing : {"keep", "drop", "refuse"}, default="keep"
        Rows with a missing value: kept as they are, which all students and networks
        of ours understand, or left out; or nothing is made.
    infinite : {"refuse", "missing", "drop"}, default="refuse"
        Infinite values, and those above 3.4e38: nothing is made, they become missing,
        or their rows are left out.
    unlabelled : {"refuse", "drop"}, default="refuse"
        Rows whose target is missing.
    most_rows : int or None, default=None
        In [10, inf): of more rows so many are drawn. None keeps all.
    """

    missing: str = "keep"
    infinite: str = "refuse"
    unlabelled: str = "refuse"
    most_rows: int | None = None

    def __post_init__(self) -> None:
        kept = ("keep", "drop", "refuse")
        check_choice("RowChoice", "missing", self.missing, kept)
        ways = ("refuse", "missing", "drop")
        check_choice("RowChoice", "infinite", self.infinite, ways)
        check_choice("RowChoice", "unlabelled", self.unlabelled, ("refuse", "drop"))
        check_integer("RowChoice", "most_rows", self.most_rows, 10, optional=True)


def choose_rows(
    table: pd.DataFrame, target: str, choice: RowChoice, *, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, str | int]]:
    """Leave out the rows that shall not be used.

    Parameters
    ----------
    table : DataFrame
        Checked columns.
    target : str
        The column to predict; one that is not there is passed over.
    choice : RowChoice
        Which rows.
    seed : int, default=0
        Of the draw.

    Returns
    -------
    table : DataFrame
        The rows that are left, in their order.
    facts : dict of str to str or int
        What was left out or changed, for the run's description; empty for nothing.

    Raises
    ------
    InputError
        For missing or infinite values that are refused, and when no row is left.

    Examples
    --------
    >>> table = pd.DataFrame({"age": [31.0, None, 40.0], "bad": [0, 1, 1]})
    >>> rows, facts = choose_rows(table, "bad", RowChoice(missing="drop"))
    >>> len(rows), facts
    (2, {'rows left out for missing values': 1})
    """
    facts: dict[str, str | int] = {}

    def keep(kept_rows: "pd.Series[bool]", said: str) -> None:
        nonlocal table
        if kept_rows.all():
            return
        facts[f"rows left out for {said}"] = int((~kept_rows).sum())
        table = table[kept_rows]

    if choice.unlabelled == "drop" and target in table.columns:
        keep(table[target].notna(), "a missing target")
    infinite = infinite_cells(table)
    n_infinite = int(infinite.to_numpy().sum())
    if n_infinite and choice.infinite == "refuse":
        raise InputError(
            f"The table holds infinite values: {_counted(infinite)}; take them for "
            "missing (--infinite missing), or leave their rows out (--infinite drop)."
        )
    if n_infinite and choice.infinite == "missing":
        table = table.mask(infinite)
        facts["infinite values taken for missing"] = n_infinite
    elif n_infinite:
        keep(~infinite.any(axis=1), "infinite values")
    gaps = table.isna()
    if choice.missing == "refuse" and gaps.to_numpy().any():
        raise InputError(
            f"The table holds missing values: {_counted(gaps)}; keep them as missing, "
            "or leave their rows out."
        )
    if choice.missing == "drop":
        keep(table.notna().all(axis=1), "missing values")
    if len(table) == 0:
        raise InputError(
            "No row is left: every one has a missing or infinite value. Keep missing "
            "values, or leave out the columns that have most of them."
        )
    if choice.most_rows is not None and len(table) > choice.most_rows:
        facts["rows drawn"] = f"{choice.most_rows:,} of {len(table):,}"
        drawn = np.random.default_rng(seed).permutation(len(table))
        table = table.iloc[np.sort(drawn[: choice.most_rows])]
    return table.reset_index(drop=True), facts


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
        Classes in the type they came in - whole numbers, yes and no, else texts -, or
        values.
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
            f"row {row}; remove such rows first (--drop-missing-target)."
        )
    first = plain_value(column.iloc[0])
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
    labels = _class_names(column)
    names, counts = np.unique(labels, return_counts=True)
    if counts.min() < _FEWEST_A_CLASS:
        rare = names[counts.argmin()]
        raise InputError(
            f"Every class of the target {target!r} must have at least "
            f"{_FEWEST_A_CLASS} rows. Class {str(rare)!r} has {counts.min()}."
        )
    return rows, labels, "multiclass"


def target_balance(y: NDArray[Any], task: str, *, most: int = 20) -> pd.DataFrame:
    """Count the classes of a target, or the values in ranges of equal width.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        What `split_target` returned.
    task : {"multiclass", "regression"}
        What it decided.
    most : int, default=20
        In [2, inf): the most classes, the largest first, the rest as one; the number
        of ranges.

    Returns
    -------
    DataFrame
        "class", "rows" and "share"; for regression "from", "to", "rows" and "share".

    Examples
    --------
    >>> target_balance(np.array(["good", "bad", "good", "good"]), "multiclass")
      class  rows  share
    0  good     3   0.75
    1   bad     1   0.25
    """
    check_integer("target_balance", "most", most, 2)
    if task == "regression":
        counts, edges = np.histogram(y, bins=most)
        found = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "rows": counts})
    else:
        names, counts = np.unique(y, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        shown = order if len(order) <= most else order[: most - 1]
        texts = [str(names[i]) for i in shown]
        rows = [int(counts[i]) for i in shown]
        if len(shown) < len(order):
            texts.append(f"{len(order) - len(shown)} other classes")
            rows.append(len(y) - sum(rows))
        found = pd.DataFrame({"class": texts, "rows": rows})
    return found.assign(share=found["rows"] / len(y))


def _described(column: "pd.Series[Any]", problem: str) -> dict[str, Any]:
    present = column.dropna()
    try:
        n_different: int | None = int(present.nunique())
    except TypeError:  # lists, dicts
        n_different = None
    return {
        "column": str(column.name),
        "kind": _kind(column),
        "missing": len(column) - len(present),
        "infinite": int(infinite_cells(column.to_frame()).to_numpy().sum()),
        "different": n_different,
        "example": _example(present),
        "problem": problem,
    }


def _example(present: "pd.Series[Any]") -> str:
    """Say the first cell, a day without a time of day."""
    if not len(present):
        return ""
    text = str(plain_value(present.iloc[0]))[:80]
    if pd.api.types.is_datetime64_any_dtype(present.dtype):
        return text.removesuffix(" 00:00:00")
    return text


def _kind(column: "pd.Series[Any]") -> str:
    if column.isna().all():
        return "nothing"
    if pd.api.types.is_bool_dtype(column):
        return "yes or no"
    if pd.api.types.is_numeric_dtype(column):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    is_text = pd.api.types.is_string_dtype(column) or column.dtype == object
    return (
        "text" if is_text or isinstance(column.dtype, pd.CategoricalDtype) else "other"
    )


def _counted(found: pd.DataFrame) -> str:
    """Say how many values of each column are meant, and in which row is the first."""
    counts = found.sum()
    names = [f"{count} in {str(name)!r}" for name, count in counts.items() if count]
    row = int(np.flatnonzero(found.any(axis=1))[0]) + 1
    more = f" and {len(names) - 10} further columns" if len(names) > 10 else ""
    return f"{', '.join(names[:10])}{more}, e.g. row {row}"


def _class_names(column: "pd.Series[Any]") -> NDArray[Any]:
    """Return classes in the type that they came in: 0 and 1 stay numbers."""
    if pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy()
        whole = numbers.astype(np.int64, casting="unsafe")
        if (whole == numbers).all():
            return whole
        texts = [np.format_float_positional(number, trim="-") for number in numbers]
        return np.asarray(texts)
    return column.astype(str).to_numpy(dtype=object).astype(str)


def _is_quantity(column: "pd.Series[Any]") -> bool:
    values = column.to_numpy(dtype=np.float64)
    return bool((values != np.round(values)).any() or column.nunique() > _MOST_CLASSES)
