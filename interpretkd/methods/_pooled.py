"""The view of an image in fewer, larger pixels."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, check_choice
from interpretkd.data import Feature, Rows, Schema, image_schema
from interpretkd.methods._context import Context
from interpretkd.methods._view import DerivedView

_HOW = ("mean", "max")


class Pooled(DerivedView):
    """The student reads images in fewer, larger pixels; the teacher all of them.

    A student of low resolution: its tests are about places that a person can see, and
    it can be asked about images that are small from the beginning (arrays of as many
    columns as there are windows). It costs no question; fidelity falls with the size of
    the windows.

    Parameters
    ----------
    size : int or (int, int)
        In [1, inf): height and width of a window, in pixels; the last ones of a row or
        column of windows may be smaller. 1 changes nothing.
    how : {"mean", "max"}, default="mean"
        What is taken of the pixels of a window; missing ones are passed over.
    shape : tuple of int or None, default=None
        (height, width) or (channels, height, width) of an image; None for the
        teacher's, or that which the names r00c00, r00c01 and so on tell.

    Attributes
    ----------
    schema_ : Schema
        The windows as pixels with an image shape of their own: "rows 0-3, columns 4-7".
        A window of one pixel keeps its name.
    shape_ : tuple of int
        (channels, height, width) of the teacher's images.

    Notes
    -----
    Measured here (row 11b of docs/methods.md: digits and MNIST): fidelity -2.7 points
    for trees, -5.6 for a linear student. The gain is a student that a person can look
    at.

    References
    ----------
    Zhu et al. (2019), a teacher of high and a student of low resolution, as told in S1
    and S3.

    Examples
    --------
    >>> print(Pooled(4))
    The student reads the mean of windows of 4 x 4 pixels
    """

    shape_: tuple[int, ...]

    def __init__(self, size: Any, how: str = "mean", shape: Any = None) -> None:
        self.size = size
        self.how = how
        self.shape = shape

    def check(self) -> None:
        """Check size, shape and what is taken.

        Raises
        ------
        InputError
            When one is out of range.
        """
        check_choice("Pooled", "how", self.how, _HOW)
        sides = self._sides
        if len(sides) != 2 or not _are_sides(sides):
            raise InputError(
                "The 'size' parameter of Pooled must be an int in [1, inf), or two, "
                f"height and width. Got {self.size!r}."
            )
        if self.shape is None:
            return
        shape = self.shape if isinstance(self.shape, list | tuple) else ()
        if len(shape) not in (2, 3) or not _are_sides(shape):
            raise InputError(
                "The 'shape' parameter of Pooled must be (height, width), (channels, "
                f"height, width) or None. Got {self.shape!r}."
            )

    def fit(self, rows: Rows, context: Context) -> Self:
        """Find the images' shape, and name the windows.

        Parameters
        ----------
        rows, context : DataFrame or ndarray, Context
            As of `View.fit`.

        Returns
        -------
        View
            Itself.

        Raises
        ------
        InputError
            When the rows are no images, or of another shape.
        """
        n_columns, shape = len(context.schema), self.shape
        if shape is None:
            found = image_schema(context.schema, context.teacher.estimator)
            shape = None if found is None else found.image_shape
        if shape is None or int(np.prod(shape)) != n_columns:
            got = "no image" if shape is None else f"the shape {tuple(shape)}"
            raise InputError(
                f"The view Pooled needs rows that are images; give it their shape. Got "
                f"{got} for {n_columns} columns."
            )
        if not context.schema.holds_numbers:
            raise InputError(
                "The view Pooled needs pixels, which are numbers. Got categories or "
                "dates."
            )
        self.shape_ = tuple(int(side) for side in (1, *shape)[-3:])
        tops, lefts = self._edges()
        windows = [
            self._window(channel, top, left, context.schema)
            for channel in range(self.shape_[0])
            for top in tops
            for left in lefts
        ]
        pooled = (self.shape_[0], len(tops), len(lefts))[-len(shape) :]
        self.schema_ = Schema(tuple(windows), pooled)
        return self

    def columns(self, rows: Rows) -> pd.DataFrame:
        """Return the windows of images.

        Parameters
        ----------
        rows : DataFrame or ndarray of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        DataFrame of shape (n_samples, n_windows), float64
            A column a window.
        """
        index = rows.index if isinstance(rows, pd.DataFrame) else None
        images = np.asarray(rows, dtype=np.float64).reshape(-1, *self.shape_)
        tops, lefts = self._edges()
        windows = np.stack(
            [_one_of(images, self.how, *top, *left) for top in tops for left in lefts],
            axis=2,
        )
        flat = windows.reshape(len(images), -1)
        return pd.DataFrame(flat, index=index, columns=list(self.schema_.names))

    @property
    def _sides(self) -> tuple[Any, ...]:
        size = self.size
        return tuple(size) if isinstance(size, list | tuple) else (size, size)

    def _edges(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return where the windows begin and end, by rows and by columns."""
        found = []
        for side, step in zip(self.shape_[-2:], self._sides, strict=True):
            starts = range(0, side, int(step))
            found.append([(start, min(start + int(step), side)) for start in starts])
        return found[0], found[1]

    def _window(
        self, channel: int, top: tuple[int, int], left: tuple[int, int], schema: Schema
    ) -> Feature:
        channels, height, width = self.shape_
        pixels = [
            schema.features[(channel * height + i) * width + j]
            for i in range(*top)
            for j in range(*left)
        ]
        name = f"{_range('row', *top)}, {_range('column', *left)}"
        name = name if channels == 1 else f"channel {channel}, {name}"
        name = pixels[0].name if len(pixels) == 1 else name
        gaps = all(pixel.has_missing for pixel in pixels)
        return Feature(name, kind="pixel", has_missing=gaps)

    def __str__(self) -> str:
        """Say what is read."""
        what = "largest" if self.how == "max" else self.how
        height, width = self._sides
        return f"The student reads the {what} of windows of {height} x {width} pixels"


def _are_sides(given: Any) -> bool:
    return all(
        isinstance(side, int | np.integer) and not isinstance(side, bool) and side >= 1
        for side in given
    )


def _range(noun: str, start: int, stop: int) -> str:
    last = stop - 1
    return f"{noun} {start}" if last == start else f"{noun}s {start}-{last}"


def _one_of(
    images: NDArray[np.float64], how: str, top: int, bottom: int, left: int, right: int
) -> Array:
    """Return one window's mean or largest pixel, shape (n_samples, channels)."""
    pixels = images[:, :, top:bottom, left:right].reshape(*images.shape[:2], -1)
    known = ~np.isnan(pixels)
    n_known = known.sum(axis=2)
    if how == "max":
        found: Array = np.where(known, pixels, -np.inf).max(axis=2)
        return np.where(n_known > 0, found, np.nan)
    total: Array = np.where(known, pixels, 0.0).sum(axis=2)
    return total / np.where(n_known > 0, n_known, np.nan)
