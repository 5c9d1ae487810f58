"""Which clock times in a zone are kept by: UTC, or that on the wall where rows are days."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from lstmkit.data.rules import to_utc, to_wall
from lstmkit.data.series import SeriesTable
from lstmkit.data.times import ParsedTimes

Times = NDArray[Any]


def like_table(times: ParsedTimes, table: SeriesTable) -> Times:
    """Return times in a zone by the clock that a table is kept by: a few rows alone do not show it."""
    if times.zone is None or times.wall == table.wall or times.values.dtype.kind != "M":
        return times.values
    return to_wall(times.values, str(table.zone or times.zone)) if table.wall else to_utc(times.values, times.zone)
