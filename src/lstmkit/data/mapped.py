"""Parquet files that are larger than memory: read piece by piece, sorted in files, and mapped from there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.covariates import read_covariates
from lstmkit.data.disk import PIECE, FlatFile, pieces
from lstmkit.data.faults import faults_on_values, polars_faults
from lstmkit.data.frequency import Frequency
from lstmkit.data.parse import to_numbers
from lstmkit.data.read import parquet_rows
from lstmkit.data.repair import check_constant, constant_series
from lstmkit.data.series import Covariates, SeriesTable, TableSettings
from lstmkit.data.table import as_read, group_rows, lengthen, read_times, resolve_columns, settle, sort_rows
from lstmkit.data.times import ParsedTimes
from lstmkit.errors import InputError

SEEN_FIRST = 10_000
"""Rows by which the columns are found."""
MOST_NOTES = 10


def read_mapped(
    path: Path,
    settings: TableSettings,
    learnt: Covariates | None = None,
    folder: Path | None = None,
    piece: int = PIECE,
) -> SeriesTable:
    """Turn a Parquet file into sequences as `read_table` does, with memory for a piece of it at a time.

    learnt   as in `read_table`
    folder   for the files that the arrays are mapped from; None for the one for temporary files (TMPDIR). The files go
             with the table
    piece    rows in memory at a time
    Returns  the series; values, times and covariates of rows are mapped
    Raises   InputError for whatever cannot be used
    """
    source = _Source(path, settings, piece)
    with faults_on_values():
        raw = _by_series(_read_rows(source, folder), folder)
        return _settled(source, raw, _static(source, raw, learnt), folder)


class _Source:
    """A file as frames of `piece` rows with the columns that are used."""

    def __init__(self, path: Path, settings: TableSettings, piece: int) -> None:
        self._damaged = f"{path}: not a readable Parquet file; it is damaged or cut short"
        self.rows = parquet_rows(path)
        with polars_faults(self._damaged):
            self._scan = pl.scan_parquet(path)
            first = self._scan.head(SEEN_FIRST).collect()
        if not self.rows:
            raise InputError("the table has no rows")
        self._given, self._piece = settings, piece
        if settings.wide:
            first, settings = lengthen(first, settings)
        self.settings = resolve_columns(first, settings)
        used = (self.settings.target, self.settings.time, self.settings.id, *self._covariates(), *settings.wide)
        self._used = [c for c in dict.fromkeys(used) if c in self._scan.collect_schema().names()]

    def _covariates(self) -> tuple[str, ...]:
        return (*self.settings.future, *self.settings.past, *self.settings.static)

    def frames(self) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield the number of the first row, and the rows from there on."""
        for begin in range(0, self.rows, self._piece):
            with polars_faults(self._damaged):
                frame = self._scan.select(self._used).slice(begin, self._piece).collect()
            if frame.height < min(self._piece, self.rows - begin):  # the file says that it has more than it has
                raise InputError(self._damaged)
            yield begin, (lengthen(frame, self._given)[0] if self._given.wide else frame)


@dataclasses.dataclass
class _Raw:
    """A file as flat arrays (N, ...), in the order of its rows or by series.

    groups   (N,) series of each row
    columns  values, times (unless the rows are only numbered), seen and future by name
    axis     how the times are to be understood, or None
    counts   (S,) rows of each series
    static   a row for each id and each combination of its attributes
    """

    groups: NDArray[Any]
    columns: dict[str, NDArray[Any]]
    axis: ParsedTimes | None
    ids: tuple[Any, ...]
    counts: NDArray[np.int64]
    static: pl.DataFrame
    notes: list[str]


