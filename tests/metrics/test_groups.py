"""Rows that belong together: intervals over groups, against a simulation."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd.metrics import (
    bootstrap_interval,
    compare_shares,
    share_interval,
    wilson_interval,
)


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
