"""The default forecaster's network: an LSTM that begins as a naive forecast and learns how to differ from it.

Everything is expressed as a change from the last value, in units of the context window's own mean absolute change. The
forecast is a blend of seasonal naive forecasts, fitted before training, plus what the LSTM adds through an output layer
that begins at zero: before the first step the network forecasts exactly that blend (without a season: the last value),
with intervals as wide as the blend's errors on the training windows were. Early stopping may keep that state, so the
network is not easily worse than the naive forecast.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lstmkit.data.windows import Windows
from lstmkit.nn import LSTM, WindowScale, pinball_loss, squash, window_scale

RIDGE = 10.0
START_WINDOWS = 8192


class ForecastNetwork(nn.Module):
    """Direct multi-step quantile forecasts from a context window.

    Letters: B batch, C context, M longest season (0 without), P horizon, Q quantile levels, S seasons.

    context, horizon  C and P, in steps
    seasons           periods whose lags the network sees, (S,)
    levels            quantile levels, increasing, 0.5 among them, (Q,)
    hidden_size, num_layers, dropout, backend  of the LSTM
    """

    def __init__(
        self,
        context: int,
        horizon: int,
        seasons: Sequence[int],
        levels: Sequence[float],
        hidden_size: int,
        num_layers: int,
        dropout: float,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        self.context, self.horizon, self.seasons = context, horizon, tuple(seasons)
        Q = len(levels)
        between = dropout if num_layers > 1 else 0.0
        inputs = 2 + len(self.seasons)
        self.lstm = LSTM(inputs, hidden_size, num_layers, batch_first=True, dropout=between, backend=backend)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, horizon * Q)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.blend = nn.Parameter(torch.zeros(horizon, 2 * len(self.seasons)))
        self.offset = nn.Parameter(torch.zeros(horizon, Q))
        self.levels: Tensor
        self.spread: Tensor
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float32))
        self.width: Tensor
        self.register_buffer("spread", torch.ones(horizon))
        self.register_buffer("width", torch.ones(Q))

    @property
    def window(self) -> int:
        """Values that `forward` needs: the context and the longest season before it, C + M."""
        return self.context + max(self.seasons, default=0)

    def forward(self, window: Tensor) -> tuple[Tensor, WindowScale]:
        """Forecast the steps after a window.

        window   (B, C + M) raw values, float64
        Returns  quantiles (B, P, Q) in the window's own scale, and that scale; `scale.invert` gives raw values
        """
        scale = window_scale(window[:, -self.context :])
        inputs, naive = self._inputs(window, scale)
        hidden, _ = self.lstm(inputs)
        change = self.head(self.dropout(hidden[:, -1])).unflatten(1, (self.horizon, -1))
        level = (naive * self.blend).sum(2, keepdim=True)
        change = change + self.offset
        if not self.training:
            median = change[..., self.levels == 0.5]
            change = median + self.width * (change - median)
        return level + self.spread[:, None] * change, scale

    def loss(self, window: Tensor, future: Tensor) -> Tensor:
        """Return the mean pinball loss; every step ahead counts in units of its own usual error.

        window (B, C + M), future (B, P): raw values, float64
        """
        quantiles, scale = self(window)
        target = scale.apply(future).to(quantiles.dtype)
        return pinball_loss(quantiles / self.spread[:, None], target / self.spread, self.levels).mean()

    def start_from(self, windows: Windows) -> None:
        """Fit the blend of naive forecasts, and the width of the intervals, to training windows.

        The blend is a ridge regression for each step ahead; the intervals are quantiles of its errors.
        """
        every = max(1, len(windows) // START_WINDOWS)
        window, future = windows.batch(torch.arange(0, len(windows), every))
        scale = window_scale(window[:, -self.context :])
        _, naive = self._inputs(window, scale)
        naive, target = naive.double(), scale.apply(future)
        with torch.no_grad():
            blend = _ridge(naive, target)
            errors = target - (naive * blend).sum(2)
            spread = errors.abs().mean(0).clamp_min(1e-6)
            offset = torch.quantile(errors, self.levels.double(), dim=0).T / spread[:, None]
            self.blend.copy_(blend)
            self.spread.copy_(spread)
            offset[:, self.levels == 0.5] = 0.0  # the median begins as the naive forecast itself
            self.offset.copy_(offset)

    def calibrate(self, training: Windows, validation: Windows) -> None:
        """Widen or narrow the intervals to the errors made, half of the weight on the most recent windows.

        For each pair of levels q and 1 - q, one factor for all steps ahead: the one with which the interval holds the
        share 1 - 2 q of the truths, training windows and validation windows counting half each.
        """
        self.width.fill_(1.0)
        distances, weights = [], []
        for windows in (training, validation):
            every = max(1, len(windows) // START_WINDOWS)
            items = torch.arange(0, len(windows), every)
            distances.append(torch.cat([self._distances(*windows.batch(part)) for part in torch.split(items, 1024)]))
            weights.append(torch.full((len(distances[-1]),), 1 / len(distances[-1])))
        distance, weight = torch.cat(distances), torch.cat(weights)
        Q = len(self.levels)
        for q in range(Q // 2):
            order = distance[:, q].argsort()
            cumulative = weight[order].double().cumsum(0) / weight.double().sum()
            at = int((cumulative < 1 - 2 * self.levels[q].double()).sum())
            self.width[[q, Q - 1 - q]] = distance[order[min(at, len(order) - 1)], q]

    @torch.no_grad()
    def _distances(self, window: Tensor, future: Tensor) -> Tensor:
        """Return how far truths lie from the median, in units of each interval's half width there, (B * P, Q // 2)."""
        quantiles, scale = self(window)
        target = scale.apply(future).to(quantiles.dtype).unsqueeze(2)
        half = len(self.levels) // 2
        median = quantiles[..., half : half + 1]
        above = (target - median) / (quantiles[..., half + 1 :].flip(2) - median).clamp_min(1e-12)
        below = (median - target) / (median - quantiles[..., :half]).clamp_min(1e-12)
        return torch.maximum(above, below).flatten(0, 1)

    def _inputs(self, window: Tensor, scale: WindowScale) -> tuple[Tensor, Tensor]:
        """Return what the LSTM sees, (B, C, 2 + S), and the seasonal naive forecasts, (B, P, 2 S), both scaled.

        For each season the two forecasts are the value a season before the target, and the change since a season ago.
        """
        C, N = self.context, window.shape[1]
        context = window[:, -C:]
        steps = context.diff(dim=1, prepend=context[:, :1])
        channels = [scale.apply(context), steps / scale.spread]
        naive = []
        for m in self.seasons:
            channels.append((context - window[:, N - C - m : N - m]) / scale.spread)
            ahead = torch.arange(self.horizon, device=window.device) % m + (N - m)
            naive.append(scale.apply(window[:, ahead]))
            naive.append(((scale.last - window[:, N - 1 - m, None]) / scale.spread).expand(-1, self.horizon))
        dtype = self.head.weight.dtype
        forecasts = torch.stack(naive, 2) if naive else context.new_empty(len(window), self.horizon, 0)
        return squash(torch.stack(channels, 2)).to(dtype), forecasts.to(dtype)


def _ridge(naive: Tensor, target: Tensor) -> Tensor:
    """Return weights (P, K) so that naive (N, P, K) times weights comes near target (N, P), pulled towards zero."""
    P, K = naive.shape[1:]
    if K == 0:
        return naive.new_zeros(P, 0)
    X = naive.transpose(0, 1)
    gram = X.transpose(1, 2) @ X
    size = gram.diagonal(dim1=1, dim2=2).mean(1) / len(naive)
    gram = gram + RIDGE * size.clamp_min(1e-6)[:, None, None] * torch.eye(K, dtype=naive.dtype)
    weights: Tensor = torch.linalg.solve(gram, X.transpose(1, 2) @ target.T[:, :, None])
    return weights.squeeze(2)
