"""The end of every series as a model folder keeps it: what config and tensors must be, and the table of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.data import SeriesTable, TableKind, TableSettings, parse_frequency
from lstmkit.data.frequency import MICROSECONDS, MONTHS, Frequency
from lstmkit.data.series import Covariates
from lstmkit.errors import InputError
from lstmkit.forecasting.models import Task
from lstmkit.training.schema import shown
from lstmkit.training.tensors import TensorShape

TABLE = "table."
"""Prefix of its tensors in a model folder."""
COVARIATES = ("seen", "future", "ahead", "numbers", "categories")

YEARS = (-62_135_596_800_000_000, 253_402_300_799_999_999)
"""First and last microsecond of the years 1 to 9999, since 1970: dates that every library of tables knows."""
LARGEST = 1 << 62
"""Of a numbered row."""


@dataclass(frozen=True)
class StoredTable:
    """What a config says of the table; the fields are those of `SeriesTable`, `Covariates` and `Forecaster`."""

    columns: TableSettings
    number_names: tuple[str, ...]
    category_names: tuple[str, ...]
    category_levels: tuple[tuple[str, ...], ...]
    ids: tuple[str | int | None, ...]
    time_kind: Literal["date", "datetime", "integer", "row"]
    time_zone: str | None
    time_on_wall: bool
    frequency: str
    table_kind: TableKind

    def shapes(self, task: Task, header: Mapping[str, TensorShape]) -> dict[str, TensorShape]:
        """Return what the tensors must be.

        header  of the file, which alone knows how many rows there are
        Raises  InputError if there are covariates, and the task has none, or the other way round
        """
        S, columns = len(self.ids), self.columns
        N = _length(header, "values")
        shapes = {
            "values": TensorShape("F64", (N,)),
            "times": TensorShape("I64", (N,)),
            "offsets": TensorShape("I64", (S + 1,)),
            "cut": TensorShape("I64", (S,)),
            "learnt": TensorShape("I64", (S,)),
        }
        if TABLE + "seen" in header:
            A, F = _length(header, "ahead", 1), len(columns.future)
            shapes |= {
                "seen": TensorShape("F64", (N, len(columns.past))),
                "future": TensorShape("F64", (N, F)),
                "ahead": TensorShape("F64", (S, A, F)),
                "numbers": TensorShape("F64", (S, len(self.number_names))),
                "categories": TensorShape("I64", (S, len(self.category_names))),
            }
        return {TABLE + name: shape for name, shape in shapes.items()}

    def table(self, tensors: Mapping[str, Tensor], task: Task, window: int) -> SeriesTable:
        """Return the table, every value of it checked.

        tensors  of the shapes that `shapes` returns, by their names without the prefix
        window   rows that the networks need of each series
        Raises   InputError that names what cannot be
        """
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        dated = self.time_kind in ("date", "datetime")
        times = arrays["times"]
        table = SeriesTable(
            ids=self.ids,
            offsets=arrays["offsets"],
            values=arrays["values"],
            times=times.view("datetime64[us]") if dated else times,
            columns=self.columns,
            time_kind=self.time_kind,
            zone=self.time_zone,
            wall=self.time_on_wall,
            frequency=parse_frequency(self.frequency),
            given=self._covariates(arrays),
            cut=arrays["cut"],
            learnt=arrays["learnt"],
        )
        self._check_names(table)
        _check_rows(table, task, window)
        _check_times(table, times, task.horizon)
        self._check_covariates(table, task)
        return table

    def _covariates(self, arrays: Mapping[str, NDArray[Any]]) -> Covariates | None:
        if "seen" not in arrays:
            return None
        seen, future, ahead, numbers, categories = (arrays[name] for name in COVARIATES)
        return Covariates(
            seen, future, ahead, numbers, categories, self.number_names, self.category_names, self.category_levels
        )

    def _check_names(self, table: SeriesTable) -> None:
        columns, ids = self.columns, self.ids
        used = [columns.target, columns.time, columns.id, *columns.future, *columns.past, *columns.static]
        named = [name for name in used if name is not None]
        _require(columns.target is not None and len(set(named)) == len(named), "columns", named)
        _require(
            len(set(columns.wide)) == len(columns.wide) and not set(columns.wide) & set(named), "wide", columns.wide
        )
        _require((columns.time is None) == (self.time_kind == "row"), "time_kind", self.time_kind)
        _require(len(ids) > 0 and len(set(ids)) == len(ids), "ids", f"{len(ids)}, some of them equal")
        if columns.id is None:
            _require(ids == (None,), "ids", "given, but there is no column of ids")
        elif not all(isinstance(id, str) for id in ids):
            numbers = [id for id in ids if isinstance(id, int)]
            _require(len(numbers) == len(ids), "ids", "neither all text nor all whole numbers")
            low, high = min(numbers), max(numbers)
            _require((low >= 0 and high < 1 << 64) or (low >= -(1 << 63) and high < 1 << 63), "ids", "out of range")
        if self.time_zone is not None:
            _require(self.time_kind == "datetime" and _known_zone(self.time_zone), "time_zone", self.time_zone)

    def _check_covariates(self, table: SeriesTable, task: Task) -> None:
        given, columns = table.covariates, self.columns
        names = {*self.number_names, *self.category_names}
        _require(
            names == set(columns.static) and len(self.number_names) + len(self.category_names) == len(names),
            "number_names",
            self.number_names,
        )
        counts = (len(columns.past), len(self.number_names), tuple(len(own) for own in self.category_levels))
        _require(counts == (task.seen, task.numbers, task.categories), "task", "of other covariates than the table")
        _require(len(self.category_levels) == len(self.category_names), "category_levels", len(self.category_levels))
        _require(all(len(set(own)) == len(own) for own in self.category_levels), "category_levels", "some twice")
        _require(table.known_width == task.known, "task.known", task.known)
        _require(not any(counts) and not columns.future if table.given is None else True, "columns", "without values")
        levels = np.array(task.categories, np.int64)
        _require(bool(((given.categories >= 0) & (given.categories < levels)).all()), "categories", "out of range")
        everything = (given.seen, given.future, given.ahead, given.numbers)
        _require(not any(np.isinf(values).any() for values in everything), "covariates", "infinite")


def _length(header: Mapping[str, TensorShape], name: str, axis: int = 0) -> int:
    found = header.get(TABLE + name)
    _require(found is not None and len(found.shape) > axis, f"tensor {TABLE}{name}", found)
    assert found is not None
    return found.shape[axis]


def _check_rows(table: SeriesTable, task: Task, window: int) -> None:
    lengths = table.lengths
    _require(table.offsets[0] == 0 and table.offsets[-1] == len(table.values), "offsets", "not those of the values")
    _require(bool((lengths > 0).all()) and int(lengths.max()) == window, "offsets", f"not of windows of {window} rows")
    _require(table.columns.short == "pad" or int(lengths.min()) == window, "offsets", "of rows too few for a window")
    _require(not np.isinf(table.values).any(), "values", "infinite")
    _require(task.marked or not np.isnan(table.values).any(), "values", "missing, though none may be")
    numbers, cut = table.numbers, table.skipped
    _require(bool(((numbers >= -1) & (numbers < task.series)).all()), "learnt", "out of range")
    _require(bool((np.abs(cut) < LARGEST).all()), "cut", "out of range")


def _check_times(table: SeriesTable, times: NDArray[np.int64], horizon: int) -> None:
    dated, frequency = table.times.dtype.kind == "M", table.frequency
    _require(
        frequency.unit != "step" if dated else frequency.unit == "step" or table.time_kind == "integer",
        "frequency",
        frequency,
    )
    low, high = YEARS if dated else (-LARGEST, LARGEST)
    ahead = _longest(table.dated_by, horizon + 1)
    _require(int(times.min()) >= low and int(times.max()) + ahead <= high, "times", "out of range")
    rises = np.diff(times) > 0
    rises[table.offsets[1:-1] - 1] = True
    _require(bool(rises.all()), "times", "not rising")


def _longest(frequency: Frequency, steps: int) -> int:
    """Return how long steps are at most, in microseconds, or in rows."""
    if frequency.unit == "step":
        return steps * frequency.count
    day = MICROSECONDS["D"]
    if frequency.rule is not None:
        return int(frequency.days(steps) * day)
    if frequency.unit == "B":
        return 3 * day * steps * frequency.count
    return steps * frequency.count * (MICROSECONDS.get(frequency.unit) or 31 * day * MONTHS[frequency.unit])


def _known_zone(name: str) -> bool:
    time = pl.Series([0]).cast(pl.Datetime("us"))
    try:
        time.dt.replace_time_zone("UTC").dt.convert_time_zone(name)
    except (pl.exceptions.PolarsError, ValueError):
        return False
    return True


def _require(holds: bool, name: str, value: object) -> None:
    if not holds:
        raise InputError(f"{name}: {shown(value)}")
