"""Choosing on validation rows: the target, and the search of the student."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from interpretkd._base import Array
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
    """

    target: Target
    fidelity: float
    n_rows: int


def _choose_search(
    student: Any,
    target: Target,
    transfer_set: TransferSet,
    held_out: TransferSet,
    draw: Callable[[TransferSet], TransferSet] | None,
) -> tuple[dict[str, Any], bool]:
    """Choose the search of a student, and whether further rows serve it.

    The student is one that chooses on held-out rows, and then says in ``chosen_`` what
    its "auto" stood for; `draw` returns a transfer set of further rows, like those of
    the given one. Returns the student's parameters, and whether further rows serve it:
    unless it is better without them by more than one standard error, on the given rows.
    """
    if draw is None and not as_student(student).uses_validation:
        return {}, False
    bare = fit_student(student, target, transfer_set, held_out)
    if draw is None:
        return bare.chosen_, False
    joined = (part.join(draw(part)) for part in (transfer_set, held_out))
    rich = fit_student(student, target, *joined)
    loss = _losses(bare, target, held_out) - _losses(rich, target, held_out)
    margin = loss.std() / np.sqrt(len(loss))
    if loss.mean() < -margin:
        return bare.chosen_, False
    return rich.chosen_, True


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
        logits = _logits(fitted, target, held_out)
        fidelity = plain_fidelity(target.task, logits, held_out.answers)
        trials.append(TargetTrial(target, fidelity, len(transfer_set)))
        scores.append((fidelity, -_divergence(target.task, logits, held_out.logits)))
    best = max(range(len(scores)), key=scores.__getitem__)
    return targets[best], tuple(trials)


def _logits(student: Any, target: Target, transfer_set: TransferSet) -> Array:
    """Return what a fitted student says of the rows of a transfer set."""
    outputs = as_student(student).predict_encoded(
        transfer_set.rows, transfer_set.encoded
    )
    return target.decode(outputs)


def _losses(student: Any, target: Target, transfer_set: TransferSet) -> Array:
    """Return by how much a student misses its teacher, row by row."""
    logits = _logits(student, target, transfer_set)
    if target.task == "regression":
        return ((logits - transfer_set.logits) ** 2).sum(axis=1)
    other = decide(logits, target.task) != decide(transfer_set.answers, target.task)
    return other.reshape(len(other), -1).mean(axis=1)


def _divergence(task: str, student: Array, teacher: Array) -> float:
    """Tell targets of equal fidelity apart by their probabilities."""
    if task == "multilabel":
        difference = probabilities(student, task) - probabilities(teacher, task)
        return float((difference**2).mean())
    log_teacher = log_probabilities(teacher)
    difference = log_teacher - log_probabilities(student)
    return float((np.exp(log_teacher) * difference).sum(axis=1).mean())
