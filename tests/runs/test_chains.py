"""A chain is saved down to its first teacher, each as a run inside the run."""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator

from interpretkd._base import BundleError, InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.runs import _teacher_files, load, load_run, save, unpack_run
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import (
    AbsentTeacher,
    CallableTeacher,
    EnsembleTeacher,
    LazyTeacher,
    MLPRegressorTeacher,
    MLPTeacher,
)
from tests.runs.test_limits import _resign

X, y = load_iris(return_X_y=True)


def _network() -> MLPTeacher:
    return MLPTeacher(hidden=(8,), max_epochs=5, random_state=0).fit(X, y)


def _taught_by(teacher: Any, student: Any = None) -> DistilledClassifier:
    student = CartStudent(4, search="greedy") if student is None else student
    model = DistilledClassifier(
        FrozenEstimator(teacher), student, transfer=None, random_state=0
    )
    return model.fit(X, y)


@pytest.fixture(scope="module")
def chain() -> DistilledClassifier:
    """A network, boosted trees, a tree."""
    return _taught_by(_taught_by(_network(), BoostedStudent(6, n_jobs=1)))


@pytest.fixture(scope="module")
def path(chain: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(chain, tmp_path_factory.mktemp("chain") / "run", X, y)


def _first(model: Any) -> Any:
    while hasattr(model, "teacher_"):
        model = model.teacher_.estimator
    return model


@pytest.mark.parametrize("late", [False, True])
def test_each_of_a_chain_says_what_it_said(
    chain: Any, path: Path, tmp_path: Path, late: bool
) -> None:
    found = load_run(path, late_teacher=late).model
    np.testing.assert_array_equal(found.logits(X), chain.logits(X))
    np.testing.assert_array_equal(found.teacher_.logits(X), chain.teacher_.logits(X))
    between, own = found.teacher_.estimator, chain.teacher_.estimator
    assert isinstance(between.student_, BoostedStudent)
    np.testing.assert_array_equal(between.baseline_logits(X), own.baseline_logits(X))
    assert isinstance(_first(found), LazyTeacher if late else MLPTeacher)
    np.testing.assert_array_equal(_first(found).logits(X), _first(chain).logits(X))
    assert found.teacher_.n_parameters == chain.teacher_.n_parameters
    assert str(found.fidelity(X)) == str(chain.fidelity(X))
    again = save(found, tmp_path / "again", X, y)
    for name in ("teacher.zip", "teacher.json", "model.json"):
        assert (again / name).read_bytes() == (path / name).read_bytes()


def test_a_chain_of_regressors(tmp_path: Path) -> None:
    rows, values = load_diabetes(return_X_y=True)
    network = MLPRegressorTeacher(hidden=(8,), max_epochs=3, random_state=0)
    network.fit(rows, values)
    between = DistilledRegressor(FrozenEstimator(network), LinearStudent())
    model = DistilledRegressor(FrozenEstimator(between.fit(rows, values)))
    model.set_params(student=CartStudent(4, search="greedy"), transfer=None)
    model.fit(rows, values)
    found = load(save(model, tmp_path / "run", rows, values))
    np.testing.assert_array_equal(
        found.teacher_.predict(rows), model.teacher_.predict(rows)
    )
    np.testing.assert_array_equal(_first(found).logits(rows), network.logits(rows))


def test_a_first_teacher_that_is_code_is_described(tmp_path: Path) -> None:
    function = CallableTeacher(_network().logits)
    found = load(save(_taught_by(_taught_by(function)), tmp_path / "run", X, y))
    assert found.fidelity(X).value > 0.5
    first = _first(found)
    assert isinstance(first, AbsentTeacher)
    assert first.description == "CallableTeacher"
    again = load(save(found, tmp_path / "again", X, y))
    assert _first(again).description == "CallableTeacher"


def test_a_long_chain_ends_in_a_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_teacher_files, "DEEPEST_CHAIN", 2)
    model: Any = _network()
    for _ in range(4):
        model = _taught_by(model, CartStudent(3, search="greedy"))
    found = load(save(model, tmp_path / "run"))
    depth = 0
    while hasattr(found, "teacher_"):
        found, depth = found.teacher_.estimator, depth + 1
    assert depth == 3
    assert isinstance(found, AbsentTeacher)
    assert found.description == "DistilledClassifier"


