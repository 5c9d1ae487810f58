"""What is known ahead, gathered for windows: columns of the table and the calendar, without a copy of either."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.data.calendar import calendar
from lstmkit.data.frequency import MICROSECONDS
from lstmkit.data.series import SeriesTable

MOST_GRID = 4
"""Most times of a grid for each row of a table; where more of them would have no row, the times themselves are used."""


class KnownAhead:
    """The covariates known ahead of a table, for windows of L values and P steps.

    beyond  whether windows reach beyond the end of their series
    """

    def __init__(self, table: SeriesTable, L: int, P: int, beyond: bool) -> None:
        given = table.covariates
        self._stops = tensor_of(table.offsets[1:])
        self._steps = L + P
        self._flat = tensor_of(given.future)
        self._slices = slices_of(self._flat, L + P)
        self._later: Tensor | None = None
        if beyond:
            later = np.full((len(table), P, given.future.shape[1]), np.nan)
            later[:, : given.ahead.shape[1]] = given.ahead[:, :P]
            self._later = tensor_of(later)
        self._calendar = Calendar(table, L + P, P if beyond else 0) if table.is_dated else None

    def gather(self, s: Tensor, begin: Tensor, missing: Tensor | None) -> Tensor:
        """Return what is known of the L + P steps from row `begin` (B,) of the flat arrays on, (B, L + P, F).

        s        (B,) series
        missing  (B, L + P) steps before the start of the series, NaN there; None if there is none
        """
        if missing is None and self._later is None:
            known = torch.index_select(self._slices, 0, begin)
            dated = None if self._calendar is None else self._calendar.of_slices(begin)
        else:
            at = begin[:, None] + torch.arange(self._steps)
            after = at - self._stops[s, None]
            at = at.clamp(0, len(self._flat) - 1)
            known = self._flat[at] if self._flat.shape[1] else self._flat.new_empty(*at.shape, 0)
            dated = None if self._calendar is None else self._calendar.of_rows(at)
            if self._later is not None and self._later.shape[1]:
                k = after.clamp(0, self._later.shape[1] - 1)
                known = torch.where((after >= 0)[..., None], self._later[s[:, None], k], known)
                if self._calendar is not None and dated is not None:
                    dated = torch.where((after >= 0)[..., None], self._calendar.of_later(s[:, None], k), dated)
        if dated is not None:
            known = torch.cat([known, dated], 2) if known.shape[2] else dated
        return known if missing is None else known.masked_fill(missing[..., None], torch.nan)


class Calendar:
    """Calendar features of the rows of a table, computed once for each time that there is.

    steps  rows of a slice
    P      steps after the end of each series that are asked for
    """

    def __init__(self, table: SeriesTable, steps: int, P: int) -> None:
        times = np.ascontiguousarray(table.times.astype("datetime64[us]", copy=False))
        later = table.future_times(times[table.offsets[1:] - 1], P) if P else np.empty((len(table), 0), times.dtype)
        later = later.astype("datetime64[us]")
        self._times = tensor_of(times.view(np.int64))
        self._slices = slices_of(self._times, steps)
        self._first, self._step, grid = _grid(table, times, later)
        self._sorted = tensor_of(grid.view(np.int64))
        self._features = tensor_of(calendar(grid, table.frequency))
        self._later = self._place(tensor_of(later.view(np.int64)))

    def of_slices(self, begin: Tensor) -> Tensor:
        """Return the features of the steps from each row on, (B, steps, F)."""
        return self._of(self._place(torch.index_select(self._slices, 0, begin)))

    def of_rows(self, at: Tensor) -> Tensor:
        """Return the features of rows, (..., F)."""
        return self._of(self._place(self._times[at]))

    def of_later(self, s: Tensor, k: Tensor) -> Tensor:
        """Return the features of step `k` after the end of series `s`, (..., F)."""
        return self._of(self._later[s, k])

    def _of(self, place: Tensor) -> Tensor:
        return torch.index_select(self._features, 0, place.flatten()).view(*place.shape, -1)

    def _place(self, times: Tensor) -> Tensor:
        if self._step:
            return (times - self._first) // self._step
        return torch.searchsorted(self._sorted, times.contiguous())


def _grid(table: SeriesTable, times: NDArray[Any], later: NDArray[Any]) -> tuple[int, int, NDArray[Any]]:
    """Return first time and step, in microseconds, of a grid that holds all times, and the grid.

    The step is 0 where there is no such grid of a size that can be: then the times themselves are returned, sorted.
    """
    ends = [times.min(), times.max(), *(later.max(axis=(0, 1), keepdims=True).ravel() if later.size else ())]
    first, last = int(min(ends).astype(np.int64)), int(max(ends).astype(np.int64))
    unit = table.frequency.unit
    step = MICROSECONDS[unit] * table.frequency.count if unit in ("s", "min", "h") else MICROSECONDS["D"]
    size = (last - first) // step + 1
    fits = size <= MOST_GRID * (len(times) + later.size) and all(
        not ((part.astype(np.int64) - first) % step).any() for part in (times, later.ravel())
    )
    if fits:
        return first, step, (first + step * np.arange(size)).astype("datetime64[us]")
    return first, 0, np.unique(np.concatenate([times, later.ravel()]))


def tensor_of(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor, without a copy if it may be written to: torch takes no other."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def slices_of(flat: Tensor, length: int) -> Tensor:
    """Return all slices of `length` rows of a flat array (N, ...), one after each row, without a copy.

    Rows of it are copied as blocks, which is ten times as fast as gathering value by value.
    """
    N, width = len(flat), flat[:1].numel()
    size = (max(N - length + 1, 0), length, *flat.shape[1:])
    return flat.as_strided(size, (max(width, 1), *([width] if flat.dim() > 1 else []), 1))
