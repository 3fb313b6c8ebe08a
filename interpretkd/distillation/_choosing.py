"""Choosing on validation rows: the target, the search, the labels' tree or ours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from interpretkd._base import Array
from interpretkd.distillation._calibration import (
    Taught,
    _best_scale,
    _calibrated,
)
from interpretkd.distillation._fitting import fit_student
from interpretkd.metrics import plain_fidelity
from interpretkd.students import as_student
from interpretkd.targets import Target, decide, log_probabilities, probabilities
from interpretkd.transfer import TransferSet


@dataclass(frozen=True)
class TargetTrial:
    """One target that ``target="auto"`` tried.

    Parameters
    ----------
    target : Target
        What the student was fitted to.
    fidelity : float
        Its agreement with the teacher on the validation rows, in [0, 1].
    n_rows : int
        How many rows it was fitted to.
    name : str, default=""
        "" for a first fit, without search, in which the targets are compared. A tree
        is then compared in full with the tree of the labels.
    """

    target: Target
    fidelity: float
    n_rows: int
    name: str = ""

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
    transfer_set: TransferSet,
    held_out: TransferSet,
    draw: Callable[[TransferSet], TransferSet] | None,
) -> _SearchChoice:
    """Choose the search of a student, and whether further rows serve it.

    The student is one that chooses on held-out rows, and then says in ``chosen_`` what
    its "auto" stood for; `draw` returns a transfer set of further rows, like those of
    the given one. They are used unless the student is better without them by more than
    one standard error, on the given rows.
    """
    if draw is None and not as_student(student).uses_validation:
        return _SearchChoice({}, False)

    def taught(own: TransferSet, validation: TransferSet) -> Taught:
        fitted = fit_student(student, target, own, validation)
        return _calibrated(fitted, target, meant, own)

    bare = taught(transfer_set, held_out)
    without = _SearchChoice(bare.student.chosen_, False, bare)
    if draw is None:
        return without
    joined = (part.join(draw(part)) for part in (transfer_set, held_out))
    rich = taught(*joined)
    loss = _losses(bare, held_out) - _losses(rich, held_out)
    margin = loss.std() / np.sqrt(len(loss))
    if loss.mean() < -margin:
        return without
    return _SearchChoice(rich.student.chosen_, True, rich)


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
    quick = as_student(student).without_search()
    validation = held_out if as_student(quick).uses_validation else None
    for target in targets:
        fitted = fit_student(quick, target, transfer_set, validation)
        scale = _best_scale(Taught(fitted, target), target, held_out)
        taught = _calibrated(fitted, target, target, transfer_set, scale)
        scores.append(_score(taught, held_out))
        trials.append(TargetTrial(target, scores[-1][0], len(transfer_set)))
    best = max(range(len(scores)), key=scores.__getitem__)
    return targets[best], tuple(trials)


def _score(taught: Taught, held_out: TransferSet) -> tuple[float, float]:
    """Return a student's fidelity, and the negative of its divergence."""
    task, logits = taught.reading.task, taught.logits(held_out)
    fidelity = plain_fidelity(task, logits, held_out.answers)
    return fidelity, -_divergence(task, logits, held_out.logits)


def _losses(taught: Taught, transfer_set: TransferSet) -> Array:
    """Return by how much a student misses its teacher, row by row."""
    task, logits = taught.reading.task, taught.logits(transfer_set)
    if task == "regression":
        return ((logits - transfer_set.logits) ** 2).sum(axis=1)
    other = decide(logits, task) != decide(transfer_set.answers, task)
    return other.reshape(len(other), -1).mean(axis=1)


def _divergence(task: str, student: Array, teacher: Array) -> float:
    """Tell targets of equal fidelity apart by their probabilities."""
    if task == "multilabel":
        difference = probabilities(student, task) - probabilities(teacher, task)
        return float((difference**2).mean())
    log_teacher = log_probabilities(teacher)
    difference = log_teacher - log_probabilities(student)
    return float((np.exp(log_teacher) * difference).sum(axis=1).mean())
