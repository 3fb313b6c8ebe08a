"""Distilling a teacher's logits into a student: the meta-estimators."""

import math
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    MetaEstimatorMixin,
    RegressorMixin,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    has_fit_parameter,
)

from interpretkd._base import (
    Array,
    InputError,
    PrecisionWarning,
    check_real,
    one_line,
)
from interpretkd.data import (
    Encoded,
    Given,
    Ranges,
    Rows,
    Schema,
    as_columns,
    checked_rows,
    hold_out,
    stack_rows,
    take_rows,
)
from interpretkd.distillation._choosing import TargetTrial
from interpretkd.distillation._deliberating import _Choice
from interpretkd.distillation._memorised import (
    _checked_teacher_rows,
    _memorised,
    _rows_to_hold_out,
)
from interpretkd.distillation._pooling import _fit_best
from interpretkd.distillation._recipe import (
    _all,
    _checked_weight,
    _made_rows,
    _Methods,
    _Recipe,
    _rows_to_fit,
)
from interpretkd.distillation._teaching import (
    _fit_to_labels,
    _may_be_of_labels,
    _Parts,
    _Pupil,
    _try,
)
from interpretkd.methods import ColumnView, Context, Questions, Use, View
from interpretkd.metrics import Estimate, fidelity
from interpretkd.models import Forest, Linear, Tree
from interpretkd.students import CartStudent, as_student
from interpretkd.targets import Answers, Target
from interpretkd.teachers import (
    Teacher,
    as_teacher,
    check_answers,
    has_tags,
    is_fitted,
    needs_labels,
)
from interpretkd.transfer import TransferSet

if TYPE_CHECKING:
    from interpretkd.evaluation import Evaluation
    from interpretkd.explain import RowExplanation
    from interpretkd.export import Export
    from interpretkd.rules import RuleSet

_F = TypeVar("_F", Tree, Forest)

_FEWEST_ROWS = 5

_ENOUGH_ROWS = 20_000
"""Rows from which on the search needs no further ones."""


