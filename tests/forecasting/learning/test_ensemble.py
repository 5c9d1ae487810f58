"""The network before and after training: where it starts, what it is invariant to, that it stays finite."""

from __future__ import annotations

import copy
import functools
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import scipy.stats
import torch

from lstmkit import Forecaster, InputError
from lstmkit.data import Batch, TableSettings, Windows, make_windows, read_table
from lstmkit.forecasting.judgement.evaluation import evaluate
from lstmkit.forecasting.learning import Ensemble
from lstmkit.forecasting.learning.ensemble import interpolate, rank
from lstmkit.forecasting.models import Task
from lstmkit.forecasting.models.lstm import LstmModel, LstmSettings

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
QUICK = LstmSettings(hidden_size=8, max_epochs=2, learning_rate=0.02)


def network_of(seasons: tuple[int, ...] = (), members: int = 1) -> Ensemble:
    torch.manual_seed(0)
    task = Task(10, 3, seasons, LEVELS)
    return Ensemble([LstmModel(task, LstmSettings(hidden_size=8)) for _ in range(members)]).eval()


def windows_of(values: np.ndarray, network: Ensemble) -> Windows:
    table = read_table(pl.DataFrame({"y": values}), TableSettings("y"))
    return make_windows(table, network.window, network.task.horizon)


def forecast(network: Ensemble, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        return network.quantiles(batch)


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
    batch = windows.batch(torch.arange(len(windows)))
    quantiles = forecast(network, batch)
    assert torch.equal(quantiles[..., 2], batch.past[:, -1:].expand(-1, 3))


def test_before_training_the_intervals_hold_their_share_of_the_training_windows(walk: np.ndarray) -> None:
    network = network_of()
    windows = windows_of(walk, network)
    network.start_from(windows)
    batch = windows.batch(torch.arange(len(windows)))
    quantiles = forecast(network, batch)
    below = (batch.future[..., None] < quantiles).double().mean((0, 1))
    held = below[[4, 3]] - below[[0, 1]]  # without drift in the rows, both sides are alike
    assert held.numpy() == pytest.approx([0.8, 0.5], abs=0.01)
    assert below[[0, 1, 3, 4]].numpy() == pytest.approx([0.1, 0.25, 0.75, 0.9], abs=0.05)


def test_before_training_a_pure_season_is_already_repeated() -> None:
    network = network_of((7,))
    values = np.tile([1.0, 5, 2, 8, 3, 3, 9], 30)
    windows = windows_of(values, network)
    network.start_from(windows)
    batch = windows.batch(torch.arange(len(windows)))
    error = (forecast(network, batch)[..., 2] - batch.future).abs().mean()
    assert error < 0.2 * (batch.past[:, -1:] - batch.future).abs().mean()


@pytest.mark.parametrize("seasons", [(), (7,), (4, 9)])
def test_a_constant_window_stays_finite_and_is_forecast_as_constant(seasons: tuple[int, ...]) -> None:
    network = network_of(seasons)
    torch.nn.init.normal_(network.networks[0].reader.head.weight)
    batch = windows_of(np.arange(60.0), network).batch(torch.arange(2))
    for value in (0.0, 1.0, -1e9, 1e-30):
        quantiles = forecast(network, batch._replace(past=torch.full_like(batch.past, value)))
        assert quantiles.isfinite().all()
        assert quantiles.numpy() == pytest.approx(value, rel=1e-3, abs=1e-100)


def fitted(values: np.ndarray, seasons: tuple[int, ...] | None = ()) -> Forecaster:
    return Forecaster(4, context=12, seasons=seasons, settings=QUICK).fit(pl.DataFrame({"y": values}), time="row")


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


def test_the_forecast_of_an_ensemble_is_the_mean_of_its_members(walk: np.ndarray) -> None:
    network = network_of(members=3)
    for member in network.networks:
        torch.nn.init.normal_(member.reader.head.weight)
    batch = windows_of(walk, network).batch(torch.arange(5))
    with torch.no_grad():
        alone = [member.quantiles(batch).sort(dim=2).values for member in network.networks]
    assert not torch.allclose(alone[0], alone[1])
    torch.testing.assert_close(forecast(network, batch), (alone[0] + alone[1] + alone[2]) / 3)


@pytest.mark.parametrize("seasons", [(), (9,)])
def test_what_is_held_back_moves_the_middle_to_the_start_and_leaves_the_widths(
    wave: np.ndarray, seasons: tuple[int, ...]
) -> None:
    close = functools.partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5)  # of float32, in units near 1
    network = network_of(seasons)
    windows = windows_of(wave, network)
    network.start_from(windows)
    start, learnt = copy.deepcopy(network), copy.deepcopy(network)
    for name, parameter in learnt.named_parameters():
        if "head" in name or "blend" in name or "offset" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    batch = windows.batch(torch.arange(0, len(windows), 9))
    held = copy.deepcopy(learnt)
    held.hold_back(start, 1.0)
    torch.testing.assert_close(held.state_dict(), learnt.state_dict())
    held.hold_back(start, 0.0)
    before, after, now = (n.networks[0].quantiles(batch).detach() for n in (start, learnt, held))
    close(now + now.flip(2), before + before.flip(2))
    close(now - now.flip(2), after - after.flip(2))
    half = copy.deepcopy(learnt)
    half.hold_back(start, 0.5)
    middle = half.networks[0].quantiles(batch).detach()
    close(middle + middle.flip(2), (before + before.flip(2) + after + after.flip(2)) / 2)


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_a_walk_is_forecast_by_its_last_value(horizon: int) -> None:
    """A year of prices: what seems to be learnt from so few rows is luck, and so is their drift."""
    worst = []
    for seed in range(4):
        values = 100 * np.exp(np.random.default_rng(seed).normal(0.001, 0.02, 250).cumsum())
        table = read_table(pl.DataFrame({"y": values}), TableSettings("y"))
        rows = np.array([200])
        settings = LstmSettings(hidden_size=16, max_epochs=15, learning_rate=0.005)
        scores = evaluate(Forecaster(horizon, settings=settings).fit_series(table.head(rows)), table, rows).scores
        worst.append(scores["model"].rmse / scores["last_value"].rmse)
    assert max(worst) < 1.02


