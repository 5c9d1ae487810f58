"""Tables that list files: their columns by role, their cells as text, and what else they say of each file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import polars as pl

from lstmkit.data.series import closest, shorten
from lstmkit.errors import InputError


class Part(Protocol):
    """A part of a file: seconds from its beginning; no end is that of the file."""

    @property
    def start(self) -> float:
        """Where it begins."""

    @property
    def end(self) -> float | None:
        """Where it ends."""


def overlap(one: Part, other: Part) -> bool:
    """Return whether two parts of the same file have something in common."""
    ends = [math.inf if own.end is None else own.end for own in (one, other)]
    return one.start < ends[1] and other.start < ends[0]


def column_called(columns: Iterable[str], names: Sequence[str]) -> str | None:
    """Return the column that has one of several names, whatever its case; earlier names and columns come first."""
    own = {name.strip().lower(): name for name in reversed(list(columns))}
    return next((own[name] for name in names if name in own), None)


def texts_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the cells of a table as text without blanks around it, without the rows that say nothing."""
    texts = frame.select(pl.all().cast(pl.String, strict=False).fill_null("").str.strip_chars())
    return texts.filter(pl.any_horizontal(pl.all() != ""))


def fact_of(facts: Mapping[str, Sequence[str]], name: str, place: str) -> list[str]:
    """Return what is known of each file by a name.

    facts   by the name of the column, field or level of folders that says it
    place   where the files come from, for messages
    Raises  InputError if nothing is called so
    """
    if name not in facts:
        known = f" (there are: {shorten(list(facts), 12)})" if facts else ""
        fix = closest(name, list(facts))
        raise InputError(f"{place}: nothing is called {name!r}{fix}{known}; name a column, or a field of --pattern")
    return list(facts[name])
