"""Texts and labels as written, from a user's table or file: the columns found, every value checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lstmkit.classification.labels import as_texts
from lstmkit.data import TableKind, table_kind
from lstmkit.data.native import to_polars
from lstmkit.data.parse import to_numbers
from lstmkit.data.read import read_with_notes
from lstmkit.data.series import closest, shorten
from lstmkit.errors import InputError


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what.

    text    the text, or the first of a pair
    label   the class or the number to learn
    pair    the second text of a pair, or None
    header  whether the first line of a file names the columns; without it they are column_1, column_2, ...
    """

    text: str = "sentence"
    label: str = "label"
    pair: str | None = None
    header: bool = True

    def __post_init__(self) -> None:
        """Check that they differ."""
        names = [name for name in (self.text, self.label, self.pair) if name is not None]
        if len(set(names)) < len(names):
            raise InputError(f"text, label and pair must be different columns; got {', '.join(map(repr, names))}")

    @property
    def sides(self) -> tuple[str, ...]:
        """The columns that hold text."""
        return (self.text,) if self.pair is None else (self.text, self.pair)


@dataclass(frozen=True)
class Rows:
    """The rows of a table as a classifier needs them.

    texts   a list for each side, of one text a row
    labels  one a row as written, or None if the table need not have any
    whole   whether the labels are whole numbers by the type of their column
    blank   rows of the table with nothing in any column, which were left out
    """

    texts: tuple[list[str], ...]
    labels: list[str] | None
    whole: bool = False
    blank: int = 0

    def __len__(self) -> int:
        return len(self.texts[0])

    def select(self, rows: NDArray[np.int64]) -> Rows:
        """Return some of the rows, in the order given."""
        texts = tuple([side[row] for row in rows] for side in self.texts)
        return Rows(texts, None if self.labels is None else [self.labels[row] for row in rows], self.whole)


def open_table(source: Any, header: bool = True, delimiter: str | None = None) -> tuple[pl.DataFrame, TableKind]:
    """Return a table as polars', and the library that it came from.

    source     a table of any kind that narwhals knows, or the path of a CSV or other text, JSON lines or Parquet, plain
               or gzipped. Where tabs separate columns a quote is a character as any other; elsewhere quotes go around
               what holds a delimiter
    header     as in `Columns`
    delimiter  between the columns of a text; None finds it
    Raises     InputError with one line for whatever is wrong with it
    """
    if isinstance(source, str | Path):
        return read_with_notes(source, delimiter, header, texts=True).frame, "polars"
    if delimiter is not None:
        raise InputError("a table in memory has no delimiter; leave it out")
    frame = to_polars(source)
    if frame.height == 0:
        raise InputError("the table has no rows")
    return frame, table_kind(source)


def read_rows(frame: pl.DataFrame, columns: Columns, labelled: bool, decimal: str | None = None) -> Rows:
    """Return the texts, and the labels if the table must have them; rows that are blank all over are left out then.

    decimal  before decimals in labels; None leaves them as they are
    Raises   InputError if a column is not there, every text is empty, or a label is missing
    """
    for name in (*columns.sides, *((columns.label,) if labelled else ())):
        if name not in frame.columns:
            found = shorten(frame.columns, 12)
            raise InputError(f"no column {name!r}{closest(name, frame.columns)} (columns: {found})")
    if not labelled:
        return Rows(tuple(_texts(frame, name) for name in columns.sides), None)
    written, whole = as_texts(frame[columns.label])
    written = written.str.strip_chars()
    if decimal is not None:
        written = pl.Series([f"{number:.15g}" for number in to_numbers(frame[columns.label], columns.label, decimal)])
    blank = _blank_rows(frame, written)
    if blank.all():
        raise InputError("the table has no rows")
    texts = tuple(_texts(frame.filter(~blank), name) for name in columns.sides)
    missing = np.flatnonzero(((written == "") & ~blank).to_numpy())
    if len(missing):
        raise InputError(
            f"label column {columns.label!r}, row {missing[0] + 1}: the label is missing, as in {len(missing):,} of "
            f"{frame.height:,} rows; fill it in, or leave such rows out"
        )
    labels: list[str] = written.filter(~blank).to_list()
    return Rows(texts, labels, whole, int(blank.sum()))


def _blank_rows(frame: pl.DataFrame, labels: pl.Series) -> pl.Series:
    """Return which rows hold nothing in any column, as a blank line of a file does."""
    blank = labels == ""
    for column in frame:
        if not blank.any():
            break
        if column.dtype == pl.String:
            blank &= column.is_null() | (column.str.strip_chars() == "")
        else:
            blank &= column.is_null()
    return blank


def _texts(frame: pl.DataFrame, name: str) -> list[str]:
    texts: list[str] = as_texts(frame[name])[0].to_list()
    if not any(text.strip() for text in texts):
        raise InputError(f"text column {name!r}: the text is empty in every row")
    return texts
