"""Dates as numbers: how the float32 codes of a column stand for moments.

A code counts whole units since an origin. The unit is the largest that all training
values are multiples of: days for plain dates, seconds or parts of them for times. Up
to 2**24 units on either side of the origin float32 holds every unit, so days are
always exact; beyond it codes are rounded, to one part in 2**24 of the span: a second
in a year, a quarter of a minute in ten years.
"""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import InputError

UNITS: dict[str, Any] = {
    "day": "D",
    "hour": "h",
    "minute": "m",
    "second": "s",
    "millisecond": "ms",
    "microsecond": "us",
    "nanosecond": "ns",
}
"""The units, from the coarsest to the finest, with NumPy's names."""

_SHOWN_TO = {"hour": "m"}
"""An hour alone, such as 2021-03-05T14, is not how a time is written."""
_FIRST, _LAST = np.datetime64("0001-01-01"), np.datetime64("9999-12-31T23:59:59")


@dataclass(frozen=True)
class Calendar:
    """The unit and the origin of a column of dates.

    Parameters
    ----------
    unit : {"day", "hour", "minute", "second", "millisecond", "microsecond", \
"nanosecond"}, default="day"
        What a code counts; moments within a unit count as its beginning.
    origin : int, default=0
        The moment of code 0, in units since 1970-01-01 (UTC, if there is a zone).
    zone : str or None, default=None
        The time zone in which moments are shown; None for a column without.

    Raises
    ------
    InputError
        For an unknown unit or zone.

    Examples
    --------
    >>> days = pd.Series(pd.to_datetime(["2021-03-05", "2021-03-08"]))
    >>> calendar = Calendar.from_data("since", days)
    >>> calendar.encode("since", days)
    array([18691., 18694.], dtype=float32)
    >>> calendar.text(18692.5)
    '2021-03-06'
    """

    unit: str = "day"
    origin: int = 0
    zone: str | None = None

    def __post_init__(self) -> None:
        if self.unit not in UNITS or type(self.origin) is not int:
            raise InputError(
                f"A calendar needs a unit out of {tuple(UNITS)} and a whole number as "
                f"its origin. Got {self.unit!r}, {self.origin!r}."
            )
        if self.zone is not None and not _is_zone(self.zone):
            raise InputError(f"The time zone {self.zone!r} is not known.")
        if int(self._clipped(self.origin).astype(np.int64)) != self.origin:
            raise InputError(
                f"A calendar must begin in the years 1 to 9999 (1678 to 2261, in "
                f"nanoseconds). Got {self.origin} {self.unit}s from 1970-01-01."
            )

    @classmethod
    def from_data(cls, name: str, column: "pd.Series[Any]") -> "Calendar":
        """Choose unit and origin so that the values are told apart.

        Parameters
        ----------
        name : str
            The column's name, for messages.
        column : Series of shape (n_samples,)
            Dates and times of pandas, Python or Arrow, or ISO 8601 texts.

        Returns
        -------
        Calendar
            Days count from 1970-01-01, finer units from the middle of the values.

        Raises
        ------
        InputError
            For anything but dates.
        """
        moments, tz = _as_moments(name, column)
        zone = None if tz is None else str(tz)
        if zone is not None and not _is_zone(zone):
            zone = "UTC"  # a zone without a name, such as a file's
        known = moments[~np.isnat(moments)]
        unit = next(
            name
            for name, short in UNITS.items()
            if (known.astype(f"M8[{short}]") == known).all()
        )
        if unit == "day":
            return cls(unit, 0, zone)
        counts = known.astype(f"M8[{UNITS[unit]}]").astype(np.int64)
        return cls(unit, (int(counts.min()) + int(counts.max())) // 2, zone)

    def encode(self, name: str, column: "pd.Series[Any]") -> NDArray[np.float32]:
        """Turn moments into codes.

        Parameters
        ----------
        name : str
            The column's name, for messages.
        column : Series of shape (n_samples,)
            Dates and times of pandas, Python or Arrow, or ISO 8601 texts.

        Returns
        -------
        ndarray of shape (n_samples,), float32
            Units since the origin, rounded down; NaN for missing.

        Raises
        ------
        InputError
            For anything but dates, and when only one of calendar and column has a
            time zone.
        """
        moments, tz = _as_moments(name, column)
        known = ~np.isnat(moments)
        if known.any() and (tz is None) != (self.zone is None):
            has, had = ("has no", "had one") if tz is None else ("has a", "had none")
            raise InputError(f"Column {name!r} {has} time zone; in training it {had}.")
        limits = np.array([_FIRST, _LAST]).astype("M8[s]")
        seconds = moments[known].astype("M8[s]")
        if self.unit == "nanosecond":
            limits = np.array([pd.Timestamp.min, pd.Timestamp.max], dtype="M8[s]")
        if ((seconds < limits[0]) | (seconds > limits[1])).any():
            raise InputError(
                f"Column {name!r} must hold dates between {limits[0]} and {limits[1]}. "
                f"Got {seconds.min()} to {seconds.max()}."
            )
        codes = np.full(len(moments), np.nan, dtype=np.float32)
        counts = moments[known].astype(f"M8[{UNITS[self.unit]}]").astype(np.int64)
        codes[known] = (counts - self.origin).astype(np.float32)
        return codes

    def decode(self, codes: NDArray[np.floating]) -> "pd.Series[Any]":
        """Turn codes back into moments.

        Parameters
        ----------
        codes : ndarray of shape (n_samples,), float
            Units since the origin; parts of a unit are dropped.

        Returns
        -------
        Series of shape (n_samples,)
            Moments, in the calendar's zone; NaT where a code is NaN.
        """
        whole = np.floor(np.asarray(codes, dtype=np.float64))
        known = ~np.isnan(whole)
        moments = np.full(len(whole), np.datetime64("NaT"), dtype=self._pandas_dtype)
        moments[known] = [self._clipped(self.origin + int(c)) for c in whole[known]]
        return _in_zone(pd.Series(moments), self.zone)

    def last(self, threshold: float) -> pd.Timestamp:
        """Return the last moment whose code is not above a threshold.

        Parameters
        ----------
        threshold : float
            Of a test ``code <= threshold``.

        Returns
        -------
        Timestamp
            A moment passes the test exactly when it, rounded down to the unit, is
            not later than this one.
        """
        moment = np.array([self._last(threshold)], dtype=self._pandas_dtype)
        last: pd.Timestamp = _in_zone(pd.Series(moment), self.zone).iloc[0]
        return last

    def text(self, threshold: float) -> str:
        """Return `last` as text.

        Parameters
        ----------
        threshold : float
            Of a test ``code <= threshold``.

        Returns
        -------
        str
            Such as "2021-03-05", "2021-03-05 14:30" or "2021-03-05 14:30:00+01:00":
            as fine as the unit.
        """
        moment = self.last(threshold)
        shown = _SHOWN_TO.get(self.unit, UNITS[self.unit])
        offset = "" if self.zone is None else f"{moment:%z}"
        if offset and self.unit == "day" and offset.strip("+0") == "":
            offset = ""
        if offset:
            offset = f"{offset[:3]}:{offset[3:]}"
            shown = "m" if shown == "D" else shown
        wall = moment.tz_localize(None).to_datetime64()
        return f"{np.datetime_as_string(wall, shown)}{offset}".replace("T", " ")

    def to_dict(self) -> dict[str, Any]:
        """Return the calendar as plain JSON values.

        Returns
        -------
        dict
            Its parameters by name.
        """
        return {"unit": self.unit, "origin": self.origin, "zone": self.zone}

    @property
    def _pandas_dtype(self) -> str:
        coarse = self.unit in ("day", "hour", "minute")
        return f"M8[{'s' if coarse else UNITS[self.unit]}]"

    def _last(self, threshold: float) -> np.datetime64:
        """Look at the rounding of float32: the codes of large counts are shared."""
        code = np.float32(np.clip(threshold, -3e38, 3e38))
        after = np.nextafter(code, np.float32(np.inf))
        count = int(np.floor((float(code) + float(after)) / 2))
        if abs(count) < 2**62:
            while np.int64(count).astype(np.float32) > code:
                count -= 1
        return self._clipped(self.origin + count)

    def _clipped(self, count: int) -> np.datetime64:
        """Return the moment, or the nearest of those that have a date."""
        unit = f"M8[{UNITS[self.unit]}]"
        first, last = _FIRST, _LAST
        if self.unit == "nanosecond":
            first, last = pd.Timestamp.min.to_numpy(), pd.Timestamp.max.to_numpy()
        low, high = (int(m.astype(unit).astype(np.int64)) for m in (first, last))
        return np.datetime64(min(max(count, low), high), UNITS[self.unit])


def _as_moments(
    name: str, column: "pd.Series[Any]"
) -> tuple[NDArray[np.datetime64], tzinfo | None]:
    """Return moments (in UTC, if there is a zone) and the zone."""
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        column = _parsed(name, column)
    # Arrow's types have pandas' own only behind this.
    column = pd.to_datetime(column)
    tz = column.dt.tz
    if tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.to_numpy(), tz


def _parsed(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    values = column.astype(object)
    numbers = [
        v for v in values if not isinstance(v, str) and pd.api.types.is_number(v)
    ]
    numbers = [number for number in numbers if not pd.isna(number)]
    try:
        if numbers:
            raise ValueError(f"{numbers[0]!r} is a number")
        return pd.to_datetime(values, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise InputError(
            f"Column {name!r} must hold dates, such as 2021-03-05, all of them with a "
            f"time zone or none. Got: {str(error).splitlines()[0].rstrip('.')}."
        ) from error


def _is_zone(zone: object) -> bool:
    try:
        pd.Timestamp(0, tz=zone)
    except Exception:  # whatever a time zone's name can do wrong
        return False
    return isinstance(zone, str)


def _in_zone(moments: "pd.Series[Any]", zone: str | None) -> "pd.Series[Any]":
    if zone is None:
        return moments
    return moments.dt.tz_localize("UTC").dt.tz_convert(zone)
