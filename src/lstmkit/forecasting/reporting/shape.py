"""The level of a series and the shape of its seasons, as people look for them: means, not what a network has learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable
from lstmkit.data.frequency import MICROSECONDS, show

Array = NDArray[np.float64]
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MOST_SEASONS = 60
"""Latest seasons that the shape is measured on."""
MOST_PLACES = 336
"""Places within a season that are measured; of a longer season, evenly spread ones."""
MONDAY = np.datetime64("1970-01-05", "us")


@dataclass(frozen=True)
class SeasonShape:
    """How far values lie from the level at each place of a season, in the units of the series; NaN where none is.

    period   steps
    seasons  how many were measured
    names    of the places, (m,)
    middle   median over the seasons, (m,)
    low, high  10 % and 90 % quantiles, (m,)
    latest   values of the last season minus their mean, (m,)
    """

    period: int
    seasons: int
    names: tuple[str, ...]
    middle: Array
    low: Array
    high: Array
    latest: Array


def moving_level(values: Array, span: int) -> Array:
    """Return the mean of `span` values around each of (N,), and at the ends of those there are; NaN where none is."""
    seen = np.isfinite(values)
    origin = values[seen][0] if seen.any() else 0.0  # sums of changes: exact on a large level
    sums = np.concatenate([[0.0], np.cumsum(np.where(seen, values - origin, 0.0))])
    counts = np.concatenate([[0], np.cumsum(seen)])
    at = np.arange(len(values))
    begin, end = np.maximum(at - span // 2, 0), np.minimum(at - span // 2 + span, len(values))
    count = counts[end] - counts[begin]
    level = np.full(len(values), np.nan)
    np.divide(sums[end] - sums[begin], count, out=level, where=count > 0)
    return np.asarray(level + origin)


def season_shape(table: SeriesTable, s: int, period: int) -> SeasonShape:
    """Measure the shape of a season in the last rows of series `s`.

    period  in steps, at most the rows of the series
    """
    begin, end = int(table.offsets[s]), int(table.offsets[s + 1])
    begin = max(begin, end - (MOST_SEASONS + 1) * period)
    values, times = table.values[begin:end], table.times[begin:end]
    away = values - moving_level(values, period)
    place, names = _places(table, times, period)
    last = values[-period:]
    latest = np.full(period, np.nan)
    latest[place[-period:]] = last - (np.nanmean(last) if np.isfinite(last).any() else 0.0)
    chosen = np.unique(np.linspace(0, period - 1, min(period, MOST_PLACES)).round().astype(np.int64))
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(period + 1))
    quantiles = np.full((3, len(chosen)), np.nan)
    for k, p in enumerate(chosen):
        own = away[order[bounds[p] : bounds[p + 1]]]
        own = own[np.isfinite(own)]
        if len(own):
            quantiles[:, k] = np.quantile(own, [0.1, 0.5, 0.9])
    low, middle, high = quantiles
    seasons = min(len(values) // period, MOST_SEASONS)
    return SeasonShape(period, seasons, tuple(names[p] for p in chosen), middle, low, high, latest[chosen])


def _places(table: SeriesTable, times: NDArray[np.generic], period: int) -> tuple[NDArray[np.int64], list[str]]:
    """Return the place of every row within its season, (n,), and the names of all places.

    Seasons of a day, a week or a year begin as the calendar's do; others end with the last row.
    """
    unit, count = table.frequency.unit, table.frequency.count
    if times.dtype.kind == "M":
        step = MICROSECONDS.get(unit, 0) * count
        for length in ("D", "W"):
            if step and step * period == MICROSECONDS[length]:
                return _within(times, length, step, period)
        weekday = (times.astype("datetime64[D]") - MONDAY.astype("datetime64[D]")).astype(np.int64) % 7
        open_days, place = np.unique(weekday, return_inverse=True)
        if len(open_days) == period and _apart(times, "D", 1, 3):  # also where some weekdays are closed
            return place, [WEEKDAYS[day] for day in open_days]
        month = times.astype("datetime64[M]").astype(np.int64) % 12
        if period == 12 and _apart(times, "M", 1, 1):
            return month, [*MONTHS]
        if period == 4 and _apart(times, "M", 3, 3):
            return month // 3, [f"Q{k}" for k in range(1, 5)]
    place = np.arange(-len(times), 0) % period
    if times.dtype.kind == "M" and len(times) >= period:
        return place, [show(t) for t in times[-period:]]
    return place, [str(k) for k in range(1, period + 1)]


def _apart(times: NDArray[np.generic], unit: str, least: int, most: int) -> bool:
    """Whether nearly all rows lie between `least` and `most` days or months apart."""
    apart = np.diff(times.astype(f"datetime64[{unit}]")).astype(np.int64)
    return bool(((apart >= least) & (apart <= most)).mean() > 0.9)


def _within(times: NDArray[np.generic], length: str, step: int, period: int) -> tuple[NDArray[np.int64], list[str]]:
    """Return places and names within a day ("D") or a week ("W") of `period` steps of `step` microseconds."""
    place = (times.astype("datetime64[us]") - MONDAY).astype(np.int64) % MICROSECONDS[length] // step
    starts = np.arange(period) * step
    clock = [f"{t // 3_600_000_000 % 24:02d}:{t // 60_000_000 % 60:02d}" for t in starts]
    if length == "D":
        return place, clock
    days = [WEEKDAYS[t // MICROSECONDS["D"]] for t in starts]
    return place, days if step == MICROSECONDS["D"] else [f"{d} {c}" for d, c in zip(days, clock, strict=True)]
