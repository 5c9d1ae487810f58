"""Windows by index arithmetic: flat arrays, a batch gathered at a time, never a copy of all windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.data.known import KnownAhead, slices_of, tensor_of
from lstmkit.data.series import SeriesTable


class Batch(NamedTuple):
    """What a model is given of B windows; NaN marks what is missing, was never recorded, or lies outside the series.

    past        (B, L) float64, target values before the cutoff
    future      (B, P) float64, target values from the cutoff on: what is to be forecast; NaN after the end of a series
    seen        (B, L, R) float64, covariates that are known up to the cutoff only
    known       (B, L + P, F) float64, covariates that are known ahead, calendar included
    numbers     (B, K) float64, static numbers
    categories  (B, C) int64, static categories, as numbers of their levels
    series      (B,) int64, number of the series among those learnt from; -1 for one that was not among them
    row         (B,) int64, row number of the cutoff within its series, counted from the first row ever read
    """

    past: Tensor
    future: Tensor
    seen: Tensor
    known: Tensor
    numbers: Tensor
    categories: Tensor
    series: Tensor
    row: Tensor


@dataclass(frozen=True)
class Windows:
    """Some windows of a table.

    A window is named by its cutoff: the flat position of the first value that it must forecast. Cutoffs are computed
    from the number of the window, so that they take no memory however many there are.

    table    where the values are
    context  values before the cutoff, L; those before the start of the series are NaN
    horizon  values from the cutoff on, P; those after its end are NaN
    first    (S,) flat position of the first cutoff of each series
    ends     (S,) how many windows there are up to the end of each series
    stride   rows between the cutoffs of one series
    chosen   numbers of the windows that are left, or None for all: windows without any value seen or to be forecast
             are not worked on
    """

    table: SeriesTable
    context: int
    horizon: int
    first: NDArray[np.int64]
    ends: NDArray[np.int64]
    stride: int = 1
    chosen: NDArray[np.int64] | None = None
    _own: dict[str, Tensor] = field(init=False, repr=False)
    _slices: dict[str, Tensor] = field(init=False, repr=False)
    _known: KnownAhead = field(init=False, repr=False)
    _complete: bool = field(init=False, repr=False)
    _inside: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Keep what batches are gathered from as tensors, for the time of these windows."""
        table, P, L = self.table, self.horizon, self.context
        covariates = table.covariates
        begins = np.concatenate([[0], self.ends[:-1]])
        tensors = {
            "values": table.values,
            "starts": table.offsets[:-1],
            "stops": table.offsets[1:],
            "ends": self.ends,
            "origin": self.first - begins * self.stride,
            "before": table.offsets[:-1] - table.skipped,
            "numbers": table.numbers,
            "seen": covariates.seen,
            "static": covariates.numbers,
            "categories": covariates.categories,
        }
        own = {name: tensor_of(array) for name, array in tensors.items()}
        counts = np.diff(self.ends, prepend=0)
        used = counts > 0
        last = self.first + (counts - 1) * self.stride
        complete = bool((self.first - table.offsets[:-1] >= L)[used].all())
        inside = bool((last + P <= table.offsets[1:])[used].all())
        lengths = {"past": ("values", L), "future": ("values", P), "seen": ("seen", L)}
        object.__setattr__(self, "_own", own)
        object.__setattr__(self, "_complete", complete)
        object.__setattr__(self, "_inside", inside)
        object.__setattr__(self, "_slices", {name: slices_of(own[flat], n) for name, (flat, n) in lengths.items()})
        object.__setattr__(self, "_known", KnownAhead(table, L, P, beyond=not inside))

    def __len__(self) -> int:
        """Return the number of windows."""
        if self.chosen is not None:
            return len(self.chosen)
        return int(self.ends[-1]) if len(self.ends) else 0

    @property
    def cutoffs(self) -> NDArray[np.int64]:
        """Cutoff of every window, (W,): windows of one series stand together, in order of time."""
        return self._place(torch.arange(len(self)))[1].numpy()

    @property
    def series(self) -> NDArray[np.int64]:
        """Series of every window, as its place in the table, (W,)."""
        return self._place(torch.arange(len(self)))[0].numpy()

    def batch(self, items: Tensor) -> Batch:
        """Gather windows by number (B,)."""
        own, slices, P, L = self._own, self._slices, self.horizon, self.context
        s, cutoffs = self._place(items)
        begin = cutoffs - L
        if self._complete:
            missing = None
            past = torch.index_select(slices["past"], 0, begin)
            seen = torch.index_select(slices["seen"], 0, begin)
        else:
            missing = begin[:, None] + torch.arange(L + P) < own["starts"][s, None]
            past = _gather(own["values"], begin, missing[:, :L])
            seen = _gather(own["seen"], begin, missing[:, :L])
        if self._inside:
            future = torch.index_select(slices["future"], 0, cutoffs)
        else:
            after = cutoffs[:, None] + torch.arange(P) >= own["stops"][s, None]
            future = _gather(own["values"], cutoffs, after)
        return Batch(
            past,
            future,
            seen,
            self._known.gather(s, begin, missing),
            torch.index_select(own["static"], 0, s),
            torch.index_select(own["categories"], 0, s),
            own["numbers"][s],
            cutoffs - own["before"][s],
        )

    def _place(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Return series and cutoff of windows by number."""
        if self.chosen is not None:
            items = torch.from_numpy(self.chosen)[items]
        s = torch.searchsorted(self._own["ends"], items.contiguous(), right=True)
        return s, self._own["origin"][s] + items * self.stride


def make_windows(
    table: SeriesTable,
    context: int,
    horizon: int,
    first: NDArray[np.int64] | None = None,
    stride: int = 1,
    last: NDArray[np.int64] | None = None,
) -> Windows:
    """Return all windows whose future lies in the table and begins at row `first` of its series or later.

    first   (S,) earliest cutoff of each series, in rows; None for as early as the context allows
    stride  rows between the cutoffs of one series, counted back from the last
    last    (S,) rows of each series that may be looked at; None for all
    Returns the windows with at least two values seen and one to forecast. Where `table.columns.short` is "pad", windows
            may begin before the series does: from its third row on in series shorter than a window
    """
    rows = table.lengths if last is None else last
    padded = table.columns.short == "pad"
    needed = np.where(padded & ((rows < context + horizon) | (first is not None)), 2, context)
    earliest = needed if first is None else np.maximum(first, needed)
    counts = np.maximum((rows - horizon - earliest) // stride + 1, 0)
    starts = table.offsets[:-1] + rows - horizon - (counts - 1) * stride
    return _observed(Windows(table, context, horizon, starts, np.cumsum(counts), stride))


def windows_at(table: SeriesTable, context: int, horizon: int, rows: NDArray[np.int64]) -> Windows:
    """Return one window of every series, whose first step to forecast is row `rows` (S,) of it.

    `rows` equal to the lengths gives the windows that forecast after the end of the table.
    """
    return Windows(table, context, horizon, table.offsets[:-1] + rows, np.arange(1, len(table) + 1))


def _gather(flat: Tensor, begin: Tensor, missing: Tensor) -> Tensor:
    """Return rows of a flat array (N, ...) from each of `begin` (B,) on, NaN where `missing` (B, steps)."""
    at = begin[:, None] + torch.arange(missing.shape[1])
    if not flat[:1].numel():
        return flat.new_empty(*at.shape, *flat.shape[1:])
    gathered = flat[at.clamp(0, len(flat) - 1)]
    return gathered.masked_fill(missing if flat.dim() == 1 else missing[..., None], torch.nan)


def _observed(windows: Windows) -> Windows:
    """Leave out windows in which fewer than two values are seen, or none is to be forecast."""
    values = windows.table.values
    if not np.isnan(values).any():
        return windows
    counts = np.concatenate([[0], np.cumsum(~np.isnan(values))])
    cutoffs, series = windows.cutoffs, windows.series
    begin = np.maximum(cutoffs - windows.context, windows.table.offsets[series])
    end = np.minimum(cutoffs + windows.horizon, windows.table.offsets[series + 1])
    usable = (counts[cutoffs] - counts[begin] >= 2) & (counts[end] > counts[cutoffs])
    chosen = np.flatnonzero(usable)
    return Windows(windows.table, windows.context, windows.horizon, windows.first, windows.ends, windows.stride, chosen)
