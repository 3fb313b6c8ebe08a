"""One column: its kind, its categories, and its cells as codes and back."""

import datetime
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError, threshold_text
from interpretkd.data._dates import Calendar
from interpretkd.data._frames import level_names, plain_value, value_name
from interpretkd.data._scale import Scale

Codes: TypeAlias = NDArray[np.float32]
Category: TypeAlias = str | int | float | bool

FEATURE_KINDS = ("numeric", "categorical", "pixel", "date")
_SCALED = "scaled"
"""How the kind of a number with a scale is written down."""


@dataclass(frozen=True)
class Feature:
    """One column of the data.

    Parameters
    ----------
    name : str
        The column's name.
    kind : {"numeric", "categorical", "pixel", "date"}, default="numeric"
        A pixel is a number that has a place in an image. A date is a number that is
        shown as a date.
    categories : tuple, default=()
        The levels of a categorical column, in their order; those of a boolean are
        False and True.
    has_missing : bool, default=False
        Whether the training rows had missing values here.
    calendar : Calendar or None, default=None
        What the codes of a date stand for; for a date, and only that.
    scale : Scale or None, default=None
        What the codes of a number stand for that float32 does not hold itself; for
        such numbers, and only those.

    Examples
    --------
    >>> Feature("since", "date", calendar=Calendar("day")).text(18691.5)
    '2021-03-05'
    >>> Feature("smoker", "categorical", (False, True)).is_boolean
    True
    """

    name: str
    kind: str = "numeric"
    categories: tuple[Category, ...] = ()
    has_missing: bool = False
    calendar: Calendar | None = None
    scale: Scale | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.kind not in FEATURE_KINDS:
            raise InputError(
                "A feature needs a text as its name and a kind out of "
                f"{FEATURE_KINDS}. "
                f"Got {self.name!r}, {self.kind!r}."
            )
        if (self.kind == "categorical") != bool(self.categories):
            raise InputError(
                f"Feature {self.name!r}: a categorical feature, and only that, has "
                f"categories. Got kind {self.kind!r} with {self.categories!r}."
            )
        if len(set(map(str, self.categories))) != len(self.categories):
            raise InputError(
                f"Feature {self.name!r} has two categories of the same name."
            )
        if (self.kind == "date") != (self.calendar is not None):
            raise InputError(
                f"Feature {self.name!r}: a date, and only that, has a calendar. Got "
                f"kind {self.kind!r} with {self.calendar!r}."
            )
        if self.scale is not None and self.kind != "numeric":
            raise InputError(
                f"Feature {self.name!r}: only a number has a scale. Got kind "
                f"{self.kind!r} with {self.scale!r}."
            )

    @property
    def is_categorical(self) -> bool:
        """Whether the codes of this column are positions in `categories`."""
        return self.kind == "categorical"

    @property
    def is_boolean(self) -> bool:
        """Whether the categories are False (code 0) and True (code 1)."""
        # 0 and 1 are equal to them, so their types count.
        levels = [level for level in self.categories if isinstance(level, bool)]
        return levels == [False, True] == list(self.categories)

    @property
    def is_date(self) -> bool:
        """Whether the codes of this column stand for moments."""
        return self.kind == "date"

    def text(self, code: float) -> str:
        """Say what a code stands for.

        Parameters
        ----------
        code : float
            A value of the column, or the threshold of a test ``code <= threshold``
            of dates; for those of numbers see `last_text`.

        Returns
        -------
        str
            The category's name ("true" or "false" for a boolean); the date (for a
            threshold the last one that passes); "missing" for NaN; else the number,
            in the fewest digits that have the same code.
        """
        if math.isnan(code):
            return "missing"
        if self.is_categorical:
            level = str(self.categories[int(code)])
            return level.lower() if self.is_boolean else level
        if self.calendar is not None:
            return self.calendar.text(code)
        if self.scale is not None:
            return self.scale.text(code)
        return str(np.float32(code)).removesuffix(".0")

    def last_text(self, threshold: float) -> str:
        """Say the threshold of a test ``code <= threshold`` in the column's own words.

        Parameters
        ----------
        threshold : float
            Of a test of numbers or dates.

        Returns
        -------
        str
            The last date that passes, or the number up to which numbers pass.
        """
        if self.calendar is not None:
            return self.calendar.text(threshold)
        if self.scale is not None:
            return self.scale.last_text(threshold)
        return threshold_text(threshold)

    def raw(self, code: float, *, threshold: bool = False) -> float:
        """Return the number of the column that a code stands for.

        Parameters
        ----------
        code : float
            A value of the column, or a threshold; NaN and infinity stay as they are.
        threshold : bool, default=False
            Whether it is the threshold of a test: then the last number that passes.

        Returns
        -------
        float
            The code itself for all but numbers with a scale.
        """
        if self.scale is None or not math.isfinite(code):
            return code
        if threshold:
            return float(self.scale.last(code))
        return float(self.scale.decode(np.asarray([code]))[0])

    @property
    def unit(self) -> float:
        """What a step of 1 in the codes is in the column itself."""
        return 1.0 if self.scale is None else float(self.scale.unit)

    def decode(self, codes: NDArray[Any]) -> Any:
        """Turn codes of this column back into cells of a frame.

        Parameters
        ----------
        codes : ndarray of shape (n_samples,), float
            What `Schema.encode` returned for this column.

        Returns
        -------
        Series, Categorical or ndarray of shape (n_samples,)
            Dates, categories or numbers (float64).
        """
        if self.calendar is not None:
            return self.calendar.decode(codes)
        if self.is_categorical:
            place = np.nan_to_num(codes, nan=-1).astype(np.int64)
            dtype = pd.CategoricalDtype(list(self.categories))
            return pd.Categorical.from_codes(place, dtype=dtype)
        if self.scale is not None:
            return self.scale.decode(codes)
        return np.asarray(codes, dtype=np.float64)


