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
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.nn.scaling import rounding

Array = NDArray[np.float64]
RATE = 0.05
"""Change of a logarithmic width when a whole moment is missed."""
AT_ONCE = 4096
"""Windows whose distances are taken at a time."""
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
    outside = _all_distances(quantiles, truth).reshape(-1, half)
    order = np.argsort(at, axis=None, kind="stable")
    order = order[np.isfinite(truth.reshape(-1)[order])]
    ends = np.searchsorted(at.reshape(-1)[order], np.arange(-(-len(moments) // together) + 1))
    factors = np.ones((len(ends), half))
    for k, (begin, end) in enumerate(itertools.pairwise(ends)):
        factors[k + 1] = factors[k] * growth(outside[order[begin:end]] / factors[k], levels)
    widen(quantiles, factors[at[:, 0]][:, None])
    return Adapted(quantiles, factors[-1])


def distances(quantiles: Tensor, truth: Tensor) -> Tensor:
    """Return how far truths (..., P) lie from the median, in units of the half width of each interval there.

    Returns  (..., P, Q // 2), outermost pair first; infinite where an interval has no width and does not hold the
             truth: no factor makes it
    """
    half = quantiles.shape[-1] // 2
    median, target = quantiles[..., half : half + 1], truth.unsqueeze(-1)
    least = rounding(median)
    above = _ratio(target - median, quantiles[..., half + 1 :].flip(-1) - median, least)
    below = _ratio(median - target, median - quantiles[..., :half], least)
    return torch.maximum(above, below)


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


def _all_distances(quantiles: Array, truth: Array) -> Array:
    """Return `distances`, some windows at a time: what it needs in between is several times what it returns."""
    found = np.empty((*truth.shape, quantiles.shape[-1] // 2))
    for begin in range(0, len(truth), AT_ONCE):
        own = slice(begin, begin + AT_ONCE)
        found[own] = distances(torch.from_numpy(quantiles[own]), torch.from_numpy(truth[own])).numpy()
    return found


def _ratio(distance: Tensor, width: Tensor, least: Tensor) -> Tensor:
    """Return distances in units of widths; where the width is no more than `least`, 0 or infinity."""
    none = torch.where(distance > least, torch.inf, 0.0).to(distance.dtype)
    return torch.where(width > least, distance / torch.maximum(width, least), none)
