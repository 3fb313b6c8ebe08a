import contextlib
import re
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from markdown_it import MarkdownIt
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.tree import DecisionTreeRegressor

from interpretkd._base import InputError
from interpretkd.data import Codes, Feature, Schema
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.export import conditions_sql
from interpretkd.metrics import wilson_interval
from interpretkd.models import ALL_NUMBERS, Condition, Tree
from interpretkd.rules import RuleSet, extract_rules
from interpretkd.runs import load_run, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from tests.students.cart.small_trees import (
    AGE,
    DOSE,
    FLOAT32,
    HOSTILE,
    PURPOSE,
    SCHEMA,
    TREES,
    frame_of,
    hard_rows,
    nan,
    new_tree,
)


def _check(tree: Tree, codes: Codes) -> None:
    """Check that of all rules exactly the one of the row's leaf covers it."""
    rules = extract_rules(tree)
    assert sorted(rule.leaf for rule in rules) == (
        np.flatnonzero(tree.nodes.is_leaf).tolist()
    )
    rows = frame_of(codes)
    np.testing.assert_array_equal(SCHEMA.encode(rows), codes)
    leaves = np.asarray([rule.leaf for rule in rules])
    np.testing.assert_array_equal(leaves[rules.apply(rows)], tree.apply(rows))
    reached = tree.apply(rows)
    for rule in rules:
        holds = [condition.holds(codes) for condition in rule.conditions]
        every = np.all(np.reshape(holds, (-1, len(codes))), axis=0)
        np.testing.assert_array_equal(every, reached == rule.leaf)


@settings(max_examples=150)
@given(TREES)
def test_each_row_is_covered_by_the_rule_of_its_leaf(tree: Tree) -> None:
    _check(tree, hard_rows(tree))


@pytest.mark.parametrize("max_leaves", [2, 16, None])
def test_rules_of_a_grown_tree_pick_its_leaves(max_leaves: int | None) -> None:
    rng = np.random.default_rng(1)
    codes = np.column_stack(
        [
            np.where(rng.random(500) < 0.2, nan, np.round(rng.normal(40, 9, 500), 1)),
            rng.normal(size=500),
            np.where(rng.random(500) < 0.2, nan, rng.integers(0, 3, 500)),
            rng.integers(0, 2, 500),
            rng.integers(0, 4, 500),
        ]
    ).astype(FLOAT32)
    rows = frame_of(codes)
    y = np.nan_to_num(codes, nan=3).astype(float) @ [0.1, 1, 1, 2, -1]
    student = CartStudent(max_leaves, min_samples_leaf=2).fit(
        SCHEMA.conform(rows), y + rng.normal(size=500)
    )
    assert student.schema_ == SCHEMA
    _check(student.tree_, np.concatenate([codes, hard_rows(student.tree_, 2000)]))


def test_tests_of_one_feature_are_joined() -> None:
    inner = (AGE, 25.0, False, "young", (DOSE, 0.5, False, "b", "c"))
    rules = extract_rules(new_tree((AGE, 30.0, True, inner, "old")))
    assert [rule.condition_text for rule in rules] == [
        "age <= 25",
        "25 < age <= 30 or missing AND dose <= 0.5",
        "25 < age <= 30 or missing AND dose > 0.5",
        "age > 30",
    ]


def test_categories_of_one_feature_are_joined() -> None:
    inner = (PURPOSE, {0, 2}, False, "a", "b")
    rules = extract_rules(new_tree((PURPOSE, {0, 1}, True, inner, "c")))
    assert [rule.condition_text for rule in rules] == [
        "purpose is car (new)",
        "purpose is radio or missing",
        "purpose is trip",
    ]


def test_missing_alone_can_be_the_test() -> None:
    number = extract_rules(new_tree((AGE, ALL_NUMBERS, False, "known", "gap")))
    assert [r.condition_text for r in number] == [
        "age is not missing",
        "age is missing",
    ]
    category = extract_rules(new_tree((PURPOSE, {0, 1, 2}, False, "known", "gap")))
    assert [r.condition_text for r in category] == [
        "purpose is not missing",
        "purpose is missing",
    ]


