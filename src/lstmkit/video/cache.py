"""Frames that were computed once: kept by what is in a video and how it was looked at, also half of a long one.

A file of the cache holds rows of float32, each a time and the numbers of a frame. While it is being written it has
another name; who is interrupted finds there what was done, up to the last whole batch. What was noticed of a video that
is damaged is kept beside it, and said again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.content import STANDARD_INPUT, opened, place_of, refuse_device
from lstmkit.errors import InputError
from lstmkit.training import write_atomically
from lstmkit.video.pictures import AT_ONCE, PictureSettings, Seen, Told, picture_frames, stream_frames

BLOCK = 1 << 20
VERSIONS = {"flow": 2, "moving": 2}
"""Of what the numbers of features, or of a region, mean, 1 where none is named: another one where they are computed
otherwise."""
Rows = NDArray[np.float32]


def usual_folder() -> Path:
    """Return where frames are kept if nobody says where: LSTMKIT_CACHE, or the user's folder for such things."""
    own = os.environ.get("LSTMKIT_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lstmkit" / "video"


def digest(path: Path) -> str:
    """Return what tells the content of a file apart, whatever its name; "" of standard input."""
    if path == STANDARD_INPUT:
        return ""
    with opened(path) as file:
        refuse_device(str(path), file)
        found = hashlib.sha256()
        while block := file.read(BLOCK):
            found.update(block)
        return found.hexdigest()


@dataclass(frozen=True)
class FrameCache:
    """A folder of frames.

    folder  made where it is missing; where it cannot be written to, frames are computed and not kept
    """

    folder: Path

    def frames(self, path: Path, content: str, settings: PictureSettings, told: Told | None = None) -> Seen:
        """Return the frames of a video, from the cache or computed and kept; `picture_frames`.

        content  its `digest`
        told     is told how far it is
        Raises   InputError as `picture_frames`
        """
        if path == STANDARD_INPUT:
            return picture_frames(path, settings)
        kept = self.folder / f"{_key(content, settings)}.frames"
        width = 1 + len(settings.channels)
        rows = _read(kept, width)
        noted = _Noted(kept.with_suffix(".notes"), path)
        if rows is not None:
            return _seen(rows, noted.kept)
        with _begun(kept.with_suffix(".part")) as part:
            if part is None:  # nothing can be kept, or somebody else computes it
                return picture_frames(path, settings)
            known = _whole_batches(part, width)
            notes = [*noted.kept] if len(known) else []
            for times, values in stream_frames(path, settings, notes, known, told):
                noted.keep(notes)
                part.write(np.concatenate([times[:, None], values], axis=1).astype(np.float32).tobytes())
                part.flush()
            noted.keep(notes)
            os.replace(part.name, kept)
            rows = np.memmap(part, np.float32, "r").reshape(-1, width)
            return _seen(rows, notes)


class _Noted:
    """What was noticed of a video, in a file of the cache: without the name of the video, which may be another later.

    file  of the cache
    path  of the video
    """

    def __init__(self, file: Path, path: Path) -> None:
        self.file, self.place = file, f"{place_of(path)}: "
        self.kept = self._read()

    def _read(self) -> list[str]:
        """Return what is kept; nothing if there is no file, or it is damaged."""
        try:
            found = json.loads(self.file.read_bytes())
        except (OSError, ValueError):
            return []
        return [f"{self.place}{text}" for text in found if isinstance(text, str)] if isinstance(found, list) else []

    def keep(self, notes: list[str]) -> None:
        """Keep what was noticed, if it is not kept yet."""
        if notes != self.kept:
            self.kept = [*notes]
            write_atomically(self.file, json.dumps([text.removeprefix(self.place) for text in notes]).encode())


def _seen(rows: Rows, notes: list[str] | None = None) -> Seen:
    return Seen(rows[:, 0].astype(np.float64), rows[:, 1:], tuple(notes or ()))


def _key(content: str, settings: PictureSettings) -> str:
    """Return the name under which frames are kept."""
    given = dataclasses.asdict(settings)
    if settings.region == "whole":  # as it was before there was another
        del given["region"]
    version = max(VERSIONS.get(own, 1) for own in (settings.features, settings.region))
    how = json.dumps([version, content, given], sort_keys=True)
    return hashlib.sha256(how.encode()).hexdigest()[:40]


def _read(kept: Path, width: int) -> Rows | None:
    """Return the rows of a complete file, mapped; None if there is none, or it is damaged."""
    try:
        size = kept.stat().st_size
        if not size or size % (4 * width):
            return None
        rows: Rows = np.memmap(kept, np.float32, "r", shape=(size // (4 * width), width))
    except OSError:
        return None
    return rows if np.isfinite(rows).all() else None


@contextmanager
def _begun(part: Path) -> Iterator[IO[Any] | None]:
    """Hold a file that is being written, with what an interrupted run left in it; None where that cannot be."""
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("a+b")
    except OSError:
        yield None
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.fstat(file.fileno()), part.stat())  # else it was finished in the meantime
        except OSError:
            mine = False
        if not mine:
            yield None
            return
        try:
            yield file
        except InputError:  # the video cannot be used: nothing of it is worth keeping
            with contextlib.suppress(OSError):
                part.unlink()
                part.with_suffix(".notes").unlink()
            raise


def _whole_batches(part: IO[Any], width: int) -> Rows:
    """Return the frames that a file holds, cut to whole batches."""
    size = 4 * width * AT_ONCE
    part.truncate(part.seek(0, os.SEEK_END) // size * size)
    rows = part.seek(0, os.SEEK_END) // (4 * width)
    return (np.memmap(part, np.float32, "r", shape=(rows, width)) if rows else np.empty((0, width), np.float32))[:, 1:]
