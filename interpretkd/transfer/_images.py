"""Images moved, turned, zoomed and bent a little: what they show stays the same."""

import math

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from interpretkd._base import Array, InputError
from interpretkd.data import Codes, Schema
from interpretkd.transfer._neighbours import _is_whole, _turns


def augment_images(
    schema: Schema,
    codes: Codes,
    n_rows: int,
    rng: np.random.Generator,
    *,
    shift: float = 2.0,
    turn: float = 10.0,
    zoom: float = 0.1,
    sigma: float = 4.0,
    alpha: float = 8.0,
) -> Codes:
    """Draw images that are given ones, moved a little.

    Each is an image of the given ones, which take turns, shifted, turned, zoomed and
    bent at once, by amounts drawn evenly within the bounds; its pixels are read
    between those of the given one (bilinear), and beyond its edge the edge goes on. So
    they stay in the range of the images, and whole numbers stay whole. Of an image
    with missing pixels the nearest ones are read, and the missing ones move along. The
    channels of an image move together.

    Parameters
    ----------
    schema : Schema
        The columns, with their ``image_shape``.
    codes : ndarray of shape (n_samples, n_features), float32
        Images as `Schema.encode` returns them.
    n_rows : int
        How many to draw.
    rng : numpy.random.Generator
        Draws them.
    shift : float, default=2.0
        In [0, inf): the most pixels, in each direction.
    turn : float, default=10.0
        In [0, 180]: the most degrees.
    zoom : float, default=0.1
        In [0, 1): the largest share of its size by which an image grows or shrinks.
    sigma : float, default=4.0
        In (0, inf), pixels: how smooth the bending is.
    alpha : float, default=8.0
        In [0, inf), pixels: how strong it is. Noise in [-1, 1] is smoothed by a
        Gaussian of width `sigma` and multiplied by it; 0 for none.

    Returns
    -------
    ndarray of shape (n_rows, n_features), float32
        New images.

    Raises
    ------
    InputError
        When the columns are no pixels of an image.

    References
    ----------
    Simard, Steinkraus & Platt (2003), "Best practices for convolutional neural
    networks applied to visual document analysis", the elastic distortions; as
    label-free augmentation told by Abbasi et al. (2020) and Gou et al. (2021).
    """
    if schema.image_shape is None:
        raise InputError(
            "Images can be moved only if the schema has an image_shape. Got None."
        )
    n_channels, height, width = (1, *schema.image_shape)[-3:]
    given = codes.reshape(len(codes), n_channels, height, width)
    drawn = np.empty((n_rows, *given.shape[1:]), dtype=np.float32)
    for row, source in enumerate(_turns(len(codes), n_rows, rng)):
        places = _places(height, width, rng, shift, turn, zoom)
        if alpha > 0:
            noise = rng.uniform(-1, 1, (2, height, width))
            places += alpha * gaussian_filter(noise, (0, sigma, sigma))
        order = 0 if np.isnan(given[source]).any() else 1
        for channel, image in enumerate(given[source]):
            drawn[row, channel] = map_coordinates(
                image, places, order=order, mode="nearest"
            )
    known = codes[~np.isnan(codes)]
    if len(known):
        drawn = np.clip(drawn, known.min(), known.max())  # rounding alone leaves it
        drawn = np.round(drawn) if _is_whole(known) else drawn
    return drawn.reshape(n_rows, codes.shape[1])


def _places(
    height: int,
    width: int,
    rng: np.random.Generator,
    shift: float,
    turn: float,
    zoom: float,
) -> Array:
    """Return where each pixel is read: of shape (2, height, width)."""
    angle = math.radians(rng.uniform(-turn, turn))
    size = 1 + rng.uniform(-zoom, zoom)
    turned = np.array(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    )
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    grid = np.indices((height, width)).reshape(2, -1) - middle[:, None]
    moved = middle + rng.uniform(-shift, shift, 2)
    places: Array = turned @ grid / size + moved[:, None]
    return places.reshape(2, height, width)
