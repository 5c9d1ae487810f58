"""The naive forecasts, by hand; Naive2 against the forecasts that the M4 competition published."""

from __future__ import annotations

import csv
import dataclasses
import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting.judgement import baselines
from lstmkit.forecasting.judgement.baselines import naive2, naive_forecasts, seasonal_factors
from lstmkit.forecasting.judgement.metrics import naive_scales, score_by_series

VALUES = [1.0, 2, 4, 8, 3, 5, 7, 9]
GAPS = [np.nan, 2, 4, np.nan, 3, np.nan, np.nan, 9]


def table_of(*series: list[float]) -> SeriesTable:
    frame = pl.DataFrame({"s": [s for s, y in enumerate(series) for _ in y], "y": np.arange(sum(map(len, series)))})
    values = np.array([v for y in series for v in y], np.float64)  # put in afterwards: reading refuses NaN by default
    return dataclasses.replace(read_table(frame, TableSettings("y", None, "s")), values=values)


def test_each_baseline_by_hand() -> None:
    found = naive_forecasts(table_of(VALUES), np.array([4, 6]), 2, season=3)
    expected = {
        "last_value": [[8, 8], [5, 5]],
        "seasonal_naive": [[2, 4], [8, 3]],
        "drift": [[8 + 7 / 3, 8 + 14 / 3], [5 + 4 / 5, 5 + 8 / 5]],
        "moving_average": [[14 / 3, 14 / 3], [16 / 3, 16 / 3]],
    }
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-14)


def test_after_the_end_of_a_series_as_if_more_rows_followed() -> None:
    one, two = [1.0, 2, 4, 8, 3], [5.0, 7, np.nan, 9, np.nan, np.nan]
    table = table_of(one, two)
    ends = naive_forecasts(table, table.offsets[1:], 2, 3, np.arange(2))
    longer = naive_forecasts(table_of([*one, 0, 0], [*two, 0, 0]), np.array([5, 13]), 2, 3)
    for name, forecast in longer.items():
        np.testing.assert_array_equal(ends[name], forecast)


def test_each_baseline_by_hand_with_missing_values() -> None:
    found = naive_forecasts(table_of(GAPS), np.array([3, 4, 7]), 3, season=2)
    expected = {
        "last_value": [[4, 4, 4], [4, 4, 4], [3, 3, 3]],
        # of the other season, row 1 is the latest that is known at each cutoff
        "seasonal_naive": [[2, 4, 2], [4, 2, 4], [2, 3, 2]],
        "drift": [[6, 8, 10], [8, 10, 12], [3 + 1 / 3 * 3, 3 + 1 / 3 * 4, 3 + 1 / 3 * 5]],
        "moving_average": [[3, 3, 3], [4, 4, 4], [3, 3, 3]],
    }
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-14, err_msg=name)


def test_without_any_value_of_the_same_season_the_last_observed_one_stands_in() -> None:
    found = naive_forecasts(table_of([np.nan, 2, np.nan, 4, 1]), np.array([4]), 4, season=2)
    assert found["seasonal_naive"].tolist() == [[4, 4, 4, 4]]


def test_nothing_observed_before_the_cutoff_gives_nan_and_no_value_of_another_series() -> None:
    found = naive_forecasts(table_of([1, 2, 3], [np.nan, np.nan, 5]), np.array([5]), 2, season=2)
    for name in found:
        assert np.isnan(found[name]).all(), name


def test_the_seasonal_naive_forecast_repeats_the_season_beyond_its_end() -> None:
    found = naive_forecasts(table_of(VALUES), np.array([5]), 7, season=3)
    assert found["seasonal_naive"].tolist() == [[4, 8, 3, 4, 8, 3, 4]]


def test_without_a_season_five_values_are_averaged_and_nothing_is_seasonal() -> None:
    found = naive_forecasts(table_of(VALUES), np.array([6, 3]), 1, season=None)
    assert list(found) == ["last_value", "drift", "moving_average"]
    np.testing.assert_allclose(found["moving_average"], [[22 / 5], [7 / 3]], rtol=1e-14)


def test_baselines_never_reach_into_the_series_before() -> None:
    both = table_of([1000.0, 2000, 4000], VALUES)
    alone = naive_forecasts(table_of(VALUES), np.array([1, 2, 5]), 4, season=4)
    second = naive_forecasts(both, np.array([4, 5, 8]), 4, season=4)
    for name in alone:
        np.testing.assert_allclose(second[name], alone[name], rtol=1e-12)


@pytest.mark.parametrize("season", [None, 3])
@pytest.mark.parametrize("values", [VALUES, GAPS])
def test_baselines_read_nothing_from_the_cutoff_on(values: list[float], season: int | None) -> None:
    cutoffs, rows = np.array([4, 5]), np.array([4, 1])
    changed = table_of([*values[:4], values[4], -50.0, 60.0, -70.0], [9.0, 9])
    table = table_of(values, [1.0, 2])
    before = {**naive_forecasts(table, cutoffs, 6, season), "naive2": naive2(table, rows, cutoffs, 6, season)}
    after = {**naive_forecasts(changed, cutoffs, 6, season), "naive2": naive2(changed, rows, cutoffs, 6, season)}
    for name in before:
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)


