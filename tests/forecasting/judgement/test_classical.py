"""Theta, ETS and ARIMA: what statsforecast itself forecasts, at cutoffs it was not fitted at, with gaps filled."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.errors import InputError
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.judgement.classical import CLASSES, TITLES, classical_forecasts
from lstmkit.forecasting.judgement.evaluation import MODEL, assemble
from lstmkit.forecasting.learning import Seasons


@pytest.fixture
def library() -> Any:
    return pytest.importorskip("statsforecast.models", reason="the extra baselines is not installed")


def table_of(*series: NDArray[np.float64]) -> SeriesTable:
    lengths = [len(y) for y in series]
    frame = pl.DataFrame({"s": np.repeat(np.arange(len(series)), lengths), "y": np.arange(float(sum(lengths)))})
    return dataclasses.replace(read_table(frame, TableSettings("y", None, "s")), values=np.concatenate(series))


def sales(length: int = 60, seed: int = 0) -> NDArray[np.float64]:
    k = np.arange(length)
    return 100 + 0.2 * k + 8 * np.sin(np.pi * k / 2) + np.random.default_rng(seed).normal(0, 1, length)


@pytest.mark.parametrize("name", list(CLASSES))
def test_at_the_end_of_the_training_rows_it_is_what_statsforecast_forecasts(name: str, library: Any) -> None:
    y, z = sales(), sales(50, 1)
    found = classical_forecasts([name], table_of(y, z), np.array([40, 30]), np.array([40, 90]), 6, 4)[name]
    for got, part in zip(found, (y[:40], z[:30]), strict=True):
        expected = getattr(library, CLASSES[name])(season_length=4).forecast(y=part, h=6)["mean"]
        np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("name", list(CLASSES))
def test_later_cutoffs_take_in_what_came_before_and_nothing_after(name: str, library: Any) -> None:
    y = sales()
    changed = np.concatenate([y[:50], 1e3 * np.arange(10)])
    rows, cutoffs = np.array([40]), np.array([40, 45, 50])
    before = classical_forecasts([name], table_of(y), rows, cutoffs, 6, 4)[name]
    after = classical_forecasts([name], table_of(changed), rows, cutoffs, 6, 4)[name]
    np.testing.assert_array_equal(after, before)
    assert np.abs(before[2] - y[50:56]).mean() < np.abs(before[2] - np.roll(y[50:56], 2)).mean() / 2  # in phase


@pytest.mark.parametrize("name", list(CLASSES))
def test_gaps_are_bridged_from_the_past_alone(name: str, library: Any) -> None:
    y = sales()
    holes = y.copy()
    holes[[0, 20, 21, 44, 46]] = np.nan
    bridged = y.copy()
    bridged[20:22] = y[19] + (y[22] - y[19]) * np.array([1, 2]) / 3
    bridged[44] = y[43]  # at the cutoff of 45 the value after the gap is not known
    found = classical_forecasts([name], table_of(holes), np.array([40]), np.array([45]), 3, 4)[name]
    expected = classical_forecasts([name], table_of(bridged[1:]), np.array([39]), np.array([44]), 3, 4)[name]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_series_shorter_than_three_seasons_is_fitted_without_one(library: Any) -> None:
    longer = sales(14)
    y = longer[:11]
    found = classical_forecasts(["ets"], table_of(longer), np.array([11]), np.array([11]), 3, 4)["ets"]
    np.testing.assert_allclose(found[0], library.AutoETS(season_length=1).forecast(y=y, h=3)["mean"], rtol=1e-9)


@pytest.mark.parametrize("name", list(CLASSES))
def test_a_tiny_series_repeats_its_last_value_and_a_constant_one_its_own(name: str, library: Any) -> None:
    table = table_of(sales(12), np.full(30, 3.0))
    found = classical_forecasts([name], table, np.array([7, 20]), np.array([7, 9, 32]), 2, 4)[name]
    np.testing.assert_allclose(found, np.repeat([[sales(12)[6]], [sales(12)[8]], [3]], 2, axis=1))


def test_nothing_observed_gives_nan(library: Any) -> None:
    table = table_of(np.r_[np.full(30, np.nan), np.arange(10.0)], sales(40))
    found = classical_forecasts(["theta"], table, np.array([30, 30]), np.array([30, 33, 70]), 2, None)["theta"]
    assert np.isnan(found[0]).all() and np.isfinite(found[2]).all()
    assert found[1].tolist() == [2, 2]


def test_they_are_scored_beside_the_model_and_never_the_best_naive(library: Any) -> None:
    y = sales(80)
    forecaster = Forecaster(3)
    forecaster.seasons_ = Seasons(4, (4,))
    cutoffs = np.arange(60, 78)
    quantiles = np.full((18, 3, len(forecaster.quantile_levels)), y.mean())
    found = assemble(forecaster, table_of(y), np.array([60]), cutoffs, quantiles, ("theta", "ets"))
    assert next(iter(found.scores)) == MODEL and list(found.scores)[-2:] == ["theta", "ets"]
    best = min(found.scores, key=lambda name: found.scores[name].mase)
    assert best in TITLES and found.best_naive not in TITLES


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="baselines must be of theta, ets, arima; got 'prophet'"):
        classical_forecasts(["prophet"], table_of(sales()), np.array([40]), np.array([40]), 3, None)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsforecast", None)  # as if it were not there
    monkeypatch.delitem(sys.modules, "statsforecast.models", raising=False)
    with pytest.raises(InputError) as error:
        classical_forecasts(["theta"], table_of(sales()), np.array([40]), np.array([40]), 3, None)
    assert str(error.value) == (
        "the baselines theta, ets, arima need the extra baselines: pip install 'lstmkit[baselines]'"
    )
    assert classical_forecasts([], table_of(sales()), np.array([40]), np.array([40]), 3, None) == {}
