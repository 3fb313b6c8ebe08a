"""Rows as they come in: checked as scikit-learn does, encoded, read piece by piece."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from interpretkd._base import Array, InputError
from interpretkd.data._feature import Codes, Feature
from interpretkd.data._frames import as_frame
from interpretkd.data._schema import Rows, Schema

_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows as codes, with whatever was made of them once.

    Parameters
    ----------
    schema : Schema
        The columns; ``has_missing`` is that of these rows.
    codes : ndarray of shape (n_samples, n_features), float32
        The rows as `Schema.encode` returns them.

    Examples
    --------
    >>> rows = Encoded.of(np.array([[1.0, 2.0], [3.0, np.nan]]))
    >>> rows.take(np.array([0])).schema.features[1].has_missing
    False
    """

    schema: Schema
    codes: Codes
    _made: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """Learn the columns of rows and encode them.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            What `checked_rows` returned.

        Returns
        -------
        Encoded
            The rows.
        """
        return cls(*Schema.read(rows))

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, index: NDArray[np.integer[Any]]) -> "Encoded":
        """Return some of the rows.

        Parameters
        ----------
        index : ndarray of int
            Their positions.

        Returns
        -------
        Encoded
            These rows.
        """
        return self._with(self.codes[index])

    def join(self, further: "Encoded") -> "Encoded":
        """Put further rows below.

        Parameters
        ----------
        further : Encoded
            Rows of the same columns.

        Returns
        -------
        Encoded
            All of them.
        """
        return self._with(np.vstack([self.codes, further.codes]))

    def once(self, make: Callable[["Encoded"], _Made]) -> _Made:
        """Return what a function makes of these rows, made when first asked for.

        Parameters
        ----------
        make : callable
            A function of the module: the same one gets the same answer.

        Returns
        -------
        object
            What it returned.
        """
        if make not in self._made:
            self._made[make] = make(self)
        made: _Made = self._made[make]
        return made

    def _with(self, codes: Codes) -> "Encoded":
        # How the cells lie decides about the last bits of sums over columns: those of
        # a part lie as a frame would have them that is read by itself.
        if self.codes.flags.f_contiguous:
            codes = np.asfortranarray(codes)
        return Encoded(self.schema.of_rows(codes), codes)


def checked_rows(
    estimator: Any, X: object, *, reset: bool, allow_nan: bool | None = None
) -> Rows:
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
    allow_nan : bool or None, default=None
        Whether NaN is allowed; None for what the estimator's tags say.

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
    if allow_nan is None:
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
    if not frame.columns.is_unique:
        Schema(tuple(Feature(name) for name in frame.columns))  # says which come twice
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


def take_rows(rows: Rows, index: NDArray[np.integer]) -> Rows:
    """Return some rows of a frame or array.

    Parameters
    ----------
    rows : DataFrame or ndarray
        Rows.
    index : ndarray of int
        Their positions.

    Returns
    -------
    DataFrame or ndarray
        These rows.
    """
    return rows.iloc[index] if isinstance(rows, pd.DataFrame) else rows[index]


def stack_rows(rows: Rows, further: Rows) -> Rows:
    """Put further rows below others.

    Parameters
    ----------
    rows, further : DataFrame or ndarray
        Rows of the same columns.

    Returns
    -------
    DataFrame or ndarray
        All of them.
    """
    if not isinstance(rows, pd.DataFrame):
        return np.vstack([rows, further])
    if not isinstance(further, pd.DataFrame):
        further = pd.DataFrame(further, columns=rows.columns)
    return pd.concat([rows, further[rows.columns]], ignore_index=True)


def as_columns(outputs: Any) -> Array:
    """Return predictions as a matrix, whether they were one or not.

    Parameters
    ----------
    outputs : array-like of shape (n_samples, n_columns) or (n_samples,)
        Predictions.

    Returns
    -------
    ndarray of shape (n_samples, n_columns), float64
        The predictions.
    """
    outputs = np.asarray(outputs, dtype=np.float64)
    return outputs.reshape(len(outputs), -1)
