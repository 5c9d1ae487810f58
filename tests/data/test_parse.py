"""Columns to arrays: what is understood, and the row and the value in every complaint."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data.parse import FORMATS, MISSING, find_time_column, to_numbers, to_times

MOMENTS = [datetime(2023, 1, 31, 13, 45, 10), datetime(2023, 2, 14, 4, 5, 6), datetime(2024, 12, 25, 23, 59, 59)]


def complaint(function, *arguments: object) -> str:
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_text_becomes_numbers_and_every_missing_marker_becomes_nan() -> None:
    column = pl.Series(["1", " -2.5 ", "1e3", "+4", *MISSING, None])
    numbers = to_numbers(column, "y")
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers[:4], [1, -2.5, 1000, 4])
    assert np.isnan(numbers[4:]).all()


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt64, pl.Float32, pl.Float64, pl.Null])
def test_number_columns_of_every_type(dtype: pl.DataType) -> None:
    values = [None, None] if dtype == pl.Null else [3, None]
    numbers = to_numbers(pl.Series("y", values, dtype=dtype), "y")
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, [np.nan if values[0] is None else 3.0, np.nan])


def test_text_among_numbers_names_row_and_value() -> None:
    assert complaint(to_numbers, pl.Series(["1", "2", "oops"]), "y") == "column 'y', row 3: 'oops' is not a number"


@pytest.mark.parametrize("text", ["1,234", "1,234.5", "-1.234,5", "3,5"])
def test_thousands_separators_get_a_hint(text: str) -> None:
    message = complaint(to_numbers, pl.Series(["1", text]), "y")
    assert message == (
        f"column 'y', row 2: {text!r} is not a number; write it with a decimal point and without thousands separators"
    )


def test_a_column_of_dates_is_no_target() -> None:
    assert complaint(to_numbers, pl.Series([date(2024, 1, 1)]), "y") == "column 'y' holds Date, not numbers"


def written(moment: datetime, format: str) -> str:
    return moment.strftime(format.replace("%.f", ".123456").replace("%:z", "+02:00"))


def expected(moment: datetime, format: str) -> np.datetime64:
    parts = {"day": moment.day if "%d" in format else 1}
    parts["hour"], parts["minute"] = (moment.hour, moment.minute) if "%H" in format else (0, 0)
    parts["second"] = moment.second if "%S" in format else 0
    parts["microsecond"] = 123456 if "%.f" in format else 0
    shift = timedelta(hours=2) if "%:z" in format else timedelta()
    return np.datetime64(moment.replace(**parts) - shift, "us")


@pytest.mark.parametrize("format", FORMATS)
def test_every_form_of_time_is_read_without_being_told(format: str) -> None:
    texts = [written(moment, format) for moment in MOMENTS]
    found = to_times(pl.Series(texts), "t")
    np.testing.assert_array_equal(found.values, [expected(moment, format) for moment in MOMENTS])
    assert found.values.dtype == "datetime64[us]"
    assert found.kind == ("datetime" if "%H" in format else "date")
    assert found.zone == ("UTC" if format.endswith(("Z", "%:z")) else None)


@pytest.mark.parametrize("format", FORMATS)
def test_every_form_of_time_is_read_when_told(format: str) -> None:
    found = to_times(pl.Series([written(moment, format) for moment in MOMENTS]), "t", format)
    np.testing.assert_array_equal(found.values, [expected(moment, format) for moment in MOMENTS])


def test_a_day_that_may_be_a_month_is_refused_with_advice() -> None:
    message = complaint(to_times, pl.Series(["01/02/2024", "02/03/2024", "03/04/2024"]), "t")
    assert message == "time column 't': '01/02/2024' can be read as %d/%m/%Y or %m/%d/%Y; pass --time-format"


@pytest.mark.parametrize(
    ("texts", "format"),
    [
        (["12/01/2024", "13/01/2024"], "%d/%m/%Y"),  # 13 is no month
        (["01/12/2024", "01/13/2024"], "%m/%d/%Y"),
        (["09/01/2024", "10/01/2024", "01/02/2024"], "%d/%m/%Y"),  # increases only when the day comes first
    ],
)
def test_a_day_is_told_from_a_month_when_the_rows_tell(texts: list[str], format: str) -> None:
    assert to_times(pl.Series(texts), "t").format == format


def test_whole_numbers_are_times() -> None:
    for column in (pl.Series([3, 1, 2]), pl.Series(["3", " 1", "2"]), pl.Series([3, 1, 2], dtype=pl.UInt8)):
        found = to_times(column, "t")
        assert found.kind == "integer"
        assert found.values.dtype == np.int64
        assert found.values.tolist() == [3, 1, 2]


def test_times_with_a_zone_are_kept_in_utc_beside_its_name() -> None:
    moments = [datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime(2024, 7, 1, tzinfo=UTC)]
    column = pl.Series(moments, dtype=pl.Datetime("ns", "Europe/Berlin"))
    found = to_times(column, "t")
    assert found.zone == "Europe/Berlin"
    assert found.values.tolist() == [datetime(2023, 12, 31, 23), datetime(2024, 7, 1)]


@pytest.mark.parametrize("column", [pl.Series(["2024-01-01", "", "2024-01-03"]), pl.Series([1, None, 3])])
def test_a_missing_time_names_its_row(column: pl.Series) -> None:
    assert complaint(to_times, column, "t") == "time column 't', row 2: the time is missing"


def test_a_time_unlike_those_before_it_names_its_row() -> None:
    message = complaint(to_times, pl.Series(["2024-01-01", "2024-01-02", "soon"]), "t")
    assert message == "time column 't', row 3: 'soon' does not fit the format '%Y-%m-%d' of the rows before it"


def test_a_time_that_does_not_fit_the_given_format_names_its_row() -> None:
    message = complaint(to_times, pl.Series(["01.02.2024", "2024-02-02"]), "t", "%d.%m.%Y")
    assert message == "time column 't', row 2: '2024-02-02' does not fit the format '%d.%m.%Y'"


def test_no_time_at_all_says_what_to_pass() -> None:
    message = complaint(to_times, pl.Series(["monday", "tuesday"]), "t")
    assert message == "time column 't': 'monday' is not a time in a known form; pass --time-format, such as %d.%m.%Y"


def test_fractions_are_no_times() -> None:
    message = complaint(to_times, pl.Series([0.5, 1.5]), "t")
    assert message == "time column 't' holds Float64, which is neither a time nor a whole number"


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"y": [1.0], "when": [date(2024, 1, 1)]}, "when"),
        ({"y": ["1"], "DATE": ["2024-01-01"]}, "DATE"),
        ({"note": ["2024-01-01"], "month": ["2024-01"]}, "month"),
        ({"y": ["1"], "opened": ["2024-01-01 10:00"]}, "opened"),
        ({"y": ["1"], "size": ["20240101"]}, None),
        ({"y": ["1"], "year": [1990]}, None),
    ],
)
def test_the_time_column_is_found_by_type_then_name_then_looks(columns: dict[str, list], found: str | None) -> None:
    assert find_time_column(pl.DataFrame(columns)) == found


def test_days_with_a_zone_are_days_by_the_clock_on_the_wall() -> None:
    import pandas as pd

    from lstmkit.data import TableSettings, read_table, to_native

    days = pd.date_range("2024-03-01", periods=60, freq="D", tz="Europe/Berlin")  # the clocks change on March 31
    table = read_table(pd.DataFrame({"day": days, "y": range(60)}), TableSettings("y"))
    assert str(table.frequency) == "D"
    ahead = to_native({"day": table.future_times(table.times[-1], 2)}, table, "pandas", ["day"])["day"]
    assert list(ahead) == [
        pd.Timestamp("2024-04-30", tz="Europe/Berlin"),
        pd.Timestamp("2024-05-01", tz="Europe/Berlin"),
    ]
