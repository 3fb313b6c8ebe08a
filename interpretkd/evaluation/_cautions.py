"""What a reader of a verdict must not overlook, in sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import one_line
from interpretkd.metrics import Estimate, PairedTest

_FAR = 0.2
"""From here on a student is far from its teacher: every fifth row is decided otherwise,
or lost. A reader who takes such a student for its teacher is wrong too often; below it
the figures of the verdict say enough."""

_MOST_NAMED = 5
"""So many classes are named in one sentence, those of most rows first."""


@dataclass(frozen=True, eq=False)
class _Decided:
    """What was decided about the rows of one held-out set, and how well.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    names : sequence
        The classes or labels; empty for regression.
    teacher, student : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Positions of classes, 0 and 1 for labels, or values.
    truth : ndarray of the same shape, or None
        The labels; -1 for a class that nobody knows.
    fidelity : Estimate
        Of the student with the teacher.
    accuracy, teacher_accuracy : Estimate or None
        With the labels; None without.
    kl_test : PairedTest or None
        The baseline's divergence from the teacher less the student's.
    """

    task: str
    names: Sequence[Any]
    teacher: NDArray[Any]
    student: NDArray[Any]
    truth: NDArray[Any] | None
    fidelity: Estimate
    accuracy: Estimate | None
    teacher_accuracy: Estimate | None
    kl_test: PairedTest | None

    def text(self, value: float) -> str:
        """Say a share in percent, an R2 as a number."""
        return f"{value:.3f}" if self.task == "regression" else f"{value:.1%}"


def _cautions(found: _Decided) -> tuple[str, ...]:
    """Return what a reader must not overlook.

    Parameters
    ----------
    found : _Decided
        What was decided, and how well.

    Returns
    -------
    tuple of str
        Sentences in plain text, the weightiest first; names are those of the data.
    """
    said = (
        _constant(found),
        _never_said(found),
        *_far_off(found),
        _worse_shares(found),
    )
    return tuple(sentence for sentence in said if sentence)


def _constant(found: _Decided) -> str:
    """Say that a student is no better than one that always says the same."""
    of_labels = found.accuracy is not None and found.truth is not None
    estimate = found.accuracy if of_labels else found.fidelity
    reference = found.truth if of_labels else found.teacher
    measured = "accuracy" if of_labels else "fidelity"
    assert estimate is not None
    assert reference is not None
    if found.task == "regression":
        if estimate.low > 0:
            return ""
        return (
            f"The student's {measured} (R2), {found.text(estimate.value)}, is not "
            "clearly above 0, that of always saying the mean."
        )
    patterns, counts = np.unique(reference, axis=0, return_counts=True)
    share = counts.max() / len(reference)
    if len(counts) == 1 or estimate.low > share:
        return ""
    below = "below" if estimate.high < share else "not clearly above"
    said = "the commonest label" if of_labels else "what the teacher says most"
    name = _name(found, patterns[counts.argmax()])
    return (
        f"The student's {measured}, {found.text(estimate.value)}, is {below} the "
        f"{share:.1%} of always saying {name}, {said}."
    )


def _name(found: _Decided, pattern: Any) -> str:
    if found.task != "multilabel":
        return "another class" if pattern < 0 else _quoted(found.names[int(pattern)])
    on = [_quoted(found.names[i]) for i in np.flatnonzero(pattern).tolist()]
    return " and ".join(on) or "that there is no label"


def _never_said(found: _Decided) -> str:
    """Name the classes that the student never says, though others do."""
    if found.task == "regression":
        return ""
    student, teacher = _counts(found, found.student), _counts(found, found.teacher)
    truth = np.zeros_like(teacher)
    if found.truth is not None:
        truth = _counts(found, found.truth)
    missed = np.flatnonzero((student == 0) & (teacher + truth > 0))
    if not len(missed):
        return ""
    order = missed[np.argsort(-np.maximum(teacher, truth)[missed], kind="stable")]
    n_rows, parts = len(found.student), []
    for i in order[:_MOST_NAMED].tolist():
        by = [f"the teacher of {teacher[i]:,}"]
        if found.truth is not None:
            by.append(f"the labels of {truth[i]:,}")
        parts.append(f"{_quoted(found.names[i])} ({' and '.join(by)})")
    more = len(order) - len(parts)
    text = ", ".join(parts) + (f" and {more} more" if more else "")
    return f"Of {n_rows:,} rows, there is none of which the student says {text}."


def _counts(found: _Decided, decided: NDArray[Any]) -> NDArray[np.int64]:
    """Return of how many rows each class is said."""
    if found.task == "multilabel":
        counts: NDArray[np.int64] = np.asarray(decided).astype(np.int64).sum(axis=0)
        return counts
    return np.bincount(decided[decided >= 0], minlength=len(found.names))


def _far_off(found: _Decided) -> list[str]:
    """Say that a student stays far below its teacher."""
    said = []
    ours, theirs = found.accuracy, found.teacher_accuracy
    if ours is not None and theirs is not None and theirs.value - ours.value >= _FAR:
        gap = theirs.value - ours.value
        lost = f"{gap:.3f}" if found.task == "regression" else f"{100 * gap:.1f} points"
        said.append(
            f"The student's accuracy is {lost} below its teacher's "
            f"({found.text(ours.value)} against {found.text(theirs.value)})."
        )
    if found.fidelity.value <= 1 - _FAR:
        if found.task == "regression":
            text = f"The student explains {found.text(found.fidelity.value)} (R2) of"
            said.append(
                f"{text} what the teacher says: it is not the teacher in brief."
            )
        else:
            said.append(
                "The student decides otherwise than the teacher on "
                f"{1 - found.fidelity.value:.1%} of the rows: it is not the teacher in "
                "brief."
            )
    return said


def _worse_shares(found: _Decided) -> str:
    """Say that the labels alone would have given probabilities nearer the teacher's."""
    if found.kl_test is None or found.kl_test.direction >= 0:
        return ""
    return (
        "The student's probabilities are farther from the teacher's than those of the "
        "same student fitted to the labels alone."
    )


def _quoted(name: Any) -> str:
    return f"'{one_line(str(name))}'"
