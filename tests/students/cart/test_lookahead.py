"""Branches that are best as a whole: against every tree there is, and against peers."""

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd.data import Feature, Schema
from interpretkd.students._cart.binning import N_BYTES, _bin_columns
from interpretkd.students._cart.deepening import _deepen
from interpretkd.students._cart.draft import leaves_of
from interpretkd.students._cart.fitting import Settings, _objective_of
from interpretkd.students._cart.growing import Limits
from interpretkd.students._cart.lookahead import Meter, _best_branch, _Lookahead
from interpretkd.students._cart.objective import COSTS, TreeObjective, _loss_of
from interpretkd.students._cart.problem import _Problem

nan = np.nan
SEEDS = st.integers(0, 2**32 - 1)


def numbers(seed, n_rows, n_features=2, n_values=5):
    """Return binned numbers, some of them missing."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_values, (n_rows, n_features)).astype(np.float32)
    codes[rng.random(codes.shape) < rng.choice([0.0, 0.2])] = nan
    schema = Schema(tuple(Feature(f"x{j}") for j in range(n_features)))
    return _bin_columns(schema, codes)


def costs_of(seed, n_rows, n_features=2):
    """Return weighted costs of two or three decisions, some rows without weight."""
    rng = np.random.default_rng(seed)
    n_classes = int(rng.integers(2, 4))
    table = rng.exponential(size=(n_rows, n_classes))
    if rng.random() < 0.5:
        table = 1 - np.eye(n_classes)[rng.integers(0, n_classes, n_rows)]
    weight = rng.choice([0.0, 0.25, 1.0, 3.0], n_rows)
    weight[0] = 1.0
    price = rng.choice([0.0, 0.3], n_features)
    return TreeObjective(COSTS, table * weight[:, None], weight, price)


def every_test(binned):
    """Return all tests: each threshold, with the missing ones on either side."""
    for j, n_bins in enumerate(binned.n_bins):
        for last, missing in product(range(-1, n_bins), [False, True]):
            goes_left = np.arange(N_BYTES) <= last
            goes_left[n_bins] = missing
            yield j, goes_left[binned.matrix[j]]


def cheapest(tests, objective, here, depth):
    """Return what the best of all trees costs, by trying all of them."""
    best = objective.table[here].sum(axis=0).min()
    for j, left in tests if depth else ():
        sides = (here & left, here & ~left)
        if all(side.any() for side in sides):
            cost = sum(cheapest(tests, objective, side, depth - 1) for side in sides)
            best = min(best, cost + objective.price[j])
    return best


def lookahead(binned, objective, least=0.0, most=np.inf):
    columns = np.flatnonzero(binned.n_bins > 0)
    return _Lookahead(binned, objective, columns, least, Meter(most))


@pytest.mark.parametrize(
    ("depth", "n_rows", "examples"), [(1, 40, 40), (2, 30, 60), (3, 12, 30)]
)
def test_no_tree_is_better(depth, n_rows, examples):
    @given(SEEDS)
    @settings(max_examples=examples, deadline=None)
    def check(seed):
        binned = numbers(seed, n_rows, n_values=5 if depth < 3 else 4)
        objective = costs_of(seed, n_rows)
        rows = np.arange(n_rows)
        known = lookahead(binned, objective).solve(rows, depth, 0.0, 10_000)
        everywhere = np.ones(n_rows, dtype=bool)
        best = cheapest([*every_test(binned)], objective, everywhere, depth)
        assert _loss_of(known.draft, binned, objective) == pytest.approx(best)
        dearest = objective.table.max(axis=1).sum()
        assert dearest - known.saved == pytest.approx(best)
        assert known.complete
        assert dearest - known.bound == pytest.approx(best)

    check()


@given(SEEDS)
@settings(max_examples=40, deadline=None)
def test_what_is_needed_changes_nothing_but_the_work(seed):
    """A tree that saves more is found all the same; else the bound says so."""
    rng = np.random.default_rng(seed)
    binned, objective = numbers(seed, 25), costs_of(seed, 25)
    rows = np.arange(25)
    best = lookahead(binned, objective).solve(rows, 3, 0.0, 10_000).saved
    search = lookahead(binned, objective)
    for needed in best * rng.choice([0.5, 0.9, 0.99, 1.01, 1.5], 4):
        known = search.solve(rows, 3, needed, 10_000)
        assert known.saved <= best + 1e-9
        assert known.bound >= best - 1e-9
        if needed < best:
            assert known.saved == pytest.approx(best)


@given(SEEDS, st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_branches_over_all_kinds_of_columns_keep_leaves_large(seed, depth):
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.normal(size=60), rng.integers(0, 6, 60)])
    codes[rng.random(codes.shape) < 0.1] = nan
    schema = Schema(
        (Feature("number"), Feature("home", "categorical", tuple("abcdef")))
    )
    binned = _bin_columns(schema, codes.astype(np.float32))
    objective, rows, least = (
        costs_of(seed, 60),
        np.arange(60),
        float(rng.choice([1, 9])),
    )
    known = lookahead(binned, objective, least).solve(rows, depth, 0.0, 20)
    drawn = _best_branch(
        binned,
        objective,
        rows,
        np.arange(2),
        depth=depth,
        min_samples_leaf=least,
        rng=rng,
    )
    dearest = objective.table.max(axis=1).sum()
    loss = _loss_of(known.draft, binned, objective)
    assert dearest - known.saved == pytest.approx(loss)
    for draft in (known.draft, drawn):
        assert draft.depths.max() <= depth
        leaf = leaves_of(draft, binned)
        cover = np.bincount(leaf, objective.weight, len(draft.feature))
        if draft is known.draft and draft.n_leaves > 1:
            assert cover[draft.feature < 0].min() >= least * (1 - 1e-6)


def test_two_sets_of_categories_that_are_useless_alone_are_found():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 8, (300, 2)).astype(np.float32)
    codes[:, 1] = codes[:, 1] % 2
    label = (np.isin(codes[:, 0], (1, 3, 6)) ^ (codes[:, 1] > 0)).astype(int)
    names = tuple("abcdefgh")
    schema = Schema(tuple(Feature(c, "categorical", names) for c in "xy"))
    binned = _bin_columns(schema, codes)
    table = 1 - np.eye(2)[label]
    objective = TreeObjective(COSTS, table, np.ones(300), np.zeros(2))
    known = lookahead(binned, objective).solve(np.arange(300), 2, 0.0, 0)
    assert known.saved == 300
    assert _loss_of(known.draft, binned, objective) == 0


# --- trees of few levels


def problem_of(X, label, **limits):
    binned = _bin_columns(Schema.from_data(X), X)
    targets, given = np.eye(label.max() + 1)[label], Settings(Limits(**limits))
    objective = _objective_of(given, targets, np.ones(len(X)), X.shape[1])
    return _Problem(binned, targets, objective, given.limits)


def nested(seed, n_rows=300):
    """Return rows whose classes follow a tree of four levels, but for some noise."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 12, (n_rows, 6)).astype(np.float32)
    bits = (X[:, :4] > rng.integers(3, 9, 4)).astype(int)
    label = (bits[:, 0] ^ bits[:, 1]) + 2 * (bits[:, 2] ^ bits[:, 3])
    noise = rng.random(n_rows) < 0.05
    label[noise] = rng.integers(0, 4, noise.sum())
    return X, label


