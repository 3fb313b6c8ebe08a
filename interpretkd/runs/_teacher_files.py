"""A run's teacher as files, and back.

A network of ours and an ONNX file are there themselves. A distilled model that teaches
another - a chain - is in teacher.zip as a run of its own, down to the first teacher; an
ensemble is there with the files of each member. Any other teacher is only described,
and so is an ensemble with such a member.
"""

import contextlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from interpretkd._base import InputError, naming_file, one_line
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.runs._destination import RUN_FILES
from interpretkd.runs._folder import _json, _parse_json
from interpretkd.runs._limits import MOST_MEMBERS, Room, read_archive
from interpretkd.runs._onnx_limits import _check_onnx
from interpretkd.teachers import (
    AbsentTeacher,
    EnsembleTeacher,
    LazyTeacher,
    OnnxTeacher,
    Teacher,
    as_teacher,
)

DEEPEST_CHAIN = 5
"""Teachers above each other in a chain that a run holds; the next is described."""
_INSIDE = RUN_FILES - {"manifest.json", "evaluation.parquet"}
_OF_A_TEACHER = {name for name in _INSIDE if name.startswith("teacher.")}
_ModelFiles: TypeAlias = Callable[[Any, int], dict[str, bytes]]
_ModelOf: TypeAlias = Callable[[dict[str, bytes], "_Place", Room], tuple[Any, Any]]


@dataclass(frozen=True)
class _Place:
    """Where a model's files lie, and how its teacher is built."""

    path: Path
    late: bool = False
    depth: int = 0
    inside: str = ""

    def name(self, file: str) -> str:
        """Name a file as a person finds it."""
        return f"{file}{self.inside}"

    def below(self) -> "_Place":
        """Return the place of the teacher's own files."""
        inside = f" in {self.name('teacher.zip')}"
        return replace(
            self,
            path=self.path / "teacher.zip",
            depth=self.depth + 1,
            inside=inside,
        )


def _teacher_files(
    teacher: Teacher, model_files: _ModelFiles, depth: int
) -> dict[str, bytes]:
    """Return the files of a teacher; of a chain those that `model_files` returns."""
    estimator = teacher.estimator
    state: dict[str, Any] = {
        "kind": "described",
        "description": _described(estimator),
        "n_parameters": teacher.n_parameters,
        "size_bytes": teacher.size_bytes,
        "names_classes": teacher.names_classes,
        "config": None,
    }
    files = {}
    if hasattr(estimator, "get_state"):
        from safetensors.numpy import save as to_safetensors

        config, arrays = estimator.get_state()
        state |= {"kind": "network", "config": config}
        files["teacher.safetensors"] = to_safetensors(arrays)
    elif isinstance(estimator, OnnxTeacher):
        state |= {"kind": "onnx", "config": _onnx_settings(estimator)}
        files["teacher.onnx"] = estimator.to_bytes()
    elif _is_distilled(estimator) and depth < DEEPEST_CHAIN:
        with contextlib.suppress(InputError):  # one that cannot be saved is described
            files["teacher.zip"] = _packed(model_files(estimator, depth + 1))
            state["kind"] = "distilled"
    elif isinstance(estimator, EnsembleTeacher) and depth < DEEPEST_CHAIN:
        with contextlib.suppress(InputError):
            files["teacher.zip"] = _packed(_member_files(estimator, model_files, depth))
            state |= {"kind": "ensemble", "config": _ensemble_settings(estimator)}
    files["teacher.json"] = _json(state)
    return files


def _member_files(
    ensemble: EnsembleTeacher, model_files: _ModelFiles, depth: int
) -> dict[str, bytes]:
    """Return the files of each member, by its number; raise if one is no file."""
    found: dict[str, bytes] = {}
    for i, member in enumerate(ensemble.estimators_):
        files = _teacher_files(as_teacher(member), model_files, depth + 1)
        if _parse_json(files["teacher.json"])["kind"] == "described":
            raise InputError(f"Teacher {i} of the ensemble cannot be saved.")
        found |= {f"{i}/{name}": content for name, content in files.items()}
    if len(found) > MOST_MEMBERS:
        raise InputError("The ensemble has too many members for a run.")
    return found


def _ensemble_settings(ensemble: EnsembleTeacher) -> dict[str, Any]:
    equal = ensemble.weights is None
    weights = None if equal else ensemble.weights_.tolist()
    return {"how": ensemble.how, "weights": weights}


def _is_distilled(estimator: Any) -> bool:
    return isinstance(estimator, DistilledClassifier | DistilledRegressor)


def _described(estimator: Any) -> str:
    return one_line(str(getattr(estimator, "description", type(estimator).__name__)))


