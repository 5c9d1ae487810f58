"""What is done about duplicate times, missing values and missing rows: refused unless the settings say how.

All functions are pure. A complaint names the series, the value, and the option that would mend it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.frequency import Axis, Frequency, check_frequency, infer_frequency, parse_frequency
from lstmkit.data.series import SeriesTable, shorten
from lstmkit.errors import InputError

COMPLETED = ("mask", "previous", "interpolate")
"""Policies under which the time axis is completed where rows are missing."""


def merge_duplicates(table: SeriesTable, label_columns: Callable[[], list[str]]) -> SeriesTable:
    """Settle rows of one series with the same time, as the settings say.

    label_columns  finds columns that might tell series apart, for the advice in the complaint
    """
    same = np.zeros(len(table.values), bool)
    same[1:] = table.times[1:] == table.times[:-1]
    same[table.offsets[:-1]] = False
    if not same.any():
        return table
    count, first = int(same.sum()), int(same.argmax())
    s = table.series_of(first)
    if table.columns.duplicates == "refuse":
        labels = label_columns() if table.columns.id is None else []
        if labels:
            fix = f"if column {labels[0]!r} tells series apart, pass --id {labels[0]}"
        else:
            fix = "drop them or pass --duplicates last"
        times = "duplicate time" if count == 1 else "duplicate times"
        raise InputError(f"{table.name(s)}: {count} {times}, first {table.time_name(first)}; {fix}")
    values = table.values.copy()
    if table.columns.duplicates == "mean":
        starts = np.flatnonzero(~same)
        sizes = np.diff(np.append(starts, len(values)))
        values[starts] = np.add.reduceat(values, starts) / sizes
    keep = np.append(~same[1:], True) if table.columns.duplicates == "last" else ~same
    note = f"{count} rows with a duplicate time: kept the {table.columns.duplicates}"
    return dataclasses.replace(table, values=values, notes=(*table.notes, note)).select(keep)


def without_empty(table: SeriesTable) -> SeriesTable:
    """Leave out series without a single value, if the settings say so.

    Raises  InputError naming one where they do not, or where there is no other
    """
    counts = np.add.reduceat(~np.isnan(table.values), table.offsets[:-1])
    empty = np.flatnonzero(counts == 0)
    if not len(empty):
        return table
    if len(empty) == len(table) or table.columns.short != "drop":
        fix = "" if len(empty) == len(table) else "; remove its rows, or pass --short drop"
        raise InputError(f"{table.name(int(empty[0]))}: every value is missing{fix}")
    names = shorten([table.ids[s] for s in empty])
    note = f"{len(empty)} series without any value ({names}): left out"
    return dataclasses.replace(table.choose(np.flatnonzero(counts)), notes=(*table.notes, note), learnt=None)


def regularise(table: SeriesTable, usual: Frequency | None = None) -> SeriesTable:
    """Settle missing values and the frequency, as the settings say.

    usual  frequency of other series of the same table; None finds it in this one
    """
    missing = np.isnan(table.values)
    policy = table.columns.missing
    notes = list(table.notes)
    if missing.any():
        k = int(missing.argmax())
        s = table.series_of(k)
        where = f"{int(missing.sum())} of {len(missing)} values are missing, first at {table.time_name(k)}"
        if policy == "refuse":
            raise InputError(f"{table.name(s)}: {where}; pass --missing mask, drop, previous or interpolate")
        notes.append(f"{where}: {_DONE[policy]}")
        if policy == "drop":
            table = table.select(~missing)
    frequency, gap_notes, fill = _find_frequency(table, usual)
    table = dataclasses.replace(table, frequency=frequency, notes=tuple(notes + gap_notes))
    if fill:
        table = _with_missing_rows(table)
    if policy == "mask":
        return _without_leading(table)
    return _fill(table) if policy in ("previous", "interpolate") else table


_DONE = {
    "mask": "left missing; the model is told so, and not judged on them",
    "drop": "dropped, and the rows that are there taken as consecutive",
    "previous": "filled with the value before",
    "interpolate": "filled along a straight line",
}


def _find_frequency(table: SeriesTable, usual: Frequency | None) -> tuple[Frequency, list[str], bool]:
    """Return the frequency of all series, notes about gaps, and whether missing rows are to be filled in."""
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
    for s in odd:
        times = _times(table, s)
        if len(times) < 3:
            few.append(s)
            continue
        axis = infer_frequency(times)
        frequency = axis.frequency or axis.usual  # rows taken as consecutive are dated ahead by their usual step
        if frequency is None:
            raise InputError(f"{table.name(s)}: {axis.problem}; round the times, or number the rows")
        if axis.problem and (policy == "refuse" or (axis.frequency is None and policy != "drop")):
            raise InputError(f"{table.name(s)}: irregular times: {axis.problem}; {_mend_gaps(axis)}")
        found.setdefault(frequency, []).append(s)
        gaps.add(axis)
    frequency = _common_frequency(table, found)
    for s in few:  # fewer than three rows show no frequency of their own
        axis = check_frequency(_times(table, s), frequency)
        if axis.problem or (axis.missing and policy == "refuse"):
            rows = f"{table.lengths[s]} rows, which are not one {frequency.words} apart like those of other series"
            raise InputError(f"{table.name(s)}: {rows}; correct the times, or remove the series")
        gaps.add(axis)
    fill = gaps.missing > 0 and policy in COMPLETED and frequency.unit != "B"
    return frequency, _gap_notes(frequency, gaps, policy if fill else "drop"), fill


@dataclass
class _Gaps:
    """Steps without a row, over all series, and a sentence about the first."""

    missing: int = 0
    first: str = ""

    def add(self, axis: Axis) -> None:
        self.missing += axis.missing
        self.first = self.first or axis.first_gap


def _mend_gaps(axis: Axis) -> str:
    fix = "--missing drop takes the rows as consecutive"
    if axis.frequency is not None:
        fix += ", mask leaves the missing ones missing, previous or interpolate fills them"
    return fix


def _times(table: SeriesTable, s: int) -> NDArray[Any]:
    return table.times[table.offsets[s] : table.offsets[s + 1]]


def _frequency_of_longest(table: SeriesTable) -> Frequency | None:
    longest = int(table.lengths.argmax())
    times = _times(table, longest)
    if len(times) < 3:
        raise InputError(f"{table.name(longest)}: only {len(times)} rows; at least 3 are needed to see a frequency")
    return infer_frequency(times).frequency


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
        axes = (check_frequency(_times(table, s), frequency) for s in others)
        if (len(others) == 0) or all(not axis.problem and not axis.missing for axis in axes):
            return frequency
    kinds = "; ".join(f"{code}: {shorten([table.ids[s] for s in which], 3)}" for code, which in found.items())
    raise InputError(f"the series have different frequencies ({kinds}); forecast them apart, or pass --freq")


def _given_frequency(table: SeriesTable, frequency: Frequency) -> tuple[Frequency, list[str], bool]:
    if table.time_kind == "row":
        return frequency, [], False
    if (table.time_kind == "integer") != (frequency.unit == "step"):
        raise InputError(f"--freq {frequency} does not fit the {table.time_kind} times of {table.columns.time!r}")
    gaps = _Gaps()
    for s in _series_with(table, frequency.steps(table.times) != 1):
        axis = check_frequency(_times(table, s), frequency)
        if axis.problem:
            raise InputError(f"{table.name(s)}: steps of one {frequency.words} do not fit: {axis.problem}")
        gaps.add(axis)
    fill = gaps.missing > 0 and table.columns.missing in COMPLETED
    return frequency, _gap_notes(frequency, gaps, table.columns.missing if fill else "drop"), fill


def _gap_notes(frequency: Frequency, gaps: _Gaps, policy: str) -> list[str]:
    """Return what to say about missing rows: taken as they are under the policy "drop", else filled."""
    missing, first_gap = gaps.missing, gaps.first
    if not missing:
        return []
    if frequency.unit == "B" and policy == "drop":
        return [f"{missing} weekdays without a row ({first_gap}) are taken for holidays"]
    done = "the rows that are there are taken as consecutive" if policy == "drop" else _DONE[policy]
    return [f"{missing} {frequency.words}{'s' if missing > 1 else ''} without a row ({first_gap}): {done}"]


def _fill(table: SeriesTable) -> SeriesTable:
    """Fill missing values and covariates, as the settings say."""
    policy, given = table.columns.missing, table.given
    values = _filled(table, table.values, policy, "value")
    if given is not None:
        seen, future = given.seen.copy(), given.future.copy()
        for columns in (seen, future):
            for column in columns.T:
                column[:] = _filled(table, column, policy, "covariate")
        given = dataclasses.replace(given, seen=seen, future=future)
    return dataclasses.replace(table, values=values, given=given)


def _filled(table: SeriesTable, column: NDArray[np.float64], policy: str, what: str) -> NDArray[np.float64]:
    """Return a flat column (N,) with its gaps filled series by series."""
    missing = np.isnan(column)
    if not missing.any():
        return column
    first = np.flatnonzero(missing[table.offsets[:-1]])
    if len(first):
        name = table.name(int(first[0]))
        raise InputError(f"{name}: the first {what} is missing, and there is none before it to fill it with")
    rows = np.arange(len(column))
    before = np.maximum.accumulate(np.where(missing, -1, rows))
    if policy == "previous":
        return column[before]
    after = np.minimum.accumulate(np.where(missing, len(rows), rows)[::-1])[::-1]
    after = np.where(after < np.repeat(table.offsets[1:], table.lengths), after, before)
    share = (rows - before) / np.maximum(after - before, 1)
    return np.asarray(np.where(missing, column[before] + share * (column[after] - column[before]), column))


def _without_leading(table: SeriesTable) -> SeriesTable:
    """Return the table without the rows before the first value of each series: there is nothing to learn from them."""
    missing = np.isnan(table.values)
    if not missing[table.offsets[:-1]].any():
        return table
    rows = np.arange(len(missing))
    first = np.minimum.reduceat(np.where(missing, len(rows), rows), table.offsets[:-1])
    return table.select(rows >= np.repeat(first, table.lengths))


def _with_missing_rows(table: SeriesTable) -> SeriesTable:
    """Return the series on their complete axes, NaN where a row was missing."""
    sources, times, counts = [], [], []
    for s in range(len(table)):
        begin, end = int(table.offsets[s]), int(table.offsets[s + 1])
        axis, at = _complete_axis(table, s, table.times[begin:end])
        source = np.full(len(axis), -1, np.int64)
        source[at] = np.arange(begin, end)
        sources.append(source)
        times.append(axis)
        counts.append(len(axis))
    source = np.concatenate(sources)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    given = table.given
    if given is not None:
        given = dataclasses.replace(given, seen=_take(given.seen, source), future=_take(given.future, source))
    values = _take(table.values, source)
    return dataclasses.replace(table, values=values, times=np.concatenate(times), offsets=offsets, given=given)


def _take(values: NDArray[np.float64], source: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return rows of `values` by number, NaN where the number is -1."""
    taken = values[source]
    taken[source < 0] = np.nan
    return taken


