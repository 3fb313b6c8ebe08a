"""Choosing on validation rows: the target, the search, the labels' tree or ours."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import Array
from interpretkd.distillation._calibration import (
    Taught,
    _best_scale,
    _calibrated,
)
from interpretkd.distillation._fitting import fit_student
from interpretkd.distillation._recipe import _Recipe
from interpretkd.metrics import plain_fidelity
from interpretkd.students import as_student
from interpretkd.targets import Target, decide, log_probabilities, probabilities
from interpretkd.transfer import TransferSet

ALPHAS = (0.0, 0.1, 0.3, 0.5)
"""The weights of the labels that ``alpha="auto"`` tries."""


@dataclass(frozen=True)
class TargetTrial:
    """One target that ``target="auto"`` tried.

    Parameters
    ----------
    target : Target
        What the student was fitted to.
    fidelity : float
        Its agreement with the teacher on the validation rows, or those that `name`
        says, in [0, 1] (R2, for regression).
    n_rows : int
        How many rows it was fitted to.
    name : str, default=""
        "" for a first fit, without search, in which the targets are compared. What
        ``weights="auto"`` compares "on folds" was judged on the rows kept, each by the
        student of the four fifths without it. A tree is then compared in full with
        the tree of the labels.
    accuracy : float or None, default=None
        Its accuracy on the validation rows, in [0, 1] (R2, for regression), where that
        decides: the weights of the labels of ``alpha="auto"``.
    """

    target: Target
    fidelity: float
    n_rows: int
    name: str = ""
    accuracy: float | None = None

    def __str__(self) -> str:
        return self.name or str(self.target)


@dataclass(frozen=True)
class _SearchChoice:
    """What a student that chooses has chosen on held-out rows.

    Parameters
    ----------
    chosen : dict
        Its parameters in the place of "auto".
    asks : bool
        Whether further rows serve it.
    taught : Taught or None
        The student with these choices, fitted to the rows kept; None where there was
        nothing to choose, and nothing was fitted.
    """

    chosen: dict[str, Any]
    asks: bool
    taught: Taught | None = field(default=None, compare=False)


def _choose_search(
    student: Any,
    target: Target,
    meant: Target,
    kept: TransferSet,
    held_out: TransferSet,
    recipe: _Recipe,
    *,
    errors: float = 1.0,
) -> _SearchChoice:
    """Choose the search of a student, and whether further rows serve it.

    The student is one that chooses on held-out rows, and then says in ``chosen_`` what
    its "auto" stood for. Further rows that are only tried are used unless the student
    is better without them by more than so many standard errors, on the held-out rows.
    """
    asks = bool(recipe.transfer)
    if not asks and not as_student(student).uses_validation:
        return _SearchChoice({}, False)

    def taught(further: bool) -> _SearchChoice:
        own = recipe.lesson(kept, further=further)
        fitted = fit_student(student, target, own, held_out)
        found = _calibrated(fitted, target, meant, own)
        return _SearchChoice(fitted.chosen_, further, found)

    if not recipe.tries or not asks:
        return taught(asks)
    bare, rich = taught(False), taught(True)
    assert bare.taught is not None
    assert rich.taught is not None
    return rich if _serves(rich.taught, bare.taught, held_out, errors) else bare


def _serves(
    rich: Taught, bare: Taught, held_out: TransferSet, errors: float = 1.0
) -> bool:
    """Tell whether a student is not worse than another by so many standard errors."""
    gain = _losses(bare, held_out) - _losses(rich, held_out)
    mean, error = weighted_mean(gain, held_out.weights)
    return bool(mean >= -errors * error)


def weighted_mean(
    values: Array, weights: Array, groups: NDArray[np.int64] | None = None
) -> tuple[float, float]:
    """Return a weighted mean and its standard error.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Numbers.
    weights : ndarray of shape (n_samples,)
        How much each counts.
    groups : ndarray of shape (n_samples,), int64, default=None
        What the rows belong to: as many are known as there are groups. None where each
        row is one.

    Returns
    -------
    mean, error : float
        Of equal weights: the mean, and the deviation over the root of the number.
    """
    share = weights / weights.sum()
    mean = float(share @ values)
    apart = share * (values - mean)
    if groups is not None:
        apart = np.bincount(groups, apart)
    return mean, float(np.sqrt((apart**2).sum()))


def _choose_target(
    student: Any,
    targets: Sequence[Target],
    transfer_set: TransferSet,
    held_out: TransferSet,
) -> tuple[Target, tuple[TargetTrial, ...]]:
    """Choose the target that makes a student agree most with its teacher.

    Of equal fidelities the one whose probabilities are closest to the teacher's.
    Returns it and all that were tried; the student is cloned.
    """
    trials, scores = [], []
    for target in targets:
        taught = _quickly(student, target, transfer_set, held_out)
        scores.append(_score(taught, held_out))
        trials.append(TargetTrial(target, scores[-1][0], len(transfer_set)))
    best = max(range(len(scores)), key=scores.__getitem__)
    return targets[best], tuple(trials)


def _choose_alpha(
    student: Any,
    target: Target,
    transfer_set: TransferSet,
    held_out: TransferSet,
    groups: NDArray[np.int64] | None = None,
) -> tuple[Target, tuple[TargetTrial, ...]]:
    """Choose the weight of the labels by accuracy on the held-out rows with a label.

    By fidelity none would always win. One above 0 is taken only where it is right more
    often than 0 by more than one standard error. `groups` are those of the held-out
    rows.
    """
    known = np.flatnonzero(held_out.is_labelled)
    labelled = held_out.take(known)
    groups = None if groups is None else groups[known]
    found, trials = [], []
    for alpha in ALPHAS:
        tried = replace(target, alpha=alpha)
        taught = _quickly(student, tried, transfer_set, held_out)
        found.append(_errors(taught, labelled))
        accuracy = _share(found[-1], labelled, labelled.labels)
        fidelity = _score(taught, held_out)[0]
        trials.append(
            TargetTrial(
                tried, fidelity, len(transfer_set), f"{tried}, by accuracy", accuracy
            )
        )
    best = 0
    for place in range(1, len(ALPHAS)):
        gain, error = weighted_mean(found[0] - found[place], labelled.weights, groups)
        better = weighted_mean(found[best] - found[place], labelled.weights)[0] > 0
        best = place if gain > error and better else best
    return replace(target, alpha=ALPHAS[best]), tuple(trials)


def _quickly(
    student: Any, target: Target, transfer_set: TransferSet, held_out: TransferSet
) -> Taught:
    """Return a student fitted without search, to compare what it is fitted to."""
    quick = as_student(student).without_search()
    validation = held_out if as_student(quick).uses_validation else None
    fitted = fit_student(quick, target, transfer_set, validation)
    scale = _best_scale(Taught(fitted, target), target, held_out)
    return _calibrated(fitted, target, target, transfer_set, scale)


def _score(taught: Taught, held_out: TransferSet) -> tuple[float, float]:
    """Return a student's fidelity, and the negative of its divergence."""
    task, logits = taught.reading.task, taught.logits(held_out)
    if held_out.weight is None:
        fidelity = plain_fidelity(task, logits, held_out.answers)
    else:
        fidelity = _share(_losses(taught, held_out), held_out, held_out.logits)
    return fidelity, -_divergence(task, logits, held_out.logits)


