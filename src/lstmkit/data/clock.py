"""Which clock times in a zone are kept by: UTC, or the clock on the wall where days and opening hours follow it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.frequency import Frequency, parse_frequency
from lstmkit.data.inference import infer_frequency
from lstmkit.data.parse import ParsedTimes
from lstmkit.data.series import SeriesTable

Times = NDArray[Any]


def by_opening_hours(table: SeriesTable, usual: Frequency | None) -> SeriesTable:
    """Return the table on the clock on the wall, where its rows follow opening hours; else as it is.

    usual  frequency of other series of the same table; None looks at the longest
    """
    if table.zone in (None, "UTC") or table.wall or table.time_kind != "datetime":
        return table
    known = usual if table.columns.freq is None else parse_frequency(table.columns.freq)
    if known is not None and not known.has_hours:
        return table
    longest = int(table.lengths.argmax())
    own = slice(int(table.offsets[longest]), int(table.offsets[longest + 1]))
    if known is None and (own.stop - own.start < 3 or _is_regular(table.times[own])):
        return table
    wall = to_wall(table.times, str(table.zone))
    rises = np.diff(wall) > np.timedelta64(0)
    rises[table.offsets[1:-1] - 1] = True
    if not rises.all():  # rows in the hour that comes twice
        return table
    if known is None:
        found = infer_frequency(wall[own]).frequency
        if found is None or not found.has_hours:
            return table
    return dataclasses.replace(table, times=wall, wall=True)


def _is_regular(times: Times) -> bool:
    axis = infer_frequency(times)
    return not axis.problem and axis.frequency is not None and axis.frequency.rule is None


def like_table(times: ParsedTimes, table: SeriesTable) -> Times:
    """Return times in a zone by the clock that a table is kept by: a few rows alone do not show it."""
    if times.zone is None or times.wall == table.wall or times.values.dtype.kind != "M":
        return times.values
    return to_wall(times.values, str(table.zone or times.zone)) if table.wall else _to_utc(times.values, times.zone)


def to_wall(times: Times, zone: str) -> Times:
    """Return times in UTC by the clock on the wall of a zone."""
    local = pl.Series(times).dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    return local.dt.replace_time_zone(None).to_numpy()


def _to_utc(times: Times, zone: str) -> Times:
    utc = pl.Series(times).dt.replace_time_zone(zone).dt.convert_time_zone("UTC")
    return utc.dt.replace_time_zone(None).to_numpy()
