"""Widths that follow: by a loop by hand, without looking ahead, and the same live as in a backtest."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from damage import write_config
from lstmkit import Forecaster
from lstmkit.errors import ModelFolderError
from lstmkit.forecasting import LstmSettings
from lstmkit.forecasting.judgement.evaluation import evaluate
from lstmkit.forecasting.judgement.evaluation import test_split as split
from lstmkit.forecasting.learning import adaptive
from lstmkit.forecasting.learning.adaptive import adapt, distances, widen

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
UNIT = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
QUICK = LstmSettings(hidden_size=4, max_epochs=1)


def forecasts(truth: np.ndarray, P: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return quantiles around zero, truths and times of every window over some values."""
    W = len(truth) - P + 1
    times = np.arange(W)[:, None] + np.arange(P)
    return np.tile(UNIT, (W, P, 1)), truth[times], times


def test_widths_by_a_loop_by_hand() -> None:
    P, truth = 3, np.random.default_rng(0).normal(0, 2, 60)
    truth[[7, 20]] = np.nan
    found = adapt(*forecasts(truth, P), LEVELS)
    factors = [1.0, 1.0]
    for w in range(len(truth) - P + 1):
        for pair, (half, share) in enumerate(((2.0, 0.05), (1.0, 0.2))):
            assert found.quantiles[w, :, 4 - pair] == pytest.approx(half * factors[pair])
            if not math.isnan(truth[w]):
                factors[pair] *= math.exp(0.05 * (float(abs(truth[w]) > half * factors[pair]) - share))
    for w in range(len(truth) - P + 1, len(truth)):  # known at the end, by the last windows
        for pair, (half, share) in enumerate(((2.0, 0.05), (1.0, 0.2))):
            factors[pair] *= math.exp(0.05 * (float(abs(truth[w]) > half * factors[pair]) - share))
    assert found.factors == pytest.approx(factors)


def test_what_came_later_changes_nothing_before() -> None:
    truth = np.random.default_rng(1).normal(0, 2, 80)
    other = np.where(np.arange(80) < 50, truth, 9.0)
    before, after = (adapt(*forecasts(values, 4), LEVELS).quantiles for values in (truth, other))
    assert np.array_equal(before[:51], after[:51])
    assert not np.array_equal(before[51:], after[51:])


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_in_the_long_run_they_hold_what_they_say(scale: float) -> None:
    quantiles, truth, times = forecasts(np.random.default_rng(2).normal(0, scale, 4000), 2)
    found = adapt(quantiles, truth, times, LEVELS).quantiles
    late = slice(500, None)
    for low, high, share in ((1, 3, 0.8), (0, 4, 0.95)):
        inside = (truth[late] >= found[late, :, low]) & (truth[late] <= found[late, :, high])
        assert inside.mean() == pytest.approx(share, abs=0.02)


def test_series_of_one_moment_count_together() -> None:
    quantiles = np.tile(UNIT, (3 * 10, 1, 1))
    truth = np.tile([0.0, 0.0, 3.0], (10, 1)).T.reshape(30, 1)
    times = np.tile(np.arange(10), 3)[:, None]
    found = adapt(quantiles, truth, times, LEVELS)
    assert found.quantiles[[9, 19, 29], 0, 3] == pytest.approx(math.exp(9 * 0.05 * (1 / 3 - 0.2)))


def test_many_moments_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = np.random.default_rng(3).normal(0, 2, 100)
    monkeypatch.setattr(adaptive, "MOST_MOMENTS", 30)  # four rows count as one moment
    found = adapt(*forecasts(truth, 1), LEVELS)
    widths = found.quantiles[:, 0, 3].reshape(25, 4)
    assert (widths == widths[:, :1]).all()
    assert len(np.unique(widths[:, 0])) == 25


def test_quantiles_stay_in_order_and_a_level_keeps_its_digits() -> None:
    quantiles = np.tile(1e12 + UNIT, (2, 1, 1))
    widen(quantiles, np.array([0.25, 1.0]))
    assert (quantiles - 1e12 == [-1.0, -0.5, 0.0, 0.5, 1.0]).all()


def test_an_interval_without_width_is_far_from_every_other_value() -> None:
    flat = torch.zeros(1, 5, dtype=torch.float64)
    assert (distances(flat, torch.ones(1, dtype=torch.float64)) == torch.inf).all()
    assert not (distances(flat, torch.zeros(1, dtype=torch.float64)) > 1).any()


@pytest.mark.parametrize("series", [1, 3])
def test_following_new_rows_is_what_the_backtest_has_scored(series: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive, "RATE", 0.5)
    y = np.random.default_rng(4).normal(size=120 * series)
    rows = {"shop": np.repeat(list("abc")[:series], 120), "time": np.tile(np.arange(2001, 2121), series), "y": y}
    shops = pl.DataFrame(rows)
    forecaster = Forecaster(3, context=8, settings=QUICK)
    table = forecaster.fit(shops, "y", "time", "shop").read(shops)
    training = split(table, 0.2)
    scored = evaluate(forecaster.fit_series(table.head(training)), table, training)
    forecaster.remember(table.head(training - 1))
    first = 2000 + int(training[0])
    for k in range(22):
        found = forecaster.update(shops.filter(pl.col("time") == first + k))
        expected = scored.quantiles[k::22].reshape(-1, 7)
        for level, name in ((0.1, "lo-80"), (0.5, "median"), (0.975, "hi-95")):
            own = expected[:, scored.levels.index(level)]
            assert found[name].to_numpy() == pytest.approx(own, rel=1e-4, abs=1e-4)
    assert not 0.9 < float(scored.followed[1]) < 1.1


def test_a_saved_model_keeps_what_its_widths_have_followed(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({"y": rng.normal(size=160)})
    forecaster = Forecaster(2, context=8, settings=QUICK).fit(frame[:100], "y", "row")
    for k in range(100, 160):
        forecaster.update(frame[[k]] * 4)
    assert not 0.99 < forecaster.network_.followed[1] < 1.01
    forecaster.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model")
    assert again.predict().equals(forecaster.predict())
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["followed"] == forecaster.network_.followed.tolist()
    config["followed"] = config["followed"][:1]
    write_config(tmp_path / "model", config)
    with pytest.raises(ModelFolderError, match="followed holds 1 numbers, not 3"):
        Forecaster.load(tmp_path / "model")
