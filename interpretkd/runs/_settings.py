"""Constructor parameters as JSON values and back, equal to what they were."""

import math
from typing import Any

import numpy as np

from interpretkd._base import InputError
from interpretkd.data import plain_value

_KIND, _VALUES = "kind", "values"
_ARRAYS = "biufU"


def _plain_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Keep what JSON can hold; a generator or a function has no place in a file."""
    plain: dict[str, Any] = {}
    for name, value in settings.items():
        try:
            plain[name] = _to_plain(value)
        except TypeError:
            plain[name] = None
    return plain


def _settings(plain: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that were made plain."""
    return {name: _from_plain(value) for name, value in plain.items()}


def _to_plain(value: Any) -> Any:
    value = plain_value(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {_KIND: "float", _VALUES: str(value)}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list):
        return [_to_plain(inner) for inner in value]
    if isinstance(value, tuple):
        return {_KIND: "tuple", _VALUES: [_to_plain(inner) for inner in value]}
    if isinstance(value, dict):
        pairs = [[_to_plain(key), _to_plain(inner)] for key, inner in value.items()]
        return {_KIND: "dict", _VALUES: pairs}
    if isinstance(value, np.ndarray) and value.dtype.kind in _ARRAYS:
        kind = {_KIND: "array", "dtype": value.dtype.str}
        return kind | {_VALUES: _to_plain(value.tolist())}
    raise TypeError


def _from_plain(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_from_plain(inner) for inner in plain]
    if not isinstance(plain, dict):
        return plain
    kind, values = plain[_KIND], plain[_VALUES]
    if kind == "float":
        return float(values)
    if kind == "tuple":
        return tuple(_from_plain(inner) for inner in values)
    if kind == "dict":
        return {_from_plain(key): _from_plain(inner) for key, inner in values}
    dtype = np.dtype(plain["dtype"])
    if kind != "array" or dtype.kind not in _ARRAYS:
        raise InputError(f"unknown kind of parameter {kind!r:.80}")
    if dtype.kind != "U":
        return np.asarray(_from_plain(values), dtype=dtype)
    # Texts are as wide as they are: a width that is told could fill the memory.
    texts = np.asarray(_from_plain(values))
    if texts.size and texts.dtype.kind != "U":
        raise InputError("an array of texts must hold texts alone")
    return texts.astype(str)
