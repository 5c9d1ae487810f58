"""Columns to times: dates, whole numbers, and text in any form of `lstmkit.data.forms`, one form for a whole column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.counted import LARGEST_STEP, LEAST_REGULAR, ask_which_days, number_form, whole, width_of
from lstmkit.data.forms import (
    DAY_COUNTS,
    WORDS,
    digit_forms,
    forms_like,
    has_clock,
    has_offset,
    is_unfit,
    is_utc,
    read_as,
    read_count,
)
from lstmkit.data.frequency import LAST_DAY
from lstmkit.data.names import names_dates
from lstmkit.data.parse import MISSING
from lstmkit.errors import InputError

DAY = {"ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}
"""A day in the units of a column of times."""
FIRST_DAY = -719_162
"""The first day of the year 1, counted from 1970: what dates of every library can be."""
CLOCK_ALONE = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm])?")
"""A time of day without a date."""
USUAL_FORMS = ("", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m")
"""Forms that need no note."""


@dataclass(frozen=True, slots=True)
class ParsedTimes:
    """A time column as numbers.

    values  (N,) datetime64[us] in UTC or without a zone, or int64; NaT where the cell is empty
    kind    "date", "datetime" or "integer"
    zone    name of the time zone, or None
    format  the form that text or numbers were read in, or ""
    wall    whether `values` are by the clock on the wall of `zone`, not in UTC
    """

    values: NDArray[Any]
    kind: str
    zone: str | None = None
    format: str = ""
    wall: bool = False

    @property
    def note(self) -> list[str]:
        """Return a sentence about how times were read, where that is worth one."""
        return [] if self.format in USUAL_FORMS else [f"times read as {WORDS.get(self.format, self.format)}"]


def to_times(
    column: pl.Series,
    name: str,
    format: str | None = None,
    usual: str | None = None,
    series: NDArray[np.int64] | None = None,
) -> ParsedTimes:
    """Return a time column as numbers.

    format  of text or numbers, in strftime's codes or a word of `WORDS`; None finds it, and refuses what is ambiguous
    usual   a form to try first, or None
    series  (N,) series of each row; None if all rows are of one
    Raises  InputError naming the first row that does not fit
    """
    column = plain(column)
    dtype = column.dtype
    if dtype.is_temporal() or dtype.is_integer():
        _check_range(column, name)
    if dtype.is_temporal() and format is not None:
        raise InputError(f"--time-format: column {name!r} holds times already, not text; leave the option out")
    if dtype == pl.Date:
        return ParsedTimes(column.cast(pl.Datetime("us")).to_numpy(), "date")
    if isinstance(dtype, pl.Datetime):
        return _of_datetimes(column)
    if dtype.is_numeric():
        column = column.fill_nan(None) if dtype.is_float() else column
        _require_complete(column, name)
        if format is None:
            return _of_numbers(column, name, usual)
        counts = whole(column)
        column = (column if counts is None else counts).cast(pl.String).str.zfill(width_of(format))
        dtype = column.dtype
    if dtype == pl.String:
        return _of_text(column.str.strip_chars(), name, format, usual, series)
    raise InputError(f"time column {name!r} holds {dtype}, which is neither a time nor a whole number")


def plain(column: pl.Series) -> pl.Series:
    """Return a column of categories as the text of them."""
    return column.cast(pl.String) if isinstance(column.dtype, pl.Categorical | pl.Enum) else column


def _of_datetimes(column: pl.Series) -> ParsedTimes:
    zone = column.dtype.time_zone  # type: ignore[attr-defined]
    local = column.dt.replace_time_zone(None)
    if zone is None or local.dt.time().n_unique() == 1:  # days are days by the clock on the wall
        return ParsedTimes(local.cast(pl.Datetime("us")).to_numpy(), "datetime", zone, wall=True)
    utc = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return ParsedTimes(utc.cast(pl.Datetime("us")).to_numpy(), "datetime", zone)


def _of_numbers(column: pl.Series, name: str, usual: str | None) -> ParsedTimes:
    """Return the times that numbers are by their size; whole ones that are none of them count steps."""
    counts = whole(column)
    if counts is None:
        dated = names_dates(name) or usual in DAY_COUNTS
        plausible = () if (column.abs() > LARGEST_STEP).any() else [*digit_forms(column, dated, False)]
        for form in [form for form in (usual or "", "unix-s", "excel") if form in plausible]:
            ask_which_days(column, name, form, plausible, usual)
            return _parsed(read_count(column, form), form, column.cast(pl.String), name)
        row = int(((column != column.round()) | (column.abs() > LARGEST_STEP)).arg_true()[0])
        raise InputError(
            f"time column {name!r}, row {row + 1}: {column[row]} is neither a date nor a whole number; count in "
            f"smaller units"
        )
    _check_range(counts, name)
    found = number_form(counts, name, usual)
    if found is not None:
        ask_which_days(counts, name, found[0], digit_forms(counts, True, False), usual)
    elif names_dates(name) and (counts >= 101_1600).all() and (counts % 10_000).is_between(1600, 2200).all():
        raise InputError(without_form(counts.cast(pl.String), name).replace("%d.%m.%Y", "%d%m%Y"))
    if found is None:
        return ParsedTimes(counts.to_numpy(), "integer")
    return _parsed(found[1], found[0], counts.cast(pl.String), name)


def _of_text(
    text: pl.Series, name: str, format: str | None, usual: str | None, series: NDArray[np.int64] | None
) -> ParsedTimes:
    if format is not None:
        times = read_as(text, format)
        if times.null_count():
            raise InputError(_unreadable(text, name, [(format, times)], given=True))
        return _parsed(times, format, text, name)
    first = telling(text)
    tried: list[tuple[str, pl.Series]] = []
    for group in candidates(first, usual):
        group_read = [(form, read_as(text, form)) for form in group]
        tried += group_read
        fitting = {form: times for form, times in group_read if not is_unfit(times, form)}
        if fitting:
            form = _settled(fitting, text, name, series)
            return _parsed(fitting[form], form, text, name)
    if re.fullmatch(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", first):
        for kind in (pl.Int64, pl.Float64):
            counted = text.cast(kind, strict=False)
            counted = counted.fill_nan(None) if kind is pl.Float64 else counted
            if not counted.null_count():
                return _of_numbers(counted, name, usual)
    raise InputError(_unreadable(text, name, tried))


def telling(text: pl.Series) -> str:
    """Return the first value that shows the form of a column, "" without any: a date alone may be its midnight."""
    there = text.filter(text.is_not_null() & ~text.is_in(MISSING))
    first = str(there[0]) if len(there) else ""
    groups = forms_like(first)
    if groups and not has_clock(groups[0][0]):
        clocked = there.filter(there.str.contains(r"\d[:.]\d\d")).head(1)
        if len(clocked) and any(has_clock(group[0]) for group in forms_like(str(clocked[0]))):
            return str(clocked[0])
    return first


def candidates(first: str, usual: str | None = None) -> Iterable[tuple[str, ...]]:
    """Return groups of forms to try for a column whose first value this is."""
    if usual is not None and (usual == "quarter" or usual not in WORDS):  # a count is told by its size
        yield (usual,)
    for group in forms_like(first):
        yield group
        if group[0].endswith(("Z", "z")) and not has_offset(group[0]):  # a clock put forward and back is Z for a while
            yield tuple(form[:-1] + "%z" for form in group)


def fits(text: pl.Series, forms: Iterable[str]) -> bool:
    """Say whether text can be read as times in one of some forms."""
    return any(not is_unfit(read_as(text, form), form) for form in forms)


def _settled(parsed: dict[str, pl.Series], text: pl.Series, name: str, series: NDArray[np.int64] | None) -> str:
    """Return the form that the rows show: under it they are in order, or have equal steps, and under no other.

    Raises  InputError if the rows do not tell
    """
    known_forms, parsed = tuple(parsed), dict(parsed)
    form = next(iter(parsed))
    short = re.fullmatch(r"(%b.?.?)%y|%y(.?%b)", form)
    if short:  # 05 may be a day, and the year not said at all
        yearless = f"{short[1]}%d" if short[1] else f"%d{short[2]}"
        days = read_as(text + " 2000", f"{yearless} %Y")
        if not days.null_count() and _in_order(days, series):
            parsed[yearless] = days
    if len(parsed) == 1:
        return form
    distinct: dict[str, pl.Series] = {}
    for other, times in parsed.items():
        if not any(times.equals(known) for known in distinct.values()):
            distinct[other] = times
    for told in (lambda times: _in_order(times, series), _is_regular):
        telling = {other: times for other, times in distinct.items() if told(times)}
        distinct = telling or distinct
    if len(distinct) > 1:
        raise InputError(
            f"time column {name!r}: {text[0]!r} can be read as {' or '.join(list(distinct)[:3])}; pass --time-format"
        )
    form = next(iter(distinct))
    if form not in known_forms:
        raise InputError(f"time column {name!r}: {text[0]!r} says no year; write it in full, such as 2022-01-03")
    return form


def _in_order(times: pl.Series, series: NDArray[np.int64] | None) -> bool:
    if series is None or not series.any():
        return times.is_sorted() or times.is_sorted(descending=True)
    order = np.argsort(series, kind="stable")
    steps = np.diff(times.to_physical().to_numpy()[order])[np.diff(series[order]) == 0]
    return bool((steps >= 0).all() or (steps <= 0).all())


def _is_regular(times: pl.Series) -> bool:
    """Say whether times, each counted once, have equal steps: of one length, or of months at one day of them."""
    own = np.unique(times.to_numpy())
    if len(own) < LEAST_REGULAR:
        return False
    months = own.astype("datetime64[M]")
    within = own - months
    equal = [steps for steps in (np.diff(own), np.diff(months)) if (steps == steps[0]).all()]
    return bool(equal and (equal[0].dtype == own.dtype or (within == within[0]).all() or len(equal) == 2))


def _parsed(times: pl.Series, form: str, text: pl.Series, name: str) -> ParsedTimes:
    _check_range(times, name)
    if has_offset(form):
        utc_clock = times.dt.time()
        bare = text.str.replace(r" ?(?:[Zz]|[+-]\d\d(?::?\d\d)?)$", "")
        if utc_clock.n_unique() > 1:
            local = read_as(bare, re.sub(r" ?%:?z", "", form))
            if local.dt.time().n_unique() == 1:  # days by a clock that is put forward and back
                return ParsedTimes(local.to_numpy(), "datetime", None, form)
    kind = "datetime" if has_clock(form) else "date"
    if form in DAY_COUNTS and (times.to_physical() % DAY["us"] != 0).any():
        kind = "datetime"
    return ParsedTimes(times.to_numpy(), kind, "UTC" if is_utc(form) else None, form)


def _check_range(column: pl.Series, name: str) -> None:
    """Refuse dates outside the years 1 to 9999, and whole numbers so large that steps ahead of them would wrap."""
    dtype, numbers, day = column.dtype, column.to_physical(), 1
    if dtype.is_integer():
        first, last = -LARGEST_STEP, LARGEST_STEP
    elif isinstance(dtype, pl.Datetime) or dtype == pl.Date:
        day = DAY[dtype.time_unit] if isinstance(dtype, pl.Datetime) else 1
        first, last = FIRST_DAY * day, (LAST_DAY + 1) * day - 1
    else:
        return
    ends = [(numbers.min(), numbers.arg_min()), (numbers.max(), numbers.arg_max())]
    rows = [row for end, row in ends if row is not None and not first <= end <= last]  # type: ignore[operator]
    if not rows:
        return
    row = min(rows)
    where = f"time column {name!r}, row {row + 1}"
    if dtype.is_integer():
        raise InputError(f"{where}: {numbers[row]} is beyond {LARGEST_STEP}; correct it, or store it in a smaller unit")
    raise InputError(
        f"{where}: a time {numbers[row] / day:,.0f} days from 1970 lies outside the years 1 to 9999; correct it, or "
        f"store it in its own unit"
    )


def _require_complete(column: pl.Series, name: str) -> None:
    if column.null_count():
        raise InputError(f"time column {name!r}, row {int(column.is_null().arg_true()[0]) + 1}: the time is missing")


def _unreadable(text: pl.Series, name: str, tried: list[tuple[str, pl.Series]], given: bool = False) -> str:
    """Return the sentence about the first row that is missing or does not fit.

    tried  forms, and what they read
    given  whether the form is the user's
    """
    lacking = text.is_null() | text.is_in(MISSING)
    if lacking.any():
        return f"time column {name!r}, row {int(lacking.arg_true()[0]) + 1}: the time is missing"
    best, row = "", 0
    for form, times in tried:
        bad = times.is_null().arg_true()
        if len(bad) and (given or int(bad[0]) > row):
            best, row = form, int(bad[0])
    where = f"time column {name!r}, row {row + 1}: {shorten_value(text[row])}"
    if given:
        return f"{where} does not fit the format {best!r}"
    if best:
        return f"{where} does not fit the format {best!r} of the rows before it; write all in one form"
    return without_form(text, name)


def without_form(text: pl.Series, name: str) -> str:
    """Return the sentence about a column meant as time that no form fits."""
    value = shorten_value(text[0])
    if CLOCK_ALONE.fullmatch(str(text[0]).strip()):
        return (
            f"time column {name!r}: {value} is a time of day without a date; write both into one column, such as "
            f"2022-01-03 16:00"
        )
    return f"time column {name!r}: {value} is not a time in a known form; pass --time-format, such as %d.%m.%Y"


def shorten_value(value: object) -> str:
    """Return a value as a message shows it, cut where it is long."""
    text = str(value)
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
