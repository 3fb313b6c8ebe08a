"""Summaries of boosted trees: exact where they can be, honest where they cannot."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LogisticRegression, Ridge

from interpretkd._base import InputError
from interpretkd.distillation import DistilledClassifier, DistilledRegressor
from interpretkd.explain import shape_effects
from interpretkd.rules import extract_rules
from interpretkd.students import BoostedStudent, CartStudent
from interpretkd.targets import centred_logits

HOSTILE = '<img src=x onerror=alert(1)>"\n|=1+1'


@pytest.fixture(scope="module")
def iris() -> Any:
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.asarray(["setosa", "versi\ncolor", "<b>virginica"])
    return X, names[y]


def distilled(X: Any, y: Any, student: Any, target: str = "soft", **kw: Any) -> Any:
    teacher = FrozenEstimator(LogisticRegression(max_iter=2000).fit(X, y))
    model = DistilledClassifier(teacher, student, target=target, random_state=0, **kw)
    return model.fit(X)


@pytest.mark.parametrize("target", ["soft", "logits"])
def test_intercept_mains_and_pairs_are_the_logits(iris: Any, target: str) -> None:
    X, y = iris
    student = BoostedStudent(30, max_depth=2)
    model = distilled(X, y, student, target, temperature=1 + (target == "soft"))
    effects = shape_effects(model, X, n_pairs=None)
    expected = centred_logits(model.logits(X))
    np.testing.assert_allclose(effects.margins(X), expected, atol=1e-9)
    assert effects.shares.rest == pytest.approx(0, abs=1e-9)
    assert effects.outputs.names == tuple(model.classes_)
    assert effects.outputs.unit == "logit"


def test_two_classes_have_one_logit() -> None:
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X = X / X.max()
    model = distilled(X, y, BoostedStudent(20, max_depth=2), temperature=3.0)
    effects = shape_effects(model, X, n_pairs=None)
    logits = model.logits(X)
    assert effects.outputs.names == ("1",)
    np.testing.assert_allclose(
        effects.margins(X)[:, 0], logits[:, 1] - logits[:, 0], atol=1e-9
    )


def test_labels_and_probabilities_are_added_up_as_they_are() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    y = (X[:, :3] + X[:, 1:] > 0).astype(int)
    teacher = FrozenEstimator(RandomForestClassifier(20, random_state=0).fit(X, y))
    student = BoostedStudent(10, max_depth=2, loss="sigmoid")
    model = DistilledClassifier(teacher, student, target="soft", random_state=0)
    effects = shape_effects(model.fit(X), X, n_pairs=None)
    np.testing.assert_allclose(effects.margins(X), model.logits(X), atol=1e-9)
    assert effects.outputs.unit == "logit"
    student = BoostedStudent(10, max_depth=2, loss="squared_error")
    model = DistilledClassifier(teacher, student, target="hard", random_state=0)
    effects = shape_effects(model.fit(X), X, n_pairs=None)
    temperature = model.reading_.temperature  # chosen for its probabilities
    assert effects.outputs.unit == f"probability at temperature {temperature:.3g}"
    np.testing.assert_allclose(effects.margins(X), model.student_.predict(X), atol=1e-9)


def test_a_regression_is_explained_in_its_values() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    teacher = FrozenEstimator(Ridge().fit(X, y))
    model = DistilledRegressor(teacher, BoostedStudent(max_leaves=32), random_state=0)
    effects = shape_effects(model.fit(X, y), X, n_pairs=None)
    assert effects.outputs.unit == "value"
    shares = effects.shares
    assert shares.mains + shares.pairs + shares.rest == pytest.approx(1)
    residual = model.predict(X) - effects.margins(X)[:, 0]
    assert shares.rest == pytest.approx(residual.var() / model.predict(X).var())
    assert "the value" in str(effects)


def test_main_effects_are_partial_dependence_where_trees_ask_for_two(gaps: Any) -> None:
    X = gaps[["age_in_years", "duration_in_month", "credit_amount"]]
    X = X.fillna(33.0).astype(float)
    y = X["duration_in_month"] * (X["age_in_years"] > 30) + X["credit_amount"] / 100
    student = BoostedStudent(25, max_depth=2).fit(X, y)
    effects = shape_effects(student, X)
    for name in X.columns:
        frame = effects.to_frame(name)
        grid = np.append(frame["high"].to_numpy()[:-1], 1e6)
        known = partial_dependence(
            student, X, [name], custom_values={name: grid}, kind="average"
        )
        average = known["average"][0]
        centred = average - np.average(average, weights=frame["n_rows"])
        np.testing.assert_allclose(frame["effect"], centred, atol=1e-6)


def test_what_is_not_additive_is_said() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, size=(400, 3)).astype(float)
    balanced = X * 2 - 1
    alone = BoostedStudent(200, max_depth=1).fit(X, balanced[:, 0])
    shares = shape_effects(alone, X).shares
    assert shares.mains == pytest.approx(1)
    two = BoostedStudent(60, max_depth=3).fit(X, balanced[:, 0] * balanced[:, 1])
    effects = shape_effects(two, X)
    assert effects.shares.pairs > 0.9
    first = effects.pairs().iloc[0]
    assert (first["first"], first["second"]) == ("x0", "x1")
    assert first["h"] > 0.9
    three = BoostedStudent(60, max_depth=4).fit(X, balanced.prod(axis=1))
    assert shape_effects(three, X).shares.rest > 0.8


def test_the_table_of_values_counts_all_rows(gaps: Any) -> None:
    X = gaps[["age_in_years", "purpose", "duration_in_month"]]
    y = X["age_in_years"].fillna(90) + 30.0 * (X["purpose"] == "radio/television")
    effects = shape_effects(BoostedStudent(40, max_depth=3).fit(X, y), X)
    frame = effects.to_frame()
    counts = frame.groupby("feature")["n_rows"].sum()
    assert (counts == len(X)).all()
    age = effects.to_frame("age_in_years")
    assert age["missing"].tolist() == [False] * (len(age) - 1) + [True]
    assert age["n_rows"].iloc[-1] == X["age_in_years"].isna().sum()
    assert (age["high"].iloc[:-2].to_numpy() == age["low"].iloc[1:-1]).all()
    assert age["category"].isna().all()
    purpose = effects.to_frame("purpose")
    assert purpose["category"].tolist()[:-1] == sorted(X["purpose"].dropna().unique())
    assert purpose["missing"].iloc[-1]
    weighted = frame["effect"] * frame["n_rows"]
    assert np.allclose(weighted.groupby(frame["feature"]).sum(), 0, atol=1e-6)
    strongest = effects.importances()
    assert effects.features[0] == strongest["feature"][0] == "age_in_years"
    assert strongest["strength"].is_monotonic_decreasing
    assert "no duration" not in str(effects)


def test_rules_add_up_to_the_trees(gaps: Any) -> None:
    X = gaps[["age_in_years", "purpose", "duration_in_month"]]
    y = X["age_in_years"].fillna(90) * (X["purpose"] == "business")
    student = BoostedStudent(25, max_depth=3).fit(X, y)
    codes = student.schema_.encode(X)
    effects = shape_effects(student, X, n_rules=10_000)
    total = np.zeros(len(X))
    for rule in effects.rules:
        holds = np.all([c.holds(codes) for c in rule.conditions], axis=0)
        assert rule.n_rows == holds.sum()
        assert rule.coverage == pytest.approx(holds.mean())
        total += rule.value * holds
    said = student.predict(X)
    np.testing.assert_allclose(total, said - said.mean(), atol=1e-4)
    texts = [rule.condition_text for rule in effects.rules]
    assert len(set(texts)) == len(texts)
    assert max(rule.n_trees for rule in effects.rules) > 1
    assert sum(rule.n_trees for rule in effects.rules) == student.forest_.n_leaves
    table = effects.top_rules(5)
    assert len(table) == 5
    assert table["contribution"].is_monotonic_decreasing


def test_each_tree_is_a_set_of_rules(iris: Any) -> None:
    X, y = iris
    forest = distilled(X, y, BoostedStudent(5, max_depth=3)).forest_
    margins = np.tile(forest.base, (len(X), 1))
    for i in range(forest.n_trees):
        tree = forest.tree(i)
        assert len(extract_rules(tree)) == tree.n_leaves
        margins[:, forest.column[i]] += tree.predict(X)[:, 0]
    np.testing.assert_allclose(margins, forest.margins(X))


def test_a_pair_can_be_asked_for_in_either_order(iris: Any) -> None:
    X, y = iris
    effects = shape_effects(distilled(X, y, BoostedStudent(20, max_depth=2)), X)
    first, second = effects.pairs().iloc[0][["first", "second"]]
    one, two = effects.pair(first, second), effects.pair(second, first)
    turned = two.rename(columns={"first": "second", "second": "first"})
    pd.testing.assert_frame_equal(
        one.sort_values(["first", "second"], ignore_index=True),
        turned[one.columns].sort_values(["first", "second"], ignore_index=True),
    )
    few = shape_effects(distilled(X, y, BoostedStudent(20, max_depth=2)), X, n_pairs=1)
    assert list(few.tables) == list(effects.tables)[:1]
    pd.testing.assert_frame_equal(few.pairs(), effects.pairs())


def test_hostile_names_stay_text(iris: Any) -> None:
    X, _ = iris
    frame = X.set_axis([HOSTILE, "effect", "]]></script>", "a" * 200], axis=1)
    frame["%_#$\\"] = pd.Categorical.from_codes(
        np.arange(150) % 2, [HOSTILE, "\u202eمرحبا 😀"]
    )
    student = BoostedStudent(20, max_depth=2)
    Y = np.eye(3)[load_iris(return_X_y=True)[1]] + (np.arange(150) % 2)[:, None]
    effects = shape_effects(student.fit(frame, Y), frame)
    html = effects._repr_html_()
    for text in ("<img", "</script>", "\u202e"):
        assert text not in html
    assert html.count("<table") == 3
    lines = str(effects).splitlines()
    assert all(line.isprintable() for line in lines)
    n_listed = [min(len(effects.mains), 10), min(len(effects.strengths), 10), 10]
    assert (
        len([line for line in lines if line.startswith("  ")])
        == sum(n_listed) + (len(effects.strengths) > 10) + 1
    )
    assert "effect on output 0" in effects.to_frame("effect")


def test_a_student_that_says_the_same_to_all_is_summarised() -> None:
    X = np.arange(20.0)[:, None]
    student = BoostedStudent(3, max_depth=2, min_child_weight=1e9).fit(X, X[:, 0])
    effects = shape_effects(student, X)
    assert effects.rules == ()
    assert effects.shares.mains == 1
    assert len(effects.importances()) == len(effects.pairs()) == 0
    assert "explained" in str(effects)
    assert effects._repr_html_().count("<table") == 1
    assert len(effects.to_frame()) == 0
    np.testing.assert_allclose(effects.margins(X)[:, 0], student.predict(X))


def test_what_cannot_be_used_is_refused(iris: Any) -> None:
    X, y = iris
    model = distilled(X, y, BoostedStudent(3, max_depth=2))
    with pytest.raises(InputError, match=r"BoostedStudent.*Got CartStudent"):
        shape_effects(distilled(X, y, CartStudent(3, search="greedy")), X)
    with pytest.raises(InputError, match="at least one row"):
        shape_effects(model, X.iloc[:0])
    with pytest.raises(InputError, match="'n_pairs' parameter of shape_effects"):
        shape_effects(model, X, n_pairs=-1)
    with pytest.raises(InputError, match="'n_rules' parameter of shape_effects"):
        shape_effects(model, X, n_rules=-1)
    effects = shape_effects(model, X, n_pairs=0)
    with pytest.raises(InputError, match="No tree asks for a feature 'nose'"):
        effects.to_frame("nose")
    with pytest.raises(InputError, match="was not kept"):
        effects.pair(*effects.pairs().iloc[0][["first", "second"]])
