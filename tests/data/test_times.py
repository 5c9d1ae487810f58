"""Columns to times: every form that people write, one for a column, and the row and the value in every complaint."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data.times import to_times

MOMENTS = [datetime(2023, 1, 31, 13, 45, 10), datetime(2023, 2, 14, 4, 5, 6), datetime(2024, 12, 25, 23, 59, 59)]
DATES = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y_%m_%d",
    "%Y %m %d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%y-%m-%d",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d%b%Y",
    "%d %B %Y",
    "%d %b, %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b. %d, %Y",
    "%B %d %Y",
    "%b-%d-%Y",
    "%Y-%b-%d",
    "%A, %B %d, %Y",
    "%a, %d %b %Y",
    "%G-W%V-%u",
    "%GW%V%u",
    "%Y-%j",
    "%Y年%m月%d日",
    "%Y%m%d",
)
WITHOUT_DAY = (
    "%Y-%m",
    "%Y/%m",
    "%Y.%m",
    "%m/%Y",
    "%m-%Y",
    "%m.%Y",
    "%b %Y",
    "%B %Y",
    "%b-%Y",
    "%b. %Y",
    "%B, %Y",
    "%Y %b",
    "%Y-%b",
    "%YM%m",
    "%Y-M%m",
    "%Ym%m",
    "%Y年%m月",
    "%Y%m",
)
CLOCKS = (
    "%H:%M",
    "%H:%M:%S",
    "%I:%M %p",
    "%I:%M:%S %p",
    "%I:%M%p",
    "%H:%M:%S.%f",
    "%H:%M:%S,%f",
    "%H:%MZ",
    "%H:%M:%SZ",
    "%H:%M:%S.%fZ",
    "%H:%M:%S UTC",
    "%H:%M%z",
    "%H:%M:%S%z",
    "%H:%M:%S %z",
    "%H:%M:%S.%f%z",
)
WITH_CLOCK = (
    *(f"%Y-%m-%d{gap}{clock}" for clock in CLOCKS for gap in "T "),
    *(f"{day} {clock}" for clock in CLOCKS[:5] for day in ("%d.%m.%Y", "%m/%d/%Y", "%Y/%m/%d", "%b %d, %Y", "%Y%m%d")),
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %d %H:%M:%S %Y",
    "%d%b%Y:%H:%M:%S",
    "%Y%m%dT%H%M",
    "%Y%m%dT%H%M%S",
    "%Y%m%dT%H%M%SZ",
    "%Y-%m-%d %H",
    "%Y-%m-%dT%H",
    "%Y%m%d%H",
    "%Y%m%d%H%M",
    "%Y%m%d%H%M%S",
)
ZONE = timezone(timedelta(hours=2))


def complaint(function, *arguments: object) -> str:
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def written(form: str) -> list[str]:
    return [moment.replace(microsecond=123_000, tzinfo=ZONE).strftime(form) for moment in MOMENTS]


def meant(form: str) -> list[np.datetime64]:
    """Return what Python's own moments are, to the precision of a form."""
    lost = {"hour": "HI", "minute": "M", "second": "S"}
    found = []
    for moment in MOMENTS:
        parts = {part: 0 for part, codes in lost.items() if not any(f"%{code}" in form for code in codes)}
        day = {} if re.search("%[djAu]|%a", form) else {"day": 1}
        kept = moment.replace(**parts, **day, microsecond=123_000 if "%f" in form else 0)
        found.append(np.datetime64(kept - (timedelta(hours=2) if "%z" in form else timedelta()), "us"))
    return found


