"""The search, what it is to make small, what it chooses, and `CartStudent`'s words."""

import time
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.datasets import load_breast_cancer, load_digits

from interpretkd._base import InputError
from interpretkd.data import Encoded, Feature, Schema
from interpretkd.students import CartStudent, Limits, grow_draft, leaves_of
from interpretkd.students._base import _Given
from interpretkd.students._cart import search
from interpretkd.students._cart.binning import _bin_columns
from interpretkd.students._cart.draft import (
    _branch_of,
    _finish_draft,
    _graft,
    _is_monotone,
    _parents,
)
from interpretkd.students._cart.fitting import (
    OBJECTIVES,
    Settings,
    _fit_tree,
    _HeldOut,
    _objective_of,
)
from interpretkd.students._cart.objective import COSTS, CROSS_ENTROPY, PAIRS, SQUARES
from interpretkd.students._cart.search import _Problem, _refine

nan = np.nan
SEEDS = st.integers(0, 2**32 - 1)
ANY_OBJECTIVE = st.sampled_from(OBJECTIVES[1:])


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(search, "_MOST_STEPS", 15)
    monkeypatch.setattr(search, "_DEEP_WORK", 1e7)


SCHEMA = Schema(
    (
        Feature("number"),
        Feature("grade"),
        Feature("home", "categorical", tuple("abcde")),
    )
)


def drawn(seed, n_rows=80, n_outputs=3):
    """Return rows, and targets that are distributions."""
    rng = np.random.default_rng(seed)
    codes = np.column_stack(
        [
            rng.normal(size=n_rows),
            rng.integers(0, 5, n_rows),
            rng.integers(0, 5, n_rows),
        ]
    ).astype(np.float32)
    codes[rng.random(codes.shape) < 0.1] = nan
    known = np.nan_to_num(codes, nan=2.0).astype(np.float64)
    known[:, 2] = known[:, 2] % 2
    logits = np.tanh(known) @ rng.normal(size=(3, n_outputs)) * 3
    logits += rng.normal(size=logits.shape)
    soft = np.exp(logits)
    return codes, soft / soft.sum(axis=1, keepdims=True)


def problem_of(codes, targets, weight, settings, schema=SCHEMA):
    objective = _objective_of(settings, targets, weight, codes.shape[1])
    return _Problem(_bin_columns(schema, codes), targets, objective, settings.limits)


def named(objective, **limits):
    return Settings(Limits(**limits), objective=objective)


def arrays_of(draft):
    return [array.tolist() for array in draft.tests]


def keeps_to(draft, problem):
    """Check what a tree may be."""
    limits = problem.limits
    assert limits.max_leaves is None or draft.n_leaves <= limits.max_leaves
    assert limits.max_depth is None or draft.depths.max() <= limits.max_depth
    leaf = leaves_of(draft, problem.binned)
    cover = np.bincount(leaf, problem.objective.weight, len(draft.feature))
    if draft.n_leaves > 1:
        smallest = cover[draft.feature < 0].min()
        assert smallest >= limits.min_samples_leaf - 1e-6


# --- the objective, by name


def one_leaf(name, targets, weight, chosen, class_cost=None):
    """Return what a tree of one leaf loses, spelt out row by row."""
    n_rows, n_outputs = targets.shape
    total = 0.0
    for i in range(n_rows):
        if name == "squared_error":
            row = ((targets[i] - chosen) ** 2).sum()
        elif name == "cross_entropy":
            row = -(targets[i] * np.log(chosen)).sum()
        elif name == "label_disagreement":
            row = ((targets[i] > 0.5) != (chosen > 0.5)).mean()
        else:
            cost = 1 - np.eye(n_outputs) if class_cost is None else class_cost
            decided = targets[i]
            if name == "disagreement":
                decided = np.eye(n_outputs)[targets[i].argmax()]
            row = sum(decided[k] * cost[k, chosen] for k in range(n_outputs))
        total += weight[i] * row
    return total


