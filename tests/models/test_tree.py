from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes, load_iris
from sklearn.tree import DecisionTreeRegressor

from interpretkd._base import InputError
from interpretkd.data import Codes, Encoded, Feature, Schema, expand
from interpretkd.models import ALL_NUMBERS, Forest, Nodes, Tree, floor_to_float32
from interpretkd.students import Limits, grow
from interpretkd.students._boosted.rounds import _boost, _fold_tests, _forest

nan = np.nan
Arrays = dict[str, NDArray[Any]]
FLOAT32 = np.float32


def _ulps(values: NDArray[Any]) -> Codes:
    """Return float32 values, and the next below and above each."""
    around = np.unique(np.asarray(values, dtype=FLOAT32))
    with np.errstate(over="ignore"):  # beyond the largest float32
        below, above = (np.nextafter(around, FLOAT32(e)) for e in (-np.inf, np.inf))
    return np.concatenate([below, around, above])


def _adversarial(codes: Codes, thresholds: dict[int, NDArray[Any]]) -> Codes:
    """Put each threshold, an ulp to each side of it, and NaN into real rows."""
    rng = np.random.default_rng(0)
    rows = [codes]
    for column in range(codes.shape[1]):
        hits = np.append(_ulps(thresholds.get(column, np.zeros(1))), FLOAT32(nan))
        changed = codes[rng.integers(len(codes), size=2 * len(hits))]
        changed[:, column] = np.tile(hits, 2)
        rows.append(changed)
    scattered = codes.copy()
    scattered[rng.random(codes.shape) < 0.3] = nan
    return np.concatenate([*rows, scattered])


def _numbers(missing: str) -> Codes:
    """Return rows with many equal values and with neighbouring float32 values."""
    rng = np.random.default_rng(1)
    codes = rng.normal(size=(250, 5)).astype(FLOAT32)
    codes[:, 1] = np.round(codes[:, 1], 1)
    # Three apart: scikit-learn takes next neighbours for equal.
    codes[:, 2] = 1 + 3 * np.finfo(FLOAT32).eps * rng.integers(0, 9, size=250)
    if missing == "some":
        codes[rng.random(250) < 0.3, 0] = nan
        codes[rng.random(250) < 0.1, 2] = nan
    return codes


def _targets(codes: Codes, n_outputs: int = 3) -> NDArray[np.float64]:
    rng = np.random.default_rng(2)
    full = np.where(np.isnan(codes), 0.7, codes).astype(np.float64)
    full[:, 2] = (full[:, 2] - 1) * 3e5
    noise = rng.normal(size=(len(codes), n_outputs)) / 5
    return np.tanh(full @ rng.normal(size=(codes.shape[1], n_outputs))) + noise


def _split_values(fitted: DecisionTreeRegressor) -> dict[int, NDArray[Any]]:
    grown = fitted.tree_
    usable = np.isfinite(grown.threshold)
    return {
        column: grown.threshold[(grown.feature == column) & usable]
        for column in range(fitted.n_features_in_)
    }


@pytest.mark.parametrize("missing", ["none", "some"])
@pytest.mark.parametrize("max_leaves", [None, 25])
def test_tree_predicts_as_scikit_learn(missing: str, max_leaves: int | None) -> None:
    codes = _numbers(missing)
    targets = _targets(codes)
    fitted = DecisionTreeRegressor(
        max_leaf_nodes=max_leaves, min_samples_leaf=3, random_state=0
    ).fit(codes, targets)
    limits = Limits(max_leaves=max_leaves, min_samples_leaf=3)
    tree = grow(Schema.from_data(codes), codes, targets, limits=limits)
    rows = _adversarial(codes, _split_values(fitted))
    rows = rows[~_undecided(tree, rows)]
    assert np.isnan(rows).any(axis=1).sum() > 100
    np.testing.assert_allclose(tree.predict(rows), fitted.predict(rows), rtol=1e-9)
    if max_leaves is None:  # best-first, scikit-learn numbers the nodes as they come
        np.testing.assert_array_equal(tree.apply(rows), fitted.apply(rows))
        np.testing.assert_array_equal(tree.cover, fitted.tree_.n_node_samples)
    assert (tree.n_leaves, tree.depth) == (fitted.get_n_leaves(), fitted.get_depth())
    assert tree.n_outputs == 3
    assert tree.n_parameters == 2 * (tree.n_leaves - 1) + 3 * tree.n_leaves


