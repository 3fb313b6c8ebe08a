"""Which rows are for what: training, transfer, test, and held-out parts."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, train_test_split

from interpretkd._base import InputError

_TEST, _TRANSFER = 0.2, 0.2

_MOST_STRATIFIED = 2_000
"""Groups above which chance alone keeps the shares of the classes, and in no time."""


@dataclass(frozen=True, eq=False)
class Split:
    """Who may see which rows.

    Parameters
    ----------
    train : ndarray of int
        Rows that the teacher is fitted to.
    transfer : ndarray of int
        Further rows about which the student may ask it.
    test : ndarray of int
        Rows that neither sees.
    """

    train: NDArray[np.int64]
    transfer: NDArray[np.int64]
    test: NDArray[np.int64]


def split_rows(
    n_rows: int,
    strata: NDArray[Any] | None,
    seed: int,
    n_test: int = 0,
    groups: NDArray[Any] | None = None,
) -> Split:
    """Split rows into train, transfer and test.

    Parameters
    ----------
    n_rows : int
        How many there are.
    strata : ndarray of shape (n_rows,) or None
        The classes to stratify by.
    seed : int
        The seed.
    n_test : int, default=0
        When above 0, the last so many rows are the test.
    groups : ndarray of shape (n_rows,), default=None
        What the rows belong to: no group is on two sides.

    Returns
    -------
    Split
        Sorted positions; 64 %, 16 % and 20 % of the rows without an official test.

    Raises
    ------
    InputError
        When there are too few rows or groups, and when a group is in an official test
        and outside of it.

    Examples
    --------
    >>> split = split_rows(100, None, 0)
    >>> len(split.train), len(split.transfer), len(split.test)
    (64, 16, 20)
    """
    if n_rows - n_test < 10:
        raise InputError(
            f"At least 10 rows are needed to split. Got {n_rows - n_test}."
        )
    rows = np.arange(n_rows)
    if n_test:
        rest, test = rows[: n_rows - n_test], rows[n_rows - n_test :]
        _check_apart(groups, rest, test)
    else:
        rest, test = hold_out(rows, math.ceil(_TEST * n_rows), seed, strata, groups)
    strata = None if strata is None else strata[rest]
    groups = None if groups is None else groups[rest]
    size = math.ceil(_TRANSFER * len(rest))
    train, transfer = hold_out(rest, size, seed, strata, groups)
    return Split(train, transfer, test)


def hold_out(
    rows: NDArray[np.int64],
    size: int,
    seed: int | np.random.RandomState,
    strata: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keep some rows apart: the one draw behind every split of rows.

    Parameters
    ----------
    rows : ndarray of shape (n_samples,), int64
        Positions of rows.
    size : int
        In [1, n_samples): how many to keep apart.
    seed : int or RandomState
        The seed.
    strata : ndarray of shape (n_samples,), default=None
        The rows' classes: each is kept apart in proportion, unless one has a single
        row, or either part has fewer rows than there are classes.
    groups : ndarray of shape (n_samples,), default=None
        What the rows belong to: whole groups are kept apart, so that the size is met
        as nearly as they allow.

    Returns
    -------
    kept, held_out : ndarray of int64
        The rows in two parts, each in order.

    Raises
    ------
    InputError
        When there are fewer than two groups.

    Examples
    --------
    >>> kept, held_out = hold_out(np.arange(8), 2, 0, np.array([0, 1] * 4))
    >>> sorted((held_out % 2).tolist())
    [0, 1]
    """
    if strata is not None:
        classes, counts = np.unique(strata, return_counts=True)
        if counts.min() < 2 or len(classes) > min(size, len(rows) - size):
            strata = None
    if groups is not None:
        return _hold_out_groups(rows, size, seed, strata, groups)
    kept, held_out = train_test_split(
        rows, test_size=size, random_state=seed, stratify=strata
    )
    return np.sort(kept), np.sort(held_out)


def _hold_out_groups(
    rows: NDArray[np.int64],
    size: int,
    seed: int | np.random.RandomState,
    strata: NDArray[Any] | None,
    groups: NDArray[Any],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keep one fold of whole groups apart, one as large as is asked for."""
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise InputError(
            "Rows can only be held out if there are at least two groups. Got one."
        )
    n_folds = min(max(2, round(len(rows) / size)), n_groups)
    if n_groups > _MOST_STRATIFIED or (
        strata is not None and np.unique(strata, return_counts=True)[1].min() < n_folds
    ):
        strata = None
    kind = GroupKFold if strata is None else StratifiedGroupKFold
    folds = kind(n_folds, shuffle=True, random_state=seed)
    parts = [held for _, held in folds.split(rows, strata, groups)]
    held_out = min(parts, key=lambda held: (len(held) == 0, abs(len(held) - size)))
    return np.delete(rows, held_out), rows[held_out]


def _check_apart(
    groups: NDArray[Any] | None, rest: NDArray[np.int64], test: NDArray[np.int64]
) -> None:
    if groups is None:
        return
    both: NDArray[Any] = np.intersect1d(groups[rest], groups[test])
    if len(both):
        raise InputError(
            f"A group must be on one side. {len(both)} of the test's groups are among "
            f"the other rows, too, e.g. {both[:1].tolist()[0]!r}."
        )
