import sqlite3

import numpy as np
import pytest

from interpretkd.runs import analyse_run, load_run

TREES = ("german", "digits", "regression", "multilabel", "hostile")


def analysed(make_run, name):
    return analyse_run(load_run(make_run(name)))


def listed(app):
    """Return the numbers of the rules in the table."""
    return app.dataframe[0].value["#"].tolist()


def said(app):
    return " ".join(element.value for element in app.markdown)


@pytest.mark.parametrize("run", TREES)
def test_all_rules_are_shown_with_the_figures_of_the_library(studio, make_run, run):
    app = studio(run, "rules")
    assert not app.exception
    rules = analysed(make_run, run).rules
    frame = app.dataframe[0].value
    assert frame["#"].tolist() == [rule.number for rule in rules]
    assert frame["rule"].tolist() == [rule.brief_text for rule in rules]
    assert frame["covers"].tolist() == [rule.coverage for rule in rules]
    assert frame["rows"].tolist() == [rule.n_rows for rule in rules]
    if run == "regression":
        assert "fidelity" not in frame
        errors = [rule.teacher_rmse for rule in rules]
        assert frame["error to the teacher"].tolist() == errors
    else:
        known = [rule.fidelity.value for rule in rules if rule.fidelity is not None]
        assert frame["fidelity"].dropna().tolist() == known
        disagreeing = [rule.n_disagree for rule in rules]
        assert frame["disagree in"].fillna(0).tolist() == [n or 0 for n in disagreeing]
    assert f"**{len(rules)} of {len(rules)} rules**" in said(app)
    assert app.code[0].value.splitlines() == [
        f"{rule.number}. {rule.sentence}" for rule in rules
    ]
    assert app.code[1].value == rules[0].sentence


def test_filters_narrow_and_stand_in_the_address(studio, make_run):
    rules = analysed(make_run, "german").rules
    app = studio("german", "rules", covers=10)
    kept = rules.filter(min_coverage=0.1)
    assert 0 < len(kept) < len(rules)
    assert listed(app) == [rule.number for rule in kept]
    assert app.slider(key="covers").value == 10

    app = studio("german", "rules", decides="bad", agrees=60, order="fidelity")
    kept = rules.filter(predictions=["bad"], min_fidelity=0.6).sort("fidelity")
    assert 0 < len(kept) < len(rules)
    assert listed(app) == [rule.number for rule in kept]

    feature = rules[0].conditions[0].feature.name
    app = studio("german", "rules", asks=feature, support=30)
    kept = rules.filter(features=[feature], min_rows=30)
    assert listed(app) == [rule.number for rule in kept]


def test_the_search_takes_no_patterns(studio, make_run):
    rules = analysed(make_run, "german").rules
    app = studio("german", "rules")
    app.text_input(key="find").input("THEN nothing.*(").run()
    assert not app.exception
    assert app.info[0].value == "No rule passes all of these filters."
    assert app.info[0].icon == ""
    clear = next(b for b in app.button if b.label == "Clear the filters")
    app = clear.click().run()
    assert len(listed(app)) == len(rules)
    text = rules[1].conditions[-1].feature.name.upper()
    app.text_input(key="find").input(text).run()
    assert listed(app) == [rule.number for rule in rules.filter(text)]


def test_readable_thresholds_and_joined_leaves(studio, make_run):
    found = analysed(make_run, "digits")
    plain = studio("digits", "rules")
    app = studio("digits", "rules", rounded="true", joined="true")
    joined = found.rules.merged().readable(found.X)
    assert listed(app) == [rule.number for rule in joined]
    assert app.dataframe[0].value["rule"].tolist() == [r.brief_text for r in joined]
    captions = " ".join(caption.value for caption in app.caption)
    assert f"0 of {len(found):,} rows change leaf" in captions.replace("\\", "")
    assert plain.dataframe[0].value["rows"].sum() == len(found)
    assert app.dataframe[0].value["rows"].sum() == len(found)


@pytest.mark.parametrize("run", ["german", "hostile", "digits"])
def test_one_rule_its_rows_and_its_sql(studio, make_run, run):
    found = analysed(make_run, run)
    rule = found.rules[1]
    app = studio(run, "rules", rule=rule.number)
    assert app.selectbox(key="rule").value == rule.number
    assert app.code[1].value == rule.sentence
    places = np.flatnonzero(found.rules.apply(found.X) == 1)
    n_disagree = int((~found.agrees[places]).sum())
    assert n_disagree == rule.n_disagree
    assert f"**{len(places):,}** held-out rows" in said(app)
    assert f"disagree on **{n_disagree:,}** of them" in said(app)
    rows = app.dataframe[-1].value["row"]
    assert rows.tolist() == (places[:50] + 1).tolist()
    app = studio(run, "rules", rule=rule.number, those="where they disagree")
    if n_disagree:
        disagreeing = places[~found.agrees[places]]
        assert (
            app.dataframe[-1].value["row"].tolist() == (disagreeing[:50] + 1).tolist()
        )
    if run == "german":
        with sqlite3.connect(":memory:") as base:
            found.X.astype(object).to_sql("rows", base, index_label="number")
            chosen = base.execute(app.code[2].value.replace("*", "number")).fetchall()
        assert [number for (number,) in chosen] == places.tolist()


def test_a_row_of_a_rule_is_opened_by_its_number_in_the_whole_run(
    studio, follow, make_run
):
    app = studio("german", "rules", size=4)
    cut = analysed(make_run, "german").cut(4)
    places = np.flatnonzero(cut.rules.apply(cut.X) == 0)
    numbers = (cut.numbers[places] + 1).tolist()
    assert app.dataframe[-1].value["row"].tolist() == numbers[:50]
    app.selectbox(key="covered_row").select(numbers[3]).run()
    app = follow(app, "Open row")
    assert not app.exception
    assert app.title[0].value != "Rules"
    assert app.query_params["row"] == str(numbers[3])


@pytest.mark.parametrize(
    "address",
    [
        {"rule": "999"},
        {"rule": "x", "covers": "-3", "support": "many"},
        {"asks": "no such column", "decides": "nobody", "order": "at random"},
        {"those": "none", "covered": "77", "rounded": "perhaps"},
    ],
)
def test_a_bad_address_shows_the_page(studio, make_run, address):
    app = studio("german", "rules", **address)
    assert not app.exception
    assert len(listed(app)) == len(analysed(make_run, "german").rules)


def test_boosted_trees_have_their_strongest_leaves(studio):
    app = studio("connect4", "rules")
    assert not app.exception
    frame = app.dataframe[0].value
    assert len(frame) == 20
    moved = frame["contribution"].to_numpy()
    assert (np.diff(moved) <= 0).all()
    word = frame["rule"].iloc[0].split()[0]
    app.text_input(key="find").input(word).run()
    assert app.dataframe[0].value["rule"].str.contains(word, regex=False).all()
    assert len(app.dataframe[0].value) < 20
    app.text_input(key="find").input(".*").run()
    assert not app.exception
    assert not app.dataframe


def test_linear_students_are_sent_to_the_effects(studio, follow):
    app = studio("cancer_linear", "rules")
    assert "no rules" in app.info[0].value
    app = follow(app, "Go to Effects")
    assert app.title[0].value == "Effects"
