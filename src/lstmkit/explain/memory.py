"""Up to which lag does a cell learn a problem that asks for memory? Every cell gets the same budget at every lag."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lstmkit.explain.problems import PROBLEMS, SHORTEST, Problem
from lstmkit.explain.variants import Variant
from lstmkit.ranges import MORE_THAN_0, SEED, Range, check_fields
from lstmkit.training import EpochRecord, TrainSettings, threads_for, train

Outcome = Literal["learnt", "not learnt", "time was up"]
FROM_SHORTEST = Range(f"must be at least {SHORTEST} steps", least=SHORTEST)
CHECK_EVERY = 25
CHECK_SEQUENCES = 500
TEST_SEQUENCES = 2000


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """What every cell is given at every lag.

    longest        lags are 10, 20, 40, ... up to this one
    minutes        after which the whole study ends; None: when every cell has had its steps, however long they take
    hidden         width of the layer
    steps          optimizer steps at most; a cell that has learnt the problem stops earlier
    batch_size     new sequences in a step
    learning_rate  of Adam
    clip_norm      gradients are scaled down to this norm
    seed           of weights and sequences, from 0
    """

    longest: int = 160
    minutes: float | None = 5.0
    hidden: int = 32
    steps: int = 4000
    batch_size: int = 32
    learning_rate: float = 2e-3
    clip_norm: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value."""
        ranges = dict.fromkeys(("minutes", "learning_rate", "clip_norm"), MORE_THAN_0)
        check_fields(self, ranges | {"longest": FROM_SHORTEST, "seed": SEED}, "explain memory")

    @property
    def lags(self) -> tuple[int, ...]:
        """The lags that are tried, each twice the one before."""
        lags = [SHORTEST]
        while 2 * lags[-1] <= self.longest:
            lags.append(2 * lags[-1])
        return tuple(lags)

    def quick(self) -> MemorySettings:
        """Return the same with lags up to 20 and few steps, and without a clock: half a minute on an idle machine."""
        return dataclasses.replace(self, longest=20, minutes=None, steps=500, learning_rate=1e-2)


@dataclass(frozen=True, slots=True)
class Trial:
    """One cell on one problem at one lag.

    outcome  "time was up" if the study ended before the trial did, or the trial had taken twice its share of the time
    error    on new sequences after training
    naive    error of the naive answer on the same sequences
    steps    optimizer steps taken
    """

    problem: str
    variant: Variant
    lag: int
    outcome: Outcome
    error: float
    naive: float
    steps: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a study stands: the trial in progress, and at most how many seconds are left; infinitely many: no clock."""

    problem: str
    variant: Variant
    lag: int
    step: int
    error: float
    seconds_left: float


@dataclass(frozen=True)
class MemoryResult:
    """What was tried and found."""

    settings: MemorySettings
    variants: tuple[Variant, ...]
    trials: tuple[Trial, ...]
    seconds: float

    def of(self, problem: str, variant: Variant) -> tuple[Trial, ...]:
        """Return the trials of a cell on a problem, shortest lag first."""
        return tuple(t for t in self.trials if t.problem == problem and t.variant == variant)

    def reach(self, problem: str, variant: Variant) -> int:
        """Return the longest lag that was learnt, 0 if none."""
        return max((t.lag for t in self.of(problem, variant) if t.outcome == "learnt"), default=0)

    def reach_in_words(self, problem: str, variant: Variant) -> str:
        """Return up to which lag the cell learns the problem, and whether a longer one was tried."""
        trials, reach = self.of(problem, variant), self.reach(problem, variant)
        if not trials or trials[-1].outcome == "time was up" or trials[-1].lag < self._next(reach):
            return f"{reach} (time was up)" if reach else "time was up"
        if trials[-1].outcome == "learnt":
            return f"{reach} (all tried)"
        return f"{reach}" if reach else "none"

    def to_json(self) -> dict[str, Any]:
        """Return settings, reaches and trials as JSON-able data."""
        reaches: dict[str, dict[str, int]] = {
            p.name: {v.name: self.reach(p.name, v) for v in self.variants} for p in PROBLEMS
        }
        trials = [
            {f.name: getattr(t, f.name) for f in dataclasses.fields(t) if f.name != "variant"}
            | {"cell": t.variant.name}
            for t in self.trials
        ]
        return {
            "settings": dataclasses.asdict(self.settings),
            "learns_up_to_lag": reaches,
            "trials": trials,
            "seconds": self.seconds,
        }

    def _next(self, reach: int) -> int:
        """Return the lag after `reach`, or `reach` itself if it is the longest."""
        return next((lag for lag in self.settings.lags if lag > reach), reach)


class LastStepReader(nn.Module):
    """A recurrent layer, and a linear layer on its last output.

    variant          the cell
    inputs, outputs  of the problem
    hidden           width of the layer
    """

    def __init__(self, variant: Variant, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.layer = variant.layer(inputs, hidden)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs (B, outputs) from sequences (T, B, inputs)."""
        answer: Tensor = self.head(self.layer(x)[0][-1])
        return answer


