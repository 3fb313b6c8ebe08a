import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.tree import DecisionTreeClassifier

from interpretkd._base import InputError
from interpretkd.students import Certificate
from interpretkd.students._cart.optimal import solve

SEEDS = st.integers(0, 2**32 - 1)


def cheapest(tests, costs, max_depth, max_leaves, min_samples_leaf):
    """Try every tree; only the sets of rows at the nodes matter."""
    columns = [sum(1 << int(i) for i in np.flatnonzero(column)) for column in tests.T]

    @cache
    def best(rows, depth, leaves):
        inside = [i for i in range(len(costs)) if rows >> i & 1]
        least = costs[inside].sum(axis=0).min()
        if depth == 0 or leaves == 1:
            return least
        for column in columns:
            passing, failing = rows & column, rows & ~column
            if min(passing.bit_count(), failing.bit_count()) < min_samples_leaf:
                continue
            for share in range(1, leaves):
                pair = best(passing, depth - 1, share)
                pair += best(failing, depth - 1, leaves - share)
                least = min(least, pair)
        return least

    return best((1 << len(costs)) - 1, max_depth, max_leaves)


def cost_of(solution, tests, costs):
    return costs[np.arange(len(costs)), solution.decide(tests)].sum()


def check_shape(solution, max_depth, max_leaves):
    test, left, right = solution.test, solution.left, solution.right
    depth = np.zeros(len(test), dtype=int)
    for node in np.flatnonzero(test >= 0):
        assert left[node] == node + 1 < right[node]  # depth first
        depth[[left[node], right[node]]] = depth[node] + 1
    assert depth.max() <= max_depth
    assert solution.n_leaves == (len(test) + 1) // 2 <= max_leaves
    assert ((left < 0) == (test < 0)).all()
    assert ((right < 0) == (test < 0)).all()


def draw(seed, n_samples, n_tests, n_classes):
    rng = np.random.default_rng(seed)
    tests = rng.random((n_samples, n_tests)) < rng.uniform(0.2, 0.8, n_tests)
    logits = 2 * (tests @ rng.normal(size=(n_tests, n_classes)))
    logits += rng.normal(size=logits.shape)
    return rng, tests, logits


@given(
    seed=SEEDS,
    n_samples=st.integers(1, 30),
    n_tests=st.integers(0, 6),
    n_classes=st.integers(1, 4),
    max_depth=st.integers(1, 3),
    max_leaves=st.integers(1, 9),
    min_samples_leaf=st.integers(1, 4),
)
@settings(max_examples=250, deadline=None)
def test_disagreement_equals_brute_force(
    seed, n_samples, n_tests, n_classes, max_depth, max_leaves, min_samples_leaf
):
    rng, tests, logits = draw(seed, n_samples, n_tests, n_classes)
    weight = rng.choice([1.0, 0.7, 1e-9, 1e9])
    costs = weight * (1 - np.eye(n_classes)[logits.argmax(axis=1)])
    least = cheapest(tests, costs, max_depth, max_leaves, min_samples_leaf)
    solution = solve(
        tests,
        costs,
        max_depth=max_depth,
        max_leaves=max_leaves,
        min_samples_leaf=min_samples_leaf,
    )
    certificate = solution.certificate
    check_shape(solution, max_depth, max_leaves)
    assert certificate.measure == ("disagreement" if costs.any() else "cost")
    check_certificate(certificate, least, max_depth)
    check_leaves(solution, tests, min_samples_leaf)
    assert cost_of(solution, tests, costs) == pytest.approx(certificate.cost, rel=1e-9)
    if certificate.proven:
        assert certificate.bound == certificate.cost
        assert certificate.cost == pytest.approx(least, rel=1e-12)


@given(
    seed=SEEDS,
    n_samples=st.integers(1, 30),
    n_tests=st.integers(1, 6),
    n_classes=st.integers(2, 4),
    max_depth=st.integers(1, 3),
    max_leaves=st.integers(1, 9),
    min_samples_leaf=st.integers(1, 4),
    scale=st.sampled_from([1e-9, 1.0, 1e6]),
)
@settings(max_examples=250, deadline=None)
def test_cost_equals_brute_force_within_the_tolerance(
    seed, n_samples, n_tests, n_classes, max_depth, max_leaves, min_samples_leaf, scale
):
    rng, tests, logits = draw(seed, n_samples, n_tests, n_classes)
    costs = scale * np.exp(-logits) * rng.exponential(size=(n_samples, 1))
    costs[rng.random(n_samples) < 0.1] = 0
    least = cheapest(tests, costs, max_depth, max_leaves, min_samples_leaf)
    solution = solve(
        tests,
        costs,
        max_depth=max_depth,
        max_leaves=max_leaves,
        min_samples_leaf=min_samples_leaf,
    )
    check_shape(solution, max_depth, max_leaves)
    check_certificate(solution.certificate, least, max_depth)
    check_leaves(solution, tests, min_samples_leaf)
    cost = cost_of(solution, tests, costs)
    assert cost == pytest.approx(solution.certificate.cost, rel=1e-9)


