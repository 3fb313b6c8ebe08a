"""Thresholds between any two values of a column that has more of them than bins."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd.data import Schema
from interpretkd.students import CartStudent
from interpretkd.students._cart.binning import MAX_BINS, _bin_columns
from interpretkd.students._cart.draft import leaves_of
from interpretkd.students._cart.fitting import Settings, _objective_of
from interpretkd.students._cart.growing import Limits
from interpretkd.students._cart.problem import _Problem
from interpretkd.students._cart.sharpening import _finer, _sharpen

SEEDS = st.integers(0, 2**32 - 1)


def problem_of(codes, targets, **limits):
    binned = _bin_columns(Schema.from_data(codes), codes)
    given = Settings(Limits(**limits))
    objective = _objective_of(given, targets, np.ones(len(codes)), codes.shape[1])
    return _Problem(binned, targets, objective, given.limits)


def drawn(seed, n_rows=700):
    """Return rows of many values, some of them missing, and noisy decisions."""
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(n_rows, 3)).astype(np.float32)
    codes[:, 2] = rng.integers(0, 4, n_rows)
    codes[rng.random(codes.shape) < rng.choice([0.0, 0.1])] = np.nan
    known = np.nan_to_num(codes, nan=1.5)
    label = (known[:, 0] > 0.3) ^ (known[:, 1] + known[:, 2] > 1.2)
    label ^= rng.random(n_rows) < 0.1
    return codes, np.eye(2)[label.astype(int)]


@given(SEEDS, st.integers(2, 9))
@settings(max_examples=30, deadline=None)
def test_finer_bins_part_the_rows_as_before_and_then_better(seed, max_leaves):
    codes, targets = drawn(seed)
    problem = problem_of(codes, targets, max_leaves=max_leaves, min_samples_leaf=5)
    draft = problem.improve(problem.grow())
    finer = _finer(problem.binned, draft, codes)
    if finer is not None:
        binned, same = finer
        before = leaves_of(draft, problem.binned)
        np.testing.assert_array_equal(leaves_of(same, binned), before)
        assert binned.n_bins.max() <= MAX_BINS
        edges = [binned.edges[j] for j in range(3)]
        for j in range(3):  # a cell's bin is what its number says
            x = codes[:, j]
            assert (np.diff(edges[j]) > 0).all()
            bins = (x[:, None] > edges[j]).sum(axis=1)
            bins[np.isnan(x)] = binned.n_bins[j]
            np.testing.assert_array_equal(binned.matrix[j], bins)
    after, sharper = _sharpen(problem, draft, codes)
    assert after.loss(sharper) <= problem.loss(draft)
    counts = np.bincount(leaves_of(sharper, after.binned))
    assert counts[counts > 0].min() >= 5
    assert sharper.n_leaves <= max_leaves


def test_a_border_inside_a_bin_is_found():
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(size=6_000)).astype(np.float32)[:, None]
    label = (np.arange(6_000) > 2_345).astype(int)
    targets = np.eye(2)[label]
    problem = problem_of(x, targets, max_leaves=2)
    draft = problem.improve(problem.grow())
    assert problem.loss(draft) > 0
    after, sharper = _sharpen(problem, draft, x)
    assert after.loss(sharper) == 0
    student = CartStudent(2, search="refined").fit(x, targets)
    assert (student.predict(x).argmax(axis=1) == label).all()
    assert student.search_.attempts[-1].loss == 0


def test_few_values_are_left_as_they_are():
    codes, targets = drawn(0, 200)
    problem = problem_of(codes, targets, max_leaves=6)
    draft = problem.grow()
    after, same = _sharpen(problem, draft, codes)
    assert after is problem
    assert same is draft


@pytest.mark.parametrize("max_depth", [3, 4])
def test_what_was_tried_says_what_the_sharper_tree_loses(max_depth):
    codes, targets = drawn(3, 900)
    own, rest = slice(0, 600), slice(600, None)
    student = CartStudent(
        None, max_depth=max_depth, search="refined", thresholds="exact"
    )
    student.fit(codes[own], targets[own], held_out=(codes[rest], targets[rest]))
    last = student.search_.attempts[-1]
    wrong = student.predict(codes).argmax(axis=1) != targets.argmax(axis=1)
    assert last.loss == pytest.approx(wrong[own].mean())
    # Thresholds lie anywhere between two of the own rows.
    assert last.held_out_loss == pytest.approx(wrong[rest].mean(), abs=0.02)
