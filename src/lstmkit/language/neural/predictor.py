"""A network as a predictor of the next token."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.language.neural.adapting import AdaptingScorer
from lstmkit.language.neural.clues import Clues, told_all
from lstmkit.language.neural.fitting import text_log_probs
from lstmkit.language.neural.network import Carried, LanguageNetwork
from lstmkit.language.neural.streams import Streams
from lstmkit.language.vocabulary import Tokens

WINDOW = 512
"""Tokens in one call; the state is carried on, so the result does not depend on it."""


class Context(NamedTuple):
    """What the network remembers of a text.

    output  (1, E) of the last layer
    state   of every layer
    place   where the text stands, as clues have it; None without
    """

    output: Tensor
    state: Carried
    place: Any


class NetworkPredictor:
    """What a network says of the next token; see `Predictor`.

    tokens   the vocabulary
    network  in evaluation mode
    clues    what it is told beside every token, or None
    """

    def __init__(self, tokens: Tokens, network: LanguageNetwork, clues: Clues | None = None) -> None:
        self.tokens = tokens
        self._network, self._clues = network, clues

    def token_log_probs(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return (T,) natural logarithms of the probabilities of the tokens of a text, state carried all along."""
        if len(ids) == 0:
            return np.empty(0)
        told = None if self._clues is None else told_all(self._clues, ids)
        found: NDArray[np.float64] = text_log_probs(self._network, Streams(ids, 1, WINDOW, self.tokens.end, told))[0]
        return found

    def adapting(self, rate: float) -> AdaptingScorer:
        """Return the network as one that goes on learning from the text it scores; see `AdaptingScorer`."""
        return AdaptingScorer(self.tokens, self._network, rate, clues=self._clues)

    def begin(self) -> Context:
        """Return the context at the beginning of a text: after the end of a line."""
        return self._step(self.tokens.end, None, None if self._clues is None else self._clues.begin())

    def advance(self, context: Context, token: int) -> Context:
        """Return the context after one more token."""
        place = None if self._clues is None else self._clues.advance(context.place, token)
        return self._step(token, context.state, place)

    def next_log_probs(self, context: Context) -> NDArray[np.float32]:
        """Return (V,) natural logarithms of the probabilities of the next token."""
        with torch.no_grad():
            found: NDArray[np.float32] = self._network.log_probs(context.output)[0].numpy()
        return found

    def _step(self, token: int, state: Carried | None, place: Any) -> Context:
        ids = [token] if self._clues is None else [[token, *self._clues.told(place)]]
        with torch.no_grad():
            return Context(*self._network.step(torch.tensor(ids), state), place)
