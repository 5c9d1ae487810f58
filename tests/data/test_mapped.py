"""A Parquet file read piece by piece gives the table that reading it whole gives, from files in place of memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit import InputError
from lstmkit.data import SeriesTable, TableSettings, make_windows, read_source, read_table
from lstmkit.data.disk import FlatFile, pieces, take_slices
from lstmkit.data.mapped import read_mapped
from lstmkit.data.source import free_memory


def shops(seed: int = 0, series: int = 9, text: bool = False) -> pl.DataFrame:
    """Return shops of 3 to 40 days, with every kind of covariate and two days ahead."""
    rng, parts = np.random.default_rng(seed), []
    for s in range(series):
        n = int(rng.integers(3, 40))
        start = np.datetime64("2024-01-01", "us") + np.timedelta64(int(rng.integers(0, 30)), "D")
        y = rng.normal(size=n + 2)
        y[-2:] = np.nan
        parts.append(
            pl.DataFrame(
                {
                    "shop": [f"s{s}" if text else s] * (n + 2),
                    "day": start + np.arange(n + 2).astype("timedelta64[D]"),
                    "sold": y,
                    "price": rng.normal(size=n + 2),
                    "rain": rng.normal(size=n + 2),
                    "area": [float(s % 4)] * (n + 2),
                    "region": [("north", "south", "west")[s % 3]] * (n + 2),
                }
            )
        )
    return pl.concat(parts).with_columns(pl.col("sold").fill_nan(None))


EVERYTHING = TableSettings("sold", "day", "shop", future=("price",), past=("rain",), static=("area", "region"))
LAYOUTS = {
    "blocks": lambda frame: frame,
    "interleaved": lambda frame: frame.sort("day", "shop"),
    "shuffled": lambda frame: frame.sample(fraction=1, shuffle=True, seed=4),
}


def assert_same(a: SeriesTable, b: SeriesTable) -> None:
    assert (a.ids, a.columns, a.time_kind, a.zone, a.wall, a.frequency, a.notes) == (
        *(b.ids, b.columns, b.time_kind, b.zone, b.wall, b.frequency, b.notes),
    )
    for name in ("offsets", "values", "times"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for name in ("seen", "future", "ahead", "numbers", "categories"):
        np.testing.assert_array_equal(getattr(a.covariates, name), getattr(b.covariates, name), err_msg=name)
    for name in ("number_names", "category_names", "category_levels"):
        assert getattr(a.covariates, name) == getattr(b.covariates, name)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work on 50 rows at a time everywhere."""
    monkeypatch.setattr("lstmkit.data.mapped.PIECE", 50)
    monkeypatch.setattr("lstmkit.data.disk.PIECE", 50)
    monkeypatch.setattr("lstmkit.data.disk.pieces.__defaults__", (50,))


@pytest.mark.parametrize("piece", [7, 50, 10_000])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.usefixtures("small_pieces")
def test_a_file_in_pieces_is_the_file_as_a_whole(tmp_path: Path, layout: str, text: bool, piece: int) -> None:
    frame = LAYOUTS[layout](shops(text=text))
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=16)
    mapped = read_mapped(tmp_path / "a.parquet", EVERYTHING, piece=piece)
    assert_same(mapped, read_table(frame, EVERYTHING))
    assert isinstance(mapped.values, np.memmap) and isinstance(mapped.covariates.future, np.memmap)


@pytest.mark.parametrize("how", ["mask", "interpolate", "drop"])
@pytest.mark.usefixtures("small_pieces")
def test_missing_values_and_rows_are_settled_in_every_piece(tmp_path: Path, how: str) -> None:
    frame = shops(1).filter(pl.col("sold").is_not_null()).sample(fraction=0.9, seed=2)
    settings = TableSettings("sold", "day", "shop", missing=how, past=("rain",))
    frame.write_parquet(tmp_path / "a.parquet")
    mapped, whole = read_mapped(tmp_path / "a.parquet", settings, piece=40), read_table(frame, settings)
    np.testing.assert_array_equal(mapped.values, whole.values)
    np.testing.assert_array_equal(mapped.covariates.seen, whole.covariates.seen)
    np.testing.assert_array_equal(mapped.times, whole.times)
    assert any("without a row" in note for note in mapped.notes)


