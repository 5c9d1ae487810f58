"""Files to tables: text in many layouts (also gzip), JSON lines, Parquet, the Monash archive's .tsf, demonstrations.

A text comes back with every column as text: only the columns that a task names are ever converted, by
`lstmkit.data.parse` and `lstmkit.data.parse`, which can then name the row and the value that does not fit.
"""

from __future__ import annotations

import codecs
import io
import mmap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lstmkit.data.cells import ragged_row, read_cells
from lstmkit.data.content import BLOCK, free_memory, opened, place_of, read_bytes
from lstmkit.data.faults import polars_faults
from lstmkit.data.foreign import is_json, read_json, refuse_foreign
from lstmkit.data.forks import require_threads
from lstmkit.data.layout import Layout, lay_out
from lstmkit.data.levels import stacked
from lstmkit.data.parquet import MARK, can_be_true
from lstmkit.data.tsf import parse_tsf
from lstmkit.errors import InputError
from lstmkit.ranges import a_path, shown

DEMOS = ("aapl", "ibm", "msft")
SHARE = 0.25
"""Share of the free memory that a table may take; reading needs about three times as much."""
MOST_COLUMNS, LONGEST_NAME = 20_000, 1_000
TABS = (".tsv", ".tab", ".tsv.gz", ".tab.gz")
"""Endings of files whose columns are separated by tabs, unless they evidently are not."""
UTF_16 = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
UTF_16 |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class FileTable:
    """A file as a table.

    frame    the columns of a text are text
    notes    what was found beside the table
    decimal  what stands before decimals, if the file tells; None else
    id       column that tells series apart, if the file tells; None else
    """

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    decimal: str | None = None
    id: str | None = None


def read_file(source: str | Path, delimiter: str | None = None) -> pl.DataFrame:
    """Read a table.

    source     path of a CSV or other text, JSON lines, Parquet or .tsf file, also gzipped; "-" for standard input;
               or "demo:aapl", "demo:ibm", "demo:msft"
    delimiter  between the columns of a text; None finds it
    Returns    a polars frame; the columns of a text are text
    Raises     InputError with one line for whatever is wrong with the file
    """
    return read_with_notes(source, delimiter).frame


def read_with_notes(
    source: str | Path, delimiter: str | None = None, header: bool = True, texts: bool = False
) -> FileTable:
    """Read a table as `read_file` does, and say what was found.

    header  whether the first line of a text names the columns; else they are column_1, column_2, ...
    texts   whether the table holds texts: quotes are characters as any other where tabs separate columns, every row
            must have all columns, blank rows are kept, and every line after the one with the names is a row
    """
    path = a_path("the table", source)
    require_threads()
    if delimiter is not None:
        delimiter = _checked_delimiter(delimiter)
    if str(source).startswith("demo:"):
        return FileTable(_read_demo(str(source)))
    content = read_bytes(path, int(SHARE * free_memory()))
    place = place_of(path)
    refuse_foreign(place, content)
    if content[:4] == MARK:
        refuse_delimiter(place, delimiter, "a Parquet file")
        return FileTable(_read_parquet(place, content))
    content = _checked_text(place, content)
    if path.name.endswith((".tsf", ".tsf.gz")):
        refuse_delimiter(place, delimiter, "a .tsf file")
        table = parse_tsf(content.decode(), place)
        notes = (f"a file of the Monash archive: {table.id!r} names its series",) if table.id else ()
        return FileTable(table.frame, notes, id=table.id)
    if is_json(content):
        refuse_delimiter(place, delimiter, "JSON")
        return FileTable(read_json(place, content))
    usual = "\t" if path.name.lower().endswith(TABS) else ","
    return _read_text(place, content, lay_out(place, content, delimiter, usual, texts, header), texts)


def refuse_delimiter(place: str, delimiter: str | None, what: str) -> None:
    """Raise InputError if a delimiter is given for what has none."""
    if delimiter is not None:
        raise InputError(f"{place}: {what} has no delimiter; leave out --delimiter")


