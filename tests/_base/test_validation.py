import math
from typing import Any

import numpy as np
import pytest

from interpretkd._base import (
    InputError,
    check_boolean,
    check_choice,
    check_integer,
    check_real,
    closest,
)


def test_input_error_is_a_value_error() -> None:
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1), 1e-300])
def test_real_passes_numbers_as_float(value: Any) -> None:
    got = check_real("Owner", "alpha", value, 0, 1, closed="both")
    assert type(got) is float
    assert got == value


@pytest.mark.parametrize(
    "value", [True, np.True_, "1", None, 1j, [1.0], np.array([1.0]), math.nan]
)
def test_real_refuses_what_is_no_number(value: Any) -> None:
    with pytest.raises(InputError, match=r"must be a float in \[0, 1\]\. Got "):
        check_real("Owner", "alpha", value, 0, 1, closed="both")


@pytest.mark.parametrize(
    ("closed", "at_low", "at_high", "interval"),
    [
        ("neither", False, False, "(0, 1)"),
        ("left", True, False, "[0, 1)"),
        ("right", False, True, "(0, 1]"),
        ("both", True, True, "[0, 1]"),
    ],
)
def test_real_keeps_the_ends_as_told(
    closed: str, at_low: bool, at_high: bool, interval: str
) -> None:
    for value, allowed in ((0, at_low), (1, at_high)):
        if allowed:
            assert check_real("Owner", "rate", value, 0, 1, closed=closed) == value
            continue
        with pytest.raises(InputError) as caught:
            check_real("Owner", "rate", value, 0, 1, closed=closed)
        assert str(caught.value) == (
            f"The 'rate' parameter of Owner must be a float in {interval}. Got {value}."
        )
    assert check_real("Owner", "rate", 0.5, 0, 1, closed=closed) == 0.5


def test_real_refuses_infinity_where_it_is_open() -> None:
    with pytest.raises(InputError, match=r"in \(0, inf\)\. Got inf\."):
        check_real("Owner", "temperature", math.inf, 0)


@pytest.mark.parametrize("value", [2, np.int32(2), 7])
def test_integer_passes_integers_as_int(value: Any) -> None:
    got = check_integer("Owner", "depth", value, 2, 7)
    assert type(got) is int
    assert got == value


@pytest.mark.parametrize("value", [1, 8, 2.0, "2", True, None, np.array([3])])
def test_integer_refuses_others(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        check_integer("Owner", "depth", value, 2, 7)
    assert str(caught.value) == (
        f"The 'depth' parameter of Owner must be an int in [2, 7]. Got {value!r}."
    )


def test_integer_may_be_none_where_it_is_optional() -> None:
    assert check_integer("Owner", "depth", None, 1, optional=True) is None
    with pytest.raises(InputError) as caught:
        check_integer("Owner", "depth", 0, 1, optional=True)
    assert str(caught.value) == (
        "The 'depth' parameter of Owner must be an int in [1, inf) or None. Got 0."
    )


@pytest.mark.parametrize("value", ["C", None, 1, ["a"], ("a", "b")])
def test_choice_refuses_others(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        check_choice("Owner", "loss", value, ("a", "b"))
    assert str(caught.value) == (
        f"The 'loss' parameter of Owner must be one of 'a', 'b'. Got {value!r}."
    )


def test_choice_reads_an_iterator_once() -> None:
    assert check_choice("Owner", "loss", "b", iter(["a", "b"])) == "b"


@pytest.mark.parametrize("value", [0, 1, None, "True", np.True_])
def test_boolean_refuses_others(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        check_boolean("Owner", "verbose", value)
    assert str(caught.value) == (
        f"The 'verbose' parameter of Owner must be True or False. Got {value!r}."
    )


def test_boolean_passes_booleans() -> None:
    assert check_boolean("Owner", "verbose", True) is True
    assert check_boolean("Owner", "verbose", False) is False


def test_closest_hints_at_the_most_similar_name() -> None:
    assert closest("agee", iter(["wage", "age", "home"])) == " Did you mean 'age'?"
    assert closest("zzz", ["age", "home"]) == ""
    assert closest("age", []) == ""
    assert closest("age", ["age_in_days_now", "age_in_years"]) == (
        " Did you mean 'age_in_years'?"
    )
    assert closest("a", ["age_in_years"]) == ""
    assert closest(1, ["age", 10]) == " Did you mean '10'?"