@given(SEEDS, ANY_OBJECTIVE, st.booleans())
def test_each_objective_is_what_its_name_says(seed, name, costly):
    rng = np.random.default_rng(seed)
    n_outputs = int(rng.integers(2, 4))
    codes, targets = drawn(seed, 30, n_outputs)
    weight = rng.exponential(size=30)
    class_cost = None
    if costly and name in ("disagreement", "expected_disagreement"):
        class_cost = rng.exponential(size=(n_outputs, n_outputs))
    settings = replace(named(name), class_cost=class_cost)
    problem = problem_of(codes, targets, weight, settings)
    leaf = grow_draft(problem.binned, targets, weight, Limits(min_samples_leaf=1e9))
    assert leaf.n_leaves == 1
    mean = np.average(targets, axis=0, weights=weight)
    if name in ("squared_error", "cross_entropy"):
        answers = [mean]
    elif name == "label_disagreement":
        answers = [np.array(sides) for sides in product([0.0, 1.0], repeat=n_outputs)]
    else:
        answers = range(n_outputs)
    expected = min(one_leaf(name, targets, weight, a, class_cost) for a in answers)
    found = problem.loss(leaf)
    if name == "squared_error":  # less a constant
        found += (weight[:, None] * targets**2).sum()
    assert found == pytest.approx(expected)


def test_auto_stands_for_decisions_or_for_values():
    _, targets = drawn(0)
    ones = np.ones(len(targets))
    kinds = {
        COSTS: [targets, np.eye(3)[targets.argmax(axis=1)]],
        SQUARES: [targets[:, :1], targets * 2, targets - 0.5, targets[:, :2]],
    }
    for kind, examples in kinds.items():
        for columns in examples:
            assert _objective_of(named("auto"), columns, ones, 3).kind == kind
    named_kinds = {"cross_entropy": CROSS_ENTROPY, "label_disagreement": PAIRS}
    for name, kind in named_kinds.items():
        assert _objective_of(named(name), targets, ones, 3).kind == kind


# --- parts of a problem


@given(SEEDS, ANY_OBJECTIVE)
@settings(max_examples=30)
def test_a_branch_loses_its_part_of_the_whole(seed, name):
    rng = np.random.default_rng(seed)
    codes, targets = drawn(seed)
    weight = rng.integers(1, 4, len(codes)).astype(float)
    cost = rng.exponential(0.1, 3)
    settings = named(name, max_leaves=8, min_gain=0.01, feature_cost=cost)
    problem = problem_of(codes, targets, weight, settings)
    draft = grow_draft(problem.binned, targets, weight, Limits(max_leaves=8))
    node = int(rng.integers(len(draft.feature)))
    below = search._below(draft, node)
    above = _parents(draft)
    for other in range(len(below)):  # by walking up from each
        walk = other
        while walk not in (node, -1):
            walk = above[walk]
        assert below[other] == (walk == node)
    rows = np.flatnonzero(below[leaves_of(draft, problem.binned)])
    part = problem.branch(rows, 3, 2)
    assert (part.limits.max_leaves, part.limits.max_depth) == (3, 2)
    # What a leaf must gain is the same sum over the rows.
    gain = part.limits.min_gain * part.objective.weight.sum()
    assert gain == pytest.approx(0.01 * weight.sum())
    old = _branch_of(draft, below)
    new = grow_draft(part.binned, part.targets, part.objective.weight, part.limits)
    difference = part.loss(new) - part.loss(old)
    whole = problem.loss(_graft(draft, node, new)) - problem.loss(draft)
    assert difference == pytest.approx(whole, abs=1e-8)


def test_a_share_of_the_rows_may_have_smaller_leaves():
    codes, targets = drawn(1)
    problem = problem_of(
        codes, targets, np.ones(80), named("disagreement", min_samples_leaf=8)
    )
    assert problem.take(np.arange(40)).limits.min_samples_leaf == 4
    assert problem.take(np.arange(4)).limits.min_samples_leaf == 1
    assert problem.take(np.arange(40)).binned.n_samples == 40


# --- refining


@given(
    SEEDS,
    ANY_OBJECTIVE,
    st.sampled_from(
        [
            {"max_leaves": 6},
            {"max_leaves": 8, "max_depth": 3, "min_samples_leaf": 4},
            {"max_depth": 3},
            {"max_leaves": 5, "min_gain": 0.01},
        ]
    ),
)
@settings(max_examples=40)
def test_refining_is_never_worse_and_keeps_the_bounds(seed, name, limits):
    codes, targets = drawn(seed)
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 4, len(codes)).astype(float)
    problem = problem_of(codes, targets, weight, named(name, **limits))
    start = problem.grow()
    better, in_time = _refine(problem, start, seed=seed % 5)
    assert in_time
    before = problem.loss(start)
    assert problem.loss(better) <= before + 1e-9 * (1 + abs(before))
    keeps_to(better, problem)


