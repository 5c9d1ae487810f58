"""The n-gram model: how likely each next token is, from how often it followed the last few tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.ngrams.kneser_ney import estimate
from lstmkit.language.ngrams.levels import ABSENT, Level, contexts, fresh_row
from lstmkit.language.ngrams.stored import StoredNGram
from lstmkit.ranges import whole

ROUNDED = 1e-3
"""By how much the logarithm of a probability may be above zero where a file gives few digits."""
CHUNK = 1 << 18
"""Tokens that are scored at once: more are no faster, and take more memory."""

Context = tuple[int, ...]
"""The last tokens, at most one less than the order; the id V, never predicted, stands for the beginning of a line."""


@final
@dataclass(frozen=True)
class NGramModel:
    """A back-off model of the orders 1 to N over V tokens.

    The probability of a token is that of the longest n-gram it ends, times what each longer context leaves over.
    `fit` estimates it; `read_arpa` reads one that any tool made.

    levels    one an order
    boundary  the token that ends a line, after which the context starts anew; None: texts are one stream
    """

    levels: tuple[Level, ...]
    boundary: int | None = None

    @property
    def order(self) -> int:
        """Tokens of the longest n-grams, N."""
        return len(self.levels)

    @property
    def vocabulary(self) -> int:
        """Number of tokens that can be predicted, V."""
        return self.levels[0].width - 1

    @classmethod
    def fit(cls, ids: NDArray[np.int32], vocabulary: int, order: int = 5, boundary: int | None = None) -> NGramModel:
        """Return the interpolated modified Kneser-Ney model of a text, its numbers in float32.

        ids         (T,) int32, 0 to V - 1
        vocabulary  V; tokens that do not occur get a probability as well
        order       N
        boundary    the token that ends a line, itself predicted; None: the text is one stream
        Raises      InputError if the text is empty or holds other ids, or the order is below 1
        Source      `kneser_ney.py`
        """
        order = whole("n-gram model: order", order)
        if not len(ids):
            raise InputError("n-gram model: the text is empty; give at least one token")
        _require_known(ids, vocabulary)
        if boundary is not None and not 0 <= boundary < vocabulary:
            raise InputError(f"n-gram model: boundary must be a token from 0 to {vocabulary - 1}; got {boundary}")
        levels = estimate(np.asarray(ids), vocabulary, order, boundary)
        return cls(tuple(level.rounded() for level in levels), boundary)

    def token_log_probs(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the natural logarithm of the probability of every token, given those before it.

        ids      (T,) 0 to V - 1, a text that begins afresh
        Returns  (T,)
        Raises   InputError if the text holds other ids, or the tables, read from a file, give more than certainty
        """
        _require_known(ids, self.vocabulary)
        scores = np.zeros(len(ids))
        before = [fresh_row(n, self.vocabulary, self.boundary) for n in range(1, self.order)]
        for first in range(0, len(ids), CHUNK):
            part = slice(first, first + CHUNK)
            before = self._score(np.asarray(ids[part]), before, scores[part])
        if len(scores) and scores.max() > ROUNDED:
            raise InputError(
                f"n-gram model: a token of the text has the probability {np.exp(scores.max()):.3g}: its back-offs are "
                "no weights of what is left; make the model again"
            )
        return scores

    def _score(self, ids: NDArray[np.int32], before: list[int], scores: NDArray[np.float64]) -> list[int]:
        """Write the scores of a part of a text and return which n-grams end at its end.

        before   row of the n-gram of each order 1 to N - 1 that ends where the part begins
        Returns  the same where it ends
        """
        found = ids.astype(np.int64)
        scores[:] = self.levels[0].log_prob[found]
        after = []
        for n, (shorter, level) in enumerate(pairwise(self.levels), start=1):
            rows = contexts(found, before[n - 1], ids, self.boundary, fresh_row(n, self.vocabulary, self.boundary))
            after.append(int(rows[-1]))
            rows = rows[:-1]
            scores[rows != ABSENT] += shorter.log_backoff[rows[rows != ABSENT]]
            found = level.find(rows, ids)
            scores[found != ABSENT] = level.log_prob[found[found != ABSENT]]
        return after

    def begin(self) -> Context:
        """Return the context at the beginning of a text."""
        return (self.vocabulary,) if self.boundary is not None and self.order > 1 else ()

    def advance(self, context: Sequence[int], token: int) -> Context:
        """Return the context after one more token."""
        if token == self.boundary:
            return self.begin()
        return (*context, int(token))[-(self.order - 1) :] if self.order > 1 else ()

    def next_log_probs(self, context: Sequence[int]) -> NDArray[np.float32]:
        """Return the natural logarithm of the probability of every token that may follow.

        context  from `begin` and `advance`
        Returns  (V,)
        """
        scores = self.levels[0].log_prob[: self.vocabulary].astype(np.float64)
        kept = tuple(context)[-(self.order - 1) :] if self.order > 1 else ()
        for length in range(1, len(kept) + 1):
            row = self._row(kept[-length:])
            if row != ABSENT:
                level = self.levels[length]
                scores += self.levels[length - 1].log_backoff[row]
                children = slice(int(level.starts[row]), int(level.starts[row + 1]))
                scores[level.tokens[children]] = level.log_prob[children]
        return scores.astype(np.float32)

    def _row(self, tokens: Context) -> int:
        """Return the row of an n-gram in the level of its order, ABSENT where there is none."""
        row = 0
        for level, token in zip(self.levels, tokens, strict=False):
            row = level.child(row, token)
            if row == ABSENT:
                break
        return row

    def config(self) -> dict[str, Any]:
        """Return what `from_arrays` needs beside the arrays."""
        return {"order": self.order, "vocabulary": self.vocabulary, "boundary": self.boundary}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the model as arrays by name, for a file of tensors.

        Returns  for each order n: n.log_prob; below the last: n.log_backoff; above the first: n.tokens, n.children
                 (number of n-grams of each prefix)
        """
        found: dict[str, NDArray[Any]] = {}
        for n, level in enumerate(self.levels, start=1):
            found[f"{n}.log_prob"] = level.log_prob
            if n < self.order:
                found[f"{n}.log_backoff"] = level.log_backoff
            if n > 1:
                found[f"{n}.tokens"] = level.tokens
                found[f"{n}.children"] = np.diff(level.starts).astype(np.int32)
        return found

    @classmethod
    def from_arrays(cls, config: StoredNGram, arrays: Mapping[str, NDArray[Any]]) -> NGramModel:
        """Return the model that `config` and `arrays` were taken from.

        arrays  of the shapes that `StoredNGram.shapes` returns
        Raises  InputError if they are no n-grams
        """
        return cls(config.levels(arrays), config.boundary)


def _require_known(ids: NDArray[np.int32], vocabulary: int) -> None:
    """Raise InputError if a token is not in the vocabulary."""
    if len(ids) and (int(ids.min()) < 0 or int(ids.max()) >= vocabulary):
        place = int(np.flatnonzero((ids < 0) | (ids >= vocabulary))[0])
        raise InputError(
            f"n-gram model: token {place} of the text has the id {int(ids[place])}, but the vocabulary ends at "
            f"{vocabulary - 1}; encode the text with the model's own vocabulary"
        )
