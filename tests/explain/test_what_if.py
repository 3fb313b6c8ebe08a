from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from interpretkd._base import InputError
from interpretkd.data import image_schema
from interpretkd.datasets import _loaders as datasets
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.explain import (
    Input,
    disagreeing_rows,
    explain_row,
    inputs_of,
    label_text,
    order_of_inputs,
    read_settings,
    row_of,
    settings_between,
    try_values,
    write_settings,
)
from interpretkd.models import (
    codes_seen,
    decision_path,
    path_contributions,
    schema_seen,
    used_positions,
)
from interpretkd.runs import load_run, save
from interpretkd.students import (
    BoostedStudent,
    CartStudent,
    LinearStudent,
    ScoredTreeStudent,
)

nan = float("nan")
GREEDY = CartStudent(8, search="greedy")
STUDENTS = (
    GREEDY,
    BoostedStudent(n_rounds=8, max_depth=2),
    LinearStudent(),
    ScoredTreeStudent(6),
)


def mixed_rows(n_rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.integers(19, 76, n_rows),
            "income": rng.gamma(2, 1000, n_rows).round(2),
            "home": pd.Categorical(rng.choice(["own", "rent"], n_rows)),
            "smoker": rng.random(n_rows) < 0.5,
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n_rows), unit="D"),
            "noise": rng.normal(size=n_rows),
        }
    )
    X.loc[::10, "income"] = np.nan
    return X


def numbers_of(X: pd.DataFrame) -> np.ndarray:
    days = (X["since"] - pd.Timestamp("2021-01-01")).dt.days
    return np.column_stack(
        [
            X["age"] - 45,
            X["income"].fillna(0) / 100 - 20,
            10 * (X["home"].astype(str) == "own"),
            10 * X["smoker"].astype(float),
            days / 20,
        ]
    )


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return mixed_rows()


@pytest.fixture(scope="module")
def models(rows: pd.DataFrame) -> list[Any]:
    y = np.where(numbers_of(rows).sum(axis=1) > 10, "yes", "no")
    linear = LogisticRegression(max_iter=2000)
    teacher = make_pipeline(FunctionTransformer(numbers_of), linear).fit(rows, y)
    return [
        DistilledClassifier(
            FrozenEstimator(teacher), student, transfer=None, random_state=0
        ).fit(rows)
        for student in STUDENTS
    ]


@pytest.fixture(scope="module")
def inputs(models: list[Any], rows: pd.DataFrame) -> dict[str, Input]:
    return {entry.feature.name: entry for entry in inputs_of(models[0], rows)}


def test_each_kind_of_column_has_its_way_to_be_set(inputs):
    kinds = {name: entry.kind for name, entry in inputs.items()}
    assert kinds == {
        "age": "number",
        "income": "number",
        "home": "choice",
        "smoker": "switch",
        "since": "date",
        "noise": "number",
    }
    assert [name for name, entry in inputs.items() if entry.is_whole] == ["age"]
    assert [name for name, entry in inputs.items() if entry.may_miss] == ["income"]


def test_ranges_are_those_of_the_rows(inputs, rows):
    entry = inputs["income"]
    known = rows["income"].dropna()
    assert (entry.least, entry.most) == pytest.approx((known.min(), known.max()))
    assert entry.least < entry.low < entry.high < entry.most
    assert ((known >= entry.low) & (known <= entry.high)).mean() > 0.95
    assert not entry.is_beyond(known.max())
    assert entry.is_beyond(known.max() * 1.01)
    assert not entry.is_beyond(nan)
    assert not inputs["home"].is_beyond(0.0)
    assert inputs["home"].seen == ""
    assert inputs["age"].seen == f"{rows['age'].min()} to {rows['age'].max()}"
    assert inputs["since"].seen.startswith("2020-01-0")


