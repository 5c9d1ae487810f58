"""Files to tables: CSV (plain or gzip), Parquet, the Monash archive's .tsf, and the demonstration series.

A CSV comes back with every column as text: only the columns that a task names are ever converted, by
`lstmkit.data.parse`, which can then name the row and the value that does not fit.
"""

from __future__ import annotations

import codecs
import csv
import io
import mmap
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from lstmkit.data.content import BLOCK, free_memory, opened, read_bytes
from lstmkit.data.faults import polars_faults
from lstmkit.data.forks import require_threads
from lstmkit.data.parquet import MARK, can_be_true
from lstmkit.data.tsf import parse_tsf
from lstmkit.errors import InputError
from lstmkit.ranges import a_path, shown

DEMOS = ("aapl", "ibm", "msft")
SHARE = 0.25
"""Share of the free memory that a table may take; reading needs about three times as much."""
MOST_COLUMNS, LONGEST_NAME = 20_000, 1_000
DELIMITERS = {",": "','", ";": "';'", "\t": "'\\t' (tab)", "|": "'|'"}


def read_file(source: str | Path, delimiter: str | None = None) -> pl.DataFrame:
    """Read a table.

    source     path of a CSV, gzipped CSV, Parquet or .tsf file, or "demo:aapl", "demo:ibm", "demo:msft"
    delimiter  between the columns of a CSV; None means a comma (a tab in a .tsv)
    Returns    a polars frame; the columns of a CSV are text
    Raises     InputError with one line for whatever is wrong with the file
    """
    path = a_path("the table", source)
    require_threads()
    if str(source).startswith("demo:"):
        return _read_demo(str(source))
    content = read_bytes(path, int(SHARE * free_memory()))
    if content[:4] == MARK:
        return _read_parquet(path, content)
    content = _checked_text(path, content)
    if path.name.endswith((".tsf", ".tsf.gz")):
        return parse_tsf(content.decode(), str(path)).frame
    if delimiter is None:
        delimiter = "\t" if path.name.endswith((".tsv", ".tsv.gz")) else ","
    return _read_csv(path, content, _checked_delimiter(delimiter))


