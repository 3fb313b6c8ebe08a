"""Answers made smooth over the graph of near rows."""

from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.linalg import cg
from sklearn.neighbors import NearestNeighbors

from interpretkd._base import Array
from interpretkd.data import Codes, Schema, even_space

_CLOSE = 1e-10
"""How exactly the limit of all steps is solved."""


def neighbour_graph(schema: Schema, codes: Codes, n_neighbours: int) -> Any:
    """Return the graph that joins each row with its nearest.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them; two at least.
    n_neighbours : int
        In [1, inf): how many each row chooses, in columns of equal spread; a row has
        more where others choose it.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_samples, n_samples), float64
        ``D^-1/2 W D^-1/2``, where W is 1 between rows of which one chose the other, and
        D counts them: symmetric, with eigenvalues in [-1, 1].
    """
    space = even_space(schema, codes)
    near = NearestNeighbors(n_neighbors=min(n_neighbours, len(space) - 1)).fit(space)
    chosen = csr_array(near.kneighbors_graph())  # of other rows than itself
    joined = chosen.maximum(chosen.T)
    scale = diags_array(1 / np.sqrt(joined.sum(axis=1)))
    return csr_array(scale @ joined @ scale)


def smooth(values: Array, graph: Any, beta: float, n_steps: int | None = 1) -> Array:
    """Return values moved towards those of near rows.

    Each step is ``(1 - beta) values + beta graph @ last``, from the values on; the
    limit is ``(1 - beta) (I - beta graph)^-1 values``. All weights of a row are divided
    by their sum, so that each result is a mean of values.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns), float64
        Numbers.
    graph : scipy.sparse.csr_array of shape (n_samples, n_samples)
        As of `neighbour_graph`.
    beta : float
        In [0, 1): the share of the neighbours.
    n_steps : int or None, default=1
        In [1, inf): how far a value travels; None for the limit, by conjugate
        gradients.

    Returns
    -------
    ndarray of shape (n_samples, n_columns), float64
        Between the least and the largest of each column.
    """
    columns = np.column_stack([values, np.ones(len(values))])
    if n_steps is None:
        system = csr_array(eye_array(len(columns)) - beta * graph)
        solved = [cg(system, column, rtol=_CLOSE)[0] for column in columns.T]
        moved = np.column_stack(solved)
    else:
        moved = columns
        for _ in range(n_steps):
            moved = (1 - beta) * columns + beta * (graph @ moved)
    smoothed: Array = moved[:, :-1] / moved[:, -1:]
    return np.clip(smoothed, values.min(axis=0), values.max(axis=0))
