"""Reading a column of a table in SQL as the student reads it."""

from typing import Any

from interpretkd._base import InputError
from interpretkd.data import Feature
from interpretkd.export._specification import LARGEST, _border_of
from interpretkd.export._sql.dialects import (
    _border,
    _double_type,
    _literal,
    _threshold,
)
from interpretkd.models import ALL_NUMBERS

_UNITS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_FRACTIONS = {"millisecond": 10**3, "microsecond": 10**6}
_YEAR_1 = 719_162 * 86_400
"""Seconds from the year 1 to 1970: integer division rounds up below 0."""
_YEAR_10000 = 2_932_897 * 86_400
"""Seconds from 1970 to what lies behind the last year of four digits."""
_SMALLEST_NORMAL = 2.0**-126
"""Float32 numbers below it have fewer than 24 bits: they are multiples of 2**-149."""
_TO_ZERO = 2.0**-150
"""What is not larger is 0 as a float32."""
_SHIFT = 1.5 * 2.0**-97
"""A float64 that is added to it is rounded to a multiple of 2**-149."""


def _cleaned(
    feature: Feature, raw: str, dialect: str, *, counted: bool = False
) -> tuple[str, str]:
    """Write how a column is read, and when the student would refuse the row for it.

    Numbers and counted dates are rounded to float32, as the student does. Numbers with
    a scale stay as they are, to be compared with `_end`, or are `counted`, for sums.
    """
    if feature.is_categorical:
        levels = ", ".join(_literal(level, dialect) for level in feature.categories)
        value = _comparable(feature, raw, dialect)
        return value, f"{value} NOT IN ({levels})"
    if feature.kind == "date":
        number, refused = _date(feature, raw, dialect)
        return _single(number, dialect), refused
    number, refused = _number(raw, dialect)
    if feature.scale is None:
        return _single(number, dialect), refused
    if counted:
        return _single(_counted(feature, number, dialect), dialect), refused
    return _known(number, dialect), refused


def _end(feature: Feature, threshold: float, dialect: str) -> str:
    """Write the threshold of a test for cells that are read by `_cleaned`."""
    if feature.scale is None:
        return _threshold(threshold, dialect)
    return _border(_border_of(feature, threshold), dialect)


def _date_note(feature: Feature) -> str:
    """Say how a date is read."""
    calendar: Any = feature.calendar
    return f"{feature.name}: a date or timestamp, read to the {calendar.unit}."


def _number(raw: str, dialect: str) -> tuple[str, str]:
    largest = _border(LARGEST, dialect)
    if dialect == "sqlite":
        # A column of numbers may hold texts there, which lie above all numbers; but
        # without the sign a column of texts would have numbers compared as texts.
        return f"+{raw}", f"+{raw} NOT BETWEEN -{largest} AND {largest}"
    double = _double_type(dialect)
    number = f"CAST({raw} AS {double})"
    beyond = f"{number} NOT BETWEEN -{largest} AND {largest}"
    return number, f"{beyond} AND {number} <> CAST('NaN' AS {double})"


def _counted(feature: Feature, number: str, dialect: str) -> str:
    """Count units since the origin, whole ones rounded up; at most what float32 holds.

    NULL for NaN and what is beyond.
    """
    scale: Any = feature.scale
    up = "CEIL" if scale.whole else ""
    origin, unit = (_border(float(n), dialect) for n in (scale.origin, scale.unit))
    number = _known(number, dialect)
    code = f"{up}(({up}({number}) - ({origin})) / {unit})"
    least, most = (_border(end, dialect) for end in (-ALL_NUMBERS, ALL_NUMBERS))
    if dialect == "sqlite":
        return f"MIN(MAX({code}, {least}), {most})"
    double = _double_type(dialect)
    missing = f"CAST(NULL AS {double})"  # which LEAST would pass over
    inside = f"LEAST(GREATEST({code}, {least}), {most})"
    return f"CASE WHEN {code} IS NULL THEN {missing} ELSE {inside} END"