def _read_rows(source: _Source, folder: Path | None) -> _Raw:
    """Read all pieces into flat files, in the order of the rows."""
    settings = source.settings
    files: dict[str, FlatFile] = {}
    numbers: dict[Any, int] = {}
    counts = np.zeros(0, np.int64)
    axis: ParsedTimes | None = None
    notes: list[str] = []
    static: list[pl.DataFrame] = []
    for begin, frame in source.frames():
        try:
            columns = _columns_of(frame, settings)
            local, ids = group_rows(frame, settings)
            times, remarks = read_times(frame, settings, local)
        except InputError as error:
            raise InputError(f"{error}{f' (rows counted from row {begin + 1})' if begin else ''}") from error
        groups = np.array([numbers.setdefault(id, len(numbers)) for id in ids], np.int32)[local]
        counts = np.pad(counts, (0, len(numbers) - len(counts))) + np.bincount(groups, minlength=len(numbers))
        columns["groups"] = groups
        if times is not None:
            if axis is not None and _written(axis) != _written(times):
                raise InputError(
                    f"time column {settings.time!r}: rows from {begin + 1} on are written otherwise than those before "
                    f"them; pass --time-format"
                )
            axis, columns["times"] = times, times.values
            settings = dataclasses.replace(settings, usual_format=times.format or None)
            source.settings = as_read(source.settings, times)
        for name, rows in columns.items():
            files.setdefault(name, FlatFile(rows.dtype, rows.shape[1:], folder)).append(rows)
        notes = notes or remarks
        if settings.static:
            id = [] if settings.id is None else [settings.id]
            static.append(frame.select(*id, *settings.static).unique(maintain_order=True))
    arrays = {name: file.mapped() for name, file in files.items()}
    distinct = pl.concat(static).unique(maintain_order=True) if static else pl.DataFrame()
    return _Raw(arrays.pop("groups"), arrays, axis, tuple(numbers), counts, distinct, notes)


def _columns_of(frame: pl.DataFrame, settings: TableSettings) -> dict[str, NDArray[Any]]:
    assert settings.target is not None
    only = dataclasses.replace(settings, static=())
    given = read_covariates(frame, only, None, np.zeros(frame.height, np.int64), (None,), None)
    given = given or Covariates.none(frame.height, 1)
    values = to_numbers(frame[settings.target], settings.target, settings.decimal)
    return {"values": values, "seen": given.seen, "future": given.future}


def _written(axis: ParsedTimes) -> tuple[str, str | None, str, bool]:
    return axis.kind, axis.zone, axis.format, axis.wall


def _by_series(raw: _Raw, folder: Path | None) -> _Raw:
    """Return the rows by series; within a series they stand as in the file."""
    N = len(raw.groups)
    cuts = range(0, N, PIECE)
    if all((np.diff(raw.groups[a : a + PIECE + 1]) >= 0).all() for a in cuts):
        return raw
    begins = np.concatenate([[0], np.cumsum(raw.counts)[:-1]])
    columns = {}
    for name, array in raw.columns.items():
        file = FlatFile(array.dtype, array.shape[1:], folder)
        file.extend(N)
        columns[name] = file.mapped(writes=True)
    for a in cuts:
        groups = raw.groups[a : a + PIECE]
        order = np.argsort(groups, kind="stable")
        own, first, count = np.unique(groups[order], return_index=True, return_counts=True)
        at = np.repeat(begins[own] - first, count) + np.arange(len(groups))
        for name, column in columns.items():
            column[at] = raw.columns[name][a : a + PIECE][order]
        begins[own] += count
    return dataclasses.replace(raw, columns=columns)


def _static(source: _Source, raw: _Raw, learnt: Covariates | None) -> Covariates | None:
    """Return the attributes of all series, and no rows."""
    settings = source.settings
    if not (settings.static or settings.future or settings.past):
        return None
    only = dataclasses.replace(settings, future=(), past=())
    given = None
    if settings.static:
        local, ids = group_rows(raw.static, settings)
        place = {id: s for s, id in enumerate(raw.ids)}
        groups = np.array([place[id] for id in ids], np.int64)[local]
        given = read_covariates(raw.static, only, None, groups, raw.ids, learnt)
    return given or Covariates.none(0, len(raw.ids))


