"""Labels along a long recording: a window moves over it, and what it says becomes segments."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.classifier.sequence_classifier import SequenceClassifier
from lstmkit.classification.metrics import Floats
from lstmkit.classification.reading import Labelled
from lstmkit.classification.unsure import UNSURE
from lstmkit.ranges import PROBABILITY, real, whole
from lstmkit.sequences import Ragged

AT_ONCE = 1 << 20
"""Steps of the windows that are held together, about, if the frames are narrow."""


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording that is told alike.

    id           of the recording
    start, end   its first step, counted from 1, and its last
    label        its class, or "unsure"
    probability  of the class, the mean over the stretch
    times        of its first and last step as they stand in the table; None without
    """

    id: str
    start: int
    end: int
    label: str
    probability: float
    times: tuple[Any, Any] | None = None


@dataclass(frozen=True)
class Stretch:
    """A stretch of a recording that is told alike, in the units of who asked.

    id           of the recording
    start, end   seconds from its beginning; where there are no seconds its first step, counted from 1, and its last
    label        its class, or "unsure"
    probability  of the class, the mean over the stretch
    """

    id: str
    start: float
    end: float
    label: str
    probability: float


def timeline(
    classifier: SequenceClassifier, rows: Labelled, window: int, every: int | None = None, threshold: float = 0.5
) -> list[Segment]:
    """Return the segments of every recording, in order.

    Every `every` steps a window of `window` steps is answered for by itself; the answer at a step is the mean of those
    of the windows around it.

    every      None is half a window
    threshold  least probability of a class that is told; below, the stretch is "unsure"
    Raises     InputError if a number is out of range
    """
    wide = whole("window", window)
    step = max(1, wide // 2) if every is None else whole("every", every)
    least = real("threshold", threshold, PROBABILITY)
    found: list[Segment] = []
    for row, name in enumerate(rows.ids):
        frames = rows.frames[row]
        shares = _shares(classifier, frames, min(wide, len(frames)), step, rows.frames.bounded(AT_ONCE))
        begin = int(rows.frames.offsets[row])
        for start, end, place in _runs(shares, step, len(frames), least):
            own = shares[start // step : -(-end // step)]
            label = UNSURE if place < 0 else classifier.coding_.classes[place]
            share = float(own.max(axis=1).mean() if place < 0 else own[:, place].mean())
            times = None
            if rows.times is not None:
                times = (rows.times[begin + start], rows.times[begin + end - 1])
            found.append(Segment(name, start + 1, end, label, share, times))
    return found


def _shares(classifier: SequenceClassifier, frames: NDArray[np.float64], wide: int, step: int, most: int) -> Floats:
    """Return the probabilities of every `step` steps, (cells, K).

    most  steps of the windows that are held together
    """
    T = len(frames)
    starts = np.append(np.arange(0, T - wide, step), T - wide)
    cells = -(-T // step)
    middles = np.minimum(np.arange(cells) * step + (step - 1) / 2, T - 1)
    total, count = np.zeros((cells, classifier.coding_.outputs)), np.zeros((cells, 1))
    at_once = max(1, most // wide)
    for begin in range(0, len(starts), at_once):
        own = starts[begin : begin + at_once]
        values = frames[(own[:, None] + np.arange(wide)).reshape(-1)]
        found = classifier.answers_of(Ragged(values, np.arange(len(own) + 1, dtype=np.int64) * wide))
        first = np.searchsorted(middles, own, side="left")
        last = np.searchsorted(middles, own + wide - 1, side="right")
        for a, b, answer in zip(first.tolist(), last.tolist(), found, strict=True):
            total[a:b] += answer
            count[a:b] += 1
    there = np.maximum.accumulate(np.where(count[:, 0] > 0, np.arange(cells), 0))  # windows that leave gaps
    return np.asarray(total[there] / np.maximum(count[there], 1))


def _runs(shares: Floats, step: int, T: int, least: float) -> list[tuple[int, int, int]]:
    """Return runs of cells with the same class: first step, step after the last, and class, -1 where none is sure."""
    best = np.where(shares.max(axis=1) >= least, shares.argmax(axis=1), -1)
    cuts = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
    return [(a * step, min(b * step, T), int(best[a])) for a, b in itertools.pairwise(cuts)]
