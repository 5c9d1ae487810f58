"""The yardstick: a dictionary learnt from the same pairs, by which a sentence is translated word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.text.rows import encode_texts
from lstmkit.language.vocabulary import Words
from lstmkit.language.vocabulary.splitting import join_words, splitter
from lstmkit.sequences import Ragged

ROUNDS = 6
"""Of expectation maximisation."""
MOST_LINKS = 1 << 23
"""Pairs of words that may belong together, which are held in memory: the first sentences that have so many are used."""


@dataclass(frozen=True)
class Dictionary:
    """The most likely translation of each word.

    entries    by the word that is read
    split      how words are found
    joined     how words become a text
    lowercase  whether it is one of lower case
    """

    entries: dict[str, str]
    split: str
    joined: str
    lowercase: bool = False

    @classmethod
    def learn(cls, source: Sequence[str], target: Sequence[str], lowercase: bool = False) -> Dictionary:
        """Learn from sentences and their translations.

        Source  Brown et al. 1993, IBM model 1: every word of a translation belongs to a word of the sentence, or to
                none, whatever their places
        """
        sides = [[text.lower() for text in side] if lowercase else list(side) for side in (source, target)]
        words = [Words.learn((text + "\n" for text in side), min_count=1) for side in sides]
        read, written = (encode_texts(own, side, False) for own, side in zip(words, sides, strict=True))
        best = _most_likely(read, written, len(words[0].symbols), len(words[1].symbols))
        entries = {words[0].symbols[s]: words[1].symbols[t] for s, t in best}
        return cls(entries, words[0].split, words[1].split, lowercase)

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the translation of each sentence: each word's most likely one, and what is unknown as it is."""
        cut = splitter(self.split)
        lines = [text.lower() for text in texts] if self.lowercase else texts
        return [join_words([self.entries.get(word, word) for word in cut(line)], self.joined) for line in lines]


def _most_likely(read: Ragged, written: Ragged, symbols: int, others: int) -> list[tuple[int, int]]:
    """Return the words that are read, each with the word that it is most likely written as.

    symbols, others  words of either side; `symbols` itself stands for none
    """
    links = _links(read, written, symbols)
    codes, place = np.unique(links.read.astype(np.int64) * others + links.written, return_inverse=True)
    own, other = codes // others, codes % others
    likely = np.ones(len(codes))
    for _ in range(ROUNDS):
        shares = likely[place]
        shares /= np.bincount(links.token, shares)[links.token]
        counts = np.bincount(place, shares, len(codes))
        likely = counts / np.bincount(own, counts)[own]
    order = np.lexsort((other, -likely, own))
    first = order[np.append(True, own[order][1:] != own[order][:-1])]
    first = first[own[first] < symbols]
    return list(zip(own[first].tolist(), other[first].tolist(), strict=True))


@dataclass(frozen=True)
class _Links:
    """Pairs of words that may belong together, in one row: what was read, what was written, and which token that is."""

    read: NDArray[np.int32]
    written: NDArray[np.int32]
    token: NDArray[np.int32]


def _links(read: Ragged, written: Ragged, none: int) -> _Links:
    sizes = (read.lengths + 1) * written.lengths
    rows = int(np.searchsorted(np.cumsum(sizes), MOST_LINKS, side="right"))
    parts: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]] = []
    token = 0
    for row in range(max(1, min(rows, len(read)))):
        own, other = np.append(read[row], np.int32(none)), written[row]
        numbers = np.arange(token, token + len(other), dtype=np.int32)
        parts.append((np.tile(own, len(other)), np.repeat(other, len(own)), np.repeat(numbers, len(own))))
        token += len(other)
    return _Links(*(np.concatenate(column) for column in zip(*parts, strict=True)))
