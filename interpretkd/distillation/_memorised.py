"""Rows that the teacher was fitted to: it may know them by heart.

What a teacher says of such rows is in part what stood in the labels, not what it says
of others like them. A student is for the others; so what is chosen for it is chosen on
rows that the teacher does not know, where there are enough.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from interpretkd._base import Array, InputError
from interpretkd.targets import Answers, decide

_CERTAIN = 3.0
"""Standard errors from which on a difference is none of chance."""

_MANY_TIMES = 1.3
"""By how much a teacher must miss others more often: less is not worth a word."""


def _checked_teacher_rows(
    given: ArrayLike | None, n_given: int, owner: str, *, fitted: bool
) -> NDArray[np.bool_] | None:
    """Return which rows the teacher was fitted to; None where that is not known."""
    if given is None:
        return None
    if not fitted:
        raise InputError(
            f"The 'teacher_rows' of {owner}.fit are for a teacher that is fitted "
            "already and frozen. Got them with one that is fitted here, to all rows "
            "but the validation rows."
        )
    known = np.asarray(given)
    if known.dtype != np.bool_ or known.shape != (n_given,):
        raise InputError(
            f"The 'teacher_rows' of {owner}.fit must be {n_given} truth values, one a "
            f"row of X. Got {known.dtype} of shape {known.shape}."
        )
    return known


def _rows_to_hold_out(
    known: NDArray[np.bool_] | None, n_given: int, size: int
) -> NDArray[np.int64]:
    """Return the rows out of which validation rows may be drawn.

    Those that the teacher does not know, unless that would leave too few of them to fit
    to.
    """
    if known is None or (~known).sum() < 2 * size:
        return np.arange(n_given)
    return np.flatnonzero(~known)


def _memorised(
    answers: Answers, labels: Array, known: NDArray[np.bool_], task: str
) -> str:
    """Say in a sentence by how much the teacher is better on the rows it knows.

    `known` is for the first rows; `labels` are as in a transfer set. "" where it is not
    better, or that may be chance.
    """
    lost = _lost(answers, labels, task)[: len(known)]
    there = ~np.isnan(lost)
    own, others = lost[there & known], lost[there & ~known]
    if min(len(own), len(others)) < 2:
        return ""
    error = np.sqrt(own.var(ddof=1) / len(own) + others.var(ddof=1) / len(others))
    apart = others.mean() - own.mean()
    if apart <= _CERTAIN * error or others.mean() < _MANY_TIMES * own.mean():
        return ""
    n_others = f"{len(others):,} others"
    if task == "regression":
        told = (
            f"has a mean squared error of {own.mean():.3g} on the rows that it was "
            f"fitted to and of {others.mean():.3g} on {n_others}"
        )
    else:
        told = (
            f"is right on {1 - own.mean():.1%} of the rows that it was fitted to and "
            f"on {1 - others.mean():.1%} of {n_others}"
        )
    return (
        f"The teacher {told}: some of what it says of its own rows it knows by heart."
    )


def _lost(answers: Answers, labels: Array, task: str) -> Array:
    """Return what the teacher misses of the labels, row by row; NaN without a label."""
    if task == "regression":
        lost: Array = ((answers.logits - labels) ** 2).sum(axis=1)
        return lost
    wanted: Any = labels if task == "multilabel" else labels.argmax(axis=1)
    missed = (decide(answers, task) != wanted).reshape(len(labels), -1).mean(axis=1)
    return np.where(np.isnan(labels).any(axis=1), np.nan, missed)
