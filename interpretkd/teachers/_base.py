"""What turns any fitted model into a teacher: something with logits.

`as_teacher` reads fitted estimators; what they answer becomes checked logits. Whatever
is no estimator is made one first: `CallableTeacher`, `TorchTeacher`, `OnnxTeacher`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from interpretkd._base import Array, InputError, one_line
from interpretkd.targets import TASKS, Answers, decide, probabilities
from interpretkd.teachers._asking import (
    _BATCH,
    _as_matrix,
    _checked,
    _in_batches,
    _label_columns,
    _length,
    _to_logits,
)
from interpretkd.teachers._inside import (
    _check_offered,
    _layer_names,
    _offers,
)
from interpretkd.teachers._own_decisions import (
    _check_one_score_a_class,
    _decides_for_itself,
    _read_decisions,
)


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

    @property
    def offers(self) -> frozenset[str]:
        """What it has besides logits, of "activations", "gradients", "checkpoints"."""
        return _offers(self.estimator)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of its hidden layers, in their order; () where there are none."""
        return _layer_names(self.estimator)

    def activations(self, X: Any, layer: int | str = -1) -> NDArray[Any]:
        """Return what a hidden layer says.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns; the model reads them in batches of its own.
        layer : int or str, default=-1
            Its position in `layers`, negative ones from the last, or its name. -1 is
            the layer before the outputs.

        Returns
        -------
        ndarray of shape (n_samples, n_units), float
            The units' values; of a convolution (n_samples, channels, height, width),
            as it gives them: 4 bytes a unit and row, so mind the memory.

        Raises
        ------
        InputError
            When the model has no hidden layers that can be read, or not this one.
        """
        _check_offered(self.estimator, "activations")
        rows = self._read(X)
        said = np.asarray(self.estimator.activations(rows, layer))
        if said.ndim < 2 or len(said) != _length(rows) or said.dtype.kind not in "biuf":
            raise InputError(
                f"The activations of {type(self.estimator).__name__} must be numbers "
                f"of shape ({_length(rows)}, n_units). Got {said.dtype} of shape "
                f"{said.shape}."
            )
        return said if said.dtype.kind == "f" else said.astype(np.float32)

    def size_to(self, layer: int | str = -1) -> tuple[int, int]:
        """Return the size of the part that is needed to read a hidden layer.

        Parameters
        ----------
        layer : int or str, default=-1
            As of `activations`.

        Returns
        -------
        n_parameters : int
            The numbers up to this layer; those of the whole model where its parts
            cannot be told apart.
        size_bytes : int
            Their bytes.

        Raises
        ------
        InputError
            When the model has no such layer, or does not say its size.
        """
        _check_offered(self.estimator, "activations")
        if hasattr(self.estimator, "size_to"):
            n_parameters, size_bytes = self.estimator.size_to(layer)
            return int(n_parameters), int(size_bytes)
        if self.n_parameters is None or self.size_bytes is None:
            raise InputError(
                f"The size of the teacher, a {type(self.estimator).__name__}, is not "
                "known: give it the attributes n_parameters and size_bytes."
            )
        return self.n_parameters, self.size_bytes

    def gradients(self, X: Any, output: Any = None) -> Array:
        """Return how a logit changes with the numbers of each row.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        output : int or array of shape (n_samples,), default=None
            The position of a class, label or value, for all rows or for each; None
            for the class that the model decides, or the only output.

        Returns
        -------
        ndarray of shape (n_samples, n_features), float64
            The derivative of that class's logit less the mean of the row's logits (for
            labels and regression: of the logit or value itself), per unit of the
            column. NaN where there is none: for categories, dates and missing cells.
            It costs about as much as asking for the logits three times.

        Raises
        ------
        InputError
            When the model cannot say; when there are several outputs that do not
            exclude each other, and none is given.
        """
        _check_offered(self.estimator, "gradients")
        rows = self._read(X)
        if output is None and self.task == "multiclass":
            output = self.answers(X).own  # None where the logits tell
        return np.asarray(self.estimator.gradients(rows, output), dtype=np.float64)

    @property
    def checkpoints(self) -> tuple["Teacher", ...]:
        """The model after each epoch of its training; () where none were kept.

        Each is a copy: they are made when they are asked for.
        """
        if "checkpoints" not in self.offers:
            return ()
        epochs = range(1, len(self.estimator.checkpoints_) + 1)
        stages = (self.estimator.at_checkpoint(epoch) for epoch in epochs)
        return tuple(
            replace(self, estimator=stage, decides_otherwise=False) for stage in stages
        )

    @property
    def origin(self) -> "Teacher":
        """The first teacher of a chain: of a distilled model its teacher's origin.

        Of any other model itself. A distilled model is also found in a pipeline, a
        search, and what is made of one teacher or of several that have one origin. It
        reads rows as this one does.

        Raises
        ------
        InputError
            When distilled models stand inside, but no one first teacher behind all.
        """
        from interpretkd.teachers._origin import _first_of

        first = _first_of(self)
        return self if first is None else first.teacher

    def origin_answers(self, X: Any) -> Answers:
        """Ask the first teacher of a chain, which may read more columns than this one.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Answers
            As `answers`.

        Raises
        ------
        InputError
            As `answers`, and as `origin`; when it cannot read such rows.
        """
        first = self.origin
        try:
            return first.answers(X)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError) as error:  # a model's own, of any kind
            said = str(error).strip().partition("\n")[0].rstrip(".:")
            raise InputError(
                f"The first teacher of the chain, a {type(first.estimator).__name__}, "
                f"cannot read these rows: {one_line(said)}."
            ) from error

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
