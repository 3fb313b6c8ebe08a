"""How much each teacher of an ensemble counts: as told, by labels, or by agreement."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, nnls
from scipy.special import log_softmax, logsumexp

from interpretkd._base import Array, InputError
from interpretkd.targets import Answers, decide

_STEEPEST = 20.0
"""Logits count at most so many times: of rows without an error, no factor is enough."""


def _given_weights(owner: str, weights: Any, n_members: int) -> Array:
    """Check the weights that a user gives, and let them sum to 1."""
    try:
        given = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        given = np.empty(0)
    usable = given.shape == (n_members,) and bool(np.isfinite(given).all())
    if not usable or (given < 0).any() or not given.any():
        raise InputError(
            f"The 'weights' parameter of {owner} must be None, 'validation', "
            f"'agreement', or {n_members} numbers in [0, inf), one a member and not "
            f"all 0. Got {weights!r}."
        )
    scaled = given / given.max()  # the sum of the largest numbers is infinite
    total: Array = scaled / scaled.sum()
    return total


def _validated_weights(
    said: Sequence[Answers], targets: Array, how: str, task: str
) -> Array:
    """Return the weights with which the mixture tells labels best.

    `targets` are 0 and 1 in the order of the logits (values, for regression).
    """
    if task == "regression":
        return _least_squares([targets - answers.logits for answers in said])
    logits, decided, right = _as_classes(said, targets, task)
    if how == "votes":
        likely = [_of_votes(votes, right, logits.shape[2]) for votes in decided]
        return _normalised(_least_loss(_mixture_loss(np.stack(likely)), len(said)))
    steep = np.array([_steepness(member, right) for member in logits])
    tempered = steep[:, None, None] * logits
    if how == "logits":
        weights = _least_on_simplex(_log_loss(tempered, right), len(said))
        return _normalised(weights * steep)
    rows = np.arange(len(right))
    likely = [np.exp(log_softmax(z, axis=1)[rows, right]) for z in tempered]
    return _normalised(_least_loss(_mixture_loss(np.stack(likely)), len(said)))


def _agreement_weights(said: Sequence[Answers], task: str) -> Array:
    """Return the leading eigenvector of the members' agreement beyond chance.

    Every member counts as much as those that it agrees with.
    """
    if task == "regression":
        matrix = _correlations([answers.logits for answers in said])
    else:
        decided = [decide(answers, task).reshape(len(answers), -1) for answers in said]
        matrix = np.array([[_kappa(a, b) for b in decided] for a in decided])
    values, vectors = np.linalg.eigh(matrix)
    leading = vectors[:, values > values[-1] - 1e-9 * max(1.0, abs(values[-1]))]
    # Of several equally leading ones that which is nearest to equal weights.
    return _normalised(leading @ leading.sum(axis=0))


def _least_squares(residuals: Sequence[Array]) -> Array:
    """Minimise |sum v r|**2 over weights v >= 0 that sum to 1.

    By way of weights w >= 0 that minimise |sum w r|**2 + (sum w - 1)**2: with w = t v
    the best t makes that a rising function of |sum v r|**2.
    """
    columns = np.stack([values.ravel() for values in residuals], axis=1)
    largest = np.abs(columns).max() or 1.0
    upper = np.linalg.qr(columns / largest / np.sqrt(len(columns)), mode="r")
    problem = np.vstack([upper, np.ones(columns.shape[1])])
    answer = np.zeros(len(problem))
    answer[-1] = 1.0
    return _normalised(nnls(problem, answer)[0])


def _as_classes(
    said: Sequence[Answers], targets: Array, task: str
) -> tuple[Array, list[NDArray[np.int64]], NDArray[np.int64]]:
    """Return logits, decisions and labels; each label of a row as two classes."""
    stacked = np.stack([answers.logits for answers in said])
    decided = [decide(answers, task).ravel() for answers in said]
    if task == "multiclass":
        return stacked, decided, targets.argmax(axis=1)
    cells = stacked.reshape(len(said), -1)
    return np.stack([0 * cells, cells], axis=2), decided, targets.ravel().astype(int)


def _log_loss(
    logits: Array, right: NDArray[np.int64]
) -> Callable[[Array], tuple[float, Array]]:
    """Return the cross-entropy of softmax(sum w z) and its slope in the weights w."""
    own = np.take_along_axis(logits, right[None, :, None], axis=2)
    beside = logits - own

    def loss(w: Array) -> tuple[float, Array]:
        mixed = np.tensordot(w, beside, 1)
        shares = np.exp(log_softmax(mixed, axis=1))
        slope = np.einsum("mnk,nk->m", beside, shares) / len(right)
        return float(logsumexp(mixed, axis=1).mean()), slope

    return loss


def _mixture_loss(likely: Array) -> Callable[[Array], tuple[float, Array]]:
    """Return -mean log(sum w q) + sum w: where it is least, the weights sum to 1."""

    def loss(w: Array) -> tuple[float, Array]:
        mixed = np.maximum(w @ likely, 1e-300)
        value = float(w.sum() - np.log(mixed).mean())
        return value, 1 - (likely / mixed).mean(axis=1)

    return loss


def _steepness(logits: Array, right: NDArray[np.int64]) -> float:
    """Return the factor of a member's logits with which it tells labels best."""
    return float(_least_loss(_log_loss(logits[None], right), 1)[0])


