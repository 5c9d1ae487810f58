"""What is known beside the target, read and checked: columns of numbers, and attributes of a series as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.data.parse import to_numbers
from lstmkit.data.series import LARGEST, Covariates, SeriesTable, TableSettings, shorten
from lstmkit.errors import InputError

Array = NDArray[np.float64]


def read_covariates(
    frame: pl.DataFrame,
    settings: TableSettings,
    order: NDArray[np.int64] | None,
    groups: NDArray[np.int64],
    ids: tuple[Any, ...],
    learnt: Covariates | None,
) -> Covariates | None:
    """Return the covariates of a table, its rows in `order` (None: as they are); None if the settings name none.

    groups  (N,) series of each row of the frame
    learnt  those of the table that a model has learnt from: what is a category there is one here, of the same levels
    Raises  InputError if a column is not of numbers, an attribute varies, or a category is new to the model
    """
    if not (settings.future or settings.past or settings.static):
        return None
    first = np.full(len(ids), -1, np.int64)
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    numbers: list[Array] = []
    categories: list[NDArray[np.int64]] = []
    number_names: list[str] = []
    category_names: list[str] = []
    found: list[tuple[str, ...]] = []
    for name in settings.static:
        column = frame[name]
        _check_constant(column, name, groups, first, ids)
        known = None if learnt is None else dict(zip(learnt.category_names, learnt.category_levels, strict=True))
        if not _is_category(column, settings.decimal) if known is None else name not in known:
            numbers.append(_numbers(column, name, settings.decimal)[first])
            number_names.append(name)
        else:
            text = column.gather(first).cast(pl.String)
            own, codes = _categories(text, name, ids, None if known is None else known[name])
            categories.append(codes)
            found.append(own)
            category_names.append(name)
    S = len(ids)
    return Covariates(
        seen=_columns(frame, settings.past, order, settings.decimal),
        future=_columns(frame, settings.future, order, settings.decimal),
        ahead=np.empty((S, 0, len(settings.future))),
        numbers=np.stack(numbers, axis=1) if numbers else np.empty((S, 0)),
        categories=np.stack(categories, axis=1) if categories else np.empty((S, 0), np.int64),
        number_names=tuple(number_names),
        category_names=tuple(category_names),
        category_levels=tuple(found),
    )


def check_covariates(table: SeriesTable) -> SeriesTable:
    """Refuse infinite covariates, and missing ones unless `missing` is "mask".

    Raises  InputError naming the column, the series and the time of the first
    """
    given, columns = table.given, table.columns
    if given is None:
        return table
    for names, values in ((columns.past, given.seen), (columns.future, given.future)):
        wrong = (np.abs(values) > LARGEST) | (np.isnan(values) & (columns.missing != "mask"))
        if wrong.any():
            k, column = (int(i) for i in np.argwhere(wrong)[0])
            where = f"column {names[column]!r}, {table.name(table.series_of(k))}, {table.time_name(k)}"
            if np.isinf(values[k, column]):
                raise InputError(f"{where}: infinite value; correct or remove the row")
            if not np.isnan(values[k, column]):
                raise InputError(
                    f"{where}: the covariate {values[k, column]:g} is beyond {LARGEST:g}; give it in other units"
                )
            count = int(np.isnan(values[:, column]).sum())
            raise InputError(f"{where}: the covariate is missing ({count} in all); fill it in, or pass --missing mask")
    for column, name in enumerate(given.number_names):
        missing = ~np.isfinite(given.numbers[:, column])
        if missing.any() and (columns.missing != "mask" or np.isinf(given.numbers[:, column]).any()):
            s = int(missing.argmax())
            raise InputError(f"column {name!r}, {table.name(s)}: the static attribute is missing; fill it in")
        large = np.abs(given.numbers[:, column]) > LARGEST
        if large.any():
            where = f"column {name!r}, {table.name(int(large.argmax()))}"
            value = given.numbers[large.argmax(), column]
            raise InputError(f"{where}: the covariate {value:g} is beyond {LARGEST:g}; give it in other units")
    return table


def _columns(
    frame: pl.DataFrame, names: tuple[str, ...], order: NDArray[np.int64] | None, decimal: str | None
) -> Array:
    columns = np.empty((frame.height, len(names)))
    for k, name in enumerate(names):
        numbers = _numbers(frame[name], name, decimal)
        columns[:, k] = numbers if order is None else numbers[order]
    return columns


def covariate_numbers(column: pl.Series, name: str, decimal: str | None) -> Array:
    """Return a covariate as `to_numbers` does; what is true is 1, what is false 0, in text as well."""
    if column.dtype == pl.String:
        words = column.str.strip_chars().str.to_lowercase()
        known = ~words.is_in(["", "nan", "null", "none", "na"]) & words.is_not_null()
        if known.any() and words.filter(known).is_in(["true", "false"]).all():
            column = (words == "true").set(~known, None)
    return to_numbers(column.cast(pl.Float64) if column.dtype == pl.Boolean else column, name, decimal)


def _numbers(column: pl.Series, name: str, decimal: str | None) -> Array:
    try:
        return covariate_numbers(column, name, decimal)
    except InputError as error:
        raise InputError(
            f"covariate {error}; give numbers, such as 0 and 1, or name a category with --static"
        ) from error


def _is_category(column: pl.Series, decimal: str | None) -> bool:
    """Say whether an attribute is a category: neither numbers nor text that can be read as numbers."""
    if column.dtype != pl.String:
        return not (column.dtype.is_numeric() or column.dtype == pl.Boolean)
    try:
        to_numbers(column, "", decimal)
    except InputError:
        return True
    return False


def _check_constant(
    column: pl.Series, name: str, groups: NDArray[np.int64], first: NDArray[np.int64], ids: tuple[Any, ...]
) -> None:
    """Complain if an attribute is not the same in all rows of a series."""
    expected = column.gather(first).gather(groups)
    wrong = column.ne_missing(expected)
    if wrong.any():
        row = int(wrong.arg_true()[0])
        one, other = (_value_at(series, row) for series in (expected, column))
        raise InputError(
            f"column {name!r}, row {row + 1}: a static attribute must not vary within a series, but series "
            f"{ids[groups[row]]!r} has {one} and {other}; declare it with --past or --future"
        )


def _value_at(column: pl.Series, row: int) -> str:
    """Return a value as it is shown; times may lie in years that Python does not know."""
    if column.dtype in (pl.Date, pl.Datetime):
        return str(column[row : row + 1].cast(pl.String)[0])
    return repr(column[row])


def _categories(
    text: pl.Series, name: str, ids: tuple[Any, ...], known: tuple[str, ...] | None
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the levels of a category, and the number of each series' level."""
    if text.null_count():
        s = int(text.is_null().arg_true()[0])
        raise InputError(f"column {name!r}, series {ids[s]!r}: the static attribute is missing; fill it in")
    levels = known if known is not None else tuple(sorted(text.unique().to_list()))
    place = {level: k for k, level in enumerate(levels)}
    new = [k for k, level in enumerate(text.to_list()) if level not in place]
    if new:
        raise InputError(
            f"column {name!r}, series {ids[new[0]]!r}: the category {text[new[0]]!r} was not among those learnt from "
            f"({shorten(levels)}); fit again with it"
        )
    return levels, np.array([place[level] for level in text.to_list()], np.int64)
