"""Which column holds the times: found where one is evidently meant, asked about where it cannot be read, else none."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data import TableSettings, read_table
from lstmkit.data.time_column import find_time_column

WAY_OUT = "pass --time-format, such as %d.%m.%Y, or --time row to take the rows in their order"


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"y": [1.0], "when": [date(2024, 1, 1)]}, "when"),
        ({"y": ["1"], "DATE": ["2024-01-01"]}, "DATE"),
        ({"born": [date(1990, 1, 1)], "date": [date(2024, 1, 1)]}, "date"),
        ({"note": ["2024-01-01"], "month": ["2024-01"]}, "month"),
        ({"y": ["1"], "opened": ["2024-01-01 10:00"]}, "opened"),
        ({"y": ["1"], "size": ["20240101"]}, None),
        ({"y": ["1"], "date": ["20240101"]}, "date"),
        ({"y": ["1"], "price": ["2021.10"]}, None),
        ({"y": ["1"], "month": ["2021.10"]}, "month"),
        ({"y": ["1"], "year": [1990]}, "year"),
        ({"y": ["1", "2"], "year": ["1990", "1990"]}, "year"),
        ({"y": ["1"], "timestamp": ["1641168000"]}, "timestamp"),
        ({"y": ["1"], "TradeDate": [44564]}, "TradeDate"),
        ({"y": ["1", "2"], "time": ["0", "1"]}, "time"),
        ({"y": ["1", "2"], "day": ["4", "5"]}, "day"),
        ({"y": ["1", "2"], "day": ["4", "4"]}, None),  # of the week, perhaps
        ({"y": ["1", "2"], "lead_time": ["4", "4"]}, None),
        ({"y": ["1", "2"], "sentiment": ["4", "5"], "candidate": ["1", "2"]}, None),
        ({"day": ["Mon", "Mon"], "y": ["1", "2"]}, None),
        ({"time": ["3", "1"]}, None),  # alone, it is what is to be forecast
    ],
)
def test_the_time_column_is_found_by_type_then_name_then_looks(columns: dict[str, list], found: str | None) -> None:
    assert find_time_column(pl.DataFrame(columns)) == found


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"date": ["mon", "tue", "wed"]}, f"time column 'date': 'mon' is not a time in a known form; {WAY_OUT}"),
        ({"Trade Date": ["9/9", "9/9"]}, f"time column 'Trade Date': '9/9' is not a time in a known form; {WAY_OUT}"),
        ({"month": ["Jan", "Feb"]}, f"time column 'month': 'Jan' is not a time in a known form; {WAY_OUT}"),
        (
            {"time": ["0.01", "0.02"], "y": ["1", "2"]},
            "time column 'time', row 1: 0.01 is neither a date nor a whole number; count in smaller units, or --time "
            "row to take the rows in their order",
        ),
        (
            {"year": [2022, 2022], "month": [1, 2], "load": [1.5, 2.5]},
            "the date stands in several columns ('year', 'month'); write it into one, such as 2022-01-03, or --time "
            "row to take the rows in their order",
        ),
    ],
)
def test_what_is_meant_as_time_and_cannot_be_read_is_refused(columns: dict[str, list], fault: str) -> None:
    with pytest.raises(InputError) as caught:
        find_time_column(pl.DataFrame(columns))
    assert str(caught.value) == fault


def test_the_way_out_works() -> None:
    frame = pl.DataFrame({"date": ["mon", "tue", "wed"], "y": [1, 2, 4]})
    table = read_table(frame, TableSettings("y", time="row"))
    assert (table.time_kind, table.columns.time, table.time_column) == ("row", None, "row")
    assert table.values.tolist() == [1, 2, 4]


def test_a_column_named_row_is_a_column() -> None:
    table = read_table(pl.DataFrame({"row": [3, 2, 1], "y": [1, 2, 4]}), TableSettings("y", time="row"))
    assert (table.time_kind, table.times.tolist()) == ("integer", [1, 2, 3])


def test_a_form_alone_names_the_column_that_is_written_so() -> None:
    frame = pl.DataFrame({"label": ["Jan-05", "Feb-05", "Mar-05"], "other": ["a", "b", "c"], "y": [1, 2, 4]})
    table = read_table(frame, TableSettings("y", time_format="%b-%y"))
    assert (table.columns.time, str(table.frequency)) == ("label", "M")
    numbers = pl.DataFrame({"when": [44564, 44565, 44566], "y": [1, 2, 4]})
    assert read_table(numbers, TableSettings("y", time_format="excel")).columns.time == "when"


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (
            TableSettings("y", time_format="%Y"),
            "--time-format '%Y' fits no column; correct it, or name the column with",
        ),
        (TableSettings("y", time="row", time_format="%Y"), "--time-format needs a time column, and --time row takes"),
        (TableSettings("y", time="row", calendar=True), "--calendar needs a time column; name it with --time"),
        (TableSettings("y", time="n", calendar=True), "--calendar needs dates, but column 'n' holds whole numbers;"),
    ],
)
def test_an_option_without_effect_is_refused(settings: TableSettings, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        read_table(pl.DataFrame({"n": [1, 2, 3], "y": [1, 2, 4]}), settings)
    assert str(caught.value).startswith(fault)


def test_later_tables_are_read_in_the_form_of_the_first() -> None:
    first = read_table(
        pl.DataFrame({"day": [f"{day:02}/01/2024" for day in range(1, 32)], "y": range(31)}), TableSettings("y")
    )
    assert (first.columns.time_format, first.columns.usual_format) == (None, "%d/%m/%Y")
    later = read_table(pl.DataFrame({"day": ["01/02/2024", "02/02/2024", "03/02/2024"], "y": [1, 2, 3]}), first.columns)
    assert later.times.astype("datetime64[D]").astype(str).tolist() == ["2024-02-01", "2024-02-02", "2024-02-03"]


@pytest.mark.parametrize(
    ("name", "values"), [("Time", ["09:30", "16:00"]), ("hour", [9, 16]), ("time", ["9:30:00 AM", "4:00:00 PM"])]
)
def test_a_time_of_day_beside_days_that_repeat_is_refused(name: str, values: list) -> None:
    days = [day for day in ("2024-01-01", "2024-01-02") for _ in range(2)]
    frame = pl.DataFrame({"Date": days, name: values * 2, "y": [1, 2, 3, 4]})
    with pytest.raises(InputError) as caught:
        read_table(frame, TableSettings("y"))
    assert str(caught.value) == (
        f"date and time of day stand in two columns ('Date', {name!r}); write them into one, such as 2022-01-03 16:00"
    )
    alone = frame.gather_every(2).vstack(frame[3:].with_columns(Date=pl.lit("2024-01-03")))
    assert read_table(alone, TableSettings("y")).columns.time == "Date"


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_a_count_since_1970_is_time_under_any_name(unit: int) -> None:
    counts = 1646092800 * unit + np.arange(20)[::-1] * 3600 * unit
    for column in (pl.Series(counts), pl.Series(counts).cast(pl.String)):
        table = read_table(pl.DataFrame({"x": column, "y": np.arange(20.0) ** 2}), TableSettings(target="y"))
        assert (table.columns.time, str(table.frequency), table.values[-1]) == ("x", "h", 0)


def test_numbers_that_rise_by_ones_or_by_anything_are_no_times() -> None:
    rng = np.random.default_rng(0)
    for numbers in (
        np.arange(1646092800, 1646092830),
        np.arange(20220001, 20220031),
        rng.integers(10**9, 2 * 10**9, 30),
    ):
        table = read_table(pl.DataFrame({"x": numbers, "y": np.arange(30.0) ** 2}), TableSettings(target="y"))
        assert table.time_kind == "row"


def test_a_row_unlike_the_others_is_named_where_the_column_is_meant_as_time() -> None:
    frame = pl.DataFrame({"date": ["13/01/2022", "14/01/2022", "15/01/2022", "soon"], "y": ["1", "2", "3", "4"]})
    fault = "'soon' does not fit the format '%d/%m/%Y' of the rows before it; write all in one form"
    with pytest.raises(InputError) as caught:
        read_table(frame, TableSettings(target="y"))
    assert str(caught.value) == f"time column 'date', row 4: {fault}, or --time row to take the rows in their order"


def test_a_form_of_digits_alone_is_found_in_numbers() -> None:
    frame = pl.DataFrame({"when": [30012022, 31012022, 1022022], "y": [1.0, 4, 2]})
    table = read_table(frame, TableSettings(target="y", time_format="%d%m%Y"))
    assert table.values.tolist() == [1, 4, 2]


@pytest.mark.parametrize("name", ["quarter", "year"])
def test_years_with_a_fraction_are_not_passed_over(name: str) -> None:
    frame = pl.DataFrame({name: [f"{2000 + k / 4}" for k in range(20)], "y": np.arange(20.0) ** 2})
    with pytest.raises(InputError, match=rf"time column '{name}', row 2: 2000.25 .* or --time row"):
        read_table(frame, TableSettings(target="y"))


def test_durations_under_a_name_for_time_are_not_passed_over() -> None:
    frame = pl.DataFrame({"time": pl.Series([3, 2, 1]).cast(pl.Duration("us")), "y": [1.0, 4, 2]})
    with pytest.raises(InputError, match=r"time column 'time' holds Duration.*, or --time row"):
        read_table(frame, TableSettings(target="y"))