def check_certificate(certificate, least, max_depth):
    assert certificate.cost >= least * (1 - 1e-12)
    assert certificate.bound <= least * (1 + 1e-12)
    tolerance = 2e-4 * max(max_depth - 2, 0)
    if certificate.proven:
        assert certificate.bound >= certificate.cost * (1 - tolerance) * (1 - 1e-9)
    else:  # only a least number of rows, or the time, can stand in the way
        assert certificate.min_samples_leaf > 1
        assert certificate.bound < certificate.cost


def check_leaves(solution, tests, min_samples_leaf):
    if solution.n_leaves > 1:
        sizes = np.unique(leaves_of(solution, tests), return_counts=True)[1]
        assert len(sizes) == solution.n_leaves
        assert sizes.min() >= min_samples_leaf


def leaves_of(solution, tests):
    leaves = []
    for row in tests:
        node = 0
        while solution.test[node] >= 0:
            passes = row[solution.test[node]]
            node = (solution.left if passes else solution.right)[node]
        leaves.append(node)
    return leaves


@given(seed=SEEDS, n_classes=st.integers(2, 3))
@settings(max_examples=25, deadline=None)
def test_depth_4_equals_brute_force(seed, n_classes):
    rng, tests, logits = draw(seed, 40, 5, n_classes)
    logits += rng.normal(size=logits.shape)
    for costs in (1 - np.eye(n_classes)[logits.argmax(axis=1)], np.exp(-logits)):
        for max_leaves in (7, 16):
            least = cheapest(tests, costs, 4, max_leaves, 1)
            solution = solve(tests, costs, max_depth=4, max_leaves=max_leaves)
            check_shape(solution, 4, max_leaves)
            check_certificate(solution.certificate, least, 4)


def thresholds(X, count):
    levels = np.linspace(0, 1, count + 2)[1:-1]
    cuts = np.quantile(X, levels, axis=0, method="lower")
    tests = np.concatenate([cut >= X for cut in cuts], axis=1)
    return tests[:, tests.any(axis=0) & ~tests.all(axis=0)]


def test_beats_greedy_trees_on_the_same_tests():
    X, y = load_digits(return_X_y=True)
    tests = thresholds(X, 1)
    costs = 1.0 - np.eye(10)[y]
    greedy = DecisionTreeClassifier(max_depth=3, random_state=0).fit(tests, y)
    solution = solve(tests, costs, max_depth=3)
    assert solution.certificate.proven
    assert solution.certificate.cost <= (greedy.predict(tests) != y).sum() - 20
    few = solve(tests, costs, max_depth=3, max_leaves=6).certificate
    assert few.cost > solution.certificate.cost


def test_counting_and_adding_up_agree():
    X, y = load_breast_cancer(return_X_y=True)
    tests = thresholds(X, 3)
    costs = 1.0 - np.eye(2)[y]
    counted = solve(tests, costs, max_depth=3)
    nearly = costs * np.where(np.arange(len(y)) == 0, 1 + 1e-9, 1.0)[:, None]
    added = solve(tests, nearly, max_depth=3)
    measures = counted.certificate.measure, added.certificate.measure
    assert measures == ("disagreement", "cost")
    assert counted.certificate.cost == round(added.certificate.cost, 6)


def test_rows_repeated_count_as_often():
    X, y = load_breast_cancer(return_X_y=True)
    tests = thresholds(X, 2)
    costs = np.abs(np.random.default_rng(0).normal(size=(len(y), 3)))
    times = np.arange(len(y)) % 3 + 1
    once = solve(tests, costs * times[:, None], max_depth=2).certificate
    often = solve(tests.repeat(times, axis=0), costs.repeat(times, axis=0), max_depth=2)
    assert often.certificate.cost == pytest.approx(once.cost)


def test_weightless_rows_change_nothing():
    X, y = load_breast_cancer(return_X_y=True)
    tests = thresholds(X, 2)
    costs = 1.0 - np.eye(2)[y]
    costs[::3] = 0
    kept = costs.any(axis=1)
    all_rows = solve(tests, costs, max_depth=2, min_samples_leaf=20)
    fewer = solve(tests[kept], costs[kept], max_depth=2, min_samples_leaf=20)
    assert all_rows.certificate.measure == "disagreement"
    assert all_rows.certificate.cost == fewer.certificate.cost


