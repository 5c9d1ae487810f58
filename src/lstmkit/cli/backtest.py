"""`lstm backtest`: rolling-origin scores of the model and of the baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress

if TYPE_CHECKING:
    from lstmkit.data import SeriesTable
    from lstmkit.forecasting.forecaster import Forecaster
    from lstmkit.forecasting.judgement import Evaluation
    from lstmkit.forecasting.judgement.trading import Trading
    from lstmkit.forecasting.learning import Seasons


EXAMPLES = """\b
examples:
  lstm backtest demo:aapl --horizon 5 --windows 20
  lstm backtest AAPL.csv --target Close --horizon 1 --windows 50 --refit --out rows.csv
"""

FITTED = {True: "fitted again at each", False: "fitted once before the first"}


@parameters.grouped
def backtest(
    series: parameters.Series,
    *,
    horizon: parameters.Horizon = None,
    windows: Annotated[int, typer.Option(help="Cutoffs of each series, a horizon apart, at its end.")] = 20,
    refit: Annotated[bool, typer.Option("--refit", help="Fit again at every cutoff, on all rows before it.")] = False,
    learner: parameters.Learner,
    out: Annotated[Path | None, typer.Option(help="CSV file to write a row per window and step to.")] = None,
    reading: parameters.Reading,
    chance: parameters.Chance,
    baseline: parameters.Baseline = None,
    cost: parameters.Cost = None,
    ray: parameters.Ray = None,
    force: parameters.ForceFile = False,
    json: parameters.Json = False,
) -> None:
    """Forecast from several cutoffs at the end of every series, and score beside the naive forecasts."""
    from lstmkit.data import read_source
    from lstmkit.forecasting.judgement.trading import check_prices, trade_if_prices

    parameters.check_out(out, force)
    columns, unfitted = reading.settings(series), learner.forecaster(horizon, chance)
    table = read_source(series.file, columns, reading.delimiter)
    printing.remark(table.notes)
    cost = check_prices(table, windows, cost)
    forecaster, evaluation = _run(unfitted, table, windows, refit, ray, baseline or (), json)
    trading = trade_if_prices(evaluation, forecaster.seasons_, cost)
    if out is not None:
        _write(out, forecaster, evaluation)
    if json:
        _print_json(evaluation, trading, windows)
        return
    _print(evaluation, forecaster.seasons_, f"{windows} cutoffs, {forecaster.horizon} ahead, {FITTED[refit]}")
    printing.print_trading(trading)


def _run(
    unfitted: Forecaster,
    table: SeriesTable,
    windows: int,
    refit: bool,
    ray: str | None,
    baselines: Sequence[str],
    silent: bool,
) -> tuple[Forecaster, Evaluation]:
    from lstmkit.forecasting.backtest import backtest_series

    with JobProgress(silent) as progress:
        stage = ("refit", windows) if refit else ("fit", unfitted.request().settings.max_epochs)
        progress.on_stage(*stage)
        watch = (lambda done: progress.move(done, f"window {done}"), progress.on_epoch)
        return backtest_series(unfitted, table, windows, refit, *watch, ray, baselines)


def _write(out: Path, forecaster: Forecaster, evaluation: Evaluation) -> None:
    from lstmkit.forecasting.reporting.output import renamed, write_backtest

    write_backtest(out, forecaster.levels, evaluation)
    printing.remark(renamed(forecaster.levels, evaluation.table))


def _print_json(evaluation: Evaluation, trading: Trading | None, windows: int) -> None:
    from lstmkit.forecasting.judgement.trading import trading_summary

    scores = {name: dataclasses.asdict(s) for name, s in evaluation.scores.items()}
    skill = dataclasses.asdict(evaluation.skill)
    found = {"scores": scores, "best_naive": evaluation.best_naive, "skill": skill, "p": evaluation.test.p}
    if trading is not None:
        found["trading"] = trading_summary(trading)
    printing.print_json(found | {"windows": windows})


def _print(evaluation: Evaluation, seasons: Seasons, title: str) -> None:
    from lstmkit.forecasting.judgement.verdict import judge
    from lstmkit.forecasting.reporting.rows import SCORE_HEAD, score_rows

    printing.print_table(SCORE_HEAD, score_rows(evaluation, seasons), title, bold_first=True)
    printing.print_verdict(judge(evaluation, seasons))
