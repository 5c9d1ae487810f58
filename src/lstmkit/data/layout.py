"""How a text is a table: what separates its columns, where it begins and ends, what its columns are called.

People's files have lines before and after the table, blank ones, names in several lines, and separators of their own.
What is certain is read, and told in a note; all else is left as it stands, so that whoever reads it can complain.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import Literal

from lstmkit.errors import InputError

DELIMITERS = {",": "','", ";": "';'", "\t": "'\\t' (tab)", "|": "'|'"}
LOOKED_AT = 200
"""Lines at the beginning by which a table is known."""
MOST_AFTER = 50
"""Lines that may come after a table."""
TOTALS = frozenset(
    [
        "total",
        "totals",
        "sum",
        "average",
        "avg",
        "mean",
        "median",
        "min",
        "max",
        "minimum",
        "maximum",
        "std",
        "count",
        "summe",
        "gesamt",
        "gesamtsumme",
        "durchschnitt",
        "mittelwert",
        "moyenne",
        "somme",
        "totale",
        "media",
        "suma",
        "promedio",
        "totaal",
        "soma",
    ]
) | {"grand total", "total général", "média"}
A_NUMBER = re.compile(r"\s*[-+(]?[^\w\s]?\d")
DRESS = "-+()%\N{EURO SIGN}$\N{POUND SIGN}\N{YEN SIGN} \u00a0\u202f"
"""What may stand around the digits of a number."""
COMMA = re.compile(r"(\d{1,3}([.'\s\u2019]\d{3})+|\d+),\d+")
THOUSANDS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+")
POINTED = re.compile(r"[1-9]\d{0,2}\.\d{3}|\d{1,3}")
"""A number that is one in thousands, too, if points stand between these."""
POINT = re.compile(r"(\d{1,3}([,'\s\u2019]\d{3})+|\d*)\.\d+")


@dataclass(frozen=True)
class Layout:
    """How a text is a table.

    delimiter     between its columns
    header        cells of the line of names, stripped; none if there is no such line
    levels        cells of the lines of names above that, where names are in three lines
    width         columns that its rows have
    begin, end    bytes of the text that hold the rows
    decimal       what stands before decimals, if the separator of columns tells
    notes         what was found
    """

    delimiter: str
    header: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    width: int
    begin: int
    end: int
    decimal: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Record:
    """Cells of a row, and the place of its first byte and of the first after it."""

    cells: list[str]
    begin: int
    end: int

    @property
    def filled(self) -> int:
        """Cells up to the last one that is not empty."""
        return max((k for k, cell in enumerate(self.cells, 1) if cell.strip()), default=0)


@dataclass(frozen=True)
class _Fit:
    """A text cut by one delimiter: its rows that are not blank, its header, cells of a row, and how sure it is."""

    delimiter: str
    records: list[_Record]
    header: int
    width: int
    sure: bool


def lay_out(place: str, content: bytes, delimiter: str | None, usual: str, texts: bool, header: bool = True) -> Layout:
    """Find out how a text is a table.

    place      what it is called in a complaint
    content    UTF-8
    delimiter  between its columns; None finds it
    usual      the delimiter by the file's name
    texts      whether cells are texts, so that quotes go around no tab, and no line looks unlike a row: names are in
               one line, and nothing but blank lines follows the rows
    header     whether there is a line of names
    Raises     InputError if nothing is in it, its first line cannot be read, or another delimiter is evident but not
               certain
    """
    begin = len(content) - len(content.lstrip(b"\r\n"))
    said = re.compile(rb'"?sep=([ -~\t])"?[ \t,;]*\r?\n', re.IGNORECASE).match(content, begin)  # Excel's
    if said is not None:
        begin, usual = said.end(), said[1].decode()
        delimiter = delimiter or usual
    begin = _filled(place, content, begin, delimiter or usual)
    lines, whole = _first_lines(content, begin)
    found = [_fit(lines, one, not texts, whole) for one in ([delimiter] if delimiter else _candidates(usual))]
    if isinstance(found[0], csv.Error):
        raise InputError(f"{place}: the header cannot be read ({found[0]}); correct its first line") from found[0]
    fit = _chosen(place, [fit for fit in found if isinstance(fit, _Fit) and fit.records], usual, header)
    if header and len(fit.records[fit.header].cells) == 1:
        _complain_of_delimiter(place, fit)
    notes = (
        []
        if fit.delimiter in (usual, delimiter) or fit.width == 1
        else [f"columns are separated by {_words(fit.delimiter)}"]
    )
    levels: tuple[tuple[str, ...], ...] = ()
    names: tuple[str, ...] = ()
    first, start = fit.records[fit.header], fit.records[fit.header].begin
    if header:
        notes += _left_out("before", [content[r.begin : r.end] for r in fit.records[: fit.header]])
        at = fit.header + (2 if not texts and _has_levels(fit) else 0)
        levels = tuple(_stripped(record.cells) for record in fit.records[fit.header : at])
        names, start = _stripped(fit.records[at].cells), fit.records[at].end
        notes += [] if texts or not _is_row(names) else [_said_of_row(names)]
    end, after = (_blank_end(content, start, fit), []) if texts else _end(content, start, fit)
    notes += _left_out("after", after)
    decimal, told = _decimal(fit)
    notes += [told] if told else []
    width = max(fit.width, len(names), len(first.cells))
    return Layout(fit.delimiter, names, levels, width, start, end, decimal, tuple(notes))


def _words(delimiter: str) -> str:
    return DELIMITERS.get(delimiter, repr(delimiter))


def _candidates(usual: str) -> list[str]:
    return list(dict.fromkeys([usual, *DELIMITERS]))


def _filled(place: str, content: bytes, begin: int, delimiter: str) -> int:
    """Return where the first line begins that holds more than blanks, quotes and delimiters."""
    marks = "".join({*DELIMITERS, delimiter, '"'})
    while begin < len(content):
        end = content.find(b"\n", begin) + 1 or len(content)
        if "".join(content[begin:end].decode().split()).strip(marks):
            return begin
        begin = end
    raise InputError(f"{place}: the file is empty")


def _first_lines(content: bytes, begin: int) -> tuple[list[tuple[int, str]], bool]:
    """Return the first lines, each with the place of its first byte, and whether these are all."""
    lines: list[tuple[int, str]] = []
    while begin < len(content) and len(lines) < LOOKED_AT:
        end = content.find(b"\n", begin) + 1 or len(content)
        lines.append((begin, content[begin:end].decode()))
        begin = end
    return lines, begin >= len(content)


def _fit(lines: list[tuple[int, str]], delimiter: str, quotes: bool, whole: bool) -> _Fit | csv.Error:
    """Cut lines by a delimiter; an error if not even the first of them can be."""
    records = _records(lines, delimiter, quotes or delimiter != "\t", whole)
    if isinstance(records, csv.Error):
        return records
    counts = Counter(len(record.cells) for record in records if len(record.cells) > 1)
    if not counts:
        return _Fit(delimiter, records, 0, 1, True)
    width = max(counts, key=lambda cells: (counts[cells], cells))
    body = len(records)
    while whole and body > 1 and len(records[body - 1].cells) == 1:  # what comes after the table
        body -= 1
    header = body
    while header and len(records[header - 1].cells) == width:
        header -= 1
    used = max((record.filled for record in records[header:body]), default=0)
    if header and used <= len(records[header - 1].cells) <= width:  # rows end with a delimiter, names do not
        header -= 1
    while header < body - 1 and 2 * records[header].filled <= used:  # a title, filled up with delimiters
        header += 1
    while header < body - 2 and records[header].filled < used and _is_header(records[header + 1 : body]):
        header += 1
    if header >= body - 1:
        return _Fit(delimiter, records, 0, width, header == 0)
    sure = header == 0 or _is_header(records[header:body])
    return _Fit(delimiter, records, header if sure else 0, width, sure)


def quoting(quotes: bool) -> Literal[0, 3]:
    """Return how Python's csv takes quotes: around values, or as characters as any other."""
    return csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE


