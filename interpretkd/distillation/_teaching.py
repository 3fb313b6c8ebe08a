"""Fitting a student in full, and the labels' tree in its place where that is better."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sklearn.base import clone

from interpretkd.distillation._calibration import (
    Taught,
    _best_scale,
    _calibrated,
    _is_refilled,
)
from interpretkd.distillation._choosing import TargetTrial, _choose_search, _score
from interpretkd.distillation._fitting import fit_student
from interpretkd.students import as_student
from interpretkd.targets import Target, label_target
from interpretkd.transfer import TransferSet


@dataclass(frozen=True, eq=False)
class _Parts:
    """A transfer set and its two parts: rows to fit to, rows to choose on."""

    whole: TransferSet
    kept: TransferSet
    held_out: TransferSet

    def without_teacher(self, task: str) -> "_Parts":
        """Return the parts as the baseline gets them."""
        parts = (self.whole, self.kept, self.held_out)
        return _Parts(*(part.without_teacher(task) for part in parts))


@dataclass(frozen=True, eq=False)
class _Fitted:
    """A student in full, and as it was while it chose, fitted to the rows kept.

    `tried` is None where nothing was chosen on the validation rows; `further` are the
    drawn rows that it was fitted to, too.
    """

    taught: Taught
    target: Target
    tried: Taught | None = None
    further: TransferSet | None = None
    trials: tuple[TargetTrial, ...] = field(default=(), kw_only=True)

    @property
    def n_asked(self) -> int:
        """The further rows."""
        return 0 if self.further is None else len(self.further)


def _fit_in_full(
    student: Any,
    target: Target,
    meant: Target,
    parts: _Parts,
    draw: Callable[[TransferSet], TransferSet] | None,
) -> _Fitted:
    """Fit a student to a target; its probabilities become those that are meant."""
    validation = as_student(student).validation
    tried, further = None, None
    if validation == "choose":
        choice = _choose_search(
            student, target, meant, parts.kept, parts.held_out, draw
        )
        further = draw(parts.whole) if choice.asks and draw is not None else None
        student = clone(student).set_params(**choice.chosen)
        tried = choice.taught
    elif draw is not None:
        further = draw(parts.kept)
    watches = validation == "watch"
    given = parts.kept if watches else parts.whole
    asked = given if further is None else given.join(further)
    fitted = fit_student(student, target, asked, parts.held_out if watches else None)
    scale = 1.0
    if target.task != "regression" and not _is_refilled(fitted):
        apart = fitted
        if not watches:  # it has seen the validation rows: ask one that has not
            kept = parts.kept if further is None else parts.kept.join(further)
            apart = fit_student(student, target, kept)
        scale = _best_scale(Taught(apart, target), meant, parts.held_out)
    taught = _calibrated(fitted, target, meant, asked, scale)
    return _Fitted(taught, target, tried, further)


def _may_be_of_labels(student: Any) -> bool:
    """Say whether the labels' tree may take the place of a student.

    Only leaves can be refilled: of what adds up the labels are in every part, and
    another temperature changes no decision. And a proof that no tree agrees more with
    the teacher is worth more than a trial.
    """
    return _is_refilled(student) and getattr(student, "search", "") != "optimal"


def _or_of_labels(
    student: Any, fitted: _Fitted, baseline: _Fitted, meant: Target, parts: _Parts
) -> _Fitted:
    """Return the student, or the labels' tree if it serves the teacher better.

    Both are fitted to the rows kept, with all that was to be chosen; where the labels'
    tree, with the teacher's probabilities in its leaves, agrees more with the teacher
    on validation rows, nothing is gained by another tree. Of two that agree as much
    the student is kept: what it was fitted to is what is asked for.
    """
    target = Target("hard", alpha=1.0, task=meant.task)
    ours, theirs, how = fitted.tried, baseline.tried, "fitted in full"
    if ours is None or theirs is None:  # a fixed search: not twice what it costs
        quick, how = as_student(student).without_search(), "fitted without search"
        labelled = parts.kept.without_teacher(meant.task)
        ours = _try(quick, fitted.target, meant, parts.kept)
        theirs = _try(quick, baseline.target, target, labelled)
    own, other = (
        _score(taught, parts.held_out)[0]
        for taught in (ours, _refilled(theirs, meant, parts.kept))
    )
    n_rows = len(parts.kept)
    trials = (
        TargetTrial(fitted.target, own, n_rows, f"the student, {how}"),
        TargetTrial(target, other, n_rows, "the labels' tree, leaves refilled"),
    )
    if own >= other:
        return _Fitted(
            fitted.taught, fitted.target, None, fitted.further, trials=trials
        )
    taught = _refilled(baseline.taught, meant, parts.whole)
    return _Fitted(taught, target, trials=trials)


def _try(student: Any, target: Target, meant: Target, kept: TransferSet) -> Taught:
    """Return a student that has nothing to choose, fitted to the rows kept."""
    fitted = fit_student(student, target, kept)
    return _calibrated(fitted, target, meant, kept)


def _refilled(taught: Taught, meant: Target, transfer_set: TransferSet) -> Taught:
    """Return the labels' tree with what is meant in its leaves."""
    return _calibrated(taught.student, taught.reading, meant, transfer_set)


def _fit_to_labels(student: Any, parts: _Parts, task: str) -> _Fitted:
    """Fit the baseline: the same student, to the labels alone."""
    target = label_target(task)
    meant = replace(target, alpha=1.0)
    return _fit_in_full(student, target, meant, parts.without_teacher(task), None)
