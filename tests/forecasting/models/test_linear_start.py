"""The linear forecast in closed form: against independent least squares, with seasons, gaps and unknown series."""

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit.data import SeriesTable, TableSettings, Windows, make_windows, read_table
from lstmkit.forecasting.models import Task, linear_start
from lstmkit.forecasting.models.linear_start import RIDGE, LinearStart

C, P = 12, 4


def table_of(*series: np.ndarray) -> SeriesTable:
    ids = np.repeat([f"s{k}" for k in range(len(series))], [len(s) for s in series])
    frame = pl.DataFrame({"id": ids, "y": np.concatenate(series)}).with_columns(pl.col("y").fill_nan(None))
    return read_table(frame, TableSettings(target="y", id="id", missing="mask"))


def autoregressive(rows: int, weights: tuple[float, float], seed: int, noise: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y = np.zeros(rows)
    for t in range(2, rows):
        y[t] = weights[0] * y[t - 1] + weights[1] * y[t - 2] + noise * rng.normal()
    return y


def started(
    windows: Windows, series: int, scale: str = "series", season: int = 0, linear: str = "own", returning: bool = False
) -> LinearStart:
    task = Task(context=C, horizon=P, seasons=(season,) if season else (), levels=(0.1, 0.5, 0.9), series=series)
    start = LinearStart(task, scale, season > 0, linear, returning)
    start.fit(windows)
    return start


def test_shared_weights_are_those_of_ridge_regression() -> None:
    y = autoregressive(3000, (1.6, -0.8), 0)
    windows = make_windows(table_of(y), C, P)
    start = started(windows, 1, linear="shared")
    at = np.arange(C, len(y) - P + 1)
    X = np.stack([y[c - C : c] - y[c - 1] for c in at])
    Y = np.stack([y[c : c + P] - y[c - 1] for c in at])
    ridge = np.sqrt(RIDGE * (X**2).mean()) * np.eye(C)  # as ten more windows, one for each value of the context
    expected = np.linalg.lstsq(np.concatenate([X, ridge]), np.concatenate([Y, np.zeros((C, P))]), rcond=None)[0]
    batch = windows.batch(torch.arange(50))
    forecast = start(batch).invert(start(batch).forecast[:, :, None])[:, :, 0]
    plain = batch.past[:, -1:].numpy() + (batch.past - batch.past[:, -1:]).numpy() @ expected
    assert np.abs(forecast.numpy() - plain).max() < 1e-5 * y.std()


def test_weights_on_principal_components_are_those_of_regression_on_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_start, "KEPT", (0.5,))
    monkeypatch.setattr(linear_start, "RIDGE", 0.0)
    y = autoregressive(2000, (1.6, -0.8), 0)
    windows = make_windows(table_of(y), C, P)
    start = started(windows, 1, linear="shared")
    X = np.stack([y[c - C : c] - y[c - 1] for c in range(C, len(y) - P + 1)])
    Y = np.stack([y[c : c + P] - y[c - 1] for c in range(C, len(y) - P + 1)])
    components = np.linalg.svd(X, full_matrices=False)[2][: C // 2]
    expected = components.T @ np.linalg.lstsq(X @ components.T, Y, rcond=None)[0]
    assert np.allclose(start.weight.numpy(), expected, atol=1e-4)


def test_a_series_that_returns_to_its_level_is_seen_to() -> None:
    rng = np.random.default_rng(9)
    y = np.zeros(6000)
    for t in range(1, len(y)):
        y[t] = 0.8 * y[t - 1] + rng.normal()
    windows = make_windows(table_of(y + 30), 3, 20)
    batch = windows.batch(torch.arange(len(windows)))
    task = Task(context=3, horizon=20, seasons=(), levels=(0.1, 0.5, 0.9))
    starts = [LinearStart(task, "series", False, "shared", returning) for returning in (False, True)]
    for start in starts:
        start.fit(windows)
    errors = [(s(batch).invert(s(batch).forecast[:, :, None])[:, :, 0] - batch.future)[:, -1].std() for s in starts]
    assert errors[1] < 0.95 * errors[0]
    assert abs(float(errors[1]) / y.std() - 1) < 0.03  # far ahead the best forecast is the level itself
    assert abs(float(starts[1].level[0]) - (y + 30).mean()) < 0.05
    unknown = batch._replace(series=torch.full_like(batch.series, -1))
    assert bool(torch.isfinite(starts[1](unknown).forecast).all())


def test_each_series_has_weights_of_its_own() -> None:
    up, down = autoregressive(1500, (1.6, -0.9), 1), autoregressive(1500, (-1.6, -0.9), 2)
    windows = make_windows(table_of(up, down), C, P)
    items = torch.arange(len(windows))
    errors = {}
    for linear in ("own", "shared"):
        start = started(windows, 2, linear=linear)
        batch = windows.batch(items)
        begun = start(batch)
        errors[linear] = float((begun.express(batch.future) - begun.forecast).abs().mean())
    assert errors["own"] < 0.95 * errors["shared"]


def test_a_random_walk_is_forecast_by_its_last_value() -> None:
    walk = np.random.default_rng(3).normal(size=2000).cumsum()
    for rows in (70, 2000):  # too few windows to learn from; enough, but nothing to be learnt
        start = started(make_windows(table_of(walk[:rows]), C, P), 1)
        assert start.weight.shape == (C, P)
        assert not start.weight.any()


def test_weights_that_no_longer_hold_are_not_followed() -> None:
    y = np.concatenate([autoregressive(1500, (1.6, -0.8), 5), autoregressive(500, (-0.9, 0.0), 6)])
    held = started(make_windows(table_of(y[:1500]), C, P), 1)
    broken = started(make_windows(table_of(y), C, P), 1)
    assert float(broken.weight.abs().sum()) < 0.8 * float(held.weight.abs().sum())


def test_profile_is_the_mean_distance_from_the_mean() -> None:
    season, rng = 6, np.random.default_rng(4)
    shape = np.array([0.0, 3.0, 1.0, -2.0, -1.0, -1.0])
    y = 100 + np.tile(shape, 200) + 0.1 * rng.normal(size=1200)
    windows = make_windows(table_of(y), C, P)
    start = started(windows, 1, season=season, linear="none")
    assert np.allclose(start.profile[0].numpy(), shape, atol=0.03)
    batch = windows.batch(torch.arange(30))
    forecast = start(batch).invert(start(batch).forecast[:, :, None])[:, :, 0]
    assert float((forecast - batch.future).abs().mean()) < 0.2


@pytest.mark.parametrize("scale", ["window", "series"])
def test_units_of_a_window(scale: str) -> None:
    y = autoregressive(500, (1.6, -0.8), 6) + 50
    windows = make_windows(table_of(y), C, P)
    start = started(windows, 1, scale=scale, linear="none")
    batch = windows.batch(torch.arange(20))
    begun = start(batch)
    seen = np.concatenate([y[c - C : c] for c in windows.cutoffs])
    size = seen.std() if scale == "series" else batch.past.numpy().std(1, keepdims=True)
    assert np.allclose(begun.values.numpy(), (batch.past - batch.past[:, -1:]).numpy() / size, atol=1e-5)
    assert torch.allclose(begun.invert(begun.express(batch.future)[:, :, None])[:, :, 0], batch.future, atol=1e-5)


@pytest.mark.parametrize("scale", ["window", "series"])
def test_gaps_constants_and_unknown_series_stay_finite(scale: str) -> None:
    y = autoregressive(400, (1.6, -0.8), 7)
    y[100:103] = np.nan
    windows = make_windows(table_of(y, np.full(200, 7.0)), C, P)
    start = started(windows, 2, scale=scale, season=6)
    batch = windows.batch(torch.arange(len(windows)))
    for case in (batch, batch._replace(series=torch.full_like(batch.series, -1))):
        begun = start(case)
        assert bool(torch.isfinite(begun.invert(begun.forecast[:, :, None])).all())
        assert bool(torch.equal(begun.missing, torch.isnan(batch.past)))
    constant = start(batch)
    flat = constant.invert(constant.forecast[:, :, None])[batch.series == 1]
    assert torch.allclose(flat, torch.full_like(flat, 7.0), atol=1e-3)


def test_the_future_is_not_read() -> None:
    windows = make_windows(table_of(autoregressive(400, (1.6, -0.8), 8)), C, P)
    start = started(windows, 1, season=6)
    batch = windows.batch(torch.arange(40))
    changed = batch._replace(future=batch.future + 1e6)
    assert torch.equal(start(batch).forecast, start(changed).forecast)
