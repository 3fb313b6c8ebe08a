"""Rows that belong together: measured as groups, for they are no independent draws.

A customer's, a patient's or a series' rows are alike. Taken as independent they make
intervals far too narrow; so whole groups are drawn in a bootstrap, and a share is as
sure as if it had been measured on as many independent rows as the groups are worth.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from interpretkd._base import Array

FEW_GROUPS = 20
"""Groups below which intervals over them are rough, and that is said."""


def sums_of_groups(values: Array, groups: NDArray[np.int64]) -> Array:
    """Return what the groups add up to, and how many rows each has.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns), float64
        What was measured on each row.
    groups : ndarray of shape (n_samples,), int64
        What `data.group_positions` returned.

    Returns
    -------
    ndarray of shape (n_groups, n_columns + 1), float64
        The sums; last the counts.
    """
    columns = [np.bincount(groups, column) for column in values.T]
    sums = np.column_stack([*columns, np.bincount(groups)])
    return sums[sums[:, -1] > 0]


def of_sums(statistic: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Make a function of column means one of the means of `sums_of_groups`.

    Parameters
    ----------
    statistic : callable
        Turns means of shape (n_resamples, n_columns) into (n_resamples,) numbers.

    Returns
    -------
    callable
        The same of means of sums, whose last column is the rows.
    """
    return lambda means: statistic(means[:, :-1] / means[:, -1:])


def effective_rows(hits: NDArray[np.bool_], groups: NDArray[np.int64]) -> float:
    """Return how many independent rows would measure a share as surely as these do.

    Parameters
    ----------
    hits : ndarray of shape (n_samples,), bool
        The rows that count.
    groups : ndarray of shape (n_samples,), int64
        What `data.group_positions` returned.

    Returns
    -------
    float
        In (0, n_samples]; the groups, where the rows do not vary at all.

    References
    ----------
    Kish (1965), "Survey sampling", the design effect; Korn & Graubard (1998),
    "Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data", its use in the interval of a share, with the t
    quantile of the groups.
    """
    sums = sums_of_groups(hits[:, None].astype(np.float64), groups)
    n, n_groups, share = len(hits), len(sums), float(hits.mean())
    spread = float(((sums[:, 0] - share * sums[:, 1]) ** 2).sum())
    variance = n_groups / (n_groups - 1) * spread / n**2
    if variance <= 0 or share in (0, 1):
        return float(n_groups)
    worth = share * (1 - share) / variance
    few: Any = ndtri(0.975) / stdtrit(n_groups - 1, 0.975)
    return float(min(worth * few**2, n))