def test_a_tree_of_one_leaf_has_one_rule() -> None:
    rules = extract_rules(new_tree("all"))
    assert len(rules) == 1
    assert rules[0].condition_text == "always"
    assert str(rules) == "1. IF always THEN 0 (covers 100.0% = 1 row)"
    np.testing.assert_array_equal(rules.apply(frame_of(hard_rows(rules.tree, 9))), 0)


# --- measured on training rows


def _grown() -> Tree:
    X, y = load_iris(return_X_y=True, as_frame=True)
    return CartStudent(4).fit(X, np.eye(3)[y]).tree_


def test_rules_come_by_coverage() -> None:
    tree = _grown()
    rules = extract_rules(tree)
    n_rows = [rule.n_rows for rule in rules]
    assert n_rows == sorted(n_rows, reverse=True)
    assert sum(n_rows) == 150
    assert [rule.coverage for rule in rules] == [n / 150 for n in n_rows]
    assert [rule.leaf for rule in rules] != sorted(rule.leaf for rule in rules)
    for rule in rules:
        assert rule.prediction == tree.value[rule.leaf].tolist()
        assert rule.probability is None


def test_rules_of_equal_coverage_come_in_the_order_of_leaves() -> None:
    rules = extract_rules(new_tree((DOSE, 1.0, True, (DOSE, 0.0, True, 0, 1), 2)))
    assert [rule.leaf for rule in rules] == [2, 3, 4]


def test_names_of_the_outputs_become_classes() -> None:
    rules = extract_rules(replace(_grown(), names=("setosa", "versi", "virgi")))
    assert {rule.prediction for rule in rules} == {"setosa", "versi", "virgi"}


def test_a_rule_set_is_a_sequence() -> None:
    rules = extract_rules(_grown())
    assert len(rules) == 4
    assert list(rules) == [rules[i] for i in range(4)]
    assert str(rules).splitlines() == [
        f"{i + 1}. {rule}" for i, rule in enumerate(rules)
    ]


def test_rules_of_a_student_are_those_of_its_tree() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    student = CartStudent(5).fit(X, y)
    assert str(extract_rules(student)) == str(extract_rules(student.tree_))
    assert re.fullmatch(
        r"1\. IF .+ THEN \d+(\.\d+)? \(covers \d+\.\d% = \d+ rows?\)",
        str(extract_rules(student)).splitlines()[0],
    )


@pytest.mark.parametrize("model", [LinearStudent(), LogisticRegression(), None, 3])
def test_what_has_no_tree_is_refused(model: Any) -> None:
    with pytest.raises(InputError) as caught:
        extract_rules(model)
    assert str(caught.value) == (
        f"Rules are read from a CartStudent. Got a {type(model).__name__}."
    )


def test_rounding_needs_rows() -> None:
    with pytest.raises(InputError, match=r"must be the rows that may .+ Got None"):
        extract_rules(_grown()).readable()


def test_a_fitted_student_without_a_tree_is_refused() -> None:
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(InputError, match=r"Got a LinearStudent: see explain\.linear"):
        extract_rules(LinearStudent().fit(X, y))


@pytest.mark.parametrize(
    ("student", "got"),
    [
        (BoostedStudent(3), "BoostedStudent as the student: see explain.shape_effects"),
        (LinearStudent(), "LinearStudent as the student: see explain.linear_terms"),
        (DecisionTreeRegressor(max_depth=2), "DecisionTreeRegressor as the student"),
    ],
)
def test_a_model_without_a_tree_is_refused(student: Any, got: str) -> None:
    X, y = load_diabetes(return_X_y=True)
    model = DistilledRegressor(LinearRegression(), student, random_state=0).fit(X, y)
    with pytest.raises(InputError) as caught:
        model.rules(X)
    assert str(caught.value) == f"Rules are read from a CartStudent. Got a {got}."


# --- measured on given rows


@pytest.fixture(scope="module")
def iris() -> tuple[DistilledClassifier, pd.DataFrame, Any]:
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.asarray(["setosa", "versicolor", "virginica"])[y]
    teacher = FrozenEstimator(
        LogisticRegression(C=0.03, max_iter=1000).fit(X[::2], names[::2])
    )
    model = DistilledClassifier(
        teacher, CartStudent(5, min_samples_leaf=2), target="soft", random_state=0
    )
    return model.fit(X[::2], names[::2]), X[1::2], names[1::2]


