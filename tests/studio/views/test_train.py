import io
import pickle
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from interpretkd.data import target_balance
from interpretkd.runs import _uploads as uploads, find_runs, load_run
from interpretkd.students import ScoredTreeStudent

NAMES = (
    "<img src=x onerror=alert(1)>",
    "a_b*c* $x$ :red[d] :smile:",
    "two\nlines",
    "=1+1|x",
    "https://example.com/a_b",
)


def _people(n_rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(n_rows, 4)).round(2), columns=NAMES[:4])
    rows[NAMES[4]] = np.where(rows[NAMES[0]] > 0, "**yes**", "=no")
    return rows


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def _zip(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _upload(app: Any, content: bytes, name: str = "people.csv") -> Any:
    uploader = next(u for u in app.file_uploader if u.label.startswith("A CSV"))
    uploader.set_value((name, content, "text/csv")).run()
    assert not app.exception
    return app


def _pick(widgets: Any, label: str) -> Any:
    return next(widget for widget in widgets if widget.label == label)


def _start(app: Any) -> Any:
    _pick(app.button, "Start training").click().run()
    assert not app.exception
    return app.session_state["_training"]


def _quick(app: Any) -> Any:
    app.number_input(key="train_epochs").set_value(3)
    app.text_input(key="train_hidden").set_value("8")
    app.slider(key="train_leaves").set_value(4)
    return app.run()


def _read(text: str) -> str:
    """Return what a person reads of Markdown that stands for just its characters."""
    return text.replace("\\", "").replace("\u2060", "")


def _said(app: Any) -> str:
    return _read(" ".join(text.value for text in app.markdown))


def test_a_file_with_hostile_names_is_trained_to_the_end(
    studio: Any, tmp_path: Path
) -> None:
    app = _quick(_upload(studio(None, "train"), _csv(_people()), "<b>*people*</b>.csv"))
    assert len(app.error) == 0
    assert "200 rows and 4 columns; the target is a class." in _said(app)
    assert "<b>*people*</b>.csv" in _said(app)
    name = _pick(app.text_input, "Name of the run")
    assert name.value == "b_ cart"
    name.set_value("mine")
    job = _start(app)
    assert app.get("progress")[0].proto.text.startswith("Step ")
    assert job.wait(60).state == "done"
    app.run()
    assert not app.exception
    assert app.success[0].value
    run = load_run(tmp_path / "runs" / "mine")
    assert run.model.schema_.names == NAMES[:4]
    assert run.about["data"] == "<b>*people*</b>.csv"
    assert run.model.student_.form_.n_leaves <= 4
    _pick(app.button, "Open the run").click().run()
    assert not app.exception
    assert app.title[0].value == "Overview"
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine"]


def test_days_stand_without_a_time_and_times_with_it(studio: Any) -> None:
    rows = pd.DataFrame({"day": pd.date_range("2024-01-02", periods=30)})
    rows["time"] = rows["day"] + pd.Timedelta(hours=9)
    rows["y"] = ["a", "b"] * 15
    app = _upload(studio(None, "train"), _csv(rows.astype(str)))
    first, described = (table.value for table in app.dataframe[:2])
    assert first["day"].tolist()[:2] == ["2024-01-02", "2024-01-03"]
    assert str(first["time"].iloc[0]) == "2024-01-02 09:00:00"
    examples = described["example"].tolist()
    assert examples == ["2024-01-02", "2024-01-02 09:00:00", "a"]


def test_a_tree_of_sums_is_made_and_opened(studio: Any, tmp_path: Path) -> None:
    app = _quick(_upload(studio(None, "train"), _csv(_people())))
    app.radio(key="train_student").set_value("scored").run()
    app.slider(key="train_columns_of_test").set_value(2).run()
    _pick(app.text_input, "Name of the run").set_value("sums")
    found = _start(app).wait(90)
    assert found.state == "done", found.text
    student = load_run(tmp_path / "runs" / "sums").model.student_
    assert isinstance(student, ScoredTreeStudent)
    assert (student.max_leaves, student.max_columns) == (4, 2)


def test_a_cancelled_training_leaves_data_and_settings(
    studio: Any, tmp_path: Path
) -> None:
    app = _upload(studio(None, "train"), _csv(_people(2000)))
    app.number_input(key="train_epochs").set_value(500)
    app.radio(key="train_student").set_value("linear").run()
    app.toggle(key="train_limited_linear").set_value(True).run()
    app.slider(key="train_terms").set_value(2).run()
    job = _start(app)
    ends = time.monotonic() + 60
    while "epoch" not in job.poll().text and time.monotonic() < ends:
        time.sleep(0.02)
    app.run()
    assert "epoch" in app.get("progress")[0].proto.text
    app.button(key="cancel_job").click().run()
    app.run()
    assert app.info[-1].value.startswith("No run was made")
    assert find_runs(tmp_path / "runs") == ()
    assert list((tmp_path / "runs").iterdir()) == []
    app.switch_page("views/start.py").run()
    app.switch_page("views/train.py").run()
    assert not app.exception
    assert "In use: **people.csv**, 2,000 rows" in _said(app)
    assert app.number_input(key="train_epochs").value == 500
    assert app.radio(key="train_student").value == "linear"
    assert app.slider(key="train_terms").value == 2


def test_a_failed_training_is_one_sentence(studio: Any, tmp_path: Path) -> None:
    app = _quick(_upload(studio(None, "train"), _csv(_people())))
    app.radio(key="train_teacher_False").set_value("onnx").run()
    assert app.info[-1].value.startswith("Upload a model")
    uploader = _pick(app.file_uploader, "An ONNX file")
    # It reads three columns, and there are four.
    uploader.set_value(("net.onnx", _onnx(3), "")).run()
    assert len(app.error) == 0
    assert "**net.onnx**" in _said(app)
    assert _start(app).wait(60).state == "failed"
    app.run()
    assert len(app.error) == 1
    assert "cannot read rows of shape" in app.error[0].value
    assert find_runs(tmp_path / "runs") == ()
    assert "In use: **people.csv**" in _said(app)


def _onnx(n_columns: int) -> bytes:
    weights = numpy_helper.from_array(np.eye(n_columns, 2, dtype=np.float32), "W")
    rows = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, n_columns])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, 2])
    node = helper.make_node("MatMul", ["X", "W"], ["logits"])
    graph = helper.make_graph([node], "g", [rows], [logits], [weights])
    opset = [helper.make_opsetid("", 17)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=8)
    content: bytes = made.SerializeToString()
    return content


