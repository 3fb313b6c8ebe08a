"""Estimators of models that are trained already, and the plainest: any function.

They are frozen: cloning or fitting leaves them as they are.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils._tags import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if

from interpretkd._base import Array, InputError, check_choice, check_integer
from interpretkd.targets import TASKS, decide, probabilities
from interpretkd.teachers._asking import _in_batches, _to_logits

OUTPUTS = ("auto", "logits", "probabilities", "values")

_ENOUGH_TO_TELL = 20
"""Rows from which on what was read out of outputs is settled."""

_SUM_TOLERANCE = 4e-3
"""How far the probabilities of a row may sum from 1: those of bfloat16 do."""


class _Frozen(BaseEstimator, ABC):
    """What the adapters share: whatever the model says becomes checked logits."""

    task: str
    classes: Any
    output: str
    batch_size: int
    names_classes = False
    """The classes and their order are told by who wraps the model, or are numbers."""
    _n_outputs: int | None
    _decided: str | None = None
    _are_logits: bool = False

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Return itself: the model is trained already.

        Parameters
        ----------
        X, y : object, default=None
            Passed over.

        Returns
        -------
        estimator
            Itself.
        """
        return self

    def logits(self, X: ArrayLike) -> Array:
        """Return what the model says, as logits.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits, one column a class or label; the values, for regression.

        Raises
        ------
        InputError
            When the model's answer is of another shape or not finite; when it is not
            told whether it is logits, and looks like the probabilities of single
            columns.
        """
        said = _in_batches(self._logits, X, self._rows_at_once)
        if self.output == "auto" and not self.is_guess:
            self._check_told(said)
        return said

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the decisions (values, for regression).

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Classes, 0 and 1 for each label, or values.
        """
        logits = self.logits(X)
        if self.task == "regression":
            return logits[:, 0] if logits.shape[1] == 1 else logits
        decisions = decide(logits, self.task)
        return decisions if self.task == "multilabel" else self.classes_[decisions]

    # scikit-learn's decorator has no types.
    @available_if(lambda self: self.task != "regression")  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class or label.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, ...)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            In [0, 1]; the rows sum to 1 unless these are labels.
        """
        return probabilities(self.logits(X), self.task)

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes; their positions when none were given."""
        if self.task != "regression":
            if self.classes is not None:
                return np.asarray(self.classes)
            if self._n_outputs is None:
                self._try_one_row()
            if self._n_outputs is not None:
                return np.arange(self._n_outputs)
        raise AttributeError(f"This {type(self).__name__} knows of no classes_.")

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # Whether missing values are allowed, the model alone knows; it is asked.
        tags.input_tags.allow_nan = True
        if self.task == "regression":
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        else:
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        return tags

    @property
    def _rows_at_once(self) -> int:
        return self.batch_size

    @property
    def is_guess(self) -> bool:
        """Whether outputs are taken for probabilities by nothing but their values."""
        return self.output == "auto" and self._decided == "probabilities"

    def _check_told(self, said: Array) -> None:
        """Refuse a single column in [0, 1], which sigmoids give and logits hardly."""
        if self.task == "regression" or len(said) < _ENOUGH_TO_TELL:
            return
        if self._are_logits:  # other rows have told: these may be alike
            return
        if self.task == "multiclass":
            if said.shape[1] != 2 or (said[:, 0] != -said[:, 1]).any():
                return
            said = said[:, 1:] - said[:, :1]
        if said.min() < 0 or said.max() > 1:
            self._are_logits = True
            return
        raise InputError(
            f"All outputs of {type(self).__name__} for {len(said):,} rows lie in [0, "
            "1], as probabilities do: say which they are with output='probabilities' "
            "or output='logits'."
        )

    def _check(self) -> None:
        name = type(self).__name__
        check_choice(name, "task", self.task, TASKS)
        check_choice(name, "output", self.output, OUTPUTS)
        check_integer(name, "batch_size", self.batch_size, 1)
        wrong = "probabilities" if self.task == "regression" else "values"
        if self.output == wrong:
            raise InputError(
                f"The 'output' parameter of {name} cannot be {wrong!r} for the task "
                f"{self.task!r}."
            )
        self._n_outputs = None if self.classes is None else len(self.classes)

    def _logits(self, rows: Any) -> Array:
        return self._read(self._ask(rows), len(rows))

    def _read(self, said: Any, n_rows: int) -> Array:
        logits = _to_logits(
            said,
            self._kind(said),
            self.task,
            type(self).__name__,
            n_rows,
            None if self.task == "regression" else self._n_outputs,
        )
        self._n_outputs = logits.shape[1]
        return logits

    def _kind(self, said: Any) -> str:
        """Tell what outputs are; by their values where nobody does."""
        if self.output != "auto":
            return self.output
        if self.task == "regression":
            return "values"
        kind = self._decided or self._kind_by_values(said)
        if len(said) >= _ENOUGH_TO_TELL:
            self._decided = kind
        return kind

    def _kind_by_values(self, said: Any) -> str:
        values = np.asarray(said)
        is_distribution = (
            self.task == "multiclass"
            and values.ndim == 2
            and values.shape[1] > 1
            and values.min() >= 0
            and np.allclose(values.sum(axis=1), 1, rtol=0, atol=_SUM_TOLERANCE)
        )
        return "probabilities" if is_distribution else "logits"

    @abstractmethod
    def _ask(self, rows: Any) -> Any:
        """Return the model's raw answer to a batch."""

    def _try_one_row(self) -> None:
        """Find out how many outputs there are, where a row can be made up."""


