"""A recurrence over seasons: each step reads one season of values and forecasts what follows it.

For hourly data a step is a day. The recurrence is short, sees the whole shape of a day at once, and in training every
step is asked for a forecast, not the last alone, so that a window teaches as much as many windows would. Values are
expressed in the mean and the mean deviation of the longest season before each step, so no step is told of its future.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.forecasting.models.ahead import AheadCovariates
from lstmkit.forecasting.models.inputs import CovariateInputs
from lstmkit.forecasting.models.model import ModelSettings, Task, recurrent_layers
from lstmkit.forecasting.models.naive import ridge
from lstmkit.forecasting.models.usual import UsualChange, usual_error
from lstmkit.nn import pinball_loss
from lstmkit.nn.scaling import carry_forward, mean_near, rounding

START_WINDOWS = 4096
START_BATCH = 512  # windows, cut into steps, take much memory
CALM = 0.05  # of the window's own deviation: a season that deviates less is measured by the window
LARGEST = 20.0  # inputs are kept within this many deviations
MOST_AHEAD = 2  # seasons of the longest lag that a step is shown beforehand
MOST_TARGETS = 1024  # values that a window is asked for in training: with long horizons only its last steps teach
HEAVIEST = 20.0  # most that an error counts for in a window that changes little from season to season


class Folds(NamedTuple):
    """A batch of windows, cut into overlapping views that end with a season each, the last at the cutoff.

    views   (B, n, V) float64, the longest season and one season more before the end of each step; without NaN
    center  (B, n, 1) float64, mean of the longest season
    size    (B, n, 1) float64, mean distance from it, positive
    missing (B, n, m) bool, which values of the step's own season are missing; None if none may be
    """

    views: Tensor
    center: Tensor
    size: Tensor
    missing: Tensor | None

    def scaled(self, values: Tensor) -> Tensor:
        """Express raw values (B, n, ...) in the units of their step."""
        return (values - self.center) / self.size


class FoldedLstm(nn.Module):
    """Quantiles from an LSTM whose steps are seasons, on top of a blend of seasonal naive forecasts.

    Letters: B batch, L past values, m values in a step, M longest season, n steps, P horizon, Q quantile levels,
    S seasons, V = M + m.

    task      what to forecast
    settings  of the LSTM
    period    values in a step, m
    """

    def __init__(self, task: Task, settings: ModelSettings, period: int) -> None:
        super().__init__()
        self.task, self.period = task, period
        self.seasons = task.seasons or (period,)
        self.longest = max(*self.seasons, period)
        self.steps = (task.context + max(task.seasons, default=0) - self.longest) // period
        self.taught = min(self.steps, max(1, MOST_TARGETS // task.horizon))
        P, Q, H, S = task.horizon, len(task.levels), settings.hidden_size, len(self.seasons)
        self.covariates = CovariateInputs(task)
        marks = period if task.marked else 0
        inputs = 2 * period + self._beforehand + 2 + marks + period * self.covariates.past
        self.lstm = recurrent_layers(inputs, task, settings)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(H + self.covariates.static, P * Q)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.ahead = AheadCovariates(self.covariates.ahead, H, Q) if self.covariates.ahead else None
        self.blend = nn.Parameter(torch.zeros(P, 2 * S))
        self.offset = nn.Parameter(torch.zeros(P, Q))
        shares = [0.5 if level == 0.5 else 0.5 / max(1, Q - 1) for level in task.levels]
        self.levels: Tensor
        self.shares: Tensor
        self.spread: Tensor
        self.relative: Tensor
        self.register_buffer("levels", torch.tensor(task.levels, dtype=torch.float32))
        self.register_buffer("shares", torch.tensor(shares, dtype=torch.float32))
        self.register_buffer("spread", torch.ones(P))
        self.register_buffer("relative", torch.zeros(()))
        self.usual = UsualChange(task.series)

    @property
    def _beforehand(self) -> int:
        """How many values a longest season before the steps ahead a step is shown."""
        return min(self.task.horizon, MOST_AHEAD * self.period, self.longest) if self.longest > self.period else 0

    def quantiles(self, batch: Batch) -> Tensor:
        """Return quantiles (B, P, Q) of what follows the windows, float64, in the units of the series."""
        folds = self.folds(batch)
        expressed = self(batch, folds, 1)[:, 0].double()
        raw: Tensor = folds.center[:, -1:] + folds.size[:, -1:] * expressed
        return raw

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean pinball loss over the values that follow: in training many steps, else the last alone.

        An error counts in units of the window's usual change over a season, and where all values are positive half of
        it in shares of the value, so that neither large nor restless series outweigh the others. The median counts as
        much as all other quantiles together.
        """
        folds = self.folds(batch)
        k = self.taught if self.training else 1
        quantiles = self(batch, folds, k)
        center, size = folds.center[:, -k:], folds.size[:, -k:]
        targets = self._targets(batch, k)
        there = ~torch.isnan(targets)
        expressed = ((targets - center) / size).nan_to_num().to(quantiles.dtype)
        loss = pinball_loss(quantiles, expressed, self.levels)
        weight = self._weight(batch.past, size).to(loss.dtype)
        if float(self.relative) > 0:
            median = quantiles[..., len(self.levels) // 2].detach().double() * size + center
            share = 2 * size / (targets.abs() + median.abs())
            weight = weight + self.relative * share.nan_to_num(0.0, 0.0).to(loss.dtype)
        return ((loss @ self.shares) * weight * there).sum() / there.sum().clamp_min(1)

    def forward(self, batch: Batch, folds: Folds, last: int) -> Tensor:
        """Return quantiles (B, k, P, Q) of what follows each of the last k steps, in the units of the step.

        folds  of the past values
        last   k
        """
        encoded = self.covariates(batch)
        parts = [self._inputs(folds)]
        if encoded.past.shape[2]:
            covariates = encoded.past[:, -self.steps * self.period :]
            parts.append(covariates.reshape(len(covariates), self.steps, -1))
        hidden, _ = self.lstm(torch.cat(parts, 2))
        state = self.dropout(hidden[:, -last:])
        static = encoded.static[:, None].expand(-1, last, -1)
        change = self.head(torch.cat([state, static], 2)).view(len(state), last, self.task.horizon, -1)
        if self.ahead is not None:
            known = torch.cat([encoded.past[..., encoded.past.shape[2] - encoded.ahead.shape[2] :], encoded.ahead], 1)
            change = change + self.ahead(state, self._following(known, last).movedim(2, 3))
        level = (self._naive(folds, last) * self.blend).sum(3, keepdim=True)
        quantiles: Tensor = level + self.spread[:, None] * (change + self.offset)
        return quantiles

    @property
    def naive(self) -> FoldedLstm:
        """What holds the blend of naive forecasts."""
        return self

    @torch.no_grad()
    def start_from(self, windows: Windows) -> None:
        """Fit the blend of naive forecasts and the quantiles of its errors to the ends of training windows."""
        self.covariates.start_from(windows)
        self.usual.start_from(windows)
        items = torch.arange(0, len(windows), max(1, len(windows) // START_WINDOWS))
        parts = [self._ends(windows.batch(some)) for some in torch.split(items, START_BATCH)]
        naive, future, center, size, weight, lowest = (torch.cat(part) for part in zip(*parts, strict=True))
        target = (future - center) / size
        blend = ridge(naive * weight[..., None], target * weight)
        median = (naive * blend).sum(2)
        errors = target - median
        spread = usual_error(errors)
        levels = torch.tensor(self.task.levels, dtype=torch.float64)
        offset = torch.nanquantile(errors, levels, dim=0).nan_to_num().T / spread[:, None]
        offset[:, levels == 0.5] = 0.0  # the median begins as the blend itself
        self.blend.copy_(blend)
        self.spread.copy_(spread)
        self.offset.copy_(offset)
        if bool((lowest > 0).all()):
            share = 2 * size / (future.abs() + (median * size + center).abs())
            plain, shared = (errors.abs() * weight).nanmean(), (errors.abs() * share).nanmean()
            self.relative.copy_(torch.where(shared > 0, plain / shared, 0.0))

    def _ends(self, batch: Batch) -> tuple[Tensor, ...]:
        """Return naive forecasts at the end of windows, what came, center, size, weight, and the lowest value."""
        folds = self.folds(batch)
        center, size = folds.center[:, -1], folds.size[:, -1]
        weight = self._weight(batch.past, size[:, None])[:, 0]
        lowest = batch.past.nan_to_num(torch.inf).min(1).values
        return self._naive(folds, 1)[:, 0].double(), batch.future, center, size, weight, lowest

    def folds(self, batch: Batch) -> Folds:
        """Cut windows into views and measure them.

        Where next to nothing deviates, a part of what the window deviates, or of what the series usually changes from
        one value to the next, takes its place.
        """
        m, M, n = self.period, self.longest, self.steps
        past = batch.past[:, -(n * m + M) :]
        usual = self.usual.least(past, batch.series)[:, None]
        missing = None
        if self.task.marked:
            missing = torch.isnan(past)[:, -n * m :].reshape(len(past), n, m)
            past = self._filled(past)
        views = past.unfold(1, M + m, m)
        own = views[..., -M:]
        center = own[..., :1] + (own - own[..., :1]).mean(2, keepdim=True)  # exact on a large level
        size = (own - center).abs().mean(2, keepdim=True)
        whole = (past - mean_near(past)).abs().mean(1)[:, None, None]
        least = torch.maximum(rounding(center), usual)
        return Folds(views, center, torch.maximum(torch.maximum(size, CALM * whole), least), missing)

    def _filled(self, past: Tensor) -> Tensor:
        """Return windows with each missing value replaced by the one a season before, or else by the mean."""
        B, m, N = len(past), self.period, past.shape[1]
        rows = -(-N // m)
        padded = torch.cat([past.new_full((B, rows * m - N), torch.nan), past], 1)
        phases = padded.view(B, rows, m).transpose(1, 2).reshape(B * m, rows)
        filled = carry_forward(phases).view(B, m, rows).transpose(1, 2).reshape(B, rows * m)[:, -N:]
        mean = past.nanmean(1, keepdim=True).nan_to_num()
        return torch.where(torch.isnan(filled), mean, filled)

    def _inputs(self, folds: Folds) -> Tensor:
        """Return what each step reads (B, n, D): its season, the change since the season before, and marks.

        Beside these stand the values a longest season before the steps ahead, and how center and size have moved.
        """
        m, V, a = self.period, folds.views.shape[2], self._beforehand
        recent = folds.scaled(folds.views[..., -2 * m :])
        before = folds.scaled(folds.views[..., V - self.longest : V - self.longest + a])
        moved = folds.center.diff(dim=1, prepend=folds.center[:, :1]) / folds.size
        grown = folds.size.log().diff(dim=1, prepend=folds.size[:, :1].log())
        season = recent[..., -m:]
        inputs = torch.cat([season, season - recent[..., :-m], before, moved, grown], 2)
        inputs = inputs.clamp(-LARGEST, LARGEST).to(self.head.weight.dtype)
        return inputs if folds.missing is None else torch.cat([inputs, folds.missing.to(inputs.dtype)], 2)

    def _naive(self, folds: Folds, last: int) -> Tensor:
        """Return the naive forecasts (B, k, P, 2 S) after each of the last k steps, in the units of the step.

        For each season the two forecasts are the value a season before the target, and the change since a season ago.
        """
        V, P = folds.views.shape[2], self.task.horizon
        views = (folds.views[:, -last:] - folds.center[:, -last:]) / folds.size[:, -last:]
        forecasts = []
        for season in self.seasons:
            forecasts.append(views[..., torch.arange(P) % season + (V - season)])
            forecasts.append((views[..., -1:] - views[..., V - 1 - season, None]).expand(-1, -1, P))
        return torch.stack(forecasts, 3).to(self.head.weight.dtype)

    def _targets(self, batch: Batch, last: int) -> Tensor:
        """Return the raw values (B, k, P) that follow each of the last k steps."""
        return self._following(torch.cat([batch.past, batch.future], 1), last)

    def _following(self, values: Tensor, last: int) -> Tensor:
        """Return what follows each of the last k steps, (B, k, ..., P), of values (B, L + P, ...)."""
        P = self.task.horizon
        begin = values.shape[1] - P - (last - 1) * self.period
        return values[:, begin:].unfold(1, P, self.period)

    def _weight(self, past: Tensor, size: Tensor) -> Tensor:
        """Return the size of each step (B, k, 1) in units of the window's mean change over a season."""
        m = self.period
        change = (past[:, m:] - past[:, :-m]).abs().nanmean(1).nan_to_num()[:, None, None]
        return size / torch.maximum(change, size / HEAVIEST)
