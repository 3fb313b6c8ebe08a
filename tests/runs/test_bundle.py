"""The run bundle: equal to the bit after a round trip; one error for any damage."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sklearn.datasets import load_diabetes, load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.rules import extract_rules
from interpretkd.runs import BundleError, load, load_run, save
from interpretkd.runs._folder import _sha256
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    LinearStudent,
    ScoredTreeStudent,
)
from interpretkd.teachers import CallableTeacher, CNNTeacher, OnnxTeacher

STUDENTS = {
    "cart": CartStudent(8),
    "scored": ScoredTreeStudent(6),
    "boosted": BoostedStudent(20, max_depth=3, n_jobs=1),
    "linear": LinearStudent(),
}


@pytest.fixture(scope="module", params=STUDENTS)
def saved(request, german, german_teacher, tmp_path_factory):
    """A model on mixed columns with gaps, its rows, and its bundle."""
    frame = german.data.copy()
    frame.loc[::7, "age_in_years"] = float("nan")
    frame.loc[::9, "purpose"] = None
    split = german.split()
    model = DistilledClassifier(
        FrozenEstimator(german_teacher), STUDENTS[request.param], random_state=0
    )
    rows = np.concatenate([split.train, split.transfer])
    model.fit(frame.iloc[rows], german.target[rows])
    X, y = frame.iloc[split.test], german.target[split.test]
    path = save(model, tmp_path_factory.mktemp("runs") / request.param, X, y)
    return model, X, y, path


def test_a_round_trip_changes_no_bit(saved):
    model, X, y, path = saved
    run = load_run(path)
    found = run.model
    for name in ("predict_proba", "logits", "baseline_logits", "decision_function"):
        np.testing.assert_array_equal(getattr(found, name)(X), getattr(model, name)(X))
    assert list(found.predict(X)) == list(model.predict(X))
    np.testing.assert_array_equal(found.teacher_.logits(X), model.teacher_.logits(X))
    np.testing.assert_array_equal(
        run.evaluation.teacher_logits, model.teacher_.logits(X)
    )
    assert list(run.evaluation.y) == list(y)
    np.testing.assert_array_equal(found.logits(run.evaluation.X), model.logits(X))
    assert found.target_ == model.target_
    assert found.trials_ == model.trials_
    assert found.schema_ == model.schema_
    assert found.teacher_.n_parameters == model.teacher_.n_parameters
    np.testing.assert_array_equal(found.validation_rows_, model.validation_rows_)
    told = (found.n_asked_, found.queries_, found.recipe_)
    assert told == (model.n_asked_, model.queries_, model.recipe_)
    assert found.view_ is None
    assert found.transfer_set_ is None


def test_a_teacher_that_was_asked_is_not_asked_again(saved, tmp_path, monkeypatch):
    model, X, y, path = saved
    said = model.teacher_.logits(X)
    monkeypatch.setattr(type(model.teacher_), "logits", None)
    again = save(model, tmp_path / "again", X, y, teacher_logits=said)
    for file in (path / "manifest.json", path / "evaluation.parquet"):
        assert (again / file.name).read_bytes() == file.read_bytes()
    for wrong in (said[1:], said[:, :1], np.full_like(said, np.nan)):
        with pytest.raises(InputError, match=r"logits must be finite, of shape \(200"):
            save(model, tmp_path / "wrong", X, y, teacher_logits=wrong)
    assert not (tmp_path / "wrong").exists()


def test_a_loaded_model_can_be_saved_again(saved, tmp_path):
    model, X, y, path = saved
    again = save(load(path), tmp_path / "again", X, y)
    np.testing.assert_array_equal(load(again).logits(X), model.logits(X))
    for name in ("student.npz", "model.json", "schema.json", "teacher.safetensors"):
        assert (again / name).read_bytes() == (path / name).read_bytes(), name


def test_only_plain_files_are_written(saved):
    *_, path = saved
    assert {file.name for file in path.iterdir()} == {
        "manifest.json",
        "model.json",
        "schema.json",
        "student.npz",
        "baseline.npz",
        "teacher.json",
        "teacher.safetensors",
        "evaluation.parquet",
    }
    assert not any(b"pickle" in file.read_bytes() for file in path.iterdir())


@pytest.mark.parametrize("regressor", [LinearRegression(), Ridge()])
def test_regression_and_arrays(tmp_path, regressor):
    X, y = load_diabetes(return_X_y=True)
    model = DistilledRegressor(FrozenEstimator(regressor.fit(X, y)), random_state=0)
    model.fit(X, y)
    run = load_run(save(model, tmp_path / "run", X, y))
    np.testing.assert_array_equal(run.model.predict(X), model.predict(X))
    np.testing.assert_array_equal(run.evaluation.X, X)
    np.testing.assert_array_equal(run.evaluation.y, y)


def test_a_teacher_that_is_code_is_only_described(tmp_path):
    X, y = load_iris(return_X_y=True)
    teacher = CallableTeacher(
        LogisticRegression(max_iter=999).fit(X, y).decision_function
    )
    model = DistilledClassifier(teacher, random_state=0).fit(X, y)
    run = load_run(save(model, tmp_path / "run", X, y))
    np.testing.assert_array_equal(run.model.logits(X), model.logits(X))
    with pytest.raises(InputError, match=r"CallableTeacher.*was not saved"):
        run.model.teacher_.logits(X)
    kept = run.evaluation
    rules = extract_rules(run.model, kept.X, kept.y, teacher_logits=kept.teacher_logits)
    assert rules[0].fidelity is not None


def test_an_onnx_teacher_comes_along(tmp_path):
    skl2onnx = pytest.importorskip("skl2onnx")
    X, y = load_iris(return_X_y=True)
    graph = skl2onnx.to_onnx(
        LogisticRegression(max_iter=999).fit(X, y),
        X[:1].astype(np.float32),
        options={"zipmap": False},
    )
    (tmp_path / "net.onnx").write_bytes(graph.SerializeToString())
    teacher = OnnxTeacher(tmp_path / "net.onnx", output="probabilities")
    model = DistilledClassifier(teacher, random_state=0).fit(X, y)
    path = save(model, tmp_path / "run", X, y)
    (tmp_path / "net.onnx").unlink()
    found = load(path)
    np.testing.assert_array_equal(found.teacher_.logits(X), model.teacher_.logits(X))


def test_a_cnn_comes_along(tmp_path):
    from interpretkd.datasets import load_digits

    digits = load_digits()
    X, y = digits.data, digits.target
    teacher = CNNTeacher(channels=(4,), hidden=(16,), max_epochs=2, random_state=0)
    model = DistilledClassifier(FrozenEstimator(teacher.fit(X, y)), random_state=0)
    found = load(save(model.fit(X, y), tmp_path / "run"))
    np.testing.assert_array_equal(found.teacher_.logits(X), model.teacher_.logits(X))
    assert load_run(tmp_path / "run").evaluation is None


def test_a_run_is_replaced_and_anything_else_left_alone(saved, tmp_path):
    model, X, y, _ = saved
    save(model, tmp_path / "run")
    save(model, tmp_path / "run", X, y)
    assert (tmp_path / "run" / "evaluation.parquet").is_file()
    assert [file.name for file in tmp_path.iterdir()] == ["run"]
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("my work")
    with pytest.raises(InputError, match="holds something that is not a run"):
        save(model, tmp_path / "notes")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="must be a folder"):
        save(model, tmp_path / "file")
    assert (tmp_path / "notes" / "thesis.txt").read_text() == "my work"


def test_only_our_students_are_saved(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = DistilledClassifier(LogisticRegression(max_iter=999), Ridge()).fit(X, y)
    with pytest.raises(InputError, match=r"can be saved\. Got a Ridge"):
        save(model, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# Damage. Each case changes a copy of a good bundle; `resign` makes the hashes fit,
# so that the checks behind the hashes have to find it.


def resign(path):
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["sha256"] = {
        name: _sha256((path / name).read_bytes()) for name in manifest["sha256"]
    }
    (path / "manifest.json").write_text(json.dumps(manifest))


def change_json(path, name, change):
    values = json.loads((path / name).read_text())
    change(values)
    (path / name).write_text(json.dumps(values))
    resign(path)


def change_arrays(path, name, change):
    with np.load(path / name, allow_pickle=False) as file:
        arrays = dict(file)
    change(arrays)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    (path / name).write_bytes(buffer.getvalue())
    resign(path)


def refused(path, name):
    with pytest.raises(BundleError) as error:
        load_run(path)
    text = str(error.value)
    assert name in text
    assert text.endswith(".")
    assert "\n" not in text
    return text


@pytest.fixture
def copy(saved, tmp_path):
    *_, path = saved
    shutil.copytree(path, tmp_path / "copy")
    return tmp_path / "copy"


FILES = (
    "model.json",
    "schema.json",
    "student.npz",
    "baseline.npz",
    "teacher.json",
    "teacher.safetensors",
    "evaluation.parquet",
)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("kept", [0, 1, 50, -1])
def test_truncated(copy, name, kept):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:kept])
    refused(copy, name)
    if name != "manifest.json":
        resign(copy)
        refused(copy, name)


@pytest.mark.parametrize("name", FILES)
def test_absent(copy, name):
    (copy / name).unlink()
    refused(copy, name)


def test_swapped(copy):
    student, baseline = (copy / f"{n}.npz" for n in ("student", "baseline"))
    student.write_bytes(baseline.read_bytes())
    assert "SHA-256" in refused(copy, "student.npz")


def test_not_a_run(tmp_path):
    with pytest.raises(BundleError, match="is not a run"):
        load(tmp_path)
    with pytest.raises(BundleError, match="is not a run"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_wrong_version(copy, version):
    change_json(copy, "manifest.json", lambda m: m.update(format=version))
    assert "format" in refused(copy, "manifest.json")


def test_the_manifest_names_no_other_file(copy):
    change = {"../../secret": "0" * 64}
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["sha256"] |= change
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert "unknown" in refused(copy, "manifest.json")


MODEL_DAMAGE = {
    "class": "os.system",
    "task": "juggling",
    "classes": None,
    "settings": {"teacher": "x"},
    "target": {"kind": "soft", "temperature": -1, "alpha": 0, "task": "multiclass"},
    "student": {"class": "subprocess.Popen", "settings": {}, "flat": False},
    "trials": [{}],
}


@pytest.mark.parametrize("key", MODEL_DAMAGE)
def test_model_json_with_values_of_another_kind(copy, key):
    change_json(copy, "model.json", lambda m: m.update({key: MODEL_DAMAGE[key]}))
    with pytest.raises(BundleError):
        load_run(copy)


def test_json_with_nan(copy):
    text = (copy / "model.json").read_text()
    (copy / "model.json").write_text(text.replace("0.2", "NaN"))
    resign(copy)
    assert "NaN is not allowed" in refused(copy, "model.json")


def test_a_schema_of_other_columns(copy):
    change_json(copy, "schema.json", lambda s: s["features"].pop())
    with pytest.raises(BundleError):
        load_run(copy)


def test_arrays_with_nan(copy):
    with np.load(copy / "student.npz", allow_pickle=False) as file:
        names = [name for name in file.files if file[name].dtype.kind == "f"]
    for name in names:
        damaged = copy.parent / name
        shutil.copytree(copy, damaged)

        def poison(arrays, name=name):
            arrays[name] = np.array(arrays[name])
            arrays[name].flat[0] = np.nan

        change_arrays(damaged, "student.npz", poison)
        assert "finite" in refused(damaged, "student.npz")


def test_an_object_array_is_never_unpickled(copy, tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    buffer = io.BytesIO()
    np.savez(buffer, value=np.array([Bomb()], dtype=object))
    (copy / "student.npz").write_bytes(buffer.getvalue())
    resign(copy)
    refused(copy, "student.npz")
    assert not (tmp_path / "exploded").exists()


def test_arrays_that_are_missing_or_too_many(copy):
    change_arrays(copy, "student.npz", lambda arrays: arrays.pop(min(arrays)))
    refused(copy, "student.npz")


@pytest.mark.parametrize("saved", ["cart", "scored", "boosted"], indirect=True)
@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("left", 0, 10**6),
        ("left", 0, 0),
        ("right", 0, -5),
        ("feature", 0, 999),
        ("feature", 0, -7),
    ],
)
def test_links_that_lead_astray(copy, name, index, value):
    def lead_astray(arrays):
        arrays[name] = np.array(arrays[name])
        arrays[name][index] = value

    change_arrays(copy, "student.npz", lead_astray)
    refused(copy, "student.npz")


SPOILT = (-5, -1, 0, 1, 3, 9, 127, 2**29, 2**31 - 1)


@pytest.mark.parametrize("saved", ["scored"], indirect=True)
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_spoilt_scores_are_refused_or_predict(copy, saved, data):
    """Whatever stands in the arrays: one sentence, or a student that decides."""
    _, X, *_ = saved
    good = (copy / "student.npz").read_bytes()

    def spoil(arrays):
        name = data.draw(st.sampled_from(sorted(arrays)))
        array = np.array(arrays[name])
        if data.draw(st.booleans()):
            place = data.draw(st.integers(0, max(array.size - 1, 0)))
            with np.errstate(all="ignore"):
                value = np.asarray(data.draw(st.sampled_from(SPOILT)))
                array.flat[place : place + 1] = value.astype(array.dtype)
        elif data.draw(st.booleans()):
            array = array[: data.draw(st.integers(0, len(array)))]
        else:
            array = array.astype(data.draw(st.sampled_from(["i8", "f8", "U3", "?"])))
        arrays[name] = array

    change_arrays(copy, "student.npz", spoil)
    try:
        found = load(copy)
    except BundleError as error:
        text = str(error)
    else:
        text = "student.npz."
        assert np.isfinite(found.predict_proba(X[:20])).all()
    finally:
        (copy / "student.npz").write_bytes(good)
    assert "student.npz" in text
    assert text.endswith(".")
    assert "\n" not in text


def test_a_teacher_of_another_shape(copy):
    from safetensors.numpy import load_file, save_file

    arrays = load_file(copy / "teacher.safetensors")
    name = max(arrays, key=lambda n: arrays[n].size)
    for damage in (arrays[name][:-1], np.full_like(arrays[name], np.nan)):
        save_file(
            {**arrays, name: np.ascontiguousarray(damage)}, copy / "teacher.safetensors"
        )
        resign(copy)
        refused(copy, "teacher.json")


def test_a_teacher_of_another_class(copy):
    change_json(copy, "teacher.json", lambda t: t["config"].update({"class": "Popen"}))
    refused(copy, "teacher.json")


def test_where_a_run_comes_from_is_kept(saved, tmp_path):
    model, *_ = saved
    about = {"data": "<b>=1+1", "rows": 640, "share": 0.5}
    path = save(model, tmp_path / "run", about=about)
    assert load_run(path).about == about
    with pytest.raises(InputError, match="'rows'"):
        save(model, tmp_path / "other", about={"rows": [1]})
    assert not (tmp_path / "other").exists()
    change_json(path, "manifest.json", lambda m: m.update(about={"x": [1]}))
    assert "'x'" in refused(path, "manifest.json")


def test_a_run_need_not_say_where_it_comes_from(copy):
    change_json(copy, "manifest.json", lambda m: m.pop("about"))
    assert load_run(copy).about == {}


@pytest.mark.parametrize("saved", ["cart"], indirect=True)
def test_a_late_teacher_says_the_same_and_loads_torch_when_asked(saved, tmp_path):
    model, X, y, path = saved
    late = load_run(path, late_teacher=True).model
    assert late.teacher_.n_parameters == model.teacher_.n_parameters
    assert late.teacher_.estimator.description == "MLPTeacher"
    np.testing.assert_array_equal(late.teacher_.logits(X), model.teacher_.logits(X))
    again = save(late, tmp_path / "again", X, y)
    for name in ("student.npz", "model.json", "schema.json", "teacher.safetensors"):
        assert (again / name).read_bytes() == (path / name).read_bytes(), name
    code = (
        "import sys; from interpretkd.runs import load_run;"
        f"found = load_run({str(path)!r}, late_teacher=True);"
        "before = 'torch' in sys.modules;"
        "found.model.teacher_.logits(found.evaluation.X);"
        "print(before, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("saved", ["cart"], indirect=True)
def test_a_late_teacher_that_cannot_be_built_says_so_when_asked(copy, saved):
    _, X, *_ = saved
    change_json(copy, "teacher.json", lambda state: state["config"].pop("settings"))
    late = load_run(copy, late_teacher=True).model
    with pytest.raises(BundleError, match=r"teacher\.json cannot be used"):
        late.teacher_.logits(X)
    change_json(copy, "teacher.json", lambda state: state["config"].pop("schema"))
    with pytest.raises(BundleError, match=r"teacher\.json cannot be used"):
        load_run(copy, late_teacher=True)
