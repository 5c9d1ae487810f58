"""Many sequences in one array, and padded batches of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.data.disk import FlatFile, take_slices
from lstmkit.errors import InputError

AT_ONCE = 1 << 16
"""Steps that are worked on together."""
NUMBERS_AT_ONCE = 1 << 23
"""Numbers of their frames, of a batch that is worked on together: of wide frames fewer steps fit."""


class Padded(NamedTuple):
    """A padded batch of sequences.

    values   (T, B) int64 ids, or (T, B, C) float32 or float64 frames of C channels; 0 in the padding
    lengths  (B,) int64 on the CPU
    """

    values: Tensor
    lengths: Tensor


@dataclass(frozen=True)
class Ragged:
    """Many sequences of ids or of frames in one array, in memory or mapped from a file.

    values   (N,) int32 ids, or (N, C) float32 or float64 frames with NaN where one is missing: one sequence after the
             other. In float64, a small change on a large level is exact until the frames are normalised
    offsets  (S + 1,) int64, where each begins and the last ends
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def of(
        cls, sequences: Iterable[NDArray[Any]], channels: int | None = None, on_disk: bool = False, dtype: Any = None
    ) -> Ragged:
        """Return sequences one after the other.

        sequences  each (T,) of ids, or (T, C) of frames; they are taken one by one
        channels   C, for frames; None for ids
        on_disk    whether the values shall lie in a file without a name, gone with the array
        dtype      of the values; None is float64 for frames and int32 for ids
        Raises     InputError if a sequence has another shape, or the file cannot hold it
        """
        shape = () if channels is None else (channels,)
        kind = np.dtype(dtype or (np.int32 if channels is None else np.float64))
        file = FlatFile(kind, shape) if on_disk else None
        held, ends = [np.empty((0, *shape), kind)], [0]
        for number, sequence in enumerate(sequences, 1):
            if sequence.shape[1:] != shape or sequence.ndim == 0:
                wanted = "(T,)" if channels is None else f"(T, {channels})"
                raise InputError(f"sequence {number}: its shape must be {wanted}; got {sequence.shape}")
            ends.append(ends[-1] + len(sequence))
            if file is None:
                held.append(np.asarray(sequence, kind))
            else:
                file.append(sequence)
        return cls(np.concatenate(held) if file is None else file.mapped(), np.array(ends, np.int64))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        """Return the values of one sequence."""
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence, (S,)."""
        return np.diff(self.offsets)

    def bounded(self, steps: int) -> int:
        """Return how many steps a batch may have: so many, or fewer where they would have too many numbers."""
        return max(1, min(steps, NUMBERS_AT_ONCE // math.prod(self.values.shape[1:])))

    def select(self, rows: NDArray[np.int64]) -> Ragged:
        """Return some of the sequences, in the order given."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths[rows])]).astype(np.int64)
        return Ragged(take_slices(self.values, self.offsets[rows], offsets), offsets)

    def repeated(self, rows: NDArray[np.int64]) -> Repeated:
        """Return some of the sequences, in the order given, any of them several times; nothing is copied."""
        return Repeated(self, rows)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All that tells these sequences from others."""
        return self.values, self.offsets

    def joined(self, other: Ragged) -> Ragged:
        """Return these sequences, then others."""
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Ragged(np.concatenate([self.values, other.values]), offsets)

    def batch(self, rows: NDArray[np.int64]) -> Padded:
        """Return some of the sequences, padded to the longest of them; of a mapped array, nothing else is read."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        kind = np.int64 if self.values.ndim == 1 else self.values.dtype
        values = padded(self.values, self.offsets[rows], lengths, 0, kind)
        return Padded(torch.from_numpy(values), torch.from_numpy(lengths))


@dataclass(frozen=True)
class Repeated:
    """Sequences some of which stand several times, each held once.

    of    the different ones
    rows  (S,) which of these each is
    """

    of: Ragged
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence, (S,)."""
        return self.of.lengths[self.rows]

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All that tells these sequences from others."""
        return *self.of.arrays, self.rows

    def batch(self, rows: NDArray[np.int64]) -> Padded:
        """Return some of the sequences, padded to the longest of them."""
        return self.of.batch(self.rows[rows])

    def bounded(self, steps: int) -> int:
        """Return how many steps a batch may have; see `Ragged.bounded`."""
        return self.of.bounded(steps)


def padded(
    values: NDArray[Any], starts: NDArray[np.int64], lengths: NDArray[np.int64], filler: float, dtype: Any = None
) -> NDArray[Any]:
    """Return pieces of an array (N, ...) side by side, (T, B, ...), at least one step long.

    starts, lengths  (B,) of the pieces
    filler           what stands after the end of a piece
    dtype            of what is returned; None for that of the values
    """
    steps = np.arange(max(1, int(lengths.max())))[:, None]
    inside = steps < lengths
    found = np.full((*inside.shape, *values.shape[1:]), filler, dtype or values.dtype)
    found[inside] = values[(starts + steps)[inside]]
    return found


def batches_by_length(lengths: NDArray[np.int64], steps: int, rows: int = 1 << 16) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of all sequences, shortest first: batches in this order have little padding.

    lengths  (S,) of the sequences
    steps    that a padded batch has at most, or a single sequence
    rows     that it has at most
    """
    order = np.argsort(lengths, kind="stable")
    begin = 0
    while begin < len(order):
        ahead = order[begin : begin + rows]
        padded = np.maximum(lengths[ahead], 1) * np.arange(1, len(ahead) + 1)
        count = max(1, int(np.searchsorted(padded, steps, side="right")))
        yield ahead[:count]
        begin += count


def map_batches(ragged: Ragged, function: Callable[[Padded], Tensor], width: int, dtype: Any) -> Ragged:
    """Return what a function makes of sequences, given to it in padded batches; mapped from a file if they are.

    function  from a batch to values (T, B, width), step for step
    dtype     of these
    """
    if isinstance(ragged.values, np.memmap):
        file = FlatFile(dtype, (width,))
        file.extend(len(ragged.values))
        found = file.mapped(writes=True)
    else:
        found = np.empty((len(ragged.values), width), dtype)
    for rows in batches_by_length(ragged.lengths, ragged.bounded(AT_ONCE)):
        values = function(ragged.batch(rows)).numpy()
        for place, row in enumerate(rows.tolist()):
            start, end = ragged.offsets[row], ragged.offsets[row + 1]
            found[start:end] = values[: end - start, place]
    return Ragged(found, ragged.offsets)