def parquet_rows(path: Path) -> int:
    """Return the number of rows of a Parquet file; raise InputError if it is damaged."""
    require_threads()
    with opened(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _check_parquet(path, content)
    with polars_faults(_damaged(path)):
        return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _read_parquet(path: str, content: bytes) -> pl.DataFrame:
    _check_parquet(path, content)
    with polars_faults(_damaged(path)):
        columns = len(pl.read_parquet_schema(io.BytesIO(content)))
        rows = int(pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item())
    if 8 * rows * columns > SHARE * free_memory():  # of few bytes, if all rows are alike
        raise InputError(f"{path}: {rows:,} rows of {columns:,} columns do not fit into memory; leave out columns")
    with polars_faults(_damaged(path)):
        return pl.read_parquet(io.BytesIO(content))


def _check_parquet(path: Path | str, content: bytes | mmap.mmap) -> None:
    if not can_be_true(content):
        raise InputError(_damaged(path))


def _damaged(path: Path | str) -> str:
    return f"{path}: not a readable Parquet file; it is damaged or cut short"


def _checked_text(place: str, content: bytes) -> bytes:
    """Return the bytes of a text in UTF-8 without its mark, with an end of line that all know."""
    for mark, encoding in (UTF_16 | _unmarked(content)).items():
        if content.startswith(mark):
            try:
                content = content.decode(encoding).encode()
            except UnicodeDecodeError as error:
                raise InputError(f"{place}: not readable as {encoding.upper()}; save it as UTF-8") from error
            break
    if not content.strip():
        raise InputError(f"{place}: the file is empty")
    nul = content.find(b"\x00")
    if nul >= 0:
        raise InputError(f"{place}: a binary file (a zero byte at offset {nul}); a CSV or Parquet file is needed")
    try:
        for text in codecs.iterdecode(_slices(content), "utf-8"):
            del text  # all at once would take four times the memory
    except UnicodeDecodeError:
        _complain_of_encoding(place, content)
    content = content.removeprefix(codecs.BOM_UTF8)
    return content if b"\n" in content else content.replace(b"\r", b"\n")  # of a Macintosh of old


def _unmarked(content: bytes) -> dict[bytes, str]:
    """Return the first bytes of UTF-16 without its mark, and its name: each other byte of its beginning is zero."""
    start = content[:64]
    for zeros, others, encoding in ((start[1::2], start[::2], "utf-16-le"), (start[::2], start[1::2], "utf-16-be")):
        if len(content) % 2 == 0 and len(start) > 8 and not any(zeros) and all(others):
            return {start: encoding}
    return {}


def _slices(content: bytes) -> Iterator[bytes]:
    for begin in range(0, len(content), BLOCK):
        yield content[begin : begin + BLOCK]


def _complain_of_encoding(path: str, content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text (byte 0x{content[error.start]:02x} at offset {error.start}); save it as UTF-8 "
            f"(Excel: CSV UTF-8; Linux: iconv -f WINDOWS-1252 -t UTF-8)"
        ) from error


def _checked_delimiter(delimiter: str) -> str:
    """Return a delimiter as one character."""
    if not isinstance(delimiter, str):
        raise InputError(f"delimiter must be a character, such as ';'; got {shown(delimiter)}")
    delimiter = "\t" if delimiter == r"\t" else delimiter  # a shell passes a typed \t as two characters
    if len(delimiter.encode("utf-8", "surrogatepass")) != 1 or delimiter in '"\r\n\0':
        raise InputError(f"delimiter {delimiter!r} is not one plain character; use one such as ';' or '\\t'")
    return delimiter


def _read_text(place: str, content: bytes, layout: Layout, texts: bool) -> FileTable:
    names = list(layout.header) or [f"column_{k}" for k in range(1, layout.width + 1)]
    if not layout.levels:
        check_names(place, [name for name in names if name])
    body = content[layout.begin : layout.end]
    quotes = layout.delimiter != "\t" or not texts
    frame, told = read_cells(place, body, layout, quotes, len(names))
    notes = [*layout.notes, *told]
    if texts and layout.width > 1:
        complaint = ragged_row(place, body, layout, quotes and not told, len(names), least=len(names))
        if complaint:
            raise InputError(complaint)
    elif layout.width > 1:
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null() | (pl.all() == "")))
    if not texts and not layout.levels:
        frame, repeats = _without_headers(frame, layout.header)
        notes += repeats
    if frame.height == 0:
        raise InputError(f"{place}: has a header but no rows")
    if layout.header:
        names, told = _aligned(place, frame, names, body)
        notes += told
    if layout.levels:
        index, pairs = names[:1], list(zip(*(level[1:] for level in layout.levels), strict=True))
        check_names(place, [f"{one} {other}" for one, other in pairs])
        flat = frame.rename({frame.columns[0]: index[0]})
        flat = flat.with_columns(pl.col(c).replace("", None) for c in flat.columns[1:])
        levels = [level[0] for level in layout.levels]
        long, id = stacked(flat, index, pairs, levels)
        note = f"names in three lines: {id!r} tells series apart" if id else "names in three lines are joined"
        return FileTable(long, (*notes, note), layout.decimal, id)
    return FileTable(_named(frame, names), tuple(notes), layout.decimal)


