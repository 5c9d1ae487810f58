"""The one place where a user's table becomes sequences. The user's table is never modified."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.frequency import Frequency
from lstmkit.data.parse import TIME_NAMES, ParsedTimes, find_time_column, to_numbers, to_times
from lstmkit.data.repair import check_values, merge_duplicates, regularise
from lstmkit.data.series import SeriesTable, TableSettings, closest, shorten
from lstmkit.errors import InputError

TableKind = Literal["polars", "pandas", "pyarrow"]


def read_table(table: Any, settings: TableSettings) -> SeriesTable:
    """Turn a user's table into sequences.

    table    a polars, pandas or pyarrow table, or anything narwhals knows; it is not modified
    Returns  the series, sorted by time, checked
    Raises   InputError for whatever cannot be used
    """
    frame = _to_polars(table)
    if frame.height == 0:
        raise InputError("the table has no rows")
    settings = _resolve_columns(frame, settings)
    assert settings.target is not None
    values = to_numbers(frame[settings.target], settings.target)
    times, notes = _read_times(frame, settings)
    groups, ids = _groups(frame, settings)
    if times is None:
        order = np.argsort(groups, kind="stable")
        position = np.arange(len(values)) - np.searchsorted(groups[order], groups[order])
        axis = ParsedTimes(position, "row")
    else:
        order = np.lexsort((times.values, groups))
        axis = dataclasses.replace(times, values=times.values[order])
        unsorted = _count_unsorted(times.values, groups)
        if unsorted:
            notes.append(f"{unsorted} row{'s were' if unsorted > 1 else ' was'} out of time order: sorted")
    counts = np.bincount(groups, minlength=len(ids))
    read = SeriesTable(
        ids=ids,
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        values=values[order],
        times=axis.values,
        columns=settings,
        time_kind=axis.kind,
        zone=axis.zone,
        frequency=Frequency("step"),
        notes=tuple(notes),
        wall=axis.wall,
    )
    return check_values(regularise(merge_duplicates(read, _label_columns(frame, settings))))


def to_native(columns: dict[str, Any], like: SeriesTable, kind: TableKind, time_columns: list[str]) -> Any:
    """Return columns as a table of the user's own library.

    columns       name to array, in order
    like          where the times come from: their kind and zone are restored in `time_columns`
    kind          "polars", "pandas" or "pyarrow"
    """
    frame = nw.from_dict(columns, backend=kind)
    if like.time_kind == "date" and kind != "pandas":
        frame = frame.with_columns(nw.col(name).cast(nw.Date) for name in time_columns)
    if like.zone is not None and time_columns:
        zone = like.zone
        known = "UTC" if not like.wall else zone
        frame = frame.with_columns(
            nw.col(name).dt.replace_time_zone(known).dt.convert_time_zone(zone) for name in time_columns
        )
    return frame.to_native()


def table_kind(table: Any) -> TableKind:
    """Return "polars", "pandas" or "pyarrow": the library whose table this is, polars for any other."""
    implementation = nw.from_native(table, eager_only=True).implementation
    kinds: dict[Any, TableKind] = {nw.Implementation.PANDAS: "pandas", nw.Implementation.PYARROW: "pyarrow"}
    return kinds.get(implementation, "polars")


def _to_polars(table: Any) -> pl.DataFrame:
    try:
        frame = nw.from_native(table, eager_only=True)
    except TypeError as error:
        raise InputError(f"a table is needed (polars, pandas or pyarrow); got {type(table).__name__}") from error
    if frame.implementation is nw.Implementation.PANDAS:
        index = table.index
        named = index.name is not None and index.name not in frame.columns
        if named or (index.name is None and index.dtype.kind == "M"):  # times without a name come as column "index"
            frame = nw.from_native(table.reset_index(), eager_only=True)
    converted: pl.DataFrame = frame.to_polars()
    return converted


def _resolve_columns(frame: pl.DataFrame, settings: TableSettings) -> TableSettings:
    """Return the settings with every column named, and checked to exist."""
    for role in ("target", "time", "id"):
        name = getattr(settings, role)
        if name is not None and name not in frame.columns:
            columns = shorten(frame.columns, 12)
            raise InputError(f"no column {name!r}{closest(name, frame.columns)} (columns: {columns})")
    time = settings.time or find_time_column(frame.drop([c for c in (settings.target, settings.id) if c]))
    target = settings.target
    if target is None:
        others = [c for c in frame.columns if c not in (time, settings.id)]
        numeric = [c for c in others if _is_numeric(frame[c])]
        if len(numeric) != 1:
            raise InputError(f"--target is needed: which column is to be forecast? (columns: {shorten(others, 12)})")
        target = numeric[0]
    chosen = [c for c in (target, time, settings.id) if c is not None]
    if len(set(chosen)) < len(chosen):
        raise InputError(f"target, time and id must be different columns; got {', '.join(map(repr, chosen))}")
    return dataclasses.replace(settings, target=target, time=time)


def _is_numeric(column: pl.Series) -> bool:
    try:
        to_numbers(column.head(100), "")
    except InputError:
        return False
    return True


def _read_times(frame: pl.DataFrame, settings: TableSettings) -> tuple[ParsedTimes | None, list[str]]:
    if settings.time is None:
        unread = [c for c in frame.columns if c.strip().lower() in TIME_NAMES and frame.schema[c] == pl.String]
        if unread:
            value = frame[unread[0]][0]
            return None, [
                f"column {unread[0]!r} ({value!r}) is not a time in a known form: the rows are numbered from 0"
            ]
        return None, ["no time column: the rows are taken in the order of the table and numbered from 0"]
    times = to_times(frame[settings.time], settings.time, settings.time_format)
    if np.isnat(times.values).any() if times.values.dtype.kind == "M" else False:
        row = int(np.isnat(times.values).argmax())
        raise InputError(f"time column {settings.time!r}, row {row + 1}: the time is missing")
    unusual = times.format and times.format not in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m")
    return times, [f"times read as {times.format}"] if unusual else []


def _groups(frame: pl.DataFrame, settings: TableSettings) -> tuple[NDArray[np.int64], tuple[Any, ...]]:
    """Return the series number of every row (N,), and the ids in order of appearance."""
    if settings.id is None:
        return np.zeros(frame.height, np.int64), (None,)
    column = frame[settings.id]
    if column.null_count():
        raise InputError(f"id column {settings.id!r}, row {int(column.is_null().arg_true()[0]) + 1}: the id is missing")
    if not column.dtype.is_integer():
        column = column.cast(pl.String)
    ids = column.unique(maintain_order=True)
    numbers = pl.DataFrame({"id": ids, "number": np.arange(len(ids))})
    joined = pl.DataFrame({"id": column}).join(numbers, on="id", how="left", maintain_order="left")
    return joined["number"].to_numpy().astype(np.int64), tuple(ids.to_list())


def _count_unsorted(times: NDArray[Any], groups: NDArray[np.int64]) -> int:
    """Return how many rows come before a row of their series that is earlier in the table."""
    order = np.argsort(groups, kind="stable")
    t, g = times[order], groups[order]
    return int(((t[1:] < t[:-1]) & (g[1:] == g[:-1])).sum())


def _label_columns(frame: pl.DataFrame, settings: TableSettings) -> list[str]:
    """Return the text columns that look as if they told series apart."""
    text = [c for c in frame.columns if frame.schema[c] == pl.String and c != settings.time]
    return [c for c in text if 1 < frame[c].n_unique() <= frame.height // 3 and not _is_numeric(frame[c])]
