"""Skill with its interval, and the test of Diebold and Mariano, against their formulas written out and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from lstmkit.forecasting.judgement import significance
from lstmkit.forecasting.judgement.significance import diebold_mariano, skill
from lstmkit.forecasting.student import incomplete_beta, student_p, student_quantile


def noisy_errors(windows: int = 200, seed: int = 3) -> NDArray[np.float64]:
    return np.abs(np.random.default_rng(seed).normal(size=(windows, 2))) + 0.1


ONE = np.zeros(200, np.int64)


def test_the_same_forecast_has_skill_zero_and_an_interval_that_holds_it() -> None:
    errors = noisy_errors()
    found = skill(errors, errors, ONE, np.ones(1), 5)
    assert (found.value, found.low, found.high) == (0, 0, 0)
    shuffled = errors[np.random.default_rng(1).permutation(200)]
    found = skill(shuffled, errors, ONE, np.ones(1), 5)
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.low < 0 < found.high


def test_a_clearly_better_forecast_has_an_interval_above_zero_and_a_worse_one_below() -> None:
    errors, other = noisy_errors(), noisy_errors()[::-1]
    better, worse = (skill(factor * errors, other, ONE, np.ones(1), 5) for factor in (0.5, 2.0))
    assert 0 < better.low < better.value < better.high
    assert worse.low < worse.value < worse.high < 0
    assert better.value == pytest.approx(0.5)
    assert worse.value == pytest.approx(-1)


def test_the_bootstrap_is_deterministic() -> None:
    errors, series = noisy_errors(), np.repeat([0, 1], 100)
    arguments = (errors, errors[::-1].copy(), series, np.array([1.0, 2.0]), 5)
    assert skill(*arguments) == skill(*arguments)


def test_skill_weighs_series_equally_and_scales_each() -> None:
    series = np.array([0, 0, 0, 1, 1])
    model, other = np.array([[1.0], [1], [1], [300], [300]]), np.array([[2.0], [2], [2], [400], [400]])
    found = skill(model, other, series, np.array([1.0, 100.0]), 1)
    assert found.value == pytest.approx(1 - (1 + 3) / (2 + 4))
    alone = skill(model, other, series, np.array([1.0, np.nan]), 1)
    assert alone.value == pytest.approx(0.5)


def test_skill_against_a_perfect_forecast_is_nan() -> None:
    found = skill(np.ones((3, 1)), np.zeros((3, 1)), np.zeros(3, np.int64), np.ones(1), 1)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_missing_truths_leave_out_their_steps_and_windows() -> None:
    model, other = np.array([[1.0, 9], [1, 3], [7, 7]]), np.array([[2.0, np.nan], [2, 4], [np.nan, np.nan]])
    found = skill(model, other, np.zeros(3, np.int64), np.ones(1), 1)
    assert found.value == pytest.approx(1 - (1 + 1 + 3) / (2 + 2 + 4))


def test_a_model_that_gives_no_number_has_no_skill() -> None:
    model = noisy_errors()
    model[7, 1] = np.nan
    assert np.isnan(skill(model, noisy_errors(), ONE, np.ones(1), 5).value)


def test_a_single_window_has_no_interval() -> None:
    found = skill(np.ones((1, 3)), np.full((1, 3), 2.0), np.zeros(1, np.int64), np.ones(1), 3)
    assert found.value == 0.5
    assert np.isnan([found.low, found.high]).all()


def test_fewer_windows_than_a_block_still_have_an_interval_with_width() -> None:
    found = skill(noisy_errors(8), noisy_errors(8, 4), np.zeros(8, np.int64), np.ones(1), 30)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("S", [8, 300, 5000])
def test_many_series_with_one_window_have_the_interval_of_the_mean(S: int) -> None:
    rng = np.random.default_rng(6)
    other = rng.uniform(1, 3, size=(S, 1))
    model = other * rng.uniform(0.7, 0.9, size=(S, 1))
    found = skill(model, other, np.arange(S), np.ones(S), 1)
    ratio = model.sum() / other.sum()
    expected = (model - ratio * other).std() / other.mean() / np.sqrt(S)  # linearised standard error of the ratio
    assert found.value == pytest.approx(1 - ratio)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(expected, rel=0.12)


def test_zero_errors_of_the_naive_forecast_in_some_draws_divide_nothing_by_zero() -> None:
    other = np.zeros((6, 1))
    other[0] = 1
    found = skill(np.full((6, 1), 0.1), other, np.zeros(6, np.int64), np.ones(1), 1)
    assert np.isfinite([found.value, found.low, found.high]).all()


def test_the_interval_holds_zero_as_often_as_it_should() -> None:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(200):
        a, b = np.abs(rng.normal(size=(2, 120, 1)))
        found = skill(a, b, np.zeros(120, np.int64), np.ones(1), 5)
        held += found.low <= 0 <= found.high
    assert 0.88 <= held / 200 <= 0.99


@pytest.mark.parametrize("draws_blocks", [True, False])
def test_work_grows_with_the_blocks_only_up_to_200_series(draws_blocks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from lstmkit.forecasting.judgement import significance

    calls = []
    original = significance.draw_blocks
    monkeypatch.setattr(significance, "draw_blocks", lambda *a: calls.append(1) or original(*a))
    S = 200 if draws_blocks else 2000
    errors = noisy_errors(4 * S)
    skill(errors, errors[::-1], np.repeat(np.arange(S), 4), np.ones(S), 1)
    assert len(calls) == (S if draws_blocks else 0)


def by_formula(difference: NDArray[np.float64], h: int) -> float:
    """The statistic of Harvey, Leybourne & Newbold (1997), eq. 9, a sum at a time."""
    n = len(difference)
    mean = sum(difference) / n
    gamma = [sum((difference[t] - mean) * (difference[t - k] - mean) for t in range(k, n)) / n for k in range(h)]
    variance = (gamma[0] + 2 * sum(gamma[1:])) / n
    return math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n) * mean / math.sqrt(variance)


@pytest.mark.parametrize("overlap", [1, 2, 5])
def test_the_statistic_of_one_series_is_the_published_one(overlap: int) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    model, other = noisy_errors(60), 1.2 * noisy_errors(60, 8)
    scale = 2.5
    found = diebold_mariano(model, other, np.zeros(60, np.int64), np.array([scale]), overlap)
    expected = by_formula((model.mean(1) - other.mean(1)) / scale, overlap)
    assert found.statistic == pytest.approx(expected, rel=1e-10)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(expected), 59), rel=1e-9)
    assert found.degrees == 59


def test_series_with_as_many_windows_are_averaged_by_rank() -> None:
    model, other = noisy_errors(60), noisy_errors(60, 8)
    scales = np.array([2.0, np.nan, 0.5])
    found = diebold_mariano(model, other, np.repeat([0, 1, 2], 20), scales, 2)
    losses = ((model - other).mean(1)).reshape(3, 20)
    assert found.statistic == pytest.approx(by_formula((losses[0] / 2 + losses[2] / 0.5) / 2, 2), rel=1e-10)


def test_a_missing_window_leaves_the_ranks_of_the_others_as_they_are() -> None:
    model, other = noisy_errors(20), noisy_errors(20, 8)
    other[3] = np.nan
    losses = (model - other).mean(1).reshape(2, 10)
    found = diebold_mariano(model, other, np.repeat([0, 1], 10), np.ones(2), 2)
    assert found.statistic == pytest.approx(by_formula(np.nanmean(losses, axis=0), 2), rel=1e-10)


def test_series_with_unequal_windows_or_too_few_are_a_sample_of_series() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    series = np.repeat(np.arange(12), np.arange(1, 13))
    model, other = noisy_errors(len(series)), 1.1 * noisy_errors(len(series), 8)
    means = np.array([(model - other).mean(1)[series == s].mean() for s in range(12)])
    found, expected = diebold_mariano(model, other, series, np.ones(12), 3), stats.ttest_1samp(means, 0)
    # with an overlap of 1 the correction is the (n - 1) / n that a sample's variance has
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


def test_a_variance_that_is_not_positive_is_replaced_by_newey_and_wests() -> None:
    alternating = np.array([1.0, -1, 1, -1, 1, -1, 1, -1]) + 0.1
    other = np.full((8, 1), 5.0)
    found = diebold_mariano(other + alternating[:, None], other, np.zeros(8, np.int64), np.ones(1), 2)
    gamma = 1.0, -7 / 8
    expected = math.sqrt((8 + 1 - 4 + 2 / 8) / 8) * 0.1 / math.sqrt((gamma[0] + 2 * 0.5 * gamma[1]) / 8)
    assert found.statistic == pytest.approx(expected, rel=1e-9)


def test_what_cannot_be_tested_is_nan() -> None:
    few = diebold_mariano(noisy_errors(4), noisy_errors(4, 8), np.zeros(4, np.int64), np.ones(1), 1)
    overlapping = diebold_mariano(noisy_errors(9), noisy_errors(9, 8), np.zeros(9, np.int64), np.ones(1), 5)
    unscaled = diebold_mariano(noisy_errors(9), noisy_errors(9, 8), np.zeros(9, np.int64), np.array([np.nan]), 1)
    assert np.isnan([few.p, overlapping.p, unscaled.p]).all()


def test_equal_forecasts_have_p_one_and_a_difference_that_never_varies_has_p_zero() -> None:
    errors = noisy_errors(30)
    same = diebold_mariano(errors, errors, np.zeros(30, np.int64), np.ones(1), 2)
    shifted = diebold_mariano(errors, errors + 1, np.zeros(30, np.int64), np.ones(1), 2)
    assert (same.statistic, same.p) == (0, 1)
    assert (shifted.statistic, shifted.p) == (-math.inf, 0)


def test_equally_good_forecasts_are_told_apart_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(12)
    found = 0
    for _ in range(500):
        walk = rng.normal(size=(2, 83))
        a, b = (np.abs(row[3:] + row[2:-1] + row[1:-2]) for row in walk)  # errors three steps ahead share two shocks
        found += diebold_mariano(a[:, None], b[:, None], np.zeros(80, np.int64), np.ones(1), 3).p < 0.05
    assert 0.03 <= found / 500 <= 0.09


@pytest.mark.parametrize(
    ("statistic", "degrees", "p"),
    [(12.706204736174707, 1, 0.05), (2.7764451051977987, 4, 0.05), (2.0422724563012373, 30, 0.05), (0.0, 9, 1.0)],
)
def test_tabulated_values_of_students_t(statistic: float, degrees: int, p: float) -> None:
    assert student_p(statistic, degrees) == pytest.approx(p, rel=1e-12)
    assert student_p(-statistic, degrees) == pytest.approx(p, rel=1e-12)


def test_the_incomplete_beta_function_is_scipys() -> None:
    special = pytest.importorskip("scipy.special", reason="scipy is not installed")
    for a in (0.5, 1.0, 3.0, 40.0, 5000.0):
        for b in (0.5, 2.0, 30.0):
            for x in np.linspace(0, 1, 21):
                assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-10, abs=1e-300)


def test_blocks_are_the_same_however_many_are_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(2).normal(size=(3, 97))
    whole = significance.draw_blocks(rows, 7, np.random.default_rng(0))
    monkeypatch.setattr(significance, "CHUNK", 50)
    np.testing.assert_array_equal(significance.draw_blocks(rows, 7, np.random.default_rng(0)), whole)
    assert whole.shape == (3, significance.DRAWS)
    np.testing.assert_allclose(whole.mean(1), rows.mean(1), atol=4 * 0.1 / np.sqrt(significance.DRAWS) * 1.5)


@pytest.mark.parametrize(
    ("p", "degrees", "statistic"), [(0.05, 1, 12.7062047364), (0.05, 10, 2.2281388520), (0.01, 30, 2.7499956536)]
)
def test_quantiles_of_students_t_are_those_of_printed_tables(p: float, degrees: int, statistic: float) -> None:
    assert student_quantile(p, degrees) == pytest.approx(statistic, rel=1e-9)


@pytest.mark.parametrize("degrees", [0.05, 0.7, 3.5, 1e6])
def test_quantiles_undo_the_p_value(degrees: float) -> None:
    assert student_p(student_quantile(0.05, degrees), degrees) == pytest.approx(0.05, rel=1e-6)
