"""Whether the headers of a Parquet file can be true, read before polars does, which aborts the process on some lies.

Every column chunk is walked from page to page: sizes must lie within the chunk, and values add up to those announced.
Thrift's compact protocol is read as far as such headers use it.

Source: https://parquet.apache.org/docs/file-format, thrift/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MARK = b"PAR1"
MOST_CHUNKS, LONGEST_FOOTER = 5_000, 1 << 22
"""Above these a file is not walked: it would take seconds."""
TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
WHOLE = (4, 5, 6)


class HeaderError(ValueError):
    """A header that cannot be true; it is only ever caught here."""


@dataclass
class _Thrift:
    """A place in the bytes of a file."""

    data: Any
    at: int
    end: int

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Read a struct; return its fields by number."""
        if depth > 8:
            raise HeaderError("too deep")
        fields: dict[int, Any] = {}
        number = 0
        while (head := self.byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self.whole()
            fields[number] = self.value(head & 15, depth)
        return fields

    def value(self, kind: int, depth: int) -> Any:
        if kind in (TRUE, FALSE):
            return kind == TRUE
        if kind == BYTE:
            return self.byte()
        if kind in WHOLE:
            return self.whole()
        if kind == DOUBLE:
            return self.skip(8)
        if kind == BINARY:
            return self.skip(self.varint())
        if kind in (LIST, SET):
            head = self.byte()
            size, kind = head >> 4, head & 15
            size = self.varint() if size == 15 else size
            if size > self.end - self.at:
                raise HeaderError("a list longer than the file")
            return [self.byte() == TRUE if kind in (TRUE, FALSE) else self.value(kind, depth + 1) for _ in range(size)]
        if kind == STRUCT:
            return self.struct(depth + 1)
        raise HeaderError("no such type")

    def byte(self) -> int:
        if not 0 <= self.at < self.end:
            raise HeaderError("the end")
        self.at += 1
        return int(self.data[self.at - 1])

    def varint(self) -> int:
        found = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
        raise HeaderError("a number without end")

    def whole(self) -> int:
        found = self.varint()
        return (found >> 1) ^ -(found & 1)

    def skip(self, size: int) -> None:
        if size > self.end - self.at:
            raise HeaderError("text longer than the file")
        self.at += size


def can_be_true(data: Any) -> bool:
    """Return whether the headers of a Parquet file, as bytes or mapped, agree with each other and with its length."""
    size = len(data)
    if size < 12 or bytes(data[-4:]) != MARK:
        return False
    length = int.from_bytes(bytes(data[-8:-4]), "little")
    if length > size - 12:
        return False
    if length > LONGEST_FOOTER:
        return True
    try:
        footer = _Thrift(data, size - 8 - length, size - 8).struct()
        groups = footer[4]
        if sum(len(group[1]) for group in groups) > MOST_CHUNKS:
            return True
        return bool(sum(_walked(data, size - 8 - length, group) for group in groups) == footer[3])
    except (HeaderError, LookupError, TypeError, AttributeError):  # a field is missing, or of another type
        return False


def _walked(data: Any, end: int, group: dict[int, Any]) -> int:
    """Return the rows of a row group whose chunks have been walked."""
    for chunk in group[1]:
        meta = chunk[3]
        if meta[5] == 0:  # nothing need lie anywhere
            continue
        begin = min(meta[9], meta[11]) if meta.get(11) else meta[9]
        stop = begin + meta[7]
        if not (4 <= begin <= stop <= end and meta[5] >= 0):
            raise HeaderError("a chunk outside the file")
        _walk(_Thrift(data, begin, stop), meta[5])
    if group[3] < 0:
        raise HeaderError("fewer rows than none")
    return int(group[3])


def _walk(pages: _Thrift, values: int) -> None:
    while pages.at < pages.end:
        header = pages.struct()
        own = header.get(5) or header.get(8)
        dictionary = header.get(7)
        if header[2] < 0 or header[3] < 0 or header[2] > 1 << 31:
            raise HeaderError("a page smaller than nothing, or of gigabytes")
        if dictionary is not None and not 0 <= dictionary[1] <= 8 * header[2] + 1:
            raise HeaderError("a dictionary of more values than it has bits")
        if own is not None:
            if own[1] < 0:
                raise HeaderError("fewer values than none")
            if 8 in header and header.get(5) is None and not _levels_fit(own, header):
                raise HeaderError("levels longer than the page")
            values -= own[1]
        pages.skip(header[3])
    if values:
        raise HeaderError("another number of values than announced")


def _levels_fit(own: dict[int, Any], header: dict[int, Any]) -> bool:
    """Return whether the levels of a page of the second kind lie within it."""
    levels, nulls = own[5] + own[6], own[2]
    return min(own[5], own[6]) >= 0 and bool(levels <= min(header[2], header[3]) and 0 <= nulls <= own[1])
