"""Teachers that are made of others: taken apart for a run, and put together again."""

from typing import Any

from interpretkd._base import InputError
from interpretkd.runs._settings import _from_plain, _to_plain
from interpretkd.teachers import (
    ColumnsTeacher,
    EnsembleTeacher,
    SpecialistTeacher,
    Teacher,
    as_teacher,
)

COMPOSITES = ("EnsembleTeacher", "SpecialistTeacher", "ColumnsTeacher")
"""The teachers of the library that are made of others."""


def _taken_apart(teacher: Any) -> tuple[list[Teacher], dict[str, Any]]:
    """Return what a fitted one is made of; TypeError for what JSON cannot hold."""
    if type(teacher) is EnsembleTeacher:
        weights = None if teacher.weights is None else teacher.weights_.tolist()
        told: dict[str, Any] = {"how": teacher.how, "weights": weights}
        return [as_teacher(one) for one in teacher.estimators_], told
    if type(teacher) is SpecialistTeacher:
        experts = teacher.specialists_
        told = {
            "classes": [_to_plain(list(names)) for names in experts],
            "n_likeliest": int(teacher.n_likeliest),
        }
        return [teacher.general_, *experts.values()], told
    if type(teacher) is ColumnsTeacher:
        columns = _to_plain(list(teacher.columns))
        return [teacher.teacher_of_columns_], {"columns": columns}
    raise InputError(f"A {type(teacher).__name__} of one's own cannot be saved.")


def _put_together(kind: str, parts: list[Any], config: dict[str, Any]) -> Any:
    """Make one of fitted teachers; its own checks are those of a user's settings."""
    if kind == "EnsembleTeacher":
        return EnsembleTeacher(parts, how=config["how"], weights=config["weights"])
    if kind == "SpecialistTeacher":
        keys = [tuple(_from_plain(names)) for names in config["classes"]]
        if len(set(keys)) != len(parts) - 1:
            raise InputError("each specialist must have classes of its own")
        experts = dict(zip(keys, parts[1:], strict=True))
        return SpecialistTeacher(parts[0], experts, n_likeliest=config["n_likeliest"])
    if len(parts) != 1:
        raise InputError("one teacher alone reads some of the columns")
    return ColumnsTeacher(parts[0], _from_plain(config["columns"]))
