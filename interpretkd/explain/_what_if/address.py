"""Values that were set, as a short text that is safe in an address."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interpretkd._base import InputError
from interpretkd.distillation import given_rows
from interpretkd.explain._what_if.inputs import Input, _differing

_SETTING = re.compile(r"(\d{1,7})_(na|-?\d{1,20}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?)")


def settings_between(model: Any, before: Any, after: Any) -> dict[int, float]:
    """Return which values of a row differ from another's.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted or loaded.
    before, after : array-like or frame of shape (1, n_features)
        Two rows.

    Returns
    -------
    dict of int to float
        By a column's position the code that it has in the second.
    """
    first, second = (
        model.schema_.encode(given_rows(model, row))[0] for row in (before, after)
    )
    return {j: float(second[j]) for j in _differing(first, second)}


def write_settings(row: int, values: Mapping[int, float]) -> str:
    """Write set values as a short text that is safe in an address.

    Parameters
    ----------
    row : int
        The number of the row that they belong to.
    values : mapping of int to float
        By a column's position, from 0, its code.

    Returns
    -------
    str
        The row, and column and code of each value; columns count from 1.

    Examples
    --------
    >>> write_settings(12, {2: 0.5, 6: float("nan")})
    '12~3_0.5~7_na'
    """
    cells = [f"{j + 1}_{_short(value)}" for j, value in sorted(values.items())]
    return "~".join([str(row), *cells])


def read_settings(text: str, row: int, inputs: Sequence[Input]) -> dict[int, float]:
    """Read what `write_settings` wrote; every value is checked.

    Parameters
    ----------
    text : str
        Perhaps of an address.
    row : int
        The number of the row that is looked at.
    inputs : sequence of Input
        What may be set.

    Returns
    -------
    dict of int to float
        By a column's position its code; empty for another row's values.

    Raises
    ------
    InputError
        For a text that was not written so, and values that a column cannot hold.

    Examples
    --------
    >>> read_settings("12~", 12, ())
    Traceback (most recent call last):
    interpretkd._base.errors.InputError: The address sets '', which is no value ...
    """
    given, *cells = text.split("~")
    if given != str(row):
        return {}
    values = {}
    for cell in cells:
        found = _SETTING.fullmatch(cell)
        if found is None:
            raise InputError(
                f"The address sets {cell[:40]!r}, which is no value of a column."
            )
        position = int(found[1]) - 1
        if not 0 <= position < len(inputs):
            raise InputError(
                f"The address sets column {found[1]}; there are {len(inputs)}."
            )
        value = float("nan") if found[2] == "na" else float(found[2])
        inputs[position].check(value)
        values[position] = value
    return values


def _short(value: float) -> str:
    if np.isnan(value):
        return "na"
    return repr(float(str(np.float32(value)))).removesuffix(".0").replace("e+", "e")