@pytest.mark.parametrize("name", OBJECTIVES[1:])
@pytest.mark.parametrize(
    "limits", [{"max_leaves": 10, "min_gain": 0.005}, {"max_depth": 4}]
)
def test_every_step_goes_downhill_and_counts_right(monkeypatch, name, limits):
    steps, vary = [], search._Chain._vary

    def watched(chain, node):
        before, given = chain.loss, chain.draft
        vary(chain, node)
        steps.append(chain.draft is not given)
        keeps_to(chain.draft, chain.problem)
        assert chain.loss <= before + 1e-9
        assert chain.loss == pytest.approx(chain.problem.loss(chain.draft), abs=1e-7)

    monkeypatch.setattr(search._Chain, "_vary", watched)
    codes, targets = drawn(1, 150)
    cost = np.array([0.01, 0.0, 0.02])
    settings = named(name, **limits, min_samples_leaf=3, feature_cost=cost)
    problem = problem_of(codes, targets, np.ones(150), settings)
    _refine(problem, problem.grow())
    assert len(steps) >= 15
    assert sum(steps) > 3


@pytest.mark.parametrize("name", OBJECTIVES[1:])
def test_refining_helps(name):
    ratios = []
    for seed in range(6):
        codes, targets = drawn(seed, 200)
        ones = np.ones(len(codes))
        problem = problem_of(codes, targets, ones, named(name, max_leaves=6))
        start = problem.grow()
        better, _ = _refine(problem, start)
        constant = (targets**2).sum() if name == "squared_error" else 0.0
        ratios.append(
            (problem.loss(better) + constant) / (problem.loss(start) + constant)
        )
    assert max(ratios) <= 1 + 1e-9
    assert np.mean(ratios) < 0.998


def exclusive_or():
    """Return rows whose class no single test says anything about."""
    rng = np.random.default_rng(0)
    grid = np.array(list(product(range(10), repeat=2)) * 4)
    codes = rng.random((400, 6)).astype(np.float32)
    codes[:, [2, 4]] = grid
    return codes, ((grid[:, 0] > 4) ^ (grid[:, 1] > 4)).astype(int)


@pytest.mark.parametrize("objective", ["disagreement", "squared_error"])
def test_two_tests_that_are_useless_alone_are_found(monkeypatch, objective):
    monkeypatch.setattr(search, "_MOST_STEPS", 60)
    codes, label = exclusive_or()
    targets = np.eye(2)[label]
    students = {
        name: CartStudent(4, search=name, objective=objective).fit(codes, targets)
        for name in ("greedy", "refined")
    }
    wrong = {
        name: (student.predict(codes).argmax(axis=1) != label).mean()
        for name, student in students.items()
    }
    assert wrong["greedy"] > 0.2
    assert wrong["refined"] == 0
    tree = students["refined"].tree_
    assert set(tree.nodes.feature[~tree.nodes.is_leaf]) == {2, 4}


def test_the_optimum_of_small_problems_is_found(monkeypatch):
    monkeypatch.setattr(search, "_MOST_STEPS", 60)
    reached = 0
    for seed in range(10):
        codes, label = tiny(seed)
        targets = np.eye(3)[label]
        student = CartStudent(4, max_depth=2, search="refined").fit(codes, targets)
        wrong = (student.predict(codes).argmax(axis=1) != label).sum()
        best = best_of_two_levels(codes, label)
        assert wrong >= best
        reached += wrong == best
    assert reached >= 8


def tiny(seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 5, (60, 3)).astype(np.float32)
    label = (codes[:, 0] * codes[:, 1] + codes[:, 2]).astype(int) % 3
    noise = rng.random(60) < 0.2
    label[noise] = rng.integers(0, 3, noise.sum())
    return codes, label


def best_of_two_levels(codes, label):
    """Try every tree of depth 2: the fewest wrong decisions."""

    def wrong(rows):
        return rows.sum() - np.bincount(label[rows], minlength=3).max()

    tests = [codes[:, j] <= value for j in range(3) for value in range(4)]

    def one_level(rows):
        return min(
            [wrong(rows), *(wrong(rows & test) + wrong(rows & ~test) for test in tests)]
        )

    everything = np.ones(len(codes), dtype=bool)
    return min(one_level(everything & t) + one_level(everything & ~t) for t in tests)


def test_optimal_is_the_optimum_and_says_so():
    pytest.importorskip("pystreed")
    for seed in range(3):
        codes, label = tiny(seed)
        student = CartStudent(4, max_depth=2, search="optimal")
        student.fit(codes, np.eye(3)[label])
        wrong = (student.predict(codes).argmax(axis=1) != label).sum()
        assert wrong == best_of_two_levels(codes, label)
        found = student.search_
        assert found.search == "optimal"
        assert [a.search for a in found.attempts] == ["greedy", "refined", "optimal"]
        assert found.certificate is not None
        losses = [attempt.loss for attempt in found.attempts]
        assert losses[2] == pytest.approx(wrong / 60)
        assert losses[0] >= losses[1] >= losses[2]


