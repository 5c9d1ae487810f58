"""Labelled rows of sequences, and batches of rows of about equal length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.sequences.ragged import Padded, Ragged, batches_by_length

TOGETHER = 50
"""Batches whose rows are sorted by length together."""


@dataclass(frozen=True)
class Examples:
    """Rows ready for a network: one or several sequences each, and what is to be learnt of them.

    sides    one `Ragged`, or two for pairs
    targets  (N,) int64 classes or float32 numbers; empty if there are none
    further  targets beside them that are learnt too, (N,) each; -1 or NaN where a row has none
    """

    sides: tuple[Ragged, ...]
    targets: Tensor
    further: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return len(self.sides[0])

    def batch(self, rows: NDArray[np.int64]) -> tuple[Padded, ...]:
        """Return the sequences of some rows, a batch for each side."""
        return tuple(side.batch(rows) for side in self.sides)

    def lengths(self) -> NDArray[np.int64]:
        """Return how many steps each row has, both sides of a pair together."""
        return np.asarray(np.sum([side.lengths for side in self.sides], axis=0))

    def by_length(self, steps: int, rows: int) -> Iterator[NDArray[np.int64]]:
        """Yield the numbers of all rows as `batches_by_length` does, fewer together where steps have many numbers."""
        return batches_by_length(self.lengths(), min(side.bounded(steps) for side in self.sides), rows)


class LengthBatches:
    """Batches of rows of about equal length, others in every epoch: the items of `training.train`.

    The rows are shuffled, cut into runs of `TOGETHER` batches, and sorted by length in each. The recurrent layers skip
    padding anyway; what is around them does not.

    lengths  (N,) steps of each row
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
