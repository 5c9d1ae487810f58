"""What a report draws: enough to see all, little enough to stay small; the scores are of every row."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from plotly.offline import get_plotlyjs

from lstmkit import Forecaster
from lstmkit.data import TableSettings, read_table
from lstmkit.forecasting.job import ForecastJob
from lstmkit.forecasting.judgement.evaluation import evaluate
from lstmkit.forecasting.judgement.evaluation import test_split as training_rows
from lstmkit.forecasting.judgement.worst import MOST_WORST, worst_summary, worst_windows
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.forecasting.reporting import window_charts
from lstmkit.results import run_job

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


def test_series_without_a_window_are_not_drawn_among_the_windows() -> None:
    draw = np.random.default_rng(1)
    frames = [
        pl.DataFrame({"day": np.arange(rows), "y": draw.normal(size=rows), "id": name})
        for name, rows in (("short", 8), ("one", 120), ("two", 150))
    ]
    table = read_table(pl.concat(frames), TableSettings("y", time="day", id="id", short="pad"))
    rows = training_rows(table, 0.2)
    forecaster = Forecaster(3, context=10, settings=QUICK).fit_series(table.head(rows))
    evaluation = evaluate(forecaster, table, rows)
    assert set(evaluation.series) == {1, 2}
    _, steps, worst = window_charts.fan_figure(forecaster, evaluation)
    assert list(dict.fromkeys(step.group for step in steps)) == ["one", "two", "the worst windows"]
    assert [steps[at].group for _, at in worst] == ["the worst windows"] * len(worst)
    windows = window_charts.windows_figure(forecaster, evaluation, "the drift")
    assert [button.label for button in windows.layout.updatemenus[0].buttons[::3]] == [
        "one, 1 step ahead",
        "two, 1 step ahead",
    ]
    for figure in (
        windows,
        window_charts.residual_figure(evaluation),
        window_charts.running_error_figure(evaluation, 5),
    ):
        assert all(len(trace.x) > 0 for trace in figure.data)


def test_the_worst_windows_are_the_worst_and_lie_apart() -> None:
    values = np.random.default_rng(2).normal(size=400)
    values[350] = 60.0
    table = read_table(pl.DataFrame({"y": values}), TableSettings("y"))
    rows = training_rows(table, 0.2)
    forecaster = Forecaster(3, context=10, settings=QUICK).fit_series(table.head(rows))
    evaluation = evaluate(forecaster, table, rows)
    worst = worst_windows(evaluation)
    error, naive = (
        np.abs(evaluation.truth - evaluation.forecasts[name]).mean(1) for name in ("model", evaluation.best_naive)
    )
    first = int(error.argmax())
    assert worst[0].window == first
    assert (worst[0].error, worst[0].naive) == (pytest.approx(error[first]), pytest.approx(naive[first]))
    assert worst[0].ratio == pytest.approx(error[first] / error.mean())
    cutoffs = np.sort(evaluation.cutoffs[[own.window for own in worst]])
    assert (np.diff(cutoffs) >= 3).all()
    assert [own.ratio for own in worst] == sorted((own.ratio for own in worst), reverse=True)
    left = np.abs(evaluation.cutoffs[:, None] - cutoffs).min(1) >= 3
    assert len(worst) == MOST_WORST and error[left].max() / error.mean() <= worst[-1].ratio
    told = worst_summary(evaluation)
    assert [row["mae"] for row in told] == [own.error for own in worst]
    assert told[0]["after"] == str(evaluation.cutoffs[first] - 1) and "series" not in told[0]
