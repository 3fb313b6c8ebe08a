"""Numbers, names and predictions as text that stays in its line."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np


@lru_cache(maxsize=1 << 16)
def number_text(value: float) -> str:
    """Return the shortest decimal that is this float32 and no other.

    Parameters
    ----------
    value : float
        A finite number; it is rounded to float32.

    Returns
    -------
    str
        Digits without an exponent: not every reader knows it.

    Examples
    --------
    >>> number_text(0.30000001192092896)
    '0.3'
    >>> number_text(25.0)
    '25'
    >>> number_text(1e-7)
    '0.0000001'
    """
    text = np.format_float_positional(np.float32(value), unique=True, trim="-")
    return "0" if text == "-0" else text


def threshold_text(value: float) -> str:
    """Return the same, thousands apart from 10,000 on, as people read it.

    Parameters
    ----------
    value : float
        A finite number; it is rounded to float32.

    Returns
    -------
    str
        Digits without an exponent; years and other numbers of four digits stay whole.

    Examples
    --------
    >>> threshold_text(1728200.0), threshold_text(1987.5), threshold_text(-0.25)
    ('1,728,200', '1987.5', '-0.25')
    """
    return thousands_apart(number_text(value))


def thousands_apart(digits: str) -> str:
    """Set the thousands of a written number apart, from 10,000 on.

    Parameters
    ----------
    digits : str
        Digits, perhaps with a sign and a point.

    Returns
    -------
    str
        With commas; a number with an exponent as it is.
    """
    whole, dot, part = digits.partition(".")
    if len(whole.lstrip("-")) < 5 or not whole.lstrip("-").isdigit():
        return digits
    return f"{int(whole):,}{dot}{part}"


def amount_text(value: float, n_digits: int = 6) -> str:
    """Say about how much something is, as people read it.

    Parameters
    ----------
    value : float
        A number.
    n_digits : int, default=6
        In [1, inf): so many digits count; what stands before the point is told whole.

    Returns
    -------
    str
        Thousands are apart; an exponent have only numbers from 1e15 on, and those
        below a millionth.

    Examples
    --------
    >>> amount_text(3135942.31), amount_text(151.31999), amount_text(0.0000123)
    ('3,135,942', '151.32', '0.0000123')
    >>> amount_text(1234.5678, 3), amount_text(0.0)
    ('1,235', '0')
    """
    return _written(float(value), n_digits, "")


def signed_text(value: float, n_digits: int = 3) -> str:
    """Say about how much something adds: as `amount_text`, with a sign.

    Parameters
    ----------
    value : float
        A number.
    n_digits : int, default=3
        In [1, inf): so many digits count.

    Returns
    -------
    str
        Such as "+1,235" and "-0.25".
    """
    return _written(float(value), n_digits, "+")


def _written(number: float, n_digits: int, sign: str) -> str:
    size = abs(number)
    if not np.isfinite(number) or size >= 1e15 or 0 < size < 1e-6:
        return f"{number:{sign}.{n_digits}g}"
    place = int(np.floor(np.log10(size))) if size else 0
    text = f"{number:{sign},.{max(n_digits - 1 - place, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def one_line(text: str) -> str:
    r"""Replace what is not printable by blanks.

    Names come from data: a line break in one must not look like another rule, nor may
    a mark that turns the direction of writing reorder what stands beside it.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        One line of the same length.

    Examples
    --------
    >>> one_line("a\nb")
    'a b'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " for c in text)


def joined(names: Sequence[str], most: int | None = None) -> str:
    """List names, separated by commas.

    Parameters
    ----------
    names : sequence of str
        What to list.
    most : int or None, default=None
        In [1, inf): how many are named, if two or more would be left out; None names
        all.

    Returns
    -------
    str
        The list.

    Examples
    --------
    >>> joined(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    >>> joined(["a", "b", "c"], 2)
    'a, b, c'
    """
    if most is None or len(names) <= most + 1:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def counted(number: int, noun: str) -> str:
    """Say how many of something there are.

    Parameters
    ----------
    number : int
        In [0, inf).
    noun : str
        One of them; an "s" makes it several.

    Returns
    -------
    str
        The number with separators, and the noun.

    Examples
    --------
    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def prediction_text(prediction: Any) -> str:
    """Say a prediction in words.

    Parameters
    ----------
    prediction : object
        A class, a tuple of labels, or values.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> prediction_text(("red", "round"))
    '{red, round}'
    >>> prediction_text(151.31999)
    '151.32'
    >>> prediction_text(3135942.0)
    '3,135,942'
    """
    if isinstance(prediction, float):
        return amount_text(prediction)
    if isinstance(prediction, tuple):
        return "{" + ", ".join(map(str, prediction)) + "}"
    if isinstance(prediction, list):
        return "(" + ", ".join(map(amount_text, prediction)) + ")"
    return str(prediction)
