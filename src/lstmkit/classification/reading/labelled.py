"""Sequences with their names, labels and groups, as every form of input becomes; and what none of them may hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.classification.labels import as_texts
from lstmkit.data.series import LARGEST, shorten
from lstmkit.errors import InputError
from lstmkit.ranges import AT_LEAST_1, check_fields
from lstmkit.sequences import Ragged

MISSING = ("refuse", "mask")
LAYOUTS = ("", "long", "wide", "arrays")
AT_ONCE = 1 << 20
"""Rows that are looked at together."""


@dataclass(frozen=True)
class Form:
    """How sequences lie in what is read.

    label     column of the classes or numbers
    id        column that tells the sequences of a long table apart, or names the rows of a wide one; None: none
    time      column by which the steps of a sequence are put in order; None: one that is called so, or the order of
              the rows
    group     column of the person, machine or source that a sequence is of; None: none
    channels  columns that are read; empty: all columns of numbers that are nothing else
    missing   "refuse" missing values, or "mask" them: the network is told which are
    header    whether the first line of a text names the columns; without it they are column_1, column_2, ...
    interleaved  channels whose values take turns in the columns of a wide table (x, y, x, y, ...); 1: they do not
    layout    "long" (a row a step), "wide" (a row a sequence), "arrays"; "" finds out
    Raises    InputError if a column has two roles, or a word is none of these
    """

    label: str = "label"
    id: str | None = None
    time: str | None = None
    group: str | None = None
    channels: tuple[str, ...] = ()
    missing: str = "refuse"
    layout: str = ""
    header: bool = True
    interleaved: int = 1

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, {"missing": MISSING, "layout": LAYOUTS, "interleaved": AT_LEAST_1}, "Form")
        names = [*self.roles, *self.channels]
        if len(set(names)) < len(names):
            raise InputError(
                f"label, id, time, group and channels must be different columns; got {', '.join(map(repr, names))}"
            )

    @property
    def roles(self) -> list[str]:
        """The columns that are no channels."""
        return [name for name in (self.label, self.id, self.time, self.group) if name is not None]

    def said(self, layout: str, channels: Sequence[str]) -> Form:
        """Return this form with what was found."""
        return dataclasses.replace(self, layout=layout, channels=tuple(channels))


@dataclass(frozen=True)
class Labelled:
    """Sequences of frames and what is known of each.

    frames  (steps, C) each, float64, NaN where a value is missing
    ids     their names, or their numbers from 1 on
    labels  as written; None where none were asked for
    form    how they were read, with the channels that were found
    groups  whose each is; None if nothing says so
    whole   whether the labels are whole numbers by the type of their column
    times   of all steps, as they stand in the table, one sequence after the other; None without
    notes   what was noticed
    beside  further labels of each, by what they say: learnt beside the main ones, never told
    """

    frames: Ragged
    ids: list[str]
    labels: list[str] | None
    form: Form
    groups: list[str] | None = None
    whole: bool = False
    times: pl.Series | None = None
    notes: tuple[str, ...] = ()
    beside: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frames)

    def select(self, rows: NDArray[np.int64]) -> Labelled:
        """Return some of the sequences, in the order given; without their times."""
        labels, groups = (
            None if own is None else [own[r] for r in rows.tolist()] for own in (self.labels, self.groups)
        )
        ids = [self.ids[row] for row in rows.tolist()]
        beside = {name: [own[r] for r in rows.tolist()] for name, own in self.beside.items()}
        return dataclasses.replace(
            self, frames=self.frames.select(rows), ids=ids, labels=labels, groups=groups, times=None, beside=beside
        )

    @property
    def holds_missing(self) -> bool:
        """Whether a value is missing."""
        values = self.frames.values
        return any(bool(np.isnan(values[k : k + AT_ONCE]).any()) for k in range(0, len(values), AT_ONCE))


def settled(found: Labelled, labelled: bool) -> Labelled:
    """Return sequences that can be learnt from or answered for.

    labelled  whether every one needs a label
    Raises    InputError for the first value, label or length that cannot be used
    """
    if not len(found):
        raise InputError("there are no sequences; give at least one")
    empty = np.flatnonzero(found.frames.lengths == 0)
    if len(empty):
        raise InputError(f"id {found.ids[empty[0]]!r}: the sequence has no steps; leave it out")
    values = found.frames.values
    for begin in range(0, len(values), AT_ONCE):
        own = values[begin : begin + AT_ONCE]
        wrong = np.abs(own) > min(LARGEST, float(np.finfo(own.dtype).max))
        if wrong.any():
            row, channel = (int(k[0]) for k in np.nonzero(wrong))
            raise InputError(
                f"{_place(found, begin + row, channel)}: {own[row, channel]:g} is too large to compute with; correct "
                f"it, or leave it empty and pass --missing mask"
            )
    if found.form.missing == "refuse" and found.holds_missing:
        gaps = np.isnan(values)
        row, channel = (int(k[0]) for k in np.nonzero(gaps))
        raise InputError(
            f"{_place(found, row, channel)}: the value is missing, as {int(gaps.sum()):,} of {gaps.size:,} are; fill "
            f"it in, or pass --missing mask"
        )
    if labelled:
        _require_labels(found)
    return found


def _require_labels(found: Labelled) -> None:
    if found.labels is None:
        raise InputError(f"the sequences have no labels; give them as column {found.form.label!r}, or as y")
    for name, label in zip(found.ids, found.labels, strict=True):
        if not label.strip():
            raise InputError(f"id {name!r}: the sequence has no label; fill it in, or leave the sequence out")


def _place(found: Labelled, row: int, channel: int) -> str:
    sequence = int(np.searchsorted(found.frames.offsets, row, side="right")) - 1
    step = row - int(found.frames.offsets[sequence]) + 1
    return f"id {found.ids[sequence]!r}, step {step}, channel {found.form.channels[channel]!r}"


def texts_of(values: Any) -> tuple[list[str], bool]:
    """Return labels or names as text, and whether they are whole numbers by their type."""
    if isinstance(values, pl.Series):
        column = values
    else:
        column = pl.Series([v.item() if isinstance(v, np.generic) else v for v in values], strict=False)
    texts, whole = as_texts(column)
    return texts.str.strip_chars().to_list(), whole


def group_note(found: Labelled) -> list[str]:
    """Return a line where names of sequences look like several of one subject each and no group is given."""
    if found.groups is not None or found.labels is None:
        return []
    begins = [_begin(name) for name in found.ids]
    several = set(begins)
    if "" in several or not 2 <= len(several) <= len(begins) / 2:
        return []
    if len(set(zip(begins, found.labels, strict=True))) == len(several):  # they tell the class, not the subject
        return []
    return [
        f"the names of the sequences begin alike ({shorten(sorted(several), 3)}): if each is of one person or machine, "
        f"put that into a column and pass --group, or the scores are better than new ones will be"
    ]


def _begin(name: str) -> str:
    """Return what stands before the last mark in a name, "" without one."""
    places = [name.rfind(mark) for mark in "_-/. "]
    return name[: max(places)] if max(places) > 0 else ""
