"""Which recordings there are and what is said in them: tables, folders with a text beside each, Kaldi's files."""

from __future__ import annotations

import hashlib
import math
import mimetypes
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from lstmkit.data.content import files_in
from lstmkit.data.listed import column_called, overlap
from lstmkit.data.native import to_polars
from lstmkit.data.read import read_with_notes
from lstmkit.data.series import closest, shorten
from lstmkit.errors import InputError
from lstmkit.language.text.reading import read_lines
from lstmkit.ranges import a_path, number_in
from lstmkit.speech.ready import TABLES, ReadyFiles, array_names, require_arrays, table_beside
from lstmkit.speech.utterance import SEVERAL, Utterance

SOUNDS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".w64", ".au")
"""Endings of the recordings of a folder."""
TEXTS = (".txt", ".lab")
"""Endings of the text beside one."""
SCRIPT, WORDS, SPEAKERS, SEGMENTS = "wav.scp", "text", "utt2spk", "segments"
"""Kaldi's files."""
CALLED = {
    "audio": ("audio", "path", "file", "filename", "wav", "audio_path", "audio_filepath"),
    "text": ("text", "transcript", "transcription", "sentence", "words"),
    "speaker": ("speaker", "speaker_id", "spk", "client_id"),
    "start": ("start", "offset", "begin"),
    "end": ("end",),
    "duration": ("duration",),
    "name": ("id", "utterance", "utt", "utt_id"),
}
"""What the columns of a table may be called, the first name before the others."""


