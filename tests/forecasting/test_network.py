"""The network before and after training: where it starts, what it is invariant to, that it stays finite."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit import Forecaster
from lstmkit.data import TableSettings, Windows, make_windows, read_table
from lstmkit.forecasting.network import ForecastNetwork
from lstmkit.forecasting.settings import LstmSettings

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
QUICK = LstmSettings(hidden_size=8, max_epochs=2, learning_rate=0.02)


def network_of(seasons: tuple[int, ...] = ()) -> ForecastNetwork:
    torch.manual_seed(0)
    return ForecastNetwork(10, 3, seasons, LEVELS, 8, 1, 0.2).eval()


def windows_of(values: np.ndarray, network: ForecastNetwork) -> Windows:
    return make_windows(read_table(pl.DataFrame({"y": values}), TableSettings("y")), network.window, network.horizon)


def forecast(network: ForecastNetwork, window: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        quantiles, scale = network(window)
        return scale.invert(quantiles.double())


@pytest.fixture
def walk() -> np.ndarray:
    return 50 + np.random.default_rng(2).normal(size=200).cumsum()


@pytest.fixture
def wave() -> np.ndarray:
    """Something to learn: a sine with noise."""
    k = np.arange(220)
    return 20 + 3 * np.sin(2 * np.pi * k / 9) + np.random.default_rng(4).normal(0, 0.2, 220)


def test_before_training_the_median_is_exactly_the_last_value(walk: np.ndarray) -> None:
    network = network_of()
    windows = windows_of(walk, network)
    network.start_from(windows)
    window, _ = windows.batch(torch.arange(len(windows)))
    quantiles = forecast(network, window)
    assert torch.equal(quantiles[..., 2], window[:, -1:].expand(-1, 3))


def test_before_training_the_intervals_hold_their_share_of_the_training_windows(walk: np.ndarray) -> None:
    network = network_of()
    windows = windows_of(walk, network)
    network.start_from(windows)
    window, future = windows.batch(torch.arange(len(windows)))
    quantiles = forecast(network, window)
    below = (future[..., None] < quantiles).double().mean((0, 1))
    assert below[[0, 1, 3, 4]].numpy() == pytest.approx([0.1, 0.25, 0.75, 0.9], abs=0.01)


def test_before_training_a_pure_season_is_already_repeated() -> None:
    network = network_of((7,))
    values = np.tile([1.0, 5, 2, 8, 3, 3, 9], 30)
    windows = windows_of(values, network)
    network.start_from(windows)
    window, future = windows.batch(torch.arange(len(windows)))
    error = (forecast(network, window)[..., 2] - future).abs().mean()
    assert error < 0.2 * (window[:, -1:] - future).abs().mean()


@pytest.mark.parametrize("seasons", [(), (7,), (4, 9)])
def test_a_constant_window_stays_finite_and_is_forecast_as_constant(seasons: tuple[int, ...]) -> None:
    network = network_of(seasons)
    torch.nn.init.normal_(network.head.weight)
    for value in (0.0, 1.0, -1e9, 1e-30):
        quantiles = forecast(network, torch.full((2, network.window), value, dtype=torch.float64))
        assert quantiles.isfinite().all()
        assert quantiles.numpy() == pytest.approx(value, rel=1e-3, abs=1e-100)


def fitted(values: np.ndarray, seasons: tuple[int, ...] | None = ()) -> Forecaster:
    return Forecaster(4, context=12, seasons=seasons, settings=QUICK).fit(pl.DataFrame({"y": values}))


@pytest.mark.parametrize("seasons", [(), (9,)])
def test_a_level_and_a_unit_only_move_and_stretch_the_forecast(wave: np.ndarray, seasons: tuple[int, ...]) -> None:
    plain = fitted(wave, seasons).predict().select("mean", "median", "lo-80", "hi-95").to_numpy()
    moved = fitted(wave + 1e6, seasons).predict().select("mean", "median", "lo-80", "hi-95").to_numpy()
    stretched = fitted(wave * 1000, seasons).predict().select("mean", "median", "lo-80", "hi-95").to_numpy()
    assert np.abs(plain - wave[-1]).max() > 0.1
    np.testing.assert_allclose(moved - 1e6, plain, rtol=1e-4)
    np.testing.assert_allclose(stretched / 1000, plain, rtol=1e-4)


def test_quantiles_increase_and_the_mean_lies_within_them(wave: np.ndarray) -> None:
    forecaster = fitted(wave)
    table = read_table(pl.DataFrame({"y": wave}), TableSettings("y"))
    quantiles = forecaster.predict_windows(make_windows(table, forecaster.network_.window, 0))
    assert quantiles.shape == (220 - 12 + 1, 4, len(forecaster.quantile_levels))
    assert (np.diff(quantiles, axis=2) >= 0).all()
    mean = forecaster.mean_of(quantiles)
    assert (mean > quantiles[..., 0]).all() and (mean < quantiles[..., -1]).all()


def test_after_training_the_network_has_learnt_something(wave: np.ndarray) -> None:
    history = fitted(wave).history_
    assert history[-1].valid_loss < 0.95 * history[0].valid_loss
