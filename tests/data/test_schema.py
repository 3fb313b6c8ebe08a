import datetime
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow
import pytest
from hypothesis import given, settings, strategies as st

from interpretkd._base import InputError
from interpretkd.data import (
    MISSING,
    VALUE,
    Column,
    Encoded,
    Feature,
    Schema,
    as_frame,
    batches,
    check_schema,
    expand,
    image_schema,
)
from interpretkd.data._dates import Calendar

nan = np.nan
FLOAT32 = st.floats(allow_nan=True, allow_infinity=False, width=32)
TEXT = st.text(min_size=1, max_size=5)


def _encoded(values: Any, dtype: Any = None) -> tuple[Feature, list[float]]:
    rows = pd.DataFrame({"c": pd.Series(values, dtype=dtype)})
    schema = Schema.from_data(rows)
    codes = schema.encode(rows)
    assert codes.dtype == np.float32
    return schema.features[0], codes[:, 0].tolist()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, 3], "int64"),
        ([1, 2, 3], "uint8"),
        ([1, 2, 3], "float32"),
        ([1, 2, 3], "Int64"),
        ([1, 2, 3], "Float64"),
        ([1, 2, 3], "int64[pyarrow]"),
        ([1, 2, 3], object),
        ([1, 2.0, np.int8(3)], object),
    ],
)
def test_numbers_stay_numbers(values: list[Any], dtype: Any) -> None:
    feature, codes = _encoded(values, dtype)
    assert feature == Feature("c")
    assert codes == [1, 2, 3]


@pytest.mark.parametrize(
    ("gap", "dtype"),
    [
        (nan, "float64"),
        (pd.NA, "Int64"),
        (pd.NA, "Float32"),
        (None, "int64[pyarrow]"),
        (None, object),
        (nan, object),
        (pd.NA, object),
    ],
)
def test_missing_numbers_become_nan(gap: Any, dtype: Any) -> None:
    feature, codes = _encoded([1, gap, 3], dtype)
    assert feature == Feature("c", has_missing=True)
    np.testing.assert_array_equal(codes, [1, nan, 3])


@pytest.mark.parametrize("dtype", [object, "str", "string", "string[pyarrow]"])
def test_texts_become_sorted_categories(dtype: Any) -> None:
    feature, codes = _encoded(["b", None, "a", "b"], dtype)
    assert feature == Feature("c", "categorical", ("a", "b"), has_missing=True)
    np.testing.assert_array_equal(codes, [1, nan, 0, 1])


def test_declared_order_of_categories_is_kept() -> None:
    levels = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    feature, codes = _encoded(["high", "low", None], levels)
    assert feature.categories == ("low", "mid", "high")
    np.testing.assert_array_equal(codes, [2, 0, nan])


def test_categories_may_be_numbers() -> None:
    feature, codes = _encoded([30, 10, 30], pd.CategoricalDtype([30, 20, 10]))
    assert feature.categories == (30, 20, 10)
    assert all(type(level) is int for level in feature.categories)
    assert codes == [0, 2, 0]


@pytest.mark.parametrize("dtype", ["bool", "boolean", "bool[pyarrow]", object])
def test_booleans_become_two_categories(dtype: Any) -> None:
    feature, codes = _encoded([True, False, True], dtype)
    assert feature == Feature("c", "categorical", (False, True))
    assert codes == [1, 0, 1]


def test_missing_booleans_become_nan() -> None:
    for values, dtype in (
        ([True, pd.NA, False], "boolean"),
        ([True, None, False], object),
    ):
        feature, codes = _encoded(values, dtype)
        assert feature == Feature("c", "categorical", (False, True), has_missing=True)
        np.testing.assert_array_equal(codes, [1, nan, 0])


def test_a_constant_boolean_keeps_both_levels() -> None:
    assert _encoded([True, True], "bool")[0].categories == (False, True)


def test_the_order_of_categories_in_new_rows_does_not_matter() -> None:
    schema = Schema((Feature("c", "categorical", ("a", "b", "c")),))
    rows = pd.DataFrame({"c": pd.Categorical(["c", "a", None], ["c", "b", "a", "new"])})
    np.testing.assert_array_equal(schema.encode(rows)[:, 0], [2, 0, nan])
    np.testing.assert_array_equal(
        schema.encode(rows.astype({"c": object}))[:, 0], [2, 0, nan]
    )


