"""The frequency of a time axis: found from the times, used to date the steps ahead and to look for seasons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.ranges import shown

MICROSECONDS = {"s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "D": 86_400 * 10**6, "W": 7 * 86_400 * 10**6}
WORDS = {
    "s": "second",
    "min": "minute",
    "h": "hour",
    "D": "day",
    "W": "week",
    "B": "business day",
    "M": "month",
    "ME": "month",
    "Q": "quarter",
    "QE": "quarter",
    "Y": "year",
    "YE": "year",
    "step": "step",
}
MONTHS = {"M": 1, "ME": 1, "Q": 3, "QE": 3, "Y": 12, "YE": 12}
ALIASES = {"MS": "M", "QS": "Q", "YS": "Y", "A": "Y", "T": "min", "H": "h", "d": "D", "b": "B", "w": "W", "S": "s"}
MAX_MISSING_WEEKDAYS = 0.06
LAST_DAY = 2_932_896
"""The last day of the year 9999, counted from 1970."""
MAX_MISSING_STEPS = 0.001
Times = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Frequency:
    """A regular time axis: `count` units from one step to the next.

    unit   "s", "min", "h", "D", "W" of fixed length; "B" weekdays; "M", "Q", "Y" the same day of later months, "ME",
           "QE", "YE" their last day; "step" for rows that are only numbered
    count  units in a step, at least 1
    """

    unit: str
    count: int = 1

    def __str__(self) -> str:
        """Return the code, such as D, B, 30min, ME; `parse_frequency` reads it back."""
        return f"{self.count if self.count > 1 else ''}{self.unit}"

    @property
    def words(self) -> str:
        """Return the length of a step in words, such as "30 minutes"."""
        return WORDS[self.unit] if self.count == 1 else f"{self.count} {WORDS[self.unit]}s"

    def seasons(self) -> tuple[int, ...]:
        """Return the periods, in steps, at which such data often repeats, shortest first."""
        if self.unit in ("s", "min", "h"):
            step = MICROSECONDS[self.unit] * self.count
            whole = [p // step for p in (MICROSECONDS["D"], MICROSECONDS["W"]) if p % step == 0]
            return tuple(p for p in whole if 2 <= p <= 2016)
        table = {"D": (7, 365), "B": (5,), "W": (52,), "M": (12,), "ME": (12,), "Q": (4,), "QE": (4,)}
        return table.get(self.unit, ()) if self.count == 1 else ()

    def holds(self, last: Any, steps: int) -> bool:
        """Return whether the `steps` times after `last` can be: dates up to the year 9999, numbers of 64 bits."""
        if self.unit == "step":
            return int(last) + steps * self.count < 2**63
        days = {"B": 7 / 5} | {unit: 366 / 12 * months for unit, months in MONTHS.items()}
        day = days.get(self.unit) or MICROSECONDS[self.unit] / MICROSECONDS["D"]
        last_day = np.datetime64(last, "D").astype(np.int64)
        if last_day + day * (steps + 1) * self.count < LAST_DAY:  # the usual case, at its longest
            return True
        near = day * (steps - 2) * self.count < 2 * LAST_DAY  # else its microseconds would wrap round
        return bool(near and self.future(last, steps).max() < np.datetime64("10000-01-01"))

    def future(self, last: Any, steps: int) -> Times:
        """Return the `steps` times that follow `last`, in its own type; of times (S,), (S, steps)."""
        return self.after(np.asarray(last)[..., None], np.arange(1, steps + 1))

    def after(self, last: Times, steps: NDArray[np.int64]) -> Times:
        """Return the times that are `steps` steps after `last`, one by one, in its own type."""
        ahead = steps * self.count
        if self.unit == "step":
            return np.asarray(last + ahead)
        if self.unit in MICROSECONDS:
            return np.asarray(last + (ahead * MICROSECONDS[self.unit]).astype("timedelta64[us]"))
        day = last.astype("datetime64[D]")
        time_of_day = last - day
        if self.unit == "B":
            return np.asarray(np.busday_offset(day, ahead, roll="backward") + time_of_day)
        months = day.astype("datetime64[M]") + ahead * MONTHS[self.unit]
        length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(int)
        day_of_month = (day - day.astype("datetime64[M]").astype("datetime64[D]")).astype(int)
        within = length - 1 if self.unit.endswith("E") else np.minimum(day_of_month, length - 1)
        return np.asarray(months.astype("datetime64[D]") + within + time_of_day)

    def steps(self, times: Times) -> NDArray[np.int64]:
        """Return how many whole steps lie between consecutive times, (N - 1,)."""
        if self.unit == "step":
            return np.asarray(np.diff(times) // self.count, np.int64)
        if self.unit in MICROSECONDS:
            return np.asarray(np.diff(times).astype(np.int64) // (MICROSECONDS[self.unit] * self.count), np.int64)
        days = times.astype("datetime64[D]")
        if self.unit == "B":
            return np.asarray(np.busday_count(days[:-1], days[1:]) // self.count, np.int64)
        months = np.diff(days.astype("datetime64[M]").astype(np.int64))
        return np.asarray(months // (MONTHS[self.unit] * self.count), np.int64)


@dataclass(frozen=True, slots=True)
class Axis:
    """What the times of one series look like.

    frequency  None if they are irregular
    missing    steps without a row between the first and the last
    first_gap  sentence about the first of them, or ""
    problem    "" or the sentence why the times are irregular
    usual      the most common step of irregular times; None if it is shorter than a second
    """

    frequency: Frequency | None
    missing: int = 0
    first_gap: str = ""
    problem: str = ""
    usual: Frequency | None = None


def parse_frequency(code: str) -> Frequency:
    """Read a code such as D, B, W, h, 15min, MS, ME, QS, YE.

    Raises  InputError if it is not one
    """
    match = re.fullmatch(r"([1-9][0-9]{0,6}|)([A-Za-z]{1,4})", code.strip())
    unit = ALIASES.get(match[2], match[2]) if match else ""
    if match is None or unit not in WORDS:
        raise InputError(
            f"frequency {shown(code)} is not known; use one of s, min, h, D, B, W, MS, ME, QS, YS, or 15min, 4h"
        )
    return Frequency(unit, int(match[1] or 1))


def infer_frequency(times: Times) -> Axis:
    """Find the frequency of strictly increasing times.

    times    (N,) datetime64[us] or integers; N at least 3
    Returns  an `Axis`; weekdays without a row (holidays) and a few missing steps are counted, more is irregular
    """
    if times.dtype.kind in "iu":
        return _fixed(times, is_date=False)
    days = times.astype("datetime64[D]")
    if (times - days == times[0] - days[0]).all():
        for axis in (_calendar(days), _business(days)):
            if axis is not None:
                return axis
    return _fixed(times, is_date=True)


def check_frequency(times: Times, frequency: Frequency) -> Axis:
    """Return how increasing times lie on an axis whose frequency is known: by the user, or from earlier rows.

    Gaps are counted and taken as they are; it is a problem if rows are closer than a step, or most steps have no row.
    """
    steps = frequency.steps(times)
    if (steps < 1).any():
        k = int((steps < 1).argmax())
        problem = f"{show(times[k + 1])} follows {show(times[k])} by less than one {frequency.words}"
        return Axis(None, problem=problem)
    missing = int(steps.sum()) - len(steps)
    first_gap = f"first after {show(times[int((steps > 1).argmax())])}" if missing else ""
    if missing > len(steps):
        return Axis(None, problem=f"{missing} of {int(steps.sum())} {frequency.words}s have no row ({first_gap})")
    return Axis(frequency, missing, first_gap)


def _calendar(days: Times) -> Axis | None:
    """Recognise steps of whole months, at one day of the month or at its end."""
    months = days.astype("datetime64[M]")
    at_end = bool(((days + 1).astype("datetime64[M]") > months).all())
    day_of_month = (days - months.astype("datetime64[D]")).astype(int)
    steps = months.astype(int)
    gaps = np.diff(steps)
    if not (at_end or (day_of_month == day_of_month[0]).all()) or (gaps < 1).any():
        return None
    size = int(np.bincount(gaps).argmax())
    unit = {1: "M", 3: "Q", 12: "Y"}.get(size)
    if unit is None or (gaps % size).any():
        return None
    frequency = Frequency(unit + "E" if at_end and not (day_of_month == 0).all() else unit)
    return _with_gaps(frequency, days, gaps // size, MAX_MISSING_STEPS)


def _business(days: Times) -> Axis | None:
    """Recognise weekdays; weekdays without a row are taken for holidays if they are few."""
    gaps = np.diff(days).astype(int)
    if not np.is_busday(days).all() or gaps.max() < 3 or np.bincount(gaps).argmax() != 1:
        return None
    steps = np.busday_count(days[:-1], days[1:])
    return _with_gaps(Frequency("B"), days, steps, MAX_MISSING_WEEKDAYS)


def _fixed(times: Times, is_date: bool) -> Axis:
    """Recognise steps of one length."""
    gaps = np.diff(times).astype(np.int64)
    sizes, counts = np.unique(gaps, return_counts=True)
    size = int(sizes[counts.argmax()])
    if not is_date:
        frequency = Frequency("step", size)
    else:
        unit = next((u for u in ("W", "D", "h", "min", "s") if size % MICROSECONDS[u] == 0), "")
        if not unit:
            return Axis(None, problem=f"the usual step of {size} microseconds is shorter than a second")
        frequency = Frequency(unit, size // MICROSECONDS[unit])
    if (gaps % size).any():
        return Axis(None, problem=_irregular(frequency, times, gaps != size), usual=frequency)
    return _with_gaps(frequency, times, gaps // size, MAX_MISSING_STEPS)


def _with_gaps(frequency: Frequency, times: Times, steps: NDArray[Any], tolerated: float) -> Axis:
    """Return the axis, irregular if more than a share `tolerated` of its steps has no row."""
    missing = int(steps.sum()) - len(steps)
    if missing == 0:
        return Axis(frequency)
    k = int((steps > 1).argmax())
    first_gap = f"first after {show(times[k])}"
    if missing > tolerated * steps.sum():
        return Axis(frequency, missing, first_gap, _irregular(frequency, times, steps != 1))
    return Axis(frequency, missing, first_gap)


def _irregular(frequency: Frequency, times: Times, odd: NDArray[Any]) -> str:
    k = int(np.diff(times).argmax())
    gap = times[k + 1] - times[k]
    size = f"{gap}" if times.dtype.kind in "iu" else _duration(int(gap.astype("timedelta64[us]").astype(np.int64)))
    return (
        f"{int(odd.sum())} of {len(odd)} steps differ from the usual {frequency.words}; the largest gap is {size}, "
        f"from {show(times[k])} to {show(times[k + 1])}"
    )


def _duration(microseconds: int) -> str:
    for unit in ("D", "h", "min", "s"):
        if microseconds >= MICROSECONDS[unit]:
            amount = microseconds / MICROSECONDS[unit]
            return f"{amount:.3g} {WORDS[unit]}{'' if amount == 1 else 's'}"
    return f"{microseconds} microseconds"


def show(time: Any) -> str:
    """Return a time as people write it: no time of day at midnight."""
    if not isinstance(time, np.datetime64):
        return str(time)
    text = str(time.astype("datetime64[s]")).replace("T", " ")
    return text.removesuffix(" 00:00:00")
