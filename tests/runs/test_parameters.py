"""A loaded model has the parameters it was saved with, and its teacher again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd._base import BundleError, InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import load, load_run, save
from interpretkd.runs._settings import _plain_settings, _settings
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    LinearStudent,
    ScoredTreeStudent,
)
from interpretkd.teachers import AbsentTeacher, CallableTeacher
from tests.runs.test_limits import _resign
from tests.runs.test_saved import SAVED

X, y = load_iris(return_X_y=True)
TEACHER = LogisticRegression(max_iter=999).fit(X, y)
STUDENTS = {
    "cart": CartStudent(
        5,
        search="greedy",
        min_samples_leaf=3,
        class_cost=[[0, 1, 2], [1, 0, 1], [5, 1, 0]],
        feature_cost=np.array([0.0, 0.1, 0.0, 0.2]),
        time_limit=30,
    ),
    "scored": ScoredTreeStudent(
        5, max_columns=2, max_points=3, class_cost=[[0, 1, 2], [1, 0, 1], [5, 1, 0]]
    ),
    "boosted": BoostedStudent(7, max_depth=2, column_share=0.5, n_jobs=1),
    "linear": LinearStudent("l1", strength=0.01, max_terms=2),
    "nothing said": None,
}


def _same(found: Any, said: Any) -> None:
    assert type(found) is type(said)
    if said is None:
        return
    for name, value in said.get_params().items():
        np.testing.assert_equal(found.get_params()[name], value)
        assert type(found.get_params()[name]) is type(value), name


@pytest.mark.parametrize("kind", STUDENTS)
def test_a_loaded_model_is_fitted_anew_to_the_same(tmp_path: Path, kind: str) -> None:
    student = STUDENTS[kind]
    frozen = FrozenEstimator(TEACHER)
    model = DistilledClassifier(
        frozen, student, target="hard", alpha=0.25, random_state=3
    )
    model.fit(X, y)
    found = load(save(model, tmp_path / "run", X, y), teacher=TEACHER)
    _same(found.student, student)
    mine, its = model.get_params(deep=False), found.get_params(deep=False)
    for name in mine.keys() - {"teacher", "student"}:
        assert its[name] == mine[name], name
    again = clone(found).fit(X, y)
    np.testing.assert_array_equal(again.logits(X), model.logits(X))
    _same(load(save(found, tmp_path / "again", X, y)).student, student)


@pytest.mark.parametrize("name", ["cart", "boosted", "points", "regression", "onnx"])
def test_of_an_old_run_is_known_what_its_student_became(name: str) -> None:
    model = load(SAVED / name)
    assert type(model.student) is type(model.student_)
    assert model.student.get_params() == model.student_.get_params()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abc"), PLAIN))
def test_settings_come_back_equal(settings: dict[str, Any]) -> None:
    text = json.dumps(_plain_settings(settings), allow_nan=False)
    assert repr(_settings(json.loads(text))) == repr(settings)


@pytest.mark.parametrize(
    "array", [np.eye(2), np.arange(3, dtype=np.int8), np.array(["a", "bc"])]
)
def test_arrays_come_back_equal(array: Any) -> None:
    text = json.dumps(_plain_settings({"a": array}), allow_nan=False)
    found = _settings(json.loads(text))["a"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_what_has_no_place_in_a_file_is_none() -> None:
    settings = {"a": np.random.RandomState(0), "b": len, "c": [object()]}
    assert _plain_settings(settings) == {"a": None, "b": None, "c": None}


@pytest.mark.parametrize(
    "damage",
    [
        {"class": "Popen", "settings": {}},
        {"class": "CartStudent", "settings": {"shell": True}},
        {"class": "CartStudent", "settings": {"max_leaves": {"kind": "eval"}}},
        [],
        5,
    ],
)
def test_another_student_is_refused(tmp_path: Path, damage: Any) -> None:
    path = save(DistilledClassifier(TEACHER, CartStudent(3)).fit(X, y), tmp_path / "r")
    state = json.loads((path / "model.json").read_text())
    state["student_parameter"] = damage
    (path / "model.json").write_text(json.dumps(state))
    _resign(path)
    with pytest.raises(BundleError, match=r"model\.json"):
        load(path)


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """A run whose teacher is a function, which no run holds."""
    teacher = CallableTeacher(TEACHER.decision_function)
    model = DistilledClassifier(teacher, CartStudent(4), random_state=0).fit(X, y)
    return save(model, tmp_path / "run", X, y)


def test_a_teacher_is_given_again(described: Path) -> None:
    absent = load(described)
    assert isinstance(absent.teacher_.estimator, AbsentTeacher)
    with pytest.raises(InputError, match=r"load\(path, teacher=\.\.\.\)"):
        absent.teacher_.logits(X)
    teacher = CallableTeacher(TEACHER.decision_function)
    run = load_run(described, teacher=teacher)
    np.testing.assert_allclose(
        run.model.teacher_.logits(X), TEACHER.decision_function(X)
    )
    assert run.model.fidelity(X).value > 0.8
    np.testing.assert_array_equal(
        clone(run.model).fit(X, y).logits(X), absent.logits(X)
    )


def test_another_teacher_is_not_taken_for_it(described: Path) -> None:
    other = CallableTeacher(lambda rows: -TEACHER.decision_function(rows))
    with pytest.raises(InputError, match="is not the run's: it says something else"):
        load(described, teacher=other)
    two = LogisticRegression().fit(X[:100], y[:100])
    with pytest.raises(InputError, match=r"has the classes \[0, 1\], and"):
        load(described, teacher=two)
    values = CallableTeacher(lambda rows: rows[:, :1], task="regression")
    with pytest.raises(InputError, match="does regression"):
        load(described, teacher=values)
    with pytest.raises(InputError):
        load(described, teacher=3)
