"""Rules of time axes with unequal steps: open days, trading hours, the last business day of a month, paydays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

SECOND, DAY = 10**6, 86_400 * 10**6
WEEK = 7 * DAY
MONDAY = -3 * DAY
"""A Monday at midnight, in microseconds since 1970."""
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BUSINESS = (0, 1, 2, 3, 4)
LAST = 31
"""Day of a month that stands for its last, whatever its length."""
MOST_SHIFT, MOST_MONTHS = 22, 1200
LONGEST_ZONE = 40
Times = NDArray[Any]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WeekRule:
    """Rows at the same places of every week.

    step   microseconds between rows that follow each other in a session; a day for rows of open days, which keep the
           time of day of the row that they follow
    spans  first and last row of each session, in microseconds since Monday, in order, none over midnight
    zone   by whose clock on the wall, where the times are in UTC; "" by the times as they are
    """

    step: int
    spans: tuple[tuple[int, int], ...]
    zone: str = ""

    @classmethod
    def at(cls, step: int, places: Iterable[int], zone: str = "") -> WeekRule:
        """Return the rule of rows at these places, in microseconds since Monday."""
        spans: list[tuple[int, int]] = []
        for place in sorted(set(places)):
            if spans and place - spans[-1][1] == step and (step >= DAY or place % DAY):
                spans[-1] = (spans[-1][0], place)
            else:
                spans.append((place, place))
        return cls(step, tuple(spans), zone)

    @property
    def rows(self) -> int:
        """Rows a week."""
        return len(places_of(self))

    @property
    def by_day(self) -> dict[int, tuple[tuple[int, int], ...]]:
        """Sessions of each open weekday, in microseconds since midnight."""
        days: dict[int, tuple[tuple[int, int], ...]] = {}
        if self.step == DAY:
            return {int(place // DAY): ((0, 0),) for place in places_of(self)}
        for first, last in self.spans:
            day = first // DAY
            days[day] = (*days.get(day, ()), (first - day * DAY, last - day * DAY))
        return days

    def index(self, times: Times) -> Whole:
        """Return how many rows of the rule come before each time since a Monday long ago; one off the rule is floored.

        times  datetime64[us], of any shape
        """
        places = places_of(self)
        week, within = np.divmod(_whole(to_wall(times, self.zone)) - MONDAY, WEEK)
        return np.asarray(week * len(places) + np.searchsorted(places, within, side="right") - 1, np.int64)

    def stamps(self, index: Whole, like: Times) -> Times:
        """Return the times of rows by their index; of open days, at the time of day of `like`."""
        places = places_of(self)
        week, k = np.divmod(index, len(places))
        since = MONDAY + week * WEEK + places[k]
        if self.step == DAY:
            since = since + _whole(to_wall(like, self.zone)) % DAY
        return to_utc(np.asarray(since.astype("datetime64[us]")), self.zone)

    def after(self, last: Times, steps: Whole) -> Times:
        """Return the times that are `steps` rows after `last`."""
        return self.stamps(self.index(last) + steps, last)

    def days(self, steps: int) -> float:
        """Return the most days that `steps` steps can take."""
        return 7.0 * (steps / self.rows + 2)

    def seasons(self) -> tuple[int, ...]:
        """Return the rows of a day, of a week and, for open days, of a year."""
        week = self.rows
        if self.step == DAY:
            return tuple(p for p in (week, round(week * 365.25 / 7)) if p > 1)
        sizes = [sum((b - a) // self.step + 1 for a, b in own) for own in self.by_day.values()]
        day = max(sizes, key=sizes.count)
        return tuple(p for p in sorted({day, week}) if 2 <= p <= 2016)

    def describe(self) -> str:
        """Return where the rows lie, in words."""
        hours = [
            f" {_hours(_single(own, self.step), ' to ', ' and ')}" if self.step < DAY else ""
            for _, own in self._groups()
        ]
        by = f" by the clock of {self.zone}" if self.zone else ""
        return "; ".join(listed(days) + own for (days, _), own in zip(self._groups(), hours, strict=True)) + by

    def __str__(self) -> str:
        """Return the code, such as MON-SAT or MON-FRI 09:30-11:25,13:00-14:55; FRI 09:00; `parse_rule` reads it."""
        hours = [f" {_hours(own, '-', ',')}" if self.step < DAY else "" for _, own in self._groups()]
        zone = f" {self.zone}" if self.zone else ""
        return "; ".join(_days_code(days) + own for (days, _), own in zip(self._groups(), hours, strict=True)) + zone

    def _groups(self) -> list[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]]:
        """Return the weekdays that have the same sessions, and these."""
        by_day = self.by_day
        kinds = list(dict.fromkeys(by_day.values()))
        return [(tuple(day for day, own in by_day.items() if own == kind), kind) for kind in kinds]


@dataclass(frozen=True, slots=True)
class MonthRule:
    """Rows on the same days of months.

    months  from one row to the next, where `on` is a single day; else 1
    on      days of the month; one that a month does not have becomes its last
    move    what is done where that is no day of `open`: "" leaves it, "<" goes back to one, ">" goes on to one, "~"
            takes the nearest
    open    weekdays, Monday is 0
    shift   open days to go on from there, or back if negative
    """

    months: int
    on: tuple[int, ...]
    move: str = ""
    open: tuple[int, ...] = BUSINESS
    shift: int = 0

    def index(self, times: Times) -> Whole:
        """Return the number of the nearest row, counted over all months; a holiday moves a row by some days."""
        day, k = times.astype("datetime64[D]"), len(self.on)
        month = day.astype("datetime64[M]").astype(np.int64)
        near = (month * k)[..., None] + np.arange(-k, 2 * k)
        away = np.abs((self._dates(near) - day[..., None]).astype(np.int64))
        return np.asarray(np.take_along_axis(near, away.argmin(-1)[..., None], -1)[..., 0], np.int64)

    def stamps(self, index: Whole, like: Times) -> Times:
        """Return the times of rows by their index, at the time of day of `like`."""
        return np.asarray(self._dates(index) + (like - like.astype("datetime64[D]")))

    def after(self, last: Times, steps: Whole) -> Times:
        """Return the times that are `steps` rows after `last`."""
        return self.stamps(self.index(last) + steps * self.months, last)

    def days(self, steps: int) -> float:
        """Return the most days that `steps` steps can take."""
        return 31.0 * self.months * (steps / len(self.on) + 3)

    def seasons(self) -> tuple[int, ...]:
        """Return the rows of a month and of a year."""
        rows = 12 * len(self.on) / self.months
        return tuple(p for p in (len(self.on), int(rows)) if p > 1 and rows == int(rows))

    def describe(self) -> str:
        """Return where the rows lie, in words."""
        period = {1: "a month", 3: "a quarter", 12: "a year"}.get(self.months, f"every {self.months} months")
        single = len(self.open) == 1
        kinds = {BUSINESS: "business day", tuple(range(7)): "day"} | {(k,): name for k, name in enumerate(DAY_NAMES)}
        kind = kinds.get(self.open, f"open day ({listed(self.open)})")
        if (self.on, self.move) in (((1,), ">"), ((LAST,), "<")):
            place, end = abs(self.shift) + 1, ("last",) if self.move == "<" else ()
            which = " ".join(((ordinal(place),) if place > 1 or not end else ()) + end)
            return f"the {which} {kind} of {period}"
        if single and self.move == ">" and all(day % 7 == 1 for day in self.on) and not self.shift:
            return f"the {_joined([ordinal(day // 7 + 1) for day in self.on])} {kind} of {period}"
        days = _joined(["last day" if day == LAST else ordinal(day) for day in self.on])
        days = f"the {days} of {period}" + (", or its last day" if 28 < max(self.on) < LAST else "")
        moved = {
            "": "",
            "<": f", else the {kind} before",
            ">": f", else the next {kind}",
            "~": f", or the nearest {kind}",
        }
        later = f", {abs(self.shift)} of them {'later' if self.shift > 0 else 'earlier'}" if self.shift else ""
        return days + moved[self.move] + later

    def __str__(self) -> str:
        """Return the code, such as M-30, M-15,31, 3M-31<MON-FRI, M-1>MON-FRI+2; `parse_rule` reads it."""
        moved = f"{self.move}{_days_code(self.open)}" if self.move else ""
        shift = f"{self.shift:+d}" if self.shift else ""
        return f"{self.months if self.months > 1 else ''}M-{','.join(map(str, self.on))}{moved}{shift}"

    def _dates(self, index: Whole) -> Times:
        month, k = np.divmod(index, len(self.on))
        first = month.astype("datetime64[M]").astype("datetime64[D]")
        length = ((month + 1).astype("datetime64[M]").astype("datetime64[D]") - first).astype(np.int64)
        dates = np.asarray(first + np.minimum(np.asarray(self.on)[k], length) - 1)
        if not self.move:
            return dates
        mask = "".join("01"[day in self.open] for day in range(7))
        back = np.busday_offset(dates, 0, roll="backward", weekmask=mask)
        forth = np.busday_offset(dates, 0, roll="forward", weekmask=mask)
        moved = {"<": back, ">": forth, "~": np.where(dates - back <= forth - dates, back, forth)}[self.move]
        return np.asarray(np.busday_offset(moved, self.shift, weekmask=mask)) if self.shift else np.asarray(moved)


Rule = WeekRule | MonthRule


def parse_rule(step: int, code: str) -> Rule | None:
    """Read the code of a rule; None if it is not one.

    step  microseconds between rows of a session
    """
    month = re.fullmatch(r"(\d{0,4})M-([\d,]{1,80})(?:([<>~])([A-Z,-]{3,40}))?([+-]\d{1,2})?", code)
    if month:
        return _month_rule(*(part or "" for part in month.groups()))
    places: set[int] = set()
    code, zone = _cut_zone(code)
    for group in code.split(";")[:7]:
        days, _, hours = group.strip().partition(" ")
        if bool(hours) == (step == DAY) or step > DAY:
            return None
        for day in _parse_days(days):
            own = _parse_hours(hours, step) if hours else [0]
            places.update(day * DAY + place for place in own)
        if not _parse_days(days) or (hours and not _parse_hours(hours, step)):
            return None
    return WeekRule.at(step, places, zone)


def _cut_zone(code: str) -> tuple[str, str]:
    """Return the code of a rule without the zone behind it, and the zone; "" if it is none."""
    rest, _, last = code.rpartition(" ")
    if "/" not in last or len(last) > LONGEST_ZONE:
        return code, ""
    try:
        to_wall(np.zeros(1, "datetime64[us]"), last)
    except pl.exceptions.PolarsError:
        return code, ""
    return rest, last


def _month_rule(months: str, days: str, move: str, open: str, shift: str) -> MonthRule | None:
    on = [int(day) if day else 0 for day in days.split(",")]
    rule = MonthRule(int(months or 1), tuple(on), move, _parse_days(open) or BUSINESS, int(shift or 0))
    fits = 1 <= rule.months <= MOST_MONTHS and (rule.months == 1 or len(on) == 1)
    fits &= on == sorted(set(on)) and on[0] >= 1 and on[-1] <= LAST
    fits &= abs(rule.shift) <= MOST_SHIFT and (bool(_parse_days(open)) if move else not rule.shift)
    return rule if fits else None


@lru_cache(maxsize=64)
def places_of(rule: WeekRule) -> Whole:
    """Return the places of a week that have a row, in microseconds since Monday, sorted."""
    return np.concatenate([np.arange(first, last + 1, rule.step, dtype=np.int64) for first, last in rule.spans])


def listed(days: Iterable[int]) -> str:
    """Return weekdays in words, such as "Monday to Saturday" or "Monday, Wednesday and Friday"."""
    runs = _runs(tuple(days))
    if runs == [(0, 6)]:
        return "every day"
    return _joined([DAY_NAMES[a] if a == b else f"{DAY_NAMES[a]} to {DAY_NAMES[b]}" for a, b in runs])


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th ...; the first three as words."""
    if number <= 3:
        return ("first", "second", "third")[number - 1]
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') if number not in (11, 12, 13) else 'th' }"


