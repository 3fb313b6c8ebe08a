import datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from interpretkd._base import amount_text
from interpretkd.distillation import DistilledClassifier
from interpretkd.explain import row_of, try_values, write_settings
from interpretkd.models import used_positions
from interpretkd.runs import analyse_run, load_run, save
from interpretkd.students import CartStudent
from interpretkd.studio import RUN
from interpretkd.teachers import CallableTeacher

ALL = (
    "german",
    "connect4",
    "digits",
    "cancer_linear",
    "regression",
    "multilabel",
    "scored",
)


def found_in(make_run, name):
    return analyse_run(load_run(make_run(name)))


def widget(widgets, label):
    return next(each for each in widgets if each.label == label)


def button(app, label):
    return widget(app.button, label)


def changes(app):
    names = ["feature", "before", "after", "student reads it"]
    return next(t.value for t in app.dataframe if list(t.value) == names)


def said(app):
    return (*app.success, *app.warning, *app.info)[0].value


@pytest.mark.parametrize("run", [*ALL, "hostile", "regression_boosted"])
def test_nothing_is_changed_at_first(studio, run):
    app = studio(run, "whatif", row=3)
    assert not app.exception
    assert not app.error
    assert said(app) == r"Nothing is changed yet\."
    assert button(app, "Reset").disabled


@pytest.mark.parametrize("run", ["german", "scored", "regression", "hostile"])
def test_each_used_feature_has_a_widget(studio, make_run, run):
    found = found_in(make_run, run)
    used = used_positions(found.model.student_.form_)
    app = studio(run, "whatif", row=3)
    n_widgets = len(app.number_input) - 1
    n_widgets += sum(box.key.startswith("_whatif") for box in app.selectbox)
    assert n_widgets + len(app.toggle) == len(used)


def test_a_slider_across_a_threshold_changes_the_leaf(studio, make_run):
    found = found_in(make_run, "regression")
    nodes = found.tree.nodes
    name = found.model.schema_.names[nodes.feature[0]]
    low = found.codes[:, nodes.feature[0]] <= nodes.threshold[0]
    row = int(np.flatnonzero(low)[0])
    app = studio("regression", "whatif", row=row + 1)
    slider = widget(app.slider, rf"{name} \(slider\)")
    slider.set_value(slider.max).run()
    typed = widget(app.number_input, name)
    assert typed.value == widget(app.slider, rf"{name} \(slider\)").value
    trial = try_values(
        found.model,
        row_of(found.X, row),
        {int(nodes.feature[0]): typed.value},
        teacher_logits=found.teacher_logits[row],
    )
    assert trial.leaf_before != trial.leaf_after
    texts = [each.value for each in app.markdown]
    moved = f"From leaf {trial.leaf_before} to leaf {trial.leaf_after}"
    assert any(moved in text for text in texts)
    assert app.metric[0].value == amount_text(trial.student_after.scores[0])
    assert changes(app)["feature"].tolist() == [name]
    button(app, "Reset").click()
    app.run()
    assert said(app) == r"Nothing is changed yet\."
    assert widget(app.slider, rf"{name} \(slider\)").value < slider.max


def test_a_typed_number_may_lie_beyond_what_was_seen(studio):
    app = studio("german", "whatif", row=3)
    name = "duration_in_month"
    widget(app.number_input, name).set_value(500).run()
    slider = widget(app.slider, rf"{name} \(slider\)")
    assert slider.value == slider.max
    badges = [each.value for each in app.markdown if "badge" in each.value]
    assert any("outside what was seen" in text for text in badges)
    assert changes(app)["after"].tolist() == ["500"]


def test_a_number_too_large_is_refused(studio):
    app = studio("hostile", "whatif", row=3)
    typed = app.number_input[1]
    typed.set_value(1e39).run()
    assert "too large" in app.error[0].value
    assert said(app) == r"Nothing is changed yet\."


def test_a_value_can_be_left_out_where_it_may_be_missing(studio):
    app = studio("hostile", "whatif", row=3)
    app.checkbox[0].check().run()
    assert changes(app)["after"].tolist() == ["missing"]
    app.checkbox[0].uncheck().run()
    assert said(app) == r"Nothing is changed yet\."


