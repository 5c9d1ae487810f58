"""Errors, skill and its uncertainty, from arrays of forecasts and truths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.series import SeriesTable

Array = NDArray[np.float64]


def mase_scales(train: SeriesTable, period: int) -> Array:
    """Return each series' mean absolute error of the seasonal naive forecast within its training rows, (S,).

    A series that never changes has scale NaN: it is left out of MASE, never divided by zero.

    period  1 for the naive forecast of the last value
    Source  Hyndman & Koehler 2006
    """
    scales = np.full(len(train), np.nan)
    for s in range(len(train)):
        y = train.values[train.offsets[s] : train.offsets[s + 1]]
        error = np.abs(y[period:] - y[:-period]).mean() if len(y) > period else 0.0
        scales[s] = error if error > 0 else np.nan
    return scales


@dataclass(frozen=True, slots=True)
class Scores:
    """Errors of one forecast over all windows; each is averaged within a series first, then over the series.

    rmse   root mean squared error, in the units of the series
    mae    mean absolute error, in the units of the series
    mase   mean absolute error over that of the naive forecast in the training rows; NaN if no series has one
    smape  symmetric mean absolute percentage error as the M4 competition defines it, 0 to 200
    """

    rmse: float
    mae: float
    mase: float
    smape: float


def score(truth: Array, forecast: Array, series: NDArray[np.int64], scales: Array) -> Scores:
    """Score forecasts.

    truth, forecast  (W, P)
    series           (W,) series number of each window
    scales           (S,) from `mase_scales`
    """
    error = truth - forecast
    size = np.abs(truth) + np.abs(forecast)
    ratio = np.divide(np.abs(error), size, out=np.zeros_like(error), where=size > 0)
    absolute = mean_by_series(np.abs(error).mean(1), series, len(scales))
    scaled = absolute / scales
    return Scores(
        rmse=float(np.nanmean(np.sqrt(mean_by_series((error**2).mean(1), series, len(scales))))),
        mae=float(np.nanmean(absolute)),
        mase=float(np.nanmean(scaled)) if np.isfinite(scaled).any() else float("nan"),
        smape=float(np.nanmean(mean_by_series(200 * ratio.mean(1), series, len(scales)))),
    )


def mean_by_series(per_window: Array, series: NDArray[np.int64], num_series: int) -> Array:
    """Return the mean of a figure per window (W,) within each series, (S,); NaN for a series without windows."""
    counts = np.bincount(series, minlength=num_series)
    sums = np.bincount(series, weights=per_window, minlength=num_series)
    means = np.full(num_series, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


@dataclass(frozen=True, slots=True)
class Skill:
    """How much better than another forecast.

    value  1 - MASE / MASE of the other: 0 is equally good, 1 is perfect, negative is worse
    low, high  ends of the 95 % interval from a moving-block bootstrap over the windows
    """

    value: float
    low: float
    high: float


def skill(model: Array, other: Array, series: NDArray[np.int64], scales: Array, block: int, draws: int = 2000) -> Skill:
    """Compare two forecasts on the same windows.

    model, other  absolute errors (W, P)
    series        (W,) series number of each window; windows of one series stand together, in order of time
    scales        (S,) from `mase_scales`
    block         windows in a bootstrap block, at least the horizon, because overlapping windows share their errors
    Source        moving blocks: Kunsch 1989
    """
    usable = np.isfinite(scales[series])
    a = (model.mean(1) / scales[series])[usable]
    b = (other.mean(1) / scales[series])[usable]
    groups = series[usable]
    if not len(a) or b.sum() == 0:
        return Skill(float("nan"), float("nan"), float("nan"))
    value = 1 - _balanced_mean(a, groups) / _balanced_mean(b, groups)
    rng = np.random.default_rng(0)
    sums = np.zeros((2, draws))
    for s in np.unique(groups):
        own = groups == s
        sums += _block_means(np.stack([a[own], b[own]]), block, draws, rng)
    ratios = 1 - sums[0] / sums[1]
    low, high = np.quantile(ratios, [0.025, 0.975])
    return Skill(float(value), float(low), float(high))


def _balanced_mean(per_window: Array, groups: NDArray[np.int64]) -> float:
    return float(np.nanmean(mean_by_series(per_window, groups, int(groups.max()) + 1)))


def _block_means(rows: Array, block: int, draws: int, rng: np.random.Generator) -> Array:
    """Return bootstrap means (2, draws) of rows (2, W), drawing blocks of consecutive windows around a circle."""
    W = rows.shape[1]
    block = min(block, W)
    count = -(-W // block)
    sums = np.cumsum(np.concatenate([np.zeros((2, 1)), rows, rows], axis=1), axis=1)
    starts = rng.integers(0, W, size=(draws, count))
    return np.asarray((sums[:, starts + block] - sums[:, starts]).sum(2) / (count * block))


def coverage(truth: Array, low: Array, high: Array) -> float:
    """Return the share of truths (W, P) that lie within [low, high]."""
    return float(((truth >= low) & (truth <= high)).mean())
