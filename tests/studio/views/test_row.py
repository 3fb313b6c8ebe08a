import numpy as np
import pandas as pd
import pytest

from interpretkd.explain import disagreeing_rows, explain_row, row_of
from interpretkd.runs import analyse_run, load_run

ALL = ("german", "connect4", "digits", "cancer_linear", "regression", "multilabel")


def found_in(make_run, name):
    return analyse_run(load_run(make_run(name)))


def button(app, label):
    return next(each for each in app.button if each.label == label)


def verdict(app):
    return next(each.value for each in (*app.success, *app.warning, *app.info))


@pytest.mark.parametrize("run", [*ALL, "hostile", "regression_boosted"])
def test_a_row_shows_what_both_say(studio, make_run, run):
    app = studio(run, "row", row=5)
    assert not app.exception
    assert not app.error
    found = found_in(make_run, run)
    explained = explain_row(
        found.model,
        row_of(found.X, 4),
        teacher_logits=found.teacher_logits[4],
        n_counterfactuals=0,
    )
    tables = [table.value for table in app.dataframe]
    scores = tables[0]
    np.testing.assert_allclose(scores["student"], explained.student_scores)
    np.testing.assert_allclose(scores["teacher"], explained.teacher_scores)
    row = tables[1]
    assert len(row) == len(found.model.schema_)
    assert row["student reads it"].is_monotonic_decreasing
    cells = dict(zip(row["feature"], row["value"], strict=True))
    assert cells == dict(explained.values)
    if explained.steps:
        assert tables[2]["test"].tolist() == [step.test for step in explained.steps]
    else:
        assert len(tables[2]) == len(found.model.schema_) + 1


def test_the_label_and_the_verdict_stand_on_top(studio, make_run):
    found = found_in(make_run, "german")
    parted, agreed = np.flatnonzero(~found.agrees)[0], np.flatnonzero(found.agrees)[0]
    app = studio("german", "row", row=parted + 1)
    assert "They disagree" in app.warning[0].value
    assert f"The label is {found.y[parted]}" in app.warning[0].value
    app = studio("german", "row", row=agreed + 1)
    assert "They agree" in app.success[0].value


def test_rows_are_walked_through(studio, make_run):
    found = found_in(make_run, "german")
    app = studio("german", "row")
    assert button(app, "Previous").disabled
    button(app, "Next").click()
    app.run()
    assert app.number_input(key="_row_typed").value == 2
    assert not button(app, "Previous").disabled
    disagreeing = disagreeing_rows("multiclass", found.logits, found.teacher_logits) + 1
    button(app, "Next disagreement").click()
    app.run()
    assert app.number_input(key="_row_typed").value == disagreeing[disagreeing > 2][0]
    app.number_input(key="_row_typed").set_value(len(found)).run()
    assert button(app, "Next").disabled
    button(app, "Previous").click()
    app.run()
    assert app.number_input(key="_row_typed").value == len(found) - 1
    button(app, "Random").click()
    app.run()
    assert app.number_input(key="_row_typed").value != len(found) - 1


def test_after_the_last_disagreement_there_is_no_next(studio, make_run):
    found = found_in(make_run, "german")
    app = studio("german", "row", row=np.flatnonzero(~found.agrees)[-1] + 1)
    assert button(app, "Next disagreement").disabled


@pytest.mark.parametrize("typed", [0, -3, 10**7])
def test_an_unknown_row_is_refused_and_the_view_stays(studio, typed):
    app = studio("german", "row", row=5)
    before = verdict(app)
    app.number_input(key="_row_typed").set_value(typed).run()
    assert app.error[0].value.startswith("There are the rows 1 to")
    assert f"{typed:,}" in app.error[0].value
    assert app.number_input(key="_row_typed").value == 5
    assert verdict(app) == before
    button(app, "Next").click()
    app.run()
    assert not app.error


@pytest.mark.parametrize("row", ["0", "x", "99999999", "-1", "1e3", "٣"])
def test_an_unknown_row_in_the_address_is_said(studio, row):
    app = studio("german", "row", row=row)
    assert not app.exception
    assert any("there are 1 to" in warning.value for warning in app.warning)
    assert app.number_input(key="_row_typed").value == 1


