"""Rules of unequal steps: found from the rows, with pandas' calendars as the truth; dated, written and read back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pandas.tseries import offsets

from lstmkit import InputError
from lstmkit.data import TableSettings, parse_frequency, read_table
from lstmkit.data.frequency import Frequency
from lstmkit.data.inference import Axis, check_frequency, infer_frequency
from lstmkit.data.rules import MonthRule, WeekRule


def stamps(offset: object, count: int, start: str = "2019-01-02") -> np.ndarray:
    return pd.date_range(start, periods=count, freq=offset).to_numpy().astype("datetime64[us]")


def open_days(mask: str, count: int = 150) -> np.ndarray:
    return stamps(offsets.CustomBusinessDay(weekmask=mask), count)


def sessions(mask: str, hours: tuple[tuple[str, str], ...], freq: str, days: int) -> np.ndarray:
    parts = [
        pd.date_range(f"{day.date()} {first}", f"{day.date()} {last}", freq=freq)
        for day in pd.DatetimeIndex(open_days(mask, days))
        for first, last in hours
    ]
    return np.concatenate([part.to_numpy() for part in parts]).astype("datetime64[us]")


def days_of_months(days: tuple[int, ...], months: int = 40) -> np.ndarray:
    periods = pd.period_range("2019-01", periods=months, freq="M")
    found = [min(day, period.days_in_month) for period in periods for day in days]
    return np.array(
        [p.start_time + pd.Timedelta(days=d - 1) for p, d in zip(np.repeat(periods, len(days)), found, strict=True)]
    ).astype("datetime64[us]")


RULES = {
    "MON-SAT": (open_days("Mon Tue Wed Thu Fri Sat"), (6, 313), "Monday to Saturday"),
    "TUE-SAT": (open_days("Tue Wed Thu Fri Sat"), (5, 261), "Tuesday to Saturday"),
    "SUN-THU": (open_days("Sun Mon Tue Wed Thu"), (5, 261), "Sunday to Thursday"),
    "THU-TUE": (open_days("Sun Mon Tue Thu Fri Sat"), (6, 313), "Thursday to Tuesday"),
    "MON,WED,FRI": (open_days("Mon Wed Fri"), (3, 157), "Monday, Wednesday and Friday"),
    "MON,THU": (open_days("Mon Thu"), (2, 104), "Monday and Thursday"),
    "30min MON-FRI 09:30-16:00": (
        sessions("Mon Tue Wed Thu Fri", (("09:30", "16:00"),), "30min", 20),
        (14, 70),
        "Monday to Friday 09:30 to 16:00",
    ),
    "5min MON-FRI 09:30-11:25,13:00-14:55": (
        sessions("Mon Tue Wed Thu Fri", (("09:30", "11:25"), ("13:00", "14:55")), "5min", 12),
        (48, 240),
        "Monday to Friday 09:30 to 11:25 and 13:00 to 14:55",
    ),
    "h MON-SUN 08:00-20:00": (
        sessions("Mon Tue Wed Thu Fri Sat Sun", (("08:00", "20:00"),), "h", 30),
        (13, 91),
        "every day 08:00 to 20:00",
    ),
    "BME": (stamps(offsets.BMonthEnd(), 60), (12,), "the last business day of a month"),
    "BMS": (stamps(offsets.BMonthBegin(), 60), (12,), "the first business day of a month"),
    "BQE": (stamps(offsets.BQuarterEnd(startingMonth=3), 30), (4,), "the last business day of a quarter"),
    "BYE": (stamps(offsets.BYearEnd(), 20), (), "the last business day of a year"),
    "SME": (stamps(offsets.SemiMonthEnd(), 40), (2, 24), "the 15th and last day of a month"),
    "SMS": (stamps(offsets.SemiMonthBegin(), 40), (2, 24), "the first and 15th of a month"),
    "M-1,11,21": (days_of_months((1, 11, 21)), (3, 36), "the first, 11th and 21st of a month"),
    "M-30": (days_of_months((30,)), (12,), "the 30th of a month, or its last day"),
    "M-31<FRI": (stamps(offsets.LastWeekOfMonth(weekday=4), 50), (12,), "the last Friday of a month"),
    "M-8,22>TUE": (
        np.sort(np.concatenate([stamps(offsets.WeekOfMonth(week=k, weekday=1), 40) for k in (1, 3)])),
        (2, 24),
        "the second and 4th Tuesday of a month",
    ),
    "M-15>FRI": (stamps(offsets.WeekOfMonth(week=2, weekday=4), 50), (12,), "the third Friday of a month"),
    "12M-31~SAT": (
        stamps(offsets.FY5253(startingMonth=12, weekday=5, variation="nearest"), 30),
        (),
        "the last day of a year, or the nearest Saturday",
    ),
    "12M-31<SAT": (
        stamps(offsets.FY5253(startingMonth=9, weekday=5, variation="last"), 30),
        (),
        "the last Saturday of a year",
    ),
}


@pytest.mark.parametrize("code", RULES)
def test_every_rule_is_found_and_dates_its_own_later_rows(code: str) -> None:
    times, seasons, words = RULES[code]
    axis = infer_frequency(times)
    frequency = axis.frequency
    assert frequency is not None and frequency.rule is not None
    assert (str(frequency), axis.missing, axis.off, axis.problem) == (code, 0, 0, "")
    assert parse_frequency(code) == frequency
    assert (frequency.seasons(), frequency.rule.describe()) == (seasons, words)
    known = len(times) * 2 // 3
    np.testing.assert_array_equal(frequency.future(times[known - 1], len(times) - known), times[known:])
    np.testing.assert_array_equal(frequency.future(times[:-1], 1)[:, 0], times[1:])
    np.testing.assert_array_equal(frequency.steps(times), 1)
    assert check_frequency(times, frequency) == axis
    assert frequency.days(len(times) - 1) >= (times[-1] - times[0]) / np.timedelta64(1, "D")


@pytest.mark.parametrize(("every", "code"), [(2, "2M"), (6, "6M"), (24, "2Y")])
def test_months_in_any_number(every: int, code: str) -> None:
    times = stamps(offsets.MonthBegin(every), 20)
    axis = infer_frequency(times)
    assert (str(axis.frequency), axis.problem) == (code, "")
    np.testing.assert_array_equal(axis.frequency.future(times[9], 10), times[10:])


def test_thirteen_weeks_have_a_year_of_four() -> None:
    axis = infer_frequency(stamps("91D", 30))
    assert str(axis.frequency) == "13W"
    assert axis.frequency.seasons() == (4,)
    fiscal = stamps(offsets.FY5253Quarter(startingMonth=12, weekday=5, variation="nearest"), 40)
    axis = infer_frequency(fiscal)
    assert (str(axis.frequency), axis.missing, axis.problem) == ("13W", 0, "")
    assert (np.diff(fiscal) > np.timedelta64(91, "D")).sum() == 2
    assert axis.frequency.may_follow(fiscal) and not axis.frequency.may_follow(fiscal[::2])


@pytest.mark.parametrize("code", ["MON-SAT", "30min MON-FRI 09:30-16:00"])
def test_holidays_break_no_rule_of_the_week(code: str) -> None:
    times = RULES[code][0]
    day = times.astype("datetime64[D]")
    closed = np.unique(day)[[7, 11]]
    axis = infer_frequency(times[~np.isin(day, closed)])
    assert (str(axis.frequency), axis.problem) == (code, "")
    assert axis.missing == np.isin(day, closed).sum()
    assert axis.first_gap.startswith("first after 2019-01-")


@pytest.mark.parametrize("code", ["BME", "BMS"])
def test_holidays_move_a_business_day_of_the_month(code: str) -> None:
    times = RULES[code][0].copy()
    times[[3, 15, 27]] += np.timedelta64(-1 if code == "BME" else 1, "D")
    frequency = infer_frequency(times).frequency
    assert str(frequency) == code
    np.testing.assert_array_equal(frequency.future(times[3], 20)[-1], times[23])
    np.testing.assert_array_equal(frequency.steps(times), 1)


def test_weeks_of_holidays_move_the_first_business_day() -> None:
    times = RULES["BMS"][0].copy()
    month = times.astype("datetime64[M]").astype(int) % 12
    times[month == 0] += np.timedelta64(1, "D")  # 1 January
    times[month == 4] += np.timedelta64(3, "D")  # 1 to 3 May
    times[month == 9] += np.timedelta64(7, "D")  # a week from 1 October
    frequency = infer_frequency(times).frequency
    assert str(frequency) == "BMS"
    np.testing.assert_array_equal(frequency.steps(times), 1)


def test_a_shop_that_opens_on_some_sundays() -> None:
    times = RULES["MON-SAT"][0]
    sundays = np.array(["2019-03-03", "2019-03-10"], "datetime64[us]")
    axis = infer_frequency(np.sort(np.concatenate([times, sundays])))
    assert (str(axis.frequency), axis.missing, axis.off, axis.problem) == ("MON-SAT", 0, 2, "")
    np.testing.assert_array_equal(axis.frequency.future(sundays[0], 2), sundays[0] + np.array([1, 2], "m8[D]"))


def test_the_weeks_of_a_currency_and_a_short_saturday() -> None:
    week = pd.date_range("2022-01-02 22:00", "2022-01-07 20:00", freq="h").to_numpy().astype("datetime64[us]")
    times = np.concatenate([week + np.timedelta64(7 * k, "D") for k in range(6)])
    frequency = infer_frequency(times).frequency
    assert str(frequency) == "h MON-THU 00:00-23:00; FRI 00:00-20:00; SUN 22:00-23:00"
    np.testing.assert_array_equal(frequency.future(week[-1], len(week)), week + np.timedelta64(7, "D"))
    shop = [
        sessions("Mon Tue Wed Thu Fri", (("09:00", "18:00"),), "h", 30),
        sessions("Sat", (("09:00", "12:00"),), "h", 6),
    ]
    axis = infer_frequency(np.sort(np.concatenate(shop)))
    assert (str(axis.frequency), axis.missing) == ("h MON-FRI 09:00-18:00; SAT 09:00-12:00", 0)


ZONES = {"America/New_York": "America/New_York", "Europe/Madrid": "Europe/London"}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hours", [(("09:30", "15:30"),), (("00:00", "00:00"),)], ids=["hours", "midnight"])
def test_times_in_utc_may_follow_a_clock_that_is_put_forward(zone: str, hours: tuple[tuple[str, str], ...]) -> None:
    local = pd.DatetimeIndex(sessions("Mon Tue Wed Thu Fri", hours, "h", 200)).tz_localize(zone)
    times = local.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")
    for given, expected in ((zone, zone), ("", ZONES[zone])):
        axis = infer_frequency(times, given)
        assert (axis.missing, axis.off, axis.problem) == (0, 0, "")
        assert str(axis.frequency).endswith(f" {expected}") and parse_frequency(str(axis.frequency)) == axis.frequency
        assert f"by the clock of {expected}" in axis.frequency.rule.describe()
        np.testing.assert_array_equal(axis.frequency.future(times[100], len(times) - 101), times[101:])
        assert axis.frequency.may_follow(times)


def test_every_other_weekday_and_the_day_before_the_last() -> None:
    assert str(infer_frequency(open_days("Mon Tue Wed Thu Fri")[::2]).frequency) == "2B"
    before = stamps(offsets.MonthEnd(), 50) - np.timedelta64(1, "D")
    frequency = infer_frequency(before).frequency
    assert (str(frequency), frequency.rule.describe()) == ("M-31<MON-SUN-1", "the second last day of a month")
    np.testing.assert_array_equal(frequency.future(before[20], 29), before[21:])


def random_axes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    days, hours = stamps("D", 300), stamps("h", 2000)
    months = np.datetime64("2010-01", "M") + np.arange(40)
    return {
        "days, 30 % missing": days[rng.random(300) > 0.3],
        "days, 5 % missing": days[rng.random(300) > 0.05],
        "hours, 20 % missing": hours[rng.random(2000) > 0.2],
        "few hours": hours[:60][rng.random(60) > 0.2],
        "an outage": np.delete(hours[:96], [30, 31, 32, 33]),
        "events": np.sort(hours[0] + (rng.random(200) * 25_920_000).astype("timedelta64[s]")),
        "any day of a month": months.astype("datetime64[us]") + rng.integers(0, 28, 40).astype("timedelta64[D]"),
        "weeks, some missing": stamps("W-MON", 100)[rng.random(100) > 0.2],
    }


@pytest.mark.parametrize("name", random_axes())
def test_gaps_at_random_are_no_rule(name: str) -> None:
    axis = infer_frequency(random_axes()[name])
    assert axis.problem
    assert axis.frequency is None or axis.frequency.rule is None


def test_many_missing_open_days_are_a_problem_of_the_rule() -> None:
    times = RULES["MON-SAT"][0]
    axis = infer_frequency(times[np.random.default_rng(1).random(len(times)) > 0.2])
    assert str(axis.frequency) == "MON-SAT"
    assert "steps differ from the usual open day" in axis.problem


@pytest.mark.parametrize(
    "code",
    [
        "MON-",
        "MON-FRI-SUN",
        "M-0",
        "M-32",
        "M-15,1",
        "2M-1,15",
        "M-",
        "M-1+3",
        "M-1>",
        "M-1>MON+99",
        "9999M-1",
        "5min MON",
        "D MON-FRI 09:00",
        "5min MON-FRI 09:30-15:57",
        "s MON 25:00",
        "h MON 09:00-08:00",
        "h MON 09:00-12:00,11:00",
        "h ; MON 09:00",
        "2D MON-FRI",
        "h MON 09:00-10:00 Nowhere/Nowhere",
    ],
)
def test_codes_that_are_no_rule(code: str) -> None:
    with pytest.raises(InputError, match=r"is not known; use one of .* MON-SAT"):
        parse_frequency(code)


@pytest.mark.parametrize(
    ("code", "same"),
    [
        ("MON-FRI", "B"),
        ("SAT,MON", "MON,SAT"),
        ("M-31<MON-FRI", "BME"),
        ("h MON 09:00-10:00,11:00", "h MON 09:00-11:00"),
    ],
)
def test_rules_written_otherwise(code: str, same: str) -> None:
    assert str(parse_frequency(code)) == same
    assert parse_frequency(code) == parse_frequency(same)


def test_the_time_of_day_of_open_days_is_kept() -> None:
    times = RULES["MON-SAT"][0] + np.timedelta64(17 * 60 + 30, "m")
    frequency = infer_frequency(times).frequency
    assert frequency == Frequency.by_rule(WeekRule.at(86_400_000_000, [d * 86_400_000_000 for d in range(6)]))
    np.testing.assert_array_equal(frequency.future(times[100], 40), times[101:141])


def table(times: np.ndarray, **columns: object) -> pl.DataFrame:
    return pl.DataFrame({"t": times, "y": np.arange(len(times)) % 7 + 0.5} | columns)


def test_no_row_is_added_and_none_asked_for() -> None:
    times = np.delete(RULES["MON-SAT"][0], [30, 31])
    for missing in ("refuse", "mask", "drop", "previous"):
        read = read_table(table(times), TableSettings("y", "t", missing=missing))
        np.testing.assert_array_equal(read.times, times)
        assert read.notes == (
            "the rows lie on Monday to Saturday, and so will those ahead",
            "2 open days without a row (first after 2019-02-05) are taken for holidays",
        )


def test_many_missing_open_days_are_filled_in_on_the_rule() -> None:
    times = RULES["MON-SAT"][0]
    keep = np.random.default_rng(1).random(len(times)) > 0.2
    keep[[0, -1]] = True
    with pytest.raises(InputError, match=r"--missing mask leaves the missing ones missing, .* breaks their seasons$"):
        read_table(table(times[keep]), TableSettings("y", "t"))
    read = read_table(table(times[keep]), TableSettings("y", "t", missing="mask"))
    np.testing.assert_array_equal(read.times, times)
    np.testing.assert_array_equal(np.isnan(read.values), ~keep)


def test_sundays_with_empty_cells_dropped_leave_the_rule() -> None:
    days = stamps("D", 140)
    y = np.where((days.astype("datetime64[D]").astype(int) + 3) % 7 == 6, np.nan, 1.0 + np.arange(140) % 5)
    read = read_table(pl.DataFrame({"t": days, "y": y}), TableSettings("y", "t", missing="drop"))
    assert str(read.frequency) == "MON-SAT"


def test_series_that_share_a_rule() -> None:
    times = RULES["MON-SAT"][0]
    own = {"a": times, "b": np.delete(times, [20, 21]), "c": times[40:44], "d": times[7:9]}
    frames = [table(rows, s=[name] * len(rows)) for name, rows in own.items()]
    for order in (frames, frames[::-1]):
        read = read_table(pl.concat(order), TableSettings("y", "t", "s"))
        assert str(read.frequency) == "MON-SAT"
        assert len(read.values) == sum(len(rows) for rows in own.values())


def test_rows_that_lie_off_a_given_rule() -> None:
    with pytest.raises(
        InputError, match=r"steps of one open day do not fit: 43 of 300 rows lie off the rule: Monday to S"
    ):
        read_table(table(stamps("D", 300)), TableSettings("y", "t", freq="MON-SAT"))


@pytest.mark.parametrize(("freq", "missing"), [("MON-SAT", 0), ("TUE-SUN", None)])
def test_a_given_rule_is_checked(freq: str, missing: int | None) -> None:
    axis = check_frequency(RULES["MON-SAT"][0], parse_frequency(freq))
    assert isinstance(axis, Axis) and (axis.problem == "") == (missing == 0)


def test_a_rule_beyond_the_year_9999_is_refused() -> None:
    last = np.datetime64("9999-11-20", "us")
    for rule in (RULES["MON-SAT"][0], RULES["BME"][0]):
        frequency = infer_frequency(rule).frequency
        assert frequency.holds(last, 1) and not frequency.holds(last, 40)
        assert not frequency.holds(last, 10**9)


def test_a_rule_of_months_counts_from_the_nearest() -> None:
    rule = MonthRule(1, (31,), "<")
    times = np.array(["2019-03-28", "2019-03-29", "2019-04-01"], "datetime64[us]")
    np.testing.assert_array_equal(np.diff(rule.index(times)), 0)