@pytest.mark.parametrize("form", [*DATES, *WITHOUT_DAY, *WITH_CLOCK])
def test_every_form_of_time_is_read_without_being_told(form: str) -> None:
    found = to_times(pl.Series(written(form)), "date")
    np.testing.assert_array_equal(found.values, meant(form))
    assert found.values.dtype == "datetime64[us]"
    assert found.kind == ("datetime" if "%H" in form or "%I" in form else "date")
    assert found.zone == ("UTC" if form.endswith(("Z", "%z", "UTC")) else None)
    again = to_times(pl.Series(written(form)), "date", found.format)  # what a note says can be passed
    np.testing.assert_array_equal(again.values, found.values)


@pytest.mark.parametrize("form", [*DATES, *WITHOUT_DAY, *WITH_CLOCK])
def test_every_form_of_time_is_read_when_told(form: str) -> None:
    found = to_times(pl.Series(written(form)), "t", form)
    np.testing.assert_array_equal(found.values, meant(form))


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("quarter", ["1970Q1", "1970Q2", "2019Q4"]),
        ("quarter", ["1970-Q1", "1970-Q2", "2019-Q4"]),
        ("quarter", ["1970 q1", "1970 q2", "2019 q4"]),
        ("quarter", ["Q1 1970", "Q2 1970", "Q4 2019"]),
        ("quarter", ["Q1/70", "Q2/70", "Q4/19"]),
        ("quarter", ["1Q1970", "2Q1970", "4Q2019"]),
        ("quarter", ["1Q70", "2Q70", "4Q19"]),
    ],
)
def test_quarters_are_their_first_day(form: str, texts: list[str]) -> None:
    found = to_times(pl.Series(texts), "t")
    assert (found.kind, found.format) == ("date", form)
    assert found.values.astype("datetime64[D]").astype(str).tolist() == ["1970-01-01", "1970-04-01", "2019-10-01"]
    np.testing.assert_array_equal(to_times(pl.Series(texts), "t", "quarter").values, found.values)


@pytest.mark.parametrize("text", ["2021-W05", "2021W05", "2021-W5", "2021w05", "2021-W5-1", "W05 2021", "W05-2021"])
def test_iso_weeks_are_their_monday(text: str) -> None:
    found = to_times(pl.Series([text]), "t")
    assert found.values.astype("datetime64[D]").astype(str).tolist() == [
        "2021-02-01"
    ]  # the fifth week, by the calendar


def test_compact_weeks_are_read_where_the_name_or_a_week_above_twelve_says_so() -> None:
    assert to_times(pl.Series([202104, 202105]), "week").values[0] == np.datetime64("2021-01-25")
    assert to_times(pl.Series([202112, 202113]), "t").values[1] == np.datetime64("2021-03-29")
    assert to_times(pl.Series([202104, 202105]), "month").values[0] == np.datetime64("2021-04-01")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", ["number", "text", "given"])
def test_counts_since_1970_are_told_by_their_size(unit: str, kind: str) -> None:
    moments = np.array(["1980-05-06T07:08:09", "2022-01-03", "2090-12-31T23:59:59"], f"datetime64[{unit}]")
    counts = pl.Series(moments.astype(np.int64).tolist())
    column = counts.cast(pl.String) if kind == "text" else counts
    found = to_times(column, "timestamp", f"unix-{unit}" if kind == "given" else None)
    np.testing.assert_array_equal(found.values, moments.astype("datetime64[us]"))
    assert found.format == f"unix-{unit}"


def test_seconds_since_1970_may_have_fractions() -> None:
    for column in (pl.Series([1641168000.25, 1641168000.5]), pl.Series(["1641168000.25", "1641168000.5"])):
        assert to_times(column, "timestamp").values[0] == np.datetime64("2022-01-03T00:00:00.250")


def test_days_of_excel_are_read_where_the_name_says_that_they_are_dates() -> None:
    days = to_times(pl.Series([44564, 44565]), "Date")
    assert (days.kind, days.format) == ("date", "excel")
    assert days.values[0] == np.datetime64("2022-01-03")  # what a spreadsheet shows for 44564
    hours = to_times(pl.Series(["44564.25", "44564.75"]), "Date")
    assert (hours.kind, hours.values[1]) == ("datetime", np.datetime64("2022-01-03T18:00"))
    assert to_times(pl.Series([44564, 44565]), "step").kind == "integer"
    assert to_times(pl.Series([44564, 44565]), "step", "excel").values[0] == np.datetime64("2022-01-03")


