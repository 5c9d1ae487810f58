"""What the name of a column says about it: whether it is meant as time."""

from __future__ import annotations

import re

TIMES = {"date", "dates", "datetime", "timestamp", "timestamps", "time", "ds", "datum", "fecha", "zeit"}
"""Words for a time in full."""
PARTS = {"day", "days", "week", "month", "months", "quarter", "year", "years", "period", "hour", "minute", "yearmonth"}
PARTS |= {"yearweek", "yyyymm", "yyyymmdd", "ts", "dt", "epoch", "unix", "jahr", "monat", "woche", "tag", "quartal"}
"""Words for a part of one, which may also be an attribute of a row, such as the day of the week."""
DATES = {"date", "dates", "ds", "datum", "fecha", "day", "period", "month", "quarter"}
WEEKS = {"week", "weeks", "yearweek", "woche"}


def words_of(name: str) -> list[str]:
    """Return the words of a name in small letters: of "TradeDate", "trade_date" and "Trade date" the same."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def time_rank(name: str) -> int:
    """Return how surely a name means time: 3 a time alone, 2 a time of something, 1 a part of one, 0 none."""
    words = words_of(name)
    if len(words) == 1 and words[0] in TIMES:
        return 3
    if TIMES & set(words):
        return 2
    return 1 if PARTS & set(words) else 0


def names_dates(name: str) -> bool:
    """Say whether a name means days or longer."""
    return bool(DATES & set(words_of(name)))


def names_weeks(name: str) -> bool:
    """Say whether a name means weeks."""
    return bool(WEEKS & set(words_of(name)))
