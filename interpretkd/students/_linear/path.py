"""A path of weighted sums, from no term to many, on which their number is chosen."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, check_choice
from interpretkd.data import Codes, Schema
from interpretkd.models import Linear, linear_margins
from interpretkd.students._linear.solvers import (
    _N_BLOCKS,
    _N_FOLDS,
    _N_HALVINGS,
    _SHRINKERS,
    SPARSE,
    _fit_linear,
    _mean_loss,
    _normal,
    _pose,
    _Problem,
    _proximal_gradient,
    _pulls,
    _row_losses,
)


@dataclass(frozen=True, eq=False)
class LinearPath:
    """Linear forms from no term to many.

    Parameters
    ----------
    strengths : ndarray of shape (n_steps,), float64
        The weight of the penalty, falling.
    forms : tuple of Linear
        The form at each strength.
    losses : ndarray of shape (n_steps,), float64
        The mean loss of the training rows, without the penalty.
    scores : ndarray of shape (n_steps,), float64, default=None
        How good each form is on rows that it was not fitted to, the larger the better.
    errors : ndarray of shape (n_steps,), float64, default=None
        The standard error within which each score may be as good as the best.
    """

    strengths: Array
    forms: tuple[Linear, ...]
    losses: Array
    scores: Array | None = None
    errors: Array | None = None

    def __len__(self) -> int:
        return len(self.forms)

    @cached_property
    def n_terms(self) -> NDArray[np.int64]:
        """The features each form uses, shape (n_steps,)."""
        return np.asarray([len(form.features) for form in self.forms])

    def within_budget(self, max_terms: int) -> int:
        """Find the step of least loss among those of few terms.

        Parameters
        ----------
        max_terms : int
            In [0, inf): the most features.

        Returns
        -------
        int
            The step's position.
        """
        allowed = self.n_terms <= max_terms
        return int(np.where(allowed, self.losses, math.inf).argmin())

    def within_one_error(self) -> int:
        """Find the step of fewest terms that is about as good as the best.

        Of equally few terms the better score is taken.

        Returns
        -------
        int
            The step's position.

        Raises
        ------
        InputError
            When there are no scores.

        References
        ----------
        Breiman, Friedman, Olshen & Stone (1984), the one-standard-error rule.
        """
        if self.scores is None or self.errors is None:
            raise InputError("The path has no scores to choose a step by.")
        good = np.flatnonzero(self.scores >= self.scores.max() - self.errors)
        order = np.lexsort((-self.scores[good], self.n_terms[good]))
        return int(good[order[0]])

    def to_frame(self) -> pd.DataFrame:
        """Return one row a step.

        Returns
        -------
        DataFrame
            The columns strength, n_terms, loss and score (NaN where none was taken).
        """
        gaps = np.full(len(self), math.nan)
        return pd.DataFrame(
            {
                "strength": self.strengths,
                "n_terms": self.n_terms,
                "loss": self.losses,
                "score": gaps if self.scores is None else self.scores,
            }
        )


def _linear_path(
    schema: Schema,
    codes: Codes,
    targets: Array,
    sample_weight: Array | None = None,
    *,
    link: str = "identity",
    penalty: str = "group",
    strengths: Sequence[float] | None = None,
    n_strengths: int = 30,
    smallest: float = 1e-3,
    max_terms: int | None = None,
    max_iter: int = 500,
    tol: float = 1e-6,
    hints: Array | None = None,
) -> tuple[LinearPath, int]:
    """Find the coefficients for strengths from "all are 0" downwards.

    The first strength is the smallest at which every coefficient is 0; `n_strengths`
    are evenly spaced on a logarithmic scale down to the part `smallest` of it, unless
    other `strengths`, falling, are given. Each further solution starts from the one
    before, and looks only at columns that the strong rule keeps; the others are checked
    afterwards. With `max_terms` the path ends before a step uses more features, and
    looks between the last two strengths for steps that use up the budget. All else is
    as for `_fit_linear`, the steps of the solver counted for each strength.

    Returns the path, of one form when no column tells anything about the targets, and
    the steps that the solver took in total.

    References
    ----------
    Friedman, Hastie & Tibshirani (2010), paths with warm starts; Tibshirani et al.
    (2012), the strong rule.
    """
    check_choice("linear_path", "penalty", penalty, SPARSE)
    problem = _pose(schema, codes, targets, sample_weight, link, None, hints)
    walk = _Walk(problem, penalty, max_iter, tol)
    at = walk.start()
    if strengths is None:
        strengths = _spaced(at.strength, n_strengths, smallest)
    steps: list[_Step] = []
    for strength in strengths:
        following = walk.step(at, strength)
        if max_terms is not None and walk.n_terms(following) > max_terms:
            steps += _use_up(walk, at, following, max_terms)
            break
        at = following
        steps.append(at)
    path = LinearPath(
        np.asarray([step.strength for step in steps]),
        tuple(problem.form(step.solution, penalty) for step in steps),
        np.asarray([_own_loss(problem, step) for step in steps]),
    )
    return path, max(sum(step.n_steps for step in steps), 1)


def _relax(
    path: LinearPath,
    codes: Codes,
    targets: Array,
    sample_weight: Array | None = None,
    *,
    strength: float = 1e-4,
    max_iter: int = 500,
) -> tuple[LinearPath, int]:
    """Fit each step's features anew, without the shrinkage that selected them.

    Returns the path with other coefficients and the steps that were taken in total.

    References
    ----------
    Meinshausen (2007), the relaxed lasso, at its debiased end.
    """
    fitted: dict[tuple[int, ...], tuple[Linear, int]] = {}
    for form in path.forms:
        if form.features not in fitted:
            fitted[form.features] = _fit_linear(
                form.schema,
                codes,
                targets,
                sample_weight,
                link=form.link,
                strength=strength,
                features=form.features,
                max_iter=max_iter,
            )
    forms = tuple(fitted[form.features][0] for form in path.forms)
    losses = [_mean_loss(form, codes, targets, sample_weight) for form in forms]
    relaxed = LinearPath(path.strengths, forms, np.asarray(losses))
    return relaxed, sum(n_steps for _, n_steps in fitted.values())


def _watch_path(
    path: LinearPath, codes: Codes, score: Callable[[Array], float]
) -> LinearPath:
    """Score each step on rows that the path was not fitted to.

    `score` turns predictions of them into a number, the larger the better. The errors
    are those of the difference to the best score, and suppose a mean over the rows.
    """
    outputs = [form.predict_codes(codes) for form in path.forms]
    scores = np.asarray([score(output) for output in outputs])
    best = int(scores.argmax())
    n_blocks = min(_N_BLOCKS, len(codes))
    block = np.arange(len(codes)) % n_blocks
    # Whatever a mean is taken over: exchanging some rows' predictions shows their part
    # in the difference between two forms.
    parts = np.zeros((len(path), n_blocks))
    for step, output in enumerate(outputs):
        for i in range(n_blocks):
            mixed = np.where((block == i)[:, None], output, outputs[best])
            parts[step, i] = score(mixed) - scores[best]
    spread = ((parts - parts.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    errors = np.sqrt(spread * n_blocks / max(n_blocks - 1, 1))
    return replace(path, scores=scores, errors=errors)


def _cross_validate(
    path: LinearPath,
    fit_path: Callable[[NDArray[np.intp]], LinearPath],
    codes: Codes,
    targets: Array,
    sample_weight: Array | None = None,
) -> LinearPath:
    """Score each step by the loss of rows that were left out, in five folds.

    `fit_path` returns the path of some rows for the same strengths. The scores are
    losses, negative; the error is that of the best.
    """
    weight = _normal(sample_weight, len(codes))
    n_folds = min(_N_FOLDS, int(np.count_nonzero(weight)))
    if n_folds < 2:
        return replace(path, scores=-path.losses, errors=np.zeros(len(path)))
    fold = np.empty(len(codes), dtype=np.intp)
    order = np.lexsort((np.random.default_rng(0).random(len(codes)), weight == 0))
    fold[order] = np.arange(len(codes)) % n_folds
    losses = np.empty((len(path), len(codes)))
    for i in range(n_folds):
        out = fold == i
        for step, form in enumerate(fit_path(np.flatnonzero(~out)).forms):
            margins = linear_margins(form, codes[out])
            losses[step, out] = _row_losses(margins, targets[out], form.link)
    scores = -losses @ weight
    best = losses[scores.argmax()]
    error = math.sqrt(weight**2 @ (best - best @ weight) ** 2)
    return replace(path, scores=scores, errors=np.full(len(path), error))


def _spaced(first: float, n_strengths: int, smallest: float) -> list[float]:
    if first <= 1e-12:  # no column has anything to say
        return [first]
    return [first, *(first * np.geomspace(1, smallest, n_strengths)[1:]).tolist()]


@dataclass(frozen=True, eq=False)
class _Step:
    """One solution of a path, with the slope of the loss there."""

    strength: float
    solution: Array
    loss: float
    slope: Array
    n_steps: int


def _own_loss(problem: _Problem, step: _Step) -> float:
    """Return the part of a step's loss that is about the targets, not about hints."""
    if problem.loss.hints is None:
        return step.loss
    return problem.loss.of_targets(step.solution)


