"""What the rows in each leaf of a tree look like on average."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from interpretkd._base import Array, amount_text, check_integer, counted, one_line
from interpretkd.data import Codes, Schema
from interpretkd.drawing import Drawing, Rect, Shape, Text
from interpretkd.explain._images.picture import (
    _LINE,
    ImagePicture,
    _decisions_at,
    _flat_rows,
    _frozen,
    _greys,
    _Grid,
    _heading,
    _lines_of,
    _picture,
    _pixel_columns,
    _scale_text,
    _tree_of,
    _value_range,
)
from interpretkd.models import codes_of, given_schema, rows_seen


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
class LeafImages(ImagePicture):
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

    def drawing(self, most: int = 60) -> Drawing:
        """Draw the mean images in a grid.

        Parameters
        ----------
        most : int, default=60
            In [1, inf): how many leaves are drawn; the picture says how many are not.

        Returns
        -------
        Drawing
            The picture; the leaves of most rows come first.
        """
        check_integer("svg", "most", most, 1)
        drawn = self.frames[:most]
        means = [f.mean for f in drawn if f.mean is not None]
        low, high = _value_range(np.stack(means)) if means else (0.0, 0.0)
        grid = _Grid(means[0].shape if means else (1, 1, 1), 104, 3 * _LINE + 2)
        shapes, top = _heading(self.title, grid.width)
        for i, frame in enumerate(drawn):
            x, y = grid.place(i)
            y += top
            if frame.mean is None:
                shapes += self._withheld(grid, x, y)
            else:
                shapes += grid.panels([_greys(p, low, high) for p in frame.mean], x, y)
            below = y + grid.tall + 14
            shapes += grid.caption(frame.decision, x, below)
            rows = f"{counted(frame.n_rows, 'row')} ({frame.share:.1%})"
            shapes.append(Text(x, below + 15, rows, "muted"))
            shapes.append(Text(x, below + 29, f"leaf {frame.leaf}", "muted"))
        bottom = grid.bottom(len(drawn)) + top
        notes = self._notes(means, low, high, len(self.frames) - len(drawn))
        noted = _lines_of(notes, grid.width, bottom)
        height = bottom + _LINE * len(noted)
        return _picture(self.title, self.alt, [*shapes, *noted], grid.width, height)

    def _notes(self, means: list[Array], low: float, high: float, left: int) -> str:
        notes = [f"{_scale_text(low, high)}."] if means else []
        if any(np.isnan(mean).any() for mean in means):
            few = f"Pixels known in fewer than {self.min_rows} rows are left empty."
            notes.append(few)
        if left:
            notes.append(f"Not drawn: {left} more of fewer rows.")
        return " ".join(notes)

    def _withheld(self, grid: _Grid, x: float, y: float) -> list[Shape]:
        lines = ("not shown:", "fewer than", counted(self.min_rows, "row"))
        start, middle = y + grid.tall / 2 - 12, x + grid.wide / 2
        return [
            Rect(x, y, grid.wide, grid.tall, "fold"),
            *(
                Text(middle, start + i * 15, line, "muted", anchor="middle")
                for i, line in enumerate(lines)
            ),
        ]

    def _said(self, frame: LeafFrame) -> str:
        rows = f"{counted(frame.n_rows, 'row')} ({frame.share:.1%})"
        start = f"Leaf {frame.leaf}: {frame.decision}, {rows}"
        if frame.mean is None:
            return f"{start}; not shown, fewer than {counted(self.min_rows, 'row')}"
        flat = frame.mean.ravel()
        known = np.flatnonzero(~np.isnan(flat))
        best = known[np.argsort(-flat[known], kind="stable")[:3]]
        names = [
            f"{one_line(self.features[i])} ({amount_text(flat[i], 3)})" for i in best
        ]
        return f"{start}; brightest on average: {', '.join(names)}"


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
    given = given_schema(tree)
    images, shape = _pixel_columns("leaf_images", model, given, schema)
    codes = given.encode(rows_seen(model, _flat_rows(X)))
    reached = tree.nodes.apply(codes_of(tree, codes))
    counts = np.bincount(reached, minlength=len(tree.nodes.feature))
    leaves = np.flatnonzero(tree.nodes.is_leaf)
    leaves = leaves[np.argsort(-counts[leaves], kind="stable")]
    said = _decisions_at(model, tree, leaves.tolist())
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


def _mean_image(codes: Codes, min_rows: int) -> Array | None:
    if len(codes) < min_rows:
        return None
    known = (~np.isnan(codes)).sum(axis=0)
    total = np.nansum(codes, axis=0, dtype=np.float64)
    return np.where(known >= min_rows, total / np.maximum(known, 1), np.nan)
