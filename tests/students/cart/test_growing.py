"""Greedy growth against scikit-learn's and against trying every test there is."""

import tracemalloc
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.tree import DecisionTreeRegressor

from interpretkd.data import Feature, Schema
from interpretkd.models import floor_to_float32
from interpretkd.students import Limits, grow, grow_draft
from interpretkd.students._cart import binning, growing
from interpretkd.students._cart.binning import _bin_columns
from interpretkd.students._cart.draft import _finish_draft
from interpretkd.students._cart.growing import _compress

nan = np.nan
SEEDS = st.integers(0, 2**32 - 1)


def real_rows(name):
    """Return real rows, no column with more than 255 values, and target columns."""
    rng = np.random.default_rng(0)
    if name == "diabetes":
        X, y = load_diabetes(return_X_y=True)
        return X.round(3).astype(np.float32), y[:, None]
    if name == "digits, one-hot":
        X, y = load_digits(return_X_y=True)
        return X.astype(np.float32), np.eye(10)[y]
    if name == "digits":
        X, _ = load_digits(return_X_y=True)
        return X.astype(np.float32), np.tanh(X @ rng.normal(size=(64, 4)) / 30)
    if name == "wine, one-hot":
        X, y = load_wine(return_X_y=True)
        return X.astype(np.float32), np.eye(3)[y]
    X, y = load_breast_cancer(return_X_y=True)
    digits = 2 - np.log10(np.ptp(X, axis=0)).astype(int)
    X = np.column_stack([c.round(d) for c, d in zip(X.T, digits, strict=True)])
    if name == "cancer, one-hot":
        return X.astype(np.float32), np.eye(2)[y]
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    return X.astype(np.float32), np.tanh(scaled @ rng.normal(size=(30, 2)) / 9)


def with_gaps(codes, share, seed=1):
    codes = codes.copy()
    codes[np.random.default_rng(seed).random(codes.shape) < share] = nan
    return codes


def both(codes, targets, weight, **limits):
    """Grow our tree and scikit-learn's."""
    least = limits.get("min_samples_leaf", 1)
    bound = {"min_samples_leaf": least}
    if weight is not None:  # scikit-learn counts the rows, not their weight
        bound = {"min_weight_fraction_leaf": (least - 1e-9) / weight.sum()}
    fitted = DecisionTreeRegressor(
        max_depth=limits.get("max_depth"),
        max_leaf_nodes=limits.get("max_leaves"),
        random_state=0,
        **bound,
    ).fit(codes, targets, weight)
    schema = Schema.from_data(codes)
    return grow(schema, codes, targets, weight, limits=Limits(**limits)), fitted


def same_parts(one, other):
    pairs = len(set(zip(one.tolist(), other.tolist(), strict=True)))
    return pairs == len(set(one.tolist())) == len(set(other.tolist()))


GROWTH = [
    {"max_depth": 6},
    {"max_depth": 5, "min_samples_leaf": 7},
    {"max_leaves": 40},
    {"max_leaves": 20, "max_depth": 5, "min_samples_leaf": 4},
]