def test_rules_say_what_the_model_says(iris: Any) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)
    chosen = rules.apply(X)
    chances = model.predict_proba(X)
    for i, rule in enumerate(rules):
        here = chosen == i
        assert (model.predict(X)[here] == rule.prediction).all()
        assert type(rule.prediction) is str
        place = model.classes_.tolist().index(rule.prediction)
        np.testing.assert_allclose(chances[here, place], rule.probability)


@pytest.mark.parametrize("ask_again", [False, True])
def test_rules_are_measured_on_the_rows_given(iris: Any, ask_again: bool) -> None:
    model, X, y = iris
    logits = model.teacher_.logits(X)
    rules = extract_rules(model, X, y, teacher_logits=None if ask_again else logits)
    chosen = rules.apply(X)
    student, teacher = model.predict(X), model.classes_[logits.argmax(axis=1)]
    assert not (student == teacher).all()  # else fidelity and accuracy look alike
    assert sum(rule.n_rows for rule in rules) == len(X)
    for i, rule in enumerate(rules):
        here = chosen == i
        n_rows = int(here.sum())
        assert (rule.n_rows, rule.coverage) == (n_rows, n_rows / len(X))
        if n_rows == 0:
            assert (rule.fidelity, rule.accuracy) == (None, None)
            continue
        agreed = int((student == teacher)[here].sum())
        correct = int((student == y)[here].sum())
        assert rule.fidelity == wilson_interval(agreed, n_rows)
        assert rule.accuracy == wilson_interval(correct, n_rows)
        assert f"fidelity {rule.fidelity}; accuracy {rule.accuracy})" in str(rule)


def test_without_labels_there_is_no_accuracy(iris: Any) -> None:
    model, X, _ = iris
    for rule in extract_rules(model, X):
        assert rule.accuracy is None
        assert "accuracy" not in str(rule)
    assert all(rule.fidelity is None for rule in extract_rules(model))


def test_rules_become_a_table(iris: Any) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)
    table = rules.to_frame()
    assert list(table.columns) == [
        *("number", "rule", "prediction", "probability", "coverage", "n_rows"),
        *("fidelity", "fidelity_low", "fidelity_high"),
        *("accuracy", "accuracy_low", "accuracy_high"),
        *("n_disagree", "confidence", "lift", "recall", "n_conditions", "leaf"),
    ]
    assert table["rule"].tolist() == [rule.condition_text for rule in rules]
    assert table["leaf"].tolist() == [rule.leaf for rule in rules]
    assert table["n_conditions"].tolist() == [len(rule.conditions) for rule in rules]
    known = [rule.fidelity for rule in rules if rule.fidelity is not None]
    assert table["fidelity"].dropna().tolist() == [one.value for one in known]
    assert table["fidelity_low"].dropna().tolist() == [one.low for one in known]
    plain = extract_rules(model.tree_).to_frame()
    assert list(plain.columns) == [
        *("number", "rule", "prediction", "coverage", "n_rows", "n_conditions"),
        "leaf",
    ]


def test_rules_of_a_regression_say_values() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(LinearRegression().fit(X, y))
    model = DistilledRegressor(teacher, CartStudent(4), random_state=0).fit(X, y)
    rules = extract_rules(model, X, y)
    chosen = rules.apply(X)
    predicted = model.predict(X)
    for i, rule in enumerate(rules):
        assert type(rule.prediction) is float
        np.testing.assert_array_equal(predicted[chosen == i], rule.prediction)


def test_rules_of_labels_say_which_are_on() -> None:
    X, y = make_multilabel_classification(300, 6, n_classes=3, random_state=0)
    fitted = MultiOutputClassifier(LogisticRegression(max_iter=1000)).fit(X, y)
    student = CartStudent(6)
    model = DistilledClassifier(FrozenEstimator(fitted), student, random_state=0)
    model.fit(X, y)
    assert model.task_ == "multilabel"
    rules = extract_rules(model, X, y)
    chosen = rules.apply(X)
    predicted = model.predict(X)
    for i, rule in enumerate(rules):
        on = [int(label in rule.prediction) for label in model.classes_]
        assert (predicted[chosen == i] == on).all()
        here = chosen == i
        if here.any():
            exact = int((predicted == y).all(axis=1)[here].sum())
            assert rule.accuracy == wilson_interval(exact, int(here.sum()))
    assert re.search(r"THEN \{[\d, ]*\} \(probability", str(rules))


