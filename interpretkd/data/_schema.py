"""What the columns are: names, kinds and categories, and rows as one float32 matrix.

Every model of the library sees rows in the same form, the *codes*: one float32
column per original column, a category as its position in `Feature.categories`, a
boolean as 0 or 1, a date as the time since an origin (`Calendar` in `_dates.py`), a
missing value as NaN. So a rule, a tree or a saved run always speaks of the columns
that the user knows, never of one-hot names.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import InputError, joined, one_line
from interpretkd.data._feature import (
    Codes,
    Feature,
    _checked_as,
    _encode_categories,
    _encode_column,
    _feature_from,
    _learn_feature,
    _plain_feature,
)
from interpretkd.data._frames import as_frame, value_name
from interpretkd.data._passes import holds_infinity, missing
from interpretkd.data._scale import Scale, scales_of

Rows: TypeAlias = pd.DataFrame | NDArray[Any]

VALUE, MISSING = -1, -2


@dataclass(frozen=True)
class Column:
    """One column of the expanded matrix that trees, networks and solvers read.

    Parameters
    ----------
    feature : int
        Which feature it comes from.
    part : int
        A category's position; `VALUE` for the number itself; `MISSING` for the
        indicator of a missing value.
    """

    feature: int
    part: int = VALUE


@dataclass(frozen=True)
class Schema:
    """All columns, in order.

    Parameters
    ----------
    features : tuple of Feature
        One for each column.
    image_shape : tuple of int or None, default=None
        (height, width) or (channels, height, width) when the columns are the pixels
        of an image.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"age": [31.0, None], "home": ["rent", "own"]})
    >>> schema = Schema.from_data(rows)
    >>> schema.features[1].categories
    ('own', 'rent')
    >>> schema.encode(rows)
    array([[31.,  1.],
           [nan,  0.]], dtype=float32)
    """

    features: tuple[Feature, ...]
    image_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        names = self.names
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InputError(f"Column names must differ. Got twice: {twice}.")
        shape = self.image_shape
        if shape is None:
            return
        if len(shape) not in (2, 3) or min(shape) < 1 or math.prod(shape) != len(names):
            raise InputError(
                "An image's shape must be (height, width) or (channels, height, width) "
                f"with a product of {len(names)}, the number of columns. Got {shape}."
            )

    def __len__(self) -> int:
        return len(self.features)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(feature.name for feature in self.features)

    @property
    def holds_numbers(self) -> bool:
        """Whether there are only numbers, no categories and no dates."""
        return not any(f.is_categorical or f.is_date for f in self.features)

    @property
    def doubts(self) -> tuple[str, ...]:
        """A sentence for each column of which different values have one code."""
        return tuple(
            f"Column {feature.name!r} holds numbers of more digits than the models "
            "read: some different values are taken for one. Give fewer digits, or "
            "what the digits stand for in columns of their own."
            for feature in self.features
            if feature.scale is not None and feature.scale.crowded
        )

    @classmethod
    def from_data(cls, X: Rows) -> "Schema":
        """Learn the columns from rows.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_features)
            Text, boolean and pandas' categorical columns become categorical, dates
            and times dates; numbers stay numbers. The columns of an array are named
            x0, x1, ...

        Returns
        -------
        Schema
            The columns.

        Raises
        ------
        InputError
            For a column that is neither text nor number nor date, or mixes them.
        """
        return cls.read(X)[0]

    @classmethod
    def read(cls, X: Rows) -> tuple["Schema", Codes]:
        """Learn the columns from rows, and encode these.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_features)
            As for `from_data`.

        Returns
        -------
        schema : Schema
            The columns.
        codes : ndarray of shape (n_samples, n_features), float32
            What ``schema.encode(X)`` returns.
        """
        if not isinstance(X, pd.DataFrame):
            if X.dtype.kind in "mM":
                raise InputError(
                    f"An array must hold numbers. Got dtype {X.dtype}; give dates as a "
                    "frame, with names."
                )
            features = [
                Feature(f"x{i}", scale=scale)
                for i, scale in enumerate(scales_of(_numbers_in(X)))
            ]
        else:
            features = [
                _learn_feature(value_name(name), X.iloc[:, i])
                for i, name in enumerate(X.columns)
            ]
        schema = cls(tuple(features))
        codes: Codes = schema.encode(X)
        return schema.of_rows(codes), codes

    def of_rows(self, codes: Codes) -> "Schema":
        """Return the same columns as if learnt from some of the rows.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_features), float32
            These rows.

        Returns
        -------
        Schema
            ``has_missing`` is that of these rows.
        """
        gaps = missing(codes).tolist()
        if gaps == [feature.has_missing for feature in self.features]:
            return self
        features = [
            replace(feature, has_missing=gap)
            for feature, gap in zip(self.features, gaps, strict=True)
        ]
        return replace(self, features=tuple(features))

    def encode(self, X: Any) -> Codes:
        """Turn rows into codes.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_features)
            A frame is read by its column names (further columns are passed over),
            an array by position.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float32
            Numbers, category positions, counted dates and NaN for missing.

        Raises
        ------
        InputError
            For an absent column, an unseen category, text among numbers, infinity.
        """
        frame = as_frame(X)
        if frame is None and self.holds_numbers:
            codes = self._as_codes(X)
            if codes.ndim != 2 or codes.shape[1] != len(self):
                raise InputError(
                    f"X must have {len(self)} columns. Got an array of shape "
                    f"{codes.shape}."
                )
        else:
            if frame is None:
                frame = self.frame_of_array(X)
            codes = self._encode_frame(frame)
        if holds_infinity(codes):
            raise InputError(
                "Input X contains infinity or a value too large for dtype('float32')."
            )
        return codes

    def encode_checked(self, X: Rows) -> Codes:
        """Turn rows into codes that `checked_rows` has passed, against this schema.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_features)
            Rows, or some of them.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float32
            As of `encode`; rows that are codes already are not looked at again.
        """
        if isinstance(X, np.ndarray) and X.dtype == np.float32 and self._holds_codes:
            return X
        return self.encode(X)

    def conform(self, X: Rows) -> Rows:
        """Give every categorical column of a frame all categories known here.

        A part of the rows may lack a rare category; a model fitted to that part
        would then refuse the other rows.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        DataFrame or ndarray
            The same rows; arrays are returned as they are.

        Raises
        ------
        InputError
            For a category that is not known here.
        """
        if not isinstance(X, pd.DataFrame):
            return X
        place = {value_name(name): i for i, name in enumerate(X.columns)}
        conformed = X.copy(deep=False)
        for feature in self.features:
            if feature.is_categorical:
                i = place[feature.name]
                values = feature.decode(_encode_categories(feature, X.iloc[:, i]))
                conformed.isetitem(i, pd.Series(values, X.index))
        return conformed

    def columns(self, *, indicate_missing: bool) -> tuple[Column, ...]:
        """Name the columns of the expanded matrix.

        Parameters
        ----------
        indicate_missing : bool
            Whether a number with missing values gets an indicator column beside it
            (for models that cannot read NaN).

        Returns
        -------
        tuple of Column
            A number is one column; a categorical feature one per category (only the
            second where there are just two and none is missing) and one for missing.
        """
        columns = []
        for i, feature in enumerate(self.features):
            n_categories = len(feature.categories)
            if not feature.is_categorical:
                columns.append(Column(i))
            elif n_categories == 2 and not feature.has_missing:
                columns.append(Column(i, 1))
            else:
                columns.extend(Column(i, part) for part in range(n_categories))
            if feature.has_missing and (feature.is_categorical or indicate_missing):
                columns.append(Column(i, MISSING))
        return tuple(columns)

    def describe(self, column: Column) -> str:
        """Say in words what a column of the expanded matrix holds.

        Parameters
        ----------
        column : Column
            One of `columns`.

        Returns
        -------
        str
            "age", "age is missing", "smoker is true" or "purpose is car (new)".
        """
        feature = self.features[column.feature]
        if column.part == VALUE and feature.scale is not None:
            return feature.scale.term(feature.name)
        if column.part == VALUE:
            return feature.name
        if column.part == MISSING:
            return f"{feature.name} is missing"
        return f"{feature.name} is {feature.text(column.part)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as plain JSON values.

        Returns
        -------
        dict
            What `from_dict` reads.
        """
        return {
            "image_shape": self.image_shape and list(self.image_shape),
            "features": [_plain_feature(feature) for feature in self.features],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Schema":
        """Build a schema from `to_dict`'s values, checking each.

        Parameters
        ----------
        values : dict
            What `to_dict` returned, perhaps by way of a file.

        Returns
        -------
        Schema
            The columns.

        Raises
        ------
        InputError
            When something is absent or of another type.
        """
        try:
            shape = values["image_shape"]
            features = tuple(
                _feature_from(entry) for entry in _checked_as(list, values["features"])
            )
            if shape is not None:
                shape = tuple(_checked_as(int, side) for side in shape)
            return cls(features, shape)
        except InputError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError(
                f"The schema is not readable: {type(error).__name__} {error}."
            ) from error

    def frame_of_array(self, X: ArrayLike) -> pd.DataFrame:
        """Give an array of mixed values the columns' names.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        DataFrame of shape (n_samples, n_features)
            The same rows.

        Raises
        ------
        InputError
            For another number of columns.
        """
        array = np.asarray(X, dtype=object)
        if array.ndim != 2 or array.shape[1] != len(self):
            raise InputError(
                f"X must have {len(self)} columns. Got an array of shape {array.shape}."
            )
        return pd.DataFrame(array, columns=list(self.names))

    @property
    def _holds_codes(self) -> bool:
        """Whether every number is its own code."""
        return self.holds_numbers and not any(self._scales)

    @property
    def _scales(self) -> list[Scale | None]:
        return [feature.scale for feature in self.features]

    def _as_codes(self, X: Any) -> Codes:
        """Turn an array of numbers into codes, of whatever shape it is."""
        if self._holds_codes:
            return _as_numbers(X, np.float32)
        numbers = _as_numbers(X, np.float64)
        with np.errstate(over="ignore"):
            codes = numbers.astype(np.float32)
        if codes.ndim == 2 and codes.shape[1] == len(self):
            for i, scale in enumerate(self._scales):
                if scale is not None:
                    codes[:, i] = scale.encode(numbers[:, i])
        return codes

    def _encode_frame(self, frame: pd.DataFrame) -> Codes:
        names = [value_name(name) for name in frame.columns]
        absent = [name for name in self.names if name not in names]
        if absent:
            lacking = joined([one_line(repr(name)) for name in absent], 5)
            there = joined([one_line(repr(name)) for name in names], 5)
            raise InputError(f"The rows lack the columns {lacking}. They have {there}.")
        if len(set(names)) != len(names):
            Schema(tuple(Feature(name) for name in names))  # says which come twice
        if tuple(names) == self.names and self._holds_codes:
            kinds = {dtype.kind for dtype in frame.dtypes}
            if kinds <= set("fiu"):  # one block of numbers: no copy a column
                with np.errstate(over="ignore"):  # `encode` finds the infinity
                    return frame.to_numpy(dtype=np.float32, na_value=np.nan)
        codes = np.empty((len(frame), len(self)), dtype=np.float32)
        place = {name: i for i, name in enumerate(names)}
        for i, feature in enumerate(self.features):
            column = frame.iloc[:, place[feature.name]]
            codes[:, i] = _encode_column(feature, column)
        return codes


def expand(codes: Codes, columns: tuple[Column, ...]) -> Codes:
    """Spread codes over the columns of the expanded matrix.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    columns : tuple of Column
        What `Schema.columns` returned.

    Returns
    -------
    ndarray of shape (n_samples, n_columns), float32
        Numbers keep their NaN; indicators are 0 or 1.
    """
    if all(c.part == VALUE for c in columns) and len(columns) == codes.shape[1]:
        return codes
    matrix = np.empty((len(codes), len(columns)), dtype=np.float32, order="F")
    for j, column in enumerate(columns):
        code = codes[:, column.feature]
        if column.part == VALUE:
            matrix[:, j] = code
        elif column.part == MISSING:
            matrix[:, j] = np.isnan(code)
        else:
            matrix[:, j] = code == column.part
    return matrix


def check_schema(owner: str, schema: object, own: Schema) -> Schema:
    """Return a schema that was given for a model's columns, or raise.

    Parameters
    ----------
    owner : str
        The function whose parameter it is.
    schema : object
        What the user gave.
    own : Schema
        The model's columns.

    Returns
    -------
    Schema
        The given one.

    Raises
    ------
    InputError
        For anything but a Schema of as many columns.
    """
    if isinstance(schema, Schema) and len(schema) == len(own):
        return schema
    raise InputError(
        f"The 'schema' parameter of {owner} must be a Schema of {len(own)} columns, as "
        f"the model has. Got {schema!r}."
    )


def _as_numbers(X: Any, dtype: Any) -> NDArray[Any]:
    try:
        with np.errstate(over="ignore"):  # `encode` finds the infinity
            return np.asarray(X, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise InputError(f"X must hold numbers only. Got: {error}.") from error


def _numbers_in(X: NDArray[Any]) -> NDArray[Any]:
    return X if X.dtype.kind in "iuf" else _as_numbers(X, np.float64)
