"""Texts as ids, and padded batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.language.classify.network import Texts
from lstmkit.language.tokens import Tokens
from lstmkit.language.words import Words

TOGETHER = 50
"""Batches whose rows are sorted by length together."""


@dataclass(frozen=True)
class EncodedTexts:
    """Many texts in one array.

    ids      (T,) int32, one text after the other
    offsets  (N + 1,) int64, where each begins and the last ends
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        """Return the ids of one text."""
        return self.ids[self.offsets[row] : self.offsets[row + 1]]

    def batch(self, items: NDArray[np.int64]) -> Texts:
        """Return some of the texts, padded to the longest of them."""
        lengths = self.offsets[items + 1] - self.offsets[items]
        T = max(1, int(lengths.max()))
        steps = np.arange(T)[:, None]
        inside = steps < lengths
        ids = np.zeros(inside.shape, np.int64)
        ids[inside] = self.ids[(self.offsets[items] + steps)[inside]]
        return Texts(torch.from_numpy(ids), torch.from_numpy(lengths))


@dataclass(frozen=True)
class EncodedRows:
    """The rows of a table, ready for the network.

    sides    one `EncodedTexts`, or two for pairs
    targets  (N,) int64 classes or float32 numbers; empty if there are none
    """

    sides: tuple[EncodedTexts, ...]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.sides[0])

    def batch(self, items: Tensor) -> tuple[tuple[Texts, ...], Tensor]:
        """Return the texts of some rows, and their targets."""
        rows = items.numpy()
        return self.texts(rows), self.targets[items]

    def texts(self, rows: NDArray[np.int64]) -> tuple[Texts, ...]:
        """Return the texts of some rows."""
        return tuple(side.batch(rows) for side in self.sides)

    def lengths(self) -> NDArray[np.int64]:
        """Return how many words each row has, both sides of a pair together."""
        return np.asarray(np.sum([np.diff(side.offsets) for side in self.sides], axis=0))

    def by_length(self) -> Tensor:
        """Return the numbers of all rows, shortest first: batches in this order have little padding."""
        return torch.from_numpy(np.argsort(self.lengths(), kind="stable"))


class LengthBatches:
    """Batches of rows of about equal length, others in every epoch: the items of `training.train`.

    The rows are shuffled, cut into runs of `TOGETHER` batches, and sorted by length in each. The recurrent layers skip
    padding anyway; what is around them does not.

    lengths  (N,) words of each row
    size     rows of a batch
    seed     of the shuffling, together with the epoch
    """

    def __init__(self, lengths: NDArray[np.int64], size: int, seed: int) -> None:
        self._lengths, self._size, self._seed = lengths, size, seed
        self.begin(1)

    def __len__(self) -> int:
        return -(-len(self._lengths) // self._size)

    def begin(self, epoch: int) -> None:
        """Make the batches of an epoch."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._lengths))
        run = TOGETHER * self._size
        parts = [order[k : k + run] for k in range(0, len(order), run)]
        self._order = np.concatenate([part[np.argsort(self._lengths[part], kind="stable")] for part in parts])

    def rows(self, item: int) -> Tensor:
        """Return the numbers of the rows of a batch."""
        return torch.from_numpy(self._order[item * self._size : (item + 1) * self._size])


def encode_texts(tokens: Tokens, texts: Sequence[str], lowercase: bool, max_length: int | None = None) -> EncodedTexts:
    """Return texts as ids, a line break in a text being a space.

    max_length  ids of a text that are kept, the first ones; None keeps all
    """
    lines = joined(texts, lowercase)
    ids = tokens.encode(lines) if lines else np.empty(0, np.int32)
    ends = np.flatnonzero(ids == tokens.end)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lengths = ends - starts if max_length is None else np.minimum(ends - starts, max_length)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return EncodedTexts(ids[places], offsets)


def joined(texts: Sequence[str], lowercase: bool) -> str:
    """Return texts as lines of one text."""
    text = "".join(" ".join(own.splitlines()) + "\n" for own in texts)
    return text.lower() if lowercase else text


def extended(words: Words, texts: Sequence[str], lowercase: bool, min_count: int) -> Words:
    """Return a vocabulary with the words of texts that it lacks behind its own."""
    found = Words.learn([joined(texts, lowercase)], words.split, min_count=1)
    counts = np.bincount(found.encode(joined(texts, lowercase)), minlength=len(found.symbols))
    known = set(words.symbols)
    new = [word for word, count in zip(found.symbols, counts, strict=True) if count >= min_count and word not in known]
    return Words((*words.symbols, *new), words.split)
