"""The frequency of a time axis: found from the times, used to date the steps ahead and to look for seasons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.rule_search import MOST_AWAY
from lstmkit.data.rules import BUSINESS, DAY, LAST, MonthRule, Rule, WeekRule, parse_rule, to_wall
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
CLOCK = ("s", "min", "h")
"""Units of steps shorter than a day, mostly."""
MONTHS = {"M": 1, "ME": 1, "Q": 3, "QE": 3, "Y": 12, "YE": 12}
NAMED = {
    "BME": MonthRule(1, (LAST,), "<"),
    "BMS": MonthRule(1, (1,), ">"),
    "BQE": MonthRule(3, (LAST,), "<"),
    "BQS": MonthRule(3, (1,), ">"),
    "BYE": MonthRule(12, (LAST,), "<"),
    "BYS": MonthRule(12, (1,), ">"),
    "SME": MonthRule(1, (15, LAST)),
    "SMS": MonthRule(1, (1, 15)),
}
"""Rules that have a name of their own; those of pandas."""
ALIASES = {"MS": "M", "QS": "Q", "YS": "Y", "A": "Y", "T": "min", "H": "h", "d": "D", "b": "B", "w": "W", "S": "s"}
MOST_HOLIDAYS = 5
"""Open days in a row that may have no row in an update."""
PHASE = re.compile(
    r"(?<=W)-(?:MON|TUE|WED|THU|FRI|SAT|SUN)$|(?<=[QAYSE])-(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)$"
)
"""What pandas writes behind weeks, quarters and years: which day or month begins or ends one, as the rows show."""
LAST_DAY = 2_932_896
"""The last day of the year 9999, counted from 1970."""
WEEKDAYS = WeekRule.at(DAY, [day * DAY for day in BUSINESS])
Times = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Frequency:
    """A regular time axis: `count` units from one step to the next.

    unit   "s", "min", "h", "D", "W" of fixed length; "B" weekdays; "M", "Q", "Y" the same day of later months, "ME",
           "QE", "YE" their last day; "step" for rows that are only numbered
    count  units in a step, at least 1
    rule   which of such steps have a row, where not all have: then unit and count are the usual step
    """

    unit: str
    count: int = 1
    rule: Rule | None = None

    @classmethod
    def by_rule(cls, rule: Rule) -> Frequency:
        """Return the frequency of rows that follow a rule."""
        if isinstance(rule, MonthRule):
            months = 0.5 if len(rule.on) > 1 else rule.months
            unit = next(u for u in ("Y", "Q", "M") if months % MONTHS[u] == 0 or u == "M")
            return cls(unit, max(1, int(months) // MONTHS[unit]), rule)
        if rule == WEEKDAYS:
            return cls("B")
        return cls(*unit_of(rule.step), rule)

    def __str__(self) -> str:
        """Return the code, such as D, B, 30min, ME, MON-SAT; `parse_frequency` reads it back."""
        step = f"{self.count if self.count > 1 else ''}{self.unit}"
        if self.rule is None:
            return step
        named = next((name for name, rule in NAMED.items() if rule == self.rule), str(self.rule))
        return f"{step} {named}" if self.unit in CLOCK else named

    @property
    def words(self) -> str:
        """Return the length of a step in words, such as "30 minutes"."""
        if isinstance(self.rule, WeekRule) and self.unit == "D":
            return "open day"
        if isinstance(self.rule, MonthRule) and len(self.rule.on) > 1:
            return "half month" if len(self.rule.on) == 2 else "part of a month"
        return WORDS[self.unit] if self.count == 1 else f"{self.count} {WORDS[self.unit]}s"

    @property
    def has_holidays(self) -> bool:
        """Whether a step without a row means that there was nothing to measure: the rows are consecutive."""
        return self.unit == "B" or isinstance(self.rule, WeekRule)

    @property
    def has_leap_weeks(self) -> bool:
        """Whether a step may have a week more: quarters and years of whole weeks."""
        return self.rule is None and self.unit == "W" and self.count in (13, 52)

    @property
    def has_hours(self) -> bool:
        """Whether the rows follow opening hours."""
        return isinstance(self.rule, WeekRule) and self.rule.step < DAY

    def counted(self, steps: int) -> str:
        """Return a number of steps in words, such as "5 days" or "5 steps of 30 minutes"."""
        plural = "" if steps == 1 else "s"
        if self.count > 1:
            return f"{steps:,} step{plural} of {self.words}"
        return f"{steps:,} {self.words}{plural}"

    def seasons(self) -> tuple[int, ...]:
        """Return the periods, in steps, at which such data often repeats, shortest first."""
        if self.rule is not None:
            return self.rule.seasons()
        if self.unit in CLOCK:
            step = MICROSECONDS[self.unit] * self.count
            whole = [p // step for p in (MICROSECONDS["D"], MICROSECONDS["W"]) if p % step == 0]
            return tuple(p for p in whole if 2 <= p <= 2016)
        if self.unit == "W" or self.unit in MONTHS:  # a year of them
            year = 52 if self.unit == "W" else 12 / MONTHS[self.unit]
            return (int(year // self.count),) if year % self.count == 0 and year > self.count else ()
        return {"D": (7, 365), "B": (5,)}.get(self.unit, ()) if self.count == 1 else ()

    def holds(self, last: Any, steps: int) -> bool:
        """Return whether the `steps` times after `last` can be: dates up to the year 9999, numbers of 64 bits."""
        if self.unit == "step":
            return int(last) + steps * self.count < 2**63
        days = self.days(steps + 1)
        last_day = np.datetime64(last, "D").astype(np.int64)
        if last_day + days < LAST_DAY:  # the usual case, at its longest
            return True
        near = days < 2 * LAST_DAY + self.days(3)  # else its microseconds would wrap round
        return bool(near and self.future(last, steps).max() < np.datetime64("10000-01-01"))

    def days(self, steps: int) -> float:
        """Return the most days that `steps` steps take, not of numbered rows."""
        if self.rule is not None:
            return self.rule.days(steps)
        days = {"B": 7 / 5} | {unit: 366 / 12 * months for unit, months in MONTHS.items()}
        return (days.get(self.unit) or MICROSECONDS[self.unit] / DAY) * steps * self.count

    def future(self, last: Any, steps: int) -> Times:
        """Return the `steps` times that follow `last`, in its own type; of times (S,), (S, steps)."""
        return self.after(np.asarray(last)[..., None], np.arange(1, steps + 1))

    def after(self, last: Times, steps: NDArray[np.int64]) -> Times:
        """Return the times that are `steps` steps after `last`, one by one, in its own type."""
        if self.rule is not None:
            return self.rule.after(last, steps)
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

    def same_row(self, stamps: Times, times: Times) -> NDArray[np.bool_]:
        """Return which times may stand for which stamps ahead: a holiday may move a row by some days."""
        same = np.asarray(stamps == times)
        if not isinstance(self.rule, MonthRule):
            return same
        return np.asarray(same | (np.abs(stamps - times) <= np.timedelta64(MOST_AWAY, "D")))

    def may_follow(self, times: Times) -> bool:
        """Return whether times follow each other but for holidays: open days left out, a row moved by some days."""
        steps = self.steps(times)
        if self.has_leap_weeks:
            weeks = np.diff(times) / np.timedelta64(1, "W")
            return bool(((weeks == self.count) | (weeks == self.count + 1)).all())
        if not self.has_holidays and not isinstance(self.rule, MonthRule):
            return bool((steps == 1).all()) and bool((self.after(times[:-1], np.array(1)) == times[1:]).all())
        most, later = MOST_HOLIDAYS + 1, times[1:]
        if self.rule is not None and not self.has_hours:
            wall = to_wall(times, self.rule.zone if isinstance(self.rule, WeekRule) else "")
            clock = wall - wall.astype("datetime64[D]")
            if (clock != clock[0]).any():
                return False
        if isinstance(self.rule, MonthRule):
            return bool((steps == 1).all()) and bool(self.same_row(self.after(times[:-1], np.array(1)), later).all())
        if isinstance(self.rule, WeekRule):
            most *= -(-self.rule.rows // len(self.rule.by_day))
            if (self.after(later, np.array(0)) != later).any():
                return False
        return bool(((steps >= 1) & (steps <= most)).all())

    def steps(self, times: Times) -> NDArray[np.int64]:
        """Return how many whole steps lie between consecutive times, (N - 1,)."""
        if self.rule is not None:
            stride = self.rule.months if isinstance(self.rule, MonthRule) else 1
            return np.asarray(np.diff(self.rule.index(times)) // stride, np.int64)
        if self.unit == "step":
            return np.asarray(np.diff(times) // self.count, np.int64)
        if self.unit in MICROSECONDS:
            return np.asarray(np.diff(times).astype(np.int64) // (MICROSECONDS[self.unit] * self.count), np.int64)
        days = times.astype("datetime64[D]")
        if self.unit == "B":
            return np.asarray(np.busday_count(days[:-1], days[1:]) // self.count, np.int64)
        months = np.diff(days.astype("datetime64[M]").astype(np.int64))
        return np.asarray(months // (MONTHS[self.unit] * self.count), np.int64)


def parse_frequency(code: str) -> Frequency:
    """Read a code such as D, B, W, h, 15min, MS, ME, QS, YE.

    Raises  InputError if it is not one
    """
    code = PHASE.sub("", code.strip())
    match = re.fullmatch(r"([1-9][0-9]{0,6}|)([A-Za-z]{1,4})(?: (.*))?", code)
    unit = ALIASES.get(match[2], match[2]) if match else ""
    if match is not None and unit in WORDS and not match[3]:
        return Frequency(unit, int(match[1] or 1))
    clocked = match is not None and unit in CLOCK
    step = MICROSECONDS[unit] * int(match[1] or 1) if match is not None and clocked else DAY
    rule = NAMED.get(code) or parse_rule(step, match[3] if match is not None and clocked else code)
    if rule is None:
        raise InputError(
            f"frequency {shown(code)} is not known; use one of s, min, h, D, B, W, MS, ME, BME, QS, YS, or 15min, 4h, "
            f"MON-SAT"
        )
    return Frequency.by_rule(rule)


def unit_of(size: int) -> tuple[str, int]:
    """Return unit and count of a step of `size` microseconds; whole seconds."""
    unit = next(u for u in ("W", "D", "h", "min", "s") if size % MICROSECONDS[u] == 0)
    return unit, size // MICROSECONDS[unit]


def show(time: Any) -> str:
    """Return a time as people write it: no time of day at midnight."""
    if not isinstance(time, np.datetime64):
        return str(time)
    text = str(time.astype("datetime64[s]")).replace("T", " ")
    return text.removesuffix(" 00:00:00")
