from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeRegressor

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.models import Nodes, Tree, floor_to_float32
from interpretkd.students import Limits, Losses, grow, prune_path, squared_errors
from interpretkd.students._cart.pruning import _decision_costs

SEEDS = st.integers(0, 2**32 - 1)


def tree_of(fitted, schema):
    """Read scikit-learn's tree."""
    grown = fitted.tree_
    inner = grown.children_left >= 0
    nodes = Nodes(
        schema=schema,
        feature=np.where(inner, grown.feature, -1),
        threshold=floor_to_float32(np.where(inner, grown.threshold, 0)),
        missing_left=np.zeros(len(inner), dtype=bool),
        left=np.where(inner, grown.children_left, -1),
        right=np.where(inner, grown.children_right, -1),
        left_categories=np.zeros(0, dtype=bool),
        roots=np.zeros(1, dtype=np.int32),
    )
    return Tree(nodes, grown.value[:, :, 0], grown.weighted_n_node_samples)


def problem(seed, n_samples=60, n_classes=3, max_leaves=8):
    """Return a tree grown on noise, its rows and others, and what decisions cost."""
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(2 * n_samples, 4)).astype(np.float32)
    targets = rng.normal(size=(2 * n_samples, n_classes))
    targets[:, 0] += codes[:, 0] > 0
    targets[:, 1] += codes[:, 1] * codes[:, 2]
    fitted = DecisionTreeRegressor(max_leaf_nodes=max_leaves, random_state=0)
    fitted.fit(codes[:n_samples], targets[:n_samples])
    costs = rng.exponential(size=targets.shape) + targets.max(axis=1, keepdims=True)
    costs -= targets
    schema = Schema.from_data(codes)
    both = (slice(n_samples), slice(n_samples, None))
    return tree_of(fitted, schema), *[(codes[i], targets[i], costs[i]) for i in both]


def cuts(tree, node=0):
    """Yield the leaves of every pruned tree."""
    yield (node,)
    if not tree.nodes.is_leaf[node]:
        for left in cuts(tree, tree.nodes.left[node]):
            for right in cuts(tree, tree.nodes.right[node]):
                yield left + right


def ancestors(tree, node):
    above = {int(node)}
    for parent in np.flatnonzero(~tree.nodes.is_leaf)[::-1]:
        if {int(tree.nodes.left[parent]), int(tree.nodes.right[parent])} & above:
            above.add(int(parent))
    return above


def answers(tree, leaves, codes):
    """Predict with the values of the given nodes, which are leaves of a pruned tree."""
    stops = {
        int(leaf): ancestors(tree, leaf) & set(leaves)
        for leaf in np.flatnonzero(tree.nodes.is_leaf)
    }
    at = [
        stops[int(leaf)].pop()
        if len(stops[int(leaf)]) > 1
        else next(iter(stops[int(leaf)]))
        for leaf in tree.nodes.apply(codes)
    ]
    return tree.value[at]


def mean_cost(values, costs):
    return costs[np.arange(len(costs)), values.argmax(axis=1)].mean()


