"""The tuning job, from a file to a folder: read, try settings on the training rows, write what was found."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

import lstmkit
from lstmkit.data import TableSettings, read_source
from lstmkit.data.content import place_of
from lstmkit.errors import InputError
from lstmkit.forecasting.evaluate import test_split
from lstmkit.forecasting.fitting import table_to_learn_from
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.models import model_named
from lstmkit.forecasting.study import Question, Study, Trial
from lstmkit.forecasting.tune import TuneResult, ask_of, check_numbers, result_of, tune
from lstmkit.ranges import BETWEEN_0_AND_1, real
from lstmkit.results import file_of_one_job, job_folder
from lstmkit.training import write_atomically

RESULT = "best.json"
TRIALS = "tune.csv"


@dataclass(frozen=True)
class TuneJob:
    """What `lstm tune` was asked to do.

    source       path of a table, or "demo:aapl"
    out          folder for the results
    table        how to read the table
    forecasters  unfitted, one of each model, with the settings to begin from
    fixed        names of settings that are not tried
    command      words of an `lstm forecast` that reads the same and asks the same, without model and settings
    delimiter    of a CSV, None for a comma
    test         share of the rows, at the end of every series, that `lstm forecast` scores on; they are not looked at
    trials, minutes, jobs, ray  as in `tune`
    storage      SQLite file of the trials; None for tune.db in `out`
    force        replace the result of another question in `out`
    """

    source: str
    out: Path
    table: TableSettings
    forecasters: tuple[Forecaster, ...]
    fixed: frozenset[str] = frozenset()
    command: tuple[str, ...] = ()
    delimiter: str | None = None
    test: float = 0.2
    trials: int = 30
    minutes: float | None = None
    jobs: int = 1
    ray: str | None = None
    storage: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        """Check the choices that need no file."""
        real("test", self.test, BETWEEN_0_AND_1)
        check_numbers(self.trials, self.minutes, self.jobs)

    @property
    def storage_path(self) -> Path:
        """Where the trials are."""
        return self.out / "tune.db" if self.storage is None else self.storage


class TuneWatcher(Protocol):
    """Who is told about the progress of a tuning."""

    def on_read(self, lines: list[str]) -> None:
        """Take lines about what was understood."""

    def on_trial(self, trial: Trial, seconds_left: float) -> None:
        """Take a trial that has ended, and about how long the others may take."""


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


def run_tune_job(job: TuneJob, watcher: TuneWatcher | None = None) -> TuneSummary:
    """Do the whole job.

    Raises  InputError if something given cannot be used; KeyboardInterrupt after what was found so far has been written
    """
    start = time.perf_counter()
    question = read_question(job)
    _check_out(job, question)
    with job_folder(job.out, (), resume=True), file_of_one_job(job.storage_path, "--storage"):
        if watcher is not None:
            there = Study(job.storage_path, question).trials()
            watcher.on_read(understood(job, question, len(there)))
        on_trial = None if watcher is None else watcher.on_trial
        try:
            result = tune(question, job.storage_path, job.trials, job.minutes, job.jobs, job.ray, on_trial)
        except KeyboardInterrupt:
            study = Study(job.storage_path, question)
            if any(trial.state == "complete" for trial in study.trials()):
                _write(_summary(job, question, result_of(question, study), time.perf_counter() - start))
            raise
        found = _summary(job, question, result, time.perf_counter() - start)
        _write(found)
        return found


def read_question(job: TuneJob) -> Question:
    """Read the table, and leave aside the rows that the test of `lstm forecast` needs."""
    table = read_source(job.source, job.table, job.delimiter)
    kept_back = table.lengths - test_split(table, job.test)
    table = table_to_learn_from(table, job.forecasters[0].request(), kept_back)
    return ask_of(job.forecasters, table.head(test_split(table, job.test)), job.fixed)


def understood(job: TuneJob, question: Question, trials: int) -> list[str]:
    """Return lines about what was understood.

    trials  that the storage holds already
    """
    rows, learnt = len(question.table.values), int(question.fit_rows.sum())
    S, place = len(question.table), place_of(Path(job.source))
    lines = [
        f"{place}: {rows:,} training rows{'' if S == 1 else f' of {S:,} series'}; the last {job.test:.0%} of the "
        f"table is kept for the test of lstm forecast",
        f"Each trial learns from the first {learnt:,} and is scored on the last {rows - learnt:,} of them, "
        f"{job.forecasters[0].horizon} ahead",
        *question.table.notes,
    ]
    if trials:
        goes_on = f"going on to {job.trials}" if trials < job.trials else "which is enough; more with --trials"
        lines.append(f"{job.storage_path}: {trials} trials are there already, {goes_on}")
    return lines


def command_of(job: TuneJob, chosen: Forecaster) -> str:
    """Return the line that forecasts with chosen settings: all that differ from the model's defaults are in it."""
    words = ["lstm", "forecast", *job.command, "--model", chosen.model]
    if chosen.context is not None:
        words += ["--context", str(chosen.context)]
    defaults = dataclasses.asdict(model_named(chosen.model).Settings())
    for name, value in dataclasses.asdict(chosen.request().settings).items():
        if value != defaults[name]:
            words += ["--set", f"{name}={'none' if value is None else str(value).replace(' ', '')}"]
    return shlex.join(words)


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
    path = job.out / RESULT
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


def _summary(job: TuneJob, question: Question, result: TuneResult, seconds: float) -> TuneSummary:
    command = command_of(job, result.chosen)
    summary = {
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
        "versions": {"lstmkit": lstmkit.__version__, "torch": torch.__version__},
    }
    return TuneSummary(job, result, command, summary)


def _write(found: TuneSummary) -> None:
    out = found.job.out
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / TRIALS, _to_csv(found.result.trials))
        write_atomically(out / RESULT, (json.dumps(found.summary, indent=2) + "\n").encode())
    except OSError as error:
        raise InputError(f"{out}: cannot be written to ({error.strerror}); choose another --out") from error


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
