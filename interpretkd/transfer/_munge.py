"""MUNGE: rows whose cells are drawn around those of their nearest neighbours."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from interpretkd.data import Codes, Schema, even_space
from interpretkd.transfer._neighbours import _REFERENCES, _is_whole, _turns


def munge(
    schema: Schema,
    codes: Codes,
    n_rows: int,
    rng: np.random.Generator,
    *,
    p: float = 0.5,
    s: float = 3.0,
) -> Codes:
    """Draw rows by MUNGE: cells of the nearest row, numbers spread around them.

    Each cell of a row stays as it is, or with probability `p` becomes its nearest
    row's: a category as it is, a number drawn from N(the neighbour's,
    ``|difference| / s``), kept within the column's range. A column of whole numbers
    keeps to them, and where one of the two cells is missing, the neighbour's is taken
    as it is. The rows take turns, so that each gives about as many.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    n_rows : int
        How many rows to draw.
    rng : numpy.random.Generator
        Draws them.
    p : float, default=0.5
        In [0, 1].
    s : float, default=3.0
        In (0, inf): the larger, the closer to the neighbour's cells.

    Returns
    -------
    ndarray of shape (n_rows, n_features), float32
        New rows.

    References
    ----------
    Bucila, Caruana & Niculescu-Mizil (2006), "Model compression". There two rows swap
    their cells in place; here each row gets those of its nearest, which draws the same
    and does not depend on the order of the rows.
    """
    own = _turns(len(codes), n_rows, rng)
    first, second = codes[own], codes[_nearest(schema, codes, own, rng)]
    wide = np.abs(second - first) / np.float32(s)
    drawn = rng.normal(second, np.where(np.isnan(wide), 0, wide)).astype(np.float32)
    for j, feature in enumerate(schema.features):
        if feature.is_categorical:
            drawn[:, j] = second[:, j]
            continue
        known = codes[~np.isnan(codes[:, j]), j]
        if _is_whole(known):
            drawn[:, j] = np.round(drawn[:, j])
        if len(known):
            drawn[:, j] = np.clip(drawn[:, j], known.min(), known.max())
        gaps = np.isnan(wide[:, j])
        drawn[gaps, j] = second[gaps, j]
    swapped = rng.random(drawn.shape) < p
    return np.where(swapped, drawn, first).astype(np.float32)


def _nearest(
    schema: Schema, codes: Codes, own: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the nearest other row of each, in columns of equal spread."""
    space = even_space(schema, codes)
    among = rng.permutation(len(codes))[:_REFERENCES]
    search = NearestNeighbors(n_neighbors=min(2, len(among))).fit(space[among])
    asked, place = np.unique(own, return_inverse=True)
    near = among[search.kneighbors(space[asked], return_distance=False)]
    other = np.where(near[:, 0] == asked, near[:, -1], near[:, 0])
    return other[place]