@pytest.mark.parametrize("limits", GROWTH, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("gaps", [0, 0.2])
@pytest.mark.parametrize("name", ["diabetes", "digits", "cancer"])
def test_leaves_hold_the_rows_of_scikit_learns(name, gaps, weighted, limits):
    codes, targets = real_rows(name)
    codes = with_gaps(codes, gaps)
    rng = np.random.default_rng(2)
    weight = rng.integers(0, 4, len(codes)).astype(float) if weighted else None
    tree, fitted = both(codes, targets, weight, **limits)
    counted = slice(None) if weight is None else weight > 0
    assert same_parts(tree.nodes.apply(codes)[counted], fitted.apply(codes)[counted])
    expected = fitted.predict(codes).reshape(targets.shape)
    np.testing.assert_allclose(
        tree.predict(codes)[counted], expected[counted], rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("name", ["diabetes", "digits"])
def test_thresholds_are_scikit_learns(name):
    codes, targets = real_rows(name)
    tree, fitted = both(codes, targets, None, max_depth=5, min_samples_leaf=9)
    inner = ~tree.nodes.is_leaf
    np.testing.assert_array_equal(
        tree.nodes.feature[inner], fitted.tree_.feature[inner]
    )
    theirs = floor_to_float32(fitted.tree_.threshold[inner])
    np.testing.assert_array_equal(tree.nodes.threshold[inner], theirs)


@pytest.mark.parametrize("limits", GROWTH, ids=str)
@pytest.mark.parametrize(
    "name", ["digits, one-hot", "cancer, one-hot", "wine, one-hot"]
)
def test_where_tests_tie_the_loss_is_scikit_learns(name, limits):
    codes, targets = real_rows(name)
    tree, fitted = both(codes, targets, None, **limits)
    assert tree.n_leaves == fitted.get_n_leaves()
    loss = ((targets - tree.predict(codes)) ** 2).sum()
    theirs = ((targets - fitted.predict(codes)) ** 2).sum()
    assert loss == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_whole_weights_equal_rows_that_come_again():
    codes, targets = real_rows("diabetes")
    codes = with_gaps(codes, 0.1)
    schema = Schema.from_data(codes)
    times = np.random.default_rng(3).integers(0, 4, len(codes))
    again = np.repeat(np.arange(len(codes)), times)
    for limits in (Limits(max_leaves=30), Limits(max_depth=6, min_samples_leaf=6)):
        weighted = grow(schema, codes, targets, times.astype(float), limits=limits)
        repeated = grow(schema, codes[again], targets[again], limits=limits)
        assert weighted.n_leaves == repeated.n_leaves > 15
        np.testing.assert_allclose(
            weighted.predict(codes[again]), repeated.predict(codes[again])
        )
        np.testing.assert_allclose(weighted.cover, repeated.cover)


# --- against every test there is


def every_test(column, is_set):
    """Yield for every test of a column which rows go left."""
    missing = np.isnan(column)
    values = np.unique(column[~missing])
    if is_set:
        parts = [
            part for part in (*(column == v for v in values), missing) if part.any()
        ]
        for size in range(1, len(parts)):
            for chosen in combinations(parts, size):
                yield np.any(chosen, axis=0)
        return
    for value, missing_left in product(values, [False, True]):
        yield (column <= value) | (missing & missing_left)


def squared_error(targets, weight):
    if weight.sum() == 0:
        return 0.0
    mean = np.average(targets, axis=0, weights=weight)
    return float((weight * ((targets - mean) ** 2).sum(axis=1)).sum())


def gain_of(targets, weight, left):
    whole = squared_error(targets, weight)
    sides = [squared_error(targets[side], weight[side]) for side in (left, ~left)]
    return whole - sum(sides)


def best_gain(codes, targets, weight, least, is_set=None, price=None):
    """Try every test: the largest fall of the squared error, -inf without any."""
    best = -np.inf
    for j, column in enumerate(codes.T):
        for left in every_test(column, is_set is not None and is_set[j]):
            sides = weight[left].sum(), weight[~left].sum()
            if min(sides) >= max(least, 1e-9):
                cost = 0.0 if price is None else price[j]
                best = max(best, gain_of(targets, weight, left) - cost)
    return best


def reaching(tree, codes):
    """Return for each node which rows pass it."""
    nodes, leaf = tree.nodes, tree.nodes.apply(codes)
    there = leaf == np.arange(len(nodes.feature))[:, None]
    for node in np.flatnonzero(~nodes.is_leaf)[::-1]:
        there[node] = there[nodes.left[node]] | there[nodes.right[node]]
    return there


def small_problem(seed):
    """Return few rows of small numbers, where many tests tie."""
    rng = np.random.default_rng(seed)
    n_rows, n_columns = rng.integers(4, 30), rng.integers(1, 4)
    codes = rng.integers(0, rng.integers(2, 8), (n_rows, n_columns)).astype(np.float32)
    codes[rng.random(codes.shape) < rng.choice([0, 0.2])] = nan
    targets = rng.integers(0, 3, (n_rows, rng.integers(1, 4))).astype(float)
    weight = rng.integers(0, 4, n_rows).astype(float) if seed % 2 else np.ones(n_rows)
    weight[0] = 1.0
    return codes, targets, weight


@given(SEEDS, st.sampled_from([1, 3]))
def test_every_node_has_the_best_of_all_tests(seed, least):
    codes, targets, weight = small_problem(seed)
    schema = Schema.from_data(codes)
    limits = Limits(min_samples_leaf=least)
    tree = grow(schema, codes, targets, weight, limits=limits)
    there = reaching(tree, codes)
    for node, rows in enumerate(there):
        best = best_gain(codes[rows], targets[rows], weight[rows], least)
        if tree.nodes.is_leaf[node]:  # pure, or nothing left to ask
            assert best == -np.inf or squared_error(targets[rows], weight[rows]) < 1e-9
            assert weight[rows].sum() >= min(least, weight.sum()) - 1e-9
            continue
        left = there[tree.nodes.left[node]][rows]
        assert gain_of(targets[rows], weight[rows], left) == pytest.approx(best)


@given(SEEDS, st.sampled_from([1, 4]))
@settings(max_examples=30)
def test_the_best_set_of_categories_is_found_for_one_column(seed, least):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 7, (40, 1)).astype(np.float32)
    codes[rng.random(codes.shape) < rng.choice([0, 0.2])] = nan
    schema = Schema((Feature("c", "categorical", tuple("abcdefg")),))
    direction = rng.normal(size=(1, rng.integers(1, 4)))
    for targets in (
        rng.normal(size=(40, 1)),
        rng.normal(size=(40, 1)) @ direction + 3,  # columns on one line
        np.column_stack([p := rng.random(40), 1 - p]),
    ):
        limits = Limits(max_depth=1, min_samples_leaf=least)
        tree = grow(schema, codes, targets, limits=limits)
        ones = np.ones(40)
        best = best_gain(codes, targets, ones, least, is_set=[True])
        left = tree.nodes.apply(codes) == 1
        assert gain_of(targets, ones, left) == pytest.approx(best)


def test_several_columns_order_categories_nearly_as_well_as_can_be():
    shares, beaten = [], 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, 6, (60, 1)).astype(np.float32)
        schema = Schema((Feature("c", "categorical", tuple("abcdef")),))
        targets = rng.normal(size=(6, 3))[codes[:, 0].astype(int)]
        targets += rng.normal(size=targets.shape) / 2
        tree = grow(schema, codes, targets, limits=Limits(max_depth=1))
        ones = np.ones(60)
        found = gain_of(targets, ones, tree.nodes.apply(codes) == 1)
        alone = [gain_of(targets, ones, codes[:, 0] == c) for c in range(6)]
        shares.append(found / best_gain(codes, targets, ones, 1, is_set=[True]))
        beaten += found < max(alone) - 1e-9
    assert max(shares) <= 1 + 1e-9
    assert np.mean(shares) > 0.99
    assert beaten <= 2  # seldom is one category against all others better


