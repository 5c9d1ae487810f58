"""The n-grams of one order: a sorted table whose rows name their prefix by its row in the table of the order below.

An n-gram that ends at token t of a text has as its prefix the (n-1)-gram that ends at token t - 1. So one search an
order finds the n-grams at all places of a text at once, each from what the order below found one place earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

ABSENT = -1
"""The row of an n-gram that a table does not have."""


@final
@dataclass(frozen=True)
class Level:
    """The M n-grams of one order, sorted by prefix and then by last token.

    The prefix of a single token is the empty n-gram, row 0 of the order below the first. The first order has a row for
    each of the V tokens, and row V for the beginning of a line.

    tokens       (M,) int32, the last token of each n-gram, 0 to V
    starts       (M' + 1,) int64 for M' prefixes: rows starts[i] to starts[i + 1] have prefix i
    log_prob     (M,) natural logarithm of the probability of the last token after the prefix
    log_backoff  (M,) natural logarithm of what the n-gram as a context leaves to shorter ones; (0,) in the last order
    width        V + 1
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    log_prob: NDArray[np.floating[Any]]
    log_backoff: NDArray[np.floating[Any]]
    width: int

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """One number an n-gram, rising: prefix · (V + 1) + token, (M,)."""
        prefixes = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        return prefixes * self.width + self.tokens

    def find(self, prefixes: NDArray[np.int64], tokens: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the row of each n-gram, ABSENT where there is none.

        prefixes  (T,) rows of the order below, or ABSENT
        tokens    (T,) 0 to V
        Returns   (T,)
        """
        if not len(self):
            return np.full(len(prefixes), ABSENT, np.int64)
        # An absent prefix makes a key below zero, which no n-gram has.
        wanted = prefixes * self.width + tokens
        rows = np.minimum(np.searchsorted(self.keys, wanted), len(self) - 1)
        return np.where(self.keys[rows] == wanted, rows, ABSENT)

    def child(self, prefix: int, token: int) -> int:
        """Return the row of one n-gram, ABSENT where there is none."""
        first, last = int(self.starts[prefix]), int(self.starts[prefix + 1])
        row = first + int(np.searchsorted(self.tokens[first:last], token))
        return row if row < last and int(self.tokens[row]) == token else ABSENT

    def rounded(self) -> Level:
        """Return the same level with float32 numbers: half the memory, and far finer than any estimate is sure."""
        numbers = self.log_prob.astype(np.float32), self.log_backoff.astype(np.float32)
        return Level(self.tokens, self.starts, *numbers, self.width)


def contexts(
    found: NDArray[np.int64], before: int, ids: NDArray[np.integer[Any]], boundary: int | None, fresh: int
) -> NDArray[np.int64]:
    """Return which n-gram precedes each token and the end of a text, from which n-gram ends at each token.

    found    (T,) row of the n-gram that ends at each token
    before   row of the n-gram that ends where the text begins
    ids      (T,) the tokens
    fresh    row after `boundary`: that of the beginning of a line for single tokens, ABSENT for longer n-grams
    Returns  (T + 1,)
    """
    rows = np.concatenate([np.array([before], np.int64), found])
    if boundary is not None:
        rows[1:][ids == boundary] = fresh
    return rows


def fresh_row(order: int, vocabulary: int, boundary: int | None) -> int:
    """Return the row of the n-gram of that order that ends where a line begins, ABSENT where there is none."""
    return vocabulary if order == 1 and boundary is not None else ABSENT
