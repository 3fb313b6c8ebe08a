"""Images whose pixels are columns: where a pixel lies, and which colour it has."""

import numpy as np
from numpy.typing import NDArray

from interpretkd._errors import InputError

__all__ = ["as_picture", "pixel_place", "pixel_rows"]

_LEVELS = 17
"""Shades that are told apart in a drawing: more would only make it larger."""


def pixel_place(shape: tuple[int, ...], feature: int) -> tuple[int, int, int]:
    """Return where the pixel of a column lies.

    Parameters
    ----------
    shape : tuple of int
        (height, width) or (channels, height, width), as `Schema.image_shape`.
    feature : int
        The column.

    Returns
    -------
    channel, row, column : int
        From 0; of an image without channels the first is 0.

    Examples
    --------
    >>> pixel_place((3, 2, 4), 13)
    (1, 1, 1)
    """
    channel, row, column = np.unravel_index(feature, (1, *shape)[-3:])
    return int(channel), int(row), int(column)


def as_picture(
    values: NDArray[np.floating], shape: tuple[int, ...], low: float, high: float
) -> NDArray[np.float64]:
    """Turn pixels into a picture.

    Parameters
    ----------
    values : ndarray of shape (n_features,) or as `shape`
        The pixels; missing ones (NaN) become the mean of `low` and `high`.
    shape : tuple of int
        (height, width) or (channels, height, width).
    low, high : float
        The values that become black and white.

    Returns
    -------
    ndarray of shape (height, width) or (height, width, 3), float64
        In [0, 1]; of one channel, two, or more than three the mean is shown.
    """
    image = np.asarray(values, dtype=np.float64).reshape((1, *shape)[-3:])
    image = np.nan_to_num(image, nan=(low + high) / 2)
    image = np.clip((image - low) / (high - low if high > low else 1), 0, 1)
    if len(image) == 3:
        return image.transpose(1, 2, 0)
    mean: NDArray[np.float64] = image.mean(axis=0)
    return mean


def pixel_rows(picture: NDArray[np.floating]) -> tuple[tuple[str, ...], ...]:
    """Return the colours of a picture.

    Parameters
    ----------
    picture : ndarray of shape (height, width) or (height, width, 3)
        Values in [0, 1]; 1 is white.

    Returns
    -------
    tuple of tuple of str
        Row by row, as #rrggbb, in 17 shades a channel.

    Raises
    ------
    InputError
        For another shape.

    Examples
    --------
    >>> pixel_rows(np.array([[0.0, 1.0]]))
    (('#000000', '#ffffff'),)
    """
    picture = np.asarray(picture, dtype=np.float64)
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
        raise InputError(
            "A picture must have the shape (height, width) or (height, width, 3). Got "
            f"{picture.shape}."
        )
    if picture.ndim == 2:
        picture = np.repeat(picture[:, :, None], 3, axis=2)
    shades = np.rint(np.clip(picture, 0, 1) * (_LEVELS - 1)) * (255 / (_LEVELS - 1))
    return tuple(
        tuple("#{:02x}{:02x}{:02x}".format(*pixel) for pixel in row)
        for row in np.rint(shades).astype(int).tolist()
    )