def _learn_feature(name: str, column: "pd.Series[Any]") -> Feature:
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = level_names(column.cat.categories)
    elif pd.api.types.is_bool_dtype(column.dtype):
        levels = [False, True]
    elif _is_number(column.dtype):
        return _number_feature(name, column)
    elif pd.api.types.is_datetime64_any_dtype(column.dtype):
        return Feature(name, "date", calendar=Calendar.from_data(name, column))
    elif column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
        values = [plain_value(value) for value in _distinct(name, column)]
        types = {bool if isinstance(v, bool) else type(v) for v in values}
        if types <= {int, float}:
            return _number_feature(name, column)
        if all(issubclass(kind, datetime.date) for kind in types):
            return Feature(name, "date", calendar=Calendar.from_data(name, column))
        if len(types) == 1 and not types <= {str, bool}:
            raise InputError(
                f"Column {name!r} holds values of the type {types.pop().__name__}. "
                "Allowed are numbers, texts, booleans, categories and dates."
            )
        if len(types) > 1:
            raise InputError(
                f"Column {name!r} mixes {sorted(t.__name__ for t in types)}. "
                "A column must hold only numbers, only texts or only dates."
            )
        levels = sorted(values)
    else:
        raise InputError(
            f"Column {name!r} has dtype {column.dtype}. Allowed are numbers, texts, "
            "booleans, categories and dates."
        )
    if not levels:
        raise InputError(f"Column {name!r} holds no value at all.")
    return Feature(name, "categorical", tuple(levels))


def _number_feature(name: str, column: "pd.Series[Any]") -> Feature:
    return Feature(name, scale=Scale.of(_numbers_of(name, column)))


def _is_number(dtype: Any) -> bool:
    is_complex = pd.api.types.is_complex_dtype(dtype)
    return pd.api.types.is_numeric_dtype(dtype) and not is_complex


def _plain_feature(feature: Feature) -> dict[str, Any]:
    values = {
        "name": feature.name,
        # A reader that knows of no scales must not take the codes for the numbers.
        "kind": feature.kind if feature.scale is None else _SCALED,
        "categories": list(feature.categories),
        "has_missing": feature.has_missing,
    }
    if feature.calendar is not None:
        values["calendar"] = feature.calendar.to_dict()
    if feature.scale is not None:
        values["scale"] = feature.scale.to_dict()
    return values


