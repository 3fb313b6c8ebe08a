"""What a fitted preparation does to one column at a time, found out by asking it.

The preparation is never taken apart: rows in which only some cells are changed are
sent through it. So any transformer can be read, and what it computes, to the last bit
of its rounding, is what counts.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Codes, Rows, Schema, to_pandas, value_name

SEVERAL, NONE = -2, -1
"""Instead of a column: a prepared column comes from more than one, or from none."""

TEMPLATES = 16
"""How many rows take turns as those in which cells are replaced."""
_MOST_ROWS = 4_000
_MOST_TRIED = 64
"""Columns that are asked one by one whether they accept a missing value."""
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class _Preparation:
    """A fitted transformer, with rows that it can read.

    Parameters
    ----------
    transform : callable
        From original to prepared rows.
    prepared : Schema
        The prepared columns.
    rows : DataFrame or ndarray of shape (n_samples, n_columns)
        Original rows.
    """

    transform: Callable[[Any], Any]
    prepared: Schema
    rows: Rows

    @classmethod
    def of(cls, preparation: Any, prepared: Schema, X: Any) -> "_Preparation":
        """Check what the user gave."""
        frame = to_pandas(X)
        rows = np.asarray(X) if frame is None else frame
        if rows.ndim != 2 or len(rows) == 0:
            raise InputError(
                f"X must have rows and columns, at least one. Got shape {rows.shape}."
            )
        return cls(_transformation(preparation), prepared, rows)

    @cached_property
    def codes(self) -> Codes:
        """The codes of the rows themselves, prepared."""
        try:
            return self.prepared.encode(_dense(self.transform(self.rows)))
        except Exception as error:  # a transformer may raise anything
            raise InputError(
                "The preparation must turn X into the columns that the student was "
                f"fitted to. Got: {_first_line(error)}"
            ) from error

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The original columns' names."""
        if isinstance(self.rows, pd.DataFrame):
            return tuple(map(value_name, self.rows.columns))
        return tuple(f"x{i}" for i in range(self.rows.shape[1]))

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The rows as a frame, whatever they are; its columns are numbered."""
        frame = pd.DataFrame(self.rows)
        return frame.set_axis(range(frame.shape[1]), axis=1)

    def ask(self, columns: Mapping[int, Any], n_rows: int) -> Codes:
        """Prepare copies of the first few rows in which some columns are replaced."""
        first = np.resize(np.arange(min(len(self.cells), TEMPLATES)), n_rows)
        frame = self.cells.iloc[first].reset_index(drop=True)
        return self.ask_frame(_with_columns(frame, columns, self.cells))

    def ask_frame(self, frame: pd.DataFrame) -> Codes:
        """Prepare rows that have the form of `cells`."""
        rows: Any
        if isinstance(self.rows, pd.DataFrame):
            rows = frame.set_axis(self.rows.columns, axis=1)
        else:
            numbers = np.float64 if self.rows.dtype.kind in "biu" else self.rows.dtype
            rows = frame.to_numpy(dtype=numbers)
        # Far-off and unseen values are what is asked about: no news for the user.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return self.prepared.encode(_limited(_dense(self.transform(rows))))

    def try_asking(self, columns: Mapping[int, Any], n_rows: int) -> Codes | None:
        """Return what `ask` returns, None where the preparation refuses the cells."""
        try:
            return self.ask(columns, n_rows)
        except Exception:  # a transformer may refuse a cell by any exception
            return None

    def sources(
        self, tested: NDArray[np.integer], levels: Mapping[int, Iterable[Any]]
    ) -> tuple[NDArray[np.int64], pd.DataFrame]:
        """Find the column that each prepared column is a function of.

        Half of the columns are exchanged at a time. What comes from one column alone
        is then either as before or as if all were exchanged, and which of the two
        it is tells, half by half, the column.
        """
        gaps = {c: [_gap_like(self.cells[c])] for c in self._columns_with_gaps()}
        with_gaps = {
            c: [*levels.get(c, ()), *gaps.get(c, ())] for c in {*levels, *gaps}
        }
        sources, after = self._sources(tested, with_gaps)
        if gaps and (sources == SEVERAL).any():
            # An imputer may look at other columns, but only where a value is missing.
            return self._sources(tested, levels)
        return sources, after

    def _sources(
        self, tested: NDArray[np.integer], levels: Mapping[int, Iterable[Any]]
    ) -> tuple[NDArray[np.int64], pd.DataFrame]:
        before, after = self._exchange(tested, levels)
        old = self.ask_frame(before)[:, tested]
        new = self.ask_frame(after)[:, tested]
        changes = ~_equal(old, new)
        sources = np.where(changes, 0, NONE)
        n_columns = before.shape[1]
        numbers = np.arange(n_columns)
        for bit in range((n_columns - 1).bit_length()):
            chosen = (numbers >> bit) & 1 == 1
            mixed = self.ask_frame(_mixed(before, after, chosen))[:, tested]
            as_new, as_old = _equal(mixed, new), _equal(mixed, old)
            found = sources >= 0
            sources[found & as_new] += 1 << bit
            sources[found & ~as_new & ~as_old] = SEVERAL
        varies = ~_equal(self.codes[:, tested], self.codes[:1, tested])
        sources[(sources == NONE) & varies] = SEVERAL
        sources[sources >= n_columns] = SEVERAL
        return self._confirmed(sources, before, after, old, new, tested), after

    def _columns_with_gaps(self) -> list[int]:
        """Find the columns in which the preparation accepts a missing value."""
        columns = list(self.cells.columns)
        gaps = {c: [_gap_like(self.cells[c])] for c in columns}
        if self.try_asking(gaps, 1) is not None:
            return columns
        few = columns if len(columns) <= _MOST_TRIED else []
        return [c for c in few if self.try_asking({c: gaps[c]}, 1) is not None]

    def columns_behind(self, j: int) -> list[str]:
        """Name the original columns that one prepared column depends on."""
        before, after = self._exchange(np.array([j]), {})
        old = self.ask_frame(before)[:, [j]]
        behind = []
        for c, name in enumerate(self.names):
            alone = np.arange(before.shape[1]) == c
            if not _equal(self.ask_frame(_mixed(before, after, alone))[:, [j]], old)[0]:
                behind.append(name)
        return behind

    def _confirmed(
        self,
        sources: NDArray[np.int64],
        before: pd.DataFrame,
        after: pd.DataFrame,
        old: Codes,
        new: Codes,
        tested: NDArray[np.integer],
    ) -> NDArray[np.int64]:
        """Exchange only the columns found, then only the others."""
        found = np.isin(np.arange(before.shape[1]), sources[sources >= 0])
        only = self.ask_frame(_mixed(before, after, found))[:, tested]
        others = self.ask_frame(_mixed(before, after, ~found))[:, tested]
        wrong = (sources >= 0) & ~(_equal(only, new) & _equal(others, old))
        return np.where(wrong, SEVERAL, sources)

    def _exchange(
        self, tested: NDArray[np.integer], levels: Mapping[int, Iterable[Any]]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        rng = np.random.default_rng(0)
        n_rows = len(self.cells)
        kept = np.arange(n_rows)
        if n_rows > _MOST_ROWS:
            kept = rng.choice(n_rows, _MOST_ROWS, replace=False)
        filled = np.where(np.isnan(self.codes), -np.inf, self.codes)[:, tested]
        extremes = [filled.argmin(axis=0), filled.argmax(axis=0)]
        kept = np.concatenate([kept, *extremes])
        pools = {c: self._pool(c, levels.get(c, ())) for c in self.cells.columns}
        size = max(2 * len(kept), 50, *map(len, pools.values()))
        before = self.cells.iloc[np.resize(kept, size)].reset_index(drop=True)
        columns = {
            c: [pool[i] for i in rng.permutation(np.resize(np.arange(len(pool)), size))]
            for c, pool in pools.items()
        }
        return before, _with_columns(before, columns, self.cells)

    def _pool(self, column: int, levels: Iterable[Any]) -> list[Any]:
        cells = self.cells[column]
        try:
            cells = cells.drop_duplicates()
        except TypeError:  # lists and the like
            cells = cells.iloc[:_MOST_ROWS]
        if len(cells) > _MOST_ROWS:
            cells = cells.iloc[np.linspace(0, len(cells) - 1, _MOST_ROWS, dtype=int)]
        pool = cells.to_list()
        has_gap = bool(cells.isna().any())
        new = [c for c in levels if not (has_gap if pd.isna(c) else c in pool)]
        return pool + new


def _transformation(preparation: Any) -> Callable[[Any], Any]:
    """Return the function from original to prepared rows."""
    if hasattr(preparation, "transform"):
        transform: Callable[[Any], Any] = preparation.transform
        return transform
    if callable(preparation) and not isinstance(preparation, type):
        return preparation
    hint = ""
    if hasattr(preparation, "steps"):
        hint = " Leave out a pipeline's last step, the model: pipeline[:-1]."
    raise InputError(
        "The 'preparation' parameter must be a fitted transformer or a function. Got "
        f"{type(preparation).__name__}.{hint}"
    )


def _column_like(cells: Any, like: "pd.Series[Any]") -> "pd.Series[Any]":
    """Make a column of new cells that looks to a transformer like another one.

    Parameters
    ----------
    cells : sequence or ndarray of shape (n_rows,)
        The cells.
    like : Series
        The column whose type they shall have where they can.

    Returns
    -------
    Series of shape (n_rows,)
        The column.
    """
    dtype = like.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        known = list(dtype.categories)
        distinct = pd.unique(pd.Series(cells, dtype=object).dropna())
        new = [c for c in distinct if c not in known]
        if new:
            dtype = pd.CategoricalDtype([*known, *new], dtype.ordered)
        return pd.Series(pd.Categorical(cells, dtype=dtype))
    if dtype.kind in "iu" and isinstance(dtype, np.dtype):
        return pd.Series(np.asarray(cells, dtype=np.float64))
    if isinstance(dtype, np.dtype) and dtype.kind == "b":
        column = pd.Series(cells, dtype=object)
        return column if column.isna().any() else column.astype(bool)
    try:
        return pd.Series(cells, dtype=dtype)
    except (TypeError, ValueError):  # parts of a whole number, for one
        return pd.Series(cells)


def _gap_like(like: "pd.Series[Any]") -> Any:
    """Return a missing cell as it stands, or would stand, in a column."""
    gaps = like[like.isna()]
    if len(gaps):
        return gaps.iloc[0]
    if like.dtype == object or like.dtype.kind == "b":
        return np.nan
    return getattr(like.dtype, "na_value", pd.NaT if like.dtype.kind == "M" else np.nan)


def _with_columns(
    frame: pd.DataFrame, columns: Mapping[int, Any], like: pd.DataFrame
) -> pd.DataFrame:
    dtype = _one_dtype(like)
    if dtype is not None:  # many columns, such as pixels: no series for each
        array = frame.to_numpy(dtype=dtype, copy=True)
        for c, cells in columns.items():
            array[:, c] = cells
        return pd.DataFrame(array)
    made = {c: _column_like(cells, like[c]) for c, cells in columns.items()}
    kept = {c: made.get(c, frame[c]) for c in frame.columns}
    return pd.DataFrame(kept)


def _mixed(
    before: pd.DataFrame, after: pd.DataFrame, chosen: NDArray[np.bool_]
) -> pd.DataFrame:
    if _one_dtype(after) is not None:
        return pd.DataFrame(np.where(chosen, after.to_numpy(), before.to_numpy()))
    return pd.DataFrame(
        {c: (after if chosen[c] else before)[c] for c in before.columns}
    )


def _one_dtype(frame: pd.DataFrame) -> Any:
    """Return the type of float that can hold all columns, None where there is none."""
    dtypes = set(frame.dtypes)
    dtype = dtypes.pop()
    if dtypes or not isinstance(dtype, np.dtype) or dtype.kind not in "iuf":
        return None
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _equal(one: Codes, other: Codes) -> NDArray[np.bool_]:
    """Tell for each column whether it is the same, NaN being equal to NaN."""
    return ((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=0)


def _dense(rows: Any) -> Any:
    return rows.toarray() if hasattr(rows, "toarray") else rows


def _limited(rows: Any) -> Any:
    """Keep numbers within float32; what is no number is left alone."""
    frame = to_pandas(rows)
    if frame is None:
        array = np.asarray(rows)
        numeric = array.dtype.kind == "f"
        return np.clip(array, -_LARGEST, _LARGEST) if numeric else array
    frame = frame.copy(deep=False)
    for c, dtype in frame.dtypes.items():
        if dtype.kind == "f":
            frame[c] = frame[c].clip(-_LARGEST, _LARGEST)
    return frame


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
