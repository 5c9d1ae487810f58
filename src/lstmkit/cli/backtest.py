"""`lstm backtest`: rolling-origin scores of the model and of the baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import options, printing
from lstmkit.cli.progress import JobProgress

if TYPE_CHECKING:
    from lstmkit.data import SeriesTable
    from lstmkit.forecasting.evaluate import Evaluation
    from lstmkit.forecasting.forecaster import Forecaster
    from lstmkit.forecasting.seasons import Seasons
    from lstmkit.forecasting.trading import Trading


EXAMPLES = """\b
examples:
  lstm backtest demo:aapl --horizon 5 --windows 20
  lstm backtest AAPL.csv --target Close --horizon 1 --windows 50 --refit --out rows.csv
"""

FITTED = {True: "fitted again at each", False: "fitted once before the first"}


def backtest(
    file: options.Source,
    target: options.Target = None,
    time: options.Time = None,
    id: options.Id = None,
    horizon: options.Horizon = None,
    windows: Annotated[int, typer.Option(help="Cutoffs of each series, a horizon apart, at its end.")] = 20,
    refit: Annotated[bool, typer.Option("--refit", help="Fit again at every cutoff, on all rows before it.")] = False,
    context: options.Context = None,
    model: options.Model = "lstm",
    cell: options.Cell = None,
    setting: options.Set = None,
    ensemble: options.Ensemble = "1",
    level: options.Level = [80, 95],  # noqa: B006
    season: options.Season = None,
    out: Annotated[Path | None, typer.Option(help="CSV file to write a row per window and step to.")] = None,
    future: options.Future = None,
    past: options.Past = None,
    static: options.Static = None,
    calendar: options.Calendar = False,
    freq: options.Freq = None,
    time_format: options.TimeFormat = None,
    missing: options.Missing = "refuse",
    duplicates: options.Duplicates = "refuse",
    short: options.Short = "auto",
    delimiter: options.Delimiter = None,
    decimal: options.Decimal = None,
    lower: options.Lower = None,
    upper: options.Upper = None,
    seed: options.Seed = 0,
    backend: options.Backend = None,
    baseline: options.Baseline = None,
    cost: options.Cost = None,
    ray: options.Ray = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that --out names.")] = False,
    json: options.Json = False,
) -> None:
    """Forecast from several cutoffs at the end of every series, and score beside the naive forecasts."""
    from lstmkit.data import read_source
    from lstmkit.forecasting.trading import check_prices, trade_if_prices

    options.check_out(out, force)
    covariates = (future, past, static, calendar)
    columns = options.columns(
        file, target, time, id, freq, time_format, missing, duplicates, *covariates, short, decimal, lower, upper
    )
    unfitted = options.forecaster(horizon, context, model, cell, setting, ensemble, level, season, seed, backend)
    table = read_source(file, columns, delimiter)
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
    from lstmkit.forecasting.output import renamed, write_backtest

    write_backtest(out, forecaster, evaluation)
    printing.remark(renamed(forecaster, evaluation.table))


def _print_json(evaluation: Evaluation, trading: Trading | None, windows: int) -> None:
    from lstmkit.forecasting.trading import trading_summary

    scores = {name: dataclasses.asdict(s) for name, s in evaluation.scores.items()}
    skill = dataclasses.asdict(evaluation.skill)
    found = {"scores": scores, "best_naive": evaluation.best_naive, "skill": skill, "p": evaluation.test.p}
    if trading is not None:
        found["trading"] = trading_summary(trading)
    printing.print_json(found | {"windows": windows})


def _print(evaluation: Evaluation, seasons: Seasons, title: str) -> None:
    from lstmkit.forecasting.rows import SCORE_HEAD, score_rows
    from lstmkit.forecasting.verdict import judge

    verdict, rows = judge(evaluation, seasons), score_rows(evaluation, seasons)
    printing.print_table(SCORE_HEAD, rows, title, bold_first=True)
    printing.stdout().print(verdict.headline, style="bold")
    printing.stdout().print(verdict.detail)
