"""What is chosen before a student is fitted in full: target, labels' share, weights."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd.distillation._choosing import (
    TargetTrial,
    _choose_alpha,
    _choose_target,
    _losses,
    _quickly,
    weighted_mean,
)
from interpretkd.distillation._recipe import _Recipe
from interpretkd.distillation._teaching import _Parts
from interpretkd.methods import Confidence
from interpretkd.targets import Target
from interpretkd.transfer import TransferSet

_TRIAL_ROWS = 20_000
"""Targets are compared on at most so many rows: their order is clear early."""

_FOLDS = 5


@dataclass(frozen=True, eq=False)
class _Choice:
    """What there is to choose from, and the rows to choose on."""

    student: Any
    parts: _Parts
    recipe: _Recipe
    seed: int
    groups: NDArray[np.int64] | None

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
            asked = (self.student, targets, lesson, held_out)
            target, trials = _choose_target(*asked)
        if alpha:
            target, tried = _choose_alpha(self.student, target, lesson, held_out)
            meant, trials = replace(meant, alpha=target.alpha), trials + tried
        if weights:
            recipe, tried = self._weighted(target)
            trials += tried
        return target, meant, recipe, trials

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
        not seen: a choice on these alone would pick noise.
        """
        plain = self.recipe
        rich = plain.with_weights(Confidence())
        index = self._some(len(self.parts.kept))
        kept = self.parts.kept.take(index)
        gains, loss = np.zeros(len(kept)), {True: 0.0, False: 0.0}
        folds = self._folds(index)
        for fold in range(_FOLDS):
            inside, outside = np.flatnonzero(folds != fold), folds == fold
            rows, judged = kept.take(inside), kept.take(np.flatnonzero(outside))
            missed = [
                self._missed(recipe, target, rows, judged) for recipe in (plain, rich)
            ]
            gains[outside] = missed[0] - missed[1]
        gain, error = weighted_mean(gains, kept.weights)
        for recipe, name in ((plain, False), (rich, True)):
            held_out = self.parts.held_out
            missed_there = self._missed(recipe, target, kept, held_out)
            loss[name] = weighted_mean(missed_there, held_out.weights)[0]
        trials = tuple(
            TargetTrial(
                target, 1 - loss[name], len(kept), f"{words} confidence weights"
            )
            for name, words in ((False, "without"), (True, "with"))
        )
        serves = gain > error and loss[True] <= loss[False]
        return (rich if serves else plain), trials

    def _missed(
        self, recipe: _Recipe, target: Target, rows: TransferSet, judged: TransferSet
    ) -> NDArray[np.float64]:
        lesson, seen = recipe.lesson(rows, further=False), recipe.seen(judged)
        return _losses(_quickly(self.student, target, lesson, seen), seen)

    def _folds(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the fold of each row kept; rows of a group lie in one."""
        rng = np.random.default_rng(self.seed)
        if self.groups is None:
            return rng.permutation(np.arange(len(index)) % _FOLDS)
        known, place = np.unique(self.groups[index], return_inverse=True)
        return rng.permutation(np.arange(len(known)) % _FOLDS)[place]
