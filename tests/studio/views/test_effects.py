import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from interpretkd.datasets import load_breast_cancer
from interpretkd.distillation import DistilledClassifier
from interpretkd.explain import (
    linear_terms,
    model_scorecards,
    points_text,
    shape_effects,
)
from interpretkd.runs import analyse_run, load_run, save
from interpretkd.students import CartStudent, CommitteeStudent, LinearStudent
from interpretkd.studio import RUN
from interpretkd.teachers import MLPTeacher


def analysed(make_run, name):
    return analyse_run(load_run(make_run(name)))


def said(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption])


@pytest.mark.parametrize("run", ["connect4", "regression_boosted"])
def test_boosted_trees_show_the_figures_of_the_summary(studio, make_run, run):
    found = analysed(make_run, run)
    effects = shape_effects(found.model, found.X)
    app = studio(run, "effects")
    assert not app.exception
    frame = app.dataframe[0].value
    assert frame["feature"].tolist() == list(effects.features)
    np.testing.assert_allclose(frame["strength"], effects.importances()["strength"])
    assert f"{effects.shares.mains:.1%}" in said(app).replace("\\", "")
    shape = app.dataframe[1].value
    strongest = effects.to_frame(effects.features[0])
    assert shape["n_rows"].tolist() == strongest["n_rows"].tolist()
    column = shape.columns[1]
    first = column.replace("to ", "effect on ")
    np.testing.assert_allclose(shape[column], strongest[first])


def test_the_address_chooses_the_feature_and_the_class(studio, make_run):
    found = analysed(make_run, "connect4")
    effects = shape_effects(found.model, found.X)
    feature = effects.features[3]
    app = studio("connect4", "effects", feature=feature, adds="win")
    assert app.selectbox(key="feature").value == feature
    shape = app.dataframe[1].value
    expected = effects.to_frame(feature)
    np.testing.assert_allclose(shape["to win"], expected["effect on win"])
    assert list(shape.columns) == ["value", "to win", "n_rows"]
    assert shape["value"].tolist() == expected["category"].tolist()
    first, second = effects.pairs().iloc[1][["first", "second"]]
    app = studio("connect4", "effects", pair=f"{first} and {second}")
    assert f"Down stands {first}, across {second}" in said(app)


@pytest.mark.parametrize("run", ["cancer_linear", "digits_linear"])
def test_linear_students_show_their_terms(studio, make_run, run):
    found = analysed(make_run, run)
    added = linear_terms(found.model, found.X)
    output = added.outputs.names[-1]
    address = {} if len(added.outputs.names) == 1 else {"adds": output}
    app = studio(run, "effects", **address)
    assert not app.exception
    own = added.table[added.table["output"] == output]
    shown = app.dataframe[0].value
    assert shown["term"].tolist() == own["term"].tolist()
    np.testing.assert_allclose(shown["coefficient"], own["coefficient"])
    np.testing.assert_allclose(shown["standardised"], own["standardised"])
    features = added.importances()["feature"].tolist()
    assert app.selectbox(key="feature").options == features


def test_a_scorecard_is_written_out(studio, monkeypatch, tmp_path):
    data = load_breast_cancer()
    X, y = data.data, np.asarray(data.target)
    teacher = MLPTeacher((8,), max_epochs=5, random_state=0).fit(X[::2], y[::2])
    student = LinearStudent(points=True, max_terms=4)
    model = DistilledClassifier(FrozenEstimator(teacher), student, random_state=0)
    model.fit(X[::2], y[::2])
    rows = X[1::2].reset_index(drop=True)
    monkeypatch.setenv(RUN, str(save(model, tmp_path / "card", rows, y[1::2])))
    app = studio(None, "effects")
    assert not app.exception
    card = model_scorecards(model)[0]
    assert points_text(card) in [element.value for element in app.code]
    assert str(card) in [element.value for element in app.code]
    assert app.dataframe[-1].value["points"].tolist() == [r.points for r in card.rows]


def test_a_committee_is_shown_as_what_it_is_made_of(studio, monkeypatch, tmp_path):
    data = load_breast_cancer()
    X, y = data.data.iloc[:200, :6], np.asarray(data.target)[:200]
    teacher = MLPTeacher((4,), max_epochs=3, random_state=0).fit(X, y)
    trees = CommitteeStudent(CartStudent(3, search="greedy"), 2)
    sums = CommitteeStudent(LinearStudent(), 2)
    for student in (trees, sums):
        model = DistilledClassifier(
            FrozenEstimator(teacher), student, target="soft", random_state=0
        ).fit(X, y)
        run = save(model, tmp_path / type(student.student).__name__, X, y)
        monkeypatch.setenv(RUN, str(run))
        app = studio(None, "effects")
        assert not app.exception
        if student is sums:
            assert "coefficient" in app.dataframe[0].value
            continue
        strengths = app.dataframe[0].value.set_index("feature")["strength"]
        expected = shape_effects(model, X).importances().set_index("feature")
        np.testing.assert_allclose(strengths, expected["strength"][strengths.index])
        app = studio(None, "rules")
        assert not app.exception
        assert "A linear student" not in " ".join(info.value for info in app.info)
        assert "its sum of trees of 12 leaves" in said(studio(None, "export"))


@pytest.mark.parametrize("run", ["german", "regression", "hostile"])
def test_trees_are_sent_to_their_rules(studio, follow, run):
    app = studio(run, "effects")
    assert "A tree adds nothing up" in app.info[0].value
    app = follow(app, "Go to Rules")
    assert app.title[0].value == "Rules"


@pytest.mark.parametrize("run", ["connect4", "digits_linear"])
def test_a_bad_address_shows_the_strongest(studio, run):
    app = studio(run, "effects", feature="none", adds="nothing", pair="x")
    assert not app.exception
    choice = app.selectbox(key="feature")
    assert choice.value == choice.options[0]
