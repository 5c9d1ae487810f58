"""The naive forecasts every model is shown beside: nothing is fitted, and each sees no more than the model sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.series import SeriesTable
from lstmkit.nn.scaling import ULPS
from lstmkit.sequences.ragged import batches_by_length

Array = NDArray[np.float64]
Positions = NDArray[np.int64]
TITLES = {
    "last_value": "last value",
    "seasonal_naive": "seasonal naive",
    "drift": "drift",
    "moving_average": "moving average",
}
CHUNK = 1 << 22
"""Most values that are gathered at a time."""
CRITICAL = 1.645
"""Of the standard normal distribution, at which M4 calls an autocorrelation a season: 90 %, two-sided."""


def naive_forecasts(
    table: SeriesTable,
    cutoffs: NDArray[np.int64],
    horizon: int,
    season: int | None,
    series: NDArray[np.int64] | None = None,
) -> dict[str, Array]:
    """Forecast `horizon` steps from every cutoff. A missing value (NaN) in the past is passed over.

    cutoffs  (W,) flat positions of the first value to forecast; nothing from there on is read
    season   period of the seasonal naive forecast and of the moving average; None leaves the first out and averages 5
    series   (W,) series of each cutoff, which may then be its end; None for the one that the cutoff lies in
    Returns  (W, P) per baseline, NaN where nothing has been observed before the cutoff:
             last_value      the last observed value before the cutoff
             seasonal_naive  the latest observed value of the same season; the last observed value if there is none
             drift           the last observed value moved on by the mean change since the first
             moving_average  mean of what was observed in the last season (of the last 5 steps without one); the last
                             observed value if that is nothing
    """
    if series is None:
        series = np.searchsorted(table.offsets, cutoffs, side="right") - 1
    starts = table.offsets[series]
    ahead = np.arange(horizon)
    at = _last_observed(table, cutoffs, starts)
    last = np.where(at < 0, np.nan, table.values[at])
    flat = np.ones((1, horizon))
    forecasts = {"last_value": last[:, None] * flat}
    if season is not None:
        forecasts["seasonal_naive"] = _same_season(table.values, cutoffs, starts, last, horizon, season)
    first = _first_observed(table, starts)
    slope = (last - table.values[first]) / np.maximum(at - first, 1)
    forecasts["drift"] = last[:, None] + slope[:, None] * (cutoffs[:, None] + ahead - at[:, None])
    forecasts["moving_average"] = _recent_mean(table.values, cutoffs, starts, last, season or 5)[:, None] * flat
    return forecasts


def _last_observed(table: SeriesTable, cutoffs: Positions, starts: Positions) -> Positions:
    """Return the flat position of the last value observed before each cutoff, (W,); -1 where there is none."""
    positions = np.arange(len(table.values))
    known = np.maximum.accumulate(np.where(np.isfinite(table.values), positions, -1))
    at = known[np.maximum(cutoffs - 1, 0)]
    return np.where((cutoffs > starts) & (at >= starts), at, -1)


def _first_observed(table: SeriesTable, starts: Positions) -> Positions:
    """Return the flat position of the first value observed from each start on, (W,); it exists if a last one does."""
    positions = np.arange(len(table.values))
    unknown = len(table.values) - 1
    coming = np.minimum.accumulate(np.where(np.isfinite(table.values), positions, unknown)[::-1])[::-1]
    return np.asarray(coming[starts])


def _same_season(values: Array, cutoffs: Positions, starts: Positions, last: Array, horizon: int, season: int) -> Array:
    back = cutoffs[:, None] - season + np.arange(horizon) % season
    begin = np.broadcast_to(starts[:, None], back.shape)
    unknown = (back >= begin) & np.isnan(values[np.maximum(back, 0)])
    while unknown.any():
        back = np.where(unknown, back - season, back)
        unknown = (back >= begin) & np.isnan(values[np.maximum(back, 0)])
    return np.where(back >= begin, values[np.maximum(back, 0)], last[:, None])


def _recent_mean(values: Array, cutoffs: Positions, starts: Positions, last: Array, span: int) -> Array:
    """Return the mean of the values observed in the last `span` steps, (W,); `last` where there is none."""
    means, span = last.copy(), min(span, len(values))
    rows = max(1, CHUNK // span)
    for begin in range(0, len(cutoffs), rows):
        own = slice(begin, begin + rows)
        at = cutoffs[own, None] - np.arange(span, 0, -1)
        recent = np.where(at >= starts[own, None], values[np.maximum(at, 0)], np.nan)
        seen = np.isfinite(recent)
        counts = seen.sum(1)
        sums = np.where(seen, recent - last[own, None], 0.0).sum(1)  # from the last value: exact on a large level
        means[own] += np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
    return means


def naive2(
    table: SeriesTable, train_rows: NDArray[np.int64], cutoffs: NDArray[np.int64], horizon: int, season: int | None
) -> Array:
    """Forecast by Naive2, the base of the M4 competition's OWA: the last value, adjusted for the season.

    The seasonal factors are measured once, on the training rows; at every cutoff the last observed value is divided by
    its own factor and multiplied by those of the steps ahead. A series is adjusted only if it is 3 seasons long, all
    above zero, and its autocorrelation at the season is significant at 90 %.

    train_rows  (S,)
    cutoffs     (W,) flat positions of the first value to forecast, in the training rows' end or later
    season      period in steps; None adjusts nothing
    Returns     (W, P); NaN where nothing has been observed before the cutoff
    Source      Makridakis, Spiliotis & Assimakopoulos 2020
    """
    series = np.searchsorted(table.offsets, cutoffs, side="right") - 1
    starts = table.offsets[series]
    at = _last_observed(table, cutoffs, starts)
    last = np.where(at < 0, np.nan, table.values[at])
    if season is None:
        return np.repeat(last[:, None], horizon, axis=1)
    factors = seasonal_factors(table.head(train_rows), season)
    ahead = (cutoffs - starts)[:, None] + np.arange(horizon)
    adjusted = last / factors[series, (at - starts) % season]
    return np.asarray(adjusted[:, None] * factors[series[:, None], ahead % season])


def seasonal_factors(train: SeriesTable, season: int) -> Array:
    """Return the multiplicative seasonal factors of each series, (S, season), counted from its first row.

    They are those of a classical decomposition, with mean 1; all 1 for a series without a significant season.
    """
    factors = np.ones((len(train), season))
    for chosen in batches_by_length(train.lengths, CHUNK, len(train)):
        lengths = train.lengths[chosen]
        steps = np.arange(int(lengths.max()))
        flat = np.minimum(train.offsets[chosen, None] + steps, len(train.values) - 1)
        rows = np.where(steps < lengths[:, None], train.values[flat], np.nan)
        seasonal = _has_season(rows, season)
        if seasonal.any():
            factors[chosen[seasonal]] = _decompose(rows[seasonal], season)
    return factors


def _has_season(rows: Array, season: int) -> NDArray[np.bool_]:
    """Say of each row (R, T), padded with NaN, whether M4's test finds the season; a missing value counts as mean."""
    seen = np.isfinite(rows)
    counts = seen.sum(1)
    if rows.shape[1] < 3 * season:
        return np.zeros(len(rows), bool)
    means = np.where(seen, rows, 0.0).sum(1) / np.maximum(counts, 1)
    centred = np.where(seen, rows - means[:, None], 0.0)
    spectrum = np.fft.rfft(centred, rows.shape[1] + season)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, rows.shape[1] + season)[:, : season + 1]
    varies = covariance[:, 0] > (ULPS * np.finfo(np.float64).eps * means) ** 2 * np.maximum(counts, 1)
    correlation = covariance[:, 1:] / np.where(varies, covariance[:, 0], 1.0)[:, None]
    limit = CRITICAL * np.sqrt((1 + 2 * (correlation[:, :-1] ** 2).sum(1)) / np.maximum(counts, 1))
    positive = np.where(seen, rows, 1.0).min(1) > 0
    return np.asarray(varies & positive & (counts >= 3 * season) & (np.abs(correlation[:, -1]) > limit))