def test_both_models_answer_live(studio, make_run):
    found = found_in(make_run, "german")
    schema = found.model.schema_
    used = used_positions(found.model.student_.form_)
    place = next(j for j in used if schema.features[j].is_categorical)
    code = 0.0 if found.codes[2, place] else 1.0
    app = studio("german", "whatif", row=3, set=write_settings(3, {place: code}))
    trial = try_values(found.model, row_of(found.X, 2), {place: code})
    assert changes(app)["feature"].tolist() == [schema.names[place]]
    table = next(t.value for t in app.dataframe if "student, changed" in t.value)
    np.testing.assert_allclose(
        table["student, changed"], trial.student_after.scores, atol=6e-4
    )
    np.testing.assert_allclose(
        table["teacher, changed"], trial.teacher_after.scores, atol=6e-4
    )
    assert trial.student_after.decision in said(app)


def test_a_boosted_student_says_what_adds_differently(studio, make_run):
    found = found_in(make_run, "connect4")
    row, logits = row_of(found.X, 2), found.teacher_logits[2]

    def trial(place):
        values = {place: 0.0 if found.codes[2, place] else 1.0}
        return values, try_values(found.model, row, values, teacher_logits=logits)

    trials = map(trial, used_positions(found.model.student_.form_))
    values, tried = next(t for t in trials if t[1].parts["difference"].any())
    app = studio("connect4", "whatif", row=3, set=write_settings(3, values))
    parts = next(t.value for t in app.dataframe if "difference" in t.value)
    moved = tried.parts[tried.parts["difference"] != 0]
    assert parts["feature"].tolist() == moved["feature"].tolist()
    np.testing.assert_allclose(parts["difference"], moved["difference"])


def test_many_features_are_chosen_from(studio, make_run):
    found = found_in(make_run, "digits_linear")
    n_used = len(used_positions(found.model.student_.form_))
    assert n_used > 16
    app = studio("digits_linear", "whatif", row=3)
    n_widgets = len(app.number_input)
    further = app.multiselect(key="further")
    assert len(further.options) == len(found.model.schema_) - (n_widgets - 1)
    name = further.options[-1]
    app = studio("digits_linear", "whatif", row=3, further=name)
    assert len(app.number_input) == n_widgets + 1
    assert widget(app.number_input, name)
    castle = studio("digits_linear", "whatif", row=3, further="castle")
    assert not castle.exception


def test_only_the_teacher_reads_the_rest(studio, make_run):
    found = found_in(make_run, "german")
    used = used_positions(found.model.student_.form_)
    place = next(
        j
        for j, feature in enumerate(found.model.schema_.features)
        if j not in used and not feature.is_categorical
    )
    value = write_settings(3, {place: 2.0})
    app = studio("german", "whatif", row=3, set=value)
    assert changes(app)["student reads it"].tolist() == [False]
    assert said(app).startswith("The student stays at")


@pytest.mark.parametrize("text", ["3~", "3~999_1", "3~1_x", "3~2_na", "3~1_77"])
def test_a_broken_address_is_said(studio, text):
    app = studio("german", "whatif", row=3, set=text)
    assert not app.exception
    assert any("shown as it is" in warning.value for warning in app.warning)
    assert any("Nothing is changed" in info.value for info in app.info)


def test_the_values_of_another_row_are_left_aside(studio):
    app = studio("german", "whatif", row=3, set="4~2_30")
    assert said(app) == r"Nothing is changed yet\."


def test_another_row_begins_as_it_is(studio):
    app = studio("german", "whatif", row=3, set="3~2_41")
    assert len(changes(app)) == 1
    button(app, "Next").click()
    app.run()
    assert said(app) == r"Nothing is changed yet\."


def test_an_absent_teacher_is_said(studio):
    app = studio("multilabel", "whatif", row=3)
    texts = [caption.value for caption in app.caption]
    assert any("does not hold the teacher" in text for text in texts)


