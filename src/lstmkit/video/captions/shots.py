"""Where a long video is cut: at jumps of its frames."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

WINDOW = 4
"""Frames before and after a cut that are looked at, at least."""
APART = 2.5
"""From which on the squared distance of the means before and after is a cut, in units of what varies within both."""
AT_ONCE = 0.7
"""Share of the distance of these means that the frames jump from one to the next: a slow change is no cut."""


def shots_of(frames: NDArray[np.floating], least: int) -> list[tuple[int, int]]:
    """Return the shots of a recording, each its first frame and the one after its last, in order, without gaps.

    A cut is where the frames before and after it are further apart than they are among themselves, and where they
    become so at once. Of cuts that are too near to each other, the clearest stay.

    frames  (T, C)
    least   frames that a shot has at least
    """
    values, found = np.nan_to_num(np.asarray(frames, np.float64)), list[tuple[float, int]]()
    wide = max(WINDOW, least)
    for at in range(least, len(values) - least + 1):
        before, after = values[max(0, at - wide) : at], values[at : at + wide]
        apart = float(((before.mean(axis=0) - after.mean(axis=0)) ** 2).sum())
        within = float(before.var(axis=0).sum() + after.var(axis=0).sum())
        jump = float(((values[at] - values[at - 1]) ** 2).sum())
        if apart > APART * within and jump >= AT_ONCE**2 * apart > 0:
            found.append((apart / within if within else np.inf, at))
    cuts = [0]
    for _, at in sorted(found, key=lambda one: (-one[0], one[1])):
        if all(abs(at - other) >= least for other in cuts):
            cuts.append(at)
    return list(itertools.pairwise([*sorted(cuts), len(values)]))
