"""Calendar features: where in the day, the week, the month and the year a time lies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.frequency import MICROSECONDS, Frequency


def calendar(times: NDArray[Any], frequency: Frequency) -> NDArray[np.float64]:
    """Return calendar features of times.

    times      (N,) datetime64[us]
    frequency  of the series; features that are the same at every step are left out
    Returns    (N, F): sine and cosine of the place in each cycle longer than a step. The year for all, the month and
               the week for days and shorter steps, the day for steps shorter than a day
    """
    names = calendar_names(frequency)
    days = times.astype("datetime64[D]")
    since_midnight = (times - days).astype("timedelta64[us]").astype(np.int64) / MICROSECONDS["D"]
    months, years = times.astype("datetime64[M]"), times.astype("datetime64[Y]")
    month_days = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    year_days = ((years + 1).astype("datetime64[D]") - years.astype("datetime64[D]")).astype(np.int64)
    places = {
        "year": ((days - years.astype("datetime64[D]")).astype(np.int64) + since_midnight) / year_days,
        "month": ((days - months.astype("datetime64[D]")).astype(np.int64) + since_midnight) / month_days,
        "week": ((days.astype(np.int64) + 3) % 7 + since_midnight) / 7,
        "day": since_midnight,
    }
    angles = 2 * np.pi * np.stack([places[name] for name in names], axis=1)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def calendar_names(frequency: Frequency) -> tuple[str, ...]:
    """Return the cycles that tell steps of this frequency apart: "year", "month", "week", "day"."""
    if frequency.unit in ("s", "min", "h") and frequency.count * MICROSECONDS[frequency.unit] < MICROSECONDS["D"]:
        return ("year", "month", "week", "day")
    return ("year", "month", "week") if frequency.unit in ("D", "B", "h", "min", "s") else ("year",)
