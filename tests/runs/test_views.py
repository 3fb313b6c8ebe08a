"""A fitted view is saved, and a loaded student reads rows as it did."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.frozen import FrozenEstimator

from interpretkd import methods
from interpretkd._base import BundleError, InputError
from interpretkd.distillation import DistilledClassifier
from interpretkd.evaluation import analyse
from interpretkd.export import export_student
from interpretkd.methods import Columns, Corrupted, Hidden, Pooled, Prefix, View
from interpretkd.runs import downloads, load, load_run, predict_table, save
from interpretkd.runs._folder import _npz
from interpretkd.runs._limits import Room, read_arrays
from interpretkd.runs._settings import _from_plain, _to_plain
from interpretkd.runs._view_state import _LEARNT
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    CommitteeStudent,
    LinearStudent,
    ScoredTreeStudent,
)
from interpretkd.teachers import CallableTeacher, MLPTeacher
from tests.runs.test_limits import _resign

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(40, 9, 240),
        "home": RNG.choice(["own", "rent", "free"], 240),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(240), "D"),
        "amount": RNG.normal(size=240),
    }
)
LABELS = np.where(FRAME["age"] + 9 * FRAME["amount"] > 40, "yes", "no")
PIXELS = RNG.random((200, 16))
BRIGHT = (PIXELS[:, :8].sum(axis=1) > 4).astype(int)
STUDENTS = (
    CartStudent(4, search="greedy"),
    BoostedStudent(8, n_jobs=1),
    LinearStudent(),
    ScoredTreeStudent(4),
)


def _network(X: Any, y: Any) -> MLPTeacher:
    return MLPTeacher(hidden=(6,), max_epochs=3, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def network() -> MLPTeacher:
    return _network(FRAME, LABELS)


def _fitted(teacher: Any, view: Any, student: Any = STUDENTS[0]) -> Any:
    frozen = teacher if isinstance(teacher, CallableTeacher) else None
    model = DistilledClassifier(
        frozen or FrozenEstimator(teacher),
        student,
        target="hard",
        transfer=None,
        view=view,
        random_state=0,
    )
    return model.fit(FRAME, LABELS)


VIEWS = {
    "columns": Columns(["home", "age"]),
    "prefix": Prefix(0.5),
    "corrupted": Corrupted(0.2, categories=0.1, missing=0.1),
    "hidden": Hidden(0),
}


@pytest.mark.parametrize(
    ("name", "student"),
    [
        (name, student)
        for name in VIEWS
        for student in STUDENTS
        # A linear student of the last layer is refused: there is none to save.
        if not (name == "hidden" and isinstance(student, LinearStudent))
    ],
)
def test_a_loaded_student_reads_as_it_did(
    network: Any, tmp_path: Path, name: str, student: Any
) -> None:
    model = _fitted(network, VIEWS[name], student)
    path = save(model, tmp_path / "run", FRAME, LABELS)
    for late in (False, True):
        run = load_run(path, late_teacher=late)
        found = run.model
        np.testing.assert_array_equal(found.logits(FRAME), model.logits(FRAME))
        baseline = found.baseline_logits(FRAME)
        np.testing.assert_array_equal(baseline, model.baseline_logits(FRAME))
        np.testing.assert_array_equal(
            found.logits(run.evaluation.X), found.logits(FRAME)
        )
        assert found.get_params()["view"].get_params() == VIEWS[name].get_params()
        assert str(found.view_) == str(model.view_)
        assert found.n_parameters == model.n_parameters
        assert str(found.fidelity(FRAME)) == str(model.fidelity(FRAME))
    again = save(found, tmp_path / "again", FRAME, LABELS)
    for file in ("view.npz", "model.json", "student.npz"):
        assert (again / file).read_bytes() == (path / file).read_bytes()
    if name == "corrupted":
        worse = found.view_.corrupt(FRAME, 1)
        pd.testing.assert_frame_equal(worse, model.view_.corrupt(FRAME, 1))
    if name == "hidden":
        assert found.view_.describe(0) == model.view_.describe(0)


def test_images_are_pooled_as_they_were(tmp_path: Path) -> None:
    teacher = FrozenEstimator(_network(PIXELS, BRIGHT))
    view = Pooled(2, shape=(4, 4))
    model = DistilledClassifier(teacher, CartStudent(4), transfer=None, view=view)
    model.fit(PIXELS, BRIGHT)
    found = load(save(model, tmp_path / "run", PIXELS, BRIGHT))
    np.testing.assert_array_equal(found.logits(PIXELS), model.logits(PIXELS))


def test_predict_needs_the_columns_of_the_student_alone(
    network: Any, tmp_path: Path
) -> None:
    model = _fitted(network, Columns(["home", "age"]))
    run = load_run(save(model, tmp_path / "run", FRAME, LABELS))
    FRAME[["age", "home"]].to_csv(tmp_path / "new.csv", index=False)
    predict_table(run, tmp_path / "new.csv", tmp_path / "out.csv")
    said = pd.read_csv(tmp_path / "out.csv")["prediction"].tolist()
    assert said == model.predict(FRAME).tolist()


def test_predict_needs_all_columns_where_neurons_are_read(
    network: Any, tmp_path: Path
) -> None:
    model = _fitted(network, Hidden(0), STUDENTS[1])
    run = load_run(save(model, tmp_path / "run", FRAME, LABELS))
    new = tmp_path / "new.csv"
    FRAME.to_csv(new, index=False)
    predict_table(run, new, tmp_path / "out.csv")
    said = pd.read_csv(tmp_path / "out.csv")["prediction"].tolist()
    assert said == run.model.predict(FRAME).tolist()
    FRAME[["age", "home"]].to_csv(new, index=False)
    with pytest.raises(InputError, match="since"):
        predict_table(run, new, tmp_path / "out.csv")


class Shown(CallableTeacher):
    """A function that shows a hidden layer: no run can hold it."""

    network: Any = None
    n_parameters = size_bytes = 9

    @property
    def layers(self) -> tuple[str, ...]:
        return ("0",)

    def activations(self, X: Any, layer: Any = -1) -> Any:
        return self.network.activations(X, 0)


def test_without_its_network_the_student_says_that_it_cannot_read(
    network: Any, tmp_path: Path
) -> None:
    teacher = Shown(network.logits, classes=["no", "yes"])
    teacher.network = network
    model = _fitted(teacher, Hidden(0))
    path = save(model, tmp_path / "run", FRAME, LABELS)
    with pytest.raises(InputError, match="nor rows by a student that reads these"):
        load(path).predict(FRAME)
    np.testing.assert_array_equal(
        load(path, teacher=teacher).logits(FRAME), model.logits(FRAME)
    )


@pytest.mark.parametrize("rows", [(), (FRAME, LABELS)], ids=["no rows", "rows"])
def test_a_teacher_of_other_neurons_is_refused(
    network: Any, tmp_path: Path, rows: tuple[Any, ...]
) -> None:
    teacher = Shown(network.logits, classes=["no", "yes"])
    teacher.network = network
    path = save(_fitted(teacher, Hidden(0)), tmp_path / "run", *rows)
    again = save(load(path), tmp_path / "again")
    teacher.network = MLPTeacher(hidden=(6,), max_epochs=3, random_state=1)
    teacher.network.fit(FRAME, LABELS)
    for run in (path, again):
        with pytest.raises(InputError, match="is not the run's: its hidden layer 0"):
            load(run, teacher=teacher)


def test_a_run_that_kept_no_made_rows_takes_its_teacher(
    network: Any, tmp_path: Path
) -> None:
    teacher = Shown(network.logits, classes=["no", "yes"])
    teacher.network = network
    path = save(_fitted(teacher, Hidden(0)), tmp_path / "run")
    (path / "view.npz").write_bytes(_npz({}))
    _resign(path)
    assert load(path, teacher=teacher).predict(FRAME).shape == (240,)


class Picky(Shown):
    """Takes no row but those that it knows."""

    def activations(self, X: Any, layer: Any = -1) -> Any:
        assert len(X.merge(FRAME)) == len(X)
        return super().activations(X, layer)


def test_a_teacher_that_takes_no_made_row_can_be_saved_all_the_same(
    network: Any, tmp_path: Path
) -> None:
    teacher = Picky(network.logits, classes=["no", "yes"])
    teacher.network = network
    model = _fitted(teacher, Hidden(0))
    path = save(model, tmp_path / "run", FRAME, LABELS)
    found = load(path, teacher=teacher)
    np.testing.assert_array_equal(found.logits(FRAME), model.logits(FRAME))


class Own(Columns):
    """A view of a user's own."""


