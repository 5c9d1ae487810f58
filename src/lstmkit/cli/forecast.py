"""`lstm forecast`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lstmkit.cli import parameters, printing
from lstmkit.cli.progress import JobProgress, run_shown

if TYPE_CHECKING:
    from lstmkit.forecasting.result import JobResult

SHOWN_ROWS = 10
EXAMPLES = """\b
examples:
  lstm forecast demo:aapl
  lstm forecast AAPL.csv --target Close --horizon 5
  lstm forecast sales.parquet --target sold --id shop --future promotion --horizon 28 --out sales
  lstm forecast AAPL.csv --target Close --recipe tutorial
"""


@parameters.grouped
def forecast(
    series: parameters.Series,
    *,
    horizon: parameters.Horizon = None,
    learner: parameters.Learner,
    recipe: Annotated[
        str | None, typer.Option(help="tutorial: also run the well-known tutorial, and say what is wrong with it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results.  [default: forecast-NAME]", show_default=False)
    ] = None,
    test: Annotated[float, typer.Option(help="Share of the rows, at the end, that is only used to score.")] = 0.2,
    reading: parameters.Reading,
    chance: parameters.Chance,
    baseline: parameters.Baseline = None,
    cost: parameters.Cost = None,
    devices: parameters.Devices = 1,
    num_nodes: parameters.NumNodes = 1,
    manner: parameters.Manner,
) -> None:
    """Train on a table, score beside naive forecasts on rows never seen, forecast ahead, write a report."""
    from lstmkit.forecasting.job import ForecastJob

    table = reading.settings(series)
    forecaster = learner.forecaster(1 if horizon is None and recipe else horizon, chance, devices, num_nodes)
    how = (reading.delimiter, test, recipe, manner.force, manner.resume, tuple(baseline or ()), cost)
    job = ForecastJob(series.file, out or parameters.named_after(series.file, "forecast"), table, forecaster, *how)
    result = run_shown(job, JobProgress(manner.silent))
    printing.print_json(result.summary) if manner.json else _print(result)


def _print(result: JobResult) -> None:
    from lstmkit.forecasting.judgement.tutorial import FAULTS
    from lstmkit.forecasting.reporting.rows import (
        SCORE_HEAD,
        forecast_rows,
        score_rows,
        tutorial_rows,
        tutorial_verdict,
    )

    out = printing.stdout()
    if result.tutorial is not None:
        rows = tutorial_rows(result.tutorial, result.evaluation)
        printing.print_table(("one step ahead", "train RMSE", "test RMSE"), rows, "The tutorial, as people write it")
        out.print(tutorial_verdict(result.tutorial))
        for fault in FAULTS:
            out.print(f"  - {fault}")
    rows = score_rows(result.evaluation, result.forecaster.seasons_)
    title = f"{result.summary['windows']:,} test windows, {result.forecaster.horizon} ahead"
    printing.print_table(SCORE_HEAD, rows, title, bold_first=True)
    printing.print_verdict(result.verdict)
    printing.print_trading(result.trading)
    head, rows = forecast_rows(result.columns, result.evaluation.table)
    printing.print_table(head, rows[:SHOWN_ROWS], "Forecast")
    if len(rows) > SHOWN_ROWS:
        out.print(f"... and {len(rows) - SHOWN_ROWS:,} more rows")
    out.print(f"{result.out / 'report.html'} shows it all ({result.summary['seconds']['total']:.1f} s)")
