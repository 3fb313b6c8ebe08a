"""What all pictures of images share: what is asked about, and where panels stand.

Rows are images when the schema has an ``image_shape``. Black is the smallest value that
a picture shows and white the largest. Channels stand side by side, each in grey: a test
asks for one channel's pixel, which a mean over channels would hide. Rows and columns
of pixels are counted from 0, as in the pixels' names.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, amount_text, one_line, prediction_text
from interpretkd.data import Codes, Schema, as_frame, check_schema, image_schema
from interpretkd.drawing import (
    FONT_SIZES,
    Drawing,
    Pixels,
    Rect,
    Shape,
    Text,
    as_png,
    moved,
    wrap,
)
from interpretkd.models import Tree, leaf_outcomes, rows_seen

_Sides = tuple[int, int, int]

_LINE, _GAP = 16, 14
_EDGE = 12.0


class ImagePicture(ABC):
    """A picture of images; shows itself in a notebook."""

    @abstractmethod
    def drawing(self) -> Drawing:
        """Draw it.

        Returns
        -------
        Drawing
            The picture: ``.svg()``, ``.png()``, ``.pdf()``.
        """

    def svg(self, *, theme: str = "auto", **settings: Any) -> str:
        """Draw it as SVG.

        Parameters
        ----------
        theme : {"auto", "light", "dark"}, default="auto"
            The colours; "auto" follows the reader's settings and prints light.
        **settings
            As of `drawing`.

        Returns
        -------
        str
            One SVG element.
        """
        return self.drawing(**settings).svg(theme=theme)

    def _repr_html_(self) -> str:
        return self.drawing()._repr_html_()


def _pixel_columns(
    owner: str, model: Any, own: Schema, given: Schema | None
) -> tuple[Schema, _Sides]:
    """Return columns that are the pixels of an image, and its shape."""
    found = image_schema(own, model) or own
    if given is not None:
        found = check_schema(owner, given, own)
    if found.image_shape is None or not found.holds_numbers:
        raise InputError(
            f"{owner} needs columns that are the pixels of an image, as numbers: give "
            "a 'schema' whose image_shape is (height, width) or (channels, height, "
            f"width). Got {len(found)} columns with image_shape {found.image_shape!r}."
        )
    n_channels, height, width = (1, *found.image_shape)[-3:]
    return found, (n_channels, height, width)


def _form_of(model: Any) -> Any:
    """Return what was fitted: a tree, a forest, a linear model."""
    student = getattr(model, "student_", model)
    return getattr(student, "form_", student)


def _tree_of(owner: str, model: Any) -> Tree:
    """Return a model's tree."""
    form = _form_of(model)
    if isinstance(form, Tree):
        return form
    raise InputError(
        f"The 'model' parameter of {owner} must be a Tree or a fitted model with a "
        "CartStudent; contribution_image shows linear and boosted students. Got "
        f"{type(model).__name__}."
    )


def _flat_rows(X: Any) -> Any:
    """Return rows with one column a pixel."""
    if as_frame(X) is not None:
        return X
    array = np.asarray(X)
    return array.reshape(len(array), -1) if array.ndim > 2 else array


def _one_row(owner: str, model: Any, schema: Schema, row: Any) -> Codes:
    """Turn one row or image into codes."""
    if as_frame(row) is None:
        array = np.asarray(row)
        width = len(getattr(model, "schema_", schema))
        row = array.reshape(1, -1) if array.size == width else _flat_rows(array)
    codes = schema.encode(rows_seen(model, row))
    if len(codes) != 1:
        raise InputError(
            f"The 'row' parameter of {owner} must be one row. Got {len(codes)}."
        )
    return codes


def _decisions_at(model: Any, tree: Tree, nodes: list[int]) -> list[str]:
    """Say what is decided at nodes."""
    decides = model if hasattr(model, "reading_") else tree
    found = leaf_outcomes(decides, tree.value[nodes]).predictions
    return [one_line(prediction_text(prediction)) for prediction in found]


