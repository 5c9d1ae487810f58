"""Clips with what is known of each: from folders by class, names of files, or tables; whole files or parts of them."""

from __future__ import annotations

import functools
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from lstmkit.classification.reading.pattern import Pattern, facts_of_folder, pattern_of
from lstmkit.data.content import STANDARD_INPUT, files_in, is_table, require_file
from lstmkit.data.listed import column_called, fact_of, overlap, texts_of
from lstmkit.data.native import to_polars
from lstmkit.data.read import read_with_notes
from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.ranges import a_path, number_in
from lstmkit.video.cache import digest

FILMS: tuple[str, ...] = (
    ".mp4",
    ".avi",
    ".webm",
    ".mkv",
    ".gif",
    ".mov",
    ".m4v",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
    ".3gp",
    ".ogv",
)
FILMS += (".mts", ".m2ts", ".vob")
"""Endings of the videos of a folder."""
SKELETONS = (".mat", ".npy", ".npz")
"""Endings of the skeletons of a folder, a file each."""
CALLED = {
    "file": ("video", "file", "clip", "path", "filename", "video_path", "skeleton"),
    "start": ("start", "begin", "offset"),
    "end": ("end",),
    "name": ("id", "name"),
}
"""What the columns of a table may be called, the first name before the others."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A file, or a part of one.

    name        for messages and results
    path        of the file
    start, end  seconds from the beginning of the file; None is its end
    """

    name: str
    path: Path
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True)
class Clips:
    """Clips and what is known of them.

    facts  what is known of each by the name of the column, field or level of folders that says it
    place  where they come from, for messages
    notes  what was noticed
    """

    clips: tuple[Clip, ...]
    facts: Mapping[str, tuple[str, ...]]
    place: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def names(self) -> list[str]:
        """Of the clips."""
        return [one.name for one in self.clips]

    def fact(self, name: str) -> list[str]:
        """Return what is known of each by a name.

        Raises  InputError if nothing is
        """
        return fact_of(self.facts, name, self.place)

    @functools.cached_property
    def contents(self) -> dict[Path, str]:
        """What tells the content of each file apart."""
        return {path: digest(path) for path in dict.fromkeys(one.path for one in self.clips)}

    def sources(self, group: str | None) -> tuple[list[str] | None, list[str]]:
        """Return of which source each clip is, None if nothing says so and every one is of its own; and notes.

        What has the same content, or is cut from the same file, is of one source.

        group   what tells the sources
        Raises  InputError if the same content is said to be of two
        """
        content = [self.contents[one.path] for one in self.clips]
        if group is not None:
            own = self.fact(group)
            for name, source in zip(self.names, own, strict=True):
                if not source:
                    raise InputError(f"{self.place}: no {group} for {name!r}; fill it in, or leave --group out")
            known: dict[str, int] = {}
            for row, key in enumerate(content):
                first = known.setdefault(key, row)
                if own[first] != own[row]:
                    raise InputError(
                        f"{self.place}: {self.names[row]!r} and {self.names[first]!r} are the same file, but of "
                        f"{group} {own[row]!r} and {own[first]!r}; correct one"
                    )
            return own, []
        counted = Counter(content)
        if max(counted.values()) == 1:
            return None, []
        same = sum(count for count in counted.values() if count > 1)
        note = f"{same:,} clips are of {sum(c > 1 for c in counted.values()):,} files: those of one file stay together"
        return content, [note]


def read_clips(
    source: Any,
    label: str | None = None,
    pattern: str | None = None,
    endings: Sequence[str] = FILMS,
) -> Clips:
    """Return the clips that a user gives.

    source   a table (CSV, TSV, JSON lines, Parquet, or one in memory) with the columns video, `label`, and perhaps
             start and end in seconds, id; a folder with a folder a class; a folder whose files are named by a pattern;
             without labels also a file, or a list of files
    label    column or field of the classes; None needs none
    pattern  of the names of a folder's files; None: the outer folder names the class
    endings  of the files of a folder
    Raises   InputError with one line that names the place for whatever is wrong
    """
    how = pattern_of(pattern, label)
    if isinstance(source, list | tuple) and label is None:
        return _of_files([a_path("the clip", one) for one in source])
    if not isinstance(source, str | Path):
        return _of_table(to_polars(source), "the table", Path(), label, ())
    path = a_path("the clips", source)
    if path.is_dir():
        return _of_folder(path, label, how, endings)
    if how is not None:
        raise InputError(f"{path}: a pattern reads the names of a folder's files; leave it out, or give the folder")
    if not is_table(path):
        if label is not None and path.exists():
            raise InputError(f"{path}: one clip, whose class nothing says; give a folder of clips, or a table of them")
        return _of_files([path])
    table = read_with_notes(path, texts=True)
    return _of_table(table.frame, str(path), path.parent, label, table.notes)


