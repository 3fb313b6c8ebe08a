"""What is chosen before a student is fitted in full: target, labels' share, weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array, InputError
from interpretkd.distillation._choosing import (
    TargetTrial,
    _choose_alpha,
    _choose_target,
    _losses,
    _quickly,
    weighted_mean,
)
from interpretkd.distillation._recipe import _all, _Recipe
from interpretkd.distillation._teaching import _Parts
from interpretkd.methods import Confidence, Use
from interpretkd.students import as_student
from interpretkd.targets import Target
from interpretkd.transfer import TransferSet

_TRIAL_ROWS = 20_000
"""Targets are compared on at most so many rows: their order is clear early."""

_FOLDS = 5
"""Where there are fewer groups, as many as these."""


@dataclass(frozen=True, eq=False)
class _Choice:
    """What there is to choose from, and the rows to choose on.

    `groups` and `held_out_groups` are what the rows kept and the validation rows belong
    to; None where each row is one.
    """

    student: Any
    parts: _Parts
    recipe: _Recipe
    seed: int
    groups: NDArray[np.int64] | None
    held_out_groups: NDArray[np.int64] | None

    def make(
        self, targets: list[Target], *, alpha: bool, weights: bool
    ) -> tuple[Target, Target, _Recipe, tuple[TargetTrial, ...]]:
        """Return the target, what its probabilities shall be, the recipe, the trials.

        Further rows take no part: they cost more than they tell here.
        """
        target, recipe = targets[0], self.recipe
        trials: tuple[TargetTrial, ...] = ()
        if len(targets) == 1 and not alpha and not weights:
            return target, target, recipe, trials
        meant = targets[0]
        held_out = recipe.seen(self.parts.held_out)
        lesson = recipe.lesson(self.parts.kept, further=False)
        lesson = lesson.take(self._some(len(lesson)))
        if len(targets) > 1:
            served = self._served(targets)
            target, trials = _choose_target(self.student, served, lesson, held_out)
        if alpha:
            asked_of = (self.student, target, lesson, held_out, self.held_out_groups)
            target, tried = _choose_alpha(*asked_of)
            meant, trials = replace(meant, alpha=target.alpha), trials + tried
        if weights:
            recipe, tried = self._weighted(target)
            trials += tried
        return target, meant, recipe, trials

    def _served(self, targets: list[Target]) -> list[Target]:
        """Return the targets with which every step does something.

        A step may stand if it serves one of them; with another it would be told as a
        part of the recipe, and be none.
        """
        recipe, reasons, served = self.recipe, [], []
        given = (*recipe.transfer, *_all(recipe.steps), recipe.view, recipe.scheme)
        steps = [step for step in given if step is not None]
        told = (recipe.context.teacher, self.parts.whole.logits.shape[1])
        for target in targets:
            use = Use(as_student(self.student), (target,), *told)
            refused = [(step, step.refusal(use)) for step in steps]
            refused = [pair for pair in refused if pair[1] is not None]
            reasons += [f"{type(s).__name__} of {target}: {why}" for s, why in refused]
            if not refused:
                served.append(target)
        if not served:
            raise InputError(
                "With each target that target='auto' tries one of the steps would do "
                f"nothing. {'; '.join(reasons)}."
            )
        return served

    def _some(self, n_rows: int) -> NDArray[np.int64]:
        """Return the positions of as many rows as a trial takes."""
        if n_rows <= _TRIAL_ROWS:
            return np.arange(n_rows)
        order = np.random.default_rng(self.seed).permutation(n_rows)
        return np.sort(order[:_TRIAL_ROWS])

    def _weighted(self, target: Target) -> tuple[_Recipe, tuple[TargetTrial, ...]]:
        """Return the recipe with confidence weights, if they serve on nested rows.

        They are chosen by folds of the rows kept, where the gain is more than one
        standard error, and must not lose on the validation rows, which the folds have
        not seen: a choice on these alone would pick noise. Rows of weight 0 take no
        part. Of a single group or very few rows there are no folds: without a reason
        for them no weights are taken.
        """
        counted = np.flatnonzero(self.parts.kept.weights > 0)
        index = counted[self._some(len(counted))]
        kept, held_out = self.parts.kept.take(index), self.parts.held_out
        folds = self._folds(index)
        n_folds = int(folds.max()) + 1
        if n_folds < 2 or len(kept) < _FOLDS:
            return self.recipe, ()
        recipes = (self.recipe, self.recipe.with_weights(Confidence()))
        nested = self._on_folds(recipes, target, kept, folds)
        there = [self._missed(recipe, target, kept, held_out) for recipe in recipes]
        groups = None if self.groups is None else self.groups[index]
        gain, error = weighted_mean(nested[0] - nested[1], kept.weights, groups)
        lost = weighted_mean(there[1] - there[0], held_out.weights)[0]
        n_inside = len(kept) - len(kept) // n_folds
        trials = (
            *_weight_trials(target, nested, kept, n_inside, "on folds"),
            *_weight_trials(target, there, held_out, len(kept), "on validation rows"),
        )
        return recipes[gain > error and lost <= 0], trials

    def _on_folds(
        self,
        recipes: Sequence[_Recipe],
        target: Target,
        kept: TransferSet,
        folds: NDArray[np.int64],
    ) -> list[Array]:
        """Return what each recipe's students miss of the rows that they did not see."""
        missed = [np.zeros(len(kept)) for _ in recipes]
        for fold in range(int(folds.max()) + 1):
            rows, judged = (
                kept.take(np.flatnonzero(part))
                for part in (folds != fold, folds == fold)
            )
            for own, recipe in zip(missed, recipes, strict=True):
                own[folds == fold] = self._missed(recipe, target, rows, judged)
        return missed

    def _missed(
        self, recipe: _Recipe, target: Target, rows: TransferSet, judged: TransferSet
    ) -> Array:
        lesson, seen = recipe.lesson(rows, further=False), recipe.seen(judged)
        return _losses(_quickly(self.student, target, lesson, seen), seen)

    def _folds(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the fold of each row kept; rows of a group lie in one."""
        rng = np.random.default_rng(self.seed)
        if self.groups is None:
            return _dealt(len(index), rng)
        known, place = np.unique(self.groups[index], return_inverse=True)
        return _dealt(len(known), rng)[place]


def _dealt(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each of n groups or rows; none is empty."""
    return rng.permutation(np.arange(n) % min(n, _FOLDS))


def _weight_trials(
    target: Target,
    missed: Sequence[Array],
    judged: TransferSet,
    n_rows: int,
    where: str,
) -> list[TargetTrial]:
    """Return what the students without confidence weights, and with them, are worth."""
    return [
        TargetTrial(
            target,
            1 - weighted_mean(own, judged.weights)[0],
            n_rows,
            f"{word} confidence weights, {where}",
        )
        for word, own in zip(("without", "with"), missed, strict=True)
    ]
