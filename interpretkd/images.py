"""Pictures for students over images: which pixels count, and what leaves look like.

Rows are images when the schema has an ``image_shape``. Black is the smallest value that
a picture shows and white the largest. Channels stand side by side, each in grey: a test
asks for one channel's pixel, which a mean over channels would hide. Rows and columns
of pixels are counted from 0, as in the pixels' names.
"""

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._errors import InputError
from interpretkd._validation import check_choice, check_integer
from interpretkd.conditions import branch_tests
from interpretkd.contributions import (
    feature_importance,
    path_contributions,
)
from interpretkd.forests import Forest
from interpretkd.linear import Linear
from interpretkd.nodes import ALL_NUMBERS
from interpretkd.outputs import Outputs, leaf_outcomes, read_outputs
from interpretkd.schema import (
    VALUE,
    Codes,
    Schema,
    as_frame,
    check_schema,
    image_schema,
)
from interpretkd.text_metrics import wrap
from interpretkd.trees import Tree
from interpretkd.wording import number_text, one_line, prediction_text

__all__ = [
    "HeatImage",
    "HeatPanel",
    "LeafFrame",
    "LeafImages",
    "PathImage",
    "PathPixel",
    "contribution_image",
    "leaf_images",
    "path_image",
    "pixel_mark",
]

Array = NDArray[np.float64]
Shape = tuple[int, int, int]

_THEMES = ("auto", "light", "dark")
_INK = {"light": "#1b1f24", "dark": "#e6e9ed"}
_SOFT = {"light": "#57606a", "dark": "#a8b2bd"}
_SANS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_LINE, _EDGE, _GAP = 16, 12, 14
_GREY = "#8c959f"

# Blue, white, orange: told apart by the colour-blind (Okabe & Ito 2008), and dark at
# both ends. What is 0 is grey, which lies on neither way.
_AT = (-1.0, -0.5, 0.0, 0.5, 1.0)
_HEAT = ((0, 58, 110), (86, 160, 211), (255, 255, 255), (240, 163, 94), (150, 52, 0))
_ZERO = (205, 208, 212)
_NEGATIVE_MARKED = 0.1
"""The share of the limit from which on a negative number gets a minus sign."""

