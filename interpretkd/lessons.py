"""Lessons: rows, what the teacher says of them, and the labels where there are any.

Fitting a student to a lesson, and finding out which target teaches it best.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

from interpretkd._errors import InputError
from interpretkd._typing import Array
from interpretkd.logits import decide, log_probabilities, probabilities
from interpretkd.rows import Encoded
from interpretkd.schema import Rows
from interpretkd.students import Judged, Taught, as_student
from interpretkd.targets import Target

__all__ = [
    "Lesson",
    "Trial",
    "as_columns",
    "check_labels",
    "choose_target",
    "indicate",
    "label_target",
    "settle",
    "stack_rows",
    "take_rows",
    "teach",
]


@dataclass(frozen=True, eq=False)
class Lesson:
    """Rows, what the teacher says of them, and the labels where there are any.

    Parameters
    ----------
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        Rows in original columns.
    logits : ndarray of shape (n_samples, n_outputs), float64
        The teacher's.
    labels : ndarray of shape (n_samples, n_outputs), or None
        0 and 1 (values, for regression); NaN in the rows without label.
    weight : ndarray of shape (n_samples,), float64, or None
        How much each row counts; None for 1.
    known : Encoded or None
        The rows encoded, where they are already; see `encoded`.
    """

    rows: Rows
    logits: Array
    labels: Array | None = None
    weight: Array | None = None
    known: Encoded | None = None

    def __len__(self) -> int:
        return len(self.logits)

    @cached_property
    def encoded(self) -> Encoded:
        """The rows as codes: those of a part or a whole are not encoded anew."""
        return Encoded.of(self.rows) if self.known is None else self.known

    def take(self, index: NDArray[np.integer]) -> "Lesson":
        """Return a part of the lesson.

        Parameters
        ----------
        index : ndarray of int
            The rows' positions.

        Returns
        -------
        Lesson
            The part; the lesson itself when that is all of it.
        """
        if np.array_equal(index, np.arange(len(self))):
            return self
        return Lesson(
            take_rows(self.rows, index),
            self.logits[index],
            None if self.labels is None else self.labels[index],
            None if self.weight is None else self.weight[index],
            self.encoded.take(index),
        )

    def join(self, further: "Lesson") -> "Lesson":
        """Return both lessons as one.

        Parameters
        ----------
        further : Lesson
            Rows without labels.

        Returns
        -------
        Lesson
            All rows.
        """
        labels = None
        if self.labels is not None:
            labels = np.vstack([self.labels, np.full(further.logits.shape, np.nan)])
        return Lesson(
            stack_rows(self.rows, further.rows),
            np.vstack([self.logits, further.logits]),
            labels,
            np.concatenate([self.weights, further.weights]),
            self.encoded.join(further.encoded),
        )

    @property
    def weights(self) -> Array:
        """How much each row counts, shape (n_samples,)."""
        return np.ones(len(self)) if self.weight is None else self.weight

    def without_teacher(self, task: str) -> "Lesson":
        """Return the lesson that the baseline gets: the labels in the teacher's place.

        Parameters
        ----------
        task : {"multiclass", "multilabel", "regression"}
            What is decided.

        Returns
        -------
        Lesson
            The rows that have a label.
        """
        assert self.labels is not None
        labelled = self.take(np.flatnonzero(~np.isnan(self.labels).any(axis=1)))
        assert labelled.labels is not None
        logits = label_target(task).decode(labelled.labels)
        return Lesson(labelled.rows, logits, known=labelled.encoded)


@dataclass(frozen=True)
class Trial:
    """One target that ``target="auto"`` tried.

    Parameters
    ----------
    target : Target
        What the student was fitted to.
    fidelity : float
        Its agreement with the teacher on the validation rows, in [0, 1].
    n_rows : int
        How many rows it was fitted to.
    """

    target: Target
    fidelity: float
    n_rows: int


def teach(
    student: Any, target: Target, lesson: Lesson, held_out: Lesson | None = None
) -> Any:
    """Fit a copy of a student to a target.

    Parameters
    ----------
    student : regressor
        It is cloned; of our own, one with ``loss="auto"`` or ``objective="auto"`` gets
        the target's.
    target : Target
        What it is fitted to.
    lesson : Lesson
        The rows it is fitted on.
    held_out : Lesson, default=None
        Rows on which a student that can choose, or watch its fidelity, does so.

    Returns
    -------
    regressor
        The fitted copy.
    """
    judged = None
    if held_out is not None:
        teacher = held_out.logits

        def score(outputs: Array) -> float:
            return _fidelity(target.task, target.decode(outputs), teacher)

        own = _columns(target, held_out), held_out.weights
        judged = Judged(held_out.rows, held_out.encoded, *own, score)
    columns = _columns(target, lesson)
    taught = Taught(lesson.rows, lesson.encoded, columns, lesson.weight)
    return as_student(student).prepare(target).learn(taught, judged)


def settle(
    student: Any,
    target: Target,
    lesson: Lesson,
    held_out: Lesson,
    draw: Callable[[Lesson], Lesson] | None,
) -> tuple[dict[str, Any], bool]:
    """Find out what a searching student leaves to be chosen.

    Parameters
    ----------
    student : regressor
        One that chooses on held-out rows, and then says in ``settled_`` what its
        "auto" stood for.
    target : Target
        What it is fitted to.
    lesson : Lesson
        The rows it is fitted on.
    held_out : Lesson
        The rows it is judged on.
    draw : callable or None
        Returns a lesson of further rows, like those of the given one.

    Returns
    -------
    settled : dict
        The student's parameters.
    uses_further : bool
        Whether further rows serve it: unless it is better without them by more than
        one standard error, on the given rows.
    """
    if draw is None and not as_student(student).is_open:
        return {}, False
    bare = teach(student, target, lesson, held_out)
    if draw is None:
        return bare.settled_, False
    rich = teach(
        student, target, lesson.join(draw(lesson)), held_out.join(draw(held_out))
    )
    loss = _losses(bare, target, held_out) - _losses(rich, target, held_out)
    margin = loss.std() / np.sqrt(len(loss))
    if loss.mean() < -margin:
        return bare.settled_, False
    return rich.settled_, True


def choose_target(
    student: Any, targets: Sequence[Target], lesson: Lesson, held_out: Lesson
) -> tuple[Target, tuple[Trial, ...]]:
    """Find the target from which a student learns to agree most with its teacher.

    Parameters
    ----------
    student : regressor
        It is cloned.
    targets : sequence of Target
        What to try.
    lesson : Lesson
        The rows it is fitted on.
    held_out : Lesson
        The rows it is judged on.

    Returns
    -------
    target : Target
        The one of highest fidelity; of equals the one whose probabilities are closest
        to the teacher's.
    trials : tuple of Trial
        All that were tried.
    """
    trials, scores = [], []
    quick = as_student(student).quick()
    judged = held_out if as_student(quick).is_open else None
    for target in targets:
        logits = _logits(teach(quick, target, lesson, judged), target, held_out)
        fidelity = _fidelity(target.task, logits, held_out.logits)
        trials.append(Trial(target, fidelity, len(lesson)))
        scores.append((fidelity, -_divergence(target.task, logits, held_out.logits)))
    best = max(range(len(scores)), key=scores.__getitem__)
    return targets[best], tuple(trials)


def label_target(task: str) -> Target:
    """Return the target that stands for the labels themselves.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.

    Returns
    -------
    Target
        Hard targets; values, for regression.
    """
    return Target("logits" if task == "regression" else "hard", task=task)


def check_labels(y: Any) -> NDArray[Any]:
    """Check the labels given to `fit`, as scikit-learn does.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_labels)
        The labels.

    Raises
    ------
    ValueError
        For values that are no classes, and for gaps.
    """
    given = np.asarray(y)
    if given.ndim == 2 and given.shape[1] > 1:
        return check_array(given, dtype=None)
    labels: NDArray[Any] = column_or_1d(given, warn=True)
    if pd.isna(labels).any():
        row = int(np.flatnonzero(pd.isna(labels))[0])
        raise InputError(
            "Input y contains NaN: the labels must be known for every row of X. Got "
            f"none in row {row}; give such rows as X_unlabelled."
        )
    if labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    return labels


def indicate(y: NDArray[Any], classes: NDArray[Any], task: str) -> Array:
    """Return labels as columns of 0 and 1, in the order of the teacher's classes.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Labels.
    classes : ndarray of shape (n_classes,)
        The teacher's.
    task : {"multiclass", "multilabel"}
        Whether they exclude each other.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
        Zeros and ones.

    Raises
    ------
    InputError
        For labels that the teacher does not know.
    """
    if task == "multilabel":
        if y.ndim != 2 or y.shape[1] != len(classes) or not np.isin(y, (0, 1)).all():
            raise InputError(
                f"The labels y must be 0 or 1 in {len(classes)} columns for this "
                f"multi-label teacher. Got shape {y.shape}."
            )
        return y.astype(np.float64)
    if y.ndim != 1:
        raise InputError(
            f"The labels y must be one column for a teacher of {len(classes)} classes. "
            f"Got shape {y.shape}."
        )
    place = pd.Index(classes).get_indexer(pd.Index(y))
    if (place < 0).any():
        unknown = sorted({repr(value) for value in np.unique(y[place < 0]).tolist()})
        known = ", ".join(map(repr, classes.tolist()[:20]))
        raise InputError(
            "The labels y hold classes that the teacher does not know: "
            f"{', '.join(unknown[:5])}. It knows {known}."
        )
    return np.eye(len(classes))[place]


def take_rows(rows: Rows, index: NDArray[np.integer]) -> Rows:
    """Return some rows of a frame or array.

    Parameters
    ----------
    rows : DataFrame or ndarray
        Rows.
    index : ndarray of int
        Their positions.

    Returns
    -------
    DataFrame or ndarray
        These rows.
    """
    return rows.iloc[index] if isinstance(rows, pd.DataFrame) else rows[index]


def stack_rows(rows: Rows, further: Rows) -> Rows:
    """Put further rows below others.

    Parameters
    ----------
    rows, further : DataFrame or ndarray
        Rows of the same columns.

    Returns
    -------
    DataFrame or ndarray
        All of them.
    """
    if not isinstance(rows, pd.DataFrame):
        return np.vstack([rows, further])
    if not isinstance(further, pd.DataFrame):
        further = pd.DataFrame(further, columns=rows.columns)
    return pd.concat([rows, further[rows.columns]], ignore_index=True)


def as_columns(outputs: Any) -> Array:
    """Return predictions as a matrix, whether they were one or not.

    Parameters
    ----------
    outputs : array-like of shape (n_samples, n_columns) or (n_samples,)
        Predictions.

    Returns
    -------
    ndarray of shape (n_samples, n_columns), float64
        The predictions.
    """
    outputs = np.asarray(outputs, dtype=np.float64)
    return outputs.reshape(len(outputs), -1)


def _columns(target: Target, lesson: Lesson) -> Array:
    columns = target.encode(lesson.logits, lesson.labels)
    return columns[:, 0] if columns.shape[1] == 1 else columns


def _logits(student: Any, target: Target, lesson: Lesson) -> Array:
    """Return what a fitted student says of the rows of a lesson."""
    outputs = as_student(student).outputs(lesson.rows, lesson.encoded)
    return target.decode(outputs)


def _losses(student: Any, target: Target, lesson: Lesson) -> Array:
    """Return by how much a student misses its teacher, row by row."""
    logits = _logits(student, target, lesson)
    if target.task == "regression":
        return ((logits - lesson.logits) ** 2).sum(axis=1)
    other = decide(logits, target.task) != decide(lesson.logits, target.task)
    return other.reshape(len(other), -1).mean(axis=1)


def _fidelity(task: str, student: Array, teacher: Array) -> float:
    if task == "regression":
        spread = ((teacher - teacher.mean(axis=0)) ** 2).sum()
        return float(1 - ((student - teacher) ** 2).sum() / max(spread, 1e-300))
    same: NDArray[Any] = decide(student, task) == decide(teacher, task)
    return float(same.mean())


def _divergence(task: str, student: Array, teacher: Array) -> float:
    """Tell targets of equal fidelity apart by their probabilities."""
    if task == "multilabel":
        difference = probabilities(student, task) - probabilities(teacher, task)
        return float((difference**2).mean())
    log_teacher = log_probabilities(teacher)
    difference = log_teacher - log_probabilities(student)
    return float((np.exp(log_teacher) * difference).sum(axis=1).mean())
