"""What is done about duplicate times, missing values and missing rows: refused unless the settings say how.

All functions are pure. A complaint names the series, the value, and the option that would mend it.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.frequency import Frequency, check_frequency, infer_frequency, parse_frequency
from lstmkit.data.series import SeriesTable, shorten
from lstmkit.errors import InputError


def merge_duplicates(table: SeriesTable, label_columns: list[str]) -> SeriesTable:
    """Settle rows of one series with the same time, as the settings say.

    label_columns  columns that might tell series apart, for the advice in the complaint
    """
    same = np.zeros(len(table.values), bool)
    same[1:] = table.times[1:] == table.times[:-1]
    same[table.offsets[:-1]] = False
    if not same.any():
        return table
    count, first = int(same.sum()), int(same.argmax())
    s = table.series_of(first)
    if table.columns.duplicates == "refuse":
        if table.columns.id is None and label_columns:
            fix = f"if column {label_columns[0]!r} tells series apart, pass --id {label_columns[0]}"
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


def regularise(table: SeriesTable) -> SeriesTable:
    """Settle missing values and the frequency, as the settings say."""
    missing = np.isnan(table.values)
    policy = table.columns.missing
    notes = list(table.notes)
    if missing.any():
        k = int(missing.argmax())
        s = table.series_of(k)
        where = f"{int(missing.sum())} of {len(missing)} values are missing, first at {table.time_name(k)}"
        if policy == "refuse":
            raise InputError(
                f"{table.name(s)}: {where}; pass --missing drop, --missing previous or --missing interpolate"
            )
        if missing.all():
            raise InputError(f"{table.name(s)}: every value is missing")
        notes.append(f"{where}: {_DONE[policy]}")
        if policy == "drop":
            table = table.select(~missing)
    empty = np.flatnonzero(table.lengths == 0)
    if len(empty):
        raise InputError(f"{table.name(int(empty[0]))}: every value is missing")
    frequency, gap_notes, fill = _find_frequency(table)
    table = dataclasses.replace(table, frequency=frequency, notes=tuple(notes + gap_notes))
    return _fill(table, fill) if fill or (policy in ("previous", "interpolate") and missing.any()) else table


_DONE = {
    "drop": "dropped, and the rows that are there taken as consecutive",
    "previous": "filled with the value before",
    "interpolate": "filled along a straight line",
}


def _find_frequency(table: SeriesTable) -> tuple[Frequency, list[str], bool]:
    """Return the frequency of all series, notes about gaps, and whether missing rows are to be filled in."""
    if table.columns.freq is not None:
        return _given_frequency(table, parse_frequency(table.columns.freq))
    if table.time_kind == "row":
        return Frequency("step"), [], False
    policy = table.columns.missing
    found: dict[str, list[int]] = {}
    missing, first_gap, fill = 0, "", False
    for s in range(len(table)):
        times = table.times[table.offsets[s] : table.offsets[s + 1]]
        if len(times) < 3:
            raise InputError(f"{table.name(s)}: only {len(times)} rows; at least 3 are needed to see a frequency")
        axis = infer_frequency(times)
        frequency = axis.frequency or axis.usual  # rows taken as consecutive are dated ahead by their usual step
        if frequency is None:
            raise InputError(f"{table.name(s)}: {axis.problem}; round the times, or number the rows")
        if axis.problem and (policy == "refuse" or (axis.frequency is None and policy != "drop")):
            fix = "--missing drop takes the rows as consecutive"
            if axis.frequency is not None:
                fix += ", --missing previous or interpolate fills the missing ones"
            raise InputError(f"{table.name(s)}: irregular times: {axis.problem}; {fix}")
        found.setdefault(str(frequency), []).append(s)
        missing += axis.missing
        first_gap = first_gap or axis.first_gap
        fill = fill or (axis.missing > 0 and policy in ("previous", "interpolate") and frequency.unit != "B")
    if len(found) > 1:
        kinds = "; ".join(f"{code}: {shorten([table.ids[s] for s in which], 3)}" for code, which in found.items())
        raise InputError(f"the series have different frequencies ({kinds}); forecast them apart, or pass --freq")
    frequency = parse_frequency(next(iter(found)))
    return frequency, _gap_notes(frequency, missing, first_gap, policy if fill else "drop"), fill


def _given_frequency(table: SeriesTable, frequency: Frequency) -> tuple[Frequency, list[str], bool]:
    if table.time_kind == "row":
        return frequency, [], False
    if (table.time_kind == "integer") != (frequency.unit == "step"):
        raise InputError(f"--freq {frequency} does not fit the {table.time_kind} times of {table.columns.time!r}")
    missing, first_gap = 0, ""
    for s in range(len(table)):
        axis = check_frequency(table.times[table.offsets[s] : table.offsets[s + 1]], frequency)
        if axis.problem:
            raise InputError(f"{table.name(s)}: steps of one {frequency.words} do not fit: {axis.problem}")
        missing += axis.missing
        first_gap = first_gap or axis.first_gap
    fill = missing > 0 and table.columns.missing in ("previous", "interpolate")
    return frequency, _gap_notes(frequency, missing, first_gap, table.columns.missing if fill else "drop"), fill


def _gap_notes(frequency: Frequency, missing: int, first_gap: str, policy: str) -> list[str]:
    """Return what to say about missing rows: taken as they are under the policy "drop", else filled."""
    if not missing:
        return []
    if frequency.unit == "B" and policy == "drop":
        return [f"{missing} weekdays without a row ({first_gap}) are taken for holidays"]
    done = "the rows that are there are taken as consecutive" if policy == "drop" else _DONE[policy]
    return [f"{missing} {frequency.words}{'s' if missing > 1 else ''} without a row ({first_gap}): {done}"]


def _fill(table: SeriesTable, rows_too: bool) -> SeriesTable:
    """Fill missing values, and missing rows of a regular axis if `rows_too`."""
    values, times, counts = [], [], []
    for s in range(len(table)):
        t = table.times[table.offsets[s] : table.offsets[s + 1]]
        v = table.values[table.offsets[s] : table.offsets[s + 1]]
        if rows_too:
            t, v = _with_missing_rows(table, s, t, v)
        known = np.flatnonzero(~np.isnan(v))
        if np.isnan(v[0]):
            raise InputError(
                f"{table.name(s)}: the first value is missing, and there is none before it to fill it with"
            )
        if table.columns.missing == "previous":
            v = v[known][np.searchsorted(known, np.arange(len(v)), side="right") - 1]
        else:
            v = np.interp(np.arange(len(v)), known, v[known])
        values.append(v)
        times.append(t)
        counts.append(len(v))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return dataclasses.replace(table, values=np.concatenate(values), times=np.concatenate(times), offsets=offsets)


def _with_missing_rows(
    table: SeriesTable, s: int, times: NDArray[Any], values: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the series on its complete axis, NaN where a row was missing."""
    grid = [times[:1]]
    while grid[-1][-1] < times[-1]:
        grid.append(table.frequency.future(grid[-1][-1], len(times)))
    axis = np.concatenate(grid)
    axis = axis[axis <= times[-1]]
    at = np.searchsorted(axis, times)
    if not np.array_equal(axis[np.minimum(at, len(axis) - 1)], times):
        raise InputError(f"{table.name(s)}: some times do not lie on a regular axis of one {table.frequency.words}")
    filled = np.full(len(axis), np.nan)
    filled[at] = values
    return axis, filled


def check_values(table: SeriesTable) -> SeriesTable:
    """Refuse infinite values and tables in which nothing moves; note series that do not."""
    infinite = np.isinf(table.values)
    if infinite.any():
        k = int(infinite.argmax())
        s = table.series_of(k)
        raise InputError(f"{table.name(s)}: infinite value at {table.time_name(k)}; correct or remove the row")
    starts = table.offsets[:-1]
    constant = np.maximum.reduceat(table.values, starts) == np.minimum.reduceat(table.values, starts)
    if constant.all():
        which = f"column {table.columns.target!r}: every value is {table.values[0]:g}"
        raise InputError(f"{which}; a constant series needs no forecast")
    if constant.any():
        names = [table.ids[s] for s in np.flatnonzero(constant)]
        note = f"{len(names)} constant series ({shorten(names)}): forecast, but left out of MASE"
        return dataclasses.replace(table, notes=(*table.notes, note))
    return table