_LEGEND = {
    "above": "above the threshold",
    "below": "not above it",
    "both": "between two",
    "other": "is it missing?",
}
# Dark enough for white digits; the shapes differ, too.
_FILLS = {"above": "#b34700", "below": "#00568a", "both": "#7a3b6b", "other": "#3d444d"}
_OUTLINES = {
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
class PathImage:
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
        tests = _counted(len(self.pixels), "pixel test")
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

    def svg(self, *, theme: str = "auto") -> str:
        """Draw the image, the tested pixels on it, and the tests beside it.

        Parameters
        ----------
        theme : {"auto", "light", "dark"}, default="auto"
            The colours of the text.

        Returns
        -------
        str
            One SVG element. It shows the row itself.
        """
        n_channels, height, width = self.image.shape
        cell = (320 if n_channels == 1 else 200) / max(height, width)
        step = width * cell + _GAP
        lines = wrap(one_line(self.title), step * n_channels + 220, 13)
        parts = _lines_of(lines, 0, 13)
        top = (len(parts) + (n_channels > 1)) * _LINE + 8
        low, high = _range(self.image)
        for channel, panel in enumerate(self.image):
            x, greys = channel * step, _greys(panel, low, high)
            parts.append(_raster(greys, x, top, width * cell, height * cell))
            if n_channels > 1:
                parts.append(_words(f"channel {channel}", x, top - 5, kind="soft"))
        size = min(max(0.7 * cell, 17), 26)
        # The first tests are drawn last, above their neighbours.
        for place, pixels in reversed(self._by_place().items()):
            channel, row, column = place
            x, y = channel * step + (column + 0.5) * cell, top + (row + 0.5) * cell
            numbers = ",".join(str(pixel.number) for pixel in pixels)
            parts.append(_marker(_kind(pixels), x, y, size, numbers))
        listed, y = self._list(n_channels * step + 6, top + 10.0)
        below = max(top + height * cell, y) + _LINE
        parts += [*listed, *self._legend(low, high, below)]
        wide = max(step * n_channels + 240, 520)
        return _svg(self.title, self.alt, parts, wide, below + 2 * _LINE, theme)

    def _by_place(self) -> dict[Shape, list[PathPixel]]:
        found: dict[Shape, list[PathPixel]] = {}
        for pixel in self.pixels:
            place = (pixel.channel, pixel.row, pixel.column)
            found.setdefault(place, []).append(pixel)
        return found

    def _list(self, x: float, y: float) -> tuple[list[str], float]:
        parts = []
        for pixel in self.pixels:
            parts.append(_marker(_kind([pixel]), x + 8, y - 4, 15, ""))
            for line in wrap(str(pixel), 210, 12, most_lines=2):
                parts.append(_words(line, x + 22, y))
                y += _LINE
            y += 4
        return parts, y

    def _legend(self, low: float, high: float, y: float) -> list[str]:
        kinds = {_kind(pixels) for pixels in self._by_place().values()}
        kinds |= {_kind([pixel]) for pixel in self.pixels}
        parts, x = [], 0.0
        for kind, said in _LEGEND.items():
            if kind in kinds:
                parts.append(_marker(kind, x + 8, y - 4, 15, ""))
                parts.append(_words(said, x + 20, y, kind="soft"))
                x += 36 + 6.2 * len(said)
        scale = _scale_text(low, high)
        if np.isnan(self.image).any():
            scale += "; missing pixels are left empty"
        return [*parts, _words(scale, 0, y + _LINE, kind="soft")]

    def _repr_html_(self) -> str:
        return _for_notebook(self.svg())


@dataclass(frozen=True, eq=False)
class LeafFrame:
    """A leaf's mean image.

    Parameters
    ----------
    leaf : int
        The leaf's node number.
    n_rows : int
        In [0, inf): how many of the given rows reach it.
    share : float
        In [0, 1]: their share.
    decision : str
        What the leaf decides.
    mean : ndarray of shape (n_channels, height, width), float64, or None
        The mean of these rows; NaN at pixels that too few of them know; None when they
        are too few.
    """

    leaf: int
    n_rows: int
    share: float
    decision: str
    mean: Array | None


@dataclass(frozen=True, eq=False)
class LeafImages:
    """What the rows in each leaf look like; shows itself in a notebook.

    Parameters
    ----------
    frames : tuple of LeafFrame
        The leaves, those of most rows first.
    features : tuple of str
        The pixels' names.
    min_rows : int
        How many rows a mean needs to be shown.
    """

    frames: tuple[LeafFrame, ...]
    features: tuple[str, ...]
    min_rows: int

    @property
    def title(self) -> str:
        """What the picture shows, in a line."""
        leaves = "1 leaf" if len(self.frames) == 1 else f"{len(self.frames)} leaves"
        return f"The mean image of the rows in each of {leaves}"

    @property
    def alt(self) -> str:
        """The text that stands in for the picture: one line a leaf."""
        return "\n".join([f"{self.title}.", *map(self._said, self.frames)])

    def frame(self) -> pd.DataFrame:
        """Return what stands below the images as a table.

        Returns
        -------
        DataFrame
            One row a leaf: leaf, decision, n_rows, share, is_shown.
        """
        return pd.DataFrame(
            {
                "leaf": [f.leaf for f in self.frames],
                "decision": [f.decision for f in self.frames],
                "n_rows": [f.n_rows for f in self.frames],
                "share": [f.share for f in self.frames],
                "is_shown": [f.mean is not None for f in self.frames],
            }
        )

    def svg(self, *, theme: str = "auto", most: int = 60) -> str:
        """Draw the mean images in a grid.

        Parameters
        ----------
        theme : {"auto", "light", "dark"}, default="auto"
            The colours of the text.
        most : int, default=60
            In [1, inf): how many leaves are drawn; the picture says how many are not.

        Returns
        -------
        str
            One SVG element; the leaves of most rows come first.
        """
        check_integer("svg", "most", most, 1)
        drawn = self.frames[:most]
        means = [f.mean for f in drawn if f.mean is not None]
        low, high = _range(np.stack(means)) if means else (0.0, 0.0)
        grid = _Grid(means[0].shape if means else (1, 1, 1), 104, 3 * _LINE + 2)
        parts = _lines_of(wrap(one_line(self.title), grid.width, 13), 0, 13)
        top = len(parts) * _LINE + 6
        for i, frame in enumerate(drawn):
            x, y = grid.place(i)
            y += top
            if frame.mean is None:
                parts += self._withheld(grid, x, y)
            else:
                parts += grid.panels([_greys(p, low, high) for p in frame.mean], x, y)
            below = y + grid.tall + 14
            parts += grid.caption(frame.decision, x, below)
            rows = f"{_counted(frame.n_rows, 'row')} ({frame.share:.1%})"
            parts.append(_words(rows, x, below + 15, kind="soft"))
            parts.append(_words(f"leaf {frame.leaf}", x, below + 29, kind="soft"))
        bottom = grid.bottom(len(drawn)) + top
        notes = self._notes(means, low, high, len(self.frames) - len(drawn))
        noted = _lines_of(wrap(notes, grid.width, 12), bottom, 12, "soft")
        height = bottom + _LINE * len(noted)
        return _svg(self.title, self.alt, [*parts, *noted], grid.width, height, theme)

    def _notes(self, means: list[Array], low: float, high: float, left: int) -> str:
        notes = [f"{_scale_text(low, high)}."] if means else []
        if any(np.isnan(mean).any() for mean in means):
            few = f"Pixels known in fewer than {self.min_rows} rows are left empty."
            notes.append(few)
        if left:
            notes.append(f"Not drawn: {left} more of fewer rows.")
        return " ".join(notes)

    def _withheld(self, grid: "_Grid", x: float, y: float) -> list[str]:
        frame = (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{grid.wide:.1f}" '
            f'height="{grid.tall:.1f}" fill="none" stroke="{_GREY}" '
            'stroke-dasharray="4 3"/>'
        )
        lines = ("not shown:", "fewer than", _counted(self.min_rows, "row"))
        start, middle = y + grid.tall / 2 - 12, x + grid.wide / 2
        return [frame] + [
            _words(line, middle, start + i * 15, kind="soft", anchor="middle")
            for i, line in enumerate(lines)
        ]

    def _said(self, frame: LeafFrame) -> str:
        rows = f"{_counted(frame.n_rows, 'row')} ({frame.share:.1%})"
        start = f"Leaf {frame.leaf}: {frame.decision}, {rows}"
        if frame.mean is None:
            return f"{start}; not shown, fewer than {_counted(self.min_rows, 'row')}"
        flat = frame.mean.ravel()
        known = np.flatnonzero(~np.isnan(flat))
        best = known[np.argsort(-flat[known], kind="stable")[:3]]
        names = [f"{one_line(self.features[i])} ({flat[i]:.3g})" for i in best]
        return f"{start}; brightest on average: {', '.join(names)}"

    def _repr_html_(self) -> str:
        return _for_notebook(self.svg())


@dataclass(frozen=True, eq=False)
class HeatPanel:
    """One number a pixel.

    Parameters
    ----------
    name : str
        What the numbers are about.
    values : ndarray of shape (n_channels, height, width), float64
        The numbers.
    """

    name: str
    values: Array


@dataclass(frozen=True, eq=False)
class HeatImage:
    """What each pixel counts, in colours; shows itself in a notebook.

    Parameters
    ----------
    title : str
        What the picture shows.
    panels : tuple of HeatPanel
        One an output, all with the same colours.
    features : tuple of str
        The pixels' names.
    """

    title: str
    panels: tuple[HeatPanel, ...]
    features: tuple[str, ...]

    @property
    def limit(self) -> float:
        """Where the colours end, in (0, inf): 98 % of the numbers but 0 are smaller.

        A single pixel that is hardly ever bright may have a huge coefficient, beside
        which all others would be white.
        """
        sizes = np.abs([panel.values for panel in self.panels])
        known = sizes[sizes > 0]
        return float(np.quantile(known, 0.98, method="higher")) if len(known) else 1.0

    @property
    def alt(self) -> str:
        """The text that stands in for the picture: the strongest pixels of each."""
        return "\n".join([f"{self.title}.", *map(self._said, self.panels)])

    def frame(self) -> pd.DataFrame:
        """Return all numbers as a table.

        Returns
        -------
        DataFrame
            One row a pixel, one column a panel.
        """
        table = np.stack([panel.values.ravel() for panel in self.panels], axis=1)
        index = pd.Index(self.features, name="pixel")
        return pd.DataFrame(table, index, [panel.name for panel in self.panels])

    def svg(self, *, theme: str = "auto") -> str:
        """Draw the numbers in colours.

        Parameters
        ----------
        theme : {"auto", "light", "dark"}, default="auto"
            The colours of the text.

        Returns
        -------
        str
            One SVG element. Orange is above 0 and blue, with a minus sign, below; a
            pixel whose number is 0 is grey.
        """
        grid = _Grid(self.panels[0].values.shape, 150, _LINE + 4)
        limit = self.limit
        parts = _lines_of(wrap(one_line(self.title), grid.width, 13), 0, 13)
        top = len(parts) * _LINE + 6
        for i, panel in enumerate(self.panels):
            x, y = grid.place(i)
            y += top
            colours = [_heat_colours(values / limit) for values in panel.values]
            parts += grid.panels(colours, x, y)
            parts += [
                _minus_signs(values / limit, grid.left(x, channel), y, grid.cell)
                for channel, values in enumerate(panel.values)
            ]
            parts += grid.caption(panel.name, x, y + grid.tall + 14)
        bottom = grid.bottom(len(self.panels)) + top
        parts += self._legend(bottom)
        return _svg(self.title, self.alt, parts, grid.width, bottom + 30, theme)

    def _legend(self, y: float) -> list[str]:
        limit = self.limit
        largest = max(float(np.abs(panel.values).max()) for panel in self.panels)
        signed = any((panel.values < 0).any() for panel in self.panels)
        start = -1.0 if signed else 0.0
        ticks = [(0.0, f"{start * limit:.3g}", "start"), (200.0, f"{limit:.3g}", "end")]
        if signed:
            ticks.append((100.0, "0", "middle"))
        if largest > limit:
            ticks.append((222.0, f"the same colour up to {largest:.3g}", "start"))
        grey = f"rgb({','.join(map(str, _ZERO))})"
        note = "exactly 0" + ("; a minus sign: below 0" if signed else "")
        return [
            _raster(_mixed(np.linspace(start, 1, 65))[None], 0, y, 200, 12),
            *(_words(t, x, y + 26, kind="soft", anchor=a) for x, t, a in ticks),
            f'<rect x="222" y="{y:.1f}" width="12" height="12" fill="{grey}" '
            f'stroke="{_GREY}"/>',
            _words(note, 240, y + 10, kind="soft"),
        ]

    def _said(self, panel: HeatPanel) -> str:
        flat = panel.values.ravel()
        order = np.argsort(-np.abs(flat), kind="stable")[:5]
        strongest = [
            f"{one_line(self.features[i])} {flat[i]:+.3g}" for i in order if flat[i]
        ]
        zero = f"{int((flat == 0).sum())} of {len(flat)} pixels are 0"
        listed = f"strongest {', '.join(strongest)}; " if strongest else ""
        return f"{panel.name}: {listed}{zero}"

    def _repr_html_(self) -> str:
        return _for_notebook(self.svg())


def pixel_mark(schema: Schema, feature: int, size: float = 22) -> str:
    """Draw where a pixel is in the image, small enough for a box of a tree.

    Parameters
    ----------
    schema : Schema
        With an ``image_shape``.
    feature : int
        In [0, n_features): the pixel's position among the columns.
    size : float, default=22
        The larger side of the drawing, in pixels; the mark is at least 4 of them wide.

    Returns
    -------
    str
        An SVG ``g`` element with the class "pixel", that lies between (0, 0) and
        (size, size). Of several channels a row of dots tells which one is meant.

    Raises
    ------
    InputError
        When the columns are no image, or there is no such column.
    """
    shape = _shape_of("pixel_mark", schema)
    check_integer("pixel_mark", "feature", feature, 0, len(schema) - 1)
    n_channels, height, width = shape
    channel, row, column = _place(shape, feature)
    room = size - 5 if n_channels > 1 else size
    scale = min(size / width, room / height)
    wide, tall = width * scale, height * scale
    left, side = (size - wide) / 2, max(scale, 4.0)
    x = left + min(max((column + 0.5) * scale - side / 2, 0), wide - side)
    y = min(max((row + 0.5) * scale - side / 2, 0), tall - side)
    where = f"row {row}, column {column}"
    if n_channels > 1:
        where += f", channel {channel}"
    name = one_line(schema.features[feature].name)
    parts = [
        f"<title>{escape(f'{name}: {where}')}</title>",
        f'<rect x="{left + 0.5:.2f}" y="0.5" width="{wide - 1:.2f}" '
        f'height="{tall - 1:.2f}" fill="{_GREY}" fill-opacity="0.18" '
        f'stroke="{_GREY}"/>',
        # Hair lines to the edges make the place readable where the mark is a dot.
        f'<path d="M{left:.2f} {y + side / 2:.2f}h{wide:.2f}'
        f'M{x + side / 2:.2f} 0v{tall:.2f}" '
        f'stroke="{_GREY}" stroke-width="0.6" fill="none"/>',
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{side:.2f}" height="{side:.2f}" '
        'fill="#d55e00"/>',
    ]
    if n_channels > 1:
        step = size / n_channels
        parts += [
            f'<circle cx="{(c + 0.5) * step:.2f}" cy="{size - 2:.2f}" '
            f'r="{min(1.6, step / 3):.2f}" stroke="{_GREY}" stroke-width="0.6" '
            f'fill="{"#d55e00" if c == channel else "none"}"/>'
            for c in range(n_channels)
        ]
    return f'<g class="pixel">{"".join(parts)}</g>'


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
    images = _image_schema("path_image", model, tree.schema, schema)
    shape = _shape_of("path_image", images)
    codes = _one_row("path_image", tree.schema, row)
    leaf = int(tree.nodes.apply(codes)[0])
    pixels = tuple(
        _path_pixel(tree, images, number, node, codes[0], goes_left=goes_left)
        for number, (node, goes_left) in enumerate(_path(tree, leaf), start=1)
    )
    decision = _decisions(model, tree, [leaf])[0]
    return PathImage(_frozen(codes[0], shape), pixels, leaf, decision)


def leaf_images(
    model: Any, X: ArrayLike, *, schema: Schema | None = None, min_rows: int = 5
) -> LeafImages:
    """Show what the rows in each leaf look like on average.

    Parameters
    ----------
    model : Tree or fitted model with a tree
        Whose leaves; a `DistilledClassifier` adds its classes' names.
    X : array-like or frame of shape (n_samples, n_features)
        Rows in original columns; an array may have images as (n_samples, height,
        width) or (n_samples, channels, height, width), too.
    schema : Schema or None, default=None
        The columns with their ``image_shape``; None takes the model's or its
        teacher's.
    min_rows : int, default=5
        In [1, inf): a mean of fewer rows is not made, so that no one row can be seen;
        neither is a pixel's mean over fewer known values.

    Returns
    -------
    LeafImages
        One image a leaf, those of most rows first.

    Raises
    ------
    InputError
        When the columns are no image, or the model has no tree.
    """
    check_integer("leaf_images", "min_rows", min_rows, 1)
    tree = _tree_of("leaf_images", model)
    images = _image_schema("leaf_images", model, tree.schema, schema)
    shape = _shape_of("leaf_images", images)
    codes = tree.schema.encode(_flat_rows(X))
    reached = tree.nodes.apply(codes)
    counts = np.bincount(reached, minlength=len(tree.nodes.feature))
    leaves = np.flatnonzero(tree.nodes.is_leaf)
    leaves = leaves[np.argsort(-counts[leaves], kind="stable")]
    said = _decisions(model, tree, leaves.tolist())
    order, ends = np.argsort(reached, kind="stable"), np.cumsum(counts)
    frames = []
    for leaf, decision in zip(leaves.tolist(), said, strict=True):
        n_rows = int(counts[leaf])
        rows = order[ends[leaf] - n_rows : ends[leaf]]
        mean = _mean_image(codes[rows], min_rows)
        shaped = None if mean is None else _frozen(mean, shape)
        share = n_rows / max(len(codes), 1)
        frames.append(LeafFrame(leaf, n_rows, share, decision, shaped))
    return LeafImages(tuple(frames), images.names, min_rows)


def contribution_image(
    model: Any, row: ArrayLike | None = None, *, schema: Schema | None = None
) -> HeatImage:
    """Show what each pixel counts in a linear or boosted student.

    Parameters
    ----------
    model : Linear, Forest or fitted model with either
        The student; a `DistilledClassifier` adds its classes' names.
    row : array-like or frame of shape (1, n_features), default=None
        A row to explain; None shows the model itself.
    schema : Schema or None, default=None
        The columns with their ``image_shape``; None takes the model's or its
        teacher's.

    Returns
    -------
    HeatImage
        Without a row the coefficients of each output, for one step of a pixel's value,
        or for boosted trees each pixel's importance. With a row what each pixel adds to
        each output, compared with a mean row. Of two classes the second is shown
        against the first; of more, what is added to all of them is taken off.

    Raises
    ------
    InputError
        When the columns are no image, the model is neither linear nor boosted, or for
        more than one row.
    """
    form = _form_of(model)
    if not isinstance(form, Linear | Forest):
        raise InputError(
            "contribution_image needs a LinearStudent or a BoostedStudent; path_image "
            f"and leaf_images show trees. Got {type(model).__name__}."
        )
    images = _image_schema("contribution_image", model, form.schema, schema)
    shape = _shape_of("contribution_image", images)
    if row is None and isinstance(form, Forest):
        panel = HeatPanel("all outputs", _frozen(feature_importance(form), shape))
        title = "The importance of each pixel: how much its tests tell apart"
        return HeatImage(title, (panel,), images.names)
    outputs = read_outputs(model, type(form))[1].centred()
    if isinstance(form, Linear) and row is None:
        table = _pixel_coefficients(form)
        title = f"The coefficients: what one step of a pixel adds to the {outputs.unit}"
    else:
        codes = _one_row("contribution_image", form.schema, row)
        table = path_contributions(form, codes[0])[1]
        title = f"What each pixel of one row adds to the {outputs.unit}"
    return HeatImage(title, _panels(outputs, table, shape), images.names)


def _panels(outputs: Outputs, table: Array, shape: Shape) -> tuple[HeatPanel, ...]:
    return tuple(
        HeatPanel(one_line(name), _frozen(column, shape))
        for name, column in zip(outputs.names, outputs.show(table).T, strict=True)
    )


def _pixel_coefficients(form: Linear) -> Array:
    """Return the coefficients of the values, without those of missing values."""
    columns = form.schema.columns(indicate_missing=True)
    kept = [i for i, column in enumerate(columns) if column.part == VALUE]
    return form.coefficients[kept]


def _form_of(model: Any) -> Any:
    student = getattr(model, "student_", model)
    return getattr(student, "form_", student)


def _tree_of(owner: str, model: Any) -> Tree:
    form = _form_of(model)
    if isinstance(form, Tree):
        return form
    raise InputError(
        f"The 'model' parameter of {owner} must be a Tree or a fitted model with a "
        "CartStudent; contribution_image shows linear and boosted students. Got "
        f"{type(model).__name__}."
    )


def _image_schema(owner: str, model: Any, own: Schema, given: Schema | None) -> Schema:
    """Return columns with an image shape: the given, the model's or its teacher's."""
    if given is not None:
        return check_schema(owner, given, own)
    return image_schema(own, model) or own


def _shape_of(owner: str, schema: Schema) -> Shape:
    if schema.image_shape is None or not schema.holds_numbers:
        raise InputError(
            f"{owner} needs columns that are the pixels of an image, as numbers: give "
            "a 'schema' whose image_shape is (height, width) or (channels, height, "
            f"width). Got {len(schema)} columns with image_shape "
            f"{schema.image_shape!r}."
        )
    n_channels, height, width = (1, *schema.image_shape)[-3:]
    return n_channels, height, width


def _place(shape: Shape, feature: int) -> Shape:
    _, height, width = shape
    channel, rest = divmod(feature, height * width)
    return channel, rest // width, rest % width


def _flat_rows(X: Any) -> Any:
    if as_frame(X) is not None:
        return X
    array = np.asarray(X)
    return array.reshape(len(array), -1) if array.ndim > 2 else array


def _one_row(owner: str, schema: Schema, row: Any) -> Codes:
    if as_frame(row) is None:
        array = np.asarray(row)
        row = array.reshape(1, -1) if array.size == len(schema) else _flat_rows(array)
    codes = schema.encode(row)
    if len(codes) != 1:
        raise InputError(
            f"The 'row' parameter of {owner} must be one row. Got {len(codes)}."
        )
    return codes


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
    place = _place(_shape_of("path_image", images), position)
    side = _side(value, threshold)
    return PathPixel(number, name, *place, value, threshold, side, str(named))


def _side(value: float, threshold: float) -> str:
    if np.isnan(value):
        return "missing"
    if threshold >= ALL_NUMBERS:
        return "present"
    return "above" if value > threshold else "below"


def _decisions(model: Any, tree: Tree, nodes: list[int]) -> list[str]:
    decides = model if hasattr(model, "target_") else tree
    found = leaf_outcomes(decides, tree.value[nodes]).predictions
    return [one_line(prediction_text(prediction)) for prediction in found]


def _mean_image(codes: Codes, min_rows: int) -> Array | None:
    if len(codes) < min_rows:
        return None
    known = (~np.isnan(codes)).sum(axis=0)
    total = np.nansum(codes, axis=0, dtype=np.float64)
    return np.where(known >= min_rows, total / np.maximum(known, 1), np.nan)


def _frozen(values: NDArray[Any], shape: Shape) -> Array:
    array = np.array(values, dtype=np.float64).reshape(shape)
    array.setflags(write=False)
    return array


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
        row, column = divmod(number, self.columns)
        return column * (self.wide + _GAP), row * self.step

    def left(self, x: float, channel: int) -> float:
        return x + channel * (self.one + 2)

    def bottom(self, count: int) -> float:
        return -(-count // self.columns) * self.step

    def caption(self, text: str, x: float, y: float) -> list[str]:
        lines = wrap(one_line(text), self.wide, 12, most_lines=1, bold=True)
        return [_words(line, x, y, bold=True) for line in lines]

    def panels(
        self, rasters: Sequence[NDArray[np.uint8]], x: float, y: float
    ) -> list[str]:
        return [
            _raster(raster, self.left(x, channel), y, self.one, self.tall)
            for channel, raster in enumerate(rasters)
        ]


def _range(values: Array) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)


def _scale_text(low: float, high: float) -> str:
    if low == high:
        return f"All pixels are {low:.4g}"
    return f"Black is {low:.4g}, white is {high:.4g}"


def _greys(values: Array, low: float, high: float) -> NDArray[np.uint8]:
    """Return grey levels, and how opaque each is: what is missing is not drawn."""
    known = ~np.isnan(values)
    spread = high - low
    shares = (values - low) / spread if spread else np.full(values.shape, 0.5)
    levels = np.rint(255 * np.where(known, np.clip(shares, 0, 1), 0))
    return np.stack([levels, 255.0 * known], axis=-1).astype(np.uint8)


def _mixed(shares: Array) -> NDArray[np.uint8]:
    channels = [np.interp(shares, _AT, column) for column in zip(*_HEAT, strict=True)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def _heat_colours(shares: Array) -> NDArray[np.uint8]:
    zero = np.asarray(_ZERO, dtype=np.uint8)
    return np.where((shares == 0)[..., None], zero, _mixed(shares))


def _minus_signs(shares: Array, x: float, y: float, cell: float) -> str:
    """Tell what is below 0 without colours, for print in grey."""
    rows, columns = np.nonzero(shares <= -_NEGATIVE_MARKED)
    if not len(rows):
        return ""
    strokes = "".join(
        f"M{x + (j + 0.25) * cell:.1f} {y + (i + 0.5) * cell:.1f}h{0.5 * cell:.1f}"
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
    )
    width = max(cell / 10, 0.6)
    return (
        f'<path d="{strokes}" fill="none" stroke="#000000" '
        f'stroke-width="{width + 0.8:.1f}"/>'
        f'<path d="{strokes}" fill="none" stroke="#ffffff" '
        f'stroke-width="{width:.1f}"/>'
    )


def _raster(
    pixels: NDArray[np.uint8], x: float, y: float, width: float, height: float
) -> str:
    """Return an image of grey with opacity (2 channels) or of colours (3)."""
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError(
            "Pictures of images need pillow: pip install 'interpretkd[viz]'."
        ) from error
    # A reader that smooths images would blur few pixels over the whole picture.
    factor = max(1, round(64 / max(pixels.shape[:2])))
    large = np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)
    if large.shape[-1] == 2 and (large[..., 1] == 255).all():
        large = large[..., 0]
    made = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(large)).save(made, "PNG", optimize=True)
    data = base64.b64encode(made.getvalue()).decode()
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return (
        f'<image {place} preserveAspectRatio="none" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{data}"/>'
        f'<rect {place} fill="none" stroke="{_GREY}" stroke-width="0.8"/>'
    )


