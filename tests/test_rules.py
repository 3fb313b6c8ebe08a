import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from interpretkd._validation import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.intervals import wilson_interval
from interpretkd.nodes import ALL_NUMBERS, Nodes
from interpretkd.rules import (
    Condition,
    RuleSet,
    extract_rules,
    node_test,
    path_conditions,
)
from interpretkd.schema import Codes, Feature, Schema
from interpretkd.students import CartStudent, LinearStudent
from interpretkd.trees import Tree

nan = np.nan
FLOAT32 = np.float32

SCHEMA = Schema(
    (
        Feature("age", has_missing=True),
        Feature("dose"),
        Feature("purpose", "categorical", ("car (new)", "radio", "trip"), True),
        Feature("sex", "categorical", ("f", "m")),
        Feature("home", "categorical", ("own", "rent", "free", "boat")),
    )
)
AGE, DOSE, PURPOSE, SEX, HOME = range(5)

WIDE = st.floats(-(2.0**127), 2.0**127, width=32)
Test = tuple[int, Any, bool, Any, Any]
"""Feature, threshold or left set, whether missing goes left, left and right."""


def _tree(root: Any, schema: Schema = SCHEMA, outputs: int = 1) -> Tree:
    """Build a tree of nested tests; anything that is no tuple is a leaf."""
    rows: list[list[Any]] = []
    sets: list[bool] = []

    def add(node: Any) -> int:
        own = len(rows)
        rows.append([-1, 0.0, False, -1, -1])
        if isinstance(node, tuple):
            feature, test, missing_left, left, right = node
            categories = schema.features[feature].categories
            if categories:
                sets.extend(i in test for i in range(len(categories)))
            threshold = 0.0 if categories else test
            below = add(left)
            rows[own] = [feature, threshold, missing_left, below, add(right)]
        return own

    add(root)
    columns = [np.asarray(column) for column in zip(*rows, strict=True)]
    names = ("feature", "threshold", "missing_left", "left", "right")
    arrays = dict(zip(names, columns, strict=True))
    # Sets come in node order, and parents were numbered before their children.
    arrays["left_categories"] = np.asarray(sets, dtype=bool)
    arrays["value"] = np.arange(len(rows) * outputs, dtype=float).reshape(-1, outputs)
    arrays["cover"] = np.ones(len(rows))
    return Tree.from_arrays(schema, arrays)


def _frame(codes: Codes) -> pd.DataFrame:
    """Turn codes into the rows they stand for."""
    columns: dict[str, Any] = {}
    for i, feature in enumerate(SCHEMA.features):
        cells: list[Any] = codes[:, i].tolist()
        if feature.is_categorical:
            cells = [None if c != c else feature.categories[int(c)] for c in cells]
            columns[feature.name] = pd.Series(cells, dtype=object)
        else:
            columns[feature.name] = np.asarray(cells, dtype=FLOAT32)
    return pd.DataFrame(columns)


def _hard_rows(tree: Tree, n_rows: int = 300) -> Codes:
    """Draw rows from thresholds, the ulps beside them, all categories, and NaN."""
    rng = np.random.default_rng(0)
    codes = np.empty((n_rows, len(SCHEMA)), dtype=FLOAT32)
    for i, feature in enumerate(SCHEMA.features):
        if feature.is_categorical:
            values = np.arange(len(feature.categories), dtype=FLOAT32)
        else:
            asked = tree.nodes.threshold[tree.nodes.feature == i]
            ends = [FLOAT32(-ALL_NUMBERS), FLOAT32(ALL_NUMBERS)]
            near = [np.nextafter(asked, end) for end in ends]
            values = np.concatenate([asked, *near, FLOAT32([0, 1e9, *ends])])
        codes[:, i] = rng.choice(np.append(values, FLOAT32(nan)), n_rows)
    return codes


def _check(tree: Tree, codes: Codes) -> None:
    """Check that of all rules exactly the one of the row's leaf covers it."""
    rules = extract_rules(tree)
    assert sorted(rule.leaf for rule in rules) == (
        np.flatnonzero(tree.nodes.is_leaf).tolist()
    )
    rows = _frame(codes)
    np.testing.assert_array_equal(SCHEMA.encode(rows), codes)
    leaves = np.asarray([rule.leaf for rule in rules])
    np.testing.assert_array_equal(leaves[rules.apply(rows)], tree.apply(rows))
    covered = np.zeros(len(codes), dtype=int)
    for rule in rules:
        holds = [condition.holds(codes) for condition in rule.conditions]
        covered += np.all(np.reshape(holds, (-1, len(codes))), axis=0)
    np.testing.assert_array_equal(covered, 1)


