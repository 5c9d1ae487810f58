"""Times at the ends of what can be: read where every library can hold them, else refused in one line; none wraps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data import TableSettings, read_table
from lstmkit.data.frequency import parse_frequency

ROWS = 40


def table(times: pl.Series) -> pl.DataFrame:
    return pl.DataFrame({"t": times, "y": np.arange(float(len(times))) % 7})


def days(last: str, unit: str = "us") -> pl.Series:
    return pl.Series((np.datetime64(last, "D") - np.arange(ROWS)[::-1]).astype("datetime64[us]")).dt.cast_time_unit(
        unit
    )  # type: ignore[arg-type]


def complaint(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("last", ["9999-12-31", "0001-03-01", "1969-07-20"])
@pytest.mark.parametrize("unit", ["ms", "us"])
def test_dates_of_the_years_1_to_9999_are_read(last: str, unit: str) -> None:
    read = read_table(table(days(last, unit)), TableSettings("y", "t"))
    assert str(read.times[-1].astype("datetime64[D]")) == last
    dates = read_table(table(days(last).cast(pl.Date)), TableSettings("y", "t"))
    assert np.array_equal(dates.times, read.times)


@pytest.mark.parametrize(("physical", "unit"), [(2**63 - 1, "us"), (-(2**62), "us"), (10**15, "ms"), (-(10**14), "ms")])
def test_other_dates_are_refused_before_anything_formats_them(physical: int, unit: str) -> None:
    times = pl.Series([physical - k * np.sign(physical) for k in range(ROWS)]).cast(pl.Datetime(unit))  # type: ignore[arg-type]
    said = complaint(lambda: read_table(table(times), TableSettings("y", "t")))
    assert said.startswith("time column 't', row 1: a time ") and "lies outside the years 1 to 9999" in said


@pytest.mark.parametrize("last", [2**63 - 1, 2**64 - 1, 2**62 + 1, -(2**63) + ROWS])
def test_whole_numbers_that_would_wrap_are_refused(last: int) -> None:
    times = pl.Series(np.array([last - k for k in range(ROWS)][::-1], np.uint64 if last >= 2**63 else np.int64))
    said = complaint(lambda: read_table(table(times), TableSettings("y", "t")))
    assert said.startswith("time column 't', row ") and "is beyond 4611686018427387904" in said


def test_whole_numbers_up_to_there_are_forecast() -> None:
    read = read_table(table(pl.Series(2**62 - np.arange(ROWS)[::-1])), TableSettings("y", "t"))
    assert read.future_times(read.times[-1], 3).tolist() == [2**62 + 1, 2**62 + 2, 2**62 + 3]
    assert "lie beyond what 64 bits hold" in complaint(lambda: read.future_times(read.times[-1], 2**62))


@pytest.mark.parametrize("code", ["s", "15min", "D", "B", "W", "MS", "ME", "QS", "YS"])
def test_steps_ahead_stay_within_the_year_9999(code: str) -> None:
    frequency = parse_frequency(code)
    last = np.datetime64("9999-10-01", "us")
    fits = [n for n in range(1, 40) if frequency.future(last, n)[-1] < np.datetime64("10000-01-01")]
    assert [n for n in range(1, 40) if frequency.holds(last, n)] == fits
    assert not frequency.holds(last, 2**40)


def test_the_command_refuses_before_it_learns(lstm: Callable[..., Any], tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    table(days("9999-12-31").cast(pl.Date)).write_csv(source)
    ran = lstm("forecast", source, "--out", tmp_path / "out")
    assert ran.code == 2 and ran.err == "lstm: 5 steps after 9999-12-31 lie beyond the year 9999; forecast fewer\n"
    assert not (tmp_path / "out").exists()
