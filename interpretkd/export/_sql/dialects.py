"""Numbers and values as three SQL dialects read them."""

import contextlib
import math
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import Any

import numpy as np

DIALECTS = ("sqlite", "postgresql", "duckdb")

_INFINITY = {"sqlite": "9e999", "postgresql": "CAST('Infinity' AS DOUBLE PRECISION)"}
_MOST_DIGITS = 9
"""As many tell any two float32 numbers apart."""
_PLAIN = range(-7, 16)
"""Powers of ten of numbers that are written without an exponent."""


def _literal(value: Any, dialect: str) -> str:
    """Write a value; floats with an exponent where DuckDB took them for decimals.

    Examples
    --------
    >>> print(_literal("it's", "duckdb"), _literal(0.5, "duckdb"))
    'it''s' 0.5e0
    >>> print(_literal(0.5, "sqlite"), _literal(True, "sqlite"))
    0.5 1
    """
    if isinstance(value, bool):
        words = ("0", "1") if dialect == "sqlite" else ("FALSE", "TRUE")
        return words[value]
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, int):
        return str(value)
    number = float(value)
    if math.isinf(number):
        text = _INFINITY.get(dialect, "CAST('Infinity' AS DOUBLE)")
        return text if number > 0 else f"(-{text})"
    text = repr(number)
    return f"{text}e0" if dialect == "duckdb" and "e" not in text else text


def _border(value: int | float, dialect: str) -> str:
    """Write a threshold such that the database reads no other number.

    It is a fraction where SQLite, which does not always read the nearest float64, would
    be wrong.
    """
    text = _literal(value, dialect)
    if isinstance(value, int):
        return text
    if dialect != "sqlite" or _read_by_sqlite(text) == value:
        return text
    top, bottom = value.as_integer_ratio()
    if bottom >= 2**1000:
        return text
    return f"({_literal(float(top), dialect)} / {_literal(float(bottom), dialect)})"


def _threshold(value: float, dialect: str) -> str:
    """Write a threshold for cells that are float32 numbers, in as few digits as can be.

    It is the shortest number from the threshold up to the next float32: no cell lies
    between them.

    Examples
    --------
    >>> [_threshold(t, "sqlite") for t in (0.5, 2.4499998092651367, -30.0, 1e-40)]
    ['0.5', '2.45', '-30', '1e-40']
    """
    low = float(np.float32(value))
    high = float(np.nextafter(np.float32(value), np.float32(np.inf)))
    text = _shortest(low, high)
    if dialect == "sqlite" and not low <= _read_by_sqlite(text) < high:
        return _border(low, dialect)
    return text


def _double_type(dialect: str) -> str:
    """Return what a dialect calls a float64."""
    return {"sqlite": "REAL", "duckdb": "DOUBLE"}.get(dialect, "DOUBLE PRECISION")


def _shortest(low: float, high: float) -> str:
    """Return the number of the fewest digits in [low, high)."""
    if low <= 0 < high:
        return "0"
    with localcontext(prec=200):  # exact: a float32 has at most 112 digits
        first, beyond = Decimal(low), Decimal(high)
        for digits in range(_MOST_DIGITS):
            step = Decimal(1).scaleb(first.adjusted() - digits)
            found = (first / step).to_integral_value(ROUND_CEILING) * step
            if found < beyond:
                break
        else:
            found = first
        if found.adjusted() in _PLAIN:
            return f"{found.normalize():f}"
        return f"{found.normalize():e}".replace("e+", "e")


def _read_by_sqlite(text: str) -> float:
    import sqlite3

    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        return float(connection.execute(f"SELECT {text}").fetchone()[0])
