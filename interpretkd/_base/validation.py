"""The argument checks and their sentences: what, where, what is allowed, what came."""

import math
from collections.abc import Iterable
from numbers import Integral, Real

from interpretkd._base.errors import InputError

_SHORTEST_START = 3
"""Letters that tell a name which goes on after them."""


def check_real(
    owner: str,
    name: str,
    value: object,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    closed: str = "neither",
) -> float:
    """Return `value` as a float if it lies in the interval, else raise.

    Parameters
    ----------
    owner : str
        The estimator or function whose parameter it is.
    name : str
        The parameter's name.
    value : object
        What the user gave.
    low, high : float
        The ends of the interval.
    closed : {"neither", "left", "right", "both"}, default="neither"
        Which ends belong to it.

    Returns
    -------
    float
        The value.

    Raises
    ------
    InputError
        When `value` is no number, or lies outside.

    Examples
    --------
    >>> check_real("DistilledClassifier", "temperature", -1, 0)
    Traceback (most recent call last):
    interpretkd._base.errors.InputError: The 'temperature' parameter of \
DistilledClassifier must be a float in (0, inf). Got -1.
    """
    left, right = closed in ("left", "both"), closed in ("right", "both")
    # `_is` has looked; the type checker cannot see through it.
    number = float(value) if _is(value, Real) else math.nan  # type: ignore[arg-type]
    inside = (low <= number if left else low < number) and (
        number <= high if right else number < high
    )
    if not inside:
        interval = f"{'[' if left else '('}{low:g}, {high:g}{']' if right else ')'}"
        raise InputError(
            f"The '{name}' parameter of {owner} must be a float in {interval}. "
            f"Got {value!r}."
        )
    return number


def check_integer(
    owner: str,
    name: str,
    value: object,
    low: int,
    high: int | None = None,
    *,
    optional: bool = False,
) -> int | None:
    """Return `value` as an int if it lies in [low, high], else raise.

    Parameters
    ----------
    owner, name, value : str, str, object
        As for `check_real`.
    low : int
        The smallest value allowed.
    high : int or None, default=None
        The largest value allowed; None for no bound.
    optional : bool, default=False
        Whether None is allowed, too.

    Returns
    -------
    int or None
        The value.

    Raises
    ------
    InputError
        When `value` is no integer, or lies outside.
    """
    if optional and value is None:
        return None
    # As above.
    number = int(value) if _is(value, Integral) else None  # type: ignore[call-overload]
    inside = number is not None and low <= number and (high is None or number <= high)
    if not inside:
        interval = f"[{low}, {'inf)' if high is None else f'{high}]'}"
        also = " or None" if optional else ""
        raise InputError(
            f"The '{name}' parameter of {owner} must be an int in {interval}{also}. "
            f"Got {value!r}."
        )
    return number


def check_choice(owner: str, name: str, value: object, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`, else raise.

    Parameters
    ----------
    owner, name, value : str, str, object
        As for `check_real`.
    choices : iterable of str
        What is allowed.

    Returns
    -------
    str
        The value.

    Raises
    ------
    InputError
        When `value` is none of them.
    """
    choices = list(choices)
    if not isinstance(value, str) or value not in choices:
        raise InputError(
            f"The '{name}' parameter of {owner} must be one of "
            f"{', '.join(map(repr, choices))}. Got {value!r}."
        )
    return value


def check_boolean(owner: str, name: str, value: object) -> bool:
    """Return `value` if it is True or False, else raise.

    Parameters
    ----------
    owner, name, value : str, str, object
        As for `check_real`.

    Returns
    -------
    bool
        The value.

    Raises
    ------
    InputError
        When `value` is no boolean.
    """
    if not isinstance(value, bool):
        raise InputError(
            f"The '{name}' parameter of {owner} must be True or False. Got {value!r}."
        )
    return value


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def closest(name: object, names: Iterable[object]) -> str:
    """Return " Did you mean 'x'?" for the most similar of `names`, or "".

    A name that goes on where `name` ends is similar, however long it is.

    Parameters
    ----------
    name : object
        What the user wrote; a text, mostly.
    names : iterable of object
        What exists.

    Returns
    -------
    str
        The hint, with a leading space, or an empty string.
    """
    import difflib

    known = list(map(str, names))
    found = difflib.get_close_matches(str(name), known, n=1)
    if not found and len(str(name)) >= _SHORTEST_START:
        found = sorted((k for k in known if k.startswith(str(name))), key=len)
    return f" Did you mean {found[0]!r}?" if found else ""
