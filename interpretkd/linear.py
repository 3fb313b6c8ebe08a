"""The linear form, and how its coefficients are found.

No kept library fits a softmax to soft targets with an L1 penalty, so the solver is
ours: L-BFGS for L2, an accelerated proximal gradient for the sparse penalties.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from interpretkd._validation import InputError, check_choice
from interpretkd.schema import Codes, Rows, Schema, expand
from interpretkd.targets import LINKS, apply_link

__all__ = ["PENALTIES", "Linear", "fit_linear"]

Array = NDArray[np.float64]

PENALTIES = ("l2", "l1", "group")


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

    def __post_init__(self) -> None:
        check_choice("Linear", "link", self.link, LINKS)
        for name in _ARRAYS:
            array = np.asarray(getattr(self, name))
            if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
                raise InputError(
                    f"The array '{name}' of Linear must hold finite numbers."
                )
            frozen = np.array(array, dtype=np.float64)
            frozen.setflags(write=False)
            object.__setattr__(self, name, frozen)
        n_columns = len(self.schema.columns(indicate_missing=True))
        shapes = {name: getattr(self, name).shape for name in _ARRAYS}
        n_outputs = self.intercept.size
        needed = ((n_columns, n_outputs), (n_outputs,), (n_columns,))
        if n_outputs == 0 or tuple(shapes.values()) != needed:
            raise InputError(f"The arrays of Linear must have {needed}. Got {shapes}.")

    @property
    def n_outputs(self) -> int:
        """The number of sums."""
        return self.intercept.size

    @property
    def n_terms(self) -> int:
        """The number of columns with a coefficient other than 0."""
        return int(self.coefficients.any(axis=1).sum())

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
        matrix = _fill(self.schema, self.schema.encode(X), self.fill)
        return matrix @ self.coefficients + self.intercept

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
        return apply_link(self.margins(X), self.link)

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
        return {name: getattr(self, name) for name in _ARRAYS}

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
        if set(arrays) != set(_ARRAYS):
            raise InputError(
                f"The arrays {sorted(_ARRAYS)} are needed. Got {sorted(arrays)}."
            )
        return cls(schema, **arrays, link=link)


_ARRAYS = ("coefficients", "intercept", "fill")


def fit_linear(
    schema: Schema,
    codes: Codes,
    targets: Array,
    sample_weight: Array | None = None,
    *,
    link: str = "identity",
    penalty: str = "l2",
    strength: float = 1e-4,
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
    columns = schema.columns(indicate_missing=True)
    matrix = expand(codes, columns).astype(np.float64)
    weight = np.ones(len(matrix)) if sample_weight is None else sample_weight
    weight = weight / weight.sum()
    with np.errstate(invalid="ignore"):
        seen = weight @ ~np.isnan(matrix)
        fill = (weight @ np.nan_to_num(matrix)) / np.where(seen > 0, seen, 1)
    matrix = np.where(np.isnan(matrix), fill, matrix)
    mean = weight @ matrix
    spread = np.sqrt(weight @ (matrix - mean) ** 2)
    constant = spread <= 1e-12 * np.maximum(1, np.abs(mean))
    spread[constant] = 1.0
    matrix = (matrix - mean) / spread
    matrix[:, constant] = 0.0

    loss = _Loss(matrix, targets, weight, link)
    groups = np.asarray([column.feature for column in columns])
    if penalty == "l2":
        solution, n_steps = _lbfgs(loss, strength, max_iter, tol)
    else:
        shrink = _shrink_each if penalty == "l1" else _group_shrinker(groups)
        solution, n_steps = _proximal_gradient(loss, shrink, strength, max_iter, tol)
    coefficients = solution[1:] / spread[:, None]
    intercept = solution[0] - mean @ coefficients
    if link == "softmax":  # a constant added to all classes changes nothing
        coefficients = _centre_where_free(coefficients, penalty)
        intercept = intercept - intercept.mean()
    return Linear(schema, coefficients, intercept, fill, link), n_steps


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
        return float(self.weight @ self._values(margins)), slope

    def curvature(self) -> float:
        """Return a bound on how fast the slope changes, by power iteration."""
        vector: Any = np.random.default_rng(0).normal(size=self.matrix.shape[1])
        for _ in range(30):
            length = float(np.linalg.norm(vector)) or 1.0
            vector = self.matrix.T @ (self.weight * (self.matrix @ (vector / length)))
        bound = max(float(np.linalg.norm(vector)), 1.0)
        return 1.05 * bound * _STEEPEST[self.link]

    def _values(self, margins: Array) -> Array:
        if self.link == "identity":
            return 0.5 * ((margins - self.targets) ** 2).sum(axis=1)
        if self.link == "sigmoid":
            return (np.logaddexp(0, margins) - self.targets * margins).sum(axis=1)
        top = margins.max(axis=1)
        total = top + np.log(np.exp(margins - top[:, None]).sum(axis=1))
        mass = self.targets.sum(axis=1)
        return mass * total - (self.targets * margins).sum(axis=1)


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


def _shrink_each(coefficients: Array, by: float) -> Array:
    return np.sign(coefficients) * np.maximum(np.abs(coefficients) - by, 0)


def _group_shrinker(groups: NDArray[np.integer]) -> Shrink:
    def shrink(coefficients: Array, by: float) -> Array:
        squares = np.bincount(groups, (coefficients**2).sum(axis=1))
        size = np.bincount(groups) * coefficients.shape[1]
        norm = np.sqrt(squares)
        kept = np.maximum(1 - by * np.sqrt(size) / np.where(norm > 0, norm, 1), 0)
        return coefficients * np.where(norm > 0, kept, 0)[groups][:, None]

    return shrink


def _proximal_gradient(
    loss: _Loss, shrink: Shrink, strength: float, max_iter: int, tol: float
) -> tuple[Array, int]:
    step = 1 / loss.curvature()
    solution = ahead = np.zeros(loss.shape)
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


def _fill(schema: Schema, codes: Codes, fill: Array) -> Array:
    matrix = expand(codes, schema.columns(indicate_missing=True)).astype(np.float64)
    gaps = np.isnan(matrix)
    return np.where(gaps, fill, matrix) if gaps.any() else matrix