@pytest.mark.parametrize(
    "limits",
    [
        {"max_depth": 1},
        {"max_depth": 3, "min_samples_leaf": 12},
        {"max_depth": 4},
        {"max_depth": 4, "max_leaves": 7},
        {"max_depth": 3, "max_leaves": 4, "min_samples_leaf": 5},
    ],
)
def test_a_deeper_search_is_never_worse_and_keeps_the_limits(limits):
    gained = 0.0
    for seed in range(3):
        problem = problem_of(*nested(seed), **limits)
        start = problem.grow()
        meter = Meter(3e7)
        draft = _deepen(problem, start, depth=limits["max_depth"], meter=meter)
        assert problem.loss(draft) <= problem.loss(start)
        gained += problem.loss(start) - problem.loss(draft)
        assert draft.depths.max() <= limits["max_depth"]
        assert draft.n_leaves <= limits.get("max_leaves", 16)
        leaf = leaves_of(draft, problem.binned)
        counts = np.bincount(leaf, minlength=len(draft.feature))
        assert counts[draft.feature < 0].min() >= limits.get("min_samples_leaf", 1)
        again = _deepen(problem, start, depth=limits["max_depth"], meter=Meter(3e7))
        for one, other in zip(draft.tests, again.tests, strict=True):
            np.testing.assert_array_equal(one, other)
    assert gained > 0 or limits.get("max_leaves") == 4 or limits["max_depth"] == 1


def test_four_levels_of_which_no_single_test_tells_are_found():
    X, label = nested(0)
    problem = problem_of(X, label, max_depth=4)
    start = problem.grow()
    draft = _deepen(problem, start, depth=4, meter=Meter(2e8))
    assert problem.loss(start) > 30
    assert problem.loss(draft) <= 15  # the noise


def test_a_search_ends_when_its_time_or_work_is_over():
    problem = problem_of(*nested(0), max_depth=4)
    start = problem.grow()
    late = Meter(deadline=time.monotonic() - 1)
    draft = _deepen(problem, start, depth=4, meter=late)
    assert not late.in_time
    assert problem.loss(draft) <= problem.loss(start)
    short, long = Meter(1e6), Meter(1e8)
    for meter in (short, long):
        _deepen(problem, start, depth=4, meter=meter)
        assert meter.in_time
    assert short.read < 3e6
    assert short.read < long.read < 1.2e8


@pytest.mark.parametrize("depth", [2, 3])
def test_contree_finds_no_better_tree(depth):
    pycontree = pytest.importorskip("pycontree")
    for seed in range(3):
        X, label = nested(seed, 120)
        peer = pycontree.ConTree(max_depth=depth, time_limit=60).fit(X, label)
        wrong = (peer.predict(X) != label).sum()
        problem = problem_of(X, label, max_depth=depth)
        draft = _deepen(problem, problem.grow(), depth=depth, meter=Meter())
        assert problem.loss(draft) == wrong
