"""However long or many the series are, the page stays small, and the scores are of every row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from plotly.offline import get_plotlyjs

from lstmkit import Forecaster
from lstmkit.data import TableSettings
from lstmkit.forecasting.job import ForecastJob, run_job
from lstmkit.forecasting.models.lstm import LstmSettings

MOST = 1_000_000
QUICK = LstmSettings(hidden_size=4, max_epochs=1, steps_per_epoch=2)


@pytest.mark.parametrize(("series", "rows", "horizon"), [(1, 60_000, 2), (8, 2_000, 40)])
def test_a_report_is_small(tmp_path: Path, series: int, rows: int, horizon: int) -> None:
    hours = np.datetime64("2010-01-01", "us") + np.arange(rows) * np.timedelta64(1, "h")
    noise = np.random.default_rng(0).normal(size=(series, rows))
    frames = [
        pl.DataFrame({"time": hours, "load": 10 * np.sin(np.arange(rows) * np.pi / 12) + own, "site": f"S{k}"})
        for k, own in enumerate(noise)
    ]
    pl.concat(frames).write_parquet(tmp_path / "load.parquet")
    table = TableSettings("load", id="site" if series > 1 else None)
    forecaster = Forecaster(horizon, context=48, settings=QUICK)
    result = run_job(ForecastJob(str(tmp_path / "load.parquet"), tmp_path / "out", table, forecaster))
    page = (tmp_path / "out" / "report.html").read_bytes()
    script = get_plotlyjs().encode()
    assert page.count(script) == 1
    assert len(page) - len(script) < MOST
    windows = series * (rows // 5 - horizon + 1)
    assert len(result.evaluation.cutoffs) == windows
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["windows"] == windows
    written = (tmp_path / "out" / "backtest.csv").read_bytes().count(b"\n")
    assert written == 1 + windows * horizon