@pytest.mark.parametrize("how", ["first", "last", "mean"])
@pytest.mark.usefixtures("small_pieces")
def test_duplicates_are_settled_in_the_order_of_the_file(tmp_path: Path, how: str) -> None:
    frame = shops(3).filter(pl.col("sold").is_not_null()).select("shop", "day", "sold")
    frame = pl.concat([frame, frame.sample(30, seed=1).with_columns(pl.col("sold") + 10)]).sample(
        fraction=1, shuffle=True, seed=5
    )
    settings = TableSettings("sold", "day", "shop", duplicates=how)
    frame.write_parquet(tmp_path / "a.parquet")
    mapped, whole = read_mapped(tmp_path / "a.parquet", settings, piece=40), read_table(frame, settings)
    np.testing.assert_array_equal(mapped.values, whole.values)
    np.testing.assert_array_equal(mapped.offsets, whole.offsets)


@pytest.mark.usefixtures("small_pieces")
def test_rows_without_times_and_targets_side_by_side(tmp_path: Path) -> None:
    frame = (
        shops(3).filter(pl.col("sold").is_not_null()).select("shop", "sold").sample(fraction=1, shuffle=True, seed=5)
    )
    frame.write_parquet(tmp_path / "a.parquet")
    settings = TableSettings("sold", None, "shop")
    assert_same(read_mapped(tmp_path / "a.parquet", settings, piece=40), read_table(frame, settings))
    wide = pl.DataFrame({"t": np.arange(90), "a": np.arange(90.0) % 7, "b": np.arange(90.0) % 5})
    wide.write_parquet(tmp_path / "b.parquet")
    settings = TableSettings(time="t", wide=("a", "b"))
    assert_same(read_mapped(tmp_path / "b.parquet", settings, piece=40), read_table(wide, settings))


def constant(frame: pl.DataFrame, shops: list[int]) -> pl.DataFrame:
    return frame.with_columns(
        pl.when(pl.col("shop").is_in(shops) & pl.col("sold").is_not_null()).then(1.0).otherwise("sold").alias("sold")
    )


@pytest.mark.usefixtures("small_pieces")
def test_constant_series_are_noted_once_and_a_piece_of_them_is_no_error(tmp_path: Path) -> None:
    frame = constant(shops(), [0, 1, 2, 3])
    frame.write_parquet(tmp_path / "a.parquet")
    mapped = read_mapped(tmp_path / "a.parquet", EVERYTHING, piece=40)
    assert mapped.notes == ("4 constant series (0, 1, 2, 3): forecast, but left out of MASE",)


def weekly(frame: pl.DataFrame, shop: int) -> pl.DataFrame:
    days = (pl.col("day") - pl.lit("2024-01-01").str.to_datetime()).dt.total_days()
    return frame.with_columns(
        pl.when(pl.col("shop") == shop).then(pl.col("day") + pl.duration(days=days * 6)).otherwise("day").alias("day")
    )


def put(frame: pl.DataFrame, column: str, row: int, value: object) -> pl.DataFrame:
    values = frame[column].to_list()
    values[row] = value
    as_text = [None if v is None else str(v) for v in values] if isinstance(value, str) else values
    return frame.with_columns(pl.Series(column, as_text))


