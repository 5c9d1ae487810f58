"""Words and phrases that are more likely here than a language model knows: names, terms, commands.

An Aho-Corasick automaton follows the words of a path. Part of a phrase earns its part of the score at once, so that the
path survives in the beam until the phrase is complete; it is taken back where another word follows.

Source  Aho and Corasick 1975
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import final

from lstmkit.errors import InputError
from lstmkit.language.text.reading import read_lines
from lstmkit.ranges import a_path, number_in
from lstmkit.speech.scoring import words_of

USUAL = 3.0
"""Score of a phrase where none is given: e to the third, twenty times as likely."""
MOST = 100.0
"""Of a score, either way."""


@final
class Hotwords:
    """Phrases and their scores.

    phrases  natural logarithm of how much more likely each is, by phrase
    Raises   InputError if a phrase has no word, or a score is no number from -100 to 100
    """

    def __init__(self, phrases: Mapping[str, float]) -> None:
        self.phrases: dict[tuple[str, ...], float] = {}
        for phrase, score in phrases.items():
            words = tuple(words_of(phrase))
            if not words:
                raise InputError(f"hotwords: {phrase!r} has no word; a phrase and its score make a line")
            if not abs(score) <= MOST:
                raise InputError(f"hotwords: the score of {phrase!r} must be from -{MOST:g} to {MOST:g}; got {score}")
            self.phrases[words] = float(score)
        self._steps: list[dict[str, int]] = [{}]
        self._partly = [0.0]
        self._whole = [0.0]
        self._back = [0]
        for words, score in self.phrases.items():
            self._add(words, score)
        self._connect()
        self.most = max(0.0, *(whole + part for whole, part in zip(self._whole, self._partly, strict=True)))

    @property
    def words(self) -> set[str]:
        """All words of the phrases."""
        return {word for phrase in self.phrases for word in phrase}

    def _add(self, words: tuple[str, ...], score: float) -> None:
        at = 0
        for depth, word in enumerate(words, 1):
            if word not in self._steps[at]:
                self._steps[at][word] = len(self._steps)
                self._steps.append({})
                self._partly.append(0.0)
                self._whole.append(0.0)
                self._back.append(0)
            at = self._steps[at][word]
            if depth < len(words):
                self._partly[at] = max(self._partly[at], score * depth / len(words))
        self._whole[at] += score

    def _connect(self) -> None:
        """Find for each state the longest other one that its words end with, which completes its phrases as well."""
        waiting = deque(self._steps[0].values())
        while waiting:
            at = waiting.popleft()
            for word, below in self._steps[at].items():
                self._back[below] = self._after(self._back[at], word)
                waiting.append(below)
            self._whole[at] += self._whole[self._back[at]]
            self._partly[at] = max(self._partly[at], self._partly[self._back[at]])

    def _after(self, state: int, word: str) -> int:
        while word not in self._steps[state] and state:
            state = self._back[state]
        return self._steps[state].get(word, 0)

    def step(self, state: int, word: str) -> tuple[int, float]:
        """Return the state after a word, 0 being the beginning, and what the word earns."""
        after = self._after(state, word)
        return after, self._whole[after] + self._partly[after] - self._partly[state]

    def expected(self, state: int) -> dict[str, float]:
        """Return the words that some phrase goes on with, and what each earns."""
        found: dict[str, float] = {}
        at = state
        while True:
            for word in self._steps[at]:
                if word not in found:
                    found[word] = self.step(state, word)[1]
            if not at:
                return found
            at = self._back[at]

    def taken_back(self, state: int) -> float:
        """Return what any word earns that is not expected, or the end: 0 or less."""
        return -self._partly[state]


def read_hotwords(path: str | Path) -> Hotwords:
    """Return the phrases in a file: one a line, with its score after a tab, or without one.

    Empty lines, and those that begin with #, are passed over.

    Raises  InputError naming the line that cannot be used
    """
    path = a_path("the hotwords", path)
    found: dict[str, float] = {}
    for number, line in enumerate(read_lines(path), 1):
        phrase, tab, score = line.strip().partition("\t")
        if not phrase or phrase.startswith("#"):
            continue
        try:
            value = number_in(score.strip()) if tab else USUAL
        except ValueError:
            value = math.nan
        if not abs(value) <= MOST:
            raise InputError(
                f"{path}, line {number}: the score must be a number from -{MOST:g} to {MOST:g}; got {score.strip()!r}"
            )
        if not words_of(phrase):
            raise InputError(f"{path}, line {number}: {phrase!r} has no word; a phrase and its score make a line")
        found[phrase] = value
    if not found:
        raise InputError(f"{path}: holds no phrase")
    return Hotwords(found)