@dataclass(frozen=True, eq=False)
class _Walk:
    """How a path goes from one strength to the next."""

    problem: _Problem
    penalty: str
    max_iter: int
    tol: float

    def start(self) -> _Step:
        """Return the best intercepts alone, and the strength that asks for no more."""
        loss = self.problem.loss
        solution = np.zeros(loss.shape)
        solution[0] = loss.intercepts()
        value, slope = loss(solution)
        first = float(self._pulls(slope).max(initial=0))
        return _Step(first, solution, value, slope, 0)

    def step(self, before: _Step, strength: float) -> _Step:
        if not before.solution[1:].any() and self._held(before, strength).all():
            return replace(before, strength=strength, n_steps=0)
        least = 2 * strength - before.strength
        active = before.solution[1:].any(axis=1) | (self._pulls(before.slope) >= least)
        solution, n_steps = before.solution, 0
        while True:
            solution, taken = self._solve(solution, active, strength)
            value, slope = self.problem.loss(solution)
            after = _Step(strength, solution, value, slope, n_steps + taken)
            n_steps = after.n_steps
            wrong = ~active & ~self._held(after, strength * (1 + 1e-4))
            if not wrong.any():
                return after
            active |= wrong

    def n_terms(self, step: _Step) -> int:
        return len(np.unique(self.problem.groups[step.solution[1:].any(axis=1)]))

    def _pulls(self, slope: Array) -> Array:
        own = self.problem.loss.n_own
        return _pulls(slope[1:], self.problem.groups, self.penalty, own)

    def _held(self, step: _Step, strength: float) -> NDArray[np.bool_]:
        return self._pulls(step.slope) <= strength

    def _solve(
        self, start: Array, active: NDArray[np.bool_], strength: float
    ) -> tuple[Array, int]:
        loss = self.problem.loss.of(active)
        shrink = _SHRINKERS[self.penalty](self.problem.groups[active], loss.n_own)
        rows = np.concatenate([[True], active])
        solution = np.zeros_like(start)
        solution[rows], n_steps = _proximal_gradient(
            loss, shrink, strength, self.max_iter, self.tol, start[rows]
        )
        return solution, n_steps


def _use_up(walk: _Walk, few: _Step, many: _Step, max_terms: int) -> list[_Step]:
    """Return steps between one within the budget and one beyond it."""
    found: list[_Step] = []
    beyond = many.strength
    for _ in range(_N_HALVINGS):
        if walk.n_terms(few) == max_terms:
            break
        between = walk.step(few, math.sqrt(few.strength * beyond))
        if walk.n_terms(between) > max_terms:
            beyond = between.strength
        else:
            few = between
            found.append(between)
    return found
