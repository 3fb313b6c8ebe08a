"""Slices of dates and of large numbers."""

import datetime

import numpy as np
import pandas as pd
import pytest

from interpretkd.metrics import slices_of


@pytest.mark.parametrize("kind", ["pandas", "python", "zone"])
def test_many_dates_are_cut_at_their_quartiles(kind):
    days = pd.Series(pd.date_range("2020-01-01", periods=40))
    days[7] = pd.NaT
    if kind == "python":
        days = days.map(lambda day: None if pd.isna(day) else day.date()).astype(object)
        assert isinstance(days[0], datetime.date)
    if kind == "zone":
        days = days.dt.tz_localize("Europe/Paris")
    place, names = slices_of(pd.DataFrame({"day": days}), "day")
    assert names == [
        "[2020-01-01, 2020-01-11]",
        "(2020-01-11, 2020-01-21]",
        "(2020-01-21, 2020-01-31]",
        "(2020-01-31, 2020-02-09]",
        "(missing)",
    ]
    assert np.bincount(place).tolist() == [10, 10, 10, 9, 1]
    assert place[7] == 4


def test_quarters_of_dates_are_those_of_numbers():
    rng = np.random.default_rng(0)
    seconds = rng.integers(0, 10**6, 60)
    moments = pd.Series(pd.Timestamp("2021-05-01") + pd.to_timedelta(seconds, "s"))
    np.testing.assert_array_equal(
        slices_of(moments, moments)[0], slices_of(seconds, seconds)[0]
    )
    assert ":" in slices_of(moments, moments)[1][0]


def test_few_dates_are_named_as_dates():
    days = pd.to_datetime(["2021-03-05", "2021-03-08", "2021-03-05"])
    assert slices_of(pd.DataFrame({"day": days}), "day")[1] == [
        "2021-03-05",
        "2021-03-08",
    ]


def test_large_numbers_have_their_thousands_apart():
    values = np.arange(12.0) * 10_000
    names = slices_of(values, values)[1]
    assert names[-1] == "(80,000, 110,000]"
    years = np.arange(1980.0, 2000.0)
    assert slices_of(years, years)[1][0] == "[1980, 1984]"