def _undecided(tree: Tree, rows: Codes) -> NDArray[np.bool_]:
    """Say which rows miss a value that was never missing, above two equal sides.

    Then it goes left here and right with scikit-learn.
    """
    nodes = tree.nodes
    there = np.ones((len(nodes.feature), len(rows)), dtype=bool)
    undecided = np.zeros(len(rows), dtype=bool)
    for node in np.flatnonzero(~nodes.is_leaf):
        x = rows[:, nodes.feature[node]]
        left, right = nodes.left[node], nodes.right[node]
        if tree.cover[left] == tree.cover[right]:
            undecided |= there[node] & np.isnan(x)
        goes_left = np.where(
            np.isnan(x), nodes.missing_left[node], x <= nodes.threshold[node]
        )
        there[left] = there[node] & goes_left
        there[right] = there[node] & ~goes_left
    return undecided


def test_rounding_thresholds_to_nearest_would_be_wrong() -> None:
    # Without this, the test above could pass on rows that decide nothing.
    codes = _numbers("none")
    fitted = DecisionTreeRegressor(random_state=0, min_samples_leaf=3)
    fitted.fit(codes, _targets(codes))
    limits = Limits(min_samples_leaf=3)
    tree = grow(Schema.from_data(codes), codes, _targets(codes), limits=limits)
    nearest = fitted.tree_.threshold.astype(FLOAT32)
    nearest[tree.nodes.is_leaf] = 0
    naive = replace(tree, nodes=replace(tree.nodes, threshold=nearest))
    rows = _adversarial(codes, _split_values(fitted))
    assert (naive.apply(rows) != fitted.apply(rows)).any()


def test_missing_alone_can_be_the_test() -> None:
    codes = np.array([[1], [nan], [2], [nan], [3], [nan]], dtype=FLOAT32)
    targets = np.isnan(codes).astype(np.float64)
    tree = grow(Schema.from_data(codes), codes, targets)
    assert tree.n_leaves == 2
    rows = np.array([[nan], [-ALL_NUMBERS], [0], [ALL_NUMBERS]])
    np.testing.assert_array_equal(tree.predict(rows)[:, 0], [1, 0, 0, 0])


