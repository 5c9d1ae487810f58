"""A network that goes on learning from the text that it is scored on, each token after it was foreseen."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.language.neural.clues import Clues, told_all
from lstmkit.language.neural.network import Carried, LanguageNetwork
from lstmkit.language.neural.streams import Streams
from lstmkit.language.vocabulary import Tokens
from lstmkit.ranges import MORE_THAN_0, real, whole

CLIP = 0.5
"""Euclidean norm that a step's gradient is scaled down to."""


class AdaptingScorer:
    """Scores a text by a copy of a network that takes a step of gradient descent after every window; see `Scorer`.

    A token is foreseen before anything is learnt from it, so the result is a probability of the text like any other;
    but it is one of a model that has seen the text up to there, and is compared with such models only.

    tokens   the vocabulary
    network  left as it is
    rate     of gradient descent on the mean loss of a window
    window   tokens between steps
    clues    what the network is told beside every token, or None
    Raises   InputError if the rate is not above 0 or the window below 1
    Source   Krause et al. 2018, dynamic evaluation by stochastic gradient descent, with clipped steps
    """

    def __init__(
        self, tokens: Tokens, network: LanguageNetwork, rate: float, window: int = 50, clues: Clues | None = None
    ) -> None:
        self.tokens = tokens
        self.rate = real("the rate to adapt at", rate, MORE_THAN_0)
        self.window = whole("the window to adapt after", window)
        self._network, self._clues = network, clues

    def token_log_probs(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return (T,) natural logarithms of the probabilities of the tokens of a text; every call begins anew."""
        found = np.empty(len(ids))
        if len(ids) == 0:
            return found
        network = copy.deepcopy(self._network).eval()
        told = None if self._clues is None else told_all(self._clues, ids)
        streams = Streams(ids, 1, self.window, self.tokens.end, told)
        state: Carried | None = None
        parameters = [p.requires_grad_() for p in network.parameters()]
        for number in range(len(streams)):
            begin, stop = streams.span(number, self.window)
            inputs, targets = streams.read(begin, stop)
            output, after = network(inputs, state)
            flat, weights = output.flatten(0, 1), network.readout
            with torch.no_grad():
                found[begin:stop] = network.softmax.target_log_probs(flat, targets.flatten(), weights).numpy()
            gradients = torch.autograd.grad(network.softmax.loss(flat, targets.flatten(), weights), parameters)
            with torch.no_grad():
                norm = torch.linalg.vector_norm(torch.stack([g.norm() for g in gradients]))
                step = self.rate * min(1.0, CLIP / max(float(norm), CLIP))
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.sub_(gradient, alpha=step)
            state = tuple(tuple(s.detach() for s in layer) for layer in after)
        return found