def _known(number: str, dialect: str) -> str:
    """Write a number in full; NULL for NaN and what is beyond."""
    largest = _border(LARGEST, dialect)
    return (
        f"CASE\n    WHEN {number} BETWEEN -{largest} AND {largest}\n"
        f"      THEN CAST({number} AS {_double_type(dialect)})\n  END"
    )


def _without_nan(number: str, dialect: str) -> str:
    return f"NULLIF({number}, CAST('NaN' AS {_double_type(dialect)}))"


def _single(number: str, dialect: str) -> str:
    """Round to float32, as the student does; NULL for NaN and what is beyond."""
    largest = _border(LARGEST, dialect)
    known = f"{number} BETWEEN -{largest} AND {largest}"
    if dialect == "sqlite":  # which has no such type: Veltkamp, the upper 24 bits
        shifted = f"{number} * 536870913.0"
        tiny, shift = _border(_SMALLEST_NORMAL, dialect), _border(_SHIFT, dialect)
        return (
            f"CASE\n    WHEN {number} BETWEEN -{tiny} AND {tiny}\n"
            f"      THEN ({number} + {shift}) - {shift}\n"
            f"    WHEN {known}\n"
            f"      THEN {shifted} - ({shifted} - {number})\n  END"
        )
    single = "FLOAT" if dialect == "duckdb" else "REAL"
    double, nothing = _double_type(dialect), _literal(_TO_ZERO, dialect)
    # Or PostgreSQL takes numbers outside for an error, rather than for refused or 0.
    return (
        f"CASE\n    WHEN {number} BETWEEN -{nothing} AND {nothing} THEN 0\n"
        f"    WHEN {known}\n"
        f"      THEN CAST(CAST({number} AS {single}) AS {double})\n  END"
    )


def _comparable(feature: Feature, raw: str, dialect: str) -> str:
    first = feature.categories[0]
    if dialect == "sqlite" or isinstance(first, bool):
        return raw
    if isinstance(first, str):
        return f"CAST({raw} AS VARCHAR)"
    return _without_nan(f"CAST({raw} AS {_double_type(dialect)})", dialect)


def _date(feature: Feature, raw: str, dialect: str) -> tuple[str, str]:
    """Count units since the origin, rounded down."""
    calendar: Any = feature.calendar
    unit = calendar.unit
    if unit not in _UNITS and (unit not in _FRACTIONS or dialect == "sqlite"):
        raise InputError(
            f"The dates of column {feature.name!r} are told apart by {unit}s, which "
            f"{dialect} does not count."
        )
    if dialect == "sqlite":  # where dates are texts, and a number is a Julian day
        seconds = f"STRFTIME('%s', {raw})"
        since = f"(CAST({seconds} AS INTEGER) + {_YEAR_1})"
        count = f"{since} / {_UNITS[unit]} - {_YEAR_1 // _UNITS[unit]}"
        refused = (
            f"TYPEOF({raw}) NOT IN ('text', 'null') "
            f"OR {raw} IS NOT NULL AND ({seconds} IS NULL OR {since} < 0)"
        )
    else:
        seconds = _epoch(raw, dialect)
        each = _UNITS.get(unit)
        part = f"/ {each}" if each else f"* {_FRACTIONS[unit]}"
        count = f"FLOOR({seconds} {part})"
        refused = (
            f"{raw} IS NOT NULL AND "
            f"({seconds} IS NULL OR {seconds} < -{_YEAR_1} "
            f"OR {seconds} >= {_YEAR_10000})"
        )
    code = f"CAST({count} - ({calendar.origin}) AS {_double_type(dialect)})"
    return code, refused


def _epoch(raw: str, dialect: str) -> str:
    if dialect == "duckdb":  # an integer, or fractions would be rounded
        return f"(CAST(EPOCH_US({raw}) AS DECIMAL(38, 6)) / 1000000)"
    return f"EXTRACT(EPOCH FROM {raw})"
