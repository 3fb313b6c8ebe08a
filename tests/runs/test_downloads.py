import io
import json
import sqlite3
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression

from interpretkd._base import BundleError, InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.evaluation import analyse
from interpretkd.reports import report_on
from interpretkd.runs import (
    MEDIA_TYPES,
    _downloads as module,
    analyse_run,
    downloads,
    file_name,
    load_run,
    report_files,
    save,
)
from interpretkd.runs._archive import _run_archive
from interpretkd.runs._predictions import _prediction_table
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import CallableTeacher

HOSTILE = "<img src=x onerror=alert(1)>"
STARTS = {
    "html": b"<!doctype html>",
    "json": b"{",
    "pdf": b"%PDF-1.",
    "png": b"\x89PNG",
    "pmml": b"<?xml",
    "svg": b"<svg ",
    "zip": b"PK\x03\x04",
}


def _model(student):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"=age": rng.integers(18, 80, 300), HOSTILE: rng.normal(size=300)})
    y = np.where(X["=age"] + 10 * X[HOSTILE] > 50, "@yes", "no")
    fitted = np.arange(300) < 150
    teacher = LogisticRegression(max_iter=1000).fit(X[fitted], y[fitted])
    model = DistilledClassifier(
        FrozenEstimator(teacher), student, target="logits", random_state=0
    )
    model.fit(X[fitted], y[fitted])
    return model, X[~fitted].reset_index(drop=True), y[~fitted]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    model, X, y = _model(CartStudent(8, search="greedy"))
    place = tmp_path_factory.mktemp("made") / "who gets (a) loan"
    return save(model, place, X, y, about={"data": "made up"})


@pytest.fixture(scope="module")
def tree(folder):
    return analyse_run(load_run(folder))


@pytest.fixture(scope="module")
def sums():
    students = (BoostedStudent(max_depth=2, n_rounds=4), LinearStudent())
    return [analyse(*_model(student)) for student in students]


def _offered(found, folder=None):
    return {download.name: download for download in downloads(found, folder)}


def _content(found, name, ending, **settings):
    return _offered(found)[name].build(ending, **settings).content


def test_every_file_of_a_tree_is_what_its_ending_says(tree, folder):
    offered = _offered(tree, folder)
    assert list(offered) == [
        *("Rules", "Decision table", "Outline", "Diagram"),
        *("SQL", "Python", "C", "JSON", "ONNX", "PMML", "DOT"),
        *("Evaluation", "Predictions", "Run"),
    ]
    for download in offered.values():
        assert download.missing is None
        for ending, reason in download.endings.items():
            assert reason is None
            assert ending in MEDIA_TYPES
            made = download.build(ending)
            assert made.content.startswith(STARTS.get(ending, b""))
            assert len(made.content) > 100
            if download.group == "Student" and ending != "dot":
                assert "150 of 150 rows equal" in made.said


def test_sums_have_other_files_and_say_why(sums):
    boosted, linear = map(_offered, sums)
    for offered, kind in ((boosted, "a sum of trees"), (linear, "a linear model")):
        for name in ("Rules", "Decision table", "Outline", "DOT"):
            assert kind in offered[name].missing
        text = offered["Sums"].build("txt").content.decode()
        assert "=age" in text
        table = pd.read_csv(io.BytesIO(offered["Sums"].build("csv").content))
        assert "'=age" in table["feature"].tolist()
        assert "150 of 150" in offered["SQL"].build("sql").said
    assert linear["Diagram"].missing.startswith("Only trees are drawn")
    assert boosted["Diagram"].build("svg", tree=0).content.startswith(b"<svg ")
    with pytest.raises(InputError, match="tree"):
        boosted["Diagram"].build("svg", tree=99)


def test_sql_decides_as_the_student(tree):
    made = _offered(tree)["SQL"].build("sql", table="people", dialect="sqlite")
    database = sqlite3.connect(":memory:")
    tree.X.to_sql("people", database, index=False)
    said = pd.read_sql(made.content.decode().rstrip().rstrip(";"), database)
    decided = tree.model.predict(tree.X)
    assert any(
        said[name].astype(str).tolist() == decided.tolist() for name in said.columns
    )