def _decompose(rows: Array, season: int) -> Array:
    """Return the seasonal factors (R, season) of rows (R, T); all 1 where one cannot be told for missing values."""
    R, T = rows.shape
    seen = np.isfinite(rows)
    running = np.cumsum(np.pad(np.where(seen, rows, 0.0), ((0, 0), (1, 0))), axis=1)
    missing = np.cumsum(np.pad(~seen, ((0, 0), (1, 0))), axis=1)
    window = running[:, season:] - running[:, :-season]
    complete = missing[:, season:] == missing[:, :-season]
    if season % 2 == 0:  # a season and one step, of which the two ends count half
        window = (window[:, :-1] + window[:, 1:]) / 2
        complete = complete[:, :-1] & complete[:, 1:]
    middle = slice(season // 2, season // 2 + window.shape[1])
    ratio = np.full((R, -(-T // season) * season), np.nan)
    ratio[:, middle] = np.where(complete, rows[:, middle] * season / np.where(complete, window, 1.0), np.nan)
    by_season = ratio.reshape(R, -1, season)
    known = np.isfinite(by_season)
    counts = known.sum(1)
    factors = np.where(known, by_season, 0.0).sum(1) / np.maximum(counts, 1)
    whole = (counts > 0).all(1, keepdims=True)
    return np.where(whole, factors / np.where(whole, factors.mean(1, keepdims=True), 1.0), 1.0)
