"""Which rows are images: the shape that a model, or the columns' names, tell."""

import re
from collections.abc import Sequence
from dataclasses import replace

from interpretkd.data._schema import Schema

_PIXEL = re.compile(r"r(\d{1,4})c(\d{1,4})")
"""How the columns of our data sets of images are named."""


def image_schema(schema: Schema, model: object = None) -> Schema | None:
    """Return columns with their image's shape, if the rows are images.

    Parameters
    ----------
    schema : Schema
        A model's columns.
    model : object, default=None
        The model: its columns or its teacher's may have a shape where `schema` has
        none.

    Returns
    -------
    Schema or None
        `schema`, with its own shape, the model's, its teacher's, or the one that the
        names tell where they are r00c00, r00c01 and so on, row by row; None for rows
        that are no images.
    """
    if schema.image_shape is not None:
        return schema
    # Columns of another kind are made of the rows' own: they are no pixels.
    if not schema.holds_numbers or type(schema) is not Schema:
        return None
    teacher = getattr(getattr(model, "teacher_", None), "estimator", None)
    inner = getattr(teacher, "estimator", None)  # of a FrozenEstimator
    # As many neurons as pixels are no image.
    knowers = [] if _is_of_view(schema, model) else [model, teacher, inner]
    known = (getattr(one, "schema_", None) for one in knowers)
    shapes = [
        one.image_shape
        for one in known
        if isinstance(one, Schema) and len(one) == len(schema)
    ]
    shape = next(filter(None, shapes), None) or _shape_in_names(schema.names)
    return None if shape is None else replace(schema, image_shape=shape)


def _is_of_view(schema: Schema, model: object) -> bool:
    """Say whether columns are those that a model's view makes of the rows' own."""
    own = getattr(model, "schema_", None)
    makes = getattr(getattr(model, "view_", None), "own_columns", False)
    return bool(makes) and isinstance(own, Schema) and own.names != schema.names


def _shape_in_names(names: Sequence[str]) -> tuple[int, ...] | None:
    found = [_PIXEL.fullmatch(name) for name in names]
    places = [(int(place[1]), int(place[2])) for place in found if place]
    if len(places) < len(names) or not places:
        return None
    height, width = places[-1][0] + 1, places[-1][1] + 1
    in_order = [divmod(i, width) for i in range(height * width)]
    return (height, width) if places == in_order else None