def _aligned(place: str, frame: pl.DataFrame, names: list[str], body: bytes) -> tuple[list[str], list[str]]:
    """Return the names of all columns that hold values, and notes; R leaves out the one of its numbers of rows.

    Raises  InputError if rows have values beyond the last name: which name belongs to which value is not known
    """
    beyond = frame.columns[len(names) :]
    filled = [pl.col(c).is_not_null() & (pl.col(c) != "") for c in beyond]
    rows = frame.select(pl.any_horizontal(filled)).to_series().arg_true().to_list() if filled else []
    if not rows:
        return names, []
    numbers = pl.int_range(1, frame.height + 1, eager=True).cast(pl.String)
    if len(beyond) == 1 and body.lstrip().startswith(b'"1"') and (frame[frame.columns[0]] == numbers).all():
        return ["", *names], ["the first column has no name, and numbers the rows"]
    raise InputError(
        f"{place}: row {rows[0] + 1} has {frame.width} fields where the header has {len(names)}; put quotes around a "
        f"value that holds the delimiter"
    )


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
        raise InputError(f"{place}: the header names column {repeated[0]!r} more than once; rename one")


def _without_headers(frame: pl.DataFrame, header: Sequence[str]) -> tuple[pl.DataFrame, list[str]]:
    """Return the rows that are not the header again, as where files are joined, and a note if some are."""
    if not any(letter.isalpha() for name in header for letter in name):  # numbers may be those of a row
        return frame, []
    named = [(c, name) for c, name in zip(frame.columns, header, strict=False) if name]
    again = frame.select(pl.all_horizontal(pl.col(c) == name for c, name in named).fill_null(False)).to_series()
    count = int(again.sum())
    if not count:
        return frame, []
    note = f"{count} row{'s that are the header again were' if count > 1 else ' that is the header again was'} left out"
    return frame.filter(~again), [note]


def _named(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Return a table with its columns named; without columns that have neither a name nor a value."""
    names = [*names, *[""] * (frame.width - len(names))]
    bare = [c for c, name in zip(frame.columns, names, strict=True) if not name]
    empty = {c for c in bare if (frame[c].is_null() | (frame[c] == "")).all()}
    several = len(bare) - len(empty) > 1
    kept = {
        name or (f"column_{k}" if several else ""): frame[c]
        for k, (c, name) in enumerate(zip(frame.columns, names, strict=True), 1)
        if c not in empty
    }
    return pl.DataFrame(kept)


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
