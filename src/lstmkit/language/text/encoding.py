"""Pieces of text to one row of ids, in memory or in a file."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.disk import FlatFile
from lstmkit.errors import InputError
from lstmkit.language.vocabulary import Tokens
from lstmkit.training import replacing

FILE = "tokens.bin"


def encode_pieces(
    pieces: Iterable[str], tokens: Tokens, on_disk: bool, folder: Path | None = None
) -> tuple[NDArray[np.int32], int]:
    """Return the ids of a text, and how many characters it has.

    pieces   the text in order; a last line without end is ended, but for characters
    tokens   the vocabulary
    on_disk  whether the ids shall lie in a file, `tokens.bin`, rather than in memory
    folder   of that file; None means a file without a name, gone with the array
    Returns  (T,), read-only if it lies in a file; and the number of characters, line ends counted
    Raises   InputError if the file cannot be written
    """
    counted = _Counted(pieces)
    rows = _rows(counted, tokens)
    return (_written(rows, folder) if on_disk else _held(rows)), counted.characters


class _Counted:
    """Pieces as they pass, and how many characters have passed."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self._pieces = pieces
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            self.characters += len(piece)
            yield piece


def _rows(pieces: Iterable[str], tokens: Tokens) -> Iterator[NDArray[np.int32]]:
    last = "\n"
    for piece in pieces:
        yield tokens.encode(piece, closed=False)
        last = piece[-1:] or last
    if last != "\n" and tokens.unit != "character":
        yield np.array([tokens.end], dtype=np.int32)


def _held(rows: Iterable[NDArray[np.int32]]) -> NDArray[np.int32]:
    # an array grows in place, where a list of rows would be held twice while it is joined
    ids = array("i")
    for row in rows:
        ids.frombytes(row.tobytes())
    return np.frombuffer(ids, dtype=np.int32) if ids else np.empty(0, dtype=np.int32)


def _written(rows: Iterable[NDArray[np.int32]], folder: Path | None) -> NDArray[np.int32]:
    if folder is None:
        unnamed = FlatFile(np.int32)
        for row in rows:
            unnamed.append(row)
        found = unnamed.mapped()
        found.flags.writeable = False
        return found
    path = folder / FILE
    size = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:  # another process may still read the file of an earlier run: it keeps that one
            for row in rows:
                size += file.write(row.tobytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); the ids of a large text need room") from error
    return np.memmap(path, dtype=np.int32, mode="r") if size else np.empty(0, dtype=np.int32)