@pytest.mark.parametrize("least", [1, 12])
def test_optimal_keeps_the_bounds(least):
    pytest.importorskip("pystreed")
    X, y = load_breast_cancer(return_X_y=True)
    X, targets = X[:150, :5], np.eye(2)[y[:150]]
    student = CartStudent(5, max_depth=3, min_samples_leaf=least, search="optimal")
    tree = student.fit(X, targets).tree_
    assert tree.n_leaves <= 5
    assert tree.depth <= 3
    assert tree.cover[tree.nodes.is_leaf].min() >= least
    frame = student.search_.to_frame()
    assert frame["loss"].is_monotonic_decreasing
    wrong = (student.predict(X).argmax(axis=1) != y[:150]).mean()
    assert frame["loss"].iloc[-1] == pytest.approx(wrong)


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:500].astype(np.float32), np.eye(10)[y[:500]]


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_seed_finds_the_same_tree_with_any_number_of_threads(
    monkeypatch, seed
):
    codes, targets = digits()
    schema, ones = Schema.from_data(codes), np.ones(len(codes))
    problem = problem_of(codes, targets, ones, named("auto", max_leaves=12), schema)
    start = problem.grow()
    found = []
    for threads in (1, 2, 2):
        monkeypatch.setattr(search, "_n_threads", lambda n_cells, n=threads: n)
        draft, in_time = _refine(problem, start, seed=seed)
        assert in_time
        found.append(arrays_of(draft))
    assert found[0] == found[1] == found[2]
    other, _ = _refine(problem, start, seed=seed + 1)
    assert arrays_of(other) != found[0]


def test_a_search_without_time_ends_with_a_tree():
    codes, targets = digits()
    schema, ones = Schema.from_data(codes), np.ones(len(codes))
    problem = problem_of(codes, targets, ones, named("auto", max_leaves=12), schema)
    start = problem.grow()
    draft, in_time = _refine(problem, start, deadline=time.monotonic() - 1)
    assert not in_time
    assert problem.loss(draft) <= problem.loss(start)
    keeps_to(draft, problem)
    hasty = CartStudent(12, search="refined", time_limit=1e-9).fit(codes, targets)
    assert not hasty.search_.in_time
    patient = CartStudent(12, search="refined").fit(codes, targets)
    assert patient.search_.in_time
    assert patient.search_.attempts[-1].loss <= hasty.search_.attempts[-1].loss


@pytest.mark.parametrize("least", [20, 100])
def test_what_is_found_on_a_part_of_the_rows_serves_all(monkeypatch, least):
    monkeypatch.setattr(search, "_MOST_ROWS", 60)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        codes = rng.random((600, 4)).astype(np.float32)
        label = ((codes[:, 0] > 0.9) | (codes[:, 2] < 0.1)).astype(int)
        settings = named("disagreement", max_leaves=8, min_samples_leaf=least)
        schema = Schema.from_data(codes)
        problem = problem_of(codes, np.eye(2)[label], np.ones(600), settings, schema)
        start = problem.grow()
        draft, _ = _refine(problem, start)
        assert problem.loss(draft) <= problem.loss(start)
        keeps_to(draft, problem)


def test_a_column_that_costs_too_much_is_not_used():
    codes, targets = drawn(3, 200)
    targets = targets[:, :2] / targets[:, :2].sum(axis=1, keepdims=True)
    free = CartStudent(6, search="refined").fit(codes, targets)
    used = set(free.tree_.nodes.feature[~free.tree_.nodes.is_leaf])
    assert 0 in used
    for name in ("refined", "greedy"):
        costly = CartStudent(6, search=name, feature_cost={"x0": 2.0, "x1": 0.0})
        tree = costly.fit(codes, targets).tree_
        assert tree.n_leaves > 1
        assert 0 not in tree.nodes.feature
    # A small price is paid where it is worth it.
    tree = CartStudent(6, search="refined", feature_cost=[1e-4] * 3)
    assert 0 in tree.fit(codes, targets).tree_.nodes.feature


# --- monotone trees


