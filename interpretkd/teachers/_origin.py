"""The first teacher of a chain, through whatever a distilled model stands in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from interpretkd._base import InputError
from interpretkd.teachers._base import Teacher, as_teacher
from interpretkd.teachers._composite import _Composite
from interpretkd.teachers._inside import _StandsBefore

_DEEPEST = 4
"""So many objects inside each other are searched for a distilled model."""


@dataclass(frozen=True, eq=False)
class _Behind:
    """A teacher that a model asks.

    Parameters
    ----------
    teacher : Teacher
        It reads rows as the model is given them.
    through : tuple, default=()
        What makes other cells of the rows on the way to it.
    """

    teacher: Teacher
    through: tuple[Any, ...] = ()


def _first_of(teacher: Teacher) -> _Behind | None:
    """Return the first teacher of a chain; None where it was taught by none.

    Of several members of an ensemble it is the one that all of them come from, by the
    same cells.
    """
    model = teacher.estimator
    if isinstance(model, _StandsBefore) and not model._may_be_taught:
        return None
    taught_by: Any = getattr(model, "teacher_", None)
    is_taught = isinstance(taught_by, Teacher)
    behind = [_Behind(taught_by)] if is_taught else _behind(model)
    found = [_first_of(part.teacher) for part in behind]
    if not is_taught and not any(found):
        if not behind and _holds_a_taught_one(model):
            raise _no_single_one(model)
        return None
    firsts = [
        part if first is None else _Behind(first.teacher, part.through + first.through)
        for part, first in zip(behind, found, strict=True)
    ]
    one = firsts[0]
    for other in firsts[1:]:
        same = other.teacher.estimator is one.teacher.estimator
        if not same or other.through != one.through:
            raise _no_single_one(model)
    return replace(one, teacher=_reading(one.teacher, teacher.reads))


def _behind(model: Any) -> list[_Behind]:
    """Return whom a model asks, of a model whose workings are known."""
    if isinstance(model, _Composite):
        reads = model._select if model._selects else None
        return [
            _Behind(_reading(teacher, reads), model._selects)
            for teacher in model._ready().teachers
        ]
    if isinstance(model, _StandsBefore):
        return [_Behind(model.teacher)]
    if isinstance(model, Pipeline) and len(model) > 1:
        before = model[:-1]
        last = replace(as_teacher(model[-1]), reads=before.transform)
        return [_Behind(last, tuple(step for _, step in before.steps))]
    best = model[-1] if isinstance(model, Pipeline) else None
    best = getattr(model, "best_estimator_", best)  # of a search
    return [] if best is None else [_Behind(as_teacher(best))]


def _reading(teacher: Teacher, reads: Callable[[Any], Any] | None) -> Teacher:
    """Return a teacher whose rows are read by another one before."""
    if reads is None:
        return teacher
    return replace(teacher, reads=lambda X: teacher._read(reads(X)))


def _holds_a_taught_one(value: Any, depth: int = 0) -> bool:
    """Tell whether a distilled model lies somewhere inside, such as a calibration."""
    if depth and isinstance(getattr(value, "teacher_", None), Teacher):
        return True
    if depth > _DEEPEST:
        return False
    return any(_holds_a_taught_one(part, depth + 1) for part in _objects_in(value))


def _objects_in(owner: Any) -> Iterator[Any]:
    """Yield the objects that one has: attributes, and members of its lists."""
    known = list(vars(owner).values())
    while known:
        value = known.pop()
        if isinstance(value, MethodType):
            value = value.__self__
        if isinstance(value, list | tuple):
            known.extend(value)
        elif isinstance(value, dict):
            known.extend(value.values())
        elif isinstance(value, np.ndarray) and value.dtype == object:
            known.extend(value.ravel())
        elif hasattr(value, "__dict__") and not isinstance(
            value, type | FunctionType | ModuleType
        ):
            yield value


def _no_single_one(model: Any) -> InputError:
    return InputError(
        f"The teacher, a {type(model).__name__}, is made of distilled models, and no "
        "one first teacher stands behind all of it: ask of the teacher itself, "
        "of='teacher'."
    )
