"""Duplicate times, missing values and rows, irregular times, values that cannot be used: refused, or mended as told."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data import SeriesTable, TableSettings, read_table

DAYS = [date(2024, 1, 1) + timedelta(days=k) for k in range(8)]


def table_of(values: list, at: list[int] | None = None, **columns: list) -> pl.DataFrame:
    return pl.DataFrame({"day": [DAYS[k] for k in at or range(len(values))], "y": values, **columns}, strict=False)


def read(frame: pl.DataFrame, id: str | None = None, **settings: str) -> SeriesTable:
    return read_table(frame, TableSettings("y", "day", id, **settings))


def complaint(frame: pl.DataFrame, id: str | None = None, **settings: str) -> str:
    with pytest.raises(InputError) as caught:
        read(frame, id, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


TWICE = table_of([1.0, 2, 4, 6, 3], [0, 1, 1, 1, 2])


def test_duplicate_times_are_refused_with_the_count_and_the_first() -> None:
    message = complaint(TWICE)
    assert message == "column 'y': 2 duplicate times, first 2024-01-02; drop them or pass --duplicates last"


def test_duplicate_times_advise_the_column_that_tells_series_apart() -> None:
    frame = table_of([1.0, 2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3] * 2, shop=["x"] * 4 + ["z"] * 4)
    message = complaint(frame)
    assert message == (
        "column 'y': 4 duplicate times, first 2024-01-01; if column 'shop' tells series apart, pass --id shop"
    )
    assert read(frame, "shop").lengths.tolist() == [4, 4]


@pytest.mark.parametrize(("how", "kept"), [("first", 2), ("last", 6), ("mean", 4)])
def test_duplicate_times_are_settled_as_told(how: str, kept: float) -> None:
    table = read(TWICE, duplicates=how)
    assert table.values.tolist() == [1, kept, 3]
    assert table.times.astype("datetime64[D]").tolist() == DAYS[:3]
    assert table.notes == (f"2 rows with a duplicate time: kept the {how}",)


def test_one_time_in_two_series_is_no_duplicate() -> None:
    frame = table_of([1, 2, 3, 4, 5, 7], [0, 1, 2, 2, 3, 4], shop=list("xxxzzz"))
    assert read(frame, "shop").values.tolist() == [1, 2, 3, 4, 5, 7]


def test_missing_values_are_refused_with_the_count_the_place_and_the_flags() -> None:
    message = complaint(table_of([1, None, 3, None, 5]))
    assert message == (
        "column 'y': 2 of 5 values are missing, first at 2024-01-02; pass --missing mask, drop, previous or interpolate"
    )


@pytest.mark.parametrize(
    ("how", "values"), [("previous", [1, 1, 3, 3, 3, 7]), ("interpolate", [1, 2, 3, 13 / 3, 17 / 3, 7])]
)
def test_missing_values_are_filled_as_told(how: str, values: list[float]) -> None:
    table = read(table_of([1, None, 3, None, None, 7]), missing=how)
    np.testing.assert_allclose(table.values, values, rtol=1e-15)
    done = {"previous": "filled with the value before", "interpolate": "filled along a straight line"}[how]
    assert table.notes == (f"3 of 6 values are missing, first at 2024-01-02: {done}",)


def test_missing_values_are_dropped_as_told() -> None:
    table = read(table_of([1, 2, 3, None, 5, 6]), missing="drop")
    assert table.values.tolist() == [1, 2, 3, 5, 6]
    assert table.notes[0] == (
        "1 of 6 values are missing, first at 2024-01-04: dropped, and the rows that are there taken as consecutive"
    )


@pytest.mark.parametrize(("how", "values"), [("previous", [1, 2, 2, 2, 5, 6]), ("interpolate", [1, 2, 3, 4, 5, 6])])
def test_missing_rows_are_filled_as_told(how: str, values: list[float]) -> None:
    table = read(table_of([1, 2, 5, 6], [0, 1, 4, 5]), missing=how)
    assert table.values.tolist() == values
    assert table.times.astype("datetime64[D]").tolist() == DAYS[:6]
    assert table.notes[0].startswith("2 days without a row (first after 2024-01-02): filled ")


def test_missing_values_and_rows_stay_missing_when_masked() -> None:
    frame = table_of([None, 1, 3, None, 4, 20, 10, 30], [0, 1, 3, 4, 5, 3, 2, 6], shop=list("xxxxxzzz"))
    table = read(frame, "shop", missing="mask")
    np.testing.assert_array_equal(table.values, [1, np.nan, 3, np.nan, 4, 10, 20, np.nan, np.nan, 30])
    assert table.offsets.tolist() == [0, 5, 10]
    assert table.times.astype("datetime64[D]").tolist() == DAYS[1:6] + DAYS[2:7]
    left = "left missing; the model is told so, and not judged on them"
    assert table.notes[-2:] == (
        f"2 of 8 values are missing, first at 2024-01-01: {left}",
        f"3 days without a row (first after 2024-01-02): {left}",
    )


def test_rows_before_the_first_value_of_a_masked_series_are_forgotten() -> None:
    frame = table_of([None, None, 3, None, 4, 5, None], list(range(7)))
    table = read(frame, missing="mask")
    np.testing.assert_array_equal(table.values, [3, np.nan, 4, 5, np.nan])
    assert table.times.astype("datetime64[D]").tolist() == DAYS[2:7]


def test_missing_rows_and_values_are_filled_in_every_series_alone() -> None:
    frame = table_of([1, 3, 4, None, 20, 10, 30], [0, 2, 3, 4, 2, 1, 4], shop=list("xxxxzzz"))
    table = read(frame, "shop", missing="previous")
    assert table.values.tolist() == [1, 1, 3, 4, 4, 10, 20, 20, 30]
    assert table.offsets.tolist() == [0, 5, 9]


def test_the_first_value_cannot_be_filled() -> None:
    message = complaint(table_of([None, 2, 3, 4]), missing="interpolate")
    assert message == "column 'y': the first value is missing, and there is none before it to fill it with"


@pytest.mark.parametrize("how", ["mask", "drop", "previous", "interpolate"])
def test_nothing_but_missing_values(how: str) -> None:
    assert complaint(table_of([None, None, None]), missing=how) == "column 'y': every value is missing"


@pytest.mark.parametrize("how", ["mask", "drop", "previous", "interpolate"])
def test_a_series_without_a_value_is_named(how: str) -> None:
    frame = table_of([1, 2, 3, None, None, None], [0, 1, 2] * 2, shop=list("xxxzzz"))
    message = complaint(frame, "shop", missing=how)
    assert message == "series 'z': every value is missing; remove its rows, or pass --short drop"
    table = read(frame, "shop", missing=how, short="drop")
    assert table.ids == ("x",)
    assert "1 series without any value ('z'): left out" in table.notes


IRREGULAR = pl.DataFrame(
    {"day": [datetime(2024, 1, 1, h, m) for h, m in ((0, 0), (1, 0), (2, 0), (3, 0), (5, 30), (6, 30))], "y": range(6)}
)


def test_irregular_times_are_refused_with_the_largest_gap() -> None:
    message = complaint(IRREGULAR)
    assert message == (
        "column 'y': irregular times: 1 of 5 steps differ from the usual hour; the largest gap is 2.5 hours, "
        "from 2024-01-01 03:00:00 to 2024-01-01 05:30:00; --missing drop takes the rows as consecutive"
    )


def test_irregular_times_taken_as_consecutive_go_on_by_the_usual_step() -> None:
    table = read(IRREGULAR, missing="drop")
    assert table.values.tolist() == list(range(6))
    ahead = table.future_times(table.times[-1], 2)
    assert ahead.tolist() == [datetime(2024, 1, 1, 7, 30), datetime(2024, 1, 1, 8, 30)]


def test_times_closer_than_a_second_are_refused_whatever_is_told() -> None:
    moments = [datetime(2024, 1, 1) + timedelta(milliseconds=100 * k) for k in range(5)]
    message = complaint(pl.DataFrame({"day": moments, "y": range(5)}), missing="drop")
    assert message == (
        "column 'y': the usual step of 100000 microseconds is shorter than a second; "
        "round the times, or number the rows"
    )


def test_missing_days_are_refused_with_the_flags_that_mend_them() -> None:
    message = complaint(table_of([1, 2, 5, 6], [0, 1, 4, 5]))
    assert "the largest gap is 3 days, from 2024-01-02 to 2024-01-05" in message
    assert message.endswith(
        "--missing mask leaves the missing ones missing, previous or interpolate fills them; "
        "drop takes the rows as consecutive, which breaks their seasons"
    )


def test_rows_far_between_are_not_filled_in() -> None:
    days = [datetime(2024, 1, 1) + timedelta(days=k) for k in (0, 1, 2, 40, 41, 90)]
    message = complaint(pl.DataFrame({"day": days, "y": range(6)}))
    assert message.endswith("--missing drop takes the rows as consecutive; most steps have none")


def test_series_of_different_frequencies_are_named() -> None:
    frame = table_of([1, 2, 3, 4, 5, 7], [0, 1, 2, 0, 2, 4], shop=list("xxxzzz"))
    message = complaint(frame, "shop")
    assert message == ("the series have different frequencies (D: 'x'; 2D: 'z'); forecast them apart, or pass --freq")
    assert str(read(frame, "shop", freq="D").frequency) == "D"


def test_two_rows_show_no_frequency() -> None:
    message = complaint(table_of([1, 2]))
    assert message == "column 'y': only 2 rows; at least 3 are needed to see a frequency"


@pytest.mark.parametrize(
    ("freq", "message"),
    [
        ("W", "column 'y': steps of one week do not fit: 2024-01-02 follows 2024-01-01 by less than one week"),
        ("step", "--freq step does not fit the date times of 'day'"),
    ],
)
def test_a_frequency_that_does_not_fit(freq: str, message: str) -> None:
    assert complaint(table_of([1, 2, 4]), freq=freq) == message


def test_a_given_frequency_that_rows_do_not_lie_on() -> None:
    message = complaint(IRREGULAR, freq="h", missing="previous")
    assert message == "column 'y': some times do not lie on a regular axis of one hour"


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_value_is_named(value: float) -> None:
    message = complaint(table_of([1, 2, value, 4]))
    assert message == "column 'y': infinite value at 2024-01-03; correct or remove the row"


def test_a_constant_series_needs_no_forecast() -> None:
    message = complaint(table_of([3, 3, 3, 3]))
    assert message == "column 'y': every value is 3; a constant series needs no forecast"


def test_one_constant_series_of_many_is_noted() -> None:
    frame = table_of([3, 3, 3, 1, 2, 4], [0, 1, 2] * 2, shop=list("xxxzzz"))
    assert read(frame, "shop").notes == ("1 constant series ('x'): forecast, but left out of MASE",)


@pytest.mark.parametrize("name", ["missing", "duplicates", "short"])
def test_an_unknown_policy_lists_those_there_are(name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} must be one of (auto, )?refuse, .*; got 'guess'"):
        TableSettings(**{name: "guess"})


def test_rows_that_are_parts_of_a_whole_are_added_up() -> None:
    frame = pl.DataFrame({"t": [1, 1, 2, 3, 3, 3, 4, 4], "y": [1.0, 2, 5, 1, None, 4, None, None]})
    for policy, values in (("sum", [3, 5, 5, np.nan]), ("mean", [1.5, 5, 2.5, np.nan])):
        table = read_table(frame, TableSettings("y", "t", duplicates=policy, missing="mask"))
        np.testing.assert_array_equal(table.values, values)
    assert (
        "4 rows with a duplicate time: added up"
        in read_table(frame, TableSettings("y", "t", duplicates="sum", missing="mask")).notes
    )


@pytest.mark.parametrize(
    ("times", "advice"),
    [
        ([1, 1, 2, 2, 3, 4, 4], "most times have several rows: pass --duplicates sum to add them up, or mean to"),
        ([1, 2, 3, 3, 4, 5, 6], "drop them or pass --duplicates last"),
    ],
)
def test_the_advice_for_duplicates_is_by_how_many_there_are(times: list[int], advice: str) -> None:
    frame = pl.DataFrame({"t": times, "y": [1.0 + k for k in range(7)]})
    with pytest.raises(InputError) as caught:
        read_table(frame, TableSettings("y", "t"))
    assert advice in str(caught.value)