class CallableTeacher(_Frozen):
    """Any function of rows as a teacher.

    Parameters
    ----------
    f : callable
        Rows (a part of the frame or array given) -> array of shape (n_samples,
        n_outputs).
    task : {"multiclass", "multilabel", "regression"}, default="multiclass"
        What it does.
    classes : array-like of shape (n_classes,), default=None
        In the order of its outputs; None for 0, 1, ...
    output : {"auto", "logits", "probabilities", "values"}, default="auto"
        What it returns; "auto" takes rows that are distributions for probabilities,
        all else for logits. For "multiclass" a single column belongs to the second of
        two classes.
    batch_size : int, default=4096
        In [1, inf): the most rows in one call.

    Examples
    --------
    >>> import numpy as np
    >>> def f(rows):
    ...     return np.column_stack([-rows[:, 0], rows[:, 0]])
    >>> CallableTeacher(f, classes=["low", "high"]).predict(np.array([[-1.0], [2.0]]))
    array(['low', 'high'], dtype='<U4')
    """

    def __init__(
        self,
        f: Callable[[Any], Any],
        *,
        task: str = "multiclass",
        classes: Any = None,
        output: str = "auto",
        batch_size: int = 4096,
    ) -> None:
        self.f = f
        self.task = task
        self.classes = classes
        self.output = output
        self.batch_size = batch_size
        self._check()

    def _ask(self, rows: Any) -> Any:
        return self.f(rows)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]


def _numbers(rows: Any, dtype: Any) -> NDArray[Any]:
    try:
        if isinstance(rows, pd.DataFrame):
            return rows.to_numpy(dtype=dtype, na_value=np.nan)
        return np.asarray(rows, dtype=dtype)
    except (ValueError, TypeError) as error:
        raise InputError(
            "The rows must be numbers; give a 'preprocess' function that turns others "
            f"into numbers. Got: {error}."
        ) from error


def _reshaped(inputs: Any, shape: tuple[int, ...]) -> Any:
    try:
        return inputs.reshape(len(inputs), *shape)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"Rows of shape {tuple(inputs.shape[1:])} do not fit the input shape "
            f"{tuple(shape)}."
        ) from error
