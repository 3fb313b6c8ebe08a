"""Numbers that float32 does not hold: what the codes tell apart, and what is said."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings, strategies as st

from interpretkd._base import InputError
from interpretkd.data import Feature, Scale, Schema

WHOLE = st.integers(-(2**53), 2**53)


def _scale(values: Any) -> Scale:
    scale = Scale.of(np.asarray(values, dtype=np.float64))
    assert scale is not None
    return scale


@pytest.mark.parametrize(
    "values",
    [
        1_577_836_800 + np.arange(0, 31_000_000, 99_991),
        20_240_000 + np.arange(300),
        1_577_836_800 + 86_400 * np.arange(20_000),
        -(10**12) - 7 * np.arange(500),
        (1_577_836_800 + 86_400 * np.arange(900)) * 10**9,
    ],
)
def test_whole_numbers_that_an_origin_and_a_unit_tell_apart_are_exact(
    values: Any,
) -> None:
    numbers = values.astype(np.float64)
    scale = _scale(numbers)
    codes = scale.encode(numbers)
    assert not scale.crowded
    assert (scale.decode(codes) == numbers).all()
    assert all(scale.last(c) >= v for c, v in zip(codes, values, strict=True))
    assert scale.text(codes[0]) == str(values[0])


@pytest.mark.parametrize(
    "values",
    [
        [0, 5, 2**24],
        [np.nan, np.nan],
        np.random.default_rng(0).normal(size=30_000),
        np.random.default_rng(0).lognormal(0, 20, size=1000),
    ],
)
def test_what_float32_tells_apart_has_no_scale(values: Any) -> None:
    assert Scale.of(np.asarray(values, dtype=np.float64)) is None


@pytest.mark.parametrize(
    "values",
    [1.6e9 + np.arange(200) / 7, 1e-60 * np.arange(1, 200), 0.5 + 1e-9 * np.arange(50)],
)
def test_fractions_far_from_0_get_an_origin(values: Any) -> None:
    scale = _scale(values)
    assert not scale.crowded
    assert len(np.unique(scale.encode(values))) == len(values)


@given(st.lists(WHOLE, min_size=2, max_size=30, unique=True), st.data())
@example([2**53, 2**53 - 1, -(2**53)], None)
@settings(deadline=None, max_examples=150)
def test_last_says_of_every_number_what_the_codes_say(
    values: list[int], data: Any
) -> None:
    scale = Scale.of(np.asarray(values))
    if scale is None:
        return
    codes = scale.encode(np.asarray(values, dtype=np.float64))
    threshold = (
        float(codes[0]) if data is None else float(data.draw(st.sampled_from(codes)))
    )
    if data is not None and data.draw(st.booleans()):
        threshold += 0.5
    last = scale.last(np.float32(threshold))
    near = [last - 1, last, last + 1, last - 0.5, last + 0.5, *values]
    for number in near:
        code = scale.encode(np.asarray([number], dtype=np.float64))[0]
        assert (code <= np.float32(threshold)) == (float(number) <= last)
    assert scale.last_text(np.float32(threshold)) == str(last)


@given(
    st.lists(st.floats(-1e9, 1e9, width=64), min_size=5, max_size=40, unique=True),
    st.floats(-1e12, 1e12),
)
@settings(deadline=None, max_examples=100)
def test_last_of_fractions_is_the_last_float_that_passes(
    values: list[float], shift: float
) -> None:
    numbers = np.asarray(values) / 1e9 + shift
    scale = Scale.of(numbers) or Scale(0.0, 1.0, False)
    if scale.whole:
        return
    codes = scale.encode(numbers)
    threshold = float(codes[0])
    last = scale.last(threshold)
    after = float(np.nextafter(last, math.inf))
    assert scale.encode(np.asarray([last]))[0] <= threshold
    assert scale.encode(np.asarray([after]))[0] > threshold
    assert np.array_equal(codes <= threshold, numbers <= last)
    shown = float(scale.text(threshold))
    assert scale.encode(np.asarray([shown]))[0] == np.float32(threshold)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([2**60 + i for i in range(40)]),
        pd.Series(np.arange(40, dtype=np.uint64) + np.uint64(2**63)),
        pd.Series(np.where(np.arange(40) % 2, 1e9, -1e9) + np.arange(40) / 100),
    ],
)
def test_a_column_that_stays_crowded_is_named(column: "pd.Series[Any]") -> None:
    schema = Schema.from_data(pd.DataFrame({"id": column}))
    assert len(schema.doubts) == 1
    assert "'id'" in schema.doubts[0]


@pytest.mark.parametrize(
    "dtype", ["int64", "float64", "Int64", "object", "int64[pyarrow]"]
)
def test_one_column_has_the_same_codes_in_every_dtype(dtype: str) -> None:
    numbers = pd.Series([20240101, 20240102, 20250101])
    schema = Schema.from_data(pd.DataFrame({"day": numbers}))
    frame = pd.DataFrame({"day": numbers.astype(dtype)})
    assert Schema.from_data(frame) == schema
    assert np.array_equal(
        schema.encode(frame), schema.encode(numbers.to_numpy()[:, None])
    )


def test_an_array_has_scales_too() -> None:
    X = np.asarray([[20240101, 1], [20240102, 2]])
    schema, codes = Schema.read(X)
    assert schema.features[0].scale is not None
    assert schema.features[1].scale is None
    assert codes[1, 0] - codes[0, 0] == 1


def test_infinity_is_refused_as_before() -> None:
    schema = Schema.from_data(pd.DataFrame({"a": [2**30, 2**30 + 1]}))
    for value in (np.inf, -np.inf, 1e39):
        with pytest.raises(InputError, match="infinity or a value too large"):
            schema.encode(pd.DataFrame({"a": [value]}))


def test_a_schema_comes_back_and_an_old_one_has_no_scales() -> None:
    schema = Schema.from_data(pd.DataFrame({"a": [2**30, 2**30 + 1], "b": [1, 2]}))
    kept = schema.to_dict()
    assert Schema.from_dict(kept) == schema
    assert [entry["kind"] for entry in kept["features"]] == ["scaled", "numeric"]
    del kept["features"][0]["scale"]
    kept["features"][0]["kind"] = "numeric"
    assert Schema.from_dict(kept).features[0] == Feature("a")


@pytest.mark.parametrize(
    "scale",
    [
        {"origin": "0"},
        {"origin": 0.5},
        {"unit": 0},
        {"unit": -1},
        {"unit": True},
        {"origin": 2**53 + 1},
        {"origin": 2**200},
        {"whole": 1},
        {"origin": math.nan, "whole": False},
        {"colour": 1},
    ],
)
def test_a_scale_from_a_file_is_checked(scale: dict[str, Any]) -> None:
    kept = Schema((Feature("a", scale=Scale(2**30)),)).to_dict()
    kept["features"][0]["scale"] |= scale
    with pytest.raises(InputError):
        Schema.from_dict(kept)


def test_fractions_that_come_as_float32_too_need_no_scale() -> None:
    exact = np.random.default_rng(0).integers(1, 80, 300) / 10
    both = np.append(exact, exact.astype(np.float32).astype(np.float64))
    assert len(np.unique(both)) > len(np.unique(exact))
    assert Scale.of(both) is None
