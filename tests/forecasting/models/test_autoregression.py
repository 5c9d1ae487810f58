"""Linear autoregression: lags by hand, known weights found again, no forecast that grows without bound."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lstmkit.forecasting.models.autoregression import fit_autoregression, lag_values


def simulated(weights: dict[int, float], length: int, noise: float = 1.0) -> torch.Tensor:
    rng = np.random.default_rng(0)
    values = np.zeros(length)
    for t in range(max(weights), length):
        values[t] = sum(w * values[t - lag] for lag, w in weights.items()) + noise * rng.normal()
    return torch.from_numpy(values)


def test_lagged_values_are_those_of_a_loop() -> None:
    values = torch.arange(1.0, 11).repeat(2, 1) * torch.tensor([[1.0], [10.0]])
    for after, first in ((False, 4), (True, 10)):
        steps = 1 if after else 6
        found = lag_values(values, steps, (1, 3, 9), -1.0, after)
        for b in range(2):
            for t in range(steps):
                for k, lag in enumerate((1, 3, 9)):
                    at = first + t - lag
                    assert float(found[b, t, k]) == (float(values[b, at]) if at >= 0 else -1.0)


def test_least_squares_finds_the_weights_and_the_usual_error() -> None:
    lags, true = (1, 2, 7), {1: 0.5, 2: -0.3, 7: 0.4}
    values = simulated(true, 20_000).view(100, 200)
    target = values[:, 20:].clone()
    target[0, :50] = torch.nan
    weights, error = fit_autoregression(lag_values(values, 180, lags, 0.0), target, lags)
    assert weights.tolist() == pytest.approx([0.5, -0.3, 0.4], abs=0.03)
    assert float(error) == pytest.approx(math.sqrt(2 / math.pi), rel=0.02)


def test_a_window_of_enormous_values_does_not_rule_the_fit() -> None:
    values = simulated({1: 0.5}, 4_000).view(40, 100)
    values[0] = torch.linspace(1e6, 9e6, 100)
    weights, _ = fit_autoregression(lag_values(values, 90, (1,), 0.0), values[:, 10:], (1,))
    assert float(weights[0]) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("lags", [(1,), (1, 2, 5), (1, 4, 5)])
def test_a_growing_series_gives_weights_whose_forecast_does_not_grow(lags: tuple[int, ...]) -> None:
    values = (1.05 ** torch.arange(60, dtype=torch.float64)).repeat(5, 1)
    weights, _ = fit_autoregression(lag_values(values, 50, lags, 0.0), values[:, 10:], lags)
    companion = np.zeros((max(lags), max(lags)))
    companion[0, np.array(lags) - 1] = weights.numpy()
    companion[1:, :-1] += np.eye(max(lags) - 1)
    assert 0.8 < np.abs(np.linalg.eigvals(companion)).max() < 1.001


def test_without_any_value_there_is_nothing_to_find() -> None:
    weights, error = fit_autoregression(torch.zeros(0, 5, 2), torch.zeros(0, 5), (1, 2))
    assert weights.tolist() == [0.0, 0.0]
    assert error > 0
