"""How fast this machine trains a network, and how a text is gone through in the time there is."""

from __future__ import annotations

import copy
import statistics
import time
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.language.neural.network import LanguageNetwork
from lstmkit.language.neural.settings import LanguageSettings
from lstmkit.language.neural.streams import Streams

VALIDATED = 1 << 16
"""Tokens of the validation text, its first, that a round is judged by at most: more would cost more than they tell."""
LEAST_VALIDATED = 1 << 11

LEAST_COLUMNS, MOST_COLUMNS, LEAST_WINDOW = 4, 32, 32
PER_COLUMN = 25_600
"""Tokens of a text for each row: 400 windows of 64. Fewer steps an epoch are too few to learn a small text."""
STEPS = 400
"""Of a training that ends by time, at least, as far as fewer rows and shorter windows give more."""

WARMUP = 10
"""One part in so many of the training, at most, goes to the rise of the learning rate."""

ROUND = 0.08
"""Share of the time after which a round ends, so that the first is known after a tenth of it."""
SHORTEST_ROUND = 2.0
"""Seconds: a checkpoint is written in each."""
VALIDATING = 0.01
"""Share of the time that the validation of one round may take."""

TIMED = ((4, 16), (8, 64))
"""Rows and tokens of the steps that are timed."""
REPEATS = 3
TIMING = 0.05
"""Share of the time beyond which the larger steps are not timed."""


class Pace(NamedTuple):
    """How long a step takes here.

    fixed      seconds, whatever its size
    per_token  seconds for each of its tokens
    reading    seconds for a token that is only read
    """

    fixed: float
    per_token: float
    reading: float

    def step(self, tokens: int) -> float:
        """Return the seconds of a step."""
        return self.fixed + self.per_token * tokens


class Plan(NamedTuple):
    """How a text is gone through.

    columns        rows that are read side by side
    window         tokens of each in a step
    validated      tokens of the validation text that a round is judged by
    round_seconds  after which a round ends; None: after a share of a pass
    steps          of the training: at most, or about where it ends by time
    seconds        that these take, about; None if nothing was timed
    warmup         steps in which the learning rate rises; None: as the settings and all their steps have it
    """

    columns: int
    window: int
    validated: int = VALIDATED
    round_seconds: float | None = None
    steps: int = 0
    seconds: float | None = None
    warmup: int | None = None


def columns_for(how: LanguageSettings, tokens: int) -> int:
    """Return into how many rows a text is cut: what the settings say, but no row is shorter than a window."""
    wanted = min(MOST_COLUMNS, max(LEAST_COLUMNS, tokens // PER_COLUMN)) if how.columns is None else how.columns
    return min(wanted, max(1, tokens // how.window))


def plan_for(
    how: LanguageSettings, tokens: int, pace: Pace | None = None, begun: tuple[int, int, int] | None = None
) -> Plan:
    """Return how a text is gone through.

    Training that ends by time gets fewer rows, then shorter windows, where there would be fewer than `STEPS` steps:
    these teach more.

    tokens   of the text
    pace     None if nothing was timed
    begun    columns, window and warmup of a training that is gone on with, or None
    """
    budget = None if how.minutes is None else 60.0 * how.minutes
    columns, window, warmup = (columns_for(how, tokens), how.window, None) if begun is None else begun
    if begun is None and how.columns is None and budget is not None and pace is not None:
        while columns > LEAST_COLUMNS and budget < STEPS * pace.step(columns * window):
            columns = max(LEAST_COLUMNS, columns // 2)
        while window > LEAST_WINDOW and budget < STEPS * pace.step(columns * window):
            window = max(LEAST_WINDOW, window // 2)
    steps = how.epochs * -(-(tokens // columns) // window)
    validated, round_seconds = VALIDATED, None
    if budget is not None:
        round_seconds = max(SHORTEST_ROUND, ROUND * budget)
        if pace is not None:
            validated = min(VALIDATED, max(LEAST_VALIDATED, int(VALIDATING * budget / pace.reading)))
    seconds = None
    if pace is not None:
        seconds = steps * pace.step(columns * window)
        if budget is None:
            seconds += how.epochs * how.rounds * validated * pace.reading
        elif seconds > budget:
            steps, seconds = max(1, int(steps * budget / seconds)), budget
        if budget is not None and warmup is None:
            warmup = min(how.warmup, steps // WARMUP)
    return Plan(columns, window, validated, round_seconds, steps, seconds, warmup)


def measured(network: LanguageNetwork, text: NDArray[np.int32], end: int) -> Pace:
    """Return how long steps take here, from a few of two sizes; the network and the random numbers stay as they are.

    text, end  as in `fit_network`
    """
    minutes = network.settings.minutes
    (size, small), *others = (_stretch(text, *shape) for shape in TIMED)
    with torch.random.fork_rng(devices=[]):
        tried = _Tried(network)
        took = tried.seconds(Streams(text, *small, end))
        pace = Pace(0.0, took / size, tried.reading(Streams(text, *small, end)) / size)
        for larger, shape in others:
            costs = (REPEATS + 1) * pace.step(larger)
            if larger > size and (minutes is None or costs < TIMING * 60.0 * minutes):
                slope = (tried.seconds(Streams(text, *shape, end)) - took) / (larger - size)
                slope = min(max(slope, 0.1 * took / size), took / size)
                pace = pace._replace(fixed=took - slope * size, per_token=slope)
    return pace


def _stretch(text: NDArray[np.int32], columns: int, window: int) -> tuple[int, tuple[int, int]]:
    """Return the tokens of a step and its shape, one row of what there is where the text is too short for more."""
    shape = (columns, window) if len(text) >= columns * window else (1, min(len(text), window))
    return shape[0] * shape[1], shape


class _Tried:
    """A copy of a network whose steps are timed."""

    def __init__(self, network: LanguageNetwork) -> None:
        self._network = copy.deepcopy(network)
        self._how = how = network.settings
        parameters = self._network.parameters()
        self._optimizer = torch.optim.AdamW(parameters, lr=how.learning_rate, weight_decay=how.weight_decay, fused=True)

    def seconds(self, streams: Streams) -> float:
        """Return the median seconds of steps on the first window; the very first, which sets things up, is left out."""
        self._network.train()
        took = []
        for _ in range(REPEATS + 1):
            begun = time.perf_counter()
            loss, _, _ = self._network.loss(*streams.read(0, streams.window), None)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._how.clip_norm)
            self._optimizer.step()
            self._optimizer.zero_grad()
            took.append(time.perf_counter() - begun)
        return statistics.median(took[1:])

    def reading(self, streams: Streams) -> float:
        """Return the seconds of reading the first window."""
        self._network.eval()
        ids, targets = streams.read(0, streams.window)
        begun = time.perf_counter()
        with torch.inference_mode():
            self._network.target_log_probs(ids, targets, None)
        return time.perf_counter() - begun