@st.composite
def _tests(draw: st.DrawFn, children: st.SearchStrategy[Any]) -> Test:
    position = draw(st.integers(0, len(SCHEMA) - 1))
    feature = SCHEMA.features[position]
    test: Any
    if feature.is_categorical:
        every = list(range(len(feature.categories)))
        test = draw(st.sets(st.sampled_from(every)))
        if not feature.has_missing:  # a test that all training rows pass is not grown
            test = test if 0 < len(test) < len(every) else {0}
    else:
        test = draw(
            st.sampled_from([-1.5, 0.0, 0.1, 30.0, 47.3])
            | WIDE
            | (st.just(ALL_NUMBERS) if feature.has_missing else st.just(1.0))
        )
    return position, test, draw(st.booleans()), draw(children), draw(children)


TREES = st.recursive(st.just(None), _tests, max_leaves=12).map(_tree)


@settings(max_examples=150)
@given(TREES)
def test_each_row_is_covered_by_the_rule_of_its_leaf(tree: Tree) -> None:
    _check(tree, _hard_rows(tree))


@settings(max_examples=60)
@given(TREES)
def test_every_node_is_reached_under_its_conditions(tree: Tree) -> None:
    codes = _hard_rows(tree)
    leaves = tree.nodes.apply(codes)
    for node, conditions in path_conditions(tree.nodes).items():
        holds = np.ones(len(codes), dtype=bool)
        for condition in conditions:
            holds &= condition.holds(codes)
        below = _below(tree, node)
        np.testing.assert_array_equal(holds, np.isin(leaves, below))


def _below(tree: Tree, node: int) -> list[int]:
    if tree.nodes.is_leaf[node]:
        return [node]
    left, right = int(tree.nodes.left[node]), int(tree.nodes.right[node])
    return _below(tree, left) + _below(tree, right)


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
    rows = _frame(codes)
    y = np.nan_to_num(codes, nan=3).astype(float) @ [0.1, 1, 1, 2, -1]
    student = CartStudent(max_leaves, min_samples_leaf=2).fit(
        SCHEMA.conform(rows), y + rng.normal(size=500)
    )
    assert student.schema_ == SCHEMA
    _check(student.tree_, np.concatenate([codes, _hard_rows(student.tree_, 2000)]))


# --- texts


ALL = (0, 1, 2)


def _text(feature: int, **how: Any) -> str:
    return str(Condition(SCHEMA.features[feature], feature, **how))


@pytest.mark.parametrize(
    ("feature", "how", "text"),
    [
        (AGE, {"high": 30.0, "missing": False}, "age <= 30"),
        (AGE, {"high": 30.0, "missing": True}, "age <= 30 or missing"),
        (AGE, {"low": 25.5, "missing": False}, "age > 25.5"),
        (AGE, {"low": 25.0, "high": 30.0, "missing": False}, "25 < age <= 30"),
        (AGE, {"low": -2.0, "high": 0.25}, "-2 < age <= 0.25 or missing"),
        (AGE, {"values": False}, "age is missing"),
        (AGE, {"missing": False}, "age is not missing"),
        (DOSE, {"high": 1.0, "missing": True}, "dose <= 1"),  # it is never missing
        (PURPOSE, {"categories": (0,), "missing": False}, "purpose is car (new)"),
        (PURPOSE, {"categories": (0,)}, "purpose is car (new) or missing"),
        (PURPOSE, {"categories": (1, 2), "missing": False}, "purpose is not car (new)"),
        (PURPOSE, {"categories": ()}, "purpose is missing"),
        (
            PURPOSE,
            {"categories": (0, 1, 2), "missing": False},
            "purpose is not missing",
        ),
        (SEX, {"categories": (1,)}, "sex is m"),
        (HOME, {"categories": (0, 3)}, "home is in {own, boat}"),
        (HOME, {"categories": (0, 1, 3)}, "home is not free"),
    ],
)
def test_conditions_in_words(feature: int, how: dict[str, Any], text: str) -> None:
    assert _text(feature, **how) == text


def test_many_categories_are_told_by_the_shorter_list() -> None:
    five = Feature("c", "categorical", tuple("abcde"))
    assert str(Condition(five, 0, categories=(0, 1, 2))) == "c is not in {d, e}"
    assert str(Condition(five, 0, categories=(3, 4))) == "c is in {d, e}"


def test_categories_that_are_no_text_are_told() -> None:
    flag = Feature("smoker", "categorical", (False, True))
    assert str(Condition(flag, 0, categories=(1,))) == "smoker is True"


@pytest.mark.parametrize(
    ("how", "nothing"),
    [
        ({"missing": True}, True),
        ({"missing": False}, False),
        ({"high": 1.0}, False),
        ({"low": 1.0}, False),
        ({"values": False}, False),
    ],
)
def test_what_says_nothing(how: dict[str, Any], nothing: bool) -> None:
    assert Condition(SCHEMA.features[AGE], AGE, **how).says_nothing is nothing


def test_what_says_nothing_of_categories() -> None:
    purpose = SCHEMA.features[PURPOSE]
    whole = Condition(purpose, PURPOSE, categories=(0, 1, 2))
    assert whole.says_nothing
    assert not replace(whole, missing=False).says_nothing
    assert not replace(whole, categories=(0, 1)).says_nothing


