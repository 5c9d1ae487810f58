"""What is done about duplicate times and missing values: refused unless the settings say how.

All functions are pure. A complaint names the series, the value, and the option that would mend it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.axis import DONE, complete, find_frequency
from lstmkit.data.frequency import Frequency
from lstmkit.data.parse import TAKEN
from lstmkit.data.series import LARGEST, SeriesTable, shorten
from lstmkit.errors import InputError

ROUNDING = 8 * np.finfo(np.float64).eps
GIANT = 1e6
"""Usual changes of its series that a value must be away from its neighbours to be noted."""
LARGEST_RATIO = 1e30
"""The same to be refused: networks compute in float32."""


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
        apart = f"if column {labels[0]!r} tells series apart, pass --id {labels[0]}" if labels else ""
        fix = apart or _mend_duplicates(same)
        times = "duplicate time" if count == 1 else "duplicate times"
        raise InputError(f"{table.name(s)}: {count} {times}, first {table.time_name(first)}; {fix}")
    values, policy = table.values.copy(), table.columns.duplicates
    starts, kept = np.flatnonzero(~same), np.zeros(len(values), bool)
    if policy in ("mean", "sum"):
        known = np.add.reduceat(~np.isnan(values), starts)
        sums = np.add.reduceat(np.where(np.isnan(values), 0, values), starts)
        sums[known == 0] = np.nan
        values[starts] = sums / np.maximum(known, 1) if policy == "mean" else sums
        kept[starts] = True
    else:
        kept[_rows_kept(values, starts, policy)] = True
    done = "added up" if policy == "sum" else f"kept the {policy}"
    note = f"{count} row{'s' if count > 1 else ''} with a duplicate time: {done}"
    return dataclasses.replace(table, values=values, notes=(*table.notes, note)).select(kept)


def _rows_kept(values: NDArray[np.float64], starts: NDArray[np.intp], policy: str) -> NDArray[np.intp]:
    """Return the first or last row with a value of those that begin at some rows; without any, the first or last."""
    rows, known = np.arange(len(values)), ~np.isnan(values)
    if policy == "last":
        best = np.maximum.reduceat(np.where(known, rows, -1), starts)
        return np.where(best < 0, np.append(starts[1:], len(values)) - 1, best)
    best = np.minimum.reduceat(np.where(known, rows, len(values)), starts)
    return np.where(best == len(values), starts, best)


def _mend_duplicates(same: NDArray[np.bool_]) -> str:
    """Return the advice for duplicate times: at most times, rows are parts of a whole; at a few, slips."""
    times = int((~same).sum())
    several = int((same[1:] & ~same[:-1]).sum())
    if 2 * several > times:
        return "most times have several rows: pass --duplicates sum to add them up, or mean to average them"
    return "drop them or pass --duplicates last"


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
            marks = [note.split(": ")[-1].split("; ")[-1] for note in notes if TAKEN in note]
            where += f" ({marks[0].rpartition(' (')[0]})" if marks else ""
            raise InputError(f"{table.name(s)}: {where}; pass --missing mask, drop, previous or interpolate")
        notes.append(f"{where}: {DONE[policy]}")
        if policy == "drop":
            table = table.select(~missing)
    frequency, gap_notes, fill = find_frequency(table, usual)
    table = dataclasses.replace(table, frequency=frequency, notes=tuple(notes + gap_notes))
    if fill:
        table = complete(table)
    if policy == "mask":
        return _without_leading(table)
    return _fill(table) if policy in ("previous", "interpolate") else table


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


def check_sizes(table: SeriesTable) -> SeriesTable:
    """Refuse values that cannot be computed with; NaN is left in the table where it stays missing.

    A value that is a million times as far from its neighbours as others are from theirs is noted.
    Raises  InputError naming one that is infinite, too large, or dwarfs all others of its series; or a series all too
            small
    """
    infinite = np.isinf(table.values)
    if infinite.any():
        k = int(infinite.argmax())
        s = table.series_of(k)
        raise InputError(f"{table.name(s)}: infinite value at {table.time_name(k)}; correct or remove the row")
    size = np.abs(table.values)
    largest = np.fmax.reduceat(size, table.offsets[:-1])
    if largest.max() > LARGEST:
        k = int((size > LARGEST).argmax())
        raise InputError(
            f"{table.name(table.series_of(k))}: the value {table.values[k]:g} at {table.time_name(k)} is beyond "
            f"{LARGEST:g}, too large to compute with; correct it, or give the series in other units"
        )
    small = (largest > 0) & (largest < 1 / LARGEST)
    if small.any():
        s = int(small.argmax())
        raise InputError(
            f"{table.name(s)}: no value is beyond {largest[s]:g}, too small to compute with; give the series in other "
            f"units"
        )
    return _without_giants(table)


def _without_giants(table: SeriesTable) -> SeriesTable:
    """Note the first value that dwarfs all others of its series; refuse it where nothing else could be seen beside it.

    Changes of more than half the largest are the way there and back; the others are what it is compared with.
    """
    starts = table.offsets[:-1]
    changes = np.abs(np.diff(table.values, prepend=np.nan))
    changes[starts] = np.nan
    largest = np.fmax.reduceat(changes, starts)
    others = np.where(changes > np.repeat(largest / 2, table.lengths), np.nan, changes)
    counts = np.maximum(np.add.reduceat(~np.isnan(others), starts), 1)
    usual = np.add.reduceat(np.nan_to_num(others), starts) / counts
    giant = np.flatnonzero((usual > 0) & (largest / GIANT > usual))
    level = np.array([np.nanmedian(np.abs(table.values[starts[s] : table.offsets[s + 1]])) for s in giant])
    giant = giant[usual[giant] > ROUNDING * level]  # of a series that stands still but for its last digits
    if not len(giant):
        return table
    s = int(giant[np.argmax(largest[giant] / usual[giant])])
    own = slice(int(starts[s]), int(table.offsets[s + 1]))
    k = own.start + int(np.nanargmax(np.abs(table.values[own] - np.nanmedian(table.values[own]))))
    where = f"{table.name(s)}: the value {table.values[k]:g} at {table.time_name(k)}"
    if largest[s] / LARGEST_RATIO > usual[s]:
        raise InputError(f"{where} dwarfs all others, which cannot be told apart beside it; correct or remove the row")
    return dataclasses.replace(table, notes=(*table.notes, f"{where} dwarfs all others; correct it if it is a mistake"))


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
