"""What was most likely said: tokens pass through the words of a lexicon, a language model says what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.predicting import Predictor
from lstmkit.speech.decoding.language import NEVER, WordLanguage

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class SearchSettings(NamedTuple):
    """How paths are weighed.

    language  weight of the logarithm of the language model's probability
    bonus     for each word; below 0 makes words fewer
    beam      paths that are worse than the best by more go
    """

    language: float = 16.0
    bonus: float = 0.0
    beam: float = 250.0


class Spoken(NamedTuple):
    """A word, and the frames that it lasts, the end and silence after it not counted."""

    word: str
    begin: int
    end: int


@final
class WordNetwork:
    """All words of a lexicon as chains of states, each with silence after it that may be left out.

    Every chain is a row of nodes: those of a pronunciation, then those of silence. The first chain is the silence
    before the first word.

    pronunciations  states of each, by word
    silence         its states
    stay            (N,) probability of every state to last another frame
    predictor       the language model
    """

    def __init__(
        self, pronunciations: Mapping[str, Sequence[Ints]], silence: Ints, stay: Floats, predictor: Predictor
    ) -> None:
        chains = [(word, own) for word, several in pronunciations.items() for own in several]
        self.words = [word for word, _ in chains]
        self.states = np.concatenate([silence, *(np.concatenate([own, silence]) for _, own in chains)])
        lengths = np.array([len(own) + len(silence) for _, own in chains])
        self.first = len(silence) + np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        self.spoken = self.first + np.array([len(own) for _, own in chains]) - 1
        self.after = self.first + lengths - 1
        self.opening = len(silence) - 1
        self.stay = np.log(stay[self.states])
        self.leave = np.log1p(-stay[self.states])
        self.language = WordLanguage(predictor, self.words)

    def search(self, scores: Floats, settings: SearchSettings) -> list[Spoken]:
        """Return the words of the best path.

        scores   (T, N) logarithms of the density of every frame in every state
        Source   token passing: Young, Russell and Thornton 1989
        """
        return _Search(self, settings).run(scores[:, self.states])


class _Record(NamedTuple):
    """The end of a word: which chain, when it began and ended, what was before, and the context after it."""

    chain: int
    begin: int
    end: int
    before: int
    context: Any


@final
class _Search:
    """One pass over an utterance: a token at every node, with its score and the last word that it passed."""

    def __init__(self, network: WordNetwork, settings: SearchSettings) -> None:
        self.network, self.settings = network, settings
        self.records: list[_Record] = [_Record(-1, 0, 0, -1, network.language.begin())]
        nodes = len(network.states)
        self.tokens = np.full(nodes, NEVER, np.float32)
        self.passed = np.zeros(nodes, np.int64)
        self.began = np.zeros(nodes, np.int64)
        self.ended = np.zeros(nodes, np.int64)

    def run(self, emitted: Floats) -> list[Spoken]:
        network, n = self.network, len(self.network.states)
        self.tokens[0] = 0.0
        self.enter([(0.0, 0)], 0)
        heads = np.zeros(n, bool)
        heads[[0, *network.first]] = True
        self.tokens += emitted[0]
        for t in range(1, len(emitted)):
            entries = self.leaving(t)
            moved = np.full(n, NEVER, np.float32)
            moved[1:] = (self.tokens + network.leave)[:-1]
            moved[heads] = NEVER
            self.tokens = self.tokens + network.stay
            better = moved > self.tokens
            self.tokens[better] = moved[better]
            source = np.flatnonzero(better)
            for kept in (self.passed, self.began, self.ended):
                kept[source] = kept[source - 1]
            self.ended[network.spoken + 1] = np.where(better[network.spoken + 1], t, self.ended[network.spoken + 1])
            self.enter(entries, t)
            self.tokens += emitted[t]
            self.tokens[self.tokens < self.tokens.max() - self.settings.beam] = NEVER
        return self.told(len(emitted))

    def leaving(self, t: int) -> list[tuple[float, int]]:
        """Record the words that end before a frame; return score and record of what is left."""
        network = self.network
        found = self.ends()
        least = max(float(self.tokens.max()) - self.settings.beam, float(NEVER) / 2)
        entries = []
        for chain, (score, node) in found.items():
            if score < least:
                continue
            if chain < 0:
                entries.append((score, 0))
                continue
            before = int(self.passed[node])
            context = network.language.advance(self.records[before].context, int(network.language.tokens[chain]))
            end = int(self.ended[node]) if node == network.after[chain] else t
            self.records.append(_Record(chain, int(self.began[node]), end, before, context))
            entries.append((score, len(self.records) - 1))
        return entries

    def ends(self) -> dict[int, tuple[float, int]]:
        """Return for chains that a token leaves, its score and node; -1 is the silence before all words."""
        network = self.network
        leaving = self.tokens + network.leave
        silent = leaving[network.after] > leaving[network.spoken]
        nodes = np.where(silent, network.after, network.spoken)
        scores = leaving[nodes]
        there = np.flatnonzero(scores > max(float(scores.max()) - self.settings.beam, NEVER / 2))
        # Of a word's pronunciations that come from the same words, the best stands for all.
        best: dict[tuple[int, int], int] = {}
        for chain in there[np.argsort(-scores[there], kind="stable")].tolist():
            best.setdefault((int(network.language.tokens[chain]), int(self.passed[nodes[chain]])), chain)
        found = {chain: (float(scores[chain]), int(nodes[chain])) for chain in best.values()}
        if leaving[network.opening] > NEVER / 2:
            found[-1] = (float(leaving[network.opening]), network.opening)
        return found

    def enter(self, entries: list[tuple[float, int]], t: int) -> None:
        """Put tokens at the beginnings of words, where they are better than what is there."""
        network, settings = self.network, self.settings
        if not entries:
            return
        given = [
            np.float32(score) + settings.language * network.language.followers(self.records[record].context)[0]
            for score, record in entries
        ]
        offered = np.stack(given)
        best = offered.argmax(axis=0)
        scores = offered[best, np.arange(offered.shape[1])] + np.float32(settings.bonus)
        better = scores > self.tokens[network.first]
        nodes = network.first[better]
        self.tokens[nodes] = scores[better]
        self.passed[nodes] = np.array([record for _, record in entries])[best[better]]
        self.began[nodes] = t

    def told(self, length: int) -> list[Spoken]:
        """Return the words of the best path that has come to the end of a word, or of the best of all."""
        network = self.network
        ends = self.leaving(length)
        if ends:
            weight = self.settings.language
            _, at = max(
                (score + weight * network.language.followers(self.records[r].context)[1], r) for score, r in ends
            )
        else:
            at = int(self.passed[int(self.tokens.argmax())])
        found = []
        while at > 0:
            record = self.records[at]
            found.append(Spoken(network.words[record.chain], record.begin, record.end))
            at = record.before
        return found[::-1]
