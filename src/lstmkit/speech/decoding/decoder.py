"""Emissions into words with times and confidences: the door of decoding."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.predicting import Predictor
from lstmkit.speech.decoding.candidates import LONG, Around, Candidate, DecodingSettings, Head, Judges, changes
from lstmkit.speech.decoding.forward import times
from lstmkit.speech.decoding.hotwords import Hotwords
from lstmkit.speech.decoding.words import Weighing
from lstmkit.speech.transcript import Alternative, Segment, Word

Floats = NDArray[np.float32]

SHOWN = 5
"""Alternatives of a segment."""
CONTEXT = 20
"""Words before a part that a language model and hotwords are told."""
LEAST = 1e-6
"""Of a posterior probability and its counterpart, before its logarithm is taken."""
TIMED = ("phone", "character", "subword", "word")
"""Heads that tell when words are said, the best first: one whose units are short."""


class Posterior(NamedTuple):
    """Words, the probability of each among all that was found, and what else was found.

    words         the best
    probabilities of each of them
    alternatives  the best among them
    """

    words: tuple[str, ...]
    probabilities: tuple[float, ...]
    alternatives: tuple[Alternative, ...]


@final
class Decoder:
    """Finds what was said in the emissions of a network.

    heads      how words are written in the units of each head, by its name
    seconds    of a frame
    words      all that can be said; None: whatever the heads can spell
    predictor  of words: n-grams, a network, a mixture
    hotwords   phrases that count more
    settings   how a transcript is found
    Raises     InputError if nothing can be searched, the predictor is none of words, or a hotword cannot be written
    """

    def __init__(
        self,
        heads: Mapping[str, Head],
        seconds: float,
        words: Sequence[str] | None = None,
        predictor: Predictor | None = None,
        hotwords: Hotwords | None = None,
        settings: DecodingSettings | None = None,
    ) -> None:
        self.heads, self.seconds, self.words = dict(heads), seconds, words
        self.settings = settings or DecodingSettings()
        self.weighing = Weighing(predictor, hotwords=hotwords)
        self.judges = Judges(heads, self.weighing, words, self.settings)

    def with_settings(self, settings: DecodingSettings) -> Decoder:
        """Return the same with other settings."""
        return Decoder(self.heads, self.seconds, self.words, self.weighing.predictor, self.weighing.hotwords, settings)

    def pool(self, emissions: Mapping[str, Floats], around: Around | None = None) -> list[Candidate]:
        """Return what may have been said, the best first.

        emissions  by head, (T, 1 + U) natural logarithms of the probability of blank and units
        around     what is known besides
        Raises     InputError if a head is missing, or has another number of units
        """
        for name, head in self.heads.items():
            wanted = 1 + len(head.symbols)
            if name not in emissions or emissions[name].ndim != 2 or emissions[name].shape[1] != wanted:
                found = emissions[name].shape if name in emissions else "nothing"
                raise InputError(f"decoding: the head {name} must have emissions of shape (T, {wanted}); got {found}")
        return self.judges.pool(emissions, around)

    def posterior(self, pool: Sequence[Candidate]) -> Posterior:
        """Return the best of a pool, and how probable each of its words is."""
        scores = np.array([self.judges.score(one) for one in pool])
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        best = pool[0].words
        sure = np.ones(len(best))
        for one, share in zip(pool[1:], shares[1:].tolist(), strict=True):
            if share > LEAST:
                for begin, end, _ in changes(best, one.words):
                    sure[begin:end] -= share
        alternatives = tuple(
            Alternative(" ".join(one.words), share) for one, share in zip(pool[:SHOWN], shares.tolist(), strict=False)
        )
        return Posterior(best, tuple(np.clip(sure, 0.0, 1.0).tolist()), alternatives)

    def decode(self, emissions: Mapping[str, Floats], start: float = 0.0, around: Around | None = None) -> Segment:
        """Return what was said, with times and confidences.

        What is long is searched part by part, cut where every head hears a blank.

        emissions  as in `pool`
        start      seconds from the beginning of the recording to the first frame
        around     what is known besides
        """
        frames = len(next(iter(emissions.values())))
        if around is not None:
            return self._part(emissions, start, around)
        parts: list[Segment] = []
        before: tuple[str, ...] = ()
        for begin, end in cuts(emissions):
            own = {name: values[begin:end] for name, values in emissions.items()}
            parts.append(self._part(own, start + self.seconds * begin, Around(before, end == frames)))
            before = (*before, *(word.text for word in parts[-1].words))[-CONTEXT:]
        return join(parts)

    def _part(self, emissions: Mapping[str, Floats], start: float, around: Around) -> Segment:
        found = self.posterior(self.pool(emissions, around))
        frames = len(next(iter(emissions.values())))
        slope, offset = self.settings.slope, self.settings.offset
        confidences = logistic(slope * logit(np.array(found.probabilities)) + offset).tolist()
        spans = self._spans(emissions, found.words)
        words = tuple(
            Word(text, start + self.seconds * begin, start + self.seconds * end, sure)
            for text, (begin, end), sure in zip(found.words, spans, confidences, strict=True)
        )
        return Segment(start, start + self.seconds * frames, words, found.alternatives)

    def _spans(self, emissions: Mapping[str, Floats], words: Sequence[str]) -> list[tuple[int, int]]:
        """Return the first frame of every word, and the one after its last."""
        for name in sorted(self.heads, key=lambda one: TIMED.index(one) if one in TIMED else len(TIMED)):
            head = self.heads[name]
            slots = head.slots(words)
            found = times(emissions[name], slots) if all(slots) else None
            if found is not None:
                return found[:: 2 if head.gap is not None else 1]
        frames = len(next(iter(emissions.values())))
        bounds = np.linspace(0, frames, len(words) + 1).astype(int).tolist()
        return list(itertools.pairwise(bounds))


def cuts(emissions: Mapping[str, Floats]) -> list[tuple[int, int]]:
    """Return first and last frames of parts of at most LONG frames, cut in the longest rows of blanks."""
    quiet = np.logical_and.reduce([own.argmax(axis=1) == 0 for own in emissions.values()])
    frames, begin = len(quiet), 0
    found: list[tuple[int, int]] = []
    while frames - begin > LONG:
        own = quiet[begin + LONG // 4 : begin + LONG]
        edges = np.flatnonzero(np.diff(own.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
        if len(edges):
            first, last = edges[int((edges[:, 1] - edges[:, 0]).argmax())].tolist()
            end = begin + LONG // 4 + (first + last) // 2
        else:  # somebody speaks without a breath, or it is no speech
            end = begin + LONG
        found.append((begin, end))
        begin = end
    return [*found, (begin, frames)]


def join(parts: Sequence[Segment]) -> Segment:
    """Return parts that follow each other as one."""
    if len(parts) == 1:
        return parts[0]
    words = tuple(word for part in parts for word in part.words)
    return Segment(parts[0].start, parts[-1].end, words, _joined(parts))


def _joined(parts: Sequence[Segment]) -> tuple[Alternative, ...]:
    """Return what may have been said in parts together: the best of all, and one part of it otherwise."""
    sure = math.prod(part.alternatives[0].probability for part in parts)
    best = [part.text for part in parts]
    found = [Alternative(" ".join(filter(None, best)), sure)]
    for place, part in enumerate(parts):
        for other in part.alternatives[1:]:
            text = " ".join(filter(None, [*best[:place], other.text, *best[place + 1 :]]))
            found.append(Alternative(text, sure * other.probability / part.alternatives[0].probability))
    return tuple(sorted(found, key=lambda one: -one.probability)[:SHOWN])


def logit(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of the odds, of what is at least LEAST away from 0 and 1."""
    held = np.clip(probabilities, LEAST, 1 - LEAST)
    found: NDArray[np.float64] = np.log(held) - np.log1p(-held)
    return found


def logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-x))."""
    found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(values, -700, 700)))
    return found
