"""Boosting within a budget of leaves."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeRegressor

from interpretkd._base import InputError
from interpretkd.data import Encoded, Schema
from interpretkd.distillation import DistilledClassifier
from interpretkd.models import Forest
from interpretkd.runs import load_run, save
from interpretkd.students import TREE_LEAVES, BoostedStudent, CartStudent
from interpretkd.students._boosted.leaf_budget import _boost_within
from interpretkd.targets import apply_link, decide, soft_targets

Array = NDArray[np.float64]

DIABETES, _ = load_diabetes(return_X_y=True)
PROGRESS = load_diabetes().target
LINKS = ("identity", "softmax", "sigmoid")


def _mixed(seed: int, n_rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 10, n_rows).round()
    age[rng.random(n_rows) < 0.1] = np.nan
    home = rng.choice(["own", "rent", "free", "boat"], n_rows).astype(object)
    home[rng.random(n_rows) < 0.1] = None
    return pd.DataFrame({"age": age, "home": home, "debt": rng.exponential(9, n_rows)})


def _targets(rows: pd.DataFrame, n_outputs: int, link: str) -> Array:
    parts = [rows["age"].fillna(0) / 20, rows["home"] == "own", rows["debt"] > 9]
    raw = np.column_stack([2.0 * part - 1 for part in parts])[:, :n_outputs]
    if link == "softmax":
        return softmax(raw, axis=1)
    return apply_link(raw, link)


def _leaves(forest: Forest, codes: Any) -> list[Any]:
    return [forest.nodes.apply(codes, tree) for tree in range(forest.n_trees)]


def _within(X: Any, targets: Array, weight: Any = None, **settings: Any) -> Any:
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    return *_boost_within(Encoded(schema, codes), targets, weight, **settings), codes


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    n_rows=st.integers(2, 90),
    max_leaves=st.integers(2, 40),
    n_outputs=st.integers(1, 3),
    link=st.sampled_from(LINKS),
    watched=st.booleans(),
)
def test_the_budget_is_kept(
    seed: int, n_rows: int, max_leaves: int, n_outputs: int, link: str, watched: bool
) -> None:
    rows = _mixed(seed, n_rows)
    n_outputs = max(n_outputs, 2) if link == "softmax" else n_outputs
    targets = _targets(rows, n_outputs, link)
    schema = Schema.from_data(rows)
    codes = schema.encode(rows)

    def score(outputs: Array) -> float:
        return -float(((outputs - targets) ** 2).mean())

    forest, search = _boost_within(
        Encoded(schema, codes),
        targets,
        max_leaves=max_leaves,
        link=link,
        watch=(codes, score) if watched else None,
    )
    assert 1 <= forest.n_leaves <= max_leaves
    assert all(trial.n_leaves <= trial.max_leaves for trial in search.trials)
    assert all(t.tree_leaves <= max_leaves for t in search.trials)
    assert search.best.score == max(trial.score for trial in search.trials)
    for tree in range(forest.n_trees):
        assert forest.tree(tree).n_leaves <= search.best.tree_leaves
    predicted = forest.predict(rows)
    assert predicted.shape == targets.shape
    assert np.isfinite(predicted).all()
    if link == "softmax":
        np.testing.assert_allclose(predicted.sum(axis=1), 1)
    if watched:
        assert score(predicted) == search.best.score


@pytest.mark.parametrize("max_leaves", [2, 3, 16, 17, 50])
def test_at_most_one_leaf_of_the_budget_is_left(max_leaves: int) -> None:
    y = PROGRESS[:, None]

    def score(outputs: Array) -> float:
        return -float(((outputs - y) ** 2).mean())

    schema = Schema.from_data(DIABETES)
    codes = schema.encode(DIABETES)
    forest, search = _boost_within(
        Encoded(schema, codes), y, max_leaves=max_leaves, watch=(codes, score)
    )
    assert search.best.max_leaves == max_leaves
    assert max_leaves - 1 <= forest.n_leaves <= max_leaves


def test_the_first_stump_is_carts() -> None:
    X, y = DIABETES.astype(np.float32), PROGRESS
    forest, _, _ = _within(X, y[:, None], max_leaves=2)
    cart = DecisionTreeRegressor(max_depth=1).fit(X, y)
    assert forest.nodes.feature[0] == cart.tree_.feature[0]
    sides = np.where(X[:, cart.tree_.feature[0]] <= cart.tree_.threshold[0], 1, 2)
    np.testing.assert_array_equal(forest.nodes.apply(X), sides)


def test_all_leaves_together_are_the_ridge_solution() -> None:
    X, y = DIABETES.astype(np.float32), PROGRESS
    weight = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    forest, _, codes = _within(X, y[:, None], weight, max_leaves=24)
    members = np.concatenate(
        [np.eye(len(forest.value))[leaf][None] for leaf in _leaves(forest, codes)]
    ).sum(axis=0)
    used = forest.nodes.is_leaf
    A = members[:, used]
    np.testing.assert_allclose(forest.base, np.average(y, weights=weight))
    left = A.T @ (A * weight[:, None]) + np.eye(A.shape[1])
    exact = np.linalg.solve(left, A.T @ (weight * (y - forest.base[0])))
    expected = forest.base[0] + A @ exact
    found = forest.predict(DIABETES)[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.01 * expected.std())
    assert forest.cover[0] == pytest.approx(weight.sum())


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_at_the_end_no_leaf_is_pulled_anywhere(link: str) -> None:
    rows = _mixed(3, 400)
    targets = _targets(rows, 3, link)
    forest, _, codes = _within(rows, targets, max_leaves=40, link=link)
    excess = forest.predict(rows) - targets
    for tree, leaf in enumerate(_leaves(forest, codes)):
        pull = np.bincount(leaf, excess[:, forest.column[tree]], len(forest.value))
        own = np.unique(leaf)
        np.testing.assert_allclose(-pull[own], forest.value[own], atol=0.05)


def test_two_classes_take_one_tree_each_time() -> None:
    rows = _mixed(5, 300)
    forest, _, _ = _within(
        rows, _targets(rows, 2, "softmax"), max_leaves=16, link="softmax"
    )
    assert set(forest.column) == {1}


def test_outputs_get_trees_by_need() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    hard = np.sin(3 * X[:, 0]) + np.sign(X[:, 1])
    targets = np.column_stack([hard, 0.05 * (X[:, 2] > 0)])
    forest, search, _ = _within(X, targets, max_leaves=12)
    assert search.best.n_trees == forest.n_trees > 1
    assert (forest.column == 0).all()


def test_categories_are_divided_as_sets() -> None:
    rows = pd.DataFrame({"home": ["own", "rent", "free", "boat"] * 30})
    y = np.isin(rows["home"], ["own", "boat"]).astype(float)
    forest, _, _ = _within(rows, y[:, None], max_leaves=2)
    assert np.abs(forest.predict(rows)[:, 0] - y).max() < 0.02


def test_rows_without_weight_are_as_if_they_were_not_there() -> None:
    X, y = DIABETES, PROGRESS[:, None]
    weight = np.where(np.arange(len(y)) % 3, 1.0, 0.0)
    known = weight > 0
    schema = Schema.from_data(X)
    codes = schema.encode(X)
    with_zeros, _ = _boost_within(Encoded(schema, codes), y, weight, max_leaves=20)
    without, _ = _boost_within(Encoded(schema, codes[known]), y[known], max_leaves=20)
    for name, array in without.to_arrays().items():
        np.testing.assert_array_equal(with_zeros.to_arrays()[name], array)


def test_constant_targets_need_no_tree() -> None:
    student = BoostedStudent(max_leaves=8).fit(DIABETES, np.full(len(PROGRESS), 3.0))
    assert student.forest_.n_leaves == 1
    np.testing.assert_allclose(student.predict(DIABETES), 3)


def test_more_than_is_tried_on_is_fitted_in_the_end() -> None:
    X = np.random.default_rng(0).normal(size=(25_000, 1))
    student = BoostedStudent(max_leaves=4).fit(X, np.sign(X[:, 0]))
    assert student.forest_.cover[0] == 25_000
    assert student.score(X, np.sign(X[:, 0])) > 0.99


def test_watched_rows_can_ask_for_less() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    y = (X[:, 0] > 0) + 2 * rng.normal(size=300)
    truth = (X[150:, 0] > 0).astype(float)

    def score(outputs: Array) -> float:
        assert outputs.shape == (150, 1)
        return -float(((outputs[:, 0] - truth) ** 2).mean())

    student = BoostedStudent(max_leaves=128)
    student.fit(X[:150], y[:150], watch=(X[150:], score))
    assert student.shapes_ is not None
    assert student.forest_.n_leaves == student.shapes_.best.n_leaves <= 32
    assert score(student.predict(X[150:])[:, None]) == student.shapes_.best.score
    table = student.shapes_.to_frame()
    assert table.loc[table["chosen"], "score"].item() == table["score"].max()
    assert set(table["tree_leaves"]) <= set(TREE_LEAVES)
    assert table["tree_leaves"].nunique() >= 3
    assert student.scores_ == []


def test_what_follows_from_the_budget_is_not_read() -> None:
    plain = BoostedStudent(max_leaves=10).fit(DIABETES, PROGRESS)
    other = BoostedStudent(
        1, max_leaves=10, learning_rate=0.01, max_depth=1, patience=1, n_jobs=1
    ).fit(DIABETES, PROGRESS)
    np.testing.assert_array_equal(plain.predict(DIABETES), other.predict(DIABETES))


@pytest.mark.parametrize("settings", [{"subsample": 0.5}, {"column_share": 0.3}])
def test_what_is_drawn_is_seeded(settings: dict[str, float]) -> None:
    student = BoostedStudent(max_leaves=24, random_state=1, **settings)
    first = clone(student).fit(DIABETES, PROGRESS).predict(DIABETES)
    again = clone(student).fit(DIABETES, PROGRESS).predict(DIABETES)
    other = clone(student).set_params(random_state=2).fit(DIABETES, PROGRESS)
    np.testing.assert_array_equal(first, again)
    assert (first != other.predict(DIABETES)).any()


def test_leaves_are_as_large_as_asked() -> None:
    student = BoostedStudent(max_leaves=24, min_child_weight=60)
    forest = student.fit(DIABETES, PROGRESS).forest_
    assert forest.n_trees > 1
    assert forest.cover[forest.nodes.is_leaf].min() >= 60


def test_without_a_budget_nothing_is_searched() -> None:
    student = BoostedStudent(5, max_leaves=8, n_jobs=1).fit(DIABETES, PROGRESS)
    assert student.shapes_ is not None
    student.set_params(max_leaves=None).fit(DIABETES, PROGRESS)
    assert student.shapes_ is None
    assert student.forest_.n_trees == 5


def test_small_boosters_agree_more_than_a_tree_of_as_many_parameters() -> None:
    X, y = load_digits(return_X_y=True)
    teacher = LogisticRegression(max_iter=2000).fit(X[:1200] / 16, y[:1200])
    logits = teacher.decision_function(X / 16)
    targets, decided = soft_targets(logits), decide(logits)
    boosted = BoostedStudent(max_leaves=96).fit(X[:1200], targets[:1200])
    cart = CartStudent(48, search="greedy").fit(X[:1200], targets[:1200])
    assert boosted.forest_.n_parameters < cart.tree_.n_parameters
    agrees = [
        float((decide(student.predict(X[1200:])) == decided[1200:]).mean())
        for student in (boosted, cart)
    ]
    assert agrees[0] > agrees[1] + 0.05


def test_a_distilled_model_comes_back_from_disk(
    german: Any, german_teacher: Any, tmp_path: Any
) -> None:
    split = german.split()
    model = DistilledClassifier(
        FrozenEstimator(german_teacher),
        BoostedStudent(max_leaves=20),
        target="soft",
        random_state=0,
    )
    model.fit(german.data.iloc[split.train], german.target[split.train])
    assert model.forest_.n_leaves <= 20
    X, y = german.data.iloc[split.test], german.target[split.test]
    found = load_run(save(model, tmp_path / "run", X, y)).model
    np.testing.assert_array_equal(found.logits(X), model.logits(X))
    assert found.student_.get_params() == model.student_.get_params()
    assert found.student_.shapes_ is None


@pytest.mark.parametrize("value", [1, 0, 2.5, True, "auto"])
def test_a_budget_must_be_a_number_of_leaves(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        BoostedStudent(max_leaves=value).fit(DIABETES, PROGRESS)
    assert str(caught.value) == (
        "The 'max_leaves' parameter of BoostedStudent must be an int in [2, inf) or "
        f"None. Got {value!r}."
    )
