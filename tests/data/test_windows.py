"""Windows by index arithmetic equal windows by slicing, and never reach into another series."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.data import Frequency, SeriesTable, TableSettings, make_windows

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
    windows = make_windows(table, context, horizon, np.array(first), stride)
    past, future = windows.batch(torch.arange(len(windows)))
    expected = sliced(context, horizon, first, stride)
    assert (past.shape, future.shape) == ((len(expected), context), (len(expected), horizon))
    assert list(zip(past.tolist(), future.tolist(), strict=True)) == expected


def test_a_batch_is_gathered_in_the_order_asked_for(table: SeriesTable) -> None:
    windows = make_windows(table, 2, 1)
    items = torch.tensor([3, 0, 3])
    past, future = windows.batch(items)
    everything = windows.batch(torch.arange(len(windows)))
    assert torch.equal(past, everything[0][items])
    assert torch.equal(future, everything[1][items])


def test_no_window_mixes_series(table: SeriesTable) -> None:
    windows = make_windows(table, 2, 1)
    past, future = windows.batch(torch.arange(len(windows)))
    owners = torch.cat([past, future], dim=1) // 100
    assert len(windows) == (9 - 2) + (3 - 2) + (14 - 2)
    assert (owners == owners[:, :1]).all()


def test_strides_are_counted_from_the_end(table: SeriesTable) -> None:
    cutoffs = make_windows(table, 2, 3, stride=4).cutoffs - torch.from_numpy(table.offsets[:-1]).repeat_interleave(
        torch.tensor([2, 0, 3, 0])
    )
    assert cutoffs.tolist() == [2, 6, 3, 7, 11]


def test_head_and_select_keep_the_rows_of_each_series(table: SeriesTable) -> None:
    head = table.head(np.array([2, 3, 0, 1]))
    assert head.values.tolist() == [0, 1, 100, 101, 102, 300]
    assert head.offsets.tolist() == [0, 2, 5, 5, 6]
    even = table.select(table.values % 2 == 0)
    assert even.lengths.tolist() == [5, 2, 7, 1]
    assert [even.series_of(k) for k in (0, 4, 5, 6, 7, 14)] == [0, 0, 1, 1, 2, 3]
