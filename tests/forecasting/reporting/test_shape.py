"""Level and seasons of a series that is made of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting.reporting.shape import MOST_PLACES, moving_level, season_shape

RAISED = "datetime64[us]"


def table_of(times: Any, values: Any) -> SeriesTable:
    return read_table(pl.DataFrame({"t": times, "y": values}), TableSettings("y", time="t"))


@pytest.mark.parametrize("span", [1, 2, 5, 12, 400])
def test_the_level_is_the_mean_of_what_is_around(span: int) -> None:
    values = 1e9 + np.random.default_rng(0).normal(size=60)
    values[[3, 20, 21, 22]] = np.nan
    expected = []
    for k in range(60):
        around = values[max(k - span // 2, 0) : k - span // 2 + span]
        expected.append(np.nanmean(around) if np.isfinite(around).any() else np.nan)
    np.testing.assert_allclose(moving_level(values, span), expected, rtol=1e-12)
    assert np.isnan(moving_level(np.full(4, np.nan), 2)).all()


def test_months_have_names_and_begin_in_january() -> None:
    months = np.arange("2010-04", "2020-04", dtype="datetime64[M]")
    season = np.array([0.0, 5, -3, 2, 1, -1, 4, -4, -2, 3, -5, 0])
    of_year = months.astype(int) % 12
    shape = season_shape(table_of(months.astype(RAISED), 100 + season[of_year]), 0, 12)
    assert shape.names[0] == "Jan" and shape.names[11] == "Dec"
    np.testing.assert_allclose(shape.middle, season, atol=1e-9)
    np.testing.assert_allclose(shape.latest, season, atol=1e-9)
    np.testing.assert_allclose(shape.low, shape.high, atol=0.6)  # the ends have no whole season around them
    assert shape.seasons == 10


@pytest.mark.parametrize(
    ("step", "period", "names"),
    [
        ("1D", 7, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        ("6h", 4, ["00:00", "06:00", "12:00", "18:00"]),
        ("12h", 14, ["Mon 00:00", "Mon 12:00", "Tue 00:00"]),
    ],
)
def test_days_and_weeks_begin_as_the_calendar_does(step: str, period: int, names: list[str]) -> None:
    length = {"1D": np.timedelta64(1, "D"), "6h": np.timedelta64(6, "h"), "12h": np.timedelta64(12, "h")}[step]
    times = np.datetime64("2024-01-04T00", "us") + np.arange(20 * period) * length  # a Thursday
    since_monday = (times - np.datetime64("2024-01-01", "us")) // length % period
    shape = season_shape(table_of(times, np.cos(since_monday.astype(float))), 0, period)
    assert list(shape.names[: len(names)]) == names
    centred = np.cos(np.arange(period, dtype=float))
    np.testing.assert_allclose(shape.middle, centred - centred.mean(), atol=0.05)


def test_weekdays_keep_their_place_over_holidays() -> None:
    days = np.busday_offset("2024-01-01", np.arange(200))
    values = 10.0 + (days.astype(int) - 4) % 7
    kept = np.arange(200) % 37 != 5
    shape = season_shape(table_of(days[kept].astype(RAISED), values[kept]), 0, 5)
    assert shape.names == ("Mon", "Tue", "Wed", "Thu", "Fri")
    assert (np.diff(shape.middle) > 0.7).all()


def test_open_days_and_last_business_days_have_names_too() -> None:
    days = np.arange("2024-01-01", "2024-12-31", dtype="datetime64[D]")
    weekday = (days.astype(int) + 3) % 7
    open_days = days[weekday < 6]
    table = read_table(pl.DataFrame({"t": open_days.astype(RAISED), "y": weekday[weekday < 6]}), TableSettings("y"))
    shape = season_shape(table, 0, 6)
    assert shape.names == ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
    assert (np.diff(shape.middle) > 0.7).all()
    months = np.arange("2010-01", "2020-01", dtype="datetime64[M]")
    last = np.busday_offset(months + 1, -1, roll="forward")
    table = read_table(pl.DataFrame({"t": last.astype(RAISED), "y": np.arange(120) % 12}), TableSettings("y"))
    shape = season_shape(table, 0, 12)
    assert shape.names[1] == "Feb" and (np.diff(shape.middle) > 0.7).all()


def test_other_seasons_end_with_the_last_row_and_long_ones_are_thinned() -> None:
    rows = np.arange(3000)
    shape = season_shape(table_of(rows, np.sin(2 * np.pi * (rows + 1) / 750)), 0, 750)
    assert len(shape.names) == len(shape.middle) == MOST_PLACES
    assert shape.names[0] == "1" and shape.names[-1] == "750"
    assert shape.middle[-1] == pytest.approx(0, abs=0.02)


def test_a_place_without_any_value_has_no_shape() -> None:
    values = np.arange(40) % 4 + 1.0
    values[2::4] = np.nan
    days = np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]").astype(RAISED)
    table = read_table(pl.DataFrame({"t": days, "y": values}), TableSettings("y", time="t", missing="mask"))
    shape = season_shape(table, 0, 4)
    assert np.isnan(shape.middle[2]) and np.isfinite(shape.middle[[0, 1, 3]]).all()