def test_what_is_a_boolean() -> None:
    assert Feature("c", "categorical", (False, True)).is_boolean
    for categories in ((0, 1), (0.0, 1.0), ("False", "True"), (True, False)):
        assert not Feature("c", "categorical", categories).is_boolean
    assert not Feature("c").is_boolean


def test_text_of_codes() -> None:
    assert Feature("c", "categorical", ("a", "b")).text(1) == "b"
    flag = Feature("c", "categorical", (False, True))
    assert [flag.text(code) for code in (0, 1, nan)] == ["false", "true", "missing"]
    texts = [
        Feature("c").text(code) for code in (3.0, 0.1, float(np.float32(0.1)), 1e30)
    ]
    assert texts == ["3", "0.1", "0.1", "1e+30"]
    since = DATED.features[0]
    assert [since.text(c) for c in (0, 0.9, -0.1)] == [
        *("1970-01-01", "1970-01-01", "1969-12-31")
    ]


DAYS = [datetime.date(2021, 3, 5), None, datetime.date(1969, 12, 30)]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(DAYS, dtype=object),
        pd.Series(DAYS, dtype="datetime64[s]"),
        pd.Series(DAYS, dtype="datetime64[ns]"),
        pd.Series(DAYS).astype("date32[pyarrow]"),
        pd.Series(DAYS, dtype="datetime64[us]").astype("timestamp[us][pyarrow]"),
        pd.Series([d and datetime.datetime(d.year, d.month, d.day) for d in DAYS]),
    ],
)
def test_dates_become_days(column: Any) -> None:
    rows = pd.DataFrame({"d": column, "n": [1.0, 2.0, 3.0]})
    schema = Schema.from_data(rows)
    expected = Feature("d", "date", has_missing=True, calendar=Calendar("day"))
    assert schema.features[0] == expected
    codes = schema.encode(rows)
    np.testing.assert_array_equal(codes[:, 0], [18691, nan, -2])
    back = pd.DataFrame({"d": schema.features[0].decode(codes[:, 0]), "n": rows["n"]})
    np.testing.assert_array_equal(schema.encode(back), codes)


@pytest.mark.parametrize("of", [pl.DataFrame, pyarrow.table])
def test_dates_of_other_frames(of: Any) -> None:
    times = [datetime.datetime(2021, 3, 5, 14, 30), None, None]
    frame = as_frame(of({"d": DAYS, "t": times}))
    assert frame is not None
    schema = Schema.from_data(frame)
    assert [f.calendar and f.calendar.unit for f in schema.features] == [
        *("day", "minute")
    ]
    np.testing.assert_array_equal(schema.encode(frame)[:, 0], [18691, nan, -2])


def test_rows_with_dates_may_come_as_texts_and_as_arrays() -> None:
    rows = pd.DataFrame({"d": pd.Series(DAYS, dtype="datetime64[s]"), "n": 1.0})
    schema = Schema.from_data(rows)
    codes = schema.encode(rows)
    texts = rows.assign(d=["2021-03-05", None, "1969-12-30T23:59"])
    np.testing.assert_array_equal(schema.encode(texts), codes)
    np.testing.assert_array_equal(schema.encode(rows.to_numpy(dtype=object)), codes)
    assert not schema.holds_numbers


def test_an_array_of_dates_is_refused() -> None:
    with pytest.raises(InputError, match="give dates as a frame"):
        Schema.from_data(np.array([["2021-03-05"]], dtype="M8[D]"))


LEVELS = pl.Enum(["low", "mid", "up"])


