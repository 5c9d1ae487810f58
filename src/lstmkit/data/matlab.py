"""Arrays of numbers in MATLAB's files, versions 5 to 7, alone or in cells; everything else in them is left out.

Source  MAT-File Format, The MathWorks 2024
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError

HEAD = 128
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""numpy's types by the number of a type of stored numbers."""
CELL, PLAIN = 1, range(6, 16)
"""Classes of arrays: of cells, and of numbers alone."""

Array = NDArray[np.float64]


def matlab_arrays(content: bytes, place: str, most: int) -> dict[str, Array | list[Array]]:
    """Return the arrays of numbers of a file by their names; of an array of cells, those in its cells as a list.

    place   for messages
    most    bytes that it may unpack to
    Raises  InputError if it is no such file, of version 7.3 (which is HDF5), damaged, or unpacks to more
    """
    if b"HDF" in content[:HEAD]:
        raise InputError(f"{place}: of MATLAB's version 7.3; save it with save(name, '-v7')")
    order = {b"IM": "<", b"MI": ">"}.get(content[HEAD - 2 : HEAD])
    if order is None:
        raise InputError(f"{place}: no file of MATLAB's versions 5 to 7; save it with save(name, '-v7')")
    found: dict[str, Array | list[Array]] = {}
    try:
        for kind, data in _unpacked(content[HEAD:], order, most):
            if kind == MATRIX:
                name, value = _variable(data, order)
                found |= {} if value is None else {name: value}
    except (struct.error, zlib.error, ValueError, IndexError) as error:
        raise InputError(f"{place}: damaged or cut short; copy or save it again") from error
    return found


def _unpacked(content: bytes, order: str, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the bytes of the elements of a file."""
    for kind, data in _elements(content, order):
        if kind == COMPRESSED:
            unpacker = zlib.decompressobj()
            whole = unpacker.decompress(data, most)
            if unpacker.unconsumed_tail or not unpacker.eof:
                raise ValueError("cut short, or larger than may be")
            yield from _elements(whole, order)
        else:
            yield kind, data


def _elements(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the bytes of what stands one after the other; small ones are within their own tag."""
    at = 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise ValueError(size)
            yield kind, content[at + 4 : at + 4 + size]
            at += 8
            continue
        if at + 8 + size > len(content):
            raise ValueError(size)
        yield kind, content[at + 8 : at + 8 + size]
        at += 8 + size + (-size % 8 if kind != COMPRESSED else 0)


def _variable(data: bytes, order: str) -> tuple[str, Array | list[Array] | None]:
    """Return the name and the numbers of an array, first index fastest; None if it holds something else."""
    parts = list(_elements(data, order))
    if len(parts) < 3:
        return "", None
    flags, sizes, name, *rest = parts
    (word,) = struct.unpack_from(f"{order}I", flags[1])
    kind, is_complex = word & 0xFF, bool(word & 0x0800)
    told = name[1].decode("latin-1")
    if kind == CELL:
        inner = [_variable(own, order)[1] for which, own in rest if which == MATRIX]
        return told, [own for own in inner if isinstance(own, np.ndarray)]
    if kind not in PLAIN or is_complex:
        return told, None
    return told, _numbers(sizes[1], rest[0], order)


def _numbers(sizes: bytes, stored: tuple[int, bytes], order: str) -> Array:
    if stored[0] not in NUMBERS or len(sizes) % 4:
        raise ValueError(stored[0])
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    numbers: NDArray[Any] = np.frombuffer(stored[1], f"{order}{NUMBERS[stored[0]]}")
    if len(shape) < 2 or min(shape) < 0 or math.prod(shape) != len(numbers):
        raise ValueError(shape)
    return numbers.astype(np.float64).reshape(shape, order="F")
