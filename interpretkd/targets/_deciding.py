"""Probabilities moved just so far that they decide what is to be decided."""

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array

_MARGIN = 1e-6
"""By how much a decision is clear: float32 still sees it."""


def deciding(values: Array, chosen: NDArray[np.integer]) -> Array:
    """Return the nearest values whose largest entries are given ones.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_classes), float64
        Such as mean probabilities.
    chosen : ndarray of shape (n_rows,), int
        The position, in each row, of what shall be the largest entry.

    Returns
    -------
    ndarray of shape (n_rows, n_classes), float64
        The nearest by squared error, with the sums of the values: what is larger than
        the chosen entry meets it half-way, and stays one step below that float32 sees.

    Examples
    --------
    >>> deciding(np.array([[0.5, 0.4, 0.1]]), np.array([1])).round(4)
    array([[0.45, 0.45, 0.1 ]])
    """
    values = values.copy()
    for value, best in zip(values, chosen, strict=True):
        rivals = np.flatnonzero(value > value[best])
        pool = [int(best)]
        for rival in rivals[np.argsort(-value[rivals])]:
            if value[rival] > value[pool].mean():
                pool.append(int(rival))
        shared = value[pool].mean()
        below = shared - _MARGIN * max(abs(shared), 1e-3)
        value[pool] = shared
        np.minimum(value, below, out=value)
        value[best] = shared
    return values


def deciding_labels(values: Array, on: NDArray[np.bool_]) -> Array:
    """Return the nearest probabilities of labels that decide each as given.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_labels), float64
        Probabilities.
    on : ndarray of shape (n_rows, n_labels), bool
        Which labels shall be decided to be there.

    Returns
    -------
    ndarray of shape (n_rows, n_labels), float64
        One step above 0.5 where a label is on and was not above, one step below where
        it is off and was not below; the others as they are.
    """
    above, below = 0.5 + _MARGIN, 0.5 - _MARGIN
    return np.where(on, np.maximum(values, above), np.minimum(values, below))
