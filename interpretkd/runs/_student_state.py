"""A student as JSON values and arrays, and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.models import Forest, Linear, Tree
from interpretkd.runs._settings import _plain_settings, _settings
from interpretkd.students import BoostedStudent, CartStudent, Certificate, LinearStudent

_STUDENTS = {s.__name__: s for s in (CartStudent, BoostedStudent, LinearStudent)}


def _as_given(student: Any) -> dict[str, Any]:
    """Return what makes a student of ours again, as it was before it was fitted."""
    settings = _plain_settings(student.get_params(deep=False))
    return {"class": type(student).__name__, "settings": settings}


def _student_of(state: dict[str, Any]) -> Any:
    settings, kind = dict(_settings(state["settings"])), _STUDENTS[state["class"]]
    if issubclass(kind, CartStudent | BoostedStudent):
        settings.setdefault("thresholds", "exact")  # as they all were in runs of old
    return kind(**settings)


def _student_state(student: Any) -> dict[str, Any]:
    name = type(student).__name__
    if name not in _STUDENTS:
        raise InputError(
            f"Only {', '.join(_STUDENTS)} can be saved. Got a {name} as the student."
        )
    certificate = getattr(student, "certificate_", None)
    return {
        **_as_given(student),
        "flat": student._flat,
        "link": getattr(student.form_, "link", None),
        "scores": getattr(student, "scores_", None),
        "n_iter": getattr(student, "n_iter_", None),
        "certificate": None if certificate is None else certificate.to_dict(),
    }


def _student(
    state: dict[str, Any],
    schema: Schema,
    arrays: dict[str, NDArray[Any]],
    model_state: dict[str, Any],
) -> Any:
    student = _student_of(state)
    if isinstance(student, CartStudent):
        student.form_ = Tree.from_arrays(schema, arrays)
        proof = state.get("certificate")
        student.certificate_ = None if proof is None else Certificate.from_dict(proof)
    elif isinstance(student, BoostedStudent):
        student.form_ = Forest.from_arrays(schema, arrays, state["link"])
        student.scores_ = [float(score) for score in state["scores"]]
    else:
        student.form_ = Linear.from_arrays(schema, arrays, state["link"])
        student.n_iter_ = int(state["n_iter"])
    student.schema_, student._flat = schema, bool(state["flat"])
    student.n_features_in_ = len(schema)
    if model_state["from_frame"]:
        student.feature_names_in_ = np.asarray(schema.names, dtype=object)
    return student