def test_a_column_without_known_values_has_no_range(models, rows):
    empty = rows.assign(income=np.nan)
    entry = inputs_of(models[0], empty)[1]
    assert np.isnan([entry.low, entry.high, entry.least, entry.most]).all()
    assert entry.seen == ""
    assert not entry.is_beyond(1e9)


def test_a_missing_category_can_be_chosen_where_one_was_missing(rows, models):
    gaps = rows.assign(home=rows["home"].where(rows.index % 7 > 0))
    home = inputs_of(models[0], gaps)[2]
    assert home.choices[:-1] == (0.0, 1.0)
    assert np.isnan(home.choices[-1])
    assert [home.text(code) for code in home.choices] == ["own", "rent", "missing"]


def test_a_boolean_that_may_miss_is_a_choice():
    X = pd.DataFrame({"a": np.arange(40.0), "b": [True, False] * 20})
    teacher = LogisticRegression().fit(X, np.arange(40) > 20)
    model = DistilledClassifier(
        FrozenEstimator(teacher), GREEDY, transfer=None, random_state=0
    ).fit(X)
    gaps = X.astype({"b": object})
    gaps.loc[0, "b"] = None
    assert inputs_of(model, X)[1].kind == "switch"
    assert inputs_of(model, gaps)[1].kind == "choice"


def test_texts_become_values(inputs):
    assert inputs["age"].read(" 31.5 ") == 31.5
    assert inputs["home"].read("rent") == 1.0
    assert np.isnan(inputs["income"].read("missing"))
    since = inputs["since"]
    assert since.text(since.read("2021-03-05")) == "2021-03-05"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("age", "old", "'age' must be a number. Got 'old'"),
        ("age", "nan", "must be a number"),
        ("age", "inf", "must be a number"),
        ("age", "missing", "must be a number"),
        ("home", "castle", "'home' has no category 'castle'"),
        ("since", "yesterday", "must hold dates"),
    ],
)
def test_texts_that_mean_nothing_are_refused(inputs, name, text, message):
    with pytest.raises(InputError, match=message):
        inputs[name].read(text)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("age", nan, "was never missing"),
        ("age", 1e39, "too large"),
        ("home", 2.0, "has 2 categories"),
        ("home", 0.5, "has 2 categories"),
    ],
)
def test_values_that_a_column_cannot_hold_are_refused(inputs, name, value, message):
    with pytest.raises(InputError, match=message):
        inputs[name].check(value)


def test_shown_numbers_are_short_and_the_same(inputs):
    code = float(np.float32(0.1))
    assert inputs["age"].number(code) == 0.1
    assert np.isnan(inputs["income"].number(nan))


@pytest.mark.parametrize("place", range(len(STUDENTS)))
def test_used_columns_are_those_that_can_change_the_student(models, rows, place):
    model = models[place]
    used = used_positions(model.student_.form_)
    assert used
    others = [name for j, name in enumerate(rows.columns) if j not in used]
    turned = rows[::-1].reset_index(drop=True)
    mixed = rows.assign(**{name: turned[name] for name in others})
    np.testing.assert_array_equal(model.logits(mixed), model.logits(rows))


def test_the_order_begins_with_what_matters_to_the_row(models, rows):
    row = row_of(rows, 3)
    tree, boosted, linear, _ = models
    steps = [step.feature for step in explain_row(tree, row, n_counterfactuals=0).steps]
    order = order_of_inputs(tree, row)
    names = [tree.schema_.names[j] for j in order]
    assert names[: len(set(steps))] == list(dict.fromkeys(steps))
    assert sorted(order) == list(used_positions(tree.student_.form_))
    for model in (boosted, linear):
        form = model.student_.form_
        codes = model.schema_.encode(row)[0]
        added = np.abs(path_contributions(form, codes)[1]).max(axis=1)
        order = order_of_inputs(model, row)
        assert sorted(order) == list(used_positions(form))
        assert (np.diff(added[list(order)]) <= 0).all()


