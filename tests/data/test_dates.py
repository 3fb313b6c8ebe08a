import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from interpretkd._base import InputError
from interpretkd.data import Schema
from interpretkd.data._dates import UNITS, Calendar
from interpretkd.distillation import DistilledClassifier
from interpretkd.runs import load, save
from interpretkd.students import BoostedStudent, CartStudent, LinearStudent
from interpretkd.teachers import MLPTeacher

EARLIEST, LATEST = datetime.datetime(1800, 1, 1), datetime.datetime(2200, 1, 1)
MOMENTS = st.datetimes(EARLIEST, LATEST)
ZONES = st.sampled_from([None, "UTC", "Europe/Berlin", "America/New_York", "UTC+05:30"])


def _series(moments: Any, zone: str | None = None) -> "pd.Series[Any]":
    column = pd.Series(pd.to_datetime(moments, format="ISO8601"))
    return column if zone is None else column.dt.tz_localize("UTC").dt.tz_convert(zone)


@pytest.mark.parametrize(
    ("texts", "unit"),
    [
        (["2021-03-05", "1960-01-01"], "day"),
        (["2021-03-05", "2021-03-05T14:00"], "hour"),
        (["2021-03-05", "2021-03-05T14:30"], "minute"),
        (["2021-03-05", "1950-03-05T14:30:01"], "second"),
        (["2021-03-05", "2021-03-05T14:30:01.5"], "millisecond"),
        (["2021-03-05", "2021-03-05T14:30:01.000001"], "microsecond"),
        (["2021-03-05", "2021-03-05T14:30:01.000000001"], "nanosecond"),
    ],
)
def test_the_unit_is_the_largest_that_tells_all(texts: list[str], unit: str) -> None:
    column = _series(texts)
    calendar = Calendar.from_data("d", column)
    assert calendar.unit == unit
    if unit in ("day", "hour", "minute"):
        codes = calendar.encode("d", column)
        assert (calendar.decode(codes) == column).all()


def test_a_column_of_gaps_counts_days() -> None:
    assert Calendar.from_data("d", _series([None, None])) == Calendar("day")


@pytest.mark.parametrize(
    ("unit", "code", "text"),
    [
        ("day", 18691, "2021-03-05"),
        ("day", 18691.999, "2021-03-05"),
        ("day", -1, "1969-12-31"),
        ("hour", 14, "1970-01-01 14:00"),
        ("minute", 14, "1970-01-01 00:14"),
        ("second", 14, "1970-01-01 00:00:14"),
        ("millisecond", 14, "1970-01-01 00:00:00.014"),
        ("microsecond", 14, "1970-01-01 00:00:00.000014"),
        ("nanosecond", 14, "1970-01-01 00:00:00.000000014"),
        ("day", 3.4e38, "9999-12-31"),
        ("second", -3.4e38, "0001-01-01 00:00:00"),
    ],
)
def test_texts(unit: str, code: float, text: str) -> None:
    assert Calendar(unit).text(code) == text


def test_texts_in_a_zone_tell_the_offset() -> None:
    assert Calendar("minute", 0, "Europe/Berlin").text(60) == "1970-01-01 02:00+01:00"
    assert Calendar("day", 0, "UTC").text(1) == "1970-01-02"
    assert Calendar("day", 0, "Asia/Tokyo").text(1) == "1970-01-02 09:00+09:00"


def test_moments_of_two_zones_are_compared_as_moments() -> None:
    berlin = _series(["2021-03-05T12:30"], "Europe/Berlin")
    calendar = Calendar.from_data("d", berlin)
    tokyo = berlin.dt.tz_convert("Asia/Tokyo")
    assert calendar.encode("d", tokyo) == calendar.encode("d", berlin)


def test_moments_within_a_unit_count_as_its_beginning() -> None:
    column = _series(["2021-03-05T23:59:59", "1969-12-31T23:59:59"])
    np.testing.assert_array_equal(Calendar("day").encode("d", column), [18691, -1])


