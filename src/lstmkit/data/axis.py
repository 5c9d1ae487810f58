"""The time axis that all series of a table share: its frequency, and its steps without a row.

All functions are pure. A complaint names the series, and the option that would mend it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.frequency import MICROSECONDS, MONTHS, Frequency, parse_frequency, show
from lstmkit.data.inference import (
    MAX_HOLIDAYS,
    MAX_MISSING_STEPS,
    Axis,
    check_frequency,
    follow,
    infer_frequency,
)
from lstmkit.data.series import SeriesTable, shorten
from lstmkit.errors import InputError

COMPLETED = ("mask", "previous", "interpolate")
"""Policies under which the time axis is completed where rows are missing."""
DONE = {
    "mask": "left missing; the model is told so, and not judged on them",
    "drop": "dropped, and the rows that are there taken as consecutive",
    "previous": "filled with the value before",
    "interpolate": "filled along a straight line",
}
"""What a note says was done, by policy."""


def find_frequency(table: SeriesTable, usual: Frequency | None) -> tuple[Frequency, list[str], bool]:
    """Return the frequency of all series, notes about gaps, and whether missing rows are to be filled in.

    usual   frequency of other series of the same table; None finds it in this one
    Raises  InputError if the times are irregular or the series differ, and the settings do not say what to do
    """
    if table.columns.freq is not None:
        return _given_frequency(table, parse_frequency(table.columns.freq))
    if table.time_kind == "row":
        return Frequency("step"), [], False
    usual = usual or _frequency_of_longest(table)
    odd = list(range(len(table))) if usual is None else _not_on_axis(table, usual)
    policy, few = table.columns.missing, []
    regular = np.setdiff1d(np.arange(len(table)), odd).tolist()
    found: dict[Frequency, list[int]] = {usual: regular} if usual is not None and regular else {}
    gaps = _Gaps()
    if usual is not None and odd:
        odd, fitting = _without_small_gaps(table, usual, odd, gaps)
        found |= {usual: sorted(regular + fitting)} if regular or fitting else {}
    for s in odd:
        times = _times(table, s)
        if len(times) < 3:
            few.append(s)
            continue
        axis = _axis(times, usual, _zone(table))
        frequency = axis.frequency or axis.usual  # rows taken as consecutive are dated ahead by their usual step
        if frequency is None:
            raise InputError(f"{table.name(s)}: {axis.problem}; round the times, or number the rows")
        if axis.problem and (policy == "refuse" or (axis.frequency is None and policy != "drop")):
            raise InputError(f"{table.name(s)}: irregular times: {axis.problem}; {_mend_gaps(axis, len(times))}")
        found.setdefault(frequency, []).append(s)
        gaps.add(axis)
    frequency = _common_frequency(table, found)
    _add_few(table, few, frequency, gaps)
    fill = _are_filled(table, frequency, gaps)
    return frequency, _gap_notes(frequency, gaps, policy if fill else "drop"), fill


def _zone(table: SeriesTable) -> str:
    """Return the zone of times that are kept in UTC, though its clock may be what the rows follow; else ""."""
    return "" if table.wall or table.zone in (None, "UTC") else str(table.zone)


def _axis(times: NDArray[Any], usual: Frequency | None, zone: str) -> Axis:
    """Return what one series shows; first whether it follows the rule of the others, which few rows do not show."""
    if usual is not None and usual.rule is not None:
        axis = follow(times, usual)
        if not axis.problem:
            return axis
    return infer_frequency(times, zone)


def _are_filled(table: SeriesTable, frequency: Frequency, gaps: _Gaps) -> bool:
    """Whether missing rows are to be filled in; open days without a row are holidays, as long as they are few."""
    if not gaps.missing or table.columns.missing not in COMPLETED:
        return False
    steps = len(table.times) - len(table) + gaps.missing
    return not frequency.has_holidays or gaps.missing > MAX_HOLIDAYS * steps


def _add_few(table: SeriesTable, few: list[int], frequency: Frequency, gaps: _Gaps) -> None:
    """Check series of fewer than three rows, which show no frequency of their own."""
    for s in few:
        axis = check_frequency(_times(table, s), frequency)
        if axis.problem or (axis.missing and table.columns.missing == "refuse" and not frequency.has_holidays):
            rows = f"{table.lengths[s]} rows, which are not one {frequency.words} apart like those of other series"
            raise InputError(f"{table.name(s)}: {rows}; correct the times, or remove the series")
        gaps.add(axis)


def _without_small_gaps(
    table: SeriesTable, usual: Frequency, odd: list[int], gaps: _Gaps
) -> tuple[list[int], list[int]]:
    """Return which of the series need a look of their own, and which only lack some rows on an axis of steps `usual`.

    This decides nothing that a look would decide otherwise; it is for many series with a gap each, all at once.
    """
    fixed = usual.unit in MICROSECONDS or usual.unit == "step"
    if not (fixed or (usual.unit == "B" and usual.count == 1)):
        return odd, []
    first = np.zeros(len(table.times), bool)
    first[table.offsets[:-1]] = True
    width = np.diff(table.times, prepend=table.times[:1]).astype(np.int64)
    steps = np.where(first, 1, np.concatenate([[1], usual.steps(table.times)]))
    if fixed:
        size = usual.count * MICROSECONDS.get(usual.unit, 1)
        on_axis, one, tolerated = width % size == 0, width == size, MAX_MISSING_STEPS
    else:
        days = table.times.astype("datetime64[D]")
        clock = (table.times - days).astype(np.int64)
        on_axis = np.is_busday(days) & (clock == np.roll(clock, 1))
        one, tolerated = width == MICROSECONDS["D"], MAX_HOLIDAYS
    starts = table.offsets[:-1]
    missing = np.add.reduceat(steps - 1, starts)
    usually = 2 * np.add.reduceat(one & ~first, starts) > table.lengths - 1
    fits = np.logical_and.reduceat((on_axis & (steps >= 1)) | first, starts) & usually & (table.lengths >= 3)
    if table.columns.missing == "refuse":
        fits &= missing <= tolerated * (missing + table.lengths - 1)
    if usual == Frequency("D"):  # weekdays alone are business days
        fits &= ~np.logical_and.reduceat(np.is_busday(table.times.astype("datetime64[D]")), starts)
    if not fixed:
        weekend = np.where(first, 0, width) >= 3 * MICROSECONDS["D"]
        fits &= np.logical_or.reduceat(weekend, starts)
        fits &= np.is_busday(table.times[starts].astype("datetime64[D]"))
    chosen = [s for s in odd if fits[s]]
    if chosen:
        s = chosen[0]
        gap = int(table.offsets[s]) + int((steps[table.offsets[s] : table.offsets[s + 1]] > 1).argmax())
        gaps.add(Axis(usual, int(missing[chosen].sum()), f"first after {show(table.times[gap - 1])}"))
    return [s for s in odd if not fits[s]], chosen


@dataclass
class _Gaps:
    """Steps without a row, over all series, and a sentence about the first."""

    missing: int = 0
    first: str = ""
    off: int = 0

    def add(self, axis: Axis) -> None:
        self.missing += axis.missing
        self.off += axis.off
        self.first = self.first or axis.first_gap


def _mend_gaps(axis: Axis, rows: int) -> str:
    """Return the advice that suits the gaps: left out steps are no consecutive rows, unless most have no row."""
    if axis.odd:
        return "remove it if its period is not over, or correct it"
    if axis.frequency is None:
        return "--missing drop takes the rows as consecutive"
    if axis.off and axis.missing == 0:
        return "--missing drop takes the rows as consecutive, and dates those ahead by the rule"
    if axis.missing > rows:
        return "--missing drop takes the rows as consecutive; most steps have none"
    fix = "--missing mask leaves the missing ones missing, previous or interpolate fills them"
    return f"{fix}; drop takes the rows as consecutive, which breaks their seasons"


def _times(table: SeriesTable, s: int) -> NDArray[Any]:
    return table.times[table.offsets[s] : table.offsets[s + 1]]


def _frequency_of_longest(table: SeriesTable) -> Frequency | None:
    longest = int(table.lengths.argmax())
    times = _times(table, longest)
    if len(times) < 3:
        raise InputError(f"{table.name(longest)}: only {len(times)} rows; at least 3 are needed to see a frequency")
    return infer_frequency(times, _zone(table)).frequency


def _not_on_axis(table: SeriesTable, frequency: Frequency) -> list[int]:
    """Return the series that have not a row for each step; all rows are compared at once."""
    fits = frequency.future(table.times[:-1], 1)[:, 0] == table.times[1:]
    return _series_with(table, ~fits)


def _series_with(table: SeriesTable, odd: NDArray[np.bool_]) -> list[int]:
    """Return the series in which a step is odd; `odd` (N - 1,), steps from one series to the next do not count."""
    odd[table.offsets[1:-1] - 1] = False
    found: list[int] = np.unique(np.searchsorted(table.offsets, np.flatnonzero(odd), side="right") - 1).tolist()
    return found


def _common_frequency(table: SeriesTable, found: dict[Frequency, list[int]]) -> Frequency:
    """Return the frequency of all series, from those that they show by themselves.

    The rows of a short series may fit a frequency that they do not show: four weekdays in a row look like days.
    Raises  InputError naming series of each, if there is no common one
    """
    by_count = sorted(found, key=lambda frequency: -len(found[frequency]))
    for frequency in by_count:
        others = [s for other in found if other != frequency for s in found[other]]
        if all(_lies_on(_times(table, s), frequency, table.columns.missing) for s in others):
            return frequency
    kinds = "; ".join(f"{code}: {shorten([table.ids[s] for s in sorted(own)], 3)}" for code, own in found.items())
    raise InputError(f"the series have different frequencies ({kinds}); forecast them apart, or pass --freq")


def _lies_on(times: NDArray[Any], frequency: Frequency, policy: str) -> bool:
    """Whether the rows of a series are consecutive on an axis, and those ahead would lie as they do.

    The first days of months are a month apart, but are no last days of months.
    """
    axis = check_frequency(times, frequency)
    if axis.problem or axis.missing:
        return False
    whole = frequency.rule is None and frequency.unit not in (*MICROSECONDS, "step", "B")
    return not whole or policy == "drop" or bool((frequency.future(times[:-1], 1)[:, 0] == times[1:]).all())


def _given_frequency(table: SeriesTable, frequency: Frequency) -> tuple[Frequency, list[str], bool]:
    if table.time_kind == "row":
        return frequency, [], False
    if (table.time_kind == "integer") != (frequency.unit == "step"):
        raise InputError(f"--freq {frequency} does not fit the {table.time_kind} times of {table.columns.time!r}")
    gaps = _Gaps()
    frequency, other = _at_the_right_end(table, frequency)
    off = _series_with(table, frequency.steps(table.times) != 1)
    for s in off if frequency.rule is None else range(len(table)):
        axis = check_frequency(_times(table, s), frequency)
        if axis.problem:
            raise InputError(f"{table.name(s)}: steps of one {frequency.words} do not fit: {axis.problem}")
        gaps.add(axis)
    fill = _are_filled(table, frequency, gaps)
    return frequency, [*other, *_gap_notes(frequency, gaps, table.columns.missing if fill else "drop")], fill


def _at_the_right_end(table: SeriesTable, given: Frequency) -> tuple[Frequency, list[str]]:
    """Return the frequency on which the rows lie, if periods are told by their other end, as "M" once did, and a note.

    given  by the user
    """
    unit = given.unit.removesuffix("E") if given.unit.endswith("E") else f"{given.unit}E"
    if given.rule is not None or not {unit, given.unit} <= MONTHS.keys():
        return given, []
    other = Frequency(unit, given.count)
    steps = given.steps(table.times)
    lie = [
        not _series_with(table, frequency.after(table.times[:-1], steps) != table.times[1:])
        for frequency in (given, other)
    ]
    if lie != [False, True]:
        return given, []
    end = "last" if unit.endswith("E") else "same"
    return other, [f"the rows lie on the {end} day of their periods, and so will those ahead: {other}, not {given}"]


def _gap_notes(frequency: Frequency, gaps: _Gaps, policy: str) -> list[str]:
    """Return what to say about missing rows: taken as they are under the policy "drop", else filled."""
    missing, where, notes = gaps.missing, f" ({gaps.first})" if gaps.first else "", []
    if frequency.rule is not None:
        off = f" ({gaps.off} of them {'do' if gaps.off > 1 else 'does'} not)" if gaps.off else ""
        notes.append(f"the rows lie on {frequency.rule.describe()}{off}, and so will those ahead")
    if not missing:
        return notes
    if frequency.has_holidays and policy == "drop":
        what = f"{missing} weekday{'s' if missing > 1 else ''}" if frequency.unit == "B" else frequency.counted(missing)
        done = "are taken for holidays" if missing > 1 else "is taken for a holiday"
        return [*notes, f"{what} without a row{where} {done}"]
    done = "the rows that are there are taken as consecutive" if policy == "drop" else DONE[policy]
    return [*notes, f"{frequency.counted(missing)} without a row{where}: {done}"]


MOST_COMPLETED, MOST_TIMES = 1_000_000, 100
"""Rows that a table may have once gaps are filled, or how many times those that it has."""


def complete(table: SeriesTable) -> SeriesTable:
    """Return the series on their complete axes, NaN where a row was missing.

    Raises  InputError if a time does not lie on the axis
    """
    first = table.offsets[:-1]
    steps = np.concatenate([[0], table.frequency.steps(table.times)])
    steps[first] = 1  # a series begins one place after the end of the one before it
    rows = float(steps.sum(dtype=np.float64))
    if rows > max(MOST_COMPLETED, MOST_TIMES * len(steps)):
        k = int(steps.argmax())
        raise InputError(
            f"{table.name(table.series_of(k))}: {rows:,.0f} rows would be needed where there are {len(steps):,}; the "
            f"gap before {table.time_name(k)} is too wide to fill: correct the time, or pass --missing drop"
        )
    at = np.cumsum(steps) - 1
    offsets = np.append(at[first], at[-1] + 1).astype(np.int64)
    starts = np.repeat(table.times[first], np.diff(offsets))
    times = table.frequency.after(starts, np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets)))
    same = table.frequency.same_row(times[at], table.times) & (steps > 0)
    times[at] = np.where(same, table.times, times[at])  # a holiday may have moved a row
    if not same.all():
        name = table.name(table.series_of(int(same.argmin())))
        raise InputError(f"{name}: some times do not lie on a regular axis of one {table.frequency.words}")
    source = np.full(offsets[-1], -1, np.int64)
    source[at] = np.arange(len(at))
    given = table.given
    if given is not None:
        given = dataclasses.replace(given, seen=_take(given.seen, source), future=_take(given.future, source))
    values = _take(table.values, source)
    return dataclasses.replace(table, values=values, times=times, offsets=offsets, given=given)


def _take(values: NDArray[np.float64], source: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return rows of `values` by number, NaN where the number is -1."""
    taken = values[source]
    taken[source < 0] = np.nan
    return taken