def test_polars_frames_are_read_as_pandas_frames() -> None:
    rows = pl.DataFrame(
        {
            "number": [1.5, None, 3.0],
            "whole": [1, 2, None],
            "text": ["b", None, "a"],
            "flag": [True, None, False],
            "level": pl.Series(
                ["mid", "low", None], dtype=pl.Enum(["low", "mid", "up"])
            ),
            "kind": pl.Series(["y", None, "x"], dtype=pl.Categorical),
        }
    )
    frame = as_frame(rows)
    assert frame is not None
    schema = Schema.from_data(frame)
    levels = {feature.name: feature.categories for feature in schema.features}
    assert levels["level"] == ("low", "mid", "up")
    assert sorted(levels["kind"]) == ["x", "y"]
    assert (levels["text"], levels["flag"]) == (("a", "b"), (False, True))
    assert all(feature.has_missing for feature in schema.features)
    expected = [[1.5, 1, 1, 1, 1], [nan, 2, nan, nan, 0], [3, nan, 0, 0, nan]]
    codes = schema.encode(rows)
    np.testing.assert_array_equal(codes[:, :5], expected)
    place = levels["kind"].index
    np.testing.assert_array_equal(codes[:, 5], [place("y"), nan, place("x")])


def test_arrays_are_read_by_position() -> None:
    rows = np.array([[1, 2], [3, nan]])
    schema = Schema.from_data(rows)
    assert schema.names == ("x0", "x1")
    assert [feature.has_missing for feature in schema.features] == [False, True]
    np.testing.assert_array_equal(schema.encode(rows), rows)
    np.testing.assert_array_equal(schema.encode(rows.tolist()), rows)


@pytest.mark.parametrize("gap", [None, nan])
def test_object_arrays_of_numbers_are_numbers(gap: Any) -> None:
    rows = np.array([[1, 2.5], [gap, 3]], dtype=object)
    np.testing.assert_array_equal(
        Schema.from_data(rows).encode(rows), [[1, 2.5], [nan, 3]]
    )


def test_object_arrays_fit_a_schema_with_categories() -> None:
    schema = Schema((Feature("n"), Feature("c", "categorical", ("a", "b"))))
    rows = np.array([[1, "b"], [None, "a"], [2.5, None]], dtype=object)
    np.testing.assert_array_equal(schema.encode(rows), [[1, 1], [nan, 0], [2.5, nan]])


def test_further_columns_are_passed_over_and_columns_found_by_name() -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    schema = Schema.from_data(rows)
    more = rows.assign(note=pd.Timestamp("2020-01-01"))[["note", "b", "a"]]
    np.testing.assert_array_equal(schema.encode(more), schema.encode(rows))


def test_column_names_that_are_no_text_are_read_as_text() -> None:
    rows = pd.DataFrame({0: [1.0], 1: [2.0]})
    schema = Schema.from_data(rows)
    assert schema.names == ("0", "1")
    np.testing.assert_array_equal(schema.encode(rows[[1, 0]]), [[1, 2]])


TRAINED = pd.DataFrame({"age": [31.0, 40.0], "home": ["own", "rent"]})


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (
            pd.DataFrame({"age": [1.0], "home": ["boat"]}),
            "Column 'home' holds values that were not seen in training: 'boat'. "
            "Allowed: 'own', 'rent'.",
        ),
        (
            pd.DataFrame({"age": [1.0], "home": pd.Categorical(["boat"])}),
            "Column 'home' holds values that were not seen in training: 'boat'. "
            "Allowed: 'own', 'rent'.",
        ),
        (
            pd.DataFrame({"home": ["own"]}),
            "The rows lack the columns 'age'. They have 'home'.",
        ),
        (
            pd.DataFrame({"age": [1.0, 2.0, 3.0], "home": ["own"] * 3})
            .astype({"age": object})
            .replace({"age": {2.0: "two"}}),
            "Column 'age': 1 of 3 values are not numbers, e.g. 'two' (row 1).",
        ),
        (
            pd.DataFrame({"age": [np.inf], "home": ["own"]}),
            "Input X contains infinity or a value too large for dtype('float32').",
        ),
        (
            pd.DataFrame([[1.0, 2.0, "own"]], columns=["age", "age", "home"]),
            "Column names must differ. Got twice: ['age'].",
        ),
        (
            np.array([[1.0, 2.0, 3.0]]),
            "X must have 2 columns. Got an array of shape (1, 3).",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows: Any, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        Schema.from_data(TRAINED).encode(rows)
    assert str(caught.value) == sentence


def test_many_unseen_values_are_told_in_short() -> None:
    rows = pd.DataFrame({"age": 1.0, "home": list("abcdefgh")})
    with pytest.raises(InputError, match=r"'e' and 3 more\. Allowed"):
        Schema.from_data(TRAINED).encode(rows)


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (
            [1, "a", None],
            "Column 'c' mixes ['int', 'str']. A column must hold only numbers, only "
            "texts or only dates.",
        ),
        (
            [True, 1.5],
            "Column 'c' mixes ['bool', 'float']. A column must hold only numbers, "
            "only texts or only dates.",
        ),
        (
            [datetime.date(2020, 1, 1), "2020-01-02"],
            "Column 'c' mixes ['date', 'str']. A column must hold only numbers, only "
            "texts or only dates.",
        ),
        (
            pd.Series(pd.to_timedelta([1, 2], unit="s"), dtype="timedelta64[s]"),
            "Column 'c' has dtype timedelta64[s]. Allowed are numbers, texts, "
            "booleans, categories and dates.",
        ),
        (
            pd.Categorical([None, None], categories=[]),
            "Column 'c' holds no value at all.",
        ),
    ],
)
def test_columns_of_no_use_are_refused(column: Any, sentence: str) -> None:
    values = column if hasattr(column, "dtype") else pd.Series(column, dtype=object)
    with pytest.raises(InputError) as caught:
        Schema.from_data(pd.DataFrame({"c": values}))
    assert str(caught.value) == sentence


