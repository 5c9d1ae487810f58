"""New rows at the end of series that are already there, in place."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.clock import like_table
from lstmkit.data.covariates import covariate_numbers
from lstmkit.data.future import with_future
from lstmkit.data.native import to_polars
from lstmkit.data.parse import to_numbers
from lstmkit.data.series import LARGEST, SeriesTable, TableSettings, closest, shorten
from lstmkit.data.times import to_times
from lstmkit.errors import InputError


class Tail:
    """The last rows of every series, to which new ones are added.

    table   of a fitted model
    window  rows that are kept of each series; older ones are forgotten
    """

    def __init__(self, table: SeriesTable, window: int) -> None:
        self._window = window
        self._whole = table
        self._place: dict[Any, int] = {id: s for s, id in enumerate(table.ids)}
        self._own: dict[int, SeriesTable] = {}
        self._usual = table.columns.usual_format  # of times as text: found once, not at every row

    def append(self, rows: Any) -> SeriesTable:
        """Add rows; return the series that have new ones.

        rows    a table with the columns that the model learnt from, the rows of each series in order of time
        Raises  InputError if a row does not follow the last one of its series, or its id is not known; nothing is added
        """
        frame = to_polars(rows)
        if frame.height == 0:
            raise InputError("update: the table has no rows")
        columns = self._whole.columns
        if columns.wide:
            others = [c for c in frame.columns if c not in (*columns.wide, columns.id, columns.target)]
            frame = frame.select(*others, *columns.wide).unpivot(
                list(columns.wide),
                index=others,
                variable_name=columns.id,
                value_name=columns.target,
            )
        added: dict[int, SeriesTable] = {}
        for s, own in self._by_series(frame):
            added[s] = self._extended(self._own.get(s) or self._series(s), own)
        self._own |= added
        return _joined(list(added.values()), self._whole)

    def table(self) -> SeriesTable:
        """Return all series as they are now."""
        if self._own:
            self._whole = _joined([self._own.get(s) or self._series(s) for s in range(len(self._whole))], self._whole)
            self._own = {}
        return self._whole

    def _series(self, s: int) -> SeriesTable:
        """Return one series of the table, without looking at the others."""
        whole, given = self._whole, self._whole.given
        rows = slice(int(whole.offsets[s]), int(whole.offsets[s + 1]))
        if given is not None:
            given = dataclasses.replace(
                given,
                seen=given.seen[rows],
                future=given.future[rows],
                ahead=given.ahead[s : s + 1],
                numbers=given.numbers[s : s + 1],
                categories=given.categories[s : s + 1],
            )
        return dataclasses.replace(
            whole,
            ids=(whole.ids[s],),
            offsets=np.array([0, rows.stop - rows.start]),
            values=whole.values[rows],
            times=whole.times[rows],
            given=given,
            cut=whole.skipped[s : s + 1],
            learnt=whole.numbers[s : s + 1],
        )

    def _by_series(self, frame: pl.DataFrame) -> list[tuple[int, pl.DataFrame]]:
        id = self._whole.columns.id
        if id is None:
            return [(0, frame)]
        _require(frame, id)
        parts = [(0, frame)]
        own = frame[id] if frame[id].dtype.is_integer() else frame[id].cast(pl.String)
        if frame.height == 1:
            return [(self._find(own[0]), frame)]
        parts = []
        for value in own.unique(maintain_order=True).to_list():
            parts.append((self._find(value), frame.filter(own == value)))
        return parts

    def _find(self, id: Any) -> int:
        if id not in self._place:
            raise InputError(
                f"update: no series {id!r} among those learnt from ({shorten(list(self._place))}); forecast a new one "
                f"from rows of its own with predict"
            )
        return self._place[id]

    def _extended(self, series: SeriesTable, frame: pl.DataFrame) -> SeriesTable:
        """Return one series with the rows of a frame added, cut to the window."""
        columns = series.columns
        assert columns.target is not None
        _require(frame, columns.target)
        values = to_numbers(frame[columns.target], columns.target, columns.decimal)
        ahead = None
        if columns.future:  # rows without a target at the end say what is known ahead
            there = np.flatnonzero(~np.isnan(values))
            n = int(there[-1]) + 1 if len(there) else 0
            ahead, frame, values = frame[n:], frame[:n], values[:n]
        n = frame.height
        times = series.future_times(series.times[-1], n)
        if columns.time is not None:
            _require(frame, columns.time)
            found = to_times(frame[columns.time], columns.time, columns.time_format, self._usual)
            self._usual = found.format or self._usual
            times = _checked(series, like_table(found, series), times)
        wrong = (np.abs(values) > LARGEST) | (np.isnan(values) & (columns.missing != "mask"))
        if wrong.any():
            k = int(wrong.argmax())
            what = f"the value {values[k]:g} is too large" if np.isfinite(values[k]) else "infinite value"
            what = "the value is missing" if np.isnan(values[k]) else what
            raise InputError(f"update: {series.name(0)}, {series.show_time(times[k])}: {what}")
        given = series.given
        if given is not None:
            known = (
                np.stack([_covariate(frame, c, columns) for c in columns.future], 1)
                if columns.future
                else np.empty((n, 0))
            )
            seen = (
                np.stack([_covariate(frame, c, columns) for c in columns.past], 1) if columns.past else np.empty((n, 0))
            )
            given = dataclasses.replace(
                given,
                seen=np.concatenate([given.seen, seen])[-self._window :],
                future=np.concatenate([given.future, known])[-self._window :],
                ahead=given.ahead[:, n:],
            )
        all_values = np.concatenate([series.values, values])
        cut = max(0, len(all_values) - self._window)
        extended = dataclasses.replace(
            series,
            values=all_values[cut:],
            times=np.concatenate([series.times, times])[cut:],
            offsets=np.array([0, len(all_values) - cut]),
            cut=series.skipped + cut,
            given=given,
        )
        return extended if ahead is None or not ahead.height else with_future(extended, ahead)


def _checked(series: SeriesTable, found: NDArray[Any], expected: NDArray[Any]) -> NDArray[Any]:
    """Return the times of new rows, each a step after the one before; open days may be left out, as holidays are."""
    if np.array_equal(found, expected):
        return found
    if found.dtype.kind == "M" and series.dated_by.may_follow(np.concatenate([series.times[-1:], found])):
        return found
    k = int((found != expected).argmax())
    raise InputError(
        f"update: {series.name(0)}: a row at {series.show_time(found[k])}; the one that follows is "
        f"{series.show_time(expected[k])}"
    )


def _covariate(frame: pl.DataFrame, name: str, columns: TableSettings) -> NDArray[np.float64]:
    _require(frame, name)
    return covariate_numbers(frame[name], name, columns.decimal)


def _require(frame: pl.DataFrame, name: str) -> None:
    if name not in frame.columns:
        hint = f"{closest(name, frame.columns)} (columns: {shorten(frame.columns)})"
        raise InputError(f"update: no column {name!r}{hint}")


def _joined(parts: list[SeriesTable], like: SeriesTable) -> SeriesTable:
    """Return series, a table each, as one table."""
    if len(parts) == 1:
        return parts[0]
    given = like.given
    if given is not None:
        own = [part.covariates for part in parts]
        ahead = np.full((len(parts), max(c.ahead.shape[1] for c in own), given.future.shape[1]), np.nan)
        for s, covariates in enumerate(own):
            ahead[s, : covariates.ahead.shape[1]] = covariates.ahead[0]
        given = dataclasses.replace(
            given,
            seen=np.concatenate([c.seen for c in own]),
            future=np.concatenate([c.future for c in own]),
            ahead=ahead,
            numbers=np.concatenate([c.numbers for c in own]),
            categories=np.concatenate([c.categories for c in own]),
        )
    return dataclasses.replace(
        like,
        ids=tuple(part.ids[0] for part in parts),
        offsets=np.concatenate([[0], np.cumsum([len(part.values) for part in parts])]).astype(np.int64),
        values=np.concatenate([part.values for part in parts]),
        times=np.concatenate([part.times for part in parts]),
        cut=np.concatenate([part.skipped for part in parts]),
        learnt=np.concatenate([part.numbers for part in parts]),
        given=given,
    )
