"""Where a run may be saved is said before anything is trained, in one sentence."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from interpretkd._base import InputError
from interpretkd.cli import main
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import check_destination, load, load_run, run_demo, save
from interpretkd.runs._destination import RUN_FILES, _check_replaceable
from interpretkd.students import CartStudent


@pytest.fixture(scope="module")
def model() -> Any:
    X, y = load_iris(return_X_y=True)
    student = CartStudent(3, search="greedy")
    return DistilledClassifier(LogisticRegression(max_iter=999), student).fit(X, y)


def _told(call: Any) -> str:
    """Return the one sentence that a call ends with."""
    with pytest.raises(InputError) as error:
        call()
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


@pytest.fixture
def never(monkeypatch: Any) -> None:
    """Fail when a table is read or a network is trained."""

    def called(*_: Any, **__: Any) -> None:
        raise AssertionError("work has begun")

    for name in ("read_task", "train_teacher", "run_demo"):
        monkeypatch.setattr(f"interpretkd.runs.{name}", called)


def _cli(capsys: Any, *arguments: object) -> tuple[Any, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return stop.value.code, capsys.readouterr().err


def _distill(capsys: Any, out: object, *more: str) -> tuple[Any, str]:
    return _cli(capsys, "distill", "t.csv", "--target", "y", "--out", out, *more)


def _folder(place: Path, kind: str, model: Any) -> Path:
    out = place / "out"
    if kind == "a file":
        out.write_text("my work")
    elif kind == "below a file":
        (place / "file").write_text("my work")
        out = place / "file" / "inside" / "out"
    elif kind == "a name that is too long":
        out = place / ("n" * 300)
    elif kind == "inside a run":
        out = save(model, place / "run") / "inside"
    elif kind == "a system folder":
        out = Path("/proc/zz/x")
    elif kind == "no run":
        out.mkdir()
        (out / "thesis.txt").write_text("my work")
    elif kind == "a page's manifest":
        out.mkdir()
        (out / "manifest.json").write_text(json.dumps({"name": "my page"}))
        (out / "index.html").write_text("my work")
    elif kind == "a run with a note":
        save(model, out)
        (out / "notes.txt").write_text("my work")
    return out


def _all_files(place: Path) -> dict[str, bytes]:
    return {str(f): f.read_bytes() for f in place.rglob("*") if f.is_file()}


KINDS = {
    "a file": "must be a folder",
    "below a file": "Not a directory",
    "a name that is too long": "File name too long",
    "inside a run": "lies inside the run",
    "a system folder": "No such file or directory",
    "no run": "holds something that is not a run",
    "a page's manifest": "holds something that is not a run",
    "a run with a note": "holds 'notes.txt', which is no file of a run",
}


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_replaced_is_said_before_training(
    model: Any, tmp_path: Path, capsys: Any, kind: str
) -> None:
    out = _folder(tmp_path, kind, model)
    before = _all_files(tmp_path)
    for more in ((), ("--overwrite",)):
        code, said = _distill(capsys, out, *more)
        assert (code, said.count("\n")) == (1, 1)
        assert KINDS[kind] in said
        assert ".out." not in said
        assert ".try." not in said
    assert KINDS[kind] in _told(lambda: check_destination(out, overwrite=True))
    if kind != "inside a run":  # a script may do that
        assert KINDS[kind] in _told(lambda: save(model, out))
        assert _all_files(tmp_path) == before


@pytest.mark.usefixtures("never")
def test_a_run_is_replaced_only_when_that_is_asked_for(
    model: Any, tmp_path: Path, capsys: Any
) -> None:
    out = save(model, tmp_path / "out")
    code, said = _distill(capsys, out)
    assert code == 1
    assert "There is a run in " in said
    assert "--overwrite" in said
    with pytest.raises(AssertionError, match="work has begun"):
        main(["distill", "t.csv", "--target", "y", "--out", str(out), "--overwrite"])
    save(model, tmp_path / "demo" / "linear")
    code, said = _cli(capsys, "demo", "--out", tmp_path / "demo")
    assert (code, "There is a run in " in said) == (1, True)
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "tree.svg").write_text("mine")
    code, said = _cli(capsys, "demo", "--out", tmp_path / "drawn")
    assert (code, "tree.svg' already" in said) == (1, True)


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("kind", ["a file", "below a file", "a system folder"])
def test_a_demo_says_where_it_cannot_be_saved_first(
    model: Any, tmp_path: Path, capsys: Any, kind: str
) -> None:
    out = _folder(tmp_path, kind, model)
    code, said = _cli(capsys, "demo", "--out", out, "--overwrite")
    assert (code, said.count("\n")) == (1, 1)
    assert "cannot be written" in said
    assert "cannot be written" in _told(lambda: run_demo("german", out))


def test_asking_leaves_no_trace(tmp_path: Path) -> None:
    assert check_destination(tmp_path / "a" / "b" / "run") == tmp_path / "a/b/run"
    (tmp_path / "empty").mkdir()
    check_destination(tmp_path / "empty")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@given(
    names=st.sets(
        st.sampled_from([*sorted(RUN_FILES), "notes.txt", "src", ".DS_Store", ".git"])
    ),
    manifest=st.sampled_from(
        ["", "[]", "{", '{"name": 1}', '{"format": 1, "sha256": {}}', "[" * 10**4]
    ),
)
def test_only_what_is_nothing_but_a_run_is_replaced(
    names: set[str], manifest: str, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name in names:
        (folder / name).write_text(manifest if name == "manifest.json" else "x")
    mine = names - {".DS_Store"}
    is_run = "manifest.json" in names and "sha256" in manifest and mine <= RUN_FILES
    if mine and not is_run:
        _told(lambda: _check_replaceable(folder))
    else:
        _check_replaceable(folder)


@pytest.mark.parametrize("path", [None, 5, b"run", "", "  ", "a\0b", 1.5, ["run"]])
def test_a_path_that_is_none(model: Any, path: Any) -> None:
    for call in (lambda: model.save(path), lambda: save(model, path)):
        assert "A run's folder must be a path." in _told(call)
    for call in (lambda: load(path), lambda: load_run(path)):
        assert "A run's folder must be a path." in _told(call)


@pytest.mark.parametrize("other", [3, None, "model", CartStudent()])
def test_a_model_that_is_none(tmp_path: Path, other: Any) -> None:
    said = _told(lambda: save(other, tmp_path / "run"))
    assert "can be saved as a run. Got a " in said


@pytest.mark.parametrize(
    "about",
    ["x", 3, ["data"], {"x": None}, {1: "x"}, {"x": float("nan")}, {"x": [1]}],
)
def test_an_about_that_is_none(model: Any, tmp_path: Path, about: Any) -> None:
    assert "'about'" in _told(lambda: save(model, tmp_path / "run", about=about))
    assert os.listdir(tmp_path) == []


def test_labels_without_rows_are_not_dropped(model: Any, tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    said = _told(lambda: save(model, tmp_path / "run", None, y))
    assert said.startswith("'y' was given without X")
    logits = model.teacher_.logits(X)
    said = _told(lambda: save(model, tmp_path / "run", teacher_logits=logits))
    assert said.startswith("'teacher_logits' was given without X")
    assert os.listdir(tmp_path) == []


def test_a_run_is_made_over_another_one(tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(150, 2)), columns=["a", "b"])
    table.assign(y=np.where(table["a"] > 0, "yes", "no")).to_csv(tmp_path / "t.csv")
    common = ("distill", tmp_path / "t.csv", "--target", "y", "--student", "linear")
    for more in ((), ("--overwrite", "--seed", "1")):
        assert _cli(capsys, *common, "--out", tmp_path / "run", *more)[0] == 0
    assert load_run(tmp_path / "run").about["seed of the split"] == 1
    assert sorted(os.listdir(tmp_path)) == ["run", "t.csv"]
