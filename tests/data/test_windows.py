"""Windows by index arithmetic equal windows by slicing, and never reach into another series."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from lstmkit.data import Batch, Frequency, SeriesTable, TableSettings, Windows, make_windows, windows_at
from lstmkit.data.series import Covariates

LENGTHS = (9, 3, 14, 1)


@pytest.fixture
def table() -> SeriesTable:
    """Four series; series s holds the values 100 s, 100 s + 1, ..."""
    values = [100.0 * s + np.arange(n) for s, n in enumerate(LENGTHS)]
    return SeriesTable(
        ids=tuple("abcd"),
        offsets=np.cumsum([0, *LENGTHS]),
        values=np.concatenate(values),
        times=np.concatenate([np.arange(n) for n in LENGTHS]),
        columns=TableSettings("y", None, "s"),
        time_kind="row",
        zone=None,
        frequency=Frequency("step"),
    )


def everything(windows: Windows) -> Batch:
    return windows.batch(torch.arange(len(windows)))


def sliced(context: int, horizon: int, first: tuple[int, ...], stride: int) -> list[tuple[list, list]]:
    """Return the windows the slow way."""
    windows = []
    for s, n in enumerate(LENGTHS):
        y = (100.0 * s + np.arange(n)).tolist()
        cutoffs = [c for c in range(n, -1, -1) if c + horizon <= n and c >= max(context, first[s])]
        for c in reversed([c for c in cutoffs if (n - horizon - c) % stride == 0]):
            windows.append((y[c - context : c], y[c : c + horizon]))
    return windows


@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("first", [(0, 0, 0, 0), (6, 3, 10, 1)])
@pytest.mark.parametrize(("context", "horizon"), [(2, 1), (3, 4), (1, 0), (8, 1), (14, 0), (20, 1)])
def test_windows_equal_slices(
    table: SeriesTable, context: int, horizon: int, first: tuple[int, ...], stride: int
) -> None:
    batch = everything(make_windows(table, context, horizon, np.array(first), stride))
    expected = sliced(context, horizon, first, stride)
    assert (batch.past.shape, batch.future.shape) == ((len(expected), context), (len(expected), horizon))
    assert list(zip(batch.past.tolist(), batch.future.tolist(), strict=True)) == expected


def test_a_batch_is_gathered_in_the_order_asked_for(table: SeriesTable) -> None:
    windows = make_windows(table, 2, 1)
    items = torch.tensor([3, 0, 3])
    for own, of_all in zip(windows.batch(items), everything(windows), strict=True):
        assert torch.equal(own, of_all[items])


def test_no_window_mixes_series(table: SeriesTable) -> None:
    windows = make_windows(table, 2, 1)
    batch = everything(windows)
    owners = torch.cat([batch.past, batch.future], dim=1) // 100
    assert len(windows) == (9 - 2) + (3 - 2) + (14 - 2)
    assert (owners == owners[:, :1]).all()
    assert (owners[:, 0] == batch.series).all()


def test_strides_are_counted_from_the_end(table: SeriesTable) -> None:
    windows = make_windows(table, 2, 3, stride=4)
    assert windows.series.tolist() == [0, 0, 2, 2, 2]
    assert (windows.cutoffs - table.offsets[windows.series]).tolist() == [2, 6, 3, 7, 11]


def test_windows_look_at_no_row_after_the_last_they_may(table: SeriesTable) -> None:
    windows = make_windows(table, 2, 2, last=np.array([7, 3, 5, 0]))
    assert (windows.cutoffs - table.offsets[windows.series]).tolist() == [2, 3, 4, 5, 2, 3]
    cut = everything(make_windows(table.head(np.array([7, 3, 5, 0])), 2, 2))
    for own, of_head in zip(everything(windows), cut, strict=True):
        assert torch.equal(own, of_head)


def test_a_window_of_every_series_may_reach_over_both_of_its_ends(table: SeriesTable) -> None:
    windows = windows_at(table, 4, 2, np.array([9, 2, 13, 1]))
    assert windows.series.tolist() == [0, 1, 2, 3]
    batch = everything(windows)
    nan = np.nan
    np.testing.assert_array_equal(
        batch.past, [[5, 6, 7, 8], [nan, nan, 100, 101], [209, 210, 211, 212], [nan, nan, nan, 300]]
    )
    np.testing.assert_array_equal(batch.future, [[nan, nan], [102, nan], [213, nan], [nan, nan]])
    assert batch.row.tolist() == [9, 2, 13, 1]


def test_padded_windows_begin_before_short_series_and_where_the_user_says_from_when(table: SeriesTable) -> None:
    padded = dataclasses.replace(table, columns=dataclasses.replace(table.columns, short="pad"))
    batch = everything(make_windows(padded, 8, 1))
    nan = [np.nan] * 6
    rows = [[*range(8)], [*nan, 100, 101], *([200 + k + i for i in range(8)] for k in range(6))]
    np.testing.assert_array_equal(batch.past, rows)
    assert batch.future[:, 0].tolist() == [8, 102, *range(208, 214)]
    validation = make_windows(padded, 8, 1, first=np.array([6, 0, 12, 0]))
    assert (validation.cutoffs - table.offsets[validation.series]).tolist() == [6, 7, 8, 2, 12, 13]


def test_series_and_rows_keep_their_numbers_when_some_are_cut_off(table: SeriesTable) -> None:
    assert everything(make_windows(table.tail(6), 2, 1)).row.tolist()[:4] == [5, 6, 7, 8]
    chosen = dataclasses.replace(table, learnt=np.array([5, -1, 2, 0])).choose(np.array([0, 2]))
    batch = everything(make_windows(chosen.tail(4).tail(3), 2, 1))
    assert batch.series.tolist() == [5, 2]
    assert batch.row.tolist() == [8, 13]


def random_table(seed: int) -> SeriesTable:
    """Up to 6 series of up to 25 rows, NaN here and there, with two covariates of each kind."""
    rng = np.random.default_rng(seed)
    S = int(rng.integers(1, 7))
    lengths = rng.integers(1, 26, S)
    N = int(lengths.sum())
    values = rng.normal(size=N)
    values[rng.random(N) < rng.choice([0, 0.1, 0.6])] = np.nan
    given = Covariates(
        seen=rng.normal(size=(N, 2)),
        future=rng.normal(size=(N, 2)),
        ahead=rng.normal(size=(S, 3, 2)),
        numbers=rng.normal(size=(S, 2)),
        categories=rng.integers(0, 3, (S, 2)),
    )
    return SeriesTable(
        ids=tuple(range(S)),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        values=values,
        times=np.concatenate([np.arange(n) for n in lengths]),
        columns=TableSettings("y", None, "s", missing="mask", short=str(rng.choice(["refuse", "pad"]))),
        time_kind="row",
        zone=None,
        frequency=Frequency("step"),
        given=given if rng.random() < 0.7 else None,
        cut=rng.integers(0, 9, S) if rng.random() < 0.5 else None,
        learnt=rng.permutation(S) - 1 if rng.random() < 0.5 else None,
    )


def row_of(array: np.ndarray, k: int) -> np.ndarray:
    return array[k] if 0 <= k < len(array) else np.full(array.shape[1:], np.nan)


def window_by_loop(table: SeriesTable, s: int, cutoff: int, L: int, P: int) -> tuple[np.ndarray, ...]:
    """Return what `Batch` holds of one window, value by value."""
    own = slice(int(table.offsets[s]), int(table.offsets[s + 1]))
    given = table.covariates
    y, seen = table.values[own], given.seen[own]
    ahead = given.ahead[s] if given.future.shape[1] else np.empty((0, 0))
    known = np.concatenate([given.future[own], ahead]) if given.future.shape[1] else given.future[own]
    return (
        np.array([row_of(y, k) for k in range(cutoff - L, cutoff)]),
        np.array([row_of(y, k) for k in range(cutoff, cutoff + P)]),
        np.array([row_of(seen, k) for k in range(cutoff - L, cutoff)]),
        np.array([row_of(known, k) for k in range(cutoff - L, cutoff + P)]),
        given.numbers[s],
        given.categories[s],
        s if table.learnt is None else table.learnt[s],
        cutoff + (0 if table.cut is None else table.cut[s]),
    )


def windows_by_loop(
    table: SeriesTable, L: int, P: int, first: np.ndarray | None, stride: int, last: np.ndarray | None
) -> list[tuple[np.ndarray, ...]]:
    holed, found = bool(np.isnan(table.values).any()), []
    for s, n in enumerate(table.lengths if last is None else last):
        least = 2 if table.columns.short == "pad" and (n < L + P or first is not None) else L
        if first is not None:
            least = max(least, int(first[s]))
        for cutoff in [c for c in range(least, n - P + 1) if (n - P - c) % stride == 0]:
            window = window_by_loop(table, s, cutoff, L, P)
            seen, ahead = np.isfinite(window[0]).sum(), np.isfinite(window[1]).sum()
            if not holed or (seen >= 2 and ahead >= 1):
                found.append(window)
    return found


def assert_equal_windows(batch: Batch, expected: list[tuple[np.ndarray, ...]]) -> None:
    assert len(batch.past) == len(expected)
    for name, own, by_loop in zip(Batch._fields, batch, zip(*expected, strict=True), strict=False):
        np.testing.assert_array_equal(own, np.stack([np.asarray(v) for v in by_loop]), err_msg=name)


@pytest.mark.parametrize("seed", range(60))
def test_windows_equal_a_loop_over_random_tables(seed: int) -> None:
    table, rng = random_table(seed), np.random.default_rng(1000 + seed)
    L, P, stride = int(rng.integers(2, 9)), int(rng.integers(1, 6)), int(rng.integers(1, 4))
    first = rng.integers(0, 12, len(table)) if rng.random() < 0.5 else None
    last = rng.integers(0, table.lengths + 1) if rng.random() < 0.5 else None
    windows = make_windows(table, L, P, first, stride, last)
    assert_equal_windows(everything(windows), windows_by_loop(table, L, P, first, stride, last))
    rows = rng.integers(0, table.lengths + 1)
    at = [window_by_loop(table, s, int(rows[s]), L, P) for s in range(len(table))]
    assert_equal_windows(everything(windows_at(table, L, P, rows)), at)


def test_the_random_tables_are_of_every_kind() -> None:
    tables = [random_table(seed) for seed in range(60)]
    for holds in (
        lambda t: np.isnan(t.values).any(),
        lambda t: t.given is None,
        lambda t: t.columns.short == "pad",
        lambda t: t.cut is None,
        lambda t: t.learnt is None,
    ):
        assert 5 < sum(bool(holds(t)) for t in tables) < 55


def test_windows_with_one_value_seen_or_none_to_forecast_are_left_out(table: SeriesTable) -> None:
    values = table.values.copy()
    values[[1, 2, 3, 6, 7]] = np.nan  # of the first series; left: 0, 4, 5, 8
    holed = dataclasses.replace(table, values=values, columns=dataclasses.replace(table.columns, missing="mask"))
    windows = make_windows(holed, 3, 2)
    assert windows.cutoffs[windows.series == 0].tolist() == [7]  # sees 4 and 5, forecasts 8
    assert len(windows) == 1 + (14 - 4)


def test_head_and_select_keep_the_rows_of_each_series(table: SeriesTable) -> None:
    head = table.head(np.array([2, 3, 0, 1]))
    assert head.values.tolist() == [0, 1, 100, 101, 102, 300]
    assert head.offsets.tolist() == [0, 2, 5, 5, 6]
    even = table.select(table.values % 2 == 0)
    assert even.lengths.tolist() == [5, 2, 7, 1]
    assert [even.series_of(k) for k in (0, 4, 5, 6, 7, 14)] == [0, 0, 1, 1, 2, 3]