def _records(lines: list[tuple[int, str]], delimiter: str, quotes: bool, whole: bool) -> list[_Record] | csv.Error:
    """Return the rows of lines that are not blank; what is no row, and all after it, is left out."""
    reader = csv.reader([line for _, line in lines], delimiter=delimiter, quoting=quoting(quotes))
    ends = [begin for begin, _ in lines[1:]] + [lines[-1][0] + len(lines[-1][1].encode())]
    records, line = [], 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                records.append(_Record(cells, lines[line][0], ends[reader.line_num - 1]))
            line = reader.line_num
    except csv.Error as error:
        if not records:
            return error
    if not whole and len(records) > 1 and records[-1].begin < lines[-1][0]:
        records.pop()  # a quote may be open at its end
    return records


def _is_header(records: Sequence[_Record]) -> bool:
    """Return whether the first of some rows is evidently that of the names: no number stands above numbers."""
    names, *rows = (record.cells for record in records)
    for name, cells in zip(names, zip(*rows, strict=False), strict=False):
        known = [cell for cell in cells if cell.strip()]
        numbers = sum(A_NUMBER.match(cell) is not None for cell in known)
        if known and numbers >= 0.9 * len(known):
            return A_NUMBER.match(name) is None and any(name.strip() for name in names)
    return False