def _feature_from(entry: Any) -> Feature:
    calendar, kind = entry.get("calendar"), entry["kind"]
    scale = Scale(**entry["scale"]) if kind == _SCALED else None
    return Feature(
        name=entry["name"],
        kind=kind if scale is None else "numeric",
        categories=_categories_from(entry["categories"]),
        has_missing=_checked_as(bool, entry["has_missing"]),
        calendar=None if calendar is None else Calendar(**calendar),
        scale=scale,
    )


def _checked_as(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise InputError(f"The schema needs a {kind.__name__}. Got {value!r}.")
    return value


def _categories_from(values: Any) -> tuple[Category, ...]:
    for value in _checked_as(list, values):
        if not isinstance(value, str | int | float) or value != value:
            raise InputError(
                f"Categories must be texts, numbers or booleans. Got {value!r}."
            )
    return tuple(values)


def _distinct(name: str, column: "pd.Series[Any]") -> list[Any]:
    try:
        return list(column.dropna().unique())
    except TypeError as error:  # lists, dicts
        raise InputError(
            f"Column {name!r} holds neither numbers nor texts ({error})."
        ) from error


def _encode_column(feature: Feature, column: "pd.Series[Any]") -> Codes:
    if feature.is_categorical:
        return _encode_categories(feature, column)
    if feature.calendar is not None:
        return feature.calendar.encode(feature.name, column)
    return _encode_numbers(feature, column)


def _encode_categories(feature: Feature, column: "pd.Series[Any]") -> Codes:
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = _positions(feature, list(column.cat.categories))
        place = np.append(levels, -1)[column.cat.codes.to_numpy()]
    else:
        codes, different = pd.factorize(column.astype(object))
        place = np.append(_positions(feature, list(different)), -1)[codes]
    unseen = (place < 0) & ~column.isna().to_numpy()
    if unseen.any():
        found = sorted({repr(plain_value(v)) for v in column[unseen].unique()})
        allowed = [repr(level) for level in feature.categories]
        raise InputError(
            f"Column {feature.name!r} holds values that were not seen in training: "
            f"{_some(found)}. Allowed: {_some(allowed)}."
        )
    return np.where(place < 0, np.nan, place).astype(np.float32)


def _positions(feature: Feature, values: list[Any]) -> NDArray[np.int64]:
    """Return the positions of values among the categories, -1 for what is none.

    A value that is no text, such as an interval, is the category that its text names.
    """
    by_value: dict[Any, int] = {level: i for i, level in enumerate(feature.categories)}
    by_name = {str(level): i for i, level in enumerate(feature.categories)}

    def position(value: Any) -> int:
        if isinstance(value, str) or not isinstance(feature.categories[0], str):
            return by_value.get(plain_value(value), -1)
        return by_name.get(value_name(value), -1)

    return np.asarray([position(value) for value in values], dtype=np.int64)


def _encode_numbers(feature: Feature, column: "pd.Series[Any]") -> Codes:
    numbers = _numbers_of(feature.name, column)
    if feature.scale is not None:
        return feature.scale.encode(numbers.astype(np.float64))
    with np.errstate(over="ignore"):  # `encode` finds the infinity
        return numbers.astype(np.float32)


def _numbers_of(name: str, column: "pd.Series[Any]") -> NDArray[Any]:
    """Return the numbers of a column, integers as such; missing ones are NaN."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        numbers = pd.to_numeric(column.astype(object), errors="coerce")
        wrong = (numbers.isna() & column.notna()).to_numpy()
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"Column {name!r}: {wrong.sum()} of {len(column)} values are not "
                f"numbers, e.g. {column.iloc[row]!r} (row {row})."
            )
        column = numbers
    if pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans:
        return column.to_numpy(dtype=column.to_numpy().dtype)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _some(texts: list[str], most: int = 5) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
