"""Tuning: try settings on the last part of the training rows, keep every trial, choose the best."""

from __future__ import annotations

import dataclasses
import functools
import math
import socket
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, make_windows
from lstmkit.errors import InputError
from lstmkit.forecasting.cluster import run
from lstmkit.forecasting.forecaster import Forecaster
from lstmkit.forecasting.judgement.evaluation import times_of
from lstmkit.forecasting.judgement.metrics import crps_of_quantiles, naive_scales, score_by_series
from lstmkit.forecasting.learning.adaptive import adapt
from lstmkit.forecasting.learning.fitting import table_to_learn_from
from lstmkit.forecasting.tuning.study import ALIKE, Question, Study, Trial
from lstmkit.ranges import MORE_THAN_0, real, whole
from lstmkit.training import EpochRecord

SCORED = 0.2
"""Share of the training rows, at their end, that trials are scored on."""

MOST_WINDOWS = 8192
"""Windows that a trial is scored on, about: with more rows than that, their cutoffs lie further apart."""

FIRST_JUDGED = 3
"""Epoch from which a trial may be given up."""


def ask_of(forecasters: Sequence[Forecaster], table: SeriesTable, fixed: Collection[str] = ()) -> Question:
    """Return the question for a table of training rows: the last fifth of each series is what trials are scored on.

    Raises  InputError if no rows are left to score on
    """
    P = forecasters[0].horizon
    share = np.round(SCORED * table.lengths).astype(np.int64)
    scored = np.maximum(share, np.minimum(2 * P, table.lengths // 4))
    table_left = table_to_learn_from(table, forecasters[0].request(), scored)
    if len(table_left) < len(table):
        kept = np.isin(np.array(table.ids, dtype=object), np.array(table_left.ids, dtype=object))
        table, scored = table_left, scored[kept]
    if not (scored >= P).any():
        raise InputError(f"no series has the {P} rows that a trial is scored on; use a smaller --horizon")
    fit_rows = table.lengths - scored
    begin_from = tuple(forecaster.suited_to(table.head(fit_rows)) for forecaster in forecasters)
    return Question(begin_from, table, fit_rows, frozenset(fixed))


@dataclass(frozen=True)
class Deadline:
    """A moment that processes of this machine know by its steady clock, and those of others by the time of day.

    steady   seconds of `time.monotonic`, which setting the clock does not move
    of_day   seconds since 1970
    machine  on which `steady` counts, since it was started
    """

    steady: float
    of_day: float
    machine: str

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the moment so many seconds from now."""
        return cls(time.monotonic() + seconds, time.time() + seconds, _machine())

    def left(self) -> float:
        """Return the seconds until then, negative afterwards."""
        return self.steady - time.monotonic() if _machine() == self.machine else self.of_day - time.time()


@functools.cache
def _machine() -> str:
    """Return a name of this machine that differs after every start of it."""
    started = Path("/proc/sys/kernel/random/boot_id")
    return started.read_text(encoding="ascii") if started.exists() else socket.gethostname()


@dataclass(frozen=True)
class Choice:
    """What a trial tries.

    number      of the trial
    forecaster  unfitted, with the settings to try
    limits      validation loss by epoch above which the trial is given up; empty for never
    deadline    when the trial must stop; None for never
    """

    number: int
    forecaster: Forecaster
    limits: tuple[float, ...] = ()
    deadline: Deadline | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    state   "complete"; "pruned", given up as worse than the median; "refused", the settings cannot be used here;
            "late", time was up
    score   nan unless complete
    curve   validation loss by epoch, the untrained network first
    remark  why it was refused
    """

    number: int
    state: str
    score: float
    curve: tuple[float, ...]
    seconds: float
    remark: str = ""


class _Stop(Exception):  # noqa: N818
    """A trial that ends early; its argument is the state."""


def attempt(table: SeriesTable, fit_rows: NDArray[np.int64], choice: Choice) -> Outcome:
    """Fit on the first rows of every series, and score on the others; the arguments are those of `Question`."""
    start = time.perf_counter()
    curve: list[float] = []

    def watch(record: EpochRecord) -> None:
        curve.append(record.valid_loss)
        if choice.deadline is not None and choice.deadline.left() < 0:
            raise _Stop("late")
        limit = choice.limits[min(record.epoch, len(choice.limits) - 1)] if choice.limits else math.inf
        if record.epoch >= FIRST_JUDGED and min(curve) > limit:
            raise _Stop("pruned")

    state, found, remark = "complete", math.nan, ""
    try:
        if choice.deadline is not None and choice.deadline.left() < 0:
            raise _Stop("late")
        found = score(choice.forecaster.fit_series(table.head(fit_rows), watch), table, fit_rows)
        if not math.isfinite(found):
            raise InputError(
                "nothing could be scored: the last training rows have no value, or the forecast is not finite"
            )
    except _Stop as stopped:
        state = str(stopped)
    except InputError as error:
        state, remark = "refused", str(error)
    return Outcome(choice.number, state, found, tuple(curve), time.perf_counter() - start, remark)


def score(forecaster: Forecaster, table: SeriesTable, fit_rows: NDArray[np.int64]) -> float:
    """Return the error that trials are compared by: the continuous ranked probability score in naive units.

    It is twice the mean pinball loss of the quantiles on rolling windows whose whole future lies after `fit_rows`, over
    the mean absolute error of the (seasonal) naive forecast in those rows, averaged within a series first. If no series
    has such an error, it is in the units of the series.
    """
    P = forecaster.horizon
    windows = int(np.maximum(table.lengths - fit_rows - P + 1, 0).sum())
    stride = max(1, windows // MOST_WINDOWS)
    chosen = make_windows(table, forecaster.network_.window, P, first=fit_rows, stride=stride)
    if not len(chosen):
        return math.nan
    quantiles = forecaster.predict_windows(chosen)
    truth = table.values[chosen.cutoffs[:, None] + np.arange(P)]
    scales = naive_scales(table.head(fit_rows), forecaster.seasons_.mase_period)
    mean = forecaster.mean_of(quantiles)
    quantiles = adapt(quantiles, truth, times_of(table, chosen.cutoffs, P), forecaster.quantile_levels).quantiles
    crps = crps_of_quantiles(truth, quantiles, forecaster.quantile_levels)
    scores = score_by_series(truth, mean, chosen.series, scales, crps).mean()
    return scores.scaled_crps if math.isfinite(scores.scaled_crps) else scores.crps


@dataclass(frozen=True)
class TuneResult:
    """What tuning has found so far.

    name     of the study in its storage
    trials   that have ended, those of earlier runs included
    best     the trial with the lowest score
    default  the trial of the settings that the first forecaster came with; None if it could not be used
    chosen   unfitted, with the settings of `best`
    """

    name: str
    trials: tuple[Trial, ...]
    best: Trial
    default: Trial | None
    chosen: Forecaster


def tune(
    question: Question,
    storage: Path,
    trials: int = 30,
    minutes: float | None = None,
    jobs: int = 1,
    ray: str | None = None,
    on_trial: Callable[[Trial, float], None] | None = None,
) -> TuneResult:
    """Try settings until there are `trials` trials, or time is up; what earlier runs have tried counts.

    storage   SQLite file of all trials; a trial is in it as soon as it has ended, so an interruption loses those under
              way and no more
    minutes   after which trials under way stop at the end of their epoch; the first one, of the settings given, is
              finished in any case
    jobs      processes on this machine
    ray       address of a Ray cluster to try on, or None
    on_trial  called when a trial has ended, with the seconds that are left, about
    Raises    InputError if a number is out of range, the storage cannot be used, or no settings could be used at all
    """
    check_numbers(trials, minutes, jobs)
    study = Study(storage, question)
    began = time.monotonic()
    deadline = None if minutes is None else Deadline.after(60 * minutes)
    there = len(study.trials())
    try:
        with closing(
            run(
                functools.partial(attempt, question.table, question.fit_rows),
                _choices(study, trials, deadline, parallel=jobs > 1 or ray is not None),
                ray,
                jobs,
            )
        ) as outcomes:
            for outcome in outcomes:
                trial = study.tell(outcome.number, dataclasses.asdict(outcome))
                if on_trial is not None and trial is not None:
                    done = len(study.trials()) - there
                    left = (time.monotonic() - began) / done * (trials - there - done)
                    on_trial(trial, max(0.0, left if deadline is None else min(left, deadline.left())))
    finally:
        study.give_up()
    return result_of(question, study)


def check_numbers(trials: int, minutes: float | None, jobs: int) -> None:
    """Raise InputError if an argument of `tune` is out of range."""
    whole("trials", trials)
    if minutes is not None:
        real("minutes", minutes, MORE_THAN_0)
    whole("jobs", jobs)


def result_of(question: Question, study: Study) -> TuneResult:
    """Return what a study has found.

    Raises  InputError if no trial of it was complete
    """
    trials = study.trials()
    complete = [t for t in trials if t.state == "complete"]
    if not complete:
        raise InputError(next((t.remark for t in trials if t.remark), "no trial was complete; give tuning more time"))
    best = min(complete, key=lambda t: (t.score, t.number))
    first = question.forecasters[0].model
    default = next((t for t in complete if t.default and t.model == first), None)
    return TuneResult(study.name, trials, best, default, study.forecaster(best))


def _choices(study: Study, trials: int, deadline: Deadline | None, parallel: bool) -> Iterator[Choice]:
    """Ask a study for trials, one when the next is wanted, until there are enough or time is up."""
    while len(study.trials()) + study.under_way < trials:
        must = not study.begun
        if deadline is not None and deadline.left() < 0 and not must:
            return
        number, forecaster, alike = study.ask(parallel)
        yield Choice(number, forecaster, median_curve(alike), None if must else deadline)


def median_curve(curves: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Return the median over trials of the lowest validation loss up to each epoch; empty if there are too few trials.

    A trial that ended sooner counts with the lowest loss that it reached. Source: the median rule of Golovin et al.
    2017, among trials whose losses are in the same units.
    """
    if len(curves) < ALIKE:
        return ()
    longest = max(len(curve) for curve in curves)
    lowest = [np.minimum.accumulate([*curve, *[curve[-1]] * (longest - len(curve))]) for curve in curves]
    return tuple(float(v) for v in np.median(lowest, axis=0))
