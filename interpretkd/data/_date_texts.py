"""Dates as people write them: 24.12.2024, 12/24/2024, 2024-12-24T18:00Z, 24 Dec."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute as pc
from numpy.typing import NDArray

_TIME = (
    r"(?:(?:[Tt]|,? +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)? ?"
    r"(?P<half>[AaPp]\.?[Mm]\.?)? ?"
    r"(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
_MONTH = r"(?P<month>\p{L}{3,9})\.?"
_DAY = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th|\.)?"
MONTH_AND_YEAR = r"(?P<middle>0[1-9]|1[0-2])[-./](?P<year>(?:19|20)[0-9]{2})"
"""Such as 05.2024: a number too, but nobody writes numbers with such a zero."""
_PATTERNS = {
    "numbers": (
        r"^(?P<first>[0-9]{1,4})(?P<mark>[-./])(?P<middle>[0-9]{1,2})(?P<again>[-./])"
        rf"(?P<last>[0-9]{{1,4}}){_TIME}"
    ),
    "last year": rf"^{MONTH_AND_YEAR}{_TIME}",
    "month": rf"^(?P<year>[0-9]{{4}})-(?P<middle>[0-9]{{2}}){_TIME}",
    "day name": rf"^{_DAY}[ -]{_MONTH},?[ -](?P<year>[0-9]{{4}}){_TIME}",
    "name day": rf"^{_MONTH} {_DAY},? (?P<year>[0-9]{{4}}){_TIME}",
}
_NAMES = (
    ("jan", "january", "januar", "jän", "jänner"),
    ("feb", "february", "februar"),
    ("mar", "march", "mär", "märz", "mrz"),
    ("apr", "april"),
    ("may", "mai"),
    ("jun", "june", "juni"),
    ("jul", "july", "juli"),
    ("aug", "august"),
    ("sep", "sept", "september"),
    ("oct", "october", "okt", "oktober"),
    ("nov", "november"),
    ("dec", "december", "dez", "dezember"),
)
_NUMBER = {name: i for i, names in enumerate(_NAMES, start=1) for name in names}
_SAMPLE = 50

YMD, DMY, MDY = "YYYY-MM-DD", "DD-MM-YYYY", "MM-DD-YYYY"
NAMED = "DD Mon YYYY"


@dataclass(frozen=True, eq=False)
class DateTexts:
    """Cells that may be dates, taken apart.

    Parameters
    ----------
    looks : ndarray of shape (n_texts,), bool
        Which are written as dates are, whether there is such a day or not.
    short : ndarray of shape (n_texts,), bool
        Which look like dates with a year of two digits.
    readings : dict of str to ndarray of shape (n_texts,), datetime64[us]
        By order, "YYYY-MM-DD", "DD-MM-YYYY", "MM-DD-YYYY" or "DD Mon YYYY": the
        moments, NaT where there is no such date.
    marks : set of str
        What stands between day, month and year, where the year stands last.
    offsets : ndarray of shape (n_texts,), float64
        Minutes before UTC; NaN for none.
    """

    looks: NDArray[np.bool_]
    short: NDArray[np.bool_]
    readings: dict[str, NDArray[np.datetime64]]
    marks: set[str]
    offsets: NDArray[np.float64]

    @classmethod
    def of(cls, texts: pyarrow.Array) -> Self:
        """Take texts apart.

        Parameters
        ----------
        texts : Array of str
            Without blanks around them.

        Returns
        -------
        DateTexts
            What they may be.
        """
        n = len(texts)
        looks, short = np.zeros(n, bool), np.zeros(n, bool)
        readings: dict[str, NDArray[np.datetime64]] = {}
        offsets, marks = np.full(n, np.nan), set[str]()
        for kind, pattern in _PATTERNS.items():
            parts = pc.extract_regex(texts, pattern)
            here = np.flatnonzero(parts.is_valid().to_numpy(zero_copy_only=False))
            if not len(here):
                continue
            cells = _Cells(parts.take(pyarrow.array(here)))
            found, brief = _read(kind, cells, marks)
            looks[here[~brief]], short[here[brief]] = True, True
            clock = cells.clock()
            offsets[here] = cells.offsets()
            for order, days in found.items():
                moments = readings.setdefault(order, np.full(n, "NaT", "M8[us]"))
                moments[here] = days.astype("M8[us]") + clock
        return cls(looks, short, readings, marks, offsets)

    def days(self, order: str, days_of: "NDArray[np.datetime64] | None" = None) -> Any:
        """Return the moments that an order gives, with the time zone if there is one.

        Parameters
        ----------
        order : str
            Of day, month and year where the year stands last.
        days_of : ndarray or None, default=None
            The moments, where they are known; else those of `in_order`.

        Returns
        -------
        DatetimeIndex or ndarray
            One a text; NaT where there is no such date.
        """
        moments = self.in_order(order) if days_of is None else days_of
        zoned = ~np.isnan(self.offsets)
        if not zoned.any():
            whole = moments.astype("M8[s]")
            return whole if (whole == moments)[~np.isnat(moments)].all() else moments
        shift = np.nan_to_num(self.offsets).astype("m8[m]")
        index = pd.DatetimeIndex(moments - shift).tz_localize("UTC")
        known = np.unique(self.offsets[zoned])
        if len(known) > 1 or known[0] == 0:
            return index
        minutes = int(abs(known[0]))
        sign = "+" if known[0] > 0 else "-"
        return index.tz_convert(f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}")

    def in_order(self, order: str) -> NDArray[np.datetime64]:
        """Join the readings that are certain with those of one order.

        Parameters
        ----------
        order : {"DD-MM-YYYY", "MM-DD-YYYY"}
            Of dates whose year stands last.

        Returns
        -------
        ndarray of shape (n_texts,), datetime64[us]
            NaT for what is no date.
        """
        joined = np.full(len(self.looks), "NaT", "M8[us]")
        for name in (YMD, NAMED, order):
            if name in self.readings:
                free = np.isnat(joined)
                joined[free] = self.readings[name][free]
        return joined

    @property
    def mix_zones(self) -> bool:
        """Whether only some have a time zone."""
        zoned = ~np.isnan(self.offsets[self.looks])
        return bool(zoned.any() and not zoned.all())


def seem_dates(texts: pyarrow.Array) -> bool:
    """Look at the first texts only.

    Parameters
    ----------
    texts : Array of str
        Without blanks around them.

    Returns
    -------
    bool
        Whether one of the first is written as dates are.
    """
    first = DateTexts.of(texts.slice(0, _SAMPLE))
    return bool(first.looks.any() or first.short.any())


class _Cells:
    """The named parts of a pattern, as numbers or texts."""

    def __init__(self, parts: pyarrow.Array) -> None:
        self._parts, self._n = parts, len(parts)
        self._names = {field.name for field in parts.type}

    def texts(self, name: str) -> NDArray[Any]:
        cells = pc.fill_null(pc.struct_field(self._parts, name), "")
        return np.asarray(cells.to_numpy(zero_copy_only=False), dtype=object)

    def sizes(self, name: str) -> NDArray[np.int64]:
        cells = pc.struct_field(self._parts, name)
        return np.asarray(pc.utf8_length(cells).to_numpy(), dtype=np.int64)

    def numbers(self, name: str) -> NDArray[np.int64]:
        cells = pc.struct_field(self._parts, name)
        cells = pc.if_else(pc.equal(pc.fill_null(cells, ""), ""), "0", cells)
        return np.asarray(pc.cast(cells, pyarrow.int64()).to_numpy())

    def clock(self) -> NDArray[np.timedelta64]:
        """Return the time of day; NaT where there is no such time."""
        hour, minute = self.numbers("hour"), self.numbers("minute")
        second = self.numbers("second")
        half = self.texts("half").astype(str)
        late = np.char.startswith(np.char.lower(half), "p")
        wrong = (hour > 23) | (minute > 59) | (second > 59)
        wrong |= (half != "") & ((hour > 12) | (hour == 0))
        hour = np.where(half != "", hour % 12 + 12 * late, hour)
        part = pc.struct_field(self._parts, "part")
        padded = pc.utf8_rpad(pc.fill_null(part, ""), 6, "0")
        micro = pc.cast(pc.utf8_slice_codeunits(padded, 0, 6), pyarrow.int64())
        total = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro.to_numpy()
        found: NDArray[np.timedelta64] = total.astype("m8[us]")
        found[wrong] = np.timedelta64("NaT")
        return found

    def offsets(self) -> NDArray[np.float64]:
        zones = self.texts("zone")
        known = {zone: _minutes(zone) for zone in set(zones.tolist())}
        return np.asarray([known[zone] for zone in zones], dtype=np.float64)


def _minutes(zone: str) -> float:
    if not zone:
        return np.nan
    if zone[0] not in "+-":
        return 0.0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = 60 * int(digits[:2]) + int(digits[2:])
    return float(minutes if zone[0] == "+" else -minutes)


def _read(
    kind: str, cells: _Cells, marks: set[str]
) -> tuple[dict[str, NDArray[np.datetime64]], NDArray[np.bool_]]:
    """Return the days by order, and which have a year of two digits."""
    none = np.zeros(cells._n, bool)
    if kind in ("month", "last year"):
        year, month = cells.numbers("year"), cells.numbers("middle")
        return {YMD: _days(year, month, np.ones_like(year))}, none
    if kind != "numbers":
        names = cells.texts("month")
        number = {name: _NUMBER.get(name.lower(), 0) for name in set(names.tolist())}
        month = np.asarray([number[name] for name in names], dtype=np.int64)
        days = _days(cells.numbers("year"), month, cells.numbers("day"))
        return {NAMED: days}, none
    first, middle, last = (cells.numbers(n) for n in ("first", "middle", "last"))
    front, back = cells.sizes("first"), cells.sizes("last")
    alike = cells.texts("mark") == cells.texts("again")
    leads, ends = alike & (front == 4) & (back <= 2), alike & (back == 4) & (front <= 2)
    found = {}
    if leads.any():
        found[YMD] = _where(leads, _days(first, middle, last))
    if ends.any():
        marks.update(cells.texts("mark")[ends].tolist())
        found[DMY] = _where(ends, _days(last, middle, first))
        found[MDY] = _where(ends, _days(last, first, middle))
    return found, ~leads & ~ends


def _where(
    chosen: NDArray[np.bool_], days: NDArray[np.datetime64]
) -> NDArray[np.datetime64]:
    return np.where(chosen, days, np.datetime64("NaT", "D"))


def _days(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]
) -> NDArray[np.datetime64]:
    """Return days, NaT where the month has no such day."""
    good = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    months = (year - 1970) * 12 + np.where(good, month - 1, 0)
    start = months.astype("M8[M]").astype("M8[D]")
    days: NDArray[np.datetime64] = start + (day - 1).astype("m8[D]")
    good &= days.astype("M8[M]").astype(np.int64) == months
    days[~good] = np.datetime64("NaT")
    return days