def test_a_smaller_tree_decides_its_own_disagreements(studio, make_run):
    whole = found_in(make_run, "german")
    cut = whole.cut(3)
    logits = cut.model.logits(whole.X)
    n_disagree = len(disagreeing_rows("multiclass", logits, whole.teacher_logits))
    app = studio("german", "row", row=2, size=3)
    said = [caption.value for caption in app.caption]
    assert any(f"student and teacher disagree on {n_disagree}" in text for text in said)


def test_counterfactuals_keep_to_what_may_change(studio, make_run):
    app = studio("german", "row", row=5)
    counterfactuals = app.dataframe[3].value
    frozen = counterfactuals["feature"].iloc[0]
    app = studio("german", "row", row=5, immutable=frozen)
    assert app.multiselect(key="immutable").value == [frozen]
    tables = [table.value for table in app.dataframe]
    assert all(frozen not in set(t["feature"]) for t in tables if "counterfactual" in t)


def test_a_number_may_be_let_to_fall_only(studio, make_run):
    numbers = found_in(make_run, "digits").model.schema_.names
    app = studio("digits", "row", row=5)
    offered = app.multiselect(key="only_down").options
    rising = _moves(app, up=True)
    assert rising
    assert rising <= set(offered) <= set(numbers)
    app.multiselect(key="only_down").set_value(sorted(rising)).run()
    assert not app.exception
    assert not _moves(app, up=True) & rising


def _moves(app, *, up):
    """Return the features that some counterfactual raises, or lowers."""
    tables = (table.value for table in app.dataframe)
    found = [table for table in tables if "counterfactual" in table]
    if not found:
        return set()
    before, after = (pd.to_numeric(found[0][side]) for side in ("before", "after"))
    moved = after > before if up else after < before
    return set(found[0]["feature"][moved])


def test_a_desired_class_is_what_counterfactuals_lead_to(studio, make_run):
    found = found_in(make_run, "digits")
    names = list(map(str, found.model.classes_))
    decided = names[found.student_decisions[4]]
    other = next(name for name in names if name != decided)
    app = studio("digits", "row", row=5, desired=other)
    assert app.selectbox(key="desired").value == other
    counterfactuals = next(
        t.value for t in app.dataframe if "counterfactual" in t.value
    )
    assert set(counterfactuals["prediction"]) == {other}
    app.selectbox(key="desired").set_value(decided).run()
    assert any("as desired already" in info.value for info in app.info)
    assert not studio("digits", "row", row=5, desired="castle").exception


def test_desired_values_and_labels(studio):
    app = studio("regression", "row", row=5, desired_from=100, desired_to=90)
    assert "A range goes upwards" in app.error[0].value
    app.number_input(key="desired_to").set_value(None).run()
    assert "both ends" in app.error[0].value
    app.number_input(key="desired_to").set_value(300.0).run()
    assert not app.error
    app = studio("multilabel", "row", row=5, desired_some="true")
    app.multiselect(key="desired_labels").set_value(["law"]).run()
    assert not app.exception
    assert not app.error


def test_an_absent_teacher_is_said(studio):
    app = studio("multilabel", "row", row=5)
    said = [caption.value for caption in app.caption]
    assert any("does not hold the teacher" in text for text in said)


def test_a_counterfactual_can_be_tried(studio, follow):
    app = studio("german", "row", row=5)
    counterfactual = next(t.value for t in app.dataframe if "counterfactual" in t.value)
    changed = counterfactual[counterfactual["counterfactual"] == 1]
    app = follow(app, "Try change 1")
    assert app.title[0].value == "What-if"
    table = next(t.value for t in app.dataframe if "student reads it" in t.value)
    assert table["feature"].tolist() == changed["feature"].tolist()
    assert table["after"].tolist() == changed["after"].tolist()


def test_the_row_leads_on(studio, follow):
    app = studio("digits", "row", row=5)
    app = follow(app, "Show it as an image")
    assert app.title[0].value == "Images"
    assert app.number_input(key="_row_typed").value == 5
    app = follow(app, "Explain this row")
    assert app.title[0].value == "Row"
    assert app.number_input(key="_row_typed").value == 5


def test_the_row_leads_to_its_path_in_the_tree(studio, follow):
    app = studio("german", "row", row=5)
    app = follow(app, "Show its path in the tree")
    assert app.title[0].value == "Tree"
    assert not app.exception
    assert app.toggle(key="way").value
