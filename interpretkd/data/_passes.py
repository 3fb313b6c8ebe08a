"""What is asked of every cell of a matrix, a block of rows after the other.

A block stays in the cache, and what is worked out of it is never as large as the rows.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CELLS = 131_072
"""Of a block."""


def _blocks(matrix: NDArray[Any]) -> Iterator[NDArray[Any]]:
    size = max(_CELLS // max(matrix.shape[1], 1), 1)
    for first in range(0, len(matrix), size):
        yield matrix[first : first + size]


def largest(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """Return the largest size in each column.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_features), float
        Numbers; NaN is passed over.

    Returns
    -------
    ndarray of shape (n_features,), float64
        In [0, inf]; 0 for a column of NaN.
    """
    found = np.zeros(matrix.shape[1], dtype=matrix.dtype)
    for block in _blocks(matrix):
        np.fmax(found, np.fmax.reduce(np.abs(block), axis=0), out=found)
    return found.astype(np.float64)


def missing(matrix: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which columns have missing values.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_features), float
        Numbers.

    Returns
    -------
    ndarray of shape (n_features,), bool
        Whether there is a NaN.
    """
    found = np.zeros(matrix.shape[1], dtype=bool)
    for block in _blocks(matrix):
        found |= np.isnan(block).any(axis=0)
    return found


def holds_infinity(matrix: NDArray[Any]) -> bool:
    """Say whether any number is infinite.

    Parameters
    ----------
    matrix : ndarray of shape (n_samples, n_features), float
        Numbers.

    Returns
    -------
    bool
        Of either sign.
    """
    return any(bool(np.isinf(block).any()) for block in _blocks(matrix))