@given(SEEDS)
@settings(max_examples=100)
def test_monotone_trees_are_told_from_others(seed):
    rng = np.random.default_rng(seed)
    codes = np.column_stack(
        [rng.integers(0, 4, 50), rng.integers(0, 3, 50), rng.integers(0, 3, 50)]
    ).astype(np.float32)
    codes[rng.random(codes.shape) < rng.choice([0, 0.2])] = nan
    schema = Schema(
        (Feature("a"), Feature("b"), Feature("c", "categorical", tuple("xyz")))
    )
    binned = _bin_columns(schema, codes)
    targets = codes[:, :1].copy()
    targets[np.isnan(targets)] = 1.0
    targets = targets + rng.normal(size=targets.shape) * rng.choice([0.1, 1.0])
    limits = Limits(max_leaves=int(rng.integers(2, 8)))
    draft = grow_draft(
        binned, targets, np.ones(50), limits, seed=seed, feature_share=0.7
    )
    answers = np.round(rng.normal(size=len(draft.feature)), 1)
    if seed % 2:
        answers = _finish_draft(draft, binned, codes, targets, np.ones(50)).value[:, 0]
    signs = rng.integers(-1, 2, 3).astype(np.int8)
    signs[2] = 0
    grid = np.array(
        list(product(*(range(n + 1) for n in binned.n_bins))), dtype=np.uint8
    )
    everything = replace(binned, matrix=np.ascontiguousarray(grid.T))
    said = answers[leaves_of(draft, everything)]
    expected = True
    for j, sign in enumerate(signs):
        for one, other in product(range(len(grid)), repeat=2):
            rises = grid[one, j] < grid[other, j] < binned.n_bins[j]
            if sign and rises and (np.delete(grid[one] == grid[other], j)).all():
                expected &= bool(sign * (said[other] - said[one]) >= -1e-12)
    assert _is_monotone(draft, answers, signs, binned) is expected


def wavy(n_rows=300):
    rng = np.random.default_rng(5)
    codes = rng.random((n_rows, 3)).astype(np.float32)
    rise = codes[:, 0] - codes[:, 1] + 0.6 * np.sin(9 * codes[:, 0] + 9 * codes[:, 1])
    y = rise + codes[:, 2] * (codes[:, 0] > 0.5) + rng.normal(size=n_rows) / 4
    return codes, (y - y.min()) / np.ptp(y)


def steps(student, column):
    """Return by how much the (last) answer rises along a column, over a grid."""
    axis = np.linspace(-0.1, 1.1, 25)
    axes = [axis[::3], axis[::3], axis[::3]]
    axes[column] = axis
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    answers = student.predict(grid).reshape(len(grid), -1)[:, -1]
    return np.diff(answers.reshape([len(a) for a in axes]), axis=column)


@pytest.mark.parametrize("kind", ["values", "distribution", "decisions"])
def test_refined_answers_rise_and_fall_as_told(kind):
    codes, y = wavy()
    targets = {
        "values": y,
        "distribution": np.column_stack([1 - y, y]),
        "decisions": np.eye(2)[(y > 0.5).astype(int)],
    }[kind]
    objective = "cross_entropy" if kind == "distribution" else "auto"
    given = {"search": "refined", "objective": objective}
    free = CartStudent(12, **given).fit(codes, targets)
    assert steps(free, 0).min() < -1e-3 or steps(free, 1).max() > 1e-3
    told = CartStudent(12, monotone={"x0": 1, "x1": -1}, **given).fit(codes, targets)
    assert steps(told, 0).min() >= -1e-9
    assert steps(told, 1).max() <= 1e-9
    losses = [attempt.loss for attempt in told.search_.attempts]
    assert losses[1] <= losses[0] + 1e-12
    assert {0, 1} <= set(told.tree_.nodes.feature)


def test_values_that_decide_are_monotone_too():
    x = np.linspace(0, 1, 200)
    upper = np.where(np.arange(100) % 5 < 3, 0.49, 1.0)  # mean 0.69, mostly below 0.5
    p = np.concatenate([np.full(100, 0.51), upper])
    student = CartStudent(2, search="refined", monotone=[1])
    student.fit(x[:, None], np.column_stack([1 - p, p]))
    assert (np.diff(student.predict(x[:, None])[:, 1]) >= -1e-9).all()


# --- what is chosen


