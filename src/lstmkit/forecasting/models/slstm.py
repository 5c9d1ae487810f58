"""sLSTM blocks over patches of the context, added to a linear forecast."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.data import Batch
from lstmkit.errors import InputError
from lstmkit.forecasting.models.inputs import CovariateInputs
from lstmkit.forecasting.models.linear_start import LINEAR, SCALES, LinearStart, Start
from lstmkit.forecasting.models.model import ModelSettings, Task
from lstmkit.forecasting.models.point_and_spread import ChangedStart, PointAndSpread
from lstmkit.nn import LSTM, SLstm
from lstmkit.ranges import NOT_NEGATIVE
from lstmkit.recurrence import Cell


@dataclass(frozen=True, slots=True)
class SLstmSettings(ModelSettings):
    """The network of sLSTM blocks and its training; `num_layers` is the number of blocks.

    heads    groups of units that mix only within themselves; they divide hidden_size
    patch    steps of a patch; None for a sixth of the context
    stride   steps from one patch to the next; None for half a patch
    kernel   patches that the causal convolution before the recurrence sees
    scale, linear, profile, returning, squared  as in SegRnnSettings
    """

    cell: str = "slstm"
    hidden_size: int = 64
    num_layers: int = 2
    dropout: float = 0.2
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    batch_size: int = 256
    max_epochs: int = 20
    heads: int = 4
    patch: int | None = None
    stride: int | None = None
    kernel: int = 4
    scale: str = "window"
    linear: str = "own"
    profile: bool = False
    returning: bool = False
    squared: float = 0.0

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({"scale": SCALES, "linear": LINEAR, "squared": NOT_NEGATIVE})
        if self.hidden_size % self.heads:
            raise InputError(f"heads must divide hidden_size; got {self.heads} heads for {self.hidden_size}")


class SLstmModel(ChangedStart[SLstmSettings]):
    """Quantile forecasts from patches of a context window, read by residual blocks around a recurrence.

    The context, as a change from its last value, is cut into overlapping patches, each made one step by a linear layer.
    Blocks read the steps one after the other. All steps of the last block together give what is added to a linear
    forecast of each series; it begins as nothing.

    Letters: B batch, C context, P horizon, N patches, H hidden, Q quantile levels.

    Source  block: Beck et al. 2024 (xLSTM); patches, one channel at a time: Kong et al. 2025 (P-sLSTM); linear forecast
            beside it: Kraus et al. 2024 (xLSTM-Mixer)
    """

    Settings = SLstmSettings
    title = "sLSTM blocks"

    def __init__(self, task: Task, settings: SLstmSettings) -> None:
        super().__init__(task, settings)
        H, Q, K = settings.hidden_size, len(task.levels), settings.num_layers
        self.patch = min(settings.patch or max(2, task.context // 6), task.context)
        self.stride = min(settings.stride or max(1, self.patch // 2), self.patch)
        N = -(-(task.context - self.patch) // self.stride) + 1
        self.before = self.patch + (N - 1) * self.stride - task.context
        self.start = LinearStart(task, settings.scale, settings.profile, settings.linear, settings.returning)
        self.covariates = CovariateInputs(task)
        self.marks = int(task.marked or self.before > 0)
        self.patches = nn.Linear(self.patch * (1 + self.marks + self.covariates.past), H)
        self.blocks = nn.ModuleList(_Block(settings, k, task.backend) for k in range(K))
        self.norm = nn.LayerNorm(H)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(N * H + self.covariates.static, task.horizon * Q)
        self.coming = nn.Linear(self.covariates.ahead, Q, bias=False) if self.covariates.ahead else None
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        if self.coming is not None:
            nn.init.zeros_(self.coming.weight)
        self.output = PointAndSpread(task, settings.squared)

    def change(self, start: Start, batch: Batch) -> Tensor:
        """Return what the blocks add to the linear forecast, (B, P, Q)."""
        encoded = self.covariates(batch)
        steps = self._patches(start, encoded.past[:, -self.task.context :])
        for block in self.blocks:
            steps = block(steps)
        read = torch.cat([self.dropout(self.norm(steps).flatten(1)), encoded.static], 1)
        change: Tensor = self.head(read).view(len(read), self.task.horizon, -1)
        return change if self.coming is None else change + self.coming(encoded.ahead)

    def _patches(self, start: Start, covariates: Tensor) -> Tensor:
        """Return the patches of the context as inputs of the blocks, (B, N, H); the first may begin before it."""
        steps = start.steps(covariates, self.marks > 0, self.before)
        patches: Tensor = self.patches(steps.unfold(1, self.patch, self.stride).flatten(2))
        return patches


class _Block(nn.Module):
    """A residual block: causal convolution, recurrence, normalisation by heads; then a gated layer of each step."""

    def __init__(self, settings: SLstmSettings, number: int, backend: str | None) -> None:
        super().__init__()
        H = settings.hidden_size
        cell: str | Cell = settings.cell
        if cell == "slstm":
            cell = SLstm(heads=settings.heads, block=number, blocks=settings.num_layers)
        self.kernel = settings.kernel
        self.norm = nn.LayerNorm(H)
        self.convolution = nn.Conv1d(H, H, settings.kernel, groups=H)
        self.recurrent = LSTM(2 * H, H, batch_first=True, cell=cell, backend=backend)
        self.heads = nn.GroupNorm(settings.heads, H)
        self.dropout = nn.Dropout(settings.dropout)
        self.gated_norm = nn.LayerNorm(H)
        self.gated = nn.Linear(H, 2 * H)
        self.down = nn.Linear(H, H)

    def forward(self, x: Tensor) -> Tensor:
        """Return steps (B, N, H) of the same shape; step n depends on steps up to n only."""
        plain = self.norm(x)
        mixed = self.convolution(functional.pad(plain.transpose(1, 2), (self.kernel - 1, 0))).transpose(1, 2)
        y, _ = self.recurrent(torch.cat([functional.silu(mixed), plain], 2))
        y = self.heads(y.flatten(0, 1)).view_as(x)
        x = x + self.dropout(y)
        gate, value = self.gated(self.gated_norm(x)).chunk(2, -1)
        out: Tensor = x + self.dropout(self.down(functional.gelu(gate) * value))
        return out
