"""How much series usually move: the unit of windows that say too little about themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmkit.data import Windows
from lstmkit.nn.scaling import rounding

FLAT = 0.1  # of the usual change: a window that moves less than that is measured by the series, not by itself
MOST = 0.9  # of the errors: the others may be those of a few values that are wrong
FEW = 4  # changes: a window, or a series, with fewer of them is measured by what is usual for those it lacks


class UsualChange(nn.Module):
    """The mean absolute change from one value to the next, of every series learnt from and of series in general.

    A series that showed fewer than four changes counts as a usual one for those that it lacks, and one that was not
    learnt from as a usual one altogether. Usual is the median of the series: in shares of the level where no value is
    below zero, as it is elsewhere.

    series  how many there are to learn from, S
    """

    def __init__(self, series: int) -> None:
        super().__init__()
        self.change: Tensor
        self.others: Tensor
        self.share: Tensor
        self.register_buffer("change", torch.zeros(series, dtype=torch.float64))
        self.register_buffer("others", torch.zeros((), dtype=torch.float64))
        self.register_buffer("share", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def start_from(self, windows: Windows) -> None:
        """Measure the series in the rows that training windows see."""
        change, count, level, positive = _measured(windows)
        telling = (count >= FEW) & (change > 0)
        if bool(telling.any()):
            self.others.copy_(change[telling].median())
            shares = (change / level)[telling & (level > 0)]
            self.share.copy_(shares.median() if positive and len(shares) else torch.zeros(()))
        few = (FEW - count).clamp_min(0)
        self.change.copy_((change * count + self._of_others(level) * few) / count.clamp_min(FEW))

    def least(self, context: Tensor, series: Tensor) -> Tensor:
        """Return the least unit of windows, (B, 1): 0 for one that moves and is of a series not learnt from.

        context  (B, C) raw values, NaN where missing
        series   (B,) number of the series of each window, -1 for one that was not learnt from
        """
        there, few = ~torch.isnan(context), lacking(context)
        part = FLAT + (1 - FLAT) * few
        low = context.masked_fill(~there, torch.inf).min(1).values
        high = context.masked_fill(~there, -torch.inf).max(1).values
        level = context.abs().nanmean(1).nan_to_num()
        unseen = self._of_others(level) * torch.where(high - low > rounding(level), few, part)
        return torch.where(series >= 0, part * self.change[series.clamp_min(0)], unseen)[:, None]

    def _of_others(self, level: Tensor) -> Tensor:
        """Return what a usual series of each level (...) moves."""
        return torch.where((self.share > 0) & (level > 0), self.share * level, self.others)


def lacking(context: Tensor) -> Tensor:
    """Return which share of four changes is not seen in windows (B, C), NaN where missing: 0 in most; (B,).

    A context that has no room for four lacks none if it is complete.
    """
    room = max(1, min(FEW, context.shape[1] - 1))
    seen = (~torch.isnan(context)).sum(1) - 1
    return (1 - seen.clamp_min(0) / room).clamp_min(0).to(context.dtype)


def usual_error(errors: Tensor) -> Tensor:
    """Return the mean absolute error of each step ahead, (P,), at least 1e-6; 1 where there is none.

    It is at most ten times what nine errors of ten stay below, so that one wrong value does not make it its own.

    errors  (W, P), NaN where missing, in units of the windows
    """
    size = errors.abs()
    count = (~torch.isnan(size)).sum(0)
    mean = torch.where(count > 0, size.nan_to_num().sum(0) / count.clamp_min(1), 1.0)
    return torch.minimum(mean, most_usual(size) / FLAT).clamp_min(1e-6)


def most_usual(size: Tensor) -> Tensor:
    """Return what nine of ten sizes (W, P) stay below at each step, (P,); infinity where that is nothing."""
    high = torch.nanquantile(size, MOST, dim=0).nan_to_num()
    return torch.where(high > 0, high, torch.inf)


def _measured(windows: Windows) -> tuple[Tensor, Tensor, Tensor, bool]:
    """Return of each series, in the rows that windows see, what matters.

    Returns  mean absolute change (S,), how many changes there are (S,), mean absolute value (S,), and whether no value
             of any series is below zero
    """
    table = windows.table
    begin = table.offsets[:-1]
    counts = np.diff(windows.ends, prepend=0)
    stop = np.where(counts > 0, windows.first + (counts - 1) * windows.stride + windows.horizon, begin + 1)
    changes = np.abs(np.diff(table.values, prepend=np.nan))
    changes[begin] = np.nan
    moved, steps = _sums(changes, begin, stop)
    size, seen = _sums(np.abs(table.values), begin, stop)
    below, _ = _sums(np.minimum(table.values, 0.0), begin, stop)
    change, level = moved / np.maximum(steps, 1), size / np.maximum(seen, 1)
    change = np.minimum(change, _without_outliers(changes, level, table.lengths, begin, stop))
    return torch.from_numpy(change), torch.from_numpy(steps), torch.from_numpy(level), not below.any()


def _without_outliers(
    changes: NDArray[Any], level: NDArray[Any], lengths: NDArray[np.int64], begin: NDArray[Any], stop: NDArray[Any]
) -> NDArray[Any]:
    """Return the most that is usual for each series, (S,): some times the geometric mean of its changes, inf without.

    A mean would be that of a single wrong value a million times as large as all others.
    """
    changes = np.where(changes > np.repeat(rounding(torch.from_numpy(level)).numpy(), lengths), changes, np.nan)
    exponent = np.frexp(np.nan_to_num(np.fmax.reduceat(changes, begin)))[
        1
    ]  # in a unit near them: other units, the same bits
    logs, count = _sums(np.log(np.ldexp(changes, -np.repeat(exponent, lengths))), begin, stop)
    return np.where(count > 0, np.ldexp(np.exp(logs / np.maximum(count, 1)) / FLAT, exponent), np.inf)


def _sums(values: NDArray[Any], begin: NDArray[np.int64], stop: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the sum (S,) of what is there from `begin` to before `stop` (S,), and how much is there, (S,).

    Each is a sum of its own: a difference of running sums would lose small series behind large ones.
    """
    there = ~np.isnan(values)
    edges = np.stack([begin, stop], axis=1).ravel()
    sums = [np.add.reduceat(np.append(part, 0.0), edges)[::2] for part in (np.where(there, values, 0.0), there)]
    return sums[0], sums[1]
