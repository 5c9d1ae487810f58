"""A model small enough to reckon by hand: the probability of a token depends on the one before it alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lstmkit.language.vocabulary import Tokens


class Bigram:
    """A predictor whose probabilities are a table.

    table  (V + 1, V) probabilities after each token; the last row: at the beginning
    """

    def __init__(self, tokens: Tokens, table: ArrayLike) -> None:
        self.tokens = tokens
        with np.errstate(divide="ignore"):
            self.rows = np.log(np.array(table, dtype=np.float64))
        assert self.rows.shape == (len(tokens.symbols) + 1, len(tokens.symbols))
        self.asked: list[str] = []

    @classmethod
    def random(cls, tokens: Tokens, seed: int = 0, sharpness: float = 2.0) -> Bigram:
        size = len(tokens.symbols)
        weights = np.exp(sharpness * np.random.default_rng(seed).normal(size=(size + 1, size)))
        return cls(tokens, weights / weights.sum(axis=1, keepdims=True))

    def token_log_probs(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        before = np.concatenate(([len(self.rows) - 1], ids[:-1]))
        return self.rows[before, ids]

    def begin(self) -> tuple[int, ...]:
        return ()

    def advance(self, context: tuple[int, ...], token: int) -> tuple[int, ...]:
        self.asked.append("advance")
        return (*context, token)

    def next_log_probs(self, context: tuple[int, ...]) -> NDArray[np.float32]:
        self.asked.append("next")
        return self.rows[context[-1] if context else -1].astype(np.float32)
