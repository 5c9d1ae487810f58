"""From a forecast and a change to quantiles: intervals that begin as wide as the forecast's errors were."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.forecasting.models.inputs import CovariateInputs
from lstmkit.forecasting.models.linear_start import LinearStart, Start
from lstmkit.forecasting.models.model import ForecastModel, S, Task, masked_mean
from lstmkit.forecasting.models.usual import usual_error
from lstmkit.nn import mean_weights, pinball_loss

START_WINDOWS = 8192


class PointAndSpread(nn.Module):
    """Quantiles around a forecast, and their loss.

    squared  weight of the squared error of the mean that the quantiles imply, beside the pinball loss
    """

    def __init__(self, task: Task, squared: float) -> None:
        super().__init__()
        self.squared = squared
        self.offset = nn.Parameter(torch.zeros(task.horizon, len(task.levels)))
        self.levels: Tensor
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("levels", torch.tensor(task.levels, dtype=torch.float32))
        self.register_buffer("mean", mean_weights(task.levels).float())
        self.register_buffer("spread", torch.ones(task.horizon))

    def forward(self, forecast: Tensor, change: Tensor) -> Tensor:
        """Return quantiles (B, P, Q) from a forecast (B, P) and a change (B, P, Q) in units of its usual error."""
        return forecast[:, :, None] + self.spread[:, None] * (change + self.offset)

    def quantiles(self, start: Start, change: Tensor) -> Tensor:
        """Return quantiles (B, P, Q), in the units of the series, of a linear forecast and a change to it (B, P, Q)."""
        return start.invert(self(start.forecast, change))

    def loss(self, start: Start, change: Tensor, future: Tensor) -> Tensor:
        """Return the mean loss in units of the usual error of all steps: pinball, and the squared error of the mean.

        start, change  as in `quantiles`
        future         (B, P) in the units of the series; NaN counts for nothing
        """
        quantiles, target = self(start.forecast, change), start.express(future)
        unit, filled = self.spread.mean(), target.nan_to_num()
        loss = pinball_loss(quantiles, filled, self.levels).mean(2) / unit
        if self.squared:
            loss = loss + self.squared * ((quantiles @ self.mean - filled) / unit).square()
        return masked_mean(loss, target)

    @torch.no_grad()
    def fit(self, start: LinearStart, windows: Windows) -> None:
        """Begin with symmetric intervals as wide as the errors that the linear forecast makes on training windows."""
        batch = windows.batch(torch.arange(0, len(windows), max(1, len(windows) // START_WINDOWS)))
        begun = start(batch)
        errors = begun.express(batch.future) - begun.forecast
        spread = usual_error(errors)
        covered = (2 * self.levels - 1).abs()
        width = torch.nanquantile(errors.abs(), covered, dim=0).nan_to_num().T / spread[:, None]
        self.spread.copy_(spread)
        self.offset.copy_(torch.sign(self.levels - 0.5) * width)  # the median and the mean begin as the forecast itself


class ChangedStart(ForecastModel[S]):
    """A model that adds what it has learnt to a linear forecast; what it adds begins as nothing."""

    start: LinearStart
    covariates: CovariateInputs
    output: PointAndSpread

    @property
    def window(self) -> int:
        """Values before the cutoff that a batch must hold: the context."""
        return self.task.context

    def quantiles(self, batch: Batch) -> Tensor:
        """Return quantiles (B, P, Q) of what follows, in the units of the series."""
        start = self.start(batch)
        return self.output.quantiles(start, self.change(start, batch))

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean pinball loss, and the squared error of the mean if the settings say so."""
        start = self.start(batch)
        return self.output.loss(start, self.change(start, batch), batch.future)

    def start_from(self, windows: Windows) -> None:
        """Fit the linear forecast, and the width of the intervals, to training windows."""
        self.covariates.start_from(windows)
        self.start.fit(windows)
        self.output.fit(self.start, windows)

    @abstractmethod
    def change(self, start: Start, batch: Batch) -> Tensor:
        """Return what is added to the linear forecast, (B, P, Q)."""
