"""Encoder and decoder with attention: one LSTM reads the context, another works through the steps ahead.

The decoder is never fed its own forecasts: a step ahead is described by what is known of it (covariates, its number,
the value a season before it), and gives its quantiles directly. At every step it looks back at the outputs of the
encoder. The network begins as a blend of naive forecasts, its last layer at zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.forecasting.models.inputs import CovariateInputs
from lstmkit.forecasting.models.model import ForecastModel, ModelSettings, Task, masked_mean, recurrent_layers
from lstmkit.forecasting.models.naive import NaiveStart, only
from lstmkit.nn import LSTM, AdditiveAttention, MultiplicativeAttention, WindowScale, pinball_loss

ATTENTIONS = ("general", "dot", "additive")
STEP_WIDTH = 16  # of the vector that says which step ahead it is
MOST_SCORES = 1 << 24  # numbers that additive attention may hold at once when it forecasts


@dataclass(frozen=True, slots=True)
class Seq2SeqSettings(ModelSettings):
    """Size and training of encoder and decoder, which are alike.

    attention  how a step ahead scores the steps of the context: "general" and "dot" by products, "additive" by a small
               network, which takes more time and memory
    """

    attention: str = "general"

    def __post_init__(self) -> None:
        """Check every value."""
        self.check({"attention": ATTENTIONS})


class Decoded(NamedTuple):
    """What the network makes of a batch.

    quantiles  (B, P, Q) scaled
    weights    (B, P, C) of the attention
    scale      of the context
    """

    quantiles: Tensor
    weights: Tensor
    scale: WindowScale


class Seq2Seq(ForecastModel[Seq2SeqSettings]):
    """Direct quantiles of every step ahead from a decoder that attends to an encoder.

    Letters: B batch, C context, P horizon, Q quantile levels, H hidden.

    Source  Sutskever, Vinyals & Le 2014; attention: Bahdanau, Cho & Bengio 2015, Luong, Pham & Manning 2015; direct
            quantiles: Wen et al. 2017
    """

    Settings = Seq2SeqSettings
    title = "seq2seq"

    def __init__(self, task: Task, settings: Seq2SeqSettings) -> None:
        super().__init__(task, settings)
        H = settings.hidden_size
        self.covariates = CovariateInputs(task)
        self.start = NaiveStart(task)
        self.step_number = nn.Embedding(task.horizon, STEP_WIDTH)
        static = self.covariates.static
        self.encoder_lstm = self._recurrent(self.start.context_width + self.covariates.past + static)
        self.decoder_lstm = self._recurrent(STEP_WIDTH + self.start.ahead_width + self.covariates.ahead + static)
        self.attend: AdditiveAttention | MultiplicativeAttention
        if settings.attention == "additive":
            self.attend = AdditiveAttention(H, H, H, batch_first=True)
        else:
            self.attend = MultiplicativeAttention(H, H, settings.attention, scaled=True, batch_first=True)
        self.join = nn.Linear(2 * H, H)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(H, len(task.levels))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.levels: Tensor
        self.register_buffer("levels", torch.tensor(task.levels, dtype=torch.float32))

    def forward(self, batch: Batch) -> Decoded:
        """Forecast the steps after the windows."""
        P, scale, encoded = self.task.horizon, self.start.scale(batch.past, batch.series), self.covariates(batch)
        context = self.start.context(batch.past, scale)
        C = context.shape[1]
        static = encoded.static[:, None]
        memory, state = self.encoder_lstm(torch.cat([context, encoded.past[:, -C:], static.expand(-1, C, -1)], 2))
        numbers = self.step_number.weight.expand(len(context), -1, -1)
        ahead = [numbers, self.start.ahead(batch.past, scale), encoded.ahead, static.expand(-1, P, -1)]
        decoded, _ = self.decoder_lstm(torch.cat(ahead, 2), state)
        found, weights = self.attend(decoded, memory)
        joined = torch.tanh(self.join(torch.cat([decoded, found], 2)))
        change = self.head(self.dropout(joined))
        return Decoded(self.start(batch.past, scale, change), weights, scale)

    def quantiles(self, batch: Batch) -> Tensor:
        """Return quantiles (B, P, Q) of what follows, in the units of the series."""
        outputs = [self(part) for part in self._parts(batch)]
        return torch.cat([out.scale.invert(out.quantiles.double()) for out in outputs])

    def attention(self, batch: Batch) -> Tensor:
        """Return how much of its attention each step ahead gives to each step of the context, (B, P, C); sums are 1."""
        return torch.cat([self(part).weights for part in self._parts(batch)])

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean pinball loss; every step ahead counts in units of its own usual error."""
        out: Decoded = self(batch)
        target = out.scale.apply(batch.future).to(out.quantiles.dtype).nan_to_num()
        spread = self.start.spread
        return masked_mean(pinball_loss(out.quantiles / spread[:, None], target / spread, self.levels), batch.future)

    def start_from(self, windows: Windows) -> None:
        """Fit the blend of naive forecasts, and the scales of the covariates, to training windows."""
        self.covariates.start_from(windows)
        self.start.start_from(windows)

    def _recurrent(self, inputs: int) -> LSTM:
        settings = self.settings
        return recurrent_layers(inputs, self.task, settings)

    def _parts(self, batch: Batch) -> list[Batch]:
        """Return the batch in parts that additive attention has the memory for."""
        if self.settings.attention != "additive" or not len(batch.past):
            return [batch]
        size = max(1, MOST_SCORES // (self.task.horizon * self.task.context * self.settings.hidden_size))
        return [only(batch, k, k + size) for k in range(0, len(batch.past), size)]
