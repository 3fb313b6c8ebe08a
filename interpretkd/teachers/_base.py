"""What turns any fitted model into a teacher: something with logits.

`as_teacher` reads fitted estimators; what they answer becomes checked logits. Whatever
is no estimator is made one first: `CallableTeacher`, `TorchTeacher`, `OnnxTeacher`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from interpretkd._base import Array, InputError, one_line
from interpretkd.data import batches, to_pandas
from interpretkd.targets import TASKS, Answers, decide, probabilities
from interpretkd.teachers._own_decisions import (
    _check_one_score_a_class,
    _decides_for_itself,
    _read_decisions,
)

_SMALLEST = 1e-12
"""Probabilities below this count as this much: their logarithm must be finite."""
_BATCH = 16_384


@dataclass(frozen=True, eq=False)
class Teacher:
    """A fitted model that can be asked for logits.

    Parameters
    ----------
    estimator : object
        The model itself.
    classes : ndarray of shape (n_classes,) or None
        In the order of the logits; None for regression, and where nobody knows.
    task : {"multiclass", "multilabel", "regression"}
        What the model does.
    n_parameters : int or None, default=None
        The numbers it has learnt, where they can be counted.
    size_bytes : int or None, default=None
        Their bytes.
    names_classes : bool, default=True
        Whether it is the model itself that knows the names of its classes and their
        order, and not who wrapped it.
    decides_otherwise : bool, default=False
        Whether its `predict` was seen to say other than its largest score.
    reads : callable or None, default=None
        Turns rows into the form of those that the model was fitted to; None for rows
        as they are.
    """

    estimator: Any
    classes: NDArray[Any] | None
    task: str
    n_parameters: int | None = None
    size_bytes: int | None = None
    names_classes: bool = True
    decides_otherwise: bool = False
    reads: Callable[[Any], Any] | None = None

    def logits(self, X: Any) -> Array:
        """Ask the model, in batches.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits, one column a class (two for two classes) or label; the values, for
            regression.

        Raises
        ------
        InputError
            When the model returns another shape, or numbers that are not finite.
        """
        return _asker(self.estimator, self.task, self.classes)(self._read(X))

    def answers(self, X: Any, logits: Any = None) -> Answers:
        """Ask the model for its logits, and for what it decides by its `predict`.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        logits : ndarray of shape (n_samples, n_outputs), or Answers, default=None
            What it said of these rows before; None asks it.

        Returns
        -------
        Answers
            The logits; its own decisions where they are not what the logits decide. Of
            given logits it is asked for these only if it was seen to decide otherwise.

        Raises
        ------
        InputError
            As `logits`; when `predict` fails, or decides what is no class.
        """
        if isinstance(logits, Answers):
            return logits
        if logits is not None and not self.decides_otherwise:
            return Answers(_as_matrix(logits))
        if hasattr(self.estimator, "answers"):  # one that stands before another
            known: Answers = self.estimator.answers(self._read(X))
            return known if logits is None else Answers(_as_matrix(logits), known.own)
        said = self.logits(X) if logits is None else _as_matrix(logits)
        own = self._own_decisions(self._read(X), said.shape[1])
        if own is None or np.array_equal(own, decide(said, self.task)):
            return Answers(said)
        return Answers(said, own)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return what the model decides.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Classes (their positions, where nobody knows the classes), 0 and 1 for each
            label, or values.

        Raises
        ------
        InputError
            As `answers`.
        """
        answers = self.answers(X)
        if self.task == "regression":
            values = answers.logits
            return values[:, 0] if values.shape[1] == 1 else values
        decided = decide(answers, self.task)
        if self.task == "multilabel" or self.classes is None:
            return decided
        chosen: NDArray[Any] = self.classes[decided]
        return chosen

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class or label, read from the logits.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            In [0, 1]; the rows sum to 1 unless these are labels.

        Raises
        ------
        InputError
            For a regression, which has no probabilities; as `logits`.
        """
        if self.task == "regression":
            raise InputError(
                "A teacher that predicts values has no probabilities: use predict."
            )
        return probabilities(self.logits(X), self.task)

    def _read(self, X: Any) -> Any:
        """Give rows the form of those that the model was fitted to."""
        return X if self.reads is None else self.reads(X)

    def _own_decisions(self, X: Any, n_outputs: int) -> NDArray[np.int64] | None:
        """Ask `predict`; None where that is our reading of the logits, or missing."""
        model, task, classes = self.estimator, self.task, self.classes
        if not _decides_for_itself(model, task):
            return None

        def part(rows: Any) -> NDArray[np.int64]:
            return _read_decisions(model, rows, classes, task, n_outputs)

        return part(X) if hasattr(model, "logits") else _in_batches(part, X, _BATCH)


def as_teacher(estimator: Any) -> Teacher:
    """Make a teacher of a fitted model.

    Parameters
    ----------
    estimator : object
        Anything with `logits`; a fitted classifier with `predict_proba` (its
        logarithm is taken) or `decision_function`, of classes or of labels; a fitted
        regressor; any of these inside `FrozenEstimator`.

    Returns
    -------
    Teacher
        The handle; its logits are asked for in batches and checked.

    Raises
    ------
    NotFittedError
        When the estimator is not fitted.
    InputError
        When it is none of these.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> teacher = as_teacher(LogisticRegression(max_iter=1000).fit(X, y))
    >>> teacher.logits(X).shape, teacher.n_parameters
    ((150, 3), 15)
    """
    if isinstance(estimator, Teacher):
        return estimator
    while isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    if hasattr(estimator, "__sklearn_tags__"):
        check_is_fitted(estimator)
    task, classes = _task(estimator), _classes(estimator)
    n_parameters, size_bytes = _sizes(estimator)
    _asker(estimator, task, classes)  # says at once what cannot be asked
    return Teacher(
        estimator=estimator,
        classes=None if task == "regression" else classes,
        task=task,
        n_parameters=n_parameters,
        size_bytes=size_bytes,
        names_classes=classes is not None and getattr(estimator, "names_classes", True),
    )


def _asker(
    estimator: Any, task: str, classes: NDArray[Any] | None
) -> Callable[[Any], Array]:
    name = type(estimator).__name__
    n_outputs = None if classes is None or task == "regression" else len(classes)
    if hasattr(estimator, "logits"):
        return lambda X: _checked(estimator.logits(X), name, _length(X), n_outputs)
    if task == "regression" and hasattr(estimator, "predict"):
        method, kind = estimator.predict, "values"
    elif hasattr(estimator, "predict_proba"):
        method, kind = estimator.predict_proba, "probabilities"
    elif hasattr(estimator, "decision_function"):
        method, kind = estimator.decision_function, "logits"
    else:
        hint = ""
        if hasattr(estimator, "parameters"):
            hint = "; wrap a torch module in TorchTeacher(module, classes=...)"
        elif callable(estimator) and not isinstance(estimator, type):
            hint = "; wrap a function in CallableTeacher(f, classes=...)"
        raise InputError(
            "A teacher needs a method logits, predict_proba or decision_function, or "
            f"predict if it is a regressor. Got {one_line(repr(estimator))}{hint}."
        )

    def part(rows: Any) -> Array:
        said = method(rows)
        by_label = _classes_by_label(estimator)
        if isinstance(said, list) and by_label is not None:
            said = _label_columns(said, by_label)
        if kind == "logits" and task == "multiclass" and np.ndim(said) == 2:
            n_classes = np.shape(said)[1] if n_outputs is None else n_outputs
            _check_one_score_a_class(estimator, np.shape(said), n_classes)
        return _to_logits(said, kind, task, name, len(rows), n_outputs)

    return lambda X: _in_batches(part, X, _BATCH)


def _task(estimator: Any) -> str:
    for name in ("task_", "task"):
        if getattr(estimator, name, None) in TASKS:
            return str(getattr(estimator, name))
    if _is_multilabel(estimator):
        return "multilabel"
    has_tags = hasattr(estimator, "__sklearn_tags__")
    if has_tags and is_regressor(estimator):
        return "regression"
    scores = ("logits", "predict_proba", "decision_function")
    if has_tags or any(hasattr(estimator, method) for method in scores):
        return "multiclass"
    return "regression"


def _is_multilabel(estimator: Any) -> bool:
    """Tell by what scikit-learn's classifiers remember of their labels."""
    last = _last_step(estimator)
    classes = _classes_by_label(last)
    if classes is not None:
        if not all(set(np.asarray(c).tolist()) <= {0, 1} for c in classes):
            raise InputError(
                "A teacher of several outputs must be a classifier of labels, 0 or 1 "
                f"each. Got {type(last).__name__} with classes "
                f"{[np.asarray(c).tolist() for c in classes]}."
            )
        return True
    binarizer = getattr(last, "_label_binarizer", None)
    return bool(getattr(last, "multilabel_", False)) or (
        getattr(binarizer, "y_type_", None) == "multilabel-indicator"
    )


