"""The main job: what `lstm forecast` reads, trains, scores and writes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, TableSettings, read_source, require_ahead
from lstmkit.data.content import place_of
from lstmkit.data.frequency import show
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.judgement.evaluation import evaluate, test_split
from lstmkit.forecasting.judgement.trading import check_prices, trade_if_prices, trading_summary
from lstmkit.forecasting.judgement.tutorial import EPOCHS, UNITS, TutorialResult, check_rows, run_tutorial
from lstmkit.forecasting.judgement.verdict import judge
from lstmkit.forecasting.judgement.worst import worst_summary
from lstmkit.forecasting.learning.fitting import note_on_bounds, noted, seasons_of, table_to_learn_from
from lstmkit.forecasting.persistence import needs
from lstmkit.forecasting.predicting import forecast_columns
from lstmkit.forecasting.predicting.columns import level_name, to_csv
from lstmkit.forecasting.reporting import write_report
from lstmkit.forecasting.reporting.output import renamed, write_backtest
from lstmkit.forecasting.reporting.reproduce import command, python
from lstmkit.forecasting.result import JobResult
from lstmkit.ranges import BETWEEN_0_AND_1, real
from lstmkit.results import SUMMARY, Job, Run
from lstmkit.training import threads_for, write_atomically


class Rows(NamedTuple):
    """What was read.

    training  rows of each series to learn from, (S,); the others are only used to score
    """

    table: SeriesTable
    training: NDArray[np.int64]


@dataclass(frozen=True)
class ForecastJob(Job[Rows, TutorialResult | None, JobResult]):
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

    results: ClassVar = ("forecast.csv", "backtest.csv", SUMMARY, "report.html", "model")

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

    def read(self) -> Rows:
        """Read the table, and find now what would fail after the fit."""
        table = read_source(self.source, self.table, self.delimiter)
        table = table_to_learn_from(table, self.forecaster.request(), table.lengths - test_split(table, self.test))
        training = test_split(table, self.test)
        remarks = (*note_on_bounds(table.head(training)), *renamed(self.forecaster.levels, table))
        table = dataclasses.replace(table, notes=(*table.notes, *remarks))
        _check_rows(self, table, training)
        check_prices(table, int((table.lengths - training).max()) - self.forecaster.horizon + 1, self.cost)
        require_ahead(table, self.forecaster.horizon)
        if table.frequency.seasons():
            request = self.forecaster.request()
            table = noted(table, request, seasons_of(table.head(training), request))
        table.future_times(table.times[table.offsets[1:] - 1], self.forecaster.horizon)
        return Rows(table, training)

    def understood(self, read: Rows) -> list[str]:
        """Return two lines about what was understood, then what was noticed."""
        table, training = read
        rows, S = len(table.values), len(table)
        columns = table.columns
        what = f"columns {shorten(columns.wide)}" if columns.wide else f"column {columns.target!r}"
        by = "" if columns.wide else f" by {columns.id!r}"
        series = "one series" if S == 1 else f"{S:,} series{by}"
        period = ""
        if table.time_kind != "row":
            period = f", {show(table.times.min())} to {show(table.times.max())}, a row per {table.frequency.words}"
        test_rows = int((table.lengths - training).sum())
        P = self.forecaster.horizon
        ahead = f"{P} step{'' if P == 1 else 's'}" if table.frequency.unit == "step" else table.frequency.counted(P)
        return [
            f"{place_of(Path(self.source))}: {what}, {rows:,} rows, {series}{period}",
            f"Forecasting {ahead} ahead; learning from the first {rows - test_rows:,} rows, "
            f"scoring on the last {test_rows:,}",
            *table.notes,
        ]

    def fit(self, read: Rows, run: Run) -> TutorialResult | None:
        """Train the forecaster, after the tutorial if it was asked for."""
        table, training = read
        tutorial, on_epoch = None, run.watcher.on_epoch
        if self.recipe == "tutorial":
            run.begin("tutorial", EPOCHS)
            with threads_for(UNITS):
                tutorial = run_tutorial(table.values, seed=self.forecaster.seed, on_epoch=on_epoch)
        run.begin("fit", self.forecaster.request().settings.max_epochs)
        self.forecaster.fit_series(table.head(training), on_epoch, run.checkpoint, self.resume)
        self.forecaster.table_kind_ = "polars"
        return tutorial

    def score(self, read: Rows, fitted: TutorialResult | None, run: Run) -> JobResult:
        """Score all windows of the test part, and forecast what follows the last rows."""
        table, forecaster = read.table, self.forecaster
        evaluation = evaluate(forecaster, table, read.training, classical=self.baselines)
        verdict = judge(evaluation, forecaster.seasons_)
        trading = trade_if_prices(evaluation, forecaster.seasons_, self.cost)
        forecaster.network_.followed = evaluation.followed
        forecaster.remember(table)  # the saved model forecasts after the last row, not after the training part
        run.begin("predict")
        columns = forecast_columns(forecaster.network_, forecaster.levels, table)
        found = (self.source, self.out, forecaster, evaluation, verdict, columns, fitted, trading, python(self))
        result = JobResult(*found, {})
        return dataclasses.replace(result, summary=_summary(self, result, run))

    def write(self, found: JobResult) -> None:
        """Write the model, the forecast, the backtest and the report."""
        found.forecaster.save(self.out / "model", self.replaces)
        write_atomically(self.out / "forecast.csv", to_csv(found.columns, found.evaluation.table))
        write_backtest(self.out / "backtest.csv", found.forecaster.levels, found.evaluation)
        write_report(found, self.out / "report.html")


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


def _summary(job: ForecastJob, result: JobResult, run: Run) -> dict[str, Any]:
    forecaster, evaluation = result.forecaster, result.evaluation
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
        "steps": forecaster.history_[-1].steps,
        "epochs": forecaster.history_[-1].epoch,
        "columns": dataclasses.asdict(evaluation.table.columns),
        "needs": needs(forecaster.table_, forecaster.network_),
        "command": command(job),
    }
    if result.tutorial is not None:
        names = ("train_rmse", "test_rmse", "naive_train_rmse", "naive_rmse", "steps", "seconds_fit")
        summary["tutorial"] = {name: getattr(result.tutorial, name) for name in names}
    if result.trading is not None:
        summary["trading"] = trading_summary(result.trading)
    settings = {
        "model": forecaster.model,
        "context": forecaster.network_.task.context,
        "ensemble": len(forecaster.network_.members),
        "levels": list(forecaster.levels),
        "test": job.test,
        **dataclasses.asdict(forecaster.settings_),
    }
    return run.summary(summary, settings, forecaster.network_.networks[0], forecaster.seed)
