"""What is done in a video as it comes: a window of the last seconds is answered for again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstmkit.errors import InputError
from lstmkit.ranges import MORE_THAN_0, PROBABILITY, real
from lstmkit.sequences import Ragged
from lstmkit.video.classifier import ActionClassifier
from lstmkit.video.pictures import PictureSettings, stream_frames


@dataclass(frozen=True)
class Moment:
    """What is told of the last seconds.

    time         seconds from the beginning, of the last picture that was looked at
    label        what is done, or "unsure"
    probability  of the most probable class
    """

    time: float
    label: str
    probability: float


def follow(
    classifier: ActionClassifier,
    path: Path,
    window: float,
    every: float | None = None,
    threshold: float | None = None,
) -> Iterator[Moment]:
    """Yield what is done in a video while it is read; nothing of it is kept but a window.

    path       a file, or "-" for standard input
    window     seconds that are answered for
    every      seconds from an answer to the next; None: half a window
    threshold  least probability of a class that is told; None: that of the classifier
    Raises     InputError if a number is out of range, or the classifier reads skeletons, or a number of pictures
    """
    frames = classifier.frames
    if not isinstance(frames, PictureSettings):
        raise InputError("live: the model reads skeletons, which no video has; leave it out")
    if frames.count is not None:
        raise InputError("live: the model looks at a number of pictures of a clip, not at a rate; train with --rate")
    least = classifier.threshold_ if threshold is None else real("threshold", threshold, PROBABILITY)
    wide = max(1, round(real("window", window, MORE_THAN_0) * frames.rate))
    step = max(1, wide // 2) if every is None else max(1, round(real("every", every, MORE_THAN_0) * frames.rate))
    held = np.empty((0, len(frames.channels)), np.float32)
    count = 0
    for times, values in stream_frames(path, frames, []):
        for time, value in zip(times.tolist(), values, strict=True):
            held = np.concatenate([held[-(wide - 1) :] if wide > 1 else held[:0], value[None]])
            count += 1
            if count % step == 0 or count == wide:
                offsets = np.array([0, len(held)], np.int64)
                found = classifier.classifier_.answers_of(Ragged(held, offsets))
                yield Moment(time, str(classifier.told(found, least)[0]), float(found.max()))
