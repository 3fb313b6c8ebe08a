"""What teachers made of other teachers share: one estimator that answers for them.

What is fitted among their parts is used as it is, frozen or not, and outlives `clone`;
the rest is cloned and fitted by `fit`. Where nothing needs to be fitted, they are
fitted from the start.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import Tags, get_tags
from sklearn.utils._tags import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from interpretkd._base import Array, InputError, one_line
from interpretkd.data import as_frame, checked_rows
from interpretkd.targets import Answers, decide, probabilities
from interpretkd.teachers._base import Teacher
from interpretkd.teachers._fitted import has_tags, is_fitted, needs_labels


class _Made(Protocol):
    """What answers once all parts are fitted."""

    @property
    def teachers(self) -> tuple[Teacher, ...]:
        """Those that are asked."""

    @property
    def classes(self) -> NDArray[Any] | None: ...

    @property
    def task(self) -> str: ...

    def answers(self, X: Any) -> Answers: ...


class _Composite(BaseEstimator, ABC):
    """An estimator with logits and decisions, made of other estimators."""

    _made: _Made | None = None
    n_features_in_: int

    @abstractmethod
    def _parts(self) -> list[Any]:
        """Return the estimators given; [] where they are no such thing."""

    @abstractmethod
    def _make(self, parts: list[Any]) -> _Made:
        """Put fitted parts together, without any rows."""

    def logits(self, X: ArrayLike) -> Array:
        """Return what they say together.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            Logits, one column a class or label; the values, for regression.
        """
        return self.answers(X).logits

    def answers(self, X: ArrayLike) -> Answers:
        """Return what they say together, and decide.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        Answers
            The logits; decisions of their own where these do not tell.
        """
        made = self._ready()
        return made.answers(self._checked(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return what they decide together.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Classes (their positions where nobody knows the classes), 0 and 1 for each
            label, or values.
        """
        answers, made = self.answers(X), self._ready()
        if made.task == "regression":
            values = answers.logits
            return values[:, 0] if values.shape[1] == 1 else values
        decided = decide(answers, made.task)
        if made.task == "multilabel" or made.classes is None:
            return decided
        chosen: NDArray[Any] = made.classes[decided]
        return chosen

    # scikit-learn's decorator has no types.
    @available_if(lambda self: not is_regressor(self))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class or label, at temperature 1.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            In [0, 1]; the rows sum to 1 unless these are labels.
        """
        logits = self.logits(X)
        return probabilities(logits, self._ready().task)

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the accuracy of the decisions (R2 of the values, for regression).

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or values.

        Returns
        -------
        float
            At most 1.
        """
        measure = r2_score if is_regressor(self) else accuracy_score
        return float(measure(y, self.predict(X)))

    @property
    def task_(self) -> str:
        """What they do: "multiclass", "multilabel" or "regression"."""
        return self._ready().task

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes, in the order of the logits."""
        classes = self._ready().classes
        if classes is None:
            raise AttributeError(f"This {type(self).__name__} knows of no classes_.")
        return classes

    @property
    def names_classes(self) -> bool:
        """Whether one of them knows the names of the classes itself."""
        return any(teacher.names_classes for teacher in self._ready().teachers)

    @property
    def n_parameters(self) -> int | None:
        """The numbers that all hold together; None where one cannot be counted."""
        return _total(teacher.n_parameters for teacher in self._ready().teachers)

    @property
    def size_bytes(self) -> int | None:
        """Their bytes; None where one cannot be counted."""
        return _total(teacher.size_bytes for teacher in self._ready().teachers)

    @property
    def image_shape_(self) -> tuple[int, ...] | None:
        """The shape of the images whose pixels all of them read, if they do."""
        inside = [getattr(part, "estimator", part) for part in self._parts()]
        shapes = {getattr(model, "image_shape_", None) for model in inside}
        return shapes.pop() if len(shapes) == 1 else None

    @property
    def needs_labels(self) -> bool:
        """Whether `fit` cannot do without labels."""
        return any(needs_labels(part) for part in self._parts())

    @property
    def has_fitted_members(self) -> bool:
        """Whether some are used as they are, and know the rows they were given."""
        return any(is_fitted(part) for part in self._parts())

    def __sklearn_is_fitted__(self) -> bool:
        return self._made is not None or self._needs_no_fit()

    def _needs_no_fit(self) -> bool:
        parts = self._parts()
        return bool(parts) and all(is_fitted(part) for part in parts)

    def __sklearn_clone__(self) -> Self:
        settings = self.get_params(deep=False)
        new = type(self)(**{name: _kept(value) for name, value in settings.items()})
        if hasattr(self, "_metadata_request"):
            new._metadata_request = copy.deepcopy(self._metadata_request)
        return new

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        parts = [part for part in self._parts() if not isinstance(part, type)]
        known = [get_tags(part) for part in parts if has_tags(part)]
        inputs = [part.input_tags for part in known]
        tags.input_tags.allow_nan = all(part.allow_nan for part in inputs)
        tags.input_tags.categorical = all(part.categorical for part in inputs)
        tasks = [getattr(part, "task", None) for part in parts]
        if "regression" in tasks or any(is_regressor(p) for p in parts if has_tags(p)):
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        else:
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        tags.target_tags.required = self.needs_labels
        return tags

    def _select(self, X: Any) -> Any:
        """Return what its teachers read of the rows."""
        return X

    @property
    def _selects(self) -> tuple[Any, ...]:
        """Which part of the rows that is; () for all."""
        return ()

    def _ready(self) -> _Made:
        """Return what answers: as fitted, or of parts that were fitted before."""
        if self._made is not None:
            return self._made
        parts = self._parts()
        for part in parts:
            _check_part(type(self).__name__, part)
        if parts:
            check_is_fitted(self)
        return self._make(parts)

    def _checked(self, X: Any) -> Any:
        """Compare rows with those of `fit`, where teachers were fitted to these."""
        if not hasattr(self, "n_features_in_"):
            return X
        rows = checked_rows(self, X, reset=False)
        return X if as_frame(X) is not None else rows

    def _learn_columns(self, X: Any) -> Any:
        """Check the rows given to `fit`, where parts are fitted to them."""
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                delattr(self, name)
        if self._needs_no_fit():
            return X
        rows = checked_rows(self, X, reset=True)
        return X if as_frame(X) is not None else rows


def _told(n_rows: int, groups: Any, sample_weight: Any) -> dict[str, NDArray[Any]]:
    """Return what is told of rows beside their labels, for parts that take it."""
    told = {} if groups is None else {"groups": np.asarray(groups)}
    if sample_weight is None:
        return told
    weight = np.asarray(sample_weight, dtype=np.float64)
    fits = weight.shape == (n_rows,) and bool(np.isfinite(weight).all())
    if not fits or (weight < 0).any() or not weight.any():
        raise InputError(
            f"The sample_weight must be {n_rows} numbers in [0, inf), not all zero, "
            f"one a row. Got shape {weight.shape}."
        )
    return told | {"sample_weight": weight}


def _told_of(told: dict[str, NDArray[Any]], place: Any) -> dict[str, NDArray[Any]]:
    """Return what is told of some of the rows."""
    return {name: values[place] for name, values in told.items()}


def _fitted_part(part: Any, X: Any, y: Any, told: dict[str, NDArray[Any]]) -> Any:
    """Return a part as it is if it is fitted, else a clone that is fitted here."""
    if is_fitted(part):
        return part
    takes = {n: values for n, values in told.items() if has_fit_parameter(part, n)}
    return clone(part).fit(X, y, **takes)


def _check_part(owner: str, part: Any) -> None:
    """Refuse what can neither answer nor be fitted."""
    can_fit = hasattr(part, "fit") and hasattr(part, "get_params")
    if isinstance(part, type) or not (can_fit or is_fitted(part)):
        raise InputError(
            f"Every teacher in {owner} must be an estimator, an adapter or have "
            f"logits. Got {one_line(repr(part))}."
        )


def _check_labels_given(owner: str, needed: bool, y: Any) -> None:
    if needed and y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target y is "
            "None: only teachers that are fitted need none, and weights by 'validation'"
            " always do."
        )


def _kept(value: Any) -> Any:
    """Clone a parameter; what is fitted stays as it is."""
    if isinstance(value, list | tuple):
        return type(value)(_kept(part) for part in value)
    if isinstance(value, dict):
        return {name: _kept(part) for name, part in value.items()}
    return value if is_fitted(value) else clone(value, safe=False)


def _total(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if None in known else sum(size or 0 for size in known)
