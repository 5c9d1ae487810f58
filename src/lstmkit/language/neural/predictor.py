"""A network as a predictor of the next token."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.language.neural.adapting import AdaptingScorer
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
    """

    output: Tensor
    state: Carried


class NetworkPredictor:
    """What a network says of the next token; see `Predictor`.

    tokens   the vocabulary
    network  in evaluation mode
    """

    def __init__(self, tokens: Tokens, network: LanguageNetwork) -> None:
        self.tokens = tokens
        self._network = network

    def token_log_probs(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return (T,) natural logarithms of the probabilities of the tokens of a text, state carried all along."""
        if len(ids) == 0:
            return np.empty(0)
        found: NDArray[np.float64] = text_log_probs(self._network, Streams(ids, 1, WINDOW, self.tokens.end))[0]
        return found

    def adapting(self, rate: float) -> AdaptingScorer:
        """Return the network as one that goes on learning from the text it scores; see `AdaptingScorer`."""
        return AdaptingScorer(self.tokens, self._network, rate)

    def begin(self) -> Context:
        """Return the context at the beginning of a text: after the end of a line."""
        return self._step(self.tokens.end, None)

    def advance(self, context: Context, token: int) -> Context:
        """Return the context after one more token."""
        return self._step(token, context.state)

    def next_log_probs(self, context: Context) -> NDArray[np.float32]:
        """Return (V,) natural logarithms of the probabilities of the next token."""
        with torch.no_grad():
            found: NDArray[np.float32] = self._network.log_probs(context.output)[0].numpy()
        return found

    def _step(self, token: int, state: Carried | None) -> Context:
        with torch.no_grad():
            return Context(*self._network.step(torch.tensor([token]), state))