@given(WIDE)
def test_printed_thresholds_are_the_same_float32(value: float) -> None:
    for how in ({"high": value}, {"low": value}):
        text = _text(DOSE, **how)
        printed = text.split()[-1]
        assert FLOAT32(float(printed)) == FLOAT32(value)
        assert "e" not in printed  # no exponent: not all readers know it
    both = _text(DOSE, low=value, high=ALL_NUMBERS)
    assert FLOAT32(float(both.split(" < ")[0])) == FLOAT32(value)


def test_tests_of_one_feature_are_joined() -> None:
    inner = (AGE, 25.0, False, "young", (DOSE, 0.5, False, "b", "c"))
    rules = extract_rules(_tree((AGE, 30.0, True, inner, "old")))
    assert [rule.condition_text for rule in rules] == [
        "age <= 25",
        "25 < age <= 30 or missing AND dose <= 0.5",
        "25 < age <= 30 or missing AND dose > 0.5",
        "age > 30",
    ]


def test_categories_of_one_feature_are_joined() -> None:
    inner = (PURPOSE, {0, 2}, False, "a", "b")
    rules = extract_rules(_tree((PURPOSE, {0, 1}, True, inner, "c")))
    assert [rule.condition_text for rule in rules] == [
        "purpose is car (new)",
        "purpose is radio or missing",
        "purpose is trip",
    ]


def test_missing_alone_can_be_the_test() -> None:
    number = extract_rules(_tree((AGE, ALL_NUMBERS, False, "known", "gap")))
    assert [r.condition_text for r in number] == [
        "age is not missing",
        "age is missing",
    ]
    category = extract_rules(_tree((PURPOSE, {0, 1, 2}, False, "known", "gap")))
    assert [r.condition_text for r in category] == [
        "purpose is not missing",
        "purpose is missing",
    ]


def test_a_tree_of_one_leaf_has_one_rule() -> None:
    rules = extract_rules(_tree("all"))
    assert len(rules) == 1
    assert rules[0].condition_text == "always"
    assert str(rules) == "1. IF always THEN 0 (covers 100.0% = 1 rows)"
    np.testing.assert_array_equal(rules.apply(_frame(_hard_rows(rules.tree, 9))), 0)


def test_node_test_is_the_condition_to_go_left() -> None:
    tree = _tree((AGE, 30.0, True, (HOME, {1, 2}, False, 0, 1), 2))
    assert str(node_test(tree.nodes, 0)) == "age <= 30 or missing"
    assert str(node_test(tree.nodes, 1)) == "home is in {rent, free}"


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
    rules = extract_rules(_tree((DOSE, 1.0, True, (DOSE, 0.0, True, 0, 1), 2)))
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
        r"1\. IF .+ THEN \d+(\.\d+)? \(covers \d+\.\d% = \d+ rows\)",
        str(extract_rules(student)).splitlines()[0],
    )


@pytest.mark.parametrize("model", [LinearStudent(), LogisticRegression(), None, 3])
def test_what_has_no_tree_is_refused(model: Any) -> None:
    with pytest.raises(InputError) as caught:
        extract_rules(model)
    assert str(caught.value) == (
        f"Rules are read from trees; {type(model).__name__} has none. Use a "
        "CartStudent."
    )


def test_a_fitted_student_without_a_tree_is_refused() -> None:
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(InputError, match="LinearStudent has none"):
        extract_rules(LinearStudent().fit(X, y))


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
        *("rule", "prediction", "probability", "coverage", "n_rows"),
        *("fidelity", "fidelity_low", "fidelity_high"),
        *("accuracy", "accuracy_low", "accuracy_high"),
        *("n_conditions", "leaf"),
    ]
    assert table["rule"].tolist() == [rule.condition_text for rule in rules]
    assert table["leaf"].tolist() == [rule.leaf for rule in rules]
    assert table["n_conditions"].tolist() == [len(rule.conditions) for rule in rules]
    known = [rule.fidelity for rule in rules if rule.fidelity is not None]
    assert table["fidelity"].dropna().tolist() == [one.value for one in known]
    assert table["fidelity_low"].dropna().tolist() == [one.low for one in known]
    plain = extract_rules(model.tree_).to_frame()
    assert list(plain.columns) == [
        *("rule", "prediction", "coverage", "n_rows", "n_conditions", "leaf")
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
    tree = _tree((0, {0}, False, (1, 0.5, True, 0, 1), (0, {1}, False, 2, 3)), schema)
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
        extract_rules(_tree(0)).write(tmp_path / "rules.json")
    assert str(caught.value) == (
        "Rules are written to a .csv or .txt file. Got 'rules.json'."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_forests_trees_can_be_read_one_by_one() -> None:
    stump = _tree((DOSE, 0.5, True, 0, 1))
    nodes = stump.nodes
    assert isinstance(nodes, Nodes)
    conditions = path_conditions(nodes)
    assert {node: list(map(str, said)) for node, said in conditions.items()} == {
        0: [],
        1: ["dose <= 0.5"],
        2: ["dose > 0.5"],
    }