# --- written


def _hostile() -> RuleSet:
    names = ("=1+1", "a\nb. IF always THEN b", '"quoted", <b>')
    schema = Schema((Feature("+cmd", "categorical", names), Feature("@x\ny")))
    tree = new_tree(
        (0, {0}, False, (1, 0.5, True, 0, 1), (0, {1}, False, 2, 3)), schema
    )
    return extract_rules(tree)


def test_rules_are_written_as_a_table_and_as_sentences(
    iris: Any, tmp_path: Path
) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)
    table = pd.read_csv(rules.write(tmp_path / "rules.csv"))
    pd.testing.assert_frame_equal(table, rules.to_frame(), check_dtype=False)
    assert rules.write(str(tmp_path / "rules.TXT")).read_text() == f"{rules}\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_no_cell_of_a_written_table_is_a_formula(tmp_path: Path) -> None:
    rules = _hostile()
    table = pd.read_csv(rules.write(tmp_path / "rules.csv"))
    assert len(table) == 4
    assert table["rule"].str.startswith("'").all()
    assert table["rule"].str.removeprefix("'").tolist() == [
        rule.condition_text for rule in rules
    ]


def test_a_rule_stays_in_its_line() -> None:
    rules = _hostile()
    assert len(str(rules).splitlines()) == len(rules)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        extract_rules(new_tree(0)).write(tmp_path / "rules.json")
    assert str(caught.value) == (
        "Rules are written to a .csv, .txt, .md, .tex or .html file. Got 'rules.json'."
    )
    assert list(tmp_path.iterdir()) == []


# --- further measures


def test_lift_recall_confidence_and_disagreements(iris: Any) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)
    chosen = rules.apply(X)
    logits = model.teacher_.logits(X)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    teacher = model.classes_[logits.argmax(axis=1)]
    for i, rule in enumerate(rules):
        here = chosen == i
        hit = (y == rule.prediction) & here
        assert rule.n_disagree == int((teacher != rule.prediction)[here].sum())
        assert rule.confidence == pytest.approx(chances.max(axis=1)[here].mean())
        base = (y == rule.prediction).mean()
        assert rule.lift == pytest.approx(hit.sum() / here.sum() / base)
        assert rule.recall == pytest.approx(hit.sum() / (y == rule.prediction).sum())
        row = X[here].iloc[:1]
        np.testing.assert_allclose(rule.probabilities, model.predict_proba(row)[0])
    assert sum(rule.n_disagree for rule in rules) == (model.predict(X) != teacher).sum()
    assert rules.classes == tuple(model.classes_)
    frame = rules.to_frame(probabilities=True)
    for k, name in enumerate(model.classes_):
        assert frame[f"probability of {name}"].tolist() == [
            rule.probabilities[k] for rule in rules
        ]


def test_a_label_that_no_given_row_has_has_no_lift(iris: Any) -> None:
    model, X, y = iris
    here = y == "setosa"
    rules = extract_rules(model, X[here], y[here])
    for rule in rules:
        if rule.prediction == "setosa" and rule.n_rows:
            assert rule.lift == pytest.approx(1.0)
        else:
            assert rule.lift is None
            assert rule.recall is None


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_rules_of_values_are_measured_by_their_errors(n_outputs: int) -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    Y = y.to_numpy() if n_outputs == 1 else np.column_stack([y, -2 * y])
    teacher = FrozenEstimator(LinearRegression().fit(X, Y))
    student = CartStudent(4, search="greedy")
    model = DistilledRegressor(teacher, student, random_state=0).fit(X, Y)
    rules = extract_rules(model, X, Y)
    chosen = rules.apply(X)
    said, labelled = (np.reshape(v, (len(X), -1)) for v in (teacher.predict(X), Y))
    predicted = np.reshape(model.predict(X), (len(X), -1))
    for i, rule in enumerate(rules):
        here = chosen == i
        assert (rule.fidelity, rule.accuracy, rule.lift) == (None, None, None)
        for name, truth in (("teacher", said), ("label", labelled)):
            error = np.sqrt(((predicted - truth)[here] ** 2).mean())
            assert getattr(rule, f"{name}_rmse") == pytest.approx(error)
            mean = np.atleast_1d(getattr(rule, f"{name}_value"))
            np.testing.assert_allclose(mean, truth[here].mean(axis=0))
        assert f"RMSE to the teacher {rule.teacher_rmse:.4g}" in str(rule)
    assert {"teacher_rmse", "label_value"} <= set(rules.to_frame())
    assert "RMSE to teacher" in rules.to_text()
    assert "fidelity" not in rules.to_frame()


