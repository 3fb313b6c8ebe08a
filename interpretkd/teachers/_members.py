"""Teachers that know the same classes, each brought to one order of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from interpretkd._base import Array, InputError, one_line
from interpretkd.targets import Answers
from interpretkd.teachers._base import Teacher
from interpretkd.teachers._inside import _StandsBefore


def _same_task(owner: str, teachers: Sequence[Teacher]) -> str:
    """Return what all do."""
    task = teachers[0].task
    for i, teacher in enumerate(teachers):
        if teacher.task != task:
            raise InputError(
                f"All teachers of {owner} must do the same. {_name(teachers, 0)} does "
                f"{task}, {_name(teachers, i)} {teacher.task}."
            )
    return task


def _in_one_order(owner: str, teachers: Sequence[Teacher]) -> tuple[Teacher, ...]:
    """Give every teacher the classes of the first that knows some, in its order."""
    if _same_task(owner, teachers) == "regression":
        return tuple(teachers)
    first = next((i for i, t in enumerate(teachers) if t.classes is not None), None)
    if first is None:
        return tuple(teachers)
    known = teachers[first].classes
    assert known is not None
    return tuple(
        _as_ordered(owner, teachers, i, first, known) for i in range(len(teachers))
    )


def _as_ordered(
    owner: str, teachers: Sequence[Teacher], i: int, first: int, known: NDArray[Any]
) -> Teacher:
    teacher = teachers[i]
    # Who does not say its classes has them in the order of their numbers.
    own = np.arange(len(known)) if teacher.classes is None else teacher.classes
    there, wanted = pd.Index(own), pd.Index(known)
    if not there.is_unique:
        raise InputError(f"{_name(teachers, i)} names a class twice: {_some(own)}.")
    if set(own.tolist()) != set(known.tolist()):
        raise InputError(
            f"All teachers of {owner} must know the same classes. "
            f"{_name(teachers, first)} knows {_some(known)}; {_name(teachers, i)} "
            + (
                "does not say its classes: tell an adapter with classes=..."
                if teacher.classes is None
                else f"knows {_some(own)}."
            )
        )
    order = there.get_indexer(wanted).astype(np.int64)
    if (order == np.arange(len(known))).all():
        return replace(teacher, classes=known)
    return replace(
        teacher,
        estimator=_Reordered(teacher, known, order),
        classes=known,
        reads=None,
    )


class _Reordered(_StandsBefore):
    """A teacher whose classes are brought into another order."""

    def __init__(
        self, teacher: Teacher, classes: NDArray[Any], order: NDArray[np.int64]
    ) -> None:
        self.teacher = teacher
        self.classes_ = classes
        self.task_ = teacher.task
        self.order = order

    def logits(self, X: Any) -> Array:
        return self.teacher.logits(X)[:, self.order]

    def answers(self, X: Any) -> Answers:
        said = self.teacher.answers(X)
        logits, own = said.logits[:, self.order], said.own
        if own is not None and own.ndim == 2:
            own = own[:, self.order]
        elif own is not None:
            own = np.argsort(self.order)[own]
        return Answers(logits, own)

    def gradients(self, X: Any, output: Any = None) -> Array:
        return self.teacher.gradients(X, None if output is None else self.order[output])

    def at_checkpoint(self, epoch: int) -> Any:
        stage = self.teacher.checkpoints[epoch - 1]
        return _Reordered(stage, self.classes_, self.order)


def _name(teachers: Sequence[Teacher], i: int) -> str:
    return f"teacher {i} ({type(teachers[i].estimator).__name__})"


def _some(classes: NDArray[Any]) -> str:
    told = ", ".join(one_line(repr(name)) for name in classes.tolist()[:10])
    return told + (f" and {len(classes) - 10} more" if len(classes) > 10 else "")