def test_a_view_of_ones_own_cannot_be_saved(network: Any, tmp_path: Path) -> None:
    model = _fitted(network, Own(["age"]))
    with pytest.raises(InputError, match=r"[Vv]iew.*Own.* cannot be saved"):
        save(model, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_every_view_of_the_library_can_be_saved() -> None:
    found = [getattr(methods, name) for name in dir(methods)]
    views = {v.__name__ for v in found if isinstance(v, type) and issubclass(v, View)}
    assert views - {"View", "ColumnView", "DerivedView"} == set(_LEARNT)


Change = Callable[[dict[str, Any], dict[str, Any]], object]
DAMAGE: dict[str, tuple[str, Change]] = {
    "no view": ("corrupted", lambda state, arrays: state.update(view=None)),
    "a step": (
        "corrupted",
        lambda state, arrays: state["view"].update(
            view={"class": "Confidence", "params": {}}
        ),
    ),
    "another view": (
        "corrupted",
        lambda state, arrays: state["view"].update(
            view={"class": "Prefix", "params": {"share": 0.5}}
        ),
    ),
    "a column that is not there": (
        "columns",
        lambda state, arrays: state["view"].update(
            view={"class": "Columns", "params": {"columns": ["income"]}}
        ),
    ),
    "columns that the student reads": (
        "columns",
        lambda state, arrays: state["view"].update(
            view={"class": "Columns", "params": {"columns": ["since"]}}
        ),
    ),
    "out of range": (
        "corrupted",
        lambda state, arrays: state["view"]["view"]["params"].update(noise=-1),
    ),
    "an array too many": (
        "columns",
        lambda state, arrays: arrays.update(fill_=np.zeros(4)),
    ),
    "an array too few": ("corrupted", lambda state, arrays: arrays.pop("shares_")),
    "a shape": (
        "corrupted",
        lambda state, arrays: arrays.update(deviations_=np.zeros(3)),
    ),
    "not finite": (
        "corrupted",
        lambda state, arrays: arrays.update(deviations_=np.full(4, np.nan)),
    ),
    "texts": (
        "corrupted",
        lambda state, arrays: arrays.update(deviations_=np.array(list("abcd"))),
    ),
    "a method": ("columns", lambda state, arrays: arrays.update(see=np.zeros(4))),
    "other columns": (
        "hidden",
        lambda state, arrays: state["view"]["schema"]["features"].pop(),
    ),
    "a size below 0": (
        "hidden",
        lambda state, arrays: state["view"]["settings"].update(n_parameters_=-1),
    ),
    "an answer too few": (
        "hidden",
        lambda state, arrays: arrays.update(probe_said=arrays["probe_said"][1:]),
    ),
    "made rows that are not there": (
        "hidden",
        lambda state, arrays: arrays.pop("probe_asked"),
    ),
    "a size of nothing": (
        "hidden",
        lambda state, arrays: state["view"]["settings"].update(
            n_parameters_=0, size_bytes_=0
        ),
    ),
    "a size beyond all": (
        "hidden",
        lambda state, arrays: state["view"]["settings"].update(size_bytes_=10**400),
    ),
    "another layer": (
        "hidden",
        lambda state, arrays: state["view"]["view"]["params"].update(layer=7),
    ),
    "words of two lines": (
        "hidden",
        lambda state, arrays: state["view"]["settings"].update(
            about_={"kind": "tuple", "values": ["<b>\n# x"] * 6}
        ),
    ),
    "shares below 0": (
        "corrupted",
        lambda state, arrays: arrays.update(shares_=-arrays["shares_"]),
    ),
    "shares of no category": (
        "corrupted",
        lambda state, arrays: arrays.update(shares_=np.ones((4, 1))),
    ),
    "shares that are not all": (
        "corrupted",
        lambda state, arrays: arrays.update(shares_=arrays["shares_"] / 2),
    ),
    "deviations below 0": (
        "corrupted",
        lambda state, arrays: arrays.update(deviations_=-arrays["deviations_"]),
    ),
    "gaps of fewer columns": (
        "columns",
        lambda state, arrays: state["gaps"].update(student=[True]),
    ),
    "no dictionary": ("columns", lambda state, arrays: state.update(gaps=[1])),
    "numbers among texts": (
        "columns",
        lambda state, arrays: state["view"]["view"]["params"].update(
            columns={"kind": "array", "dtype": "<U9", "values": [1.5]}
        ),
    ),
    "words for too few": (
        "hidden",
        lambda state, arrays: state["view"]["settings"].update(
            about_={"kind": "tuple", "values": ["a"]}
        ),
    ),
}


@pytest.fixture(scope="module")
def saved(network: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("views")
    return {
        name: save(_fitted(network, view), folder / name, FRAME, LABELS)
        for name, view in VIEWS.items()
    }


@pytest.mark.parametrize("name", DAMAGE)
def test_what_save_never_wrote_is_refused(
    saved: dict[str, Path], tmp_path: Path, name: str
) -> None:
    kind, change = DAMAGE[name]
    copy = Path(shutil.copytree(saved[kind], tmp_path / "copy"))
    state = json.loads((copy / "model.json").read_text())
    arrays = read_arrays((copy / "view.npz").read_bytes(), Room(2**20))
    change(state, arrays)
    (copy / "model.json").write_text(json.dumps(state))
    (copy / "view.npz").write_bytes(_npz(arrays))
    _resign(copy)
    files = r"(model\.json|view\.npz|student\.npz|teacher\.json)"
    with pytest.raises(BundleError, match=files) as refused:
        load(copy)
    for word in ("Error", "object", "argument"):  # Python's, and no one else's
        assert word not in str(refused.value)


@pytest.mark.parametrize("name", ["another layer", "a size of nothing"])
def test_a_late_network_is_looked_at_where_neurons_are_read(
    saved: dict[str, Path], tmp_path: Path, name: str
) -> None:
    copy = Path(shutil.copytree(saved["hidden"], tmp_path / "copy"))
    state = json.loads((copy / "model.json").read_text())
    DAMAGE[name][1](state, {})
    (copy / "model.json").write_text(json.dumps(state))
    _resign(copy)
    with pytest.raises(BundleError, match="layer"):
        load_run(copy, late_teacher=True)


def test_the_width_of_texts_is_not_believed() -> None:
    told = {"kind": "array", "dtype": "<U300000000", "values": ["age", "home"]}
    assert _from_plain(told).dtype == np.dtype("<U4")
    for values in ([], ["a"]):
        array = np.asarray(values, dtype=str)
        again = _from_plain(_to_plain(array))
        assert again.dtype.kind == "U"
        np.testing.assert_array_equal(again, array)


SCRAP = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner)
    ),
    max_leaves=5,
)