def test_whole_numbers_that_are_no_dates_count_steps() -> None:
    for values in ([1990, 1991], [20229901, 20229902], [3, 10**12], [0, 86_400]):
        assert to_times(pl.Series(values), "t").kind == "integer"


def test_24_hours_are_the_end_of_their_day() -> None:
    for texts in (["2022-01-03 23:00", "2022-01-03 24:00"], ["2022-01-03 23:00:00", "2022-01-03 24:00:00"]):
        found = to_times(pl.Series(texts), "t")
        assert found.values.tolist() == [datetime(2022, 1, 3, 23), datetime(2022, 1, 4)]


def test_fractions_of_seconds_may_be_left_out() -> None:
    found = to_times(pl.Series(["2022-01-03 00:00:00", "2022-01-03 00:00:00.5"]), "t")
    assert found.values.tolist() == [datetime(2022, 1, 3), datetime(2022, 1, 3, 0, 0, 0, 500_000)]


def test_two_digits_are_a_year_that_has_been() -> None:
    found = to_times(pl.Series(["Dec-49", "Jan-50", "Dec-99", "Jan-00", "Jan-22"]), "t")
    assert found.values.astype("datetime64[Y]").astype(str).tolist() == ["1949", "1950", "1999", "2000", "2022"]


def test_september_has_three_short_names() -> None:
    for text in ("Sep 3, 2022", "Sept 3, 2022", "September 3, 2022"):
        assert to_times(pl.Series(["Aug 1, 2022", text]), "t").values[1] == np.datetime64("2022-09-03")


def test_a_day_by_a_clock_that_is_put_forward_is_a_day_in_every_way_of_writing_offsets() -> None:
    for texts in (
        ["2021-03-27T00:00:00Z", "2021-03-28T00:00:00Z", "2021-03-29T00:00:00+01:00"],
        ["2021-03-27T00:00:00+00:00", "2021-03-28T00:00:00+0000", "2021-03-29T00:00:00+01"],
    ):
        assert to_times(pl.Series(texts), "t").values.tolist() == [datetime(2021, 3, day) for day in (27, 28, 29)]


def test_a_month_with_two_digits_may_be_a_day_without_a_year() -> None:
    message = complaint(to_times, pl.Series(["Jan-05", "Jan-06", "Jan-07"]), "t")
    assert message == "time column 't': 'Jan-05' can be read as %b-%y or %b-%d; pass --time-format"
    assert to_times(pl.Series(["Jan-05", "Feb-05", "Jan-06"]), "t").format == "%b-%y"


def test_equal_steps_tell_a_day_from_a_month() -> None:
    firsts = [f"01/{month:02}/{year}" for year in (2020, 2021) for month in range(1, 13)]
    assert to_times(pl.Series(firsts), "t").format == "%d/%m/%Y"
    assert "can be read as" in complaint(to_times, pl.Series(firsts[:12]), "t")  # also twelve days of January


def test_rows_of_each_series_tell_a_day_from_a_month() -> None:
    texts = ["09/01/2024", "10/01/2024", "01/02/2024"]
    groups = np.array([0, 0, 0, 1, 1, 1])
    assert to_times(pl.Series(texts * 2), "t", series=groups).format == "%d/%m/%Y"
    interleaved = [text for text in texts for _ in range(2)]
    assert to_times(pl.Series(interleaved), "t", series=np.array([0, 1] * 3)).format == "%d/%m/%Y"


