"""Rows as points, for distances between them."""

import numpy as np
from numpy.typing import NDArray

from interpretkd.data._feature import Codes
from interpretkd.data._schema import Schema, expand


def even_space(
    schema: Schema, codes: Codes, others: Codes | None = None
) -> NDArray[np.float64]:
    """Return rows as points whose columns vary alike.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    others : ndarray of shape (n_others, n_features), float32, default=None
        Rows to be placed in the space of `codes` instead of these.

    Returns
    -------
    ndarray of shape (n_samples or n_others, n_columns), float64
        Expanded columns of mean 0 and deviation 1 over `codes` (0 for those that do
        not vary); what is missing lies at the mean.
    """
    parts = schema.columns(indicate_missing=True)
    columns = expand(codes, parts).astype(np.float64)
    n_known = np.maximum((~np.isnan(columns)).sum(axis=0), 1)
    mean = np.nansum(columns, axis=0) / n_known
    spread = np.sqrt(np.nansum((columns - mean) ** 2, axis=0) / n_known)
    placed = columns if others is None else expand(others, parts).astype(np.float64)
    placed = (placed - mean) / np.where(spread > 0, spread, 1.0)
    return np.where(np.isnan(placed), 0.0, placed)
