"""Columns to arrays: text to numbers and times, with the row and the value in every complaint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.frequency import LAST_DAY
from lstmkit.errors import InputError

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "NaT")
TIME_NAMES = ("date", "time", "datetime", "timestamp", "ds", "day", "week", "month", "quarter", "year", "period")
FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%:z",
    "%Y-%m-%dT%H:%M:%S%:z",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d-%m-%y",
    "%m-%d-%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%b %Y",
    "%d %b %Y",
    "%Y%m%d",
)


DAY = {"ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}
"""A day in the units of a column of times."""
FIRST_DAY = -719_162
"""The first day of the year 1, counted from 1970: what dates of every library can be."""
LARGEST_STEP = 2**62
"""The largest whole number that is a time: half of what 64 bits hold."""


@dataclass(frozen=True, slots=True)
class ParsedTimes:
    """A time column as numbers.

    values  (N,) datetime64[us] in UTC or without a zone, or int64; NaT where the cell is empty
    kind    "date", "datetime" or "integer"
    zone    name of the time zone, or None
    format  what text was read as, or ""
    wall    whether `values` are by the clock on the wall of `zone`, not in UTC
    """

    values: NDArray[Any]
    kind: str
    zone: str | None = None
    format: str = ""
    wall: bool = False


def to_numbers(column: pl.Series, name: str) -> NDArray[np.float64]:
    """Return a column as float64 with NaN where a cell is empty.

    Raises  InputError naming the first row whose value is not a number
    """
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        text = text.set(text.is_in(MISSING), None)
        numbers = text.cast(pl.Float64, strict=False)
        wrong = text.is_not_null() & numbers.is_null()
        if wrong.any():
            row = int(wrong.arg_true()[0])
            hint = _number_hint(text[row])
            raise InputError(f"column {name!r}, row {row + 1}: {text[row]!r} is not a number{hint}")
    elif column.dtype.is_numeric() or column.dtype == pl.Null:
        numbers = column.cast(pl.Float64)
    else:
        raise InputError(f"column {name!r} holds {column.dtype}, not numbers")
    return numbers.fill_null(float("nan")).to_numpy(writable=True)


def _number_hint(text: str) -> str:
    digits = text.replace(",", "").replace(".", "").replace("-", "").strip()
    if digits.isdigit() and "," in text:
        return "; write it with a decimal point and without thousands separators"
    return ""


def to_times(column: pl.Series, name: str, format: str | None = None) -> ParsedTimes:
    """Return a time column as numbers.

    format  of text, in strftime's codes; None tries the usual ones and refuses what is ambiguous
    Raises  InputError naming the first row that does not fit
    """
    dtype = column.dtype
    if dtype.is_temporal() or dtype.is_integer():
        _check_range(column, name)
    if dtype == pl.Date:
        return ParsedTimes(column.cast(pl.Datetime("us")).to_numpy(), "date")
    if isinstance(dtype, pl.Datetime):
        local = column.dt.replace_time_zone(None)
        if dtype.time_zone is None or local.dt.time().n_unique() == 1:  # days are days by the clock on the wall
            return ParsedTimes(local.cast(pl.Datetime("us")).to_numpy(), "datetime", dtype.time_zone, wall=True)
        utc = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return ParsedTimes(utc.cast(pl.Datetime("us")).to_numpy(), "datetime", dtype.time_zone)
    if dtype.is_integer():
        _require_complete(column, name)
        return ParsedTimes(column.cast(pl.Int64).to_numpy(), "integer")
    if dtype == pl.String:
        return _text_to_times(column.str.strip_chars(), name, format)
    raise InputError(f"time column {name!r} holds {dtype}, which is neither a time nor a whole number")


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


def _text_to_times(text: pl.Series, name: str, format: str | None) -> ParsedTimes:
    text = text.set(text.is_in(MISSING), None)
    _require_complete(text, name)
    if format is None and text.str.contains(r"^-?[0-9]{1,6}$").all():
        return ParsedTimes(text.cast(pl.Int64).to_numpy(), "integer")
    formats = (format,) if format is not None else FORMATS
    parsed = {f: p for f in formats if (p := _parse(text, f)) is not None}
    if not parsed:
        raise InputError(_unreadable_time(text, name, format))
    if len(parsed) > 1:
        increasing = {f: p for f, p in parsed.items() if p.is_sorted() or p.is_sorted(descending=True)}
        distinct = {tuple(p.head(1000).to_list()) for p in (increasing or parsed).values()}
        if len(distinct) > 1:
            raise InputError(
                f"time column {name!r}: {text[0]!r} can be read as {' or '.join(list(increasing or parsed)[:3])}; "
                f"pass --time-format"
            )
        parsed = increasing or parsed
    chosen, times = next(iter(parsed.items()))
    _check_range(times, name)
    if chosen.endswith("%:z"):
        local = text.str.replace(r"[+-]\d\d:?\d\d$", "").str.to_datetime(chosen.removesuffix("%:z"), time_unit="us")
        if local.dt.time().n_unique() == 1 < times.dt.time().n_unique():  # days by a clock that is put forward and back
            return ParsedTimes(local.to_numpy(), "datetime", None, chosen)
    kind = "datetime" if "%H" in chosen else "date"
    zone = "UTC" if chosen.endswith(("%:z", "Z")) else None
    return ParsedTimes(times.to_numpy(), kind, zone, chosen)


def _parse(text: pl.Series, format: str) -> pl.Series | None:
    """Return the times if every row fits the format, else None."""
    first = text.head(1)
    for part in (first, text):
        if format == "%Y-%m":
            times = (part + "-01").str.to_datetime("%Y-%m-%d", strict=False, time_unit="us", exact=True)
        elif format == "%b %Y":
            times = ("01 " + part).str.to_datetime("%d %b %Y", strict=False, time_unit="us", exact=True)
        else:
            times = part.str.to_datetime(format, strict=False, time_unit="us", exact=True)
        if times.null_count() or ("%Y" in format and times.dt.year().min() < 1000):  # type: ignore[operator]
            return None
    return times.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if format.endswith("%:z") else times


def _unreadable_time(text: pl.Series, name: str, format: str | None) -> str:
    if format is not None:
        times = text.str.to_datetime(format, strict=False, time_unit="us", exact=True)
        row = int(times.is_null().arg_true()[0])
        return f"time column {name!r}, row {row + 1}: {text[row]!r} does not fit the format {format!r}"
    best, row = "", 0
    for candidate in FORMATS:
        if _parse(text.head(1), candidate) is not None:
            bad = text.str.to_datetime(candidate, strict=False, time_unit="us", exact=True).is_null().arg_true()
            if len(bad) and int(bad[0]) >= row:
                best, row = candidate, int(bad[0])
    if best:
        return (
            f"time column {name!r}, row {row + 1}: {text[row]!r} does not fit the format {best!r} of the rows before it"
        )
    return f"time column {name!r}: {text[0]!r} is not a time in a known form; pass --time-format, such as %d.%m.%Y"


def find_time_column(frame: pl.DataFrame) -> str | None:
    """Return the column that holds the times, or None: by type, else by name, else by what its text looks like."""
    for name, dtype in frame.schema.items():
        if dtype == pl.Date or isinstance(dtype, pl.Datetime):
            return name
    named = [c for c in frame.columns if c.strip().lower() in TIME_NAMES]
    named += [c for c in frame.columns if c not in named and any(t in c.lower() for t in ("date", "time"))]
    others = [c for c in frame.columns if c not in named]
    for name in named + others:
        if frame.schema[name] == pl.String and _looks_like_time(frame[name].head(50)):
            return name
    return None


def _looks_like_time(text: pl.Series) -> bool:
    text = text.str.strip_chars()
    text = text.filter(~text.is_in(MISSING))
    formats = [f for f in FORMATS if f != "%Y%m%d"]
    return len(text) > 0 and any(_parse(text, f) is not None for f in formats)
