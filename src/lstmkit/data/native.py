"""The user's own tables: polars, pandas, pyarrow in, and the same out."""

from __future__ import annotations

from typing import Any, Literal

import narwhals as nw
import polars as pl

from lstmkit.data.forks import require_threads
from lstmkit.data.indexed import index_levels, with_plain_columns
from lstmkit.data.levels import stacked
from lstmkit.data.series import SeriesTable
from lstmkit.errors import InputError

UNCONVERTIBLE = (TypeError, ValueError, NotImplementedError)  # also those of pyarrow, which come from these
TableKind = Literal["polars", "pandas", "pyarrow"]


def to_polars(table: Any) -> pl.DataFrame:
    """Return a user's table as polars', without a copy where that can be.

    Columns of pandas with names of two levels become a long table (`lstmkit.data.levels`).
    Raises  InputError if it is no table, a column mixes what no column can hold, or polars cannot work in this process
    """
    return to_long(table)[0]


def to_long(table: Any) -> tuple[pl.DataFrame, str | None]:
    """Return what `to_polars` does, and the column that tells series apart if names of two levels say so."""
    require_threads()
    if _has_levels(table):
        return _of_levels(table)
    return _to_polars(table), None


def _has_levels(table: Any) -> bool:
    return nw.dependencies.is_pandas_dataframe(table) and table.columns.nlevels > 1


def _of_levels(table: Any) -> tuple[pl.DataFrame, str | None]:
    """Return a table of pandas whose columns have names of several levels, as yfinance and pivots make them."""
    labels = [tuple(str(part) for part in label) for label in table.columns]
    names = [str(name or "") for name in table.columns.names]
    flat = table.copy(deep=False)
    flat.columns = [f"{k} {' '.join(label)}" for k, label in enumerate(labels)]  # one name each, whatever they are
    frame = _to_polars(flat)
    own = dict(zip(flat.columns, labels, strict=True))
    index = {c: own[c][0] if c in own else c for c in frame.columns if c not in own or not any(own[c][1:])}
    frame = frame.select(*index, *(c for c in frame.columns if c not in index)).rename(index)
    pairs = [(own[c][0], own[c][1]) for c in frame.columns[len(index) :] if len(names) == 2]
    if len(names) > 2:
        return frame.rename({c: " ".join(own[c]) for c in frame.columns[len(index) :]}), None
    return stacked(frame, list(index.values()), pairs, names)


def _to_polars(table: Any) -> pl.DataFrame:
    frame = _framed(table)
    if frame.implementation is nw.Implementation.PANDAS:
        frame = _framed(with_plain_columns(table))
    try:
        converted: pl.DataFrame = frame.to_polars()
    except UNCONVERTIBLE as error:
        raise InputError(_unconvertible(frame)) from error
    return converted.with_columns(
        _of_objects(converted[name]) for name, dtype in converted.schema.items() if dtype == pl.Object
    )


def _of_objects(column: pl.Series) -> pl.Series:
    """Return a column of Python objects as one of their own type, where they have one."""
    try:
        return pl.Series(column.name, column.to_list())
    except UNCONVERTIBLE:
        return column


def index_columns(table: Any) -> tuple[str, ...]:
    """Return the columns that a row index of several levels becomes; () for a table without one."""
    return index_levels(table) if table_kind(table) == "pandas" else ()


def _framed(table: Any) -> nw.DataFrame[Any]:
    """Return a table for narwhals; a lazy one of polars is computed."""
    try:
        return nw.from_native(table.collect() if isinstance(table, pl.LazyFrame) else table, eager_only=True)
    except TypeError as error:
        kind = type(table).__name__
        told = f"{kind}; make a table of it with its to_frame()" if kind == "Series" else kind
        raise InputError(f"a table is needed (polars, pandas or pyarrow); got {told}") from error
    except nw.exceptions.DuplicateError as error:
        raise InputError("the table: the header names a column more than once; rename one") from error


def _unconvertible(frame: nw.DataFrame[Any]) -> str:
    """Return the sentence about the first column that cannot be converted."""
    for name in frame.columns:
        try:
            frame.select(name).to_polars()
        except UNCONVERTIBLE:
            kinds = sorted({type(value).__name__ for value in frame[name].to_list()})
            return f"column {name!r} mixes values of several types ({', '.join(kinds)}); convert it to one, or drop it"
    return "the table cannot be converted to columns of one type each"


def table_kind(table: Any) -> TableKind:
    """Return "polars", "pandas" or "pyarrow": the library whose table this is, polars for any other."""
    if _has_levels(table):
        return "pandas"
    implementation = _framed(table).implementation
    kinds: dict[Any, TableKind] = {nw.Implementation.PANDAS: "pandas", nw.Implementation.PYARROW: "pyarrow"}
    return kinds.get(implementation, "polars")


WHOLE: tuple[Any, ...] = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
ID_TYPES: dict[str, Any] = {str(kind): kind for kind in (*WHOLE, pl.Float32, pl.Float64, pl.Boolean, pl.Date)}
ID_TYPES |= {f"Datetime {unit}": pl.Datetime(unit) for unit in ("ms", "us", "ns")}
"""Types that ids keep on the way out, by the name that a model folder has for them; all others are text."""


def name_of_type(kind: pl.DataType) -> str:
    """Return the name of a type of ids, "" for those that come out as text."""
    name = f"Datetime {kind.time_unit}" if isinstance(kind, pl.Datetime) and kind.time_zone is None else str(kind)
    return name if name in ID_TYPES else ""


def typed_ids(ids: list[Any], name: str, kind: TableKind) -> Any:
    """Return ids, which are text or whole numbers, in the type that they had in the user's table."""
    if name not in ID_TYPES or not ids:
        return ids
    column = pl.Series(ids)
    if column.dtype != pl.String or not ID_TYPES[name].is_temporal():
        typed = _cast(column, ID_TYPES[name])
    elif ID_TYPES[name] == pl.Date:
        typed = column.str.to_date(strict=False)
    else:
        typed = column.str.to_datetime(time_unit=ID_TYPES[name].time_unit, strict=False)
    if typed.null_count():
        return ids
    return typed.to_list() if kind == "pandas" else typed.to_arrow() if kind == "pyarrow" else typed


def _cast(column: pl.Series, kind: Any) -> pl.Series:
    if kind == pl.Boolean and column.dtype == pl.String:
        return column.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    return column.cast(kind, strict=False)


def to_native(columns: dict[str, Any], like: SeriesTable, kind: TableKind, time_columns: list[str]) -> Any:
    """Return columns as a table of the user's own library.

    columns       name to array, in order
    like          where the times come from: their kind and zone are restored in `time_columns`
    kind          "polars", "pandas" or "pyarrow"
    """
    id = like.columns.id
    if id in columns:
        columns = columns | {id: typed_ids(columns[id], like.columns.id_type, kind)}
    frame = nw.from_dict(columns, backend=kind)
    if like.time_kind == "date" and kind != "pandas":
        frame = frame.with_columns(nw.col(name).cast(nw.Date) for name in time_columns)
    if like.zone is not None and time_columns:
        times = [nw.col(name).dt.replace_time_zone(like.zone if like.wall else "UTC") for name in time_columns]
        if not like.wall:
            times = [own.dt.convert_time_zone(like.zone) for own in times]
        frame = frame.with_columns(times)
    return frame.to_native()
