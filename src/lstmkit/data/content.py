"""The bytes of a user's file: of a regular file or a pipe, without the gzip around them, and never more than fit."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from lstmkit.errors import InputError

BLOCK = 1 << 19
"""Bytes read at a time."""
GZIP = b"\x1f\x8b"
MOST_UNPACKED, MOST_TIMES = 1 << 28, 100
"""What a gzip file may unpack to: 256 MiB, or 100 times its own size; text in earnest has about 10 times."""


def free_memory() -> int:
    """Return the bytes of memory that programs can still take without swapping; all there is where none can tell."""
    group = Path("/sys/fs/cgroup")  # of a container; what it holds of files can go, what is anonymous cannot
    limit, used = _number(group / "memory.max", ""), _number(group / "memory.stat", "anon")
    found = _number(Path("/proc/meminfo"), "MemAvailable:")
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if found is None else 1024 * found
    return free if limit is None or used is None else max(0, min(free, limit - used))


def _number(path: Path, name: str) -> int | None:
    """Return the number that stands after a name in a file of the system, None without any."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    words = [line.removeprefix(name).split() for line in lines if line.startswith(name)]
    return int(words[0][0]) if words and words[0] and words[0][0].isdigit() else None


STANDARD_INPUT = Path("-")
"""What stands for standard input in place of a file."""
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)")


def place_of(path: Path) -> str:
    """Return how a complaint calls a file."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def refuse_url(path: Path) -> None:
    """Raise InputError if what is no file is a URL."""
    url = URL.fullmatch(str(path))
    if url is not None:
        raise InputError(f"{url[1]}://{url[2]}: a URL, not a file; download it first (curl -LO), and give the file")


def read_bytes(path: Path, most: int) -> bytes:
    """Return all bytes of a file, unpacked where it is gzip.

    most    bytes that it may have
    Raises  InputError if it cannot be read, or has more
    """
    parts, size = [], 0
    for block in read_blocks(path):
        size += len(block)
        if size > most:
            raise InputError(
                f"{place_of(path)}: more than {most / 2**30:.1f} GiB, a quarter of the free memory; write it as "
                f"Parquet, which is read piece by piece, or leave out rows and columns"
            )
        parts.append(block)
    return b"".join(parts)


def read_blocks(path: Path, block: int = BLOCK) -> Iterator[bytes]:
    """Yield the bytes of a file block by block, unpacked where it is gzip.

    block   bytes at a time
    Raises  InputError if it cannot be read, is a folder or a device, or unpacks to far more than text does
    """
    with opened(path) as file:
        status = refuse_device(place_of(path), file)
        packed = _begins_with(file, GZIP)
        most = max(MOST_UNPACKED, MOST_TIMES * status.st_size) if packed and stat.S_ISREG(status.st_mode) else None
        yield from _blocks(path, file, block, packed, most)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, or standard input; what the system refuses, then or later, is an InputError."""
    try:
        with open(0, "rb", closefd=False) if path == STANDARD_INPUT else path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        refuse_url(path)
        raise InputError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder, not a file") from error
    except OSError as error:
        raise InputError(f"{place_of(path)}: cannot be read ({error.strerror or error})") from error


def refuse_device(place: str, file: IO[bytes]) -> os.stat_result:
    """Return what the system knows of an open file; raise InputError if it is a device."""
    status = os.fstat(file.fileno())
    if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        raise InputError(f"{place}: a device, not a file")
    return status


def _begins_with(file: IO[bytes], mark: bytes) -> bool:
    """Look at the first bytes of a file, and leave them there."""
    return cast("io.BufferedReader", file).peek(len(mark))[: len(mark)] == mark


def _blocks(path: Path, file: IO[bytes], length: int, packed: bool, most: int | None) -> Iterator[bytes]:
    source = gzip.GzipFile(fileobj=file) if packed else file
    size = 0
    while True:
        try:
            block = source.read(length)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{place_of(path)}: not a readable gzip file; it is damaged or cut short") from error
        if not block:
            return
        size += len(block)
        if most is not None and size > most:
            raise InputError(
                f"{path}: unpacks to more than {MOST_TIMES} times its size, which no text does; unpack it first, if it "
                f"is meant to"
            )
        yield block


def require_file(path: Path) -> None:
    """Raise InputError if a path is that of no file."""
    if not os.path.isfile(path):
        refuse_url(path)
        raise InputError(f"{path}: {'is a folder, not a file' if os.path.isdir(path) else 'no such file'}")


def is_table(path: Path) -> bool:
    """Return whether a file is a table, by its name."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith((".csv", ".tsv", ".txt", ".tab", ".jsonl", ".json", ".parquet"))


def files_in(folder: Path, endings: Sequence[str]) -> list[Path]:
    """Return the files of a folder and of those within it, sorted, but for hidden ones.

    endings  of those that are meant, in lower case, with the dot
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in endings
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.is_dir()  # what leads nowhere, or to a device, is named when it is read
    )
