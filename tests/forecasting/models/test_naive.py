"""The naive start: its forecasts, its inputs and its usual changes against loops by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit.data import TableSettings, Windows, make_windows, read_table
from lstmkit.forecasting.models.model import Task
from lstmkit.forecasting.models.naive import NaiveStart

TASK = Task(6, 5, (3, 4), (0.1, 0.5, 0.9), series=2, marked=True)


def windows_of(*series: list[float]) -> Windows:
    names = [name for name, values in zip("ab", series, strict=False) for _ in values]
    table = pl.DataFrame({"id": names, "y": np.concatenate(series)}).with_columns(pl.col("y").fill_nan(None))
    return make_windows(read_table(table, TableSettings("y", id="id", missing="mask")), 10, 5)


def past_with_gaps() -> torch.Tensor:
    torch.manual_seed(0)
    past = torch.randn(3, 10, dtype=torch.float64).cumsum(1)
    past[1, 7], past[2, :6] = torch.nan, torch.nan
    return past


def test_naive_forecasts_are_the_seasonal_ones_in_units_of_the_window() -> None:
    start, past = NaiveStart(TASK), past_with_gaps()
    scale = start.scale(past)
    found = scale.invert(start.naive(past, scale).double())
    for b in range(3):
        last = float(past[b, 9])
        for p in range(5):
            for s, m in enumerate((3, 4)):
                seasons = [float(past[b, k]) for k in range(10 - m + p % m, -1, -m)]  # the latest that is there
                repeated = next((v for v in seasons if not np.isnan(v)), np.nan)
                earlier = past[b, : 10 - m][~torch.isnan(past[b, : 10 - m])]
                moved = 2 * last - float(earlier[-1]) if len(earlier) else last
                assert float(found[b, p, 2 * s]) == pytest.approx(last if np.isnan(repeated) else repeated, rel=1e-5)
                assert float(found[b, p, 2 * s + 1]) == pytest.approx(moved, rel=1e-5, abs=1e-6)


def test_inputs_are_the_values_their_changes_and_marks() -> None:
    start, past = NaiveStart(TASK), past_with_gaps()
    scale = start.scale(past)
    found = start.context(past, scale).double()
    assert found.shape == (3, 6, start.context_width)
    back = found[..., :4].sign() * found[..., :4].abs().expm1() * scale.spread[:, :, None]
    for b in range(3):
        for t in range(6):
            at, before = 4 + t, 4 + t - (t > 0)
            against = [scale.last[b, 0], past[b, before], past[b, at - 3], past[b, at - 4]]
            expected = [float(torch.nan_to_num(past[b, at] - other)) for other in against]
            assert back[b, t].numpy() == pytest.approx(expected, rel=1e-5, abs=1e-6)
            assert float(found[b, t, 4]) == float(torch.isnan(past[b, at]))


def test_the_start_repeats_a_season_with_the_quantiles_of_its_errors() -> None:
    rng = np.random.default_rng(0)
    values = np.tile([1.0, 9, 4], 150) + rng.normal(0, 0.2, 450)
    windows = windows_of(list(values), list(values * 10))
    start = NaiveStart(TASK)
    start.start_from(windows)
    batch = windows.batch(torch.arange(len(windows)))
    scale = start.scale(batch.past, batch.series)
    with torch.no_grad():
        quantiles = scale.invert(start(batch.past, scale, torch.zeros(len(windows), 5, 3)).double())
    below = (batch.future[..., None] < quantiles).double().mean((0, 1))
    assert below[[0, 2]].numpy() == pytest.approx([0.1, 0.9], abs=0.01)
    assert (quantiles[..., 1] - batch.future).abs().mean() < 0.15 * (batch.past[:, -1:] - batch.future).abs().mean()


MEANS = Task(20, 5, (), (0.1, 0.5, 0.9), means=(4, 16))


def start_on(series: np.ndarray) -> tuple[NaiveStart, Windows]:
    table = read_table(pl.DataFrame({"y": series}), TableSettings("y"))
    windows = make_windows(table, 20, 5)
    start = NaiveStart(MEANS)
    start.start_from(windows)
    return start, windows


@pytest.mark.parametrize("level", [0.0, 1e6])
def test_noise_around_a_level_begins_near_the_mean_of_the_last_values(level: float) -> None:
    rng = np.random.default_rng(1)
    start, windows = start_on(level + rng.normal(0, 1, 400))
    batch = windows.batch(torch.arange(len(windows)))
    scale = start.scale(batch.past, batch.series)
    with torch.no_grad():
        median = scale.invert(start(batch.past, scale, torch.zeros(len(windows), 5, 3)).double())[..., 1]
    error = (median - batch.future).square().mean().sqrt()
    naive = (batch.past[:, -1:] - batch.future).square().mean().sqrt()
    assert error / naive == pytest.approx(np.sqrt((1 + 1 / 20) / 2), abs=0.03)  # of a mean of 20, and of a single value


def test_a_random_walk_begins_at_its_last_value() -> None:
    left = [start_on(np.random.default_rng(k).normal(0, 1, 250).cumsum())[0].blend.any() for k in range(20)]
    assert sum(map(bool, left)) <= 3  # chance alone shows as much in one of twenty


def test_a_mean_of_what_is_there() -> None:
    start = NaiveStart(Task(6, 2, (), (0.1, 0.5, 0.9), marked=True, means=(4, 6)))
    nan = torch.nan
    past = torch.tensor([[1.0, 2, nan, 4, nan, 8], [nan, nan, nan, nan, 3, nan], [nan] * 6], dtype=torch.float64)
    scale = start.scale(past)
    found = scale.invert(start.naive(past, scale).double())
    assert found[0, 0].tolist() == pytest.approx([(2 + 4 + 4 + 8) / 4, (1 + 2 + 2 + 4 + 4 + 8) / 6])
    assert found[1:].tolist() == [[[3.0, 3.0]] * 2, [[0.0, 0.0]] * 2]


def test_windows_that_are_alone_in_their_series_show_nothing() -> None:
    start = NaiveStart(Task(10, 5, (), (0.1, 0.5, 0.9), series=2, means=(4,)))
    start.start_from(windows_of(list(np.arange(15.0)), list(np.arange(15.0) ** 2)))
    assert not start.blend.any()