def test_a_student_alone_is_measured_with_given_logits() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    student = CartStudent(4, search="greedy").fit(X, y)
    for rule in extract_rules(student, X, y, teacher_logits=y + 1):
        assert rule.teacher_value == pytest.approx(rule.label_value + 1)
        assert rule.teacher_rmse > rule.label_rmse
    assert all(rule.teacher_rmse is None for rule in extract_rules(student, X, y))


def test_a_named_tree_alone_is_measured_as_a_classifier() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.asarray(["setosa", "versi", "virgi"])
    tree = replace(_grown(), names=tuple(names))
    rules = extract_rules(tree, X, names[y], teacher_logits=np.eye(3)[y])
    assert all(rule.fidelity == rule.accuracy for rule in rules)
    assert sum(rule.n_disagree for rule in rules) == int(
        (tree.predict(X).argmax(axis=1) != y).sum()
    )
    assert all(rule.probability is None for rule in rules)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"y": [0]}, "The 'y' parameter of extract_rules needs the rows X."),
        ({"teacher_logits": [[0]]}, "'teacher_logits' parameter .* needs the rows X"),
        ({"merge": 1}, "The 'merge' parameter of extract_rules"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(how: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        extract_rules(_grown(), **how)


def test_labels_and_logits_must_fit_the_rows(iris: Any) -> None:
    model, X, y = iris
    with pytest.raises(InputError, match="'y' parameter of extract_rules must have 75"):
        extract_rules(model, X, y[:-1])
    with pytest.raises(InputError, match=r"75 rows and 3 columns.*\(75, 2\)"):
        extract_rules(model, X, teacher_logits=np.zeros((75, 2)))
    with pytest.raises(InputError, match="No label y is a class of the model"):
        extract_rules(model, X, np.zeros(75))
    with pytest.raises(InputError, match="one class a row"):
        extract_rules(model, X, np.zeros((75, 3)))


def test_an_absent_teacher_is_asked_for_its_logits(iris: Any, tmp_path: Path) -> None:
    model, X, y = iris
    run = load_run(save(model, tmp_path / "run", X, y))
    with pytest.raises(InputError, match="was not saved with this run"):
        extract_rules(run.model, X, y)
    kept = run.evaluation
    assert kept is not None
    again = extract_rules(run.model, kept.X, kept.y, teacher_logits=kept.teacher_logits)
    assert str(again) == str(extract_rules(model, X, y))


# --- merged


def _decided(rules: RuleSet, rows: pd.DataFrame) -> list[Any]:
    return [rules[i].prediction for i in rules.apply(rows)]


@settings(max_examples=100)
@given(TREES, st.data())
def test_merged_rules_decide_as_before(tree: Tree, data: st.DataObject) -> None:
    n_nodes = len(tree.nodes.feature)
    best = data.draw(st.lists(st.integers(0, 1), min_size=n_nodes, max_size=n_nodes))
    named = replace(tree, value=np.eye(2)[best], names=("no", "yes"))
    rows = frame_of(hard_rows(tree))
    plain, merged = extract_rules(named), extract_rules(named, merge=True)
    assert _decided(merged, rows) == _decided(plain, rows)
    leaves = [leaf for rule in merged for leaf in rule.leaves]
    assert sorted(leaves) == np.flatnonzero(tree.nodes.is_leaf).tolist()
    codes, reached = hard_rows(tree), tree.apply(rows)
    for rule in merged:
        holds = [condition.holds(codes) for condition in rule.conditions]
        every = np.all(np.reshape(holds, (-1, len(codes))), axis=0)
        np.testing.assert_array_equal(every, np.isin(reached, rule.leaves))
    pairs = zip(tree.nodes.left, tree.nodes.right, strict=True)
    ends = {rule.leaf: rule.prediction for rule in merged}
    for left, right in pairs:
        if left in ends and right in ends:
            assert ends[left] != ends[right]


def test_merged_rules_say_what_they_were(iris: Any) -> None:
    teacher, X, y = FrozenEstimator(iris[0].teacher_.estimator), *iris[1:]
    student = CartStudent(9, search="greedy", min_samples_leaf=1)
    model = DistilledClassifier(
        teacher, student, target="soft", transfer=None, random_state=0
    )
    rules = extract_rules(model.fit(X), X, y)
    merged = rules.merged()
    assert 3 <= len(merged) < len(rules)
    by_leaf = {rule.leaf: rule for rule in rules}
    assert str(extract_rules(model, X, y, merge=True)) == str(merged)
    joined = [rule for rule in merged if len(rule.leaves) > 1]
    assert joined
    for rule in joined:
        parts = [by_leaf[leaf] for leaf in rule.leaves]
        assert rule.n_rows == sum(part.n_rows for part in parts)
        assert rule.n_disagree == sum(part.n_disagree for part in parts)
        assert {part.prediction for part in parts} == {rule.prediction}
        cover = [model.tree_.cover[leaf] for leaf in rule.leaves]
        mean = np.average([part.probability for part in parts], weights=cover)
        assert rule.probability == pytest.approx(mean)
        assert sum(rule.probabilities) == pytest.approx(1.0)
        said = f"merged from leaves {', '.join(map(str, rule.leaves))}"
        assert str(rule).endswith(f"; {said})")
        assert said in merged.outline()
        assert said in merged.to_frame()["merged"].tolist()
    assert "merged" not in rules.to_frame()


# --- readable


def test_readable_rules_are_measured_anew(iris: Any) -> None:
    model, X, y = iris
    known = pd.DataFrame(load_iris().data[::2], columns=X.columns)
    rules = extract_rules(model, X, y)
    rounded = rules.readable(known)
    np.testing.assert_array_equal(rounded.tree.apply(known), model.tree_.apply(known))
    assert len(str(rounded)) < len(str(rules))
    again = rounded.apply(X)
    predicted = np.asarray([rounded[i].prediction for i in again])
    for i, rule in enumerate(rounded):
        assert rule.n_rows == (again == i).sum()
        if rule.n_rows:
            hits = int(((predicted == y) & (again == i)).sum())
            assert rule.accuracy == wilson_interval(hits, rule.n_rows)
    merged = rules.merged().readable(known, aggressive=True)
    assert len(merged) == len(rules.merged())
    bare = RuleSet(rules.rules, rules.tree).readable(known)
    assert {r.condition_text for r in bare} == {r.condition_text for r in rounded}


# --- order and choice


def test_rules_are_sorted_by_anything(iris: Any) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)
    assert [rule.number for rule in rules] == [1, 2, 3, 4, 5]
    keys = {
        "coverage": lambda r: r.n_rows,
        "fidelity": lambda r: r.fidelity.value,
        "accuracy": lambda r: r.accuracy.value,
        "lift": lambda r: r.lift,
        "recall": lambda r: r.recall,
        "confidence": lambda r: r.confidence,
        "probability": lambda r: r.probability,
        "disagreements": lambda r: r.n_disagree,
    }
    for by, key in keys.items():
        for ascending in (None, True, False):
            ordered = rules.sort(by, ascending=ascending)
            values = [key(rule) for rule in ordered]
            assert values == sorted(values, reverse=not ascending)
            assert {id(rule) for rule in ordered} == {id(rule) for rule in rules}
    ordered = rules.sort("prediction")
    assert [r.prediction for r in ordered] == sorted(r.prediction for r in rules)
    for before, after in zip(ordered, list(ordered)[1:], strict=False):
        if before.prediction == after.prediction:
            assert before.probability >= after.probability
    assert str(ordered.sort("number")) == str(rules)
    lengths = [len(rule.conditions) for rule in rules.sort("conditions")]
    assert lengths == sorted(lengths)
    from_left = [f"(rule {rule.number}:" for rule in rules.sort("tree")]
    told = rules.outline()
    assert [told.index(one) for one in from_left] == sorted(map(told.index, from_left))


def test_what_is_unknown_comes_last(iris: Any) -> None:
    model, X, y = iris
    here = y == "setosa"
    rules = extract_rules(model, X[here], y[here])
    for ascending in (True, False):
        known = [
            r.fidelity is not None for r in rules.sort("fidelity", ascending=ascending)
        ]
        assert known == sorted(known, reverse=True)
        assert not all(known)
    with pytest.raises(InputError, match=r"'by' parameter of RuleSet\.sort"):
        rules.sort("beauty")
    with pytest.raises(InputError, match=r"'ascending' parameter of RuleSet\.sort"):
        rules.sort(ascending="yes")  # type: ignore[arg-type]


def test_rules_are_chosen(iris: Any) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)

    def numbers(**how: Any) -> list[int]:
        return [rule.number for rule in rules.filter(**how)]

    def expected(holds: Any) -> list[int]:
        return [rule.number for rule in rules if holds(rule)]

    assert numbers() == [1, 2, 3, 4, 5]
    assert numbers(text="WIDTH") == expected(lambda r: "width" in r.condition_text)
    assert numbers(text="setosa") == expected(lambda r: r.prediction == "setosa")
    assert numbers(text="(cm") == [1, 2, 3, 4, 5]  # no pattern, but a text
    width = "petal width (cm)"
    assert numbers(features=[width]) == expected(lambda r: width in r.condition_text)
    assert numbers(predictions=["setosa", "virginica"]) == expected(
        lambda r: r.prediction != "versicolor"
    )
    assert numbers(min_coverage=0.2) == expected(lambda r: r.coverage >= 0.2)
    assert numbers(min_rows=10) == expected(lambda r: r.n_rows >= 10)
    assert numbers(min_fidelity=0.9) == expected(lambda r: r.fidelity.value >= 0.9)
    assert numbers(min_accuracy=0.9) == expected(lambda r: r.accuracy.value >= 0.9)
    lowest = min(rule.fidelity.value for rule in rules)
    assert 0 < len(numbers(min_fidelity=lowest + 1e-6)) < 5
    none = rules.filter("no such text")
    assert len(none) == 0
    assert str(none) == ""
    assert len(none.to_frame()) == len(none.to_text()) == 0
    assert none.outline() == "75 rows"
    assert "<table" in none.to_html("decisions")
    assert (none.apply(X) == -1).all()
    with pytest.raises(InputError, match="There is no column 'petal len"):
        rules.filter(features=["petal len (cm)"])


