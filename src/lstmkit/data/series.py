"""What the rest of lstmkit sees of a user's table: many series as one flat array, and the settings that led to it."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.frequency import Frequency, parse_frequency, show
from lstmkit.errors import InputError

MISSING_POLICIES = ("refuse", "drop", "previous", "interpolate")
DUPLICATE_POLICIES = ("refuse", "first", "last", "mean")


@dataclass(frozen=True, slots=True)
class TableSettings:
    """How to read a table.

    target       column to forecast; None if it is the only column of numbers
    time         time column; None finds it, and rows without any are numbered
    id           column that tells the series apart; None for one series
    freq         frequency code such as D, B, h, MS; None finds it
    time_format  of times written as text, in strftime's codes; None finds it
    missing      what to do about missing values and missing rows: "refuse", "drop" (rows that are there are taken as
                 consecutive), "previous" (repeat the last value), "interpolate" (a straight line)
    duplicates   what to do about rows with the same time: "refuse", or keep "first", "last" or their "mean"
    """

    target: str | None = None
    time: str | None = None
    id: str | None = None
    freq: str | None = None
    time_format: str | None = None
    missing: str = "refuse"
    duplicates: str = "refuse"

    def __post_init__(self) -> None:
        """Check the choices."""
        for name, allowed in (("missing", MISSING_POLICIES), ("duplicates", DUPLICATE_POLICIES)):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}")
        if self.freq is not None:
            parse_frequency(self.freq)


@dataclass(frozen=True)
class SeriesTable:
    """One or many series as one flat array.

    ids        (S,) the value of the id column per series; (None,) for a single series without one
    offsets    (S + 1,) where each series starts in the flat arrays
    values     (N,) float64, complete and finite
    times      (N,) datetime64[us] or int64, strictly increasing within a series
    columns    names as in the user's table: target, time (None if rows are numbered), id (None if single)
    time_kind  "date", "datetime", "integer" or "row"
    zone       time zone of the times, or None
    wall       whether the times are by the clock on the wall of that zone (once a day and rarer), not in UTC
    frequency  of every series
    notes      sentences about what was found and done
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
        return self.columns.time or "row"

    def name(self, s: int) -> str:
        """Return how an error message calls series `s`."""
        return f"series {self.ids[s]!r}" if self.columns.id is not None else f"column {self.columns.target!r}"

    def time_name(self, k: int) -> str:
        """Return how an error message calls the time of flat row `k`."""
        return f"row {self.times[k] + 1}" if self.time_kind == "row" else show(self.times[k])

    def series_of(self, k: int) -> int:
        """Return the series that flat row `k` belongs to."""
        return int(np.searchsorted(self.offsets, k, side="right")) - 1

    def future_times(self, last: Any, steps: int) -> NDArray[Any]:
        """Return the `steps` times that follow `last`, in its own type."""
        frequency = self.frequency if self.times.dtype.kind == "M" else Frequency("step", self._whole_step())
        return frequency.future(last, steps)

    def _whole_step(self) -> int:
        return self.frequency.count if self.frequency.unit == "step" else 1

    def select(self, keep: NDArray[np.bool_]) -> SeriesTable:
        """Return the table with only the flat rows where `keep` (N,) is true."""
        counts = np.add.reduceat(keep, self.offsets[:-1])
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return dataclasses.replace(self, offsets=offsets, values=self.values[keep], times=self.times[keep])

    def head(self, rows: NDArray[np.int64]) -> SeriesTable:
        """Return the table with the first `rows` (S,) rows of each series."""
        return self.select(self._position() < np.repeat(rows, self.lengths))

    def tail(self, rows: int) -> SeriesTable:
        """Return the table with the last `rows` rows of each series, or all of a shorter one."""
        return self.select(self._position() >= np.repeat(self.lengths - rows, self.lengths))

    def _position(self) -> NDArray[np.int64]:
        """Return the place of every flat row within its series, (N,)."""
        return np.arange(len(self.values)) - np.repeat(self.offsets[:-1], self.lengths)


def closest(name: str, names: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest of `names`, or ""."""
    by_lower = {n.lower(): n for n in names}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[found[0]]!r}?" if found else ""


def shorten(names: Sequence[Any], most: int = 5) -> str:
    """Return the names as text, cut after `most`."""
    shown = ", ".join(repr(n) for n in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
