"""Cells of rows: how far they vary, how they are said, and rows with other ones."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, one_line, threshold_text
from interpretkd.data._feature import Codes, Feature
from interpretkd.data._frames import value_name
from interpretkd.data._schema import Rows, Schema


def spreads(schema: Schema, codes: Codes) -> Array:
    """Return the unit in which changes of each column are measured.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.

    Returns
    -------
    ndarray of shape (n_features,), float64
        In (0, inf): the standard deviation of the known numbers; 1 for categories
        and for columns that do not vary.
    """
    units = np.ones(len(schema))
    for j, feature in enumerate(schema.features):
        known = codes[~np.isnan(codes[:, j]), j].astype(np.float64)
        if not feature.is_categorical and len(known) and np.ptp(known) > 0:
            units[j] = known.std()
    return units


def value_text(feature: Feature, value: float) -> str:
    """Say a cell in words, in one line.

    Parameters
    ----------
    feature : Feature
        The column.
    value : float
        Its code; a number may have more digits than float32 holds.

    Returns
    -------
    str
        A category, a date, "missing" or a number without an exponent, thousands apart.
    """
    is_own = not (feature.is_categorical or feature.is_date or feature.scale)
    if not is_own or np.isnan(value):
        return one_line(feature.text(value))
    return threshold_text(value)


def replace_cells(schema: Schema, rows: Rows, values: NDArray[Any]) -> Rows:
    """Return rows with other values in some cells.

    Parameters
    ----------
    schema : Schema
        The columns.
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        What `given_rows` returned.
    values : ndarray of shape (n_samples, n_features), float
        The codes that the rows shall have, in float32 or as decimals that round to
        them.

    Returns
    -------
    DataFrame or ndarray of shape (n_samples, n_features)
        A copy; cells whose code does not change stay as they are to the bit.
    """
    before, after = schema.encode(rows), values.astype(np.float32)
    changed = (before != after) & ~(np.isnan(before) & np.isnan(after))
    if not isinstance(rows, pd.DataFrame):
        cells = np.array(rows, dtype=np.float64)
        for j, feature in enumerate(schema.features):
            cells[changed[:, j], j] = feature.decode(values[changed[:, j], j])
        return cells
    frame = rows.copy(deep=False)
    place = {value_name(name): i for i, name in enumerate(frame.columns)}
    for j in np.flatnonzero(changed.any(axis=0)).tolist():
        feature = schema.features[j]
        i, here = place[feature.name], changed[:, j]
        frame.isetitem(i, _column(feature, frame.iloc[:, i], values[:, j], here))
    return frame


def _column(
    feature: Feature,
    column: "pd.Series[Any]",
    values: NDArray[Any],
    changed: NDArray[np.bool_],
) -> "pd.Series[Any]":
    if feature.is_categorical:
        return pd.Series(feature.decode(values), index=column.index)
    if feature.is_date:
        dates = pd.Series(feature.decode(values)).set_axis(column.index)
        if not pd.api.types.is_datetime64_any_dtype(column.dtype):
            return dates
        return column.astype(dates.dtype).where(~changed, dates)
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        numbers = pd.to_numeric(column.astype(object)).to_numpy(dtype=np.float64)
    mixed = np.where(changed, feature.decode(values), numbers)
    is_integer = pd.api.types.is_integer_dtype(column.dtype)
    if is_integer and (mixed == np.floor(mixed)).all():
        # A teacher may take 3.0 for another level than 3.
        return pd.Series(mixed, index=column.index).astype(column.dtype)
    return pd.Series(mixed, index=column.index)
