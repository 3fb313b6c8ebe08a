"""Numbers that float32 does not tell apart: counted from an origin instead.

A code of float32 holds 24 bits: whole numbers above 2**24, such as seconds since 1970,
20240131 for a day, cents or ids, run into one another, and so do fractions far from 0.
Such a column gets an origin and a unit that keep its training values apart. Of whole
numbers a code counts whole units, those begun included, so that ``code <= threshold``
asks the same of every number as ``x <= last(threshold)`` does, to the last one.

All is computed in float64, which holds every whole number up to 2**53.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.data._passes import largest

_EXACT = 2**24
"""Up to here float32 holds every whole number."""
_LARGEST = float(np.finfo(np.float32).max)
_BEYOND = (_LARGEST + 2.0**128) / 2
"""From here on float32 is infinite."""
_SMALL = 1e-30
"""Distances below are brought nearer to 1: float32 ends at 1e-38."""
_LOOKED_AT = 5_000
"""Of more fractions so many are looked at: some always share a code by chance."""
_LOST = 0.01
"""So many of the different values may share a code before it matters."""


@dataclass(frozen=True)
class Scale:
    """The origin and the unit of a column of numbers.

    Parameters
    ----------
    origin : int or float, default=0
        The number of code 0; an int for whole numbers.
    unit : int or float, default=1
        In (0, inf): what a code counts; an int for whole numbers.
    whole : bool, default=True
        Whether all training values are whole numbers; others count as the next one.
    crowded : bool, default=False
        Whether some training values share a code all the same.

    Raises
    ------
    InputError
        For an origin or a unit that float64 does not hold.

    Examples
    --------
    >>> scale = Scale.of(np.array([20240101.0, 20240102.0, 20250101.0]))
    >>> scale.encode(np.array([20240101.0, 20240102.0, 20250101.0]))
    array([-5000., -4999.,  5000.], dtype=float32)
    >>> scale.last(-4999.5), scale.text(-4999)
    (20240101, '20240102')
    """

    origin: int | float = 0
    unit: int | float = 1
    whole: bool = True
    crowded: bool = False

    def __post_init__(self) -> None:
        kinds = (int,) if self.whole else (int, float)
        for number in (self.origin, self.unit):
            # Beyond 2**128 float32, and so a column, ends.
            if type(number) not in kinds or not -(2**128) < number < 2**128:
                raise InputError(f"A scale needs numbers. Got {number!r}.")
            if float(number) != number:
                raise InputError(f"A scale needs what float64 holds. Got {number!r}.")
        if not self.unit > 0 or not {type(self.whole), type(self.crowded)} <= {bool}:
            raise InputError(f"A scale cannot be {self!r}.")

    @classmethod
    def of(cls, values: NDArray[Any]) -> "Scale | None":
        """Choose what keeps the values of a column apart.

        Parameters
        ----------
        values : ndarray of shape (n_samples,)
            Numbers; NaN is passed over.

        Returns
        -------
        Scale or None
            None where float32 holds them well enough.
        """
        known = values.astype(np.float64)
        known = known[~np.isnan(known)]
        if not len(known) or not np.abs(known).max() <= _LARGEST:
            return None  # what is infinite is refused elsewhere
        if (known == np.floor(known)).all():
            if np.abs(known).max() <= _EXACT:
                return None
            scale = _of_whole(np.unique(known))
            beyond = values.dtype.kind in "iu" and np.abs(known).max() > 2**53
            if beyond and len(np.unique(values)) > len(np.unique(known)):
                scale = cls(scale.origin, scale.unit, True, True)
            return scale
        if len(known) > _LOOKED_AT:
            known = np.random.default_rng(0).choice(known, _LOOKED_AT, replace=False)
        return _of_fractions(np.unique(known))

    def encode(self, values: Array) -> NDArray[np.float32]:
        """Turn numbers into codes.

        Parameters
        ----------
        values : ndarray of shape (n_samples,), float64
            Numbers.

        Returns
        -------
        ndarray of shape (n_samples,), float32
            Units since the origin; infinite where float32 does not hold the number,
            NaN for NaN.
        """
        counted = np.ceil(values) if self.whole else values
        with np.errstate(over="ignore", invalid="ignore"):
            units = (counted - float(self.origin)) / float(self.unit)
            units = np.ceil(units) if self.whole else units
            codes = np.clip(units, -_LARGEST, _LARGEST).astype(np.float32)
            beyond = np.isinf(values.astype(np.float32))
        codes[beyond] = np.sign(values[beyond]) * np.inf
        return codes

    def decode(self, codes: NDArray[Any]) -> Array:
        """Turn codes back into numbers.

        Parameters
        ----------
        codes : ndarray of shape (n_samples,), float
            Units since the origin.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Numbers, whole ones rounded down.
        """
        values = float(self.origin) + float(self.unit) * np.asarray(codes, np.float64)
        return np.floor(values) if self.whole else values

    def last(self, threshold: float) -> int | float:
        """Return the last number whose code is not above a threshold.

        Parameters
        ----------
        threshold : float
            Of a test ``code <= threshold``.

        Returns
        -------
        int or float
            A number passes the test exactly when it is not above this one; an int for
            whole numbers.
        """
        return _last(self, float(threshold))

    def text(self, code: float) -> str:
        """Say a value of the column.

        Parameters
        ----------
        code : float
            What stands for it.

        Returns
        -------
        str
            The whole number; else the decimal of the fewest digits with this code.
        """
        value = float(self.decode(np.asarray([code]))[0])
        return str(int(value)) if self.whole else _decimal(self._shortest(value, code))

    def last_text(self, threshold: float) -> str:
        """Say `last`.

        Parameters
        ----------
        threshold : float
            Of a test ``code <= threshold``.

        Returns
        -------
        str
            The last whole number that passes; else the decimal of the fewest digits
            at the threshold, in full where values share a code.
        """
        if self.whole:
            return str(self.last(threshold))
        return _decimal(self.last(threshold)) if self.crowded else self.text(threshold)

    def term(self, name: str) -> str:
        """Say what a code counts, for sums that multiply it.

        Parameters
        ----------
        name : str
            The column's.

        Returns
        -------
        str
            Such as "day - 20240701" or "(time - 1600000000) / 3600".
        """
        sign, origin = ("-", self.origin) if self.origin >= 0 else ("+", -self.origin)
        text = name if origin == 0 else f"{name} {sign} {_decimal(origin)}"
        if self.unit == 1:
            return text
        return f"({text}) / {_decimal(self.unit)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the scale as plain JSON values.

        Returns
        -------
        dict
            Its parameters by name.
        """
        return asdict(self)

    def _code(self, value: float) -> float:
        """Return what `encode` does for one number, in a tenth of the time."""
        if not abs(value) < _BEYOND:
            return math.copysign(math.inf, value)
        counted = float(math.ceil(value)) if self.whole else value
        code = (counted - float(self.origin)) / float(self.unit)
        code = min(max(code, -_LARGEST), _LARGEST)
        return float(np.float32(math.ceil(code) if self.whole else code))

    def _shortest(self, value: float, code: float) -> float:
        wanted = float(np.float32(code))
        for digits in range(1, 17):
            short = float(f"{value:.{digits}g}")
            if self._code(short) == wanted:
                return short
        return value


