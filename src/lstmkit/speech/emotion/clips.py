"""Recordings with what is known of each: from folders by class, names of files, or tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lstmkit.classification.reading.pattern import Pattern, facts_of_folder, pattern_of
from lstmkit.data.content import files_in, require_file
from lstmkit.data.listed import fact_of, texts_of
from lstmkit.data.native import to_polars
from lstmkit.data.read import read_with_notes
from lstmkit.errors import InputError
from lstmkit.ranges import a_path
from lstmkit.sequences import Ragged
from lstmkit.speech.audio import read_audio
from lstmkit.speech.emotion.frames import VoiceSettings, normalised, voice_frames
from lstmkit.speech.manifest import SOUNDS, Manifest, is_recording, of_table, require_sound
from lstmkit.speech.utterance import Utterance

SPEAKER = "speaker"


@dataclass(frozen=True)
class Clips:
    """Recordings, or parts of them.

    manifest  which they are; who speaks where that is known
    facts     what is known of each by the name of the column, field or level of folders that says it
    place     where they come from, for messages
    """

    manifest: Manifest
    facts: Mapping[str, tuple[str, ...]]
    place: str

    def __len__(self) -> int:
        return len(self.manifest)

    @property
    def names(self) -> list[str]:
        """Of the recordings."""
        return [one.name for one in self.manifest.utterances]

    @property
    def speakers(self) -> list[str | None]:
        """Who speaks in each."""
        return [one.speaker for one in self.manifest.utterances]

    def fact(self, name: str) -> list[str]:
        """Return what is known of each by a name.

        Raises  InputError if nothing is
        """
        return fact_of(self.facts, name, self.place)

    def groups(self) -> list[str] | None:
        """Return who speaks in each, None where nobody is named.

        Raises  InputError if it is known of some alone
        """
        found = [name for name in self.speakers if name is not None]
        if not found:
            return None
        if len(found) < len(self):
            first, gone = self.names[self.speakers.index(None)], len(self) - len(found)
            raise InputError(
                f"{self.place}: no speaker for {gone:,} of {len(self):,} recordings, first {first!r}; fill in who "
                f"it is, or leave the column out"
            )
        return found


def read_clips(source: Any, label: str = "label", pattern: str | None = None, labelled: bool = True) -> Clips:
    """Return the recordings that a user gives.

    source    a table (CSV, TSV, JSON lines, Parquet, or one in memory) with the columns audio, `label`, and perhaps
              speaker, start, end or duration, id; a folder with a folder a class; a folder whose files are named by a
              pattern; without labels also a recording, or a list of recordings
    label     column or field of the classes
    pattern   of the names of a folder's files; None: the outer folder names the class
    labelled  whether classes are needed
    Raises    InputError with one line that names the place for whatever is wrong
    """
    how = pattern_of(pattern, label if labelled else None)
    if isinstance(source, list | tuple) and not labelled:
        return _of_files([a_path("the recording", one) for one in source])
    if not isinstance(source, str | Path):
        return _of_frame(to_polars(source), "the table", Path(), label, labelled, ())
    path = a_path("the recordings", source)
    if path.is_dir():
        return _of_folder(path, label, how, labelled)
    if how is not None:
        raise InputError(f"{path}: a pattern reads the names of a folder's files; leave it out, or give the folder")
    if is_recording(path) and not labelled:
        return _of_files([path])
    if is_recording(path) and path.exists():
        raise InputError(
            f"{path}: one recording, whose class nothing says; give a folder of recordings, or a table of them"
        )
    table = read_with_notes(path, texts=True)
    return _of_frame(table.frame, str(path), path.parent, label, labelled, table.notes)


def clip_frames(clips: Clips, settings: VoiceSettings) -> Ragged:
    """Return the frames of recordings, read one by one, in the units of `VoiceSettings.normalise`.

    Raises  InputError naming the recording that cannot be used
    """
    sequences = (_frames_of(one, settings) for one in clips.manifest.utterances)
    frames = Ragged.of(sequences, len(settings.channels))
    return normalised(frames, clips.speakers, settings.normalise)


def _frames_of(one: Utterance, settings: VoiceSettings) -> np.ndarray[Any, Any]:
    samples = read_audio(one.audio, settings.rate, one.start, one.end)
    try:
        return voice_frames(samples, settings)
    except InputError as error:
        raise InputError(f"{one.name}: {error}") from error


def _of_files(files: Sequence[Path]) -> Clips:
    for path in files:
        require_file(path)
    utterances = tuple(Utterance(str(path), path) for path in files)
    return Clips(require_sound("the recordings", Manifest(utterances), False), {}, "the recordings")


def _of_folder(folder: Path, label: str, how: Pattern | None, labelled: bool) -> Clips:
    """Return the recordings of a folder, told apart by their names or by the folders that they lie in."""
    files = files_in(folder, SOUNDS)
    if not files:
        raise InputError(f"{folder}: holds no recordings ({', '.join(SOUNDS[:6])}); give a folder, or a table of them")
    facts = facts_of_folder(folder, files, how, label if labelled else None, "recordings")
    speakers: Sequence[str | None] = facts.get(SPEAKER, (None,) * len(files))
    names = [path.relative_to(folder).as_posix() for path in files]
    utterances = tuple(Utterance(name, path, None, who) for name, path, who in zip(names, files, speakers, strict=True))
    return Clips(Manifest(utterances), facts, str(folder))


def _of_frame(
    frame: pl.DataFrame, place: str, folder: Path, label: str, labelled: bool, notes: tuple[str, ...]
) -> Clips:
    """Return the recordings of a table."""
    texts = texts_of(frame)
    found = require_sound(place, of_table(texts, place, folder), False)
    if gone := texts.height - len(found):  # what has no recording, but something that only this table has
        raise InputError(f"{place}: {gone:,} of {texts.height:,} rows name no recording; fill it in, or drop it")
    facts = {name: tuple(texts[name].to_list()) for name in texts.columns}
    facts |= {SPEAKER: tuple(one.speaker or "" for one in found.utterances)} if found.speakers else {}
    clips = Clips(Manifest(found.utterances, (*notes, *found.notes)), facts, place)
    if labelled:
        clips.fact(label)
    return clips
