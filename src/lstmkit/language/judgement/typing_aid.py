"""How much typing the suggestions of a model save."""

from __future__ import annotations

import dataclasses
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.vocabulary import Words
from lstmkit.ranges import whole

if TYPE_CHECKING:
    from lstmkit.language.predicting import Predictor


@dataclasses.dataclass(frozen=True)
class TypingScores:
    """How well the words of a text were suggested to someone who typed it.

    words             that count: all but unknown ones and ends of lines
    top1, top3        share of the words that were the first, or one of the first three, before any letter was typed
    keystrokes        that typing these words took
    without           keystrokes without suggestions: the letters of each word, and a space
    milliseconds      median time of a token: one step of the model, and the probabilities of what may follow
    """

    words: int
    top1: float
    top3: float
    keystrokes: int
    without: int
    milliseconds: float

    @property
    def keystrokes_saved(self) -> float:
        """The share of keystrokes that the suggestions saved."""
        return 1 - self.keystrokes / self.without


def measure(predictor: Predictor, ids: NDArray[np.int32], k: int = 3) -> TypingScores:
    """Simulate someone who types a text and takes each word as soon as it is among k suggestions.

    Suggested are the k most likely words that begin with the letters typed so far, never the unknown word or the end of
    a line; of equally likely words the lower id. Taking a suggestion is one keystroke, which types the space after the
    word too. A word that is never suggested costs its letters and its space, so that no word costs more than without
    suggestions. Unknown words and ends of lines are read by the model, and do not count.

    predictor  of a vocabulary of words
    ids        (T,) a text that begins afresh
    k          suggestions that are shown
    Raises     InputError if the model is not one of words, if k is below 1, or if no word counts
    """
    tokens = predictor.tokens
    if not isinstance(tokens, Words):
        raise InputError(f"keystrokes are counted for a model of words; this is one of {tokens.unit}s")
    k = whole("count", k)
    ranges = _Ranges(tokens)
    before, keystrokes, without, seconds = [], 0, 0, []
    context = predictor.begin()
    for token in map(int, ids):
        begin = time.perf_counter()
        log_probs = predictor.next_log_probs(context)
        context = predictor.advance(context, token)
        seconds.append(time.perf_counter() - begin)
        if token in (tokens.unknown, tokens.end):
            continue
        better = ranges.better(log_probs, token)
        letters = len(tokens.symbols[token])
        suggested = np.flatnonzero(better < k)
        before.append(int(better[0]))
        keystrokes += int(suggested[0]) + 1 if len(suggested) else letters + 1
        without += letters + 1
    if not before:
        raise InputError("the text has no word that the model knows")
    ranks = np.array(before)
    top1, top3 = (float((ranks < size).mean()) for size in (1, 3))
    return TypingScores(len(ranks), top1, top3, keystrokes, without, 1e3 * statistics.median(seconds))


class _Ranges:
    """The words that begin like a word: in alphabetical order they are a range for each of its beginnings."""

    def __init__(self, tokens: Words) -> None:
        self._tokens, self._order = tokens, tokens.alphabetical
        self._place = np.zeros(len(tokens.symbols), dtype=np.int64)
        self._place[self._order] = np.arange(len(self._order))
        self._found: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def better(self, log_probs: NDArray[np.float32], token: int) -> NDArray[np.int64]:
        """Return how many words come before a word among those with its first 0, 1, 2 ... letters, but not all."""
        if token not in self._found:
            word = self._tokens.symbols[token]
            slices = [self._tokens.words_starting_with(word[:size]) for size in range(len(word))]
            first = np.array([self._place[ids[0]] for ids in slices])
            self._found[token] = first, first + [len(ids) for ids in slices]
        first, last = self._found[token]
        row, own = log_probs[self._order], log_probs[token]
        ahead = (row > own) | ((row == own) & (self._order < token))
        counts = np.concatenate(([0], np.cumsum(ahead)))
        found: NDArray[np.int64] = counts[last] - counts[first]
        return found
