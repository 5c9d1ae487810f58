"""Whether one forecast is better than another by more than chance: skill with its interval, and a test."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.forecasting.student import student_p

Array = NDArray[np.float64]
DRAWS = 2000
MOST_BLOCKED = 200
"""With more series than this, series are drawn in the bootstrap instead of blocks of windows."""
MOST_GROUPS = 2000
"""More series than this are drawn in this many groups."""
CHUNK = 1 << 19
"""Blocks that are drawn at a time, about."""
FEWEST = 5
"""Windows, or series, that a test needs at least."""


@dataclass(frozen=True, slots=True)
class Skill:
    """How much better than another forecast.

    value  1 - MASE / MASE of the other: 0 is equally good, 1 is perfect, negative is worse
    low, high  ends of the 95 % interval from a bootstrap; NaN where too few windows are there to draw from
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DieboldMariano:
    """A test of equal accuracy.

    statistic  negative where the first forecast has the smaller error; NaN if there is too little to test
    p          two-sided: how often a difference of this size appears between equally good forecasts
    degrees    degrees of freedom of Student's t
    """

    statistic: float
    p: float
    degrees: int


def skill(model: Array, other: Array, series: NDArray[np.int64], scales: Array, block: int) -> Skill:
    """Compare two forecasts on the same windows.

    The interval is from a bootstrap over blocks of consecutive windows, series by series. Series are drawn instead
    where there are more than 200, and where a series has fewer windows than two blocks and there are at least 5
    series. More than 2,000 series are first put into 2,000 groups at random, and groups are drawn.

    model, other  absolute errors (W, P); where `other` is NaN the truth is missing
    series        (W,) series number of each window; windows of one series stand together, in order of time
    scales        (S,) mean absolute naive errors in the training rows, NaN where there is none
    block         windows in a block, at least as many as share a true value, because those share their errors
    Source        moving blocks: Kunsch 1989
    """
    a, b, groups = _scaled_losses(model, other, series, scales)
    if not len(a) or b.sum() == 0:
        return Skill(float("nan"), float("nan"), float("nan"))
    counts = np.bincount(groups)
    own = np.stack([np.bincount(groups, weights=a), np.bincount(groups, weights=b)]) / counts
    value = float(1 - own[0].mean() / own[1].mean())
    S, fewest = len(counts), int(counts.min())
    rng = np.random.default_rng(0)
    if S > MOST_BLOCKED or (fewest < 2 * block and S >= FEWEST):
        sums = _draw_series(own, rng)
    elif fewest < 2:
        return Skill(value, float("nan"), float("nan"))
    else:
        sums = np.zeros((2, DRAWS))
        for s in range(S):
            mine = groups == s
            sums += draw_blocks(np.stack([a[mine], b[mine]]), block, rng)
    drawn = sums[:, sums[1] > 0]
    low, high = np.quantile(1 - drawn[0] / drawn[1], [0.025, 0.975])
    return Skill(value, float(low), float(high))