def test_time_that_runs_out_is_told(capfd):
    X, y = load_digits(return_X_y=True)
    tests = thresholds(X, 4)
    costs = 1.0 - np.eye(10)[y]
    solution = solve(tests, costs, max_depth=4, time_limit=0.01)
    certificate = solution.certificate
    assert not certificate.proven
    assert 0 <= certificate.bound < certificate.cost
    assert cost_of(solution, tests, costs) == certificate.cost
    text = str(certificate)
    assert text.startswith("not proven to be the best tree of depth 4 over these ")
    assert f"it disagrees on {certificate.cost:,.0f}, any such tree at least" in text
    assert capfd.readouterr() == ("", "")


def test_says_nothing_and_repeats_itself(capfd):
    X, y = load_breast_cancer(return_X_y=True)
    tests = thresholds(X, 2)
    costs = np.random.default_rng(0).random((len(y), 2))
    tests_before, costs_before = tests.copy(), costs.copy()
    first, second = (solve(tests, costs, max_depth=3) for _ in range(2))
    assert capfd.readouterr() == ("", "")
    for name in ("test", "left", "right", "decision"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        assert not getattr(first, name).flags.writeable
    np.testing.assert_array_equal(tests, tests_before)
    np.testing.assert_array_equal(costs, costs_before)


CERTIFICATE = Certificate(
    proven=True,
    cost=34.0,
    bound=34.0,
    measure="disagreement",
    n_tests=150,
    n_samples=4323,
    max_depth=3,
    max_leaves=None,
    min_samples_leaf=1,
    seconds=0.84,
)


def test_certificate_survives_json():
    again = Certificate.from_dict(json.loads(json.dumps(CERTIFICATE.to_dict())))
    assert again == CERTIFICATE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("proven", 1),
        ("cost", -1.0),
        ("cost", float("nan")),
        ("bound", 35.0),
        ("measure", "<script>"),
        ("n_tests", 1.5),
        ("n_samples", "many"),
        ("max_depth", 5),
        ("max_leaves", 0),
        ("min_samples_leaf", 0),
        ("seconds", float("inf")),
    ],
)
def test_certificate_refuses(name, value):
    with pytest.raises(InputError, match=f"'{name}' parameter of Certificate"):
        Certificate.from_dict({**CERTIFICATE.to_dict(), name: value})


def test_certificate_refuses_other_fields():
    values = CERTIFICATE.to_dict()
    with pytest.raises(InputError, match="needs the fields"):
        Certificate.from_dict({**values, "extra": 1})
    del values["cost"]
    with pytest.raises(InputError, match="needs the fields"):
        Certificate.from_dict(values)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            "no tree of depth 3 over these 150 tests agrees more (proven in 0.8 s on "
            "4,323 rows)",
        ),
        (
            {"max_leaves": 6, "min_samples_leaf": 5},
            "no tree of depth 3 with 6 leaves of 5 rows or more each over these 150 "
            "tests agrees more (proven in 0.8 s on 4,323 rows)",
        ),
        (
            {"max_leaves": 8, "measure": "cost", "cost": 34.0068},
            "no tree of depth 3 over these 150 tests costs less, to within 0.02% "
            "(proven in 0.8 s on 4,323 rows)",
        ),
        (
            {"proven": False, "bound": 12.0},
            "not proven to be the best tree of depth 3 over these 150 tests: it "
            "disagrees on 34, any such tree at least 12 (0.8 s on 4,323 rows)",
        ),
    ],
)
def test_certificate_speaks(changes, text):
    assert str(Certificate(**{**CERTIFICATE.to_dict(), **changes})) == text


@pytest.mark.parametrize(
    ("tests", "costs", "limits", "name"),
    [
        (np.ones((3, 2)), np.ones((3, 2)), {}, "tests"),
        (np.ones(3, bool), np.ones((3, 2)), {}, "tests"),
        (np.ones((0, 2), bool), np.ones((0, 2)), {}, "tests"),
        (np.ones((3, 2), bool), np.ones((2, 2)), {}, "costs"),
        (np.ones((3, 2), bool), np.ones(3), {}, "costs"),
        (np.ones((3, 2), bool), -np.ones((3, 2)), {}, "costs"),
        (np.ones((3, 2), bool), np.full((3, 2), np.nan), {}, "costs"),
        (np.ones((3, 2), bool), np.ones((3, 2)), {"max_depth": 5}, "max_depth"),
        (np.ones((3, 2), bool), np.ones((3, 2)), {"max_leaves": 0}, "max_leaves"),
        (
            np.ones((3, 2), bool),
            np.ones((3, 2)),
            {"min_samples_leaf": 0},
            "min_samples_leaf",
        ),
        (np.ones((3, 2), bool), np.ones((3, 2)), {"time_limit": 0}, "time_limit"),
    ],
)
def test_solve_refuses(tests, costs, limits, name):
    with pytest.raises(InputError, match=f"'{name}' parameter of solve"):
        solve(tests, costs, **{"max_depth": 2, **limits})