def _classes(estimator: Any) -> NDArray[Any] | None:
    by_label = _classes_by_label(estimator)
    if by_label is not None:
        return np.arange(len(by_label))
    classes = getattr(estimator, "classes_", None)
    return None if classes is None else np.asarray(classes)


def _classes_by_label(estimator: Any) -> list[Any] | None:
    """Return the classes of each label; None where these are classes themselves.

    scikit-learn's estimators of several outputs have a list of arrays there, somebody's
    own class may have the classes in a list.
    """
    classes = getattr(estimator, "classes_", None)
    if not isinstance(classes, list) or any(np.ndim(part) == 0 for part in classes):
        return None
    return classes


def _label_columns(said: list[Any], classes: list[Any]) -> Array:
    """Return the probability of 1 for each label; some were never, or always, there."""
    columns = [
        np.asarray(part)[:, np.asarray(known) == 1].sum(axis=1)
        for part, known in zip(said, classes, strict=True)
    ]
    return np.column_stack(columns)


def _sizes(estimator: Any) -> tuple[int | None, int | None]:
    n_parameters = getattr(estimator, "n_parameters", None)
    size_bytes = getattr(estimator, "size_bytes", None)
    if n_parameters is not None or size_bytes is not None:
        return n_parameters, size_bytes
    last = _last_step(estimator)
    arrays: list[Any] = []
    for name in ("coef_", "intercept_", "coefs_", "intercepts_"):
        found = getattr(last, name, [])
        arrays.extend(found if isinstance(found, list) else [found])
    numbers = [np.asarray(array) for array in arrays]
    if not numbers or any(array.dtype.kind not in "fiu" for array in numbers):
        return None, None
    return sum(a.size for a in numbers), sum(a.nbytes for a in numbers)


