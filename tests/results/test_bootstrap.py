"""The interval of a ratio against what is known of it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lstmkit.results.bootstrap import gain_interval, ratio_interval


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    values = np.random.default_rng(0).normal(2, 3, 400)
    low, high = ratio_interval(values, np.ones(400))
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.06)
    assert high == pytest.approx(values.mean() + half, abs=0.06)


def test_units_count_by_their_size():
    low, high = ratio_interval(np.array([1.0, 30.0, 10.0]), np.array([1.0, 30.0, 10.0]))
    assert (low, high) == (1.0, 1.0)


def test_without_any_size_there_is_no_interval():
    assert all(math.isnan(end) for end in ratio_interval(np.zeros(3), np.zeros(3)))


def test_the_interval_of_a_gain_is_that_of_the_difference_of_the_same_units():
    generator = np.random.default_rng(1)
    first = np.stack([generator.normal(5, 4, 300), np.ones(300)], 1)
    second = first - [[1.0, 0.0]] + np.stack([generator.normal(0, 0.5, 300), np.zeros(300)], 1)
    low, high = gain_interval(first, second, lambda sums: sums[0] / sums[1])
    gains = first[:, 0] - second[:, 0]
    half = 1.96 * gains.std() / math.sqrt(300)  # paired: what varies from unit to unit in both does not count
    assert low == pytest.approx(gains.mean() - half, abs=0.02)
    assert high == pytest.approx(gains.mean() + half, abs=0.02)
    assert gain_interval(first, first, lambda sums: sums[0] / sums[1]) == (0, 0)
