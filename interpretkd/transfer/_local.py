"""Rows around the given ones, spread in the shape of each one's neighbours."""

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from interpretkd.data import Codes, Schema, even_space
from interpretkd.transfer._neighbours import _REFERENCES, _is_whole, _turns

_FEW_VALUES = 10
"""A number of no more values is a level: a new row takes one that occurs."""


def local_rows(
    schema: Schema,
    codes: Codes,
    n_rows: int,
    rng: np.random.Generator,
    *,
    kinds: NDArray[np.int64] | None = None,
    n_neighbours: int = 10,
    spread: float = 1.0,
    swap: float = 0.3,
) -> Codes:
    """Draw rows from a Gaussian around each row, shaped by its nearest ones.

    The numbers of a row move by the steps to its neighbours, each times a normal
    number: where columns go together around it, they go together in what is drawn. A
    category, a number of at most ten values and whether a number is missing become,
    each with probability `swap`, those of a neighbour. Numbers keep to their column's
    range, whole ones stay whole, without being moved on the mean.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    n_rows : int
        How many rows to draw; the given ones take turns.
    rng : numpy.random.Generator
        Draws them.
    kinds : ndarray of shape (n_samples,), int64, default=None
        What the rows are, such as what the teacher decides for: only rows of its own
        kind are a row's neighbours. None where all are of one.
    n_neighbours : int, default=10
        In [1, inf): how many rows give the shape; near in columns of equal spread.
    spread : float, default=1.0
        In [0, inf): how far numbers move, in the deviations of the steps.
    swap : float, default=0.3
        In [0, 1]: how often a cell without distances becomes a neighbour's.

    Returns
    -------
    ndarray of shape (n_rows, n_features), float32
        New rows.

    References
    ----------
    Breiman (1998), "Using convex pseudo-data to increase prediction accuracy", and
    Terrell & Scott (1992), "Variable kernel density estimation", for a kernel that
    follows the rows; as label-free augmentation told by Abbasi et al. (2020) and Gou
    et al. (2021).
    """
    own = _turns(len(codes), n_rows, rng)
    near = _near(schema, codes, own, n_neighbours, kinds, rng)
    steps = rng.normal(0, spread / np.sqrt(near.shape[1]), size=near.shape)
    drawn = np.empty((n_rows, codes.shape[1]), dtype=np.float32)
    for j, feature in enumerate(schema.features):
        column = codes[:, j]
        first, others = column[own], column[near]
        swapped = rng.random(n_rows) < swap
        other = others[np.arange(n_rows), rng.integers(near.shape[1], size=n_rows)]
        either = np.where(swapped, other, first)
        if feature.is_categorical or _is_level(column):
            drawn[:, j] = either
            continue
        moved = first + np.nansum(steps * (others - first[:, None]), axis=1)
        if _is_whole(column):
            moved = np.floor(moved + rng.random(n_rows))
        moved = np.clip(moved, np.nanmin(column), np.nanmax(column))
        gaps = np.isnan(first) | np.isnan(either)
        drawn[:, j] = np.where(gaps, either, moved)
    return drawn


def _near(
    schema: Schema,
    codes: Codes,
    own: NDArray[np.int64],
    n_neighbours: int,
    kinds: NDArray[np.int64] | None,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return the positions of neighbours of each row, as many for all.

    Where a kind has too few rows, some are named again: each step is as likely.
    """
    space, n_rows = even_space(schema, codes), len(codes)
    kinds = np.zeros(n_rows, dtype=np.int64) if kinds is None else kinds
    asked, place = np.unique(own, return_inverse=True)
    near = np.empty((len(asked), n_neighbours), dtype=np.int64)
    for kind in np.unique(kinds[asked]):
        alike = np.flatnonzero(kinds == kind)
        among = alike[rng.permutation(len(alike))[:_REFERENCES]]
        turn = np.flatnonzero(kinds[asked] == kind)
        found = _others(space, asked[turn], among, n_neighbours)
        near[turn] = np.resize(found.T, (n_neighbours, len(turn))).T
    return near[place]


def _others(
    space: NDArray[np.float64],
    asked: NDArray[np.int64],
    among: NDArray[np.int64],
    n_neighbours: int,
) -> NDArray[np.int64]:
    """Return the positions of each row's nearest others; itself where it is alone."""
    n_near = min(n_neighbours + 1, len(among))
    search = NearestNeighbors(n_neighbors=n_near).fit(space[among])
    near = among[search.kneighbors(space[asked], return_distance=False)]
    if n_near == 1:
        return near
    # Itself goes to the end, and off; where it is not among them, the farthest does.
    order = np.argsort(near == asked[:, None], axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1)[:, :-1]


def _is_level(column: NDArray[np.float32]) -> bool:
    known = column[~np.isnan(column)]
    return len(np.unique(known)) <= _FEW_VALUES
