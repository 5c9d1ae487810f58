"""Prefix beam search of CTC: which words were said, the probabilities of all their alignments summed.

Source  Graves 2012, Supervised Sequence Labelling, 7.5; with language model: Hannun et al. 2014
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.speech.decoding.words import NOWHERE, ROOT, SEPARATED, State, Words

Floats = NDArray[np.float32]
NEVER = -math.inf


class BeamSettings(NamedTuple):
    """How much is tried.

    beam    beginnings that are kept after each frame
    least   units whose logarithm is less in a frame are passed over there
    margin  beginnings that are worse than the best by more go
    """

    beam: int = 16
    least: float = -9.0
    margin: float = 30.0


EVERYTHING = BeamSettings(1 << 30, NEVER, math.inf)
"""Nothing is left out: the exact answer, for what is very small."""


class Hypothesis(NamedTuple):
    """Words that may have been said.

    words     in order
    sound     logarithm of their probability by their sound alone
    language  what language model, bonus and hotwords add
    """

    words: tuple[str, ...]
    sound: float
    language: float

    @property
    def score(self) -> float:
        """All together."""
        return self.sound + self.language


class _History:
    """Words that are complete, as a chain, each made only once."""

    __slots__ = ("before", "depth", "extra", "following", "state", "word")

    def __init__(self, before: _History | None, word: int, extra: float, state: State | None = None) -> None:
        self.before, self.word, self.extra, self.state = before, word, extra, state
        self.depth: int = before.depth + 1 if before else 0
        self.following: dict[int, _History] = {}

    def then(self, word: int, score: float) -> _History:
        """Return the history with one more word, whose state is found when it is needed."""
        found = self.following.get(word)
        if found is None:
            found = self.following[word] = _History(self, word, self.extra + score)
        return found


Entry = tuple[_History, int, float, float]
"""A beginning: words, node, and the logarithms of its probability with and without a blank at its end."""


def _sum(a: float, b: float) -> float:
    """Return the logarithm of the sum of what a and b are logarithms of."""
    if a < b:
        a, b = b, a
    return a if b == NEVER else a + math.log1p(math.exp(b - a))


@final
class BeamSearch:
    """One pass over an utterance, frame by frame as they come.

    words     what may be said
    settings  how much is tried
    before    words that were said before
    """

    def __init__(self, words: Words, settings: BeamSettings | None = None, before: Sequence[str] = ()) -> None:
        self.words, self.settings = words.anew(), settings or BeamSettings()
        start = _History(None, -1, 0.0, self.words.begin(before))
        self._entries: list[Entry] = [(start, ROOT, 0.0, NEVER)]

    def accept(self, emissions: Floats) -> None:
        """Go on.

        emissions  (T, 1 + U) logarithms of the probability of the blank and of every unit in more frames
        """
        rows = emissions.tolist()
        active: list[list[int]] = [[] for _ in rows]
        for frame, unit in np.argwhere(emissions[:, 1:] > self.settings.least).tolist():
            active[frame].append(unit + 1)
        for row, units in zip(rows, active, strict=True):
            self._entries = self._kept(self._step(row, units)) if units else list(self._waiting(row))

    def _waiting(self, row: list[float]) -> Iterator[Entry]:
        """Yield the beginnings after a frame in which nothing new can begin."""
        gap, unit = self.words.gap or 0, self.words.unit
        for history, node, blank, spoken in self._entries:
            last = unit(node) if node > ROOT else gap
            yield history, node, _sum(blank, spoken) + row[0], spoken + row[last] if spoken > NEVER else NEVER

    def _step(self, row: list[float], units: Sequence[int]) -> dict[tuple[_History, int], list[float]]:
        """Return the beginnings after a frame, with their probabilities."""
        words = self.words
        child, gap = words.child, words.gap
        found: dict[tuple[_History, int], list[float]] = {}

        def add(history: _History, node: int, score: float) -> None:
            old = found.get((history, node))
            if old is None:
                found[history, node] = [NEVER, score]
            else:
                old[1] = _sum(old[1], score)

        for history, node, blank, spoken in self._entries:
            both = _sum(blank, spoken)
            last = words.unit(node) if node > ROOT else gap if node == SEPARATED else None
            own = found.get((history, node))
            if own is None:
                own = found[history, node] = [NEVER, NEVER]
            own[0] = both + row[0]
            if spoken > NEVER and last is not None:
                own[1] = _sum(own[1], spoken + row[last])
            endings = words.endings(history.state, node) if history.state else ()
            for unit in units:
                score = (blank if unit == last else both) + row[unit]
                if score == NEVER:
                    continue
                if unit == gap:
                    if node <= ROOT:
                        add(history, SEPARATED, score)
                    for word, counts in endings:
                        add(history.then(word, counts), SEPARATED, score)
                    continue
                below = child(node, unit)
                if below != NOWHERE:
                    add(history, below, score)
                if endings and gap is None:
                    first = words.first(unit)
                    if first != NOWHERE:
                        for word, counts in endings:
                            add(history.then(word, counts), first, score)
        return found

    def _kept(self, found: dict[tuple[_History, int], list[float]]) -> list[Entry]:
        """Return the best beginnings. What follows some words is only asked where they may be among them."""
        words, settings = self.words, self.settings
        ranked = []
        for (history, node), (blank, spoken) in found.items():
            score = _sum(blank, spoken)
            if score > NEVER:
                state = history.state
                expected = words.look(state, node) if state else words.most
                ranked.append((score + history.extra + expected, history, node, blank, spoken))
        ranked.sort(key=itemgetter(0), reverse=True)
        scores: list[float] = []
        kept: list[tuple[float, Entry]] = []
        for bound, history, node, blank, spoken in ranked:
            if len(scores) >= settings.beam and bound <= scores[0]:
                break
            score = bound
            if history.state is None:
                score += words.look(self._state(history), node) - words.most
            if len(scores) >= settings.beam:
                if score <= scores[0]:
                    continue
                heapq.heapreplace(scores, score)
            else:
                heapq.heappush(scores, score)
            kept.append((score, (history, node, blank, spoken)))
        kept.sort(key=itemgetter(0), reverse=True)
        least = kept[0][0] - settings.margin if kept else NEVER
        return [entry for score, entry in kept[: settings.beam] if score >= least]

    def _state(self, history: _History) -> State:
        if history.state is None:
            assert history.before is not None
            history.state = self.words.after(self._state(history.before), history.word)
        return history.state

    def best(self, count: int = 1, last: bool = True) -> list[Hypothesis]:
        """Return what was most likely said, the best first.

        last  whether nothing follows, which the language model has a word for, too
        """
        sums: dict[_History, float] = {}
        for history, node, blank, spoken in self._entries:
            both = _sum(blank, spoken)
            ends = [history] if node <= ROOT else []
            ends += [history.then(*ending) for ending in self.words.endings(self._state(history), node)]
            for end in ends:
                sums[end] = _sum(sums.get(end, NEVER), both)
        if not sums:  # every beginning is within a word: what was complete before it
            for history, _, blank, spoken in self._entries:
                sums[history] = _sum(sums.get(history, NEVER), _sum(blank, spoken))
        found = [
            Hypothesis(self._told(history), sound, history.extra + (self._state(history).end if last else 0.0))
            for history, sound in sums.items()
        ]
        return sorted(found, key=lambda one: -one.score)[:count]

    def settled(self) -> tuple[str, ...]:
        """Return the words that all beginnings share: they stay, whatever comes."""
        shared: _History | None = self._entries[0][0]
        for history, *_ in self._entries[1:]:
            other: _History | None = history
            while shared is not other:
                if shared is not None and (other is None or shared.depth >= other.depth):
                    shared = shared.before
                elif other is not None:
                    other = other.before
        return self._told(shared) if shared else ()

    def _told(self, history: _History) -> tuple[str, ...]:
        found, at = [], history
        while at.before is not None:
            found.append(self.words.text(at.word))
            at = at.before
        return tuple(found[::-1])
