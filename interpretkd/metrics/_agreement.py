"""What is measured on a distilled model, on rows that neither side was fitted to.

Fidelity is agreement with the teacher; accuracy is agreement with the labels. The two
are never mixed. Each number carries its interval, and the student stands beside the
baseline: the same student, fitted to the labels alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from interpretkd._base import Array, InputError, check_choice, one_line
from interpretkd.metrics._intervals import (
    Estimate,
    bootstrap_interval,
    share_interval,
)
from interpretkd.metrics._rows import rows_to_measure
from interpretkd.targets import (
    TASKS,
    Answers,
    answers_of,
    centred_logits,
    decide,
    log_probabilities,
)

FIDELITY_MEASURES = ("auto", "agreement", "kl", "r2")


def agreement(
    teacher_logits: ArrayLike,
    student_logits: ArrayLike,
    task: str = "multiclass",
    *,
    groups: ArrayLike | None = None,
) -> Estimate:
    """Return the share of rows on which the student decides as the teacher does.

    Parameters
    ----------
    teacher_logits, student_logits : array-like of shape (n_samples, n_outputs)
        Logits of the same rows; of the teacher also its `Answers`, whose decisions may
        be its own.
    task : {"multiclass", "multilabel"}, default="multiclass"
        For labels a row counts only when the whole set of labels is the same, so that
        rows stay independent and the interval valid.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to, such as customers: intervals are then over groups.
        None takes the rows as independent.

    Returns
    -------
    Estimate
        In [0, 1], with Wilson's 95 % interval.

    Raises
    ------
    InputError
        For logits that do not fit each other, are not finite, or a regression.

    Examples
    --------
    >>> print(agreement([[2, 0], [0, 1], [3, 1]], [[1, 0], [0, 2], [0, 1]]))
    0.667 [0.208, 0.939]
    """
    teacher, student = checked_pair(teacher_logits, student_logits, task, TASKS[:2])
    said = teacher_logits if isinstance(teacher_logits, Answers) else teacher
    same = label_matches(decide(said, task), decide(student, task))
    return share_interval(same, groups)


def kl_divergence(
    teacher_logits: ArrayLike,
    student_logits: ArrayLike,
    task: str = "multiclass",
    *,
    groups: ArrayLike | None = None,
) -> Estimate:
    """Return the mean KL(teacher || student) of the probabilities at temperature 1.

    Parameters
    ----------
    teacher_logits, student_logits : array-like of shape (n_samples, n_outputs)
        Logits of the same rows.
    task : {"multiclass", "multilabel"}, default="multiclass"
        For labels the divergences of the single labels are summed.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to, such as customers: intervals are then over groups.
        None takes the rows as independent.

    Returns
    -------
    Estimate
        In nats, [0, inf), with a 95 % bootstrap interval.

    Raises
    ------
    InputError
        As `agreement`.

    Examples
    --------
    >>> print(kl_divergence([[1.0, 0.0]], [[1.0, 0.0]]))
    0.000 [0.000, 0.000]
    """
    pair = checked_pair(teacher_logits, student_logits, task, TASKS[:2])
    return bootstrap_interval(row_divergences(*pair, task), groups=groups)


def row_divergences(teacher: Array, student: Array, task: str) -> Array:
    """Return KL(teacher || student) of the probabilities of each row.

    Parameters
    ----------
    teacher, student : ndarray of shape (n_samples, n_outputs), float64
        Logits of the same rows.
    task : {"multiclass", "multilabel"}
        For labels the divergences of the single labels are summed.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        In nats, [0, inf).
    """
    if task == "multilabel":
        on = _weighted_gap(-np.logaddexp(0, -teacher), -np.logaddexp(0, -student))
        off = _weighted_gap(-np.logaddexp(0, teacher), -np.logaddexp(0, student))
        gap = on + off
    else:
        gap = _weighted_gap(log_probabilities(teacher), log_probabilities(student))
    nats: Array = np.maximum(gap.sum(axis=1), 0)  # rounding alone goes below 0
    return nats


def r2(
    teacher_logits: ArrayLike,
    student_logits: ArrayLike,
    task: str = "multiclass",
    *,
    groups: ArrayLike | None = None,
) -> Estimate:
    """Return how much of the logits' variance the student reproduces.

    One less the squared errors of all columns over the squared distances of the
    teacher's logits from their column means; 1 is perfect, 0 no better than the means.

    Parameters
    ----------
    teacher_logits, student_logits : array-like of shape (n_samples, n_outputs)
        Logits of the same rows; values, for regression.
    task : {"multiclass", "multilabel", "regression"}, default="multiclass"
        "multiclass" first takes each row's mean off its logits: the softmax does not
        see it.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to, such as customers: intervals are then over groups.
        None takes the rows as independent.

    Returns
    -------
    Estimate
        In (-inf, 1], with a 95 % bootstrap interval. A teacher that never varies gives
        1 when it is matched exactly, else 0.

    Raises
    ------
    InputError
        For logits that do not fit each other or are not finite.

    Examples
    --------
    >>> print(r2([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 3.0], "regression"))
    0.800 [0.571, 1.000]
    """
    teacher, student = checked_pair(teacher_logits, student_logits, task, TASKS)
    parts = squared_parts(task, teacher, student)
    return bootstrap_interval(parts, r2_of_means, groups=groups)


def check_distilled(owner: str, model: Any) -> None:
    """Check that something is a fitted distilled model, whatever its student.

    Parameters
    ----------
    owner : str
        The function that was called.
    model : object
        What it was given.

    Raises
    ------
    NotFittedError
        When it is one, but not fitted.
    InputError
        When it is anything else.
    """
    if all(hasattr(model, name) for name in ("task_", "teacher_", "logits")):
        return
    if hasattr(model, "teacher") and hasattr(model, "logits"):
        check_is_fitted(model)
    raise InputError(
        f"The 'model' parameter of {owner} must be a fitted DistilledClassifier or "
        f"DistilledRegressor. Got {one_line(repr(model))[:80]}."
    )


def fidelity(
    model: Any,
    X: ArrayLike,
    *,
    measure: str = "auto",
    groups: ArrayLike | None = None,
    of: str = "teacher",
) -> Estimate:
    """Return how far a distilled model agrees with its teacher.

    Parameters
    ----------
    model : DistilledClassifier or DistilledRegressor
        Fitted.
    X : array-like or frame of shape (n_samples, n_features)
        Rows that neither the teacher nor the student was fitted to.
    measure : {"auto", "agreement", "kl", "r2"}, default="auto"
        The share of equal decisions (`agreement`), the divergence of the
        probabilities in nats (`kl_divergence`, the smaller the better) or the share
        of the logits' variance (`r2`). "auto" is "r2" for regression, else
        "agreement".
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to, such as customers: intervals are then over groups.
        None takes the rows as independent.
    of : {"teacher", "origin"}, default="teacher"
        Whose decisions: the teacher's, or those of the first teacher of a chain, the
        network behind the model that taught this one; of no chain the same.

    Returns
    -------
    Estimate
        With a 95 % interval.

    Raises
    ------
    InputError
        For a measure that the task does not have; for columns that are lacking.
    """
    check_distilled("fidelity", model)
    check_choice("fidelity", "measure", measure, FIDELITY_MEASURES)
    check_choice("fidelity", "of", of, ("teacher", "origin"))
    if measure == "auto":
        measure = "r2" if model.task_ == "regression" else "agreement"
    function = {"agreement": agreement, "kl": kl_divergence, "r2": r2}[measure]
    rows = rows_to_measure(model, X)
    if of == "origin":
        said = model.teacher_.origin_answers(rows), model.logits(rows)
    else:
        said = answers_of(model.teacher_, rows), model.logits(rows)
    return function(*said, model.task_, groups=groups)


def accuracy(
    y: ArrayLike, decisions: ArrayLike, *, groups: ArrayLike | None = None
) -> Estimate:
    """Return the share of rows on which the decisions equal the labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        The labels.
    decisions : array-like of the same shape
        What a model's `predict` returned. For several labels the whole row must be
        right.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to, such as customers: intervals are then over groups.
        None takes the rows as independent.

    Returns
    -------
    Estimate
        In [0, 1], with Wilson's 95 % interval.

    Raises
    ------
    InputError
        For arrays of different shape, without rows, or with missing labels.

    Examples
    --------
    >>> print(accuracy(["cat", "dog", "dog"], ["cat", "dog", "cat"]))
    0.667 [0.208, 0.939]
    """
    right = label_matches(y, decisions)
    return share_interval(right, groups)


def checked_pair(
    teacher: ArrayLike,
    student: ArrayLike,
    task: str,
    tasks: Sequence[str],
    names: tuple[str, str] = ("teacher's logits", "student's logits"),
) -> tuple[Array, Array]:
    """Return two models' logits of the same rows as checked matrices.

    Parameters
    ----------
    teacher, student : array-like of shape (n_samples, n_outputs)
        Logits (values, for regression).
    task : str
        What is decided.
    tasks : sequence of str
        What the measure is for.
    names : tuple of str, default=("teacher's logits", "student's logits")
        What the two are called in a message.

    Returns
    -------
    teacher, student : ndarray of shape (n_samples, n_outputs), float64
        The same.

    Raises
    ------
    InputError
        For another task, two shapes, no row, or numbers that are not finite.
    """
    check_choice("this measure", "task", task, tasks)
    pair = (as_matrix(teacher), as_matrix(student))
    fewest = 2 if task == "multiclass" else 1
    shape = pair[0].shape
    if shape != pair[1].shape or len(shape) != 2 or not shape[0] or shape[1] < fewest:
        raise InputError(
            f"The {names[0]} and the {names[1]} must have one shape (n_samples, "
            f"n_outputs) with at least 1 row and {fewest} column(s). Got {shape} and "
            f"{pair[1].shape}."
        )
    for name, values in zip(names, pair, strict=True):
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise InputError(
                f"The {name} must be finite. Got {values[row].tolist()} in row {row}."
            )
    return pair


def as_matrix(values: ArrayLike) -> Array:
    """Return numbers as a matrix, one column for a vector.

    Parameters
    ----------
    values : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Numbers.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs), float64
        The same.
    """
    matrix = np.asarray(values, dtype=np.float64)
    return matrix[:, None] if matrix.ndim == 1 else matrix


def _weighted_gap(log_teacher: Array, log_student: Array) -> Array:
    gap: Array = np.exp(log_teacher) * (log_teacher - log_student)
    return gap


def squared_parts(task: str, teacher: Array, student: Array) -> Array:
    """Return each row's squared error, and squared distance from the column means.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    teacher, student : ndarray of shape (n_samples, n_outputs), float64
        Logits of the same rows (values, for regression).

    Returns
    -------
    ndarray of shape (n_samples, 2), float64
        Whose column means `r2_of_means` reads.
    """
    if task == "multiclass":
        teacher, student = centred_logits(teacher), centred_logits(student)
    # The means are held while rows are resampled; that moves R2 by some 1/n only.
    spread = teacher - teacher.mean(axis=0)
    spread[:, np.ptp(teacher, axis=0) == 0] = 0
    error = ((teacher - student) ** 2).sum(axis=1)
    return np.column_stack([error, (spread**2).sum(axis=1)])


def r2_of_means(means: Array) -> Array:
    """Return R2 out of the means of `squared_parts`.

    Parameters
    ----------
    means : ndarray of shape (n_resamples, 2)
        Mean squared errors and mean squared distances.

    Returns
    -------
    ndarray of shape (n_resamples,), float64
        In (-inf, 1]; where nothing varies, 1 without errors and 0 with some.
    """
    error, spread = means[:, 0], means[:, 1]
    varies = spread > 0
    unexplained = error / np.where(varies, spread, 1)
    return np.where(varies, 1 - unexplained, np.where(error == 0, 1.0, 0.0))


def label_matches(y: ArrayLike, decisions: ArrayLike) -> NDArray[np.bool_]:
    """Tell on which rows a decision is the label; of several labels, all of them.

    Parameters
    ----------
    y, decisions : array-like of shape (n_samples,) or (n_samples, n_labels)
        Labels, and what was decided.

    Returns
    -------
    ndarray of shape (n_samples,), bool
        One value a row.

    Raises
    ------
    InputError
        For two shapes, no row, or a label that is missing.
    """
    labels, decided = np.asarray(y), np.asarray(decisions)
    if labels.shape != decided.shape or labels.ndim not in (1, 2) or not len(labels):
        raise InputError(
            "The labels and the decisions must have one shape, (n_samples,) or "
            f"(n_samples, n_labels), with at least 1 row. Got {labels.shape} and "
            f"{decided.shape}."
        )
    check_known(labels)
    same = np.asarray(labels == decided, dtype=bool).reshape(len(labels), -1)
    every: NDArray[np.bool_] = np.logical_and.reduce(same, axis=1)
    return every


def check_known(labels: NDArray[Any]) -> None:
    """Check that no label is missing.

    Parameters
    ----------
    labels : ndarray
        Labels of rows.

    Raises
    ------
    InputError
        When one is; the text names the row.
    """
    missing = np.asarray(pd.isna(labels))
    if missing.any():
        row = int(np.argwhere(missing)[0][0])
        raise InputError(
            f"The labels y must be known for every row. Got none in row {row}; leave "
            "such rows out."
        )


def _check_task(owner: str, task: str) -> None:
    if task == "regression":
        raise InputError(
            f"The model given to {owner} must be a classifier. Got a regression, which "
            "has no classes; use fidelity_by_slice."
        )


def measure_fidelity(
    task: str,
    teacher: Array | Answers,
    student: Array,
    groups: ArrayLike | None = None,
) -> Estimate:
    """Return the fidelity of one model's logits with another's.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    teacher : ndarray of shape (n_samples, n_outputs), float64, or Answers
        Logits (values, for regression); with the teacher's own decisions.
    student : ndarray of shape (n_samples, n_outputs), float64
        Logits of the same rows.
    groups : array-like of shape (n_samples,), default=None
        What the rows belong to, such as customers: intervals are then over groups.
        None takes the rows as independent.

    Returns
    -------
    Estimate
        Agreement; R2 for regression.
    """
    measure = r2 if task == "regression" else agreement
    return measure(teacher, student, task, groups=groups)


def plain_fidelity(task: str, student: Array, teacher: Array | Answers) -> float:
    """Return the share of equal decisions (R2, for regression), without an interval.

    Parameters
    ----------
    task : {"multiclass", "multilabel", "regression"}
        What is decided.
    student : ndarray of shape (n_samples, n_outputs), float64
        Logits, or values.
    teacher : ndarray of shape (n_samples, n_outputs), float64, or Answers
        The same; with the teacher's own decisions.

    Returns
    -------
    float
        1 for full agreement.
    """
    if task == "regression":
        values = np.asarray(teacher)
        spread = ((values - values.mean(axis=0)) ** 2).sum()
        return float(1 - ((student - values) ** 2).sum() / max(spread, 1e-300))
    same: NDArray[Any] = decide(student, task) == decide(teacher, task)
    return float(same.mean())