def _packed(files: dict[str, bytes]) -> bytes:
    """Pack files; the same ones always give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name], zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _onnx_settings(teacher: OnnxTeacher) -> dict[str, Any]:
    settings = teacher.get_params(deep=False)
    classes = settings.pop("classes")
    settings.pop("path")
    if settings.pop("preprocess", None) is not None:
        raise InputError(
            "An OnnxTeacher with a preprocess function cannot be saved: code is never "
            "part of a run. Put the preprocessing into the ONNX graph."
        )
    plain = None if classes is None else np.asarray(classes).tolist()
    return {**settings, "classes": plain}


def _teacher_of(
    model: Any,
    files: dict[str, bytes],
    place: _Place,
    room: Room,
    model_of: _ModelOf,
) -> tuple[Any, Teacher]:
    """Build a model's teacher: what `fit` was given, and the handle to ask it by."""
    state = _parse_json(files["teacher.json"])
    kind = state["kind"]
    if kind == "onnx":
        content = files["teacher.onnx"]
        with contextlib.suppress(ImportError):  # onnxruntime alone can run it
            _check_onnx(content, place.name("teacher.onnx"))
        path = place.path / "teacher.onnx"
        asked = OnnxTeacher.of_content(content, path, **state["config"])
        return asked, as_teacher(asked)
    if kind == "network" and not place.late:
        network = _network(state["config"], files["teacher.safetensors"])
        return FrozenEstimator(network), as_teacher(network)
    if kind == "distilled":
        taught = _distilled(model, files["teacher.zip"], place, room, model_of)
        return FrozenEstimator(taught), as_teacher(taught)
    if kind == "ensemble":
        inner = _Inside(model, place, room, model_of)
        members = _ensemble(inner, files["teacher.zip"], state["config"])
        return FrozenEstimator(members), as_teacher(members)
    if kind == "network":
        weights = files["teacher.safetensors"]
        later = LazyTeacher(state["config"], weights, _network)
        if len(later.schema_) != len(model.schema_):
            raise InputError("the teacher reads other columns than the student")
        return later, _told(model, later, state)
    if kind == "described":
        absent = AbsentTeacher(one_line(str(state["description"])))
        return absent, _told(model, absent, state)
    raise InputError(f"unknown kind of teacher {kind!r:.80}")


def _told(model: Any, estimator: Any, state: dict[str, Any]) -> Teacher:
    """Return the handle of a teacher of which only the run tells."""
    return Teacher(
        estimator=estimator,
        classes=getattr(model, "classes_", None),
        task=model.task_,
        n_parameters=state["n_parameters"],
        size_bytes=state["size_bytes"],
        names_classes=bool(state.get("names_classes", True)),
    )


def _distilled(
    model: Any,
    content: bytes,
    place: _Place,
    room: Room,
    model_of: _ModelOf,
) -> Any:
    """Build the distilled model that taught another."""
    with naming_file(place.name("teacher.zip")):
        if place.depth >= DEEPEST_CHAIN:
            raise InputError(
                f"more than {DEEPEST_CHAIN} teachers stand above each other"
            )
        inner = read_archive(content, room)
        unknown = sorted(set(inner) - _INSIDE)
        if unknown:
            raise InputError(f"it holds {unknown[0][:80]!r}, which is no file of a run")
        taught, _ = model_of(inner, place.below(), room)
        if taught.task_ != model.task_ or taught.schema_.names != model.schema_.names:
            raise InputError("the teacher has another task or other columns")
        if model.task_ != "regression" and not np.array_equal(
            taught.classes_, model.classes_
        ):
            raise InputError("the teacher has other classes")
        return taught


@dataclass(frozen=True)
class _Inside:
    """What is needed to build teachers that lie inside of a run."""

    model: Any
    place: _Place
    room: Room
    model_of: _ModelOf


def _ensemble(
    inside: _Inside, content: bytes, config: dict[str, Any]
) -> EnsembleTeacher:
    """Build several teachers that answer as one."""
    place, model = inside.place, inside.model
    with naming_file(place.name("teacher.zip")):
        if place.depth >= DEEPEST_CHAIN:
            raise InputError(f"there are more than {DEEPEST_CHAIN} teachers in a chain")
        files: dict[str, dict[str, bytes]] = {}
        for name, part in read_archive(content, inside.room).items():
            number, _, file = name.partition("/")
            if file not in _OF_A_TEACHER:
                raise InputError(f"it holds {name[:80]!r}, which is no teacher's file")
            files.setdefault(number, {})[file] = part
        if set(files) != {str(i) for i in range(len(files))}:
            raise InputError("its teachers must be numbered from 0")
        members = [_member(inside, files[str(i)]) for i in range(len(files))]
        ensemble = EnsembleTeacher(
            members, how=config["how"], weights=config["weights"]
        )
        known = getattr(model, "classes_", None)
        same = known is None or np.array_equal(ensemble.classes_, known)
        if ensemble.task_ != model.task_ or not same:
            raise InputError("the teachers have another task or other classes")
        return ensemble


def _member(inside: _Inside, files: dict[str, bytes]) -> Any:
    """Build a member; a late one must tell its own classes without being built."""
    state = _parse_json(files["teacher.json"])
    below = inside.place.below()
    if state["kind"] == "network" and below.late:
        config = state["config"]
        network = LazyTeacher(config, files["teacher.safetensors"], _network)
        return Teacher(
            estimator=network,
            classes=_classes_of(config["classes"]),
            task=config["task"],
            n_parameters=state["n_parameters"],
            size_bytes=state["size_bytes"],
        )
    if state["kind"] == "described":
        raise InputError("one of its teachers is only described")
    built = _teacher_of(inside.model, files, below, inside.room, inside.model_of)
    return built[1].estimator


def _classes_of(told: Any) -> NDArray[Any] | None:
    if told is None:
        return None
    kind, values = told["kind"], told["values"]
    plain = isinstance(values, list) and all(
        isinstance(value, str | int | float) for value in values
    )
    if kind not in "biufUO" or not plain:
        raise InputError("the classes must be texts or numbers")
    return np.asarray(values, dtype=object if kind == "O" else None)


def _network(config: dict[str, Any], content: bytes) -> Any:
    from safetensors.numpy import load as from_safetensors

    from interpretkd.teachers import teacher_from_state

    with naming_file("teacher.safetensors"):
        arrays = from_safetensors(content)
    return teacher_from_state(config, arrays)