def _kind(pixels: Sequence[PathPixel]) -> str:
    sides = {pixel.side for pixel in pixels}
    if sides == {"above", "below"}:
        return "both"
    side = sides.pop()
    return side if side in ("above", "below") and not sides else "other"


def _marker(kind: str, x: float, y: float, size: float, numbers: str) -> str:
    points = " ".join(
        f"{x + size * a:.1f},{y + size * b:.1f}" for a, b in _OUTLINES[kind]
    )
    shape = (
        f'<polygon class="{kind}" points="{points}" fill="{_FILLS[kind]}" '
        'stroke="#ffffff" stroke-width="1.2" stroke-linejoin="round"/>'
    )
    if not numbers:
        return shape
    shift = {"above": 0.16, "below": -0.16}.get(kind, 0.0) * size
    letters = max(min(0.55 * size, 1.15 * size / len(numbers)), 7)
    return (
        f'{shape}<text x="{x:.1f}" y="{y + shift + 0.36 * letters:.1f}" '
        f'font-size="{letters:.1f}" font-weight="bold" text-anchor="middle" '
        f'fill="#ffffff">{numbers}</text>'
    )


def _words(
    text: str,
    x: float,
    y: float,
    *,
    kind: str = "ink",
    size: float = 12,
    bold: bool = False,
    anchor: str = "start",
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    aligned = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"'
        f"{weight}{aligned}>{escape(one_line(text))}</text>"
    )