def test_the_order_begins_with_what_the_sums_on_the_way_add_up(models, rows):
    scored, row = models[3], row_of(rows, 3)
    schema = schema_seen(scored)
    tests = decision_path(scored.tree_.nodes, codes_seen(scored, row)[0])
    first = [j for _, test in tests for j in schema.columns_of(test.position)]
    assert len(set(first)) > len(tests)
    order = order_of_inputs(scored, row)
    assert list(order[: len(set(first))]) == list(dict.fromkeys(first))
    assert sorted(order) == list(used_positions(scored.student_.form_))


@pytest.mark.parametrize("place", range(len(STUDENTS)))
def test_nothing_set_changes_nothing(models, rows, place):
    trial = try_values(models[place], row_of(rows, 5), {})
    assert trial.changes.empty
    assert trial.sentence == "Nothing is changed yet."
    assert str(trial.student_before) == str(trial.student_after)
    assert trial.leaf_before == trial.leaf_after
    if trial.tests is not None:
        assert trial.tests["holds"].all()
    else:
        assert (trial.parts["difference"] == 0).all()


@pytest.mark.parametrize("place", range(len(STUDENTS)))
def test_a_trial_is_what_both_models_say_of_the_changed_row(models, rows, place):
    model, row = models[place], row_of(rows, 5)
    changed = row.assign(age=75, smoker=True, income=np.nan)
    values = settings_between(model, row, changed)
    trial = try_values(model, row, values)
    for said, each in [(trial.student_before, row), (trial.student_after, changed)]:
        np.testing.assert_allclose(said.scores, model.predict_proba(each)[0])
        assert said.decision == model.predict(each)[0]
        assert said.certainty == pytest.approx(model.predict_proba(each)[0].max())
    teacher = model.teacher_
    np.testing.assert_allclose(trial.teacher_after.logits, teacher.logits(changed)[0])
    np.testing.assert_allclose(trial.teacher_before.logits, teacher.logits(row)[0])
    both = (trial.student_after.decision, trial.teacher_after.decision)
    assert trial.agrees == (both[0] == both[1])
    assert trial.sentence.endswith(
        " They agree." if trial.agrees else " They disagree."
    )
    assert len(trial.changes) == len(values)
    assert len(trial.frame()) == 4 * 2


def test_the_tests_that_turned_explain_another_leaf(models, rows):
    model = models[0]
    explained = explain_row(model, row_of(rows, 5), X=rows, n_counterfactuals=1)
    values = settings_between(model, row_of(rows, 5), explained.counterfactuals[0].row)
    trial = try_values(model, row_of(rows, 5), values)
    assert trial.leaf_before == explained.leaf
    assert trial.leaf_after != explained.leaf
    assert not trial.tests["holds"].all()
    assert trial.tests["node"].tolist() == [step.node for step in explained.steps]
    assert trial.student_after.decision == explained.counterfactuals[0].prediction
    assert " goes from " in trial.sentence
    new = explain_row(model, trial.row, n_counterfactuals=0)
    assert all(step.feature in trial.rule for step in new.steps)


@pytest.mark.parametrize("place", [1, 2])
def test_the_parts_add_up_to_the_change(models, rows, place):
    model, row = models[place], row_of(rows, 5)
    trial = try_values(model, row, {0: 75.0, 3: 1.0})
    assert trial.parts_of == f"the logit of {trial.outputs[1]}"
    for column, each in (("before", row), ("after", trial.row)):
        explained = explain_row(model, each, n_counterfactuals=0)
        base = explained.contributions.iloc[0, 2]
        said = model.decision_function(each)[0]
        assert base + trial.parts[column].sum() == pytest.approx(said, abs=1e-9)
    sizes = trial.parts["difference"].abs()
    assert sizes.is_monotonic_decreasing


def test_a_column_that_does_not_exist_is_refused(models, rows):
    with pytest.raises(InputError, match="no column number 8"):
        try_values(models[0], row_of(rows, 0), {7: 1.0})


