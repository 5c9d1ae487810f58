"""Tables of pandas: times in an index, of several levels, of periods, as objects, in categories and in zones."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from lstmkit import InputError
from lstmkit.data import TableSettings, read_table

DAYS = pd.date_range("2022-03-20", periods=20, freq="D")
Y = np.arange(20.0)
BACK = DAYS[::-1]


def of(times: object) -> pd.DataFrame:
    return pd.DataFrame({"t": times, "y": Y})


def over(index: object) -> pd.DataFrame:
    return pd.DataFrame({"y": Y}, index=index)


@pytest.mark.parametrize(
    "table",
    [
        of(pd.Categorical(BACK)),
        of(pd.Categorical(BACK.strftime("%Y-%m-%d"))),
        of(BACK.to_period("D")),
        of(pd.Series(list(BACK.to_period("D")), dtype=object)),
        of(pd.Series(list(BACK.to_pydatetime()), dtype=object)),
        of(pd.Series(list(BACK.date), dtype=object)),
        of(pd.Series(list(BACK), dtype=object)),
        of(pd.Series(list(BACK.to_numpy()), dtype=object)),
        of(pd.Series(BACK).astype("timestamp[ns][pyarrow]")),
        of(BACK.astype("datetime64[s]")),
        of(BACK.tz_localize("Europe/Berlin")),  # the clocks change on March 27
        of(pd.Series(list(BACK.tz_localize("Europe/Berlin")), dtype=object)),
        of(pd.Series([datetime.fromisoformat(t.isoformat()) for t in BACK.tz_localize("Europe/Berlin")], dtype=object)),
        of(BACK.strftime("%d.%m.%Y")),
        over(BACK),
        over(BACK.to_period("D")),
        over(pd.Index(list(BACK.date), dtype=object)),
        over(BACK.strftime("%Y-%m-%d")),
        over(pd.CategoricalIndex(BACK.strftime("%Y-%m-%d"))),
        over(BACK.rename("when")),
        pa.table({"t": pa.array(BACK.date).dictionary_encode(), "y": Y}),
        pa.table({"t": pa.array(list(BACK.strftime("%Y-%m-%d"))).dictionary_encode(), "y": Y}),
        pl.DataFrame({"t": pl.Series(list(BACK.to_pydatetime()), dtype=pl.Object), "y": Y}),
    ],
)
def test_days_newest_first_are_put_in_order_whatever_they_are(table: object) -> None:
    read = read_table(table, TableSettings("y"))
    assert str(read.frequency) == "D"
    np.testing.assert_array_equal(read.times, DAYS.to_numpy())
    np.testing.assert_array_equal(read.values, Y[::-1])


def test_periods_are_their_first_day() -> None:
    quarters = read_table(over(pd.period_range("2000Q1", periods=20, freq="Q")), TableSettings("y"))
    assert (str(quarters.frequency), str(quarters.times[1])[:10]) == ("Q", "2000-04-01")
    weeks = read_table(of(pd.period_range("2022-01-03", periods=20, freq="W")), TableSettings("y"))
    assert (str(weeks.frequency), str(weeks.times[0])[:10]) == ("W", "2022-01-03")


@pytest.mark.parametrize("names", [("shop", "day"), (None, None)])
@pytest.mark.parametrize("times", [DAYS[:10], DAYS[:10].to_period("D"), DAYS[:10].strftime("%Y-%m-%d")])
@pytest.mark.parametrize("time_first", [False, True])
def test_a_row_index_of_two_levels_is_id_and_time(
    names: tuple[str | None, str | None], times: pd.Index, time_first: bool
) -> None:
    index = pd.MultiIndex.from_product([["a", "b"], times], names=names)
    table = over(index.swaplevel() if time_first else index)
    read = read_table(table, TableSettings("y"))
    assert (read.columns.id, read.columns.time) == (names if names[0] else ("series", "index"))
    assert (read.ids, str(read.frequency)) == (("a", "b"), "D")
    np.testing.assert_array_equal(read.values, Y)
    assert table.index.nlevels == 2  # the user's table is as it was


def test_a_level_that_is_a_column_as_well_is_taken_once() -> None:
    index = pd.MultiIndex.from_product([["a", "b"], DAYS[:10]], names=["shop", "day"])
    read = read_table(over(index).assign(shop=["a"] * 10 + ["b"] * 10), TableSettings("y"))
    assert (read.columns.id, read.ids) == ("shop", ("a", "b"))


def test_an_index_that_only_numbers_or_names_rows_is_no_time() -> None:
    for index in (pd.RangeIndex(20), pd.Index(np.arange(20) * 3), pd.Index([f"k{k}" for k in range(20)])):
        assert read_table(over(index), TableSettings("y")).time_kind == "row"


def test_dates_among_times_lose_no_hours() -> None:
    objects = [*DAYS.date[:10], *(DAYS[10:] + pd.Timedelta(hours=6)).to_pydatetime()]
    read = read_table(of(pd.Series(objects, dtype=object)), TableSettings("y", missing="drop"))
    assert read.times[10] == DAYS[10].to_numpy() + np.timedelta64(6, "h")


def test_hours_with_several_offsets_are_put_in_utc_and_zones_are_not_mixed() -> None:
    hours = pd.date_range("2022-03-26 20:00", periods=20, freq="h", tz="Europe/Berlin")
    fixed = [datetime.fromisoformat(hour.isoformat()) for hour in hours]
    read = read_table(of(pd.Series(fixed, dtype=object)), TableSettings("y"))
    np.testing.assert_array_equal(read.times, hours.tz_convert(None).to_numpy())
    mixed = [*fixed[:10], *(moment.replace(tzinfo=None) for moment in fixed[10:])]
    with pytest.raises(InputError, match="mixes times of several time zones"):
        read_table(of(pd.Series(mixed, dtype=object)), TableSettings("y"))
