"""MATLAB files of level 5, as far as they hold cells of numbers: what the polyphonic data sets come in."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError

NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""numpy's types by the number of a data element."""
MATRIX, COMPRESSED, CELL = 14, 15, 1
HEAD = 128
MOST_UNPACKED = 1 << 30


def cells_of(content: bytes, place: str) -> dict[str, list[NDArray[np.float64]]]:
    """Return the matrices in each cell array of a file, by its name.

    place   how a complaint calls it
    Raises  InputError if it is no such file
    """
    if len(content) < HEAD or content[126:128] not in (b"IM", b"MI"):
        raise InputError(f"{place}: not a MATLAB file of level 5; save it with -v7, or as .npz")
    order = "<" if content[126:128] == b"IM" else ">"
    try:
        found = dict(_variable(data, order) for kind, data in _elements(content[HEAD:], order) if kind == MATRIX)
    except (struct.error, zlib.error, ValueError, IndexError, KeyError) as error:
        raise InputError(f"{place}: a damaged MATLAB file, or one of other than cells of numbers") from error
    return found


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield kind and data of each element; what is compressed as what it is."""
    at = 0
    while at + 8 <= len(content):
        kind, length = struct.unpack_from(f"{order}II", content, at)
        if kind >> 16:  # a small one: its length in the upper half, its data in place of the length
            kind, length = kind & 0xFFFF, kind >> 16
            yield kind, content[at + 4 : at + 4 + length]
            at += 8
            continue
        if at + 8 + length > len(content):
            raise ValueError(length)
        data = content[at + 8 : at + 8 + length]
        if kind == COMPRESSED:
            unpacker = zlib.decompressobj()
            yield from _elements(unpacker.decompress(data, MOST_UNPACKED), order)
            at += 8 + length
            continue
        yield kind, data
        at += 8 + length + -length % 8


def _variable(data: bytes, order: str) -> tuple[str, list[NDArray[np.float64]]]:
    """Return the name of a cell array and its matrices."""
    (_, flags), (_, _), (_, name), *rest = _elements(data, order)
    if struct.unpack_from(f"{order}I", flags)[0] & 0xFF != CELL:
        return name.decode("latin-1"), []
    return name.decode("latin-1"), [_matrix(inner, order) for kind, inner in rest if kind == MATRIX]


def _matrix(data: bytes, order: str) -> NDArray[np.float64]:
    _, (_, shape), _, (kind, values) = list(_elements(data, order))[:4]
    rows, columns = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    found = np.frombuffer(values, np.dtype(order + NUMBERS[kind])).astype(np.float64)
    return found.reshape((rows, columns), order="F")
