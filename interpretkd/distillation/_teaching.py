"""Fitting a student in full, and the labels' tree in its place where that is better."""

from dataclasses import dataclass, field, replace
from typing import Any

from sklearn.base import clone

from interpretkd._base import Array, InputError
from interpretkd.distillation._calibration import (
    Taught,
    _best_scale,
    _calibrated,
    _is_refilled,
)
from interpretkd.distillation._choosing import (
    TargetTrial,
    _choose_search,
    _score,
    _serves,
)
from interpretkd.distillation._fitting import fit_student
from interpretkd.distillation._recipe import _Recipe
from interpretkd.methods import Pupil
from interpretkd.students import as_student
from interpretkd.targets import Target, label_target
from interpretkd.transfer import TransferSet


@dataclass(frozen=True, eq=False)
class _Parts:
    """A transfer set and its two parts: rows to fit to, rows to choose on."""

    whole: TransferSet
    kept: TransferSet
    held_out: TransferSet

    def with_weights(self, owner: str) -> "_Parts":
        """Return the parts; validation rows that all count nothing count alike."""
        if not self.kept.weights.any():
            raise InputError(
                f"The rows with a sample_weight above 0 all lie in the validation part "
                f"of {owner}: there is none to fit to. Give more rows a weight, or "
                "another random_state."
            )
        if self.held_out.weights.any():
            return self
        return replace(self, held_out=replace(self.held_out, weight=None))

    def without_teacher(self, task: str) -> "_Parts":
        """Return the parts as the baseline gets them."""
        parts = (self.whole, self.kept, self.held_out)
        return _Parts(*(part.without_teacher(task) for part in parts))


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A student in full, and as it was while it chose, fitted to the rows kept.

    `tried` is None where nothing was chosen on the validation rows; `prepared` are the
    rows that it was fitted to, after all steps, in original columns; `recipe` is what
    was done to them in the end.
    """

    taught: Taught
    target: Target
    prepared: TransferSet
    recipe: _Recipe
    tried: Taught | None = None
    trials: tuple[TargetTrial, ...] = field(default=(), kw_only=True)


def _fit_in_full(
    student: Any, target: Target, meant: Target, parts: _Parts, recipe: _Recipe
) -> _Fitted:
    """Fit a student to a target; its probabilities become those that are meant."""
    validation, held_out = as_student(student).validation, recipe.seen(parts.held_out)
    asks, tried = bool(recipe.transfer), None
    if validation == "choose":
        choice = _choose_search(student, target, meant, parts.kept, held_out, recipe)
        student = clone(student).set_params(**choice.chosen)
        asks, tried = choice.asks, choice.taught
    elif recipe.tries and asks:
        asks = _rows_serve(student, target, parts.kept, held_out, recipe)
    watches = validation == "watch"
    if asks and recipe.keeps_budget:  # what is drawn once is drawn of these rows
        recipe.prepared(parts.kept, further=True)
    prepared = recipe.prepared(parts.kept if watches else parts.whole, further=asks)
    course = _Course(student, target, meant, recipe, held_out if watches else None)
    taught = course.run(prepared)
    if target.task != "regression" and not _is_refilled(taught.student):
        apart = taught
        if not watches:  # it has seen the validation rows: ask one that has not
            apart = course.run(recipe.prepared(parts.kept, further=asks))
        scale = _best_scale(apart, meant, held_out)
    else:
        scale = 1.0
    own = recipe.read(prepared)
    calibrated = _calibrated(taught.student, taught.reading, meant, own, scale)
    done = recipe if asks else replace(recipe, transfer=())
    return _Fitted(calibrated, target, prepared, done, tried)


def _rows_serve(
    student: Any,
    target: Target,
    kept: TransferSet,
    held_out: TransferSet,
    recipe: _Recipe,
) -> bool:
    """Tell whether a student that chooses nothing is served by the further rows."""
    watched = held_out if as_student(student).validation == "watch" else None
    with_rows, without = (
        Taught(
            fit_student(student, target, recipe.lesson(kept, further=further), watched),
            target,
        )
        for further in (True, False)
    )
    return _serves(with_rows, without, held_out)


@dataclass(frozen=True, eq=False)
class _Course:
    """The fits of one student: a single one, or as many as a scheme asks for."""

    student: Any
    target: Target
    meant: Target
    recipe: _Recipe
    watched: TransferSet | None

    def run(self, prepared: TransferSet) -> Taught:
        """Return the student, fitted to rows after all steps."""
        scheme = self.recipe.scheme
        if scheme is None:
            return self(prepared).taught
        context = self.recipe.context.for_scheme(scheme)
        kept = scheme.run(prepared, context, self)
        if not isinstance(kept, _Pupil):
            raise InputError(
                f"The scheme {type(scheme).__name__} must return what its `fit` "
                f"returned. Got {kept!r}."
            )
        return kept.taught

    def score(self, pupil: Pupil) -> float | None:
        """Return the fidelity on the watched rows, if there are some."""
        if self.watched is None or not isinstance(pupil, _Pupil):
            return None
        return _score(pupil.taught, self.watched)[0]

    def __call__(
        self,
        transfer_set: TransferSet,
        *,
        start: Any = None,
        watches: bool = True,
        **settings: Any,
    ) -> "_Pupil":
        """Fit a copy of the student."""
        student = clone(self.student).set_params(**settings) if settings else None
        own = self.recipe.read(transfer_set)
        before = None if start is None else start.taught.student
        fitted = fit_student(
            self.student if student is None else student,
            self.target,
            own,
            self.watched if watches else None,
            start=before,
        )
        taught = Taught(fitted, self.target)
        if self.recipe.scheme is not None and _is_refilled(fitted):
            taught = _calibrated(fitted, self.target, self.meant, own)
        return _Pupil(taught, self.recipe)


@dataclass(frozen=True, eq=False)
class _Pupil:
    """A fitted student that can be asked about rows in original columns."""

    taught: Taught
    recipe: _Recipe

    def logits(self, transfer_set: TransferSet) -> Array:
        """Return what it says of the rows of a transfer set."""
        return self.taught.logits(self.recipe.seen(transfer_set))


def _may_be_of_labels(student: Any) -> bool:
    """Say whether the labels' tree may take the place of a student.

    Only leaves can be refilled: of what adds up the labels are in every part, and
    another temperature changes no decision. And a proof that no tree agrees more with
    the teacher is worth more than a trial.
    """
    return _is_refilled(student) and getattr(student, "search", "") != "optimal"


def _or_of_labels(
    student: Any,
    fitted: _Fitted,
    baseline: _Fitted,
    meant: Target,
    parts: _Parts,
    recipe: _Recipe,
) -> _Fitted:
    """Return the student, or the labels' tree if it serves the teacher better.

    Both are fitted to the rows kept, with all that was to be chosen; where the labels'
    tree, with the teacher's probabilities in its leaves, agrees more with the teacher
    on validation rows, nothing is gained by another tree. Of two that agree as much
    the student is kept: what it was fitted to is what is asked for.
    """
    target = Target("hard", alpha=1.0, task=meant.task)
    ours, theirs, how = fitted.tried, baseline.tried, "fitted in full"
    kept, held_out = recipe.read(parts.kept), recipe.seen(parts.held_out)
    if ours is None or theirs is None:  # a fixed search: not twice what it costs
        quick, how = as_student(student).without_search(), "fitted without search"
        lesson = recipe.lesson(parts.kept, further=False)
        ours = _try(quick, fitted.target, meant, lesson)
        theirs = _try(quick, baseline.target, target, kept.without_teacher(meant.task))
    own, other = (
        _score(taught, held_out)[0] for taught in (ours, _refilled(theirs, meant, kept))
    )
    n_rows = len(parts.kept)
    trials = (
        TargetTrial(fitted.target, own, n_rows, f"the student, {how}"),
        TargetTrial(target, other, n_rows, "the labels' tree, leaves refilled"),
    )
    if own >= other:
        return replace(fitted, tried=None, trials=trials)
    whole = recipe.read(parts.whole)
    taught = _refilled(baseline.taught, meant, whole)
    done = recipe.for_baseline()
    return _Fitted(taught, target, parts.whole, done, trials=trials)


def _try(student: Any, target: Target, meant: Target, kept: TransferSet) -> Taught:
    """Return a student that has nothing to choose, fitted to the rows kept."""
    fitted = fit_student(student, target, kept)
    return _calibrated(fitted, target, meant, kept)


def _refilled(taught: Taught, meant: Target, transfer_set: TransferSet) -> Taught:
    """Return a tree with what is meant in its leaves."""
    return _calibrated(taught.student, taught.reading, meant, transfer_set)


def _fit_to_labels(student: Any, parts: _Parts, task: str, recipe: _Recipe) -> _Fitted:
    """Fit the baseline: the same student and view, to the labels alone."""
    target = label_target(task)
    meant = replace(target, alpha=1.0)
    without = parts.without_teacher(task)
    return _fit_in_full(student, target, meant, without, recipe.for_baseline())
