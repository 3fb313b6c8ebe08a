"""Frames as people have them, and the one form in which everything here reads them.

Names of columns become texts, and so do levels of categories that are neither texts nor
numbers nor booleans: intervals, periods, moments, tuples, mixtures. That is done once,
at the door. `Given` remembers how the rows looked, for a teacher that was fitted to
them as they were.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from interpretkd._base import InputError

_PLAIN = (str, bool, int, float)
_AS_LEVELS = ("interval", "period")
"""What pandas calls columns whose values become categories."""


def plain_value(value: Any) -> Any:
    """Return a value as Python has it.

    Parameters
    ----------
    value : object
        A numpy scalar, or anything else.

    Returns
    -------
    object
        A str, int, float or the like; anything but a numpy scalar as it is.
    """
    return value.item() if isinstance(value, np.generic) else value


def value_name(value: Any) -> str:
    """Return the text that a column's name or a category has everywhere.

    Parameters
    ----------
    value : object
        Whatever pandas allows: a text, a number, a tuple, an interval, ...

    Returns
    -------
    str
        A text as it is; all else as ``str`` says it, numpy's numbers as Python's.

    Examples
    --------
    >>> value_name(("size", np.int64(2))), value_name(pd.Interval(0.0, 1.5))
    ("('size', 2)", '(0.0, 1.5]')
    """
    if isinstance(value, tuple):
        return str(tuple(plain_value(part) for part in value))
    return str(plain_value(value))


def level_names(levels: Iterable[Any]) -> list[Any]:
    """Return the levels of a category as they are kept.

    Parameters
    ----------
    levels : iterable of object
        As pandas has them.

    Returns
    -------
    list
        The levels themselves where all are texts, all booleans or all finite numbers;
        else their texts.

    Examples
    --------
    >>> level_names([1, 2]), level_names([1, "one"])
    ([1, 2], ['1', 'one'])
    """
    plain = [plain_value(level) for level in levels]
    kinds = {bool if isinstance(v, bool) else type(v) for v in plain}
    if len(kinds) <= 1 and kinds <= {str, bool}:
        return plain
    if kinds <= {int, float} and all(map(math.isfinite, plain)):
        return plain
    return [value_name(level) for level in plain]


def to_pandas(X: object) -> pd.DataFrame | None:
    """Return a pandas frame for any frame, None for anything else.

    Parameters
    ----------
    X : object
        A pandas frame is returned as it is; a polars frame, a pyarrow table or
        whatever else speaks Arrow is converted.

    Returns
    -------
    DataFrame or None
        The frame, or None when `X` is an array or a list.
    """
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "__arrow_c_stream__") and hasattr(X, "columns"):
        import pyarrow

        table: pd.DataFrame = pyarrow.table(X).to_pandas()
        return table
    return None


def as_frame(X: object) -> pd.DataFrame | None:
    """Return any frame in the form that everything here reads, None for anything else.

    Parameters
    ----------
    X : object
        A frame of pandas, polars or pyarrow, or of whatever else speaks Arrow.

    Returns
    -------
    DataFrame or None
        Names are texts, levels of categories texts, numbers or booleans, nothing is
        sparse; a frame that is so already is returned as it is. None when `X` is an
        array or a list.

    Raises
    ------
    InputError
        When two levels of a category read the same.

    Examples
    --------
    >>> as_frame(pd.DataFrame({0: pd.cut([1, 2, 9], [0, 5, 10])}))["0"].tolist()
    ['(0, 5]', '(0, 5]', '(5, 10]']
    """
    frame = to_pandas(X)
    if frame is None:
        return None
    odd = [i for i, dtype in enumerate(frame.dtypes) if _may_be_odd(dtype)]
    made = {i: _settled(frame.iloc[:, i]) for i in odd}
    changed = {i: column for i, column in made.items() if column is not None}
    texts = [value_name(name) for name in frame.columns]
    named = all(isinstance(name, str) for name in frame.columns)
    if named and not changed and frame.columns.nlevels == 1:
        return frame
    frame = frame.set_axis(texts, axis=1)
    for i, column in changed.items():
        frame.isetitem(i, column)
    return frame


@dataclass(frozen=True, eq=False)
class Given:
    """How the columns of a frame looked before they got their one form.

    Parameters
    ----------
    columns : pandas.Index
        Their names.
    levels : dict of int to tuple
        By a column's position the texts that its levels became, the levels as they
        were, and the column's dtype.
    """

    columns: "pd.Index[Any]"
    levels: dict[int, tuple[list[Any], "pd.Index[Any]", Any]]

    @classmethod
    def of(cls, X: object) -> Self | None:
        """Remember the columns of a frame.

        Parameters
        ----------
        X : object
            Rows as the user gave them.

        Returns
        -------
        Given or None
            None where nothing is changed in them, and for what is no frame.
        """
        frame, settled = to_pandas(X), as_frame(X)
        if frame is None or settled is frame:
            return None
        levels = {}
        for i in range(frame.shape[1]):
            column = frame.iloc[:, i]
            changed = _settled(column) if _may_be_odd(column.dtype) else None
            if changed is not None and isinstance(changed.dtype, pd.CategoricalDtype):
                before = pd.Index(_levels(column), tupleize_cols=False)
                if isinstance(column.dtype, pd.CategoricalDtype):
                    before = column.cat.categories
                levels[i] = (list(changed.cat.categories), before, column.dtype)
        return cls(frame.columns, levels)

    def settle(self, X: Any) -> Any:
        """Give rows their one form.

        Parameters
        ----------
        X : object
            Rows.

        Returns
        -------
        object
            What `as_frame` returns of a frame; anything else as it is.
        """
        frame = as_frame(X)
        return X if frame is None else frame

    def restore(self, X: Any) -> Any:
        """Give rows the form that these had.

        Parameters
        ----------
        X : object
            Rows.

        Returns
        -------
        object
            Rows of the same columns as they were given; all others as they are.
        """
        if not isinstance(X, pd.DataFrame):
            return X
        if list(X.columns) != [value_name(name) for name in self.columns]:
            return X
        rows = X.copy(deep=False)
        for i, (texts, levels, dtype) in self.levels.items():
            place = {text: code for code, text in enumerate(texts)}
            column, gaps = X.iloc[:, i].astype(object), X.iloc[:, i].isna()
            if not column[~gaps].isin(texts).all():
                return X
            codes = [
                -1 if gap else place[v] for v, gap in zip(column, gaps, strict=True)
            ]
            restored = pd.Series(pd.Categorical.from_codes(codes, levels), X.index)
            rows.isetitem(i, restored.astype(dtype))
        return rows.set_axis(self.columns, axis=1)


def _may_be_odd(dtype: Any) -> bool:
    kinds = (pd.SparseDtype, pd.IntervalDtype, pd.PeriodDtype, pd.CategoricalDtype)
    is_odd = isinstance(dtype, kinds) or _is_dictionary(dtype)
    return is_odd or pd.api.types.is_object_dtype(dtype)


def _is_dictionary(dtype: Any) -> bool:
    return isinstance(dtype, pd.ArrowDtype) and str(dtype).startswith("dictionary")


def _settled(column: "pd.Series[Any]") -> "pd.Series[Any] | None":
    """Return the column in its one form; None if it has it already."""
    dtype = column.dtype
    if isinstance(dtype, pd.SparseDtype):
        return column.sparse.to_dense()
    if _is_dictionary(dtype):
        return column.astype(object).astype("category")
    if isinstance(dtype, pd.CategoricalDtype):
        if dtype.categories.dtype.kind in "iub" or dtype.categories.dtype == "str":
            return None
        return _renamed(column)
    if pd.api.types.is_object_dtype(dtype):
        kind = pd.api.types.infer_dtype(column, skipna=True)
        if kind == "decimal":
            return pd.to_numeric(column).astype(np.float64)
        values = column.dropna() if kind == "mixed" else column[:0]
        is_tuple = len(values) and all(isinstance(v, tuple) for v in values)
        if kind not in _AS_LEVELS and not is_tuple:
            return None
    return _renamed(column)


def _renamed(column: "pd.Series[Any]") -> "pd.Series[Any] | None":
    levels = _levels(column)
    names = level_names(levels)
    is_category = isinstance(column.dtype, pd.CategoricalDtype)
    if is_category and names == [plain_value(level) for level in levels]:
        return None
    texts = [str(name) for name in names]
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise InputError(
            f"Column {value_name(column.name)!r} has two categories that read the "
            f"same, {twice!r}; rename one."
        )
    codes = column.cat.codes if is_category else _places(column, levels)
    dtype = pd.CategoricalDtype(names)
    return pd.Series(pd.Categorical.from_codes(codes, dtype=dtype), column.index)


def _levels(column: "pd.Series[Any]") -> list[Any]:
    """Return a category's levels, or the values of a column that becomes one."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.categories)
    try:
        different = list(column.dropna().astype(object).unique())
    except TypeError:  # tuples of lists
        return []
    try:
        return sorted(different)
    except TypeError:  # tuples of texts and numbers
        return sorted(different, key=value_name)


def _places(column: "pd.Series[Any]", levels: list[Any]) -> list[int]:
    place = {level: i for i, level in enumerate(levels)}
    gaps = column.isna().tolist()
    values = column.astype(object).tolist()
    return [-1 if gap else place[v] for v, gap in zip(values, gaps, strict=True)]
