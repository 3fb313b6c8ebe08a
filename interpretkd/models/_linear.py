"""The frozen weighted sum."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, Shown, check_choice, counted
from interpretkd.data import Codes, Schema, expand
from interpretkd.models._frozen import _SumForm
from interpretkd.targets import LINKS


@dataclass(frozen=True, eq=False, repr=False)
class Linear(Shown, _SumForm):
    """A weighted sum of columns for each output, in the columns' own units.

    The columns are those of ``schema.columns(indicate_missing=True)``: a number, a
    category (0 or 1), or "is missing" (0 or 1).

    Parameters
    ----------
    schema : Schema
        The original columns.
    coefficients : ndarray of shape (n_columns, n_outputs), float64
        What one unit of a column adds to an output.
    intercept : ndarray of shape (n_outputs,), float64
        What the sums start from.
    fill : ndarray of shape (n_columns,), float64
        What stands in for a missing number: the training mean.
    link : {"identity", "softmax", "sigmoid"}, default="identity"
        What turns the sums into predictions.
    steps : ndarray of shape (n_columns,), float64, default=None
        Of a points scorecard: how many units of a column its points are given for.
    multiplier : ndarray of shape (n_outputs,), float64, default=None
        Of a points scorecard: what one point adds to an output, so that
        ``coefficients * steps / multiplier`` are whole numbers.

    Raises
    ------
    InputError
        When the arrays do not fit one another or are not finite.
    """

    schema: Schema
    coefficients: Array
    intercept: Array
    fill: Array
    link: str = "identity"
    steps: Array | None = None
    multiplier: Array | None = None

    def __post_init__(self) -> None:
        check_choice("Linear", "link", self.link, LINKS)
        for name in self._names:
            array = np.asarray(getattr(self, name))
            if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
                raise InputError(
                    f"The array '{name}' of Linear must hold finite numbers."
                )
            frozen = np.array(array, dtype=np.float64)
            frozen.setflags(write=False)
            object.__setattr__(self, name, frozen)
        n_columns = len(self.schema.columns(indicate_missing=True))
        shapes = {name: getattr(self, name).shape for name in self._names}
        n_outputs = self.intercept.size
        needed = [(n_columns, n_outputs), (n_outputs,), (n_columns,)]
        needed += [(n_columns,), (n_outputs,)][: len(shapes) - len(needed)]
        if n_outputs == 0 or list(shapes.values()) != needed:
            raise InputError(f"The arrays of Linear must have {needed}. Got {shapes}.")
        if self.steps is not None and self.multiplier is not None:
            _check_points(self.coefficients, self.steps, self.multiplier)

    def __str__(self) -> str:
        columns = counted(len(self.features), "column")
        return f"{counted(self.n_terms, 'term')} of {columns}"

    @property
    def n_outputs(self) -> int:
        """The number of sums."""
        return self.intercept.size

    @property
    def n_terms(self) -> int:
        """The number of columns with a coefficient other than 0."""
        return int(self.coefficients.any(axis=1).sum())

    @property
    def features(self) -> tuple[int, ...]:
        """The positions of the features with a coefficient other than 0."""
        columns = self.schema.columns(indicate_missing=True)
        owner = np.asarray([column.feature for column in columns])
        return tuple(np.unique(owner[self.coefficients.any(axis=1)]).tolist())

    @property
    def points(self) -> NDArray[np.int64] | None:
        """The points of a scorecard, (n_columns, n_outputs); None for any other."""
        if self.steps is None or self.multiplier is None:
            return None
        points = self.coefficients * self.steps[:, None] / self.multiplier
        return np.rint(points).astype(np.int64)

    @property
    def n_parameters(self) -> int:
        """The coefficients other than 0, and the intercepts."""
        return int(np.count_nonzero(self.coefficients)) + self.n_outputs

    @property
    def terms(self) -> list[str]:
        """The columns in words: "age", "age is missing", "purpose is car (new)"."""
        columns = self.schema.columns(indicate_missing=True)
        return [self.schema.describe(column) for column in columns]

    def to_frame(self, outputs: list[str] | None = None) -> pd.DataFrame:
        """Return the coefficients in original units, the intercept first.

        Parameters
        ----------
        outputs : list of str, default=None
            The outputs' names, such as the classes'.

        Returns
        -------
        DataFrame
            One row a term that has a coefficient other than 0, one column an output.
        """
        names = outputs or [f"output {i}" for i in range(self.n_outputs)]
        table = np.vstack([self.intercept, self.coefficients])
        index = pd.Index(["(intercept)", *self.terms], name="term")
        frame = pd.DataFrame(table, index=index, columns=names)
        kept = frame.any(axis=1).to_numpy(copy=True)
        kept[0] = True
        return frame[kept]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for saving.

        Returns
        -------
        dict
            The arrays.
        """
        return {name: getattr(self, name) for name in self._names}

    @classmethod
    def from_arrays(
        cls, schema: Schema, arrays: Mapping[str, NDArray[Any]], link: str
    ) -> "Linear":
        """Build a linear form from `to_arrays`' values, checking each.

        Parameters
        ----------
        schema : Schema
            The columns.
        arrays : mapping of str to ndarray
            What `to_arrays` returned, perhaps by way of a file.
        link : {"identity", "softmax", "sigmoid"}
            What turns the sums into predictions.

        Returns
        -------
        Linear
            The linear form.
        """
        if set(arrays) not in (set(_ARRAYS), {*_ARRAYS, *_OF_POINTS}):
            raise InputError(
                f"The arrays {sorted(_ARRAYS)} are needed, and {sorted(_OF_POINTS)} "
                f"of a scorecard. Got {sorted(arrays)}."
            )
        return cls(schema, **arrays, link=link)

    def _margins(self, codes: Codes) -> Array:
        return linear_margins(self, codes)

    @property
    def _names(self) -> tuple[str, ...]:
        absent = [name for name in _OF_POINTS if getattr(self, name) is None]
        if len(absent) == 1:
            raise InputError(f"The array '{absent[0]}' of Linear is absent.")
        return _ARRAYS if absent else (*_ARRAYS, *_OF_POINTS)


_ARRAYS = ("coefficients", "intercept", "fill")

_OF_POINTS = ("steps", "multiplier")


def design_matrix(schema: Schema, codes: Codes, fill: Array) -> Array:
    """Return the columns that a linear form weighs, without gaps.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    fill : ndarray of shape (n_columns,), float64
        What stands in for a missing number.

    Returns
    -------
    ndarray of shape (n_samples, n_columns), float64
        Numbers, and 0 or 1 for categories and "is missing".
    """
    matrix = expand(codes, schema.columns(indicate_missing=True)).astype(np.float64)
    gaps = np.isnan(matrix)
    return np.where(gaps, fill, matrix) if gaps.any() else matrix


def linear_margins(linear: Linear, codes: Codes) -> Array:
    """Return the sums of rows that are encoded already, before the link.

    Parameters
    ----------
    linear : Linear
        The coefficients.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), float64
        The sums.
    """
    matrix = design_matrix(linear.schema, codes, linear.fill)
    return matrix @ linear.coefficients + linear.intercept


def _check_points(coefficients: Array, steps: Array, multiplier: Array) -> None:
    if steps.min(initial=1) <= 0 or not multiplier.all():
        raise InputError(
            "The steps of Linear must be above 0, and its multipliers other than 0."
        )
    with np.errstate(all="ignore"):
        points = coefficients * steps[:, None] / multiplier
        whole = np.abs(points - np.rint(points)) <= 1e-6
    if not (whole & (np.abs(points) < 1e9)).all():
        raise InputError("The points of Linear must be whole numbers.")
