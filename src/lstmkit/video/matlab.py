"""Arrays of numbers in MATLAB's files, versions 5 to 7: read as the format says, and nothing but numbers is taken.

Source  MAT-File Format, The MathWorks 2024
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.content import free_memory, read_bytes
from lstmkit.errors import InputError

SHARE = 0.25
"""Of the free memory that a file may take, packed and unpacked."""
HEAD = 128
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Types of stored numbers."""
PLAIN = range(6, 16)
"""Classes of arrays that hold numbers alone."""


def read_matlab(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the arrays of numbers of a file by their names.

    Raises  InputError if it is none, of version 7.3 (which is HDF5), damaged, or too large
    """
    most = int(SHARE * free_memory())
    content = read_bytes(path, most)
    if b"HDF" in content[:HEAD] or content[512:516] == b"\x89HDF" or content[:4] == b"\x89HDF":
        raise InputError(f"{path}: of MATLAB's version 7.3; save it with save(name, '-v7')")
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128])
    if order is None:
        raise InputError(f"{path}: no file of MATLAB's versions 5 to 7; save it with save(name, '-v7')")
    found: dict[str, NDArray[np.float64]] = {}
    try:
        for kind, data in _elements(content[HEAD:], order, most):
            if kind == MATRIX:
                named = _array(data, order)
                found |= {} if named is None else {named[0]: named[1]}
    except (struct.error, zlib.error, ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: damaged or cut short; copy or save it again") from error
    if not found:
        raise InputError(f"{path}: holds no array of numbers; save one")
    return found


def _elements(content: bytes, order: str, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the bytes of the elements of a file, unpacked."""
    for kind, data in _parts(content, order):
        if kind == COMPRESSED:
            unpacker = zlib.decompressobj()
            whole = unpacker.decompress(data, most)
            if unpacker.unconsumed_tail or not unpacker.eof:
                raise ValueError("contradicts the format")
            yield from _parts(whole, order)
        else:
            yield kind, data


def _parts(content: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the bytes of what stands one after the other; small ones are within their own tag."""
    at = 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise ValueError("contradicts the format")
            yield kind, content[at + 4 : at + 4 + size]
            at += 8
            continue
        if at + 8 + size > len(content):
            raise ValueError("contradicts the format")
        yield kind, content[at + 8 : at + 8 + size]
        at += 8 + size + (-size % 8 if kind != COMPRESSED else 0)


def _array(data: bytes, order: str) -> tuple[str, NDArray[np.float64]] | None:
    """Return the name and the numbers of an array, first index fastest; None if it holds something else."""
    parts = list(_parts(data, order))
    if len(parts) < 4:
        return None
    flags, sizes, name, values = parts[:4]
    (word,) = struct.unpack_from(f"{order}I", flags[1])
    kind, is_complex = word & 0xFF, bool(word & 0x0800)
    if kind not in PLAIN or is_complex:
        return None
    if values[0] not in NUMBERS or len(sizes[1]) % 4:
        raise ValueError("contradicts the format")
    shape = struct.unpack(f"{order}{len(sizes[1]) // 4}i", sizes[1])
    numbers = np.frombuffer(values[1], f"{order}{NUMBERS[values[0]]}")
    if len(shape) < 2 or min(shape) < 0 or math.prod(shape) != len(numbers):
        raise ValueError("contradicts the format")
    return name[1].decode("ascii"), numbers.astype(np.float64).reshape(shape, order="F")