def test_a_chosen_set_covers_what_its_rules_cover(iris: Any) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)
    some = rules.filter(predictions=["setosa"])
    covered = some.apply(X) >= 0
    np.testing.assert_array_equal(covered, model.predict(X) == "setosa")


# --- shown


def test_a_sentence_is_for_people(iris: Any) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)
    for rule, sentence in zip(rules, rules.sentences, strict=True):
        assert sentence == (
            f"IF {rule.condition_text} THEN {rule.prediction} (teacher agrees "
            f"{rule.fidelity.value:.0%}, covers {rule.coverage:.0%} = {rule.n_rows} "
            "rows)"
        )


def test_the_decision_table_holds_each_condition(iris: Any) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)
    table = rules.decision_table()
    assert table.attrs["hit_policy"] == "unique"
    assert list(table.columns[[0, -2, -1]]) == ["#", "THEN", "covers"]
    for rule, (_, row) in zip(rules, table.iterrows(), strict=True):
        said = {c.feature.name: c.cell for c in rule.conditions}
        assert {n: c for n, c in row.iloc[1:-2].items() if c != "-"} == said
        assert row["THEN"] == rule.prediction
    both = Schema((Feature("THEN"), Feature("#")))
    clash = extract_rules(new_tree((0, 0.5, True, (1, 0.5, True, 0, 1), 2), both))
    assert list(clash.decision_table().columns) == [
        "#_",
        "THEN",
        "#",
        "THEN_",
        "covers",
    ]


