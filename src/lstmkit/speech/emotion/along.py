"""How a recording is said along its time: stretches that are told alike, and what weighed in an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.classifier.timeline import Stretch, timeline
from lstmkit.errors import require_fit
from lstmkit.ranges import MORE_THAN_0, real
from lstmkit.speech.emotion.classifier import EmotionClassifier
from lstmkit.speech.emotion.clips import read_clips
from lstmkit.speech.utterance import Utterance


@dataclass(frozen=True)
class Told:
    """A recording, and how it is said.

    utterance  the recording
    label      its class, or "unsure"
    shares     probability of every class
    weights    (T,) of sum one, what each frame weighed in the answer; None where nobody asked
    stretches  along its time; empty where nobody asked
    """

    utterance: Utterance
    label: str
    shares: dict[str, float]
    weights: NDArray[np.float64] | None = None
    stretches: tuple[Stretch, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What is asked of recordings, besides a class of each.

    explain    what weighed
    window     seconds of a window that moves along; None: nothing is told along the time
    every      seconds from a window to the next; None is half a window
    threshold  least probability of a class that is told; None is that of the classifier
    Raises     InputError if a value is out of range
    """

    explain: bool = False
    window: float | None = None
    every: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        for name, value in (("window", self.window), ("every", self.every)):
            if value is not None:
                real(name, value, MORE_THAN_0)


def tell(emotion: EmotionClassifier, source: Any, asked: Asked, pattern: str | None = None) -> list[Told]:
    """Return how recordings are said.

    source   as `EmotionClassifier.predict` takes it
    pattern  of the names of a folder's files
    Raises   NotFittedError before `fit`; InputError for a recording that cannot be used
    """
    require_fit(emotion, "classifier_")
    clips = read_clips(source, pattern=pattern, labelled=False)
    found = emotion.rows(clips)
    shares = emotion.classifier_.answers(found)
    labels, classes = emotion.told(shares, asked.threshold), emotion.classes_.astype(str).tolist()
    weights: Sequence[NDArray[np.float64] | None] = [None] * len(clips)
    if asked.explain:
        weights = emotion.classifier_.weights_of(found.frames)
    along: dict[str, list[Stretch]] = {}
    if asked.window is not None:
        shift = emotion.frames.shift / 1000
        wide = max(1, round(asked.window / shift))
        every = None if asked.every is None else max(1, round(asked.every / shift))
        least = emotion.threshold_ if asked.threshold is None else asked.threshold
        starts = {one.name: one.start for one in clips.manifest.utterances}
        for own in timeline(emotion.classifier_, found, wide, every, least):
            begin = starts[own.id]
            one = Stretch(own.id, begin + (own.start - 1) * shift, begin + own.end * shift, own.label, own.probability)
            along.setdefault(own.id, []).append(one)
    return [
        Told(one, str(label), dict(zip(classes, row.tolist(), strict=True)), weight, tuple(along.get(one.name, ())))
        for one, label, row, weight in zip(clips.manifest.utterances, labels, shares, weights, strict=True)
    ]
