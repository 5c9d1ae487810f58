"""The forms in which people write times: found from the look of one value, and read for a whole column.

A form is what `--time-format` takes: codes of strftime, or one of the words of `WORDS` for what these cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import time

import numpy as np
import polars as pl

from lstmkit.errors import InputError

WORDS = {
    "quarter": "quarters",
    "unix-s": "Unix seconds (UTC)",
    "unix-ms": "Unix milliseconds (UTC)",
    "unix-us": "Unix microseconds (UTC)",
    "unix-ns": "Unix nanoseconds (UTC)",
    "unix-d": "days since 1970",
    "excel": "the days that Excel counts",
}
"""Forms beside those of strftime, and what they are called in a note."""
DAY_COUNTS = ("excel", "unix-d")
"""Forms that count days."""
FIRST_IN_EXCEL = 25_569
"""The first day of 1970, as Excel counts days."""
LAST_OF_TWO_DIGITS = 2039
"""The latest year that two digits mean: 39 is 2039, 40 is 1940."""

FIRST_YEAR = int(np.datetime64("1000-01-01", "us").astype(np.int64))
"""The earliest year that is read without being told: an earlier one has two digits, read as if it had four."""

MONTH = r"(?P<month>(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[A-Za-z]{0,6})"
DAY_OF_WEEK = re.compile(r"(?i:mon|tue|wed|thu|fri|sat|sun)[A-Za-z]{0,6}(?P<gap>,? +)")
CLOCK = re.compile(
    r"(?P<gap>[Tt]|,? +|:)(?P<hour>\d{1,2})(?:(?P<colon>[:.])(?P<minute>\d{2})(?:(?P=colon)(?P<second>\d{2})"
    r"(?P<fraction>[.,]\d{1,9})?)?)?"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone> ?(?:[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?\Z"
)
PACKED_CLOCK = re.compile(r"(?P<gap>[Tt]| )(?P<digits>\d{6}|\d{4})(?P<zone>Z|[+-]\d{2}:?\d{2})?\Z")
DATES: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (r"\d{4}(?P<s>[-/._ ])\d{1,2}(?P=s)\d{1,2}", (("%Y{s}%m{s}%d",),)),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", (("%d.%m.%Y",), ("%m.%d.%Y",))),
    (r"\d{1,2}\.\d{1,2}\.\d{2}", (("%d.%m.%y",), ("%m.%d.%y", "%y.%m.%d"))),
    (r"\d{1,2}(?P<s>[-/_ ])\d{1,2}(?P=s)\d{4}", (("%d{s}%m{s}%Y", "%m{s}%d{s}%Y"),)),
    (r"\d{1,2}(?P<s>[-/_ ])\d{1,2}(?P=s)\d{2}", (("%d{s}%m{s}%y", "%m{s}%d{s}%y", "%y{s}%m{s}%d"),)),
    (r"\d{4}(?P<s>[-/._: ])\d{1,2}", (("%Y{s}%m",), ("%G{s}%V",))),
    (r"\d{1,2}(?P<s>[-/._ ])\d{4}", (("%m{s}%Y",), ("%V{s}%G",))),
    (r"\d{1,2}(?P<s>[-/._ ]?)" + MONTH + r"(?P<t>(?P=s)|, ?| )\d{4}", (("%d{s}%b{t}%Y",),)),
    (r"\d{2}(?P<s>[-/._ ]?)" + MONTH + r"(?P=s)\d{2}", (("%d{s}%b{s}%y",), ("%y{s}%b{s}%d",))),
    (r"\d(?P<s>[-/._ ]?)" + MONTH + r"(?P=s)\d{2}", (("%d{s}%b{s}%y",),)),
    (r"\d{4}(?P<s>[-/._ ]?)" + MONTH + r"(?P=s)\d{1,2}", (("%Y{s}%b{s}%d",),)),
    (MONTH + r"(?P<s>\.? |[-/._])\d{1,2}(?P<t>, ?|[-/. _])\d{4}", (("%b{s}%d{t}%Y",),)),
    (MONTH + r"(?P<s>\.? ?|, ?|[-/._'])\d{4}", (("%b{s}%Y",),)),
    (r"\d{4}(?P<s>[-/._ ]?)" + MONTH, (("%Y{s}%b",),)),
    (MONTH + r"(?P<s> |[-/._']| '|)\d{2}", (("%b{s}%y",),)),
    (r"\d{2}(?P<s>[-/._ ])" + MONTH, (("%y{s}%b",),)),
    (r"\d{4}(?P<s>[- ]?)(?P<t>[Ww])\d{1,2}", (("%G{s}{t}%V",),)),
    (r"W\d{1,2}(?P<s>[-/ ])\d{4}", (("W%V{s}%G",),)),
    (r"\d{4}(?P<s>-?)(?P<t>[Ww])\d{1,2}(?P=s)\d", (("%G{s}{t}%V{s}%u",),)),
    (r"\d{4}(?P<s>[-: ]?)(?P<t>[Mm])\d{1,2}", (("%Y{s}{t}%m",),)),
    (r"\d{4}-\d{3}", (("%Y-%j",),)),
    (r"\d{4}(?P<s>年)\d{1,2}(?P<t>月)\d{1,2}日", (("%Y年%m月%d日",),)),
    (r"\d{4}年\d{1,2}月", (("%Y年%m月",),)),
)
"""How a date may look, and its forms: those of one group may be mistaken for each other; the next is for the rest."""
QUARTERS = (
    r"^(?P<year>\d{4})[-/: ]?[Qq](?P<quarter>[1-4])$",
    r"^[Qq](?P<quarter>[1-4])[-/: ']{0,2}(?P<year>\d{4}|\d{2})$",
    r"^(?P<quarter>[1-4])[Qq][-/: ']{0,2}(?P<year>\d{4}|\d{2})$",
)
BARE_QUARTER = r"^(?P<year>\d{4})[-/.:_ ](?P<quarter>[1-4])$"
"""A quarter that may also be a month, as far as one value shows."""
WITHOUT_TIME = tuple((re.compile(pattern), groups) for pattern, groups in DATES)
CODE = re.compile(r"%[-_0]?(?::z|#z|\.\d?f|\d?[A-Za-z%])")
DAYS = frozenset("dejFDsxcv")
"""Codes that say which day it is; those of a week say it together with a day of the week."""


def forms_like(value: str) -> tuple[tuple[str, ...], ...]:
    """Return the forms that one value may be written in, in groups: a later one is for what no earlier one reads.

    Numbers alone are not looked at.
    """
    if any(re.match(pattern, value) for pattern in QUARTERS):
        return (("quarter",),)
    if groups := _date(value):
        return ((*groups[0], "quarter"), *groups[1:]) if re.match(BARE_QUARTER, value) else groups
    weekday = DAY_OF_WEEK.match(value)
    if weekday:
        if re.fullmatch(r"[A-Za-z]{3} [A-Za-z]{3} +\d{1,2} \d{1,2}:\d{2}:\d{2} \d{4}", value):
            return (("%a %b %d %H:%M:%S %Y",),)
        return _with("%a" + weekday["gap"], forms_like(value[weekday.end() :]), "")
    for clock in (PACKED_CLOCK, CLOCK):
        for found in clock.finditer(value):
            if groups := _date(value[: found.start()], packed=True):
                return _with("", groups, _clock(found))
    return ()


def _with(before: str, groups: tuple[tuple[str, ...], ...], after: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(before + form + after for form in group) for group in groups)


def _date(value: str, packed: bool = False) -> tuple[tuple[str, ...], ...]:
    """Return the forms of a date without a time of day.

    packed  whether eight digits are one
    """
    if packed and re.fullmatch(r"\d{8}", value):
        return (("%Y%m%d",),)
    for pattern, groups in WITHOUT_TIME:
        found = pattern.fullmatch(value)
        if found:
            parts = {"s": "", "t": ""} | {name: part for name, part in found.groupdict().items() if part is not None}
            return tuple(tuple(form.format(s=parts["s"], t=parts["t"]) for form in group) for group in groups)
    return ()


def _clock(found: re.Match[str]) -> str:
    """Return the codes of a time of day."""
    parts = found.groupdict()
    zone = parts["zone"] or ""
    if zone.strip()[:1] in ("+", "-"):
        zone = zone[: len(zone) - len(zone.strip())] + "%z"
    if "digits" in parts:
        return parts["gap"] + ("%H%M" if len(parts["digits"]) == 4 else "%H%M%S") + zone
    clock = "%I" if parts["half"] else "%H"
    clock += parts["colon"] + "%M" if parts["minute"] else ""
    clock += parts["colon"] + "%S" if parts["second"] else ""
    if parts["fraction"]:
        clock += parts["fraction"][0] + "%f"
    if parts["half"]:
        clock += " %p" if parts["half"][0] == " " else "%p"
    return parts["gap"] + clock + zone


def read_as(text: pl.Series, form: str) -> pl.Series:
    """Return text as times in microseconds, in UTC where it names offsets; null where it does not fit the form.

    Raises  InputError if the form cannot say a date
    """
    if form == "quarter":
        return _read_quarters(text)
    if form in WORDS:
        kind = pl.Float64 if form in (*DAY_COUNTS, "unix-s") else pl.Int64
        return read_count(text.cast(kind, strict=False), form)
    times = _strptime(text, form)
    if times.null_count() and has_clock(form):
        times = _with_midnight_as_24(text, form, times)
        times = times if not times.null_count() or is_utc(form) else _with_bare_midnight(text, form, times)
    return times


def has_clock(form: str) -> bool:
    """Say whether a form has a time of day."""
    if form in WORDS:
        return form.startswith("unix") and form not in DAY_COUNTS
    return any(code[-1] in "HIklTRXrcsv" for code in CODE.findall(form))


def has_offset(form: str) -> bool:
    """Say whether times of a form are read in UTC, because each says how far from it it is."""
    return any(code.endswith("z") for code in CODE.findall(form))


def is_utc(form: str) -> bool:
    """Say whether a form says itself that its times are in UTC."""
    return has_offset(form) or re.search(r"(?:%[SMfHp])\s?(?:[Zz]|UTC|GMT)$", form) is not None


def is_unfit(times: pl.Series, form: str) -> bool:
    """Say whether a time could not be read, or lies in a year that says that it was read wrongly."""
    if times.null_count():
        return True
    return form not in WORDS and bool(times.to_physical().min() < FIRST_YEAR)  # type: ignore[operator]


def read_count(numbers: pl.Series, form: str) -> pl.Series:
    """Return numbers that count from a day as times in microseconds.

    form  "unix-s", "unix-ms", "unix-us", "unix-ns", "unix-d" or "excel"
    """
    if form in DAY_COUNTS:
        return (
            ((numbers - (FIRST_IN_EXCEL if form == "excel" else 0)) * 86_400)
            .round()
            .cast(pl.Int64)
            .__mul__(10**6)
            .cast(pl.Datetime("us"))
        )
    if form == "unix-s":
        return (numbers.cast(pl.Float64) * 10**6).round().cast(pl.Int64).cast(pl.Datetime("us"))
    whole = numbers.cast(pl.Int64)
    micros = {"unix-ms": whole * 1000, "unix-us": whole, "unix-ns": whole // 1000}[form]
    return micros.cast(pl.Datetime("us"))


def _read_quarters(text: pl.Series) -> pl.Series:
    pattern = next((p for p in (*QUARTERS, BARE_QUARTER) if re.match(p, str(text[0]))), QUARTERS[0])
    parts = text.str.extract_groups(pattern).struct.unnest().select(pl.all().cast(pl.Int32, strict=False))
    year = pl.col("year") + pl.when(pl.col("year") >= 100).then(0).when(pl.col("year") > 39).then(1900).otherwise(2000)
    date = pl.datetime(year, 3 * pl.col("quarter") - 2, 1, time_unit="us")
    return parts.select(pl.when(pl.col("quarter").is_not_null()).then(date).alias("time")).to_series()


def _strptime(text: pl.Series, form: str) -> pl.Series:
    """Return what polars reads; codes that a date needs and the form has not are added to both."""
    added, suffix = _completed(form)
    codes = CODE.sub(_for_polars, added)
    codes = codes.replace(",%f", ",%.f").replace(".%f", "%.f")
    if ",%.f" in codes:
        text, codes = text.str.replace(r",(\d+)", ".$1"), codes.replace(",%.f", "%.f")
    try:
        times = (text + suffix if suffix else text).str.to_datetime(codes, strict=False, time_unit="us", exact=True)
    except pl.exceptions.PolarsError as error:
        why = str(error).splitlines()[0]
        raise InputError(f"--time-format {form!r} cannot be used ({why}); correct it") from error
    if times.null_count() and "%B" in codes and text.str.contains("(?i)sept").any():
        return _strptime(text.str.replace(r"(?i)sept(ember)?", "Sep"), form)
    if isinstance(times.dtype, pl.Datetime) and times.dtype.time_zone is not None:
        times = times.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if "%y" in codes:
        late = times.dt.year() > LAST_OF_TWO_DIGITS
        if late.any():
            times = times.dt.offset_by("-100y").zip_with(late, times)
    return times


def _for_polars(code: re.Match[str]) -> str:
    """Return a code of strftime as polars knows it: names long or short, offsets in each of their forms."""
    same = {"%b": "%B", "%h": "%B", "%a": "%A", "%z": "%#z", "%:z": "%#z"}
    return same.get(code[0], code[0])


def _completed(form: str) -> tuple[str, str]:
    """Return a form with the codes that a date needs beside its own, and what to put behind the text for them."""
    letters = {code[-1] for code in CODE.findall(form)}
    if not letters & set("YyGgFDCsxcv"):
        raise InputError(f"--time-format {form!r} has no year; give one with %Y or %y")
    codes, suffix = "", ""
    if letters & set("HIkl") and not letters & set("MRTXrcs"):
        codes, suffix = " %M", " 00"
    if letters & DAYS or (letters & set("VUW") and letters & set("uwaA")):
        return form + codes, suffix
    if letters & set("VW"):
        return form + codes + " %u", suffix + " 1"
    if "U" in letters:
        return form + codes + " %w", suffix + " 0"
    if not letters & set("mbBh"):
        codes, suffix = codes + " %m", suffix + " 01"
    return form + codes + " %d", suffix + " 01"


def _with_midnight_as_24(text: pl.Series, form: str, times: pl.Series) -> pl.Series:
    """Return times in which 24:00 is the end of its day, and fractions of seconds may be there or not."""
    if "%S" in form and "%f" not in form and "%.f" not in form:
        times = _strptime(text, form.replace("%S", "%S.%f"))
    if not times.null_count():
        return times
    end, start = ("24$", "00") if form.endswith("%H") else (r"(^|\D)24([:.]00)", "${1}00$2")
    late = text.str.contains(end if form.endswith("%H") else rf"{end}(?:[:.]00(?:\.0+)?)?(?:\D|$)") & times.is_null()
    if not late.any():
        return times
    next_day = _strptime(text.str.replace(end, start), form).dt.offset_by("1d")
    return next_day.zip_with(late, times)


def _with_bare_midnight(text: pl.Series, form: str, times: pl.Series) -> pl.Series:
    """Return times in which a date alone is its midnight, as R and others write it, if no row says midnight."""
    date = re.split(r"(?:T|t|,? +|:)%[HI]", form)
    if len(date) < 2 or (times.drop_nulls().dt.time() == time(0)).any():
        return times
    return times.fill_null(_strptime(text, date[0]))


def digit_forms(numbers: pl.Series, dated: bool, weeks: bool) -> Iterator[str]:
    """Yield the forms that a column of whole numbers has by its size: compact dates, counts since 1970, Excel's days.

    numbers  without nulls
    dated    whether the name of the column says that these are dates
    weeks    whether the name of the column says that these are weeks
    """
    low, high = int(numbers.min()), int(numbers.max())  # type: ignore[arg-type]
    if low < 10_000:
        return
    width = len(str(low))
    if width == len(str(high)):
        yield from _compact(numbers, width, dated, weeks)
    since_1970 = {"unix-s": 1, "unix-ms": 10**3, "unix-us": 10**6, "unix-ns": 10**9}
    for form, unit in since_1970.items():
        if 10**8 * unit <= low and high < 42 * 10**8 * unit:
            yield form
    if dated and low >= 15_000 and high < 70_000:
        yield "excel"
        if low < FIRST_IN_EXCEL:
            yield "unix-d"


def _compact(numbers: pl.Series, width: int, dated: bool, weeks: bool) -> Iterator[str]:
    """Yield the forms without separators that may read numbers of so many digits; which do is found by reading."""
    year = numbers // 10 ** max(width - 4, 0)
    plausible = bool(year.is_between(1600, 2200).all())
    if width == 6:
        last = numbers % 100
        if plausible and not weeks and last.is_between(1, 12).all():
            yield "%Y%m"
        elif plausible and last.is_between(1, 53).all():
            yield "%G%V"
        elif dated:
            yield "%y%m%d"
    elif plausible and width in (7, 8, 10, 12, 14):
        yield {7: "%Y%j", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}[width]
