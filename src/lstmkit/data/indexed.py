"""What pandas keeps in an index, or as Python objects, as plain columns; pandas itself is not needed here."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from lstmkit.data.forms import forms_like
from lstmkit.errors import InputError

NAMELESS, NAMELESS_ID = "index", "series"
"""What times and ids of an index without names are called."""


def with_plain_columns(table: Any) -> Any:
    """Return a table of pandas with times as columns: those of its index, periods (their first day), and objects.

    Raises  InputError if a column of objects mixes times of several zones
    """
    table = _with_index(table)
    changed = {}
    for name, dtype in zip(table.columns, table.dtypes, strict=True):
        if str(dtype).startswith("period"):
            changed[name] = table[name].dt.to_timestamp()
        elif dtype == "object":
            column = _plain_objects(table[name], name)
            if column is not None:
                changed[name] = column
    return table.assign(**changed) if changed and all(isinstance(n, str) for n in changed) else table


def index_levels(table: Any) -> tuple[str, ...]:
    """Return the columns that the levels of a row index of several levels become; () for any other table."""
    index = table.index
    if index.nlevels == 1:
        return ()
    times = [_is_time(index.levels[k].dtype, index.get_level_values(k)) for k in range(index.nlevels)]
    names: list[str] = []
    for name, is_time in zip(index.names, times, strict=True):
        own = (NAMELESS if is_time else NAMELESS_ID) if name is None else str(name)
        while own in names or (name is None and own in table.columns):
            own += "_"
        names.append(own)
    return tuple(names)


def _with_index(table: Any) -> Any:
    """Return the table with its index as columns, unless it only numbers the rows."""
    index = table.index
    levels = index_levels(table)
    if levels:
        there = [name for name in levels if name in table.columns]
        table = table.rename_axis(index=list(levels))
        return table.reset_index(level=there, drop=True).reset_index() if len(there) < len(levels) else table
    named = index.name is not None and index.name not in table.columns
    if named or (index.name is None and _is_time(index.dtype, index)):
        return table.reset_index()
    return table


def _is_time(dtype: Any, values: Any) -> bool:
    """Say whether an index without a name holds times."""
    if dtype.kind == "M" or str(dtype).startswith("period"):
        return True
    if dtype.kind in "iufbc" or not len(values):
        return False
    first = values[0]
    if isinstance(first, str):
        return bool(forms_like(first.strip()))
    return isinstance(first, date) or _is_period(first)


def _is_period(value: object) -> bool:
    return type(value).__name__ == "Period"


def _plain_objects(column: Any, name: str) -> Any:
    """Return a column of objects that hold times as a column of times, None if it needs no change."""
    there = column.dropna()
    first = there.iloc[0] if len(there) else None
    if _is_period(first) and all(map(_is_period, there)):
        return there.map(lambda period: period.to_timestamp()).reindex(column.index)
    if not isinstance(first, date):
        return None
    moments = [value for value in there if isinstance(value, datetime)]
    zones = {str(moment.tzinfo): moment.tzinfo for moment in moments}
    if len(zones) > 1:
        if any(zone is None or zone.utcoffset(None) is None for zone in zones.values()):
            listed = ", ".join(sorted(zone.replace("None", "none") for zone in zones))
            raise InputError(f"column {name!r} mixes times of several time zones ({listed}); convert them to one")
        return column.map(lambda moment: moment.isoformat(), na_action="ignore")  # offsets of one clock, put forward
    if moments and len(moments) < len(there) and all(isinstance(value, date) for value in there):
        return column.map(_moment, na_action="ignore")
    return None


def _moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())