@pytest.mark.parametrize("name", ["disagreement", "squared_error"])
def test_auto_is_not_worse_than_greedy_where_it_chooses(name):
    chosen = set()
    for seed in range(8):
        codes, targets = drawn(seed, 160, 2)
        if name == "disagreement":
            targets = np.eye(2)[targets.argmax(axis=1)]
        weight = np.random.default_rng(seed).exponential(size=160)
        own, held_out = slice(0, 100), slice(100, None)
        student = CartStudent(8, objective=name, thresholds="exact", random_state=seed)
        rest = (codes[held_out], targets[held_out], weight[held_out])
        student.fit(codes[own], targets[own], weight[own], held_out=rest)
        greedy, refined = student.search_.attempts
        assert (greedy.search, refined.search) == ("greedy", "refined")
        assert refined.loss <= greedy.loss + 1e-12
        best = min(greedy.held_out_loss, refined.held_out_loss)
        picked = student.search_.search
        assert {"greedy": greedy, "refined": refined}[picked].held_out_loss == best
        assert student.chosen_ == {"search": picked}
        chosen.add(picked)

        def loss(part, student=student, codes=codes, targets=targets, weight=weight):
            said = student.predict(codes[part])
            if name == "disagreement":
                lost = said.argmax(axis=1) != targets[part].argmax(axis=1)
            else:
                lost = ((said - targets[part]) ** 2).sum(axis=1)
            return np.average(lost, weights=weight[part])

        attempt = {"greedy": greedy, "refined": refined}[picked]
        assert loss(own) == pytest.approx(attempt.loss)
        # Thresholds are moved half-way between the own rows once they are chosen.
        assert loss(held_out) == pytest.approx(attempt.held_out_loss, abs=0.03)
    assert chosen == {"greedy", "refined"}


def test_auto_keeps_rows_back_to_choose_on():
    codes, targets = drawn(0, 200)
    student = CartStudent(8).fit(codes, targets)
    picked = student.chosen_["search"]
    assert [a.search for a in student.search_.attempts][-1] == picked
    assert student.tree_.cover[0] == 200  # in the end it is fitted to all rows
    alone = CartStudent(8, search=picked).fit(codes, targets)
    np.testing.assert_array_equal(student.predict(codes), alone.predict(codes))
    few = CartStudent(8).fit(codes[:40], targets[:40])  # too few to choose on
    greedy = CartStudent(8, search="greedy").fit(codes[:40], targets[:40])
    assert few.chosen_ == {"search": "greedy"}
    np.testing.assert_array_equal(few.predict(codes), greedy.predict(codes))


@pytest.mark.parametrize("held_out", [True, False])
def test_a_size_is_chosen(held_out):
    rng = np.random.default_rng(1)
    codes = rng.random((300, 4)).astype(np.float32)
    step = np.digitize(codes[:, 0], [0.25, 0.5, 0.75])  # four leaves are enough
    noisy = np.where(rng.random(300) < 0.1, rng.integers(0, 2, 300), step % 2)
    targets = np.eye(2)[noisy]
    student = CartStudent("auto")
    if held_out:
        rest = (codes[200:], targets[200:])
        student.fit(codes[:200], targets[:200], held_out=rest)
        path = student.search_.path
        assert path is not None
        assert path.choose() == student.tree_.n_leaves
    else:
        student.fit(codes, targets)
    assert student.chosen_["max_leaves"] == student.tree_.n_leaves
    assert 3 <= student.tree_.n_leaves <= 12
    assert (student.predict(codes).argmax(axis=1) == step % 2).mean() > 0.9


def test_a_size_is_chosen_for_few_rows_too():
    codes, targets = drawn(0, 40)
    student = CartStudent("auto").fit(codes, targets)
    assert 1 <= student.tree_.n_leaves <= 40
    assert student.chosen_["search"] == "greedy"


# --- decisions


@pytest.mark.parametrize("objective", ["disagreement", "expected_disagreement"])
def test_a_leaf_decides_for_what_costs_least(objective):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        targets = rng.dirichlet(np.ones(3), 40)
        weight = rng.exponential(size=40) ** 3
        cost = rng.exponential(size=(3, 3)) * (1 - np.eye(3))
        student = CartStudent(
            2, search="refined", objective=objective, class_cost=cost
        ).fit(np.zeros((40, 1)), targets, weight)
        decided = targets
        if objective == "disagreement":
            decided = np.eye(3)[targets.argmax(axis=1)]
        expected = (weight @ decided) @ cost
        said = student.predict(np.zeros((1, 1)))[0]
        assert said.argmax() == expected.argmin()
        assert said.sum() == pytest.approx(1, abs=1e-5)