def test_an_absent_teacher_says_only_what_it_said(models, rows, tmp_path):
    model = models[0]
    save(model, tmp_path / "run", rows)
    run = load_run(tmp_path / "run")
    logits = run.evaluation.teacher_logits
    row = row_of(run.evaluation.X, 5)
    trial = try_values(run.model, row, {0: 75.0}, teacher_logits=logits[5])
    assert trial.teacher_after is None
    assert trial.agrees is None
    assert "teacher" not in trial.sentence
    assert len(trial.frame()) == 3 * 2
    with pytest.raises(InputError):
        try_values(run.model, row, {0: 75.0})


def test_values_are_compared_for_regression():
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    teacher = RandomForestRegressor(5, random_state=0).fit(X, y)
    model = DistilledRegressor(
        FrozenEstimator(teacher), GREEDY, transfer=None, random_state=0
    ).fit(X)
    trial = try_values(model, row_of(X, 0), {2: 15.0, 8: 3.0})
    assert trial.agrees is None
    assert trial.student_after.certainty is None
    assert trial.student_after.scores[0] == model.predict(trial.row)[0]
    assert trial.outputs == ("value",)
    assert label_text(model, 151.0) == "151"


def test_settings_survive_an_address(inputs):
    entries = tuple(inputs.values())
    values = {0: 31.0, 1: nan, 2: 1.0, 4: 18700.0, 5: -1.25e-7}
    text = write_settings(12, values)
    assert text == "12~1_31~2_na~3_1~5_18700~6_-1.25e-07"
    found = read_settings(text, 12, entries)
    assert list(found) == list(values)
    np.testing.assert_array_equal(list(found.values()), list(values.values()))
    assert read_settings(text, 13, entries) == {}
    large = write_settings(1, {5: 1e30})
    assert read_settings(large, 1, entries)[5] == pytest.approx(1e30)


@pytest.mark.parametrize(
    "cell",
    ["", "1", "1_", "1_x", "1_1e9999", "0_1", "7_1", "1_na", "3_2", "1_1_1", "1_inf"],
)
def test_broken_addresses_are_refused(inputs, cell):
    with pytest.raises(InputError):
        read_settings(f"12~{cell}", 12, tuple(inputs.values()))


def test_arrays_stay_arrays():
    X = np.arange(12.0).reshape(6, 2)
    assert row_of(X, 2).tolist() == [[4.0, 5.0]]


def test_images_are_known_by_their_pixels_names():
    data = datasets.load_digits()
    X, y = data.data.iloc[:300], data.target[:300]
    teacher = LogisticRegression(max_iter=200).fit(X / 16, y)
    model = DistilledClassifier(
        FrozenEstimator(teacher), GREEDY, transfer=None, random_state=0
    ).fit(X / 16)
    found = image_schema(model.schema_, model)
    assert found.image_shape == (8, 8)
    assert found.names == model.schema_.names
    assert label_text(model, y[0]) == str(y[0])
    turned = DistilledClassifier(
        FrozenEstimator(LogisticRegression().fit(X.iloc[:, ::-1] / 16, y)),
        GREEDY,
        transfer=None,
        random_state=0,
    ).fit(X.iloc[:, ::-1] / 16)
    assert image_schema(turned.schema_, turned) is None


def test_tables_are_no_images(models):
    assert image_schema(models[0].schema_, models[0]) is None


def test_rows_on_which_both_part_are_found(models, rows):
    logits = models[0].logits(rows), models[0].teacher_.logits(rows)
    found = disagreeing_rows("multiclass", *logits)
    said = [each.argmax(axis=1) for each in logits]
    np.testing.assert_array_equal(found, np.flatnonzero(said[0] != said[1]))
    values = np.arange(20.0)[:, None]
    found = disagreeing_rows("regression", values, np.zeros((20, 1)))
    assert found.tolist() == [18, 19]
    assert disagreeing_rows("regression", values, values).tolist() == []
    assert disagreeing_rows("regression", values[:0], values[:0]).tolist() == []
