"""A rule of stamps is kept: saved, on longer tables, live, with covariates, in zones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pandas.tseries import offsets

from lstmkit import Forecaster, InputError, backtest
from lstmkit.forecasting.models.lstm import LstmSettings

QUICK = LstmSettings(hidden_size=8, max_epochs=1)
P = 4


def sessions(days: int, tz: str | None = None) -> pd.DatetimeIndex:
    """Return half-hours from 09:30 to 12:00 on weekdays from before to after the clocks change in New York."""
    own = pd.bdate_range("2024-02-05", periods=days)
    return pd.DatetimeIndex(
        np.concatenate([pd.date_range(d + pd.Timedelta("9.5h"), periods=6, freq="30min") for d in own])
    ).tz_localize(tz)


AXES = {
    "open days": pd.date_range(
        "2023-01-02", periods=200, freq=offsets.CustomBusinessDay(weekmask="Mon Tue Wed Thu Fri Sat")
    ),
    "month ends": pd.date_range("2005-01-01", periods=150, freq=offsets.BMonthEnd()),
    "paydays": pd.date_range("2005-01-01", periods=150, freq=offsets.SemiMonthEnd()),
    "hours": sessions(30),
    "hours in a zone": sessions(40, "America/New_York"),
}


def table(times: pd.DatetimeIndex) -> pd.DataFrame:
    y = 10 + np.arange(len(times)) % 6 + np.random.default_rng(0).normal(0, 0.2, len(times))
    return pd.DataFrame({"t": times, "y": y})


@pytest.mark.parametrize("name", AXES)
def test_stamps_follow_the_rule_everywhere(name: str, tmp_path: Path) -> None:
    frame, n = table(AXES[name]), len(AXES[name]) - 3 * P
    expected = frame["t"].reset_index(drop=True)
    forecaster = Forecaster(P, context=12, settings=QUICK).fit(frame[:n], "y", "t")
    forecaster.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    assert loaded.table_.frequency == forecaster.table_.frequency
    for own in (forecaster, loaded):
        pd.testing.assert_series_equal(
            own.predict()["t"], expected[n : n + P].reset_index(drop=True), check_dtype=False
        )
    longer = loaded.predict(frame[n - 40 : n + P])  # a few rows that do not show the rule
    pd.testing.assert_series_equal(longer["t"], expected[n + P : n + 2 * P].reset_index(drop=True), check_dtype=False)
    for k in range(n, n + P):
        updated = loaded.update(frame[k : k + 1])
    same = ["t", "mean", "median"]  # the intervals have followed what came in between
    pd.testing.assert_frame_equal(updated[same], longer[same])
    with pytest.raises(InputError, match="the one that follows is"):
        loaded.update(frame[:1].assign(t=frame["t"][n + P] + pd.Timedelta("7h")))


@pytest.mark.parametrize("name", AXES)
def test_covariates_known_ahead_are_found_at_the_stamps(name: str) -> None:
    frame, n = table(AXES[name]), len(AXES[name]) - P
    frame["x"] = np.arange(len(frame)) % 2
    forecaster = Forecaster(P, context=12, settings=QUICK).fit(frame[:n], "y", "t", future=["x"], calendar=True)
    ahead = forecaster.predict(future=frame[["t", "x"]][n:])
    pd.testing.assert_series_equal(ahead["t"], frame["t"][n:].reset_index(drop=True), check_dtype=False)
    with pytest.raises(InputError, match=f"'x' is known ahead, but has no value for 1 of the {P} steps"):
        forecaster.predict(future=frame[["t", "x"]][n + 1 :])


@pytest.mark.parametrize("name", ["open days", "hours in a zone"])
def test_a_backtest_needs_no_rule_for_missing_rows(name: str) -> None:
    frame = table(AXES[name])
    frame["s"] = "a"
    both = pd.concat([frame, frame[20:].assign(s="b")])
    found = backtest(Forecaster(P, context=12, settings=QUICK), both, "y", "t", "s", windows=3)
    assert set(found["t"]) <= set(frame["t"])
    assert found.groupby("s").size().nunique() == 1


def test_an_update_may_leave_out_holidays_and_find_a_row_moved_by_one() -> None:
    frame = table(AXES["open days"])
    forecaster = Forecaster(P, context=12, settings=QUICK).fit(frame[:150], "y", "t")
    later = forecaster.update(frame[152:153])
    assert later["t"].tolist() == frame["t"][153 : 153 + P].tolist()
    frame = table(AXES["month ends"])
    forecaster = Forecaster(P, context=12, settings=QUICK).fit(frame[:120], "y", "t")
    moved = frame[120:121].assign(t=frame["t"][120] - pd.Timedelta("1D"))
    assert forecaster.update(moved)["t"].tolist() == frame["t"][121 : 121 + P].tolist()


def test_hours_in_a_zone_are_those_of_its_clock() -> None:
    times = AXES["hours in a zone"]
    assert set(times.strftime("%z")) == {"-0500", "-0400"}
    forecaster = Forecaster(P, context=12, settings=QUICK).fit(table(times), "y", "t")
    assert str(forecaster.table_.frequency) == "30min MON-FRI 09:30-12:00 America/New_York"
    assert str(forecaster.predict()["t"].dt.tz) == "America/New_York"


def test_dates_stay_dates() -> None:
    days = [date(2024, 1, 1 + k) for k in range(28) if k % 7 < 6] * 1
    frame = pl.DataFrame({"day": days, "y": np.arange(len(days)) % 6 + 0.5})
    forecaster = Forecaster(2, context=4, settings=QUICK).fit(frame, "y")
    assert forecaster.predict()["day"].to_list() == [date(2024, 1, 29), date(2024, 1, 30)]
