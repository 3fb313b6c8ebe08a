"""What each pixel counts in a linear or boosted student."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError, amount_text, one_line, signed_text
from interpretkd.data import VALUE, Schema
from interpretkd.drawing import (
    SIGNED_COLOURS,
    Drawing,
    Rect,
    Shape,
    Strokes,
    Text,
    colours,
)
from interpretkd.explain._images.picture import (
    _LINE,
    ImagePicture,
    _form_of,
    _framed,
    _frozen,
    _Grid,
    _heading,
    _one_row,
    _picture,
    _pixel_columns,
    _Sides,
)
from interpretkd.models import (
    Forest,
    Linear,
    Outputs,
    feature_importance,
    path_contributions,
    read_outputs,
)

_NEGATIVE_MARKED = 0.1
"""The share of the limit from which on a negative number gets a minus sign."""


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
class HeatImage(ImagePicture):
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

    def drawing(self) -> Drawing:
        """Draw the numbers in colours.

        Returns
        -------
        Drawing
            The picture. Orange is above 0 and blue, with a minus sign, below; a pixel
            whose number is 0 is grey.
        """
        grid = _Grid(self.panels[0].values.shape, 150, _LINE + 4)
        limit = self.limit
        shapes, top = _heading(self.title, grid.width)
        for i, panel in enumerate(self.panels):
            x, y = grid.place(i)
            y += top
            shares = panel.values / limit
            shapes += grid.panels(map(_heat_colours, shares), x, y)
            for channel, own in enumerate(shares):
                shapes += _minus_signs(own, grid.left(x, channel), y, grid.cell)
            shapes += grid.caption(panel.name, x, y + grid.tall + 14)
        bottom = grid.bottom(len(self.panels)) + top
        shapes += self._legend(bottom)
        return _picture(self.title, self.alt, shapes, grid.width, bottom + 30)

    def _legend(self, y: float) -> list[Shape]:
        limit = self.limit
        largest = max(float(np.abs(panel.values).max()) for panel in self.panels)
        signed = any((panel.values < 0).any() for panel in self.panels)
        start = -1.0 if signed else 0.0
        ticks = [
            (0.0, amount_text(start * limit, 3), "start"),
            (200.0, amount_text(limit, 3), "end"),
        ]
        if signed:
            ticks.append((100.0, "0", "middle"))
        if largest > limit:
            ticks.append(
                (222.0, f"the same colour up to {amount_text(largest, 3)}", "start")
            )
        note = "exactly 0" + ("; a minus sign: below 0" if signed else "")
        return [
            *_framed(_mixed(np.linspace(start, 1, 65))[None], 0, y, 200, 12),
            *(Text(x, y + 26, text, "muted", anchor=a) for x, text, a in ticks),
            Rect(222, y, 12, 12, "zero"),
            Rect(222, y, 12, 12, "frame"),
            Text(240, y + 10, note, "muted"),
        ]

    def _said(self, panel: HeatPanel) -> str:
        flat = panel.values.ravel()
        order = np.argsort(-np.abs(flat), kind="stable")[:5]
        strongest = [
            f"{one_line(self.features[i])} {signed_text(flat[i], 3)}"
            for i in order
            if flat[i]
        ]
        zero = f"{int((flat == 0).sum())} of {len(flat)} pixels are 0"
        listed = f"strongest {', '.join(strongest)}; " if strongest else ""
        return f"{panel.name}: {listed}{zero}"


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
    images, shape = _pixel_columns("contribution_image", model, form.schema, schema)
    if row is None and isinstance(form, Forest):
        panel = HeatPanel("all outputs", _frozen(feature_importance(form), shape))
        title = "The importance of each pixel: how much its tests tell apart"
        return HeatImage(title, (panel,), images.names)
    outputs = read_outputs(model, type(form))[1].centred()
    if isinstance(form, Linear) and row is None:
        table = _pixel_coefficients(form)
        title = f"The coefficients: what one step of a pixel adds to the {outputs.unit}"
    else:
        codes = _one_row("contribution_image", model, form.schema, row)
        table = path_contributions(form, codes[0])[1]
        title = f"What each pixel of one row adds to the {outputs.unit}"
    return HeatImage(title, _panels(outputs, table, shape), images.names)


def _panels(outputs: Outputs, table: Array, shape: _Sides) -> tuple[HeatPanel, ...]:
    return tuple(
        HeatPanel(one_line(name), _frozen(column, shape))
        for name, column in zip(outputs.names, outputs.show(table).T, strict=True)
    )


def _pixel_coefficients(form: Linear) -> Array:
    """Return the coefficients of the values, without those of missing values."""
    columns = form.schema.columns(indicate_missing=True)
    kept = [i for i, column in enumerate(columns) if column.part == VALUE]
    return form.coefficients[kept]


def _rgb(colour: str) -> list[int]:
    return list(bytes.fromhex(colour[1:]))


def _mixed(shares: Array) -> NDArray[np.uint8]:
    at = np.linspace(-1, 1, len(SIGNED_COLOURS))
    parts = zip(*map(_rgb, SIGNED_COLOURS), strict=True)
    channels = [np.interp(shares, at, part) for part in parts]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def _heat_colours(shares: Array) -> NDArray[np.uint8]:
    zero = np.asarray(_rgb(colours("light")["zero"]), dtype=np.uint8)
    return np.where((shares == 0)[..., None], zero, _mixed(shares))


def _minus_signs(shares: Array, x: float, y: float, cell: float) -> list[Shape]:
    """Tell what is below 0 without colours, for print in grey."""
    rows, columns = np.nonzero(shares <= -_NEGATIVE_MARKED)
    if not len(rows):
        return []
    starts = tuple(
        (x + (j + 0.25) * cell, y + (i + 0.5) * cell)
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
    )
    width = max(cell / 10, 0.6)
    return [
        Strokes(starts, cell / 2, width + 0.8, "rim"),
        Strokes(starts, cell / 2, width, "minus"),
    ]
