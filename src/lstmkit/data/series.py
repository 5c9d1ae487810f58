"""What the rest of lstmkit sees of a user's table: many series as one flat array, and the settings that led to it."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.calendar import calendar, calendar_names
from lstmkit.data.disk import take_slices
from lstmkit.data.frequency import Frequency, parse_frequency, show
from lstmkit.errors import InputError
from lstmkit.ranges import check_fields, shown

MISSING_POLICIES = ("refuse", "mask", "drop", "previous", "interpolate")
DUPLICATE_POLICIES = ("refuse", "first", "last", "mean", "sum")
SHORT_POLICIES = ("auto", "refuse", "drop", "pad")
DECIMALS = (".", ",")
ROWS = "row"
"""What stands for the time column where rows are numbered, unless a column has this name."""
LARGEST = 1e75
"""The largest value, and one over the smallest, that is computed with: squares, their sums and products stay finite."""


@dataclass(frozen=True, slots=True)
class TableSettings:
    """How to read a table.

    target       column to forecast; None if it is the only column of numbers
    time         time column; None finds it, and rows without any are numbered; "row" numbers them in any case
    id           column that tells the series apart; None for one series
    freq         frequency code such as D, B, h, MS; None finds it
    time_format  of times written as text or numbers, in strftime's codes or as quarter, unix-s, unix-ms, unix-us,
                 unix-ns, unix-d, excel; None finds it
    missing      what to do about missing values and missing rows: "refuse", "mask" (they stay missing: the model is
                 told so, and is not judged on them), "drop" (rows that are there are taken as consecutive),
                 "previous" (repeat the last value), "interpolate" (a straight line)
    duplicates   what to do about rows with the same time: "refuse", or keep "first", "last", their "mean" or
                 their "sum" (of what is known beside them, the first)
    future       columns of numbers that are known ahead, such as a price or a promotion
    past         columns of numbers that are known up to the last row only, such as the weather
    static       columns that tell something about a series as a whole: numbers, or text for categories
    calendar     whether the model is told the time of day, week, month and year of every row
    short        what to do about series with too few rows: "refuse", "drop", "pad" (the context begins before them), or
                 "auto" (the context suits most series, and the few that are shorter are padded)
    wide         several targets in columns side by side, each a series of its own; empty for a table in long format
    lower, upper  bounds of the target, such as 0 for counts: forecasts, intervals and paths stay within; None without
    id_type      type of the id column, found when a table is read; "" is text
    decimal      "." or ",": what stands before decimals in text; None finds it
    usual_format  form of the times that a model has learnt from, tried first; "row" if its rows were numbered
    """

    target: str | None = None
    time: str | None = None
    id: str | None = None
    freq: str | None = None
    time_format: str | None = None
    missing: str = "refuse"
    duplicates: str = "refuse"
    future: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    calendar: bool = False
    short: str = "auto"
    wide: tuple[str, ...] = ()
    usual_format: str | None = None
    decimal: str | None = None
    id_type: str = ""
    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        """Check the choices."""
        policies = {"missing": MISSING_POLICIES, "duplicates": DUPLICATE_POLICIES, "short": SHORT_POLICIES}
        check_fields(self, policies | {"decimal": DECIMALS})
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise InputError(f"lower must be below upper; got {self.lower:g} and {self.upper:g}")
        if self.freq is not None:
            parse_frequency(self.freq)

    @classmethod
    def of(
        cls,
        target: str | Sequence[str] | None = None,
        time: str | None = None,
        id: str | None = None,
        *,
        future: str | Sequence[str] | None = None,
        past: str | Sequence[str] | None = None,
        static: str | Sequence[str] | None = None,
        calendar: bool = False,
        freq: str | None = None,
        time_format: str | None = None,
        missing: str = "refuse",
        duplicates: str = "refuse",
        short: str = "auto",
        decimal: str | None = None,
        lower: float | None = None,
        upper: float | None = None,
    ) -> TableSettings:
        """Return settings as people give them: one name or several for a role, several targets side by side."""
        targets = _names("target", target)
        one, wide = (None, targets) if len(targets) > 1 else (targets[0] if targets else None, ())
        covariates = _names("future", future), _names("past", past), _names("static", static)
        read = (missing, duplicates, *covariates, calendar, short, wide)
        return cls(one, time, id, freq, time_format, *read, decimal=decimal, lower=lower, upper=upper)


def _names(role: str, given: str | Sequence[str] | None) -> tuple[str, ...]:
    names = () if given is None else given if isinstance(given, list | tuple) else (given,)
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"{role} must be the name of a column as text, or several; got {shown(name)}")
    return tuple(names)


@dataclass(frozen=True)
class Covariates:
    """What is known beside the target.

    seen        (N, R) columns known up to the cutoff only
    future      (N, F) columns known ahead
    ahead       (S, A, F) the same for the A rows after the end of each series, NaN where they are not given
    numbers     (S, K) static numbers
    categories  (S, C) static categories, as numbers of their levels
    number_names, category_names  columns of those
    category_levels  the levels of each static category
    """

    seen: NDArray[np.float64]
    future: NDArray[np.float64]
    ahead: NDArray[np.float64]
    numbers: NDArray[np.float64]
    categories: NDArray[np.int64]
    number_names: tuple[str, ...] = ()
    category_names: tuple[str, ...] = ()
    category_levels: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def none(cls, rows: int, series: int) -> Covariates:
        """Return the covariates of a table that has none."""
        empty = np.empty((rows, 0))
        return cls(empty, empty, np.empty((series, 0, 0)), np.empty((series, 0)), np.empty((series, 0), np.int64))


@dataclass(frozen=True)
class SeriesTable:
    """One or many series as one flat array.

    ids        (S,) the value of the id column per series; (None,) for a single series without one
    offsets    (S + 1,) where each series starts in the flat arrays
    values     (N,) float64, finite, or NaN where a value is missing and `columns.missing` is "mask"
    times      (N,) datetime64[us] or int64, strictly increasing within a series
    columns    names as in the user's table: target, time (None if rows are numbered), id (None if single)
    time_kind  "date", "datetime", "integer" or "row"
    zone       time zone of the times, or None
    wall       whether the times are by the clock on the wall of that zone (once a day and rarer), not in UTC
    frequency  of every series
    notes      sentences about what was found and done
    given      covariates, or None without any
    cut        (S,) rows cut off before the first row of each series, or None
    learnt     (S,) number of each series among those a model learnt from, -1 for an unseen one; None: as they stand
    """

    ids: tuple[Any, ...]
    offsets: NDArray[np.int64]
    values: NDArray[np.float64]
    times: NDArray[Any]
    columns: TableSettings
    time_kind: str
    zone: str | None
    frequency: Frequency
    notes: tuple[str, ...] = ()
    wall: bool = False
    given: Covariates | None = None
    cut: NDArray[np.int64] | None = None
    learnt: NDArray[np.int64] | None = None

    @property
    def covariates(self) -> Covariates:
        """What is known beside the target; without any, empty arrays."""
        return self.given if self.given is not None else Covariates.none(len(self.values), len(self))

    @property
    def skipped(self) -> NDArray[np.int64]:
        """Rows cut off before the first row of each series, (S,)."""
        return self.cut if self.cut is not None else np.zeros(len(self), np.int64)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Number of each series among those a model learnt from, (S,)."""
        return self.learnt if self.learnt is not None else np.arange(len(self))

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self.ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Rows of each series, (S,)."""
        return np.diff(self.offsets)

    @property
    def time_column(self) -> str:
        """Name of the time column in results: the user's own, or "row" where rows are numbered."""
        return self.columns.time or free_name(ROWS, self.own_columns)

    @property
    def own_columns(self) -> tuple[str, ...]:
        """The user's columns that stand in results: id and time, where there are such."""
        return tuple(name for name in (self.columns.id, self.columns.time) if name is not None)

    def our_name(self, name: str) -> str:
        """Return what a column of ours is called in results; one of the user's of that name keeps it."""
        return free_name(name, self.own_columns)

    def name(self, s: int) -> str:
        """Return how an error message calls series `s`."""
        return f"series {shown(self.ids[s])}" if self.columns.id is not None else f"column {self.columns.target!r}"

    def time_name(self, k: int) -> str:
        """Return how an error message calls the time of flat row `k`."""
        return self.show_time(self.times[k])

    def show_time(self, time: Any) -> str:
        """Return how an error message calls a time."""
        return f"row {time + 1}" if self.time_kind == "row" else show(time)

    def series_of(self, k: int) -> int:
        """Return the series that flat row `k` belongs to."""
        return int(np.searchsorted(self.offsets, k, side="right")) - 1

    def future_times(self, last: Any, steps: int) -> NDArray[Any]:
        """Return the `steps` times that follow `last`, in its own type; of an array (S,), an array (S, steps).

        Raises  InputError if they lie beyond what times can be
        """
        latest = np.max(last)
        if not self.dated_by.holds(latest, steps):
            limit = "the year 9999" if self.times.dtype.kind == "M" else "what 64 bits hold"
            raise InputError(f"{steps} steps after {self.show_time(latest)} lie beyond {limit}; forecast fewer")
        return self.dated_by.future(last, steps)

    @property
    def dated_by(self) -> Frequency:
        """The frequency that dates later rows: whole steps where the rows are only numbered."""
        if self.times.dtype.kind == "M":
            return self.frequency
        return Frequency("step", self.frequency.count if self.frequency.unit == "step" else 1)

    @property
    def is_dated(self) -> bool:
        """Whether the calendar is among the covariates known ahead."""
        return self.columns.calendar and self.times.dtype.kind == "M"

    @property
    def known_width(self) -> int:
        """How many covariates are known ahead, calendar included."""
        return int(self.covariates.future.shape[1]) + (2 * len(calendar_names(self.frequency)) if self.is_dated else 0)

    def known(self, steps: int) -> NDArray[np.float64]:
        """Return the covariates known ahead, calendar included, (N + S * steps, F): `steps` rows after each series.

        What is not given after the end of a series is NaN.
        """
        given = self.covariates
        N, S, F, dated = len(self.values), len(self), given.future.shape[1], self.is_dated
        if not F and not dated:
            return np.empty((N + S * steps, 0))
        rows = np.arange(N) + np.repeat(np.arange(S) * steps, self.lengths)
        ahead = (self.offsets[1:] + np.arange(S) * steps)[:, None] + np.arange(steps)
        known = np.full((N + S * steps, F), np.nan)
        if F:
            known[rows] = given.future
            A = min(steps, given.ahead.shape[1])
            known[ahead[:, :A]] = given.ahead[:, :A]
        if not dated:
            return known
        times = np.empty(N + S * steps, self.times.dtype)
        times[rows] = self.times
        times[ahead] = self.future_times(self.times[self.offsets[1:] - 1], steps)
        return np.concatenate([known, calendar(times, self.frequency)], axis=1)

    def select(self, keep: NDArray[np.bool_]) -> SeriesTable:
        """Return the table with only the flat rows where `keep` (N,) is true."""
        counts = np.add.reduceat(keep, self.offsets[:-1])
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        given = self.given
        if given is not None:
            given = dataclasses.replace(given, seen=given.seen[keep], future=given.future[keep])
        return dataclasses.replace(self, offsets=offsets, values=self.values[keep], times=self.times[keep], given=given)

    def choose(self, which: NDArray[np.int64]) -> SeriesTable:
        """Return the table with only the series `which`, in that order; they keep their numbers."""
        return self._slices(which, np.zeros_like(which), self.lengths[which])

    def head(self, rows: NDArray[np.int64]) -> SeriesTable:
        """Return the table with the first `rows` (S,) rows of each series; what comes after them is forgotten."""
        cut = self._slices(None, np.zeros_like(rows), np.minimum(rows, self.lengths))
        given = cut.given
        if given is not None:
            given = dataclasses.replace(given, ahead=given.ahead[:, :0])
        return dataclasses.replace(cut, given=given)

    def tail(self, rows: int) -> SeriesTable:
        """Return the table with the last `rows` rows of each series, or all of a shorter one."""
        begin = np.maximum(self.lengths - rows, 0)
        return dataclasses.replace(self._slices(None, begin, self.lengths), cut=self.skipped + begin)

    def _slices(self, which: NDArray[np.int64] | None, begin: NDArray[np.int64], end: NDArray[np.int64]) -> SeriesTable:
        """Return rows from `begin` to before `end` of each series in `which`, None for all; cost is by what is kept."""
        offsets = np.concatenate([[0], np.cumsum(end - begin)]).astype(np.int64)
        starts = begin + (self.offsets[:-1] if which is None else self.offsets[which])
        given = self.given
        if given is not None:
            seen, future = take_slices(given.seen, starts, offsets), take_slices(given.future, starts, offsets)
            given = dataclasses.replace(given, seen=seen, future=future)
        values, times = take_slices(self.values, starts, offsets), take_slices(self.times, starts, offsets)
        kept = dataclasses.replace(self, offsets=offsets, values=values, times=times, given=given)
        if which is None:
            return kept
        if given is not None:
            static = {name: getattr(given, name)[which] for name in ("ahead", "numbers", "categories")}
            given = dataclasses.replace(given, **static)
        return dataclasses.replace(
            kept,
            ids=tuple(self.ids[s] for s in which),
            given=given,
            cut=None if self.cut is None else self.cut[which],
            learnt=self.numbers[which],
        )


def free_name(name: str, taken: Sequence[str]) -> str:
    """Return the name, with as many underscores behind it as make it a new one."""
    while name in taken:
        name += "_"
    return name


MOST_COMPARED, LONGEST_COMPARED = 500, 100
"""How many names a misspelt one is compared with, and characters of each: it takes time by their product."""


def closest(name: str, names: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest of `names`, or ""."""
    by_lower = {n.lower()[:LONGEST_COMPARED]: n for n in itertools.islice(names, MOST_COMPARED)}
    found = difflib.get_close_matches(name.lower()[:LONGEST_COMPARED], by_lower, n=1)
    return f"; did you mean {by_lower[found[0]]!r}?" if found else ""


def shorten(names: Sequence[Any], most: int = 5) -> str:
    """Return the names as text, cut after `most`."""
    shown = ", ".join(repr(n if not isinstance(n, str) or len(n) <= 80 else f"{n[:80]}...") for n in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
