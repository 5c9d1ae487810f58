"""Numbers as times: what they count or write, told by their size, by the name of their column, and by their steps."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import polars as pl

from lstmkit.data.forms import DAY_COUNTS, WORDS, digit_forms, is_unfit, read_as, read_count
from lstmkit.data.names import names_dates, names_weeks
from lstmkit.errors import InputError

LARGEST_STEP = 2**62
"""The largest whole number that is a time: half of what 64 bits hold."""
LEAST_REGULAR = 6
"""Different times from which on equal steps tell a month from a day."""
LEAST_EVIDENT, LEAST_STEP = 10**7, 60 * 10**6
"""Numbers that may be times under any name, and their usual step in microseconds: other numbers rise by ones, too."""


def whole(column: pl.Series) -> pl.Series | None:
    """Return numbers as whole ones, None if they are not."""
    if column.dtype.is_integer():
        return column.cast(pl.Int64)
    if column.null_count() or not column.is_finite().all() or (column.abs() > LARGEST_STEP).any():
        return None
    return column.cast(pl.Int64) if (column == column.round()).all() else None


def width_of(form: str) -> int:
    """Return how many digits a form of nothing else has; zeros before them are lost in numbers. 0 of others."""
    codes = re.findall(r"%([YmdHMSGVjy])", form)
    return sum({"Y": 4, "G": 4, "j": 3}.get(code, 2) for code in codes) if 2 * len(codes) == len(form) else 0


def number_form(counts: pl.Series, name: str, usual: str | None) -> tuple[str, pl.Series] | None:
    """Return the form of whole numbers, and their times; None if they only count steps."""
    forms = [*digit_forms(counts, names_dates(name) or usual in DAY_COUNTS, names_weeks(name))]
    if usual in forms or (usual is not None and re.fullmatch("(?:%[YmdHMSGVjy])+", usual)):
        forms = [usual, *forms]
    for form in forms:
        times = read_count(counts, form) if form in WORDS else read_as(counts.cast(pl.String), form)
        if form in WORDS or not is_unfit(times, form):
            return form, times
    return None


def ask_which_days(numbers: pl.Series, name: str, form: str, plausible: Iterable[str], usual: str | None) -> None:
    """Raise InputError if a count of days may be from two first days."""
    if form in DAY_COUNTS and form != usual and "unix-d" in plausible:
        first = numbers.head(1)
        known = [f"{other} ({read_count(first, other)[0]:%Y-%m-%d})" for other in DAY_COUNTS]
        raise InputError(f"time column {name!r}: {first[0]} can be read as {' or '.join(known)}; pass --time-format")


def is_counted_time(column: pl.Series, name: str) -> bool:
    """Say whether numbers can be nothing but dates by their size: compact ones, years, or a count from a day."""
    counts = whole(column)
    if counts is None:
        numbers = column.fill_nan(None).drop_nulls()
        known = len(numbers) > 0 and not (numbers.abs() > LARGEST_STEP).any()
        return known and any(digit_forms(numbers, names_dates(name), False))
    if not len(counts) or counts.null_count():
        return False
    years = counts.is_between(1000, 2999).all()
    return bool(years) or number_form(counts, name, None) is not None


def is_evident_count(column: pl.Series, name: str) -> bool:
    """Say whether numbers under any name can be nothing but times: by their size, and by equal steps in most places."""
    first = column.head(1).cast(pl.Float64, strict=False)
    if not column.dtype.is_numeric() or not len(first) or not (first > LEAST_EVIDENT).all():
        return False
    counts = whole(column)
    found = None if counts is None or counts.null_count() else number_form(counts, name, None)
    if found is None:
        return False
    own = np.unique(found[1].to_physical().to_numpy())
    sizes, times = np.unique(np.diff(own), return_counts=True)
    if len(own) < LEAST_REGULAR or 2 * times.max() <= len(own) - 1:
        return False
    return bool(sizes[times.argmax()] >= (LEAST_STEP if found[0] == "unix-s" else 10**6))
