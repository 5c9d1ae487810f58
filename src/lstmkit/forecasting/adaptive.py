"""Intervals that follow how often they hold: a little wider after each miss, a little narrower while they hold.

How much a series moves is not always what it was while the model learnt. Whoever forecasts again and again sees how his
intervals do, and so does this: each pair of levels has a factor on its width, which is changed whenever true values
become known, by as much as missed too often or too seldom. A forecast is only ever widened by what was known before it.

Source: adaptive conformal inference, Gibbs & Candès 2021; on a logarithmic width, so that it stays positive and the
unit of measurement does not matter.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RATE = 0.05
"""Change of a logarithmic width when a whole moment is missed."""
MOST_MOMENTS = 5000
"""Moments that are looked at one by one; of more of them, neighbours count as one."""


class Adapted(NamedTuple):
    """Quantiles (W, P, Q) with widths that follow, and the factors (Q // 2,) at the end, outermost pair first."""

    quantiles: Array
    factors: Array


def adapt(quantiles: Array, truth: Array, times: NDArray[np.int64], levels: Sequence[float]) -> Adapted:
    """Widen and narrow the intervals of many forecasts in the order of time.

    quantiles  (W, P, Q), increasing along Q; changed in place
    truth      (W, P), NaN where missing
    times      (W, P) of the values forecast; a forecast knows what lies before its first
    levels     (Q,) of the quantiles
    """
    half = len(levels) // 2
    moments = np.unique(times)
    together = -(-len(moments) // MOST_MOMENTS)
    at = (np.searchsorted(moments, times) // together).astype(np.int32)
    outside = distances(quantiles, truth)
    order = np.argsort(at, axis=None, kind="stable")
    order = order[np.isfinite(truth.reshape(-1)[order])]
    known, sorted_distances = at.reshape(-1)[order], outside.reshape(-1, half)[order]
    ends = np.searchsorted(known, np.arange(-(-len(moments) // together) + 1))
    factors = np.ones((len(ends), half))
    for k, (begin, end) in enumerate(itertools.pairwise(ends)):
        factors[k + 1] = factors[k] * growth(sorted_distances[begin:end] / factors[k], levels)
    widen(quantiles, factors[at[:, 0]][:, None])
    return Adapted(quantiles, factors[-1])


def distances(quantiles: Array, truth: Array) -> Array:
    """Return how far truths (..., P) lie from the median, in units of the half width of each interval there.

    Returns  (..., P, Q // 2), outermost pair first; infinite where an interval has no width and does not hold
    """
    half = quantiles.shape[-1] // 2
    median, truth = quantiles[..., half, None], truth[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        above = (truth - median) / (quantiles[..., :half:-1] - median)
        below = (median - truth) / (median - quantiles[..., :half])
    found: Array = np.fmax(above, below)
    return found


def growth(outside: Array, levels: Sequence[float], share: float = 1.0) -> Array:
    """Return the factors (Q // 2,) by which widths grow when truths become known; 1 where there are none.

    outside  (N, Q // 2) distances of the truths in units of the half widths
    share    of the series that have a truth at that moment which these are
    """
    half = len(levels) // 2
    if not len(outside):
        return np.ones(half)
    grown: Array = np.exp(RATE * share * ((outside > 1).mean(0) - 2 * np.asarray(levels[:half])))
    return grown


def both_sides(factors: Array) -> Array:
    """Return factors (..., Q // 2) of intervals as those of their quantiles (..., Q), 1 at the median."""
    return np.concatenate([factors, np.ones_like(factors[..., :1]), factors[..., ::-1]], -1)


def widen(quantiles: Array, factors: Array) -> None:
    """Multiply the distances of quantiles (..., Q) from their median by factors (..., Q // 2), in place, in order."""
    half = quantiles.shape[-1] // 2
    median = quantiles[..., half, None].copy()
    quantiles -= median
    quantiles *= both_sides(factors)
    quantiles += median
    quantiles.sort(axis=-1)