def test_weights_count_once():
    # 40 rows of weight 1 against 20 of 1.5; counted twice, the 20 would win.
    label = np.repeat([0, 1], [40, 20])
    weight = np.repeat([1.0, 1.5], [40, 20])
    student = CartStudent(2, search="refined")
    student.fit(np.zeros((60, 1)), np.eye(2)[label], weight)
    np.testing.assert_allclose(student.predict([[0.0]]), [[4 / 7, 3 / 7]])


def test_a_stump_takes_the_classes_costs_into_account():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 8, (120, 1)).astype(np.float32)
    label = (codes[:, 0] + rng.normal(0, 2, 120) > 3.5).astype(int)
    thresholds = {}
    for price in (1.0, 8.0):  # of missing the second class
        cost = np.array([[0.0, 1.0], [price, 0.0]])
        student = CartStudent(2, search="refined", class_cost=cost)
        student.fit(codes, np.eye(2)[label])
        said = student.predict(codes).argmax(axis=1)
        paid = cost[label, said].sum()
        stumps = []
        for value in range(8):
            sides = codes[:, 0] <= value
            stumps += [
                cost[label, np.where(sides, left, right)].sum()
                for left, right in product(range(2), repeat=2)
            ]
        assert paid == min(stumps)
        thresholds[price] = said.mean()
        assert student.search_.attempts[-1].loss == pytest.approx(paid / 120)
    assert thresholds[8.0] > thresholds[1.0]  # more is taken for the second class


def test_labels_are_decided_one_by_one():
    rng = np.random.default_rng(2)
    codes = rng.random((300, 3)).astype(np.float32)
    labels = np.column_stack([codes[:, 0] > 0.6, codes[:, 0] + codes[:, 1] > 1]).astype(
        float
    )
    soft = np.clip(labels * 0.8 + 0.1 + rng.normal(0, 0.3, labels.shape), 0, 1)
    shares = {}
    for name in ("greedy", "refined"):
        student = CartStudent(4, search=name, objective="label_disagreement")
        student.fit(codes, soft)
        wrong = (student.predict(codes) > 0.5) != (soft > 0.5)
        shares[name] = wrong.mean()
        assert student.search_.attempts[-1].loss <= wrong.mean() + 1e-12
    assert student.search_.attempts[-1].loss == pytest.approx(shares["refined"])
    assert shares["refined"] <= shares["greedy"]


def test_what_was_tried_is_a_table():
    codes, targets = drawn(0, 120)
    fit = _fit_tree(
        _Given(Encoded(SCHEMA, codes[:80]), targets[:80], np.ones(80)),
        Settings(Limits(max_leaves=5)),
        _HeldOut(Encoded(SCHEMA, codes[80:]), targets[80:], np.ones(40)),
    )
    frame = fit.to_frame()
    assert isinstance(frame, pd.DataFrame)
    columns = ["search", "n_leaves", "loss", "held_out_loss", "seconds"]
    assert frame.columns.tolist() == columns
    assert frame["search"].tolist() == ["greedy", "refined"]
    assert (frame["n_leaves"] <= 5).all()
    assert frame["held_out_loss"].between(0, 1).all()


# --- what is refused

ONES, SOFT = np.ones((60, 1)), np.tile([[0.2, 0.3, 0.5]], (60, 1))
SIDES = np.tile([[0.4, 0.6]], (60, 1))


