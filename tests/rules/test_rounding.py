from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd._base import InputError, number_text
from interpretkd.data import Feature, Schema
from interpretkd.data._dates import Calendar
from interpretkd.models import ALL_NUMBERS, Tree, path_conditions
from interpretkd.rules import readable
from interpretkd.rules._rounding import Readable, _significant_digits
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from tests.students.cart.small_trees import (
    FLOAT32,
    SCHEMA,
    TREES,
    frame_of,
    hard_rows,
    new_tree,
)

ONE = Schema((Feature("x"),))
ANY = st.floats(-(2.0**120), 2.0**120, width=32)


def _stump(threshold: float, schema: Schema = ONE) -> Tree:
    return new_tree((0, threshold, True, 0, 1), schema)


def _rounded(values: Any, threshold: float, **how: Any) -> float:
    rows = np.asarray(values, dtype=FLOAT32).reshape(-1, 1)
    return float(readable(_stump(threshold), rows, **how).tree.nodes.threshold[0])


# --- the number


@pytest.mark.parametrize(
    ("low", "high", "threshold", "said"),
    [
        (0.123, 0.987, 0.456, "0.5"),
        (3, 4, 3.5, "3"),  # whole numbers only: 3, not 3.5
        (0, 1, 0.5, "0"),
        (-1, 0, -0.5, "-1"),
        (-4, -3, -3.5, "-4"),
        (13, 17, 15.2, "15"),
        (980, 1020, 1001, "1000"),
        (1.2345, 1.2346, 1.23451, "1.2345"),
        (1.23451, 1.23459, 1.23457, "1.23457"),
        (-0.25, 0.5, 0.1, "0.1"),
        (-0.25, 0.5, 0.0, "0"),
        (-7.7, -7.1, -7.33, "-7.3"),
        (1e-30, 3e-30, 1.7e-30, "2e-30"),
        (2.5e30, 7.3e30, 4.41e30, "4e30"),
        (99.5, 101.5, 100.9, "100"),
        (0.1, 0.2, 0.1, "0.1"),
    ],
)
def test_the_shortest_number_in_the_gap(
    low: float, high: float, threshold: float, said: str
) -> None:
    assert _rounded([low, high], threshold) == FLOAT32(float(said))


@given(ANY, st.integers(1, 300), st.data())
def test_no_float_in_a_narrow_gap_has_fewer_digits(
    low: float, n_floats: int, data: st.DataObject
) -> None:
    inside = [FLOAT32(low)]
    while len(inside) <= n_floats:
        inside.append(np.nextafter(inside[-1], FLOAT32(np.inf)))
    high = inside.pop()
    threshold = float(data.draw(st.sampled_from(inside)))
    got = _rounded([low, high], threshold)
    assert low <= got < high
    candidates = inside
    if {float(v) == np.floor(v) for v in (low, high)} == {True}:
        candidates = [v for v in inside if v == np.floor(v)]
    fewest = min(_significant_digits(float(v)) for v in candidates)
    assert _significant_digits(got) == fewest
    ties = [float(v) for v in candidates if _significant_digits(float(v)) == fewest]
    assert abs(got - threshold) == min(abs(v - threshold) for v in ties)


@given(ANY, ANY, st.floats(0, 1))
def test_no_decimal_in_a_wide_gap_has_fewer_digits(
    one: float, other: float, share: float
) -> None:
    low, high = FLOAT32(min(one, other)), FLOAT32(max(one, other))
    if low == high:
        return
    # A third value, so that the column is not one of whole numbers.
    middle = float(low) + share * (float(high) - float(low))
    threshold = float(min(max(FLOAT32(middle), low), np.nextafter(high, low)))
    got = _rounded([low, high, 3.1e38, 3.2e38, 1e-30], threshold)
    values = np.sort(np.asarray([low, high, 3.1e38, 3.2e38, 1e-30], dtype=FLOAT32))
    place = int(np.searchsorted(values, threshold, side="right"))
    low, high = values[place - 1], values[place]
    assert low <= got < high
    for n_digits in range(1, _significant_digits(got)):
        assert not _any_decimal(float(low), float(high), n_digits)


