"""Covariates known ahead: rows after the last target of each series, and the steps that they must be there for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.series import SeriesTable, shorten
from lstmkit.errors import InputError

MOST_DATES = 3
"""Dates that a complaint lists."""


@dataclass(frozen=True)
class RowsAhead:
    """Rows after the last target of their series: series and time (M,), and covariates known ahead (M, F)."""

    series: NDArray[np.int64]
    times: NDArray[Any]
    known: NDArray[np.float64]


def split_ahead(table: SeriesTable) -> tuple[SeriesTable, RowsAhead | None]:
    """Return the table without the rows at the end of each series that have no target, and those rows.

    A table without covariates known ahead is returned as it is: there, a missing value at the end is a missing value.
    Every series must have a value.
    """
    given = table.given
    if given is None or not given.future.shape[1]:
        return table, None
    position = np.arange(len(table.values))
    last = np.maximum.reduceat(np.where(np.isnan(table.values), -1, position), table.offsets[:-1])
    tail = position > np.repeat(last, table.lengths)
    if not tail.any():
        return table, None
    series = np.repeat(np.arange(len(table)), table.lengths)[tail]
    return table.select(~tail), RowsAhead(series, table.times[tail], given.future[tail])


def place_ahead(table: SeriesTable, rows: RowsAhead | None) -> SeriesTable:
    """Return the table with covariates known ahead at the steps that follow each series, NaN where no row is.

    Rows at other times are left aside. What the table has for a step already stays where the rows say nothing.
    Raises  InputError if a value is infinite
    """
    given = table.given
    if rows is None or given is None:
        return table
    lasts = table.times[table.offsets[1:] - 1]
    pairs = np.stack([lasts[rows.series], rows.times], axis=1)
    steps = table.dated_by.steps(pairs.ravel())[::2]
    steps = np.where(rows.times > pairs[:, 0], steps, 0)
    A = max(int(steps.max(initial=0)), given.ahead.shape[1])
    ahead = np.full((len(table), A, rows.known.shape[1]), np.nan)
    ahead[:, : given.ahead.shape[1]] = given.ahead
    later = steps > 0
    series, steps, times, known = rows.series[later], steps[later], rows.times[later], rows.known[later]
    wanted = table.future_times(lasts, A)
    there = table.dated_by.same_row(wanted[series, steps - 1], times)
    series, steps, known = series[there], steps[there], known[there]
    infinite = np.isinf(known)
    if infinite.any():
        m, column = (int(i) for i in np.argwhere(infinite)[0])
        when = table.show_time(wanted[series[m], steps[m] - 1])
        name = table.columns.future[column]
        raise InputError(f"column {name!r}, {table.name(series[m])}, {when}: infinite value; correct or remove the row")
    ahead[series, steps - 1] = np.where(np.isnan(known), ahead[series, steps - 1], known)
    return dataclasses.replace(table, given=dataclasses.replace(given, ahead=ahead))


def require_ahead(table: SeriesTable, steps: int) -> None:
    """Make sure that the covariates known ahead are there for `steps` steps after every series.

    Raises  InputError naming ids and dates where they are not
    """
    names = table.columns.future
    if not names:
        return
    given = table.covariates.ahead[:, :steps]
    missing = np.ones((len(table), steps, len(names)), bool)
    missing[:, : given.shape[1]] = np.isnan(given)
    if not missing.any():
        return
    lacking = np.flatnonzero(missing.any(axis=(1, 2)))
    s = int(lacking[0])
    column = int(missing[s].any(axis=0).argmax())
    times = table.future_times(table.times[table.offsets[s + 1] - 1], steps)[missing[s, :, column]]
    dates = ", ".join(table.show_time(t) for t in times[:MOST_DATES]) + (", ..." if len(times) > MOST_DATES else "")
    others = shorten([table.ids[i] for i in lacking[1:]], MOST_DATES)
    raise InputError(
        f"{table.name(s)}: column {names[column]!r} is known ahead, but has no value for {len(times)} of the {steps} "
        f"steps after the last row ({dates}); add rows with these times and an empty target"
        + (f"; so it is with {others}" if len(lacking) > 1 else "")
    )