def test_members_of_several_seeds_are_those_fitted_alone(wave: np.ndarray) -> None:
    table = pl.DataFrame({"y": wave})
    untrained = LstmSettings(hidden_size=8, max_epochs=1, learning_rate=1e-12)
    both = Forecaster(4, context=12, seasons=(), seed=3, settings=untrained, ensemble=2).fit(table, time="row")
    for k, member in enumerate(both.network_.networks):
        alone = (
            Forecaster(4, context=12, seasons=(), seed=3 + k, settings=untrained)
            .fit(table, time="row")
            .network_.networks[0]
        )
        torch.testing.assert_close(member.reader.lstm.weight_hh_l0, alone.reader.lstm.weight_hh_l0)


def test_snapshots_are_the_best_epochs(wave: np.ndarray) -> None:
    table = pl.DataFrame({"y": wave})
    settings = LstmSettings(hidden_size=8, max_epochs=4, learning_rate=0.02)
    plain = Forecaster(4, context=12, seasons=(9,), settings=settings).fit(table, time="row")
    several = Forecaster(4, context=12, seasons=(9,), settings=settings, ensemble=(1, 3)).fit(table, time="row")
    assert len(several.network_.networks) == 3
    assert [r.valid_loss for r in several.history_] == [r.valid_loss for r in plain.history_]
    best, second, _ = several.network_.networks
    torch.testing.assert_close(best.state_dict(), plain.network_.networks[0].state_dict())
    assert not torch.equal(best.reader.head.weight, second.reader.head.weight)


def test_intervals_are_as_wide_as_the_errors_mostly_on_windows_that_were_not_learnt_from(walk: np.ndarray) -> None:
    network = network_of()
    early, late = windows_of(walk[:120], network), windows_of(3 * walk[120:], network)
    network.start_from(early)
    shares = []
    for windows in (early, late):
        batch = windows.batch(torch.arange(len(windows)))
        plain = forecast(network, batch)
        middle = plain[..., 2]
        shares.append(
            (
                (batch.future - middle).abs()
                / torch.where(batch.future > middle, plain[..., 4] - middle, middle - plain[..., 0])
            ).flatten()
        )
    network.calibrate(early, late)
    own = 1 + (len(late) - 1) / 3
    weights = torch.cat(
        [torch.full_like(shares[0], 8 / len(shares[0])), torch.full_like(shares[1], own / len(shares[1]))]
    )
    inside = float(weights[torch.cat(shares) <= network.width[0] / widening(8 + own)].sum() / (8 + own))
    assert inside == pytest.approx(0.8, abs=0.01)


def widening(n: float) -> float:
    """By how much wider an 80 % interval of Student's t is than one of the normal distribution."""
    return float(scipy.stats.t.ppf(0.9, n - 1) * np.sqrt(1 + 1 / n) / scipy.stats.norm.ppf(0.9))