def test_onnx_loads(tree):
    onnx = pytest.importorskip("onnx")
    model = onnx.load_model_from_string(_content(tree, "ONNX", "onnx"))
    onnx.checker.check_model(model)


def test_rules_follow_their_settings(tree):
    plain = _content(tree, "Rules", "csv")
    table = pd.read_csv(io.BytesIO(plain))
    assert len(table) == tree.tree.n_leaves
    assert table["coverage"].is_monotonic_decreasing
    in_order = pd.read_csv(io.BytesIO(_content(tree, "Rules", "csv", order="number")))
    assert in_order["number"].tolist() == sorted(table["number"])
    assert len(_content(tree, "Rules", "txt", readable=True)) < len(
        _content(tree, "Rules", "txt")
    )
    merged = pd.read_csv(io.BytesIO(_content(tree, "Rules", "csv", merge=True)))
    assert len(merged) < len(table)
    for ending in ("md", "tex", "html", "csv"):
        text = _content(tree, "Decision table", ending).decode()
        assert "THEN" in text
        assert ending in ("csv", "md") or HOSTILE not in text
    assert "@yes" in _content(tree, "Outline", "txt", readable=True).decode()


def test_diagrams_follow_their_settings(tree):
    light, dark, folded = (
        _content(tree, "Diagram", "svg", **settings)
        for settings in ({}, {"theme": "dark"}, {"max_depth": 1})
    )
    assert light != dark
    assert len(folded) < len(light)
    assert HOSTILE.encode() not in light
    one = _content(tree, "Diagram", "pdf")
    pages = _content(tree, "Diagram", "pdf", page_depth=1, direction="down")
    assert pages.count(b"/MediaBox") > one.count(b"/MediaBox")


def test_a_smaller_size_is_exported_as_such(tree):
    cut = tree.cut(3)
    assert len(pd.read_csv(io.BytesIO(_content(cut, "Rules", "csv")))) == 3
    assert "75 of 75 rows equal" in _offered(cut)["Python"].build("py").said
    table = _prediction_table(cut)
    assert table["row"].tolist() == (cut.numbers + 1).tolist()
    assert report_on(cut, n_refits=0).measures["evaluation"]["n"] == 75


def test_what_is_not_installed_is_said(tree, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    offered = _offered(tree)
    assert offered["Diagram"].endings["svg"] is None
    assert offered["Diagram"].endings["png"] == (
        "PNG needs typst: pip install 'interpretkd[viz]'."
    )
    assert "interpretkd[export]" in offered["ONNX"].endings["onnx"]
    files = report_files(report_on(tree, n_refits=0))
    assert files["pdf"] == ("A PDF report needs typst: pip install 'interpretkd[viz]'.")
    assert files["html"].startswith(b"<!doctype html>")


def test_a_report_has_every_form(tree):
    info = {"title": "Who gets a loan", "author": "Me"}
    report = report_on(tree, info=info, examples=True, n_refits=0)
    assert report.measures["info"] == info
    assert report.document.title == "Who gets a loan"
    files = report_files(report)
    assert list(files) == ["html", "pdf", "md", "json"]
    assert all(files[e].startswith(STARTS[e]) for e in ("html", "pdf", "json"))
    assert files["md"].startswith(b"# Who gets a loan")
    assert json.loads(files["json"])["measures"]["info"] == info
    with pytest.raises(InputError, match="unknown key"):
        report_on(tree, info={"salary": "much"})


def test_a_pdf_that_cannot_be_set_is_said(tree, monkeypatch):
    def fails(*files, **settings):
        raise RuntimeError("no such letter")

    monkeypatch.setattr("typst.compile", fails)
    files = report_files(report_on(tree, n_refits=0))
    assert "cannot be set (no such letter)" in files["pdf"]
    assert isinstance(files["html"], bytes)


def test_predictions_say_what_both_models_say(tree):
    table = _prediction_table(tree)
    assert table.columns.tolist() == [
        *("row", "=age", HOSTILE, "student", "teacher", "label"),
        *("student_probability", "teacher_probability", "agrees"),
    ]
    assert table["row"].tolist() == list(range(1, 151))
    assert table["student"].tolist() == tree.model.predict(tree.X).tolist()
    assert table["label"].tolist() == tree.y.tolist()
    same = table["student"] == table["teacher"]
    assert table["agrees"].tolist() == same.tolist()
    assert same.mean() == tree.evaluation.student.fidelity.value
    expected = tree.model.predict_proba(tree.X).max(axis=1)
    np.testing.assert_allclose(table["student_probability"], expected)
    text = _content(tree, "Predictions", "csv").decode()
    assert text.startswith("row,'=age")
    assert "'@yes" in text


def test_names_of_the_data_stay_their_own():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"student": rng.normal(size=80), "row": rng.normal(size=80)})
    teacher = FrozenEstimator(LinearRegression().fit(X, X["row"]))
    model = DistilledRegressor(teacher, CartStudent(3), random_state=0).fit(X)
    table = _prediction_table(analyse(model, X))
    assert table.columns.tolist() == ["row_", "student", "row", "student_", "teacher"]
    assert table["student"].tolist() == X["student"].tolist()


