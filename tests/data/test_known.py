"""What is known ahead of a window is what the whole table says of its rows and of the steps after them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from lstmkit.data import Frequency, SeriesTable, TableSettings, make_windows, parse_frequency, windows_at
from lstmkit.data.known import MOST_GRID, Calendar
from lstmkit.data.series import Covariates

LENGTHS = (12, 5, 30)
STARTS = {
    "D": ("2024-02-25", "2023-12-30", "2024-01-01"),
    "h": ("2024-02-28T20:00", "2024-03-01T00:00", "2024-12-31T00:00"),
    "30min": ("2024-02-28T20:15", "2024-02-28T20:30", "2024-02-28T20:00"),  # no common grid
    "s": ("1990-02-28T20:15", "2024-02-28T20:30", "2024-02-28T20:00"),  # a grid of a billion seconds
    "B": ("2024-02-23", "2023-12-29", "2024-01-01"),
    "ME": ("2020-01-31", "2019-02-28", "2020-11-30"),
    "M": ("2020-01-31T07:00", "2019-02-28T09:00", "2020-11-30T00:00"),
    "Y": ("1750-01-01", "1960-07-01", "1850-01-01"),
}


def table_of(code: str, columns: int, short: str = "refuse") -> SeriesTable:
    frequency, rng = parse_frequency(code), np.random.default_rng(3)
    starts = [np.datetime64(start, "us") for start in STARTS[code]]
    times = [np.append(start, frequency.future(start, n - 1)) for start, n in zip(starts, LENGTHS, strict=True)]
    N, S = sum(LENGTHS), len(LENGTHS)
    given = Covariates.none(N, S)
    if columns:
        ahead = rng.normal(size=(S, 3, columns))
        given = dataclasses.replace(given, future=rng.normal(size=(N, columns)), ahead=ahead)
    return SeriesTable(
        ids=tuple(range(S)),
        offsets=np.cumsum([0, *LENGTHS]),
        values=rng.normal(size=N),
        times=np.concatenate(times).astype("datetime64[us]"),
        columns=TableSettings("y", "t", "s", calendar=True, short=short, future=("a", "b")[:columns]),
        time_kind="datetime",
        zone=None,
        frequency=frequency,
        given=given,
    )


def known_of(table: SeriesTable, cutoffs: np.ndarray, L: int, P: int) -> np.ndarray:
    """Return what is known of windows, by flat cutoff, from all that is known of the table."""
    everything, found = table.known(P), []
    for cutoff, s in zip(cutoffs, np.searchsorted(table.offsets, cutoffs - 1, side="right") - 1, strict=True):
        rows = np.arange(cutoff - L, cutoff + P)
        own = everything[np.maximum(rows + s * P, 0)]
        found.append(np.where((rows >= table.offsets[s])[:, None], own, np.nan))
    return np.stack(found)


@pytest.mark.parametrize("columns", [0, 2])
@pytest.mark.parametrize("code", STARTS)
@pytest.mark.parametrize("short", ["refuse", "pad"])
def test_windows_within_and_beyond_the_table(code: str, columns: int, short: str) -> None:
    table, L, P = table_of(code, columns, short), 4, 3
    inside = make_windows(table, L, P)
    batch = inside.batch(torch.arange(len(inside)))
    np.testing.assert_array_equal(batch.known, known_of(table, inside.cutoffs, L, P))
    assert batch.known.shape[2] == table.known_width > columns
    for back in (0, 2):
        at = windows_at(table, 8, P, table.lengths - back)
        known = at.batch(torch.arange(3)).known
        np.testing.assert_array_equal(known, known_of(table, at.cutoffs, 8, P))


def test_a_calendar_is_computed_once_for_each_time_there_is() -> None:
    table = table_of("D", 0)
    distinct = (table.times.max() - table.times.min()).astype("timedelta64[D]").astype(int) + 1
    assert len(Calendar(table, 5, 0)._features) == distinct
    assert distinct < MOST_GRID * sum(LENGTHS)
    sparse = table_of("s", 0)
    assert len(Calendar(sparse, 5, 0)._features) == len(np.unique(sparse.times))


def test_arrays_that_may_not_be_written_to_are_gathered_without_a_warning() -> None:
    table = table_of("D", 2)
    for array in (table.values, table.times, table.offsets, table.covariates.future):
        array.flags.writeable = False
    windows = make_windows(table, 4, 3)
    assert windows.batch(torch.arange(2)).known.shape == (2, 7, 8)


def test_rows_that_are_numbered_have_no_calendar() -> None:
    table = dataclasses.replace(table_of("D", 2), times=np.arange(sum(LENGTHS)), frequency=Frequency("step"))
    windows = make_windows(table, 4, 3)
    assert windows.batch(torch.arange(2)).known.shape == (2, 7, 2)
    assert table.known_width == 2