def test_iris_is_predicted_as_by_scikit_learn() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    targets = np.eye(3)[y]
    tree = grow(Schema.from_data(X), X.to_numpy(FLOAT32), targets)
    fitted = DecisionTreeRegressor(random_state=0).fit(X, targets)
    np.testing.assert_array_equal(tree.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(tree.predict(X[X.columns[::-1]]), fitted.predict(X))


def test_a_single_leaf_says_the_mean() -> None:
    codes = np.ones((4, 2), dtype=FLOAT32)
    targets = np.array([[1.0, 0], [0, 1], [1, 0], [0, 2]])
    tree = grow(Schema.from_data(codes), codes, targets)
    assert (tree.n_leaves, tree.depth, tree.n_parameters) == (1, 0, 2)
    rows = np.array([[nan, 5], [-1e30, 0]])
    np.testing.assert_array_equal(tree.apply(rows), [0, 0])
    np.testing.assert_array_equal(tree.predict(rows), [[0.5, 0.75]] * 2)


def _mixed_rows(n_rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    age = np.round(rng.normal(40, 12, n_rows), 1)
    age[rng.random(n_rows) < 0.15] = nan
    purpose = rng.choice(["car (new)", "radio", "house", "trip"], n_rows).astype(object)
    purpose[rng.random(n_rows) < 0.15] = None
    return pd.DataFrame(
        {
            "purpose": purpose,
            "age": age,
            "sex": rng.choice(["f", "m"], n_rows),
            "home": rng.choice(["own", "rent", "free"], n_rows),
            "dose": rng.normal(size=n_rows).astype(FLOAT32),
        }
    )


MIXED = _mixed_rows()
MIXED_SCHEMA = Schema.from_data(MIXED)


def _mixed_targets() -> NDArray[np.float64]:
    rng = np.random.default_rng(4)
    first = (
        2.0 * (MIXED["purpose"] == "radio")
        - 1.5 * MIXED["purpose"].isna()
        + (MIXED["sex"] == "m") * (MIXED["age"].fillna(80) > 45)
        + 0.7 * (MIXED["home"] == "free")
    )
    second = MIXED["dose"] * (MIXED["home"] == "own") + MIXED["age"].isna()
    noise = rng.normal(size=(len(MIXED), 2)) / 4
    return np.column_stack([first, second]).astype(np.float64) + noise


MIXED_TARGETS = _mixed_targets()


def _one_hot(rows: pd.DataFrame) -> Codes:
    """Spell out the indicator columns, without the library's help."""
    columns = [
        rows["purpose"] == name for name in sorted(set(MIXED["purpose"].dropna()))
    ]
    columns += [rows["purpose"].isna(), rows["age"], rows["sex"] == "m"]
    columns += [rows["home"] == name for name in ("free", "own", "rent")]
    columns += [rows["dose"]]
    return np.column_stack([np.asarray(c, dtype=FLOAT32) for c in columns])


def _hard_mixed_rows(ages: NDArray[Any], doses: NDArray[Any]) -> pd.DataFrame:
    """Give every category, None and each threshold of a number to real rows."""
    rng = np.random.default_rng(5)
    parts = [MIXED]
    hits = {
        "purpose": ["car (new)", "radio", "house", "trip", None],
        "sex": ["f", "m", None],
        "home": ["own", "rent", "free", None],
        "age": [*_ulps(ages), nan],
        "dose": [*_ulps(doses), nan],
    }
    for name, values in hits.items():
        part = MIXED.iloc[rng.integers(len(MIXED), size=4 * len(values))]
        column = pd.Series(list(values) * 4, dtype=MIXED[name].dtype)
        parts.append(part.assign(**{name: column.to_numpy()}))
    return pd.concat(parts, ignore_index=True)


def test_folded_categories_predict_as_scikit_learn_on_indicators() -> None:
    fitted = DecisionTreeRegressor(random_state=0, min_samples_leaf=2)
    fitted.fit(_one_hot(MIXED), MIXED_TARGETS)
    grown = fitted.tree_
    leaf = grown.children_left < 0
    nodes = _fold_tests(
        MIXED_SCHEMA,
        MIXED_SCHEMA.columns(indicate_missing=False),
        column=np.where(leaf, -1, grown.feature),
        threshold=floor_to_float32(np.where(leaf, 0.0, grown.threshold)),
        missing_left=grown.missing_go_to_left.astype(bool) & ~leaf,
        left=grown.children_left,
        right=grown.children_right,
        roots=np.zeros(1, dtype=np.int32),
    )
    tree = Tree(nodes, grown.value[:, :, 0], grown.weighted_n_node_samples)
    values = _split_values(fitted)
    rows = _hard_mixed_rows(values[5], values[10])
    np.testing.assert_array_equal(tree.predict(rows), fitted.predict(_one_hot(rows)))
    asked = set(tree.nodes.feature[~tree.nodes.is_leaf])
    assert asked == {0, 1, 2, 3, 4}  # all columns, so that all were shown
    assert tree.nodes.left_categories.dtype == bool


def test_an_unseen_category_never_reaches_the_walk() -> None:
    tree = grow(MIXED_SCHEMA, MIXED_SCHEMA.encode(MIXED), MIXED_TARGETS)
    with pytest.raises(InputError, match="'boat'"):
        tree.apply(MIXED[:1].assign(purpose="boat"))
    codes = MIXED_SCHEMA.encode(MIXED)[:1]
    with pytest.raises(InputError):  # codes are no rows: 7.0 names no category
        tree.apply(np.where(np.arange(5) == 0, 7.0, codes))


def test_weights_equal_repetition() -> None:
    codes = _numbers("some")
    targets = _targets(codes)
    schema = Schema.from_data(codes)
    times = np.random.default_rng(6).integers(0, 4, size=len(codes))
    limits = Limits(min_samples_leaf=5)
    weighted = grow(schema, codes, targets, times.astype(float), limits=limits)
    again = np.repeat(np.arange(len(codes)), times)
    repeated = grow(schema, codes[again], targets[again], limits=limits)
    seen = codes[times > 0]  # a row of weight 0 may lie between two thresholds
    np.testing.assert_allclose(weighted.predict(seen), repeated.predict(seen))
    assert weighted.n_leaves == repeated.n_leaves > 10


@pytest.mark.parametrize("weighted", [False, True])
def test_leaves_hold_as_many_rows_as_told(weighted: bool) -> None:
    codes = _numbers("none")
    weight = np.ones(len(codes)) if weighted else None
    schema = Schema.from_data(codes)
    for least in (1, 40, 124, 126, 400):
        limits = Limits(min_samples_leaf=least)
        tree = grow(schema, codes, _targets(codes), weight, limits=limits)
        leaves = tree.cover[tree.nodes.is_leaf]
        assert leaves.min() >= min(least, len(codes)) - 1e-6
        assert (tree.n_leaves == 1) == (least > 125)


# --- boosted trees


def _conditions(booster: Any) -> dict[int, NDArray[Any]]:
    table = booster.trees_to_dataframe()
    table = table[table["Feature"] != "Leaf"]
    place = {name: i for i, name in enumerate(booster.feature_names)}
    return {
        place[name]: part["Split"].to_numpy(dtype=FLOAT32)
        for name, part in table.groupby("Feature")
    }


def _boosted(matrix: Codes, targets: NDArray[np.float64]) -> Any:
    names = [f"f{i}" for i in range(matrix.shape[1])]
    return xgboost.train(
        {
            "objective": "reg:squarederror",
            "tree_method": "hist",
            "base_score": 0.0,
            "max_depth": 5,
            "nthread": 1,
        },
        xgboost.DMatrix(matrix, label=targets, feature_names=names),
        12,
    )


def _xgboost_says(booster: Any, matrix: Codes) -> NDArray[np.float32]:
    rows = xgboost.DMatrix(matrix, feature_names=booster.feature_names)
    return booster.predict(rows).reshape(len(matrix), -1)


@pytest.mark.parametrize("missing", ["none", "some"])
def test_forest_predicts_as_xgboost(missing: str) -> None:
    codes = _numbers(missing)
    targets = _targets(codes)
    schema = Schema.from_data(codes)
    booster = _boosted(codes, targets)
    columns = schema.columns(indicate_missing=False)
    forest = _forest(schema, columns, booster, np.zeros(3), "identity", 0)
    rows = _adversarial(codes, _conditions(booster))
    expected = _xgboost_says(booster, rows)
    np.testing.assert_allclose(forest.predict(rows), expected, rtol=1e-5, atol=1e-6)
    assert (forest.n_trees, forest.n_outputs) == (36, 3)

    # Reading xgboost's `x < t` as `x <= t` must fail here, or the rows show nothing.
    inner = ~forest.nodes.is_leaf
    naive = np.where(
        inner, np.nextafter(forest.nodes.threshold, FLOAT32(np.inf)), FLOAT32(0)
    )
    wrong = replace(forest, nodes=replace(forest.nodes, threshold=naive))
    assert (np.abs(wrong.predict(rows) - expected) > 1e-3).any(axis=1).mean() > 0.05


def test_forest_with_categories_predicts_as_xgboost() -> None:
    booster = _boosted(_one_hot(MIXED), MIXED_TARGETS)
    columns = MIXED_SCHEMA.columns(indicate_missing=False)
    forest = _forest(MIXED_SCHEMA, columns, booster, np.zeros(2), "identity", 0)
    values = _conditions(booster)
    rows = _hard_mixed_rows(values[5], values[10])
    np.testing.assert_allclose(
        forest.predict(rows),
        _xgboost_says(booster, _one_hot(rows)),
        rtol=1e-5,
        atol=1e-6,
    )
    asked = set(forest.nodes.feature[~forest.nodes.is_leaf])
    assert asked == {0, 1, 2, 3, 4}


def test_boost_equals_xgboost_with_its_own_squared_error() -> None:
    codes = MIXED_SCHEMA.encode(MIXED)
    forest, scores = _boost(
        Encoded(MIXED_SCHEMA, codes),
        MIXED_TARGETS,
        n_rounds=20,
        max_depth=3,
        learning_rate=0.3,
        n_jobs=1,
    )
    mean = MIXED_TARGETS.mean(axis=0)
    booster = xgboost.train(
        {"tree_method": "hist", "base_score": 0.0, "max_depth": 3, "nthread": 1},
        xgboost.DMatrix(_one_hot(MIXED), label=MIXED_TARGETS - mean),
        20,
    )
    expected = booster.predict(xgboost.DMatrix(_one_hot(MIXED))) + mean
    np.testing.assert_allclose(forest.predict(MIXED), expected, rtol=1e-3, atol=1e-4)
    assert scores == []
    np.testing.assert_allclose(forest.base, mean)


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
@pytest.mark.parametrize("weighted", [False, True])
def test_boost_of_two_classes_equals_xgboost_logistic(
    link: str, weighted: bool
) -> None:
    codes = MIXED_SCHEMA.encode(MIXED)
    share = 1 / (1 + np.exp(-2 * MIXED_TARGETS[:, 0]))  # soft: neither 0 nor 1
    weight = np.random.default_rng(7).integers(1, 4, len(MIXED)) if weighted else None
    weight = None if weight is None else weight.astype(np.float64)
    both = np.column_stack([1 - share, share])
    forest, _ = _boost(
        Encoded(MIXED_SCHEMA, codes),
        both if link == "softmax" else share[:, None],
        weight,
        link=link,
        n_rounds=20,
        max_depth=3,
        learning_rate=0.3,
        n_jobs=1,
    )
    booster = xgboost.train(
        {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "base_score": float(np.average(share, weights=weight)),
            "max_depth": 3,
            "nthread": 1,
        },
        xgboost.DMatrix(_one_hot(MIXED), label=share, weight=weight),
        20,
    )
    expected = booster.predict(xgboost.DMatrix(_one_hot(MIXED)))
    np.testing.assert_allclose(forest.predict(MIXED)[:, -1], expected, atol=2e-4)
    assert forest.n_trees == 20  # of two classes only the difference is boosted


def test_boost_of_three_classes_says_distributions_near_the_targets() -> None:
    X, y = load_iris(return_X_y=True)
    schema = Schema.from_data(X)
    soft = 0.9 * np.eye(3)[y] + 0.1 / 3
    forest, _ = _boost(
        Encoded(schema, schema.encode(X)),
        soft,
        link="softmax",
        n_rounds=60,
        max_depth=3,
        min_child_weight=0.01,
        n_jobs=1,
    )
    predicted = forest.predict(X)
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    assert np.abs(predicted - soft).mean() < 0.02
    assert forest.n_trees == 180


def test_base_is_what_a_forest_without_a_split_says() -> None:
    codes = np.ones((6, 1), dtype=FLOAT32)
    soft = np.array([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]] * 3)
    schema = Schema.from_data(codes)
    for link in ("identity", "softmax", "sigmoid"):
        forest, _ = _boost(
            Encoded(schema, codes), soft, link=link, n_rounds=3, n_jobs=1
        )
        np.testing.assert_allclose(
            forest.predict(codes), np.tile(soft.mean(axis=0), (6, 1)), atol=1e-6
        )


def test_watching_keeps_the_rounds_up_to_the_best() -> None:
    X, y = load_diabetes(return_X_y=True)
    schema = Schema.from_data(X)
    codes, held_out = schema.encode(X[::2]), schema.encode(X[1::2])
    seen: list[NDArray[np.float64]] = []

    def score(outputs: NDArray[np.float64]) -> float:
        seen.append(outputs)
        return -float(np.mean((outputs[:, 0] - y[1::2]) ** 2))

    forest, scores = _boost(
        Encoded(schema, codes),
        y[::2, None],
        n_rounds=200,
        watch=(held_out, score),
        patience=10,
        n_jobs=1,
    )
    best = int(np.argmax(scores))
    assert forest.n_trees == best + 1 < 200
    assert len(scores) == best + 1 + 10
    np.testing.assert_allclose(forest.predict(X[1::2]), seen[best], rtol=1e-5)


def test_one_tree_at_a_time_sums_to_the_margins() -> None:
    codes = MIXED_SCHEMA.encode(MIXED)
    forest, _ = _boost(
        Encoded(MIXED_SCHEMA, codes), MIXED_TARGETS, n_rounds=4, n_jobs=1
    )
    total = np.tile(forest.base, (len(MIXED), 1))
    for i in range(forest.n_trees):
        tree = forest.tree(i)
        total[:, forest.column[i]] += tree.predict(MIXED)[:, 0]
    np.testing.assert_array_equal(total, forest.margins(MIXED))
    assert sum(forest.tree(i).n_leaves for i in range(8)) == forest.n_leaves
    n_tests = len(forest.nodes.feature) - forest.n_leaves
    assert forest.n_parameters == 2 * n_tests + forest.n_leaves


def test_trees_of_a_forest_may_be_interleaved() -> None:
    schema = Schema((Feature("a"), Feature("b", "categorical", ("x", "y"))))
    nodes = Nodes(
        schema=schema,
        feature=np.array([0, 1, -1, -1, -1, -1]),
        threshold=np.array([0.5, 0, 0, 0, 0, 0]),
        missing_left=np.array([True, False, False, False, False, False]),
        left=np.array([2, 3, -1, -1, -1, -1]),
        right=np.array([4, 5, -1, -1, -1, -1]),
        left_categories=np.array([False, True]),
        roots=np.array([0, 1]),
    )
    value = np.array([0, 0, 1, 10, 2, 20])
    forest = Forest(nodes, value, np.ones(6), np.array([0, 1]), np.zeros(2))
    rows = pd.DataFrame({"a": [0.5, 0.6, None], "b": ["y", "x", None]})
    np.testing.assert_array_equal(forest.margins(rows), [[1, 10], [2, 20], [1, 20]])
    np.testing.assert_array_equal(forest.tree(0).predict(rows)[:, 0], [1, 2, 1])
    np.testing.assert_array_equal(forest.tree(1).predict(rows)[:, 0], [10, 20, 20])
    np.testing.assert_array_equal(forest.nodes.members(1), [1, 3, 5])


@given(
    st.floats(-3e38, 3e38) | st.floats(-1e-40, 1e-40) | st.floats(allow_nan=False),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_flooring_a_threshold_changes_no_decision(threshold: float, data: Any) -> None:
    floored = floor_to_float32(np.array([threshold]))[0]
    assert floored.dtype == FLOAT32
    assert np.isfinite(floored)
    value = data.draw(
        st.sampled_from([FLOAT32(v) for v in _ulps(np.array([floored]))])
        | st.floats(width=32, allow_nan=False, allow_infinity=False).map(FLOAT32)
    )
    if np.isfinite(value):
        if threshold < -ALL_NUMBERS:  # no number passes, and one alone does here
            assert floored == FLOAT32(-ALL_NUMBERS)
        else:
            assert (value <= floored) == (float(value) <= threshold)


# --- what is refused


def _tree() -> Tree:
    codes = MIXED_SCHEMA.encode(MIXED)
    return grow(MIXED_SCHEMA, codes, MIXED_TARGETS, limits=Limits(max_leaves=9))


def _little_forest() -> Forest:
    codes = MIXED_SCHEMA.encode(MIXED)
    forest, _ = _boost(
        Encoded(MIXED_SCHEMA, codes), MIXED_TARGETS, n_rounds=2, max_depth=2, n_jobs=1
    )
    return forest


TREE, FOREST = _tree(), _little_forest()
HARD_ROWS = _hard_mixed_rows(np.array([30.0, 45.0]), np.array([0.0]))


def _changed(arrays: Arrays, **changes: tuple[int, Any]) -> Arrays:
    copies = {name: array.copy() for name, array in arrays.items()}
    for name, (place, value) in changes.items():
        if isinstance(value, float) and copies[name].dtype.kind in "ib":
            copies[name] = copies[name].astype(np.float64)
        copies[name][place] = value
    return copies


INNER = np.flatnonzero(~TREE.nodes.is_leaf)
LEAF = int(np.flatnonzero(TREE.nodes.is_leaf)[0])
N_NODES = len(TREE.nodes.feature)
NUMERIC = next(int(i) for i in INNER if TREE.nodes.feature[i] in (1, 4))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"left": (0, N_NODES)}, "'left' children must come behind"),
        ({"right": (0, 2**31 - 1)}, "'right' children must come behind"),
        ({"left": (0, -1)}, "'left' children must come behind"),
        ({"left": (0, -7)}, "'left' children must come behind"),
        ({"left": (0, 0)}, "'left' children must come behind"),  # a cycle of one
        ({"right": (int(INNER[1]), 0)}, "'right' children must come behind"),  # of two
        ({"left": (0, int(TREE.nodes.right[0]))}, "exactly one parent"),
        ({"left": (LEAF, LEAF + 1)}, "leaves must have -1 as 'left'"),
        ({"right": (LEAF, -2)}, "leaves must have -1 as 'right'"),
        ({"feature": (LEAF, 0)}, "must come behind their parent"),
        ({"feature": (0, -1)}, "leaves must have -1"),
        ({"feature": (0, 5)}, "feature indices must lie in"),
        ({"feature": (0, -2)}, "feature indices must lie in"),
        ({"feature": (NUMERIC, 0)}, "category sets do not fit"),
        ({"feature": (0, 1.0)}, "'feature' of Nodes must hold integers"),
        ({"left": (0, 1.0)}, "'left' of Nodes must hold integers"),
        ({"right": (0, nan)}, "'right' of Nodes must hold integers"),
        ({"threshold": (0, nan)}, "thresholds must be finite"),
        ({"threshold": (LEAF, np.inf)}, "thresholds must be finite"),
        ({"threshold": (NUMERIC, -np.inf)}, "thresholds must be finite"),
        ({"value": (LEAF, nan)}, "values must be finite"),
        ({"value": (LEAF, np.inf)}, "values must be finite"),
        ({"cover": (LEAF, -1.0)}, "covers must be finite and not negative"),
        ({"cover": (0, nan)}, "covers must be finite and not negative"),
    ],
)
def test_corrupt_trees_are_refused(changes: dict[str, Any], sentence: str) -> None:
    arrays = _changed(TREE.to_arrays(), **changes)
    with pytest.raises(InputError, match=sentence):
        Tree.from_arrays(MIXED_SCHEMA, arrays)


