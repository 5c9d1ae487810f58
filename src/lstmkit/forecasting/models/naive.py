"""Where a network that forecasts directly begins: a blend of seasonal naive forecasts with intervals around it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.forecasting.models.evidence import believed
from lstmkit.forecasting.models.model import Task
from lstmkit.forecasting.models.usual import UsualChange, most_usual, usual_error
from lstmkit.nn import WindowScale, squash, window_scale
from lstmkit.nn.scaling import carry_forward, mean_near

RIDGE = 10.0  # windows: a blend that few windows support stays near the last value
START_WINDOWS = 8192
FAR = 100.0  # times what nine of ten targets stay below


class Blend(Protocol):
    """What holds a blend of naive forecasts (P, 2S), and the offsets of the quantiles around it (P, Q)."""

    blend: nn.Parameter
    offset: nn.Parameter


class NaiveStart(nn.Module):
    """Quantiles around a blend of seasonal naive forecasts, and what the context looks like to a network.

    For each season m there are two naive forecasts of a step: the value m steps before it (or a multiple of m), and the
    last value moved by the change since m steps ago. Without a season there is the last value, and the means of the
    last few, which come nearer where values are noise around a level; how far to follow them is a matter of evidence.
    Everything is scaled by `window_scale`; in a window where next to nothing moves, or little is seen, what is usual
    takes the place of its own spread (`usual.py`). `start_from` fits the blend, one for each step ahead, by ridge
    regression, and the quantiles of its errors; training goes on from there.

    Letters: B batch, L past values, C context, S seasons, M means, P steps ahead, Q quantile levels, K = 2S + M.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        S, P, Q = len(task.seasons), task.horizon, len(task.levels)
        self.task = task
        self.context_width = 2 + S + task.marked
        self.ahead_width = S
        self.blend = nn.Parameter(torch.zeros(P, 2 * S + len(task.means)))
        self.offset = nn.Parameter(torch.zeros(P, Q))
        self.spread: Tensor
        self.register_buffer("spread", torch.ones(P))
        self.usual = UsualChange(task.series)

    def forward(self, past: Tensor, scale: WindowScale, change: Tensor) -> Tensor:
        """Return quantiles (B, P, Q), scaled.

        past    (B, L) raw values
        scale   of the context
        change  (B, P, Q) what the network adds, in units of the blend's usual error at that step
        """
        level = (self.naive(past, scale) * self.blend).sum(2, keepdim=True)
        return level + self.spread[:, None] * (change + self.offset)

    def scale(self, past: Tensor, series: Tensor | None = None) -> WindowScale:
        """Measure the context of windows (B, L).

        series  (B,) number of the series of each, -1 for one that was not learnt from; None for all such
        """
        context = past[:, -self.task.context :]
        series = torch.full((len(past),), -1) if series is None else series
        scale = window_scale(context)
        return scale._replace(spread=torch.maximum(scale.spread, self.usual.least(context, series)))

    def naive(self, past: Tensor, scale: WindowScale) -> Tensor:
        """Return the naive forecasts (B, P, K), scaled; 0, the last value, where there is none."""
        N, P, filled = past.shape[1], self.task.horizon, carry_forward(past)
        forecasts = []
        for m in self.task.seasons:
            season = past[:, N - m :]
            for back in range(2 * m, N + 1, m):  # what is missing a season ago may be there two seasons ago
                if not bool(torch.isnan(season).any()):
                    break
                season = torch.where(torch.isnan(season), past[:, N - back : N - back + m], season)
            forecasts.append(scale.apply(season[:, torch.arange(P) % m]))
            change = (scale.last - filled[:, N - 1 - m, None]) / scale.spread
            forecasts.append(change.expand(-1, P))
        forecasts += [scale.apply(mean_near(filled[:, -k:])).expand(-1, P) for k in self.task.means]
        stacked = torch.stack(forecasts, 2) if forecasts else past.new_empty(len(past), P, 0)
        return stacked.nan_to_num().to(self.blend.dtype)

    def context(self, past: Tensor, scale: WindowScale) -> Tensor:
        """Return inputs (B, C, 2 + S) of every step of the context: value, change, and change since each season ago.

        What is missing is 0; where values may be missing, a last channel marks them.
        """
        C, N = self.task.context, past.shape[1]
        context = past[:, -C:]
        channels = [scale.apply(context), context.diff(dim=1, prepend=context[:, :1]) / scale.spread]
        channels += [(context - past[:, N - C - m : N - m]) / scale.spread for m in self.task.seasons]
        inputs = squash(torch.stack(channels, 2)).nan_to_num().to(self.blend.dtype)
        if self.task.marked:
            inputs = torch.cat([inputs, torch.isnan(context)[:, :, None].to(inputs.dtype)], 2)
        return inputs

    def ahead(self, past: Tensor, scale: WindowScale) -> Tensor:
        """Return inputs (B, P, S) of every step ahead: the seasonal naive forecasts of it."""
        return squash(self.naive(past, scale)[..., : 2 * self.ahead_width : 2])

    @torch.no_grad()
    def start_from(self, windows: Windows) -> None:
        """Fit the blend, and the quantiles of its errors, to training windows; the median begins as the blend."""
        self.usual.start_from(windows)
        every = max(1, len(windows) // START_WINDOWS)
        batch = windows.batch(torch.arange(0, len(windows), every))
        scale = self.scale(batch.past, batch.series)
        naive, target = self.naive(batch.past, scale).double(), scale.apply(batch.future)
        blend = ridge(naive, target)
        if self.task.means:
            blend = blend * _share(naive, target, batch.series)
        errors = target - (naive * blend).sum(2)
        spread = usual_error(errors)
        levels = torch.tensor(self.task.levels, dtype=torch.float64)
        offset = torch.nanquantile(errors, levels, dim=0).nan_to_num().T / spread[:, None]
        offset[:, levels == 0.5] = 0.0
        if not self.task.seasons:
            # Then the drift of the last rows is all that the mean adds to the last value, and most often it is luck.
            share = believed((errors / spread).nanmean(1), batch.series)
            offset = share * offset + (1 - share) * _around_zero(errors, levels) / spread[:, None]
        self.blend.copy_(blend)
        self.spread.copy_(spread)
        self.offset.copy_(offset)


def _share(naive: Tensor, target: Tensor, series: Tensor) -> float:
    """Return which share of a blend to believe: how sure it is that a blend fitted to other windows is a gain.

    Each half of the windows is forecast by the blend fitted to the other half.

    naive   (N, P, K), target (N, P), of the windows of one series, in order of time
    series  (N,)
    """
    half = len(target) // 2
    if not half:
        return 0.0
    gains = torch.empty(len(target), dtype=target.dtype)
    for own, other in ((slice(half), slice(half, None)), (slice(half, None), slice(half))):
        errors = (target[own] - (naive[own] * ridge(naive[other], target[other])).sum(2)).abs()
        gains[own] = ((target[own].abs() - errors) / usual_error(target[other])).nanmean(1)
    return believed(gains, series) if float(gains.nanmean()) > 0 else 0.0


@torch.no_grad()
def hold_back(layers: Iterable[nn.Linear], learnt: Blend, start: Blend, share: float) -> None:
    """Keep a share of what moves forecasts as a whole, and all that makes them wider or narrower.

    layers  whose outputs (..., Q), zero before training, are added to the quantiles
    learnt  is changed in place
    start   as it was before training
    """
    levels = learnt.offset.shape[-1]
    for layer in layers:
        for parameter in (layer.weight, layer.bias):
            parts = parameter.view(-1, levels, *parameter.shape[1:])
            parts.copy_(_held_back(parts, share))
    learnt.blend.copy_(start.blend + share * (learnt.blend - start.blend))
    learnt.offset.copy_(start.offset + _held_back(learnt.offset - start.offset, share))


def _held_back(change: Tensor, share: float) -> Tensor:
    """Return a share of the even part of changes (N, Q, ...), which moves the middle, and all of the odd part."""
    mirrored = change.flip(1)
    return (share * (change + mirrored) + (change - mirrored)) / 2


def _around_zero(errors: Tensor, levels: Tensor) -> Tensor:
    """Return quantiles (P, Q) of errors (N, P) that are as likely above zero as below."""
    sizes = torch.nanquantile(errors.abs(), (2 * levels - 1).abs(), dim=0).nan_to_num().T
    return torch.sign(levels - 0.5) * sizes


def only(batch: Batch, start: int, stop: int) -> Batch:
    """Return some windows of a batch, from number `start` to before number `stop`."""
    return Batch(*(t[start:stop] for t in batch))


def ridge(naive: Tensor, target: Tensor) -> Tensor:
    """Return weights (P, K) so that naive (N, P, K) times weights comes near target (N, P), pulled towards zero.

    Targets that are NaN count for nothing, and neither does what is out of all proportion: one wrong value in a square
    would be all that counts.
    """
    P, K = naive.shape[1:]
    if K == 0:
        return naive.new_zeros(P, 0)
    far = most_usual(target.abs()) * FAR
    there = ~torch.isnan(target) & (target.abs() <= far) & (naive.abs() <= far[:, None]).all(2)
    target = target.masked_fill(~there, torch.nan)
    X = (naive * there[:, :, None]).transpose(0, 1)
    gram = X.transpose(1, 2) @ X
    size = gram.diagonal(dim1=1, dim2=2).mean(1) / there.sum(0).clamp_min(1)
    gram = gram + RIDGE * size.clamp_min(1e-6)[:, None, None] * torch.eye(K, dtype=naive.dtype)
    weights: Tensor = torch.linalg.solve(gram, X.transpose(1, 2) @ target.nan_to_num().T[:, :, None])
    return weights.squeeze(2)