@pytest.mark.parametrize(
    ("calendar", "values", "sentence"),
    [
        (Calendar(), [1.5], "must hold dates, such as 2021-03-05"),
        (Calendar(), [True], "must hold dates"),
        (Calendar(), ["yesterday"], "must hold dates"),
        (Calendar(), ["2021-03-05", "2021-03-05T00:00+01:00"], "must hold dates"),
        (Calendar(), ["2021-03-05T00:00+01:00"], "has a time zone; in training it had"),
        (Calendar(zone="UTC"), ["2021-03-05"], "has no time zone; in training it had"),
        (Calendar("nanosecond"), ["9999-12-31"], "must hold dates between 1677-09-21"),
    ],
)
def test_other_values_are_refused(
    calendar: Calendar, values: list[Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        calendar.encode("since", pd.Series(values))
    assert str(caught.value).startswith("Column 'since' ")
    assert "\n" not in str(caught.value)


def test_calendars_are_checked() -> None:
    wrong: Any
    for wrong in (("year", 0), ("day", 0.5), ("day", True), ("D", 0)):
        with pytest.raises(InputError, match="needs a unit out of"):
            Calendar(*wrong)
    with pytest.raises(InputError, match="must begin in the years"):
        Calendar("day", 10**7)
    with pytest.raises(InputError, match="time zone 'x' is not known"):
        Calendar("day", 0, "x")


@given(st.lists(MOMENTS, min_size=1, max_size=6), ZONES)
def test_order_is_kept_and_codes_lead_back(moments: list[Any], zone: Any) -> None:
    column = _series(moments, zone).sort_values()
    calendar = Calendar.from_data("d", column)
    codes = calendar.encode("d", column)
    assert (np.diff(codes) >= 0).all()
    np.testing.assert_array_equal(calendar.encode("d", calendar.decode(codes)), codes)
    span = (column.iloc[-1] - column.iloc[0]).total_seconds()
    away = (calendar.decode(codes) - column.reset_index(drop=True)).abs().max()
    assert away.total_seconds() <= span * 2.0**-24


@given(st.lists(MOMENTS, min_size=2, max_size=6), MOMENTS, ZONES, st.data())
def test_a_threshold_as_a_moment_divides_as_the_codes_do(
    moments: list[Any], new: Any, zone: Any, data: st.DataObject
) -> None:
    """What a rule says of a date is what the tree does with it."""
    calendar = Calendar.from_data("d", _series(moments, zone))
    rows = _series([*moments, new], zone).sort_values()
    codes = calendar.encode("d", rows)
    at = np.float32(data.draw(st.sampled_from([*codes, codes[:-1].mean()])))
    for threshold in (at, np.nextafter(at, np.float32(-np.inf)), np.float32(at + 0.5)):
        last = calendar.last(float(threshold))
        unit = UNITS[calendar.unit]
        whole = rows.dt.tz_convert("UTC").dt.tz_localize(None) if zone else rows
        floored = whole.to_numpy().astype(f"M8[{unit}]")
        naive = last.tz_convert("UTC").tz_localize(None) if zone else last
        expected = floored <= naive.to_datetime64().astype(f"M8[{unit}]")
        np.testing.assert_array_equal(codes <= threshold, expected)
        edge = pd.Series([last, last + np.timedelta64(1, unit)])
        passes = calendar.encode("d", edge) <= threshold
        assert passes.tolist() == [True, False]


STUDENTS = [
    CartStudent(4, search="greedy"),
    BoostedStudent(20, max_depth=2, n_jobs=1),
    LinearStudent(),
]


@pytest.mark.parametrize("student", STUDENTS, ids=lambda s: type(s).__name__)
def test_networks_and_students_read_dates_and_booleans(
    student: Any, tmp_path: Any
) -> None:
    rng = np.random.default_rng(0)
    days = np.datetime64("2019-01-01") + rng.integers(1000, size=300)
    times = np.datetime64("2021-03-05T00:00:01") + rng.integers(10**8, size=300)
    X = pd.DataFrame({"since": days, "seen": times, "member": rng.random(300) < 0.5})
    X.loc[::9, "since"] = pd.NaT
    y = (X["since"] > "2020-06-01") & X["member"]
    teacher = MLPTeacher((16,), max_epochs=30, learning_rate=0.01, random_state=0)
    model = DistilledClassifier(teacher, student, transfer=None, random_state=0)
    model.fit(X, y)
    assert [f.kind for f in model.schema_.features] == ["date", "date", "categorical"]
    assert model.schema_.features[2].is_boolean
    assert model.fidelity(X).value > 0.85
    assert (model.teacher_.logits(X).argmax(axis=1) == y).mean() > 0.85
    loaded = load(save(model, tmp_path / "run", X, y))
    assert loaded.schema_ == model.schema_
    np.testing.assert_array_equal(loaded.logits(X), model.logits(X))
    texts = X.assign(since=X["since"].dt.strftime("%Y-%m-%d"))
    np.testing.assert_array_equal(loaded.logits(texts), model.logits(X))


def test_a_rule_of_a_date_can_be_read_back() -> None:
    X = pd.DataFrame({"since": pd.date_range("2020-01-01", periods=100)})
    student = CartStudent(2, search="greedy").fit(X, X["since"] > "2020-02-10")
    tree = student.tree_
    assert tree.schema.features[0].text(float(tree.nodes.threshold[0])) == "2020-02-10"
    assert Schema.from_dict(tree.schema.to_dict()) == tree.schema
