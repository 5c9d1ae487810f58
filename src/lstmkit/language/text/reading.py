r"""Text files to pieces of text, streamed: what is held at a time does not grow with the file.

A file is UTF-8, plain or gzip. A byte order mark is left out, and "\r\n" becomes "\n". Several files are one text in
the order of their names; where one does not end in "\n", the next begins a new line all the same.

A piece is whole lines as far as that is possible. A line longer than BLOCK may come in several pieces, each cut after
its last white space, so that no word is cut; only a word longer than BLOCK may be.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from lstmkit.data.content import BLOCK, GZIP, opened, read_blocks, refuse_url
from lstmkit.errors import InputError
from lstmkit.ranges import a_path

PIECE = 2 * BLOCK
"""Characters of a piece at most: what is left of one block, and the next."""

ENDINGS = (".txt", ".txt.gz", ".tokens")
Source = str | Path | tuple[Path, ...]
"""A file, a folder, or files in order."""

BYTE_ORDER_MARK = codecs.BOM_UTF8
OTHER_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def text_files(source: Source) -> list[Path]:
    """Return the files of a text.

    source   a file; or files; or a folder: then its *.txt, *.txt.gz and *.tokens, those of inner folders too, by path,
             but none that is hidden or lies in a hidden folder
    Raises   InputError if there is nothing, or no such file in the folder
    """
    if isinstance(source, tuple):
        return list(source)
    path = a_path("the text", source)
    if path.is_dir():
        found = [
            file
            for file in path.rglob("*")
            if file.name.lower().endswith(ENDINGS)
            and not any(part.startswith(".") or part == "__MACOSX" for part in file.relative_to(path).parts)
            and file.is_file()
        ]
        if not found:
            raise InputError(f"{path}: no text in this folder; looked for {', '.join('*' + e for e in ENDINGS)}")
        return sorted(found)
    if not path.exists():
        refuse_url(path)
        raise InputError(f"{path}: no such file or folder")
    if not path.is_file():
        raise InputError(f"{path}: not a regular file; a text is read more than once, so write it to a file first")
    return [path]


def named(source: Source) -> str:
    """Return what a text is called in a message."""
    if isinstance(source, tuple):
        return str(source[0]) if len(source) == 1 else f"{source[0]} and {len(source) - 1} more"
    return str(source)


def read_pieces(source: Source) -> Iterator[str]:
    """Yield a text in order, many lines at a time: the quick way to go through it.

    source   a file or folder, as for `text_files`
    Yields   pieces of at most PIECE characters, none of them empty
    Raises   InputError for whatever is wrong with a file, and if the whole text is empty or white space
    """
    some, begun = False, "\n"
    for path in text_files(source):
        for position, piece in enumerate(_file_pieces(path)):
            if position == 0 and not begun.endswith("\n"):
                yield "\n"
            some = some or not piece.isspace()
            begun = piece[-1]
            yield piece
    if not some:
        raise InputError(f"{named(source)}: the text is empty")


def read_lines(source: Source) -> Iterator[str]:
    r"""Yield the lines of a text, each with its "\n".

    A very long line comes in pieces, of which only the last ends in "\n"; so does a last line without end.

    source   a file or folder, as for `text_files`
    Raises   InputError for whatever is wrong with a file, and if the whole text is empty or white space
    """
    for piece in read_pieces(source):
        *finished, last = piece.split("\n")
        for line in finished:
            yield line + "\n"
        if last:
            yield last


def size_on_disk(source: Source) -> int:
    """Return about how many bytes of text a file or folder holds; gzip is taken to hold four times its own."""
    return sum(path.stat().st_size * (4 if _is_gzip(path) else 1) for path in text_files(source))


def _file_pieces(path: Path) -> Iterator[str]:
    """Yield one file in pieces; lines are whole where none is longer than BLOCK."""
    held = ""
    for text in _decoded(path):
        held += text
        whole = held.rfind("\n") + 1
        if whole:
            yield held[:whole]
            held = held[whole:]
        while len(held) >= BLOCK:
            cut = last_space(held) or len(held)
            yield held[:cut]
            held = held[cut:]
    if held:
        yield held


def last_space(text: str) -> int:
    """Return the position after the last white space of a text that is not empty, 0 where it has none."""
    return len(text) if text[-1].isspace() else len(text) - len(text.rsplit(maxsplit=1)[-1])


def _decoded(path: Path) -> Iterator[str]:
    r"""Yield one file as text, block by block, with "\n" at the end of lines."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    position, held = 0, ""
    for block in read_blocks(path, BLOCK):
        start = position - len(decoder.getstate()[0])
        if position == 0 and block.startswith(BYTE_ORDER_MARK):
            start, block = len(BYTE_ORDER_MARK), block[len(BYTE_ORDER_MARK) :]
            position = start
        _refuse_binary(path, block, position)
        position += len(block)
        text = held + _decode(path, decoder, block, start)
        # "\r\n" may lie across two blocks
        held = "\r" if text.endswith("\r") else ""
        yield text.removesuffix("\r").replace("\r\n", "\n")
    _decode(path, decoder, b"", position - len(decoder.getstate()[0]), final=True)
    if held:
        yield held


def _decode(path: Path, decoder: codecs.IncrementalDecoder, block: bytes, start: int, final: bool = False) -> str:
    """Decode a block; start is where its bytes, with those that the decoder still holds, begin in the text."""
    try:
        return decoder.decode(block, final)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text (byte 0x{error.object[error.start]:02x} at offset {start + error.start}); "
            "save it as UTF-8"
        ) from error


def _refuse_binary(path: Path, block: bytes, position: int) -> None:
    """Refuse a zero byte; in UTF-16 there are many, but there the encoding is what is wrong."""
    zero = block.find(b"\x00")
    if zero >= 0 and not (position == 0 and block.startswith(OTHER_BYTE_ORDER_MARKS)):
        raise InputError(f"{path}: a binary file (a zero byte at offset {position + zero}); a text file is needed")


def _is_gzip(path: Path) -> bool:
    with opened(path) as file:
        return file.read(2) == GZIP
