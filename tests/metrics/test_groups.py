"""Rows that belong together: intervals over groups, against a simulation."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from interpretkd import CartStudent, DistilledClassifier
from interpretkd.metrics import (
    bootstrap_interval,
    compare_means,
    compare_shares,
    fidelity,
    share_interval,
    wilson_interval,
)
from interpretkd.runs import analyse_run, load_run, save


def _draw(rng, n_groups, size):
    """Return rows whose groups have chances of their own: the usual trouble."""
    groups = np.repeat(np.arange(n_groups), size)
    chance = rng.beta(2, 1, n_groups)
    return rng.random(n_groups * size) < chance[groups], groups


@pytest.mark.parametrize("size", [1, 8])
def test_an_interval_over_groups_holds_the_truth_and_one_over_rows_does_not(size):
    rng = np.random.default_rng(0)
    held = np.zeros(2)
    for _ in range(400):
        hits, groups = _draw(rng, 40, size)
        for i, found in enumerate((share_interval(hits), share_interval(hits, groups))):
            held[i] += found.low <= 2 / 3 <= found.high
    assert held[1] / 400 >= 0.92
    if size > 1:
        assert held[0] / 400 < 0.8


def test_the_bootstrap_over_groups_is_as_wide_as_the_share_s_interval():
    rng = np.random.default_rng(1)
    hits, groups = _draw(rng, 60, 10)
    share = share_interval(hits, groups)
    drawn = bootstrap_interval(hits.astype(float), groups=groups)
    alone = bootstrap_interval(hits.astype(float))
    assert drawn.value == pytest.approx(share.value)
    assert drawn.n == share.n == 600
    width = drawn.high - drawn.low
    assert width == pytest.approx(share.high - share.low, rel=0.15)
    assert width > 1.7 * (alone.high - alone.low)


def test_a_difference_on_few_groups_is_not_significant_although_on_rows_it_is():
    groups = np.repeat(np.arange(4), 50)
    first = groups != 3
    second = groups > 1
    on_rows = compare_shares(first, second)
    on_groups = compare_shares(first, second, groups=groups)
    assert on_rows.p_value < 0.001
    assert on_groups.p_value > 0.2
    assert on_groups.difference.value == pytest.approx(on_rows.difference.value)
    assert (on_groups.only_first, on_groups.only_second) == (
        on_rows.only_first,
        on_rows.only_second,
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=60))
def test_groups_never_make_a_share_surer_than_its_rows(rows):
    hits, groups = map(np.array, zip(*rows, strict=True))
    if len(set(groups)) < 2:
        groups[0] = 7
    found, plain = share_interval(hits, groups), wilson_interval(hits.sum(), len(hits))
    assert found.value == plain.value
    assert found.low <= plain.low + 1e-12
    assert found.high >= plain.high - 1e-12
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_row_without_a_group_is_a_group_of_its_own():
    hits = [1, 0, 1, 1]
    none = share_interval(hits, [None, None, None, None])
    each = share_interval(hits, [1, 2, 3, 4])
    assert none == each


@pytest.mark.parametrize(
    ("groups", "said"), [([1, 1, 1], "at least two groups"), ([1, 2], "Got 2")]
)
def test_groups_that_say_nothing_are_refused(groups, said):
    with pytest.raises(ValueError, match=said):
        share_interval([1, 0, 1], groups)


def _grouped_case():
    """Return a model and 40 customers of 10 rows each: one customer, one answer."""
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 10)
    X = np.column_stack([rng.normal(size=40)[groups], rng.normal(size=400)])
    y = (X[:, 0] + 0.8 * rng.normal(size=40)[groups] > 0).astype(int)
    teacher = FrozenEstimator(LogisticRegression().fit(X, y))
    student = CartStudent(3, search="greedy")
    model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    return model.fit(X[::2], y[::2], groups=groups[::2]), X, y, groups


def test_an_evaluation_over_groups_is_less_sure_and_says_so(tmp_path):
    model, X, y, groups = _grouped_case()
    plain, found = model.evaluate(X, y), model.evaluate(X, y, groups=groups)
    for name in ("accuracy", "fidelity", "kl", "r2"):
        ours, rows = getattr(found.student, name), getattr(plain.student, name)
        assert ours.value == pytest.approx(rows.value)
        assert ours.high - ours.low > rows.high - rows.low
    assert found.student.accuracy == share_interval(model.predict(X) == y, groups)
    wide = found.by_class["high"] - found.by_class["low"]
    assert (wide > plain.by_class["high"] - plain.by_class["low"]).all()
    assert "400 rows of 40 groups" in str(found)
    assert "groups" not in str(plain)
    assert found.to_dict()["n_groups"] == 40
    few = model.evaluate(X[:50], y[:50], groups=groups[:50])
    assert "belong to 5 groups only" in str(few)
    assert fidelity(model, X, groups=groups) == found.student.fidelity
    # A saved run keeps which rows belong together, and measures as before.
    run = load_run(
        save(model, tmp_path / "run", X, y, groups=[f"c{g}" for g in groups])
    )
    assert str(analyse_run(run).evaluation) == str(found)


def test_a_slice_of_one_group_has_no_interval():
    model, X, y, groups = _grouped_case()
    part = np.where(groups == 0, "one", "others")
    found = model.evaluate(X, y, groups=groups, slices={"part": part}).slices["part"]
    found = found.set_index("slice")
    assert np.isnan(found.loc["one", ["low", "high"]].to_numpy(float)).all()
    assert found.loc["others", "low"] < found.loc["others", "high"]


@given(st.integers(1, 12), st.integers(1, 4))
def test_few_rows_or_groups_prove_no_more_than_coins_do(n_groups, rows_a_group):
    n_rows = n_groups * rows_a_group
    rng = np.random.default_rng(n_rows)
    ahead = rng.uniform(1, 2, size=(n_rows, 1))  # all on one side
    groups = np.repeat(np.arange(n_groups), rows_a_group)
    if n_groups > 1:
        grouped = _always_ahead(ahead, groups)
        assert grouped.p_value >= 2 ** (1 - n_groups)
    alone = _always_ahead(ahead, None)
    assert alone.p_value >= 2 ** (1 - n_rows)
    assert alone.direction == int(alone.p_value < 0.05)


def _always_ahead(ahead, groups):
    return compare_means(
        ahead,
        lambda means: means[:, 0],
        only_first=len(ahead),
        only_second=0,
        n_resamples=100,
        groups=groups,
    )


def test_the_intervals_of_rules_are_over_groups_too():
    model, X, y, groups = _grouped_case()
    plain = {r.leaf: r for r in model.rules(X, y)}
    for rule in model.rules(X, y, groups=groups):
        one = plain[rule.leaf]
        rows = np.flatnonzero(model.tree_.apply(X) == rule.leaf)
        assert rule.accuracy.value == one.accuracy.value
        assert (
            rule.accuracy.high - rule.accuracy.low
            > one.accuracy.high - one.accuracy.low
        )
        hits = model.predict(X[rows]) == y[rows]
        assert rule.accuracy == share_interval(hits, groups[rows])
    lone = model.rules(X[:10], y[:10], groups=[*groups[:9], 99])
    known = [rule.accuracy for rule in lone if rule.accuracy is not None]
    assert known