def test_a_node_without_a_parent_is_refused() -> None:
    arrays = dict(TREE.to_arrays())
    for name in ("feature", "threshold", "missing_left", "left", "right", "value"):
        leaf = arrays[name][LEAF : LEAF + 1]
        arrays[name] = np.concatenate([arrays[name], leaf])
    arrays["cover"] = np.append(arrays["cover"], 1.0)
    with pytest.raises(InputError, match="exactly one parent"):
        Tree.from_arrays(MIXED_SCHEMA, arrays)


@pytest.mark.parametrize("name", sorted(TREE.to_arrays()))
def test_tree_arrays_of_another_form_are_refused(name: str) -> None:
    array = TREE.to_arrays()[name]
    others = [
        array[:-1],
        np.concatenate([array, array[-1:]]),
        array[:0],
        array[None],
        array.astype(str),
        array.astype(object),
        array.astype(complex),
        np.array(3),
    ]
    for other in others:
        with pytest.raises(InputError):
            Tree.from_arrays(MIXED_SCHEMA, {**TREE.to_arrays(), name: other})


@pytest.mark.parametrize("form", ["tree", "forest"])
def test_arrays_of_other_names_are_refused(form: str) -> None:
    def build(arrays: Arrays) -> Any:
        if form == "tree":
            return Tree.from_arrays(MIXED_SCHEMA, arrays)
        return Forest.from_arrays(MIXED_SCHEMA, arrays, "identity")

    arrays = TREE.to_arrays() if form == "tree" else FOREST.to_arrays()
    for name in arrays:
        less = {key: array for key, array in arrays.items() if key != name}
        if name != "support":  # which runs of old have not
            with pytest.raises(InputError, match=r"are needed\. Got"):
                build(less)
        with pytest.raises(InputError, match=r"are needed\. Got"):
            build({**less, f"{name} ": arrays[name]})
    with pytest.raises(InputError, match=r"are needed\. Got"):
        build({**arrays, "more": arrays["feature"]})


