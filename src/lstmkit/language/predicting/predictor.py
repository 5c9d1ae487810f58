"""What says how likely each next token is: a network, an n-gram model, or a mixture of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lstmkit.language.vocabulary import Tokens


class Scorer(Protocol):
    """A model that says how likely a text is."""

    @property
    def tokens(self) -> Tokens:
        """The vocabulary, of V tokens."""

    def token_log_probs(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the natural logarithm of the probability of every token, given those before it.

        ids      (T,) a text that begins afresh, as after the end of a line
        Returns  (T,)
        """


class Predictor(Scorer, Protocol):
    """A model of the next token. Suggesting and generating know nothing else of it.

    A context is a value: `advance` returns another one and leaves the one it was given as it was, so that a list of
    contexts is all that going back needs.
    """

    def begin(self) -> Any:
        """Return the context at the beginning of a text."""

    def advance(self, context: Any, token: int) -> Any:
        """Return the context after one more token."""

    def next_log_probs(self, context: Any) -> NDArray[np.float32]:
        """Return the natural logarithm of the probability of every token that may follow.

        Returns  (V,), whose exponentials sum to one
        """
