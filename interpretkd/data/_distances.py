"""Rows as points, for distances between them."""

import numpy as np
from numpy.typing import NDArray

from interpretkd.data._feature import Codes
from interpretkd.data._schema import Schema, expand


def even_space(schema: Schema, codes: Codes) -> NDArray[np.float64]:
    """Return rows as points whose columns vary alike.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.

    Returns
    -------
    ndarray of shape (n_samples, n_columns), float64
        Expanded columns of mean 0 and deviation 1 (0 for those that do not vary);
        what is missing lies at the mean.
    """
    columns = expand(codes, schema.columns(indicate_missing=True)).astype(np.float64)
    known = ~np.isnan(columns)
    n_known = np.maximum(known.sum(axis=0), 1)
    columns -= np.nansum(columns, axis=0) / n_known
    spread = np.sqrt(np.nansum(columns**2, axis=0) / n_known)
    return np.where(known, columns, 0.0) / np.where(spread > 0, spread, 1.0)
