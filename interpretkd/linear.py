"""The linear form, and how its coefficients are found.

No kept library fits a softmax to soft targets with an L1 penalty, so the solver is
ours: L-BFGS for L2, an accelerated proximal gradient for the sparse penalties, and a
path of such solutions from no term to many, on which a number of terms is chosen.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from interpretkd._errors import InputError
from interpretkd._typing import Array
from interpretkd._validation import check_choice
from interpretkd.logits import LINKS, apply_link
from interpretkd.schema import Codes, Rows, Schema, expand

__all__ = [
    "PENALTIES",
    "SPARSE",
    "Linear",
    "LinearPath",
    "cross_validate",
    "design_matrix",
    "fit_linear",
    "linear_path",
    "relax",
    "row_losses",
    "watch_path",
]


PENALTIES = ("l2", "l1", "group")
SPARSE = ("l1", "group")
_N_FOLDS, _N_BLOCKS, _N_HALVINGS = 5, 20, 10


@dataclass(frozen=True, eq=False)
class Linear:
    """A weighted sum of columns for each output, in the columns' own units.

    The columns are those of ``schema.columns(indicate_missing=True)``: a number, a
    category (0 or 1), or "is missing" (0 or 1).

    Parameters
    ----------
    schema : Schema
        The original columns.
    coefficients : ndarray of shape (n_columns, n_outputs), float64
        What one unit of a column adds to an output.
    intercept : ndarray of shape (n_outputs,), float64
        What the sums start from.
    fill : ndarray of shape (n_columns,), float64
        What stands in for a missing number: the training mean.
    link : {"identity", "softmax", "sigmoid"}, default="identity"
        What turns the sums into predictions.
    steps : ndarray of shape (n_columns,), float64, default=None
        Of a points scorecard: how many units of a column its points are given for.
    multiplier : ndarray of shape (n_outputs,), float64, default=None
        Of a points scorecard: what one point adds to an output, so that
        ``coefficients * steps / multiplier`` are whole numbers.

    Raises
    ------
    InputError
        When the arrays do not fit one another or are not finite.
    """

    schema: Schema
    coefficients: Array
    intercept: Array
    fill: Array
    link: str = "identity"
    steps: Array | None = None
    multiplier: Array | None = None

    def __post_init__(self) -> None:
        check_choice("Linear", "link", self.link, LINKS)
        for name in self._names:
            array = np.asarray(getattr(self, name))
            if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
                raise InputError(
                    f"The array '{name}' of Linear must hold finite numbers."
                )
            frozen = np.array(array, dtype=np.float64)
            frozen.setflags(write=False)
            object.__setattr__(self, name, frozen)
        n_columns = len(self.schema.columns(indicate_missing=True))
        shapes = {name: getattr(self, name).shape for name in self._names}
        n_outputs = self.intercept.size
        needed = [(n_columns, n_outputs), (n_outputs,), (n_columns,)]
        needed += [(n_columns,), (n_outputs,)][: len(shapes) - len(needed)]
        if n_outputs == 0 or list(shapes.values()) != needed:
            raise InputError(f"The arrays of Linear must have {needed}. Got {shapes}.")
        if self.steps is not None and self.multiplier is not None:
            _check_points(self.coefficients, self.steps, self.multiplier)

    @property
    def n_outputs(self) -> int:
        """The number of sums."""
        return self.intercept.size

    @property
    def n_terms(self) -> int:
        """The number of columns with a coefficient other than 0."""
        return int(self.coefficients.any(axis=1).sum())

    @property
    def features(self) -> tuple[int, ...]:
        """The positions of the features with a coefficient other than 0."""
        columns = self.schema.columns(indicate_missing=True)
        owner = np.asarray([column.feature for column in columns])
        return tuple(np.unique(owner[self.coefficients.any(axis=1)]).tolist())

    @property
    def points(self) -> NDArray[np.int64] | None:
        """The points of a scorecard, (n_columns, n_outputs); None for any other."""
        if self.steps is None or self.multiplier is None:
            return None
        points = self.coefficients * self.steps[:, None] / self.multiplier
        return np.rint(points).astype(np.int64)

    @property
    def n_parameters(self) -> int:
        """The coefficients other than 0, and the intercepts."""
        return int(np.count_nonzero(self.coefficients)) + self.n_outputs

    @property
    def size_bytes(self) -> int:
        """The bytes of all arrays, uncompressed."""
        return sum(array.nbytes for array in self.to_arrays().values())

    @property
    def terms(self) -> list[str]:
        """The columns in words: "age", "age is missing", "purpose is car (new)"."""
        columns = self.schema.columns(indicate_missing=True)
        return [self.schema.describe(column) for column in columns]

    def margins(self, X: Rows) -> Array:
        """Return the sums before the link.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            The sums.
        """
        return _margins(self, self.schema.encode(X))

    def predict(self, X: Rows) -> Array:
        """Return the predictions.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows in original columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            The sums, through the link.
        """
        return self.predict_codes(self.schema.encode(X))

    def predict_codes(self, codes: Codes) -> Array:
        """Return the predictions of rows that are encoded already.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_features), float32
            Rows as `Schema.encode` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs), float64
            The sums, through the link.
        """
        return apply_link(_margins(self, codes), self.link)

    def to_frame(self, outputs: list[str] | None = None) -> pd.DataFrame:
        """Return the coefficients in original units, the intercept first.

        Parameters
        ----------
        outputs : list of str, default=None
            The outputs' names, such as the classes'.

        Returns
        -------
        DataFrame
            One row a term that has a coefficient other than 0, one column an output.
        """
        names = outputs or [f"output {i}" for i in range(self.n_outputs)]
        table = np.vstack([self.intercept, self.coefficients])
        index = pd.Index(["(intercept)", *self.terms], name="term")
        frame = pd.DataFrame(table, index=index, columns=names)
        kept = frame.any(axis=1).to_numpy(copy=True)
        kept[0] = True
        return frame[kept]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for saving.

        Returns
        -------
        dict
            The arrays.
        """
        return {name: getattr(self, name) for name in self._names}

    @classmethod
    def from_arrays(
        cls, schema: Schema, arrays: Mapping[str, NDArray[Any]], link: str
    ) -> "Linear":
        """Build a linear form from `to_arrays`' values, checking each.

        Parameters
        ----------
        schema : Schema
            The columns.
        arrays : mapping of str to ndarray
            What `to_arrays` returned, perhaps by way of a file.
        link : {"identity", "softmax", "sigmoid"}
            What turns the sums into predictions.

        Returns
        -------
        Linear
            The linear form.
        """
        if set(arrays) not in (set(_ARRAYS), {*_ARRAYS, *_OF_POINTS}):
            raise InputError(
                f"The arrays {sorted(_ARRAYS)} are needed, and {sorted(_OF_POINTS)} "
                f"of a scorecard. Got {sorted(arrays)}."
            )
        return cls(schema, **arrays, link=link)

    @property
    def _names(self) -> tuple[str, ...]:
        absent = [name for name in _OF_POINTS if getattr(self, name) is None]
        if len(absent) == 1:
            raise InputError(f"The array '{absent[0]}' of Linear is absent.")
        return _ARRAYS if absent else (*_ARRAYS, *_OF_POINTS)


