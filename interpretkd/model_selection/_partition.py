"""Rows divided into those to fit on, to choose by and to report on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length

from interpretkd._base import Array, InputError, check_real
from interpretkd.data import Rows, Schema, as_frame, hold_out, take_rows
from interpretkd.metrics import (
    Estimate,
    accuracy,
    agreement,
    constant_fidelity,
    measure_fidelity,
    r2,
)
from interpretkd.targets import Answers, check_labels, decide


@dataclass(frozen=True, eq=False)
class _EvaluationRows:
    """Rows on which students are measured, and what is known of them.

    Parameters
    ----------
    rows : DataFrame or ndarray of shape (n_samples, n_features)
        Rows in original columns.
    answers : Answers
        The teacher's.
    labels : array-like of shape (n_samples,) or (n_samples, n_outputs), or None
        The labels (values, for regression).
    groups : ndarray of shape (n_samples,), int64, or None
        What the rows belong to; None takes them as independent.
    """

    rows: Any
    answers: Answers
    labels: Any = None
    groups: NDArray[np.int64] | None = None

    def fidelity(self, logits: Array, task: str) -> Estimate:
        """Measure agreement with the teacher, as `metrics.fidelity` does."""
        return measure_fidelity(task, self.answers, logits, self.groups)

    def accuracy(self, logits: Array | Answers, model: Any) -> Estimate | None:
        """Measure agreement with the labels; None without labels."""
        if self.labels is None:
            return None
        labels = np.asarray(self.labels)
        if model.task_ == "regression":
            return r2(labels, np.asarray(logits), model.task_, groups=self.groups)
        decisions = decide(logits, model.task_)
        if model.task_ == "multiclass":
            decisions = model.classes_[decisions]
        shaped = labels.reshape(decisions.shape)
        return accuracy(shaped, decisions, groups=self.groups)

    def constant_fidelity(self, task: str) -> float:
        """Return the fidelity of the best constant; 0 for regression."""
        if task == "regression":
            return 0.0
        return constant_fidelity(decide(self.answers, task))

    def standard_error(self, logits: Array, task: str) -> float:
        """Return the standard error of the fidelity.

        Of a share it is that of Agresti and Coull (1998), at the middle of Wilson's
        interval, and no less than one row, the least that two can differ by: all of
        48 rows are no proof that no 49th would differ, and an error of 0 would buy
        any size for a single row.
        """
        n = len(logits)
        if task == "regression":
            said = self.answers.logits
            error = ((said - logits) ** 2).sum(axis=1)
            spread = ((said - said.mean(axis=0)) ** 2).sum(axis=1)
            return float(error.std(ddof=1) / np.sqrt(n) / max(spread.mean(), 1e-300))
        same = agreement(self.answers, logits, task).value
        middle = (same * n + 2) / (n + 4)
        error = float(np.sqrt(middle * (1 - middle) / (n + 4)))
        return max(error, (1 + 1e-9) / n)


@dataclass(frozen=True, eq=False)
class Partition:
    """Rows in three parts, none of which has a row of another; `partition` makes it.

    Parameters
    ----------
    train_rows, validation_rows, test_rows : ndarray of int64
        Positions in the given rows; the last is empty when test rows were given.
    train, validation, test : DataFrame or ndarray of shape (n_rows, n_features)
        The rows to fit on, to choose by, to report on.
    y_train, y_test : ndarray or None
        Their labels, where there are any.
    """

    train_rows: NDArray[np.int64]
    validation_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    train: Rows
    validation: Rows
    test: Rows
    y_train: NDArray[Any] | None
    y_test: NDArray[Any] | None


def partition(
    X: ArrayLike,
    y: Any = None,
    *,
    X_test: ArrayLike | None = None,
    y_test: Any = None,
    test_size: float = 0.25,
    validation_size: float = 0.2,
    stratify: bool = True,
    seed: int = 0,
) -> Partition:
    """Divide rows into training, validation and test parts.

    Parameters
    ----------
    X : array-like or frame of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Their labels.
    X_test : array-like or frame of shape (n_test, n_features), default=None
        Rows to report on; None keeps a part of `X` apart.
    y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
        Their labels.
    test_size : float, default=0.25
        In (0, 1): that part, without `X_test`.
    validation_size : float, default=0.2
        In (0, 1): the part of `X` to choose by.
    stratify : bool, default=True
        Whether each part gets its share of each class, where it can be.
    seed : int, default=0
        Of the draw.

    Returns
    -------
    Partition
        The parts.

    Raises
    ------
    InputError
        For shares out of range, labels of other rows, and too few rows.
    """
    check_real("frontier", "test_size", test_size, 0, 1)
    check_real("frontier", "validation_size", validation_size, 0, 1)
    if y_test is not None and X_test is None:
        raise InputError("The 'y_test' parameter of frontier needs the rows X_test.")
    rows = _as_rows(X)
    rows = Schema.from_data(rows).conform(rows)  # a part may lack a rare category
    labels = None if y is None else np.asarray(y)
    strata = None
    if labels is not None:
        check_consistent_length(rows, labels)
        if stratify:
            labels = check_labels(labels)
            strata = labels if labels.ndim == 1 else None
    train, test = np.arange(len(rows)), np.arange(0)
    if X_test is None:
        train, test = _apart(train, test_size, seed, strata)
    share = min(validation_size * len(rows) / len(train), 1.0)
    strata = None if strata is None else strata[train]
    train, validation = _apart(train, share, seed, strata)
    report, known = take_rows(rows, test), None if labels is None else labels[test]
    if X_test is not None:
        report, known = _as_rows(X_test), None
        if y_test is not None:
            known = np.asarray(y_test)
            check_consistent_length(report, known)
    return Partition(
        train,
        validation,
        test,
        take_rows(rows, train),
        take_rows(rows, validation),
        report,
        None if labels is None else labels[train],
        known,
    )


def _as_rows(X: Any) -> Rows:
    frame = as_frame(X)
    return np.asarray(X) if frame is None else frame


def _apart(
    rows: NDArray[np.int64], share: float, seed: int, strata: NDArray[Any] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows in two parts, each in order; the second is the share."""
    size = round(share * len(rows))
    if not 1 <= size < len(rows):
        raise InputError(
            f"There are too few rows to keep {size} of {len(rows)} apart. Give more "
            "rows, or other shares."
        )
    return hold_out(rows, size, seed, strata)
