"""What the labels of rows mean: classes, or numbers; for a network, and for who reads its answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.classification.advice import no_class_to_cut
from lstmkit.classification.metrics import class_scores, number_scores
from lstmkit.data.parse import to_numbers
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.sequences import cut_off, cut_off_groups

TASKS = ("classes", "number")
WHOLE = re.compile(r"-?[0-9]{1,20}")
"""How whole numbers of up to 64 bits are written."""


@dataclass(frozen=True)
class Coding:
    """How labels are coded for a network: as places among the classes, or as standardised numbers.

    column   of the labels
    classes  sorted, (K,); empty for numbers
    whole    whether the classes are whole numbers by the type of their column: they come back as such
    scale    mean and spread of numbers in the training part; 0 and 1 for classes
    """

    column: str
    classes: tuple[str, ...]
    whole: bool
    scale: tuple[float, float]

    @classmethod
    def learn(cls, labels: Sequence[str], column: str, task: str, whole: bool) -> Coding:
        """Return the coding for the labels of a training part.

        task    one of `TASKS`
        Raises  InputError if there is nothing to tell apart
        """
        if task == "classes":
            classes = classes_of(labels, column)
            return cls(column, classes, whole and whole_numbers(classes) is not None, (0.0, 1.0))
        numbers = numbers_of(labels, column)
        if np.ptp(numbers) == 0:
            raise InputError(f"label column {column!r}: every row has {numbers[0]:g}; there is nothing to learn")
        return cls(column, (), whole, (float(numbers.mean()), float(numbers.std())))

    def config(self) -> dict[str, Any]:
        """Return all but the column, as values that JSON can hold."""
        return {"classes": list(self.classes), "whole": self.whole, "scale": list(self.scale)}

    def require_sound(self, task: str, outputs: int) -> None:
        """Raise InputError if a coding read from a file contradicts itself, its task, or its network's outputs."""
        if outputs != self.outputs or (task == "classes") != (len(self.classes) > 1):
            raise InputError(f"{len(self.classes)} classes for {outputs} outputs")
        if len(set(self.classes)) < len(self.classes):
            raise InputError("a class occurs twice")
        if self.whole and self.classes and whole_numbers(self.classes) is None:
            raise InputError("classes that are no whole numbers")
        if not self.scale[1] > 0:
            raise InputError(f"a spread of {self.scale[1]}")

    @property
    def names(self) -> NDArray[Any]:
        """The classes as they are in the table (K,): int64 or uint64 if they were whole numbers there, else text."""
        numbers = whole_numbers(self.classes) if self.whole else None
        return np.array(self.classes, str) if numbers is None else numbers

    @property
    def outputs(self) -> int:
        """Numbers that a network answers with: one for each class, or the number."""
        return max(1, len(self.classes))

    def targets(self, labels: Sequence[str], part: str) -> Tensor:
        """Return what a network learns: places among the classes (N,) int64, or standardised numbers, float32.

        part    named where a label cannot be used
        Raises  InputError if one cannot
        """
        if self.classes:
            return torch.from_numpy(class_numbers(labels, self.classes, self.column, part))
        mean, spread = self.scale
        return torch.from_numpy(((numbers_of(labels, self.column) - mean) / spread).astype(np.float32))

    def truth(self, labels: Sequence[str]) -> NDArray[Any]:
        """Return the places among the classes (N,), or the numbers as they are in the table."""
        if self.classes:
            return class_numbers(labels, self.classes, self.column, "test")
        return numbers_of(labels, self.column)

    def restored(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities (N, K) as they are, or standardised numbers (N, 1) in the units of the table."""
        return found if self.classes else found * self.scale[1] + self.scale[0]

    def scores(self, truth: NDArray[Any], found: NDArray[np.float64], recall: bool = False) -> dict[str, float]:
        """Return the scores of answers (N, K) or (N, 1), whoever gave them; `recall` as in `class_scores`."""
        if self.classes:
            return class_scores(truth, found.argmax(axis=1), self.classes, recall)
        return number_scores(truth, found[:, 0])

    def columns(self, found: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Return answers as columns of a table: `label` and `p_` with the name of each class, or `value`."""
        if not self.classes:
            return {"value": found[:, 0]}
        shares = {f"p_{name}": found[:, k] for k, name in enumerate(self.classes)}
        return {"label": self.names[found.argmax(axis=1)], **shares}


def hold_back(
    labels: Sequence[str], column: str, task: str, share: float, seed: int, groups: Sequence[str] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that stay, and those cut off at random, a share of every class.

    column  of the labels
    groups  (N,) name of the group of every row: whole groups are cut off, about that share of the rows
    Raises  InputError if nothing would be cut off
    """
    places = np.zeros(len(labels), np.int64)
    if task == "classes":
        places = class_numbers(labels, classes_of(labels, column), column, "training")
    if groups is not None:
        return cut_off_groups(groups, places, share, seed)
    kept, cut = cut_off(places, share, seed)
    if not len(cut):
        if task == "classes":
            raise InputError(no_class_to_cut(labels, column, share))
        raise InputError(
            f"{len(labels)} rows are too few to hold back a share of {share:g}; give more rows, or files for "
            f"validation and test"
        )
    return kept, cut


def numbers_of(labels: Sequence[str], column: str) -> NDArray[np.float64]:
    """Return labels as numbers.

    Raises  InputError if one is no finite number; its row is named
    """
    try:
        numbers = to_numbers(pl.Series(column, labels, pl.String), column)
    except InputError as error:
        raise InputError(f"label {error}; leave out --task number if labels are classes") from error
    if not np.isfinite(numbers).all():
        row = int(np.isfinite(numbers).argmin())
        raise InputError(
            f"label column {column!r}, row {row + 1}: {labels[row]!r} is not a number; leave out --task number "
            "if labels are classes"
        )
    return numbers


def classes_of(labels: Sequence[str], column: str) -> tuple[str, ...]:
    """Return the classes among labels, sorted, whole numbers by size, and such as 1 and 01 as text among them.

    Raises  InputError if there is only one
    """
    found = set(labels)
    if len(found) < 2:
        raise InputError(
            f"label column {column!r}: every row is of class {labels[0]!r}; there is nothing to tell apart"
        )
    if whole_numbers(tuple(found)) is None:
        return tuple(sorted(found))
    return tuple(sorted(found, key=lambda label: (int(label), label)))


def whole_numbers(names: Sequence[str]) -> NDArray[Any] | None:
    """Return names of classes as numbers of one type, int64 or uint64; None where they are none that it can hold."""
    if not names or not all(WHOLE.fullmatch(name) for name in names):
        return None
    numbers = [int(name) for name in names]
    for kind in (np.iinfo(np.int64), np.iinfo(np.uint64)):
        if kind.min <= min(numbers) and max(numbers) <= kind.max:
            return np.array(numbers, kind.dtype)
    return None


def as_texts(column: pl.Series) -> tuple[pl.Series, bool]:
    """Return a column as text, "" where a value is missing, and whether it holds whole numbers by its type."""
    whole = column.dtype.is_integer()
    if column.dtype.is_float():  # pandas makes 1.0 of 1 in a column with a missing value
        known = column.drop_nulls().drop_nans()
        if len(known) and bool((known == known.round()).all()) and float(known.abs().max()) < 2**53:  # type: ignore[arg-type]
            column, whole = column.fill_nan(None).cast(pl.Int64), True
    return column.cast(pl.String, strict=False).fill_null(""), whole


def class_numbers(labels: Sequence[str], classes: Sequence[str], column: str, part: str) -> NDArray[np.int64]:
    """Return the position of every label among the classes.

    Raises  InputError if one is not there; its row and the part are named
    """
    places = {name: place for place, name in enumerate(classes)}
    for row, label in enumerate(labels):
        if label not in places:
            raise InputError(
                f"{part} part, label column {column!r}, row {row + 1}: class {label!r} is not in the "
                f"training part (classes: {shorten(classes, 12)})"
            )
    return np.array([places[label] for label in labels], np.int64)
