"""SegRNN: one recurrent step per segment of the context, and one for each segment ahead, all of these in parallel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.data import Batch
from lstmkit.errors import InputError
from lstmkit.forecasting.models.inputs import CovariateInputs
from lstmkit.forecasting.models.linear_start import LINEAR, SCALES, LinearStart, Start
from lstmkit.forecasting.models.model import ModelSettings, Task, recurrent_layers
from lstmkit.forecasting.models.point_and_spread import ChangedStart, PointAndSpread
from lstmkit.ranges import NOT_NEGATIVE


@dataclass(frozen=True, slots=True)
class SegRnnSettings(ModelSettings):
    """The segment network and its training.

    segment  steps that make one step of the recurrence; None for the shortest season if it goes twice into the context,
             else a quarter of the context
    scale    unit of a window: "window" for its own standard deviation, "series" for that of its series in training
    linear   linear forecast to begin from: "own" for weights of each series, "shared" for all alike, "none" for the
             last value
    profile  whether the mean profile of the shortest season is taken away before and added after. It needs rows that
             are counted from the first row ever read, so a table given to `predict` must begin with that row
    returning  whether the linear forecast may draw a series back to its mean level in training
    squared  weight of the squared error of the mean beside the pinball loss of the quantiles
    """

    cell: str = "gru"
    hidden_size: int = 128
    dropout: float = 0.5
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    batch_size: int = 256
    max_epochs: int = 20
    steps_per_epoch: int = 100
    segment: int | None = None
    scale: str = "window"
    linear: str = "own"
    profile: bool = False
    returning: bool = False
    squared: float = 0.0

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({"scale": SCALES, "linear": LINEAR, "squared": NOT_NEGATIVE})
        if self.hidden_size % 2:
            raise InputError(f"segrnn: hidden_size must be even; got {self.hidden_size}")


class SegRnnModel(ChangedStart[SegRnnSettings]):
    """Quantile forecasts from segments of a context window.

    The context, as a change from its last value, is cut into segments of w steps. A linear layer with ReLU makes each
    one input of the recurrence. The state after the last segment is then carried one step on for every segment ahead,
    each told by its own place and by its series; these steps do not see one another. What comes out is added to a
    linear forecast, and begins as nothing.

    Letters: B batch, C context, P horizon, w segment, N segments seen, M segments ahead, H hidden, Q quantile levels.

    Source  Lin et al. 2023 (SegRNN)
    """

    Settings = SegRnnSettings
    title = "SegRNN"

    def __init__(self, task: Task, settings: SegRnnSettings) -> None:
        super().__init__(task, settings)
        H, Q = settings.hidden_size, len(task.levels)
        self.segment = settings.segment or _segment(task)
        self.ahead = -(-task.horizon // self.segment)
        self.start = LinearStart(task, settings.scale, settings.profile, settings.linear, settings.returning)
        self.covariates = CovariateInputs(task)
        self.marks = int(task.marked or task.context % self.segment > 0)
        self.segments = nn.Linear(self.segment * (1 + self.marks + self.covariates.past), H)
        self.recurrent = recurrent_layers(H, task, settings)
        self.places = nn.Parameter(torch.randn(self.ahead, H // 2))
        self.series = nn.Parameter(torch.randn(task.series, H // 2))
        coming, static = self.covariates.ahead, self.covariates.static
        self.coming = nn.Linear(self.segment * coming, H) if coming else None
        self.static = nn.Linear(static, H, bias=False) if static else None
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(H, self.segment * Q)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.output = PointAndSpread(task, settings.squared)

    def change(self, start: Start, batch: Batch) -> Tensor:
        """Return what the recurrence adds to the linear forecast, (B, P, Q)."""
        encoded = self.covariates(batch)
        M, w = self.ahead, self.segment
        _, state = self.recurrent(self._segments(start, encoded.past[:, -self.task.context :]))
        B = len(batch.past)
        told = torch.cat([self.places.expand(B, -1, -1), self._series(batch.series)[:, None].expand(-1, M, -1)], 2)
        if self.coming is not None:
            steps = functional.pad(encoded.ahead, (0, 0, 0, M * w - self.task.horizon))
            told = told + self.coming(steps.reshape(B, M, -1))
        if self.static is not None:
            told = told + self.static(encoded.static)[:, None]
        every = tuple(part.repeat_interleave(M, 1) for part in state)
        y, _ = self.recurrent(told.reshape(B * M, 1, -1), every)
        change: Tensor = self.head(self.dropout(y[:, 0]))
        return change.view(B, M * w, -1)[:, : self.task.horizon]

    def _segments(self, start: Start, covariates: Tensor) -> Tensor:
        """Return the segments of the context as inputs of the recurrence, (B, N, H); the first may begin before it."""
        steps = start.steps(covariates, self.marks > 0, -self.task.context % self.segment)
        return torch.relu(self.segments(steps.reshape(len(steps), -1, self.segment * steps.shape[2])))

    def _series(self, series: Tensor) -> Tensor:
        """Return what is learnt of each series, (B, H / 2); the mean of all for one not learnt from."""
        unknown = (series < 0)[:, None]
        return torch.where(unknown, self.series.mean(0), self.series[series.clamp_min(0)])


def _segment(task: Task) -> int:
    season = task.seasons[0] if task.seasons else 0
    return season if 0 < 2 * season <= task.context else max(1, task.context // 4)
