"""Rows as they come in: checked as scikit-learn does, read piece by piece."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from interpretkd._errors import InputError
from interpretkd.schema import Rows, Schema, as_frame

__all__ = ["batches", "checked_rows", "learn_schema"]


def checked_rows(estimator: Any, X: object, *, reset: bool) -> Rows:
    """Check rows as scikit-learn does, without copying or converting a frame.

    Sets (``reset=True``) or compares ``n_features_in_`` and ``feature_names_in_``.

    Parameters
    ----------
    estimator : estimator
        Whose rows they are; its name stands in the messages.
    X : array-like or frame of shape (n_samples, n_features)
        Rows; NaN is allowed where the estimator's tags say so, infinity is not.
    reset : bool
        True in `fit`, False elsewhere.

    Returns
    -------
    DataFrame or ndarray
        The rows.

    Raises
    ------
    ValueError
        In scikit-learn's words, for rows that cannot be used.
    """
    frame = as_frame(X)
    allow_nan = get_tags(estimator).input_tags.allow_nan
    if frame is None:
        schema = getattr(estimator, "schema_", None)
        if not reset and schema and not schema.holds_numbers:
            return schema.frame_of_array(X)
        rows: NDArray[Any] = validate_data(
            estimator,
            X,
            reset=reset,
            dtype="numeric",
            ensure_all_finite="allow-nan" if allow_nan else True,
        )
        return rows
    validate_data(estimator, frame, reset=reset, skip_check_array=True)
    if len(frame) == 0 or frame.shape[1] == 0:
        raise InputError(
            f"Found a frame of shape {frame.shape} while a minimum of 1 row and 1 "
            f"column is required by {type(estimator).__name__}."
        )
    return frame


def learn_schema(estimator: Any, X: object) -> tuple[Schema, Rows]:
    """Check the rows given to `fit` and learn their schema.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` and ``feature_names_in_`` are set.
    X : array-like or frame of shape (n_samples, n_features)
        Rows.

    Returns
    -------
    schema : Schema
        The columns.
    rows : DataFrame or ndarray
        The checked rows.
    """
    rows = checked_rows(estimator, X, reset=True)
    return Schema.from_data(rows), rows


def batches(rows: Rows, size: int) -> Iterator[Rows]:
    """Walk through rows piece by piece, so that memory does not grow with their number.

    Parameters
    ----------
    rows : DataFrame or ndarray
        What `checked_rows` returned.
    size : int
        In [1, inf): how many rows a piece has at most.

    Yields
    ------
    DataFrame or ndarray of shape (<= size, n_features)
        The next rows.
    """
    for start in range(0, len(rows), size):
        piece = slice(start, start + size)
        yield rows.iloc[piece] if isinstance(rows, pd.DataFrame) else rows[piece]
