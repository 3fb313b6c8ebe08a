"""Several trees, fitted to all rows, and the one that serves the teacher best.

Of trees that fit the given rows as well, some are right by accident. A choice on a
fifth of a few hundred rows picks another accident, and costs the trees these rows. But
a teacher can be asked: rows drawn afresh, which no tree was fitted to, tell them apart.
Where there are so many rows that none are drawn, the validation rows do.
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from interpretkd.distillation._calibration import (
    Taught,
    _best_scale,
    _calibrated,
    _is_refilled,
    _scaled,
    _with_means,
)
from interpretkd.distillation._choosing import (
    TargetTrial,
    _choose_search,
    _losses,
    _share,
)
from interpretkd.distillation._fitting import fit_student
from interpretkd.distillation._recipe import _Recipe
from interpretkd.distillation._teaching import (
    _fit_in_full,
    _Fitted,
    _or_of_labels,
    _Parts,
    _refilled,
)
from interpretkd.methods import Local, RowGenerator, apply_steps
from interpretkd.students import Contender, as_student
from interpretkd.targets import Target
from interpretkd.transfer import TransferSet

_HARM = 2.0
"""Standard errors by which a student must be better without further rows to have none:
of few validation rows one is mere chance."""

_GIVEN_COUNT = 0.3
"""How much the given rows count beside fresh ones: the trees were fitted to them."""


def _pools(student: Any, target: Target, recipe: _Recipe) -> bool:
    """Tell whether several trees are fitted and the best is kept.

    Not where labels have a part in the target, which rows drawn afresh do not have, nor
    where questions are few or a scheme orders the fits.
    """
    asks = bool(recipe.transfer) or recipe.tries
    bound = recipe.keeps_budget or recipe.scheme is not None
    able = bool(as_student(student).candidates(target, free=True))
    return able and asks and not bound and target.alpha == 0


def _fit_best(
    student: Any,
    target: Target,
    meant: Target,
    parts: _Parts,
    recipe: _Recipe,
    rival: _Fitted | None,
    *,
    free: bool,
) -> _Fitted:
    """Fit the student in full, or the best of several that there are to try.

    `rival` is the labels' tree: with the teacher's answers in its leaves it is the
    student in the end if it agrees more with the teacher; None where it may not be.
    `free` says whether another target than the given one may serve.
    """
    single = (student, target, meant, parts, recipe)
    if _pools(student, target, recipe):
        pool = _pool(*single, free=free)
        if pool is not None:
            return _best_of(pool, rival)
    fitted = _fit_in_full(*single)
    if rival is None:
        return fitted
    return _or_of_labels(student, fitted, rival, meant, parts, recipe)


def _pool(
    student: Any,
    target: Target,
    meant: Target,
    parts: _Parts,
    recipe: _Recipe,
    *,
    free: bool,
) -> "_Pool | None":
    """Return what is to be fitted and how it is judged; None where nothing can judge.

    Rows that are only tried must not harm on the validation rows: by rows that are
    unlike the given ones, or answered otherwise, trees are judged wrongly, too.
    """
    held_out, sized = recipe.seen(parts.held_out), student.max_leaves == "auto"
    if recipe.transfer and not _made(recipe, parts.kept):
        return None
    if sized or (recipe.tries and recipe.transfer):
        quick = clone(student).set_params(effort="quick")
        told = (quick, target, meant, parts.kept, held_out, recipe)
        choice = _choose_search(*told, errors=_HARM)
        if recipe.transfer and not choice.asks:
            return None
        if sized:
            size = choice.chosen["max_leaves"]
            student = clone(student).set_params(max_leaves=size)
    return _Pool(student, target, meant, parts, recipe, free)


def _generators(recipe: _Recipe) -> tuple[RowGenerator, ...]:
    """Return the steps that make rows; others but repeat them."""
    return tuple(step for step in recipe.transfer if isinstance(step, RowGenerator))


def _made(recipe: _Recipe, rows: TransferSet) -> int:
    """Return how many rows the generators of a recipe make of others."""
    steps = _generators(recipe)
    return sum(step.count(rows) for step in steps if step.weight_share(rows))


def _best_of(pool: "_Pool", rival: _Fitted | None) -> _Fitted:
    """Fit a pool of trees; keep the one that agrees most with the teacher."""
    tried = [*pool.grown()]
    if rival is not None:
        tried.append(pool.of_labels(rival))
    agreement = [pool.judges.agreement(one.taught) for one in tried]
    trials = tuple(
        TargetTrial(one.target, agrees, len(one.prepared), f"{one.name}, {pool.where}")
        for one, agrees in zip(tried, agreement, strict=True)
    )
    best = pool.scaled(tried[int(np.argmax(agreement))])
    if not pool.recipe.transfer:  # it was fitted without the validation rows
        best = best.refilled(pool.meant, pool.parts.whole)
    return _Fitted(best.taught, best.target, best.prepared, best.recipe, trials=trials)


@dataclass(frozen=True, eq=False)
class _Tried:
    """A fitted tree: its name, its target, and what it was fitted to by what."""

    name: str
    target: Target
    taught: Taught
    prepared: TransferSet
    recipe: _Recipe

    def refilled(self, meant: Target, rows: TransferSet) -> "_Tried":
        """Return the tree with the answers to all given rows in its leaves.

        Those of a monotone tree stay: other means could break the order.
        """
        prepared = self.recipe.prepared(rows, further=False)
        own = self.recipe.read(prepared)
        if meant.task == "regression" and _is_refilled(self.taught.student):
            taught = _with_means(self.taught, own)
        else:
            taught = _refilled(self.taught, meant, own)
        counting = copy.copy(taught.student)
        counting.count_support(own.rows, own.encoded, own.weights)
        return replace(
            self, taught=replace(taught, student=counting), prepared=prepared
        )


@dataclass(frozen=True, eq=False)
class _Judges:
    """Rows on which trees are compared, as the student reads them, and their counts."""

    rows: tuple[TransferSet, ...]
    counts: tuple[float, ...]

    def agreement(self, taught: Taught) -> float:
        """Return how far a tree agrees with the teacher (R2, for regression)."""
        own = [_share(_losses(taught, r), r, r.logits) for r in self.rows]
        return float(np.average(own, weights=self.counts))


class _Pool:
    """The trees of one fit, and the rows on which they are compared."""

    def __init__(
        self,
        student: Any,
        target: Target,
        meant: Target,
        parts: _Parts,
        recipe: _Recipe,
        free: bool,
    ) -> None:
        self.student, self.target, self.meant = student, target, meant
        self.recipe, self.parts, self.free = recipe, parts, free
        self.draws: dict[int | None, TransferSet] = {}
        self.must_draw = bool(recipe.transfer) and not recipe.tries
        if recipe.transfer:
            rows = (self._fresh(), recipe.seen(parts.whole))
            self.judges = _Judges(rows, (1.0, _GIVEN_COUNT))
            self.where = "on fresh rows and the given ones"
        else:
            self.judges = _Judges((recipe.seen(parts.held_out),), (1.0,))
            self.where = "on validation rows"

    def grown(self) -> Iterator[_Tried]:
        """Fit the students one after another, until their time is over."""
        began = time.monotonic()
        chosen = as_student(self.student).candidates(self.target, free=self.free)
        seen: set[tuple[str, int | None]] = set()
        for candidate in chosen:
            left = self.student.time_limit - (time.monotonic() - began)
            if seen and left <= 0:
                return
            if candidate.draw is None and self.must_draw:
                continue
            draw = candidate.draw if self.recipe.transfer else None
            same = (repr((candidate.student.get_params(), candidate.target)), draw)
            if same not in seen:  # without further rows two ways may be one
                yield self._fit(candidate, draw, max(left, 1e-3))
            seen.add(same)

    def _fit(self, candidate: Contender, draw: int | None, seconds: float) -> _Tried:
        student = clone(candidate.student).set_params(time_limit=seconds)
        prepared = self._prepared(draw)
        own = self.recipe.read(prepared)
        fitted = fit_student(student, candidate.target, own)
        fitted.set_params(time_limit=self.student.time_limit)
        taught = _calibrated(fitted, candidate.target, self.meant, own)
        recipe = self.recipe if draw is not None else replace(self.recipe, transfer=())
        rows = "given rows alone" if draw is None else f"further rows, draw {draw + 1}"
        name = f"the student, {candidate.name}, {rows}"
        return _Tried(name, candidate.target, taught, prepared, recipe)

    def scaled(self, best: _Tried) -> _Tried:
        """Return a tree whose leaves are not refilled with one temperature for all.

        It is found on the validation rows, by the same tree fitted without them.
        """
        taught = apart = best.taught
        if self.meant.task == "regression" or _is_refilled(taught.student):
            return best
        if self.recipe.transfer:  # it was fitted to the validation rows, too
            own = best.recipe.lesson(self.parts.kept, further=True)
            apart = Taught(fit_student(taught.student, best.target, own), best.target)
        held_out = self.recipe.seen(self.parts.held_out)
        scale = _best_scale(apart, self.meant, held_out)
        return replace(best, taught=_scaled(taught, scale))

    def of_labels(self, rival: _Fitted) -> _Tried:
        """Return the labels' tree with the teacher's answers in its leaves.

        Where the others do not know the validation rows, it must not either.
        """
        knows_all = bool(self.recipe.transfer) or rival.tried is None
        taught = rival.taught if knows_all else rival.tried
        rows = self.parts.whole if knows_all else self.parts.kept
        assert taught is not None
        target = Target("hard", alpha=1.0, task=self.meant.task)
        recipe = self.recipe.for_baseline()
        filled = _refilled(taught, self.meant, recipe.read(rows))
        return _Tried("the labels' tree, leaves refilled", target, filled, rows, recipe)

    def _prepared(self, draw: int | None) -> TransferSet:
        if draw not in self.draws:
            whole = self.parts.whole if self.recipe.transfer else self.parts.kept
            recipe = self.recipe.with_draw(draw or 0)
            self.draws[draw] = recipe.prepared(whole, further=draw is not None)
        return self.draws[draw]

    def _fresh(self) -> TransferSet:
        """Return rows that no tree is fitted to, with the teacher's answers.

        Like the given ones, whatever the trees are fitted to: a generator of one's own
        may draw the same rows again, others than there are, or answer them itself.
        """
        steps: tuple[RowGenerator, ...] = _generators(self.recipe)
        if any(type(step) is not Local for step in steps):
            steps = (Local(_made(self.recipe, self.parts.whole)),)
        context = self.recipe.with_draw(-1).context
        rows = apply_steps(steps, self.parts.whole, context)
        made = rows.take(np.flatnonzero(~rows.is_given))
        return self.recipe.seen(replace(made, weight=None))
