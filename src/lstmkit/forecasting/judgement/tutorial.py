"""The well-known LSTM tutorial, as people write it in Keras, faults included, so that they can be measured.

Min-max scaling of the whole series, 80/20 split, windows of 60, LSTM(50) -> LSTM(50) -> Dense(1), Adam, mean squared
error, batches of 32, 10 epochs; weights begin as Keras begins them. `FAULTS` says what is wrong with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmkit.errors import InputError
from lstmkit.nn import LSTM
from lstmkit.training import EpochRecord, TrainSettings, train

LOOK_BACK = 60
UNITS = 50
EPOCHS = 10
Array = NDArray[np.float64]

FAULTS = (
    "The scaler saw the future: minimum and maximum are taken over the whole series, the test part included.",
    "The level leaves the range: a series that grows is tested at values the network was never trained on.",
    "No naive forecast beside it: repeating the last value is one line of code, and nobody is shown its error.",
    "Windows are lost at the ends: the test part begins without its context (60 values) and the loop stops one early.",
    "The picture flatters: each point is one step ahead of true values, so the curve is the last one, late and smooth.",
)


class TutorialNetwork(nn.Module):
    """Two LSTM layers of 50 and a linear output, as `Sequential([LSTM(50), LSTM(50), Dense(1)])`.

    The LSTMs begin as in Keras: Glorot-uniform input weights, orthogonal recurrent weights, zero biases but one on the
    forget gate.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = LSTM(1, UNITS, batch_first=True)
        self.second = LSTM(UNITS, UNITS, batch_first=True)
        self.dense = nn.Linear(UNITS, 1)
        for lstm in (self.first, self.second):
            w_ih, w_hh, b_ih, b_hh = lstm.parameters()
            nn.init.xavier_uniform_(w_ih)
            nn.init.orthogonal_(w_hh)
            nn.init.zeros_(b_hh).requires_grad_(False)  # Keras has one bias, not two that move together
            with torch.no_grad():
                b_ih.zero_()[UNITS : 2 * UNITS] = 1.0
        nn.init.xavier_uniform_(self.dense.weight)
        nn.init.zeros_(self.dense.bias)

    def forward(self, window: Tensor) -> Tensor:
        """Return the next scaled value (B,) after scaled windows (B, 60)."""
        hidden, _ = self.second(self.first(window.unsqueeze(2))[0])
        return self.dense(hidden[:, -1]).squeeze(1)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class TutorialResult:
    """What the tutorial prints and draws, and what it leaves out.

    train_rmse, test_rmse  in the units of the series, as the tutorial computes them
    naive_train_rmse, naive_rmse  of repeating the last value on the same windows
    train_at, test_at      rows that the forecasts are for
    train_forecast, test_forecast  one step ahead, in the units of the series
    history                a record per epoch
    steps                  optimizer steps
    seconds_fit            of training
    """

    train_rmse: float
    test_rmse: float
    naive_train_rmse: float
    naive_rmse: float
    train_at: NDArray[np.int64]
    test_at: NDArray[np.int64]
    train_forecast: Array
    test_forecast: Array
    history: tuple[EpochRecord, ...]
    steps: int
    seconds_fit: float


def check_rows(rows: int) -> int:
    """Return where the test part begins.

    Raises  InputError if it is too short to hold a window
    """
    split = int(rows * 0.8)
    if rows - split < LOOK_BACK + 2:
        raise InputError(f"the tutorial needs at least {5 * (LOOK_BACK + 1) + 1} rows; the series has {rows}")
    return split


def run_tutorial(
    values: Array, epochs: int = EPOCHS, seed: int = 0, on_epoch: Callable[[EpochRecord], None] | None = None
) -> TutorialResult:
    """Run the recipe on one series.

    values    (N,) in time order
    epochs    10 in the tutorial
    seed      of weights and order; the tutorial sets none
    on_epoch  called after every epoch
    Raises    InputError if the series is too short for two parts with windows
    """
    split = check_rows(len(values))
    low, high = values.min(), values.max()  # fault: the test part is in there
    scaled = torch.from_numpy(((values - low) / (high - low)).astype(np.float32))
    train_x, train_y, train_at = _create_dataset(scaled, 0, split)
    test_x, _, test_at = _create_dataset(scaled, split, len(values))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = TutorialNetwork()
    adam = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-3, eps=1e-7)
    history = []
    start = time.perf_counter()
    settings = TrainSettings(max_epochs=epochs, batch_size=32, seed=seed)
    for record in train(network, adam, settings, len(train_x), _mean_squared_error(network, train_x, train_y)):
        history.append(record)
        if on_epoch is not None:
            on_epoch(record)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        forecasts = [
            torch.cat([network(part) for part in torch.split(x, 1024)]).double().numpy() * (high - low) + low
            for x in (train_x, test_x)
        ]
    return TutorialResult(
        train_rmse=_rmse(values[train_at] - forecasts[0]),
        test_rmse=_rmse(values[test_at] - forecasts[1]),
        naive_train_rmse=_rmse(values[train_at] - values[train_at - 1]),
        naive_rmse=_rmse(values[test_at] - values[test_at - 1]),
        train_at=train_at,
        test_at=test_at,
        train_forecast=forecasts[0],
        test_forecast=forecasts[1],
        history=tuple(history),
        steps=history[-1].steps,
        seconds_fit=seconds,
    )


def _create_dataset(scaled: Tensor, begin: int, end: int) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    """Return windows (W, 60), what follows each (W,), and the rows of those, as the tutorial's create_dataset does.

    fault: windows are made inside each part, and `range(len(data) - look_back - 1)` stops one early.
    """
    at = np.arange(begin + LOOK_BACK, end - 1)
    windows = scaled.unfold(0, LOOK_BACK, 1)[at - LOOK_BACK]
    return windows, scaled[at], at


def _mean_squared_error(network: nn.Module, x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda items: nn.functional.mse_loss(network(x[items]), y[items])


def _rmse(error: Array) -> float:
    return float(np.sqrt((error**2).mean()))
