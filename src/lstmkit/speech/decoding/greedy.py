"""The likeliest unit of every step, repeats and blanks left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def greedy(log_probs: NDArray[np.float32]) -> list[tuple[int, int, int]]:
    """Return the units that are likeliest step by step.

    log_probs  (T, 1 + units), the blank first
    Returns    for each unit its number, from 1 on, the step where it begins and the one after its last
    Source     Graves et al. 2006, best path decoding
    """
    best = log_probs.argmax(axis=1)
    edges = np.flatnonzero(np.diff(best, prepend=-1, append=-1))
    runs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return [(int(best[begin]), begin, end) for begin, end in runs if best[begin]]