def parquet_rows(path: Path) -> int:
    """Return the number of rows of a Parquet file; raise InputError if it is damaged."""
    require_threads()
    with opened(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _check_parquet(path, content)
    with polars_faults(_damaged(path)):
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _read_parquet(path: Path, content: bytes) -> pl.DataFrame:
    _check_parquet(path, content)
    with polars_faults(_damaged(path)):
        columns = len(pl.read_parquet_schema(io.BytesIO(content)))
        rows = int(pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item())
    if 8 * rows * columns > SHARE * free_memory():  # of few bytes, if all rows are alike
        raise InputError(f"{path}: {rows:,} rows of {columns:,} columns do not fit into memory; leave out columns")
    with polars_faults(_damaged(path)):
        return pl.read_parquet(io.BytesIO(content))


def _check_parquet(path: Path, content: bytes | mmap.mmap) -> None:
    if not can_be_true(content):
        raise InputError(_damaged(path))


def _damaged(path: Path) -> str:
    return f"{path}: not a readable Parquet file; it is damaged or cut short"


def _checked_text(path: Path, content: bytes) -> bytes:
    """Return the bytes of a text in UTF-8 without its mark, with an end of line that all know."""
    if not content.strip():
        raise InputError(f"{path}: the file is empty")
    nul = content.find(b"\x00")
    if nul >= 0:
        raise InputError(f"{path}: a binary file (a zero byte at offset {nul}); a CSV or Parquet file is needed")
    try:
        for text in codecs.iterdecode(_slices(content), "utf-8"):
            del text  # all at once would take four times the memory
    except UnicodeDecodeError:
        _complain_of_encoding(path, content)
    content = content.removeprefix(codecs.BOM_UTF8)
    return content if b"\n" in content else content.replace(b"\r", b"\n")  # of a Macintosh of old


def _slices(content: bytes) -> Iterator[bytes]:
    for begin in range(0, len(content), BLOCK):
        yield content[begin : begin + BLOCK]


def _complain_of_encoding(path: Path, content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text (byte 0x{content[error.start]:02x} at offset {error.start}); save it as UTF-8"
        ) from error


def _checked_delimiter(delimiter: str) -> str:
    """Return a delimiter as one character."""
    if not isinstance(delimiter, str):
        raise InputError(f"delimiter must be a character, such as ';'; got {shown(delimiter)}")
    delimiter = "\t" if delimiter == r"\t" else delimiter  # a shell passes a typed \t as two characters
    if len(delimiter.encode("utf-8", "surrogatepass")) != 1 or delimiter in '"\r\n\0':
        raise InputError(f"delimiter {delimiter!r} is not one plain character; use one such as ';' or '\\t'")
    return delimiter


def _read_csv(path: Path, content: bytes, delimiter: str) -> pl.DataFrame:
    header = _check_header(path, content, delimiter)
    try:
        with polars_faults(f"{path}: not a readable CSV file"):
            frame = pl.read_csv(content, separator=delimiter, infer_schema=False)
    except InputError as error:
        raise InputError(_ragged_row(path, content, delimiter, len(header)) or str(error)) from error
    if frame.height == 0:
        raise InputError(f"{path}: has a header but no rows")
    return frame


def _check_header(path: Path, content: bytes, delimiter: str) -> list[str]:
    """Return the column names; raise InputError if the delimiter is evidently another one, or names cannot be used."""
    start = len(content) - len(content.lstrip(b"\n"))
    end = content.find(b"\n", start)
    first = content[start : None if end < 0 else end].decode().rstrip("\r")
    try:
        header = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error as error:
        raise InputError(f"{path}: the header cannot be read ({error}); correct its first line") from error
    check_names(str(path), header)
    if len(header) == 1:
        for other, words in DELIMITERS.items():
            if other != delimiter and other in first:
                raise InputError(
                    f"{path}: the header {first[:60]!r} has no {DELIMITERS.get(delimiter, repr(delimiter))} in it; "
                    f"if the columns are separated by {words}, pass --delimiter {words.split(' ')[0]}"
                )
    return header


def check_names(place: str, names: Sequence[str]) -> None:
    """Raise InputError if names of columns repeat, are too many, or too long.

    place  which table it is, for the complaint
    """
    if len(names) > MOST_COLUMNS:
        raise InputError(f"{place}: {len(names):,} columns; a table may have {MOST_COLUMNS:,}: leave some out")
    for name in names:
        if len(name) > LONGEST_NAME:
            raise InputError(f"{place}: a column has a name of {len(name):,} characters; {LONGEST_NAME:,} are allowed")
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise InputError(f"{place}: the header names column {repeated[0]!r} more than once")


def _ragged_row(path: Path, content: bytes, delimiter: str, width: int) -> str:
    """Return the sentence about the first row with too many fields, or "" if there is none."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="")
    try:
        for number, row in enumerate(csv.reader(text, delimiter=delimiter)):
            if number and len(row) > width:
                return f"{path}: row {number} has {len(row)} fields where the header has {width}"
    except csv.Error:  # such as a quote that never ends
        return ""
    return ""


def _read_demo(name: str) -> pl.DataFrame:
    symbol = name.removeprefix("demo:").upper()
    if symbol.lower() not in DEMOS:
        raise InputError(f"{name}: no such demonstration; there are {', '.join('demo:' + d for d in DEMOS)}")
    try:
        from bokeh_sampledata import stocks
    except ImportError as error:
        raise InputError(f"{name}: needs the package bokeh_sampledata: pip install 'lstmkit[demo]'") from error
    prices = getattr(stocks, symbol)
    names = {"date": "Date", "open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
    return pl.DataFrame({shown: prices[key] for key, shown in (names | {"adj_close": "Adj Close"}).items()})
