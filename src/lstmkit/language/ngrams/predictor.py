"""The n-gram model as a predictor: the same questions as to a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.ngrams.model import Context, NGramModel

if TYPE_CHECKING:
    from lstmkit.language.vocabulary import Tokens


@final
class NGramPredictor:
    """An n-gram model together with its vocabulary; a `Predictor`.

    tokens  the vocabulary that the model's ids belong to
    model   of as many tokens
    Raises  InputError if their sizes differ, or the model's lines end with another token
    """

    def __init__(self, tokens: Tokens, model: NGramModel) -> None:
        if len(tokens.symbols) != model.vocabulary:
            raise InputError(
                f"n-gram model: it has {model.vocabulary} tokens, the vocabulary {len(tokens.symbols)}; "
                "give the vocabulary that it was fitted with"
            )
        if model.boundary not in (None, tokens.end):
            raise InputError(
                f"n-gram model: its lines end with token {model.boundary}, those of the vocabulary with {tokens.end}; "
                "give the vocabulary that it was fitted with"
            )
        self.tokens = tokens
        self.model = model

    def token_log_probs(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the natural logarithm of the probability of every token of a text that begins afresh, (T,)."""
        return self.model.token_log_probs(ids)

    def begin(self) -> Context:
        """Return the context at the beginning of a text."""
        return self.model.begin()

    def advance(self, context: Context, token: int) -> Context:
        """Return the context after one more token."""
        return self.model.advance(context, token)

    def next_log_probs(self, context: Context) -> NDArray[np.float32]:
        """Return the natural logarithm of the probability of every token that may follow, (V,)."""
        return self.model.next_log_probs(context)
