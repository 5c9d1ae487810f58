"""Errors by hand, and scores of quantiles and samples against integrals worked out another way."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting.judgement.metrics import (
    Scales,
    coverage,
    crps_of_quantiles,
    mean_by_series,
    naive_scales,
    pinball,
    score_by_series,
    score_by_step,
    share_below,
)

TRUTH = np.array([[1.0, 2], [3, 5], [10, 0]])
FORECAST = np.array([[2.0, 2], [3, 3], [14, 0]])
SERIES = np.array([0, 0, 1])
SCALES = Scales(np.array([0.5, 4.0]), np.array([0.5, 20.0]))


def table_of(*series: list[float]) -> SeriesTable:
    frame = pl.DataFrame(
        {"s": [s for s, y in enumerate(series) for _ in y], "y": [float(k) for y in series for k, _ in enumerate(y)]}
    )
    values = np.array([v for y in series for v in y])  # put in afterwards: reading refuses NaN by default
    return dataclasses.replace(read_table(frame, TableSettings("y", None, "s")), values=values)


def test_the_scales_by_hand() -> None:
    train = table_of([1, 3, 2, 6], [5, 5, 5, 5])
    np.testing.assert_allclose(naive_scales(train, 1).absolute, [(2 + 1 + 4) / 3, np.nan])
    np.testing.assert_allclose(naive_scales(train, 1).squared, [(4 + 1 + 16) / 3, np.nan])
    np.testing.assert_allclose(naive_scales(train, 2).absolute, [(1 + 3) / 2, np.nan])
    assert np.isnan(naive_scales(train, 4).absolute).all()
    assert np.isnan(naive_scales(train, 9).absolute).all()


def test_missing_values_and_other_series_are_left_out_of_the_scales() -> None:
    train = table_of([1, np.nan, 2, 6], [100, 103], [np.nan, np.nan])
    np.testing.assert_allclose(naive_scales(train, 1).absolute, [4, 3, np.nan])
    np.testing.assert_allclose(naive_scales(train, 2).absolute, [1, np.nan, np.nan])


def test_scores_by_hand_average_within_a_series_first() -> None:
    found = score_by_series(TRUTH, FORECAST, SERIES, SCALES).mean()
    assert found.mae == pytest.approx(((1 + 0 + 0 + 2) / 4 + (4 + 0) / 2) / 2)
    assert found.rmse == pytest.approx((np.sqrt(5 / 4) + np.sqrt(8)) / 2)
    assert found.mase == pytest.approx((0.75 / 0.5 + 2 / 4) / 2)
    assert found.rmsse == pytest.approx((np.sqrt(5 / 4 / 0.5) + np.sqrt(8 / 20)) / 2)
    assert found.smape == pytest.approx(200 * ((1 / 3 + 0 + 0 + 2 / 8) / 4 + (4 / 24 + 0) / 2) / 2)
    assert (found.crps, found.scaled_crps) == (found.mae, found.mase)


def test_the_median_is_over_series() -> None:
    truth, forecast = np.array([[0.0], [0], [0]]), np.array([[1.0], [2], [30]])
    found = score_by_series(truth, forecast, np.arange(3), Scales(np.array([1.0, 2, np.nan]), np.ones(3)))
    assert found.median().mae == 2
    assert found.median().mase == 1
    assert found.mean().mae == 11


def test_missing_truths_are_left_out_of_every_score() -> None:
    truth = np.array([[1.0, np.nan], [3, 5], [np.nan, np.nan]])
    found = score_by_series(truth, FORECAST, SERIES, SCALES)
    assert found.points.tolist() == [3, 0]
    assert found.mean().mae == found.median().mae == pytest.approx((1 + 0 + 2) / 3)
    assert found.mean().rmsse == pytest.approx(np.sqrt(5 / 3 / 0.5))
    assert found.mean().smape == pytest.approx(200 * (1 / 3 + 0 + 2 / 8) / 3)
    assert np.isnan(found.mae[1])


def test_a_forecast_that_is_not_a_number_is_not_a_missing_truth() -> None:
    broken = np.where(FORECAST == 14, np.nan, FORECAST)
    assert np.isnan(score_by_series(TRUTH, broken, SERIES, SCALES).mean().mae)


def test_a_series_whose_naive_forecast_is_perfect_is_left_out_of_scaled_scores_only() -> None:
    scales = Scales(np.array([0.5, np.nan]), np.array([0.5, np.nan]))
    found = score_by_series(TRUTH, FORECAST, SERIES, scales)
    assert found.has_scale.tolist() == [True, False]
    assert found.mean().mase == pytest.approx(0.75 / 0.5)
    assert found.mean().mae == pytest.approx((0.75 + 2) / 2)


def test_scaled_scores_without_any_scale_are_nan_and_nothing_is_divided_by_zero() -> None:
    none = np.full(2, np.nan)
    found = score_by_series(TRUTH, FORECAST, SERIES, Scales(none, none)).mean()
    assert np.isnan([found.mase, found.rmsse, found.scaled_crps]).all()
    assert np.isfinite([found.mae, found.rmse, found.smape, found.crps]).all()


def test_smape_counts_zero_for_zero_as_no_error_and_zero_for_something_as_200() -> None:
    zero, one = np.zeros((1, 2)), np.array([[0.0, 1.0]])
    only, scale = np.array([0]), Scales(np.ones(1), np.ones(1))
    assert score_by_series(zero, zero, only, scale).mean().smape == 0
    assert score_by_series(one, zero, only, scale).mean().smape == pytest.approx(100)
    assert score_by_series(-one, one, only, scale).mean().smape == pytest.approx(100)


def test_a_series_without_windows_is_left_out_of_every_score() -> None:
    found = score_by_series(TRUTH[:2], FORECAST[:2], SERIES[:2], SCALES)
    assert found.mean().mae == pytest.approx(0.75)
    assert np.isnan(mean_by_series(np.ones(2), SERIES[:2], 2)[1])


def test_owa_is_the_mean_of_two_ratios_and_one_for_naive2_itself() -> None:
    scores = score_by_series(TRUTH, FORECAST, SERIES, SCALES).mean()
    other = dataclasses.replace(scores, smape=scores.smape * 2, mase=scores.mase * 4)
    assert scores.with_owa(other).owa == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert other.with_owa(other).owa == 1
    assert np.isnan(scores.with_owa(dataclasses.replace(other, mase=0.0)).owa)
    assert np.isnan(scores.with_owa(dataclasses.replace(other, mase=np.nan)).owa)


def test_scores_by_step_are_those_of_each_column() -> None:
    truth = np.where(TRUTH == 5, np.nan, TRUTH)
    found = score_by_step(truth, FORECAST, SERIES, SCALES)
    np.testing.assert_allclose(found.mae, [((1 + 0) / 2 + 4) / 2, 0])
    np.testing.assert_allclose(found.rmse, [(np.sqrt(1 / 2) + 4) / 2, 0])
    np.testing.assert_allclose(found.mase, [((1 + 0) / 2 / 0.5 + 4 / 4) / 2, 0])
    np.testing.assert_allclose(found.crps, found.mae)


def test_pinball_by_hand() -> None:
    assert pinball(np.array([3.0]), np.array([1.0]), 0.9)[0] == pytest.approx(0.9 * 2)
    assert pinball(np.array([1.0]), np.array([3.0]), 0.9)[0] == pytest.approx(0.1 * 2)


@pytest.mark.parametrize("levels", [(0.5,), (0.1, 0.5, 0.9), (0.025, 0.1, 0.3, 0.5, 0.9, 0.99)])
def test_crps_of_equal_quantiles_is_the_absolute_error(levels: tuple[float, ...]) -> None:
    truth = np.array([[-3.0, 0.5], [2.0, 7.0]])
    quantiles = np.full((2, 2, len(levels)), 1.5)
    np.testing.assert_allclose(crps_of_quantiles(truth, quantiles, levels), np.abs(truth - 1.5), rtol=1e-13)


def test_crps_of_many_quantiles_of_a_normal_is_its_closed_form() -> None:
    from statistics import NormalDist

    normal = NormalDist()
    levels = tuple((np.arange(2000) + 0.5) / 2000)
    quantiles = np.array([normal.inv_cdf(q) for q in levels])
    for y in (-2.5, 0.0, 0.3, 2.0):
        closed = y * (2 * normal.cdf(y) - 1) + 2 * normal.pdf(y) - 1 / np.sqrt(np.pi)
        assert crps_of_quantiles(np.array(y), quantiles, levels) == pytest.approx(closed, abs=2e-6)


def test_crps_of_few_quantiles_is_twice_the_trapezoid_of_pinball_losses() -> None:
    rng = np.random.default_rng(2)
    levels = (0.1, 0.25, 0.5, 0.8, 0.95)
    truth, quantiles = rng.normal(size=(4, 3)), np.sort(rng.normal(size=(4, 3, 5)), axis=2)
    padded = np.concatenate([quantiles[..., :1], quantiles, quantiles[..., -1:]], axis=2)
    error = truth[..., None] - padded
    q = np.array([0, *levels, 1])
    expected = 2 * np.trapezoid(np.where(error >= 0, q * error, (q - 1) * error), q, axis=2)
    np.testing.assert_allclose(crps_of_quantiles(truth, quantiles, levels), expected, rtol=1e-12)


def test_coverage_counts_the_ends_as_inside_and_missing_truths_not_at_all() -> None:
    truth = np.array([[1.0, 2, 3, 4, np.nan]])
    low, high = np.array([[1.0, 0, 4, 0, 0]]), np.array([[5.0, 2, 5, 3, 9]])
    assert coverage(truth, low, high) == 0.5
    assert np.isnan(coverage(truth * np.nan, low, high))


def test_the_share_below_counts_a_tie_half() -> None:
    truth = np.array([[1.0, 2, 3, np.nan]])
    assert share_below(truth, np.array([[2.0, 2, 2, 2]])) == pytest.approx(1.5 / 3)
    assert np.isnan(share_below(truth * np.nan, truth))
