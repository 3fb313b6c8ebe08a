"""Columns that a user names, or gives by position."""

from typing import Any

import numpy as np

from interpretkd._base import InputError, joined, one_line
from interpretkd.data import Schema, value_name


def positions_of(owner: str, name: str, given: Any, schema: Schema) -> tuple[int, ...]:
    """Return the positions of columns that are named, or given by position.

    Parameters
    ----------
    owner : str
        The class whose parameter it is.
    name : str
        The parameter.
    given : sequence of str or int
        Names or positions. A whole number that is the name of a column, and the
        position of another, is neither.
    schema : Schema
        The columns there are.

    Returns
    -------
    tuple of int
        In the order given, without doubles.

    Raises
    ------
    InputError
        For none, for columns that are not there, and for what may be two.
    """
    wanted: list[Any] = [given] if isinstance(given, str | int) else list(given)
    found = [(column, _places(column, schema)) for column in wanted]
    if found and all(len(places) == 1 for _, places in found):
        return tuple(dict.fromkeys(place for _, (place,) in found))
    for column, places in found:
        if len(places) > 1:
            raise InputError(
                f"The '{name}' parameter of {owner} has {column!r}, which is the name "
                f"of one column and the position of another: give the name as a text, "
                f"{str(column)!r}, or the name of the other, "
                f"{one_line(repr(schema.names[_position(column, schema)]))}."
            )
    unknown = [one_line(repr(column)) for column, places in found if not places]
    got = joined(unknown, 5) if unknown else "none"
    raise InputError(
        f"The '{name}' parameter of {owner} must hold columns of the rows, by name "
        f"or by position in [0, {len(schema) - 1}]. Got {got}."
    )


def _places(column: Any, schema: Schema) -> set[int]:
    """Return where a column may be: by its name, and by its position."""
    text = value_name(column)
    places = {schema.names.index(text)} if text in schema.names else set()
    is_position = isinstance(column, int | np.integer) and not isinstance(column, bool)
    if is_position and -len(schema) <= column < len(schema):
        places.add(_position(column, schema))
    return places


def _position(column: Any, schema: Schema) -> int:
    return int(column) % len(schema)
