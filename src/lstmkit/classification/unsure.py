"""From which probability on an answer is told: what validation says it takes to be right often enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.ranges import PROBABILITY, real

UNSURE = "unsure"
"""What stands for a label where no class is probable enough."""
MOST_NAMED = 3
"""Classes that are named beside an answer."""


def least_probability(found: NDArray[np.float64], truth: NDArray[np.int64], right: float) -> float:
    """Return the lowest probability from which on answers are right often enough, 0 if all together are.

    Where none are, it is that from which on they are right most often; of several such the lowest.

    found  probabilities (N, K) for rows that were not learnt from
    truth  (N,) their classes
    right  share of the answers told that shall be right
    """
    order = np.argsort(-found.max(axis=1), kind="stable")
    sure = found.max(axis=1)[order]
    hits = np.cumsum(found.argmax(axis=1)[order] == truth[order]) / np.arange(1, len(order) + 1)
    ends = np.append(sure[1:] < sure[:-1], True)  # answers as probable as the next are told together
    share = np.where(ends, hits, -1.0)
    enough = np.flatnonzero(share >= min(right, share.max()))
    last = int(enough[-1])
    return 0.0 if last == len(order) - 1 else float(sure[last])


def told(found: NDArray[np.float64], classes: NDArray[Any], least: float) -> NDArray[Any]:
    """Return what probabilities (N, K) of classes (K,) tell, (N,): the most probable, or "unsure" below the least.

    Raises  InputError if the least is no probability
    """
    names = classes.astype(str).astype(object)
    return np.where(found.max(axis=1) >= real("threshold", least, PROBABILITY), names[found.argmax(axis=1)], UNSURE)


def most_probable(shares: Mapping[str, float], count: int = MOST_NAMED) -> str:
    """Return so many of the most probable classes with their probabilities, such as "wave 91 %, clap 5 %, box 2 %"."""
    best = sorted(shares.items(), key=lambda pair: -pair[1])[:count]
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in best)
