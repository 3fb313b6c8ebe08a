import hashlib
import json
import os

import pytest
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import find_runs, load_run, read_facts, save, saved_run
from interpretkd.students import CartStudent


@pytest.fixture(scope="module")
def model():
    X, y = load_iris(return_X_y=True)
    teacher = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
    return DistilledClassifier(teacher, CartStudent(3, search="greedy")).fit(X, y)


def test_a_folder_lists_the_runs_below_it(model, tmp_path):
    for place in ("b", "demo/a", "one/two/three", "one/two/three/four", ".hidden/x"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        save(model, tmp_path / place) if "four" not in place else None
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no run")
    found = find_runs(tmp_path)
    assert [run.name for run in found] == ["b", "demo/a", "one/two/three"]
    assert all(load_run(run.path).model.classes_.size == 3 for run in found)


def test_a_run_too_deep_is_not_looked_for(model, tmp_path):
    (tmp_path / "1/2/3").mkdir(parents=True)
    save(model, tmp_path / "1/2/3/4")
    assert find_runs(tmp_path) == ()


def test_the_key_is_the_hash_of_the_manifest(model, tmp_path):
    path = save(model, tmp_path / "run", about={"seed": 1})
    content = (path / "manifest.json").read_bytes()
    key = hashlib.sha256(content).hexdigest()[:8]
    assert saved_run(path).key == saved_run(path / "manifest.json").key == key
    assert json.loads(content)["about"] == {"seed": 1}
    save(model, path, about={"seed": 2})
    assert saved_run(path).key != key


def test_a_folder_that_is_a_run_lists_itself(model, tmp_path):
    path = save(model, tmp_path / "run")
    assert [run.path for run in find_runs(path)] == [path]


def test_an_absent_folder_holds_nothing(tmp_path):
    assert find_runs(tmp_path / "absent") == ()


@pytest.mark.parametrize("path", ["absent", "nul\0byte", "x" * 5000])
def test_what_is_no_run_is_said_in_one_sentence(tmp_path, path):
    with pytest.raises(InputError, match=r"^There is no run in .*manifest\.json'\.$"):
        saved_run(tmp_path / path)


def test_a_list_says_what_a_run_is(model, tmp_path):
    path = save(model, tmp_path / "run", about={"data": "<b>people</b>"})
    facts = read_facts(saved_run(path))
    assert (facts.data, facts.student) == ("<b>people</b>", "CartStudent")
    written = (path / "manifest.json").stat().st_mtime
    assert facts.made.timestamp() == pytest.approx(written)


def test_of_a_damaged_run_a_list_says_nothing(tmp_path):
    (tmp_path / "manifest.json").write_text('{"about": [1]}')
    (tmp_path / "model.json").write_text("no JSON")
    damaged = saved_run(tmp_path)
    assert (read_facts(damaged).data, read_facts(damaged).student) == ("", "")
    (tmp_path / "manifest.json").unlink()
    assert read_facts(damaged).made.year <= 1970


def test_a_list_passes_over_what_is_no_file(tmp_path):
    """A pipe would make the list wait for ever."""
    for name in ("pipe", "link", "folder", "good"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / "manifest.json")
    (tmp_path / "link" / "manifest.json").symlink_to("/dev/zero")
    (tmp_path / "folder" / "manifest.json").mkdir()
    (tmp_path / "good" / "manifest.json").write_text("{}")
    os.mkfifo(tmp_path / "good" / "model.json")
    (run,) = find_runs(tmp_path)
    assert run.name == "good"
    assert read_facts(run).student == ""
