"""Interpolated modified Kneser-Ney: counts, discounts and probabilities of n-grams of the orders 1 to N.

With a(hw) the adjusted count of an n-gram, h its prefix (the context), h' that context without its first token:

    p(w | h) = (a(hw) - D(a(hw))) / a(h·) + gamma(h) p(w | h'),   gamma(h) = sum_w D(a(hw)) / a(h·)
    p(w)     = (a(w) - D(a(w))) / a(·) + gamma / V

The vocabulary is closed: below the single tokens lies the uniform distribution over all V of them, so that tokens that
never occurred have a probability, and an unknown word is a token like any other. KenLM instead adds <unk> with a count
of zero to the words it saw, so that V is one more there and <unk> is what never occurred.

Source  Kneser & Ney 1995; modified and interpolated: Chen & Goodman 1999, An empirical study of smoothing techniques
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.ngrams.levels import ABSENT, Level, contexts, fresh_row

FALLBACK = (0.5, 1.0, 1.5)
"""Discounts where those of Chen & Goodman cannot be had: the same that KenLM falls back to."""


@final
@dataclass(frozen=True)
class Counted:
    """The M n-grams of one order and how often each counts; tokens and starts as in `Level`.

    suffixes  (M,) row of the n-gram without its first token in the order below
    counts    (M,)
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    suffixes: NDArray[np.int64]
    counts: NDArray[np.int64]


def count(ids: NDArray[np.int32], vocabulary: int, order: int, boundary: int | None) -> list[Counted]:
    """Return the n-grams of the orders 1 to N with raw counts.

    ids       (T,) 0 to V - 1; the context starts anew after each `boundary`
    Returns   a value an order
    """
    width = vocabulary + 1
    starts = np.array([0, width], np.int64)
    occurrences = np.bincount(ids, minlength=width).astype(np.int64)
    levels = [Counted(np.arange(width, dtype=np.int32), starts, np.zeros(width, np.int64), occurrences)]
    found = ids.astype(np.int64)
    for n in range(2, order + 1):
        fresh = fresh_row(n - 1, vocabulary, boundary)
        prefixes = contexts(found, fresh, ids, boundary, fresh)[:-1]
        places = np.flatnonzero(prefixes != ABSENT)
        keys, first, rows, counts = np.unique(
            prefixes[places] * width + ids[places], return_index=True, return_inverse=True, return_counts=True
        )
        starts = np.searchsorted(keys, np.arange(len(levels[-1].tokens) + 1) * width)
        tokens = (keys % width).astype(np.int32)
        levels.append(Counted(tokens, starts, found[places[first]], counts.astype(np.int64)))
        found = np.full(len(ids), ABSENT, np.int64)
        found[places] = rows
    return levels


def adjusted(levels: list[Counted]) -> list[NDArray[np.int64]]:
    """Return the counts that probabilities are made of, (M,) an order.

    The last order keeps its raw counts. In the others an n-gram counts once for each different token before it; one
    that nothing precedes, because it begins a line or the text, keeps its raw count, as in SRILM and KenLM.
    """
    below = []
    for level, above in pairwise(levels):
        neighbours = np.bincount(above.suffixes, minlength=len(level.counts)).astype(np.int64)
        below.append(np.where(neighbours > 0, neighbours, level.counts))
    return [*below, levels[-1].counts]


def discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what is taken off n-grams of adjusted count 0, 1, 2, and 3 or more, (4,); the first is 0.

    D_i = i - (i + 1) Y n_{i+1} / n_i with Y = n_1 / (n_1 + 2 n_2), where n_i n-grams have the count i. If one of n_1 to
    n_4 is zero, or a discount not above zero, all three are the FALLBACK: only small or odd texts are so.
    """
    fallback = np.array((0.0, *FALLBACK))
    n1, n2, n3, n4 = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].tolist()
    if not (n1 and n2 and n3 and n4):
        return fallback
    Y = n1 / (n1 + 2 * n2)
    found = np.array((0.0, 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3))
    return found if (found[1:] > 0).all() else fallback


def estimate(ids: NDArray[np.int32], vocabulary: int, order: int, boundary: int | None) -> tuple[Level, ...]:
    """Return the probabilities of all n-grams of a text, float64.

    ids         (T,) at least one token, each 0 to V - 1
    vocabulary  V
    order       N, at least 1
    boundary    the token that ends a line, after which the context starts anew; None: the text is one stream
    Returns     a level an order
    """
    levels = count(ids, vocabulary, order, boundary)
    counts = adjusted(levels)
    off = discounts(counts[0])[np.minimum(counts[0], 3)]
    probs = (counts[0] - off) / counts[0].sum() + off.sum() / counts[0].sum() / vocabulary
    probs[vocabulary] = 0  # nothing predicts the beginning of a line
    log_probs, log_backoffs = [logarithm(probs)], []
    for n in range(1, order):
        level, parents = levels[n], len(levels[n - 1].tokens)
        off = discounts(counts[n])[np.minimum(counts[n], 3)]
        prefixes = np.repeat(np.arange(parents), np.diff(level.starts))
        totals = np.bincount(prefixes, weights=counts[n], minlength=parents)
        used = totals > 0
        gammas = np.ones(parents)
        gammas[used] = np.bincount(prefixes, weights=off, minlength=parents)[used] / totals[used]
        probs = (counts[n] - off) / totals[prefixes] + gammas[prefixes] * probs[level.suffixes]
        log_probs.append(logarithm(probs))
        log_backoffs.append(np.log(gammas))
    log_backoffs.append(np.zeros(0))
    return tuple(
        Level(level.tokens, level.starts, log_prob, log_backoff, vocabulary + 1)
        for level, log_prob, log_backoff in zip(levels, log_probs, log_backoffs, strict=True)
    )


def logarithm(probs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural logarithm, -inf for zero."""
    return np.log(probs, out=np.full(len(probs), -np.inf), where=probs > 0)
