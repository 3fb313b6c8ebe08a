"""Lessons: rows, what the teacher says of them, and the labels where there are any.

Fitting a student to a lesson, and finding out which target teaches it best.
"""

from typing import Any

from interpretkd._base import Array
from interpretkd.metrics import plain_fidelity
from interpretkd.students import Judged, Taught, as_student
from interpretkd.targets import Target
from interpretkd.transfer import TransferSet


def fit_student(
    student: Any,
    target: Target,
    lesson: TransferSet,
    held_out: TransferSet | None = None,
) -> Any:
    """Fit a copy of a student to a target.

    Parameters
    ----------
    student : regressor
        It is cloned; of our own, one with ``loss="auto"`` or ``objective="auto"`` gets
        the target's.
    target : Target
        What it is fitted to.
    lesson : TransferSet
        The rows it is fitted on.
    held_out : TransferSet, default=None
        Rows on which a student that can choose, or watch its fidelity, does so.

    Returns
    -------
    regressor
        The fitted copy.
    """
    judged = None
    if held_out is not None:
        teacher = held_out.logits

        def score(outputs: Array) -> float:
            return plain_fidelity(target.task, target.decode(outputs), teacher)

        own = _columns(target, held_out), held_out.weights
        judged = Judged(held_out.rows, held_out.encoded, *own, score)
    columns = _columns(target, lesson)
    taught = Taught(lesson.rows, lesson.encoded, columns, lesson.weight)
    return as_student(student).prepare(target).learn(taught, judged)


def _columns(target: Target, lesson: TransferSet) -> Array:
    columns = target.encode(lesson.logits, lesson.labels)
    return columns[:, 0] if columns.shape[1] == 1 else columns