@pytest.mark.parametrize("dtype", [object, "str", "float64", "Int64"])
def test_a_column_without_values_is_a_number(dtype: Any) -> None:
    feature, codes = _encoded([None, None], dtype)
    assert feature == Feature("c", has_missing=True)
    np.testing.assert_array_equal(codes, [nan, nan])


@pytest.mark.parametrize(
    "column",
    [
        [datetime.time(1, 2), datetime.time(3, 4)],
        pd.to_timedelta([1, 2], unit="s"),
        [[1], [2]],
        [{"a": 1}, {"b": 2}],
        [1j, 2j],
    ],
)
def test_other_things_are_refused(column: Any) -> None:
    values = column if hasattr(column, "dtype") else pd.Series(column, dtype=object)
    with pytest.raises(InputError, match=r"^Column 'c' "):
        Schema.from_data(pd.DataFrame({"c": values}))


def test_duplicate_names_are_refused() -> None:
    rows = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["a", "b", "a"])
    with pytest.raises(InputError) as caught:
        Schema.from_data(rows)
    assert str(caught.value) == "Column names must differ. Got twice: ['a']."


def test_names_that_differ_only_in_their_type_are_refused() -> None:
    with pytest.raises(InputError, match="Got twice: \\['1'\\]"):
        Schema.from_data(pd.DataFrame([[1.0, 2.0]], columns=[1, "1"]))


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39, -1e300])
@pytest.mark.parametrize("kind", ["array", "frame", "object"])
def test_infinity_is_refused(value: float, kind: str) -> None:
    rows: Any = np.array([[value], [1.0]])
    if kind == "frame":
        rows = pd.DataFrame(rows, columns=["x0"])
    if kind == "object":
        rows = pd.DataFrame(rows.astype(object), columns=["x0"])
    with pytest.raises(InputError) as caught:
        Schema((Feature("x0"),)).encode(rows)
    assert str(caught.value) == (
        "Input X contains infinity or a value too large for dtype('float32')."
    )


def test_text_in_an_array_is_refused() -> None:
    rows = np.array([[1, 2], [3, "four"]], dtype=object)
    with pytest.raises(InputError, match="'four'"):
        Schema((Feature("x0"), Feature("x1"))).encode(rows)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2), (2, 3)])
def test_arrays_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="must have 2 columns"):
        Schema((Feature("x0"), Feature("x1"))).encode(np.zeros(shape))


