"""How sure a figure that is computed of sums is: units are drawn with replacement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000
"""Sets of units that are drawn."""


def ratio_interval(sums: NDArray[Any], sizes: NDArray[Any], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of sum(sums) / sum(sizes), over sets of as many units drawn with replacement.

    sums, sizes  (U,) of each unit: of a block of text the gain and the tokens, of an utterance the errors and the words
    Returns      NaN twice where a draw has no size
    Source       Efron 1979, the percentiles of the draws
    """
    generator = np.random.default_rng(seed)
    ratios = np.empty(DRAWS)
    for number in range(DRAWS):
        drawn = generator.integers(len(sums), size=len(sums))
        size = sizes[drawn].sum()
        ratios[number] = sums[drawn].sum() / size if size else np.nan
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(low), float(high)


def gain_interval(
    first: NDArray[Any], second: NDArray[Any], figure: Callable[[NDArray[Any]], float], seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of figure(sum of first) - figure(sum of second), the same units drawn for both.

    first, second  (U, S) of each unit what the figure is computed of, once it is summed
    figure         from sums (S,)
    Source         Efron 1979, the percentiles of the draws
    """
    generator = np.random.default_rng(seed)
    gains = np.empty(DRAWS)
    for number in range(DRAWS):
        drawn = np.bincount(generator.integers(len(first), size=len(first)), minlength=len(first))
        gains[number] = figure(drawn @ first) - figure(drawn @ second)
    low, high = np.quantile(gains, (0.025, 0.975))
    return float(low), float(high)