def scales_of(matrix: NDArray[Any]) -> list["Scale | None"]:
    """Choose what keeps the values of each column apart.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_features)
        Numbers; NaN is passed over.

    Returns
    -------
    list of (Scale or None)
        What `Scale.of` says of each column. Of float32 it need not be asked, but about
        whole numbers so large that they are better counted from an origin.
    """
    if matrix.dtype != np.float32:
        return [Scale.of(column) for column in matrix.T]
    sizes = largest(matrix)
    return [
        Scale.of(column) if size > _EXACT else None
        for column, size in zip(matrix.T, sizes, strict=True)
    ]


def _of_whole(values: Array) -> Scale:
    """Keep whole numbers apart: by ones if they lie together, else by what they share.

    Where nothing keeps all of them exact, the origin that parts the most is taken.
    """
    low, high = int(values[0]), int(values[-1])
    unit = 1
    if high - low > 2 * _EXACT:
        unit = math.gcd(*(int(value) - low for value in values))
    for origin in _origins(low, high, unit):
        far = max(high - origin, origin - low) // unit
        scale = Scale(origin, unit) if float(unit) == unit else Scale()
        if far <= _EXACT and (scale.decode(scale.encode(values)) == values).all():
            return scale
    middle, median = float((low + high) // 2), float(np.median(values))
    tried = [Scale(), Scale(int(middle)), Scale(int(median))]
    n_codes = [len(np.unique(scale.encode(values))) for scale in tried]
    best = tried[int(np.argmax(n_codes))]
    return Scale(best.origin, 1, True, max(n_codes) < len(values))


def _origins(low: int, high: int, unit: int) -> Iterator[int]:
    """Yield numbers near the middle that are whole units from the lowest."""
    middle = low + (high - low) // 2 // unit * unit
    if unit == 1:
        yield int(float(middle))
        return
    for step in range(512):
        if float(middle + step * unit) == middle + step * unit:
            yield middle + step * unit
            return


def _of_fractions(values: Array) -> Scale | None:
    values = _without_copies(values)
    with np.errstate(under="ignore"):
        n_plain = len(np.unique(values.astype(np.float32)))
    most = len(values)
    if most - n_plain <= _LOST * most:
        return None
    tried = [Scale(0, 1, False)]
    middle = float(values[0]) / 2 + float(values[-1]) / 2
    for origin in (0.0, float(np.median(values)), middle, float(values[0])):
        far = float(np.abs(values - origin).max())
        unit = 2.0 ** math.floor(math.log2(far)) if 0 < far < _SMALL else 1.0
        tried.append(Scale(origin, unit, False))
    n_codes = [len(np.unique(scale.encode(values))) for scale in tried]
    best = int(np.argmax(n_codes))
    if most - n_codes[best] > (most - n_plain) / 2:
        return Scale(0, 1, False, True)
    crowded = most - n_codes[best] > _LOST * most
    return Scale(tried[best].origin, tried[best].unit, False, crowded)


def _without_copies(values: Array) -> Array:
    """Leave out what is another value rounded to float32: rows may come in both."""
    with np.errstate(under="ignore"):
        codes, place, n = np.unique(
            values.astype(np.float32), return_inverse=True, return_counts=True
        )
    is_copy = (codes[place] == values) & (n[place] > 1)
    return values[~is_copy]


@lru_cache(maxsize=16_384)
def _last(scale: Scale, threshold: float) -> int | float:
    """Halve the numbers between one that passes and one that does not."""
    if scale.whole:
        near = round(scale.origin + scale.unit * int(max(min(threshold, 2e38), -2e38)))
        low = high = near
        step = 1
        while scale._code(float(low)) > threshold:
            low, step = low - step, 2 * step
        step = 1
        while scale._code(float(high)) <= threshold:
            high, step = high + step, 2 * step
        while high - low > 1:
            middle = (low + high) // 2
            if scale._code(float(middle)) <= threshold:
                low = middle
            else:
                high = middle
        return low
    first, after = _order(-_LARGEST), _order(_LARGEST) + 1
    while after - first > 1:
        middle = (first + after) // 2
        if scale._code(_number(middle)) <= threshold:
            first = middle
        else:
            after = middle
    return _number(first)


def _order(value: float) -> int:
    """Return the number of a float64 in the order of all of them."""
    bits = int(np.float64(value).view(np.int64))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFFFFFFFFFF)


def _number(order: int) -> float:
    size = float(np.int64(abs(order)).view(np.float64))
    return size if order >= 0 else -size


def _decimal(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return str(np.format_float_positional(value, unique=True, trim="-"))