def test_an_onnx_teacher_is_distilled(studio: Any, tmp_path: Path) -> None:
    app = _quick(_upload(studio(None, "train"), _csv(_people())))
    app.radio(key="train_teacher_False").set_value("onnx").run()
    uploader = _pick(app.file_uploader, "An ONNX file")
    uploader.set_value(("net.onnx", _onnx(4), "")).run()
    assert _start(app).wait(60).state == "done"
    (run,) = find_runs(tmp_path / "runs")
    assert (run.path / "teacher.onnx").read_bytes()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["people cart"]


PICKLE = pickle.dumps([1])
BAD_FILES = {
    "empty.csv": (b"", "is empty"),
    "header.csv": (b"a,b\n", "has a header and no rows"),
    "twice.csv": (b"a,a\n1,2\n", "names a column twice"),
    "ragged.csv": (b"a,b\n1\n", "Expected 2 fields in line 2"),
    "latin.csv": ("ä\n1\n".encode("latin-1"), "is not UTF-8 text"),
    "pickle.csv": (PICKLE, "is a pickle, which can run code"),
    "pickle.parquet": (PICKLE, "is a pickle, which can run code"),
    "model.joblib": (b"a,b\n1,2\n", "is a pickle, which can run code"),
    "torch.csv": (_zip("net/data.pkl", b"x"), "holds the pickle"),
    "table.zip": (_zip("a.csv", b"a\n1\n"), "is a zip archive"),
    "tool.csv": (b"MZ\x90\0", "is a program for Windows"),
    "junk.parquet": (b"junk", "is not a readable Parquet file"),
    "notes.docx": (b"a,b\n1,2\n", "A table must be a"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_every_bad_file_is_one_sentence(studio: Any, name: str) -> None:
    content, said = BAD_FILES[name]
    app = _upload(studio("german", "train"), content, name)
    assert len(app.error) == 1
    assert said in _read(app.error[0].value)
    assert "--" not in app.error[0].value  # no option of the command line
    assert app.session_state["_chosen"] is not None
    assert "_upload" not in app.session_state or not app.session_state["_upload"]


def test_a_file_that_is_too_large_is_one_sentence(
    studio: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 1000)
    app = _upload(studio(None, "train"), b"a,b\n" + b"1,2\n" * 1000)
    assert "is too large" in app.error[0].value
    monkeypatch.setattr(uploads, "MOST_BYTES", 10**6)
    monkeypatch.setattr(uploads, "_MOST_CELLS", 1000)
    app = _upload(app, b"a,b\n" + b"1,2\n" * 1001)
    assert "about 1,002 rows of 2 columns" in app.error[0].value


def test_a_bad_file_leaves_the_good_one(studio: Any) -> None:
    app = _upload(studio(None, "train"), _csv(_people()))
    app = _upload(app, b"", "empty.csv")
    assert len(app.error) == 1
    assert "In use: **people.csv**" in _said(app)
    assert _pick(app.button, "Start training")
    _pick(app.button, "Forget it").click().run()
    assert app.session_state["_upload"] is None
    assert app.info[0].value.startswith("Upload a table")


def test_one_class_and_rare_classes_are_one_sentence(studio: Any) -> None:
    table = _people().assign(one="a", rare=["x"] * 198 + ["y"] * 2)
    app = _upload(studio(None, "train"), _csv(table))
    target = _pick(app.selectbox, "Column to predict")
    assert "at least 5 rows" in app.error[0].value
    target.set_value("one").run()
    assert "there is one class and nothing to learn" in app.error[0].value
    assert not [b for b in app.button if b.label == "Start training"]


def test_text_among_numbers_is_shown_until_it_is_left_out(studio: Any) -> None:
    mixed = ["1", "2"] * 99 + ["n/a?", "3"]
    app = _upload(studio(None, "train"), _csv(_people().assign(**{"<i>": mixed})))
    assert "1 of 200 values are not numbers, e.g. 'n/a?'" in _read(app.error[0].value)
    assert "row 199" in app.error[0].value
    app.multiselect[0].set_value(["<i>"]).run()
    assert len(app.error) == 0
    assert _pick(app.button, "Start training")


def test_texts_that_tell_rows_apart_are_shown(studio: Any) -> None:
    table = _people().assign(who=[f"person {i}" for i in range(200)])
    app = _upload(studio(None, "train"), _csv(table))
    assert "200 different texts" in app.error[0].value
    assert "leave it out above" in app.error[0].value


def test_gaps_and_infinities_are_counted_and_handled(studio: Any) -> None:
    table = _people()
    table.iloc[:30, 0] = np.nan
    table.iloc[50:53, 1] = np.inf
    table.iloc[100, 4] = np.nan
    app = _upload(studio(None, "train"), _csv(table))
    said = [_read(warning.value) for warning in app.warning]
    assert said[0] == f"Values are missing: 30 in {NAMES[0]}, 1 in {NAMES[4]}."
    assert said[1] == f"Values are infinite: 3 in {NAMES[1]}."
    assert "row 51" in app.error[0].value
    _pick(app.radio, "Infinite values").set_value("missing").run()
    assert len(app.error) == 0
    assert "199 rows and 4 columns" in _said(app)
    infos = [info.value for info in app.info]
    assert "Rows left out for a missing target: 1\\." in infos
    assert "Infinite values taken for missing: 3\\." in infos
    _pick(app.radio, "Missing values").set_value("drop").run()
    assert "166 rows and 4 columns" in _said(app)
    _pick(app.radio, "Missing values").set_value("refuse").run()
    assert "The table holds missing values: 30 in" in app.error[0].value


def test_of_a_large_table_rows_are_drawn(studio: Any) -> None:
    app = _upload(studio(None, "train"), _csv(_people(100_500)))
    infos = [info.value for info in app.info]
    assert "Rows drawn: 100,000 of 100,500\\." in infos


def test_a_number_is_a_quantity_unless_one_says_else(studio: Any) -> None:
    table = pd.DataFrame({"a": np.arange(300.0), "b": np.tile(np.arange(30), 10)})
    app = _upload(studio(None, "train"), _csv(table))
    assert "the target is a number" in _said(app)
    counts = app.dataframe[-1].value
    expected = target_balance(table["b"].to_numpy(dtype=float), "regression")
    pd.testing.assert_frame_equal(counts.reset_index(drop=True), expected)
    assert not [b for b in app.selectbox if b.label == "Fitted to"]
    _pick(app.radio, "It is").set_value("classification").run()
    assert "the target is a class" in _said(app)
    counts = app.dataframe[-1].value
    assert counts["rows"].sum() == 300
    assert counts["class"].iloc[-1] == "11 other classes"


@pytest.mark.parametrize("text", ["", "a", "0", "8,,8", "8, 5000", "1," * 7, "-3"])
def test_a_network_that_cannot_be_is_one_sentence(studio: Any, text: str) -> None:
    app = _upload(studio(None, "train"), _csv(_people()))
    app.text_input(key="train_hidden").set_value(text).run()
    assert app.error[0].value.startswith("Hidden layers must be 1 to 6 whole numbers")
    assert not [b for b in app.button if b.label == "Start training"]


@pytest.mark.parametrize("name", ["../x", "", "a/b", "<b>"])
def test_a_run_needs_a_name(studio: Any, tmp_path: Path, name: str) -> None:
    app = _upload(studio(None, "train"), _csv(_people()))
    _pick(app.text_input, "Name of the run").set_value(name)
    _pick(app.button, "Start training").click().run()
    assert app.error[0].value.startswith("A run's name must")
    assert "_training" not in app.session_state
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("content", [PICKLE, b"", b"junk", _zip("a", b"x")])
def test_a_bad_teacher_is_one_sentence(studio: Any, content: bytes) -> None:
    app = _upload(studio(None, "train"), _csv(_people()))
    app.radio(key="train_teacher_False").set_value("onnx").run()
    uploader = _pick(app.file_uploader, "An ONNX file")
    uploader.set_value(("net.onnx", content, "")).run()
    assert not app.exception
    assert len(app.error) == 1
    assert not [b for b in app.button if b.label == "Start training"]


def test_a_demo_of_images_offers_a_convolutional_network(studio: Any) -> None:
    app = studio(None, "train")
    app.segmented_control(key="train_from").set_value("A demo").run()
    assert "1,000 rows of 20 columns" in " ".join(c.value for c in app.caption)
    assert app.radio(key="train_teacher_False").options == [
        *("A network (MLP)", "An ONNX file"),
    ]
    app.selectbox(key="train_demo").set_value("digits").run()
    assert not app.exception
    app.radio(key="train_teacher_True").set_value("cnn").run()
    assert not [t for t in app.text_input if t.label == "Hidden layers"]
    assert _pick(app.button, "Start training")


def test_boosted_trees_of_a_demo_are_made_within_a_budget(
    studio: Any, tmp_path: Path
) -> None:
    app = studio(None, "train")
    app.segmented_control(key="train_from").set_value("A demo").run()
    app.number_input(key="train_epochs").set_value(2)
    app.radio(key="train_student").set_value("boosted").run()
    app.toggle(key="train_limited_boosted").set_value(True).run()
    app.slider(key="train_budget").set_value(6)
    app.selectbox(key="train_fit_to").set_value("soft").run()
    assert _start(app).wait(90).state == "done"
    run = load_run(tmp_path / "runs" / "German credit boosted")
    assert run.model.student_.form_.n_leaves <= 6
    assert run.model.target_.kind == "soft"


def test_rows_that_belong_together_stay_together(studio: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(60), 5)
    x = rng.normal(size=60)[people]
    table = pd.DataFrame({"who": [f"p{i}" for i in people], "x": x.round(3)})
    table["y"] = np.where(x > 0, "yes", "no")
    app = _quick(_upload(studio(None, "train"), _csv(table)))
    _pick(app.selectbox, "Rows that belong together").set_value("who").run()
    assert len(app.error) == 0
    assert "300 rows and 1 columns" in _said(app)
    _pick(app.text_input, "Name of the run").set_value("groups")
    assert _start(app).wait(60).state == "done"
    run = load_run(tmp_path / "runs" / "groups")
    assert run.model.schema_.names == ("x",)
    assert run.about["rows belong together by"] == "who"
    assert run.evaluation is not None
    assert run.evaluation.groups is not None
    assert len(np.unique(run.evaluation.groups)) == 12


def _further(app: Any, content: bytes, name: str = "more.csv") -> Any:
    uploader = next(u for u in app.file_uploader if u.label.startswith("Further"))
    uploader.set_value((name, content, "text/csv")).run()
    assert not app.exception
    return app


def test_further_rows_several_networks_and_columns_of_the_student(
    studio: Any, tmp_path: Path
) -> None:
    app = _quick(_upload(studio(None, "train"), _csv(_people())))
    columns = _pick(app.multiselect, "Columns that the student may read")
    assert list(columns.options) == list(NAMES[:4])
    columns.set_value([NAMES[2], NAMES[0]]).run()
    app.number_input(key="train_networks").set_value(2).run()
    rows = _people(40).drop(columns=NAMES[4]) + 0.005
    rows = pd.concat([rows, _people().drop(columns=NAMES[4])])
    app = _further(app, _csv(rows), "<i>more</i>.csv")
    assert len(app.error) == 0
    assert "<i>more</i>.csv" in _said(app)
    assert f"{len(rows)} further rows" in _said(app)
    _pick(app.text_input, "Name of the run").set_value("more")
    job = _start(app)
    found = job.wait(90)
    assert found.state == "done", found.text
    run = load_run(tmp_path / "runs" / "more")
    said = run.about["rows without labels for the student"]
    n_left_out = len(rows) - said
    assert n_left_out > 0
    assert run.about["unlabelled data"] == "<i>more</i>.csv"
    assert run.about["networks of the teacher"] == "2, which differ in their seed"
    assert run.model.view_.reads_ == (0, 2)
    app.run()
    left_out = f"Left out {n_left_out} rows equal to one that is held out."
    assert f"In '<i>more</i>.csv': {left_out}" in _said(app)
    _pick(app.button, "Remove").click().run()
    assert "further row" not in _said(app)
    app.session_state["_training"] = None


def test_further_rows_that_cannot_be_used_are_one_sentence(studio: Any) -> None:
    app = _quick(_upload(studio(None, "train"), _csv(_people())))
    app = _further(app, pickle.dumps({"a": 1}), "more.pkl")
    assert len(app.error) == 1
    assert "pickle" in app.error[0].value
    assert _pick(app.button, "Start training")
    rows = _people(40).drop(columns=[NAMES[1], NAMES[4]])
    app = _further(app, _csv(rows))
    assert len(app.error) == 1
    assert "lacks columns that the rows above have" in _read(app.error[0].value)
    assert not [b for b in app.button if b.label == "Start training"]
    _pick(app.button, "Remove").click().run()
    assert len(app.error) == 0
    assert _pick(app.button, "Start training")


def test_a_demo_has_no_further_rows_and_images_no_columns(studio: Any) -> None:
    app = studio(None, "train")
    app.segmented_control(key="train_from").set_value("A demo").run()
    assert not [u for u in app.file_uploader if u.label.startswith("Further")]
    assert (
        len(_pick(app.multiselect, "Columns that the student may read").options) == 20
    )
    app.selectbox(key="train_demo").set_value("digits").run()
    assert not [m for m in app.multiselect if m.label.startswith("Columns that")]
