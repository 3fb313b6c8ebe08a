"""Distilling a teacher's logits into a student: the meta-estimators."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    RegressorMixin,
    clone,
    is_regressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
)

from interpretkd._errors import InputError
from interpretkd._typing import Array
from interpretkd._validation import check_boolean, check_choice, check_real
from interpretkd.adapters import Teacher, as_teacher
from interpretkd.datasets import hold_out
from interpretkd.forests import Forest
from interpretkd.frontiers import Frontier, trace
from interpretkd.intervals import Estimate
from interpretkd.lessons import (
    Lesson,
    Trial,
    as_columns,
    check_labels,
    choose_target,
    indicate,
    label_target,
    settle,
    stack_rows,
    take_rows,
    teach,
)
from interpretkd.lineups import Budget, default_lineup, given_lineup
from interpretkd.logits import decide, probabilities
from interpretkd.metrics import fidelity
from interpretkd.portions import RememberingTeacher, partition
from interpretkd.rows import Encoded, checked_rows
from interpretkd.schema import Rows, Schema, as_frame
from interpretkd.students import CartStudent, as_student
from interpretkd.targets import Target
from interpretkd.transfer import GENERATORS, draw_rows
from interpretkd.trees import Tree

__all__ = ["DistilledClassifier", "DistilledRegressor", "Trial", "frontier"]


TARGETS = ("auto", "hard", "soft", "logits")
_AUTO_TEMPERATURES = (0.5, 1.0, 2.0, 4.0)
_FEWEST_ROWS = 5
_ENOUGH_ROWS = 20_000
"""Rows from which on the search needs no further ones."""
_DRAWN_PER_ROW, _MOST_DRAWN = 20, 10_000
_TRIAL_ROWS = 20_000
"""Targets are compared on at most so many rows: their order settles early."""


class _Distilled(MetaEstimatorMixin, BaseEstimator):
    """What classifier and regressor share: from rows to a fitted student."""

    teacher: Any
    student: Any
    random_state: Any
    transfer: Any
    validation_fraction: float
    n_asked_: int
    schema_: Schema
    task_: str
    teacher_: Teacher
    target_: Target
    trials_: tuple[Trial, ...]
    student_: Any
    baseline_: Any
    validation_rows_: NDArray[np.int64]
    n_features_in_: int

    def logits(self, X: ArrayLike) -> Array:
        """Return the student's logits: a fitted distilled model can be a teacher.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            One column a class or label (values, for regression).
        """
        check_is_fitted(self)
        rows = checked_rows(self, X, reset=False)
        return self.target_.decode(
            as_columns(self.student_.predict(self._conform(rows)))
        )

    def baseline_logits(self, X: ArrayLike) -> Array:
        """Return the logits of the baseline, the same student fitted to the labels.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            One column a class or label (values, for regression).

        Raises
        ------
        InputError
            When `fit` was given no labels.
        """
        check_is_fitted(self)
        if self.baseline_ is None:
            raise InputError("There is no baseline: `fit` was given no labels y.")
        rows = checked_rows(self, X, reset=False)
        outputs = as_columns(self.baseline_.predict(self._conform(rows)))
        return label_target(self.task_).decode(outputs)

    def fidelity(self, X: ArrayLike) -> Estimate:
        """Return how far the student agrees with its teacher on these rows.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows that neither was fitted to.

        Returns
        -------
        Estimate
            The share of equal decisions (R2 of the values, for regression) with a
            95 % interval.
        """
        return fidelity(self, X)

    def report(self, X: ArrayLike, y: ArrayLike | None = None, **settings: Any) -> Any:
        """Put all that is known of the model into a report.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows that neither the teacher nor the student was fitted to.
        y : array-like of shape (n_samples,), default=None
            Their labels.
        **settings
            As of `interpretkd.report.make_report`.

        Returns
        -------
        Report
            Shows itself in a notebook; ``.write("report.html")`` keeps it.
        """
        from interpretkd.report import make_report

        return make_report(self, X, y, **settings)

    def app(self, X: ArrayLike, y: ArrayLike | None = None, **settings: Any) -> Any:
        """Open the studio on the model, in the browser, beside a notebook.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows that neither the teacher nor the student was fitted to.
        y : array-like of shape (n_samples,), default=None
            Their labels.
        **settings
            As of `interpretkd.studio.serve`.

        Returns
        -------
        OpenStudio
            Its address; ``.stop()`` ends it.
        """
        from interpretkd.studio import serve

        return serve(self, X, y, **settings)

    @property
    def tree_(self) -> Tree:
        """The student's frozen tree with the classes' names; only `CartStudent`s."""
        tree: Tree = self.student_.tree_
        classes = getattr(self, "classes_", None)
        return tree if classes is None else replace(tree, names=_texts(classes))

    @property
    def forest_(self) -> Forest:
        """The student's frozen trees; only a `BoostedStudent` has them."""
        return self.student_.forest_

    @property
    def n_parameters(self) -> int | None:
        """The numbers that the student holds; None when it is not one of ours."""
        return getattr(getattr(self.student_, "form_", None), "n_parameters", None)

    @property
    def size_bytes(self) -> int | None:
        """The bytes of these numbers; None when it is not one of ours."""
        return getattr(getattr(self.student_, "form_", None), "size_bytes", None)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        both = (get_tags(self.teacher), get_tags(self._student))
        tags.input_tags.allow_nan = all(t.input_tags.allow_nan for t in both)
        return tags

    @property
    def _student(self) -> Any:
        return CartStudent() if self.student is None else self.student

    def _conform(self, rows: Rows) -> Rows:
        return self.schema_.conform(rows)

    def _check(self, name: str) -> None:
        check_real(
            name,
            "validation_fraction",
            self.validation_fraction,
            0,
            0.5,
            closed="right",
        )
        if self.transfer is not None and not callable(self.transfer):
            check_choice(name, "transfer", self.transfer, GENERATORS)
        if not hasattr(self.teacher, "fit") and not hasattr(self.teacher, "logits"):
            raise InputError(
                f"The 'teacher' parameter of {name} must be an estimator or an "
                f"adapter. Got {self.teacher!r}."
            )

    def _begin(
        self, X: ArrayLike, y: Any, X_unlabelled: ArrayLike | None
    ) -> tuple[Rows, Encoded]:
        """Check what `fit` is given; return all rows, as they are and encoded."""
        self._check(type(self).__name__)
        if y is None and not _is_fitted(self.teacher):
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None: only a frozen teacher, FrozenEstimator(teacher) or an adapter, "
                "needs no labels."
            )
        rows = checked_rows(self, X, reset=True)
        encoded = Encoded.of(rows)
        self.schema_ = encoded.schema
        if len(rows) < _FEWEST_ROWS:
            raise InputError(
                f"Found array with {len(rows)} sample(s) while a minimum of "
                f"{_FEWEST_ROWS} is required by {type(self).__name__}."
            )
        if y is not None:
            check_consistent_length(rows, y)
        if X_unlabelled is not None:
            further = checked_rows(self, X_unlabelled, reset=False)
            rows = stack_rows(rows, further)
            encoded = Encoded.of(rows)  # which may have categories of their own
            self.schema_ = encoded.schema
        return self._conform(rows), encoded

    def _split(
        self, n_labelled: int, strata: NDArray[Any] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Keep a seeded part of the rows for choosing, stratified if it can be."""
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        rows = np.arange(n_labelled)
        size = max(2, round(self.validation_fraction * n_labelled))
        return hold_out(rows, size, seed, strata)

    def _teach(self, rows: Rows, y: Any) -> Teacher:
        """Return the teacher, fitted here unless it is frozen."""
        teacher = clone(self.teacher)
        if not _is_fitted(teacher):
            teacher.fit(rows, y)
        return as_teacher(teacher)

    def _distil(self, lesson: Lesson, targets: list[Target]) -> None:
        """Choose the target, fit the student, fit the baseline."""
        others = np.setdiff1d(np.arange(len(lesson)), self.validation_rows_)
        parts = _Parts(lesson, lesson.take(others), lesson.take(self.validation_rows_))
        self.target_, self.trials_ = targets[0], ()
        if len(targets) > 1:
            tried = parts.kept
            seed = check_random_state(self.random_state).randint(2**31 - 1)
            if len(others) > _TRIAL_ROWS:
                chosen = np.random.default_rng(seed).permutation(others)[:_TRIAL_ROWS]
                tried = lesson.take(np.sort(chosen))
            self.target_, self.trials_ = choose_target(
                self._student, targets, tried, parts.held_out
            )
        draw = self._draw if self._asks_further(lesson) else None
        self.student_, self.n_asked_ = self._fit_student(self.target_, parts, draw)
        self.baseline_ = None
        if lesson.labels is not None:
            target = label_target(self.task_)
            labelled = parts.without_teacher(self.task_)
            self.baseline_, _ = self._fit_student(target, labelled, None)

    def _fit_student(
        self,
        target: Target,
        parts: "_Parts",
        draw: Callable[[Lesson], Lesson] | None,
    ) -> tuple[Any, int]:
        """Fit the student; return it, and how many further rows were asked for."""
        student, validation = self._student, as_student(self._student).validation
        if validation == "choose":
            settled, asks = settle(student, target, parts.kept, parts.held_out, draw)
            further = draw(parts.whole) if asks and draw is not None else None
            student = clone(student).set_params(**settled)
        else:
            further = None if draw is None else draw(parts.kept)
        watches = validation == "watch"
        lesson = parts.kept if watches else parts.whole
        if further is not None:
            lesson = lesson.join(further)
        fitted = teach(student, target, lesson, parts.held_out if watches else None)
        return fitted, 0 if further is None else len(further)

    def _asks_further(self, lesson: Lesson) -> bool:
        if self.transfer != "auto":
            return self.transfer is not None
        pixels = any(feature.kind == "pixel" for feature in self.schema_.features)
        few = len(lesson) < _ENOUGH_ROWS
        chooses = as_student(self._student).validation == "choose"
        return chooses and few and not pixels and self.target_.alpha == 0

    def _draw(self, lesson: Lesson) -> Lesson:
        """Ask the teacher about rows like these, together of the same weight."""
        n_rows = len(lesson)
        n_drawn = min(_DRAWN_PER_ROW * n_rows, _MOST_DRAWN)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        codes = lesson.encoded.codes
        rows = self._conform(
            draw_rows(
                self.schema_, codes, n_drawn, self.transfer, seed, like=lesson.rows
            )
        )
        encoded = Encoded(self.schema_, self.schema_.encode(rows))
        logits = self.teacher_.logits(rows)
        weight = np.full(len(logits), min(1.0, n_rows / len(logits)))
        return Lesson(rows, logits, None, weight, encoded)


@dataclass(frozen=True, eq=False)
class _Parts:
    """A lesson, and its two parts: those to fit to, those to choose on."""

    whole: Lesson
    kept: Lesson
    held_out: Lesson

    def without_teacher(self, task: str) -> "_Parts":
        """Return the parts as the baseline gets them."""
        parts = (self.whole, self.kept, self.held_out)
        return _Parts(*(part.without_teacher(task) for part in parts))


class DistilledClassifier(ClassifierMixin, _Distilled):
    """A student taught by a classifier's logits.

    `fit` asks the teacher about every row, turns the logits into target columns, fits
    the student to them and, where there are labels, fits the same student to the
    labels alone: the baseline that shows whether the teacher was of any use.

    Parameters
    ----------
    teacher : estimator or adapter
        ``FrozenEstimator(fitted)`` or an adapter is used as it is; an unfitted
        classifier is cloned and fitted here, to the rows that are not kept for
        validation.
    student : regressor, default=None
        Any regressor that takes several target columns; None for ``CartStudent()``.
    target : {"auto", "hard", "soft", "logits"}, default="auto"
        What the student is fitted to. "auto" tries all of them, the soft ones at four
        temperatures, and takes the one with the highest fidelity on validation rows.
    temperature : float, default=1.0
        In (0, inf): flattens the targets of ``target="soft"``.
    alpha : float, default=0.0
        In [0, 1]: the weight of the labels in the targets.
    transfer : {"auto", "mix", "resample", None} or callable, default="auto"
        Further rows about which the teacher is asked, with together the weight of the
        given ones: drawn between neighbours ("mix"), with cells of neighbours
        ("resample"), or by a function ``(schema, codes, n_rows, rng) -> codes``.
        "auto" draws both kinds for a student that searches (`CartStudent`), when
        there are fewer than 20,000 rows, they are no images and `alpha` is 0, and
        uses them unless the student is better without them on the validation rows.
    validation_fraction : float, default=0.2
        In (0, 0.5]: the share of the given rows on which targets are compared and
        boosting is stopped. A student that does not watch rows while it is fitted is
        fitted to all rows in the end.
    random_state : int, RandomState or None, default=None
        Of the validation part; students and teachers have their own.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The teacher's classes, in the order of its logits (for a multi-label teacher
        the labels' positions).
    teacher_ : Teacher
        The fitted teacher.
    target_ : Target
        What the student was fitted to.
    trials_ : tuple of Trial
        The targets that were compared, with their fidelity; empty for a fixed target.
    student_ : estimator
        The fitted student.
    baseline_ : estimator or None
        The same student fitted to the labels; None without labels.
    schema_ : Schema
        The columns.
    task_ : {"multiclass", "multilabel"}
        What the teacher decides.
    validation_rows_ : ndarray of int
        The positions, in the `X` given to `fit`, of the validation rows.
    n_asked_ : int
        The further rows that the student was fitted to.

    References
    ----------
    Liu, Wang & Matwin (2018), and Hinton, Vinyals & Dean (2015), as told by
    Alkhulaifi, Alsahli & Ahmad (2020), "Knowledge distillation in deep learning and its
    applications".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> teacher = LogisticRegression(max_iter=1000).fit(X[::2], y[::2])
    >>> student = CartStudent(max_leaves=3)
    >>> model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    >>> model.fit(X[::2], y[::2]).predict(X[:2])
    array([0, 0])
    >>> print(model.fidelity(X[1::2]))
    0.973 [0.908, 0.993]
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        teacher: Any,
        student: Any = None,
        *,
        target: str = "auto",
        temperature: float = 1.0,
        alpha: float = 0.0,
        transfer: Any = "auto",
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.target = target
        self.temperature = temperature
        self.alpha = alpha
        self.transfer = transfer
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: Any = None, X_unlabelled: ArrayLike | None = None
    ) -> Self:
        """Distil the teacher.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows for the teacher to be asked about, best ones it was not trained on.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Labels: needed to fit an unfitted teacher, for `alpha`, and for the
            baseline.
        X_unlabelled : array-like or frame of shape (n_further, n_features), optional
            Further rows without labels.

        Returns
        -------
        DistilledClassifier
            Itself.

        Raises
        ------
        InputError
            For a parameter out of range, labels the teacher does not know, or a
            teacher that does not classify.
        """
        name = type(self).__name__
        check_choice(name, "target", self.target, TARGETS)
        check_real(name, "temperature", self.temperature, 0)
        check_real(name, "alpha", self.alpha, 0, 1, closed="both")
        if self.alpha > 0 and y is None:
            raise InputError(
                f"The 'alpha' parameter of {name} must be 0 when no labels y are "
                f"given. Got {self.alpha!r}."
            )
        rows, encoded = self._begin(X, y, X_unlabelled)
        n_given = (
            len(rows) if X_unlabelled is None else len(rows) - _length(X_unlabelled)
        )
        y = None if y is None else check_labels(y)
        strata = y if y is not None and y.ndim == 1 else None
        kept, self.validation_rows_ = self._split(n_given, strata)
        y_kept = None if y is None else y[kept]
        self.teacher_ = self._teach(take_rows(rows, kept), y_kept)
        self.task_ = self.teacher_.task
        if self.task_ == "regression":
            raise InputError(
                f"The 'teacher' parameter of {name} must be a classifier. Got the "
                f"regressor {self.teacher_.estimator!r}; use DistilledRegressor."
            )
        logits = self.teacher_.logits(rows)
        self.classes_ = _classes(self.teacher_, logits)
        labels = None
        if y is not None:
            labels = np.full(logits.shape, np.nan)
            labels[:n_given] = indicate(y, self.classes_, self.task_)
        self._distil(Lesson(rows, logits, labels, known=encoded), self._targets())
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the student's decisions.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Classes; 0 and 1 for each label.
        """
        chosen = decide(self.logits(X), self.task_)
        return chosen if self.task_ == "multilabel" else self.classes_[chosen]

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the student's probabilities at temperature 1.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Rows that sum to 1; for labels each column by itself.
        """
        logits = self.logits(X)  # first of all says when the model is not fitted
        return probabilities(logits, self.task_)

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the student's logits, in scikit-learn's shape.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            For two classes the second's logit less the first's.
        """
        logits = self.logits(X)
        if self.task_ == "multiclass" and logits.shape[1] == 2:
            return logits[:, 1] - logits[:, 0]
        return logits

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = not _is_fitted(self.teacher)
        return tags

    def _targets(self) -> list[Target]:
        if self.target != "auto":
            return [Target(self.target, self.temperature, self.alpha, self.task_)]
        soft = [Target("soft", t, self.alpha, self.task_) for t in _AUTO_TEMPERATURES]
        others = [Target(k, 1.0, self.alpha, self.task_) for k in ("hard", "logits")]
        return [*soft, *others]


class DistilledRegressor(RegressorMixin, _Distilled):
    """A student taught by a regressor's predicted values.

    Parameters
    ----------
    teacher : estimator or adapter
        ``FrozenEstimator(fitted)`` or an adapter is used as it is; an unfitted
        regressor is cloned and fitted here, to the rows that are not kept for
        validation.
    student : regressor, default=None
        None for ``CartStudent()``.
    alpha : float, default=0.0
        In [0, 1]: the weight of the labels in the targets.
    transfer : {"auto", "mix", "resample", None} or callable, default="auto"
        Further rows about which the teacher is asked, with together the weight of the
        given ones: drawn between neighbours ("mix"), with cells of neighbours
        ("resample"), or by a function ``(schema, codes, n_rows, rng) -> codes``.
        "auto" draws both kinds for a student that searches (`CartStudent`), when
        there are fewer than 20,000 rows, they are no images and `alpha` is 0, and
        uses them unless the student is better without them on the validation rows.
    validation_fraction : float, default=0.2
        In (0, 0.5]: the share of the given rows on which boosting is stopped.
    random_state : int, RandomState or None, default=None
        Of the validation part; students and teachers have their own.

    Attributes
    ----------
    teacher_ : Teacher
        The fitted teacher.
    target_ : Target
        What the student was fitted to.
    student_ : estimator
        The fitted student.
    baseline_ : estimator or None
        The same student fitted to the labels; None without labels.
    schema_ : Schema
        The columns.
    task_ : "regression"
        What the teacher does.
    validation_rows_ : ndarray of int
        The positions, in the `X` given to `fit`, of the validation rows.
    n_asked_ : int
        The further rows that the student was fitted to.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> teacher = RandomForestRegressor(n_estimators=20, random_state=0)
    >>> model = DistilledRegressor(teacher, CartStudent(8), random_state=0).fit(X, y)
    >>> model.predict(X).shape
    (442,)
    """

    def __init__(
        self,
        teacher: Any,
        student: Any = None,
        *,
        alpha: float = 0.0,
        transfer: Any = "auto",
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.alpha = alpha
        self.transfer = transfer
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: Any = None, X_unlabelled: ArrayLike | None = None
    ) -> Self:
        """Distil the teacher.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows for the teacher to be asked about, best ones it was not trained on.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            True values: needed to fit an unfitted teacher, for `alpha`, and for the
            baseline.
        X_unlabelled : array-like or frame of shape (n_further, n_features), optional
            Further rows without values.

        Returns
        -------
        DistilledRegressor
            Itself.

        Raises
        ------
        InputError
            For a parameter out of range or a teacher that classifies.
        """
        name = type(self).__name__
        check_real(name, "alpha", self.alpha, 0, 1, closed="both")
        if self.alpha > 0 and y is None:
            raise InputError(
                f"The 'alpha' parameter of {name} must be 0 when no labels y are "
                f"given. Got {self.alpha!r}."
            )
        rows, encoded = self._begin(X, y, X_unlabelled)
        n_given = (
            len(rows) if X_unlabelled is None else len(rows) - _length(X_unlabelled)
        )
        if y is not None:
            y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        kept, self.validation_rows_ = self._split(n_given, None)
        y_kept = None if y is None else y[kept]
        self.teacher_ = self._teach(take_rows(rows, kept), y_kept)
        self.task_ = self.teacher_.task
        if self.task_ != "regression":
            raise InputError(
                f"The 'teacher' parameter of {name} must be a regressor. Got the "
                f"classifier {self.teacher_.estimator!r}; use DistilledClassifier."
            )
        logits = self.teacher_.logits(rows)
        labels = None
        if y is not None:
            labels = np.full(logits.shape, np.nan)
            labels[:n_given] = y.reshape(n_given, -1)
        target = Target("logits", alpha=self.alpha, task="regression")
        self._flat = logits.shape[1] == 1
        self._distil(Lesson(rows, logits, labels, known=encoded), [target])
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the student's values.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted values.
        """
        values = self.logits(X)
        return values[:, 0] if self._flat else values

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = not _is_fitted(self.teacher)
        tags.target_tags.multi_output = get_tags(self.teacher).target_tags.multi_output
        return tags


