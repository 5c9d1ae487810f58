"""A recurrence over the values themselves: an LSTM that begins as a naive forecast and learns how to differ from it.

Everything is expressed as a change from the last value, in units of the context window's own mean absolute change. The
forecast is a blend of seasonal naive forecasts, fitted before training, plus what the LSTM adds through an output layer
that begins at zero: before the first step the network forecasts exactly that blend (without a season: the last value,
or what lies between it and the mean of the last few), with intervals as wide as the blend's errors on the training
windows were. Early stopping may keep that state, so the network is not easily worse than the naive forecast.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.forecasting.models.ahead import AheadCovariates
from lstmkit.forecasting.models.inputs import CovariateInputs
from lstmkit.forecasting.models.model import ModelSettings, Task, masked_mean, recurrent_layers
from lstmkit.forecasting.models.naive import NaiveStart
from lstmkit.nn import WindowScale, pinball_loss


class StepwiseLstm(nn.Module):
    """Direct multi-step quantile forecasts from a context window.

    Letters: B batch, C context, M longest season (0 without), P horizon, Q quantile levels, S seasons.
    """

    def __init__(self, task: Task, settings: ModelSettings) -> None:
        super().__init__()
        self.task = task
        P, Q, H = task.horizon, len(task.levels), settings.hidden_size
        self.start = NaiveStart(task)
        self.covariates = CovariateInputs(task)
        inputs = self.start.context_width + self.covariates.past
        self.lstm = recurrent_layers(inputs, task, settings)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(H + self.covariates.static, P * Q)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.ahead = AheadCovariates(self.covariates.ahead, H, Q) if self.covariates.ahead else None
        self.levels: Tensor
        self.register_buffer("levels", torch.tensor(task.levels, dtype=torch.float32))

    def forward(self, batch: Batch) -> tuple[Tensor, WindowScale]:
        """Forecast the steps after the windows.

        Returns  quantiles (B, P, Q) in each window's own scale, and that scale; `scale.invert` gives raw values
        """
        scale = self.start.scale(batch.past, batch.series)
        encoded = self.covariates(batch)
        inputs = self.start.context(batch.past, scale)
        hidden, _ = self.lstm(torch.cat([inputs, encoded.past[:, -self.task.context :]], 2))
        state = self.dropout(hidden[:, -1])
        change = self.head(torch.cat([state, encoded.static], 1)).unflatten(1, (self.task.horizon, -1))
        if self.ahead is not None:
            change = change + self.ahead(state, encoded.ahead)
        return self.start(batch.past, scale, change), scale

    def quantiles(self, batch: Batch) -> Tensor:
        """Return quantiles (B, P, Q) of what follows, in the units of the series."""
        quantiles, scale = self(batch)
        raw: Tensor = scale.invert(quantiles.double())
        return raw

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean pinball loss; every step ahead counts in units of its own usual error."""
        quantiles, scale = self(batch)
        target = scale.apply(batch.future).to(quantiles.dtype)
        loss = pinball_loss(
            quantiles / self.start.spread[:, None], target.nan_to_num() / self.start.spread, self.levels
        )
        return masked_mean(loss, batch.future)

    @property
    def naive(self) -> NaiveStart:
        """What holds the blend of naive forecasts."""
        return self.start

    def start_from(self, windows: Windows) -> None:
        """Fit the blend of naive forecasts, the width of the intervals and the scales of covariates to windows."""
        self.covariates.start_from(windows)
        self.start.start_from(windows)