def test_features_are_checked() -> None:
    with pytest.raises(InputError, match="a text as its name"):
        Feature(1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a kind out of"):
        Feature("a", "time")
    with pytest.raises(InputError, match="and only that, has categories"):
        Feature("a", "numeric", ("x",))
    with pytest.raises(InputError, match="and only that, has categories"):
        Feature("a", "categorical")
    with pytest.raises(InputError, match="two categories of the same name"):
        Feature("a", "categorical", (1, "1"))
    with pytest.raises(InputError, match="a date, and only that, has a calendar"):
        Feature("a", "date")
    with pytest.raises(InputError, match="a date, and only that, has a calendar"):
        Feature("a", calendar=Calendar())


def test_the_image_must_have_as_many_pixels_as_columns() -> None:
    pixels = tuple(Feature(f"p{i}", "pixel") for i in range(6))
    assert Schema(pixels, (2, 3)).image_shape == (2, 3)
    for shape in [(2, 2), (6,), (-2, -3), (1, 1, 2, 3)]:
        with pytest.raises(InputError, match="a product of 6"):
            Schema(pixels, shape)


MIXED = Schema(
    (
        Feature("age", has_missing=True),
        Feature("dose"),
        Feature("sex", "categorical", ("f", "m")),
        Feature("smoker", "categorical", (False, True), has_missing=True),
        Feature("home", "categorical", ("own", "rent", "free")),
    )
)


DATED = Schema(
    (
        Feature("since", "date", calendar=Calendar(), has_missing=True),
        Feature("seen", "date", calendar=Calendar("second", 10**9, "Europe/Berlin")),
    )
)


def test_columns_of_the_expanded_matrix() -> None:
    plain = (
        Column(0, VALUE),
        Column(1, VALUE),
        Column(2, 1),
        *(Column(3, 0), Column(3, 1), Column(3, MISSING)),
        *(Column(4, 0), Column(4, 1), Column(4, 2)),
    )
    assert MIXED.columns(indicate_missing=False) == plain
    told = (plain[0], Column(0, MISSING), *plain[1:])
    assert MIXED.columns(indicate_missing=True) == told
    assert [MIXED.describe(column) for column in told] == [
        *("age", "age is missing", "dose", "sex is m"),
        *("smoker is false", "smoker is true", "smoker is missing"),
        *("home is own", "home is rent", "home is free"),
    ]


def test_expand_spreads_categories() -> None:
    codes = np.array([[30, 1, 1, nan, 2], [nan, 2, 0, 1, 0]], dtype=np.float32)
    matrix = expand(codes, MIXED.columns(indicate_missing=True))
    assert matrix.dtype == np.float32
    expected = [[30, 0, 1, 1, 0, 0, 1, 0, 0, 1], [nan, 1, 2, 0, 0, 1, 0, 1, 0, 0]]
    np.testing.assert_array_equal(matrix, expected)


def test_expand_leaves_numbers_alone() -> None:
    codes = np.array([[1, nan]], dtype=np.float32)
    schema = Schema((Feature("a"), Feature("b", has_missing=True)))
    assert expand(codes, schema.columns(indicate_missing=False)) is codes
    np.testing.assert_array_equal(
        expand(codes, schema.columns(indicate_missing=True)), [[1, nan, 1]]
    )


def test_conform_gives_every_category_to_a_part_of_the_rows() -> None:
    rows = pd.DataFrame({"n": [1.0, 2.0, 3.0], "c": ["a", "b", None]})
    schema = Schema.from_data(rows)
    part = schema.conform(rows[:1])
    assert isinstance(part, pd.DataFrame)
    assert Schema.from_data(part).features[1].categories == ("a", "b")
    np.testing.assert_array_equal(
        schema.encode(schema.conform(rows)), schema.encode(rows)
    )
    array = np.zeros((1, 2))
    assert schema.conform(array) is array


def test_conform_finds_columns_by_name() -> None:
    rows = pd.DataFrame({"n": [1.0, 2.0], "c": ["a", "b"]})
    schema = Schema.from_data(rows)
    np.testing.assert_array_equal(
        schema.encode(schema.conform(rows[["c", "n"]])), schema.encode(rows)
    )


def test_conform_does_not_hide_an_unseen_category() -> None:
    schema = Schema((Feature("c", "categorical", ("a", "b")),))
    with pytest.raises(InputError, match="not seen in training: 'new'"):
        schema.encode(schema.conform(pd.DataFrame({"c": ["a", "new"]})))


@pytest.mark.parametrize(
    "schema",
    [MIXED, DATED, Schema(tuple(Feature(f"p{i}", "pixel") for i in range(6)), (2, 3))],
)
def test_schema_survives_json(schema: Schema) -> None:
    text = json.dumps(schema.to_dict(), allow_nan=False)
    assert Schema.from_dict(json.loads(text)) == schema


def _damage(path: list[Any], value: Any, schema: Schema = MIXED) -> dict[str, Any]:
    values = json.loads(json.dumps(schema.to_dict()))
    place = values
    for key in path[:-1]:
        place = place[key]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return values


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["features"], KeyError),
        (["image_shape"], KeyError),
        (["features", 0, "name"], KeyError),
        (["features", 0, "kind"], KeyError),
        (["features", 0, "categories"], KeyError),
        (["features", 0, "has_missing"], KeyError),
        (["features"], None),
        (["features"], 3),
        (["features"], "age"),
        (["features", 0], None),
        (["features", 0], [1, 2]),
        (["features", 0, "name"], 3),
        (["features", 0, "name"], "dose"),
        (["features", 0, "kind"], "date"),
        (["features", 0, "kind"], None),
        (["features", 0, "kind"], ["numeric"]),
        (["features", 0, "categories"], ["a"]),
        (["features", 0, "categories"], None),
        (["features", 2, "categories"], []),
        (["features", 2, "categories"], ["f", "f"]),
        (["features", 2, "categories"], [["f"], ["m"]]),
        (["features", 2, "categories"], [None, "m"]),
        (["features", 2, "categories"], [{"f": 1}, "m"]),
        (["image_shape"], 5),
        (["image_shape"], [2, 2]),
        (["image_shape"], [None]),
        (["image_shape"], ["five"]),
        (["image_shape"], "ab"),
        (["image_shape"], [-1, -5]),
    ],
)
def test_damaged_schemas_are_refused(path: list[Any], value: Any) -> None:
    with pytest.raises(InputError):
        Schema.from_dict(_damage(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["kind"], "numeric"),
        (["calendar"], KeyError),
        (["calendar"], None),
        (["calendar"], "day"),
        (["calendar"], ["day", 0, None]),
        (["calendar", "unit"], "year"),
        (["calendar", "unit"], ["day"]),
        (["calendar", "origin"], 0.5),
        (["calendar", "origin"], True),
        (["calendar", "origin"], 10**30),
        (["calendar", "origin"], -(10**8)),
        (["calendar", "zone"], "Mars/Olympus"),
        (["calendar", "zone"], "../../etc/passwd"),
        (["calendar", "zone"], 1),
        (["calendar", "more"], 1),
    ],
)
def test_damaged_calendars_are_refused(path: list[Any], value: Any) -> None:
    with pytest.raises(InputError):
        Schema.from_dict(_damage(["features", 0, *path], value, DATED))