@given(seed=SEEDS, max_leaves=st.integers(2, 7))
@settings(max_examples=30, deadline=None)
def test_every_size_equals_brute_force(seed, max_leaves):
    tree, (codes, targets, costs), _ = problem(seed, max_leaves=max_leaves)
    by_cost = np.full(tree.n_leaves, -np.inf)
    by_error = np.full(tree.n_leaves, -np.inf)
    for leaves in cuts(tree):
        values = answers(tree, leaves, codes)
        i = len(leaves) - 1
        by_cost[i] = max(by_cost[i], 1 - mean_cost(values, costs))
        r2 = r2_score(targets, values, multioutput="variance_weighted")
        by_error[i] = max(by_error[i], r2)
    np.testing.assert_allclose(
        prune_path(tree, codes, costs).train, by_cost, atol=1e-12
    )
    errors = squared_errors(targets)
    np.testing.assert_allclose(
        prune_path(tree, codes, errors).train, by_error, atol=1e-12
    )


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_scores_are_those_of_the_trees(seed):
    tree, (codes, _, costs), (others, _, elsewhere) = problem(seed, max_leaves=12)
    path = prune_path(tree, codes, costs, held_out=(others, elsewhere))
    for size in path.sizes:
        pruned = path.tree(int(size))
        assert pruned.n_leaves == size
        train = 1 - mean_cost(pruned.predict(codes), costs)
        assert path.train[size - 1] == pytest.approx(train)
        decided = pruned.predict(others).argmax(axis=1)
        lost = elsewhere[np.arange(len(others)), decided]
        assert path.validation[size - 1] == pytest.approx(1 - lost.mean())
        error = lost.std(ddof=1) / np.sqrt(len(lost))
        assert path.standard_error[size - 1] == pytest.approx(error)


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_nested_sizes_are_the_weakest_link_path(seed):
    tree, (codes, _, costs), _ = problem(seed, max_leaves=15)
    path = prune_path(tree, codes, costs)
    expected = weakest_links(tree, codes, costs)
    assert path.sizes[path.nested].tolist() == sorted(len(e) for e in expected)
    for leaves in expected:
        pruned = path.tree(len(leaves))
        np.testing.assert_array_equal(
            pruned.predict(codes), answers(tree, leaves, codes)
        )


def weakest_links(tree, codes, costs):
    """Cut the branch that costs least per leaf, from the best tree to the root."""
    paths = [ancestors(tree, leaf) for leaf in tree.nodes.apply(codes)]
    n_nodes = len(tree.cover)
    own = np.array(
        [
            sum(costs[i, tree.value[t].argmax()] for i, p in enumerate(paths) if t in p)
            for t in range(n_nodes)
        ]
    )
    leaves = set(np.flatnonzero(tree.nodes.is_leaf).tolist())
    found = []
    while True:
        links = {}
        for node in {a for leaf in leaves for a in ancestors(tree, leaf)} - leaves:
            below = [leaf for leaf in leaves if node in ancestors(tree, leaf)]
            gain = own[node] - own[below].sum()
            links[node] = (gain / (len(below) - 1), below)
        if not links or min(links.values())[0] > 1e-9:
            found.append(tuple(leaves))  # only what is left when no cut is free
        if not links:
            return found
        node = min(links, key=lambda t: links[t][0])
        leaves = (leaves - set(links[node][1])) | {int(node)}


def test_nested_trees_are_those_of_scikit_learn():
    X, y = load_diabetes(return_X_y=True)
    codes, targets = X.astype(np.float32), y[:, None]
    greedy = DecisionTreeRegressor(min_samples_leaf=5, random_state=0).fit(codes, y)
    alphas = greedy.cost_complexity_pruning_path(codes, y).ccp_alphas
    path = prune_path(
        tree_of(greedy, Schema.from_data(codes)), codes, squared_errors(targets)
    )
    sizes = []
    for low, high in pairwise(np.append(alphas, 2 * alphas[-1])):
        if high - low < 1e-6:
            continue
        middle = {"ccp_alpha": (low + high) / 2, "min_samples_leaf": 5}
        theirs = DecisionTreeRegressor(**middle, random_state=0).fit(codes, y)
        sizes.append(theirs.get_n_leaves())
        np.testing.assert_array_equal(
            path.tree(sizes[-1]).predict(codes)[:, 0], theirs.predict(codes)
        )
        assert path.train[sizes[-1] - 1] == pytest.approx(theirs.score(codes, y))
    assert len(sizes) > 20
    assert path.sizes[path.nested].tolist() == sizes[::-1]