def to_wall(times: Times, zone: str) -> Times:
    """Return times in UTC, of any shape, by the clock on the wall of a zone; "" leaves them."""
    if not zone:
        return np.asarray(times)
    flat = pl.Series(np.asarray(times, "datetime64[us]").ravel())
    local = flat.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return local.to_numpy().reshape(np.shape(times))


def to_utc(times: Times, zone: str) -> Times:
    """Return times by the clock on the wall in UTC; of an hour that comes twice the first, of one left out the next."""
    if not zone:
        return times
    flat = pl.Series(times.ravel())
    known = flat.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    later = flat.dt.offset_by("1h").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    utc = known.fill_null(later).dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return utc.to_numpy().reshape(times.shape)


def _whole(times: Times) -> Whole:
    return np.asarray(times).astype("datetime64[us]").astype(np.int64)


def _runs(days: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return weekdays as runs of three or more, which may go over Sunday, and single days."""
    if len(days) == 7:
        return [(0, 6)]
    starts = [day for day in days if (day - 1) % 7 not in days]
    found: list[tuple[int, int]] = []
    for start in starts:
        run = [start]
        while (run[-1] + 1) % 7 in days:
            run.append((run[-1] + 1) % 7)
        found += [(run[0], run[-1])] if len(run) > 2 else [(day, day) for day in run]
    return found


def _days_code(days: tuple[int, ...]) -> str:
    return ",".join(WEEKDAYS[a] if a == b else f"{WEEKDAYS[a]}-{WEEKDAYS[b]}" for a, b in _runs(days))


def _parse_days(code: str) -> tuple[int, ...]:
    """Return weekdays, sorted; none if it is no list of them."""
    days: set[int] = set()
    for part in code.split(","):
        ends = part.split("-")
        if len(ends) > 2 or not all(end in WEEKDAYS for end in ends):
            return ()
        first, last = WEEKDAYS.index(ends[0]), WEEKDAYS.index(ends[-1])
        days.update((first + k) % 7 for k in range((last - first) % 7 + 1))
    return tuple(sorted(days))


def _hours(spans: tuple[tuple[int, int], ...], to: str, comma: str) -> str:
    return comma.join(_clock(a) if a == b else f"{_clock(a)}{to}{_clock(b)}" for a, b in spans)


def _single(spans: tuple[tuple[int, int], ...], step: int) -> tuple[tuple[int, int], ...]:
    """Return sessions with those of two rows as two."""
    return tuple(part for a, b in spans for part in ([(a, b)] if b - a != step else [(a, a), (b, b)]))


def _clock(place: int) -> str:
    minutes, seconds = divmod(place // SECOND, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{seconds:02d}" if seconds else "")


def _parse_hours(code: str, step: int) -> list[int]:
    """Return the places of the rows of a day, in microseconds since midnight; none if it is no rising list of hours."""
    places: list[int] = []
    for part in code.split(","):
        match = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d))?(?:-(\d\d):(\d\d)(?::(\d\d))?)?", part)
        if match is None:
            return []
        first, last = (
            (60 * (60 * int(h) + int(m)) + int(s or 0)) * SECOND
            for h, m, s in (match.groups()[:3], match.groups()[3:] if match[4] else match.groups()[:3])
        )
        if not first <= last < DAY or (last - first) % step or (places and first <= places[-1]):
            return []
        places += range(first, last + 1, step)
    return places