def test_the_table_for_reading_has_no_empty_column(iris: Any) -> None:
    model, X, y = iris
    assert list(extract_rules(model).to_text().columns) == [
        *("#", "rule", "prediction", "probability", "covers", "rows")
    ]
    full = extract_rules(model, X, y).to_text()
    assert list(full.columns) == [
        *("#", "rule", "prediction", "probability", "covers", "rows", "fidelity"),
        *("disagree", "confidence", "accuracy", "lift", "recall"),
    ]
    assert all(isinstance(cell, str) for cell in full.to_numpy().ravel())


def test_captions_say_what_was_measured(iris: Any) -> None:
    model, X, y = iris
    rules = extract_rules(model, X, y)
    assert "<caption>5 rules, measured on 75 rows</caption>" in rules._repr_html_()
    unique = "exactly one applies to each case (hit policy: unique)"
    assert unique in rules.to_html("decisions")
    assert unique in rules.to_latex("decisions")
    assert "measured on the training rows" in extract_rules(model).to_latex()
    with pytest.raises(InputError, match="'table' parameter of RuleSet"):
        rules.to_markdown("other")


@pytest.mark.parametrize("ending", ["csv", "txt", "md", "tex", "html"])
def test_hostile_names_are_harmless_in_every_file(ending: str, tmp_path: Path) -> None:
    names = (*HOSTILE, "\u202eturned")
    schema = Schema(
        tuple(
            Feature(f"{name}{i}", "categorical", (f"{name}c", "other"))
            for i, name in enumerate(names)
        )
    )
    nested: Any = 0
    for i in range(len(names)):
        nested = (i, {0}, False, nested, i)
    rules = extract_rules(new_tree(nested, schema))
    text = rules.write(tmp_path / f"rules.{ending}").read_text()
    assert "\u202e" not in text
    if ending == "csv":
        table = pd.read_csv(tmp_path / "rules.csv")
        assert len(table) == len(rules)
        assert not table["rule"].str.match(r"[=+\-@\t\r]").any()
    elif ending == "html":
        assert "<img" not in text
        assert "<script" not in text
        assert text.count("<tr>") == len(rules) + 1
    else:
        lines = text.splitlines()
        extra = {"txt": 0, "md": 2}.get(ending)
        if extra is not None:
            assert len(lines) == len(rules) + extra
    if ending == "md":
        shown = MarkdownIt("gfm-like", {"linkify": False}).render(text)
        tags = set(re.findall(r"<(\w+)", shown))
        assert tags == {"table", "thead", "tbody", "tr", "th", "td"}


