"""Two predictors mixed: the probabilities of each, in shares that were fitted on validation text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.predicting.predictor import Predictor
from lstmkit.language.vocabulary import Tokens

ROUNDS = 100
CLOSE = 1e-6
LEAST = 1e-6
"""Of each model, so that what one holds impossible has a logarithm."""


def fit_share(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the share of the first model under which a text is most likely, by expectation maximisation.

    first, second  (T,) natural logarithms of the probabilities of its tokens under each model
    Returns        in 0 to 1
    Source         Jelinek & Mercer 1980
    """
    share = 0.5
    for _ in range(ROUNDS):
        with np.errstate(divide="ignore"):
            odds = np.log1p(-share) + second - np.log(share) - first
        before, share = share, float(np.mean(1.0 / (1.0 + np.exp(np.minimum(odds, 700.0)))))
        if abs(share - before) < CLOSE or share in (0.0, 1.0):
            break
    return share


class MixturePredictor:
    """`share` times what the first says, and the rest what the second says; see `Predictor`."""

    def __init__(self, first: Predictor, second: Predictor, share: float) -> None:
        self.parts = first, second
        share = min(max(share, LEAST), 1.0 - LEAST)
        self._shares = np.float32(share), np.float32(1.0 - share)

    @property
    def tokens(self) -> Tokens:
        """The vocabulary, the same for both."""
        return self.parts[0].tokens

    def token_log_probs(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return (T,) natural logarithms of the probabilities of the tokens of a text."""
        return self.mixed(*(part.token_log_probs(ids) for part in self.parts))

    def mixed(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return logarithms of mixed probabilities from those of each model."""
        mixed: NDArray[np.float64] = np.logaddexp(
            first + np.log(float(self._shares[0])), second + np.log(float(self._shares[1]))
        )
        return mixed

    def begin(self) -> tuple[Any, Any]:
        """Return the context at the beginning of a text."""
        return self.parts[0].begin(), self.parts[1].begin()

    def advance(self, context: tuple[Any, Any], token: int) -> tuple[Any, Any]:
        """Return the context after one more token."""
        return self.parts[0].advance(context[0], token), self.parts[1].advance(context[1], token)

    def next_log_probs(self, context: tuple[Any, Any]) -> NDArray[np.float32]:
        """Return (V,) natural logarithms of the probabilities of the next token."""
        first, second = (part.next_log_probs(own) for part, own in zip(self.parts, context, strict=True))
        # Not logaddexp, which takes twenty times as long for a vocabulary of words.
        mixed: NDArray[np.float32] = np.log(self._shares[0] * np.exp(first) + self._shares[1] * np.exp(second))
        return mixed