@settings(max_examples=40)
@given(st.data())
def test_scrap_is_never_more_than_a_sentence(
    saved: dict[str, Path], tmp_path_factory: Any, data: Any
) -> None:
    kind = data.draw(st.sampled_from(sorted(saved)))
    copy = tmp_path_factory.mktemp("scrap") / "run"
    shutil.copytree(saved[kind], copy)
    state = json.loads((copy / "model.json").read_text())
    part = data.draw(st.sampled_from(["view", "methods", "recipe", "queries"]))
    if part in ("view", "methods") and data.draw(st.booleans()):
        state[part][data.draw(st.sampled_from(sorted(state[part])))] = data.draw(SCRAP)
    else:
        state[part] = data.draw(SCRAP)
    (copy / "model.json").write_text(json.dumps(state))
    _resign(copy)
    try:
        model = load_run(copy, late_teacher=True).model
    except BundleError:
        return
    assert str(model.view_)
    assert all(isinstance(text, str) for text in model.recipe_)


@pytest.mark.parametrize("name", ["columns", "hidden"])
def test_a_committee_reads_through_a_view_as_it_did(
    network: Any, tmp_path: Path, name: str
) -> None:
    committee = CommitteeStudent(STUDENTS[0], n_members=2, random_state=0)
    model = _fitted(network, VIEWS[name], committee)
    found = load(save(model, tmp_path / "run", FRAME, LABELS))
    np.testing.assert_array_equal(found.logits(FRAME), model.logits(FRAME))
    np.testing.assert_array_equal(
        found.baseline_logits(FRAME), model.baseline_logits(FRAME)
    )


def test_rules_about_neurons_are_written_and_other_languages_say_why_not(
    network: Any,
) -> None:
    model = _fitted(network, Hidden(0))
    made = export_student(model, "csv", FRAME)
    assert "240 of 240 rows equal" in str(made)
    assert "neuron" in made.text.splitlines()[1]
    offered = downloads(analyse(model, FRAME, LABELS))
    for one in offered:
        if one.group == "Student" and one.name != "DOT":
            assert "reads others that its view makes" in str(one.missing)
    assert {one.missing for one in offered if one.name in ("DOT", "Rules")} == {None}