def frontier(
    teacher: Any,
    X: ArrayLike,
    y: Any = None,
    *,
    students: Any = None,
    X_test: ArrayLike | None = None,
    y_test: Any = None,
    test_size: float = 0.25,
    validation_size: float = 0.2,
    max_rules: int | None = None,
    max_depth: int | None = None,
    max_terms: int | None = None,
    target: str = "auto",
    alpha: float = 0.0,
    transfer: Any = "auto",
    random_state: Any = None,
    verbose: bool = False,
) -> Frontier:
    """Distil a teacher into students of many families and sizes, and recommend one.

    Students are fitted on one part of the rows, chosen by their fidelity on a second,
    and reported on a third, beside the same students fitted to the labels alone.

    Parameters
    ----------
    teacher : estimator or adapter
        As for `DistilledClassifier`: a fitted one in ``FrozenEstimator``, or an
        unfitted one, which is fitted on a part of the first rows.
    X : array-like or frame of shape (n_samples, n_features)
        Rows for the teacher to be asked about, best ones it was not trained on.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Labels (values, for regression); without them there is no accuracy and no
        baseline.
    students : sequence of regressors, or dict of str to one or several, default=None
        What to fit; of a dict the keys name the families. None tries trees and boosted
        trees of 4 to 128 leaves, the path of a linear student, and points scorecards.
    X_test : array-like or frame of shape (n_test, n_features), default=None
        Rows to report on; None keeps a part of `X` apart.
    y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
        Their labels.
    test_size : float, default=0.25
        In (0, 1): that part, without `X_test`.
    validation_size : float, default=0.2
        In (0, 1): the part of `X` by which students are chosen.
    max_rules, max_depth, max_terms : int or None, default=None
        The budget: the leaves of all trees of a student together, the tests a row
        passes in one tree, the features of a weighted sum. None for no bound.
    target, alpha, transfer : default="auto", 0.0, "auto"
        As for `DistilledClassifier`; a regressor is always taught its values.
    random_state : int, RandomState or None, default=None
        Of the parts and of what is drawn; the students have their own.
    verbose : bool, default=False
        Whether to show progress.

    Returns
    -------
    Frontier
        All students with their numbers; ``frontier.recommended`` is a fitted model.

    Raises
    ------
    InputError
        For parameters out of range, labels of other rows, and when no student keeps
        within the budget.

    Notes
    -----
    Sizes of different families are compared by what a person has to read: the tests
    and answers of trees, the coefficients and intercepts of sums. Parameters would
    charge a tree of ten classes for ten numbers a leaf, of which its reader needs one
    decision. The recommended student is the smallest within one standard error of the
    most faithful (Breiman et al. 1984), the knee is that of `pruning.PruningPath`.
    Nothing is fitted to the validation and test rows, not even in the end.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> students = [CartStudent(n, search="greedy") for n in (2, 3, 6)]
    >>> teacher = LogisticRegression(max_iter=1000)
    >>> found = frontier(teacher, X, y, students=students, random_state=0)
    >>> table = found.to_frame()[["student", "size", "items", "fidelity", "knee"]]
    >>> table.round(3)
      student  size  items  fidelity   knee
    0    tree     2      3     0.658  False
    1    tree     3      5     0.921   True
    2    tree     6     11     0.921  False
    >>> found.recommended.tree_.n_leaves
    3
    """
    check_boolean("frontier", "verbose", verbose)
    budget = Budget(max_rules, max_depth, max_terms)
    if _is_fitted(teacher):
        regression = as_teacher(teacher).task == "regression"
    else:
        regression = is_regressor(teacher)
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    portions = partition(
        X,
        y,
        X_test=X_test,
        y_test=y_test,
        test_size=test_size,
        validation_size=validation_size,
        stratify=not regression,
        seed=seed,
    )
    n_features = portions.train.shape[1]
    lineup = (
        default_lineup(n_features, budget)
        if students is None
        else given_lineup(students)
    )
    settings = {"alpha": alpha, "transfer": transfer, "random_state": seed}
    kind: Any = DistilledRegressor
    if not regression:
        kind, settings = DistilledClassifier, {**settings, "target": target}
    known = _taught(kind(teacher, **settings), portions.train, portions.y_train)
    remembering = RememberingTeacher(known)

    def fit(student: Any) -> Any:
        model = kind(remembering, student, **settings)
        model.fit(portions.train, portions.y_train)
        model.teacher, model.teacher_ = teacher, known
        return model

    return trace(remembering, portions, lineup, fit, budget, verbose=verbose)


def _taught(model: _Distilled, rows: Rows, y: Any) -> Teacher:
    """Return the teacher that a model would be taught by, were it fitted to these."""
    teacher = clone(model.teacher)
    if _is_fitted(teacher):
        return as_teacher(teacher)
    rows, _ = model._begin(rows, y, None)
    classifies = isinstance(model, DistilledClassifier)
    kept, _ = model._split(len(rows), y if classifies and y.ndim == 1 else None)
    return model._teach(take_rows(rows, kept), y[kept])


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def _classes(teacher: Teacher, logits: Array) -> NDArray[Any]:
    if teacher.classes is not None:
        return teacher.classes
    return np.arange(logits.shape[1])


def _texts(classes: NDArray[Any]) -> tuple[str, ...]:
    return tuple(str(name) for name in classes)


def _length(X: Any) -> int:
    frame = as_frame(X)
    return len(X) if frame is None else len(frame)
