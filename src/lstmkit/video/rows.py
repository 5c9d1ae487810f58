"""From what a user has to rows that are learnt from: clips or skeletons as frames, with their classes and sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lstmkit.classification.reading import Form, Labelled, read_labelled
from lstmkit.classification.reading.labelled import settled
from lstmkit.data.content import files_in, is_table
from lstmkit.data.native import to_polars
from lstmkit.data.read import read_with_notes
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.ranges import a_path
from lstmkit.sequences import Ragged
from lstmkit.video.cache import FrameCache, usual_folder
from lstmkit.video.clips import FILMS, SKELETONS, Clips, file_column, read_clips
from lstmkit.video.pictures import PictureSettings, Seen, Told
from lstmkit.video.skeletons import SkeletonSettings, body_frames, channels_of, one_array, read_skeleton, table_rows

SOURCE = "source"
"""What the groups of clips are called where nobody names them."""
MOST_NOTES = 3
"""On single clips that are told one by one."""
Watch = Callable[[int, int, str, float | None], None]
"""Is called with how many clips are done, and of how many; the name of the next, and the share of it that is done."""


@dataclass(frozen=True)
class ArraySettings:
    """Arrays that are frames already, such as what a network of somebody else says of pictures.

    id, time  columns of a table with a row a step: what tells sequences apart, and in which order their steps are
    """

    id: str | None = None
    time: str | None = None


Kind = PictureSettings | SkeletonSettings | ArraySettings
"""How what a user has becomes frames."""


@dataclass(frozen=True)
class Asked:
    """What says of which class and source a clip is.

    label    column or field of the classes; None: none are read
    group    column or field of the sources, such as the person or the film that a clip is cut from; None: none
    pattern  of the names of a folder's files
    parted   whether clips without classes, too, are divided by source
    """

    label: str | None = "label"
    group: str | None = None
    pattern: str | None = None
    parted: bool = False


def holds_skeletons(source: Any) -> bool:
    """Return whether a user gives skeletons rather than videos, by names of files and columns.

    Raises  InputError if a table cannot be read
    """
    if isinstance(source, list | tuple):
        return bool(source) and holds_skeletons(source[0])
    if isinstance(source, str | Path):
        path = a_path("the clips", source)
        if path.is_dir():
            return not files_in(path, FILMS) and bool(files_in(path, SKELETONS))
        if not is_table(path):
            return path.suffix.lower() in SKELETONS
    frame = _table(source)
    column = file_column(frame.columns)
    if column is None:
        return True
    names = frame[column].drop_nulls().cast(pl.String).str.strip_chars().str.to_lowercase().to_list()
    return bool(names) and names[0].endswith(SKELETONS)


def _table(source: Any) -> pl.DataFrame:
    """Return a table that is given, or the one in a file."""
    if isinstance(source, str | Path):
        return read_with_notes(Path(source), texts=True).frame
    return to_polars(source)


def frame_rows(
    source: Any, frames: Kind, asked: Asked, cache: str | Path | None = None, watch: Watch | None = None
) -> tuple[Labelled, Clips | None]:
    """Return clips or skeletons as sequences of frames, and the files that they are of, if each is of one.

    frames  how they become frames
    asked   what says of which class and source each is
    cache   folder where frames of videos are kept; None: the usual one
    watch   is told how far it is
    Raises  InputError naming the clip or label that cannot be used
    """
    pictures = isinstance(frames, PictureSettings)
    if holds_skeletons(source) == pictures:
        what = "videos" if pictures else "skeletons" if isinstance(frames, SkeletonSettings) else "arrays"
        raise InputError(f"the model reads {what}, and these are {'skeletons' if pictures else 'videos'}")
    if isinstance(frames, SkeletonSettings):
        return skeleton_rows(source, frames, asked)
    if isinstance(frames, ArraySettings):
        return array_rows(source, frames, asked)
    clips = read_clips(source, asked.label, asked.pattern)
    kept = FrameCache(usual_folder() if cache is None else a_path("cache", cache))
    return picture_rows(clips, frames.with_weights(), asked, kept, watch), clips


def picture_rows(
    clips: Clips, settings: PictureSettings, asked: Asked, cache: FrameCache, watch: Watch | None = None
) -> Labelled:
    """Return clips as sequences of frames, with the time of each frame; read one by one, in bounded memory.

    watch   is told how far it is
    Raises  InputError naming the clip or label that cannot be used
    """
    known = _known(clips, asked)  # before frames are computed, which may take long
    times: list[Any] = []
    notes: list[str] = []

    def read() -> Iterator[Any]:
        for row, one in enumerate(clips.clips):
            told = None
            if watch is not None:
                watch(row, len(clips), one.name, None)
                told = share_of(watch, row, len(clips), one.name)
            seen = cache.frames(one.path, clips.contents[one.path], settings, told)
            notes.extend(seen.notes)
            own = _part(seen, one.start, one.end, one.name)
            times.append(own.times)
            yield own.values

    frames = Ragged.of(read(), len(settings.channels), on_disk=True, dtype=np.float32)
    return _labelled(clips, frames, settings.channels, known, notes, pl.Series(np.concatenate(times)))


def array_rows(source: Any, settings: ArraySettings, asked: Asked) -> tuple[Labelled, Clips | None]:
    """Return arrays of frames as they are, and the files that they are of, if each is of one.

    Raises  InputError naming the file that cannot be used
    """
    if not _a_file_each(source):
        form = Form(asked.label or "label", settings.id, settings.time, asked.group, missing="mask")
        return read_labelled(source, form, asked.label is not None), None
    clips = read_clips(source, asked.label, asked.pattern, SKELETONS)
    known = _known(clips, asked)
    width = _array(clips.clips[0].path).shape[1]

    def read() -> Iterator[Any]:
        for one in clips.clips:
            frames = _array(one.path)
            if frames.shape[1] != width:
                raise InputError(
                    f"{one.name}: has {frames.shape[1]:,} numbers a frame where the first has {width:,}; give the same"
                )
            yield frames

    channels = tuple(f"channel {k}" for k in range(1, width + 1))
    return _labelled(clips, Ragged.of(read(), width, on_disk=True, dtype=np.float32), channels, known, []), clips


def _array(path: Path) -> Any:
    """Return the frames of a file, (T, C)."""
    frames = one_array(path, "frames")
    if frames.ndim != 2 or not frames.size:
        raise InputError(f"{path}: frames must be (steps, numbers); got {frames.shape}")
    return frames


def skeleton_rows(source: Any, settings: SkeletonSettings, asked: Asked) -> tuple[Labelled, Clips | None]:
    """Return skeletons as sequences of frames, and the files that they are of, if each is of one.

    Raises  InputError naming the skeleton or label that cannot be used
    """
    if not _a_file_each(source):
        if asked.pattern is not None:
            raise InputError("a pattern reads the names of a folder's files; leave it out, or give the folder")
        rows = table_rows(source, settings, asked.label or "label", asked.group, asked.label is not None)
        return settled(rows, asked.label is not None), None
    clips = read_clips(source, asked.label, asked.pattern, SKELETONS)
    known = _known(clips, asked)
    names, shape, parts = settings.joints, None, []
    for one in clips.clips:
        joints = read_skeleton(one.path, settings)
        names = names or tuple(str(k) for k in range(1, joints.shape[1] + 1))
        shape = shape or joints.shape[1:]
        if joints.shape[1:] != shape:
            raise InputError(
                f"{one.name}: has {joints.shape[1]} joints in {joints.shape[2]} dimensions where the first has "
                f"{shape[0]} in {shape[1]}; give the same"
            )
        parts.append(body_frames(joints, names, settings.root, one.name))
    assert shape is not None
    channels = channels_of(names, shape[1])
    return _labelled(clips, Ragged.of(parts, len(channels)), channels, known, []), clips


def _a_file_each(source: Any) -> bool:
    """Return whether every skeleton is a file of its own."""
    if isinstance(source, list | tuple):
        return True
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_dir() or not is_table(path):
            return path.suffix.lower() != ".npz"
    return file_column(_table(source).columns) is not None


def share_of(watch: Watch, row: int, count: int, name: str) -> Told:
    """Return what tells somebody who watches which share of a clip is done."""
    return lambda at, seconds: watch(row, count, name, min(1.0, at / seconds) if seconds else None)


def _part(seen: Seen, start: float, end: float | None, name: str) -> Seen:
    """Return the frames of a part of a video."""
    if start == 0 and end is None:
        return seen
    kept = (seen.times >= start) & (seen.times < (np.inf if end is None else end))
    if not kept.any():
        last = f"{end:g} s" if end is not None else "its end"
        raise InputError(
            f"{name}: no picture lies between {start:g} s and {last}; the video ends at {seen.times[-1]:.2f} s"
        )
    return Seen(seen.times[kept], seen.values[kept])


@dataclass(frozen=True)
class _Known:
    """What is known of clips: their classes, their sources, what those are called, and what was noticed."""

    label: str
    labels: list[str] | None
    group: str | None
    groups: list[str] | None
    notes: list[str]


def _known(clips: Clips, asked: Asked) -> _Known:
    """Return what is known of clips.

    Raises  InputError naming what is not
    """
    if asked.label is None and not asked.parted:
        return _Known("label", None, None, None, [])
    labels = None if asked.label is None else clips.fact(asked.label)
    groups, notes = clips.sources(asked.group)
    return _Known(asked.label or "label", labels, None if groups is None else asked.group or SOURCE, groups, notes)


def _labelled(
    clips: Clips, frames: Ragged, channels: tuple[str, ...], known: _Known, notes: list[str], times: Any = None
) -> Labelled:
    form = Form(known.label, group=known.group, channels=channels, missing="mask", layout="arrays")
    several = [*dict.fromkeys(notes)]
    left = len(several) - MOST_NOTES
    several = [*several[:MOST_NOTES], *([f"{left:,} more clips are damaged"] if left > 0 else [])]
    told = (*clips.notes, *several, *known.notes)
    found = Labelled(frames, clips.names, known.labels, form, known.groups, times=times, notes=told)
    return settled(found, known.labels is not None)


def channels_differ(found: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """Return what is wrong with frames that have other numbers than those that were learnt from, "" if nothing is."""
    if found == wanted:
        return ""
    missing = [name for name in wanted if name not in found]
    if missing:
        return f"it lacks {shorten(missing, 3)}, which the model reads"
    more = [name for name in found if name not in wanted]
    return f"it has {shorten(more, 3)}, which the model does not read" if more else "its numbers are in another order"