def test_categories_that_were_not_there_go_with_the_heavier_side():
    schema = Schema((Feature("c", "categorical", tuple("abcd")),))
    codes = np.array([[0], [0], [0], [1], [1]], dtype=np.float32)
    targets = np.array([[0.0], [0], [0], [1], [1]])
    tree = grow(schema, codes, targets)
    everything = np.array([[0], [1], [2], [3], [nan]], dtype=np.float32)
    leaf = tree.nodes.apply(everything)
    np.testing.assert_array_equal(tree.value[leaf, 0], [0, 1, 0, 0, 0])


def test_the_rarest_of_many_categories_stay_together():
    rng = np.random.default_rng(4)
    names = tuple(range(400))
    place = np.concatenate([np.arange(400), rng.integers(0, 300, 3000)])
    codes = place.astype(np.float32)[:, None]
    targets = (place % 2).astype(float)[:, None]
    schema = Schema((Feature("c", "categorical", names),))
    tree = grow(schema, codes, targets, limits=Limits(max_depth=1))
    bins = _bin_columns(schema, codes).edges[0]
    leaf = tree.nodes.apply(np.arange(400.0)[:, None])
    own = np.flatnonzero(bins < 254)
    shared = np.flatnonzero(bins == 254)
    assert len(shared) == 146
    assert len(set(leaf[shared])) == 1
    assert ((tree.value[leaf[own], 0] > 0.5) == (own % 2)).all()


