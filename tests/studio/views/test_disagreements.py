import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from interpretkd.evaluation import disagreements, label_disagreements, leads
from interpretkd.runs import analyse_run, load_run, save
from interpretkd.studio import RUN

CLASSIFIERS = ("german", "digits", "digits_linear", "cancer_linear")


def analysed(make_run, name):
    return analyse_run(load_run(make_run(name)))


def found_disagreements(found, **settings):
    logits = found.teacher_logits
    return disagreements(
        found.model, found.X, found.y, teacher_logits=logits, **settings
    )


def rows_of(app):
    """Return the numbers in the list of rows."""
    return app.dataframe[-1].value["row"].tolist()


def said(app):
    return " ".join(element.value for element in app.markdown)


@pytest.mark.parametrize("run", [*CLASSIFIERS, "hostile"])
def test_counts_are_those_beside_the_diagonal_of_the_confusion(studio, make_run, run):
    found = analysed(make_run, run)
    app = studio(run, "disagreements")
    assert not app.exception
    counts = confusion_matrix(found.teacher_decisions, found.student_decisions)
    n_disagree = int(counts.sum() - np.trace(counts))
    assert 0 < n_disagree < len(found)
    assert f"**{n_disagree:,} of {n_disagree:,} rows" in said(app)
    pairs = app.dataframe[0].value
    assert pairs["n"].sum() == n_disagree
    names = [" ".join(str(name).split()) for name in found.model.classes_]
    place = {name: i for i, name in enumerate(names)}
    for pair in pairs.to_dict("records"):
        who = (place[" ".join(pair[name].split())] for name in ("teacher", "student"))
        assert counts[tuple(who)] == pair["n"]
    right = [int(metric.value.split()[0].replace(",", "")) for metric in app.metric]
    labels = found.labels
    parts = found.teacher_decisions != found.student_decisions
    both = (found.teacher_decisions, found.student_decisions)
    by_hand = [(values == labels)[parts].sum() for values in both]
    assert right == [*by_hand, n_disagree - sum(by_hand)]


def test_students_that_always_agree_are_praised(studio, make_run):
    found = analysed(make_run, "connect4")
    assert found.agrees.all()
    app = studio("connect4", "disagreements")
    sentence = f"Student and teacher agree on all {len(found)}"
    assert app.success[0].value.startswith(sentence)
    assert not app.dataframe


def test_the_address_chooses_the_rows(studio, make_run):
    found = analysed(make_run, "german")
    app = studio("german", "disagreements", teacher="bad", student="good")
    classes = found.model.classes_
    theirs, own = classes[found.teacher_decisions], classes[found.student_decisions]
    wanted = np.flatnonzero((theirs == "bad") & (own == "good"))
    assert f"**{len(wanted)} of " in said(app)
    assert set(rows_of(app)) <= set((wanted + 1).tolist())
    assert len(rows_of(app)) == min(50, len(wanted))
    sure = found.confidence[np.asarray(rows_of(app)) - 1]
    assert (np.diff(sure) <= 0).all()

    parts = ~found.agrees
    app = studio("german", "disagreements", sure=70)
    assert f"**{(parts & (found.confidence >= 0.7)).sum()} of " in said(app)
    app = studio("german", "disagreements", kind="near the boundary")
    lead = leads("multiclass", found.teacher_logits, found.logits)
    near = np.flatnonzero(parts & (lead <= 0.1))
    assert 0 < len(near) < parts.sum()
    assert f"**{len(near)} of " in said(app)
    assert set(rows_of(app)) <= set((near + 1).tolist())
    app = studio("german", "disagreements", kind="the teacher is sure")
    sure = parts & (found.confidence >= 0.9)
    assert f"**{sure.sum()} of " in said(app) or not sure.any()

    leaf = int(found.tree.nodes.apply(found.codes[parts])[0])
    app = studio("german", "disagreements", leaf=leaf)
    inside = np.flatnonzero(parts & (found.tree.nodes.apply(found.codes) == leaf))
    assert sorted(rows_of(app)) == (inside + 1).tolist()[:50]
    shown = app.dataframe[-1].value
    assert set(shown["leaf"]) == {leaf}
    numbers = {rule.leaf: rule.number for rule in found.rules}
    assert set(shown["rule"]) == {numbers[leaf]}