def test_schemas_saved_before_there_were_dates_are_read() -> None:
    values = MIXED.to_dict()
    assert all(set(entry) == OLD_KEYS for entry in values["features"])
    assert Schema.from_dict(values) == MIXED


OLD_KEYS = {"name", "kind", "categories", "has_missing"}


@pytest.mark.parametrize("values", [None, [], 3, "text"])
def test_what_is_no_dict_is_refused(values: Any) -> None:
    with pytest.raises(InputError, match="The schema is not readable"):
        Schema.from_dict(values)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    n_rows = draw(st.integers(1, 8))
    columns: dict[str, Any] = {}
    for name in draw(st.lists(TEXT, min_size=1, max_size=5, unique=True)):
        levels = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
        element = draw(
            st.sampled_from(
                [FLOAT32, st.none() | st.sampled_from(levels), st.booleans()]
            )
        )
        values = draw(st.lists(element, min_size=n_rows, max_size=n_rows))
        if all(value is None for value in values):
            values[0] = levels[0]
        columns[name] = values
    return pd.DataFrame(columns)


@given(frames(), st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_columns_does_not_matter(rows: pd.DataFrame, random: Any) -> None:
    schema = Schema.from_data(rows)
    names = list(rows.columns)
    random.shuffle(names)
    np.testing.assert_array_equal(schema.encode(rows[names]), schema.encode(rows))


@given(frames())
@settings(max_examples=60, deadline=None)
def test_codes_lead_back_to_the_cells(rows: pd.DataFrame) -> None:
    schema = Schema.from_data(rows)
    codes = schema.encode(rows)
    for i, feature in enumerate(schema.features):
        for cell, code in zip(rows.iloc[:, i], codes[:, i], strict=True):
            if np.isnan(code):
                assert pd.isna(cell)
            elif feature.is_categorical:
                assert feature.categories[int(code)] == cell
            else:
                assert cell == feature.raw(float(code))


@given(frames(), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_batches_make_up_the_whole(rows: pd.DataFrame, size: int) -> None:
    schema = Schema.from_data(rows)
    parts = [schema.encode(part) for part in batches(rows, size)]
    assert all(len(part) <= size for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), schema.encode(rows))


def test_batches_of_an_array_make_up_the_whole() -> None:
    rows = np.arange(14.0).reshape(7, 2)
    parts = list(batches(rows, 3))
    assert [len(part) for part in parts] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(parts), rows)