# --- what a tree may be


@pytest.mark.parametrize(
    ("max_leaves", "max_depth"), [(2, None), (7, None), (7, 3), (None, 1), (None, 4)]
)
def test_leaves_and_depth_are_bounded(max_leaves, max_depth):
    codes, targets = real_rows("digits")
    limits = Limits(max_leaves=max_leaves, max_depth=max_depth)
    tree = grow(Schema.from_data(codes), codes, targets, limits=limits)
    assert tree.n_leaves == (max_leaves or 2**max_depth)
    assert max_depth is None or tree.depth == max_depth
    assert tree.names is None


@given(SEEDS, st.sampled_from([0.02, 0.1, 0.4]), st.booleans())
@settings(max_examples=30)
def test_every_test_gains_as_much_as_told(seed, min_gain, best_first):
    codes, targets, weight = small_problem(seed)
    limits = Limits(max_leaves=99 if best_first else None, min_gain=min_gain)
    tree = grow(Schema.from_data(codes), codes, targets, weight, limits=limits)
    there = reaching(tree, codes)
    least = min_gain * weight.sum()
    for node, rows in enumerate(there):
        best = best_gain(codes[rows], targets[rows], weight[rows], 1)
        if tree.nodes.is_leaf[node]:
            assert best <= least + 1e-9
        else:
            assert best >= least - 1e-9


@given(SEEDS)
@settings(max_examples=30)
def test_a_column_must_gain_what_it_costs(seed):
    codes, targets, weight = small_problem(seed)
    cost = np.random.default_rng(seed).exponential(0.2, codes.shape[1])
    limits = Limits(max_depth=1, feature_cost=cost)
    tree = grow(Schema.from_data(codes), codes, targets, weight, limits=limits)
    price = cost * weight.sum()
    best = best_gain(codes, targets, weight, 1, price=price)
    if tree.n_leaves == 1:
        assert best <= 1e-9 or squared_error(targets, weight) < 1e-9
        return
    left = tree.nodes.apply(codes) == 1
    gain = gain_of(targets, weight, left) - price[tree.nodes.feature[0]]
    assert gain == pytest.approx(best)


@pytest.mark.parametrize("growth", [{"max_leaves": 12}, {"max_depth": 4}])
def test_costly_columns_are_left_out(growth):
    codes, targets = real_rows("cancer")
    schema = Schema.from_data(codes)
    free = grow(schema, codes, targets, limits=Limits(**growth))
    used = set(free.nodes.feature[~free.nodes.is_leaf])
    cost = np.zeros(codes.shape[1])
    cost[list(used)] = 1e3
    tree = grow(schema, codes, targets, limits=Limits(**growth, feature_cost=cost))
    assert tree.n_leaves > 5
    assert not used & set(tree.nodes.feature[~tree.nodes.is_leaf])


def wavy(n_rows=400, gaps=0.0):
    """Return rows whose target rises with the first column and wobbles."""
    rng = np.random.default_rng(5)
    codes = rng.random((n_rows, 3)).astype(np.float32)
    rise = codes[:, 0] - codes[:, 1] + 0.6 * np.sin(9 * codes[:, 0] + 9 * codes[:, 1])
    y = rise + codes[:, 2] * (codes[:, 0] > 0.5) + rng.normal(size=n_rows) / 4
    return with_gaps(codes, gaps), (y - y.min()) / np.ptp(y)


def steps(tree, column):
    """Return by how much the (last) answer rises along a column, over a grid."""
    axis = np.linspace(-0.1, 1.1, 25)
    others = [np.append(axis[::3], nan)] * 2
    others.insert(column, axis)
    grid = np.stack(np.meshgrid(*others, indexing="ij"), axis=-1).reshape(-1, 3)
    answers = tree.predict(grid)[:, -1].reshape([len(axis) for axis in others])
    return np.diff(answers, axis=column)