def refuse_shared(training: Clips, test: Clips) -> None:
    """Raise InputError if something of a clip is in both parts, by the content of its file."""
    known: dict[str, list[Clip]] = defaultdict(list)
    for one in training.clips:
        known[training.contents[one.path]].append(one)
    shared = [(o, one) for one in test.clips for o in known.get(test.contents[one.path], ()) if overlap(o, one)]
    if shared:
        first, second = shared[0]
        same = f"{first.name!r}" if first.name == second.name else f"{second.name!r} (in training {first.name!r})"
        raise InputError(
            f"{len({id(pair[1]) for pair in shared}):,} of {len(test):,} clips are in the training part too, first "
            f"{same}; leave them out of one"
        )


def file_column(columns: Iterable[str]) -> str | None:
    """Return the column of a table that names files, None if there is none."""
    return column_called(columns, CALLED["file"])


def require_file_column(columns: Sequence[str], place: str) -> str:
    """Return the column of a table that names files; raise InputError if there is none."""
    column = file_column(columns)
    if column is None:
        known = shorten(columns, 12)
        raise InputError(
            f"{place}: no column video (or file, clip, path) (columns: {known}); name the files of the clips"
        )
    return column


def _of_files(files: Sequence[Path]) -> Clips:
    for path in files:
        if path != STANDARD_INPUT:
            require_file(path)
    return _sound(Clips(tuple(Clip(str(path), path) for path in files), {}, "the clips"))


def _of_folder(folder: Path, label: str | None, how: Pattern | None, endings: Sequence[str]) -> Clips:
    files = files_in(folder, endings)
    if not files:
        raise InputError(f"{folder}: holds no clips ({', '.join(endings[:6])}); give a folder of clips, or a table")
    facts = facts_of_folder(folder, files, how, label, "clips")
    names = [path.relative_to(folder).as_posix() for path in files]
    clips = tuple(Clip(name, path) for name, path in zip(names, files, strict=True))
    return Clips(clips, facts, str(folder))


def _of_table(frame: pl.DataFrame, place: str, folder: Path, label: str | None, notes: tuple[str, ...]) -> Clips:
    """Return the clips of a table; relative paths begin at its folder."""
    texts = texts_of(frame)
    column = require_file_column(texts.columns, place)
    files = texts[column].to_list()
    if gone := sum(not name for name in files):
        raise InputError(f"{place}: {gone:,} of {len(files):,} rows name no clip; fill it in, or drop it")
    others = {role: column_called(texts.columns, CALLED[role]) for role in ("start", "end", "name")}
    given = {role: [""] * len(files) if name is None else texts[name].to_list() for role, name in others.items()}
    clips = []
    for row, name in enumerate(files):
        start, end = (_second(given[role][row], role, f"{place}, row {row + 1}") for role in ("start", "end"))
        own = given["name"][row] or (f"{name} {start or 0:g}" if start or end else name)
        clips.append(Clip(own, folder / name, start or 0.0, end))
    facts = {own: tuple(texts[own].to_list()) for own in texts.columns}
    found = _sound(Clips(tuple(clips), facts, place, notes))
    if label is not None:
        found.fact(label)
    return found


def _second(text: str, role: str, place: str) -> float | None:
    if not text:
        return None
    try:
        found = number_in(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        raise InputError(f"{place}: {role} must be seconds from 0 on; got {text!r}")
    return found


def _sound(found: Clips) -> Clips:
    """Return clips whose files exist, whose parts have a length, and whose names are different."""
    if not found.clips:
        raise InputError(f"{found.place}: names no clip")
    gone = [one for one in found.clips if not os.path.isfile(one.path) and str(one.path) != "-"]
    if gone:
        what = (
            "is a folder, not a file" if os.path.isdir(gone[0].path) else "is not there"
        )  # pathlib raises, as of long names
        raise InputError(
            f"{found.place}: {len(gone):,} of {len(found):,} clips cannot be read, first {str(gone[0].path)!r}, which "
            f"{what}; paths are relative to the folder of the table"
        )
    for one in found.clips:
        if one.end is not None and not one.start < one.end:
            raise InputError(
                f"{found.place}: {one.name!r}: the end, {one.end:g} s, must be after the start, {one.start:g} s"
            )
    repeated = [name for name, count in Counter(found.names).items() if count > 1]
    if repeated:
        raise InputError(
            f"{found.place}: {shorten(repeated)} stands twice; give every clip another id, or leave one out"
        )
    return found
