"""What a reader of an evaluation has to know of the teacher, in a sentence each."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from interpretkd._base import Array, one_line
from interpretkd.targets import Answers, decide

_FEWEST_ROWS = 20
"""Rows below which nothing is read out of the range of a teacher's scores."""

_SUM_TOLERANCE = 4e-3
"""How far the probabilities of a row may sum from 1: those of bfloat16 do."""

_BETTER_ORDER, _GOOD_ORDER = 0.3, 0.6
"""By how much another order of the classes must raise the accuracy, and to how much."""

_MOST_CLASSES = 1_000


def teacher_notes(
    model: Any, teacher: Answers, truth: NDArray[Any] | None, y: Any = None
) -> tuple[str, ...]:
    """Return what must be said of a teacher beside its figures.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    teacher : Answers
        What its teacher says of the rows.
    truth : ndarray of shape (n_samples,) or (n_samples, n_outputs), or None
        The labels as positions, -1 for a class that nobody knows; as 0 and 1, or
        values.
    y : array-like of shape (n_samples,), default=None
        The labels as they were given, to name those that nobody knows.

    Returns
    -------
    tuple of str
        Sentences; none, mostly.
    """
    if model.task_ == "regression":
        return ()
    found = [
        _otherwise(teacher, model.task_),
        _like_probabilities(model, teacher),
        _no_better(model, teacher, truth),
        _unknown(truth, y) if model.task_ == "multiclass" else None,
    ]
    return tuple(sentence for sentence in found if sentence)


def _otherwise(teacher: Answers, task: str) -> str | None:
    """Say that a teacher decides by more than its scores."""
    share = teacher.differs(task).mean()
    if not share:
        return None
    return (
        f"The teacher decides otherwise than its scores in {share:.1%} of the rows; "
        "fidelity and accuracy are about what it decides, KL, R2 and probabilities "
        "about its scores."
    )


def _like_probabilities(model: Any, teacher: Answers) -> str | None:
    """Say that what was taken for logits looks like probabilities, or was taken so."""
    asked = getattr(model.teacher_, "estimator", None)
    name = type(asked).__name__
    if getattr(asked, "is_guess", False):
        return (
            f"The outputs of {name} lie in [0, 1] and sum to 1 in every row, so they "
            "are taken for probabilities; if they are logits, give it output='logits'."
        )
    logits = teacher.logits
    if len(logits) < _FEWEST_ROWS:
        return None
    sure, how = _is_distribution(logits), " and sum to 1 in every row"
    if not sure:
        scores = _single_column(logits) if model.task_ == "multiclass" else logits
        sure, how = scores is not None and _in_unit_interval(scores), ""
    if not sure:
        return None
    misread = "probabilities are" if how else "decisions and probabilities are"
    return (
        f"All scores that were taken for the teacher's logits lie in [0, 1]{how}, as "
        f"probabilities do: if they are, its {misread} misread; wrap it with "
        "output='probabilities'."
    )


def _is_distribution(scores: Array) -> bool:
    sums = scores.sum(axis=1)
    close = np.allclose(sums, 1, rtol=0, atol=_SUM_TOLERANCE)
    return bool(scores.shape[1] > 1 and close and _in_unit_interval(scores))


def _in_unit_interval(scores: Array) -> bool:
    return bool(scores.min() >= 0 and scores.max() <= 1)


def _single_column(logits: Array) -> Array | None:
    """Return the one score that two columns were made of: less its half, its half."""
    if logits.shape[1] != 2 or (logits[:, 0] != -logits[:, 1]).any():
        return None
    return logits[:, 1] - logits[:, 0]


def _no_better(model: Any, teacher: Answers, truth: NDArray[Any] | None) -> str | None:
    """Say that the order of the classes may be wrong, where a teacher has none."""
    if truth is None or model.task_ != "multiclass":
        return None
    if getattr(model.teacher_, "names_classes", True):
        return None
    decided, n_classes = decide(teacher), teacher.shape[1]
    if (truth < 0).all() or n_classes > _MOST_CLASSES:
        return None
    right = float((decided == truth).mean())
    counts = np.bincount(truth[truth >= 0], minlength=n_classes)
    commonest = float(counts.max() / len(truth))
    table = np.zeros((n_classes, n_classes))
    known = truth >= 0
    np.add.at(table, (decided[known], truth[known]), 1)
    best = float(table[linear_sum_assignment(-table)].sum() / len(truth))
    # In few rows the best of many orders is good by chance.
    enough = len(truth) >= max(_FEWEST_ROWS, 4 * n_classes)
    reordered = enough and best >= _GOOD_ORDER and best - right >= _BETTER_ORDER
    if right > commonest and not reordered:
        return None
    name = one_line(repr(model.classes_.tolist()[int(counts.argmax())]))
    than = (
        f"and no more than always saying {name}, the commonest class, would be "
        f"({commonest:.1%})"
        if right <= commonest
        else f"and would be right in {best:.1%} if its classes were in another order"
    )
    if right <= commonest and reordered:
        than += f"; with its classes in another order it would be in {best:.1%}"
    return (
        f"The teacher is right in {right:.1%} of the rows, {than}: check the order of "
        "the classes."
    )


def _unknown(truth: NDArray[Any] | None, y: Any) -> str | None:
    """Say how many labels are of no class of the model."""
    if truth is None or not (truth < 0).any():
        return None
    rows = np.flatnonzero(truth < 0)
    labels = np.asarray(y, dtype=object).reshape(len(truth), -1)[rows, 0]
    names = sorted({one_line(repr(_plain(label))) for label in labels})
    some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    verb = "label is" if len(rows) == 1 else "labels are"
    return (
        f"{len(rows):,} of {len(truth):,} {verb} of no class that the model knows "
        f"({some}): such rows count as wrong for every model."
    )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
