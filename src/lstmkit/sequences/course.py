"""Which steps of a sequence are on its course, and which jump away from it, as where a tracker has lost a hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def on_course(values: Floats, lengths: NDArray[np.int64], jump: float) -> NDArray[np.bool_]:
    """Return which steps (T, B) are on the course of their sequence; none in the padding is.

    The course is the longest row of steps, not all of them neighbours, of which none is farther from the one before it
    in the row than a jump; of equals, the latest. What lies between two steps of it was somewhere else.

    values   (T, B, C) of frames, NaN where missing; a frame of which a value is missing is on no course
    lengths  (B,) of the sequences
    jump     change of a channel, in its unit, that is too large for two steps that follow each other
    """
    there = np.arange(len(values))[:, None] < lengths
    found = there.copy()
    smooth = (np.abs(np.diff(values, axis=0)) <= jump).all(axis=2)
    for row in np.flatnonzero((~smooth & there[1:]).any(axis=0)).tolist():
        length = int(lengths[row])
        found[:length, row] = _longest(values[:length, row], jump)
    return found


def _longest(values: Floats, jump: float) -> NDArray[np.bool_]:
    """Return which steps (T,) of a sequence (T, C) are on its course."""
    T = len(values)
    size, before = np.ones(T, np.int64), np.full(T, -1)
    for t in range(1, T):
        near = np.flatnonzero((np.abs(values[:t] - values[t]) <= jump).all(axis=1))
        if len(near):
            best = near[len(near) - 1 - int(size[near][::-1].argmax())]
            size[t], before[t] = size[best] + 1, best
    found = np.zeros(T, bool)
    step = T - 1 - int(size[::-1].argmax())
    while step >= 0:
        found[step] = True
        step = int(before[step])
    return found & ~np.isnan(values).any(axis=1)
