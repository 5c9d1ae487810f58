"""`lstm forecast`: the main job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import options, printing
from lstmkit.cli.progress import JobProgress, run_shown

if TYPE_CHECKING:
    from lstmkit.forecasting.job import JobResult

SHOWN_ROWS = 10
EXAMPLES = """\b
examples:
  lstm forecast demo:aapl
  lstm forecast AAPL.csv --target Close --horizon 5
  lstm forecast sales.parquet --target sold --id shop --future promotion --horizon 28 --out sales
  lstm forecast AAPL.csv --target Close --recipe tutorial
"""


def forecast(
    file: options.Source,
    target: options.Target = None,
    time: options.Time = None,
    id: options.Id = None,
    horizon: options.Horizon = None,
    context: options.Context = None,
    model: options.Model = "lstm",
    cell: options.Cell = None,
    setting: options.Set = None,
    ensemble: options.Ensemble = "1",
    level: options.Level = [80, 95],  # noqa: B006
    season: options.Season = None,
    recipe: Annotated[
        str | None, typer.Option(help="tutorial: also run the well-known tutorial, and say what is wrong with it.")
    ] = None,
    out: options.Out = None,
    test: Annotated[float, typer.Option(help="Share of the rows, at the end, that is only used to score.")] = 0.2,
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
    devices: options.Devices = 1,
    num_nodes: options.NumNodes = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace the results that --out holds.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run in --out.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train on a table, score beside naive forecasts on rows never seen, forecast ahead, write a report."""
    from lstmkit.forecasting.job import ForecastJob

    rest = (future, past, static, calendar, short, decimal, lower, upper)
    columns = options.columns(file, target, time, id, freq, time_format, missing, duplicates, *rest)
    steps = 1 if horizon is None and recipe else horizon
    learns = (cell, setting, ensemble, level, season, seed, backend, devices, num_nodes)
    forecaster = options.forecaster(steps, context, model, *learns)
    folder = out or options.named_after(file, "forecast")
    how = (delimiter, test, recipe, force, resume, tuple(baseline or ()), cost)
    job = ForecastJob(file, folder, columns, forecaster, *how)
    result = run_shown(job, JobProgress(quiet or json))
    printing.print_json(result.summary) if json else _print(result)


def _print(result: JobResult) -> None:
    from lstmkit.forecasting.rows import SCORE_HEAD, forecast_rows, score_rows, tutorial_rows, tutorial_verdict
    from lstmkit.forecasting.tutorial import FAULTS

    out = printing.stdout()
    if result.tutorial is not None:
        rows = tutorial_rows(result)
        printing.print_table(("one step ahead", "train RMSE", "test RMSE"), rows, "The tutorial, as people write it")
        out.print(tutorial_verdict(result.tutorial))
        for fault in FAULTS:
            out.print(f"  - {fault}")
    rows = score_rows(result.evaluation, result.forecaster.seasons_)
    title = f"{result.summary['windows']:,} test windows, {result.forecaster.horizon} ahead"
    printing.print_table(SCORE_HEAD, rows, title, bold_first=True)
    out.print(result.verdict.headline, style="bold")
    out.print(result.verdict.detail)
    printing.print_trading(result.trading)
    head, rows = forecast_rows(result.columns, result.evaluation.table)
    printing.print_table(head, rows[:SHOWN_ROWS], "Forecast")
    if len(rows) > SHOWN_ROWS:
        out.print(f"... and {len(rows) - SHOWN_ROWS:,} more rows")
    out.print(f"{result.job.out / 'report.html'} shows it all ({result.summary['seconds']['total']:.1f} s)")