def _chosen(place: str, found: list[_Fit], usual: str, header: bool) -> _Fit:
    sure = [fit for fit in found if fit.sure and fit.width > 1 and (header or fit.header == 0)]
    if sure:
        best = min(sure, key=lambda fit: fit.header)
        equal = [_words(fit.delimiter) for fit in sure if fit.header == best.header]
        if len(equal) > 1:
            raise InputError(
                f"{place}: columns may be separated by {' or '.join(equal)}; pass --delimiter {equal[0].split(' ')[0]} "
                f"or {equal[1].split(' ')[0]}"
            )
        return best
    first = found[0].records[0].cells
    line = "".join(first) if len(first) == 1 else usual
    alone = [fit for fit in found if fit.width == 1 and not any(mark in line for mark in DELIMITERS)]
    return (alone or found)[0]


def _complain_of_delimiter(place: str, fit: _Fit) -> None:
    """Raise InputError if the header holds another delimiter."""
    first = fit.records[fit.header].cells[0]
    for other, words in DELIMITERS.items():
        if other != fit.delimiter and other in first:
            raise InputError(
                f"{place}: the header {first[:60]!r} has no {_words(fit.delimiter)} in it; if the columns are "
                f"separated by {words}, pass --delimiter {words.split(' ')[0]}"
            )


def _has_levels(fit: _Fit) -> bool:
    """Return whether names are in three lines: two of them, and the name of the index with nothing beside it."""
    if len(fit.records) < fit.header + 4:
        return False
    first, second, third = (_stripped(record.cells) for record in fit.records[fit.header : fit.header + 3])
    named = all(cell and not A_NUMBER.match(cell) for line in (first[1:], second[1:]) for cell in line)
    return len(first) == len(second) == len(third) > 1 and named and third[0] != "" and not any(third[1:])


def _is_row(names: Sequence[str]) -> bool:
    """Return whether names are numbers and dates, other than numbers that count on from one to the next."""
    if not all(A_NUMBER.match(name) and not any(letter.isalpha() for letter in name) for name in names):
        return False
    whole = [int(name) for name in names if name.isascii() and name.isdigit()]
    counted = all(after == before + 1 for before, after in pairwise(whole))
    return len(whole) < len(names) or not counted or (len(names) == 1 and whole[0] > 1)


def _said_of_row(names: Sequence[str]) -> str:
    shown = ", ".join(names)
    shown = shown if len(shown) <= 60 else f"{shown[:60]}..."
    return f"the first line is taken for names: {shown!r}; if it is a row, write a line of names above it"


def _stripped(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in cells)


def _blank_end(content: bytes, begin: int, fit: _Fit) -> int:
    """Return the end of the rows, where blank lines alone follow them; in a single column a blank line is a row."""
    end, blank = len(content), fit.delimiter.encode() + b" \t\r\n"
    while fit.width > 1 and end > begin:
        start = content.rfind(b"\n", begin, end - 1) + 1 or begin
        if content[start:end].strip(blank):
            break
        end = start
    return end


