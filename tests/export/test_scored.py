"""Scored trees leave the house as they decide: every format adds up the same sums."""

import contextlib
import json
import sqlite3

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st

from interpretkd._base import InputError
from interpretkd.export import (
    ParityError,
    conditions_sql,
    export_student,
    json_schema,
    read_json,
)
from interpretkd.export._made_rows import _made_rows
from interpretkd.export._sql.names import _quoted
from interpretkd.models import Score, ScoredSchema, Term
from interpretkd.rules import extract_rules
from tests.export.small_students import TASKS, small_student
from tests.models.test_scores import GIVEN, SCORE, tree_of

SEEDS = st.integers(0, 2**32 - 1)
ALONE = Score((Term(1, 1, categories=(), missing=True), Term(3, 1)))
TREE = tree_of(ScoredSchema(GIVEN, (3,), (SCORE, ALONE)), feature=[1, -1, -1])
ROWS = pd.DataFrame(
    {
        "duration": [12, 21.75, 21.750002, None, 20],
        "amount": [4500.0, None, None, 0.0, 1e6],
        "home": ["own", "rent", None, "free", "rent"],
        "age": [30, 40, 50, None, 1e30],
    }
)
FORMATS = ("python", "c", "json", "onnx", "pmml", "sql", "csv")


@pytest.mark.parametrize("to", FORMATS)
def test_a_sum_comes_out_equal_in_every_format(to):
    parity = export_student(TREE, to, ROWS).parity
    assert parity.n_equal == len(ROWS)
    assert parity.n_made_equal == parity.n_made > 50


@settings(max_examples=3, deadline=None)
@given(SEEDS, st.sampled_from(TASKS))
def test_c_adds_up_what_the_student_adds_up(seed, task):
    spec = small_student(np.random.default_rng(seed), "scored", task)
    parity = export_student(spec, "c").parity
    assert parity.n_made_equal == parity.n_made == len(_made_rows(spec))


@pytest.mark.parametrize("threshold", [np.finfo(np.float32).max, -1e38, 1e-45, 0.0])
@pytest.mark.parametrize("to", FORMATS)
def test_thresholds_at_the_ends_come_out_equal(to, threshold):
    score = Score((Term(0, 3), Term(1, -2, fill=1.0)))
    tree = tree_of(ScoredSchema(GIVEN, (), (score,)), threshold=[threshold, 0, 0])
    parity = export_student(tree, to).parity
    assert parity.n_made_equal == parity.n_made > 20


def test_the_made_rows_lie_on_both_sides_of_a_sum_and_on_it():
    made = _made_rows(small_spec(TREE))
    sums = TREE.scored_schema.see(made.codes[~made.refused])[:, 1]
    on = np.float32(40)
    beside = {np.nextafter(on, np.float32(side)) for side in (0, 99)}
    assert {on, *beside} <= set(sums)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("_single(x0)", "x0"),  # cells are rounded before they are multiplied
        ("2500.0 if x1 is None", "0.0 if x1 is None"),
        ("s1 <= 40.00000190734863", "s1 <= 40"),  # the sum is rounded, too
        ("s1 += 3000 if x2 in ('rent', )", "s1 += 3000 if x2 in ('own', )"),
        ("s1 += -1 *", "s1 += -2 *"),
    ],
)
def test_another_sum_is_found(monkeypatch, right, wrong):
    from interpretkd.export import _to_python

    write = _to_python._python_text
    assert right in write(small_spec(TREE))
    spoilt = lambda spec: write(spec).replace(right, wrong)  # noqa: E731
    monkeypatch.setattr(_to_python, "_python_text", spoilt)
    with pytest.raises(ParityError, match="came out otherwise"):
        export_student(TREE, "python")


def test_a_statement_says_what_its_scores_add_up():
    text = export_student(TREE, "sql", ROWS).text
    said = "score 1: 2 x duration - 1 x (amount / 1000) (2500 if missing) + (3 if"
    assert f"-- {said}" in text
    assert 'WHEN w."score 1" <= ' in text


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_a_rule_in_sql_selects_the_rows_of_its_leaf(seed):
    spec = small_student(np.random.default_rng(seed), "scored", "regression")
    made = _made_rows(spec)
    rows = made.part(~made.refused).rows
    always = [one.name for one in spec.schema.features if not one.has_missing]
    rows = rows.dropna(subset=always, ignore_index=True)
    rules = extract_rules(spec.form)
    covered = rules.apply(rows)
    numbered = {name: f"c{i}" for i, name in enumerate(rows)}  # SQLite folds names
    with contextlib.closing(sqlite3.connect(":memory:")) as base:
        cells = rows.astype(object).where(rows.notna(), None)
        cells.rename(columns=numbered).to_sql("rows", base, index_label="row")
        for i, rule in enumerate(rules):
            where = conditions_sql(rule.conditions, schema=spec.form.schema)
            for name in sorted(numbered, key=len, reverse=True):
                where = where.replace(_quoted(name), numbered[name])
            found = base.execute(f"SELECT row FROM rows WHERE {where}")
            selected = [row for (row,) in found]
            assert selected == np.flatnonzero(covered == i).tolist(), where


def test_a_column_named_like_a_score_of_a_statement_stays_itself():
    names = {"duration": "score 1", "amount": "score 2", "age": "s1"}
    features = tuple(
        pd.Series(GIVEN.features).map(lambda f: renamed(f, names)).tolist()
    )
    schema = ScoredSchema(type(GIVEN)(features), (3,), (SCORE, ALONE))
    tree = tree_of(schema, feature=[1, -1, -1])
    rows = ROWS.rename(columns=names)
    for to in FORMATS:
        parity = export_student(tree, to, rows).parity
        assert parity.n_equal == len(rows)


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.sampled_from(TASKS))
def test_json_fits_the_published_schema_and_reads_back(seed, task):
    spec = small_student(np.random.default_rng(seed), "scored", task)
    text = export_student(spec, "json").text
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(text))
    again = read_json(text)
    assert again.form.schema == spec.form.schema
    assert again.schema == spec.schema
    assert export_student(again, "json").text == text


SPOILT = [None, True, -1, 0, 0.5, 9, 2**29, 1e300, "1", [], {}, [0, 0], [99]]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(SPOILT))
@example(None, 0.5)
def test_spoilt_scores_are_refused_in_a_sentence_or_predict(data, value):
    content = json.loads(export_student(TREE, "json").text)
    terms = content["scores"][0]
    places = [(content, "plain"), (content, "scores"), (content["scores"], 0)]
    places += [(term, key) for term in terms for key in term]
    owner, key = (terms[0], "points") if data is None else places[
        data.draw(st.integers(0, len(places) - 1))
    ]  # fmt: skip
    owner[key] = value
    try:
        again = read_json(json.dumps(content))
    except InputError as error:
        said = str(error)
    else:
        said = "The student's JSON"
        assert data is not None  # half a point is none
        assert np.isfinite(again.predict(ROWS)[0]).all()
    assert said.startswith("The student's JSON")


def small_spec(form):
    from interpretkd.export._specification import _model_spec

    return _model_spec(form)


def renamed(feature, names):
    from dataclasses import replace

    return replace(feature, name=names.get(feature.name, feature.name))
