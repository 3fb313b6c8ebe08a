"""One column: its kind, its categories, and its cells as codes and back."""

import datetime
import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data._dates import Calendar

Codes: TypeAlias = NDArray[np.float32]
Category: TypeAlias = str | int | float | bool

FEATURE_KINDS = ("numeric", "categorical", "pixel", "date")


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
            A value of the column, or the threshold of a test ``code <= threshold``.

        Returns
        -------
        str
            The category's name ("true" or "false" for a boolean); the date (for a
            threshold the last one that passes); "missing" for NaN; else the number,
            in the fewest digits that name the same float32.
        """
        if math.isnan(code):
            return "missing"
        if self.is_categorical:
            level = str(self.categories[int(code)])
            return level.lower() if self.is_boolean else level
        if self.calendar is not None:
            return self.calendar.text(code)
        return str(np.float32(code)).removesuffix(".0")

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
        return np.asarray(codes, dtype=np.float64)


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


def _learn_feature(name: str, column: "pd.Series[Any]") -> Feature:
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [plain_value(level) for level in column.cat.categories]
    elif pd.api.types.is_bool_dtype(column.dtype):
        levels = [False, True]
    elif pd.api.types.is_numeric_dtype(column.dtype):
        return Feature(name)
    elif pd.api.types.is_datetime64_any_dtype(column.dtype):
        return Feature(name, "date", calendar=Calendar.from_data(name, column))
    elif column.dtype == object or pd.api.types.is_string_dtype(column.dtype):
        values = [plain_value(value) for value in _distinct(name, column)]
        types = {bool if isinstance(v, bool) else type(v) for v in values}
        if types <= {int, float}:
            return Feature(name)
        if all(issubclass(kind, datetime.date) for kind in types):
            return Feature(name, "date", calendar=Calendar.from_data(name, column))
        if len(types) > 1 or not types <= {str, bool}:
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


def _plain_feature(feature: Feature) -> dict[str, Any]:
    values = {
        "name": feature.name,
        "kind": feature.kind,
        "categories": list(feature.categories),
        "has_missing": feature.has_missing,
    }
    if feature.calendar is not None:
        values["calendar"] = feature.calendar.to_dict()
    return values


def _feature_from(entry: Any) -> Feature:
    calendar = entry.get("calendar")
    return Feature(
        name=entry["name"],
        kind=entry["kind"],
        categories=_categories_from(entry["categories"]),
        has_missing=_checked_as(bool, entry["has_missing"]),
        calendar=None if calendar is None else Calendar(**calendar),
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
        position = {level: i for i, level in enumerate(feature.categories)}
        levels = [
            position.get(plain_value(level), -1) for level in column.cat.categories
        ]
        place = np.asarray([*levels, -1])[column.cat.codes.to_numpy()]
    else:
        values = column.astype(object)
        place = pd.Index(list(feature.categories), dtype=object).get_indexer(values)
    unseen = (place < 0) & ~column.isna().to_numpy()
    if unseen.any():
        found = sorted({repr(plain_value(v)) for v in column[unseen].unique()})
        allowed = [repr(level) for level in feature.categories]
        raise InputError(
            f"Column {feature.name!r} holds values that were not seen in training: "
            f"{_some(found)}. Allowed: {_some(allowed)}."
        )
    return np.where(place < 0, np.nan, place).astype(np.float32)


def _encode_numbers(feature: Feature, column: "pd.Series[Any]") -> Codes:
    if pd.api.types.is_numeric_dtype(column.dtype):
        with np.errstate(over="ignore"):  # `encode` finds the infinity
            return column.to_numpy(dtype=np.float32, na_value=np.nan)
    numbers = pd.to_numeric(column.astype(object), errors="coerce")
    wrong = (numbers.isna() & column.notna()).to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"Column {feature.name!r}: {wrong.sum()} of {len(column)} values are not "
            f"numbers, e.g. {column.iloc[row]!r} (row {row})."
        )
    with np.errstate(over="ignore"):
        return numbers.to_numpy(dtype=np.float32, na_value=np.nan)


def _some(texts: list[str], most: int = 5) -> str:
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