class _Distilled(MetaEstimatorMixin, BaseEstimator):
    """What classifier and regressor share: from rows to a fitted student."""

    teacher: Any
    student: Any
    alpha: Any
    random_state: Any
    replies: Any
    hints: Any
    transfer: Any
    weights: Any
    view: Any
    scheme: Any
    validation_fraction: float
    n_asked_: int
    queries_: int
    recipe_: tuple[str, ...] = ()  # a loaded run may know of none
    memorised_: str = ""
    transfer_set_: TransferSet | None = None
    view_: View | None = None
    schema_: Schema
    ranges_: Ranges | None
    task_: str
    teacher_: Teacher
    target_: Target
    reading_: Target
    trials_: tuple[TargetTrial, ...]
    student_: Any
    baseline_: Any
    baseline_reading_: Target | None
    validation_rows_: NDArray[np.int64]
    n_features_in_: int
    _given: Given | None

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
        outputs = self.student_.predict(self._seen_rows(X))
        return self.reading_.decode(as_columns(outputs))

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
        if self.baseline_ is None or self.baseline_reading_ is None:
            raise InputError("There is no baseline: `fit` was given no labels y.")
        outputs = self.baseline_.predict(self._seen_rows(X))
        return self.baseline_reading_.decode(as_columns(outputs))

    def fidelity(self, X: ArrayLike, *, of: str = "teacher") -> Estimate:
        """Return how far the student agrees with its teacher on these rows.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows that neither was fitted to.
        of : {"teacher", "origin"}, default="teacher"
            "origin" asks the first teacher of a chain: the network behind the model
            that taught this one.

        Returns
        -------
        Estimate
            The share of equal decisions (R2 of the values, for regression) with a
            95 % interval.
        """
        check_is_fitted(self)
        return fidelity(self, X, of=of)

    def evaluate(
        self, X: ArrayLike, y: ArrayLike | None = None, **settings: Any
    ) -> "Evaluation":
        """Measure the student beside its teacher and the baseline.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows that neither the teacher nor the student was fitted to.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Their labels.
        **settings
            As of `evaluation.evaluate`.

        Returns
        -------
        Evaluation
            Fidelity and accuracy with intervals; ``.verdict`` is one sentence.
        """
        from interpretkd.evaluation import evaluate

        check_is_fitted(self)
        return evaluate(self, X, y, **settings)

    def rules(
        self, X: ArrayLike | None = None, y: ArrayLike | None = None, **settings: Any
    ) -> "RuleSet":
        """Read the student's tree as rules.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features), default=None
            Rows on which the rules are counted. Of a student with exact thresholds
            ``.readable(X)`` of the result rounds them.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Their labels.
        **settings
            As of `rules.extract_rules`.

        Returns
        -------
        RuleSet
            One rule a leaf.
        """
        from interpretkd.rules import extract_rules

        check_is_fitted(self)
        return extract_rules(self, X, y, **settings)

    def explain(self, row: Any, **settings: Any) -> "RowExplanation":
        """Explain one decision, and what would change it.

        Parameters
        ----------
        row : Series, dict, frame or array-like of shape (n_features,)
            The row, in original columns.
        **settings
            As of `explain.explain_row`.

        Returns
        -------
        RowExplanation
            The path or the contributions, and counterfactuals with the teacher beside.
        """
        from interpretkd.explain import explain_row

        check_is_fitted(self)
        return explain_row(self, row, **settings)

    def export(self, to: str, X: Any = None, **settings: Any) -> "Export":
        """Write the student in another language, and check that it decides the same.

        Parameters
        ----------
        to : {"sql", "python", "c", "json", "onnx", "pmml"}
            The language.
        X : DataFrame or ndarray of shape (n_samples, n_features), default=None
            Rows to check on, beside made ones.
        **settings
            As of `export.export_student`.

        Returns
        -------
        Export
            The text or bytes, and what was compared.
        """
        from interpretkd.export import export_student

        check_is_fitted(self)
        return export_student(self, to, X, **settings)

    def save(
        self,
        path: str | os.PathLike[str],
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        **settings: Any,
    ) -> Path:
        """Save the model as a folder of plain files, which run no code when loaded.

        Parameters
        ----------
        path : str or path
            The folder.
        X : array-like or frame of shape (n_samples, n_features), default=None
            Evaluation rows, to be kept with it.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            Their labels.
        **settings
            As of `runs.save`.

        Returns
        -------
        Path
            The folder; `interpretkd.load` reads it.
        """
        from interpretkd.runs import save

        check_is_fitted(self)
        return save(self, path, X, y, **settings)

    def report(self, X: ArrayLike, y: ArrayLike | None = None, **settings: Any) -> Any:
        """Put all that is known of the model into a report.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows that neither the teacher nor the student was fitted to.
        y : array-like of shape (n_samples,), default=None
            Their labels.
        **settings
            As of `interpretkd.reports.make_report`.

        Returns
        -------
        Report
            Shows itself in a notebook; ``.write("report.html")`` keeps it.
        """
        from interpretkd.reports import make_report

        check_is_fitted(self)
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

        check_is_fitted(self)
        return serve(self, X, y, **settings)

    @property
    def tree_(self) -> Tree:
        """The student's frozen tree with the classes' names; only `CartStudent`s."""
        tree = self._form_of(Tree, "tree_", "CartStudent")
        classes = getattr(self, "classes_", None)
        return tree if classes is None else replace(tree, names=_texts(classes))

    @property
    def forest_(self) -> Forest:
        """The student's frozen trees; only a `BoostedStudent` has them."""
        return self._form_of(Forest, "forest_", "BoostedStudent")

    @property
    def n_parameters(self) -> int | None:
        """The numbers of student and view; None when it is not one of ours.

        A student that reads a network's neurons needs the network up to there.
        """
        return self._size("n_parameters")

    @property
    def size_bytes(self) -> int | None:
        """The bytes of these numbers; None when it is not one of ours."""
        return self._size("size_bytes")

    def _size(self, name: str) -> int | None:
        own: int | None = getattr(getattr(self.student_, "form_", None), name, None)
        if own is None or self.view_ is None:
            return own
        return own + int(getattr(self.view_, name))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        both = [get_tags(self._student)]
        if has_tags(self.teacher):  # of others the model is asked
            both.append(get_tags(self.teacher))
        tags.input_tags.allow_nan = all(t.input_tags.allow_nan for t in both)
        return tags

    @property
    def _student(self) -> Any:
        return CartStudent() if self.student is None else self.student

    def _form_of(self, kind: type[_F], name: str, family: str) -> _F:
        """Return the student's form if it is of this kind."""
        check_is_fitted(self)
        form = getattr(self.student_, "form_", None)
        if isinstance(form, kind):
            return form
        own = {Tree: "tree_", Forest: "forest_", Linear: "student_.linear_"}
        raise AttributeError(
            f"Only a {family} gives a model {name!r}. Got a "
            f"{type(self.student_).__name__} as the student; use "
            f"`{own.get(type(form), 'student_')}`."
        )

    def _conform(self, rows: Rows) -> Rows:
        return self.schema_.conform(rows)

    def _seen_rows(self, X: ArrayLike) -> Rows:
        """Return rows as the student reads them."""
        if self.view_ is None:
            return self._conform(checked_rows(self, X, reset=False))
        own = self.view_.own_rows(X, self.schema_)
        if own is not None:
            return own
        # A gap is no matter for a teacher that is not asked.
        alone = isinstance(self.view_, ColumnView)
        allow_nan = get_tags(self._student).input_tags.allow_nan if alone else None
        whole = self.view_.complete(X)
        rows = checked_rows(self, whole, reset=False, allow_nan=allow_nan)
        return self.view_.see(self._conform(rows))

    @property
    def _is_regressor(self) -> bool:
        return isinstance(self, RegressorMixin)

    def _check(self, name: str) -> None:
        share = self.validation_fraction
        check_real(name, "validation_fraction", share, 0, 0.5, closed="right")
        if not _can_teach(self.teacher):
            got = f"Got {one_line(repr(self.teacher))}."
            kind = "task='regression'" if self._is_regressor else "classes=..."
            if hasattr(self.teacher, "named_modules"):
                got = f"Got a torch module: wrap it in TorchTeacher(module, {kind})."
            elif hasattr(self.teacher, "graph_signature"):
                got = f"Got a torch program: wrap it in TorchTeacher(program, {kind})."
            elif callable(self.teacher) and not isinstance(self.teacher, type):
                got = f"Got a function: wrap it in CallableTeacher(f, {kind})."
            elif hasattr(self.teacher, "predict"):
                kind = type(self.teacher).__name__
                got = f"Got one of {kind}: if trained, wrap it in FrozenEstimator(...)."
            raise InputError(
                f"The 'teacher' parameter of {name} must be an estimator or an "
                f"adapter. {got}"
            )
        if has_tags(self.teacher):
            wrong = is_classifier if self._is_regressor else is_regressor
            if wrong(self.teacher):
                raise self._wrong_kind(self.teacher)
        student = self._student
        if hasattr(student, "__sklearn_tags__") and is_classifier(student):
            raise InputError(
                f"The 'student' parameter of {name} must be a regressor. Got "
                f"{type(student).__name__}; use a CartStudent or the regressor of this "
                "kind."
            )

    def _check_alpha(self, y: Any) -> None:
        name = type(self).__name__
        chosen = isinstance(self.alpha, str) and self.alpha == "auto"
        if not chosen:
            check_real(name, "alpha", self.alpha, 0, 1, closed="both")
        if y is None and (chosen or self.alpha > 0):
            raise InputError(
                f"The 'alpha' parameter of {name} must be 0 when no labels y are "
                f"given. Got {self.alpha!r}."
            )

    def _begin(
        self, X: ArrayLike, y: Any, X_unlabelled: ArrayLike | None
    ) -> tuple[Rows, Encoded, int]:
        """Check what `fit` is given; return all rows, their codes, how many have y."""
        self._check(type(self).__name__)
        if y is None and needs_labels(self.teacher):
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None: only a frozen teacher, FrozenEstimator(teacher) or an adapter, "
                "needs no labels."
            )
        rows = checked_rows(self, X, reset=True)
        self._given = Given.of(X)
        encoded = self._encoded(rows)
        self.schema_ = encoded.schema
        if len(rows) < _FEWEST_ROWS:
            raise InputError(
                f"Found array with {len(rows)} sample(s) while a minimum of "
                f"{_FEWEST_ROWS} is required by {type(self).__name__}."
            )
        if y is not None:
            check_consistent_length(rows, y)
        n_given = len(rows)
        if X_unlabelled is not None:
            further = checked_rows(self, X_unlabelled, reset=False)
            rows = stack_rows(rows, further)
            encoded = self._encoded(rows)  # which may have categories of their own
            self.schema_ = encoded.schema
        self.ranges_ = Ranges.of(self.schema_, encoded.codes)
        for doubt in self.schema_.doubts:
            warnings.warn(doubt, PrecisionWarning, stacklevel=3)
        return self._conform(rows), encoded, n_given

    def _encoded(self, rows: Rows) -> Encoded:
        """Learn the columns: pixels, where the teacher reads images of these."""
        encoded = Encoded.of(rows)
        teacher = getattr(self.teacher, "estimator", self.teacher)
        shape = getattr(teacher, "image_shape_", None)
        schema = encoded.schema
        if shape is None or not schema.holds_numbers or math.prod(shape) != len(schema):
            return encoded
        pixels = tuple(replace(f, kind="pixel", scale=None) for f in schema.features)
        images = Schema(pixels, shape)
        return Encoded(images, images.encode(rows))

    def _ask_teacher(
        self,
        rows: Rows,
        n_given: int,
        y: Any,
        place: NDArray[np.int64] | None,
        weight: Array | None,
        teacher_rows: ArrayLike | None,
    ) -> Answers:
        """Keep validation rows, fit the teacher to the others; return its answers."""
        name, fitted = type(self).__name__, _is_ready(self.teacher)
        told = _checked_teacher_rows(teacher_rows, n_given, name, fitted=fitted)
        kept, self.validation_rows_ = self._split(n_given, y, place, told)
        self._teacher_rows = told if fitted else np.isin(np.arange(n_given), kept)
        known = None if y is None else y[kept]
        of_kept = None if place is None else place[kept]
        counts = None if weight is None else weight[kept]
        own_rows = take_rows(rows, kept)
        self.teacher_ = self._fit_teacher(own_rows, known, of_kept, counts)
        self.task_ = self.teacher_.task
        if (self.task_ == "regression") != self._is_regressor:
            raise self._wrong_kind(self.teacher_.estimator)
        self._questions = Questions(self.teacher_)
        answers = self._questions.ask_given(rows)
        check_answers(type(self.teacher_.estimator).__name__, answers, self.task_)
        if answers.own is not None:
            self.teacher_ = replace(self.teacher_, decides_otherwise=True)
        return answers

    def _wrong_kind(self, teacher: Any) -> InputError:
        """Return what is to be said of a teacher that does the other task."""
        ours, other = "classifier", "regressor"
        if self._is_regressor:
            ours, other = other, ours
        got = one_line(" ".join(repr(teacher).split()))
        return InputError(
            f"The 'teacher' parameter of {type(self).__name__} must be a {ours}. "
            f"Got the {other} {got}; use Distilled{other.capitalize()}."
        )

    def _split(
        self,
        n_given: int,
        y: Any,
        groups: NDArray[np.int64] | None = None,
        teacher_rows: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Keep a seeded part of the rows for choosing, stratified if it can be."""
        size = max(2, round(self.validation_fraction * n_given))
        strata, seed = self._strata(y), self._seed()
        if groups is not None:
            return hold_out(np.arange(n_given), size, seed, strata, groups)
        others = _rows_to_hold_out(teacher_rows, n_given, size)
        strata = None if strata is None else strata[others]
        _, held_out = hold_out(others, size, seed, strata)
        return np.setdiff1d(np.arange(n_given), held_out), held_out

    def teacher_for(
        self, X: ArrayLike, y: Any, *, sample_weight: ArrayLike | None = None
    ) -> Teacher:
        """Return the teacher that `fit` would ask if it were given these rows.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels), or None
            Labels; an unfitted teacher is fitted to those that are not kept for
            validation.
        sample_weight : array-like of shape (n_samples,), default=None
            As of `fit`.

        Returns
        -------
        Teacher
            The fitted teacher.
        """
        if _is_ready(self.teacher):
            self._given = Given.of(X)
            return self._fit_teacher(X, y)
        rows, _, n_given = self._begin(X, y, None)
        kept, _ = self._split(n_given, y)
        weight = _checked_weight(sample_weight, n_given, len(rows))
        return self._fit_teacher(
            take_rows(rows, kept),
            None if y is None else y[kept],
            weight=None if weight is None else weight[kept],
        )

    def _strata(self, y: Any) -> NDArray[Any] | None:
        """Return the labels whose shares are kept where rows are split."""
        return None

    def _fit_teacher(
        self,
        rows: Any,
        y: Any,
        groups: NDArray[np.int64] | None = None,
        weight: Array | None = None,
    ) -> Teacher:
        """Return the teacher, fitted here unless it is frozen.

        A frozen one was fitted to rows as the user has them: it gets such ones, and so
        does an ensemble with fitted members.
        """
        teacher, given = self.teacher, self._given
        is_frozen = True  # no estimator, it has but logits: see `_check`
        if hasattr(teacher, "fit"):
            teacher = clone(teacher)
            is_frozen = is_fitted(teacher)
        reads = None
        if given is not None:
            knows_given = is_frozen or getattr(teacher, "has_fitted_members", False)
            reads = given.restore if knows_given else given.settle
        if not is_frozen:
            told = {"groups": groups, "sample_weight": weight}
            takes = {
                name: value
                for name, value in told.items()
                if value is not None and has_fit_parameter(teacher, name)
            }
            teacher.fit(rows if reads is None else reads(rows), y, **takes)
        fitted = as_teacher(teacher)
        return fitted if reads is None else replace(fitted, reads=reads)

    def _distil(
        self,
        transfer_set: TransferSet,
        targets: list[Target],
        methods: _Methods,
        groups: NDArray[np.int64] | None,
    ) -> None:
        """Choose the target, fit the student, fit the baseline."""
        others = _rows_to_fit(transfer_set, self.validation_rows_)
        parts = _Parts(
            transfer_set,
            transfer_set.take(others),
            transfer_set.take(self.validation_rows_),
        )
        parts = parts.with_weights(type(self).__name__)
        student, seed = self._student, self._seed()
        recipe = self._recipe(methods, parts, targets, seed)
        places = (others, self.validation_rows_)
        of_parts = (None if groups is None else groups[place] for place in places)
        choice = _Choice(student, parts, recipe, seed, *of_parts)
        target, meant, recipe, self.trials_ = choice.make(
            targets, alpha=self.alpha == "auto", weights=methods.weighs
        )
        if self.transfer == "auto" and not self._asks_further(transfer_set, target):
            recipe = replace(recipe, transfer=())
        self.baseline_ = self.baseline_reading_ = rival = None
        if transfer_set.labels is not None:
            baseline = _fit_to_labels(student, parts, self.task_, recipe)
            self.baseline_ = baseline.taught.student
            self.baseline_reading_ = baseline.taught.reading
            may_be = _may_be_of_labels(student) and not methods.are_asked_for
            rival = baseline if len(targets) > 1 and may_be else None
        both = (student, target, meant, parts, recipe, rival)
        # A step may do nothing with a target that was not asked for.
        free = len(targets) > 1 and not _all(recipe.steps)
        fitted = _fit_best(*both, free=free)
        self.target_, self.n_asked_ = fitted.target, _made_rows(fitted.prepared)
        self.trials_ += fitted.trials
        self.student_, self.reading_ = fitted.taught.student, fitted.taught.reading
        self.transfer_set_, self.view_ = fitted.prepared.bare(), recipe.view
        self.recipe_ = (*fitted.recipe.sentences(), *fitted.prepared.notes)
        self.memorised_ = ""
        if transfer_set.labels is not None and self._teacher_rows is not None:
            told = (transfer_set.answers, transfer_set.labels, self._teacher_rows)
            self.memorised_ = _memorised(*told, self.task_)
        self.queries_ = recipe.context.n_asked
        del self._questions, self._teacher_rows  # they would be kept with the model

    def _recipe(
        self, methods: _Methods, parts: _Parts, targets: list[Target], seed: int
    ) -> _Recipe:
        """Check what the steps need and do; learn the view on the rows kept."""
        name, student = type(self).__name__, as_student(self._student)

        def fit(rows: TransferSet) -> _Pupil:
            taught = _try(student.without_search(), targets[0], targets[0], rows)
            return _Pupil(taught, _Recipe(context))

        asked = (self.teacher_, self.schema_, self.task_, seed, self._questions)
        restore = None if self._given is None else self._given.restore
        weighs = student.weight_refusal is None
        context = Context(*asked, fit, restore, weighs=weighs)
        n_outputs = parts.whole.logits.shape[1]
        use = Use(student, tuple(targets), self.teacher_, n_outputs)
        methods.check(name, use, context.offers(parts.kept))
        view = methods.view
        if view is not None:
            view = clone(view).fit(parts.kept.rows, context.for_scheme(view))
            if not hasattr(view, "schema_"):
                view.schema_ = Encoded.of(view.see(parts.whole.rows)).schema
            view = view.for_student(student)
            if isinstance(view, ColumnView):  # the same, but for where gaps may be
                self.schema_ = view.schema_
        return _Recipe(
            context,
            methods.transfer,
            methods.steps,
            methods.tries,
            view,
            methods.scheme,
        )

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _asks_further(self, transfer_set: TransferSet, target: Target) -> bool:
        """Say whether transfer="auto" is for such rows, such a student and target."""
        pixels = any(feature.kind == "pixel" for feature in self.schema_.features)
        few = len(transfer_set) < _ENOUGH_ROWS
        chooses = as_student(self._student).validation == "choose"
        return chooses and few and not pixels and target.alpha == 0


def _is_ready(teacher: Any) -> bool:
    """Say whether a teacher is not fitted by `fit`, which clones: one not frozen is."""
    return not hasattr(teacher, "fit") or is_fitted(clone(teacher))


def _can_teach(teacher: Any) -> bool:
    """Say whether it is an estimator, frozen, or has logits."""
    if not hasattr(teacher, "fit"):
        return hasattr(teacher, "logits")
    return hasattr(teacher, "get_params") or hasattr(teacher, "__sklearn_clone__")


def _texts(classes: NDArray[Any]) -> tuple[str, ...]:
    return tuple(str(name) for name in classes)