@pytest.mark.parametrize("growth", [{"max_leaves": 20}, {"max_depth": 5}])
@pytest.mark.parametrize("gaps", [0, 0.1])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_answers_rise_and_fall_as_told(growth, gaps, n_targets):
    codes, y = wavy(gaps=gaps)
    targets = y[:, None] if n_targets == 1 else np.column_stack([1 - y, y])
    schema = Schema.from_data(codes)
    free = grow(schema, codes, targets, limits=Limits(**growth))
    assert steps(free, 0).min() < -1e-3
    assert steps(free, 1).max() > 1e-3
    monotone = np.array([1, -1, 0], dtype=np.int8)
    tree = grow(schema, codes, targets, limits=Limits(**growth, monotone=monotone))
    assert steps(tree, 0).min() >= -1e-9
    assert steps(tree, 1).max() <= 1e-9
    assert tree.n_leaves > 5
    assert {0, 1} <= set(tree.nodes.feature)


# --- many columns, threads, seeds


def test_many_columns_are_searched_on_few():
    rng = np.random.default_rng(6)
    codes, _ = real_rows("digits")
    hidden = np.tanh(codes @ rng.normal(size=(64, 5)) / 30)
    targets = hidden @ rng.normal(size=(5, 30)) + 7
    targets += rng.normal(size=targets.shape) / 100
    weight = rng.integers(1, 3, len(codes)).astype(float)
    assert _compress(targets, weight).shape[1] <= 5
    tree, fitted = both(codes, targets, weight, max_leaves=24)
    leaf = tree.nodes.apply(codes)
    for node in np.flatnonzero(tree.nodes.is_leaf):
        rows = leaf == node
        mean = np.average(targets[rows], axis=0, weights=weight[rows])
        np.testing.assert_allclose(tree.value[node], mean)

    def loss(model):
        return (weight[:, None] * (targets - model.predict(codes)) ** 2).sum()

    assert loss(tree) <= 1.01 * loss(fitted)


@given(SEEDS, st.integers(1, 25))
@settings(max_examples=30)
def test_compressed_columns_keep_the_distances(seed, n_outputs):
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(50, 3)) @ rng.normal(size=(3, n_outputs))
    if n_outputs == 2 and seed % 2:
        targets[:, 1] = 1 - targets[:, 0]
    weight = rng.random(50)
    few = _compress(targets, weight)
    assert few.shape[1] <= 16

    def spread(columns):
        centred = columns - np.average(columns, axis=0, weights=weight)
        return (weight[:, None] * centred**2).sum()

    if n_outputs <= 16:
        assert few.shape[1] == n_outputs or (few == targets[:, 1:]).all()
    else:
        assert 0.99 - 1e-9 <= spread(few) / spread(targets) <= 1 + 1e-9


@pytest.mark.parametrize("growth", [{"max_leaves": 20}, {"max_depth": 6}])
@pytest.mark.parametrize("seed", [0, 3])
def test_threads_and_repetition_change_nothing(monkeypatch, growth, seed):
    codes, targets = real_rows("digits, one-hot")
    schema = Schema.from_data(codes)

    def arrays():
        tree = grow(schema, codes, targets, limits=Limits(**growth), seed=seed)
        return {**tree.nodes.to_arrays(), "value": tree.value, "cover": tree.cover}

    alone, again = arrays(), arrays()
    asked = []
    monkeypatch.setattr(binning, "_n_threads", lambda n_cells: asked.append(1) or 2)
    together = arrays()
    assert len(asked) > 3
    for name, array in alone.items():
        np.testing.assert_array_equal(again[name], array)
        np.testing.assert_array_equal(together[name], array)


def test_the_seed_decides_between_equal_tests():
    column = np.arange(30, dtype=np.float32)
    codes = np.column_stack([column] * 6)
    schema = Schema.from_data(codes)
    targets = column[:, None].astype(float)
    limits = Limits(max_depth=1)
    trees = [grow(schema, codes, targets, limits=limits, seed=s) for s in range(12)]
    assert len({int(tree.nodes.feature[0]) for tree in trees}) > 2
    assert len({float(tree.nodes.threshold[0]) for tree in trees}) == 1