def _frozen(values: NDArray[Any], shape: _Sides) -> Array:
    """Return a copy of numbers of pixels as an image that nobody changes."""
    array = np.array(values, dtype=np.float64).reshape(shape)
    array.setflags(write=False)
    return array


def _value_range(values: Array) -> tuple[float, float]:
    """Return which values become black and white."""
    known = values[~np.isnan(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)


def _scale_text(low: float, high: float) -> str:
    """Say what black and white stand for."""
    if low == high:
        return f"All pixels are {amount_text(low, 4)}"
    return f"Black is {amount_text(low, 4)}, white is {amount_text(high, 4)}"


def _greys(values: Array, low: float, high: float) -> NDArray[np.uint8]:
    """Return grey levels; what is missing is not drawn."""
    known = ~np.isnan(values)
    spread = high - low
    shares = (values - low) / spread if spread else np.full(values.shape, 0.5)
    levels = np.rint(255 * np.where(known, np.clip(shares, 0, 1), 0)).astype(np.uint8)
    if known.all():
        return levels
    return np.stack([levels, 255 * known.astype(np.uint8)], axis=-1)


def _framed(
    pixels: NDArray[np.uint8], x: float, y: float, width: float, height: float
) -> list[Shape]:
    """Draw an image in a frame."""
    return [
        Pixels(x, y, width, height, as_png(pixels)),
        Rect(x, y, width, height, "frame"),
    ]


class _Grid:
    """Where images of one shape stand, in rows of as many as fit."""

    def __init__(self, shape: tuple[int, ...], side: float, caption: float) -> None:
        n_channels, height, width = shape
        self.cell = side / max(height, width)
        self.one, self.tall = width * self.cell, height * self.cell
        self.wide = max(n_channels * (self.one + 2) - 2, 96)
        self.columns = max(int(760 // (self.wide + _GAP)), 1)
        self.step = self.tall + caption + _GAP
        self.width = max(self.columns * (self.wide + _GAP) - _GAP, 430)

    def place(self, number: int) -> tuple[float, float]:
        """Return the upper left corner of an image."""
        row, column = divmod(number, self.columns)
        return column * (self.wide + _GAP), row * self.step

    def left(self, x: float, channel: int) -> float:
        """Return where a channel begins."""
        return x + channel * (self.one + 2)

    def bottom(self, count: int) -> float:
        """Return where the last row ends."""
        return -(-count // self.columns) * self.step

    def caption(self, text: str, x: float, y: float) -> list[Shape]:
        """Write the name of an image."""
        size = FONT_SIZES["body"]
        lines = wrap(one_line(text), self.wide, size, most_lines=1, bold=True)
        return [Text(x, y, line, bold=True) for line in lines]

    def panels(
        self, channels: Iterable[NDArray[np.uint8]], x: float, y: float
    ) -> list[Shape]:
        """Draw the channels of an image side by side."""
        return [
            shape
            for i, channel in enumerate(channels)
            for shape in _framed(channel, self.left(x, i), y, self.one, self.tall)
        ]


def _heading(title: str, width: float) -> tuple[list[Shape], float]:
    """Write the title of a picture."""
    size = FONT_SIZES["title"]
    lines = wrap(one_line(title), width, size, bold=True)
    shapes: list[Shape] = [
        Text(0, size + i * (size + 4), line, size="title", bold=True)
        for i, line in enumerate(lines)
    ]
    return shapes, len(lines) * (size + 4) + 6


def _lines_of(text: str, width: float, top: float) -> list[Shape]:
    """Write a note below a picture."""
    size = FONT_SIZES["body"]
    return [
        Text(0, top + size + i * _LINE, line, "muted")
        for i, line in enumerate(wrap(text, width, size))
    ]


def _picture(
    title: str, alt: str, shapes: Sequence[Shape], width: float, height: float
) -> Drawing:
    """Bring shapes together in a picture with an edge."""
    inside = tuple(moved(shape, _EDGE, _EDGE) for shape in shapes)
    wide, tall = (float(np.ceil(side + 2 * _EDGE)) for side in (width, height))
    return Drawing(wide, tall, one_line(title), alt, inside)