@pytest.fixture(scope="module")
def dated_run(tmp_path_factory):
    """Return a run with days, moments, moments in a zone, booleans and gaps."""
    rng = np.random.default_rng(0)
    n_rows = 200
    hours = pd.to_timedelta(rng.integers(0, 9000, n_rows), unit="h")
    days = pd.to_timedelta(rng.integers(0, 900, n_rows), unit="D")
    X = pd.DataFrame(
        {
            "day": pd.Timestamp("2020-01-01") + days,
            "moment": pd.Timestamp("2020-01-01 07:00") + hours,
            "zoned": (pd.Timestamp("2020-01-01 07:00") + hours[::-1]).tz_localize(
                "UTC"
            ),
            "smoker": rng.random(n_rows) < 0.5,
            "home": pd.Categorical(rng.choice(["own", "rent"], n_rows)),
        }
    )
    X.loc[::9, "home"] = None
    X.loc[1::9, "day"] = pd.NaT

    def logits(rows):
        start = pd.Timestamp("2020-01-01")
        values = (
            (rows["day"] - start).dt.days.fillna(0) / 200
            + (rows["moment"] - start).dt.days / 100
            + (rows["zoned"].dt.tz_localize(None) - start).dt.days / 100
            + 2.0 * rows["smoker"].astype(float)
            + 2.0 * (rows["home"].astype(str) == "own")
        ).to_numpy()
        return np.column_stack([np.zeros(len(values)), values - 7])

    teacher = CallableTeacher(logits, task="multiclass", classes=["no", "yes"])
    student = CartStudent(30, min_samples_leaf=2, search="greedy")
    model = DistilledClassifier(
        FrozenEstimator(teacher), student, transfer=None, random_state=0
    ).fit(X)
    return save(model, tmp_path_factory.mktemp("dated") / "run", X)


@pytest.fixture
def dated(studio, dated_run, monkeypatch):
    """Return a function that opens the page on a run with dates."""

    def open_page(**address):
        monkeypatch.setenv(RUN, str(dated_run))
        names = ("day", "moment", "zoned", "smoker", "home")
        app = studio(None, "whatif", **address)
        used = used_positions(analyse_run(load_run(dated_run)).tree)
        assert [names[j] for j in used] == list(names)
        return app

    return open_page


def test_dates_switches_and_gaps_can_be_set(dated):
    app = dated(row=3)
    assert not app.exception
    widget(app.date_input, "day").set_value(datetime.date(2019, 5, 6)).run()
    assert changes(app)["after"].tolist() == ["2019-05-06"]
    badges = [each.value for each in app.markdown if "badge" in each.value]
    assert any("outside what was seen" in text for text in badges)
    widget(app.text_input, "moment").set_value("2020-03-04 05:00").run()
    widget(app.text_input, "zoned").set_value("2020-03-04 05:00+01:00").run()
    toggle = widget(app.toggle, "smoker")
    toggle.set_value(not toggle.value).run()
    app.selectbox(key=widget(app.selectbox, "home").key).set_value(2).run()
    assert not app.exception
    assert not app.error
    after = dict(zip(changes(app)["feature"], changes(app)["after"], strict=True))
    assert after["moment"] == "2020-03-04 05:00"
    assert after["zoned"] == "2020-03-04 04:00+00:00"
    assert after["home"] == "missing"
    app.checkbox[0].check().run()
    after = dict(zip(changes(app)["feature"], changes(app)["after"], strict=True))
    assert after["day"] == "missing"
    assert not app.exception


@pytest.mark.parametrize("text", ["soon", "", "2020-13-45", "0000-00-00", "2020-03-04"])
def test_what_is_no_moment_is_refused(dated, text):
    app = dated(row=3)
    widget(app.text_input, "zoned").set_value(text).run()
    assert not app.exception
    assert app.error[0].value.endswith(r"The row's own value is kept\.")
    assert said(app) == r"Nothing is changed yet\."


def test_a_missing_date_begins_as_missing(dated):
    app = dated(row=2)
    assert app.checkbox[0].value
    assert said(app) == r"Nothing is changed yet\."
    app.checkbox[0].uncheck().run()
    assert changes(app)["before"].tolist() == ["missing"]
