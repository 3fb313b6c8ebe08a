"""A student as JSON values and arrays, and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.models import Forest, Form, Linear, ScoredTree, Tree
from interpretkd.runs._settings import _plain_settings, _settings
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    Certificate,
    CommitteeStudent,
    LinearStudent,
    ScoredTreeStudent,
)

_MEMBERS: dict[str, type[Any]] = {
    s.__name__: s for s in (CartStudent, BoostedStudent, LinearStudent)
}
_STUDENTS: dict[str, type[Any]] = {
    **_MEMBERS,
    ScoredTreeStudent.__name__: ScoredTreeStudent,
    CommitteeStudent.__name__: CommitteeStudent,
}


def _as_given(student: Any) -> dict[str, Any]:
    """Return what makes a student of ours again, as it was before it was fitted."""
    given = student.get_params(deep=False)
    member = given.pop("student", None)  # of a committee
    state = {"class": type(student).__name__, "settings": _plain_settings(given)}
    return state if member is None else {**state, "member": _as_given(member)}


def _student_of(state: dict[str, Any], kinds: dict[str, type[Any]] = _STUDENTS) -> Any:
    settings, kind = dict(_settings(state["settings"])), kinds[state["class"]]
    if kind is CommitteeStudent and "member" in state:
        settings["student"] = _student_of(state["member"], _MEMBERS)
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
    form = {} if name in _FORMS else {"form": type(student.form_).__name__}
    return {
        **form,
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
    student.form_ = _form(state, schema, arrays)
    if isinstance(student, CartStudent):
        proof = state.get("certificate")
        student.certificate_ = None if proof is None else Certificate.from_dict(proof)
    elif isinstance(student, BoostedStudent):
        student.scores_ = [float(score) for score in state["scores"]]
    elif isinstance(student, LinearStudent):
        student.n_iter_ = int(state["n_iter"])
    student.schema_, student._flat = schema, bool(state["flat"])
    student.n_features_in_ = len(schema)
    if model_state["from_frame"]:
        student.feature_names_in_ = np.asarray(schema.names, dtype=object)
    return student


def _form(
    state: dict[str, Any], schema: Schema, arrays: dict[str, NDArray[Any]]
) -> Form:
    """Return what is left of a student; runs of old name its form by its class."""
    name = _FORMS.get(state["class"]) or state["form"]
    trees = {"Tree": Tree, "ScoredTree": ScoredTree}
    if name in trees:
        return trees[name].from_arrays(schema, arrays)
    kinds: dict[str, type[Forest] | type[Linear]] = {"Forest": Forest, "Linear": Linear}
    return kinds[name].from_arrays(schema, arrays, state["link"])


_FORMS = {
    "CartStudent": "Tree",
    "ScoredTreeStudent": "ScoredTree",
    "BoostedStudent": "Forest",
    "LinearStudent": "Linear",
}