def test_values_and_labels_have_columns_of_their_own():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    teacher = FrozenEstimator(LinearRegression().fit(X, X[:, 0]))
    student = CartStudent(4, search="greedy")
    model = DistilledRegressor(teacher, student, random_state=0).fit(X, X[:, 0])
    table = _prediction_table(analyse(model, X, X[:, 0]))
    assert table.columns.tolist() == ["row", "x0", "x1", "student", "teacher", "label"]
    np.testing.assert_allclose(table["teacher"], X[:, 0])

    X, y = make_multilabel_classification(120, n_features=3, n_classes=2, n_labels=1)
    teacher = CallableTeacher(
        lambda rows: np.asarray(rows)[:, :2] - 15.0,
        task="multilabel",
        classes=["law", "art"],
    )
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    found = analyse(model.fit(X, y), X, y)
    table = _prediction_table(found)
    assert table["teacher_art"].tolist() == (X[:, 1] > 15).astype(int).tolist()
    assert table["label_law"].tolist() == y[:, 0].tolist()
    assert table["agrees"].mean() == found.evaluation.student.fidelity.value
    assert _offered(found)["PMML"].missing.startswith("A PMML model predicts one")
    assert "student_probability" not in table


def test_a_run_is_packed_with_safe_names_and_opens_again(tree, folder, tmp_path):
    packed = _run_archive(folder)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    assert {name.partition("/")[0] for name in names} == {"who-gets-a-loan"}
    assert sorted(name.partition("/")[2] for name in names) == sorted(
        path.name for path in folder.iterdir()
    )
    again = analyse_run(load_run(tmp_path / "who-gets-a-loan"))
    np.testing.assert_array_equal(again.logits, tree.logits)
    assert _run_archive(folder) == packed


def test_nothing_else_of_the_folder_is_packed(folder, tmp_path):
    files = zipfile.ZipFile(io.BytesIO(_run_archive(folder)))
    files.extractall(tmp_path)
    copy = tmp_path / "who-gets-a-loan"
    (copy / "diary.txt").write_text("private")
    assert b"diary" not in _run_archive(copy)
    (copy / "schema.json").write_text("{}")
    with pytest.raises(BundleError, match=r"schema\.json"):
        _run_archive(copy)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ("german/cart", "german-cart-rules.md"),
        ("../../etc/passwd", "etc-passwd-rules.md"),
        ('a"b\nc<d>:e|f?*', "a-b-c-d-e-f-rules.md"),
        ("=1+1", "1-1-rules.md"),
        ("عربي", "run-rules.md"),
        ("x" * 500, "x" * 60 + "-rules.md"),
    ],
)
def test_file_names_are_good_everywhere(run, expected):
    assert file_name(run, "Rules", "md") == expected
