"""Choosing on validation rows: the target, and what a student leaves open."""

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


def choose_search(
    student: Any,
    target: Target,
    lesson: TransferSet,
    held_out: TransferSet,
    draw: Callable[[TransferSet], TransferSet] | None,
) -> tuple[dict[str, Any], bool]:
    """Find out what a searching student leaves to be chosen.

    Parameters
    ----------
    student : regressor
        One that chooses on held-out rows, and then says in ``settled_`` what its
        "auto" stood for.
    target : Target
        What it is fitted to.
    lesson : TransferSet
        The rows it is fitted on.
    held_out : TransferSet
        The rows it is judged on.
    draw : callable or None
        Returns a lesson of further rows, like those of the given one.

    Returns
    -------
    settled : dict
        The student's parameters.
    uses_further : bool
        Whether further rows serve it: unless it is better without them by more than
        one standard error, on the given rows.
    """
    if draw is None and not as_student(student).is_open:
        return {}, False
    bare = fit_student(student, target, lesson, held_out)
    if draw is None:
        return bare.settled_, False
    rich = fit_student(
        student, target, lesson.join(draw(lesson)), held_out.join(draw(held_out))
    )
    loss = _losses(bare, target, held_out) - _losses(rich, target, held_out)
    margin = loss.std() / np.sqrt(len(loss))
    if loss.mean() < -margin:
        return bare.settled_, False
    return rich.settled_, True


def choose_target(
    student: Any, targets: Sequence[Target], lesson: TransferSet, held_out: TransferSet
) -> tuple[Target, tuple[TargetTrial, ...]]:
    """Find the target from which a student learns to agree most with its teacher.

    Parameters
    ----------
    student : regressor
        It is cloned.
    targets : sequence of Target
        What to try.
    lesson : TransferSet
        The rows it is fitted on.
    held_out : TransferSet
        The rows it is judged on.

    Returns
    -------
    target : Target
        The one of highest fidelity; of equals the one whose probabilities are closest
        to the teacher's.
    trials : tuple of TargetTrial
        All that were tried.
    """
    trials, scores = [], []
    quick = as_student(student).quick()
    judged = held_out if as_student(quick).is_open else None
    for target in targets:
        logits = _logits(fit_student(quick, target, lesson, judged), target, held_out)
        fidelity = plain_fidelity(target.task, logits, held_out.logits)
        trials.append(TargetTrial(target, fidelity, len(lesson)))
        scores.append((fidelity, -_divergence(target.task, logits, held_out.logits)))
    best = max(range(len(scores)), key=scores.__getitem__)
    return targets[best], tuple(trials)


def _logits(student: Any, target: Target, lesson: TransferSet) -> Array:
    """Return what a fitted student says of the rows of a lesson."""
    outputs = as_student(student).outputs(lesson.rows, lesson.encoded)
    return target.decode(outputs)


def _losses(student: Any, target: Target, lesson: TransferSet) -> Array:
    """Return by how much a student misses its teacher, row by row."""
    logits = _logits(student, target, lesson)
    if target.task == "regression":
        return ((logits - lesson.logits) ** 2).sum(axis=1)
    other = decide(logits, target.task) != decide(lesson.logits, target.task)
    return other.reshape(len(other), -1).mean(axis=1)


def _divergence(task: str, student: Array, teacher: Array) -> float:
    """Tell targets of equal fidelity apart by their probabilities."""
    if task == "multilabel":
        difference = probabilities(student, task) - probabilities(teacher, task)
        return float((difference**2).mean())
    log_teacher = log_probabilities(teacher)
    difference = log_teacher - log_probabilities(student)
    return float((np.exp(log_teacher) * difference).sum(axis=1).mean())
