"""A row's image with the pixels that its path through a tree tests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from interpretkd._base import Array, counted, number_text, one_line
from interpretkd.data import Codes, Schema
from interpretkd.drawing import (
    FONT_SIZES,
    Drawing,
    Polygon,
    Shape,
    Text,
    pixel_place,
    text_width,
    wrap,
)
from interpretkd.explain._images.picture import (
    _GAP,
    _LINE,
    ImagePicture,
    _decisions_at,
    _framed,
    _frozen,
    _greys,
    _heading,
    _one_row,
    _picture,
    _pixel_columns,
    _scale_text,
    _Sides,
    _tree_of,
    _value_range,
)
from interpretkd.models import ALL_NUMBERS, Tree, branch_tests

_LEGEND = {
    "above": "above the threshold",
    "below": "not above it",
    "both": "between two",
    "other": "is it missing?",
}
# The shapes differ as the colours do.
_CORNERS = {
    "above": ((0, -0.62), (0.62, 0.45), (-0.62, 0.45)),
    "below": ((0, 0.62), (0.62, -0.45), (-0.62, -0.45)),
    "both": ((0, -0.62), (0.62, 0), (0, 0.62), (-0.62, 0)),
    "other": ((-0.45, -0.45), (0.45, -0.45), (0.45, 0.45), (-0.45, 0.45)),
}


@dataclass(frozen=True)
class PathPixel:
    """One test of a pixel on a row's path.

    Parameters
    ----------
    number : int
        In [1, inf): which test it is, from the root.
    feature : str
        The pixel's name.
    channel, row, column : int
        Where it is, from 0.
    value : float
        The row's value there; NaN for a missing one.
    threshold : float
        Values up to here go left.
    side : {"above", "below", "missing", "present"}
        Where the value lies: above the threshold, or not above it; "present" where the
        test only asks whether there is a value.
    test : str
        What the row fulfils, in words.
    """

    number: int
    feature: str
    channel: int
    row: int
    column: int
    value: float
    threshold: float
    side: str
    test: str

    def __str__(self) -> str:
        here = "missing" if np.isnan(self.value) else number_text(self.value)
        return f"{self.number}. {one_line(self.test)} (here {here})"


@dataclass(frozen=True, eq=False)
class PathImage(ImagePicture):
    """A row's image with the pixels that its path tests; shows itself in a notebook.

    Parameters
    ----------
    image : ndarray of shape (n_channels, height, width), float64
        The row.
    pixels : tuple of PathPixel
        The tests, from the root to the leaf.
    leaf : int
        The leaf's node number.
    decision : str
        What it decides.
    """

    image: Array
    pixels: tuple[PathPixel, ...]
    leaf: int
    decision: str

    @property
    def title(self) -> str:
        """What the picture shows, in a line."""
        tests = counted(len(self.pixels), "pixel test")
        return f"The path of one row to leaf {self.leaf}: {self.decision} ({tests})"

    @property
    def alt(self) -> str:
        """The text that stands in for the picture: each test with its threshold."""
        return "\n".join([self.title, *map(str, self.pixels)])

    def frame(self) -> pd.DataFrame:
        """Return the tests as a table.

        Returns
        -------
        DataFrame
            One row a test, from the root; a column for each part of `PathPixel`.
        """
        names = list(PathPixel.__dataclass_fields__)
        table = [[getattr(pixel, name) for name in names] for pixel in self.pixels]
        return pd.DataFrame(table, columns=names)

    def drawing(self) -> Drawing:
        """Draw the image, the tested pixels on it, and the tests beside it.

        Returns
        -------
        Drawing
            The picture. It shows the row itself.
        """
        n_channels, height, width = self.image.shape
        cell = (320 if n_channels == 1 else 200) / max(height, width)
        step = width * cell + _GAP
        shapes, top = _heading(self.title, step * n_channels + 220)
        low, high = _value_range(self.image)
        if n_channels > 1:
            names = (f"channel {channel}" for channel in range(n_channels))
            shapes += [
                Text(i * step, top + 11, name, "muted") for i, name in enumerate(names)
            ]
            top += _LINE
        for channel, panel in enumerate(self.image):
            pixels = _greys(panel, low, high)
            shapes += _framed(pixels, channel * step, top, width * cell, height * cell)
        size = min(max(0.7 * cell, 17), 26)
        # The first tests are drawn last, above their neighbours.
        for place, found in reversed(self._by_place().items()):
            channel, row, column = place
            x, y = channel * step + (column + 0.5) * cell, top + (row + 0.5) * cell
            numbers = ",".join(str(pixel.number) for pixel in found)
            shapes += _marker(_kind(found), x, y, size, numbers)
        listed, y = self._list(n_channels * step + 6, top + 10.0)
        below = max(top + height * cell, y) + _LINE
        shapes += [*listed, *self._legend(low, high, below)]
        wide = max(step * n_channels + 240, 520)
        return _picture(self.title, self.alt, shapes, wide, below + 2 * _LINE)

    def _by_place(self) -> dict[_Sides, list[PathPixel]]:
        found: dict[_Sides, list[PathPixel]] = {}
        for pixel in self.pixels:
            place = (pixel.channel, pixel.row, pixel.column)
            found.setdefault(place, []).append(pixel)
        return found

    def _list(self, x: float, y: float) -> tuple[list[Shape], float]:
        shapes: list[Shape] = []
        for pixel in self.pixels:
            shapes += _marker(_kind([pixel]), x + 8, y - 4, 15)
            for line in wrap(str(pixel), 210, FONT_SIZES["body"], most_lines=2):
                shapes.append(Text(x + 22, y, line))
                y += _LINE
            y += 4
        return shapes, y

    def _legend(self, low: float, high: float, y: float) -> list[Shape]:
        kinds = {_kind(pixels) for pixels in self._by_place().values()}
        kinds |= {_kind([pixel]) for pixel in self.pixels}
        shapes: list[Shape] = []
        x = 0.0
        for kind, said in _LEGEND.items():
            if kind in kinds:
                shapes += _marker(kind, x + 8, y - 4, 15)
                shapes.append(Text(x + 20, y, said, "muted"))
                x += 36 + text_width(said, FONT_SIZES["body"])
        scale = _scale_text(low, high)
        if np.isnan(self.image).any():
            scale += "; missing pixels are left empty"
        return [*shapes, Text(0, y + _LINE, scale, "muted")]


def path_image(
    model: Any, row: ArrayLike, *, schema: Schema | None = None
) -> PathImage:
    """Show on a row's image which pixels the tree tests, and on which side they lie.

    Parameters
    ----------
    model : Tree or fitted model with a tree
        Whose path; a `DistilledClassifier` adds its classes' names.
    row : array-like or frame of shape (1, n_features)
        The row, in original columns; an array may have the image's own shape, too.
    schema : Schema or None, default=None
        The columns with their ``image_shape``; None takes the model's or its
        teacher's.

    Returns
    -------
    PathImage
        The image with the tests.

    Raises
    ------
    InputError
        When the columns are no image, the model has no tree, or for more than one row.
    """
    tree = _tree_of("path_image", model)
    images, shape = _pixel_columns("path_image", model, tree.schema, schema)
    codes = _one_row("path_image", model, tree.schema, row)
    leaf = int(tree.nodes.apply(codes)[0])
    pixels = tuple(
        _path_pixel(tree, images, number, node, codes[0], goes_left=goes_left)
        for number, (node, goes_left) in enumerate(_path(tree, leaf), start=1)
    )
    decision = _decisions_at(model, tree, [leaf])[0]
    return PathImage(_frozen(codes[0], shape), pixels, leaf, decision)


def _path(tree: Tree, leaf: int) -> list[tuple[int, bool]]:
    """Return the tests above a leaf, and whether its rows go left there."""
    nodes = tree.nodes
    inner = np.flatnonzero(~nodes.is_leaf)
    above = {int(nodes.left[i]): (int(i), True) for i in inner}
    above |= {int(nodes.right[i]): (int(i), False) for i in inner}
    path, node = [], leaf
    while node in above:
        path.append(above[node])
        node = above[node][0]
    return path[::-1]


def _path_pixel(
    tree: Tree, images: Schema, number: int, node: int, row: Codes, *, goes_left: bool
) -> PathPixel:
    nodes = tree.nodes
    position, threshold = int(nodes.feature[node]), float(nodes.threshold[node])
    fulfilled = branch_tests(nodes, node)[0 if goes_left else 1]
    name = images.features[position].name
    named = replace(fulfilled, feature=replace(fulfilled.feature, name=name))
    value = float(row[position])
    place = pixel_place(images.image_shape or (), position)
    side = _side(value, threshold)
    return PathPixel(number, name, *place, value, threshold, side, str(named))


def _side(value: float, threshold: float) -> str:
    if np.isnan(value):
        return "missing"
    if threshold >= ALL_NUMBERS:
        return "present"
    return "above" if value > threshold else "below"


def _kind(pixels: Sequence[PathPixel]) -> str:
    sides = {pixel.side for pixel in pixels}
    if sides == {"above", "below"}:
        return "both"
    side = sides.pop()
    return side if side in ("above", "below") and not sides else "other"


def _marker(
    kind: str, x: float, y: float, size: float, numbers: str = ""
) -> list[Shape]:
    corners = tuple((x + size * a, y + size * b) for a, b in _CORNERS[kind])
    shape = Polygon(corners, kind)
    if not numbers:
        return [shape]
    shift = {"above": 0.16, "below": -0.16}.get(kind, 0.0) * size
    letters = "small" if len(numbers) < 3 else "tiny"
    line = y + shift + 0.36 * FONT_SIZES[letters]
    return [shape, Text(x, line, numbers, "mark", letters, "middle", bold=True)]
