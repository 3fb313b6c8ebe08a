"""Reading a column of a table in SQL as the student reads it."""

from typing import Any

from interpretkd._base import InputError
from interpretkd.data import Feature
from interpretkd.export._specification import LARGEST
from interpretkd.export._sql.dialects import _double_type, _literal

_UNITS = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
_FRACTIONS = {"millisecond": 10**3, "microsecond": 10**6}
_YEAR_1 = 719_162 * 86_400
"""Seconds from the year 1 to 1970: integer division rounds up below 0."""


def _cleaned(
    feature: Feature, raw: str, dialect: str, *, single: bool
) -> tuple[str, str]:
    """Write how a column is read, and when the student would refuse the row for it.

    Where it is multiplied (`single`), a number is rounded to float32; thresholds need
    no rounding.
    """
    if feature.is_categorical:
        levels = ", ".join(_literal(level, dialect) for level in feature.categories)
        value = _comparable(feature, raw, dialect)
        return value, f"{value} NOT IN ({levels})"
    if feature.kind == "date":
        number, refused = _date(feature, raw, dialect)
    else:
        number, refused = _number(raw, dialect)
        if single and feature.scale is not None:
            number = _counted(feature, number, dialect)
    return (_single(number, dialect) if single else number), refused


def _date_note(feature: Feature) -> str:
    """Say how a date is read."""
    calendar: Any = feature.calendar
    return f"{feature.name}: a date or timestamp, read to the {calendar.unit}."


def _number(raw: str, dialect: str) -> tuple[str, str]:
    number = f"CAST({raw} AS {_double_type(dialect)})"
    largest = _literal(LARGEST, dialect)
    if dialect == "sqlite":  # where a column of numbers may hold texts
        clean = f"CASE WHEN TYPEOF({raw}) IN ('integer', 'real') THEN {number} END"
        wrong = f"ABS({number}) > {largest} OR TYPEOF({raw}) IN ('text', 'blob')"
        return clean, wrong
    clean = _without_nan(number, dialect)
    return clean, f"ABS({clean}) > {largest}"


def _counted(feature: Feature, number: str, dialect: str) -> str:
    """Count units since the origin, whole ones rounded up."""
    scale: Any = feature.scale
    up = "CEIL" if scale.whole else ""
    origin, unit = (_literal(float(n), dialect) for n in (scale.origin, scale.unit))
    return f"{up}(({up}({number}) - ({origin})) / {unit})"


def _without_nan(number: str, dialect: str) -> str:
    return f"NULLIF({number}, CAST('NaN' AS {_double_type(dialect)}))"


def _single(number: str, dialect: str) -> str:
    """Round to float32, as the student does."""
    if dialect == "sqlite":  # which has no such type: Veltkamp, the upper 24 bits
        shifted = f"({number}) * 536870913.0"
        return f"({shifted} - ({shifted} - ({number})))"
    single = "FLOAT" if dialect == "duckdb" else "REAL"
    # Or the database takes numbers outside for an error, rather than for refused.
    largest = _literal(LARGEST, dialect)
    small = f"CASE WHEN ABS({number}) <= {largest} THEN {number} END"
    return f"CAST(CAST({small} AS {single}) AS {_double_type(dialect)})"


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
    unit, refused = calendar.unit, "1 = 0"
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
            f"OR {raw} IS NOT NULL AND {seconds} IS NULL"
        )
    elif unit in _UNITS:
        count = f"FLOOR({_epoch(raw, dialect)} / {_UNITS[unit]})"
    else:
        count = f"FLOOR({_epoch(raw, dialect)} * {_FRACTIONS[unit]})"
    code = f"CAST({count} - ({calendar.origin}) AS {_double_type(dialect)})"
    return code, refused


def _epoch(raw: str, dialect: str) -> str:
    if dialect == "duckdb":  # an integer, or fractions would be rounded
        return f"(CAST(EPOCH_US({raw}) AS DECIMAL(38, 6)) / 1000000)"
    return f"EXTRACT(EPOCH FROM {raw})"