def _any_decimal(low: float, high: float, n_digits: int) -> bool:
    """Tell whether a number of so many digits lies in [low, high), power by power."""
    if low <= 0 < high:
        return True
    for power in range(-60, 40):
        step = Decimal(10) ** power
        first = int((Decimal(low) / step).to_integral_value("ROUND_CEILING"))
        if abs(first) < 10**n_digits and first * step < Decimal(high):
            return True
    return False


@given(ANY)
def test_digits_are_those_of_the_text(value: float) -> None:
    text = number_text(value)
    digits = Decimal(text).normalize().as_tuple().digits
    assert _significant_digits(value) == len(digits) <= 9


# --- the rows


@settings(max_examples=100)
@given(TREES, st.booleans(), st.integers(1, 300))
def test_no_given_row_changes_its_leaf(
    tree: Tree, aggressive: bool, n_rows: int
) -> None:
    codes = hard_rows(tree, n_rows)
    rows = frame_of(codes)
    rounded = readable(tree, rows, aggressive=aggressive)
    np.testing.assert_array_equal(rounded.tree.apply(rows), tree.apply(rows))
    assert (rounded.n_rows, rounded.n_changed) == (n_rows, 0)
    assert rounded.n_held_out is None
    assert not rounded.digits_after > rounded.digits_before  # NaN without any
    for name, array in tree.to_arrays().items():
        if name != "threshold":
            np.testing.assert_array_equal(rounded.tree.to_arrays()[name], array)


@settings(max_examples=100)
@given(TREES, st.booleans())
def test_no_rule_becomes_impossible(tree: Tree, aggressive: bool) -> None:
    rows = frame_of(hard_rows(tree, 3))  # few: gaps hold several thresholds
    after = readable(tree, rows, aggressive=aggressive).tree
    assert isinstance(after, Tree)
    new = path_conditions(after.nodes)
    for node, conditions in path_conditions(tree.nodes).items():
        possible = {c.position for c in conditions if c.low < c.high}
        for condition in new[node]:
            if condition.position in possible:
                assert condition.low < condition.high


def _grown(n_rows: int = 400, seed: int = 0) -> tuple[CartStudent, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "fine": rng.normal(size=n_rows),
            "whole": rng.integers(0, 60, n_rows),
            "tiny": rng.normal(size=n_rows) * 1e-20,
            "gaps": np.where(rng.random(n_rows) < 0.2, np.nan, rng.random(n_rows)),
            "same": 1.5,
        }
    )
    y = rows["fine"] + rows["whole"] / 20 + rows["tiny"] * 1e20
    y += rows["gaps"].fillna(2.0)
    student = CartStudent(60, search="greedy", min_samples_leaf=1, thresholds="exact")
    return student.fit(rows, y), rows


@pytest.mark.parametrize("aggressive", [False, True])
def test_a_grown_tree_keeps_its_rows(aggressive: bool) -> None:
    student, rows = _grown()
    tree = student.tree_
    rounded = readable(student, rows, aggressive=aggressive)
    after = rounded.tree
    np.testing.assert_array_equal(after.apply(rows), tree.apply(rows))
    assert rounded.digits_after < rounded.digits_before - 1.5
    whole = (tree.nodes.feature == 1) & (np.abs(tree.nodes.threshold) < ALL_NUMBERS)
    assert whole.any()
    numbers = after.nodes.threshold[whole]
    np.testing.assert_array_equal(numbers, np.floor(numbers))


def test_the_price_on_held_out_rows_is_told() -> None:
    student, rows = _grown()
    _, others = _grown(3000, seed=1)
    soft = readable(student, rows, X_held_out=others)
    hard = readable(student, rows, aggressive=True, X_held_out=others)
    for one in (soft, hard):
        assert one.n_held_out == 3000
        assert one.n_changed == 0
        assert one.n_held_out_changed == int(
            (one.tree.apply(others) != student.tree_.apply(others)).sum()
        )
    assert hard.digits_after < soft.digits_after
    assert (hard.n_held_out_changed or 0) > (soft.n_held_out_changed or 0) > 0
    assert str(hard) == (
        f"0 of 400 rows change leaf, {hard.n_held_out_changed} of 3,000 held-out rows "
        f"do; thresholds have {hard.digits_after:.1f} digits on average instead of "
        f"{hard.digits_before:.1f}"
    )