def test_a_threshold_beyond_float32_is_refused() -> None:
    arrays = TREE.to_arrays()
    threshold = arrays["threshold"].astype(np.float64)
    threshold[NUMERIC] = 1e300
    with pytest.raises(InputError, match="thresholds must be finite"):
        Tree.from_arrays(MIXED_SCHEMA, {**arrays, "threshold": threshold})


def test_a_tree_of_more_than_one_root_is_refused() -> None:
    with pytest.raises(InputError, match="must start at node 0"):
        Tree(FOREST.nodes, FOREST.value[:, None], FOREST.cover)


def test_names_must_be_as_many_as_outputs() -> None:
    assert replace(TREE, names=("a", "b")).names == ("a", "b")
    with pytest.raises(InputError, match=r"of 2 outputs needs as many names\. Got 3"):
        replace(TREE, names=("a", "b", "c"))


def test_a_tree_without_outputs_is_refused() -> None:
    with pytest.raises(InputError, match="at least one a node"):
        replace(TREE, value=TREE.value[:, :0])


N_FOREST = len(FOREST.nodes.feature)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"roots": (0, 1)}, "exactly one parent"),
        ({"roots": (1, 0)}, "exactly one parent"),
        ({"roots": (0, -1)}, "roots must lie in"),
        ({"roots": (0, N_FOREST)}, "roots must lie in"),
        ({"roots": (0, 0.0)}, "'roots' of Nodes must hold integers"),
        ({"column": (0, 2)}, "must add to outputs in"),
        ({"column": (0, -1)}, "must add to outputs in"),
        ({"column": (0, 0.0)}, "'column' of Forest must hold integers"),
        ({"value": (N_FOREST - 1, nan)}, "values must be finite"),
        ({"base": (0, np.inf)}, "values must be finite"),
        ({"cover": (0, nan)}, "values must be finite"),
        ({"cover": (0, -1.0)}, "cover"),
        ({"left": (0, 0)}, "'left' children must come behind"),
        ({"feature": (0, 99)}, "feature indices must lie in"),
    ],
)
def test_corrupt_forests_are_refused(changes: dict[str, Any], sentence: str) -> None:
    arrays = _changed(FOREST.to_arrays(), **changes)
    with pytest.raises(InputError, match=sentence):
        Forest.from_arrays(MIXED_SCHEMA, arrays, "identity")