def test_an_images_shape_is_found_wherever_it_is_known() -> None:
    plain = Schema(tuple(Feature(f"p{i}", "pixel") for i in range(4)))
    shaped = replace(plain, image_shape=(2, 2))
    named = Schema(tuple(Feature(f"r0{i}c0{j}") for i in (0, 1) for j in (0, 1, 2)))
    assert image_schema(plain) is None
    assert image_schema(shaped) is shaped
    assert image_schema(plain, SimpleNamespace(schema_=shaped)) == shaped
    for holder in (
        SimpleNamespace(estimator=SimpleNamespace(schema_=shaped)),
        SimpleNamespace(
            estimator=SimpleNamespace(estimator=SimpleNamespace(schema_=shaped))
        ),
    ):
        assert image_schema(plain, SimpleNamespace(teacher_=holder)) == shaped
    assert image_schema(plain, SimpleNamespace(schema_=named)) is None
    found = image_schema(named)
    assert found is not None
    assert found.image_shape == (2, 3)
    assert found.features == named.features
    turned = replace(named, features=named.features[::-1])
    assert image_schema(turned) is None
    words = tuple(Feature(f.name, "categorical", ("a", "b")) for f in named.features)
    assert image_schema(Schema(words)) is None


@pytest.mark.parametrize("offered", [None, "x", Schema((Feature("a"),))])
def test_a_schema_of_other_columns_is_refused(offered: object) -> None:
    own = Schema((Feature("a"), Feature("b")))
    assert check_schema("f", own, own) is own
    with pytest.raises(
        InputError, match="'schema' parameter of f must be a Schema of 2"
    ):
        check_schema("f", offered, own)


@pytest.mark.parametrize("kind", ["frame", "numbers", "array"])
def test_a_part_of_encoded_rows_is_as_if_read_by_itself(kind):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(size=40), "b": rng.normal(size=40)})
    rows.loc[3, "b"] = np.nan
    if kind == "frame":
        rows["home"] = pd.Categorical(rng.choice(["own", "rent"], 40))
    given = np.ascontiguousarray(rows) if kind == "array" else rows
    whole = Encoded.of(given)
    np.testing.assert_array_equal(whole.codes, whole.schema.encode(given))
    for index in (np.arange(3), np.arange(3, 40)):
        part = whole.take(index)
        alone = Encoded.of(given[index] if kind == "array" else rows.iloc[index])
        np.testing.assert_array_equal(part.codes, alone.codes)
        assert part.schema == alone.schema
        assert part.codes.flags.f_contiguous == alone.codes.flags.f_contiguous
    both = whole.take(np.arange(3)).join(whole.take(np.arange(3, 40)))
    np.testing.assert_array_equal(both.codes, whole.codes)
    assert both.schema == whole.schema
    assert len(both) == 40


def test_what_is_made_of_rows_is_made_once():
    made = []

    def make(rows):
        made.append(len(rows))
        return rows.codes.sum()

    rows = Encoded.of(np.ones((3, 2)))
    assert rows.once(make) == rows.once(make) == 6
    assert rows.take(np.arange(2)).once(make) == 4
    assert made == [3, 2]
