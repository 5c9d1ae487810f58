"""What is done along a long recording: stretches in seconds, of skeletons in steps."""

from __future__ import annotations

from lstmkit.classification.classifier.timeline import Segment, Stretch, timeline
from lstmkit.classification.reading import Labelled
from lstmkit.errors import InputError
from lstmkit.ranges import MORE_THAN_0, real, whole
from lstmkit.video.classifier import ActionClassifier
from lstmkit.video.pictures import PictureSettings


def segments(
    classifier: ActionClassifier,
    rows: Labelled,
    window: float,
    every: float | None = None,
    threshold: float | None = None,
) -> list[Stretch]:
    """Return the stretches of every recording, in order, without gaps.

    window     that is answered for by itself, in seconds; of skeletons in steps
    every      by how much it moves on; None: half of it
    threshold  least probability of a class that is told; None: that of the classifier
    Raises     InputError if a number is out of range, or the classifier reads a number of pictures and no rate
    """
    least = classifier.threshold_ if threshold is None else threshold
    frames = classifier.frames
    if not isinstance(frames, PictureSettings):
        wide = whole("window", int(window) if float(window).is_integer() else window)
        step = None if every is None else whole("every", int(every) if float(every).is_integer() else every)
        found = timeline(classifier.classifier_, rows, wide, step, least)
        return [Stretch(own.id, own.start, own.end, own.label, own.probability) for own in found]
    if frames.count is not None:
        raise InputError("window: the model looks at a number of pictures of a clip, not at a rate; train with --rate")
    wide = max(1, round(real("window", window, MORE_THAN_0) * frames.rate))
    step = None if every is None else max(1, round(real("every", every, MORE_THAN_0) * frames.rate))
    found = timeline(classifier.classifier_, rows, wide, step, least)
    return [_in_seconds(own, frames.rate) for own in found]


def _in_seconds(own: Segment, rate: float) -> Stretch:
    """Return a segment from its first picture to the one after its last."""
    assert own.times is not None
    return Stretch(own.id, own.times[0], own.times[1] + 1 / rate, own.label, own.probability)
