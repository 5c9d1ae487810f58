"""Standard input, output and error of the command, in whatever state a shell hands them over."""

from __future__ import annotations

import io
import os
import re
import select
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from lstmkit.errors import InputError

STANDARD_INPUT = "standard input"
READ_AT_ONCE = 1 << 16


def open_missing() -> None:
    """Put the null device where a stream was closed, and let output write what its encoding lacks as an escape."""
    for number, mode in enumerate("rww"):
        try:
            os.fstat(number)
        except OSError:  # else the next file opened would become this stream
            os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (it stays open)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def end_stdout() -> str | None:
    """Write what is left of the results.

    Returns  what went wrong, None if nothing, or if their reader has gone; then nothing is left to go wrong at exit
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        gone = reader_has_gone()
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return None if gone else f"standard output: cannot be written ({error.strerror})"
    return None


def reader_has_gone() -> bool:
    """Return whether standard output is a pipe that nobody reads any more."""
    try:
        descriptor = sys.stdout.fileno()
    except io.UnsupportedOperation:  # a stream within Python, as of a notebook
        return False
    watch = select.poll()
    watch.register(descriptor, select.POLLOUT)
    return any(events & select.POLLERR for _, events in watch.poll(0))


@contextmanager
def named_or_input(file: str) -> Iterator[Path]:
    """Yield the path of a file; standard input, named -, is kept in a file for as long, since it is read twice."""
    if file != "-":
        yield Path(file)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text"
        with path.open("wb") as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept)
        try:
            yield path
        except InputError as error:
            said = re.sub(rf"{re.escape(str(path))}(\.\w+)?", STANDARD_INPUT, str(error))
            raise InputError(said) from error


def input_lines() -> Iterator[str]:
    """Yield the lines of standard input as they come, each with its end.

    Raises  InputError for a line that is not UTF-8
    """
    for number, line in enumerate(iter(sys.stdin.buffer.readline, b""), 1):
        yield _decoded(line, number)


def input_blocks(most: int) -> Iterator[list[str]]:
    """Yield the lines of standard input as they come, without their ends: those that are there, `most` at a time.

    Raises  InputError for a line that is not UTF-8
    """
    held, number = b"", 0
    stdin = cast(io.BufferedReader, sys.stdin.buffer)
    while chunk := stdin.read1(READ_AT_ONCE):
        *lines, held = (held + chunk).split(b"\n")
        for first in range(0, len(lines), most):
            block = lines[first : first + most]
            yield [_decoded(line.removesuffix(b"\r"), number + k) for k, line in enumerate(block, 1)]
            number += len(block)
    if held:
        yield [_decoded(held, number + 1)]


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"standard input: line {number} is not UTF-8 text (byte 0x{line[error.start]:02x} at offset "
            f"{error.start} of the line); give it as UTF-8"
        ) from error
