"""The linear form, and how its coefficients are found.

No kept library fits a softmax to soft targets with an L1 penalty, so the solver is
ours: L-BFGS for L2, an accelerated proximal gradient for the sparse penalties, and a
path of such solutions from no term to many, on which a number of terms is chosen.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from interpretkd._base import Array
from interpretkd.data import Codes, Schema, expand
from interpretkd.models import Linear, linear_margins
from interpretkd.targets import apply_link

PENALTIES = ("l2", "l1", "group")

SPARSE = ("l1", "group")

_N_FOLDS, _N_BLOCKS, _N_HALVINGS = 5, 20, 10


def _fit_linear(
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
    hints: Array | None = None,
) -> tuple[Linear, int]:
    """Find the coefficients that minimise mean loss plus penalty, among some features.

    The columns are standardised while the coefficients are sought, so that the
    penalty treats all alike; the result is in original units. The intercept is not
    penalised. The loss is half the squared error ("identity"), or cross-entropy in nats
    with targets that are probabilities. The penalty, times `strength`, is half the sum
    of squares ("l2"); the sum of magnitudes ("l1"); or ("group"), feature by feature,
    the root of the sum of squares over all its columns and outputs, scaled by the root
    of their number (Yuan & Lin, 2006), which drops whole features. The steps end when
    the gradient (L2) or the relative change of the coefficients (sparse) falls below
    `tol`. Of `hints`, further columns under half the squared error, the coefficients
    are found beside the others and left out of the form: the group penalty alone ties
    both. Returns the form and the number of steps.

    References
    ----------
    Byrd, Lu, Nocedal & Zhu (1995), L-BFGS-B; Beck & Teboulle (2009), FISTA, with the
    restarts of O'Donoghue & Candes (2015).
    """
    problem = _pose(schema, codes, targets, sample_weight, link, features, hints)
    loss = problem.loss
    if penalty == "l2":
        solution, n_steps = _lbfgs(loss, strength, max_iter, tol)
    else:
        shrink = _SHRINKERS[penalty](problem.groups, loss.n_own)
        start = np.zeros(loss.shape)
        solution, n_steps = _proximal_gradient(
            loss, shrink, strength, max_iter, tol, start
        )
    return problem.form(solution, penalty), n_steps


def _row_losses(margins: Array, targets: Array, link: str) -> Array:
    """Return the loss of each row, summed over the outputs.

    Half the squared error, or cross-entropy in nats; margins are sums before the link.
    """
    if link == "identity":
        return 0.5 * ((margins - targets) ** 2).sum(axis=1)
    if link == "sigmoid":
        return (np.logaddexp(0, margins) - targets * margins).sum(axis=1)
    top = margins.max(axis=1)
    total = top + np.log(np.exp(margins - top[:, None]).sum(axis=1))
    return targets.sum(axis=1) * total - (targets * margins).sum(axis=1)


def _pose(
    schema: Schema,
    codes: Codes,
    targets: Array,
    sample_weight: Array | None,
    link: str,
    features: Sequence[int] | None = None,
    hints: Array | None = None,
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
    loss = _Loss(matrix, targets, weight, link, hints)
    return _Problem(schema, loss, fill, mean, spread, kept, groups[kept])


def _normal(sample_weight: Array | None, n_rows: int) -> Array:
    weight = np.ones(n_rows) if sample_weight is None else sample_weight
    return weight / weight.sum()


def _mean_loss(
    form: Linear, codes: Codes, targets: Array, sample_weight: Array | None
) -> float:
    weight = _normal(sample_weight, len(codes))
    return float(weight @ _row_losses(linear_margins(form, codes), targets, form.link))


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
        solution = solution[:, : self.loss.n_own]
        coefficients = solution[1:] / self.spread[:, None]
        intercept = solution[0] - self.mean @ coefficients
        link = self.loss.link
        if link == "softmax":  # a constant added to all classes changes nothing
            coefficients = _centre_where_free(coefficients, penalty)
            intercept = intercept - intercept.mean()
        everywhere = np.zeros((len(self.kept), len(intercept)))
        everywhere[self.kept] = coefficients
        return Linear(self.schema, everywhere, intercept, self.fill, link)


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
    """The mean loss of coefficients (n_columns + 1, n_outputs), the intercept first.

    Hints are further outputs, behind the targets', and always under squared error.
    """

    matrix: Array
    targets: Array
    weight: Array
    link: str
    hints: Array | None = None

    @property
    def n_own(self) -> int:
        """The outputs that stay, those of the targets."""
        return self.targets.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        n_hints = 0 if self.hints is None else self.hints.shape[1]
        return self.matrix.shape[1] + 1, self.n_own + n_hints

    def __call__(self, solution: Array) -> tuple[float, Array]:
        margins = self.matrix @ solution[1:] + solution[0]
        own = margins[:, : self.n_own]
        error = apply_link(own, self.link) - self.targets
        losses = _row_losses(own, self.targets, self.link)
        if self.hints is not None:
            off = margins[:, self.n_own :] - self.hints
            error = np.hstack([error, off])
            losses = losses + 0.5 * (off**2).sum(axis=1)
        error = self.weight[:, None] * error
        slope = np.vstack([error.sum(axis=0), self.matrix.T @ error])
        return float(self.weight @ losses), slope

    def of_targets(self, solution: Array) -> float:
        """Return the part of the loss that is about the targets."""
        own = (self.matrix @ solution[1:] + solution[0])[:, : self.n_own]
        return float(self.weight @ _row_losses(own, self.targets, self.link))

    def intercepts(self) -> Array:
        """Return the best intercepts where all coefficients are 0."""
        own = _intercepts(self.weight @ self.targets, self.link)
        if self.hints is None:
            return own
        return np.concatenate([own, self.weight @ self.hints])

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
        steepest = _STEEPEST["identity" if self.hints is not None else self.link]
        return 1.05 * bound * steepest


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


def _each_shrinker(groups: NDArray[np.integer], n_outputs: int) -> Shrink:
    def shrink(coefficients: Array, by: float) -> Array:
        return np.sign(coefficients) * np.maximum(np.abs(coefficients) - by, 0)

    return shrink


def _group_shrinker(groups: NDArray[np.integer], n_outputs: int) -> Shrink:
    # As many outputs as there are without hints: hints of 0 then change nothing.
    def shrink(coefficients: Array, by: float) -> Array:
        squares = np.bincount(groups, (coefficients**2).sum(axis=1))
        size = np.bincount(groups) * n_outputs
        norm = np.sqrt(squares)
        kept = np.maximum(1 - by * np.sqrt(size) / np.where(norm > 0, norm, 1), 0)
        return coefficients * np.where(norm > 0, kept, 0)[groups][:, None]

    return shrink


_SHRINKERS = {"l1": _each_shrinker, "group": _group_shrinker}


def _pulls(
    slope: Array, groups: NDArray[np.integer], penalty: str, n_outputs: int
) -> Array:
    """Return, column by column, the least strength that would hold it at 0."""
    if penalty == "l1":
        return np.abs(slope).max(axis=1, initial=0)
    size = np.maximum(np.bincount(groups), 1) * n_outputs
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
