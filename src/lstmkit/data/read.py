"""Files to tables: CSV (plain or gzip), Parquet, the Monash archive's .tsf, and the demonstration series.

A CSV comes back with every column as text: only the columns that a task names are ever converted, by
`lstmkit.data.parse`, which can then name the row and the value that does not fit.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

import polars as pl

from lstmkit.data.tsf import parse_tsf
from lstmkit.errors import InputError

DEMOS = ("aapl", "ibm", "msft")
DELIMITERS = {",": "','", ";": "';'", "\t": "'\\t' (tab)", "|": "'|'"}


def read_file(source: str | Path, delimiter: str | None = None) -> pl.DataFrame:
    """Read a table.

    source     path of a CSV, gzipped CSV, Parquet or .tsf file, or "demo:aapl", "demo:ibm", "demo:msft"
    delimiter  between the columns of a CSV; None means a comma (a tab in a .tsv)
    Returns    a polars frame; the columns of a CSV are text
    Raises     InputError with one line for whatever is wrong with the file
    """
    name = str(source)
    if name.startswith("demo:"):
        return _read_demo(name)
    path = Path(source)
    content = _read_bytes(path)
    if content[:4] == b"PAR1":
        try:
            return pl.read_parquet(io.BytesIO(content))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InputError(f"{path}: not a readable Parquet file; it is damaged or cut short") from error
    text = _decode(path, content)
    if path.name.endswith((".tsf", ".tsf.gz")):
        return parse_tsf(text, str(path)).frame
    if delimiter is None:
        delimiter = "\t" if path.name.endswith((".tsv", ".tsv.gz")) else ","
    delimiter = "\t" if delimiter == r"\t" else delimiter  # a shell passes a typed \t as two characters
    if len(delimiter.encode()) != 1 or delimiter in '"\r\n':
        raise InputError(f"delimiter {delimiter!r} is not one plain character; use one such as ';' or '\\t'")
    header = _check_header(path, text, delimiter)
    try:
        frame = pl.read_csv(io.BytesIO(text.encode()), separator=delimiter, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            _ragged_row(path, text, delimiter, len(header)) or f"{path}: not a readable CSV file"
        ) from error
    if frame.height == 0:
        raise InputError(f"{path}: has a header but no rows")
    return frame


def _read_bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder, not a file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: not a readable gzip file; it is damaged or cut short") from error
    if not content.strip():
        raise InputError(f"{path}: the file is empty")
    return content


def _decode(path: Path, content: bytes) -> str:
    nul = content.find(b"\x00")
    if nul >= 0:
        raise InputError(f"{path}: a binary file (a zero byte at offset {nul}); a CSV or Parquet file is needed")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text (byte 0x{content[error.start]:02x} at offset {error.start}); save it as UTF-8"
        ) from error


def _check_header(path: Path, text: str, delimiter: str) -> list[str]:
    """Return the column names; raise InputError if the delimiter is evidently another one, or names repeat."""
    first = text.lstrip("\n").split("\n", 1)[0].rstrip("\r")
    header = next(csv.reader([first], delimiter=delimiter), [])
    if len(header) == 1:
        for other, shown in DELIMITERS.items():
            if other != delimiter and other in first:
                raise InputError(
                    f"{path}: the header {first[:60]!r} has no {DELIMITERS.get(delimiter, repr(delimiter))} in it; "
                    f"if the columns are separated by {shown}, pass --delimiter {shown.split(' ')[0]}"
                )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise InputError(f"{path}: the header names column {repeated[0]!r} more than once")
    return header


def _ragged_row(path: Path, text: str, delimiter: str, width: int) -> str:
    """Return the sentence about the first row with too many fields, or "" if there is none."""
    for number, row in enumerate(csv.reader(io.StringIO(text), delimiter=delimiter)):
        if number and len(row) > width:
            return f"{path}: row {number} has {len(row)} fields where the header has {width}"
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
