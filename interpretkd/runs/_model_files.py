"""A distilled model as files, and back: what a run holds beside its evaluation rows."""

from dataclasses import replace
from typing import Any

from interpretkd._base import InputError, naming_file
from interpretkd.data import Schema
from interpretkd.methods import ColumnView, DerivedView
from interpretkd.models import given_schema, used_positions
from interpretkd.runs._folder import _json, _npz, _parse_json
from interpretkd.runs._layer_probe import _probe_arrays
from interpretkd.runs._limits import Room, read_arrays
from interpretkd.runs._model_state import _model, _model_state
from interpretkd.runs._student_state import _student
from interpretkd.runs._teacher_files import _Place, _teacher_files, _teacher_of
from interpretkd.runs._view_state import (
    _attach_to_view,
    _check_size,
    _view_of,
    _view_state,
)


def _model_files(model: Any, depth: int = 0) -> dict[str, bytes]:
    """Return the files of a fitted model that stands so deep in a chain."""
    state, view_files = _model_state(model), {}
    if model.view_ is not None:
        state["view"], arrays = _view_state(model.view_)
        state["gaps"] = _gaps(model)
        view_files["view.npz"] = _npz(arrays | _probe_arrays(model))
    files = {
        "model.json": _json(state),
        "schema.json": _json(model.schema_.to_dict()),
        "student.npz": _npz(model.student_.form_.to_arrays()),
        **view_files,
        **_teacher_files(model.teacher_, _model_files, depth),
    }
    if model.baseline_ is not None:
        files["baseline.npz"] = _npz(model.baseline_.form_.to_arrays())
    return files


def _model_of(
    files: dict[str, bytes], place: _Place, room: Room
) -> tuple[Any, dict[str, Any]]:
    """Build a model from its files, checking each; return its state, too."""
    with naming_file(place.name("schema.json")):
        schema = Schema.from_dict(_parse_json(files["schema.json"]))
    with naming_file(place.name("model.json")):
        state = _parse_json(files["model.json"])
        model = _model(state, schema)
        if ("view.npz" in files) != (state.get("view") is not None):
            raise InputError("the model has a view without view.npz, or the reverse")
    with naming_file(place.name("view.npz")):
        if "view.npz" in files:
            arrays = read_arrays(files["view.npz"], room)
            model.view_ = _view_of(state["view"], arrays, schema)
            schema = model.view_.schema_
    # A view that makes columns gives the student frames, whatever it reads.
    frames = {"from_frame": True} if isinstance(model.view_, DerivedView) else {}
    for name, attribute in (("student", "student_"), ("baseline", "baseline_")):
        with naming_file(place.name(f"{name}.npz")):
            content = files.get(f"{name}.npz")
            fitted = None
            if content is not None:
                arrays = read_arrays(content, room)
                own = _with_gaps(schema, state.get("gaps", {}).get(name))
                fitted = _student(state[name], own, arrays, state | frames)
                _check_reads(fitted, model.view_)
            setattr(model, attribute, fitted)
    with naming_file(place.name("teacher.json")):
        model.teacher, model.teacher_ = _teacher_of(
            model, files, place, room, _model_of
        )
        _attach_to_view(model.view_, model.teacher_)
        _check_size(model.view_, model.teacher_)
    with naming_file(place.name("student.npz")):
        _check_outputs(model)
    return model, state


def _gaps(model: Any) -> dict[str, list[bool]]:
    """Say which columns had gaps as each student read them: noisy rows have others."""
    return {
        name: [f.has_missing for f in given_schema(student.form_).features]
        for name, student in (
            ("student", model.student_),
            ("baseline", model.baseline_),
        )
        if student is not None
    }


def _with_gaps(schema: Schema, gaps: Any) -> Schema:
    if gaps is None:
        return schema
    if not isinstance(gaps, list) or not all(isinstance(gap, bool) for gap in gaps):
        raise InputError("the gaps of columns must be true or false, one a column")
    if len(gaps) != len(schema):
        raise InputError(f"there are {len(schema)} columns and the gaps of {len(gaps)}")
    features = [
        replace(feature, has_missing=gap)
        for feature, gap in zip(schema.features, gaps, strict=True)
    ]
    return replace(schema, features=tuple(features))


def _check_reads(student: Any, view: Any) -> None:
    """Check that a student reads no column that its view holds at one value."""
    if not isinstance(view, ColumnView):
        return
    if not set(used_positions(student.form_)) <= set(view.reads_):
        raise InputError("the student reads columns that its view leaves out")


def _check_outputs(model: Any) -> None:
    n_outputs = model.student_.form_.n_outputs
    n_classes = len(getattr(model, "classes_", range(n_outputs)))
    forms = [s.form_ for s in (model.student_, model.baseline_) if s is not None]
    if any(form.n_outputs != n_classes for form in forms):
        raise InputError(
            f"a student of {n_outputs} outputs does not fit {n_classes} classes"
        )
