"""Two models compared on the same rows: their decisions, values and probabilities."""

import numpy as np
from numpy.typing import ArrayLike

from interpretkd.metrics._agreement import (
    checked_pair,
    label_matches,
    r2_of_means,
    row_divergences,
    squared_parts,
)
from interpretkd.metrics._intervals import PairedTest, compare_means, compare_shares
from interpretkd.targets import TASKS


def mcnemar(
    y: ArrayLike, a: ArrayLike, b: ArrayLike, *, groups: ArrayLike | None = None
) -> PairedTest:
    """Compare the decisions of two models with the same labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        The labels; the teacher's decisions, to compare fidelities.
    a, b : array-like of the same shape
        The decisions of the two models.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to, such as customers: intervals are then over groups.
        None takes the rows as independent.

    Returns
    -------
    PairedTest
        The share of right rows of `a` less that of `b`: Newcombe's interval (1998,
        method 10), p value of the exact McNemar test.

    Raises
    ------
    InputError
        As `accuracy`.

    Examples
    --------
    >>> print(mcnemar([1, 1, 0, 0], [1, 1, 0, 1], [0, 1, 0, 1]))
    +0.250 [-0.320, +0.655], p = 1.000
    """
    return compare_shares(label_matches(y, a), label_matches(y, b), groups=groups)


def paired_bootstrap(
    y: ArrayLike, a: ArrayLike, b: ArrayLike, *, groups: ArrayLike | None = None
) -> PairedTest:
    """Compare the values of two models with the same true values.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True values; the teacher's, to compare fidelities.
    a, b : array-like of the same shape
        The values of the two models.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to, such as customers: intervals are then over groups.
        None takes the rows as independent.

    Returns
    -------
    PairedTest
        The R2 of `a` less that of `b`, that is the difference of their squared errors
        over the variance of `y`; bootstrap over rows, 95 %.

    Raises
    ------
    InputError
        As `r2`.
    """
    pair_a = checked_pair(y, a, "regression", TASKS, ("values y", "values a"))
    pair_b = checked_pair(y, b, "regression", TASKS, ("values y", "values b"))
    errors_a = squared_parts("regression", *pair_a)
    errors_b = squared_parts("regression", *pair_b)
    return compare_means(
        np.column_stack([errors_a, errors_b[:, 0]]),
        lambda means: r2_of_means(means) - r2_of_means(means[:, [2, 1]]),
        only_first=int((errors_a[:, 0] < errors_b[:, 0]).sum()),
        only_second=int((errors_a[:, 0] > errors_b[:, 0]).sum()),
        groups=groups,
    )


def paired_divergence(
    teacher_logits: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    task: str = "multiclass",
    *,
    groups: ArrayLike | None = None,
) -> PairedTest:
    """Compare how far the probabilities of two models are from their teacher's.

    Parameters
    ----------
    teacher_logits, a, b : array-like of shape (n_samples, n_outputs)
        Logits of the same rows.
    task : {"multiclass", "multilabel"}, default="multiclass"
        As of `kl_divergence`.
    groups : array-like of shape (n_samples,), default=None
        As of `kl_divergence`.

    Returns
    -------
    PairedTest
        The mean divergence of `b` less that of `a`, in nats: positive where `a` is
        closer; bootstrap over rows, 95 %.

    Raises
    ------
    InputError
        As `kl_divergence`.

    Examples
    --------
    >>> said, other = [[1.0, 0.0]] * 9, [[0.0, 1.0]] * 9
    >>> paired_divergence(said, said, other).direction
    1
    """
    first, second = (
        row_divergences(*checked_pair(teacher_logits, logits, task, TASKS[:2]), task)
        for logits in (a, b)
    )
    return compare_means(
        np.column_stack([first, second]),
        lambda means: means[:, 1] - means[:, 0],
        only_first=int((first < second).sum()),
        only_second=int((first > second).sum()),
        groups=groups,
    )