def _lines_of(
    lines: Sequence[str], top: float, size: float, kind: str = "ink"
) -> list[str]:
    bold = kind == "ink"
    return [
        _words(line, 0, top + size + i * _LINE, kind=kind, size=size, bold=bold)
        for i, line in enumerate(lines)
    ]


def _svg(
    title: str, alt: str, parts: list[str], width: float, height: float, theme: str
) -> str:
    check_choice("svg", "theme", theme, _THEMES)
    body = "".join(parts)
    drawn = f"{theme}{title}{alt}{body}".encode("utf-8", "replace")
    name = f"image-{hashlib.sha256(drawn).hexdigest()[:12]}"
    wide, tall = width + 2 * _EDGE, height + 2 * _EDGE
    rules = _coloured(name, "dark" if theme == "dark" else "light")
    if theme == "auto":
        dark = _coloured(name, "dark")
        rules += f"@media screen and (prefers-color-scheme:dark){{{dark}}}"
    said = "\n".join(one_line(line) for line in alt.split("\n"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc" width="{wide:.0f}" '
        f'height="{tall:.0f}" viewBox="{-_EDGE} {-_EDGE} {wide:.0f} {tall:.0f}" '
        f'font-family="{_SANS}" font-size="12">'
        f'<title id="{name}-title">{escape(one_line(title))}</title>'
        f'<desc id="{name}-desc">{escape(said)}</desc>'
        f"<style>{rules}</style>{body}</svg>"
    )


def _coloured(name: str, theme: str) -> str:
    return f"#{name} .ink{{fill:{_INK[theme]}}}#{name} .soft{{fill:{_SOFT[theme]}}}"


def _for_notebook(svg: str) -> str:
    opening = '<div class="tex2jax_ignore mathjax_ignore" style="overflow:auto">'
    return f"{opening}{svg}</div>"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
