"""One or several networks as one forecaster: their mean, with intervals as wide as the errors made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.forecasting.learning.adaptive import both_sides, distances
from lstmkit.forecasting.models import ForecastModel
from lstmkit.forecasting.models.evidence import believed
from lstmkit.forecasting.student import student_quantile
from lstmkit.nn.scaling import rounding

BATCH = 1024
MOST_WATCHED = 4096
"""Validation windows that are looked at, about: with more of them, evenly spread ones, so that epochs stay short."""
RANKS = 512
PRIOR = 8
"""As many windows that do not overlap as all training windows count for where intervals are calibrated."""


class Ensemble(nn.Module):
    """Networks of one kind that differ by their seed or by the moment they were taken; the forecast is their mean.

    members   at least one; all have the same task
    followed  (Q // 2,) what widths are multiplied by, outermost interval first, for how often they have held since they
              were calibrated: see `adaptive.py`
    """

    followed: NDArray[np.float64]

    def __init__(self, members: Sequence[ForecastModel[Any]]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.task = members[0].task
        Q = len(self.task.levels)
        self.width: Tensor
        self.ranks: Tensor
        self.followed = np.ones(Q // 2)
        self.register_buffer("width", torch.ones(Q, dtype=torch.float64))
        self.register_buffer("ranks", torch.full((RANKS, self.task.horizon), 0.5, dtype=torch.float32))

    @property
    def window(self) -> int:
        """Values before the cutoff that a batch must hold."""
        return self.networks[0].window

    @property
    def networks(self) -> list[ForecastModel[Any]]:
        """The members, as what they are."""
        return list(self.members)  # type: ignore[arg-type]

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean of the members' losses, a scalar."""
        return torch.stack([member.loss(batch) for member in self.networks]).mean()

    def start_from(self, windows: Windows) -> None:
        """Fit what the members fit to training windows before they are trained."""
        for member in self.networks:
            member.start_from(windows)

    @property
    def leaves_last_value(self) -> bool:
        """Whether it forecasts anything but the last value before it is trained."""
        return any(member.leaves_last_value for member in self.networks)

    @torch.no_grad()
    def believed_gain(self, start: Ensemble, validation: Windows) -> float:
        """Return the share of what training has changed that validation windows give reason to believe, 0 to 1.

        The epoch that was kept is the best of many on those windows, so that it is better there by luck alone, the more
        so the fewer they are: a gain that luck may explain is not followed. See `believed`.

        start  this ensemble as it was before training
        """
        gain = torch.cat([self._gains(start, batch) for batch in _batches(validation, MOST_WATCHED)])
        series = torch.from_numpy(validation.series)[:: max(1, len(validation) // MOST_WATCHED)]
        return believed(gain, series) if float(gain.nanmean()) > 0 else 0.0

    def hold_back(self, start: Ensemble, share: float) -> None:
        """Keep a share of how training has moved the middle of the forecasts; see `ForecastModel.hold_back`.

        start  member by member, over and over where several epochs of each were kept
        """
        if share == 1.0:
            return  # sums and differences of halves would round
        begun = start.networks
        for k, member in enumerate(self.networks):
            member.hold_back(begun[k % len(begun)], share)

    def quantiles(self, batch: Batch) -> Tensor:
        """Return quantiles (B, P, Q), increasing, float64, in the units of the series, with calibrated intervals.

        They lie within the bounds of the task.
        """
        plain = self._plain(batch)
        half = len(self.task.levels) // 2
        median = plain[..., half : half + 1]
        width = self.width * torch.from_numpy(both_sides(self.followed))
        # Each pair has a width of its own, so that an inner one may come to lie outside an outer one.
        return self._within((median + width * (plain - median)).sort(dim=2).values)

    def calibrate(self, training: Windows, validation: Windows) -> None:
        """Widen or narrow the intervals to the errors made, mostly those on windows that were not learnt from.

        For each pair of levels q and 1 - q, one factor for all steps ahead: the one with which the interval holds the
        share 1 - 2 q of the truths. Training windows, which a network knows better than others, count as much as PRIOR
        windows that do not overlap; validation windows as many as they are. Where both are few the factor is larger, as
        a normal distribution of unknown spread asks for. Source: split conformal prediction for quantile models, Romano
        et al. 2019, with a factor in place of a margin; the prediction interval of Student's t.
        """
        self.followed = np.ones_like(self.followed)
        found, weights, n = [], [], 0.0
        for windows, count in ((training, PRIOR), (validation, _independent(validation))):
            if not len(windows):
                continue
            own = torch.cat([self._distances(batch) for batch in _batches(windows, self.networks[0].most_calibrated)])
            found.append(own)
            weights.append(torch.full((len(own),), count / max(1, len(own)), dtype=torch.float64))
            n += count
        distance, weight = torch.cat(found), torch.cat(weights)
        Q = len(self.task.levels)
        for q in range(Q // 2 if len(distance) else 0):
            order = distance[:, q].argsort()
            cumulative = weight[order].cumsum(0) / weight.sum()
            at = int((cumulative < 1 - 2 * self.task.levels[q]).sum())
            last = int(distance[:, q].isfinite().sum()) - 1
            if last >= 0:
                self.width[[q, Q - 1 - q]] = distance[order[min(at, last)], q] * _widening(self.task.levels[q], n)
        self._remember_ranks(validation if len(validation) else training)

    def calibrated_as(self, other: Ensemble) -> None:
        """Take over the widths of intervals, and the ranks of sample paths, of another ensemble for the same task."""
        self.width.copy_(other.width)
        self.ranks.copy_(other.ranks)

    def samples(self, batch: Batch, paths: int, generator: torch.Generator) -> Tensor:
        """Return sample paths (B, paths, P), float64.

        A member that samples does so itself. From quantiles alone, a path takes each step's value at the rank that the
        truth had there in one and the same window of the validation part, so that steps belong together as they did
        (Clark et al. 2004, the Schaake shuffle).
        """
        drawn = [member.samples(batch, -(-paths // len(self.members))) for member in self.networks]
        own = [d for d in drawn if d is not None]
        if own:
            return self._within(torch.cat(own, 1)[:, :paths])
        quantiles = self.quantiles(batch)
        which = torch.randint(len(self.ranks), (paths,), generator=generator)
        ranks = self.ranks[which].double()  # (paths, P)
        return interpolate(quantiles[:, None], ranks[None].expand(len(quantiles), -1, -1), self.task.levels)

    def _within(self, values: Tensor) -> Tensor:
        lower, upper = self.task.lower, self.task.upper
        return values if lower is None and upper is None else values.clamp(lower, upper)

    def _plain(self, batch: Batch) -> Tensor:
        total = torch.stack([member.quantiles(batch).sort(dim=2).values for member in self.networks])
        return total.mean(0)

    def _gains(self, start: Ensemble, batch: Batch) -> Tensor:
        """Return how much closer the median has come to the truth than that of `start`, (B,), in widths of its middle
        half.
        """
        before, half = start._plain(batch), len(self.task.levels) // 2
        width = torch.maximum(before[..., half + 1] - before[..., half - 1], rounding(before[..., half]))
        errors = [(batch.future - q[..., half]).abs() for q in (before, self._plain(batch))]
        return ((errors[0] - errors[1]) / width).nanmean(1)

    @torch.no_grad()
    def _distances(self, batch: Batch) -> Tensor:
        """Return the `distances` of all truths that are there, (M, Q // 2)."""
        return distances(self._plain(batch), batch.future)[~torch.isnan(batch.future)]

    @torch.no_grad()
    def _remember_ranks(self, windows: Windows) -> None:
        """Keep the ranks of the truth within its forecast in windows spread over `windows`, complete ones only."""
        ranks = []
        for batch in _batches(windows, min(4 * RANKS, self.networks[0].most_calibrated)):
            quantiles = self.quantiles(batch)
            complete = ~torch.isnan(batch.future).any(1)
            ranks.append(rank(quantiles[complete], batch.future[complete], self.task.levels))
        found = torch.cat(ranks) if ranks else self.ranks[:0].double()
        if len(found):
            self.ranks.copy_(found[torch.linspace(0, len(found) - 1, RANKS).round().long()].float())


def _independent(windows: Windows) -> float:
    """Return as how many windows that do not overlap some windows count."""
    series = int((np.diff(windows.ends, prepend=0) > 0).sum())
    return series + max(0, len(windows) - series) / windows.horizon


def _widening(level: float, n: float) -> float:
    """Return how much wider an interval between `level` and 1 - `level` is for being learnt from n windows."""
    return student_quantile(2 * level, n - 1) * math.sqrt(1 + 1 / n) / NormalDist().inv_cdf(1 - level)


def rank(quantiles: Tensor, truth: Tensor, levels: Sequence[float]) -> Tensor:
    """Return where truths (..., P) lie between quantiles (..., P, Q), as levels; linear between them, ends beyond."""
    Q = len(levels)
    grid = torch.tensor(levels, dtype=torch.float64)
    above = (truth.unsqueeze(-1) > quantiles).sum(-1)
    low, high = (above - 1).clamp(0, Q - 1), above.clamp(0, Q - 1)
    a, b = quantiles.gather(-1, low.unsqueeze(-1)).squeeze(-1), quantiles.gather(-1, high.unsqueeze(-1)).squeeze(-1)
    share = torch.where(b > a, (truth - a) / torch.where(b > a, b - a, 1.0), 0.0).clamp(0, 1)
    return grid[low] + share * (grid[high] - grid[low])


def interpolate(quantiles: Tensor, ranks: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the values at ranks (..., P) of forecasts with quantiles (..., P, Q); the inverse of `rank`."""
    Q = len(levels)
    grid = torch.tensor(levels, dtype=torch.float64)
    high = torch.searchsorted(grid, ranks.contiguous()).clamp(1, Q - 1)
    low = high - 1
    share = ((ranks - grid[low]) / (grid[high] - grid[low])).clamp(0, 1)
    wide = quantiles.expand(*ranks.shape, Q)
    a, b = wide.gather(-1, low.unsqueeze(-1)).squeeze(-1), wide.gather(-1, high.unsqueeze(-1)).squeeze(-1)
    return a + share * (b - a)


def _batches(windows: Windows, most: int) -> Iterator[Batch]:
    """Yield at most about `most` windows, evenly spread, in batches."""
    items = torch.arange(0, len(windows), max(1, len(windows) // most))
    for part in torch.split(items, BATCH):
        yield windows.batch(part)
