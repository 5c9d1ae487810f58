"""A long curve is drawn with its peaks, its gaps and its ends, whatever is left out."""

from __future__ import annotations

import numpy as np
import pytest

from lstmkit.forecasting.reporting.thinning import thin, thin_before


@pytest.mark.parametrize("n", [0, 1, 7, 100])
def test_a_short_curve_is_drawn_whole(n: int) -> None:
    np.testing.assert_array_equal(thin(np.zeros(n), 100), np.arange(n))


@pytest.mark.parametrize("n", [101, 997, 100_000])
def test_no_peak_is_lost(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    peaks = np.random.default_rng(1).choice(n, 5, replace=False)
    values[peaks[:3]], values[peaks[3:]] = 50.0, -50.0
    at = thin(values, 100)
    assert len(at) <= 102
    assert (np.diff(at) > 0).all()
    assert (at[0], at[-1]) == (0, n - 1)
    assert set(values[at]) >= {values.max(), values.min()}
    size = -(-2 * n // 100)
    for begin in range(0, n, size):
        stretch, own = values[begin : begin + size], values[at[(at >= begin) & (at < begin + size)]]
        assert (own.min(), own.max()) == (stretch.min(), stretch.max())


def test_a_gap_stays_a_gap() -> None:
    values = np.ones(10_000)
    values[4_000:6_000] = np.nan
    drawn = thin(values, 100)
    assert np.isnan(values[drawn[(drawn >= 4_200) & (drawn < 5_800)]]).all()
    assert ((drawn >= 4_200) & (drawn < 5_800)).any()
    assert np.isfinite(values[drawn[drawn < 4_000]]).all()


def test_the_end_is_drawn_whole() -> None:
    at = thin_before(np.random.default_rng(0).normal(size=5_000), 200, 100)
    np.testing.assert_array_equal(at[-200:], np.arange(4_800, 5_000))
    assert len(at) <= 302
    np.testing.assert_array_equal(thin_before(np.zeros(250), 200, 100), np.arange(250))