def _of_votes(
    votes: NDArray[np.int64], right: NDArray[np.int64], n_classes: int
) -> Array:
    """Return the share of each row's label among the rows of the same vote.

    Who always votes for the commonest class says no more than the shares of classes,
    which a few rows are added of to every vote.
    """
    shares = np.bincount(right, minlength=n_classes) / len(right)
    table = np.zeros((n_classes, n_classes))
    np.add.at(table, (votes, right), 1.0)
    table += n_classes * shares
    likely: Array = (table / table.sum(axis=1, keepdims=True))[votes, right]
    return likely


def _least_loss(loss: Callable[[Array], tuple[float, Array]], n_members: int) -> Array:
    """Minimise a convex function of weights >= 0, from equal ones."""
    start = np.full(n_members, 1 / n_members)
    bounds = [(0, _STEEPEST)] * n_members
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"ftol": 1e-12, "gtol": 1e-8, "maxiter": 500},
    )
    weights: Array = found.x
    return weights


def _least_on_simplex(
    loss: Callable[[Array], tuple[float, Array]], n_members: int
) -> Array:
    """Minimise a convex function of weights >= 0 that sum to 1, from equal ones."""
    start = np.full(n_members, 1 / n_members)
    found = minimize(
        loss,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * n_members,
        constraints={
            "type": "eq",
            "fun": lambda w: w.sum() - 1,
            "jac": lambda w: np.ones(n_members),
        },
        options={"ftol": 1e-10, "maxiter": 500},
    )
    weights = np.clip(found.x, 0, 1)
    better = np.isfinite(weights).all() and loss(weights)[0] <= loss(start)[0]
    return weights if better else start


def _normalised(weights: Array) -> Array:
    """Let weights sum to 1; equal ones where none counts."""
    kept = np.where(weights > 1e-6 * np.abs(weights).max(initial=0), weights, 0.0)
    if not np.isfinite(kept).all() or kept.sum() <= 1e-9:
        return np.full(len(weights), 1 / len(weights))
    scaled: Array = kept / kept.sum()
    return scaled


def _kappa(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Return the agreement of two members beyond chance (Cohen), at least 0."""
    agree, by_chance = (a == b).mean(), 0.0
    for one, other in zip(a.T, b.T, strict=True):
        size = int(max(one.max(), other.max())) + 1
        counts = [np.bincount(column, minlength=size) for column in (one, other)]
        by_chance += float(counts[0] @ counts[1]) / len(a) ** 2 / a.shape[1]
    if by_chance >= 1:  # both say the same of all rows
        return 1.0
    return max(0.0, float((agree - by_chance) / (1 - by_chance)))


def _correlations(values: Sequence[Array]) -> Array:
    """Return the mean correlation of two members' values over their columns, >= 0."""
    total = np.zeros((len(values), len(values)))
    for columns in np.stack(values, axis=2).transpose(1, 2, 0):  # a column's members
        away = columns - columns.mean(axis=1, keepdims=True)
        size = np.sqrt((away**2).sum(axis=1, keepdims=True))
        away = np.divide(away, size, out=np.zeros_like(away), where=size > 0)
        total += away @ away.T / values[0].shape[1]
    np.fill_diagonal(total, 1.0)
    return np.clip(total, 0.0, 1.0)
