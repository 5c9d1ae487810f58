"""How a fitted forecaster reads the tables it forecasts from."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.data.series import ROWS
from lstmkit.errors import InputError

NUMBERED = "no time column: the rows are taken in the order of the table; name one, or say time='row' if that is meant"


def read_to_learn(table: Any, columns: TableSettings) -> SeriesTable:
    """Read a user's table; warn if its rows are numbered because nothing in it looks like time."""
    read = read_table(table, columns)
    if read.time_kind == "row" and columns.time is None:
        warnings.warn(NUMBERED, stacklevel=3)
    return read


def columns_like(fitted: SeriesTable) -> TableSettings:
    """Return the settings to read tables like `fitted`: a few rows alone may not show their frequency."""
    known = None if fitted.time_kind == "row" else str(fitted.frequency)
    columns = fitted.columns
    usual = ROWS if fitted.time_kind == "row" else columns.usual_format
    return dataclasses.replace(columns, freq=columns.freq or known, usual_format=usual)


def recognised(read: SeriesTable, fitted: SeriesTable, window: int) -> SeriesTable:
    """Return a table with its series numbered as they were learnt.

    window  rows that the model needs of each series
    Raises  InputError if a series is too short to forecast from, unless the settings leave such out
    """
    places = {str(id): n for id, n in zip(fitted.ids, fitted.numbers, strict=True)}  # a CSV has text for numbers
    read = dataclasses.replace(read, learnt=np.array([places.get(str(id), -1) for id in read.ids], np.int64))
    read = dataclasses.replace(read, cut=_rows_before(read, fitted))
    least = 2 if read.columns.short == "pad" else window
    short = np.flatnonzero(read.lengths < least)
    if read.columns.short == "drop" and 0 < len(short) < len(read):
        note = f"{len(short)} series with fewer than {least} rows: left out"
        return dataclasses.replace(read.choose(np.flatnonzero(read.lengths >= least)), notes=(*read.notes, note))
    if len(short):
        s = int(short[0])
        raise InputError(f"{read.name(s)}: {read.lengths[s]} rows; the model needs {least} to forecast from")
    return read


def _rows_before(read: SeriesTable, fitted: SeriesTable) -> NDArray[np.int64]:
    """Return how many rows of each series came before its first one here, counted from the first row ever learnt from.

    Models with a season of their own need to know where in it a row lies. Of a series that was not learnt from, and of
    rows without times, the first one here is the first.
    """
    before = np.zeros(len(read), np.int64)
    if read.time_kind == "row":
        return before
    place = {int(n): s for s, n in enumerate(fitted.numbers)}
    for s in np.flatnonzero(read.numbers >= 0):
        f = place[int(read.numbers[s])]
        start, cut = fitted.times[fitted.offsets[f]], int(fitted.skipped[f])
        times = read.times[read.offsets[s] : read.offsets[s + 1]]
        k = int(np.searchsorted(times, start))
        if k < len(times) and times[k] == start:
            before[s] = cut - k
        else:
            ends = np.array([min(start, times[0]), max(start, times[0])])
            before[s] = cut + int(fitted.dated_by.steps(ends)[0]) * (1 if times[0] > start else -1)
    return before