def _losses(taught: Taught, transfer_set: TransferSet) -> Array:
    """Return by how much a student misses its teacher, row by row."""
    task, logits = taught.reading.task, taught.logits(transfer_set)
    if task == "regression":
        return ((logits - transfer_set.logits) ** 2).sum(axis=1)
    return _missed(decide(logits, task), decide(transfer_set.answers, task))


def _errors(taught: Taught, labelled: TransferSet) -> Array:
    """Return by how much a student misses the labels, row by row."""
    task, logits = taught.reading.task, taught.logits(labelled)
    assert labelled.labels is not None
    if task == "regression":
        return ((logits - labelled.labels) ** 2).sum(axis=1)
    truth = labelled.labels.astype(np.int64)
    truth = truth.argmax(axis=1) if task == "multiclass" else truth
    return _missed(decide(logits, task), truth)


def _share(missed: Array, rows: TransferSet, wanted: Array | None) -> float:
    """Return the share that is not missed (R2 of what is wanted, for regression)."""
    mean = weighted_mean(missed, rows.weights)[0]
    if rows.task != "regression":
        return 1 - mean
    assert wanted is not None
    share = rows.weights / rows.weights.sum()
    spread = share @ (wanted - share @ wanted) ** 2
    return 1 - mean / max(float(spread.sum()), 1e-300)


def _missed(decided: NDArray[Any], wanted: NDArray[Any]) -> Array:
    other = decided != wanted
    return other.reshape(len(other), -1).mean(axis=1)


def _divergence(task: str, student: Array, teacher: Array) -> float:
    """Tell targets of equal fidelity apart by their probabilities."""
    if task == "multilabel":
        difference = probabilities(student, task) - probabilities(teacher, task)
        return float((difference**2).mean())
    log_teacher = log_probabilities(teacher)
    difference = log_teacher - log_probabilities(student)
    return float((np.exp(log_teacher) * difference).sum(axis=1).mean())
