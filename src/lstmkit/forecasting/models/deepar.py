"""DeepAR: an autoregressive recurrent network that learns a distribution and forecasts by sampled paths.

Every step reads lagged values, covariates of the step, and the age of the series, and gives the distribution of the
value at that step. It is trained by likelihood over the whole window, context included. To forecast, paths are drawn: a
drawn value is what the next step reads. Beyond the paper, the distribution begins at a linear autoregression of the
lags, fitted before training, and a context's mean may be taken off, so that a level does not drown its changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.errors import InputError
from lstmkit.forecasting.models.autoregression import fit_autoregression, lag_values
from lstmkit.forecasting.models.heads import HEADS
from lstmkit.forecasting.models.inputs import CovariateInputs
from lstmkit.forecasting.models.model import ForecastModel, ModelSettings, Task, recurrent_layers
from lstmkit.forecasting.models.naive import only
from lstmkit.forecasting.models.usual import UsualChange
from lstmkit.nn import squash
from lstmkit.nn.scaling import carry_forward, mean_near, rounding
from lstmkit.ranges import Range

PATHS = Range("must be from 2 to 10000", least=2, most=10_000)  # far more than intervals need
MOST = 1e3  # a scaled value beyond it, after a window that hardly moved, tells nothing more
FAR = 20.0  # units from zero: beyond it the level does not matter
START_WINDOWS = 2048
SEEDS = (1 << 63) - 1
ROWS = 4096  # paths advanced at once: their states stay in the cache


@dataclass(frozen=True, slots=True)
class DeepArSettings(ModelSettings):
    """Size and training of DeepAR, and how it forecasts.

    head    distribution of a value: "student", "normal", "negative-binomial" (for counts), or "mixture" (of normals)
    centre  whether a context's mean is taken off before the mean absolute value is taken; never for counts
    paths   paths drawn for a forecast
    """

    hidden_size: int = 40
    num_layers: int = 2
    dropout: float = 0.1
    head: str = "student"
    centre: bool = True
    paths: int = 100

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({"head": tuple(HEADS), "paths": PATHS})


class ValueScale(NamedTuple):
    """What values are expressed in.

    centre  (B, 1) what stands for zero
    unit    (B, 1) mean absolute distance from it, positive
    moves   (B, 1) whether the context shows such a distance at all
    """

    centre: Tensor
    unit: Tensor
    moves: Tensor


class Steps(NamedTuple):
    """What stands fixed about the steps of a window, and what the steps before them say.

    fixed   (B, T, D) inputs that do not depend on values: age, covariates
    inputs  (B, T, 2K or K) lagged values, and their marks
    level   (B, T) the autoregression of the lagged values
    """

    fixed: Tensor
    inputs: Tensor
    level: Tensor


class DeepAr(ForecastModel[DeepArSettings]):
    """Autoregressive sampling from a learnt distribution.

    Letters: B batch, L values before the cutoff, C of them context, P horizon, T = C + P steps, K lags, N paths.

    Source  Salinas, Flunkert & Gasthaus 2017
    """

    Settings = DeepArSettings
    title = "DeepAR"
    most_calibrated = 256  # each needs its own sample paths

    def __init__(self, task: Task, settings: DeepArSettings) -> None:
        super().__init__(task, settings)
        self.lags = lags_of(task.seasons)
        self.distribution = HEADS[settings.head]
        self.covariates = CovariateInputs(task)
        self.seen_width = self.covariates.past - self.covariates.ahead
        marks = 2 if task.marked else 1
        # Age, where zero lies, and whether the covariates of the past still stand there.
        fixed = 2 + (1 if self.seen_width else 0) + self.covariates.past + self.covariates.static
        self.lstm = recurrent_layers(marks * len(self.lags) + fixed, task, settings)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.hidden_size, self.distribution.size)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.weights = nn.Parameter(torch.zeros(len(self.lags)))
        self.spread: Tensor
        self.register_buffer("spread", torch.ones(()))
        self.usual = UsualChange(task.series)
        # Drawn with the weights and kept with them: members of an ensemble draw different paths, each its own again.
        self.path_seed: Tensor
        self.register_buffer("path_seed", torch.randint(1 << 31, ()))

    def quantiles(self, batch: Batch) -> Tensor:
        """Return quantiles (B, P, Q) of `settings.paths` paths, in the units of the series."""
        levels = torch.tensor(self.task.levels, dtype=torch.float64)
        return torch.quantile(self.samples(batch, self.settings.paths), levels, dim=1).permute(1, 2, 0)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean negative log-likelihood: in training of all steps of the window, else of those ahead.

        Windows whose context does not move are left out where others are: they say nothing in their own units.
        """
        values = torch.cat([batch.past, batch.future], 1)
        if self.distribution.counts:
            _check_counts(values, "a series")
        C = self.task.context
        scale = self.scale(batch)
        scaled = self._scaled(values, scale)
        steps = self._steps(batch, scaled, scale)
        hidden, _ = self.lstm(torch.cat([steps.inputs, steps.fixed], 2))
        raw = self.head(self.dropout(hidden))
        target = values if self.distribution.counts else scaled
        target = target[:, -raw.shape[1] :]
        there = ~torch.isnan(target)
        if bool((there & scale.moves).any()):
            there = there & scale.moves
        if not self.training and bool(there[:, C:].any()):
            there[:, :C] = False
        unit = scale.unit.expand_as(target)
        parameters = self.distribution.parameters(raw[there], steps.level[there], self.spread, unit[there])
        loss = -self.distribution.log_likelihood(parameters, target[there])
        return loss.mean().to(raw.dtype) if len(loss) else raw.sum() * 0.0

    def start_from(self, windows: Windows) -> None:
        """Fit the autoregression of the lags, and how far values lie from it, to training windows.

        Raises  InputError if the head is for counts and a series holds anything else
        """
        if self.distribution.counts:
            table = windows.table
            for s in range(len(table)):
                rows = table.values[table.offsets[s] : table.offsets[s + 1]]
                _check_counts(torch.from_numpy(np.ascontiguousarray(rows)), table.name(s))
        self.covariates.start_from(windows)
        self.usual.start_from(windows)
        every = max(1, len(windows) // START_WINDOWS)
        batch = windows.batch(torch.arange(0, len(windows), every))
        scale = self.scale(batch)
        scaled = self._scaled(torch.cat([batch.past, batch.future], 1), scale)[scale.moves[:, 0]]
        T = self.task.context + self.task.horizon
        weights, spread = fit_autoregression(self._lagged(scaled, T)[0], scaled[:, -T:], self.lags)
        with torch.no_grad():
            self.weights.copy_(weights)
            self.spread.copy_(spread)

    @torch.no_grad()
    def samples(self, batch: Batch, paths: int) -> Tensor:
        """Return sample paths (B, N, P), float64, in the units of the series; the same call gives the same paths.

        The seed is the model's, and depends on the first window, so that batches of a longer list draw different paths.
        """
        first = (int(batch.series[0]), int(batch.row[0])) if len(batch.past) else (0, 0)
        generator = torch.Generator().manual_seed(hash((int(self.path_seed), *first)) & SEEDS)
        at_once = max(1, ROWS // paths)
        parts = []
        for start in range(0, len(batch.past), at_once):
            part = only(batch, start, start + at_once)
            parts.append(self._draw(part, paths, generator))
        return torch.cat(parts) if parts else batch.past.new_empty(0, paths, self.task.horizon)

    def scale(self, batch: Batch) -> ValueScale:
        """Measure the context of windows: the mean of the values there, and their mean absolute distance from it.

        Where next to nothing moves, or little is seen, what is usual is the unit (`usual.py`).
        """
        context = batch.past[:, -self.task.context :]
        count = (~torch.isnan(context)).sum(1, keepdim=True).clamp_min(1)
        if self.distribution.counts:
            unit = context.abs().nan_to_num().sum(1, keepdim=True) / count + 1
            return ValueScale(torch.zeros_like(unit), unit, torch.ones_like(unit, dtype=torch.bool))
        mean = mean_near(context)
        centre = mean if self.settings.centre else torch.zeros_like(mean)
        unit = (context - centre).abs().nan_to_num().sum(1, keepdim=True) / count
        floor = rounding(centre)
        unit = torch.maximum(unit, self.usual.least(context, batch.series))
        return ValueScale(centre, torch.maximum(unit, floor), unit > floor)

    def _scaled(self, values: Tensor, scale: ValueScale) -> Tensor:
        return ((values - scale.centre) / scale.unit).clamp(-MOST, MOST).to(self.head.weight.dtype)

    def _lagged(self, scaled: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        """Return lagged values (B, T, K) of the last `steps` of scaled values: gaps filled with the value before, and
        as they are, NaN where missing.
        """
        filled = carry_forward(scaled).nan_to_num()
        return lag_values(filled, steps, self.lags, 0.0), lag_values(scaled, steps, self.lags, torch.nan)

    def _steps(self, batch: Batch, scaled: Tensor, scale: ValueScale) -> Steps:
        """Return what is known of the steps from the beginning of the context on, as far as `scaled` (B, ...) goes."""
        T = scaled.shape[1] - batch.past.shape[1] + self.task.context
        filled, lagged = self._lagged(scaled, T)
        inputs = squash(lagged.nan_to_num())
        if self.task.marked:
            inputs = torch.cat([inputs, torch.isnan(lagged).to(inputs.dtype)], 2)
        return Steps(self._fixed(batch, scale)[:, :T], inputs, filled @ self.weights)

    def _fixed(self, batch: Batch, scale: ValueScale) -> Tensor:
        """Return age, covariates, and where zero lies, for every step of context and horizon, (B, T, D).

        Zero matters where it is near: many series never go below it, and vary less the nearer they come.
        Covariates that are known up to the cutoff only come a step late, and are 0 from the second step ahead on.
        """
        C, P, dtype = self.task.context, self.task.horizon, self.head.weight.dtype
        encoded = self.covariates(batch)
        B, L = batch.past.shape
        row = (batch.row[:, None] + torch.arange(-C, P)).clamp_min(0)
        zero = squash((scale.centre / scale.unit).clamp(-FAR, FAR))
        parts = [row.to(dtype).log1p().unsqueeze(2) / 10, zero[:, None].expand(-1, C + P, -1)]
        if self.seen_width:
            seen = nn.functional.pad(encoded.past[..., : self.seen_width], (0, 0, 1, P - 1))[:, L - C :]
            stands = (torch.arange(-C, P) <= 0).to(dtype)[None, :, None].expand(B, -1, 1)
            parts += [seen, stands]
        parts.append(torch.cat([encoded.past[:, L - C :, self.seen_width :], encoded.ahead], 1))
        parts.append(encoded.static[:, None].expand(-1, C + P, -1))
        return torch.cat([p.to(dtype) for p in parts], 2)

    def _draw(self, batch: Batch, paths: int, generator: torch.Generator) -> Tensor:
        """Draw paths (B, N, P) of a few windows: one pass over the context, then step by step for all paths."""
        B, C, P, K = len(batch.past), self.task.context, self.task.horizon, len(self.lags)
        scale = self.scale(batch)
        scaled = self._scaled(batch.past, scale)
        steps = self._steps(batch, scaled, scale)
        fixed = self._fixed(batch, scale)
        _, state = self.lstm(torch.cat([steps.inputs, fixed[:, :C]], 2))
        state = tuple(s.repeat_interleave(paths, dim=1) for s in state)
        history = _History(scaled, self.lags, P, paths)
        x = fixed.new_zeros(B * paths, self.lstm.input_size)
        unit = scale.unit.expand(B, paths)
        drawn = batch.past.new_empty(B, paths, P)
        for p in range(P):
            lagged, marks, filled = history.before(p)
            x[:, :K] = lagged.T
            if self.task.marked:
                x[:, K : 2 * K] = marks.T
            x.view(B, paths, -1)[..., -fixed.shape[2] :] = fixed[:, None, C + p]
            y, state = self.lstm.step(x, state)
            level = (self.weights @ filled).view(B, paths)
            raw = self.head(self.dropout(y)).view(B, paths, -1)
            value = self.distribution.sample(self.distribution.parameters(raw, level, self.spread, unit), generator)
            drawn[..., p] = value
            if self.distribution.counts:
                value = value / unit
            history.append(p, value.clamp(-MOST, MOST).to(x.dtype).flatten())
        return drawn if self.distribution.counts else scale.centre[:, :, None] + drawn * scale.unit[:, :, None]


class _History:
    """The last values of every path, step by step in memory, so that a lag of all paths is one contiguous row.

    scaled  (B, L) values before the cutoff, NaN where missing
    lags    (K,)
    ahead   steps that will be appended
    paths   rows a window
    """

    def __init__(self, scaled: Tensor, lags: tuple[int, ...], ahead: int, paths: int) -> None:
        self.most = max(lags)
        self.at = self.most - torch.tensor(lags)
        known = lag_values(scaled, 1, tuple(range(self.most, 0, -1)), torch.nan, after=True)[:, 0].T
        filled = lag_values(carry_forward(scaled).nan_to_num(), 1, tuple(range(self.most, 0, -1)), 0.0, after=True)[
            :, 0
        ].T
        room = scaled.new_zeros(ahead, len(scaled) * paths)
        self.squashed = torch.cat([squash(known.nan_to_num()).repeat_interleave(paths, 1), room])
        self.filled = torch.cat([filled.repeat_interleave(paths, 1), room])
        self.missing = torch.cat([torch.isnan(known).to(scaled.dtype).repeat_interleave(paths, 1), room])

    def before(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return what stands at every lag of a step ahead, (K, rows): squashed values, marks, filled values."""
        at = self.at + step
        return self.squashed[at], self.missing[at], self.filled[at]

    def append(self, step: int, value: Tensor) -> None:
        """Note the values (rows,) of a step ahead."""
        self.filled[self.most + step] = value
        self.squashed[self.most + step] = squash(value)


def lags_of(seasons: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lags that a step reads: the last three, and around each season; increasing."""
    around = {m + k for m in seasons for k in (-1, 0, 1)} | {2 * m for m in seasons}
    return tuple(sorted({1, 2, 3} | {lag for lag in around if 1 <= lag <= max(seasons, default=0) + 1}))


def _check_counts(values: Tensor, name: str) -> None:
    wrong = values[(values < 0) | ((values != values.round()) & ~torch.isnan(values))]
    if len(wrong):
        raise InputError(
            f'{name}: {float(wrong[0]):g} is no count; head "negative-binomial" needs whole numbers that are not '
            f'negative: use head "student"'
        )
