"""Errors, skill and its interval, by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting.metrics import coverage, mase_scales, mean_by_series, score, skill


def table_of(*series: list[float]) -> SeriesTable:
    frame = pl.DataFrame({"s": [s for s, y in enumerate(series) for _ in y], "y": [v for y in series for v in y]})
    return read_table(frame, TableSettings("y", None, "s"))


TRUTH = np.array([[1.0, 2], [3, 5], [10, 0]])
FORECAST = np.array([[2.0, 2], [3, 3], [14, 0]])
SERIES = np.array([0, 0, 1])


def test_the_scale_of_mase_by_hand() -> None:
    train = table_of([1, 3, 2, 6], [5, 5, 5, 5])
    np.testing.assert_allclose(mase_scales(train, 1), [(2 + 1 + 4) / 3, np.nan])
    np.testing.assert_allclose(mase_scales(train, 2), [(1 + 3) / 2, np.nan])
    assert np.isnan(mase_scales(train, 4)).all()


def test_scores_by_hand_average_within_a_series_first() -> None:
    found = score(TRUTH, FORECAST, SERIES, np.array([0.5, 4.0]))
    assert found.mae == pytest.approx(((1 + 0 + 0 + 2) / 4 + (4 + 0) / 2) / 2)
    assert found.rmse == pytest.approx((np.sqrt(5 / 4) + np.sqrt(8)) / 2)
    assert found.mase == pytest.approx((0.75 / 0.5 + 2 / 4) / 2)
    assert found.smape == pytest.approx(200 * ((1 / 3 + 0 + 0 + 2 / 8) / 4 + (4 / 24 + 0) / 2) / 2)


def test_a_series_whose_naive_forecast_is_perfect_is_left_out_of_mase_only() -> None:
    found = score(TRUTH, FORECAST, SERIES, np.array([0.5, np.nan]))
    assert found.mase == pytest.approx(0.75 / 0.5)
    assert found.mae == pytest.approx((0.75 + 2) / 2)


def test_mase_without_any_scale_is_nan_and_nothing_is_divided_by_zero() -> None:
    assert np.isnan(score(TRUTH, FORECAST, SERIES, np.array([np.nan, np.nan])).mase)


def test_smape_counts_zero_for_zero_as_no_error_and_zero_for_something_as_200() -> None:
    zero, one = np.zeros((1, 2)), np.array([[0.0, 1.0]])
    only = np.array([0])
    assert score(zero, zero, only, np.ones(1)).smape == 0
    assert score(one, zero, only, np.ones(1)).smape == pytest.approx(100)
    assert score(-one, one, only, np.ones(1)).smape == pytest.approx(100)


def test_a_series_without_windows_is_left_out_of_every_score() -> None:
    found = score(TRUTH[:2], FORECAST[:2], SERIES[:2], np.array([0.5, 4.0]))
    assert found.mae == pytest.approx(0.75)
    assert np.isnan(mean_by_series(np.ones(2), SERIES[:2], 2)[1])


def test_coverage_counts_the_ends_of_the_interval_as_inside() -> None:
    truth = np.array([[1.0, 2, 3, 4]])
    assert coverage(truth, np.array([[1.0, 0, 4, 0]]), np.array([[5.0, 2, 5, 3]])) == 0.5


def noisy_errors(windows: int = 200) -> np.ndarray:
    return np.abs(np.random.default_rng(3).normal(size=(windows, 2))) + 0.1


def test_the_same_forecast_has_skill_zero_and_an_interval_that_holds_it() -> None:
    errors, series = noisy_errors(), np.zeros(200, np.int64)
    found = skill(errors, errors, series, np.ones(1), 5)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    shuffled = errors[np.random.default_rng(1).permutation(200)]
    found = skill(shuffled, errors, series, np.ones(1), 5)
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.low < 0 < found.high


def test_a_clearly_better_forecast_has_an_interval_above_zero_and_a_worse_one_below() -> None:
    errors, series = noisy_errors(), np.zeros(200, np.int64)
    other = noisy_errors()[::-1]
    better, worse = (skill(factor * errors, other, series, np.ones(1), 5) for factor in (0.5, 2.0))
    assert 0 < better.low < better.value < better.high
    assert worse.low < worse.value < worse.high < 0
    assert better.value == pytest.approx(0.5)
    assert worse.value == pytest.approx(-1)


def test_the_bootstrap_is_deterministic() -> None:
    errors, series = noisy_errors(), np.repeat([0, 1], 100)
    arguments = (errors, errors[::-1].copy(), series, np.array([1.0, 2.0]), 5)
    assert skill(*arguments) == skill(*arguments)


def test_skill_weighs_series_equally_and_scales_each() -> None:
    series = np.array([0, 0, 0, 1])
    model, other = np.array([[1.0], [1], [1], [300]]), np.array([[2.0], [2], [2], [400]])
    found = skill(model, other, series, np.array([1.0, 100.0]), 1)
    assert found.value == pytest.approx(1 - (1 + 3) / (2 + 4))
    alone = skill(model, other, series, np.array([1.0, np.nan]), 1)
    assert alone.value == pytest.approx(0.5)


def test_skill_against_a_perfect_forecast_is_nan() -> None:
    found = skill(np.ones((3, 1)), np.zeros((3, 1)), np.zeros(3, np.int64), np.ones(1), 1)
    assert np.isnan([found.value, found.low, found.high]).all()
