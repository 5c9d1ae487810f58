"""The naive forecasts every model is shown beside: nothing is fitted, and each sees no more than the model sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.series import SeriesTable

Array = NDArray[np.float64]
TITLES = {
    "last_value": "last value",
    "seasonal_naive": "seasonal naive",
    "drift": "drift",
    "moving_average": "moving average",
}


def naive_forecasts(
    table: SeriesTable, cutoffs: NDArray[np.int64], horizon: int, season: int | None
) -> dict[str, Array]:
    """Forecast `horizon` steps from every cutoff.

    cutoffs  (W,) flat positions of the first value to forecast; nothing from there on is read
    season   period of the seasonal naive forecast and of the moving average; None leaves the first out and averages 5
    Returns  (W, P) per baseline:
             last_value      the value before the cutoff
             seasonal_naive  the latest known value of the same season
             drift           the last value moved on by the mean change since the series began
             moving_average  mean of the last season (of the last 5 values without one)
    """
    series = np.searchsorted(table.offsets, cutoffs, side="right") - 1
    starts = table.offsets[series]
    ahead = np.arange(1, horizon + 1)
    last = table.values[cutoffs - 1]
    seen = np.maximum(cutoffs - 1 - starts, 1)
    slope = (last - table.values[starts]) / seen
    span = np.minimum(season or 5, cutoffs - starts)
    # Running sums of each series alone, from its first value: not even the last bit depends on what comes later.
    sums = np.empty(len(table.values))
    for begin, end in zip(table.offsets[:-1], table.offsets[1:], strict=True):
        np.cumsum(table.values[begin:end] - table.values[begin], out=sums[begin:end])
    before = np.where(cutoffs - span > starts, sums[cutoffs - span - 1], 0.0)
    average = (sums[cutoffs - 1] - before) / span + table.values[starts]
    flat = np.ones((1, horizon))
    forecasts = {"last_value": last[:, None] * flat}
    if season is not None:
        back = cutoffs[:, None] - season + (ahead - 1) % season
        forecasts["seasonal_naive"] = table.values[np.maximum(back, starts[:, None])]
    forecasts["drift"] = last[:, None] + slope[:, None] * ahead
    forecasts["moving_average"] = average[:, None] * flat
    return forecasts
