"""What is said along recordings: of each as a whole, or of each of its shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstmkit.classification.reading import Labelled
from lstmkit.errors import InputError
from lstmkit.language.translate import SearchSettings
from lstmkit.results.subtitles import Cue, broken
from lstmkit.sequences import Ragged
from lstmkit.video.captions.captioner import Caption, Captioner
from lstmkit.video.captions.shots import shots_of
from lstmkit.video.pictures import PictureSettings

SHORTEST = 1.0
"""Seconds that a shot of a video has at least."""
STEPS = 20
"""Frames that it has where nothing tells their times."""


@dataclass(frozen=True)
class Said:
    """What is said of a part of a recording.

    id          of the recording
    start, end  seconds; steps from 1 on, the last included, where nothing tells the times
    captions    the best first
    """

    id: str
    start: float
    end: float
    captions: tuple[Caption, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all that is known, but for the attention."""
        several = [
            {"text": one.text, "score": one.score, "log_prob": one.log_prob, "complete": one.ended}
            for one in self.captions
        ]
        return {
            "id": self.id,
            "start": self.start,
            "end": self.end,
            "caption": self.captions[0].text,
            "captions": several,
        }

    @property
    def cue(self) -> Cue:
        """The caption as a subtitle."""
        start = round(1000 * self.start)
        return Cue(start, max(start + 1, round(1000 * self.end)), broken(self.captions[0].text.split()))


def tells_times(captioner: Captioner) -> bool:
    """Return whether what a captioner reads has times in seconds; those of a table may be dates, or count anything."""
    return isinstance(captioner.frames, PictureSettings)


def require_shots(captioner: Captioner) -> None:
    """Raise InputError if the frames that a captioner reads do not show where shots end."""
    if isinstance(captioner.frames, PictureSettings) and captioner.frames.features in ("motion", "flow"):
        raise InputError("shots: the model sees how pictures change, which does not tell cuts; leave --shots out")
    if isinstance(captioner.frames, PictureSettings) and captioner.frames.region == "moving":
        raise InputError("shots: the model looks at where things move, which changes without a cut; leave --shots out")


def say(
    captioner: Captioner,
    rows: Labelled,
    search: SearchSettings,
    shots: bool = False,
    also: Sequence[Captioner] = (),
) -> list[Said]:
    """Return what is said of every recording, or with `shots` of each of its shots, in order.

    Raises  InputError if shots are asked for, and the frames do not show them
    """
    if shots:
        require_shots(captioner)
    timed = tells_times(captioner)
    rate = captioner.frames.rate if isinstance(captioner.frames, PictureSettings) else None
    least = STEPS if rate is None else max(2, round(SHORTEST * rate))
    parts: list[tuple[int, int, int]] = []
    for row in range(len(rows)):
        own = shots_of(rows.frames[row], least) if shots else [(0, len(rows.frames[row]))]
        parts += [(row, begin, end) for begin, end in own]
    width = rows.frames.values.shape[1]
    cut = (rows.frames[row][begin:end] for row, begin, end in parts)
    found = captioner.search(Ragged.of(cut, width, dtype=rows.frames.values.dtype), search, also)
    return [
        Said(rows.ids[row], *_times(rows, row, begin, end, timed), tuple(captions))
        for (row, begin, end), captions in zip(parts, found, strict=True)
    ]


def _times(rows: Labelled, row: int, begin: int, end: int, timed: bool) -> tuple[float, float]:
    """Return when a part of a recording begins and ends; the last frame is shown as long as others are."""
    if rows.times is None or not timed:
        return float(begin + 1), float(end)
    own = rows.times.to_numpy()[rows.frames.offsets[row] : rows.frames.offsets[row + 1]]
    step = float(np.median(np.diff(own))) if len(own) > 1 else 0.0
    return float(own[begin]), float(own[end]) if end < len(own) else float(own[-1]) + step
