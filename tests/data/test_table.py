"""A user's table to series: the same from every library, by any column, and never modified."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from lstmkit import InputError
from lstmkit.data import SeriesTable, TableSettings, read_table, table_kind, to_native

DAYS = [date(2024, 1, 1) + timedelta(days=k) for k in range(6)]


def read(table: object, *arguments: str, **settings: str) -> SeriesTable:
    return read_table(table, TableSettings(*arguments, **settings))


def complaint(table: object, *arguments: str, **settings: str) -> str:
    with pytest.raises(InputError) as caught:
        read(table, *arguments, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def assert_same(a: SeriesTable, b: SeriesTable) -> None:
    assert (a.ids, a.time_kind, a.zone, a.frequency, a.columns) == (b.ids, b.time_kind, b.zone, b.frequency, b.columns)
    for name in ("offsets", "values", "times"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.fixture
def shops() -> pl.DataFrame:
    """Two shops with four days each, not in order."""
    return pl.DataFrame(
        {
            "shop": ["b", "a", "b", "a", "a", "b", "b", "a"],
            "day": [DAYS[k] for k in (0, 0, 1, 2, 1, 2, 3, 3)],
            "sold": [10, 1, 11, 3, 2, 12, 13, 4],
        }
    )


def test_every_library_gives_the_same_series(shops: pl.DataFrame) -> None:
    expected = read(shops, "sold", "day", "shop")
    arrow = shops.to_arrow()
    assert_same(read(arrow, "sold", "day", "shop"), expected)
    frame = shops.to_pandas()
    frame["day"] = frame["day"].astype("datetime64[ns]")
    other = read(frame, "sold", "day", "shop")
    np.testing.assert_array_equal(other.times, expected.times)
    np.testing.assert_array_equal(other.values, expected.values)
    assert (table_kind(shops), table_kind(arrow), table_kind(frame)) == ("polars", "pyarrow", "pandas")


def test_series_come_in_order_of_appearance_each_in_order_of_time(shops: pl.DataFrame) -> None:
    table = read(shops, "sold", "day", "shop")
    assert table.ids == ("b", "a")
    assert table.offsets.tolist() == [0, 4, 8]
    assert table.values.tolist() == [10, 11, 12, 13, 1, 2, 3, 4]
    assert table.time_kind == "date"
    assert table.notes == ("1 row was out of time order: sorted",)


def test_whole_number_ids_stay_numbers(shops: pl.DataFrame) -> None:
    numbered = shops.with_columns((pl.col("shop") == "a").cast(pl.Int32).alias("shop"))
    assert read(numbered, "sold", "day", "shop").ids == (0, 1)


@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow"])
def test_the_users_table_is_not_modified(shops: pl.DataFrame, kind: str) -> None:
    table = {"polars": shops.clone(), "pandas": shops.to_pandas(), "pyarrow": shops.to_arrow()}[kind]
    before = {"polars": shops.clone(), "pandas": shops.to_pandas(), "pyarrow": shops.to_arrow()}[kind]
    read(table, "sold", "day", "shop", missing="interpolate", duplicates="mean")
    assert table.equals(before)


@pytest.mark.parametrize(("name", "column"), [("when", "when"), (None, "index")])
def test_a_pandas_index_of_times_is_the_time_column(name: str | None, column: str) -> None:
    index = pd.date_range("2024-01-01", periods=6, freq="D", name=name)
    frame = pd.DataFrame({"y": np.arange(6.0)}, index=index)
    table = read(frame)
    assert (table.columns.target, table.columns.time, str(table.frequency)) == ("y", column, "D")
    np.testing.assert_array_equal(table.times, index.to_numpy())
    assert frame.columns.tolist() == ["y"]


def test_a_pandas_index_of_row_numbers_is_no_column() -> None:
    frame = pd.DataFrame({"y": [1.0, 5.0, 2.0]}, index=[7, 8, 9])
    table = read(frame)
    assert table.time_kind == "row"
    assert table.times.tolist() == [0, 1, 2]


def test_something_that_is_no_table() -> None:
    message = complaint([1, 2, 3])
    assert message == "a table is needed (polars, pandas or pyarrow); got list"


def test_a_table_without_rows(shops: pl.DataFrame) -> None:
    assert complaint(shops.clear(), "sold") == "the table has no rows"


@pytest.mark.parametrize("role", ["target", "time", "id"])
def test_a_wrong_column_name_suggests_the_nearest(shops: pl.DataFrame, role: str) -> None:
    message = complaint(shops, **{"target": "sold", role: "Shopp"})
    assert message == "no column 'Shopp'; did you mean 'shop'? (columns: 'shop', 'day', 'sold')"


def test_a_column_name_like_no_other_gets_the_list(shops: pl.DataFrame) -> None:
    assert complaint(shops, "xyzzy") == "no column 'xyzzy' (columns: 'shop', 'day', 'sold')"


def test_the_only_column_of_numbers_is_the_target(shops: pl.DataFrame) -> None:
    one = shops.filter(pl.col("shop") == "a")
    table = read(one)
    assert (table.columns.target, table.columns.time) == ("sold", "day")
    assert read(one.with_columns(pl.col("sold").cast(str))).columns.target == "sold"


def test_two_columns_of_numbers_need_a_choice(shops: pl.DataFrame) -> None:
    message = complaint(shops.with_columns(pl.lit(1).alias("rain")), None, "day", "shop")
    assert message == "--target is needed: which column is to be forecast? (columns: 'sold', 'rain')"


def test_one_column_cannot_have_two_roles(shops: pl.DataFrame) -> None:
    message = complaint(shops, "sold", "day", "sold")
    assert message == "target, time and id must be different columns; got 'sold', 'day', 'sold'"


def test_a_missing_id_names_its_row(shops: pl.DataFrame) -> None:
    holed = shops.with_columns(pl.Series("shop", ["b", "a", None, "a", "a", "b", "b", "a"]))
    assert complaint(holed, "sold", "day", "shop") == "id column 'shop', row 3: the id is missing"


def test_rows_without_times_are_numbered_in_each_series() -> None:
    table = read(pl.DataFrame({"y": [1, 5, 2, 9, 4, 7], "s": list("xyxyxy")}), "y", id="s")
    assert table.times.tolist() == [0, 1, 2, 0, 1, 2]
    assert table.values.tolist() == [1, 2, 4, 5, 9, 7]
    assert table.notes == ("no time column: the rows are taken in the order of the table and numbered from 0",)
    assert (table.time_kind, table.time_column, str(table.frequency)) == ("row", "row", "step")


def test_an_unusual_form_of_time_is_noted() -> None:
    table = read(pl.DataFrame({"t": ["30.01.2024", "31.01.2024", "01.02.2024"], "y": [1, 2, 4]}), "y", "t")
    assert table.notes == ("times read as %d.%m.%Y",)


def test_a_missing_time_in_a_column_of_times_names_its_row() -> None:
    frame = pl.DataFrame({"t": [DAYS[0], None, DAYS[2]], "y": [1, 2, 4]})
    assert complaint(frame, "y", "t") == "time column 't', row 2: the time is missing"


def test_times_with_a_zone_come_back_in_it() -> None:
    times = pd.date_range("2024-01-01", periods=5, freq="h", tz="Asia/Tokyo")
    table = read(pd.DataFrame({"t": times, "y": [1.0, 2, 4, 8, 16]}), "y")
    assert table.zone == "Asia/Tokyo"
    ahead = table.future_times(table.times[-1], 2)
    for kind, library in (("pandas", pd.DataFrame), ("polars", pl.DataFrame), ("pyarrow", pa.Table)):
        native = to_native({"t": ahead, "y": np.zeros(2)}, table, kind, ["t"])
        assert isinstance(native, library)
        column = pl.from_arrow(native)["t"] if kind == "pyarrow" else pl.Series(native["t"])
        assert column.dtype.time_zone == "Asia/Tokyo"
        assert column.dt.hour().to_list() == [5, 6]