@pytest.mark.parametrize("name", sorted(FOREST.to_arrays()))
def test_forest_arrays_of_another_form_are_refused(name: str) -> None:
    array = FOREST.to_arrays()[name]
    others = [array[:-1], array[:0], array[None], array.astype(str), np.array(3)]
    for other in others:
        with pytest.raises(InputError):
            Forest.from_arrays(
                MIXED_SCHEMA, {**FOREST.to_arrays(), name: other}, "identity"
            )


def test_a_forest_of_an_unknown_link_is_refused() -> None:
    with pytest.raises(InputError, match="link"):
        Forest.from_arrays(MIXED_SCHEMA, FOREST.to_arrays(), "probit")


def _mutated(data: Any, arrays: Arrays) -> Arrays:
    name = data.draw(st.sampled_from(sorted(arrays)))
    array = arrays[name].copy()
    how = data.draw(st.sampled_from(["set", "set", "set", "drop", "repeat", "swap"]))
    place = data.draw(st.integers(0, len(array) - 1))
    if how == "drop":
        array = np.delete(array, place, axis=0)
    elif how == "repeat":
        array = np.insert(array, place, array[place], axis=0)
    elif how == "swap":
        other = data.draw(st.integers(0, len(array) - 1))
        array[[place, other]] = array[[other, place]]
    elif array.dtype.kind == "f":
        array[place] = data.draw(st.floats(width=32))
    elif array.dtype.kind == "b":
        array[place] = not array[place]
    else:
        whole = st.integers(-(2**31), 2**31 - 1) | st.integers(-3, len(array) + 2)
        array[place] = data.draw(whole)
    return {**arrays, name: array}


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_a_mutated_tree_is_refused_or_leads_every_row_to_a_leaf(data: Any) -> None:
    try:
        tree = Tree.from_arrays(MIXED_SCHEMA, _mutated(data, TREE.to_arrays()))
    except InputError:
        return
    assert tree.nodes.is_leaf[tree.apply(HARD_ROWS)].all()
    assert np.isfinite(tree.predict(HARD_ROWS)).all()
    assert tree.depth < len(tree.nodes.feature)


