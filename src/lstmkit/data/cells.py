"""The cells of a text, once it is known how it is laid out; and what becomes of quotes that do not go around values."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import polars as pl

from lstmkit.data.faults import polars_faults
from lstmkit.data.layout import Layout, quoting
from lstmkit.errors import InputError


def read_cells(place: str, body: bytes, layout: Layout, quotes: bool, named: int) -> tuple[pl.DataFrame, list[str]]:
    """Return the cells of the rows as text, by columns without names of their own, and notes."""
    if quotes and b'"' in body:
        bad, rows = _look_at_quotes(body, layout.delimiter)
        if bad is not None and not _are_characters(body, layout):
            raise InputError(
                f"{place}: row {bad}: a quote opens a value and is not closed at its end; write quotes within a value "
                f"twice, or remove this one"
            )
        if bad is not None:
            return _by_polars(place, body, layout, False, named), ["quotes are taken as characters of the values"]
        if rows is not None:  # where they are within a value alone, polars is at a loss
            return _by_polars(place, body, layout, True, named, rows), []
    return _by_polars(place, body, layout, quotes, named), []


def _by_polars(
    place: str, body: bytes, layout: Layout, quotes: bool, named: int, rows: int | None = None
) -> pl.DataFrame:
    """Return the cells as polars reads them; as Python does, if that is another number of rows than is known."""
    head = (layout.delimiter.join(str(k) for k in range(layout.width)) + "\n").encode()
    try:
        with polars_faults(f"{place}: not a readable CSV file"):
            quote = '"' if quotes else None
            frame = pl.read_csv(head + body, separator=layout.delimiter, infer_schema=False, quote_char=quote)
    except InputError as error:
        complaint = ragged_row(place, body, layout, quotes, named)
        if complaint or rows is None:
            raise InputError(complaint or str(error)) from error
        return _by_hand(body, layout)
    return frame if rows in (None, frame.height) else _by_hand(body, layout)


def _reader(body: bytes, delimiter: str, quotes: bool = True) -> Iterator[list[str]]:
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline="")
    return csv.reader(text, delimiter=delimiter, quoting=quoting(quotes))


def _look_at_quotes(body: bytes, delimiter: str) -> tuple[int | None, int | None]:
    """Return the first row of several lines whose quotes do not go around values, and how many rows there are.

    Returns  None for the row without any, and for the number where Python's own reader cannot tell
    """
    own: list[str] = []
    last: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline=""):
            own.append(line)
            yield line

    number = 0
    try:
        for number, _ in enumerate(csv.reader(lines(), delimiter=delimiter), 1):
            if len(own) > 1 and not _is_strict(own, delimiter):
                return number, None
            last = own.copy()
            own.clear()
    except csv.Error:  # such as a value longer than it takes
        return None, None
    return (None, number) if _is_closed(last, delimiter) else (number, None)


def _is_strict(lines: list[str], delimiter: str) -> bool:
    try:
        return len(list(csv.reader(lines, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False


def _is_closed(lines: list[str], delimiter: str) -> bool:
    """Return whether the last quote of the last row is closed: a row after it is then a row of its own."""
    return len(list(csv.reader([*lines, "\n", "x\n"], delimiter=delimiter))) > 1


def _are_characters(body: bytes, layout: Layout) -> bool:
    """Return whether all rows are of the same width if quotes are characters, and none goes around a value."""
    for row in _reader(body, layout.delimiter, False):
        if row and (len(row) != layout.width or any(len(c) > 1 and c[0] == c[-1] == '"' for c in row)):
            return False
    return True


def _by_hand(body: bytes, layout: Layout) -> pl.DataFrame:
    width = layout.width
    rows = [[cell or None for cell in row] + [None] * (width - len(row)) for row in _reader(body, layout.delimiter)]
    return pl.DataFrame(rows, schema={str(k): pl.String for k in range(width)}, orient="row")


def ragged_row(place: str, body: bytes, layout: Layout, quotes: bool, named: int, least: int = 0) -> str:
    """Return the sentence about the first row with too many fields, or fewer than least, or "" if there is none."""
    try:
        for number, row in enumerate(_reader(body, layout.delimiter, quotes), 1):
            if len(row) > layout.width or (0 < len(row) < least and any(row)):
                what = "the header" if layout.header else "the first"
                fix = "put quotes around a value that holds the delimiter" if len(row) > named else "complete the row"
                return f"{place}: row {number} has {len(row)} fields where {what} has {named}; {fix}"
    except csv.Error:  # such as a quote that never ends
        return ""
    return ""
