"""Errors of forecasts: within each series, over the series, and by step ahead. A missing truth (NaN) counts nowhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.series import SeriesTable

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scales:
    """What errors are divided by: the error of the naive forecast within the training rows of each series.

    absolute  (S,) mean absolute error, in the units of the series; NaN where it is zero or nothing is known
    squared   (S,) mean squared error; NaN where `absolute` is
    """

    absolute: Array
    squared: Array


def naive_scales(train: SeriesTable, period: int) -> Scales:
    """Measure the seasonal naive forecast within the training rows of each series.

    A series whose naive error is zero has no scale: it is left out of scaled scores, never divided by zero.

    period  1 for the naive forecast of the last value
    Source  MASE: Hyndman & Koehler 2006; RMSSE: the M5 competition, with the period in place of one step
    """
    position = np.arange(len(train.values)) - np.repeat(train.offsets[:-1], train.lengths)
    owner = np.repeat(np.arange(len(train)), train.lengths)[period:]
    change = train.values[period:] - train.values[:-period]
    counted = (position[period:] >= period) & np.isfinite(change)
    absolute = mean_by_series(np.abs(change), owner, len(train), counted)
    squared = mean_by_series(change**2, owner, len(train), counted)
    usable = (absolute > 0) & (squared > 0)
    return Scales(np.where(usable, absolute, np.nan), np.where(usable, squared, np.nan))


@dataclass(frozen=True, slots=True)
class Scores:
    """Errors of one forecast over all windows; each is averaged within a series first, then over the series.

    rmse         root mean squared error, in the units of the series
    mae          mean absolute error, in the units of the series
    mase         mean absolute error over that of the naive forecast in the training rows; NaN if no series has one
    smape        symmetric mean absolute percentage error as the M4 competition defines it, 0 to 200
    rmsse        root of the mean squared error over that of the naive forecast in the training rows
    crps         continuous ranked probability score, in the units of the series; of a point forecast it is `mae`
    scaled_crps  the same over the mean absolute error of the naive forecast in the training rows
    owa          mean of sMAPE and MASE, each over that of Naive2, as M4 defines it; NaN where it is not defined
    """

    rmse: float
    mae: float
    mase: float
    smape: float
    rmsse: float
    crps: float
    scaled_crps: float
    owa: float = float("nan")

    def with_owa(self, naive2: Scores) -> Scores:
        """Return the scores with `owa` against those of Naive2."""
        if not (naive2.smape > 0 and naive2.mase > 0):
            return self
        return dataclasses.replace(self, owa=(self.smape / naive2.smape + self.mase / naive2.mase) / 2)


@dataclass(frozen=True, slots=True)
class SeriesScores:
    """Errors of one forecast within each series, (S,); the fields of `Scores` say what they are.

    points     true values that were scored
    has_scale  whether the naive error in the training rows is above zero; where not, scaled errors are NaN
    """

    points: NDArray[np.int64]
    has_scale: NDArray[np.bool_]
    rmse: Array
    mae: Array
    mase: Array
    smape: Array
    rmsse: Array
    crps: Array
    scaled_crps: Array

    def mean(self) -> Scores:
        """Average over the series that were scored."""
        return self._over(np.mean)

    def median(self) -> Scores:
        """Take the median of each error over the series that were scored."""
        return self._over(np.median)

    def _over(self, statistic: Callable[[Array], Any]) -> Scores:
        scored = self.points > 0
        scaled = scored & self.has_scale

        def one(values: Array, chosen: NDArray[np.bool_]) -> float:
            return float(statistic(values[chosen])) if chosen.any() else float("nan")

        return Scores(
            rmse=one(self.rmse, scored),
            mae=one(self.mae, scored),
            mase=one(self.mase, scaled),
            smape=one(self.smape, scored),
            rmsse=one(self.rmsse, scaled),
            crps=one(self.crps, scored),
            scaled_crps=one(self.scaled_crps, scaled),
        )


def score_by_series(
    truth: Array, forecast: Array, series: NDArray[np.int64], scales: Scales, crps: Array | None = None
) -> SeriesScores:
    """Score forecasts within each series.

    truth     (W, P); NaN where it is missing
    forecast  (W, P); a NaN here is an error of its series, not a missing value
    series    (W,) series number of each window
    scales    of the S series, from `naive_scales`
    crps      (W, P) of a forecast with quantiles; None for a point forecast
    """
    S, seen = len(scales.absolute), np.isfinite(truth)
    error = truth - forecast
    size = np.abs(truth) + np.abs(forecast)
    ratio = np.divide(200 * np.abs(error), size, out=np.zeros_like(error), where=size != 0)
    absolute = mean_by_series(np.abs(error), series, S, seen)
    squared = mean_by_series(error**2, series, S, seen)
    own_crps = absolute if crps is None else mean_by_series(crps, series, S, seen)
    return SeriesScores(
        points=np.bincount(series, weights=seen.sum(1), minlength=S).astype(np.int64),
        has_scale=np.isfinite(scales.absolute),
        rmse=np.sqrt(squared),
        mae=absolute,
        mase=absolute / scales.absolute,
        smape=mean_by_series(ratio, series, S, seen),
        rmsse=np.sqrt(squared / scales.squared),
        crps=own_crps,
        scaled_crps=own_crps / scales.absolute,
    )


def mean_by_series(
    values: Array, series: NDArray[np.int64], num_series: int, counted: NDArray[np.bool_] | None = None
) -> Array:
    """Return the mean of a figure within each series, (S,); NaN for a series where nothing counts.

    values   (W,) or (W, P) a figure per window, or per window and step
    series   (W,)
    counted  which of `values` count, of the same shape; None for all
    """
    rows = values[:, None] if values.ndim == 1 else values
    kept = np.ones(rows.shape, bool) if counted is None else counted.reshape(rows.shape)
    each = np.ones(rows.shape[1])  # a product: numpy's own sum is slow over many short rows
    sums = np.bincount(series, weights=np.where(kept, rows, 0.0) @ each, minlength=num_series)
    counts = np.bincount(series, weights=np.count_nonzero(kept, axis=1), minlength=num_series)
    means = np.full(num_series, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


@dataclass(frozen=True, slots=True)
class StepScores:
    """Errors of one forecast at each step ahead, (P,); the fields of `Scores` say what they are."""

    rmse: Array
    mae: Array
    mase: Array
    crps: Array


def score_by_step(
    truth: Array, forecast: Array, series: NDArray[np.int64], scales: Scales, crps: Array | None = None
) -> StepScores:
    """Score forecasts at each step ahead; arguments as in `score_by_series`."""
    columns = []
    for p in range(truth.shape[1]):
        at = slice(p, p + 1)
        own = None if crps is None else crps[:, at]
        columns.append(score_by_series(truth[:, at], forecast[:, at], series, scales, own).mean())
    return StepScores(
        rmse=np.array([c.rmse for c in columns]),
        mae=np.array([c.mae for c in columns]),
        mase=np.array([c.mase for c in columns]),
        crps=np.array([c.crps for c in columns]),
    )


def pinball(truth: Array, quantile: Array, level: float) -> Array:
    """Return the pinball loss of the forecast of one quantile, elementwise.

    level   in [0, 1]
    Source  Koenker & Bassett 1978
    """
    error = truth - quantile
    return np.maximum(level * error, (level - 1) * error)


def crps_of_quantiles(truth: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """Return the continuous ranked probability score of forecasts given by their quantiles.

    It is twice the integral of the pinball loss over the level from 0 to 1, by the trapezoid rule between the levels.
    Beyond the outermost levels the quantile function is taken as flat. The score of quantiles that are all equal is
    therefore exactly the absolute error.

    truth      (...)
    quantiles  (..., Q)
    levels     (Q,) increasing, in (0, 1)
    Returns    (...), in the units of the truth
    Source     Gneiting & Ranjan 2011, eq. 6
    """
    edges = np.array([0.0, *levels, 1.0])
    lowest, highest = quantiles[..., 0], quantiles[..., -1]
    total = edges[1] * pinball(truth, lowest, 0.0) + (1 - edges[-2]) * pinball(truth, highest, 1.0)
    weights = edges[2:] - edges[:-2]
    for k, level in enumerate(levels):  # a level at a time: no array of all windows, steps and levels twice over
        total = total + weights[k] * pinball(truth, quantiles[..., k], level)
    return np.asarray(total)


def coverage(truth: Array, low: Array, high: Array) -> float:
    """Return the share of truths (W, P) that lie within [low, high]; NaN if all are missing."""
    seen = np.isfinite(truth)
    inside = (truth >= low) & (truth <= high)
    return float(inside[seen].mean()) if seen.any() else float("nan")


def share_below(truth: Array, quantile: Array) -> float:
    """Return the share of truths (W, P) below a quantile; a truth equal to it counts half. NaN if all are missing."""
    seen = np.isfinite(truth)
    below = (truth < quantile) + 0.5 * (truth == quantile)
    return float(below[seen].mean()) if seen.any() else float("nan")
