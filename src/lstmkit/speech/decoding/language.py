"""What a language model says of the words of a search: their logarithms by context, asked once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.predicting import Predictor

Floats = NDArray[np.float32]

NEVER = np.float32(-1e30)
"""The logarithm of what cannot be."""
KEPT = 1 << 24
"""Numbers that are kept, of all contexts together."""


@final
class WordLanguage:
    """A predictor, asked for words by their place in a list.

    A word that it does not know by itself, or without case, is its unknown word.

    predictor  of words
    words      of the list; one may stand there several times
    """

    def __init__(self, predictor: Predictor, words: Sequence[str] = ()) -> None:
        self.predictor = predictor
        self._ids = {symbol: place for place, symbol in enumerate(predictor.tokens.symbols)}
        self._folded = {symbol.casefold(): place for symbol, place in reversed(self._ids.items())}
        self.tokens = np.array([self.token(word) for word in words], np.int64)
        self._kept: dict[Any, tuple[Floats, float]] = {}
        self._most = max(1, KEPT // (len(words) or len(self._ids)))

    def token(self, word: str) -> int:
        """Return the token of a word."""
        return self._ids.get(word, self._folded.get(word.casefold(), self.predictor.tokens.unknown))

    def begin(self) -> Any:
        """Return the context before the first word."""
        return self.predictor.begin()

    def advance(self, context: Any, token: int) -> Any:
        """Return the context after one more token."""
        return self.predictor.advance(context, token)

    def followers(self, context: Any) -> tuple[Floats, float]:
        """Return the logarithms of the probability of every word of the list after a context, and of the end."""
        found = self._asked(context) if not is_value(context) else self._kept.get(context)
        if found is None:
            if len(self._kept) >= self._most:
                self._kept.clear()
            found = self._kept[context] = self._asked(context)
        return found

    def _asked(self, context: Any) -> tuple[Floats, float]:
        found = np.maximum(self.predictor.next_log_probs(context), NEVER)
        chosen = found[self.tokens] if len(self.tokens) else found
        return chosen.astype(np.float32), float(found[self.predictor.tokens.end])


def is_value(context: Any) -> bool:
    """Return whether a context is the last tokens: then equal contexts are one."""
    return isinstance(context, tuple) and all(isinstance(token, int) for token in context)
