"""The one place where a user's table becomes sequences. The user's table is never modified."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.ahead import place_ahead, split_ahead
from lstmkit.data.covariates import check_covariates, read_covariates
from lstmkit.data.faults import faults_on_values
from lstmkit.data.frequency import Frequency
from lstmkit.data.native import index_columns, name_of_type, to_long
from lstmkit.data.parse import is_numeric, number_notes, to_numbers
from lstmkit.data.repair import (
    check_constant,
    check_sizes,
    constant_series,
    merge_duplicates,
    regularise,
    without_empty,
)
from lstmkit.data.series import ROWS, Covariates, SeriesTable, TableSettings, closest, free_name, shorten
from lstmkit.data.time_column import clock_column, find_time_column
from lstmkit.data.times import ParsedTimes, to_times
from lstmkit.errors import InputError

LONGEST_ID = 1_000
"""Characters of an id: it stands in every row of a forecast."""


def read_table(table: Any, settings: TableSettings, learnt: Covariates | None = None) -> SeriesTable:
    """Turn a user's table into sequences.

    table    a polars, pandas or pyarrow table, or anything narwhals knows; it is not modified
    learnt   covariates of the table that a model has learnt from: static columns are read as they were there
    Returns  the series, sorted by time, checked
    Raises   InputError for whatever cannot be used
    """
    frame, id = to_long(table)
    if frame.height == 0:
        raise InputError("the table has no rows")
    if id is not None and settings.id is None and not settings.wide:
        settings = dataclasses.replace(settings, id=id)
    with faults_on_values():
        return _read_frame(frame, _of_index(frame, settings, index_columns(table)), learnt)


def _of_index(frame: pl.DataFrame, settings: TableSettings, levels: tuple[str, ...]) -> TableSettings:
    """Return the settings with the id, where a row index of two levels, one of them time, says which it is."""
    if len(levels) != 2 or settings.id is not None or settings.wide:
        return settings
    time = settings.time or find_time_column(frame.select(levels), settings.time_format, needed=0)
    if time not in levels:
        return settings
    id = levels[1 - levels.index(time)]
    return settings if id == settings.target else dataclasses.replace(settings, time=time, id=id)


def _read_frame(frame: pl.DataFrame, settings: TableSettings, learnt: Covariates | None) -> SeriesTable:
    remarks = number_notes(frame, settings.wide, settings.decimal)
    if settings.wide:
        frame, settings = lengthen(frame, settings)
    settings = resolve_columns(frame, settings)
    assert settings.target is not None
    values = to_numbers(frame[settings.target], settings.target, settings.decimal)
    groups, ids = group_rows(frame, settings)
    times, notes = read_times(frame, settings, groups)
    own = () if settings.wide else (settings.target,)
    notes = [*remarks, *number_notes(frame, (*own, *settings.future, *settings.past), settings.decimal), *notes]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(groups, minlength=len(ids)))]).astype(np.int64)
    order, unsorted = sort_rows(groups, None if times is None else times.values)
    if unsorted:
        notes.append(f"{unsorted} row{'s were' if unsorted > 1 else ' was'} out of time order: sorted")
    if times is None:
        axis = ParsedTimes(np.arange(len(values)) - np.repeat(offsets[:-1], np.diff(offsets)), "row")
    else:
        axis = dataclasses.replace(times, values=times.values if order is None else times.values[order])
    read = SeriesTable(
        ids=ids,
        offsets=offsets,
        values=values if order is None else values[order],
        times=axis.values,
        columns=settings if times is None else as_read(settings, times),
        time_kind=axis.kind,
        zone=axis.zone,
        frequency=Frequency("step"),
        notes=tuple(notes),
        wall=axis.wall,
        given=read_covariates(frame, settings, order, groups, ids, learnt),
    )
    checked = settle(read, lambda: _label_columns(frame, settings))
    return check_constant(checked, constant_series(checked))


def settle(read: SeriesTable, label_columns: Callable[[], list[str]], usual: Frequency | None = None) -> SeriesTable:
    """Return a table, as read and sorted, with all that is wrong mended or refused as its settings say.

    label_columns  finds columns that might tell series apart, for the advice in a complaint
    usual          frequency of other series of the same table; None finds it in this one
    """
    past, ahead = split_ahead(without_empty(merge_duplicates(read, label_columns)))
    return check_sizes(check_covariates(place_ahead(regularise(past, usual), ahead)))


def lengthen(frame: pl.DataFrame, settings: TableSettings) -> tuple[pl.DataFrame, TableSettings]:
    """Return a table with targets side by side in long format, a series per target."""
    if settings.static or (settings.id is not None and settings.target is None):
        raise InputError("several targets side by side are series of their own: --id and --static do not go with them")
    if len(set(settings.wide)) < len(settings.wide):
        raise InputError(f"target: {shorten(settings.wide)} names a column twice")
    for name in settings.wide:
        _require_column(frame, name)
    ours = (settings.id, settings.target)  # of a table read before; a column of that name means nothing here
    others = [c for c in frame.columns if c not in (*settings.wide, *ours)]
    id, target = settings.id or free_name("series", others), settings.target or free_name("value", others)
    numbers = [pl.Series(name, to_numbers(frame[name], name, settings.decimal)) for name in settings.wide]
    long = frame.select(*others, *numbers).unpivot(
        list(settings.wide), index=others, variable_name=id, value_name=target
    )
    return long, dataclasses.replace(settings, target=target, id=id)


def _require_column(frame: pl.DataFrame, name: str) -> None:
    if name not in frame.columns:
        columns = shorten(frame.columns, 12)
        raise InputError(f"no column {name!r}{closest(name, frame.columns)} (columns: {columns})")


def resolve_columns(frame: pl.DataFrame, settings: TableSettings) -> TableSettings:
    """Return the settings with every column named, and checked to exist."""
    covariates = (*settings.future, *settings.past, *settings.static)
    taken = [c for c in (settings.target, settings.id, *covariates) if c]
    numbered = settings.usual_format == ROWS or (settings.time == ROWS and (ROWS not in frame.columns or ROWS in taken))
    for name in (settings.target, None if numbered else settings.time, settings.id, *covariates):
        if name is not None:
            _require_column(frame, name)
    if numbered:
        time = None
    else:
        ids = None if settings.id is None else frame[settings.id]
        needed = 1 if settings.target is None else 0
        time = settings.time or find_time_column(frame.drop(set(taken)), settings.time_format, ids, needed)
    target = settings.target
    if target is None:
        others = [c for c in frame.columns if c not in (time, settings.id, *covariates)]
        numeric = [c for c in others if is_numeric(frame[c], settings.decimal)]
        plain = [c for c in numeric if not number_notes(frame.head(100), (c,), settings.decimal)]
        numeric = plain if len(plain) == 1 else numeric
        numeric = [c for c in numeric if not _numbers_rows(frame[c])] if len(numeric) > 1 else numeric
        if len(numeric) != 1:
            raise InputError(f"--target is needed: which column is to be forecast? (columns: {shorten(others, 12)})")
        target = numeric[0]
    chosen = [c for c in (target, time, settings.id, *covariates) if c is not None]
    if len(set(chosen)) < len(chosen):
        what = "target, time and id" if not covariates else "target, time, id and covariates"
        raise InputError(f"{what} must be different columns; got {', '.join(map(repr, chosen))}")
    if settings.calendar and time is None:
        raise InputError("--calendar needs a time column; name it with --time")
    if settings.time_format is not None and time is None:
        raise InputError("--time-format needs a time column, and --time row takes none; leave one of them out")
    id_type = "" if settings.id is None else name_of_type(frame.schema[settings.id])
    return dataclasses.replace(settings, target=target, time=time, id_type=id_type)


def _numbers_rows(column: pl.Series) -> bool:
    """Return whether a column is the index that pandas and R write: without a name, and counting on by one."""
    if column.name not in ("", "Unnamed: 0", "index", "column_1"):
        return False
    numbers = to_numbers(column, column.name)
    return bool((np.diff(numbers) == 1).all())


def read_times(
    frame: pl.DataFrame, settings: TableSettings, groups: NDArray[np.int64]
) -> tuple[ParsedTimes | None, list[str]]:
    """Return the times of all rows, None if they are only numbered, and notes.

    groups  (N,) series of each row
    """
    if settings.time is None:
        return None, ["no time column: the rows are taken in the order of the table and numbered from 0"]
    times = to_times(frame[settings.time], settings.time, settings.time_format, settings.usual_format, groups)
    if np.isnat(times.values).any() if times.values.dtype.kind == "M" else False:
        row = int(np.isnat(times.values).argmax())
        raise InputError(f"time column {settings.time!r}, row {row + 1}: the time is missing")
    if settings.calendar and times.kind == "integer":
        raise InputError(f"--calendar needs dates, but column {settings.time!r} holds whole numbers; leave it out")
    if times.kind == "date" and settings.duplicates == "refuse":
        _refuse_clock_beside(frame, settings, times, groups)
    return times, times.note


def _refuse_clock_beside(
    frame: pl.DataFrame, settings: TableSettings, times: ParsedTimes, groups: NDArray[np.int64]
) -> None:
    """Complain if days repeat, and their time of day stands in a column of its own."""
    roles = {settings.time, settings.target, settings.id, *settings.future, *settings.past, *settings.static}
    clock = clock_column(frame, {role for role in roles if role is not None})
    if clock is not None and pl.DataFrame({"group": groups, "time": times.values}).is_duplicated().any():
        raise InputError(
            f"date and time of day stand in two columns ({settings.time!r}, {clock!r}); write them into one, such as "
            f"2022-01-03 16:00"
        )


def as_read(settings: TableSettings, times: ParsedTimes) -> TableSettings:
    """Return settings that try first, for later tables, how times were written in this one."""
    return dataclasses.replace(settings, time_format=None, usual_format=times.format or None)


def group_rows(frame: pl.DataFrame, settings: TableSettings) -> tuple[NDArray[np.int64], tuple[Any, ...]]:
    """Return the series number of every row (N,), and the ids in order of appearance.

    Raises  InputError if an id is missing
    """
    if settings.id is None:
        return np.zeros(frame.height, np.int64), (None,)
    column = frame[settings.id]
    if column.dtype == pl.String and (column == "").any():
        column = column.set(column == "", None)
    if column.null_count():
        raise InputError(f"id column {settings.id!r}, row {int(column.is_null().arg_true()[0]) + 1}: the id is missing")
    if not column.dtype.is_integer():
        column = column.cast(pl.String)
        lengths = column.str.len_chars()
        if lengths.max() > LONGEST_ID:  # type: ignore[operator]
            row = int(lengths.arg_max() or 0)
            raise InputError(
                f"id column {settings.id!r}, row {row + 1}: an id of {lengths[row]:,} characters; the longest may have "
                f"{LONGEST_ID:,}"
            )
    starts = np.flatnonzero(column.ne_missing(column.shift()).to_numpy())  # one of each run of rows is looked up
    heads = column.gather(starts)
    ids = heads.unique(maintain_order=True)
    numbers = pl.DataFrame({"id": ids, "number": np.arange(len(ids))})
    joined = pl.DataFrame({"id": heads}).join(numbers, on="id", how="left", maintain_order="left")
    return np.repeat(joined["number"].to_numpy(), np.diff(starts, append=frame.height)), tuple(ids.to_list())


def sort_rows(groups: NDArray[np.int64], times: NDArray[Any] | None) -> tuple[NDArray[np.int64] | None, int]:
    """Return the order (N,) that sorts rows by series, then by time, and how many rows were before an earlier one.

    times    (N,), or None to keep the order of the rows within a series
    Returns  None for the order if the rows are sorted: then nothing has to be copied
    """
    order = None
    if (groups[1:] < groups[:-1]).any():
        narrow = groups.astype(np.uint16) if groups.max() < 1 << 16 else groups  # numpy sorts 16 bits in one pass
        order = np.argsort(narrow, kind="stable")
    if times is None:
        return order, 0
    t, g = (times, groups) if order is None else (times[order], groups[order])
    unsorted = int(((t[1:] < t[:-1]) & (g[1:] == g[:-1])).sum())
    return (np.lexsort((times, groups)) if unsorted else order), unsorted


def _label_columns(frame: pl.DataFrame, settings: TableSettings) -> list[str]:
    """Return the text columns that look as if they told series apart."""
    text = [c for c in frame.columns if frame.schema[c] == pl.String and c != settings.time]
    found = [c for c in text if 1 < frame[c].n_unique() <= frame.height // 3 and not is_numeric(frame[c])]
    if found or settings.time is None:
        return found
    others = [c for c in frame.columns if c not in (settings.time, settings.target, *settings.future, *settings.past)]
    return [c for c in others if _tells_apart(frame, c, settings.time)]


def _tells_apart(frame: pl.DataFrame, name: str, time: str) -> bool:
    """Return whether a column of few whole numbers has no time twice for one of them."""
    column = frame[name]
    if not (column.dtype.is_integer() or column.dtype == pl.String) or not is_numeric(column):
        return False
    few = 1 < column.n_unique() <= frame.height // 3
    return few and not frame.select(name, time).is_duplicated().any()