def test_pruned_trees_keep_their_sets_and_their_missing_sides():
    rng = np.random.default_rng(0)
    colours = np.array(["red", "green", "blue", "grey"])
    frame = pd.DataFrame(
        {
            "colour": rng.choice(colours, 400),
            "size": rng.normal(size=400),
            "shape": rng.choice(colours[:3], 400),
        }
    )
    frame.loc[rng.random(400) < 0.2, ["size", "shape"]] = np.nan
    schema = Schema.from_data(frame)
    codes = schema.encode(frame)
    classes = (codes[:, 0] % 2 == 0) * 1.0 + np.isnan(codes[:, 1]) + (codes[:, 2] == 1)
    targets = np.eye(4)[classes.astype(int)] + rng.normal(size=(400, 4)) / 5
    tree = replace(
        grow(schema, codes, targets, limits=Limits(max_leaves=20)), names=tuple("abcd")
    )
    path = prune_path(tree, codes, squared_errors(targets))
    assert len(tree.nodes.left_categories) > 0
    for size in range(1, tree.n_leaves + 1):
        pruned = path.tree(size)
        assert pruned.names == tree.names
        r2 = r2_score(targets, pruned.predict(frame), multioutput="variance_weighted")
        assert path.train[size - 1] == pytest.approx(r2)
    np.testing.assert_array_equal(path.tree(20).predict(frame), tree.predict(frame))


def test_values_and_covers_stay():
    tree, (codes, _, costs), _ = problem(0, max_leaves=12)
    pruned = prune_path(tree, codes, costs).tree(5)
    assert pruned.cover[0] == tree.cover[0]
    leaves = pruned.nodes.is_leaf
    assert pruned.cover[leaves].sum() == tree.cover[0]
    counted = np.bincount(pruned.nodes.apply(codes), minlength=len(leaves))
    np.testing.assert_array_equal(pruned.cover[leaves], counted[leaves])


@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_training_scores_rise_where_answers_are_means(seed):
    tree, (codes, targets, _), _ = problem(seed, max_leaves=15)
    path = prune_path(tree, codes, squared_errors(targets))
    assert (np.diff(path.train) >= -1e-12).all()
    assert path.train[0] == pytest.approx(0)
    assert path.nested[[0, -1]].all()
    slopes = np.diff(path.train[path.nested]) / np.diff(path.sizes[path.nested])
    assert (np.diff(slopes) <= 1e-12).all()


def test_weights_count_as_repeated_rows():
    tree, (codes, targets, costs), _ = problem(1)
    times = np.arange(len(codes)) % 3 + 1
    often = [np.repeat(a, times, axis=0) for a in (codes, targets, costs)]
    weighted = prune_path(tree, codes, squared_errors(targets, times))
    repeated = prune_path(tree, often[0], squared_errors(often[1]))
    np.testing.assert_allclose(weighted.train, repeated.train)
    weighted = prune_path(
        tree, codes, _decision_costs(costs * times[:, None], times.sum())
    )
    np.testing.assert_allclose(
        weighted.train, prune_path(tree, often[0], often[2]).train
    )


def test_other_losses_can_be_given():
    tree, (codes, targets, _), _ = problem(2)

    def absolute(table, value):
        return np.abs(table - value).sum(axis=1)

    path = prune_path(tree, codes, Losses(targets, absolute, targets.size))
    lost = np.abs(targets - tree.predict(codes)).mean()
    assert path.train[-1] == pytest.approx(1 - lost)


def test_breast_cancer_needs_few_leaves():
    X, y = load_breast_cancer(return_X_y=True)
    codes, onehot = X.astype(np.float32), np.eye(2)[y]
    tree = grow(Schema.from_data(codes), codes[::2], onehot[::2])
    costs = 1 - onehot
    path = prune_path(tree, codes[::2], costs[::2], held_out=(codes[1::2], costs[1::2]))
    assert path.train[-1] == 1
    chosen = path.choose()
    assert 2 <= chosen <= path.choose("best") < tree.n_leaves
    assert path.validation[chosen - 1] > 0.9
    frame = path.to_frame()
    assert frame.columns.tolist() == [
        "leaves",
        "train",
        "validation",
        "standard_error",
        "nested",
    ]
    np.testing.assert_array_equal(frame.leaves, path.sizes)
    lines = str(path).splitlines()
    assert lines[0] == "leaves  train  held out"
    assert lines[1].startswith("     1  0.6")
    assert lines[-1].startswith(f"{tree.n_leaves:6}  1.000  0.9")
    assert "±" in lines[-1]
    assert repr(path) == f"PruningPath(1 to {tree.n_leaves} leaves)"


