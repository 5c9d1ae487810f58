"""The naive forecasts, by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting.baselines import naive_forecasts

VALUES = [1.0, 2, 4, 8, 3, 5, 7, 9]


def table_of(*series: list[float]) -> SeriesTable:
    frame = pl.DataFrame({"s": [s for s, y in enumerate(series) for _ in y], "y": [v for y in series for v in y]})
    return read_table(frame, TableSettings("y", None, "s"))


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
def test_baselines_read_nothing_from_the_cutoff_on(season: int | None) -> None:
    cutoffs = np.array([4, 5])
    changed = [*VALUES[:5], -50.0, 60.0, -70.0]
    before = naive_forecasts(table_of(VALUES), cutoffs, 6, season)
    after = naive_forecasts(table_of(changed), cutoffs, 6, season)
    for name in before:
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)
