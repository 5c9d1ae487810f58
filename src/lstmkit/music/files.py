"""Whatever a user has of music: files and folders of ABC, MIDI and piano rolls, as tunes with a style."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from lstmkit.data.content import free_memory, place_of, read_bytes
from lstmkit.errors import InputError
from lstmkit.music.abc import read_abc
from lstmkit.music.midi import read_midi
from lstmkit.music.rolls import read_rolls, tune_of_roll
from lstmkit.music.rolls.frames import STEP
from lstmkit.music.tune import Tune, uneven_bars
from lstmkit.ranges import a_path, choice

T = TypeVar("T")

ENDINGS = {".abc": "abc", ".txt": "abc", ".mid": "midi", ".midi": "midi", ".kar": "midi", ".rmi": "midi"}
ENDINGS |= {".json": "roll", ".npz": "roll", ".mat": "roll"}
"""What a file of a folder is taken for."""
STYLES = ("auto", "header", "file", "folder", "none")
SHARE = 0.1
"""Of the free memory that the bytes of one file may take: notes take ten times as much."""
SHARED = 3
"""Tunes that have the name of a folder or file in common, on average, if it is a style: a title is none."""
ALPHABETICAL = re.compile(r"(\D*?\D{2})(?:[ _-]?[a-z]-[a-z])?(?:[ _-]?\d+)?", re.IGNORECASE)
"""A name of one volume of several, such as reelsa-c or jigs 2."""


@dataclass(frozen=True)
class Collection:
    """Tunes that were read.

    sources  the file of each
    remarks  how often what was passed over, mended or left out occurred
    """

    tunes: list[Tune]
    sources: list[str]
    remarks: Counter[str] = field(default_factory=Counter)

    @property
    def styles(self) -> Counter[str]:
        """How many tunes each style has; those without one are not counted."""
        return Counter(tune.style for tune in self.tunes if tune.style)


def read_music(path: str | Path, style: str = "auto", step: Fraction = STEP) -> Collection:
    """Return the tunes of a file, or of all files in a folder and in the folders within it.

    In a folder, a file that cannot be read is left out and counted, unless none can.

    style   where the style of a tune is said: "header" (R: in ABC), "file" (its name), "folder", "none"; "auto" is the
            header where every tune has it, else folders or else files, if there are several with several tunes each
    step    of time in a piano roll, as a part of a whole note
    Raises  InputError if there is no such file, or none with a tune in it
    """
    path, style = a_path("the music", path), choice("style", style, STYLES)
    found = Collection([], [])
    for file, tunes in over_files(path, found.remarks, lambda file: _read(file, found.remarks, step)):
        found.tunes.extend(tunes)
        found.sources.extend([str(file)] * len(tunes))
    uneven = sum(len(uneven_bars(tune)) for tune in found.tunes)
    if uneven:
        found.remarks["bars not as long as their metre says, left as they are"] = uneven
    return replace(found, tunes=_styled(found, style))


def over_files(path: Path, remarks: Counter[str], read: Callable[[Path], T]) -> Iterator[tuple[Path, T]]:
    """Yield what is read of a file, or of all files of a folder; one that cannot be read is left out and counted.

    Raises  InputError if there is no such file, or none of them can be read
    """
    files, first, any_read = list(_files(path)), None, False
    for file in files:
        try:
            found = read(file)
        except InputError as error:
            if len(files) == 1:
                raise
            first = first or error
            remarks["files that cannot be read, left out"] += 1
            continue
        any_read = True
        yield file, found
    if not any_read:
        raise first or InputError(f"{path}: holds no file of music ({', '.join(ENDINGS)})")


def lines_of(remarks: Counter[str]) -> list[str]:
    """Return what occurred, and how often, a line each."""
    return [f"{what[:1].upper()}{what[1:]}: {count:,}" for what, count in remarks.items()]


def are_rolls(path: str | Path) -> bool:
    """Say whether a file is one of piano rolls by its name, or all those of a folder are."""
    kinds = {ENDINGS.get(Path(_bare(file)).suffix) for file in _files(a_path("the music", path))}
    return kinds == {"roll"}


def read_tune(path: str | Path) -> Tune:
    """Return the first tune of a file."""
    return read_music(path).tunes[0]


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        if Path(_bare(file)).suffix in ENDINGS and not file.name.startswith(".") and file.is_file():
            yield file


def _read(path: Path, remarks: Counter[str], step: Fraction) -> list[Tune]:
    """Return the tunes of a file, of which the first bytes say what it is, or a name of MIDI."""
    place = place_of(path)
    content = read_bytes(path, int(SHARE * free_memory()))
    if not content.strip():
        raise InputError(f"{place}: the file is empty")
    if content[:4] in (b"MThd", b"RIFF") or ENDINGS.get(Path(_bare(path)).suffix) == "midi":
        tune, found = read_midi(content, place)
        remarks.update(found)
        return [tune if tune.title else replace(tune, title=path.stem)]
    if holds_rolls(content):
        parts = read_rolls(path)
        return [
            replace(tune_of_roll(roll, step), title=f"{part} {number}")
            for part, rolls in parts.items()
            for number, roll in enumerate(rolls, 1)
            if roll.any()
        ]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    reading = read_abc(text.replace("\r\n", "\n").replace("\r", "\n"), place)
    remarks.update(reading.remarks)
    return reading.tunes


def holds_rolls(content: bytes) -> bool:
    """Say whether the bytes of a file are those of piano rolls."""
    return content[:4] == b"PK\x03\x04" or content[:6] == b"MATLAB" or content.lstrip()[:1] in (b"{", b"[")


def _bare(file: Path) -> str:
    return file.name.lower().removesuffix(".gz")


def _styled(found: Collection, style: str) -> list[Tune]:
    """Return the tunes with the style that is asked for."""
    names = [_volume(Path(source)) for source in found.sources]
    folders = [Path(source).parent.name.lower() for source in found.sources]
    if style == "auto":
        told = all(tune.style for tune in found.tunes)
        several = [how for how, own in (("folder", folders), ("file", names)) if 1 < len(set(own)) <= len(own) / SHARED]
        style = "header" if told or not several else several[0]
    if style == "header":
        return found.tunes
    chosen = {"file": names, "folder": folders, "none": [""] * len(names)}[style]
    return [replace(tune, style=name) for tune, name in zip(found.tunes, chosen, strict=True)]


def _volume(path: Path) -> str:
    """Return the name of a file as a style: volumes of one collection have the same."""
    stem = _bare(path).rsplit(".", 1)[0]
    found = ALPHABETICAL.fullmatch(stem)
    return found[1].strip(" _-") if found else stem