def _complete_axis(table: SeriesTable, s: int, times: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the complete axis of a series, and where its rows lie on it."""
    grid = [times[:1]]
    while grid[-1][-1] < times[-1]:
        grid.append(table.frequency.future(grid[-1][-1], len(times)))
    axis = np.concatenate(grid)
    axis = axis[axis <= times[-1]]
    at = np.searchsorted(axis, times)
    if not np.array_equal(axis[np.minimum(at, len(axis) - 1)], times):
        raise InputError(f"{table.name(s)}: some times do not lie on a regular axis of one {table.frequency.words}")
    return axis, at


def check_infinite(table: SeriesTable) -> SeriesTable:
    """Refuse infinite values; NaN is left in the table where it stays missing."""
    infinite = np.isinf(table.values)
    if infinite.any():
        k = int(infinite.argmax())
        s = table.series_of(k)
        raise InputError(f"{table.name(s)}: infinite value at {table.time_name(k)}; correct or remove the row")
    return table


def constant_series(table: SeriesTable) -> NDArray[np.bool_]:
    """Return which series do not move, (S,)."""
    starts = table.offsets[:-1]
    return np.asarray(np.fmax.reduceat(table.values, starts) == np.fmin.reduceat(table.values, starts))


def check_constant(table: SeriesTable, constant: NDArray[np.bool_]) -> SeriesTable:
    """Refuse a table in which nothing moves; note series that do not."""
    if constant.all():
        which = f"column {table.columns.target!r}: every value is {table.values[0]:g}"
        raise InputError(f"{which}; a constant series needs no forecast")
    if constant.any():
        names = [table.ids[s] for s in np.flatnonzero(constant)]
        note = f"{len(names)} constant series ({shorten(names)}): forecast, but left out of MASE"
        return dataclasses.replace(table, notes=(*table.notes, note))
    return table