_ARRAYS = ("coefficients", "intercept", "fill")
_OF_POINTS = ("steps", "multiplier")


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


def fit_linear(
    schema: Schema,
    codes: Codes,
    targets: Array,
    sample_weight: Array | None = None,
    *,
    link: str = "identity",
    penalty: str = "l2",
    strength: float = 1e-4,
    features: Sequence[int] | None = None,
    max_iter: int = 500,
    tol: float = 1e-6,
) -> tuple[Linear, int]:
    """Find the coefficients that minimise mean loss plus penalty.

    The columns are standardised while the coefficients are sought, so that the
    penalty treats all alike; the result is in original units. The intercept is not
    penalised.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Target columns; probabilities for the links "softmax" and "sigmoid".
    sample_weight : ndarray of shape (n_samples,), default=None
        How much each row counts.
    link : {"identity", "softmax", "sigmoid"}, default="identity"
        Half the squared error, or cross-entropy in nats.
    penalty : {"l2", "l1", "group"}, default="l2"
        Half the sum of squares; the sum of magnitudes; or, feature by feature, the
        root of the sum of squares over all its columns and outputs, scaled by the
        root of their number (Yuan & Lin, 2006), which drops whole features.
    strength : float, default=1e-4
        In [0, inf): the weight of the penalty.
    features : sequence of int, default=None
        The features that may get coefficients; None for all.
    max_iter : int, default=500
        The most steps.
    tol : float, default=1e-6
        The steps end when the gradient (L2) or the relative change of the
        coefficients (sparse) falls below it.

    Returns
    -------
    linear : Linear
        The linear form.
    n_steps : int
        The steps that were taken.

    References
    ----------
    Byrd, Lu, Nocedal & Zhu (1995), L-BFGS-B; Beck & Teboulle (2009), FISTA, with the
    restarts of O'Donoghue & Candes (2015).
    """
    problem = _pose(schema, codes, targets, sample_weight, link, features)
    loss = problem.loss
    if penalty == "l2":
        solution, n_steps = _lbfgs(loss, strength, max_iter, tol)
    else:
        shrink = _SHRINKERS[penalty](problem.groups)
        start = np.zeros(loss.shape)
        solution, n_steps = _proximal_gradient(
            loss, shrink, strength, max_iter, tol, start
        )
    return problem.form(solution, penalty), n_steps


