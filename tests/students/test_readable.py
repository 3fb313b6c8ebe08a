"""Students decide by readable thresholds, and no training row moves."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd._base import InputError, number_text
from interpretkd.models import ALL_NUMBERS
from interpretkd.rules import extract_rules, readable
from interpretkd.students import BoostedStudent, CartStudent

SCALES = st.sampled_from([1e-6, 0.01, 1.0, 37.0, 1e4, 1e7])


@st.composite
def _training(draw: st.DrawFn) -> tuple[pd.DataFrame, Any]:
    """Draw rows of numbers and whole numbers, some missing, with targets."""
    n_rows = draw(st.integers(8, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shift, scale = draw(st.sampled_from([0.0, -3.0, 200.0])), draw(SCALES)
    rows = pd.DataFrame(
        {
            "number": (rng.normal(size=n_rows) + shift) * scale,
            "whole": rng.integers(0, draw(st.sampled_from([3, 90, 20_000])), n_rows),
            "gaps": np.where(rng.random(n_rows) < 0.2, np.nan, rng.random(n_rows)),
        }
    )
    wave = np.sin(rows["number"] / scale) + rows["whole"].rank(pct=True)
    return rows, (wave + rows["gaps"].fillna(2)).to_numpy()


def _digits(threshold: float) -> int:
    return len(number_text(threshold).lstrip("-").replace(".", "").strip("0"))


@settings(max_examples=30, deadline=None)
@given(_training())
def test_no_training_row_moves(drawn: tuple[pd.DataFrame, Any]) -> None:
    rows, y = drawn
    how: dict[str, Any] = {"max_leaves": 12, "search": "greedy"}
    short = CartStudent(**how).fit(rows, y).tree_
    exact = CartStudent(thresholds="exact", **how).fit(rows, y).tree_
    np.testing.assert_array_equal(short.nodes.feature, exact.nodes.feature)
    np.testing.assert_array_equal(short.apply(rows), exact.apply(rows))
    np.testing.assert_array_equal(short.value, exact.value)
    tests = np.flatnonzero(~short.nodes.is_leaf)
    for node in tests.tolist():
        one, other = (t.nodes.threshold[node].item() for t in (short, exact))
        assert _digits(one) <= max(_digits(other), 1)
        if short.nodes.feature[node] == 1:
            assert one == np.floor(one) or abs(one) >= ALL_NUMBERS


@settings(max_examples=15, deadline=None)
@given(_training())
def test_what_is_printed_is_what_decides(drawn: tuple[pd.DataFrame, Any]) -> None:
    rows, y = drawn
    student = CartStudent(6, search="greedy").fit(rows, y)
    leaves = student.tree_.apply(rows)
    for rule in extract_rules(student):
        inside = np.ones(len(rows), dtype=bool)
        for condition in rule.conditions:
            column = rows[condition.feature.name].to_numpy(float)
            low, high = (  # as it is printed, on the raw values
                float(number_text(end)) if np.isfinite(end) else end
                for end in (condition.low, condition.high)
            )
            passes = (column > low) & (column <= high) & condition.values
            inside &= np.where(np.isnan(column), condition.missing, passes)
        np.testing.assert_array_equal(inside, leaves == rule.leaf)


def test_thresholds_stay_away_from_the_values_beside_them() -> None:
    x = np.array([[1.01], [1.9]])  # 1.5, not 1.1 nor 1.8; and 1 is no value in between
    student = CartStudent(2, search="greedy").fit(x, [0.0, 1.0])
    assert student.tree_.nodes.threshold[0] == 1.5
    ages = np.array([[8.0], [9.0]])
    student = CartStudent(2, search="greedy").fit(ages, [0.0, 1.0])
    assert student.tree_.nodes.threshold[0] == 8
    student.set_params(thresholds="exact").fit(ages, [0.0, 1.0])
    assert student.tree_.nodes.threshold[0] == 8.5


@pytest.mark.parametrize("how", [{"n_rounds": 8}, {"max_leaves": 12}])
def test_boosted_trees_are_readable_too(how: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(50, 20, 400), "n": rng.integers(0, 40, 400)})
    y = np.sin(rows["a"] / 20) + (rows["n"] > 12)
    short = BoostedStudent(random_state=0, **how).fit(rows, y)
    exact = BoostedStudent(random_state=0, thresholds="exact", **how).fit(rows, y)
    np.testing.assert_array_equal(short.predict(rows), exact.predict(rows))
    before = readable(exact, rows).digits_before
    assert readable(short, rows).digits_before < before - 1


@pytest.mark.parametrize("student", [CartStudent, BoostedStudent])
def test_other_words_are_refused(student: Any) -> None:
    with pytest.raises(InputError, match="'thresholds' parameter"):
        student(thresholds="round").fit([[1.0], [2.0]], [0.0, 1.0])
