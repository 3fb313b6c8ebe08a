"""Cells of new rows that a model was never shown the like of, and cannot read."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data._feature import Feature, _encode_column, _some
from interpretkd.data._frames import plain_value, value_name
from interpretkd.data._schema import Schema


@dataclass(frozen=True, eq=False)
class UnseenCells:
    """Which cells of a table a model cannot read.

    Parameters
    ----------
    columns : tuple of str
        The columns that hold any.
    cells : ndarray of shape (n_samples, n_columns), bool
        Where they are.
    reasons : tuple of str
        What is wrong with each column, in one or two sentences.

    Examples
    --------
    >>> known = Schema.from_data(pd.DataFrame({"home": ["own", "rent"], "age": [1, 2]}))
    >>> found = unseen_cells(known, pd.DataFrame({"home": ["boat", "own"], "age": 3}))
    >>> found.columns, found.rows.tolist()
    (('home',), [0])
    """

    columns: tuple[str, ...]
    cells: NDArray[np.bool_]
    reasons: tuple[str, ...]

    @property
    def rows(self) -> NDArray[np.int64]:
        """The positions of the rows that hold one."""
        return np.flatnonzero(self.cells.any(axis=1))

    def in_words(self, most: int = 10) -> str:
        """Say what is wrong, and in which rows.

        Parameters
        ----------
        most : int, default=10
            In [1, inf): how many rows are named.

        Returns
        -------
        str
            One or more sentences; rows are numbered from 1.
        """
        numbers = [str(row + 1) for row in self.rows[:most].tolist()]
        more = f" and {len(self.rows) - most:,} more" if len(self.rows) > most else ""
        which = "Row" if len(self.rows) == 1 else "Rows"
        further = len(self.reasons) - 3
        rest = f" So do {further} further columns." if further > 0 else ""
        return f"{' '.join(self.reasons[:3])}{rest} {which} {', '.join(numbers)}{more}."


def unseen_cells(schema: Schema, table: pd.DataFrame) -> UnseenCells:
    """Find the cells that `Schema.encode` refuses.

    Parameters
    ----------
    schema : Schema
        What the model reads.
    table : DataFrame of shape (n_samples, n_features)
        New rows; it has every column of the schema.

    Returns
    -------
    UnseenCells
        Categories that were not seen, texts among numbers or dates, infinity.
    """
    place = {value_name(name): i for i, name in enumerate(table.columns)}
    names, cells, reasons = [], [], []
    for feature in schema.features:
        column = table.iloc[:, place[feature.name]]
        if _is_readable(feature, column):
            continue
        refused = _refused(feature, column)
        names.append(feature.name)
        cells.append(refused)
        reasons.append(_reason(feature, column[refused].unique().tolist()))
    found = np.column_stack(cells) if cells else np.zeros((len(table), 0), dtype=bool)
    return UnseenCells(tuple(names), found, tuple(reasons))


def _is_readable(feature: Feature, column: "pd.Series[object]") -> bool:
    try:
        codes = _encode_column(feature, column)
    except InputError:
        return False
    return not np.isinf(codes).any()


def _reason(feature: Feature, values: list[object]) -> str:
    found = _some([repr(plain_value(value)) for value in values])
    if feature.is_categorical:
        allowed = _some([repr(level) for level in feature.categories], 10)
        wrong = f"holds categories that were not seen in training: {found}. Allowed: "
        return f"Column {feature.name!r} {wrong}{allowed}."
    if feature.is_date:
        return f"Column {feature.name!r} holds what is no date: {found}."
    return (
        f"Column {feature.name!r} holds what is no number, or too large a one: {found}."
    )


def _refused(feature: Feature, column: "pd.Series[object]") -> NDArray[np.bool_]:
    """Ask about ever smaller parts of the distinct values, down to single ones."""
    place, values = pd.factorize(column.astype(object))
    distinct = pd.Series(values, dtype=object, name=column.name)
    bad = np.zeros(len(distinct), dtype=bool)
    parts = [np.arange(len(distinct))]
    while parts:
        part = parts.pop()
        if not len(part) or _is_readable(feature, distinct.iloc[part]):
            continue
        if len(part) == 1:
            bad[part] = True
        else:
            parts += np.array_split(part, 2)
    return np.append(bad, False)[place]  # a missing value has the place -1
