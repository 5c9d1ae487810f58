"""No model, with whatever covariates, looks at anything after the cutoff that it could not know."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster
from lstmkit.data import SeriesTable, TableSettings, read_table, windows_at
from lstmkit.forecasting.judgement.evaluation import evaluate
from lstmkit.forecasting.models import MODELS

DAYS, CUTOFF, P = 120, 100, 4
COLUMNS = TableSettings("y", "day", "shop", missing="mask")


@pytest.fixture(scope="module")
def shops() -> pl.DataFrame:
    """Three shops of unequal length with a promotion, the weather, a size and a kind; some values are missing."""
    rng = np.random.default_rng(5)
    parts = []
    for k, name in enumerate("abc"):
        n = DAYS - 7 * k
        promotion, weather = rng.integers(0, 2, n).astype(float), rng.normal(size=n)
        y = 30.0 + 10 * k + 4 * promotion + 2 * weather + 3 * np.sin(2 * np.pi * np.arange(n) / 7) + rng.normal(0, 1, n)
        y[[20, 21, 50]] = np.nan
        days = (np.datetime64("2024-01-01") + 7 * k + np.arange(n)).astype("datetime64[us]")
        columns = {"shop": name, "day": days, "y": y, "promotion": promotion, "weather": weather, "size": 1.0 + k}
        parts.append(pl.DataFrame(columns).with_columns(kind=pl.lit("big" if k else "small"), row=pl.int_range(n)))
    return pl.concat(parts)


COVARIATES: dict[str, dict[str, Any]] = {
    "none": {},
    "known ahead": {"future": ("promotion",)},
    "known up to now": {"past": ("weather",)},
    "static": {"static": ("size", "kind")},
    "calendar": {"calendar": True},
    "all": {"future": ("promotion",), "past": ("weather",), "static": ("size", "kind"), "calendar": True},
}


def changed(table: pl.DataFrame, what: list[str]) -> pl.DataFrame:
    """Return the table with everything that could not be known at the cutoff replaced, from there on."""
    later = pl.col("day") >= np.datetime64("2024-01-01", "us") + np.timedelta64(CUTOFF, "D")
    wild = 1e6 * (1 + pl.col("row")) * (1 - 2 * (pl.col("row") % 2))
    return table.with_columns(pl.when(later).then(wild).otherwise(pl.col(name)).alias(name) for name in what)


def rows_before(table: SeriesTable) -> np.ndarray:
    return table.lengths - (DAYS - CUTOFF)


def fit(model: str, table: SeriesTable) -> Forecaster:
    defaults = MODELS[model].Settings()
    quick = {"hidden_size": 8, "max_epochs": 1, "steps_per_epoch": 3, "learning_rate": 0.02}
    if model == "deepar":
        quick["paths"] = 5
    settings = dataclasses.replace(defaults, **quick)
    return Forecaster(P, context=14, model=model, seasons=(7,), settings=settings).fit_series(table)


@pytest.mark.parametrize("kind", COVARIATES)
@pytest.mark.parametrize("model", MODELS)
def test_what_comes_after_the_cutoff_changes_nothing(shops: pl.DataFrame, model: str, kind: str) -> None:
    columns = dataclasses.replace(COLUMNS, **COVARIATES[kind])
    truth = read_table(shops, columns)
    other = read_table(changed(shops, ["y", "weather"]), columns)
    forecaster = fit(model, truth.head(rows_before(truth)))
    again = fit(model, other.head(rows_before(other)))
    assert [r.valid_loss for r in forecaster.history_] == [r.valid_loss for r in again.history_]
    one, two = (
        forecaster.predict_windows(windows_at(table, forecaster.network_.window, P, rows_before(table)))
        for table in (truth, other)
    )
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(
        one, again.predict_windows(windows_at(other, again.network_.window, P, rows_before(other)))
    )
    first, second = (evaluate(forecaster, table, rows_before(table), stride=P) for table in (truth, other))
    at_cutoff = np.isin(first.cutoffs, truth.offsets[:-1] + rows_before(truth))
    assert at_cutoff.sum() == 3
    for name in first.forecasts:
        np.testing.assert_array_equal(first.forecasts[name][at_cutoff], second.forecasts[name][at_cutoff], err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_known_ahead_is_used_and_only_for_its_horizon(shops: pl.DataFrame, model: str) -> None:
    columns = dataclasses.replace(COLUMNS, future=("promotion",))
    table = read_table(shops, columns)
    rows = rows_before(table)
    forecaster = fit(model, table.head(rows))
    for member in forecaster.network_.networks:  # a head that is not zero, whatever a few steps have taught it
        for parameter in member.parameters():
            parameter.data.add_(0.1 * (parameter == 0))

    def forecast(first: int, last: int) -> np.ndarray:
        position = np.arange(len(table.values)) - np.repeat(table.offsets[:-1] + rows, table.lengths)
        future = table.covariates.future.copy()
        future[(position >= first) & (position < last)] += 5.0
        other = dataclasses.replace(table, given=dataclasses.replace(table.covariates, future=future))
        return forecaster.predict_windows(windows_at(other, forecaster.network_.window, P, rows))

    plain = forecast(0, 0)
    np.testing.assert_array_equal(forecast(P, 20), plain)
    assert (forecast(0, P) != plain).any(axis=(1, 2)).all()