def _last_step(estimator: Any) -> Any:
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def _in_batches(
    ask: Callable[[Any], NDArray[Any]], X: Any, batch_size: int
) -> NDArray[Any]:
    """Fill the answer piece by piece: only it grows with the rows."""
    frame = to_pandas(X)
    rows = np.asarray(X) if frame is None else frame
    if rows.ndim < 2:
        raise InputError(f"X must have rows and columns. Got shape {rows.shape}.")
    answers: NDArray[Any] | None = None
    start = 0
    for piece in batches(rows, batch_size):
        part = ask(piece)
        if answers is None:
            answers = np.empty((len(rows), *part.shape[1:]), dtype=part.dtype)
        answers[start : start + len(part)] = part
        start += len(part)
    if answers is None:
        raise InputError(
            "Found an array with 0 samples while a minimum of 1 is required."
        )
    return answers


def _as_matrix(values: Any) -> Array:
    matrix = np.asarray(values, dtype=np.float64)
    return matrix[:, None] if matrix.ndim == 1 else matrix


def _length(X: Any) -> int:
    frame = to_pandas(X) if hasattr(X, "columns") else None
    return len(X) if frame is None else len(frame)


def _to_logits(
    said: Any, kind: str, task: str, name: str, n_rows: int, n_outputs: int | None
) -> Array:
    """Turn a model's answer into logits: one column a class, label or value."""
    values = np.asarray(said, dtype=np.float64)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if kind == "probabilities":
        _check_probabilities(values, name)
    one_column = values.ndim == 2 and values.shape[1] == 1
    if task == "multiclass" and one_column:
        p = values
        values = np.hstack([1 - p, p] if kind == "probabilities" else [-p / 2, p / 2])
    if kind == "probabilities" and task == "multilabel":
        p = np.clip(values, _SMALLEST, 1 - _SMALLEST)
        values = np.log(p) - np.log1p(-p)
    elif kind == "probabilities":
        values = np.log(np.clip(values, _SMALLEST, None))
    return _checked(values, name, n_rows, n_outputs)


def _check_probabilities(values: Array, name: str) -> None:
    if values.size and not (values.min() >= -1e-6 and values.max() <= 1 + 1e-6):
        raise InputError(
            f"The probabilities of {name} must lie in [0, 1]. Got values from "
            f"{values.min():g} to {values.max():g}."
        )


def _checked(said: Any, name: str, n_rows: int, n_outputs: int | None) -> Array:
    logits = np.asarray(said, dtype=np.float64)
    expected = (n_rows, "n_outputs" if n_outputs is None else n_outputs)
    right = logits.ndim == 2 and len(logits) == n_rows
    if not right or (n_outputs is not None and logits.shape[1] != n_outputs):
        raise InputError(
            f"The answer of {name} must be of shape {expected}. Got {logits.shape}."
        )
    if not np.isfinite(logits).all():
        row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
        raise InputError(
            f"The answer of {name} must be finite. Got {logits[row].tolist()} for row "
            f"{row}."
        )
    return logits