def test_the_usual_form_settles_what_the_rows_do_not() -> None:
    column = pl.Series(["01/02/2024", "02/02/2024"])
    assert to_times(column, "t", usual="%m/%d/%Y").values[0] == np.datetime64("2024-01-02")
    assert to_times(pl.Series(["2024-01-02"]), "t", usual="%m/%d/%Y").format == "%Y-%m-%d"  # others are read too
    assert to_times(pl.Series([20240102]), "t", usual="unix-s").format == "%Y%m%d"
    assert to_times(pl.Series(["44564"]), "t", usual="excel").format == "excel"


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ("%d.%m.", "--time-format '%d.%m.' has no year; give one with %Y or %y"),
        ("%H:%M", "--time-format '%H:%M' has no year; give one with %Y or %y"),
    ],
)
def test_a_form_without_a_year_is_refused(form: str, fault: str) -> None:
    assert complaint(to_times, pl.Series(["x"]), "t", form) == fault


def test_a_form_that_has_no_effect_is_refused() -> None:
    for column in (pl.Series([date(2024, 1, 1)]), pl.Series([datetime(2024, 1, 1)])):
        message = complaint(to_times, column, "t", "%Y")
        assert message == "--time-format: column 't' holds times already, not text; leave the option out"


def test_categories_are_read_as_their_text() -> None:
    for kind in (pl.Categorical, pl.Enum(["01.02.2024", "02.02.2024"])):
        found = to_times(pl.Series(["02.02.2024", "01.02.2024"]).cast(kind), "t")
        assert found.values.tolist() == [datetime(2024, 2, 2), datetime(2024, 2, 1)]


def test_a_time_of_day_alone_says_what_to_do() -> None:
    assert complaint(to_times, pl.Series(["09:30", "09:35"]), "t") == (
        "time column 't': '09:30' is a time of day without a date; write both into one column, such as 2022-01-03 16:00"
    )


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
    fault = "'soon' does not fit the format '%Y-%m-%d' of the rows before it; write all in one form"
    assert message == f"time column 't', row 3: {fault}"


def test_a_time_that_does_not_fit_the_given_format_names_its_row() -> None:
    message = complaint(to_times, pl.Series(["01.02.2024", "2024-02-02"]), "t", "%d.%m.%Y")
    assert message == "time column 't', row 2: '2024-02-02' does not fit the format '%d.%m.%Y'"


def test_no_time_at_all_says_what_to_pass() -> None:
    message = complaint(to_times, pl.Series(["monday", "tuesday"]), "t")
    assert message == "time column 't': 'monday' is not a time in a known form; pass --time-format, such as %d.%m.%Y"


@pytest.mark.parametrize("value", [float("inf"), -float("inf"), 1e300, 1e19])
def test_numbers_beyond_all_times_name_their_row(value: float) -> None:
    for column in (pl.Series([1.0, value]), pl.Series(["1", str(value)])):
        message = complaint(to_times, column, "date")
        assert message.startswith("time column 'date', row 2: ") and "neither a date nor a whole number" in message
    assert complaint(to_times, pl.Series([1.0, float("nan")]), "t") == "time column 't', row 2: the time is missing"


def test_fractions_are_no_times() -> None:
    message = complaint(to_times, pl.Series([0.5, 1.5]), "t")
    assert message == "time column 't', row 1: 0.5 is neither a date nor a whole number; count in smaller units"
    message = complaint(to_times, pl.Series([[1]]), "t")
    assert message == "time column 't' holds List(Int64), which is neither a time nor a whole number"


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


def test_a_clock_may_be_written_with_points() -> None:
    texts = ["03/01/2022 13.30", "03/01/2022 14.00", "13/01/2022 9.05"]
    expected = [datetime(2022, 1, 3, 13, 30), datetime(2022, 1, 3, 14), datetime(2022, 1, 13, 9, 5)]
    found = to_times(pl.Series(texts), "t")
    assert (found.values.tolist(), found.format) == (expected, "%d/%m/%Y %H.%M")
    found = to_times(pl.Series(["2022-01-03 13.30.07", "2022-01-04 00.00.00"]), "t")
    assert found.values.tolist() == [datetime(2022, 1, 3, 13, 30, 7), datetime(2022, 1, 4)]


