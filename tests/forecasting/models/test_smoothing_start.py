"""Where smoothing begins: pure seasons are found again, rows that may not be seen are not, grids are searched."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit.data import SeriesTable, TableSettings, make_windows, read_table
from lstmkit.forecasting.models.smoothing_start import (
    LEVEL_RATES,
    SEASON_RATES,
    TRUST,
    all_positive,
    best_rates,
    first_factors,
    rows_within,
)

ONE = np.array([3.0, -1, 0, -2])
OTHER = np.array([5.0, 0, 1, -6, 2, -2])


def table_of(*series: np.ndarray) -> SeriesTable:
    frame = pl.DataFrame(
        {
            "id": np.repeat(np.arange(len(series)), [len(y) for y in series]),
            "t": np.concatenate([np.arange(len(y)) for y in series]),
            "y": np.concatenate(series),
        }
    )
    return read_table(frame, TableSettings("y", "t", "id", missing="mask"))


def test_a_pure_season_is_found_again() -> None:
    table = table_of(10 + np.tile(ONE, 9), 100 + np.tile(OTHER[:4] - OTHER[:4].mean(), 5))
    factors, size = first_factors(table, table.lengths, (4,), np.array([False, False]))
    assert size[0] == pytest.approx(1.5)
    np.testing.assert_allclose(factors * size[:, None], [ONE, OTHER[:4] - OTHER[:4].mean()], atol=1e-12)


def test_two_seasons_are_told_apart() -> None:
    y = np.tile(ONE, 18) + np.tile(OTHER, 12)
    relative, size = first_factors(table_of(y), np.array([72]), (4, 6), np.array([False]))
    factors = relative[0] * size[0]
    rows = np.arange(24)
    np.testing.assert_allclose(
        factors[:4][rows % 4] + factors[4:][rows % 6], (ONE[rows % 4] + OTHER[rows % 6]), atol=1.0
    )
    rest = y - factors[:4][np.arange(72) % 4] - factors[4:][np.arange(72) % 6]
    assert rest.std() < 0.1 * y.std()


def test_logarithms_make_factors_of_it() -> None:
    y = 7 * np.exp(np.tile(ONE, 9))
    factors, size = first_factors(table_of(y), np.array([36]), (4,), np.array([True]))
    np.testing.assert_allclose(factors * size[:, None], [ONE], atol=1e-12)


def test_phases_count_from_the_first_row_ever_read_and_gaps_do_no_harm() -> None:
    y = 10 + np.tile(ONE, 12)
    y[[3, 17]] = np.nan
    table = table_of(y).tail(39)
    assert table.skipped.tolist() == [9]
    factors, size = first_factors(table, table.lengths, (4,), np.array([False]))
    np.testing.assert_allclose(factors[0] * size[0], ONE, atol=0.5)


def test_a_phase_never_seen_and_a_series_without_rows_have_none() -> None:
    y = 10 + np.tile(ONE, 6)
    y[2::4] = np.nan
    table = table_of(y, y)
    factors, size = first_factors(table, np.array([24, 0]), (4,), np.array([False, False]))
    assert factors[0, 2] == 0 and np.abs(factors[0]).max() > 1
    assert (factors[1] == 0).all() and size[0] > 0 == size[1]


def test_rows_after_the_last_window_are_not_looked_at() -> None:
    y = np.random.default_rng(0).normal(size=40)
    spoilt = y.copy()
    spoilt[30:] = 1e6
    spoilt[39] = -1.0
    y[39] = -1.0
    for values in (y, spoilt):
        windows = make_windows(table_of(values, values[:25]), 8, 3, last=np.array([30, 5]))
        assert rows_within(windows).tolist() == [30, 0]
    a, b = (first_factors(table_of(v), np.array([30]), (4,), np.array([False])) for v in (y, spoilt))
    assert np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1])
    positive = table_of(np.where(np.arange(40) < 30, 1.0, -1.0), np.ones(3))
    assert all_positive(positive, np.array([30, 3])).tolist() == [True, True]
    assert all_positive(positive, np.array([31, 3])).tolist() == [False, True]


@pytest.mark.parametrize("seasons", [0, 1, 2])
def test_the_grid_is_searched_for_each_series(seasons: int) -> None:
    wanted = torch.tensor([LEVEL_RATES[0], *[SEASON_RATES[-1]] * seasons])
    other = torch.tensor([LEVEL_RATES[3], *[SEASON_RATES[1]] * seasons])
    series = torch.tensor([0] * 20 + [1] * 20 + [2])

    def error(rates: torch.Tensor) -> torch.Tensor:
        near = (rates - wanted).abs().sum()
        far = (rates - other).abs().sum()
        return torch.cat([near.expand(20), far.expand(20), torch.tensor([torch.nan])])

    found = best_rates(error, series, 4, seasons)
    assert torch.equal(found[0], wanted) and torch.equal(found[1], other)
    grid = [torch.tensor(rates) for rates in itertools.product(LEVEL_RATES, *[SEASON_RATES] * seasons)]
    pooled = min(grid, key=lambda rates: float(error(rates).nanmean()))
    assert torch.equal(found[2], pooled) and torch.equal(found[3], pooled)  # nothing is known of these two
    assert TRUST > 0
