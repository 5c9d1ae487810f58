"""The most likely next words after a text, as fast as someone types it."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.suggestions.word_search import WordSearch, in_word
from lstmkit.language.vocabulary import Words
from lstmkit.language.vocabulary.spelling import INSIDE, as_typed, variants
from lstmkit.language.vocabulary.splitting import splitter
from lstmkit.language.writing.prompt import encode_prompt
from lstmkit.language.writing.sampling import most_likely
from lstmkit.ranges import whole

if TYPE_CHECKING:
    from lstmkit.language.predicting import Predictor

KEPT = 1000
"""Positions at the end of the text whose contexts are kept; to go back further, a text is read again."""
REMEMBERED = 16
"""Positions of the text whose next tokens are kept in memory, each V numbers."""


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """A word that may follow.

    text         the whole word, with the letters that have been typed
    probability  that this word follows, given that a word follows and begins as typed
    """

    text: str
    probability: float


class Trail:
    """The contexts along a text, so that going on costs one step of the model and going back costs none.

    predictor  what says how likely the next token is
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._ids: list[int] = []
        self._contexts: dict[int, Any] = {0: predictor.begin()}
        self._log_probs: dict[int, NDArray[np.float32]] = {}

    def follow(self, ids: NDArray[np.int32]) -> None:
        """Move to the end of a text; only what differs from the text before is read."""
        same = 0
        for old, new in zip(self._ids, ids, strict=False):
            if old != new:
                break
            same += 1
        same = same if same in self._contexts else 0
        del self._ids[same:]
        self._contexts = {at: context for at, context in self._contexts.items() if at <= same}
        self._log_probs = {at: row for at, row in self._log_probs.items() if at <= same}
        context = self.context
        for at, token in enumerate(ids[same:], same + 1):
            context = self._predictor.advance(context, int(token))
            self._ids.append(int(token))
            self._contexts[at] = context
            if at > KEPT:
                self._contexts.pop(at - KEPT, None)

    @property
    def context(self) -> Any:
        """The context at the end of the text."""
        return self._contexts[len(self._ids)]

    @property
    def log_probs(self) -> NDArray[np.float32]:
        """(V,) natural logarithms of the probabilities of the tokens that may follow."""
        at = len(self._ids)
        if at not in self._log_probs:
            if len(self._log_probs) >= REMEMBERED:
                del self._log_probs[min(self._log_probs)]
            self._log_probs[at] = self._predictor.next_log_probs(self.context)
        return self._log_probs[at]


class Suggester:
    """Suggests words while a text grows letter by letter, or shrinks.

    It remembers the contexts along the last text it was asked about: another letter of a word of a word model costs
    nothing, a finished word one step of the model, and a deleted one nothing again.

    predictor      any model; of characters or sub-words, words are found by a beam search
    k              words to suggest
    allow_unknown  unknown words of the text are read as the unknown token instead of refused
    Raises         InputError if k is below 1
    """

    def __init__(self, predictor: Predictor, k: int = 3, allow_unknown: bool = False) -> None:
        self.k = whole("count", k)
        self._tokens, self._allow_unknown = predictor.tokens, allow_unknown
        self._trail, self._search = Trail(predictor), WordSearch(predictor)
        self._read = ""

    def unfinished(self, text: str) -> str:
        """Return the beginning of a word that a text ends with, or "" where the next word has not begun.

        White space finishes a word. Unless words are whatever stands between white space, a mark that is no part of a
        word finishes it too, and is finished itself; an apostrophe or a hyphen does not where words go on after it.
        """
        if not text or text[-1].isspace():
            return ""
        last = text.rsplit(maxsplit=1)[-1]
        if isinstance(self._tokens, Words):
            if self._tokens.split == "space":
                return last
            pieces = splitter(self._tokens.split)(last)
            begun = "".join(pieces[-2:])
            if pieces[-1] in INSIDE and len(pieces) > 1 and pieces[-2][-1].isalnum() and self._begin(begun).size:
                return begun
            last = pieces[-1]
        else:
            last = "".join(itertools.takewhile(in_word, reversed(last)))[::-1]
        return last if any(character.isalnum() for character in last) else ""

    def suggest(self, text: str) -> list[Suggestion]:
        """Return the most likely next words after a text, the most likely first.

        text     ends in white space: the next word is suggested; else its last piece is the beginning of a word, and
                 words that begin so are suggested. Upper and lower case and the kind of apostrophe count; only where
                 no word of a word model begins so do the same letters in another form stand for them, and what was
                 typed stays. Where even so there is none, what follows the last hyphen or apostrophe is a word of its
                 own.
        Returns  k words, or fewer where the model has or finds fewer; never the unknown word or the end of a line
        Raises   InputError for unknown words, unless they are allowed
        """
        typed = self.unfinished(text)
        done, head = text[: len(text) - len(typed)], ""
        ids = self._begin(typed) if isinstance(self._tokens, Words) else None
        if ids is not None and not ids.size:
            last = max(typed.rfind(mark) for mark in INSIDE) + 1
            head, typed = typed[:last], typed[last:]
            done, ids = done + head, self._begin(typed)
        read = text if self._tokens.unit == "character" else done
        if read != self._read:
            self._trail.follow(encode_prompt(self._tokens, read, self._allow_unknown))
            self._read = read
        if ids is not None:
            return self._words(ids, head, typed)
        after_space = not done or done[-1].isspace()
        found = self._search.find(self._trail.context, typed, after_space, self.k)
        return [Suggestion(word, probability) for word, probability in found]

    def _begin(self, typed: str) -> NDArray[np.int32]:
        """Return the ids of the words of a word model that begin with the letters typed, or with a variant of them."""
        assert isinstance(self._tokens, Words)
        ids = self._tokens.words_starting_with(typed)
        if not len(ids):
            ids = np.concatenate([self._tokens.words_starting_with(one) for one in variants(typed)])
        return np.unique(ids)

    def _words(self, ids: NDArray[np.int32], head: str, typed: str) -> list[Suggestion]:
        if not len(ids):
            return []
        log_probs = self._trail.log_probs[ids].astype(np.float64)
        highest = log_probs.max()
        total = highest + np.log(np.exp(log_probs - highest).sum())
        best = most_likely(log_probs, self.k)
        words = [head + as_typed(self._tokens.symbols[ids[at]], typed) for at in best]
        return [Suggestion(word, float(np.exp(log_probs[at] - total))) for word, at in zip(words, best, strict=True)]