@pytest.mark.parametrize("aggressive", [False, True])
def test_forests_are_rounded_tree_by_tree(aggressive: bool) -> None:
    _, rows = _grown()
    y = rows["fine"] ** 2 + rows["whole"] / 10
    student = BoostedStudent(n_rounds=12, max_leaves=8).fit(rows, y)
    rounded = readable(student, rows, aggressive=aggressive)
    assert rounded.n_changed == 0
    assert rounded.digits_after < rounded.digits_before
    np.testing.assert_array_equal(
        rounded.tree.predict(rows), student.forest_.predict(rows)
    )


def test_rows_that_change_are_counted() -> None:
    """Rows of another distribution than the gaps' move, and are counted as moved."""
    rounded = readable(_stump(0.456), [[0.1], [0.9]], X_held_out=[[0.47], [0.3], [0.6]])
    assert (rounded.n_changed, rounded.n_held_out_changed) == (0, 1)


# --- what stays


@pytest.mark.parametrize("values", [[], [0.7, 0.8], [0.1, 0.2], [np.nan, np.nan]])
def test_a_threshold_with_rows_on_one_side_only_stays(values: list[float]) -> None:
    rows = np.asarray(values, dtype=FLOAT32).reshape(-1, 1)
    for aggressive in (False, True):
        rounded = readable(_stump(0.456789), rows, aggressive=aggressive)
        np.testing.assert_array_equal(
            rounded.tree.nodes.threshold[0], FLOAT32(0.456789)
        )


def test_nodes_that_no_row_reaches_take_the_gap_of_all_rows() -> None:
    inner = (0, 0.2718281, True, 0, 1)
    schema = Schema((Feature("x"), Feature("z")))
    tree = new_tree((1, 0.5, True, inner, 2), schema)
    rows = [[0.25, 0.9], [0.3, 0.9], [0.9, 0.1]]
    after = readable(tree, rows, aggressive=True).tree.nodes
    np.testing.assert_array_equal(after.threshold[1], FLOAT32(0.27))


def test_missing_tests_sets_and_dates_stay() -> None:
    days = Feature("since", "date", calendar=Calendar("day"), has_missing=True)
    schema = Schema((days, *SCHEMA.features))
    dated = _stump(18691.5, schema)
    dates = pd.DataFrame({"since": pd.to_datetime(["2021-03-01", "2021-04-01"])})
    others = frame_of(hard_rows(new_tree(0), 2)).assign(since=dates["since"])
    assert readable(dated, others).tree.nodes.threshold[0] == FLOAT32(18691.5)
    gap = _stump(ALL_NUMBERS, Schema((Feature("x", has_missing=True),)))
    rounded = readable(gap, [[1.0], [np.nan]])
    assert rounded.tree.nodes.threshold[0] == FLOAT32(ALL_NUMBERS)
    assert str(rounded) == "0 of 2 rows change leaf; there is no threshold"


# --- what is refused


@pytest.mark.parametrize("model", [LinearStudent(), None, 3])
def test_what_has_no_thresholds_is_refused(model: Any) -> None:
    with pytest.raises(InputError, match="Only trees have thresholds to round"):
        readable(model, [[1.0]])


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="'aggressive' parameter of readable"):
        readable(_stump(1.0), [[1.0]], aggressive=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="X must have 1 columns"):
        readable(_stump(1.0), [[1.0, 2.0]])


def test_text_of_a_result() -> None:
    result = Readable(_stump(1.0), 1800, 0, 11.94, 2.9)
    assert str(result) == (
        "0 of 1,800 rows change leaf; thresholds have 2.9 digits on average instead "
        "of 11.9"
    )
