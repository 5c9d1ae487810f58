"""The main job, from a file to a folder of results: read, fit, score, forecast, write."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, TableSettings, read_source, require_ahead
from lstmkit.data.content import place_of
from lstmkit.data.frequency import show
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.forecasting.evaluate import Evaluation, evaluate, test_split
from lstmkit.forecasting.fitting import note_on_bounds, noted, seasons_of, table_to_learn_from
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.output import forecast_columns, level_name, renamed, to_csv, write_backtest
from lstmkit.forecasting.persistence import needs
from lstmkit.forecasting.report import write_report
from lstmkit.forecasting.reproduce import command
from lstmkit.forecasting.trading import Trading, check_prices, trade_if_prices, trading_summary
from lstmkit.forecasting.tutorial import UNITS, TutorialResult, check_rows, run_tutorial
from lstmkit.forecasting.verdict import Verdict, judge
from lstmkit.forecasting.worst import worst_summary
from lstmkit.nn import LSTM
from lstmkit.ranges import BETWEEN_0_AND_1, real
from lstmkit.results import CHECKPOINT, SUMMARY, Clock, check_folder, job_folder, versions, without_nan, write_summary
from lstmkit.training import EpochRecord, is_first, threads_for, write_atomically

RESULTS = ("forecast.csv", "backtest.csv", SUMMARY, "report.html", "model")


@dataclass(frozen=True)
class ForecastJob:
    """What `lstm forecast` was asked to do.

    source      path of a table, or "demo:aapl"
    out         folder for the results
    table       how to read the table
    forecaster  unfitted
    delimiter   of a CSV, None for a comma
    test        share of the rows, at the end of every series, that is only used to score
    recipe      None, or "tutorial" to run the well-known tutorial beside the honest forecast
    force       replace results that are in `out`
    resume      continue an interrupted job in `out`
    baselines   classical models to show beside the naive forecasts, from theta, ets, arima
    cost        basis points of a change of position, to see what trading on the forecast would have earned; None for
                the usual cost where the column is named like a price, and nothing elsewhere
    """

    source: str
    out: Path
    table: TableSettings
    forecaster: Forecaster
    delimiter: str | None = None
    test: float = 0.2
    recipe: str | None = None
    force: bool = False
    resume: bool = False
    baselines: tuple[str, ...] = ()
    cost: float | None = None

    def __post_init__(self) -> None:
        """Check the choices that need no file."""
        real("test", self.test, BETWEEN_0_AND_1)
        if self.recipe not in (None, "tutorial"):
            raise InputError(f"recipe must be tutorial; got {self.recipe!r}")


class Watcher(Protocol):
    """Who is told about the progress of a job."""

    def on_read(self, lines: list[str]) -> None:
        """Take two lines about what was understood, then what was noticed."""

    def on_stage(self, name: str) -> None:
        """Take the name of what begins: tutorial, fit, score, predict, write."""

    def on_epoch(self, record: EpochRecord) -> None:
        """Take the record of an epoch of the stage tutorial or fit."""


@dataclass(frozen=True)
class JobResult:
    """What a job found; the folder `job.out` holds it.

    columns  of forecast.csv
    trading  on the forecasts of the test windows, of prices
    summary  what summary.json holds
    """

    job: ForecastJob
    forecaster: Forecaster
    evaluation: Evaluation
    verdict: Verdict
    columns: dict[str, Any]
    tutorial: TutorialResult | None
    trading: Trading | None
    summary: dict[str, Any] = field(repr=False)


def run_job(job: ForecastJob, watcher: Watcher | None = None) -> JobResult:
    """Do the whole job.

    Raises  InputError if something given cannot be used, before anything in `job.out` is touched; KeyboardInterrupt
            leaves the checkpoint there, and the job can be resumed
    """
    clock = Clock(None if watcher is None else watcher.on_stage)
    check_folder(job.out, RESULTS, job.force, job.resume)
    table = read_source(job.source, job.table, job.delimiter)
    table = table_to_learn_from(table, job.forecaster.request(), table.lengths - test_split(table, job.test))
    train_rows = test_split(table, job.test)
    remarks = (*note_on_bounds(table.head(train_rows)), *renamed(job.forecaster, table))
    table = dataclasses.replace(table, notes=(*table.notes, *remarks))
    _check_rows(job, table, train_rows)
    check_prices(table, int((table.lengths - train_rows).max()) - job.forecaster.horizon + 1, job.cost)
    require_ahead(table, job.forecaster.horizon)
    if table.frequency.seasons():
        request = job.forecaster.request()
        table = noted(table, request, seasons_of(table.head(train_rows), request))
    lasts = table.times[table.offsets[1:] - 1]
    table.future_times(lasts, job.forecaster.horizon)  # refused now rather than after the fit
    with job_folder(job.out, RESULTS, job.force, job.resume):
        if watcher is not None and is_first():
            watcher.on_read(understood(job, table, train_rows))
        return _fit_and_write(job, table, train_rows, clock, watcher)


def _fit_and_write(
    job: ForecastJob, table: SeriesTable, train_rows: NDArray[np.int64], clock: Clock, watcher: Watcher | None
) -> JobResult:
    on_epoch = None if watcher is None else watcher.on_epoch
    tutorial = None
    if job.recipe == "tutorial":
        clock.begin("tutorial")
        with threads_for(UNITS):
            tutorial = run_tutorial(table.values, seed=job.forecaster.seed, on_epoch=on_epoch)
    clock.begin("fit")
    checkpoint = job.out / CHECKPOINT
    forecaster = job.forecaster.fit_series(table.head(train_rows), on_epoch, checkpoint, job.resume)
    forecaster.table_kind_ = "polars"
    if not is_first():  # of several processes that trained together, one scores and writes
        raise SystemExit(0)
    clock.begin("score")
    evaluation = evaluate(forecaster, table, train_rows, classical=job.baselines)
    verdict = judge(evaluation, forecaster.seasons_)
    trading = trade_if_prices(evaluation, forecaster.seasons_, job.cost)
    forecaster.remember(table)  # the saved model forecasts after the last row, not after the training part
    clock.begin("predict")
    columns = forecast_columns(forecaster, table)
    clock.begin("write")
    result = JobResult(job, forecaster, evaluation, verdict, columns, tutorial, trading, {})
    result = dataclasses.replace(result, summary=_summary(result, clock))
    _write(result)
    checkpoint.unlink(missing_ok=True)
    return result


def understood(job: ForecastJob, table: SeriesTable, train_rows: NDArray[np.int64]) -> list[str]:
    """Return two lines about what was understood, then what was noticed."""
    rows, S = len(table.values), len(table)
    columns = table.columns
    what = f"columns {shorten(columns.wide)}" if columns.wide else f"column {columns.target!r}"
    by = "" if columns.wide else f" by {columns.id!r}"
    series = "one series" if S == 1 else f"{S:,} series{by}"
    period = ""
    if table.time_kind != "row":
        period = f", {show(table.times.min())} to {show(table.times.max())}, a row per {table.frequency.words}"
    test_rows = int((table.lengths - train_rows).sum())
    P = job.forecaster.horizon
    ahead = f"{P} step{'' if P == 1 else 's'}" if table.frequency.unit == "step" else table.frequency.counted(P)
    return [
        f"{place_of(Path(job.source))}: {what}, {rows:,} rows, {series}{period}",
        f"Forecasting {ahead} ahead; learning from the first {rows - test_rows:,} rows, "
        f"scoring on the last {test_rows:,}",
        *table.notes,
    ]


def _check_rows(job: ForecastJob, table: SeriesTable, train_rows: NDArray[np.int64]) -> None:
    if job.recipe == "tutorial" and len(table) > 1:
        raise InputError("--recipe tutorial takes one series; filter the table first")
    if job.recipe == "tutorial":
        check_rows(len(table.values))
    P, least = job.forecaster.horizon, job.forecaster.least_rows()
    short = np.flatnonzero((table.lengths - train_rows < P) | (train_rows < least))
    if table.columns.short == "pad" and len(short) < len(table):
        return
    if len(short):
        s = int(short[0])
        needed = max(int((P - 0.5) / job.test), int((least - 0.5) / (1 - job.test)))
        while not (round(job.test * needed) >= P and needed - round(job.test * needed) >= least):
            needed += 1
        context = job.forecaster.context
        what = f"horizon {P}" if context is None else f"context {context} and horizon {P}"
        raise InputError(
            f"{table.name(s)}: {table.lengths[s]} rows, of which {train_rows[s]} to learn from and "
            f"{table.lengths[s] - train_rows[s]} to score on; at least {needed} rows in all for {what}; "
            f"use a smaller {'--horizon' if context is None else '--context or --horizon'}"
            f"{'' if len(table) == 1 else ', or --short drop or pad'}"
        )


def _summary(result: JobResult, clock: Clock) -> dict[str, Any]:
    forecaster, evaluation = result.forecaster, result.evaluation
    settings = forecaster.request().settings
    summary: dict[str, Any] = {
        "scores": {name: dataclasses.asdict(scores) for name, scores in evaluation.scores.items()},
        "best_naive": evaluation.best_naive,
        "skill": evaluation.skill.value,
        "skill_interval": [evaluation.skill.low, evaluation.skill.high],
        "verdict": result.verdict.kind,
        "p": evaluation.test.p,
        "coverage": {level_name(level): share for level, share in evaluation.coverage.items()},
        "width": {level_name(level): width for level, width in evaluation.width.items()},
        "reliability": {f"{level:g}": share for level, share in evaluation.reliability.items()},
        "pinball": {f"{level:g}": loss for level, loss in evaluation.pinball.items()},
        "medians": {name: dataclasses.asdict(scores) for name, scores in evaluation.medians.items()},
        "without_scale": [str(evaluation.table.ids[s]) for s in evaluation.without_scale],
        "worst_windows": worst_summary(evaluation),
        "windows": len(evaluation.cutoffs),
        "horizon": forecaster.horizon,
        "series": len(evaluation.table),
        "rows": len(evaluation.table.values),
        "frequency": str(evaluation.table.frequency),
        "seasons": dataclasses.asdict(forecaster.seasons_),
        "seconds": {**clock.seconds, "total": clock.total()},
        "steps": forecaster.history_[-1].steps,
        "epochs": forecaster.history_[-1].epoch,
        "settings": {
            "model": forecaster.model,
            "context": forecaster.network_.task.context,
            "ensemble": len(forecaster.network_.members),
            "levels": list(forecaster.levels),
            "test": result.job.test,
            **dataclasses.asdict(settings),
        },
        "columns": dataclasses.asdict(evaluation.table.columns),
        "versions": versions(),
        "backend": _backend(forecaster),
        "needs": needs(forecaster),
        "seed": forecaster.seed,
        "command": command(result.job),
    }
    if result.tutorial is not None:
        names = ("train_rmse", "test_rmse", "naive_train_rmse", "naive_rmse", "steps", "seconds_fit")
        summary["tutorial"] = {name: getattr(result.tutorial, name) for name in names}
    if result.trading is not None:
        summary["trading"] = trading_summary(result.trading)
    return without_nan(summary)  # type: ignore[no-any-return]


def _backend(forecaster: Forecaster) -> str:
    """Return the backends that run the recurrent layers of the model."""
    layers = [m for m in forecaster.network_.networks[0].modules() if isinstance(m, LSTM)]
    return ", ".join(sorted({m.explain(torch.zeros(2, 2, m.input_size)).chosen for m in layers}))


def _write(result: JobResult) -> None:
    """Write every result, each complete or not at all; summary.json last, as the sign that all are there."""
    out, table = result.job.out, result.evaluation.table
    try:
        result.forecaster.save(out / "model", force=result.job.force or result.job.resume)
        write_atomically(out / "forecast.csv", to_csv(result.columns, table))
        write_backtest(out / "backtest.csv", result.forecaster, result.evaluation)
        write_report(result, out / "report.html")
        write_summary(out, result.summary)
    except OSError as error:
        raise InputError(f"{out}: cannot be written to ({error.strerror})") from error