@given(st.data())
@settings(max_examples=250, deadline=None)
def test_a_mutated_forest_is_refused_or_predicts(data: Any) -> None:
    arrays = _mutated(data, FOREST.to_arrays())
    try:
        forest = Forest.from_arrays(MIXED_SCHEMA, arrays, "softmax")
    except InputError:
        return
    assert np.isfinite(forest.predict(HARD_ROWS)).all()
    for i in range(forest.n_trees):
        assert forest.nodes.is_leaf[
            forest.nodes.apply(MIXED_SCHEMA.encode(HARD_ROWS), i)
        ].all()


# --- frozen, and saved


@pytest.mark.parametrize("form", [TREE, FOREST], ids=["tree", "forest"])
def test_arrays_are_read_only_copies(form: Any) -> None:
    for array in form.to_arrays().values():
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    with pytest.raises(AttributeError):
        form.value = form.value


def test_a_tree_does_not_follow_the_arrays_it_was_built_from() -> None:
    arrays = {name: array.copy() for name, array in TREE.to_arrays().items()}
    tree = Tree.from_arrays(MIXED_SCHEMA, arrays)
    before = tree.predict(MIXED)
    for array in arrays.values():
        array[:] = 0
    np.testing.assert_array_equal(tree.predict(MIXED), before)


