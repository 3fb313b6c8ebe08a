"""The peers of the benchmark "trees": whether each gets what it must, is read right.

Most are not installed where the tests run; those tests are passed over.
"""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeClassifier

from interpretkd.cli.bench import find_benchmark
from interpretkd.data import Schema
from interpretkd.datasets import load_breast_cancer, load_german_credit

find_benchmark("trees")
contest = sys.modules["interpretkd_bench._contest"]
peers = sys.modules["interpretkd_bench._peers"]
BinaryTests = sys.modules["interpretkd_bench._binary_tests"].BinaryTests

BY_DEPTH = ("streed", "contree", "licketysplit", "lgdt", "dpdt", "shrunk")
BY_LEAVES = ("streed", "figs", "shrunk")


class Knowing:
    """A teacher that decides by a function of the values."""

    def __init__(self, decided, n_classes):
        self.decided, self.n_classes = decided, n_classes

    def logits(self, frame):
        return 5.0 * np.eye(self.n_classes)[self.decided(frame.to_numpy())]


def training_set(X, decided, n_classes):
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    schema = Schema.from_data(frame)
    rows = contest.as_rows(schema, frame)
    teacher = Knowing(decided, n_classes)
    return contest.TrainingSet(rows, np.zeros(len(X), int), teacher, schema)


def method(name):
    way = peers.METHODS[name]
    with contest.quiet():
        pytest.importorskip(way.module)
    return way


def grow(way, training, budget):
    with contest.quiet():
        return way.grow(training, budget, 0)


def test_packages_that_are_not_there_are_named():
    methods = {
        "there": contest.Method(lambda *_: None, "numpy", "numpy"),
        "absent": contest.Method(lambda *_: None, "no-such", "no_such_package"),
    }
    reasons = contest.missing(methods)
    assert list(reasons) == ["absent"]
    assert "no_such_package" in reasons["absent"]


def test_peers_ask_the_teacher_about_the_same_rows():
    X = load_german_credit().data.iloc[:200].copy()
    X.loc[::7, "purpose"] = None
    X.loc[::9, "age_in_years"] = np.nan
    schema = Schema.from_data(X)
    back = contest.as_frame(schema, contest.as_rows(schema, X).matrix)
    np.testing.assert_array_equal(schema.encode(back), schema.encode(X))


@pytest.mark.parametrize("most", [5, 40])
def test_the_tests_that_pystreed_may_use(most):
    X = load_breast_cancer().data.to_numpy(np.float32)
    decided = (X[:, 20] > 17).astype(int)
    cuts = BinaryTests.choose(X, decided, most, seed=0)
    again = BinaryTests.choose(X, decided, most, seed=0)
    tests = cuts(X)
    assert tests.shape == (len(X), most)
    assert set(np.unique(tests)) == {0, 1}
    np.testing.assert_array_equal(tests, again(X))
    right = (tests == 1 - decided[:, None]).mean(axis=0)
    assert right.max() > 0.95  # the column that decides is among them


def odd(values):
    """Decide by whether two columns differ, which greed does not find."""
    return (values[:, 1] != values[:, 4]).astype(int)


@pytest.mark.parametrize("name", ["streed", "contree", "licketysplit", "lgdt", "dpdt"])
def test_searches_find_what_greed_does_not(name):
    way = method(name)
    X = np.random.default_rng(0).integers(0, 2, size=(400, 6)).astype(np.float32)
    training = training_set(X, odd, 2)
    grown = grow(way, training, contest.Budget(depth=2))
    greedy = DecisionTreeClassifier(max_depth=2, random_state=0)
    assert greedy.fit(X, training.decided).score(X, training.decided) < 0.7
    assert (grown.leaves, grown.depth, grown.items) == (4, 2, 3)
    np.testing.assert_array_equal(grown.decide(training.rows), training.decided)
    if name in ("streed", "contree"):
        assert grown.note == "proven"


def three_of_five(values):
    """Decide for three of five classes, by two columns."""
    return np.where(values[:, 0] > 0.3, 1, np.where(values[:, 2] > -0.2, 4, 3))


@pytest.mark.parametrize(
    ("name", "budget"),
    [
        *((name, contest.Budget(depth=3)) for name in BY_DEPTH),
        *((name, contest.Budget(leaves=5)) for name in BY_LEAVES),
    ],
    ids=str,
)
def test_classes_that_are_never_decided_for(name, budget):
    way = method(name)
    assert way.allows(budget)
    X = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    training = training_set(X, three_of_five, 5)
    grown = grow(way, training, budget)
    said = grown.decide(training.rows)
    assert said.dtype == np.int64
    assert set(said) == {1, 3, 4}
    assert (said == training.decided).mean() > 0.95
    assert 0 < grown.items <= (7 if budget.depth else 4)
    assert grown.depth <= (budget.depth or 4)


def test_figs_counts_the_tests_of_all_its_trees():
    way = method("figs")
    X = np.random.default_rng(2).normal(size=(500, 4)).astype(np.float32)
    total = (X > 0).sum(axis=1)  # a sum of trees, if anything is
    training = training_set(X, lambda values: (values > 0).sum(axis=1), 5)
    np.testing.assert_array_equal(training.decided, total)
    grown = grow(way, training, contest.Budget(leaves=12))
    assert grown.items == 11
    assert grown.leaves == 11 + grown.n_trees


def test_contree_says_when_it_ran_out_of_time(monkeypatch):
    way = method("contree")
    monkeypatch.setattr(peers, "TIME_LIMIT", 0.05)
    X = np.random.default_rng(3).normal(size=(1_500, 12)).astype(np.float32)
    noise = np.random.default_rng(4).integers(0, 3, size=1_500)
    training = training_set(X, lambda values: noise, 3)
    assert grow(way, training, contest.Budget(depth=4)).note == "not proven"


def test_sizes_that_a_peer_has_no_bound_for():
    leaves, depth = contest.Budget(leaves=8), contest.Budget(depth=3)
    deep = contest.Budget(depth=8)
    allowed = {
        name: [way.allows(budget) for budget in (leaves, depth, deep)]
        for name, way in peers.METHODS.items()
    }
    assert allowed["naive"] == allowed["ours"] == allowed["shrunk"] == [True] * 3
    assert allowed["streed"] == [True, True, False]
    assert allowed["contree"] == allowed["dpdt"] == [False, True, False]
    assert allowed["licketysplit"] == allowed["lgdt"] == [False, True, True]
    assert allowed["figs"] == [True, False, False]