def linear_path(
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
) -> tuple[LinearPath, int]:
    """Find the coefficients for strengths from "all are 0" downwards.

    The first strength is the smallest at which every coefficient is 0. Each further
    solution starts from the one before, and looks only at columns that the strong rule
    keeps; the others are checked afterwards.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Target columns, as for `fit_linear`.
    sample_weight : ndarray of shape (n_samples,), default=None
        How much each row counts.
    link : {"identity", "softmax", "sigmoid"}, default="identity"
        As for `fit_linear`.
    penalty : {"l1", "group"}, default="group"
        As for `fit_linear`.
    strengths : sequence of float, default=None
        The strengths, falling, instead of those that follow.
    n_strengths : int, default=30
        In [2, inf): how many, evenly spaced on a logarithmic scale.
    smallest : float, default=1e-3
        In (0, 1): the last strength as a part of the first.
    max_terms : int or None, default=None
        In [1, inf): the path ends before a step uses more features, and looks between
        the last two strengths for steps that use up the budget. None for no bound.
    max_iter : int, default=500
        The most steps of the solver for each strength.
    tol : float, default=1e-6
        As for `fit_linear`.

    Returns
    -------
    path : LinearPath
        The forms; just one when no column tells anything about the targets.
    n_steps : int
        The steps that the solver took in total.

    Raises
    ------
    InputError
        For a penalty that sets nothing to 0.

    References
    ----------
    Friedman, Hastie & Tibshirani (2010), paths with warm starts; Tibshirani et al.
    (2012), the strong rule.
    """
    check_choice("linear_path", "penalty", penalty, SPARSE)
    problem = _pose(schema, codes, targets, sample_weight, link)
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
        np.asarray([step.loss for step in steps]),
    )
    return path, max(sum(step.n_steps for step in steps), 1)