def test_ranks_and_values_are_inverse() -> None:
    quantiles = torch.tensor([[[1.0, 2.0, 4.0, 5.0, 9.0]]], dtype=torch.float64)
    truth = torch.tensor([[3.0]], dtype=torch.float64)
    found = rank(quantiles, truth, LEVELS)
    assert float(found) == pytest.approx(0.375)
    torch.testing.assert_close(interpolate(quantiles, found, LEVELS), truth)
    assert float(rank(quantiles, truth + 100, LEVELS)) == 0.9
    assert float(rank(quantiles, truth - 100, LEVELS)) == 0.1


def test_steps_of_a_sample_path_belong_together(walk: np.ndarray) -> None:
    """On a random walk the errors of neighbouring steps go together: so do those of the paths."""
    forecaster = Forecaster(4, context=12, seasons=(), settings=QUICK).fit(pl.DataFrame({"y": walk}), time="row")
    paths = forecaster.sample(400)["value"].to_numpy().reshape(400, 4)
    assert np.corrcoef(paths[:, 2], paths[:, 3])[0, 1] > 0.6
    forecast_ = forecaster.predict()
    for p in range(4):
        assert (paths[:, p] < forecast_["median"][p]).mean() == pytest.approx(0.5, abs=0.12)
    assert forecaster.sample(400).equals(forecaster.sample(400))


def test_one_window_has_the_same_forecast_alone_and_among_others(wave: np.ndarray) -> None:
    forecaster = fitted(wave)
    table = read_table(pl.DataFrame({"y": wave}), TableSettings("y"))
    windows = make_windows(table, forecaster.network_.window, 4)
    batch, alone = windows.batch(torch.arange(20)), windows.batch(torch.tensor([7]))
    torch.testing.assert_close(forecast(forecaster.network_, batch)[7:8], forecast(forecaster.network_, alone))


def test_intervals_are_calibrated_on_the_rows_that_came_later(walk: np.ndarray) -> None:
    """After the fit steps keep their direction: errors grow, with them the intervals, and the median stays."""
    steps = np.convolve(np.random.default_rng(1).normal(size=200), np.ones(8) / 2, mode="valid")
    table = pl.DataFrame({"y": np.concatenate([walk, walk[-1] + steps.cumsum()])})
    forecaster = Forecaster(4, context=12, seasons=(), settings=QUICK).fit(table.head(200), time="row")
    before = forecaster.predict()
    with pytest.raises(InputError, match="calibrate: no 4 rows in a row after the last one given to fit"):
        forecaster.calibrate(table.head(203))
    after = forecaster.calibrate(table).predict()
    np.testing.assert_array_equal(after["median"], before["median"])
    growth = ((after["hi-80"] - after["lo-80"]) / (before["hi-80"] - before["lo-80"])).to_numpy()
    assert (growth > 1.0).all()
    windows = make_windows(forecaster.read(table), forecaster.network_.window, 4, first=np.array([200]))
    batch = windows.batch(torch.arange(len(windows)))
    quantiles, levels = forecast(forecaster.network_, batch), forecaster.quantile_levels
    low, high = quantiles[..., levels.index(0.1)], quantiles[..., levels.index(0.9)]
    assert ((batch.future >= low) & (batch.future <= high)).double().mean() == pytest.approx(0.8, abs=0.01)


def test_a_final_fit_learns_from_the_rows_held_back_and_keeps_the_intervals(wave: np.ndarray) -> None:
    settings = LstmSettings(hidden_size=8, max_epochs=3, learning_rate=0.02)
    table = pl.DataFrame({"y": wave})
    plain = Forecaster(4, context=12, seasons=(), settings=settings).fit(table, time="row")
    final = Forecaster(4, context=12, seasons=(), settings=replace(settings, final_fit=True)).fit(table, time="row")
    best = max(r.epoch for r in plain.history_ if r.improved)
    assert [r.epoch for r in final.history_] == list(range(len(plain.history_) + best))
    assert (np.diff([r.steps for r in final.history_]) > 0).all(), "steps of both trainings are counted"
    assert torch.equal(final.network_.width, plain.network_.width)
    assert not torch.equal(final.network_.networks[0].reader.head.weight, plain.network_.networks[0].reader.head.weight)
    changed = table.with_columns(pl.when(pl.int_range(220) == 215).then(500.0).otherwise("y").alias("y"))
    other = Forecaster(4, context=12, seasons=(), settings=replace(settings, final_fit=True)).fit(changed, time="row")
    assert not torch.equal(other.network_.networks[0].reader.head.weight, final.network_.networks[0].reader.head.weight)
