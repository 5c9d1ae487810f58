"""Where smoothing begins: the first seasonal factors by averages, and its rates from a grid."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.data import SeriesTable, Windows
from lstmkit.nn.scaling import rounding

Array = NDArray[Any]

LEVEL_RATES = (0.03, 0.1, 0.3, 0.6, 0.9)
SEASON_RATES = (0.02, 0.1, 0.3, 0.6)
TRUST = 4.0


def rows_within(windows: Windows) -> Array:
    """Return how many rows of each series lie within windows or before them, (S,): none of a series without windows."""
    ends = windows.table.offsets[:-1].copy()
    np.maximum.at(ends, windows.series, windows.cutoffs + windows.horizon)
    return np.asarray(np.minimum(ends, windows.table.offsets[1:]) - windows.table.offsets[:-1])


def all_positive(table: SeriesTable, rows: Array) -> Array:
    """Return whether all values in the first `rows` (S,) rows of each series, one at least, are positive."""
    begins = table.offsets[:-1]
    return np.array([not (table.values[at : at + max(n, 1)] <= 0).any() for at, n in zip(begins, rows, strict=True)])


def first_factors(table: SeriesTable, rows: Array, periods: tuple[int, ...], logs: Array) -> tuple[Array, Array]:
    """Return what each season adds by its phase, as averages of what a moving average leaves.

    The phase of row r is r modulo the period, rows counted from the first one ever read.

    rows     (S,) rows of each series that may be looked at
    periods  shortest first; what a season explains is taken off before the next is averaged
    logs     (S,) whether to take logarithms of a series first
    Returns  factors (S, m_1 + m_2 + ...) in units of the size; those of a season have mean 0, and are 0 at a phase that
             was never seen; and the size (S,), how far a series is from its moving average, on average: 0 only where
             there are no rows
    """
    found, size = np.zeros((len(table), sum(periods))), np.zeros(len(table))
    for s in range(len(table)):
        values = table.values[table.offsets[s] : table.offsets[s] + rows[s]]
        row = np.arange(len(values)) + table.skipped[s]
        seen = np.isfinite(values)
        if not seen.any():
            continue
        first = values[seen][0]
        # In a unit near the series, or from one of its values: exact however large the level is.
        taken = np.log(np.ldexp(values, -np.frexp(first)[1])) if logs[s] else values - first
        rest = (taken - _moving_average(taken, max(periods, default=1)))[seen]
        level = torch.tensor(1.0 if logs[s] else np.abs(values[seen]).mean(), dtype=torch.float64)
        size[s] = max(np.abs(rest).mean(), float(rounding(level)))
        begin = 0
        for m in periods:
            phase = row[seen] % m
            counts = np.bincount(phase, minlength=m)
            means = np.bincount(phase, weights=rest, minlength=m) / np.maximum(counts, 1)
            means[counts > 0] -= means[counts > 0].mean()
            found[s, begin : begin + m] = means / size[s]
            rest = rest - means[phase]
            begin += m
    return found, size


def best_rates(error: Callable[[Tensor], Tensor], series: Tensor, count: int, seasons: int) -> Tensor:
    """Return the smoothing rates with the least error on a grid, (N, 1 + S).

    error    maps rates (1 + S) to the mean error of each window (B,), NaN where there is nothing to compare with
    series   (B,) series of each window
    count    N, how many series there are
    seasons  S
    Returns  the best for each series; the mean over all windows counts as much as `TRUST` windows of the series
    """
    grid = torch.tensor(list(itertools.product(LEVEL_RATES, *[SEASON_RATES] * seasons)))
    errors = []
    for rates in grid:
        found = error(rates)
        there = ~torch.isnan(found)
        own = torch.zeros(count).index_add(0, series[there], found[there])
        errors.append(own + TRUST * found.nanmean().nan_to_num())
    return grid[torch.stack(errors).argmin(0)]


def _moving_average(values: Array, width: int) -> Array:
    """Return the mean of the values seen among `width` around each, or of a shorter series as a whole."""
    seen = np.isfinite(values)
    if len(values) <= width:
        return np.full(len(values), values[seen].mean() if seen.any() else 0.0)
    sums = np.concatenate([[0.0], np.cumsum(np.where(seen, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(seen)])
    begin = np.clip(np.arange(len(values)) - width // 2, 0, len(values) - width)
    return np.asarray((sums[begin + width] - sums[begin]) / np.maximum(counts[begin + width] - counts[begin], 1))
