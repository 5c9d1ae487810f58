"""TF-IDF: how often words and pairs of neighbouring words occur in a text, against how many texts have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.metrics import Floats, Ints


@dataclass(frozen=True)
class Sparse:
    """A sparse matrix (N, D): the value at (row, column) for every place that is not zero, sorted by row, then column.

    shape  (N, D)
    """

    rows: Ints
    columns: Ints
    values: Floats
    shape: tuple[int, int]

    def times(self, weights: Floats) -> Floats:
        """Return the product with weights (D, K), as (N, K)."""
        N = self.shape[0]
        return np.stack([np.bincount(self.rows, self.values * own[self.columns], N) for own in weights.T], axis=1)

    def transposed_times(self, values: Floats) -> Floats:
        """Return the product of the transpose with values (N, K), as (D, K)."""
        D = self.shape[1]
        return np.stack([np.bincount(self.columns, self.values * own[self.rows], D) for own in values.T], axis=1)


@dataclass(frozen=True)
class TfIdf:
    """Weights of words and of pairs of neighbouring words, learnt from the training texts.

    For a term that occurs n > 0 times in a text, and in d of N training texts: (1 + ln n) (1 + ln ((1 + N) / (1 + d))),
    then every text's vector is scaled to length one. Terms that no training text has do not count.

    symbols  V, words that ids can name
    terms    (D,) the terms, sorted: an id w, or V + u * V + w for the pair u w
    idf      (D,)
    Source   Manning, Raghavan & Schuetze 2008, chapter 6; sublinear and smoothed as in scikit-learn's TfidfVectorizer
    """

    symbols: int
    terms: Ints
    idf: Floats

    @classmethod
    def fit(cls, texts: Sequence[NDArray[np.int32]], symbols: int) -> TfIdf:
        """Learn from texts, each the ids of its words from 0 to symbols - 1."""
        codes, rows = _codes(texts, symbols)
        terms, inverse = np.unique(codes, return_inverse=True)
        seen = np.unique(rows * len(terms) + inverse)  # a text counts once for a term
        documents = np.bincount(seen % max(1, len(terms)), minlength=len(terms))
        return cls(symbols, terms, np.log((1 + len(texts)) / (1 + documents)) + 1)

    def transform(self, texts: Sequence[NDArray[np.int32]]) -> Sparse:
        """Return a row for every text, (N, D)."""
        N, D = len(texts), len(self.terms)
        codes, rows = _codes(texts, self.symbols)
        place = np.minimum(np.searchsorted(self.terms, codes), max(0, D - 1))
        known = self.terms[place] == codes if D else np.zeros(len(codes), bool)
        keys, counts = np.unique(rows[known] * D + place[known], return_counts=True)
        rows, columns = keys // max(1, D), keys % max(1, D)
        values = (1 + np.log(counts)) * self.idf[columns]
        norms = np.sqrt(np.bincount(rows, values**2, N))
        return Sparse(rows, columns, values / norms[rows], (N, D))


def pair_features(u: Sparse, v: Sparse) -> Sparse:
    """Return [u; v; |u - v|; u * v] of two matrices (N, D), as (N, 4 D): what the network has of a pair."""
    N, D = u.shape
    keys_u, keys_v = u.rows * D + u.columns, v.rows * D + v.columns
    keys, inverse = np.unique(np.concatenate([keys_u, keys_v]), return_inverse=True)
    difference = np.abs(np.bincount(inverse, np.concatenate([u.values, -v.values]), len(keys)))
    both, in_u, in_v = np.intersect1d(keys_u, keys_v, assume_unique=True, return_indices=True)
    parts = ((keys_u, u.values), (keys_v, v.values), (keys, difference), (both, u.values[in_u] * v.values[in_v]))
    rows = np.concatenate([own // D for own, _ in parts])
    columns = np.concatenate([own % D + block * D for block, (own, _) in enumerate(parts)])
    order = np.lexsort((columns, rows))
    return Sparse(rows[order], columns[order], np.concatenate([values for _, values in parts])[order], (N, 4 * D))


def _codes(texts: Sequence[NDArray[np.int32]], symbols: int) -> tuple[Ints, Ints]:
    """Return every occurrence of a term, and the number of its text."""
    lengths = np.array([len(text) for text in texts], np.int64)
    words = np.concatenate([*texts, np.empty(0, np.int32)]).astype(np.int64)
    rows = np.repeat(np.arange(len(texts)), lengths)
    inside = rows[1:] == rows[:-1]
    pairs = symbols + words[:-1][inside] * symbols + words[1:][inside]
    return np.concatenate([words, pairs]), np.concatenate([rows, rows[1:][inside]])
