"""The most likely words of a model that has none: a beam search over characters or sub-words."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.vocabulary.spelling import INSIDE
from lstmkit.language.vocabulary.subwords import SPACE
from lstmkit.language.writing.sampling import most_likely

if TYPE_CHECKING:
    from lstmkit.language.predicting import Predictor

LONGEST = 32
"""Tokens of a word at most."""
WIDTH = 4
"""Beginnings of words that are kept at each step, for each word that is wanted."""
TAIL = 0.01
"""Share of the probability of a word that may come from cuts into sub-words that were not looked at."""


class _Beginning(NamedTuple):
    """A beginning of a word: its probability, its letters, the context after them.

    opened  whether no token that puts a space before the word is wanted any more
    """

    log_prob: float
    letters: str
    context: Any
    opened: bool


class WordSearch:
    """Finds words in what a model of characters or sub-words finds likely.

    A word is a run of letters, digits, apostrophes and hyphens; any other character, or sentencepiece's mark for a
    space, ends it.

    predictor  what says how likely the next token is
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor, self._tokens = predictor, predictor.tokens

    def find(self, context: Any, typed: str, after_space: bool, count: int) -> list[tuple[str, float]]:
        """Return the most likely words that begin with the letters typed.

        The probability of a word is that of its tokens and of what ends it, over that of all beginnings with these
        letters. It is exact for characters as far as the beam reaches. For sub-words, cuts that the beam has dropped
        are missing.

        context      characters: after the letters typed; sub-words: before them
        typed        "": the word has not begun
        after_space  whether white space, or nothing, stands before the word
        count        words wanted
        Returns      words and probabilities, the most likely first
        """
        whole = self._tokens.unit == "character"
        alive = [_Beginning(0.0, typed if whole else "", context, whole or not after_space)]
        mass = 1.0 if whole and typed else 0.0
        words: dict[str, float] = {}
        for _ in range(LONGEST):
            grown: list[tuple[float, _Beginning, int]] = []
            for beginning in alive:
                log_probs = self._predictor.next_log_probs(beginning.context).astype(np.float64)
                reached = beginning.letters != "" and len(beginning.letters) >= len(typed)
                if reached:
                    ended = math.exp(beginning.log_prob) * float(np.exp(log_probs[self._ends]).sum())
                    words[beginning.letters] = words.get(beginning.letters, 0.0) + ended
                ids = self._following(beginning, typed)
                totals = beginning.log_prob + log_probs[ids]
                if not reached:
                    long = self._lengths[ids] >= max(1, len(typed) - len(beginning.letters))
                    mass += float(np.exp(totals[long]).sum())
                best = most_likely(totals, WIDTH * count)
                grown += [(float(totals[at]), beginning, int(ids[at])) for at in best if totals[at] > -math.inf]
            grown.sort(key=lambda item: -item[0])
            found = sorted(words.values(), reverse=True)[:count]
            # A word is never likelier than its beginnings. Of characters it has one; of sub-words it may have several,
            # whose probabilities add up.
            left = math.exp(grown[0][0]) if grown and whole else sum(math.exp(total) for total, _, _ in grown) / TAIL
            if not grown or (len(found) == count and found[-1] >= left):
                break
            alive = [
                _Beginning(total, old.letters + self._letters[token], self._predictor.advance(old.context, token), True)
                for total, old, token in grown[: WIDTH * count]
            ]
        ranked = sorted(words.items(), key=lambda item: (-item[1], item[0]))[:count]
        return [(word, probability / mass) for word, probability in ranked]

    def _following(self, beginning: _Beginning, typed: str) -> NDArray[np.intp]:
        """Return the tokens that may follow the beginning of a word, so that it agrees with the letters typed."""
        ids = self._continuers if beginning.opened else self._openers
        rest = typed[len(beginning.letters) :]
        if not rest:
            return ids
        fits = [i for i in ids if self._letters[i].startswith(rest) or rest.startswith(self._letters[i])]
        return np.array(fits, dtype=np.intp)

    @cached_property
    def _letters(self) -> list[str]:
        return [symbol.removeprefix(SPACE) for symbol in self._tokens.symbols]

    @cached_property
    def _lengths(self) -> NDArray[np.intp]:
        return np.array([len(letters) for letters in self._letters])

    @cached_property
    def _openers(self) -> NDArray[np.intp]:
        """Pieces that put a space before a word; the space alone is one."""
        return self._where(lambda symbol: symbol.startswith(SPACE) and all(map(in_word, symbol[1:])))

    @cached_property
    def _continuers(self) -> NDArray[np.intp]:
        return self._where(lambda symbol: symbol != "" and all(map(in_word, symbol)))

    @cached_property
    def _ends(self) -> NDArray[np.intp]:
        return self._where(lambda symbol: symbol != "" and not in_word(symbol[0]), with_end=True)

    def _where(self, wanted: Callable[[str], bool], with_end: bool = False) -> NDArray[np.intp]:
        special = {self._tokens.unknown, self._tokens.end}
        found = {i for i, symbol in enumerate(self._tokens.symbols) if i not in special and wanted(symbol)}
        return np.array(sorted(found | ({self._tokens.end} if with_end else set())), dtype=np.intp)


def in_word(character: str) -> bool:
    """Return whether a character is part of a word: a letter, a digit, a mark on a letter, ' or -."""
    return character.isalnum() or character in INSIDE or unicodedata.category(character)[0] == "M"
