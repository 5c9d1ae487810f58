"""What `lstm tune` reads, tries on the training rows, and writes."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from lstmkit.data import TableSettings, read_source
from lstmkit.data.content import place_of
from lstmkit.errors import InputError
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.job import ForecastJob
from lstmkit.forecasting.judgement.evaluation import test_split
from lstmkit.forecasting.learning.fitting import table_to_learn_from
from lstmkit.forecasting.reporting.reproduce import command as command_of
from lstmkit.forecasting.tuning.study import Question, Study, Trial
from lstmkit.forecasting.tuning.trying import TuneResult, ask_of, check_numbers, result_of, tune
from lstmkit.ranges import BETWEEN_0_AND_1, real
from lstmkit.results import Job, Run, without_nan, write_results
from lstmkit.training import write_atomically
from lstmkit.training.checkpoint import made_with


@dataclass(frozen=True)
class TuneSummary:
    """What a job found; the folder `job.out` holds it.

    command  a line to paste: `lstm forecast` with the settings chosen
    summary  what best.json holds
    """

    job: TuneJob
    result: TuneResult
    command: str
    summary: dict[str, Any]


@dataclass(frozen=True)
class TuneJob(Job[Question, TuneResult, TuneSummary]):
    """What `lstm tune` was asked to do.

    source       path of a table, or "demo:aapl"
    out          folder for the results
    table        how to read the table
    forecasters  unfitted, one of each model, with the settings to begin from
    fixed        names of settings that are not tried
    delimiter    of a CSV, None for a comma
    test         share of the rows, at the end of every series, that `lstm forecast` scores on; they are not looked at
    trials, minutes, jobs, ray  as in `tune`
    storage      SQLite file of the trials; None for tune.db in `out`
    force        replace the result of another question in `out`
    """

    results: ClassVar = ()
    summary_file: ClassVar = "best.json"

    source: str
    out: Path
    table: TableSettings
    forecasters: tuple[Forecaster, ...]
    fixed: frozenset[str] = frozenset()
    delimiter: str | None = None
    test: float = 0.2
    trials: int = 30
    minutes: float | None = None
    jobs: int = 1
    ray: str | None = None
    storage: Path | None = None
    force: bool = False
    resume: bool = field(default=True, init=False)  # the trials of earlier runs count

    def __post_init__(self) -> None:
        """Check the choices that need no file."""
        real("test", self.test, BETWEEN_0_AND_1)
        check_numbers(self.trials, self.minutes, self.jobs)

    @property
    def storage_path(self) -> Path:
        """Where the trials are."""
        return self.out / "tune.db" if self.storage is None else self.storage

    def held_files(self) -> list[tuple[Path, str]]:
        """Return the file of the trials: several jobs may have folders of their own and share it."""
        return [(self.storage_path, "--storage")]

    def read(self) -> Question:
        """Read the table, and leave aside the rows that the test of `lstm forecast` needs."""
        table = read_source(self.source, self.table, self.delimiter)
        kept_back = table.lengths - test_split(table, self.test)
        table = table_to_learn_from(table, self.forecasters[0].request(), kept_back)
        question = ask_of(self.forecasters, table.head(test_split(table, self.test)), self.fixed)
        _check_out(self, question)
        return question

    def understood(self, read: Question) -> list[str]:
        """Return lines about what was understood, and about trials that are there already."""
        rows, learnt = len(read.table.values), int(read.fit_rows.sum())
        S, place = len(read.table), place_of(Path(self.source))
        lines = [
            f"{place}: {rows:,} training rows{'' if S == 1 else f' of {S:,} series'}; the last {self.test:.0%} of the "
            f"table is kept for the test of lstm forecast",
            f"Each trial learns from the first {learnt:,} and is scored on the last {rows - learnt:,} of them, "
            f"{self.forecasters[0].horizon} ahead",
            *read.table.notes,
        ]
        trials = len(Study(self.storage_path, read).trials())
        if trials:
            goes_on = f"going on to {self.trials}" if trials < self.trials else "which is enough; more with --trials"
            lines.append(f"{self.storage_path}: {trials} trials are there already, {goes_on}")
        return lines

    def fit(self, read: Question, run: Run) -> TuneResult:
        """Try settings; what was found before an interruption is written."""

        def on_trial(trial: Trial, seconds_left: float) -> None:
            run.watcher.on_lines([trial_line(trial, seconds_left)])

        try:
            return tune(read, self.storage_path, self.trials, self.minutes, self.jobs, self.ray, on_trial)
        except KeyboardInterrupt:
            study = Study(self.storage_path, read)
            if any(trial.state == "complete" for trial in study.trials()):
                write_results(self, self.score(read, result_of(read, study), run))
            raise

    def score(self, read: Question, fitted: TuneResult, run: Run) -> TuneSummary:
        """Return the settings that forecast best, and the command that forecasts with them."""
        forecast = ForecastJob(self.source, self.out, self.table, fitted.chosen, self.delimiter, self.test)
        command = command_of(forecast, into=False)
        return TuneSummary(self, fitted, command, without_nan(_summary(read, fitted, command, run.seconds())))

    def write(self, found: TuneSummary) -> None:
        """Write a row for each trial."""
        write_atomically(self.out / "tune.csv", _to_csv(found.result.trials))


def trial_line(trial: Trial, seconds_left: float) -> str:
    """Return what came of a trial, and about how long the others take."""
    words = {"complete": f"score {trial.score:.4f}", "pruned": "given up early", "refused": trial.remark}
    left = f"about {seconds_left / 60:.1f} min left"
    return f"trial {trial.number}: {in_words(trial)}: {words[trial.state]} ({trial.seconds:.1f} s, {left})"


def in_words(trial: Trial) -> str:
    """Return what a trial tried, as text."""
    context = "" if trial.context is None else f", context={trial.context}"
    changes = "".join(f", {name}={value}" for name, value in trial.settings.items())
    return trial.model + (", as given" if trial.default else context + changes or ", as given")


def verdict(result: TuneResult) -> str:
    """Return a sentence about whether anything was better than the settings to begin from."""
    done = {state: sum(t.state == state for t in result.trials) for state in ("complete", "pruned", "refused")}
    counts = f"{done['complete']} complete, {done['pruned']} given up early, {done['refused']} refused"
    first = result.default
    if first is None:
        return f"The settings to begin from could not be used; the best of the others was chosen ({counts})."
    if result.best.number == first.number:
        return f"The settings to begin from won: none of the others scored lower ({counts})."
    gain = 1 - result.best.score / first.score
    return (
        f"{in_words(result.best)} scored {result.best.score:.4f}, {gain:.1%} lower than the settings to begin from "
        f"({first.score:.4f}; {counts}). The lowest of many scores is lucky: what it is worth, lstm forecast shows on "
        f"the test rows."
    )


def _check_out(job: TuneJob, question: Question) -> None:
    """Raise InputError if the result of another question would be replaced."""
    path = job.out / job.summary_file
    if not path.exists() or job.force:
        return
    try:
        study = json.loads(path.read_text(encoding="utf-8")).get("study")
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, OSError):
        study = None
    if study != question.name():
        raise InputError(
            f"{path}: is the result of other data or another question; choose another --out, or --force to replace it"
        )


def _summary(question: Question, result: TuneResult, command: str, seconds: float) -> dict[str, Any]:
    return {
        "study": result.name,
        "command": command,
        "score": result.best.score,
        "default_score": None if result.default is None else result.default.score,
        "default_won": result.default is not None and result.best.number == result.default.number,
        "trial": result.best.number,
        "model": result.best.model,
        "context": result.chosen.context,
        "settings": dataclasses.asdict(result.chosen.request().settings),
        "trials": {s: sum(t.state == s for t in result.trials) for s in ("complete", "pruned", "refused")},
        "horizon": result.chosen.horizon,
        "training_rows": len(question.table.values),
        "scored_rows": int((question.table.lengths - question.fit_rows).sum()),
        "seconds": seconds,
        "seed": result.chosen.seed,
        "versions": made_with(),
    }


def _to_csv(trials: tuple[Trial, ...]) -> bytes:
    """Return a row per trial; a setting that a trial left as it was is empty."""
    names = sorted({name for trial in trials for name in trial.settings})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "score", "model", "context", *names, "epochs", "seconds", "remark"])
    for trial in trials:
        score = "" if math.isnan(trial.score) else trial.score
        own = [trial.settings.get(name, "") for name in names]
        context = "" if trial.context is None else trial.context
        row = [trial.number, trial.state, score, trial.model, context, *own]
        writer.writerow([*row, trial.epochs, round(trial.seconds, 3), trial.remark])
    return text.getvalue().encode()
