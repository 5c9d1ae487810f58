"""Which frequency times show: equal steps, weekdays, days of months, or a rule; and what is missing on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.frequency import MICROSECONDS, WEEKDAYS, WORDS, Frequency, Times, show, unit_of
from lstmkit.data.rule_search import MOST_EXTRA, Fit, find_rule, fit_rule
from lstmkit.data.rules import WeekRule

MAX_HOLIDAYS = 0.08
"""Share of open days that may have no row: they are taken for holidays."""
MAX_MISSING_STEPS = 0.001
MOST_CLOSED = 0.5
"""Rows that may be missing from a rule, for each that is there, for it to be seen."""
MOST_LEAP = 0.3
"""Share of years that may have 53 weeks: a leap week every five or six, and few years seen."""
LEAST_ROWS = 6
"""Rows of which the first or the last may be told from the others."""
MOST_OFF = 3
"""Rows that may lie off a rule in any case."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What the times of one series look like.

    frequency  None if they are irregular
    missing    steps without a row between the first and the last
    first_gap  sentence about the first of them, or ""
    problem    "" or the sentence why the times are irregular
    usual      the most common step of irregular times; None if it is shorter than a second
    off        rows that lie off the rule
    odd        whether the first or the last row alone is the problem
    """

    frequency: Frequency | None
    missing: int = 0
    first_gap: str = ""
    problem: str = ""
    usual: Frequency | None = None
    off: int = 0
    odd: bool = False


def infer_frequency(times: Times, zone: str = "") -> Axis:
    """Find the frequency of strictly increasing times.

    times    (N,) datetime64[us] or integers; N at least 3
    zone     of times in UTC, if their rows may follow the clock on the wall there
    Returns  an `Axis`; open days without a row (holidays) and a few missing steps are counted, more is irregular
    """
    if times.dtype.kind in "iu":
        return _fixed(times, is_date=False)
    axis = _of_all(times, zone)
    if axis.frequency is None and axis.problem and len(times) >= LEAST_ROWS:
        for end, others in ((-1, times[:-1]), (0, times[1:])):
            usual = _of_all(others, zone)
            if usual.frequency is not None and not usual.problem:
                which = f"the {'last' if end else 'first'} row, {show(times[end])}, does not lie as the others do"
                return Axis(None, problem=which, usual=usual.frequency, odd=True)
    return axis


def _of_all(times: Times, zone: str) -> Axis:
    """Return the axis that all rows show together."""
    axis = _without_rule(times)
    rule = find_rule(times, zone) if axis.problem else None
    if rule is None:
        return _leap_weeks(times, axis)
    by_rule = follow(times, Frequency.by_rule(rule))
    return axis if by_rule.missing > MOST_CLOSED * len(times) else by_rule


def _without_rule(times: Times) -> Axis:
    days = times.astype("datetime64[D]")
    if (times - days == times[0] - days[0]).all():
        for axis in (_calendar(days), _business(days)):
            if axis is not None:
                return axis
    return _fixed(times, is_date=True)


def _leap_weeks(times: Times, axis: Axis) -> Axis:
    """Return the axis of quarters or years of whole weeks, of which some have a week more; else `axis`."""
    usual = axis.frequency or axis.usual
    if usual is None or not usual.has_leap_weeks:
        return axis
    weeks = np.diff(times) // np.timedelta64(7, "D")
    more = float((weeks == usual.count + 1).mean())
    fits = ((weeks == usual.count) | (weeks == usual.count + 1)).all() and more <= MOST_LEAP * usual.count / 52
    return Axis(usual) if fits else axis


def follow(times: Times, frequency: Frequency) -> Axis:
    """Return how increasing times lie on an axis by a rule; too many rows off it, or missing, are irregular."""
    rule = frequency.rule or WEEKDAYS
    fit = fit_rule(times, rule)
    N, steps = len(times), fit.missing + len(times) - 1
    first_gap = f"first after {show(times[int(fit.gaps.argmax())])}" if fit.missing and fit.gaps.any() else ""
    tolerated = MAX_MISSING_STEPS * steps
    if isinstance(rule, WeekRule):
        few = 2 * rule.rows / len(rule.by_day) if times[-1] - times[0] >= np.timedelta64(3, "W") else 0
        tolerated = max(MAX_HOLIDAYS * steps, few)
    problem = _off_rule(fit, N)
    if fit.missing > tolerated:
        problem = _irregular(frequency, times, frequency.steps(times) != 1)
    return Axis(frequency, fit.missing, first_gap, problem, off=fit.extra)


def _off_rule(fit: Fit, rows: int) -> str:
    """Return the sentence about rows off a rule, or "" if they are few."""
    if fit.extra <= max(MOST_EXTRA * rows, MOST_OFF):
        return ""
    return f"{fit.extra} of {rows} rows lie off the rule: {fit.rule.describe()}"


def check_frequency(times: Times, frequency: Frequency) -> Axis:
    """Return how increasing times lie on an axis whose frequency is known: by the user, or from earlier rows.

    Gaps are counted and taken as they are; it is a problem if rows are closer than a step, or most steps have no row.
    """
    steps, off = frequency.steps(times), 0
    if frequency.rule is not None:
        fit = fit_rule(times, frequency.rule)
        steps, off, problem = np.maximum(steps, 1), fit.extra, _off_rule(fit, len(times))
        if problem:
            return Axis(None, problem=problem)
    if (steps < 1).any():
        k = int((steps < 1).argmax())
        problem = f"{show(times[k + 1])} follows {show(times[k])} by less than one {frequency.words}"
        return Axis(None, problem=problem)
    missing = int(steps.sum()) - len(steps)
    first_gap = f"first after {show(times[int((steps > 1).argmax())])}" if missing else ""
    if missing > len(steps):
        return Axis(None, problem=f"{missing:,} of {frequency.counted(int(steps.sum()))} have no row ({first_gap})")
    return Axis(frequency, missing, first_gap, off=off)


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
    if (gaps % size).any():
        return None
    unit, length = ("Y", 12) if size % 12 == 0 else ("Q", 3) if size == 3 else ("M", 1)
    frequency = Frequency(unit + "E" if at_end and not (day_of_month == 0).all() else unit, size // length)
    return _with_gaps(frequency, days, gaps // size, MAX_MISSING_STEPS)


def _business(days: Times) -> Axis | None:
    """Recognise weekdays; weekdays without a row are taken for holidays if they are few."""
    gaps = np.diff(days).astype(int)
    if not np.is_busday(days).all() or gaps.max() < 3:
        return None
    steps = np.busday_count(days[:-1], days[1:])
    if steps[0] > 1 and (steps == steps[0]).all() and gaps.min() < gaps.max():
        return Axis(Frequency("B", int(steps[0])))
    if np.bincount(gaps).argmax() != 1:
        return None
    return _with_gaps(Frequency("B"), days, steps, MAX_HOLIDAYS)


def _fixed(times: Times, is_date: bool) -> Axis:
    """Recognise steps of one length."""
    gaps = np.diff(times).astype(np.int64)
    sizes, counts = np.unique(gaps, return_counts=True)
    size = int(sizes[counts.argmax()])
    if not is_date:
        frequency = Frequency("step", size)
    else:
        if size % MICROSECONDS["s"]:
            return Axis(None, problem=f"the usual step of {size} microseconds is shorter than a second")
        frequency = Frequency(*unit_of(size))
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