@pytest.mark.parametrize(
    ("given", "targets", "sentence"),
    [
        (
            {"search": "exhaustive"},
            SOFT,
            "The 'search' parameter of CartStudent must be one of 'auto', 'greedy', "
            "'refined', 'optimal'. Got 'exhaustive'.",
        ),
        (
            {"objective": "gini"},
            SOFT,
            "The 'objective' parameter of CartStudent must be one of 'auto', "
            "'disagreement', 'expected_disagreement', 'label_disagreement', "
            "'cross_entropy', 'squared_error'. Got 'gini'.",
        ),
        (
            {"max_leaves": "many"},
            SOFT,
            "The 'max_leaves' parameter of CartStudent must be an int in [2, inf) or "
            "None. Got 'many'.",
        ),
        (
            {"min_gain": -0.1},
            SOFT,
            "The 'min_gain' parameter of CartStudent must be a float in [0, inf). "
            "Got -0.1.",
        ),
        (
            {"time_limit": 0},
            SOFT,
            "The 'time_limit' parameter of CartStudent must be a float in (0, inf). "
            "Got 0.",
        ),
        (
            {"objective": "cross_entropy"},
            SOFT * 2,
            "The 'objective' parameter of CartStudent may be 'cross_entropy' when "
            "every row of the targets is a distribution over two or more columns. Got "
            "other targets.",
        ),
        (
            {"objective": "expected_disagreement"},
            ONES,
            "The 'objective' parameter of CartStudent may be 'expected_disagreement' "
            "when every row of the targets is a distribution over two or more "
            "columns. Got other targets.",
        ),
        (
            {"objective": "disagreement"},
            ONES,
            "The 'objective' parameter of CartStudent may be 'disagreement' for two "
            "or more target columns. Got 1.",
        ),
        (
            {"objective": "label_disagreement"},
            ONES - 2,
            "The 'objective' parameter of CartStudent may be 'label_disagreement' for "
            "targets in [0, 1]. Got others.",
        ),
        (
            {"class_cost": np.ones((3, 3)), "objective": "squared_error"},
            SOFT,
            "The 'class_cost' parameter of CartStudent may be given when classes are "
            "decided. Got the objective 'squared_error'.",
        ),
        (
            {"class_cost": np.ones((2, 2)), "objective": "label_disagreement"},
            SIDES,
            "The 'class_cost' parameter of CartStudent may be given when classes are "
            "decided. Got the objective 'label_disagreement'.",
        ),
        (
            {"class_cost": np.ones((2, 2))},
            SOFT,
            "The 'class_cost' parameter of CartStudent must have one row and one "
            "column a class, 3. Got shape (2, 2).",
        ),
        (
            {"class_cost": -np.ones((3, 3))},
            SOFT,
            "The 'class_cost' parameter of CartStudent must lie in [0, inf). Got -1.",
        ),
        (
            {"feature_cost": [-1.0, 0]},
            SOFT,
            "The 'feature_cost' parameter of CartStudent must lie in [0, inf). Got -1.",
        ),
        (
            {"feature_cost": [1.0]},
            SOFT,
            "The 'feature_cost' parameter of CartStudent must hold one number a "
            "column, 2. Got shape (1,).",
        ),
        (
            {"feature_cost": {"wealth": 1}},
            SOFT,
            "The 'feature_cost' parameter of CartStudent names columns that are not "
            "there: ['wealth'].",
        ),
        (
            {"monotone": {"age": 1}},
            SOFT,
            "The 'monotone' parameter of CartStudent needs one target column, or two "
            "that sum up to 1. Got 3.",
        ),
        (
            {"monotone": {"age": 2}},
            SIDES,
            "The 'monotone' parameter of CartStudent must hold -1, 0 or 1. Got "
            "[0.0, 2.0].",
        ),
        (
            {"monotone": {"home": 1}},
            SIDES,
            "The 'monotone' parameter of CartStudent is for numbers. Got 1 for the "
            "categorical column 'home'.",
        ),
        (
            {"monotone": {"wealth": 1}},
            SIDES,
            "The 'monotone' parameter of CartStudent names columns that are not "
            "there: ['wealth'].",
        ),
        (
            {"search": "optimal"},
            SOFT,
            "The 'search' parameter of CartStudent may be 'optimal' for a max_depth in "
            "[1, 4]. Got max_depth None.",
        ),
        (
            {"search": "optimal", "max_depth": 5},
            SOFT,
            "The 'search' parameter of CartStudent may be 'optimal' for a max_depth in "
            "[1, 4]. Got max_depth 5.",
        ),
        (
            {"search": "optimal", "max_depth": 2},
            ONES,
            "The 'search' parameter of CartStudent may be 'optimal' when classes are "
            "decided: for the objectives 'disagreement' and 'expected_disagreement'.",
        ),
    ],
)
def test_what_does_not_suit_is_said(given, targets, sentence):
    rows = pd.DataFrame({"age": np.arange(60.0), "home": ["own", "rent"] * 30})
    with pytest.raises(InputError) as error:
        CartStudent(**{"max_leaves": 4, **given}).fit(rows, targets)
    assert str(error.value) == sentence


def test_targets_of_three_kinds_have_their_monotone_column():
    rows = pd.DataFrame({"age": np.arange(60.0)})
    rising = np.linspace(0, 1, 60)
    CartStudent(monotone=[1]).fit(rows, rising)
    CartStudent(monotone=[1]).fit(rows, np.column_stack([1 - rising, rising]))
    with pytest.raises(InputError, match="sum up to 1"):
        CartStudent(monotone=[1]).fit(rows, np.column_stack([rising, rising]))
    falling = CartStudent(monotone=[-1], search="greedy").fit(rows, rising)
    assert falling.tree_.n_leaves == 1
