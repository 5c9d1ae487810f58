"""Long sequences in pieces, so that memory is bounded by the piece."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lstmkit.sequences import Ragged

LEAST = 0.5
"""Share of a piece that the last one of a sequence has at least where it is learnt from."""


def pieces(frames: Ragged, most: int) -> tuple[Ragged, NDArray[np.int64]]:
    """Return pieces of `most` steps, the last of a sequence having what is left, and the sequence of each."""
    counts = np.maximum(-(-frames.lengths // most), 1)
    owner = np.repeat(np.arange(len(frames)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = frames.offsets[owner] + most * place
    return Ragged(frames.values, np.append(starts, frames.offsets[-1]).astype(np.int64)), owner


def pieces_to_learn(frames: Ragged, most: int) -> tuple[Ragged, NDArray[np.int64]]:
    """Return pieces as `pieces` does, without a short one at the end of a longer sequence: it may tell nothing."""
    cut, owner = pieces(frames, most)
    whole = np.bincount(owner, minlength=len(frames))[owner] == 1
    kept = np.flatnonzero(whole | (cut.lengths >= LEAST * most))
    return (cut, owner) if len(kept) == len(owner) else (cut.select(kept), owner[kept])


def mean_of_pieces(
    found: NDArray[np.float64], owner: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the answers for sequences, (S, K): the means of those for their pieces (P, K), by their lengths."""
    weights = np.maximum(lengths, 1)[:, None].astype(np.float64)
    total, weight = np.zeros((int(owner[-1]) + 1, found.shape[1])), np.zeros((int(owner[-1]) + 1, 1))
    np.add.at(total, owner, weights * found)
    np.add.at(weight, owner, weights)
    return np.asarray(total / weight)
