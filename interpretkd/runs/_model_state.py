"""A distilled model as JSON values, model.json, and back; its arrays lie elsewhere."""

from dataclasses import asdict
from typing import Any

import numpy as np

from interpretkd._base import InputError, one_line
from interpretkd.data import Ranges, Schema
from interpretkd.distillation import (
    DistilledClassifier,
    DistilledRegressor,
    TargetTrial,
)
from interpretkd.runs._settings import _plain_settings, _settings
from interpretkd.runs._step_state import METHOD_SLOTS, _method_states, _methods_of
from interpretkd.runs._student_state import _as_given, _student_of, _student_state
from interpretkd.targets import TASKS, Target, label_target


def _model_state(model: Any) -> dict[str, Any]:
    settings = model.get_params(deep=False)
    settings.pop("teacher")
    student = settings.pop("student")
    methods = _method_states(settings)
    state = {
        "class": type(model).__name__,
        "settings": _plain_settings(settings),
        "methods": methods,
        "view": None,
        "task": model.task_,
        "target": asdict(model.target_),
        "reading": asdict(model.reading_),
        "trials": [asdict(trial) for trial in model.trials_],
        "validation_rows": model.validation_rows_.tolist(),
        "n_asked": model.n_asked_,
        "queries": model.queries_,
        "recipe": list(model.recipe_),
        "memorised": model.memorised_,
        "columns": list(model.schema_.names),
        "ranges": None if model.ranges_ is None else model.ranges_.to_list(),
        "from_frame": hasattr(model, "feature_names_in_"),
        "student": _student_state(model.student_),
        "student_parameter": None if student is None else _as_given(student),
        "baseline": None,
        "baseline_reading": None,
        "classes": None,
    }
    if model.baseline_ is not None:
        state["baseline"] = _student_state(model.baseline_)
        state["baseline_reading"] = asdict(model.baseline_reading_)
    if hasattr(model, "classes_"):
        classes = np.asarray(model.classes_)
        state["classes"] = {"kind": classes.dtype.kind, "values": classes.tolist()}
    return state


def _model(state: dict[str, Any], schema: Schema) -> Any:
    classes = {c.__name__: c for c in (DistilledClassifier, DistilledRegressor)}
    if state["class"] not in classes or state["task"] not in TASKS:
        raise InputError(f"unknown class or task {state['class']!r}, {state['task']!r}")
    # Older runs know no methods, and the generator of rows as a plain text.
    methods = _methods_of(state.get("methods", {}))
    odd = sorted(set(state["settings"]) & set(METHOD_SLOTS[1:]))
    if odd:
        raise InputError(f"{odd[0]!r} is no plain setting")
    model = classes[state["class"]](None, **_settings(state["settings"]), **methods)
    # Older runs do not say what was given, only what it became.
    as_given = state.get("student_parameter", state["student"])
    model.student = None if as_given is None else _student_of(as_given)
    if state["columns"] != list(schema.names):
        raise InputError("its columns are not those of schema.json")
    model.schema_, model.task_ = schema, state["task"]
    model.n_features_in_ = len(schema)
    ranges = state.get("ranges")  # older runs have none
    model.ranges_ = None if ranges is None else Ranges.from_list(ranges, len(schema))
    if state["from_frame"]:
        model.feature_names_in_ = np.asarray(schema.names, dtype=object)
    model.target_ = Target(**state["target"])
    # Runs of before know no reading: they were read as they were fitted.
    model.reading_ = Target(**state.get("reading", state["target"]))
    model.baseline_reading_ = None
    targets = [model.target_, model.reading_]
    if state["baseline"] is not None:
        reading = state.get("baseline_reading", asdict(label_target(model.task_)))
        model.baseline_reading_ = Target(**reading)
        targets.append(model.baseline_reading_)
    if any(target.task != model.task_ for target in targets):
        raise InputError("the target's task is not the model's")
    model.trials_ = tuple(map(_trial, state["trials"]))
    model.validation_rows_ = np.asarray(state["validation_rows"], dtype=np.int64)
    if state["classes"] is not None:
        kind, values = state["classes"]["kind"], state["classes"]["values"]
        if kind not in "biufUO" or not all(
            isinstance(value, str | int | float) for value in values
        ):
            raise InputError("the classes must be texts or numbers")
        model.classes_ = np.asarray(values, dtype=object if kind == "O" else None)
    elif model.task_ != "regression":
        raise InputError("a classifier needs classes")
    model._flat = bool(state["student"]["flat"])
    model.n_asked_ = int(state.get("n_asked", 0))
    model.queries_ = int(state.get("queries", model.n_asked_))
    model.recipe_ = tuple(one_line(str(text)) for text in state.get("recipe", ()))
    model.memorised_ = one_line(str(state.get("memorised", "")))
    model.view_ = model.transfer_set_ = None  # a run holds no training rows
    return model


def _trial(state: dict[str, Any]) -> TargetTrial:
    target, name = Target(**state["target"]), str(state.get("name", ""))
    right = state.get("accuracy")  # older runs tell it of none
    accuracy = None if right is None else float(right)
    score, n_rows = float(state["fidelity"]), int(state["n_rows"])
    return TargetTrial(target, score, n_rows, name, accuracy)