def measure_memory(
    variants: Sequence[Variant],
    settings: MemorySettings | None = None,
    on_moment: Callable[[Moment], None] | None = None,
    on_trial: Callable[[Trial, float], None] | None = None,
) -> MemoryResult:
    """Let every cell try every problem at growing lags, all cells at one lag before any at the next.

    A cell that has not learnt a problem within its steps is not asked for a longer lag of it.

    variants   the cells
    settings   the defaults if None
    on_moment  called every few steps
    on_trial   called after each trial, with at most how many seconds are left, infinitely many without a clock
    Returns    all trials
    """
    settings = settings or MemorySettings()
    start = time.perf_counter()
    end = math.inf if settings.minutes is None else start + 60 * settings.minutes
    trials: list[Trial] = []
    running = {(problem.name, variant) for problem in PROBLEMS for variant in variants}
    for lag in settings.lags:
        for problem in PROBLEMS:
            for variant in variants:
                now = time.perf_counter()
                if (problem.name, variant) not in running or now >= end:
                    continue
                # A slow cell must not use up the time of the others: twice its share, as most trials end early.
                latest = min(end, now + 2 * (end - now) / len(running))
                trial = _try(problem, variant, lag, settings, latest, end, on_moment)
                trials.append(trial)
                if trial.outcome != "learnt":
                    running.remove((problem.name, variant))
                if on_trial is not None:
                    on_trial(trial, max(0.0, end - time.perf_counter()))
    return MemoryResult(settings, tuple(variants), tuple(trials), time.perf_counter() - start)


def _try(
    problem: Problem,
    variant: Variant,
    lag: int,
    settings: MemorySettings,
    latest: float,
    end: float,
    on_moment: Callable[[Moment], None] | None,
) -> Trial:
    """Train one cell until it has learnt the problem, its steps are used up, or its time is.

    latest, end  when the trial ends and when the study does, in seconds of `time.perf_counter`
    """
    start = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = LastStepReader(variant, problem.inputs, settings.hidden, problem.outputs)
    tests = torch.Generator().manual_seed(2 * settings.seed + 1)
    outcome: Outcome = "not learnt"
    error, naive, steps = math.nan, math.nan, 0
    with threads_for(settings.hidden):
        for record in _training(network, problem, lag, settings):
            steps = record.steps
            if on_moment is not None:
                left = max(0.0, end - time.perf_counter())
                on_moment(Moment(problem.name, variant, lag, steps, record.valid_loss, left))
            timed_out = time.perf_counter() >= latest and steps < settings.steps
            if record.valid_loss < problem.limit or timed_out or steps >= settings.steps:
                # The check only says when to look: what counts is the error on sequences never used before.
                x, answer = problem.draw(TEST_SEQUENCES, lag, tests)
                error, naive = _error(network, problem, x, answer), problem.naive_error(answer)
                outcome = "learnt" if error < problem.limit else "time was up" if timed_out else "not learnt"
                if outcome != "not learnt":
                    break
    return Trial(problem.name, variant, lag, outcome, error, naive, steps, time.perf_counter() - start)


def _training(network: LastStepReader, problem: Problem, lag: int, settings: MemorySettings) -> Iterator[EpochRecord]:
    """Train on sequences that are drawn for each step, and check every few steps on others."""
    generator = torch.Generator().manual_seed(2 * settings.seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    every = min(CHECK_EVERY, settings.steps)

    def batch_loss(items: Tensor) -> Tensor:
        x, answer = problem.draw(len(items), lag, generator)
        return problem.loss(network(x), answer)

    def check() -> float:
        return _error(network, problem, *problem.draw(CHECK_SEQUENCES, lag, generator))

    how = TrainSettings(
        max_epochs=-(-settings.steps // every),
        batch_size=settings.batch_size,
        clip_norm=settings.clip_norm,
        seed=settings.seed,
    )
    return train(network, optimizer, how, every * settings.batch_size, batch_loss, check)


@torch.no_grad()
def _error(network: LastStepReader, problem: Problem, x: Tensor, answer: Tensor) -> float:
    return problem.error(network(x), answer)
