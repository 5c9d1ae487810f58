"""Tables of labelled sequences: long, a row a step; or wide, a row a sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.classification.reading.labelled import Form, Labelled, texts_of
from lstmkit.classification.reading.steps import steps_of
from lstmkit.data.parse import is_numeric, to_numbers
from lstmkit.data.series import closest, shorten
from lstmkit.data.times import to_times
from lstmkit.errors import InputError
from lstmkit.sequences import Ragged

TIMES = ("time", "timestamp", "datetime", "date", "t", "step", "frame")
"""Names that a column of times may have, so that it is found."""


@dataclass(frozen=True)
class _Sequences:
    """The rows of a long table by the sequence that they are of.

    names   of the sequences, as they first occur
    order   (N,) rows, one sequence after the other, by time within each
    codes   (N,) sequence of each, in this order
    """

    names: list[str]
    order: NDArray[np.int64]
    codes: NDArray[np.int64]

    @property
    def inner(self) -> NDArray[np.bool_]:
        """Which rows follow another of their sequence, (N - 1,)."""
        return np.asarray(self.codes[1:] == self.codes[:-1])

    def changed(self, column: pl.Series) -> int | None:
        """Return the first place where a column changes within a sequence, or None."""
        own = column.gather(pl.Series(self.order))
        places = np.flatnonzero(own[1:].ne_missing(own[:-1]).to_numpy() & self.inner)
        return int(places[0]) + 1 if len(places) else None


def of_table(frame: pl.DataFrame, form: Form, labelled: bool, decimal: str | None = None) -> Labelled:
    """Return the sequences of a table.

    form      its layout is found if it says nothing: a table is long if rows have the same id, or a time is named
    labelled  whether a label is needed
    decimal   before decimals in text; None finds it
    Raises    InputError if a column is not there, or does not hold what it should
    """
    if form.layout == "arrays" and not set(form.channels) <= set(frame.columns):
        has, called = shorten(frame.columns, 12), shorten(form.channels)
        raise InputError(
            f"the table has the columns {has}; the model learnt from arrays or a .ts file, whose channels have no "
            f"names: give an array, a .npz, .npy or .ts file, or call the columns {called}"
        )
    needed = [*([form.label] if labelled else []), *([form.group] if form.group is not None and labelled else [])]
    for name in (*needed, *([form.id] if form.id and labelled else [])):
        _require(frame, name)
    layout = "long" if form.layout == "arrays" else form.layout  # a table is one sequence there
    if not layout:
        layout = "wide"
        if form.time is not None or (form.id is not None and frame[form.id].n_unique() < frame.height):
            layout = "long"
    if layout == "long" and form.interleaved > 1:
        raise InputError(
            f"--interleaved {form.interleaved}: this table has a row a step, a column a channel; leave the option out"
        )
    for name in form.channels * (layout == "long"):
        _require(frame, name)
    return (_of_long if layout == "long" else _of_wide)(frame, form, labelled, decimal)


def _require(frame: pl.DataFrame, name: str) -> None:
    if name not in frame.columns:
        raise InputError(f"no column {name!r}{closest(name, frame.columns)} (columns: {shorten(frame.columns, 12)})")


def _of_long(frame: pl.DataFrame, form: Form, labelled: bool, decimal: str | None) -> Labelled:
    if form.id is None and labelled:
        raise InputError("a table with a row a step needs --id, the column that tells the sequences apart")
    if form.time is not None:
        _require(frame, form.time)
    found = next((n for n in frame.columns if n.lower() in TIMES and n not in (*form.roles, *form.channels)), None)
    time = form.time or found
    notes = [f"steps are in the order of column {time!r}"] if form.time is None and time is not None else []
    rows = _sequences(frame, form, time, decimal)
    if labelled and len(rows.names) == frame.height:
        raise InputError(
            f"id column {form.id!r}: every id has one row, so no sequence has more than one step; name another column, "
            f"or leave out --time if each row is a whole sequence"
        )
    labels, whole = _of_each(frame, form.label, rows, "label") if labelled else (None, False)
    known = form.group is not None and form.group in frame.columns
    groups = _of_each(frame, str(form.group), rows, "group")[0] if known else None
    channels, told = _channels(frame, form, time, rows, decimal)
    values = np.empty((frame.height, len(channels)))
    for place, name in enumerate(channels):
        values[:, place] = to_numbers(frame[name], name, decimal)[rows.order]
    offsets = np.searchsorted(rows.codes, np.arange(len(rows.names) + 1)).astype(np.int64)
    one = int((np.diff(offsets) == 1).sum())
    if one:
        notes.append(f"{one:,} of {len(rows.names):,} ids {'have' if one > 1 else 'has'} a single step")
    ragged = Ragged(values, offsets)
    times = None if time is None else frame[time].gather(pl.Series(rows.order))
    said = form.said("long", channels)
    return Labelled(ragged, rows.names, labels, said, groups, whole, times, tuple(notes + told))


def _sequences(frame: pl.DataFrame, form: Form, time: str | None, decimal: str | None) -> _Sequences:
    """Return which sequence each row is of, in order of time."""
    codes, names = np.zeros(frame.height, np.int64), ["1"]
    if form.id is not None and form.id in frame.columns:
        texts, _ = texts_of(frame[form.id])
        if "" in texts:
            raise InputError(f"id column {form.id!r}, row {texts.index('') + 1}: the id is missing; fill it in")
        places = {name: place for place, name in enumerate(dict.fromkeys(texts))}
        codes, names = np.array([places[text] for text in texts], np.int64), list(places)
    if time is None:
        order = np.argsort(codes, kind="stable")
        return _Sequences(names, order, codes[order])
    if is_numeric(frame[time], decimal):
        when: NDArray[Any] = to_numbers(frame[time], time, decimal)
        if np.isnan(when).any():
            row = int(np.isnan(when).argmax()) + 1
            raise InputError(f"time column {time!r}, row {row}: the time is missing; fill it in, or leave the row out")
    else:
        when = to_times(frame[time], time, series=codes).values.astype(np.int64)
    order = np.lexsort((when, codes))
    rows = _Sequences(names, order, codes[order])
    twice = np.flatnonzero((np.diff(when[order]) == 0) & rows.inner)
    if len(twice):
        name, shown = names[rows.codes[twice[0]]], frame[time][int(order[twice[0]])]
        raise InputError(
            f"id {name!r}: two rows have the time {shown} in column {time!r}; leave one out, or name another --id or "
            f"--time"
        )
    return rows


def _of_each(frame: pl.DataFrame, name: str, rows: _Sequences, role: str) -> tuple[list[str], bool]:
    """Return a label or a group for each sequence, and whether they are whole numbers.

    Raises  InputError if it changes within one
    """
    texts, whole = texts_of(frame[name])
    place = rows.changed(pl.Series(texts))
    if place is not None:
        first, second = (texts[int(rows.order[k])] for k in (place - 1, place))
        raise InputError(
            f"id {rows.names[rows.codes[place]]!r}: the {role} in column {name!r} changes from {first!r} to {second!r}"
            f"; a sequence has one, so cut it there into two ids"
        )
    starts = np.searchsorted(rows.codes, np.arange(len(rows.names)))
    return [texts[int(row)] for row in rows.order[starts]], whole


def _channels(
    frame: pl.DataFrame, form: Form, time: str | None, rows: _Sequences, decimal: str | None
) -> tuple[list[str], list[str]]:
    """Return the columns that are read, and a line on each that might have been."""
    if form.channels:
        return list(form.channels), []
    channels: list[str] = []
    notes: list[str] = []
    for name in frame.columns:
        if not name or name in (*form.roles, time):
            continue
        if len(rows.names) > 1 and rows.changed(frame[name]) is None and frame[name].n_unique() > 1:
            shared = frame[name].n_unique() < len(rows.names) and form.group is None
            hint = "; if it says whose an id is (a person, a machine), pass it as --group" if shared else ""
            notes.append(f"column {name!r} is the same in all rows of an id and is left out; --channel reads it{hint}")
        elif is_numeric(frame[name], decimal):
            channels.append(name)
        else:
            notes.append(f"column {name!r} is no column of numbers and is left out")
    if not channels:
        raise InputError(f"no column of numbers is left to read (columns: {shorten(frame.columns, 12)}); add one")
    return channels, notes


def _of_wide(frame: pl.DataFrame, form: Form, labelled: bool, decimal: str | None) -> Labelled:
    steps, names, others = steps_of([n for n in frame.columns if n and n not in form.roles], form)
    if not set(form.channels) <= set(names):
        raise InputError(f"the table has the channels {shorten(names)}; {shorten(form.channels)} are to be read")
    if form.channels:
        steps, names = [steps[names.index(name)] for name in form.channels], list(form.channels)
    values = np.empty((frame.height, len(steps[0]), len(names)))
    for channel, columns in enumerate(steps):
        for step, name in enumerate(columns):
            values[:, step, channel] = _numbers(frame[name], name, decimal)
    there: NDArray[np.bool_] = np.asarray(~np.isnan(values).all(axis=2))
    ends = there.shape[1] - there[:, ::-1].argmax(axis=1)
    ends = np.where(there.any(axis=1), ends, 0)
    shorter = int((ends < there.shape[1]).sum())
    ragged = Ragged(
        values[np.arange(there.shape[1]) < ends[:, None]], np.concatenate([[0], np.cumsum(ends)]).astype(np.int64)
    )
    ids = texts_of(frame[form.id])[0] if form.id in frame.columns else [str(k) for k in range(1, frame.height + 1)]
    labels, whole = texts_of(frame[form.label]) if labelled else (None, False)
    groups = texts_of(frame[form.group])[0] if form.group in frame.columns else None
    channels = f"{len(names)} channels ({shorten(names)})" if len(names) > 1 else "one channel"
    notes = [f"each row is a sequence of {there.shape[1]:,} steps at most, with {channels}"]
    if shorter:
        notes.append(f"{shorter:,} of {len(ends):,} sequences end before the last column")
    if others:
        several = ("s", "are no steps", "are") if len(others) > 1 else ("", "is no step", "is")
        kinds = f"{several[1]}, by the name, as {steps[0][0]!r} is, and {several[2]} left out"
        notes.append(f"column{several[0]} {shorten(others)} {kinds}")
    return Labelled(ragged, ids, labels, form.said("wide", names), groups, whole, None, tuple(notes))


def _numbers(column: pl.Series, name: str, decimal: str | None) -> NDArray[np.float64]:
    """Return a step of a wide table as numbers."""
    try:
        return to_numbers(column, name, decimal)
    except InputError as error:
        raise InputError(
            f"{error}; without --id each row is a whole sequence: pass --id if a row is a step of one"
        ) from error
