"""What is known beside the target: read, put where it belongs, and every way it can be wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.data import SeriesTable, TableSettings, read_table, require_ahead, with_future

START = datetime(2024, 1, 1)
LENGTHS = {"a": 6, "b": 4}


def day(k: int) -> datetime:
    return START + timedelta(days=k)


def shops(ahead: int = 0) -> pl.DataFrame:
    """Return two shops, `ahead` rows at the end of each without a target; columns say what they are by their numbers.

    price is 1000 s + k on day k of shop s, rain is minus that.
    """
    rows = []
    for s, (shop, count) in enumerate(LENGTHS.items()):
        for k in range(count + ahead):
            sold = float(10 * s + k) if k < count else None
            rows.append((shop, day(k), sold, 1000.0 * s + k, -1000.0 * s - k, 5.5 * s, "north" if s else "south"))
    return pl.DataFrame(rows, ["shop", "t", "sold", "price", "rain", "area", "region"], orient="row")


def settings(**others: Any) -> TableSettings:
    return TableSettings("sold", "t", "shop", **{"future": ("price",), **others})


def read(frame: Any, **others: Any) -> SeriesTable:
    return read_table(frame, settings(**others))


def complaint(frame: Any, **others: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(frame, **others)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def lacks(table: SeriesTable, steps: int) -> str:
    with pytest.raises(InputError) as caught:
        require_ahead(table, steps)
    return str(caught.value)


def put(frame: pl.DataFrame, column: str, row: int, value: Any) -> pl.DataFrame:
    values = frame[column].to_list()
    values[row] = value
    return frame.with_columns(pl.Series(column, values, strict=False))


def test_every_kind_of_covariate_in_order_of_series_and_time() -> None:
    frame = shops().sample(fraction=1, shuffle=True, seed=2)
    table = read(frame, past=("rain",), static=("area", "region"))
    s = {shop: k for k, shop in enumerate(table.ids)}
    given = table.covariates
    for number, (shop, count) in enumerate(LENGTHS.items()):
        own = slice(int(table.offsets[s[shop]]), int(table.offsets[s[shop] + 1]))
        assert given.future[own, 0].tolist() == [1000.0 * number + k for k in range(count)]
        assert given.seen[own, 0].tolist() == [-1000.0 * number - k for k in range(count)]
        assert given.numbers[s[shop]].tolist() == [5.5 * number]
        assert given.category_levels[0][given.categories[s[shop], 0]] == ("north" if number else "south")
    assert (given.number_names, given.category_names) == (("area",), ("region",))
    assert given.category_levels == (("north", "south"),)


def test_a_table_without_covariates_has_none() -> None:
    table = read_table(shops(), TableSettings("sold", "t", "shop"))
    assert table.given is None
    assert [a.shape for a in (table.covariates.seen, table.covariates.ahead)] == [(10, 0), (2, 0, 0)]


def test_covariates_may_be_text_that_reads_as_numbers_or_truth_values() -> None:
    frame = shops(2).with_columns(
        pl.col("price").cast(str), promotion=pl.col("t").dt.day() % 2 == 0, area=pl.col("area").cast(str)
    )
    table = read(frame, future=("price", "promotion"), static=("area",))
    assert table.covariates.future[:6].tolist() == [[k, k % 2] for k in range(6)]
    assert table.covariates.numbers[:, 0].tolist() == [0, 5.5]


def test_rows_without_a_target_at_the_end_are_rows_ahead() -> None:
    table = read(shops(3))
    assert table.lengths.tolist() == [6, 4]
    assert table.covariates.ahead[:, :, 0].tolist() == [[6, 7, 8], [1004, 1005, 1006]]
    require_ahead(table, 3)
    known = table.known(3)[:, 0]
    assert known.tolist() == [*range(9), *range(1000, 1007)]


def test_without_covariates_known_ahead_a_missing_value_at_the_end_is_a_missing_value() -> None:
    assert "4 of 14 values are missing" in complaint(shops(2), future=(), past=("rain",))


def test_a_missing_value_inside_a_series_is_no_row_ahead() -> None:
    assert "1 of 10 values are missing, first at 2024-01-03" in complaint(put(shops(2), "sold", 2, None))


def test_gaps_in_the_rows_ahead_are_steps_without_a_value() -> None:
    frame = shops(5).filter(~((pl.col("shop") == "a") & (pl.col("t") == day(7))))
    table = read(frame)
    np.testing.assert_array_equal(table.covariates.ahead[0, :, 0], [6, np.nan, 8, 9, 10])
    message = lacks(table, 5)
    assert message == (
        "series 'a': column 'price' is known ahead, but has no value for 1 of the 5 steps after the last row "
        "(2024-01-08); add rows with these times and an empty target"
    )
    require_ahead(table, 1)


def test_rows_ahead_that_are_missing_name_ids_and_dates() -> None:
    message = lacks(read(shops()), 2)
    assert message == (
        "series 'a': column 'price' is known ahead, but has no value for 2 of the 2 steps after the last row "
        "(2024-01-07, 2024-01-08); add rows with these times and an empty target; so it is with 'b'"
    )
    assert "5 of the 7 steps after the last row (2024-01-09, 2024-01-10, 2024-01-11, ...)" in lacks(read(shops(2)), 7)


def test_an_empty_cell_ahead_counts_as_missing() -> None:
    table = read(put(shops(3), "price", 7, None))
    assert "'price' is known ahead, but has no value for 1 of the 3 steps after the last row (2024-01-08)" in lacks(
        table, 3
    )


def test_rows_ahead_of_series_that_are_numbered() -> None:
    frame = shops(2).drop("t")
    table = read_table(frame, TableSettings("sold", None, "shop", future=("price",)))
    assert table.covariates.ahead[:, :, 0].tolist() == [[6, 7], [1004, 1005]]
    assert "after the last row (row 9)" in lacks(table, 3)


@pytest.mark.parametrize("step", ["B", "MS", "ME", "W", "30min", "10"])
def test_rows_ahead_of_every_kind_of_frequency(step: str) -> None:
    if step == "10":
        times = pl.Series("t", np.arange(30, 330, 10))
    else:
        import pandas as pd

        times = pl.Series("t", pd.date_range("2024-01-30", periods=30, freq=step).to_numpy())
    y = [float(k % 7) if k < 26 else None for k in range(30)]
    frame = pl.DataFrame({"t": times, "sold": y, "price": np.arange(30.0)})
    table = read_table(frame.filter(pl.col("price") != 28), TableSettings("sold", "t", future=("price",)))
    np.testing.assert_array_equal(table.covariates.ahead[0, :, 0], [26, 27, np.nan, 29])


def test_a_table_of_its_own_gives_the_rows_ahead() -> None:
    table = read(shops())
    future = shops(3).select("shop", "t", "price").sample(fraction=1, shuffle=True, seed=1)  # past rows are left aside
    given = with_future(table, future).covariates.ahead
    assert given[:, :, 0].tolist() == [[6, 7, 8], [1004, 1005, 1006]]
    assert table.covariates.ahead.shape == (2, 0, 1)


def test_a_table_of_its_own_adds_to_the_rows_that_are_there() -> None:
    table = read(shops(2))
    future = pl.DataFrame({"shop": ["a", "a"], "t": [day(7), day(8)], "price": [70.0, 80.0]})
    ahead = with_future(table, future).covariates.ahead[:, :, 0]
    np.testing.assert_array_equal(ahead, [[6, 70, 80], [1004, 1005, np.nan]])


def test_a_table_of_its_own_may_have_more_ids_and_ids_of_another_type() -> None:
    numbered = shops().with_columns(pl.col("shop").replace_strict({"a": 7, "b": 8}))
    future = shops(1).filter(pl.col("sold").is_null()).with_columns(pl.col("shop").replace_strict({"a": "7", "b": "8"}))
    future = pl.concat([future, future.with_columns(pl.lit("9").alias("shop"))])
    assert with_future(read(numbered), future).covariates.ahead[:, 0, 0].tolist() == [6, 1004]


def test_a_table_of_its_own_for_rows_that_are_numbered() -> None:
    table = read_table(shops().drop("t"), TableSettings("sold", None, "shop", future=("price",)))
    future = pl.DataFrame({"shop": ["b", "a", "b", "a"], "price": [1.0, 2, 3, 4]})
    assert with_future(table, future).covariates.ahead[:, :, 0].tolist() == [[2, 4], [1, 3]]


def test_a_table_of_its_own_for_targets_side_by_side() -> None:
    frame = pl.DataFrame({"t": [day(k) for k in range(4)], "x": [1, 2, 4, 3], "y": [5, 6, 9, 8], "price": range(4)})
    wide = TableSettings(time="t", wide=("x", "y"), future=("price",))
    table = read_table(frame, wide)
    future = pl.DataFrame({"t": [day(4), day(5)], "price": [40.0, 50.0]})
    assert with_future(table, future).covariates.ahead[:, :, 0].tolist() == [[40, 50], [40, 50]]
    rows = pl.concat([frame.cast({"price": float}), future], how="diagonal")
    assert read_table(rows, wide).covariates.ahead[:, :, 0].tolist() == [[40, 50], [40, 50]]


def test_one_hour_ahead_in_a_time_zone_is_put_on_the_clock_of_the_table() -> None:
    hours = pl.datetime_range(START, START + timedelta(hours=8), "1h", time_zone="Asia/Tokyo", eager=True).alias("t")
    frame = pl.DataFrame({"t": hours, "sold": [*range(8), None], "price": range(9)})
    columns = TableSettings("sold", "t", future=("price",))
    table = read_table(frame.head(8), columns)
    ahead = with_future(table, frame.tail(1)).covariates.ahead
    assert ahead.tolist() == [[[8.0]]] == read_table(frame, columns).covariates.ahead.tolist()


@pytest.mark.parametrize("words", [("True", "False"), ("TRUE", "FALSE"), ("true ", "false")])
def test_true_and_false_in_text_are_read_as_in_memory(words: tuple[str, str]) -> None:
    values = [k % 3 == 0 for k in range(9)]
    frame = pl.DataFrame(
        {"t": range(9), "sold": [*range(8), None], "offer": [words[0] if v else words[1] for v in values]}
    )
    columns = TableSettings("sold", "t", future=("offer",))
    in_text, in_memory = (
        read_table(one, columns).given for one in (frame, frame.with_columns(offer=pl.Series(values)))
    )
    np.testing.assert_array_equal(in_text.future, in_memory.future)
    np.testing.assert_array_equal(in_text.future[:, 0], values[:8])


FUTURE = shops(2).filter(pl.col("sold").is_null()).select("shop", "t", "price")
WRONG_FUTURES = {
    "no column": (FUTURE.rename({"price": "Price"}), "no column 'price'; did you mean 'Price'?"),
    "no time": (FUTURE.drop("t"), "no column 't'"),
    "no id": (FUTURE.drop("shop"), "no column 'shop'; did you mean"),
    "other ids": (FUTURE.with_columns(pl.lit("z").alias("shop")), "no row has an id of the table ('a', 'b')"),
    "text": (FUTURE.with_columns(pl.lit("dear").alias("price")), "column 'price', row 1: 'dear' is not a number"),
    "twice": (pl.concat([FUTURE, FUTURE.tail(1)]), "series 'b': two rows for 2024-01-06; drop one"),
    "infinite": (put(FUTURE, "price", 1, np.inf), "column 'price', series 'a', 2024-01-08: infinite value; correct"),
    "numbered": (FUTURE.with_columns(t=pl.int_range(pl.len())), "time column 't' holds integer times, but the table"),
    "no table": ([1, 2], "a table is needed (polars, pandas or pyarrow); got list"),
}


@pytest.mark.parametrize("kind", WRONG_FUTURES)
def test_a_table_of_covariates_that_cannot_be_used(kind: str) -> None:
    future, message = WRONG_FUTURES[kind]
    with pytest.raises(InputError) as caught:
        with_future(read(shops()), future)
    expected = "no column 'shop'" if kind == "no id" else message
    assert str(caught.value).startswith(f"future: {expected}")


def test_covariates_that_nothing_asked_for() -> None:
    with pytest.raises(InputError, match=r"^future: the model was fitted without covariates known ahead \(--future\)$"):
        with_future(read_table(shops(), TableSettings("sold", "t", "shop")), FUTURE)


def test_times_without_a_zone_for_a_table_in_one() -> None:
    hours = pl.datetime_range(START, START + timedelta(hours=8), "1h", time_zone="UTC", eager=True).alias("t")
    frame = pl.DataFrame({"t": hours, "sold": range(9), "price": range(9)})
    table = read_table(frame, TableSettings("sold", "t", future=("price",)))
    with pytest.raises(
        InputError, match=r"^future: time column 't' has no time zone, but that of the table has \(UTC\)$"
    ):
        with_future(table, frame.with_columns(pl.col("t").dt.replace_time_zone(None) + timedelta(hours=9)))


@pytest.mark.parametrize("column", ["price", "rain"])
def test_a_missing_covariate_names_column_series_time_and_the_flag(column: str) -> None:
    frame = put(put(shops(), column, 7, None), column, 9, None)
    message = complaint(frame, past=("rain",))
    assert message == (
        f"column {column!r}, series 'b', 2024-01-02: the covariate is missing (2 in all); "
        f"fill it in, or pass --missing mask"
    )
    own = read(frame, past=("rain",), missing="mask").covariates
    values = own.future if column == "price" else own.seen
    assert np.flatnonzero(np.isnan(values)).tolist() == [7, 9]


@pytest.mark.parametrize(("how", "filled"), [("previous", 2.0), ("interpolate", 3.0)])
def test_a_missing_covariate_is_filled_as_the_target_is(how: str, filled: float) -> None:
    table = read(put(shops(), "price", 3, None), missing=how)
    assert table.covariates.future[:6, 0].tolist() == [0, 1, 2, filled, 4, 5]


def test_covariates_of_missing_rows_are_missing_or_filled() -> None:
    frame = shops(1).filter((pl.col("t") != day(2)) | (pl.col("shop") == "b"))
    masked = read(frame, missing="mask")
    assert np.flatnonzero(np.isnan(masked.covariates.future)).tolist() == [2]
    assert masked.covariates.ahead[:, 0, 0].tolist() == [6, 1004]
    assert read(frame, missing="interpolate").covariates.future[:6, 0].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("missing", ["refuse", "mask"])
@pytest.mark.parametrize("column", ["price", "rain"])
def test_an_infinite_covariate_is_named(column: str, missing: str) -> None:
    message = complaint(put(shops(), column, 8, np.inf), past=("rain",), missing=missing)
    assert message == f"column {column!r}, series 'b', 2024-01-03: infinite value; correct or remove the row"


def test_an_infinite_covariate_ahead_is_named() -> None:
    message = complaint(put(shops(2), "price", 6, -np.inf))
    assert message == "column 'price', series 'a', 2024-01-07: infinite value; correct or remove the row"


def test_a_covariate_that_is_not_a_number_names_the_row_and_the_flag() -> None:
    frame = put(shops().with_columns(pl.col("rain").cast(str)), "rain", 4, "wet")
    message = complaint(frame, past=("rain",))
    assert message == (
        "covariate column 'rain', row 5: 'wet' is not a number; "
        "give numbers, such as 0 and 1, or name a category with --static"
    )
    assert complaint(shops().with_columns(price=pl.lit(START))).startswith("covariate column 'price' holds Datetime")


def test_an_attribute_that_varies_names_the_row_and_both_values() -> None:
    message = complaint(put(shops(), "region", 3, "north"), static=("region",))
    assert message == (
        "column 'region', row 4: a static attribute must not vary within a series, but series 'a' has "
        "'south' and 'north'; declare it with --past or --future"
    )
    assert "series 'b' has 5.5 and 6.0" in complaint(put(shops(), "area", 9, 6.0), static=("area",))


def test_an_attribute_of_times_that_varies_shows_years_that_python_does_not_know() -> None:
    days = pl.Series("opened", [50_000_000 + (k == 3) for k in range(len(shops()))], pl.Int32).cast(pl.Date)
    message = complaint(shops().with_columns(days), static=("opened",))
    assert "series 'a' has +138865-05-08 and +138865-05-09; declare it" in message


@pytest.mark.parametrize(("column", "where"), [("region", "column 'region', "), ("area", "column 'area', ")])
def test_a_missing_attribute_names_the_series(column: str, where: str) -> None:
    frame = shops().with_columns(pl.when(pl.col("shop") == "a").then(column).alias(column))
    assert complaint(frame, static=(column,)) == f"{where}series 'b': the static attribute is missing; fill it in"


def test_a_category_that_was_not_learnt_is_named() -> None:
    learnt = read(shops(), static=("area", "region")).covariates
    other = shops().with_columns(pl.col("region").replace("north", "centre"))
    with pytest.raises(InputError) as caught:
        read_table(other, settings(static=("area", "region")), learnt)
    assert str(caught.value) == (
        "column 'region', series 'b': the category 'centre' was not among those learnt from ('north', 'south'); "
        "fit again with it"
    )


def test_categories_keep_the_numbers_that_were_learnt() -> None:
    learnt = read(shops(), static=("area", "region")).covariates
    only_south = shops().filter(pl.col("shop") == "a")
    table = read_table(only_south, settings(static=("area", "region")), learnt)
    assert table.covariates.categories.tolist() == [[learnt.category_levels[0].index("south")]]


def test_what_was_a_category_in_training_is_one_again() -> None:
    frame = shops().with_columns(pl.col("region").replace("north", "7"))
    learnt = read(frame, static=("region",)).covariates
    assert learnt.category_levels == (("7", "south"),)
    table = read_table(frame.filter(pl.col("shop") == "b"), settings(static=("region",)), learnt)
    assert table.covariates.categories.tolist() == [[0]]
    assert table.covariates.numbers.shape == (1, 0)


@pytest.mark.parametrize(
    "roles",
    [{"future": ("shop",)}, {"past": ("price",)}, {"static": ("shop",)}, {"past": ("sold",)}, {"static": ("t",)}],
)
def test_a_column_has_one_role(roles: dict[str, tuple[str, ...]]) -> None:
    assert complaint(shops(), **roles).startswith("target, time, id and covariates must be different columns; got ")


@pytest.mark.parametrize("role", ["future", "past", "static"])
def test_a_covariate_that_is_not_there_suggests_the_nearest(role: str) -> None:
    message = complaint(shops(), **{role: ("Area",)})
    assert message.startswith("no column 'Area'; did you mean 'area'? (columns: 'shop', 't', ")


def test_covariates_are_no_candidates_for_the_target() -> None:
    frame = shops().drop("area", "region")
    table = read_table(frame, TableSettings(None, "t", "shop", future=("price",), past=("rain",)))
    assert table.columns.target == "sold"


def test_the_calendar_needs_times() -> None:
    with pytest.raises(InputError, match="--calendar needs a time column; name it with --time"):
        read_table(shops().drop("t"), TableSettings("sold", None, "shop", calendar=True))


def test_the_calendar_stands_beside_covariates_known_ahead() -> None:
    table = read(shops(2), calendar=True)
    known = table.known(2)
    assert known.shape == (14, 1 + 6)
    weekday = np.array([day(k).weekday() for k in [*range(8), *range(6)]]) / 7 * 2 * np.pi
    np.testing.assert_allclose(known[:, 3], np.sin(weekday), atol=1e-12)
    np.testing.assert_allclose(known[:, 6], np.cos(weekday), atol=1e-12)


def test_head_forgets_what_is_known_ahead_and_tail_keeps_it() -> None:
    table = read(shops(2))
    assert table.head(np.array([3, 2])).covariates.ahead.shape == (2, 0, 1)
    assert table.tail(2).covariates.ahead.tolist() == table.covariates.ahead.tolist()
    chosen = table.choose(np.array([1]))
    assert chosen.covariates.ahead[:, :, 0].tolist() == [[1004, 1005]]
    assert chosen.covariates.future[:, 0].tolist() == [1000, 1001, 1002, 1003]
