"""Sentences whose words are divided into parts anew in every epoch, so that parts mean something by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.disk import take_slices
from lstmkit.language.translate.network.learning import Pairs
from lstmkit.language.translate.reading.lines import Lines
from lstmkit.language.translate.reading.sides import Sides
from lstmkit.language.vocabulary import Subwords
from lstmkit.sequences import Ragged

WAYS = 8
"""To divide a word, the likeliest ones."""
SHARPNESS = 0.2
"""Power of the probabilities of those that are not the likeliest, by which one is drawn."""


@dataclass(frozen=True)
class Divided:
    """Sentences as words, and the ways in which each word can be divided.

    words   of every sentence, as numbers
    parts   ids of the parts of each way, the likeliest way of a word first
    first   (W + 1,) of the ways of each word, the first
    shares  (ways,) running sum over a word's ways, but for the likeliest, of how likely each is drawn among them
    """

    words: Ragged
    parts: Ragged
    first: NDArray[np.int64]
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, tokens: Subwords, texts: Sequence[str], lowercase: bool) -> Divided:
        """Return sentences and the ways to divide their words."""
        numbers: dict[str, int] = {}
        lines = [(text.lower() if lowercase else text).split() for text in texts]
        rows = (np.array([numbers.setdefault(word, len(numbers)) for word in line], np.int32) for line in lines)
        words = Ragged.of(rows)
        ways, first, shares = list[NDArray[np.int32]](), [0], list[NDArray[np.float64]]()
        for word in numbers:
            own, scores = tokens.ways(word, WAYS)
            likely = np.exp(SHARPNESS * (np.array(scores) - max(scores)))
            likely[0] = 0.0
            ways += [np.array(parts, np.int32) for parts in own]
            first.append(first[-1] + len(own))
            shares.append(np.cumsum(likely) / max(likely.sum(), 1e-300))
        return cls(words, Ragged.of(ways), np.array(first, np.int64), np.concatenate(shares))

    def drawn(self, share: float, generator: np.random.Generator) -> Ragged:
        """Return the sentences as parts, each word divided otherwise than is likeliest with a probability."""
        words = self.words.values.astype(np.int64)
        first, count = self.first[words], np.diff(self.first)[words]
        chosen = np.zeros(len(words), np.int64)
        other = np.flatnonzero((generator.random(len(words)) < share) & (count > 1))
        draws = generator.random(len(other))
        # The running sums of different words, each with its number added, are one rising row.
        owner = np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))
        places = np.searchsorted(owner + self.shares, words[other] + draws, side="right")
        chosen[other] = np.clip(places - first[other], 1, count[other] - 1)
        ways = first + chosen
        lengths = self.parts.lengths[ways]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        values = take_slices(self.parts.values, self.parts.offsets[ways], ends)
        return Ragged(values, ends[self.words.offsets])


class Varying:
    """Pairs whose words are divided anew in every epoch; see `Lesson`.

    sides  of sub-words
    lines  the pairs
    share  of the words that are divided in another way than the likeliest
    seed   the same seed and epoch give the same pairs
    """

    def __init__(self, sides: Sides, lines: Lines, share: float, seed: int) -> None:
        own = (sides.source, sides.target)
        texts = (lines.source, lines.target)
        self._sides = [
            Divided.of(tokens, side, sides.lowercase)
            for tokens, side in zip(own, texts, strict=True)
            if isinstance(tokens, Subwords)
        ]
        self._share, self._seed = share, seed

    def pairs(self, epoch: int) -> Pairs:
        """Return the pairs of an epoch."""
        generator = np.random.default_rng((self._seed, epoch))
        sides: list[Any] = [side.drawn(self._share, generator) for side in self._sides]
        return Pairs(*sides)
