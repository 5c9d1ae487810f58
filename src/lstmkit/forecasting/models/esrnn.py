"""ES-RNN: exponential smoothing of each series, and a dilated recurrent network for all of them, trained as one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.errors import InputError
from lstmkit.forecasting.models.ahead import AheadCovariates
from lstmkit.forecasting.models.dilated import DilatedStack
from lstmkit.forecasting.models.inputs import CovariateInputs
from lstmkit.forecasting.models.model import ForecastModel, ModelSettings, Task, masked_mean
from lstmkit.forecasting.models.smoothing import Smoothed, smooth
from lstmkit.forecasting.models.smoothing_start import all_positive, best_rates, first_factors, rows_within
from lstmkit.forecasting.models.usual import FEW, FLAT, lacking, usual_error
from lstmkit.forecasting.models.window_units import WindowUnits, window_units
from lstmkit.nn import pinball_loss, squash
from lstmkit.nn.scaling import mean_near, rounding
from lstmkit.ranges import MORE_THAN_0, NOT_NEGATIVE

START_WINDOWS = 2048
AHEAD = 16
FARTHEST = 1e3


@dataclass(frozen=True, slots=True)
class EsRnnSettings(ModelSettings):
    """Size and training of ES-RNN.

    num_layers   recurrent layers at each dilation
    dilations    of the layers of each block; empty: (1, √m) and (m, 2 m) for a season m, or (m, n) if there is a second
                 one, n; without a season (1, 2) and (4, 8)
    inputs       last values that each step of the network sees; None: the shortest season, 8 at least and 48 at most
    loss_stride  steps between the places in a window at which the network must forecast; None: a quarter of the horizon
    roughness    weight of the penalty on changes of the level's slope
    series_rate  learning rate of what belongs to a single series, in units of learning_rate
    """

    hidden_size: int = 40
    dropout: float = 0.1
    learning_rate: float = 1e-2
    schedule: str = "cosine"
    batch_size: int = 64
    dilations: tuple[tuple[int, ...], ...] = ()
    inputs: int | None = None
    loss_stride: int | None = None
    roughness: float = 0.1
    series_rate: float = 0.1

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({"roughness": NOT_NEGATIVE, "series_rate": MORE_THAN_0})
        if any(not block for block in self.dilations):
            raise InputError(f"dilations must be blocks of steps, each at least 1; got {self.dilations}")


class Smoothing(NamedTuple):
    """Windows as the smoothing left them.

    values    (B, L) in the window's own units, 0 where not seen
    seen      (B, L) bool
    units     of the windows
    smoothed  level and seasons
    """

    values: Tensor
    seen: Tensor
    units: WindowUnits
    smoothed: Smoothed


class EsRnnModel(ForecastModel[EsRnnSettings]):
    """The winner of the M4 competition, for any window: the network forecasts what smoothing leaves.

    Every series has smoothing rates and first seasonal factors of its own, which are trained with the network. Of the
    seasons the two shortest are used. A series whose training values are all positive is multiplicative: its logarithms
    are smoothed (Smyl smooths the values; with logarithms both kinds are one linear recurrence), and a later value that
    is not positive counts as missing. Any other series is additive. A series that was not learnt from has the mean
    rates and factors of its kind, and the usual unit of it where its own window says too little; it is multiplicative
    if its window is positive.

    Each step sees the last values less season and level, covariates, and what is static. The network begins as the
    smoothing: before training the median is level times season. The penalty on cell states and the choice of
    specialists among several networks are left out.

    Source   Smyl 2020, International Journal of Forecasting 36(1); dilations: Chang et al. 2017
    """

    Settings = EsRnnSettings
    title = "ES-RNN"

    def __init__(self, task: Task, settings: EsRnnSettings) -> None:
        super().__init__(task, settings)
        self.periods = task.seasons[:2]
        P, Q, H, N = task.horizon, len(task.levels), settings.hidden_size, task.series
        self.inputs = min(settings.inputs or min(max(min(self.periods, default=8), 8), 48), self.window)
        self.stride = settings.loss_stride or max(1, P // 4)
        self.covariates = CovariateInputs(task)
        width = self.inputs * (2 if task.marked else 1) + 1 + self.covariates.past + self.covariates.static
        dilations = settings.dilations or dilations_for(self.periods)
        self.stack = DilatedStack(
            width, H, dilations, settings.cell, settings.num_layers, settings.dropout, task.backend
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(H, P * Q)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.ahead = AheadCovariates(self.covariates.ahead, H, Q, AHEAD) if self.covariates.ahead else None
        self.rates = nn.Parameter(torch.full((N, 1 + len(self.periods)), -1.0))
        self.factors = nn.Parameter(torch.zeros(N, sum(self.periods)))
        self.offset = nn.Parameter(torch.zeros(P, Q))
        self.levels: Tensor
        self.spread: Tensor
        self.multiplicative: Tensor
        self.register_buffer("levels", torch.tensor(task.levels, dtype=torch.float32))
        self.register_buffer("spread", torch.ones(P))
        self.size: Tensor
        self.register_buffer("size", torch.ones(N, dtype=torch.float64))
        self.register_buffer("multiplicative", torch.zeros(N, dtype=torch.bool))
        self.usual_size: Tensor
        self.usual_unit: Tensor
        self.register_buffer("usual_size", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("usual_unit", torch.zeros(2, dtype=torch.float64))

    @classmethod
    def context(cls, available: int, seasons: tuple[int, ...], horizon: int) -> int:
        """Return two of the longer season used, 60 at least, but at most a third of what there is."""
        return max(2, min(max(60, 2 * max(seasons[:2], default=0)), available // 3))

    def forward(self, batch: Batch, positions: Tensor) -> tuple[Tensor, Smoothing]:
        """Forecast after several steps of each window.

        positions  (N,) steps of the window, at least `inputs` - 1
        Returns    quantiles (B, N, P, Q) in each window's own units, and the smoothing
        """
        smoothing = self.smoothing(batch)
        encoded = self.covariates(batch)
        inputs = self._inputs(smoothing, encoded.past, encoded.static)
        states = self.dropout(self.stack(inputs)[positions - self.inputs + 1].transpose(0, 1))
        change = self.head(states).unflatten(2, (self.task.horizon, -1))
        if self.ahead is not None:
            known = torch.cat([encoded.past[:, :, -self.covariates.ahead :], encoded.ahead], 1)
            change = change + self.ahead(states, known[:, self._following(positions)])
        forecast = smoothing.smoothed.ahead(positions, self.task.horizon).unsqueeze(3)
        quantiles: Tensor = forecast + self.spread[:, None] * (change + self.offset)
        return quantiles, smoothing

    def quantiles(self, batch: Batch) -> Tensor:
        """Return quantiles (B, P, Q) of what follows, in the units of the series."""
        quantiles, smoothing = self(batch, torch.tensor([self.window - 1]))
        inverted: Tensor = smoothing.units.invert(quantiles[:, 0])
        return inverted

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean pinball loss in the windows' own units; in training at places within the window too."""
        last = self.window - 1
        first = self.inputs - 1 if self.training else last
        positions = torch.arange(last, first - 1, -self.stride)
        quantiles, smoothing = self(batch, positions)
        values = torch.where(smoothing.seen, smoothing.values, torch.nan)
        everything = torch.cat([values, smoothing.units.apply(batch.future)], 1)
        target = _near(everything)[:, self._following(positions)].flatten(0, 1)
        loss = masked_mean(pinball_loss(quantiles.flatten(0, 1), target.nan_to_num(), self.levels), target)
        if self.training and self.settings.roughness:
            loss = loss + self.settings.roughness * smoothing.smoothed.level.diff(n=2, dim=1).square().mean()
        return loss

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return groups of parameters for the optimizer; what belongs to a single series has a rate of its own."""
        own = [self.rates, self.factors]
        groups = super().parameter_groups()
        for group in groups:
            group["params"] = [p for p in group["params"] if all(p is not o for o in own)]
        return [*groups, {"params": own, "lr_scale": self.settings.series_rate, "weight_decay": 0.0}]

    def start_from(self, windows: Windows) -> None:
        """Choose multiplicative or additive, first factors, rates and widths of the intervals by the training rows.

        The first factors are averages of what a moving average leaves. The rates of a series are those of a grid whose
        smoothing forecasts its windows best.
        """
        self.covariates.start_from(windows)
        table, rows = windows.table, rows_within(windows)
        own = torch.from_numpy(table.numbers)
        with torch.no_grad():
            self.multiplicative[own] = torch.from_numpy(all_positive(table, rows))
            factors, size = first_factors(table, rows, self.periods, self.multiplicative[own].numpy())
            self.factors[own] = torch.from_numpy(factors).float()
            self.size[own] = torch.from_numpy(size)
            batch = windows.batch(torch.arange(0, len(windows), max(1, len(windows) // START_WINDOWS)))
            self._find_usual(batch, torch.from_numpy(rows))
            units = self._units(batch)
            target = _near(units.apply(batch.future))

            def error(rates: Tensor) -> Tensor:
                self.rates.copy_(rates.logit().expand_as(self.rates))
                return (target - self._naive(batch)).abs().nanmean(1)

            rates = best_rates(error, batch.series, self.task.series, len(self.periods))
            self.rates.copy_(rates.logit())
            errors = target - self._naive(batch)
            self.spread.copy_(usual_error(errors))
            offset = torch.nanquantile(errors, self.levels, dim=0).nan_to_num().T / self.spread[:, None]
            offset[:, self.levels == 0.5] = 0.0  # the median begins as the smoothing itself
            self.offset.copy_(offset)

    def smoothing(self, batch: Batch) -> Smoothing:
        """Smooth windows, each with the rates and first factors of its series."""
        units = self._units(batch)
        expressed = units.apply(batch.past)
        seen = ~torch.isnan(expressed)
        values = expressed.nan_to_num()
        rates = self._of_series(self.rates, batch.series, units.logs).sigmoid()
        size = torch.where(batch.series[:, None] < 0, units.swing, self.size[batch.series][:, None])
        factors = self._of_series(self.factors, batch.series, units.logs) * (size / units.unit).float()
        begin = batch.row[:, None] - values.shape[1]
        first, done = [], 0
        for m in self.periods:
            first.append(factors.gather(1, done + (begin + torch.arange(m)) % m))
            done += m
        return Smoothing(values, seen, units, smooth(values, seen, rates, first))

    def _units(self, batch: Batch) -> WindowUnits:
        positive = ((batch.past > 0) | torch.isnan(batch.past)).all(1)
        logs = torch.where(batch.series < 0, positive, self.multiplicative[batch.series])
        size = torch.where(batch.series < 0, torch.zeros_like(self.size[batch.series]), self.size[batch.series])
        units = window_units(batch.past, logs, max(self.periods, default=1), size)
        part = lacking(batch.past)
        still = units.swing[:, 0] <= rounding(torch.where(logs, torch.ones_like(part), units.mean[:, 0].abs()))
        part = torch.where((batch.series < 0) & still, part.clamp_min(FLAT), part)[:, None]
        unit, swing = (part * usual[logs.long(), None] for usual in (self.usual_unit, self.usual_size))
        return units._replace(unit=torch.maximum(units.unit, unit), swing=torch.maximum(units.swing, swing))

    def _find_usual(self, batch: Batch, rows: Tensor) -> None:
        """Find the median size and unit of each kind of series, for those that say too little about themselves.

        rows  (S,) how many rows of each series have been measured
        """
        telling = rows > FEW
        units, logs = self._units(batch), self.multiplicative[batch.series]
        for kind in (0, 1):
            alike = self.multiplicative == bool(kind)
            sizes, own = self.size[telling & alike], units.unit[(lacking(batch.past) == 0) & (logs == bool(kind)), 0]
            if len(sizes) and len(own):
                self.usual_size[kind], self.usual_unit[kind] = sizes.median(), own.median()
            elif kind == 0 and bool(logs.any()):  # of shares of the level that the others have
                level = mean_near(batch.past.abs())
                self.usual_size[0], self.usual_unit[0] = (units.swing * level).median(), (units.unit * level).median()
            few = ~telling & alike
            self.size[few] = torch.maximum(self.size[few], self.usual_size[kind])

    def _naive(self, batch: Batch) -> Tensor:
        """Return the forecast (B, P) of the smoothing alone, in the windows' own units."""
        return self.smoothing(batch).smoothed.ahead(torch.tensor([self.window - 1]), self.task.horizon)[:, 0]

    def _of_series(self, table: Tensor, series: Tensor, logs: Tensor) -> Tensor:
        """Return the rows (B, D) of a table (N, D); of an unseen series the mean of its kind, zero if there is none."""
        if bool((series >= 0).all()):
            return table[series]  # the usual case, without the means over all series
        kinds = torch.stack([~self.multiplicative, self.multiplicative]).to(table.dtype)
        means = kinds @ table / kinds.sum(1, keepdim=True).clamp_min(1)
        return torch.where(series[:, None] < 0, means[logs[:, 0].long()], table[series])

    def _inputs(self, smoothing: Smoothing, past: Tensor, static: Tensor) -> Tensor:
        """Return what the network sees at every step from the one number `inputs` on, time first."""
        n = self.inputs
        smoothed, seen = smoothing.smoothed, smoothing.seen.float().unfold(1, n, 1)
        rest = (smoothing.values - smoothed.season()).unfold(1, n, 1) - smoothed.level[:, n - 1 :, None]
        features = [squash(rest) * seen, past[:, n - 1 :]]
        if self.task.marked:
            features.append(1 - seen)
        swing = (smoothing.units.swing / smoothing.units.unit).log1p().float()
        features += [fixed[:, None].expand(-1, rest.shape[1], -1) for fixed in (swing, static)]
        return torch.cat(features, 2).transpose(0, 1)

    def _following(self, positions: Tensor) -> Tensor:
        return positions[:, None] + 1 + torch.arange(self.task.horizon)


def _near(target: Tensor) -> Tensor:
    """Return targets, NaN where they are out of all proportion to a window in which nothing moved."""
    return target.masked_fill(target.abs() > FARTHEST, torch.nan)


def dilations_for(periods: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the dilations that suit seasons, shortest first: near steps in the first block, seasons in the second."""
    if not periods:
        return ((1, 2), (4, 8))
    m = periods[0]
    return ((1, max(2, math.isqrt(m))), (m, periods[1] if len(periods) > 1 else 2 * m))