def relax(
    path: LinearPath,
    codes: Codes,
    targets: Array,
    sample_weight: Array | None = None,
    *,
    strength: float = 1e-4,
    max_iter: int = 500,
) -> tuple[LinearPath, int]:
    """Fit each step's features anew, without the shrinkage that selected them.

    Parameters
    ----------
    path : LinearPath
        What `linear_path` returned.
    codes : ndarray of shape (n_samples, n_features), float32
        The rows it was fitted to.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Their target columns.
    sample_weight : ndarray of shape (n_samples,), default=None
        How much each row counts.
    strength : float, default=1e-4
        In [0, inf): the weight of the L2 penalty.
    max_iter : int, default=500
        The most steps of each fit.

    Returns
    -------
    path : LinearPath
        The same strengths and features with other coefficients.
    n_steps : int
        The steps that were taken in total.

    References
    ----------
    Meinshausen (2007), the relaxed lasso, at its debiased end.
    """
    fitted: dict[tuple[int, ...], tuple[Linear, int]] = {}
    for form in path.forms:
        if form.features not in fitted:
            fitted[form.features] = fit_linear(
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


def watch_path(
    path: LinearPath, codes: Codes, score: Callable[[Array], float]
) -> LinearPath:
    """Score each step on rows that the path was not fitted to.

    The errors are those of the difference to the best score.

    Parameters
    ----------
    path : LinearPath
        The forms.
    codes : ndarray of shape (n_rows, n_features), float32
        The rows.
    score : callable
        Turns predictions of them, of shape (n_rows, n_outputs), into a number, the
        larger the better. The errors suppose that it is a mean over the rows.

    Returns
    -------
    LinearPath
        The same path with scores and errors.
    """
    outputs = [apply_link(_margins(form, codes), form.link) for form in path.forms]
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


def cross_validate(
    path: LinearPath,
    fit_path: Callable[[NDArray[np.intp]], LinearPath],
    codes: Codes,
    targets: Array,
    sample_weight: Array | None = None,
) -> LinearPath:
    """Score each step by the loss of rows that were left out, in five folds.

    The error is that of the best score.

    Parameters
    ----------
    path : LinearPath
        The path of all rows.
    fit_path : callable
        Returns the path of some of the rows, given their positions, for the same
        strengths.
    codes : ndarray of shape (n_samples, n_features), float32
        All rows.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Their target columns.
    sample_weight : ndarray of shape (n_samples,), default=None
        How much each row counts.

    Returns
    -------
    LinearPath
        The path of all rows with scores (the loss, negative) and errors.
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
            margins = _margins(form, codes[out])
            losses[step, out] = row_losses(margins, targets[out], form.link)
    scores = -losses @ weight
    best = losses[scores.argmax()]
    error = math.sqrt(weight**2 @ (best - best @ weight) ** 2)
    return replace(path, scores=scores, errors=np.full(len(path), error))


def row_losses(margins: Array, targets: Array, link: str) -> Array:
    """Return the loss of each row.

    Parameters
    ----------
    margins : ndarray of shape (n_samples, n_outputs), float64
        Sums before the link.
    targets : ndarray of shape (n_samples, n_outputs), float64
        Target columns.
    link : {"identity", "softmax", "sigmoid"}
        Half the squared error, or cross-entropy in nats.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        The losses, summed over the outputs.
    """
    if link == "identity":
        return 0.5 * ((margins - targets) ** 2).sum(axis=1)
    if link == "sigmoid":
        return (np.logaddexp(0, margins) - targets * margins).sum(axis=1)
    top = margins.max(axis=1)
    total = top + np.log(np.exp(margins - top[:, None]).sum(axis=1))
    return targets.sum(axis=1) * total - (targets * margins).sum(axis=1)


def design_matrix(schema: Schema, codes: Codes, fill: Array) -> Array:
    """Return the columns that a linear form weighs, without gaps.

    Parameters
    ----------
    schema : Schema
        The columns.
    codes : ndarray of shape (n_samples, n_features), float32
        Rows as `Schema.encode` returns them.
    fill : ndarray of shape (n_columns,), float64
        What stands in for a missing number.

    Returns
    -------
    ndarray of shape (n_samples, n_columns), float64
        Numbers, and 0 or 1 for categories and "is missing".
    """
    matrix = expand(codes, schema.columns(indicate_missing=True)).astype(np.float64)
    gaps = np.isnan(matrix)
    return np.where(gaps, fill, matrix) if gaps.any() else matrix


def _pose(
    schema: Schema,
    codes: Codes,
    targets: Array,
    sample_weight: Array | None,
    link: str,
    features: Sequence[int] | None = None,
) -> "_Problem":
    columns = schema.columns(indicate_missing=True)
    matrix = expand(codes, columns).astype(np.float64)
    weight = _normal(sample_weight, len(matrix))
    with np.errstate(invalid="ignore"):
        seen = weight @ ~np.isnan(matrix)
        fill = (weight @ np.nan_to_num(matrix)) / np.where(seen > 0, seen, 1)
    groups = np.asarray([column.feature for column in columns])
    kept = np.isin(groups, np.arange(len(schema)) if features is None else features)
    if not kept.all():
        matrix = matrix[:, kept]
    matrix = np.where(np.isnan(matrix), fill[kept], matrix)
    mean = weight @ matrix
    spread = np.sqrt(weight @ (matrix - mean) ** 2)
    constant = spread <= 1e-12 * np.maximum(1, np.abs(mean))
    spread[constant] = 1.0
    matrix = (matrix - mean) / spread
    matrix[:, constant] = 0.0
    loss = _Loss(matrix, targets, weight, link)
    return _Problem(schema, loss, fill, mean, spread, kept, groups[kept])


def _normal(sample_weight: Array | None, n_rows: int) -> Array:
    weight = np.ones(n_rows) if sample_weight is None else sample_weight
    return weight / weight.sum()


def _mean_loss(
    form: Linear, codes: Codes, targets: Array, sample_weight: Array | None
) -> float:
    weight = _normal(sample_weight, len(codes))
    return float(weight @ row_losses(_margins(form, codes), targets, form.link))


def _spaced(first: float, n_strengths: int, smallest: float) -> list[float]:
    if first <= 1e-12:  # no column has anything to say
        return [first]
    return [first, *(first * np.geomspace(1, smallest, n_strengths)[1:]).tolist()]


@dataclass(frozen=True, eq=False)
class _Problem:
    """The loss over standardised columns, and the way back to original units."""

    schema: Schema
    loss: "_Loss"
    fill: Array
    mean: Array
    spread: Array
    kept: NDArray[np.bool_]
    groups: NDArray[np.integer]

    def form(self, solution: Array, penalty: str) -> Linear:
        coefficients = solution[1:] / self.spread[:, None]
        intercept = solution[0] - self.mean @ coefficients
        link = self.loss.link
        if link == "softmax":  # a constant added to all classes changes nothing
            coefficients = _centre_where_free(coefficients, penalty)
            intercept = intercept - intercept.mean()
        everywhere = np.zeros((len(self.kept), len(intercept)))
        everywhere[self.kept] = coefficients
        return Linear(self.schema, everywhere, intercept, self.fill, link)


@dataclass(frozen=True, eq=False)
class _Step:
    """One solution of a path, with the slope of the loss there."""

    strength: float
    solution: Array
    loss: float
    slope: Array
    n_steps: int


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
        solution[0] = _intercepts(loss.weight @ loss.targets, loss.link)
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
        return _pulls(slope[1:], self.problem.groups, self.penalty)

    def _held(self, step: _Step, strength: float) -> NDArray[np.bool_]:
        return self._pulls(step.slope) <= strength

    def _solve(
        self, start: Array, active: NDArray[np.bool_], strength: float
    ) -> tuple[Array, int]:
        shrink = _SHRINKERS[self.penalty](self.problem.groups[active])
        rows = np.concatenate([[True], active])
        solution = np.zeros_like(start)
        loss = self.problem.loss.of(active)
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


def _intercepts(mean: Array, link: str) -> Array:
    if link == "identity":
        return mean
    inside = np.clip(mean, 1e-9, 1)
    if link == "softmax":
        return np.log(inside)
    return np.log(inside) - np.log(np.clip(1 - mean, 1e-9, 1))


_STEEPEST = {"identity": 1.0, "softmax": 0.5, "sigmoid": 0.25}
"""The largest second derivative of each loss by the margins."""


@dataclass(frozen=True, eq=False)
class _Loss:
    """The mean loss of coefficients (n_columns + 1, n_outputs), the intercept first."""

    matrix: Array
    targets: Array
    weight: Array
    link: str

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape[1] + 1, self.targets.shape[1]

    def __call__(self, solution: Array) -> tuple[float, Array]:
        margins = self.matrix @ solution[1:] + solution[0]
        predicted = apply_link(margins, self.link)
        error = self.weight[:, None] * (predicted - self.targets)
        slope = np.vstack([error.sum(axis=0), self.matrix.T @ error])
        return float(self.weight @ row_losses(margins, self.targets, self.link)), slope

    def of(self, columns: NDArray[np.bool_]) -> "_Loss":
        """Return the same loss of some of the columns."""
        return replace(self, matrix=self.matrix[:, columns])

    def curvature(self) -> float:
        """Return a bound on how fast the slope changes, by power iteration."""
        vector: Any = np.random.default_rng(0).normal(size=self.matrix.shape[1])
        for _ in range(30):
            length = float(np.linalg.norm(vector)) or 1.0
            vector = self.matrix.T @ (self.weight * (self.matrix @ (vector / length)))
        bound = max(float(np.linalg.norm(vector)), 1.0)
        return 1.05 * bound * _STEEPEST[self.link]


def _lbfgs(
    loss: _Loss, strength: float, max_iter: int, tol: float
) -> tuple[Array, int]:
    def objective(flat: Array) -> tuple[float, Array]:
        solution = flat.reshape(loss.shape)
        value, slope = loss(solution)
        value += 0.5 * strength * float((solution[1:] ** 2).sum())
        slope[1:] += strength * solution[1:]
        return value, slope.ravel()

    start = np.zeros(loss.shape[0] * loss.shape[1])
    options = {"maxiter": max_iter, "gtol": tol, "ftol": 1e-12, "maxls": 50}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(loss.shape), max(int(found.nit), 1)


Shrink = Callable[[Array, float], Array]


def _each_shrinker(groups: NDArray[np.integer]) -> Shrink:
    def shrink(coefficients: Array, by: float) -> Array:
        return np.sign(coefficients) * np.maximum(np.abs(coefficients) - by, 0)

    return shrink


def _group_shrinker(groups: NDArray[np.integer]) -> Shrink:
    def shrink(coefficients: Array, by: float) -> Array:
        squares = np.bincount(groups, (coefficients**2).sum(axis=1))
        size = np.bincount(groups) * coefficients.shape[1]
        norm = np.sqrt(squares)
        kept = np.maximum(1 - by * np.sqrt(size) / np.where(norm > 0, norm, 1), 0)
        return coefficients * np.where(norm > 0, kept, 0)[groups][:, None]

    return shrink


_SHRINKERS = {"l1": _each_shrinker, "group": _group_shrinker}


def _pulls(slope: Array, groups: NDArray[np.integer], penalty: str) -> Array:
    """Return, column by column, the least strength that would hold it at 0."""
    if penalty == "l1":
        return np.abs(slope).max(axis=1, initial=0)
    size = np.maximum(np.bincount(groups), 1) * slope.shape[1]
    norm = np.sqrt(np.bincount(groups, (slope**2).sum(axis=1)) / size)
    return norm[groups]


def _proximal_gradient(
    loss: _Loss,
    shrink: Shrink,
    strength: float,
    max_iter: int,
    tol: float,
    start: Array,
) -> tuple[Array, int]:
    step = 1 / loss.curvature()
    solution = ahead = start
    n_steps = 0
    momentum = 1.0
    while n_steps < max_iter:
        n_steps += 1
        moved = ahead - step * loss(ahead)[1]
        moved[1:] = shrink(moved[1:], step * strength)
        change = moved - solution
        if float(((ahead - moved) * change).sum()) > 0:
            momentum = 1.0  # it overshot: start again without momentum
        following = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = moved + (momentum - 1) / following * change
        solution, momentum = moved, following
        if np.abs(change).max() <= tol * max(1.0, np.abs(solution).max()):
            break
    return solution, n_steps


def _centre_where_free(coefficients: Array, penalty: str) -> Array:
    """Remove the part that the softmax does not see, unless it would fill zeros."""
    if penalty == "l1":
        return coefficients
    return coefficients - coefficients.mean(axis=1, keepdims=True)


def _margins(linear: Linear, codes: Codes) -> Array:
    matrix = design_matrix(linear.schema, codes, linear.fill)
    return matrix @ linear.coefficients + linear.intercept


def _check_points(coefficients: Array, steps: Array, multiplier: Array) -> None:
    if steps.min(initial=1) <= 0 or not multiplier.all():
        raise InputError(
            "The steps of Linear must be above 0, and its multipliers other than 0."
        )
    with np.errstate(all="ignore"):
        points = coefficients * steps[:, None] / multiplier
        whole = np.abs(points - np.rint(points)) <= 1e-6
    if not (whole & (np.abs(points) < 1e9)).all():
        raise InputError("The points of Linear must be whole numbers.")