@settings(max_examples=60)
@given(TREES)
def test_a_rule_in_sql_selects_the_rows_of_its_leaf(tree: Tree) -> None:
    rows = frame_of(hard_rows(tree))
    always = [feature.name for feature in SCHEMA.features if not feature.has_missing]
    rows = rows.dropna(subset=always, ignore_index=True)
    rules = extract_rules(tree)
    covered = rules.apply(rows)
    with contextlib.closing(sqlite3.connect(":memory:")) as base:
        texts = rows.astype(object).where(rows.notna(), None)
        texts.to_sql("rows", base, index_label="number of row")
        for i, rule in enumerate(rules):
            where = conditions_sql(rule.conditions)
            query = f'SELECT "number of row" FROM rows WHERE {where}'
            selected = [number for (number,) in base.execute(query)]
            assert selected == np.flatnonzero(covered == i).tolist(), where


def test_conditions_in_sql_for_every_dialect() -> None:
    name = Feature('a "b"', "categorical", ("it's", "x"), has_missing=True)
    only, none = (Condition(name, 0, categories=(), missing=m) for m in (True, False))
    assert conditions_sql([only]) == '"a ""b""" IS NULL'
    assert conditions_sql([none]) == "1 = 0"
    assert conditions_sql([]) == "1 = 1"
    known = Condition(name, 0, categories=(0, 1), missing=False)
    assert conditions_sql([known]) == '"a ""b""" IS NOT NULL'
    flag = Condition(Feature("on", "categorical", (False, True)), 0, categories=(1,))
    assert conditions_sql([flag], dialect="sqlite") == '"on" IN (1)'
    assert conditions_sql([flag], dialect="duckdb") == '"on" IN (TRUE)'
    with pytest.raises(InputError, match="dialect"):
        conditions_sql([flag], dialect="oracle")
