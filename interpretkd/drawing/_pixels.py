"""Images whose pixels are columns: where a pixel lies, and which colour it has."""

import struct
from zlib import compress, crc32

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError

_LEAST_SIDE = 64
_KINDS = {(): 0, (2,): 4, (3,): 2}
"""What PNG calls grey, grey with opacity, and colours."""


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


def _as_picture(
    values: NDArray[np.floating], shape: tuple[int, ...], low: float, high: float
) -> NDArray[np.float64]:
    """Turn pixels into a picture in [0, 1]; of two or over three channels the mean."""
    image = np.asarray(values, dtype=np.float64).reshape((1, *shape)[-3:])
    image = np.nan_to_num(image, nan=(low + high) / 2)
    image = np.clip((image - low) / (high - low if high > low else 1), 0, 1)
    if len(image) == 3:
        return image.transpose(1, 2, 0)
    mean: NDArray[np.float64] = image.mean(axis=0)
    return mean


def _grey_or_colours(picture: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return a picture in [0, 1], grey or in colours, as `as_png` takes it."""
    picture = np.asarray(picture, dtype=np.float64)
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,)):
        raise InputError(
            "A picture must have the shape (height, width) or (height, width, 3). Got "
            f"{picture.shape}."
        )
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """Write pixels as PNG.

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, n), uint8
        Grey; of n=2 grey and how opaque it is; of n=3 red, green and blue.

    Returns
    -------
    bytes
        The file's content. A small image has each pixel several times: a reader that
        smooths images would blur few pixels over the whole picture.
    """
    factor = max(1, round(_LEAST_SIDE / max(pixels.shape[:2])))
    large = np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)
    height, width = large.shape[:2]
    kind = _KINDS[large.shape[2:]]
    lines = large.reshape(height, width, -1)
    # Each line is told by what changes from pixel to pixel (1 before it), or not at all
    # where it is the one above it (2); uint8 begins anew after 255, as PNG does.
    same = np.r_[False, (lines[1:] == lines[:-1]).all(axis=(1, 2))]
    changes = np.diff(lines, axis=1, prepend=np.uint8(0)).reshape(height, -1)
    changes[same] = 0
    data = np.column_stack([1 + same.astype(np.uint8), changes]).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", compress(data, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    size, check = struct.pack(">I", len(content)), struct.pack(">I", crc32(checked))
    return size + checked + check