def _settled(source: _Source, raw: _Raw, given: Covariates | None, folder: Path | None) -> SeriesTable:
    """Mend or refuse what is wrong, some series at a time, and put them together again."""
    offsets = np.concatenate([[0], np.cumsum(raw.counts)]).astype(np.int64)
    whole, moved, frequency = _Whole(folder), 0, None
    for a, b in pieces(offsets):
        part, unsorted = _part(source.settings, raw, given, offsets, a, b)
        moved += unsorted
        part = settle(part, list, frequency)
        if frequency is not None and part.frequency != frequency:
            raise InputError(
                f"the series have different frequencies ({frequency}: {raw.ids[0]!r}; {part.frequency}: "
                f"{part.ids[0]!r}); forecast them apart, or pass --freq"
            )
        frequency = part.frequency
        whole.add(part)
    notes = list(raw.notes)
    if moved:
        notes.append(f"{moved} row{'s were' if moved > 1 else ' was'} out of time order: sorted")
    return whole.table(notes)


def _part(
    settings: TableSettings, raw: _Raw, given: Covariates | None, offsets: NDArray[np.int64], a: int, b: int
) -> tuple[SeriesTable, int]:
    """Return the series from number `a` to before `b` in memory, sorted, and how many rows were not."""
    rows = slice(int(offsets[a]), int(offsets[b]))
    own = offsets[a : b + 1] - offsets[a]
    columns = {name: np.array(array[rows]) for name, array in raw.columns.items()}
    if raw.axis is None:
        axis, unsorted = ParsedTimes(np.arange(own[-1]) - np.repeat(own[:-1], np.diff(own)), "row"), 0
    else:
        order, unsorted = sort_rows(np.repeat(np.arange(b - a), np.diff(own)), columns["times"])
        if order is not None:
            columns = {name: column[order] for name, column in columns.items()}
        axis = dataclasses.replace(raw.axis, values=columns["times"])
    if given is not None:
        given = dataclasses.replace(
            given,
            seen=columns["seen"],
            future=columns["future"],
            ahead=np.empty((b - a, 0, columns["future"].shape[1])),
            numbers=given.numbers[a:b],
            categories=given.categories[a:b],
        )
    part = SeriesTable(
        ids=raw.ids[a:b],
        offsets=own,
        values=columns["values"],
        times=axis.values,
        columns=settings,
        time_kind=axis.kind,
        zone=axis.zone,
        frequency=Frequency("step"),
        wall=axis.wall,
        given=given,
    )
    return part, unsorted


class _Whole:
    """Parts of a table, put together in files."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: dict[str, FlatFile] = {}
        self._parts: list[SeriesTable] = []
        self._constant: list[NDArray[np.bool_]] = []

    def add(self, part: SeriesTable) -> None:
        """Add series; their rows go to the files, the rest stays in memory."""
        given = part.covariates
        columns = {"values": part.values, "times": part.times, "seen": given.seen, "future": given.future}
        for name, rows in columns.items():
            file = self._files.setdefault(name, FlatFile(rows.dtype, rows.shape[1:], self._folder))
            file.append(rows)
        self._constant.append(constant_series(part))
        small = None if part.given is None else dataclasses.replace(given, seen=given.seen[:0], future=given.future[:0])
        self._parts.append(dataclasses.replace(part, values=part.values[:0], times=part.times[:0], given=small))

    def table(self, notes: list[str]) -> SeriesTable:
        """Return all of it."""
        parts, first = self._parts, self._parts[0]
        remarks = [note for part in parts for note in part.notes]
        if len(remarks) > MOST_NOTES:
            remarks = [*remarks[:MOST_NOTES], f"and {len(remarks) - MOST_NOTES} more remarks of this kind"]
        arrays = {name: file.mapped() for name, file in self._files.items()}
        given = first.given
        if given is not None:
            own = [part.covariates for part in parts]
            A = max(g.ahead.shape[1] for g in own)
            pad = [np.pad(g.ahead, ((0, 0), (0, A - g.ahead.shape[1]), (0, 0)), constant_values=np.nan) for g in own]
            given = dataclasses.replace(
                given,
                seen=arrays["seen"],
                future=arrays["future"],
                ahead=np.concatenate(pad),
                numbers=np.concatenate([g.numbers for g in own]),
                categories=np.concatenate([g.categories for g in own]),
            )
        lengths = np.concatenate([part.lengths for part in parts])
        table = dataclasses.replace(
            first,
            ids=tuple(id for part in parts for id in part.ids),
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            values=arrays["values"],
            times=arrays["times"],
            notes=(*notes, *remarks),
            given=given,
        )
        return check_constant(table, np.concatenate(self._constant))