def test_windows_are_gathered_in_parts_without_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    table, cutoffs = table_of(VALUES, GAPS), np.array([3, 5, 7, 12, 15])
    whole = naive_forecasts(table, cutoffs, 4, season=3)
    monkeypatch.setattr(baselines, "CHUNK", 5)
    parts = naive_forecasts(table, cutoffs, 4, season=3)
    for name in whole:
        np.testing.assert_array_equal(parts[name], whole[name])


def seasonal_series(length: int, season: int, seed: int = 0) -> NDArray[np.float64]:
    rng, k = np.random.default_rng(seed), np.arange(length)
    wave = 1 + 0.4 * np.sin(2 * np.pi * k / season) + 0.1 * np.cos(4 * np.pi * k / season)
    return (100 + 0.3 * k) * wave * rng.uniform(0.95, 1.05, length)


def decomposed(y: NDArray[np.float64], season: int) -> NDArray[np.float64]:
    """R's `decompose(type = "multiplicative")$figure`, a step at a time."""
    weights = np.ones(season) / season
    if season % 2 == 0:
        weights = np.r_[0.5, np.ones(season - 1), 0.5] / season
    half = len(weights) // 2
    ratios: list[list[float]] = [[] for _ in range(season)]
    for t in range(half, len(y) - half):
        ratios[t % season].append(y[t] / (y[t - half : t + half + 1] @ weights))
    figure = np.array([np.mean(r) for r in ratios])
    return figure / figure.mean()


@pytest.mark.parametrize("season", [4, 5, 12])
def test_seasonal_factors_are_those_of_a_classical_decomposition(season: int) -> None:
    y = [seasonal_series(n, season, n) for n in (5 * season + 3, 9 * season)]
    found = seasonal_factors(table_of(*[list(v) for v in y]), season)
    for s in range(2):
        np.testing.assert_allclose(found[s], decomposed(y[s], season), rtol=1e-12)


def test_series_without_a_significant_season_are_not_adjusted() -> None:
    rng = np.random.default_rng(3)
    wave = seasonal_series(60, 6)
    noise, short, negative, constant = 10 + rng.uniform(0, 1, 60), wave[:17], wave - 120, np.full(60, 3.3)
    found = seasonal_factors(table_of(*[list(v) for v in (noise, short, negative, constant, wave)]), 6)
    assert (found[:4] == 1).all()
    assert np.abs(found[4] - 1).max() > 0.2


def test_a_few_missing_values_leave_the_season_as_it_is() -> None:
    y = seasonal_series(200, 6)
    holes = y.copy()
    holes[[0, 20, 95, 199]] = np.nan
    np.testing.assert_allclose(seasonal_factors(table_of(list(holes)), 6)[0], decomposed(y, 6), rtol=0.01)
    holes[::6] = np.nan
    assert (seasonal_factors(table_of(list(holes)), 6) == 1).all()


def test_naive2_moves_the_season_of_the_last_observed_value_to_the_steps_ahead() -> None:
    y = seasonal_series(80, 6)
    y[70] = np.nan
    factors = decomposed(y[:60], 6)
    found = naive2(table_of(list(y)), np.array([60]), np.array([60, 71]), 8, 6)
    steps = np.arange(8)
    np.testing.assert_allclose(found[0], y[59] / factors[59 % 6] * factors[(60 + steps) % 6], rtol=1e-12)
    np.testing.assert_allclose(found[1], y[69] / factors[69 % 6] * factors[(71 + steps) % 6], rtol=1e-12)


def test_naive2_reads_nothing_after_the_training_rows_but_the_past_of_each_cutoff() -> None:
    y = [list(seasonal_series(80, 6, seed)) for seed in (1, 2)]
    changed = [[*y[0][:66], *np.linspace(1e6, 2e6, 14)], [*y[1][:60], *np.linspace(-5, 5, 20)]]
    rows, cutoffs = np.array([60, 60]), np.array([60, 66, 140])
    before, after = (naive2(table_of(*series), rows, cutoffs, 9, 6) for series in (y, changed))
    np.testing.assert_array_equal(after, before)


def m4_rows(path: Path) -> list[NDArray[np.float64]]:
    with gzip.open(path, "rt") as file:
        rows = list(csv.reader(file))[1:]
    return [np.array([float(v) for v in row[1:] if v]) for row in rows]


def test_naive2_is_the_published_forecast_of_m4_hourly(data: Path) -> None:
    """It holds for all 414 series and 48 steps, and so do the competition's official scores of it."""
    train, test = m4_rows(data / "m4" / "Hourly-train.csv.gz"), m4_rows(data / "m4" / "Hourly-test.csv.gz")
    official = np.stack([row[:48] for row in m4_rows(data / "m4" / "Naive2_Hourly_forecasts.csv.gz")])
    table = table_of(*[[*a, *b] for a, b in zip(train, test, strict=True)])
    rows = np.array([len(y) for y in train])
    found = naive2(table, rows, table.offsets[:-1] + rows, 48, 24)
    np.testing.assert_allclose(found, official, rtol=1e-8)
    scores = score_by_series(np.stack(test), found, np.arange(414), naive_scales(table.head(rows), 24)).mean()
    assert (round(scores.smape, 3), round(scores.mase, 3)) == (18.383, 2.395)
    assert scores.with_owa(scores).owa == 1