def test_many_leaves_many_rows():
    X, y = load_digits(return_X_y=True)
    codes, onehot = X.astype(np.float32), np.eye(10)[y]
    tree = grow(Schema.from_data(codes), codes, onehot)
    path = prune_path(tree, codes, 1 - onehot)
    assert path.train[-1] == 1
    assert tree.n_leaves > 150
    decided = path.tree(40).predict(codes).argmax(axis=1)
    assert path.train[39] == pytest.approx((decided == y).mean())


def chosen(train, validation=None, standard_error=None, rule="one_standard_error"):
    tree, (codes, _, costs), _ = problem(0, max_leaves=8)
    path = prune_path(tree, codes, costs)
    scores = (
        None if a is None else np.asarray(a, dtype=float)
        for a in (train, validation, standard_error)
    )
    names = ("train", "validation", "standard_error")
    return replace(path, **dict(zip(names, scores, strict=True))).choose(rule)


def test_choosing():
    train = [0.5, 0.7, 0.8, 0.85, 0.9, 0.92, 0.93, 0.94]
    validation = [0.5, 0.6, 0.78, 0.79, 0.80, 0.80, 0.70, 0.75]
    assert chosen(train, validation, np.full(8, 0.011)) == 4
    assert chosen(train, validation, np.full(8, 0.021)) == 3
    assert chosen(train, validation, np.full(8, 0.0)) == 5
    assert chosen(train, validation, np.full(8, 1.0)) == 1
    assert chosen(train, validation, np.full(8, 1.0), "best") == 5
    assert chosen(train, rule="best") == 8
    assert chosen(np.ones(8), rule="best") == 1
    assert chosen(np.ones(8), rule="knee") == 1
    # The chord rises by 0.1 a doubling from 0.5: at 2 leaves the score is 0.25 above.
    assert chosen([0.5, 0.85, 0.86, 0.87, 0.88, 0.88, 0.89, 0.8], rule="knee") == 2
    assert chosen([0.5, 0.5, 0.5, 0.79, 0.79, 0.79, 0.79, 0.8], rule="knee") == 4


def test_one_leaf():
    tree, (codes, _, costs), other = problem(0)
    stump = prune_path(tree, codes, costs).tree(1)
    path = prune_path(stump, codes, costs, held_out=(other[0], other[2]))
    assert [path.choose(rule) for rule in ("one_standard_error", "knee", "best")] == (
        [1, 1, 1]
    )
    assert path.tree(1).n_leaves == 1
    assert len(str(path).splitlines()) == 2


def test_constant_targets():
    tree, (codes, targets, _), _ = problem(0)
    path = prune_path(tree, codes, squared_errors(np.ones_like(targets)))
    assert np.isfinite(path.train).all()


def test_refusals():
    tree, (codes, targets, costs), _ = problem(0)
    path = prune_path(tree, codes, costs)
    for size in (0, tree.n_leaves + 1, 2.0):
        with pytest.raises(InputError, match="'size' parameter of PruningPath"):
            path.tree(size)
    with pytest.raises(InputError, match="'rule' parameter of PruningPath"):
        path.choose("biggest")
    with pytest.raises(InputError, match="where there are held-out rows"):
        path.choose()
    with pytest.raises(InputError, match="as many rows as the codes, 60"):
        prune_path(tree, codes, costs[:-1])
    with pytest.raises(InputError, match="one column for each of the tree's 3 outputs"):
        prune_path(tree, codes, costs[:, :2])
    with pytest.raises(InputError, match="one column for each of the tree's 3 outputs"):
        prune_path(tree, codes, squared_errors(targets[:, :2]))
    with pytest.raises(InputError, match="must be finite"):
        prune_path(tree, codes, np.where(costs > 1, np.nan, costs))