@dataclass(frozen=True)
class Manifest:
    """Utterances in the order of their source, and what was noticed."""

    utterances: tuple[Utterance, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers that are known, sorted."""
        return tuple(sorted({one.speaker for one in self.utterances if one.speaker is not None}))


def read_manifest(source: Any, transcripts: bool = True) -> Manifest:
    """Return the utterances that a user gives.

    source       a table (CSV, TSV, JSON lines, Parquet, or one in memory) with the columns audio, text and perhaps
                 speaker, start, end or duration, id; a folder of recordings with a text beside each; a folder with
                 Kaldi's wav.scp and text, perhaps utt2spk and segments; or the path of such a wav.scp. Ready features:
                 a .npz file with an array (T, C) for each utterance by its name, and a table of the same name beside
                 it with the columns id, text and perhaps speaker; or a table whose audio is such a file, or .npy
    transcripts  whether every utterance must have one
    Raises       InputError with one line that names the place for whatever is wrong
    """
    if not isinstance(source, str | Path):
        return require_sound("the table", of_table(to_polars(source), "the table", Path()), transcripts)
    path = a_path("the manifest", source)
    if path.is_dir():
        kaldi = (path / SCRIPT).exists()
        return require_sound(str(path), _of_kaldi(path) if kaldi else _of_folder(path, transcripts), transcripts)
    if path.name == SCRIPT:
        return require_sound(str(path.parent), _of_kaldi(path.parent), transcripts)
    if path.suffix.lower() == SEVERAL:
        return require_sound(str(path), _of_arrays(path, transcripts), transcripts)
    if is_recording(path) and path.exists():
        raise InputError(
            f"{path}: one recording alone; give a folder of recordings with their texts, or a table of them"
        )
    table = read_with_notes(path, texts=True)
    found = of_table(table.frame, str(path), path.parent)
    return require_sound(str(path), Manifest(found.utterances, (*table.notes, *found.notes)), transcripts)


def is_recording(path: Path) -> bool:
    """Return whether a file is sound, or another medium, and no table, by its name."""
    if path.suffix.lower() in SOUNDS:
        return True
    return (mimetypes.guess_type(path.name)[0] or "").partition("/")[0] in ("audio", "video", "image")


def refuse_shared(training: Manifest, test: Manifest) -> tuple[str, ...]:
    """Raise InputError if a recording is in the training part and in the test part, by its file or by its content.

    Parts of one file that do not overlap are different recordings.

    Returns  notes on speakers that are in both
    """
    known: dict[str, list[Utterance]] = defaultdict(list)
    keys = _content_keys([one for part in (training, test) for one in part.utterances])
    for one in training.utterances:
        known[keys[_key(one)]].append(one)
    shared = [(o, one) for one in test.utterances for o in known.get(keys[_key(one)], ()) if overlap(o, one)]
    if shared:
        first, second = shared[0]
        same = f"{first.name!r}" if first.name == second.name else f"{second.name!r} (in training {first.name!r})"
        raise InputError(
            f"{len({id(pair[1]) for pair in shared}):,} of {len(test):,} test recordings are in the training part too, "
            f"first {same}; leave them out of one"
        )
    both = sorted(set(training.speakers) & set(test.speakers))
    if not both:
        return ()
    return (
        f"speakers in the training part and in the test part: {shorten(both)}; figures for strangers will be worse",
    )


def _content_keys(utterances: Iterable[Utterance]) -> dict[tuple[Path, str], str]:
    """Return for every recording what tells its content: its own path, or a digest where others have the same size.

    Of ready features it is a digest of the array.
    """
    every, files = list(utterances), ReadyFiles()
    sizes = {one.audio: one.audio.stat().st_size for one in every if not one.ready}
    alike = Counter(sizes.values())
    digests: dict[Path, str] = {}
    for path, size in sizes.items():
        digests[path] = str(path.resolve())
        if alike[size] > 1:
            with path.open("rb") as file:
                digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        _key(one): hashlib.sha256(files.array(one).tobytes()).hexdigest() if one.ready else digests[one.audio]
        for one in every
    }


def _key(one: Utterance) -> tuple[Path, str]:
    return one.audio, one.name if one.ready else ""


def require_sound(place: str, found: Manifest, transcripts: bool) -> Manifest:
    """Return a manifest whose files exist, whose names are different, and that has transcripts if it must."""
    if not found.utterances:
        raise InputError(f"{place}: names no recording")
    gone = [one for one in found.utterances if not os.path.isfile(one.audio)]  # pathlib raises where a name is too long
    if gone:
        raise InputError(
            f"{place}: {len(gone):,} of {len(found):,} recordings are not there, first {str(gone[0].audio)!r}; paths "
            "are relative to the folder of the manifest"
        )
    for one in found.utterances:
        if one.end is not None and not one.start < one.end:
            raise InputError(f"{place}: {one.name!r}: the end, {one.end:g} s, must be after the start, {one.start:g} s")
    require_arrays(place, found.utterances)
    repeated = [name for name, count in Counter(one.name for one in found.utterances).items() if count > 1]
    if repeated:
        raise InputError(
            f"{place}: {shorten(repeated)} stands twice; give every utterance another id, or leave one out"
        )
    silent = [one.name for one in found.utterances if not (one.text or "").strip()]
    if transcripts and silent:
        raise InputError(
            f"{place}: no transcript for {len(silent):,} of {len(found):,} recordings, first {silent[0]!r}; add what "
            "is said in them, or leave them out"
        )
    return found


def of_table(frame: pl.DataFrame, place: str, folder: Path) -> Manifest:
    """Return the utterances of a table; relative paths begin at its folder."""
    columns = {role: column_called(frame.columns, names) for role, names in CALLED.items()}
    if columns["audio"] is None:
        known = shorten(frame.columns, 12)
        fix = closest("audio", frame.columns)
        raise InputError(f"{place}: no column audio (or path, file){fix} (columns: {known})")
    values = {
        role: frame[name].cast(pl.String).fill_null("").to_list() for role, name in columns.items() if name is not None
    }
    utterances = []
    for row, audio in enumerate(values["audio"]):
        given = {role: own[row].strip() for role, own in values.items()}
        if not any(given.values()):
            continue
        if not audio.strip():
            raise InputError(f"{place}: row {row + 1} names no recording; fill in column {columns['audio']!r}")
        start, end = _times(given, f"{place}: row {row + 1}")
        part = f"@{start:g}" if start or end is not None else ""
        name = given.get("name") or f"{given['audio']}{part}"
        text = given.get("text")
        utterances.append(Utterance(name, folder / given["audio"], text, given.get("speaker") or None, start, end))
    return Manifest(tuple(utterances))


def _times(given: Mapping[str, str], place: str) -> tuple[float, float | None]:
    """Return start and end of a row."""
    numbers: dict[str, float] = {}
    for role in ("start", "end", "duration"):
        if given.get(role):
            try:
                numbers[role] = number_in(given[role])
            except ValueError:
                numbers[role] = math.nan
            if not 0 <= numbers[role] < math.inf:
                raise InputError(f"{place}: {role} must be seconds from 0 on; got {given[role]!r}")
    start = numbers.get("start", 0.0)
    end = numbers.get("end")
    if end is None and "duration" in numbers and "start" in numbers:
        end = start + numbers["duration"]
    return start, end


def _of_arrays(path: Path, transcripts: bool) -> Manifest:
    """Return the utterances of a file of arrays: those of the table beside it, or all where nothing is there."""
    beside = table_beside(path) if path.is_file() else None
    if beside is None:
        if transcripts and path.is_file():
            raise InputError(
                f"{path}: no table beside it says what is said; write {path.with_suffix(TABLES[0]).name}, with the "
                "columns id, text and perhaps speaker"
            )
        return Manifest(tuple(Utterance(name, path) for name in array_names(path)))
    table = read_with_notes(beside, texts=True)
    columns = {role: column_called(table.frame.columns, CALLED[role]) for role in ("name", "text", "speaker")}
    if columns["name"] is None:
        known = shorten(table.frame.columns, 12)
        raise InputError(f"{beside}: no column id, the names of the arrays of {path.name} (columns: {known})")
    # Where its recordings are, and which parts of them, is of no use here.
    chosen = {CALLED[role][0]: table.frame[name] for role, name in columns.items() if name is not None}
    frame = pl.DataFrame(chosen).with_columns(pl.lit(path.name).alias("audio"))
    return Manifest(of_table(frame, str(beside), path.parent).utterances, table.notes)


def _of_folder(folder: Path, transcripts: bool) -> Manifest:
    """Return the recordings of a folder, with the text that has the same name; inner folders tell speakers apart."""
    files = files_in(folder, SOUNDS)
    if not files:
        raise InputError(f"{folder}: holds no recordings ({', '.join(SOUNDS[:6])}) and no {SCRIPT}")
    inner = {path.parent for path in files}
    apart = folder not in inner and len(inner) > 1
    utterances = []
    for path in files:
        beside = [own for ending in TEXTS if (own := path.with_suffix(ending)).is_file() and own.stat().st_size]
        text = " ".join(" ".join(read_lines(beside[0])).split()) if beside and transcripts else None
        name = path.relative_to(folder).with_suffix("").as_posix()
        speaker = path.parent.relative_to(folder).as_posix() if apart else None
        utterances.append(Utterance(name, path, text, speaker))
    note = f"{len(inner):,} folders are taken for as many speakers"
    return Manifest(tuple(utterances), (note,) if apart else ())


def _of_kaldi(folder: Path) -> Manifest:
    """Return the utterances of Kaldi's files."""
    recordings = dict(_pairs(folder / SCRIPT))
    for name, audio in recordings.items():
        if audio.endswith("|"):
            raise InputError(f"{folder / SCRIPT}: {name!r} is a command, which is not run; name the file that it makes")
    texts = dict(_pairs(folder / WORDS)) if (folder / WORDS).exists() else {}
    speakers = dict(_pairs(folder / SPEAKERS)) if (folder / SPEAKERS).exists() else {}
    parts: dict[str, tuple[str, float, float | None]] = {name: (name, 0.0, None) for name in recordings}
    if (folder / SEGMENTS).exists():
        parts = dict(_segments(folder / SEGMENTS, recordings))
    unknown = sorted(set(texts) - set(parts))
    if unknown:
        raise InputError(
            f"{folder / WORDS}: {len(unknown):,} utterances are in no recording, first {unknown[0]!r}; add them to "
            f"{SCRIPT}, or take them out"
        )
    return Manifest(
        tuple(
            Utterance(name, folder / recordings[audio], texts.get(name), speakers.get(name), start, end)
            for name, (audio, start, end) in parts.items()
        )
    )


def _segments(path: Path, recordings: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, float, float | None]]]:
    """Yield the parts of recordings: name, recording, start and end."""
    for number, (name, rest) in enumerate(_pairs(path), 1):
        fields = rest.split()
        if len(fields) != 3 or fields[0] not in recordings:
            raise InputError(
                f"{path}, line {number}: a recording of {SCRIPT}, start and end must follow {name!r}; got {rest!r}"
            )
        start, end = _times({"start": fields[1], "end": fields[2]}, f"{path}, line {number}")
        yield name, (fields[0], start, end)


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the first word of every line, and what follows it."""
    seen: set[str] = set()
    for number, line in enumerate(read_lines(path), 1):
        name, _, rest = line.strip().partition(" " if "\t" not in line.split(" ", 1)[0] else "\t")
        if not name:
            continue
        if name in seen:
            raise InputError(f"{path}, line {number}: {name!r} stands twice; keep one")
        seen.add(name)
        yield name, rest.strip()
