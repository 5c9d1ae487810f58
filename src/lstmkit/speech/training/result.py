"""What `lstm speech train` and `lstm speech score` found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmkit.results import Verdict
from lstmkit.speech.manifest import Manifest
from lstmkit.speech.recogniser import Recognizer
from lstmkit.speech.scoring import SpeechScore
from lstmkit.speech.training.yardstick import Yardstick
from lstmkit.speech.transcript import Segment

HEAD = ("", "WER", "95 % interval", "CER", "sentences right")


@dataclass(frozen=True)
class Scored:
    """How well a part was understood.

    part      the recordings
    segments  what was understood of each, with times
    scores    by what recognised: the search of all heads first
    seconds   of the processor and of sound: for the network and for the search
    """

    part: Manifest
    segments: list[Segment]
    scores: dict[str, SpeechScore]
    seconds: tuple[float, float, float]

    @property
    def own(self) -> SpeechScore:
        """The score of the search of all heads."""
        return next(iter(self.scores.values()))

    def rows(self) -> list[tuple[str, ...]]:
        """Return the rows of the table of scores."""
        return [(name, *score_row(score)) for name, score in self.scores.items()]

    def to_json(self) -> dict[str, Any]:
        """Return the fields of `summary.json` that say how well it was."""
        network, search, sound = self.seconds
        return {
            "scores": {name: score_json(score) for name, score in self.scores.items()},
            "words": self.own.words,
            "real_time_factor": {"network": network / sound, "search": search / sound},
        }


@dataclass(frozen=True)
class SpeechResult:
    """What a job found; the folder `out` holds it.

    source     of the recordings
    yardstick  what a hidden Markov model understood
    verdict    None where there is none to compare with
    summary    what summary.json holds
    """

    source: str
    out: Path
    recognizer: Recognizer
    scored: Scored
    yardstick: Yardstick
    verdict: Verdict
    summary: dict[str, Any] = field(repr=False)


def score_row(score: SpeechScore) -> tuple[str, ...]:
    """Return the cells of a score."""
    low, high = score.interval
    return (
        f"{100 * score.wer:.2f} %",
        f"{100 * low:.2f} to {100 * high:.2f}",
        f"{100 * score.cer:.2f} %",
        f"{100 * score.sentences:.1f} %",
    )


def score_json(score: SpeechScore) -> dict[str, Any]:
    """Return a score as JSON-able data."""
    low, high = score.interval
    return {
        "wer": score.wer,
        "wer_interval": [low, high],
        "cer": score.cer,
        "sentences": score.sentences,
        "errors": score.counts,
    }