def _scaled_losses(
    model: Array, other: Array, series: NDArray[np.int64], scales: Array
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return both scaled errors of each usable window (V,), and the number of its series among those left.

    They are sums over the steps ahead whose truth is known, over the mean number of these in the windows of the series:
    their mean over the windows is the MASE of the series.
    """
    seen = np.isfinite(other)
    usable = seen.any(1) & np.isfinite(scales[series])
    groups = np.unique(series[usable], return_inverse=True)[1]
    steps = np.bincount(groups, weights=seen[usable].sum(1)) / np.maximum(np.bincount(groups), 1)
    divisor = steps[groups] * scales[series[usable]]
    a, b = (np.where(seen, errors, 0.0).sum(1)[usable] / divisor for errors in (model, other))
    return a, b, groups


def draw_blocks(rows: Array, block: int, rng: np.random.Generator) -> Array:
    """Return bootstrap means (R, DRAWS) of rows (R, W), drawing blocks of consecutive windows around a circle."""
    R, W = rows.shape
    block = max(1, min(block, W // 2))  # one block of all windows would always draw the same
    count = -(-W // block)
    sums = np.cumsum(np.concatenate([np.zeros((R, 1)), rows, rows], axis=1), axis=1)
    drawn = np.empty((R, DRAWS))
    at_once = max(1, CHUNK // count)
    for begin in range(0, DRAWS, at_once):
        starts = rng.integers(0, W, size=(min(at_once, DRAWS - begin), count))
        drawn[:, begin : begin + at_once] = (sums[:, starts + block] - sums[:, starts]).sum(2) / (count * block)
    return drawn


def _draw_series(own: Array, rng: np.random.Generator) -> Array:
    """Return bootstrap sums (2, DRAWS) of the means of each series (2, S), drawing series with replacement."""
    S = own.shape[1]
    if S > MOST_GROUPS:
        group = rng.permutation(S) % MOST_GROUPS
        own = np.stack([np.bincount(group, weights=row) for row in own])
    picks = rng.integers(0, own.shape[1], size=(DRAWS, own.shape[1]))
    return np.stack([row[picks].sum(1) for row in own])


def diebold_mariano(
    model: Array, other: Array, series: NDArray[np.int64], scales: Array, overlap: int
) -> DieboldMariano:
    """Test whether two forecasts have the same expected scaled absolute error.

    One figure per window: its share of the MASE of its series. Where all series
    have the same number of windows, at least 5 and at least two overlaps, the figures are averaged over the series at
    each rank of the cutoffs, and the test runs along the ranks; its variance allows for errors that `overlap` windows
    share, and has the correction for small samples. Otherwise each series gives one figure, its mean difference, and
    the test is Student's, of 5 series or more taken as independent.

    model, other  absolute errors (W, P); where `other` is NaN the truth is missing
    series        (W,) series number of each window; windows of one series stand together, in order of time
    scales        (S,) mean absolute naive errors in the training rows, NaN where there is none
    overlap       consecutive windows that share a true value; 1 where the futures do not overlap
    Source        Diebold & Mariano 1995; Harvey, Leybourne & Newbold 1997; where their variance is not positive,
                  the weights of Newey & West 1987
    """
    kept = np.isfinite(scales[series])
    counts = np.unique(series[kept], return_counts=True)[1]
    a, b, groups = _scaled_losses(model, other, series, scales)
    if not len(a):
        return DieboldMariano(float("nan"), float("nan"), 0)
    n = int(counts.min())
    if n == counts.max() and n >= max(FEWEST, 2 * overlap):
        rank = (np.arange(kept.sum()) % n)[np.isfinite(other[kept]).any(1)]
        seen = np.bincount(rank, minlength=n)
        difference = np.bincount(rank, weights=a - b, minlength=n)[seen > 0] / seen[seen > 0]
        return _along_time(difference, overlap)
    difference = np.bincount(groups, weights=a - b) / np.bincount(groups)
    return _along_time(difference, 1)


def _along_time(difference: Array, overlap: int) -> DieboldMariano:
    """Test whether figures (n,) in order of time, of which `overlap` neighbours depend on each other, have mean 0."""
    n, h = len(difference), overlap
    if n < FEWEST or n < 2 * h or not np.isfinite(difference).all():
        return DieboldMariano(float("nan"), float("nan"), 0)
    mean = difference.mean()
    centred = difference - mean
    covariances = np.array([(centred[k:] * centred[: n - k]).sum() / n for k in range(h)])
    variance = covariances[0] + 2 * covariances[1:].sum()
    if variance <= 0:
        variance = covariances[0] + 2 * ((1 - np.arange(1, h) / h) * covariances[1:]).sum()
    correction = (n + 1 - 2 * h + h * (h - 1) / n) / n
    if variance <= 1e-24 * mean**2:  # the same difference at every window, up to rounding
        return DieboldMariano(0.0 if mean == 0 else math.copysign(math.inf, mean), float(mean == 0), n - 1)
    statistic = float(mean / math.sqrt(variance / n) * math.sqrt(correction))
    return DieboldMariano(statistic, student_p(statistic, n - 1), n - 1)
