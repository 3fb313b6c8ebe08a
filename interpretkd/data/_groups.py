"""Rows that belong together: a customer's, a patient's, a series'."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import InputError


def group_positions(groups: ArrayLike, n_rows: int) -> NDArray[np.int64]:
    """Return the group of each row as a position, from 0.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        What the rows belong to: a customer, a patient, a series. A missing value is a
        row that belongs to nothing, and a group of its own.
    n_rows : int
        How many rows there are.

    Returns
    -------
    ndarray of shape (n_samples,), int64
        Positions; two or more groups.

    Raises
    ------
    InputError
        For another number of rows, or a single group.
    """
    given = pd.Series(groups if not isinstance(groups, pd.Series) else groups.array)
    if len(given) != n_rows:
        raise InputError(
            f"The groups must be one for each of the {n_rows} rows. Got {len(given)}."
        )
    place = pd.factorize(given)[0].astype(np.int64)
    alone = place < 0
    place[alone] = place.max(initial=-1) + 1 + np.arange(alone.sum())
    if len(np.unique(place)) < 2:
        raise InputError(
            "There must be at least two groups: rows of one group say nothing of "
            "others. Got one."
        )
    return place
