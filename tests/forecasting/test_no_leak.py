"""Nothing that comes later changes anything that was forecast earlier, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_frame_not_equal

from lstmkit import Forecaster
from lstmkit.data import TableSettings, make_windows, read_table
from lstmkit.forecasting.backtest import backtest
from lstmkit.forecasting.job import ForecastJob
from lstmkit.forecasting.judgement.evaluation import evaluate
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.forecasting.result import JobResult
from lstmkit.results import run_job

QUICK = LstmSettings(hidden_size=8, max_epochs=2, learning_rate=0.02)
DAYS, HORIZON, WINDOWS = 150, 3, 6
CUTOFF = 138  # day from which on everything is changed: the third of six cutoffs, 3 days apart, the last at 147


def series() -> pl.DataFrame:
    k = np.arange(DAYS)
    rng = np.random.default_rng(4)
    parts = []
    for name, level in (("a", 20.0), ("b", 5000.0)):
        y = level * (1 + 0.1 * np.sin(2 * np.pi * k / 7) + rng.normal(0, 0.01, DAYS))
        days = (np.datetime64("2024-01-01") + k).astype("datetime64[us]")
        parts.append(pl.DataFrame({"name": name, "day": days, "row": k, "y": y}))
    return pl.concat(parts)


def changed(table: pl.DataFrame, first: int) -> pl.DataFrame:
    """Return the table with every value from row `first` of each series on replaced."""
    wild = (pl.col("y") * 1e7 + 1e9 * pl.col("row")) * (1 - 2 * (pl.col("row") % 2))
    return table.with_columns(pl.when(pl.col("row") >= first).then(wild).otherwise(pl.col("y")).alias("y"))


def make(seasons: tuple[int, ...] | None = None) -> Forecaster:
    return Forecaster(HORIZON, context=10, seasons=seasons, settings=QUICK)


@pytest.mark.parametrize("seasons", [None, ()])
@pytest.mark.parametrize("refit", [False, True])
def test_backtest_rows_of_earlier_cutoffs_do_not_change(refit: bool, seasons: tuple[int, ...] | None) -> None:
    table = series()
    first, second = (
        backtest(make(seasons), t, "y", "day", "name", windows=WINDOWS, refit=refit)
        for t in (table, changed(table, CUTOFF))
    )
    day = pl.lit(np.datetime64("2024-01-01", "us")) + pl.duration(days=CUTOFF)
    early = pl.col("cutoff") < day
    forecasts = pl.exclude("y")
    assert first.filter(early).height == 2 * 3 * HORIZON
    assert_frame_equal(first.filter(early).select(forecasts), second.filter(early).select(forecasts), check_exact=True)
    assert_frame_equal(first.filter(pl.col("day") < day), second.filter(pl.col("day") < day), check_exact=True)
    late = pl.col("cutoff") >= day
    assert_frame_not_equal(first.filter(late).select("median"), second.filter(late).select("median"))


def test_forecasts_and_baselines_of_earlier_cutoffs_do_not_change() -> None:
    table = series()
    columns = TableSettings("y", "day", "name")
    before, after = (read_table(t, columns) for t in (table, changed(table, CUTOFF)))
    train = np.array([120, 120])
    results = []
    for read in (before, after):
        forecaster = make().fit_series(read.head(train))
        results.append(evaluate(forecaster, read, train))
    first, second = results
    early = (first.cutoffs - before.offsets[first.series]) <= CUTOFF
    assert early.sum() == 2 * (CUTOFF - 120 + 1)
    np.testing.assert_array_equal(first.quantiles[early], second.quantiles[early])
    for name in first.forecasts:
        np.testing.assert_array_equal(first.forecasts[name][early], second.forecasts[name][early], err_msg=name)


def test_a_window_gives_the_same_forecast_whatever_follows_it() -> None:
    table = series()
    columns = TableSettings("y", "day", "name")
    forecaster = make().fit(table.filter(pl.col("row") < 100), "y", "day", "name")
    results = []
    for t in (table, changed(table, CUTOFF)):
        windows = make_windows(read_table(t, columns), forecaster.network_.window, 0, first=np.array([100, 100]))
        results.append((windows.cutoffs % DAYS, forecaster.predict_windows(windows)))
    early = (results[0][0] <= CUTOFF) & (results[0][0] >= 100)
    assert early.sum() == 2 * (CUTOFF - 100 + 1)
    np.testing.assert_array_equal(results[0][1][early], results[1][1][early])


def job(table: pl.DataFrame, folder: Path, name: str) -> JobResult:
    table.write_csv(folder / f"{name}.csv")
    columns = TableSettings("y", "day", "name")
    return run_job(ForecastJob(str(folder / f"{name}.csv"), folder / name, columns, make()))


def test_the_test_part_is_never_used_in_fitting(tmp_path: Path) -> None:
    table = series()
    first, second = job(table, tmp_path, "one"), job(changed(table, DAYS * 4 // 5), tmp_path, "two")
    weights, others = (r.forecaster.network_.state_dict() for r in (first, second))
    assert all(weights[name].equal(others[name]) for name in weights)
    assert first.evaluation.quantiles[0].tolist() == second.evaluation.quantiles[0].tolist()
    assert first.forecaster.seasons_ == second.forecaster.seasons_
    assert [r.valid_loss for r in first.forecaster.history_] == [r.valid_loss for r in second.forecaster.history_]
    third = job(changed(table, DAYS * 4 // 5 - 1), tmp_path, "three")
    name = "members.0.reader.head.weight"
    assert not weights[name].equal(third.forecaster.network_.state_dict()[name])
