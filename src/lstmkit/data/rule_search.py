"""Which rule a time axis with unequal steps follows: open days, hours, days of months."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.rules import BUSINESS, DAY, LAST, MONDAY, SECOND, WEEK, MonthRule, Rule, Times, WeekRule, to_wall

USUALLY = 0.5
"""A place of the week or of the day belongs to the rule if more than this share of the weeks or open days have it."""
SELDOM, MOST_UNCLEAR = 0.2, 0.1
"""A place that fewer weeks have is closed; places in between may be this share of those outside the rule."""
MOST_EXTRA = 0.02
"""Share of rows that may lie off a rule of the week: a shop that opens on some Sundays before Christmas."""
MOST_AWAY, MOST_MOVED = 8, 0.3
"""Days that a holiday moves a row away from its day of the month, and share of rows that are moved."""
LEAST_ROWS, LEAST_MONTHS = 6, 3
LEAST_MOVED = 10
"""Rows of which some may be moved by holidays."""
LONGEST_STEP = 10 * DAY
"""Rows that are usually further apart follow a rule of months."""
MOST_PLACES = 20_000
"""Rows a week of a rule."""
ZONES = ("America/New_York", "Europe/London", "Australia/Sydney")
"""Whose clocks are tried for times in UTC: those who put theirs forward and back on the days that most others do."""
WEEKS = (BUSINESS, (0, 1, 2, 3, 6), (0, 1, 2, 3, 4, 5), (1, 2, 3, 4, 5))
"""Open days that a day of a month may be moved to."""
PAYDAYS = ((1, 15), (15, LAST), (1, 16), (5, 20), (10, 25))


@dataclass(frozen=True, slots=True)
class Fit:
    """How times lie on a rule.

    missing  rows of the rule without a row, between the first and the last
    extra    rows off the rule
    gaps     (N - 1,) whether the step to the next row leaves some out
    """

    rule: Rule
    missing: int
    extra: int
    gaps: NDArray[np.bool_]


def find_rule(times: Times, zone: str = "") -> Rule | None:
    """Return the rule that rows with unequal steps follow, or None.

    times  (N,) datetime64[us], increasing
    zone   of times in UTC, whose clock the rows may follow; "" tries some if they follow their own only nearly
    """
    if len(times) < LEAST_MONTHS:
        return None
    gap = float(np.median(np.diff(times).astype(np.int64)))
    if gap >= LONGEST_STEP:
        return _month_rule(times.astype("datetime64[D]"))
    if len(times) < LEAST_ROWS or (times.astype(np.int64) % SECOND).any():
        return None
    best = _week_rule(times, zone)
    if zone or (best is not None and not best.missing + best.extra):
        return None if best is None else best.rule
    for other in ZONES:
        wall = to_wall(times, other)
        shifted = (wall - times != wall[0] - times[0]).any()
        fit = _week_rule(times, other) if shifted else None
        if fit is not None and (best is None or 2 * (fit.missing + fit.extra) < best.missing + best.extra):
            best = fit
    return None if best is None else best.rule


def fit_rule(times: Times, rule: Rule) -> Fit:
    """Compare increasing times with a rule."""
    index = rule.index(times)
    stride = rule.months if isinstance(rule, MonthRule) else 1
    steps = np.diff(index)
    if isinstance(rule, MonthRule):
        moved = int((rule.stamps(index, times) != times).sum())  # by holidays, unless that is most of them
        extra, there = max(int((steps <= 0).sum()), moved if 2 * moved > len(times) else 0), index
    else:
        on = rule.stamps(index, times) == times
        extra, there = int((~on).sum()), index[on]  # a place whose only row is off it has none
    missing = int(index[-1] - index[0]) // stride + 1 - _distinct(there)
    return Fit(rule, missing, extra, steps > stride)


def _distinct(rising: NDArray[np.int64]) -> int:
    """Return how many values there are in an array that never falls."""
    return int((np.diff(rising) > 0).sum()) + (len(rising) > 0)


def _week_rule(times: Times, zone: str) -> Fit | None:
    """Return how times fit the best rule of the week by the clock of a zone, if there is one."""
    micro = to_wall(times, zone).astype(np.int64)
    if (np.diff(micro) <= 0).any():
        return None  # rows in an hour that comes twice
    day, clock = np.divmod(micro, DAY)
    if (clock == clock[0]).all():
        open_days = _open_weekdays(day, certain=False)
        found = [WeekRule.at(DAY, [w * DAY for w in open_days])] if 1 < len(open_days) < 7 + bool(zone) else []
    else:
        found = [rule for rule in (_same_hours(day, clock), _weekly(micro)) if rule is not None]
    fits = [fit_rule(times, WeekRule(rule.step, rule.spans, zone)) for rule in found]
    fits = [fit for fit in fits if fit.extra <= max(MOST_EXTRA * len(times), 2 if _weeks(day) >= 4 else 0)]
    return min(fits, key=lambda fit: fit.missing + fit.extra) if fits else None


def _weeks(day: NDArray[np.int64]) -> float:
    return float(day[-1] - day[0] + 1) / 7


def _open_weekdays(day: NDArray[np.int64], certain: bool) -> tuple[int, ...]:
    """Return the weekdays on which most dates between the first and the last row have a row; 0 is Monday.

    day      (N,) of the rows, counted from 1970
    certain  whether one date without a row shows that a weekday is closed; else two do, and all must be shown
    Returns  none if it cannot be told
    """
    dates = np.arange(day[0], day[-1] + 1)
    of_date = (dates + 3) % 7
    seen = np.bincount(of_date, minlength=7)
    rows = np.bincount((day[np.diff(day, prepend=day[0] - 1) > 0] + 3) % 7, minlength=7)
    is_open = rows > USUALLY * seen
    unclear = (seen < (1 if certain else 2)) & ~is_open
    if unclear.any() and not certain:
        return ()
    for w in np.flatnonzero(unclear):  # a table of a few days
        is_open[w] = w < 5 or bool(is_open[5:][seen[5:] > 0].any())
    return tuple(int(w) for w in np.flatnonzero(is_open))


def _same_hours(day: NDArray[np.int64], clock: NDArray[np.int64]) -> WeekRule | None:
    """Return the rule of the same hours on every open day, if most open days have them."""
    open_days = _open_weekdays(day, certain=True)
    days = _distinct(day)
    hours, counts = np.unique(clock, return_counts=True)
    unclear = int(((counts > SELDOM * days) & (counts <= USUALLY * days)).sum())
    hours = hours[counts > USUALLY * days]
    if days < 2 or not open_days or not 0 < len(hours) * len(open_days) <= MOST_PLACES:
        return None
    step = _step(hours)
    if unclear > MOST_UNCLEAR * (DAY // step - len(hours)) or (len(hours) * step == DAY and len(open_days) == 7):
        return None
    return WeekRule.at(step, [w * DAY + int(hour) for w in open_days for hour in hours])


def _weekly(micro: NDArray[np.int64]) -> WeekRule | None:
    """Return the rule of the places that most weeks have, whatever they are; three weeks show it."""
    week, within = np.divmod(micro - MONDAY, WEEK)
    if micro[-1] - micro[0] < 3 * WEEK:
        return None
    places, counts = np.unique(within, return_counts=True)
    full = week[-1] - week[0] - 1  # weeks without the first and the last
    seen = full + (places >= within[0]) + (places <= within[-1])
    unclear = int(((counts > SELDOM * seen) & (counts <= USUALLY * seen)).sum())
    places = places[counts > USUALLY * seen]
    if not 1 < len(places) <= MOST_PLACES:
        return None
    step = _step(places)
    if unclear > MOST_UNCLEAR * (WEEK // step - len(places)) or len(places) * step == WEEK:
        return None
    return WeekRule.at(step, [int(place) for place in places])


def _step(places: NDArray[np.int64]) -> int:
    """Return the usual distance of places, in microseconds; of single ones, what divides all distances."""
    gaps = np.diff(places)
    if not len(gaps):
        return DAY // 24
    sizes, counts = np.unique(gaps, return_counts=True)
    size = int(sizes[counts.argmax()])
    return size if size < DAY // 2 else int(np.gcd.reduce(np.append(places, DAY // 24)))


def _month_rule(days: Times) -> MonthRule | None:
    """Return the first rule of days of months that all rows follow, else the one that most follow."""
    best, most = None, 1.0 - (MOST_MOVED if len(days) >= LEAST_MOVED else 0)
    for rule in _month_rules(days):
        index = rule.index(days)
        steps = np.diff(index)
        if (steps < 1).any():
            continue
        months = int(np.bincount(np.minimum(steps, 600)).argmax())
        if (len(rule.on) > 1 and months != 1) or (steps % months).any():
            continue
        away = np.abs((rule.stamps(index, days) - days).astype(np.int64))
        share = float((away == 0).mean())
        if rule.move == "" and share < 1:
            continue
        near = away.max() <= MOST_AWAY and (len(rule.open) > 1 or (away < 7).all())  # a week away is another rule
        if share >= most and (share > most or best is None) and near:
            best, most = MonthRule(months, rule.on, rule.move, rule.open, rule.shift), share
            if share == 1:
                break
    return best


def _month_rules(days: Times) -> Iterator[MonthRule]:
    """Yield the rules that may be, the usual ones first."""
    of_month = (days - days.astype("datetime64[M]").astype("datetime64[D]")).astype(int) + 1
    month = days.astype("datetime64[M]").astype(int)
    weekday = (days.astype(int) + 3) % 7
    count = int(np.bincount(np.bincount(month - month[0])[1:-1]).argmax()) if month[-1] - month[0] > 1 else 1
    if 2 <= count <= 3:
        full = np.array([m for m in np.unique(month)[1:-1] if (month == m).sum() == count], np.int64)
        each = np.stack([of_month[month == m] for m in full])
        length = ((full + 1).astype("datetime64[M]").astype("datetime64[D]") - full.astype("datetime64[M]")).astype(int)
        ends = (each == length[:, None]).all(axis=0)
        on = tuple(int(day) for day in np.where(ends, LAST, each.max(axis=0)))
        yield from [MonthRule(1, on)] if len(set(on)) == count else []
        if (weekday == weekday[0]).all():
            nth = ((1, 15), (8, 22), (1, 8), (1, 22), (8, 15), (15, 22))
            yield from (MonthRule(1, pair, ">", (int(weekday[0]),)) for pair in nth)
        for pair in PAYDAYS:
            for move in "<>~":
                yield from (MonthRule(1, pair, move, open) for open in WEEKS[:2])
        return
    if of_month.max() > 28:
        yield MonthRule(1, (int(of_month.max()),))
    if (weekday == weekday[0]).all():
        one = (int(weekday[0]),)
        yield from (MonthRule(1, on, move, one) for on, move in (((LAST,), "<"), ((LAST,), "~"), ((1,), "~")))
        yield from (MonthRule(1, (on,), ">", one) for on in (1, 8, 15, 22))
    for open in WEEKS:
        yield MonthRule(1, (LAST,), "<", open)
        yield MonthRule(1, (1,), ">", open)
    for open in WEEKS[:2]:
        yield from (MonthRule(1, (on,), move, open) for move in "<>~" for on in (15, *range(2, LAST + 1), 1))
        yield from (MonthRule(1, (1,), ">", open, shift) for shift in range(1, 11))
        yield from (MonthRule(1, (LAST,), "<", open, -shift) for shift in range(1, 11))
    yield from (MonthRule(1, (LAST,), "<", tuple(range(7)), -shift) for shift in range(1, 15))
