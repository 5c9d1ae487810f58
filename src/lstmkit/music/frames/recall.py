"""What followed when the last frames were as they are now: the latest of the longest matches in what was played.

Two things are recalled: the frame that followed where whole frames were the same, and the highest note that followed
where the highest notes were. Both are known before the next frame, and move with a piece that is moved.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmkit.music.rolls import KEYS, Roll

WAYS = 2
"""By whole frames, and by the highest note."""
LONGEST = 32
"""Frames in a row that are compared at most."""
MOST = 2000
"""Frames that are remembered."""
COLUMNS = (1 + WAYS) * KEYS + WAYS
"""Of a frame with what is recalled before it."""


class Recalled(NamedTuple):
    """What is recalled before a frame.

    frames  (..., WAYS, 88) 1 where a key sounded; silence where nothing is recalled
    lengths (..., WAYS) how many frames in a row were the same, 0 to LONGEST
    """

    frames: NDArray[np.uint8]
    lengths: NDArray[np.int64]


class Memory(NamedTuple):
    """What was played in N versions side by side, as a value.

    seen  (t, ways, N, columns) frames as each way sees them: here whole, and their highest notes
    runs  (t, ways, N) how many frames up to this one were as those up to the last
    """

    seen: NDArray[np.uint8]
    runs: NDArray[np.int64]

    @classmethod
    def empty(cls, versions: int = 1, ways: int = WAYS, columns: int = KEYS) -> Memory:
        """Return that of versions of which nothing was played."""
        return cls(np.zeros((0, ways, versions, columns), np.uint8), np.zeros((0, ways, versions), np.int64))

    def recalled(self) -> Recalled:
        """Return what is recalled now, of each version."""
        _, ways, versions = self.runs.shape
        if len(self.seen) < 2:
            frames = np.zeros((ways, versions, self.seen.shape[3]), np.uint8)
            lengths = np.zeros((ways, versions), np.int64)
        else:
            where, lengths = _best(self.runs)
            frames = np.take_along_axis(self.seen, where[None, ..., None], axis=0)[0] * (lengths > 0)[..., None]
        return Recalled(frames.swapaxes(0, 1), lengths.swapaxes(0, 1))

    def after(self, frames: Roll) -> Memory:
        """Return the memory after a frame of each version, (N, 88)."""
        return self.with_seen(both_ways(frames))

    def with_seen(self, new: Roll) -> Memory:
        """Return the memory after a frame of each version as each way sees it, (ways, N, columns)."""
        runs = _longer(self.runs, (self.seen == new).all(axis=3))
        return Memory(np.concatenate([self.seen, new[None]])[-MOST:], runs[-MOST:])

    def of(self, chosen: NDArray[np.int64]) -> Memory:
        """Return that of chosen versions."""
        return Memory(self.seen[:, :, chosen], self.runs[:, :, chosen])


def places(roll: Roll) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each frame of a piece which one is recalled before it, and how many frames in a row were the same.

    Returns  two of (T, WAYS); the frame 0 where nothing is recalled
    """
    return places_seen(both_ways(roll))


def places_seen(seen: Roll) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the same of a piece as each way sees it, (ways, T, columns)."""
    ways, T, _ = seen.shape
    where, lengths = np.zeros((2, T, ways), np.int64)
    marks = np.stack([np.unique(own, axis=0, return_inverse=True)[1].ravel() for own in seen], axis=1)
    runs = np.zeros((0, ways), np.int64)
    for at in range(1, T):
        first = max(0, at - MOST)
        runs = _longer(runs, marks[max(0, at - 1 - MOST) : at - 1] == marks[at - 1])[-MOST:]
        if at > 1:
            where[at], lengths[at] = _best(runs)
            where[at] = (where[at] + first) * (lengths[at] > 0)
    return where, lengths


def with_recall(roll: Roll) -> Roll:
    """Return the frames of a piece with what is recalled before each, and how long that was the same.

    Returns  (T, COLUMNS): the frame, what is recalled in both ways, and both numbers of frames
    """
    where, lengths = places(roll)
    recalled = [own[at] * (n > 0)[:, None] for own, at, n in zip(both_ways(roll), where.T, lengths.T, strict=True)]
    return np.concatenate([roll, *recalled, lengths], axis=1).astype(np.uint8)


def both_ways(frames: Roll) -> Roll:
    """Return frames (N, 88) as they are, and with their highest note alone, (WAYS, N, 88)."""
    above = np.cumsum(frames[:, ::-1], axis=1)[:, ::-1] - frames
    return np.stack([frames, frames * (above == 0)]).astype(np.uint8)


def _longer(runs: NDArray[np.int64], same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return runs (t + 1, ...) after a frame, of which those before are the same or not (t, ...)."""
    begun = np.zeros((1, *same.shape[1:]), np.int64)
    before = np.concatenate([begun, runs[:-1]])[: len(same)]
    return np.concatenate([np.where(same, np.minimum(before + 1, LONGEST), 0), begun])


def _best(runs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what follows the latest of the longest runs, and how long that is."""
    lengths = runs.max(axis=0)
    return np.minimum(len(runs) - runs[::-1].argmax(axis=0), len(runs) - 1), lengths