def test_a_zipped_chain_is_unpacked(path: Path, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in path.iterdir():
            archive.writestr(file.name, file.read_bytes())
    found = load(unpack_run(packed.getvalue(), tmp_path, "chain.zip"))
    assert isinstance(_first(found), MLPTeacher)


def _inside(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def _with_teacher(path: Path, to: Path, content: bytes) -> Path:
    to.mkdir(exist_ok=True)
    for file in path.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    (to / "teacher.zip").write_bytes(content)
    _resign(to)
    return to


def _state(**changes: Any) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        state = json.loads(files["model.json"]) | changes
        files["model.json"] = json.dumps(state).encode()

    return change


def _deeper(files: dict[str, bytes]) -> None:
    for _ in range(6):
        files["teacher.json"] = json.dumps(
            json.loads(files["teacher.json"]) | {"kind": "distilled"}
        ).encode()
        files["teacher.zip"] = _zip(dict(files))


DAMAGE: dict[str, Callable[[dict[str, bytes]], object]] = {
    "no student": lambda files: files.pop("student.npz"),
    "no model": lambda files: files.pop("model.json"),
    "a file of another name": lambda files: files.update({"run.py": b"import os"}),
    "a path": lambda files: files.update({"../model.json": b"{}"}),
    "a manifest": lambda files: files.update({"manifest.json": b"{}"}),
    "rows": lambda files: files.update({"evaluation.parquet": b"PAR1"}),
    "an array that is none": lambda files: files.update({"student.npz": b"PK"}),
    "another task": _state(task="multilabel"),
    "other classes": _state(classes={"kind": "i", "values": [2, 1, 0]}),
    "other columns": _state(columns=["a", "b", "c", "d"]),
    "a view that is not there": _state(view={"view": None}),
    "too deep": _deeper,
    "a bomb": lambda files: files.update({"baseline.npz": b"\0" * (30 * 2**20)}),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_what_save_never_wrote_is_refused(
    path: Path, tmp_path: Path, name: str
) -> None:
    files = _inside((path / "teacher.zip").read_bytes())
    DAMAGE[name](files)
    damaged = _with_teacher(path, tmp_path / "run", _zip(files))
    with pytest.raises(BundleError, match=r"teacher\.zip"):
        load(damaged, most_bytes=20 * 2**20)


def test_a_file_that_is_there_twice_is_refused(path: Path, tmp_path: Path) -> None:
    packed = io.BytesIO((path / "teacher.zip").read_bytes())
    with (
        zipfile.ZipFile(packed, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr("model.json", b"{}")
    damaged = _with_teacher(path, tmp_path / "run", packed.getvalue())
    with pytest.raises(BundleError, match="twice"):
        load(damaged)


def test_code_in_a_chain_is_not_unpacked(path: Path, tmp_path: Path) -> None:
    files = _inside((path / "teacher.zip").read_bytes())
    files["student.npz"] = b"\x80\x04" + b"." * 40
    damaged = _with_teacher(path, tmp_path / "run", _zip(files))
    whole = _zip({file.name: file.read_bytes() for file in damaged.iterdir()})
    with pytest.raises(InputError, match="pickle"):
        unpack_run(whole, tmp_path / "runs", "chain.zip")


def test_a_zip_that_goes_deeper_than_a_chain_is_not_unpacked(
    path: Path, tmp_path: Path
) -> None:
    files = _inside((path / "teacher.zip").read_bytes())
    content = (path / "teacher.zip").read_bytes()
    for _ in range(9):
        files["teacher.zip"] = content = _zip(files)
    damaged = _with_teacher(path, tmp_path / "run", content)
    whole = _zip({file.name: file.read_bytes() for file in damaged.iterdir()})
    with pytest.raises(InputError, match="above each other"):
        unpack_run(whole, tmp_path / "runs", "chain.zip")
    files["other.zip"] = files.pop("teacher.zip")
    damaged = _with_teacher(path, tmp_path / "run", _zip(files))
    whole = _zip({file.name: file.read_bytes() for file in damaged.iterdir()})
    with pytest.raises(InputError, match=r"other\.zip"):
        unpack_run(whole, tmp_path / "runs", "chain.zip")


def _ensemble(**settings: Any) -> EnsembleTeacher:
    members = [
        MLPTeacher(hidden=(6,), max_epochs=4, random_state=seed).fit(X, y)
        for seed in range(2)
    ]
    between = _taught_by(members[0], BoostedStudent(6, n_jobs=1))
    return EnsembleTeacher([*members, between], **settings)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "settings",
    [{}, {"how": "probabilities", "weights": [1, 2, 0]}, {"how": "votes"}],
    ids=str,
)
def test_an_ensemble_says_what_it_said(
    tmp_path: Path, settings: Any, late: bool
) -> None:
    model = _taught_by(_ensemble(**settings))
    path = save(model, tmp_path / "run", X, y)
    found = load_run(path, late_teacher=late).model
    np.testing.assert_array_equal(found.teacher_.logits(X), model.teacher_.logits(X))
    np.testing.assert_array_equal(found.logits(X), model.logits(X))
    assert found.teacher_.n_parameters == model.teacher_.n_parameters
    assert str(found.fidelity(X)) == str(model.fidelity(X))
    kept = found.teacher_.estimator
    assert isinstance(kept, EnsembleTeacher)
    np.testing.assert_array_equal(kept.weights_, model.teacher_.estimator.weights_)
    again = save(found, tmp_path / "again", X, y)
    for name in ("teacher.zip", "teacher.json"):
        assert (again / name).read_bytes() == (path / name).read_bytes()
    whole = _zip({file.name: file.read_bytes() for file in path.iterdir()})
    assert unpack_run(whole, tmp_path / "runs", "chain.zip").is_dir()


def test_weights_that_were_chosen_are_kept(tmp_path: Path) -> None:
    teacher = _ensemble(weights="validation").fit(X, y)
    model = _taught_by(teacher)
    found = load(save(model, tmp_path / "run", X, y))
    np.testing.assert_allclose(
        found.teacher_.logits(X), teacher.logits(X), rtol=1e-12, atol=1e-12
    )


def test_an_ensemble_with_code_is_described_with_its_size(tmp_path: Path) -> None:
    network = _network()
    both = EnsembleTeacher([network, CallableTeacher(network.logits)])
    found = load(save(_taught_by(both), tmp_path / "run", X, y))
    assert isinstance(found.teacher_.estimator, AbsentTeacher)
    assert found.teacher_.estimator.description == "EnsembleTeacher"


ENSEMBLES: dict[str, Callable[[dict[str, Any], dict[str, bytes]], object]] = {
    "a weight too many": lambda told, files: told["config"].update(weights=[1] * 4),
    "a weight below 0": lambda told, files: told["config"].update(weights=[-1, 1, 1]),
    "another mixture": lambda told, files: told["config"].update(how="eval"),
    "weights to be chosen": lambda told, files: told["config"].update(
        weights="validation"
    ),
    "no config": lambda told, files: told.update(config=None),
    "no first member": lambda told, files: [
        files.pop(name) for name in sorted(files) if name.startswith("0/")
    ],
    "no weights of a network": lambda told, files: files.pop("1/teacher.safetensors"),
    "a file beside": lambda told, files: files.update({"teacher.json": b"{}"}),
    "a student": lambda told, files: files.update({"0/student.npz": b"PK"}),
    "a path": lambda told, files: files.update({"../teacher.json": b"{}"}),
    "nothing": lambda told, files: files.clear(),
    "a description": lambda told, files: files.update(
        {"0/teacher.json": json.dumps(told | {"kind": "described"}).encode()}
    ),
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", ENSEMBLES)
def test_an_ensemble_that_save_never_wrote_is_refused(
    ensemble_path: Path, tmp_path: Path, name: str, late: bool
) -> None:
    files = _inside((ensemble_path / "teacher.zip").read_bytes())
    told = json.loads((ensemble_path / "teacher.json").read_text())
    ENSEMBLES[name](told, files)
    damaged = _with_teacher(ensemble_path, tmp_path / "run", _zip(files))
    (damaged / "teacher.json").write_text(json.dumps(told))
    _resign(damaged)
    with pytest.raises(BundleError, match=r"teacher\.(zip|json|safetensors)"):
        load_run(damaged, late_teacher=late)


@pytest.fixture(scope="module")
def ensemble_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = _taught_by(_ensemble())
    return save(model, tmp_path_factory.mktemp("ensemble") / "run", X, y)


@settings(max_examples=40)
@given(st.data())
def test_no_flipped_byte_is_more_than_a_sentence(
    path: Path, tmp_path_factory: Any, data: Any
) -> None:
    files = _inside((path / "teacher.zip").read_bytes())
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    files[name] = bytes(content[: data.draw(st.integers(1, len(content)))])
    to = tmp_path_factory.mktemp("damaged") / "run"
    with contextlib.suppress(BundleError):  # nothing else may come
        load_run(_with_teacher(path, to, _zip(files)), late_teacher=True)
