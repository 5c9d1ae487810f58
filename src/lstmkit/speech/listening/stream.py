"""Speech recognised as it comes: words that stay, words that may change, and utterances that end by rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.ranges import MORE_THAN_0, check_fields
from lstmkit.speech.audio import Samples
from lstmkit.speech.decoding.beam import BeamSearch
from lstmkit.speech.decoding.candidates import LONG, Around
from lstmkit.speech.decoding.decoder import CONTEXT, Decoder, join
from lstmkit.speech.transcript import Segment

Floats = NDArray[np.float32]
PAUSES = (10, 3)
"""Frames of silence after which a long utterance is cut where speech goes on: at half of LONG frames, and from LONG."""
LONGEST = 2 * LONG
"""Frames of a part of an utterance in which nobody pauses."""
RANGES = {"before": MORE_THAN_0, "after": MORE_THAN_0, "longest": MORE_THAN_0}


class EmissionStream(Protocol):
    """A network that is fed samples and tells frames; the frames are the same however the samples are cut.

    block  samples that are fed together, so that it is told to forget at the same frame every time
    """

    block: int

    def accept(self, samples: Samples) -> Mapping[str, Floats]:
        """Return the frames that more samples complete, by head, (N, 1 + U)."""

    def finish(self) -> Mapping[str, Floats]:
        """Return the frames of the last samples."""

    def remember(self) -> None:
        """Keep what has been heard of the speaker."""

    def forget(self) -> None:
        """Leave out what has been heard since it was kept last."""


@dataclass(frozen=True)
class EndPoints:
    """When an utterance ends.

    before   seconds of silence in which nothing was said yet
    after    seconds of silence after something was said
    longest  seconds of an utterance
    Raises   InputError if a value is out of range
    """

    before: float = 2.4
    after: float = 0.8
    longest: float = 20.0

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, RANGES, "EndPoints")


class Partial(NamedTuple):
    """What the utterance that is being said begins with.

    final      words that stay
    tentative  words after these that may still change
    """

    final: tuple[str, ...]
    tentative: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of them."""
        return " ".join((*self.final, *self.tentative))


@final
class RecognizerStream:
    """Recognises samples as they come.

    Results depend on the samples alone, not on how they are cut into chunks.

    network  what is fed
    decoder  what finds words
    ends     when an utterance ends
    """

    def __init__(self, network: EmissionStream, decoder: Decoder, ends: EndPoints | None = None) -> None:
        self._network, self._decoder, self._ends = network, decoder, ends or EndPoints()
        shares, searched = decoder.judges.shares, decoder.judges.searched
        self._leading = max(searched, key=lambda name: shares[name])
        self._frames, self._waiting = 0, np.zeros(0, np.float32)
        self._begin()

    def _begin(self) -> None:
        self._parts: list[Segment] = []
        self._start, self._silent, self._said = self._frames, 0, False
        self._begin_part()

    def _begin_part(self) -> None:
        words = self._decoder.judges.searched[self._leading]
        self._search = BeamSearch(words, self._decoder.settings.tried, self._before)
        self._held: list[Mapping[str, Floats]] = []
        self._from = self._frames

    @property
    def _before(self) -> tuple[str, ...]:
        """Words of the utterance before this part of it."""
        return tuple(word.text for part in self._parts for word in part.words)[-CONTEXT:]

    @property
    def partial(self) -> Partial:
        """What has been understood of the utterance that is being said."""
        settled, best = self._search.settled(), self._search.best()[0].words
        done = tuple(word.text for part in self._parts for word in part.words)
        return Partial((*done, *settled), best[len(settled) :])

    def accept(self, samples: Samples) -> list[Segment]:
        """Go on.

        samples  (N,) the next, at the rate of the recogniser
        Returns  the utterances that have ended
        """
        self._waiting = np.concatenate([self._waiting, np.asarray(samples, np.float32)])
        found, block = [], self._network.block
        whole = len(self._waiting) // block * block
        for place in range(0, whole, block):
            found += self._passed(self._network.accept(self._waiting[place : place + block]))
        self._waiting = self._waiting[whole:]
        return found

    def finish(self) -> list[Segment]:
        """Return the utterances that have ended when nothing follows."""
        found = self._passed(self._network.accept(self._waiting))
        self._waiting = self._waiting[:0]
        found += self._passed(self._network.finish())
        if self._frames > self._start:
            found += self._ended()
        return found

    def _passed(self, emissions: Mapping[str, Floats]) -> list[Segment]:
        found = []
        seconds, ends = self._decoder.seconds, self._ends
        for place in range(len(emissions[self._leading])):
            frame = {name: own[place : place + 1] for name, own in emissions.items()}
            heard = any(int(frame[name][0].argmax()) for name in frame)
            if heard and self._breathed():
                self._end_part(last=False)
                self._begin_part()
            self._search.accept(frame[self._leading])
            self._held.append(frame)
            self._frames += 1
            self._silent = 0 if heard else self._silent + 1
            self._said = self._said or heard
            silence = ends.after if self._said else ends.before
            # Half a frame, so that what is a whole number of frames is reached by these.
            if (self._silent + 0.5) * seconds >= silence or (
                self._frames - self._start + 0.5
            ) * seconds >= ends.longest:
                found += self._ended()
        return found

    def _breathed(self) -> bool:
        """Return whether a part of a long utterance has ended, now that speech goes on after a pause."""
        length = self._frames - self._from
        share = min(1.0, (2 * length - LONG) / LONG)
        return share >= 0 and (length >= LONGEST or self._silent >= PAUSES[0] + share * (PAUSES[1] - PAUSES[0]))

    def _end_part(self, last: bool) -> None:
        """Understand what was held by all heads together; words that stay do so."""
        emissions = {name: np.concatenate([frame[name] for frame in self._held]) for name in self._held[0]}
        around = Around(self._before, last, self._search.settled(), {self._leading: self._search})
        self._parts.append(self._decoder.decode(emissions, self._from * self._decoder.seconds, around))

    def _ended(self) -> list[Segment]:
        """Return the utterance that has ended, if something was said in it, and begin another."""
        self._end_part(last=True)
        segment = join(self._parts)
        self._begin()
        if not segment.words:
            self._network.forget()
            return []
        self._network.remember()
        return [segment]