def test_nothing_found_and_the_way_back(studio):
    app = studio("german", "disagreements", teacher="bad", student="bad")
    assert "passes all of these filters" in app.info[0].value
    clear = next(b for b in app.button if b.label == "Clear the filters")
    app = clear.click().run()
    assert not app.info
    assert app.selectbox(key="teacher").value is None
    assert len(rows_of(app)) > 0


def test_rows_are_numbered_in_the_whole_run_and_opened(studio, follow, make_run):
    whole = analysed(make_run, "german")
    cut = whole.cut(4)
    app = studio("german", "disagreements", size=4)
    parts = np.flatnonzero(~cut.agrees)
    assert f"**{len(parts)} of {len(parts)} rows" in said(app)
    assert set(rows_of(app)) <= set((cut.numbers[parts] + 1).tolist())
    number = rows_of(app)[1]
    app.selectbox(key="disagreeing_row").select(number).run()
    app = follow(app, "Open row")
    assert not app.exception
    assert app.query_params["row"] == str(number)
    assert app.query_params["size"] == "4"


def test_pages_of_fifty(studio, make_run):
    found = analysed(make_run, "digits_linear")
    expected = (found_disagreements(found).rows["position"] + 1).tolist()
    app = studio("digits_linear", "disagreements")
    assert rows_of(app) == expected[:50]
    second = studio("german", "disagreements", disagreeing="2")
    german = (
        found_disagreements(analysed(make_run, "german")).rows["position"] + 1
    ).tolist()
    assert len(german) > 50
    assert rows_of(second) == german[50:100]


def test_values_part_by_more_than_a_tolerance(studio, make_run):
    found = analysed(make_run, "regression")
    usual = found_disagreements(found)
    app = studio("regression", "disagreements")
    assert not app.exception
    assert rows_of(app) == (usual.rows["position"] + 1).tolist()[:50]
    apart = np.abs(found.logits - found.teacher_logits).max(axis=1)
    tolerance = int(np.quantile(apart, 0.97))
    assert tolerance > usual.tolerance
    app = studio("regression", "disagreements", tolerance=tolerance)
    assert f"**{(apart > tolerance).sum()} of " in said(app)
    app.number_input(key="tolerance").set_value(1e9).run()
    assert not app.exception
    assert app.success[0].value.startswith("The student's value differs from")


def test_labels_one_by_one(studio, make_run):
    found = analysed(make_run, "multilabel")
    app = studio("multilabel", "disagreements")
    counts = label_disagreements(
        found.model.classes_, found.teacher_decisions, found.student_decisions
    )
    shown = app.dataframe[0].value
    assert shown["label"].tolist() == counts["label"].tolist()
    assert shown["rows"].tolist() == counts["n"].tolist()
    app = studio("multilabel", "disagreements", teacher="law")
    only = counts.set_index("label").loc["law", "teacher_only"]
    assert only > 0
    assert f"**{only} of " in said(app)


def test_boosted_regression_has_no_leaves(studio):
    app = studio("regression_boosted", "disagreements")
    assert not app.exception
    assert "leaf" not in app.dataframe[-1].value


@pytest.mark.parametrize(
    "address",
    [
        {"teacher": "nobody", "student": "", "leaf": "-1"},
        {"sure": "many", "kind": "any", "right": "me", "disagreeing": "999"},
        {"leaf": "99999", "tolerance": "x"},
    ],
)
def test_a_bad_address_shows_all_rows(studio, make_run, address):
    app = studio("german", "disagreements", **address)
    assert not app.exception
    n_disagree = (~analysed(make_run, "german").agrees).sum()
    assert f"**{n_disagree} of {n_disagree} rows" in said(app)


def test_a_bad_tolerance_is_the_usual_one(studio):
    for bad in ("-1", "x", "nan", "inf"):
        app = studio("regression", "disagreements", tolerance=bad)
        assert not app.exception


@pytest.mark.parametrize("page", ["disagreements", "rules"])
def test_rows_without_labels(studio, make_run, monkeypatch, tmp_path, page):
    found = analysed(make_run, "german")
    run = save(found.model, tmp_path / "unlabelled", found.X)
    monkeypatch.setenv(RUN, str(run))
    app = studio(None, page)
    assert not app.exception
    assert "label" not in app.dataframe[-1].value
    assert not app.metric