def test_a_share_of_the_columns_gives_other_trees():
    codes, targets = real_rows("cancer")
    binned = _bin_columns(Schema.from_data(codes), codes)
    ones = np.ones(len(codes))

    def tree(seed):
        draft = grow_draft(
            binned, targets, ones, Limits(max_leaves=8), seed=seed, feature_share=0.3
        )
        return _finish_draft(draft, binned, codes, targets, ones)

    roots = [int(tree(seed).nodes.feature[0]) for seed in range(10)]
    assert len(set(roots)) > 3
    assert roots == [int(tree(seed).nodes.feature[0]) for seed in range(10)]
    losses = [((tree(s).predict(codes) - targets) ** 2).sum() for s in range(10)]
    assert max(losses) < 0.7 * ((targets - targets.mean(axis=0)) ** 2).sum()


def test_more_values_than_bins_lose_little():
    rng = np.random.default_rng(7)
    codes = rng.normal(size=(3_000, 4)).astype(np.float32)
    targets = np.sin(codes[:, :1]) + codes[:, 1:2] * codes[:, 2:3]
    tree, fitted = both(codes, targets, None, max_leaves=24)
    loss = ((targets - tree.predict(codes)) ** 2).sum()
    theirs = ((targets - fitted.predict(codes)[:, None]) ** 2).sum()
    assert loss < 1.03 * theirs


def test_frames_with_categories_and_gaps_are_fitted_exactly():
    rng = np.random.default_rng(8)
    rows = pd.DataFrame(
        {
            "home": rng.choice(["own", "rent", "free", None], 200),
            "age": np.where(rng.random(200) < 0.2, nan, rng.integers(18, 80, 200)),
        }
    )
    schema = Schema.from_data(rows)
    codes = schema.encode(rows)
    key = pd.factorize(rows["home"].fillna("") + rows["age"].astype(str))[0]
    targets = rng.normal(size=(key.max() + 1, 2))[key]
    tree = grow(schema, codes, targets)
    np.testing.assert_allclose(tree.predict(rows), targets)


def same_tests(one, other):
    return all(
        np.array_equal(a, b) for a, b in zip(one.tests, other.tests, strict=True)
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=SEEDS,
    n_outputs=st.integers(1, 6),
    least=st.sampled_from([1, 4]),
    weighted=st.booleans(),
    gaps=st.sampled_from([0.0, 0.2, 0.7]),
    cost=st.booleans(),
)
def test_rows_of_a_common_bin_change_nothing(
    seed, n_outputs, least, weighted, gaps, cost
):
    """Gains without them are worked out exactly wherever they are near the best."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (150, 5)).astype(np.float32)
    codes[rng.random(codes.shape) < 0.6] = 0
    codes[:, 3] = codes[:, 1]  # as good as another
    codes = with_gaps(codes, gaps, seed)
    targets = rng.normal(size=(150, n_outputs)) + np.nan_to_num(codes[:, :1])
    weight = rng.exponential(size=150) if weighted else np.ones(150)
    limits = Limits(
        max_leaves=12,
        min_samples_leaf=least,
        feature_cost=np.arange(5) / 50 if cost else None,
    )
    binned = _bin_columns(Schema.from_data(codes), codes)
    plain = grow_draft(binned, targets, weight, limits, seed=seed % 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growing, "_MANY_CELLS", 0)
        assert (growing._common_bins(binned, limits) >= 0).any()
        quick = grow_draft(binned, targets, weight, limits, seed=seed % 3)
    assert same_tests(plain, quick)


def test_targets_are_not_copied():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(20_000, 3)).astype(np.float32)
    targets = rng.normal(size=(20_000, 16))
    binned = _bin_columns(Schema.from_data(codes), codes)
    weight = np.ones(len(codes))
    grow_draft(binned, targets, weight, Limits(max_leaves=2))
    tracemalloc.start()
    grow_draft(binned, targets, weight, Limits(max_depth=4))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < targets.nbytes / 2


@pytest.mark.parametrize("n_rows", [1_025, 40_000])
def test_many_rows_are_gathered_piece_by_piece(n_rows):
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 30, (n_rows, 7)).astype(np.float32)
    targets = codes[:, :2] ** 2 + rng.normal(size=(n_rows, 2))
    tree, fitted = both(codes, targets, None, max_depth=4)
    assert same_parts(tree.apply(codes), fitted.apply(codes))
