"""Which column of a table holds the times: by type, else by name, else by what its text looks like."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from lstmkit.data.counted import is_counted_time, is_evident_count, whole, width_of
from lstmkit.data.names import TIMES, time_rank, words_of
from lstmkit.data.parse import MISSING
from lstmkit.data.times import CLOCK_ALONE, candidates, fits, plain, telling, to_times, without_form
from lstmkit.errors import InputError

WAY_OUT = ", or --time row to take the rows in their order"
"""What is left where a column is meant as time by its name alone."""
SEEN = 50
"""Rows by which text is judged."""
HOURS = {"hour", "hours", "uhrzeit", "stunde"}
"""Names of columns beside one of dates that may hold the hour as a number."""
SMALLER = {"month", "mon", "mo", "monat", "quarter", "week", "woche", "day", "tag", "dayofyear"}
"""Names of columns beside one of years that together are a date."""


def find_time_column(
    frame: pl.DataFrame, format: str | None = None, ids: pl.Series | None = None, needed: int = 1
) -> str | None:
    """Return the column that holds the times, or None if nothing looks like time.

    frame   without the columns that have another role
    format  that the times are written in, or None
    ids     of the series of each row, or None if all rows are of one
    needed  columns of numbers that must be left
    Raises  InputError if a column is evidently meant as time and cannot be read
    """
    ranked = sorted(frame.columns, key=lambda name: -time_rank(name))
    if format is not None:
        return _column_written(frame, ranked, format)
    schema = frame.schema  # asked once: it costs by the number of columns
    for name in ranked:
        if schema[name] == pl.Date or isinstance(schema[name], pl.Datetime):
            return name
    for name in ranked:
        text = plain(frame[name])
        if text.dtype == pl.String and _looks_like_time(text, time_rank(name) > 0):
            return name
    named = [name for name in ranked if time_rank(name)]
    numbers = {name: _numbers(frame[name]) for name in named}
    if frame.width <= needed and all(
        column is not None for column in numbers.values()
    ):  # numbers alone are what is to be forecast
        return None
    _refuse_spread(frame, ids, numbers)
    for name in named:
        column = numbers[name]
        if column is None:
            _refuse_unread(plain(frame[name]), name, ids)
        elif _is_meant(column, name, ids):
            try:
                to_times(column, name)
            except InputError as error:
                raise InputError(f"{error}{WAY_OUT}") from error
            return name
        elif whole(column) is not None and not _repeats(column, ids):
            return name
    if frame.width > needed:
        for name in ranked:
            column = _numbers_or_digits(frame[name])
            if not time_rank(name) and column is not None and is_evident_count(column, name):
                return name
    return None


def _is_meant(column: pl.Series, name: str, ids: pl.Series | None) -> bool:
    """Say whether numbers under a name for time are read or refused: years with a fraction are meant as time, too."""
    if is_counted_time(column, name) or (time_rank(name) == 3 and not column.null_count()):
        return True
    years = bool(column.len()) and not column.null_count() and bool(column.is_between(1000, 3000).all())
    return years and whole(column) is None and not _repeats(column, ids)


def _numbers_or_digits(column: pl.Series) -> pl.Series | None:
    """Return a column as numbers, None of text that does not begin with as many digits as a count of time has."""
    if column.dtype == pl.String:
        return _numbers(column) if column.head(1).str.contains(r"^\s*\d{8,19}(?:\.0*)?\s*$").all() else None
    return column if column.dtype.is_numeric() else None


def _column_written(frame: pl.DataFrame, ranked: Sequence[str], format: str) -> str:
    """Return the column that can be read in a form that the user gives."""
    for name in ranked:
        column = plain(frame[name]).head(SEEN)
        if column.dtype.is_integer():
            column = column.cast(pl.String).str.zfill(width_of(format))
        if column.dtype == pl.String:
            text = column.str.strip_chars()
            text = text.filter(~text.is_in(MISSING))
            if len(text) and fits(text, (format,)):
                return name
    for name in ranked:  # one that is meant has a better complaint
        if time_rank(name) and (plain(frame[name]).dtype == pl.String or frame[name].dtype.is_temporal()):
            return name
    raise InputError(f"--time-format {format!r} fits no column; correct it, or name the column with --time")


def _looks_like_time(column: pl.Series, named: bool) -> bool:
    """Say whether text can be read as times; numbers are such only under a name that says so: 2022.10 is a month."""
    text = column.head(SEEN).str.strip_chars()
    text = text.filter(text.is_not_null() & ~text.is_in(MISSING))
    if not len(text) or (not named and text[0].replace(".", "", 1).lstrip("+-").isdigit()):
        return False
    return any(fits(text, group) for group in candidates(telling(text)))


def _numbers(column: pl.Series) -> pl.Series | None:
    """Return a column as numbers, None if it holds others."""
    column = plain(column)
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        text = text.set(text.is_in(MISSING), None)
        numbers = text.cast(pl.Int64, strict=False)
        if numbers.null_count() > text.null_count():
            numbers = text.cast(pl.Float64, strict=False)
        return None if numbers.null_count() > text.null_count() else numbers
    return column if column.dtype.is_numeric() else None


def _refuse_unread(column: pl.Series, name: str, ids: pl.Series | None) -> None:
    """Complain about text that is meant as time; the name of a part of it may be that of an attribute."""
    if column.dtype == pl.Duration and time_rank(name) == 3:
        raise InputError(
            f"time column {name!r} holds {column.dtype}, which is neither a time nor a whole number{WAY_OUT}"
        )
    if column.dtype != pl.String:
        return
    text = column.str.strip_chars()
    if time_rank(name) > 1 or not _repeats(text, ids):
        there = text.filter(text.is_not_null() & ~text.is_in(MISSING))
        if not len(there):
            return
        try:
            to_times(there, name)
        except InputError as error:
            raise InputError(f"{error}{WAY_OUT}") from error
        raise InputError(f"{without_form(there, name)}{WAY_OUT}")


def _refuse_spread(frame: pl.DataFrame, ids: pl.Series | None, numbers: dict[str, pl.Series | None]) -> None:
    """Complain if the date stands in several columns: years that repeat, and months, weeks or days."""
    single = {words_of(name)[0]: name for name in frame.columns if len(words_of(name)) == 1}
    year = single.get("year") or single.get("jahr")
    smaller = [single[word] for word in single if word in SMALLER]
    if year is None or not smaller or numbers.get(year) is None or not _repeats(numbers[year], ids):  # type: ignore[arg-type]
        return
    names = ", ".join(map(repr, [year, *smaller]))
    raise InputError(f"the date stands in several columns ({names}); write it into one, such as 2022-01-03{WAY_OUT}")


def clock_column(frame: pl.DataFrame, others: set[str]) -> str | None:
    """Return the column that holds the time of day beside one of dates, or None.

    others  columns that have another role
    """
    for name in frame.columns:
        if name in others or not (HOURS | TIMES) & set(words_of(name)):
            continue
        column = plain(frame[name]).head(SEEN)
        if column.dtype == pl.Time:
            return name
        if column.dtype == pl.String and all(CLOCK_ALONE.fullmatch(str(value).strip()) for value in column):
            return name
        numbers = _numbers(column) if HOURS & set(words_of(name)) else None
        if numbers is not None and numbers.is_between(0, 24).all():
            return name
    return None


def _repeats(column: pl.Series, ids: pl.Series | None) -> bool:
    """Say whether a value comes more than once in a series."""
    if ids is None:
        return bool(column.is_duplicated().any())
    return bool(pl.DataFrame({"id": ids, "value": column}).is_duplicated().any())
