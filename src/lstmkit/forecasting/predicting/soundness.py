"""What no forecast may be: not finite, or sure of itself to the last digit about a series that varies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, Windows
from lstmkit.errors import InputError
from lstmkit.nn.scaling import ULPS

Array = NDArray[np.float64]
OFTEN = 0.5
"""Share of the steps at which a series changes from which on it counts as one that varies."""


def check_finite(forecast: Array, windows: Windows) -> None:
    """Refuse forecasts (W, ...) that are not finite.

    Raises  InputError naming series, time, and the value before it that stands out most
    """
    wrong = ~np.isfinite(forecast).reshape(len(forecast), -1).all(1)
    if not wrong.any():
        return
    w, table = int(wrong.argmax()), windows.table
    s, cutoff = int(windows.series[w]), int(windows.cutoffs[w])
    begin = max(int(table.offsets[s]), cutoff - windows.context)
    raise InputError(
        f"{table.name(s)}: the forecast after {table.time_name(cutoff - 1)} is not finite; "
        f"{_standing_out(table, begin, cutoff)}"
    )


def check_widths(quantiles: Array, table: SeriesTable, window: int) -> None:
    """Refuse forecasts (S, P, Q) whose widest interval has no width at any step, of series that vary.

    A series that seldom changes, or repeats itself or goes on in a straight line to the last digit, may be forecast so.

    window  rows at the end of each series that the forecast has seen
    Raises  InputError naming the series and the value that stands out most
    """
    low, high = table.columns.lower, table.columns.upper
    bound = (quantiles[..., 0] == high) | (quantiles[..., -1] == low)  # all of it lies there
    still = ((quantiles[..., -1] <= quantiles[..., 0]) & ~bound).all(1)
    for s in np.flatnonzero(still):
        end = int(table.offsets[s + 1])
        begin = max(int(table.offsets[s]), end - window)
        if _varies(table.values[begin:end]):
            raise InputError(
                f"{table.name(int(s))}: the intervals of the forecast have no width, though the series varies; "
                f"{_standing_out(table, begin, end)}"
            )


def _varies(values: Array) -> bool:
    """Return whether a series changes at most steps, and is no repetition or line."""
    values = values[np.isfinite(values)]
    if len(values) < 3:
        return False
    rounding = ULPS * np.finfo(np.float64).eps * np.abs(values).max()
    changes = np.diff(values)
    if (np.abs(changes) > rounding).mean() <= OFTEN or (np.abs(np.diff(changes)) <= rounding).all():
        return False
    repeats = (np.abs(values[m:] - values[:-m]).max() <= rounding for m in range(1, len(values) // 2 + 1))
    return not any(repeats)


def _standing_out(table: SeriesTable, begin: int, end: int) -> str:
    values = table.values[begin:end]
    k = begin + int(np.nanargmax(np.abs(values - np.nanmedian(values)))) if np.isfinite(values).any() else begin
    return (
        f"the value that stands out most before it is {table.values[k]:g} at {table.time_name(k)}: correct it if it is "
        f"a mistake, or give the series in other units"
    )
