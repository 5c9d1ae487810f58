"""What was said in a recording, word by word: as text, as JSON, and as subtitles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from lstmkit.results.subtitles import LINES, Cue, broken, srt, vtt

LONGEST = 6.0
"""Seconds that a subtitle stands, and that its words may take."""
PAUSE = 0.6
"""Seconds without a word after which a subtitle ends."""
SHORTEST = 700
"""Milliseconds that a subtitle stands at least, where the next leaves them."""
DIGITS = 3
"""Of seconds and confidences that are written."""


class Word(NamedTuple):
    """A word, when it was said in seconds, and how sure that is: of words with confidence p, about p are right."""

    text: str
    start: float
    end: float
    confidence: float


class Alternative(NamedTuple):
    """What may have been said instead, and the probability of it among all that were found."""

    text: str
    probability: float


@dataclass(frozen=True)
class Segment:
    """What was said between two pauses.

    start, end    seconds from the beginning of the recording
    words         in order
    alternatives  the best first, what was taken among them
    """

    start: float
    end: float
    words: tuple[Word, ...]
    alternatives: tuple[Alternative, ...] = ()

    @property
    def text(self) -> str:
        """The words, with spaces between."""
        return " ".join(word.text for word in self.words)

    def moved(self, seconds: float) -> Segment:
        """Return the same, so much later."""
        words = tuple(one._replace(start=one.start + seconds, end=one.end + seconds) for one in self.words)
        return replace(self, start=self.start + seconds, end=self.end + seconds, words=words)

    def to_dict(self) -> dict[str, Any]:
        """Return all there is, as JSON can hold it."""
        return {
            "start": round(self.start, DIGITS),
            "end": round(self.end, DIGITS),
            "text": self.text,
            "words": [
                {
                    "text": word.text,
                    "start": round(word.start, DIGITS),
                    "end": round(word.end, DIGITS),
                    "confidence": round(word.confidence, DIGITS),
                }
                for word in self.words
            ],
            "alternatives": [
                {"text": other.text, "probability": round(other.probability, DIGITS)} for other in self.alternatives
            ],
        }


@dataclass(frozen=True)
class Transcript:
    """What was said in a recording.

    segments  in order, cut at pauses
    seconds   that the recording lasts
    """

    segments: tuple[Segment, ...]
    seconds: float

    @property
    def words(self) -> tuple[Word, ...]:
        """All words."""
        return tuple(word for one in self.segments for word in one.words)

    @property
    def text(self) -> str:
        """All words, with spaces between."""
        return " ".join(word.text for word in self.words)

    def to_text(self) -> str:
        """Return a line for each part in which something was said."""
        return "".join(f"{one.text}\n" for one in self.segments if one.words)

    def to_dict(self) -> dict[str, Any]:
        """Return all there is, as JSON can hold it."""
        return {
            "text": self.text,
            "seconds": round(self.seconds, DIGITS),
            "segments": [one.to_dict() for one in self.segments],
        }

    def to_json(self) -> str:
        """Return all there is, as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n"

    def to_srt(self) -> str:
        """Return subtitles as SubRip has them."""
        return srt(self.cues())

    def to_vtt(self) -> str:
        """Return subtitles as WebVTT has them."""
        return vtt(self.cues())

    def cues(self) -> list[Cue]:
        """Return subtitles: none longer than two lines or six seconds, cut at pauses, none before another has ended."""
        parts = [part for one in self.segments for part in _parts(one.words)]
        starts = [_whole(part[0].start) for part in parts]
        found: list[Cue] = []
        for place, part in enumerate(parts):
            start, said = max(starts[place], found[-1].end if found else 0), _whole(part[-1].end)
            if place + 1 < len(parts):
                following = starts[place + 1]
                end = min(max(said, min(start + SHORTEST, following)), max(following, start + 1))
            else:
                end = max(said, min(start + SHORTEST, _whole(self.seconds)))
            found.append(Cue(start, max(end, start + 1), _lines(part)))
        return found


def _parts(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Yield words that are shown together."""
    part: list[Word] = []
    for word in words:
        more = [*part, word]
        if part and (
            word.start - part[-1].end >= PAUSE or word.end - part[0].start > LONGEST or len(_lines(more)) > LINES
        ):
            yield part
            more = [word]
        part = more
    if part:
        yield part


def _lines(words: Sequence[Word]) -> tuple[str, ...]:
    return broken([word.text for word in words])


def _whole(seconds: float) -> int:
    return round(1000 * seconds)