def test_a_date_alone_is_its_midnight_where_no_row_says_midnight() -> None:
    texts = ["2022-01-03", "2022-01-03 12:00:00", "2022-01-04", "2022-01-04 12:00:00"]
    expected = [datetime(2022, 1, day, hour) for day in (3, 4) for hour in (0, 12)]
    for order in (slice(None), slice(None, None, -1)):
        assert to_times(pl.Series(texts[order]), "t").values.tolist() == expected[order]
    message = complaint(to_times, pl.Series(["2022-01-03 00:00:00", *texts[1:]]), "t")
    fault = "'2022-01-04' does not fit the format '%Y-%m-%d %H:%M:%S' of the rows before it; write all in one form"
    assert message == f"time column 't', row 3: {fault}"


def test_a_day_without_a_year_is_refused() -> None:
    message = complaint(to_times, pl.Series(["30 Jan", "31 Jan", "01 Feb"]), "t")
    assert message == "time column 't': '30 Jan' says no year; write it in full, such as 2022-01-03"


@pytest.mark.parametrize("written", ["{}.{}", "{}-{}", "{}/{}", "{}:{}"])
def test_numbers_up_to_four_behind_a_year_are_quarters_if_these_follow_each_other(written: str) -> None:
    quarters = [written.format(year, k) for year in (2019, 2020) for k in (1, 2, 3, 4)]
    found = to_times(pl.Series(quarters), "t")
    assert (found.format, found.values[-1]) == ("quarter", np.datetime64("2020-10-01"))
    months = [written.format(2019, k) for k in range(1, 13)]
    assert to_times(pl.Series(months), "t").values[-1] == np.datetime64("2019-12-01")


def test_numbers_above_twelve_behind_a_year_are_weeks() -> None:
    found = to_times(pl.Series(["2020-12", "2020-13", "2020-14"]), "t")
    assert (found.format, found.values[1]) == ("%G-%V", np.datetime64("2020-03-23"))


def test_days_since_1970_are_not_taken_for_those_of_excel() -> None:
    days = pl.Series([18995, 18996, 18997])
    message = complaint(to_times, days, "date")
    fault = "18995 can be read as excel (1952-01-02) or unix-d (2022-01-03); pass --time-format"
    assert message == f"time column 'date': {fault}"
    for format, first in (("excel", "1952-01-02"), ("unix-d", "2022-01-03")):
        found = to_times(days, "date", format)
        assert (found.kind, found.values[0]) == ("date", np.datetime64(first))
        assert to_times(days + 3, "date", None, format).values[0] == np.datetime64(first) + np.timedelta64(3, "D")
        assert to_times(days + 0.5, "date", None, format).values[0] == np.datetime64(first) + np.timedelta64(12, "h")
    assert complaint(to_times, days + 0.5, "date").endswith("pass --time-format")


def test_hours_counted_from_one_to_24() -> None:
    hours = pl.Series([*range(2022030101, 2022030125), 2022030201])
    found = to_times(hours, "hour")
    assert found.values[[0, 23, 24]].tolist() == [
        datetime(2022, 3, 1, 1),
        datetime(2022, 3, 2),
        datetime(2022, 3, 2, 1),
    ]


def test_compact_dates_that_begin_with_the_day_are_read_if_told_and_else_refused() -> None:
    dates = pl.Series([1022022, 31012022])
    message = "time column 'date': '1022022' is not a time in a known form; pass --time-format, such as %d%m%Y"
    assert complaint(to_times, dates, "date") == message
    assert to_times(dates, "date", "%d%m%Y").values.tolist() == [datetime(2022, 2, 1), datetime(2022, 1, 31)]
