"""Covariates known ahead in a table of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.ahead import RowsAhead, place_ahead
from lstmkit.data.clock import like_table
from lstmkit.data.covariates import covariate_numbers
from lstmkit.data.native import to_polars
from lstmkit.data.series import SeriesTable, closest, shorten
from lstmkit.data.table import group_rows
from lstmkit.data.times import to_times
from lstmkit.errors import InputError


def with_future(table: SeriesTable, future: Any) -> SeriesTable:
    """Return the table with covariates known ahead for the steps after its end, from a table of their own.

    future   a row per id and time with the columns `table.columns.future`; rows at other times are left aside. Of a
             table with several targets side by side, a row per time
    Raises   InputError if it cannot be read; what it lacks is complained about when a forecast needs it
    """
    try:
        return place_ahead(table, _read_ahead(table, to_polars(future)))
    except InputError as error:
        raise InputError(f"future: {error}") from error


def _read_ahead(table: SeriesTable, frame: pl.DataFrame) -> RowsAhead:
    columns = table.columns
    if not columns.future:
        raise InputError("the model was fitted without covariates known ahead (--future)")
    id = None if columns.wide else columns.id
    for name in (*columns.future, *(c for c in (columns.time, id) if c is not None)):
        if name not in frame.columns:
            raise InputError(f"no column {name!r}{closest(name, frame.columns)}")
    known = np.stack([covariate_numbers(frame[name], name, columns.decimal) for name in columns.future], axis=1)
    times = None if columns.time is None else _times_like(table, frame[columns.time])
    if columns.wide:
        series = np.repeat(np.arange(len(table)), frame.height)
        known = np.tile(known, (len(table), 1))
        times = None if times is None else np.tile(times, len(table))
    else:
        groups, ids = group_rows(frame, columns)
        places = {str(own): s for s, own in enumerate(table.ids)}
        series = np.array([places.get(str(own), -1) for own in ids], np.int64)[groups]
    if not (series >= 0).any():
        raise InputError(f"no row has an id of the table ({shorten(table.ids)})")
    if times is None:
        times = table.times[table.offsets[1:] - 1][series] + 1 + _count_within(series)
    order = np.lexsort((times, series))
    order = order[series[order] >= 0]
    series, times, known = series[order], times[order], known[order]
    twice = (series[1:] == series[:-1]) & (times[1:] == times[:-1])
    if twice.any():
        m = int(twice.argmax())
        raise InputError(f"{table.name(int(series[m]))}: two rows for {table.show_time(times[m])}; drop one")
    return RowsAhead(series, times, known)


def _times_like(table: SeriesTable, column: pl.Series) -> NDArray[Any]:
    """Return times on the clock of a table: a few rows alone may not show whether they are days on the wall."""
    columns = table.columns
    times = to_times(column, columns.time or "", columns.time_format, columns.usual_format)
    if (times.kind == "integer") != (table.times.dtype.kind in "iu"):
        raise InputError(f"time column {column.name!r} holds {times.kind} times, but the table {table.time_kind} times")
    if times.zone is None and table.zone is not None and not table.wall:
        raise InputError(f"time column {column.name!r} has no time zone, but that of the table has ({table.zone})")
    return like_table(times, table)


def _count_within(series: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many rows of the same series come before each row, (M,)."""
    order = np.argsort(series, kind="stable")
    count = np.empty(len(series), np.int64)
    count[order] = np.arange(len(series)) - np.searchsorted(series[order], series[order])
    return count
