"""Flat arrays that live in files: written piece by piece, then mapped, so that only what is touched is in memory."""

from __future__ import annotations

import itertools
import math
import os
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError

PIECE = 1 << 22
"""Rows that are worked on at a time."""


class FlatFile:
    """An array (N, ...) in a file of its own, to which rows are added.

    The file has no name in the folder: it is gone when the last array mapped from it is.

    folder  where the file is; None for the folder for temporary files (TMPDIR)
    Raises  InputError if the folder cannot hold it
    """

    def __init__(self, dtype: Any, shape: tuple[int, ...] = (), folder: Path | None = None) -> None:
        self.dtype, self.shape = np.dtype(dtype), shape
        self.folder = Path(tempfile.gettempdir()) if folder is None else folder
        self.rows = 0
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 (it stays open)
        except OSError as error:
            raise InputError(_no_room(self.folder, error)) from error
        weakref.finalize(self, self._file.close)

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows (M, ...)."""
        try:
            self._file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
        except OSError as error:
            raise InputError(_no_room(self.folder, error)) from error
        self.rows += len(rows)

    def extend(self, rows: int) -> None:
        """Add rows of zeros; their room is taken now, because a full disk under a mapped array ends the process."""
        self._file.flush()
        if rows * self.row_bytes:
            try:
                os.posix_fallocate(self._file.fileno(), self.rows * self.row_bytes, rows * self.row_bytes)
            except OSError as error:
                raise InputError(_no_room(self.folder, error)) from error
        self.rows += rows

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return int(self.dtype.itemsize) * math.prod(self.shape)

    def mapped(self, writes: bool = False) -> NDArray[Any]:
        """Return the array (rows, ...); what is written to it stays in memory, or with `writes`, goes to the file."""
        try:
            self._file.flush()
        except OSError as error:
            raise InputError(_no_room(self.folder, error)) from error
        if self.rows * self.row_bytes == 0:
            return np.empty((self.rows, *self.shape), self.dtype)
        return np.memmap(self._file, self.dtype, "r+" if writes else "c", shape=(self.rows, *self.shape))


def take_slices(array: NDArray[Any], starts: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[Any]:
    """Return slices of a flat array one after another; of a mapped array, a mapped one.

    starts   (S,) first row of each slice
    offsets  (S + 1,) where each slice begins in the result
    """
    if not isinstance(array, np.memmap) or offsets[-1] <= PIECE:
        return array[_positions(starts, offsets)]
    file = FlatFile(array.dtype, array.shape[1:])
    for a, b in pieces(offsets):
        file.append(array[_positions(starts[a:b], offsets[a : b + 1])])
    return file.mapped()


def pieces(offsets: NDArray[np.int64], rows: int = PIECE) -> list[tuple[int, int]]:
    """Return ranges of series with about `rows` rows each, a longer series alone, from offsets (S + 1,)."""
    ends = [0]
    while ends[-1] < len(offsets) - 1:
        reached = int(np.searchsorted(offsets, offsets[ends[-1]] + rows, side="right")) - 1
        ends.append(max(reached, ends[-1] + 1))
    return list(itertools.pairwise(ends))


def _positions(starts: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.arange(offsets[0], offsets[-1]) + np.repeat(starts - offsets[:-1], np.diff(offsets))


def _no_room(folder: Path, error: OSError) -> str:
    return f"{folder}: cannot hold what is larger than memory ({error.strerror}); set TMPDIR to a larger folder"
