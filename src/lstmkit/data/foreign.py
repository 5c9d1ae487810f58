"""Files that are no text of rows and columns: JSON of rows is read, others are refused with what to do."""

from __future__ import annotations

import io
import json

import polars as pl

from lstmkit.data.faults import polars_faults
from lstmkit.errors import InputError

SHEET = "save its sheet as CSV (in Excel: Save As, CSV UTF-8), or give pandas.read_excel's table to the library"
FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "a workbook of Excel", SHEET),
    (b"7z\xbc\xaf\x27\x1c", "a packed file", "unpack it first"),
    (b"\xfd7zXZ", "a packed file", "unpack it first"),
    (b"BZh91AY&SY", "a packed file", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a packed file", "unpack it first"),
    (b"Rar!\x1a\x07", "a packed file", "unpack it first"),
    (b"ARROW1\x00\x00", "an Arrow file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet"),
    (b"SQLite format 3", "a database", "write the table as CSV or Parquet"),
    (b"\x89HDF", "an HDF5 file", "write the table as CSV or Parquet"),
    (b"\x93NUMPY", "an array of numpy", "write it as CSV or Parquet"),
    (b"%PDF", "a PDF", "copy its table into a CSV file"),
)
"""First bytes, what has them, and what to do."""
BY_ROWS = "write a row a line, as pandas does with to_json(orient='records', lines=True)"
PAGES = (b"<!doctype html", b"<html")


def refuse_foreign(place: str, content: bytes) -> None:
    """Raise InputError, with what to do, if a file is of a kind that many programs read but not this one."""
    for mark, what, fix in FOREIGN:
        if content.startswith(mark):
            raise InputError(f"{place}: {what}; {fix}")
    if content.startswith(b"PK\x03\x04"):
        if b"xl/" in content[:4096] or b"xl/workbook" in content:
            raise InputError(f"{place}: a workbook of Excel; {SHEET}")
        if b"opendocument.spreadsheet" in content[:200]:
            raise InputError(f"{place}: a workbook of LibreOffice; save its sheet as CSV")
        raise InputError(f"{place}: a packed file; unpack it first")
    if content[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(PAGES):
        raise InputError(f"{place}: a web page, not a table; download the CSV file itself")


def is_json(content: bytes) -> bool:
    """Return whether a text is JSON: it begins with an object, or a list of them."""
    start = content[:4096].lstrip()
    of_list = start.startswith(b"[") and start[1:].lstrip().startswith(b"{")
    return of_list or (start.startswith(b"{") and start[1:].lstrip()[:1] in (b'"', b"}"))


def read_json(place: str, content: bytes) -> pl.DataFrame:
    """Read a table of JSON: an object a line, or a list of objects.

    Raises  InputError naming the line that is none
    """
    lines = not content.lstrip().startswith(b"[")
    if lines:
        _check_lines(place, content)
    try:
        with polars_faults(f"{place}: its rows differ in kind; write it as CSV or Parquet"):
            read = pl.read_ndjson if lines else pl.read_json
            frame: pl.DataFrame = read(io.BytesIO(content), infer_schema_length=None)
    except InputError:
        if not lines:
            _check_list(place, content)
        raise
    if frame.width == 0 or frame.height == 0:
        raise InputError(f"{place}: has no rows")
    nested = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List | pl.Struct)]
    if frame.height == 1 and nested:
        raise InputError(f"{place}: column {nested[0]!r} holds all its values in one row; {BY_ROWS}")
    return frame


def _check_lines(place: str, content: bytes) -> None:
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{place}: line {number} is not a JSON object; {BY_ROWS}") from error
        if not isinstance(found, dict):
            raise InputError(f"{place}: line {number} is not a JSON object; {BY_ROWS}")


def _check_list(place: str, content: bytes) -> None:
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not readable JSON; it is damaged or cut short") from error
