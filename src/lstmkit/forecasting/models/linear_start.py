"""A linear forecast in closed form, from which a network begins: its profile of a season, its scale, its weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.data import Batch, Windows
from lstmkit.forecasting.models.model import Task
from lstmkit.forecasting.models.usual import UsualChange
from lstmkit.nn.scaling import WindowScale, carry_forward, mean_near, rounding

SCALES = ("window", "series")
LINEAR = ("own", "shared", "none")
MOST_WINDOWS = 65536
MOST_OWN = 64
RIDGE = 10.0
POOLED = 0.3
HELD_OUT = 0.2
KEPT = (1 / 6, 1 / 3, 1.0)
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
CLEARLY_BETTER = 0.98
CHUNK = 2048


class Start(NamedTuple):
    """What a network begins from; everything but `season` is a change from the last value in units of `scale`.

    values    (B, C) float32, the context; what is missing repeats the value before it, or is 0
    missing   (B, C) bool
    forecast  (B, P) float32, the linear forecast
    scale     of each window
    season    (B, P) float64, the profile of the season at the steps ahead, in raw units
    """

    values: Tensor
    missing: Tensor
    forecast: Tensor
    scale: WindowScale
    season: Tensor

    def steps(self, covariates: Tensor, marked: bool, before: int) -> Tensor:
        """Return what each step of the context tells a network, (B, before + C, D): value, mark, covariates.

        covariates  (B, C, D')
        marked      whether a mark stands beside the value: 1 where it is missing
        before      steps put before the context, all missing
        """
        marks = [self.missing[:, :, None].float()] if marked else []
        steps = torch.cat([self.values[:, :, None], *marks, covariates], 2)
        if before:
            steps = functional.pad(steps, (0, 0, before, 0))
            steps[:, :before, 1] = 1.0
        return steps

    def express(self, raw: Tensor) -> Tensor:
        """Return raw values (B, P) in units of the windows, float32; NaN stays NaN."""
        return self.scale.apply(raw - self.season).float()

    def invert(self, expressed: Tensor) -> Tensor:
        """Return quantiles (B, P, Q) in raw units, float64."""
        return self.scale.invert(expressed.double()) + self.season[:, :, None]


class LinearStart(nn.Module):
    """Forecast each step ahead as a weighted sum of the context, after the season's mean profile is taken away.

    The weights are a regression on the principal components of training windows, for each series (pulled towards that
    of all) or for all. How many components to keep, and how far to follow the weights, from not at all (the last value)
    to fully, is what the most recent training windows find best.

    scale   "window" for the standard deviation of the context, "series" for that of the series in training
    profile whether that of the shortest season is taken away, which needs rows counted from the first one ever read
    linear  "own" for weights of each series (of at most 64), "shared" for all alike, "none" for the last value
    returning  whether the distance of the last value from the mean of its series in training has a weight as well
    Source  closed form: Toner & Darlow 2024; profile: Lin et al. 2024 (CycleNet)
    """

    def __init__(self, task: Task, scale: str, profile: bool, linear: str, returning: bool) -> None:
        super().__init__()
        season = task.seasons[0] if profile and task.seasons else 0
        self.context, self.horizon, self.by_series = task.context, task.horizon, scale == "series"
        self.returning = returning and linear != "none"
        inputs = task.context + self.returning
        own = task.series if linear == "own" and 1 < task.series <= MOST_OWN else 0
        self.linear = linear != "none"
        self.size: Tensor
        self.profile: Tensor
        self.weight: Tensor
        self.own: Tensor
        self.level: Tensor
        self.usual = UsualChange(task.series)
        self.register_buffer("size", torch.ones(task.series if self.by_series else 0, dtype=torch.float64))
        self.register_buffer("level", torch.zeros(task.series if self.returning else 0, dtype=torch.float64))
        self.register_buffer("profile", torch.zeros(task.series if season else 0, season, dtype=torch.float64))
        self.register_buffer("weight", torch.zeros(inputs if self.linear else 0, task.horizon))
        self.register_buffer("own", torch.zeros(own, inputs, task.horizon))

    def forward(self, batch: Batch) -> Start:
        """Return the scaled context and the linear forecast of a batch; its future is not read."""
        past = batch.past[:, -self.context :]
        before, ahead = self._seasons(batch)
        x = past - before
        missing = torch.isnan(x)
        filled = carry_forward(x)
        last = filled[:, -1:].nan_to_num()
        scale = WindowScale(last, self._spread(x, past, batch.series))
        values = scale.apply(filled).nan_to_num().float()
        forecast = self._forecast(self._features(values, batch.series, scale), batch.series)
        return Start(values, missing, forecast, scale, ahead)

    @torch.no_grad()
    def fit(self, windows: Windows) -> None:
        """Fit profile, sizes and weights to training windows."""
        self.usual.start_from(windows)
        if self.profile.numel():
            self._fit_profile(windows)
        if self.by_series or self.returning:
            self._fit_size(windows)
        if self.linear:
            self._fit_weights(windows)

    def _seasons(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the profile over the context (B, C) and over the steps ahead (B, P); 0 for an unknown series."""
        C, P, m = self.context, self.horizon, self.profile.shape[1]
        if not m:
            nothing = batch.past.new_zeros(len(batch.past), 1)
            return nothing, nothing.expand(-1, P)
        phase = (batch.row[:, None] + torch.arange(-C, P, device=batch.row.device)) % m
        known = (batch.series >= 0)[:, None]
        steps = torch.where(known, self.profile[batch.series.clamp_min(0)[:, None], phase], 0.0)
        return steps[:, :C], steps[:, C:]

    def _spread(self, x: Tensor, past: Tensor, series: Tensor) -> Tensor:
        """Return the unit of each window, (B, 1), positive; that of a series not learnt from is its window's own.

        x  the context `past`, less the season
        """
        mean = mean_near(x)
        spread = (x - mean).square().nanmean(1, keepdim=True).nan_to_num().sqrt()
        if self.by_series:
            spread = torch.where((series >= 0)[:, None], self.size[series.clamp_min(0), None], spread)
        return torch.maximum(torch.maximum(spread, rounding(mean)), self.usual.least(past, series))

    def _features(self, values: Tensor, series: Tensor, scale: WindowScale) -> Tensor:
        """Return what the weights are for: the context (B, C), and the distance from the mean level, 0 if unknown."""
        if not self.returning:
            return values
        away = (scale.last - self.level[series.clamp_min(0), None]) / scale.spread
        away = torch.where((series >= 0)[:, None], away, 0.0)
        return torch.cat([values, away.float()], 1)

    def _forecast(self, features: Tensor, series: Tensor) -> Tensor:
        if not self.linear:
            return features.new_zeros(len(features), self.horizon)
        forecast = features @ self.weight
        if len(self.own):
            for s in torch.unique(series).tolist():
                if s >= 0:
                    at = series == s
                    forecast[at] = features[at] @ self.own[s]
        return forecast

    def _fit_profile(self, windows: Windows) -> None:
        """Find the mean distance from the window's mean at each phase of the season, for each series."""
        S, m = self.profile.shape
        total, count = torch.zeros(S * m, dtype=torch.float64), torch.zeros(S * m, dtype=torch.float64)
        for batch in _batches(windows):
            past = batch.past[:, -self.context :]
            away = past - mean_near(past)
            there = ~torch.isnan(away)
            phase = (batch.row[:, None] + torch.arange(-self.context, 0)) % m
            at = (batch.series[:, None] * m + phase)[there]
            total.index_add_(0, at, away[there])
            count.index_add_(0, at, torch.ones_like(at, dtype=torch.float64))
        profile = (total / count.clamp_min(1)).view(S, m)
        self.profile.copy_(profile - profile.mean(1, keepdim=True))

    def _fit_size(self, windows: Windows) -> None:
        """Find mean and standard deviation of each series, without its season, in training windows."""
        S = max(len(self.size), len(self.level))
        sums = torch.zeros(3, S, dtype=torch.float64)
        shift = torch.zeros(S, dtype=torch.float64)
        for _ in range(2):  # once for the means, once for the squares around them
            sums.zero_()
            for batch in _batches(windows):
                x = batch.past[:, -self.context :] - self._seasons(batch)[0] - shift[batch.series, None]
                there = ~torch.isnan(x)
                parts = torch.stack([there.double().sum(1), x.nan_to_num().sum(1), x.nan_to_num().square().sum(1)])
                sums.index_add_(1, batch.series, parts)
            count = sums[0].clamp_min(1)
            mean, square = sums[1] / count, sums[2] / count
            shift = shift + mean
        size = (square - mean.square()).clamp_min(0).sqrt()
        if self.by_series:
            self.size.copy_(torch.maximum(size, rounding(shift)))
        if self.returning:
            self.level.copy_(shift)

    def _fit_weights(self, windows: Windows) -> None:
        """Solve the regressions, and choose how far to follow them by the most recent part of the windows."""
        P, D, S = self.horizon, len(self.weight), max(1, len(self.own))
        cutoffs, series = torch.from_numpy(windows.cutoffs), torch.from_numpy(windows.series)
        boundary = _boundary(cutoffs, series)
        early, late = cutoffs + P <= boundary, cutoffs >= boundary
        gram, products = torch.zeros(2, S, D, D).double(), torch.zeros(2, S, D, P).double()
        counts = [0, 0]
        recent: list[tuple[Tensor, Tensor, Tensor]] = []
        for items, batch in _numbered(windows):
            start = self(batch)
            features = self._features(start.values, batch.series, start.scale)
            target = start.express(batch.future)
            whole = ~torch.isnan(target).any(1)
            own = batch.series if len(self.own) else torch.zeros_like(batch.series)
            for part, chosen in enumerate((early[items], ~early[items])):
                for s in torch.unique(own[chosen & whole]).tolist():
                    at = chosen & whole & (own == s)
                    x = features[at].double()
                    gram[part, s] += x.T @ x
                    products[part, s] += x.T @ target[at].double()
                    counts[part] += len(x)
            at = late[items] & whole
            recent.append((features[at], target[at], batch.series[at]))
        if counts[0] < 4 * D * S or not any(len(values) for values, _, _ in recent):
            return  # too little to learn from: the last value it is
        kept, share = self._choose(gram[0], products[0], RIDGE * S / counts[0], recent)
        self._solve(gram.sum(0), products.sum(0), RIDGE * S / sum(counts), kept, share)

    def _solve(self, gram: Tensor, products: Tensor, ridge: float, kept: float, share: float) -> None:
        """Keep the weights that solve the normal equations, pulled towards those of all series, times a share.

        kept  share of the principal components, the largest ones, that the weights may use
        """
        S, D = gram.shape[:2]
        mean, mean_products = gram.mean(0), products.mean(0)
        basis = torch.linalg.eigh(mean)[1][:, -max(1, round(kept * D)) :]
        added = ridge * mean.diagonal().mean().clamp_min(1e-12) * torch.eye(D, dtype=gram.dtype)

        def solution(gram: Tensor, products: Tensor) -> Tensor:
            inner = basis.T @ (gram + added) @ basis
            solved: Tensor = share * (basis @ torch.linalg.solve(inner, basis.T @ products))
            return solved

        self.weight.copy_(solution(mean, mean_products))
        for s in range(S if len(self.own) else 0):
            self.own[s] = solution(gram[s] + POOLED * mean, products[s] + POOLED * mean_products)

    def _choose(
        self, gram: Tensor, products: Tensor, ridge: float, recent: list[tuple[Tensor, Tensor, Tensor]]
    ) -> tuple[float, float]:
        """Return the shares of components and of weights with the least absolute error on recent windows.

        The last value alone is preferred unless something is 2 % better.
        """
        last = sum(float(target.abs().sum()) for _, target, _ in recent)
        least, best = CLEARLY_BETTER * last, (1.0, 0.0)
        for kept in KEPT:
            self._solve(gram, products, ridge, kept, 1.0)
            errors = dict.fromkeys(SHARES, 0.0)
            for features, target, series in recent:
                forecast = self._forecast(features, series)
                for share in SHARES:
                    errors[share] += float((target - share * forecast).abs().sum())
            share = min(SHARES, key=errors.__getitem__)
            if errors[share] < least:
                least, best = errors[share], (kept, share)
        return best


def _boundary(cutoffs: Tensor, series: Tensor) -> Tensor:
    """Return for each window (W,) the cutoff from which on the windows of its series are held out."""
    ends = [torch.zeros(int(series.max()) + 1, dtype=torch.float64) for _ in range(2)]
    first, last = (
        end.scatter_reduce(0, series, cutoffs.double(), how, include_self=False)
        for end, how in zip(ends, ("amin", "amax"), strict=True)
    )
    return (first + (1 - HELD_OUT) * (last - first))[series]


def _batches(windows: Windows) -> Iterator[Batch]:
    return (batch for _, batch in _numbered(windows))


def _numbered(windows: Windows) -> Iterator[tuple[Tensor, Batch]]:
    """Return at most 65,536 windows, evenly spread, in parts, with their numbers."""
    every = -(-len(windows) // MOST_WINDOWS)
    for items in torch.split(torch.arange(0, len(windows), max(1, every)), CHUNK):
        yield items, windows.batch(items)