WRONG = {
    "frequencies": (
        lambda f: weekly(f, 8),
        r"^the series have different frequencies \(D: .*W: .*\); forecast them apart",
    ),
    "duplicates": (lambda f: pl.concat([f, f.slice(30, 1)]), r"^series \d: 1 duplicate time, first 2024-"),
    "varies": (lambda f: f.with_columns(area=pl.int_range(pl.len()) // 20), "a static attribute must not vary within"),
    "infinite": (lambda f: put(f, "price", f.height - 9, np.inf), "^column 'price', series 8, 2024-.*: infinite value"),
    "text": (lambda f: put(f, "sold", 63, "x"), r"'sold', row 24: 'x' is not a number \(rows counted from row 41\)$"),
    "id": (lambda f: put(f, "shop", 50, None), r"^id column 'shop', row 11: the id is missing \(rows counted"),
    "all constant": (lambda f: constant(f, list(range(9))), "^column 'sold': every value is 1; a constant series"),
    "empty": (lambda f: f.clear(), "^the table has no rows$"),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.usefixtures("small_pieces")
def test_what_is_wrong_in_any_piece_is_named(tmp_path: Path, kind: str) -> None:
    change, message = WRONG[kind]
    change(shops()).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=message):
        read_mapped(tmp_path / "a.parquet", EVERYTHING, piece=40)


def test_times_that_are_written_otherwise_later_on(tmp_path: Path) -> None:
    texts = [f"2024-01-{k:02d}" for k in range(1, 21)] + [f"2024/01/{k:02d}" for k in range(21, 31)]
    pl.DataFrame({"t": texts, "y": np.arange(30.0) % 7}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(
        InputError, match=r"^time column 't': rows from 21 on are written otherwise .*; pass --time-format$"
    ):
        read_mapped(tmp_path / "a.parquet", TableSettings("y", "t"), piece=20)


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="not a readable Parquet file; it is damaged or cut short"):
        read_mapped(tmp_path / "a.parquet", EVERYTHING)


def test_a_folder_that_cannot_hold_the_files(tmp_path: Path) -> None:
    shops().write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"none: cannot hold what is larger than memory \(No such file"):
        read_mapped(tmp_path / "a.parquet", EVERYTHING, folder=tmp_path / "none")


@pytest.mark.usefixtures("small_pieces")
def test_heads_tails_and_choices_of_a_mapped_table_stay_mapped_where_they_are_large(tmp_path: Path) -> None:
    frame = shops()
    frame.write_parquet(tmp_path / "a.parquet")
    mapped, whole = read_mapped(tmp_path / "a.parquet", EVERYTHING, piece=40), read_table(frame, EVERYTHING)
    rows = (whole.lengths * 0.8).astype(np.int64)
    assert_same(mapped.head(rows), whole.head(rows))
    assert isinstance(mapped.head(rows).values, np.memmap)
    assert_same(mapped.tail(3), whole.tail(3))
    assert not isinstance(mapped.tail(3).values, np.memmap)
    assert_same(mapped.choose(np.array([4, 1])), whole.choose(np.array([4, 1])))
    windows, expected = make_windows(mapped, 4, 2), make_windows(whole, 4, 2)
    items = torch.randperm(len(expected))
    for own, other in zip(windows.batch(items), expected.batch(items), strict=True):
        np.testing.assert_array_equal(own, other)


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    shops().write_parquet(tmp_path / "a.parquet")
    (tmp_path / "cache").mkdir()
    table = read_mapped(tmp_path / "a.parquet", EVERYTHING, folder=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    assert np.isfinite(table.values).all()


def test_writing_to_a_mapped_array_leaves_the_file_as_it_is() -> None:
    file = FlatFile(np.float64)
    file.append(np.arange(5.0))
    first = file.mapped()
    first[0] = 9
    assert file.mapped().tolist() == [0, 1, 2, 3, 4]
    everywhere = file.mapped(writes=True)
    everywhere[0] = 9
    assert file.mapped().tolist() == [9, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(5))
def test_pieces_cover_all_series_once(seed: int) -> None:
    lengths = np.random.default_rng(seed).integers(1, 30, 40)
    ranges = pieces(np.concatenate([[0], np.cumsum(lengths)]), 50)
    assert [s for a, b in ranges for s in range(a, b)] == list(range(40))
    assert all(lengths[a:b].sum() <= 50 for a, b in ranges)
    assert pieces(np.array([0, 80, 90, 170]), 50) == [(0, 1), (1, 2), (2, 3)]


def test_slices_are_taken_one_after_another() -> None:
    taken = take_slices(np.arange(20) * 10, np.array([3, 0, 12]), np.array([0, 2, 2, 5]))
    assert taken.tolist() == [30, 40, 120, 130, 140]


@pytest.mark.parametrize(("free", "is_mapped"), [(10**12, False), (10_000, True)])
def test_a_file_larger_than_a_quarter_of_the_free_memory_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, is_mapped: bool
) -> None:
    monkeypatch.setattr("lstmkit.data.source.free_memory", lambda: free)
    frame = shops()
    frame.write_parquet(tmp_path / "a.parquet")
    table = read_source(tmp_path / "a.parquet", EVERYTHING)
    note = "the table takes 0.0 GiB, more than a quarter of the free memory: it is mapped from disk"
    assert isinstance(table.values, np.memmap) == is_mapped
    assert (note in table.notes) == is_mapped
    np.testing.assert_array_equal(table.values, read_table(frame, EVERYTHING).values)


def test_files_of_other_kinds_are_read_whole_however_little_memory_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lstmkit.data.source.free_memory", lambda: 0)
    (tmp_path / "a.csv").write_text("y\n1\n3\n2\n4\n")
    assert read_source(tmp_path / "a.csv", TableSettings("y")).values.tolist() == [1, 3, 2, 4]
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        read_source(tmp_path / "b.parquet", TableSettings("y"))
    with pytest.raises(InputError, match="no such file"):
        read_source(tmp_path / "none.parquet", TableSettings("y"))


def test_free_memory_is_some_and_less_than_there_is() -> None:
    there_is = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 2**20 < free_memory() <= there_is
