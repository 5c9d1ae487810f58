"""Writing files and folders: complete or not at all, through no link that somebody else laid, and with no leftovers.

What is written lies beside its place under a random name until it is complete. The name is made anew (`O_EXCL`), never
found, and whoever writes holds a lock on it: a later write can tell what a killed run left from what is still written.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lstmkit.errors import InputError

PREFIX, SUFFIX = ".lstmkit-", ".tmp"
"""Of the names of what is not complete yet."""

MOST_LINKS = 40


def write_atomically(path: Path, content: bytes | bytearray) -> None:
    """Replace the file `path` by `content`; see `replacing`."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write; at the end it takes the place of `path`: a reader, or a killed run, finds the old or the
    new, never a part.

    A link is followed to the file it means. What is no regular file, such as /dev/stdout or a pipe, is written to.

    Raises  InputError if it cannot be written
    """
    try:
        target = _meant(path)
        if target is None:
            with open(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as file:
                yield file
            return
        with _temporary(target.parent, _create_file) as (temporary, descriptor):
            with contextlib.suppress(FileNotFoundError):  # who may read it is for its owner to say
                os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            with open(descriptor, "wb", closefd=False) as file:
                yield file
                file.flush()
                os.fsync(descriptor)
            os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from error


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield a new, empty folder in `parent`, made where it is missing; what of it was not moved away is removed.

    Raises  OSError if it cannot be made
    """
    parent.mkdir(parents=True, exist_ok=True)
    with _temporary(parent, _create_folder) as (temporary, _):
        yield temporary


def replaces(path: Path) -> bool:
    """Return whether something would be lost if `path` were written: not so of a device or a pipe.

    Raises  InputError if that cannot be told
    """
    try:
        target = _meant(path)
        return target is not None and target.exists()
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}); choose another place") from error


def exchange(new: Path, path: Path) -> None:
    """Let the folder `new` take the place of the folder `path`, which is gone afterwards.

    Where the system can exchange two names in one step, `path` is the old folder or the new one at every moment; where
    it cannot, a run killed between two steps leaves the old one beside it, under a name that ends in .old.

    Raises  OSError; `path` is then as it was
    """
    if _exchanged(new, path):
        shutil.rmtree(new, ignore_errors=True)  # what is left of it, the next write sweeps away
        return
    old = path.rename(new.with_suffix(".old"))  # nobody sweeps that away: it may be all there is
    try:
        new.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchanged(new: Path, path: Path) -> bool:
    """Exchange two names by renameat2 of Linux; False if this system or file system has no such thing."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    AT_FDCWD, RENAME_EXCHANGE = -100, 2
    return bool(call(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(path), RENAME_EXCHANGE) == 0)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not be there yet, to the disk.

    Raises  OSError
    """
    with open(_create_file(path), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _meant(path: Path) -> Path | None:
    """Return the regular file that `path` means, whether it is there or not; None for a device, a pipe and the like."""
    place = path.parent.resolve() / path.name
    for _ in range(MOST_LINKS):
        if not place.is_symlink():
            kind = place.lstat().st_mode if place.exists() else stat.S_IFREG
            return place if stat.S_ISREG(kind) or stat.S_ISDIR(kind) else None
        if place.parent.name == "fd" and place.is_relative_to("/proc"):  # an open file, such as standard output
            return None
        place = place.parent / os.readlink(place)
        place = place.parent.resolve() / place.name
    return place


@contextmanager
def _temporary(parent: Path, create: Callable[[Path], int]) -> Iterator[tuple[Path, int]]:
    """Yield a new file or folder in `parent` and its descriptor, which holds a lock until the end; then it is gone."""
    _sweep(parent)
    while True:
        temporary = parent / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        descriptor = create(temporary)
        with contextlib.suppress(OSError):  # a file system without locks: then nobody sweeps there either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is(temporary, descriptor):
            break
        os.close(descriptor)  # somebody swept it away between its making and its lock
    try:
        yield temporary, descriptor
    finally:
        if _is(temporary, descriptor):
            _remove(temporary)
        os.close(descriptor)


def _create_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)


def _create_folder(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _sweep(parent: Path) -> None:
    """Remove what killed runs of the same user left in a folder."""
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        left = [entry.path for entry in entries if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX)]
        for place in left:
            with contextlib.suppress(OSError):
                _remove_if_left(Path(place))


def _remove_if_left(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid == os.geteuid() and _is(place, descriptor):
            _remove(place)
    finally:
        os.close(descriptor)


def _is(place: Path, descriptor: int) -> bool:
    """Whether a name still means the open file."""
    try:
        return os.path.samestat(os.lstat(place), os.fstat(descriptor))
    except OSError:
        return False


def _remove(place: Path) -> None:
    with contextlib.suppress(OSError):
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink()