def _end(content: bytes, begin: int, fit: _Fit) -> tuple[int, list[bytes]]:
    """Return the end of the rows, and the lines after them that belong to none."""
    firsts = [record.cells[0].strip() for record in fit.records[fit.header + 1 :] if len(record.cells) > 1]
    while firsts and not firsts[-1][:1].isdigit():
        firsts.pop()
    numbered = sum(first[:1].isdigit() for first in firsts) > 0.9 * len(firsts)
    mark, end = fit.delimiter.encode(), len(content)
    tail: list[tuple[int, bytes]] = []
    for _ in range(MOST_AFTER):
        start = content.rfind(b"\n", begin, max(begin, end - 1)) + 1 or begin
        line = content[start:end].strip()
        blank = not line.strip(mark + b" \t")
        after = blank or (fit.width > 1 and _is_after(line, mark, numbered))
        if start >= end or not (after or (numbered and line.lstrip(b'"')[:1].isalpha())):
            break
        tail.insert(0, (start, line))
        end = start
    while tail and tail[0][1].strip(mark + b" \t"):  # what no blank line cuts off
        if numbered and _is_after(tail[0][1], mark, numbered):
            break
        tail.pop(0)
    return (tail[0][0] if tail else len(content)), [line for _, line in tail if line.strip(mark + b" \t")]


def _is_after(line: bytes, mark: bytes, numbered: bool) -> bool:
    """Return whether a line is none of the rows of a table: a remark in its first cell alone, or a total."""
    bare = line.strip(mark + b" \t")
    if len(bare) > 1 and bare.startswith(b'"') and bare.endswith(b'"'):
        bare = bare[1:-1]
    cells = [cell.decode(errors="replace").strip().strip('"') for cell in line.split(mark)]
    if b'"' in bare or not cells[0] or cells[0][0].isdigit():
        return False
    if numbered and cells[0].rstrip(":").lower() in TOTALS:
        return True
    return mark not in bare and any(letter.isalpha() for letter in cells[0])


def _left_out(where: str, lines: Sequence[bytes]) -> list[str]:
    told = [line.decode(errors="replace").strip() for line in lines if line.strip()]
    if not told:
        return []
    first = told[0] if len(told[0]) <= 60 else f"{told[0][:60]}..."
    if len(told) == 1:
        return [f"a line {where} the table is left out: {first!r}"]
    return [f"{len(told)} lines {where} the table are left out, the first: {first!r}"]


def _decimal(fit: _Fit) -> tuple[str | None, str]:
    """Return "," where cells have decimal commas and none a decimal point, else None; and what to say about it."""
    cells = [cell.strip(DRESS) for record in fit.records[fit.header + 1 :] for cell in record.cells]
    commas = [cell for cell in cells if COMMA.fullmatch(cell)]
    if fit.delimiter != ";":  # which separates columns where commas stand before decimals
        commas = [cell for cell in commas if not THOUSANDS.fullmatch(cell.replace(",", "."))]
    if any(POINT.fullmatch(cell) and not THOUSANDS.fullmatch(cell) for cell in cells):
        return None, ""
    if commas:
        return ",", "numbers have a decimal comma"
    if fit.delimiter == ",":
        return None, ""
    rows = [record.cells for record in fit.records[fit.header + 1 :]]
    for column in zip_longest(*rows, fillvalue=""):
        known = [cell.strip(DRESS) for cell in column if cell.strip(DRESS)]
        first = next((cell for cell in known if "." in cell), "")
        if first and all(POINTED.fullmatch(cell) for cell in known) and not are_thousands(known):
            return None, f"{first!r} is taken for a decimal number; if points stand between thousands, pass --decimal ,"
    return None, ""


def are_thousands(numbers: Sequence[str]) -> bool:
    """Return whether points stand between the thousands of numbers that all have three digits after each or no point.

    That is so of 1.240 beside 980: no program writes decimals with a last 0, and leaves them out elsewhere.
    """
    whole = any("." not in number and len(number) == 3 for number in numbers)
    return whole and any("." in number and number.endswith("0") for number in numbers)