def test_a_tree_survives_its_arrays() -> None:
    back = Tree.from_arrays(MIXED_SCHEMA, TREE.to_arrays())
    for name, array in TREE.to_arrays().items():
        np.testing.assert_array_equal(back.to_arrays()[name], array)
        assert back.to_arrays()[name].dtype == array.dtype
    np.testing.assert_array_equal(back.predict(HARD_ROWS), TREE.predict(HARD_ROWS))
    decide = {k: a for k, a in TREE.to_arrays().items() if k != "support"}
    assert back.size_bytes == sum(array.nbytes for array in decide.values())


@pytest.mark.parametrize("link", ["identity", "softmax", "sigmoid"])
def test_a_forest_survives_its_arrays(link: str) -> None:
    forest = replace(FOREST, link=link)
    back = Forest.from_arrays(MIXED_SCHEMA, forest.to_arrays(), link)
    for name, array in forest.to_arrays().items():
        np.testing.assert_array_equal(back.to_arrays()[name], array)
        assert back.to_arrays()[name].dtype == array.dtype
    np.testing.assert_array_equal(back.predict(HARD_ROWS), forest.predict(HARD_ROWS))
    assert back.size_bytes == sum(a.nbytes for a in forest.to_arrays().values())


def test_a_very_deep_tree_is_walked() -> None:
    depth = 20_000
    n_nodes = 2 * depth + 1
    inner = np.arange(n_nodes) % 2 == 0
    inner[-1] = False
    node = np.arange(n_nodes)
    tree = Tree.from_arrays(
        Schema((Feature("a"),)),
        {
            "feature": np.where(inner, 0, -1),
            "threshold": np.where(inner, node / 2, 0),
            "missing_left": np.zeros(n_nodes, dtype=bool),
            "left": np.where(inner, node + 1, -1),
            "right": np.where(inner, node + 2, -1),
            "left_categories": np.zeros(0, dtype=bool),
            "value": node[:, None].astype(float),
            "cover": np.ones(n_nodes),
        },
    )
    assert tree.depth == depth
    rows = np.array([[0.0], [7.0], [1e6], [nan]])
    np.testing.assert_array_equal(tree.apply(rows), [1, 15, 2 * depth, 2 * depth])


def test_expand_and_the_spelled_out_indicators_agree() -> None:
    # The oracle of the tests with categories.
    columns = MIXED_SCHEMA.columns(indicate_missing=False)
    codes = MIXED_SCHEMA.encode(MIXED)
    np.testing.assert_array_equal(expand(codes, columns), _one_hot(MIXED))
