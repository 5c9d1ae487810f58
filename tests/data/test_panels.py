"""Many series in one table: unequal lengths and starts, one frequency for all, and every way a panel can be wrong."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data import SeriesTable, TableSettings, make_windows, read_table

START = datetime(2024, 1, 1)


def days(first: int, count: int, step: int = 1) -> list[datetime]:
    return [START + timedelta(days=first + k * step) for k in range(count)]


def panel(**series: list[datetime]) -> pl.DataFrame:
    """Return a long table; the values of the series are 0, 1, 2, ... from its start on, each of its own level."""
    parts = [
        pl.DataFrame({"id": [name] * len(times), "t": times, "y": [100.0 * k + n for n in range(len(times))]})
        for k, (name, times) in enumerate(series.items())
    ]
    return pl.concat(parts)


def read(frame: Any, **settings: Any) -> SeriesTable:
    return read_table(frame, TableSettings("y", "t", "id", **settings))


def complaint(frame: Any, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(frame, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_series_of_unequal_length_and_start() -> None:
    table = read(panel(a=days(0, 9), b=days(-300, 4), c=days(40, 30)).sample(fraction=1, shuffle=True, seed=3))
    at = {id: s for s, id in enumerate(table.ids)}
    assert {id: int(table.lengths[s]) for id, s in at.items()} == {"a": 9, "b": 4, "c": 30}
    assert {id: table.times[table.offsets[s]].item() for id, s in at.items()} == {
        "a": START,
        "b": START - timedelta(days=300),
        "c": START + timedelta(days=40),
    }
    for id, s in at.items():
        level = 100.0 * "abc".index(id)
        assert table.values[table.offsets[s] : table.offsets[s + 1]].tolist() == [
            level + k for k in range(len(days(0, int(table.lengths[s]))))
        ]
    assert str(table.frequency) == "D"


@pytest.mark.parametrize("layout", ["blocks", "interleaved", "blocks out of time order", "shuffled"])
def test_rows_in_any_order_give_the_same_series(layout: str) -> None:
    blocks = panel(a=days(0, 9), b=days(0, 7), c=days(3, 8))
    frame = {
        "blocks": blocks,
        "interleaved": blocks.sort("t", "id"),
        "blocks out of time order": blocks.sort("id", "t", descending=[False, True]),
        "shuffled": blocks.sample(fraction=1, shuffle=True, seed=5),
    }[layout]
    table, expected = read(frame), read(blocks)
    order = [table.ids.index(id) for id in expected.ids]
    for s, o in enumerate(order):
        for name in ("values", "times"):
            own = getattr(table, name)[table.offsets[o] : table.offsets[o + 1]]
            assert np.array_equal(own, getattr(expected, name)[expected.offsets[s] : expected.offsets[s + 1]])
    moved = sum("out of time order" in note for note in table.notes)
    assert moved == (layout in ("blocks out of time order", "shuffled"))


def test_more_than_65536_series_are_sorted_too() -> None:
    S = 70_000
    frame = pl.DataFrame({"id": np.tile(np.arange(S), 3), "t": np.repeat([2, 0, 1], S), "y": np.arange(3.0 * S)})
    table = read(frame)
    assert table.ids[:3] == (0, 1, 2) and len(table) == S
    np.testing.assert_array_equal(table.values.reshape(S, 3), np.arange(S)[:, None] + S * np.array([1, 2, 0]))
    assert table.notes == (f"{S} rows were out of time order: sorted",)


def test_ids_with_different_frequencies_are_named_by_frequency() -> None:
    message = complaint(panel(a=days(0, 9), b=days(0, 9, 7), c=days(5, 6), d=days(0, 5, 7), e=days(0, 9, 7)))
    assert message == (
        "the series have different frequencies (D: 'a', 'c'; W: 'b', 'd', 'e'); forecast them apart, or pass --freq"
    )


def test_every_id_is_checked_for_gaps() -> None:
    frame = panel(a=days(0, 9), b=days(0, 3) + days(5, 6), c=days(2, 5))
    message = complaint(frame)
    assert message.startswith(
        "series 'b': irregular times: 1 of 8 steps differ from the usual day; the largest gap is "
    )
    table = read(frame, missing="mask")
    assert table.lengths.tolist() == [9, 11, 5]
    assert np.flatnonzero(np.isnan(table.values)).tolist() == [9 + 3, 9 + 4]


def test_a_short_series_takes_the_frequency_of_the_others() -> None:
    weekdays = np.busday_offset("2024-01-01", np.arange(40)).astype("datetime64[us]").tolist()
    table = read(panel(a=weekdays, b=weekdays[1:5], c=weekdays[5:7], d=weekdays[9:10]))
    assert str(table.frequency) == "B"
    assert table.lengths.tolist() == [40, 4, 2, 1]
    ahead = table.future_times(table.times[table.offsets[1:] - 1], 1)[:, 0]
    assert ahead[1] == table.times[5] and ahead[2] == table.times[7]


def test_a_short_series_off_the_axis_of_the_others_is_named() -> None:
    message = complaint(panel(a=days(0, 9), b=[START, START + timedelta(days=4)]))
    assert message == (
        "series 'b': 2 rows, which are not one day apart like those of other series; "
        "correct the times, or remove the series"
    )


def test_nothing_shows_a_frequency() -> None:
    message = complaint(panel(a=days(0, 2), b=days(0, 1)))
    assert message == "series 'a': only 2 rows; at least 3 are needed to see a frequency"


def test_a_duplicate_names_id_and_time() -> None:
    frame = pl.concat([panel(a=days(0, 9), b=days(3, 9)), panel(b=days(5, 1))])
    assert complaint(frame) == "series 'b': 1 duplicate time, first 2024-01-06; drop them or pass --duplicates last"
    assert read(frame, duplicates="first").lengths.tolist() == [9, 9]


def test_a_series_without_a_value_is_left_out_only_when_told() -> None:
    frame = panel(a=days(0, 9), b=days(0, 5)).with_columns(pl.when(pl.col("id") == "a").then("y"))
    assert complaint(frame) == "series 'b': every value is missing; remove its rows, or pass --short drop"
    assert complaint(frame, missing="mask").startswith("series 'b': every value is missing; ")
    table = read(frame, short="drop")
    assert (table.ids, table.notes) == (("a",), ("1 series without any value ('b'): left out",))


@pytest.mark.parametrize("id", [None, ""])
def test_a_missing_id_names_its_row(id: str | None) -> None:
    frame = panel(a=days(0, 4), b=days(0, 4))
    ids = frame["id"].to_list()
    ids[5] = id
    assert complaint(frame.with_columns(pl.Series("id", ids))) == "id column 'id', row 6: the id is missing"


@pytest.mark.parametrize("how", ["previous", "interpolate"])
@pytest.mark.parametrize("seed", range(8))
def test_gaps_are_filled_as_numpy_fills_them_series_by_series(how: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = "abcd"[: int(rng.integers(1, 5))]
    frame = panel(**{name: days(int(rng.integers(0, 20)), int(rng.integers(3, 30))) for name in names})
    y = rng.normal(size=frame.height)
    starts = [int(frame["id"].index_of(name) or 0) for name in names]
    holes = rng.random(frame.height) < 0.4
    holes[starts] = False
    table = read(frame.with_columns(y=pl.Series(np.where(holes, np.nan, y))), missing=how)
    for s in range(len(names)):
        own = slice(int(table.offsets[s]), int(table.offsets[s + 1]))
        known, rows = np.flatnonzero(~holes[own]), np.arange(int(table.lengths[s]))
        if how == "interpolate":
            expected = np.interp(rows, known, y[own][known])
        else:
            expected = np.array([y[own][max(k for k in known if k <= row)] for row in rows])
        np.testing.assert_allclose(table.values[own], expected, rtol=1e-12, atol=1e-15)


def test_several_targets_side_by_side_are_series() -> None:
    times = days(0, 6)
    frame = pl.DataFrame(
        {"t": times, "east": range(6), "west": ["10", "", "12", "13", "14", "15"], "rain": range(6, 0, -1)}
    )
    table = read_table(frame, TableSettings(time="t", wide=("east", "west"), past=("rain",), missing="mask"))
    assert table.ids == ("east", "west")
    assert (table.columns.id, table.columns.target) == ("series", "value")
    np.testing.assert_array_equal(table.values, [0, 1, 2, 3, 4, 5, 10, np.nan, 12, 13, 14, 15])
    assert table.covariates.seen[:, 0].tolist() == [6, 5, 4, 3, 2, 1] * 2
    again = read_table(frame, table.columns)
    assert again.ids == table.ids
    np.testing.assert_array_equal(again.values, table.values)


def test_the_names_of_a_long_table_made_of_a_wide_one_are_new_ones() -> None:
    frame = pl.DataFrame(
        {"t": days(0, 4), "a": [1, 2, 4, 8], "b": [1, 3, 5, 9], "series": [1.0, 2, 3, 5], "value": range(4)}
    )
    table = read_table(frame, TableSettings(time="t", wide=("a", "b"), past=("series", "value")))
    assert (table.columns.id, table.columns.target) == ("series_", "value_")
    assert table.covariates.seen[:4].tolist() == [[1, 0], [2, 1], [3, 2], [5, 3]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"wide": ("a", "c")}, "no column 'c' (columns: 't', 'a', 'b')"),
        ({"wide": ("a", "a")}, "target: 'a', 'a' names a column twice"),
        (
            {"wide": ("a", "b"), "id": "t"},
            "several targets side by side are series of their own: --id and --static do not go with them",
        ),
        (
            {"wide": ("a", "b"), "static": ("t",)},
            "several targets side by side are series of their own: --id and --static do not go with them",
        ),
    ],
)
def test_targets_side_by_side_that_cannot_be_used(settings: dict, message: str) -> None:
    frame = pl.DataFrame({"t": days(0, 4), "a": [1, 2, 4, 8], "b": [1, 3, 5, 9]})
    with pytest.raises(InputError) as caught:
        read_table(frame, TableSettings(time="t", **settings))
    assert str(caught.value) == message


def test_windows_of_a_panel_stay_within_their_series() -> None:
    table = read(panel(a=days(0, 9), b=days(-300, 4), c=days(40, 30)))
    windows = make_windows(table, 5, 2)
    assert np.bincount(windows.series).tolist() == [3, 0, 24]


BERLIN = [
    "2024-03-30 00:00:00+01:00",
    "2024-03-31 00:00:00+01:00",
    "2024-04-01 00:00:00+02:00",
    "2024-04-02 00:00:00+02:00",
]


def test_days_written_with_the_offset_of_summer_time_are_days() -> None:
    table = read_table(pl.DataFrame({"t": BERLIN, "y": [1, 2, 4, 3]}), TableSettings("y"))
    assert str(table.frequency) == "D"
    assert table.times.astype("datetime64[D]").tolist() == [date(2024, 3, 30) + timedelta(days=k) for k in range(4)]


def test_hours_written_with_several_offsets_are_put_in_utc() -> None:
    texts = [
        "2024-03-31 00:00:00+01:00",
        "2024-03-31 01:00:00+01:00",
        "2024-03-31 03:00:00+02:00",
        "2024-03-31 04:00:00+02:00",
    ]
    table = read_table(pl.DataFrame({"t": texts, "y": [1, 2, 4, 3]}), TableSettings("y"))
    assert (str(table.frequency), table.zone) == ("h", "UTC")
    assert table.times[0].item() == datetime(2024, 3, 30, 23)
    assert table.notes == ("times read as %Y-%m-%d %H:%M:%S%z",)


@pytest.mark.parametrize("zoned", [1, 0])
def test_text_that_mixes_times_with_and_without_an_offset(zoned: int) -> None:
    texts = ["2024-03-30 00:00:00", "2024-03-31 00:00:00", "2024-04-01 00:00:00"]
    texts[zoned] += "+01:00"
    with pytest.raises(
        InputError, match=r"time column 't', row 2: '2024-03-31 00:00:00.*' does not fit the format '.*' of the rows"
    ):
        read_table(pl.DataFrame({"t": texts, "y": [1, 2, 4]}), TableSettings("y", "t"))


def test_a_pandas_column_of_several_time_zones() -> None:
    times = [pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-02", tz="Europe/Berlin")]
    with pytest.raises(
        InputError, match=r"^column 't' mixes times of several time zones \(Europe/Berlin, UTC\); convert them to one$"
    ):
        read_table(pd.DataFrame({"t": times, "y": [1, 2]}), TableSettings("y", "t"))
    naive = pd.DataFrame({"t": [datetime(2024, 1, 1), pd.Timestamp("2024-01-02", tz="UTC")], "y": [1, 2]})
    with pytest.raises(InputError, match=r"mixes times of several time zones \(UTC, none\)"):
        read_table(naive, TableSettings("y", "t"))


def test_a_pandas_column_of_several_types_is_named() -> None:
    with pytest.raises(
        InputError, match=r"^column 'x' mixes values of several types \(int, str\); convert it to one, or drop it$"
    ):
        read_table(pd.DataFrame({"y": [1, 2], "x": ["a", 3]}), TableSettings("y"))
