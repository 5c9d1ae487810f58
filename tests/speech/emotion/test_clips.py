"""Recordings by class: folders, names by pattern, tables; and one line for what cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.speech.emotion import VoiceSettings
from lstmkit.speech.emotion.clips import clip_frames, read_clips

Write = Callable[..., Path]
SOUND = 0.3 * np.sin(np.arange(4000) / 9)
PATTERN = "{speaker:2}{text:3}{label:1}{take:1}.wav"


@pytest.fixture
def corpus(write: Write, tmp_path: Path) -> Path:
    """A folder whose files are named as those of the Berlin database."""
    for name in ("03a01Fa.wav", "03b02Wb.wav", "11a01Na.wav"):
        write(name, SOUND)
    return tmp_path


def test_names_of_files_say_what_a_pattern_asks_for(corpus: Path) -> None:
    clips = read_clips(corpus, pattern=PATTERN)
    assert clips.names == ["03a01Fa.wav", "03b02Wb.wav", "11a01Na.wav"]
    assert clips.fact("label") == ["F", "W", "N"]
    assert clips.fact("text") == ["a01", "b02", "a01"]
    assert clips.groups() == clips.speakers == ["03", "03", "11"]


def test_fields_without_a_length_stars_and_folders(write: Write, tmp_path: Path) -> None:
    for name in ("happy/ann_one_1.wav", "sad/bob.b_two_22.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(name, SOUND)
    clips = read_clips(tmp_path, "mood", "{mood}/{speaker}_*_{take}.wav")
    assert clips.fact("mood") == ["happy", "sad"]
    assert clips.speakers == ["ann", "bob.b"]
    assert clips.fact("take") == ["1", "22"]


def test_outer_folders_are_classes(write: Write, tmp_path: Path) -> None:
    for name in ("glad/1.wav", "glad/more/2.wav", "sad/1.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(name, SOUND)
    clips = read_clips(tmp_path)
    assert clips.fact("label") == ["glad", "glad", "sad"]
    assert clips.groups() is None


def test_a_table_names_files_beside_it_and_parts_of_them(write: Write, tmp_path: Path) -> None:
    write("a.wav", np.concatenate([SOUND, 0 * SOUND]))
    table = tmp_path / "list.csv"
    table.write_text(
        "path,start,end,emotion,speaker,gender\na.wav,0,0.25,glad,ann,f\na.wav,0.25,0.5,sad,ann,f\n,,,,,\n"
    )
    clips = read_clips(table, "emotion")
    assert clips.fact("emotion") == ["glad", "sad"]
    assert clips.fact("gender") == ["f", "f"]
    assert clips.groups() == ["ann", "ann"]
    frames = clip_frames(clips, VoiceSettings(shift=20, window=40))
    energy = VoiceSettings().channels.index("energy")
    assert frames.lengths.tolist() == [11, 11]
    assert frames[0][:, energy].min() > -20
    assert frames[1][:, energy].max() == pytest.approx(-100)


def test_a_table_in_memory(corpus: Path) -> None:
    frame = pl.DataFrame({"audio": [str(corpus / "03a01Fa.wav")], "label": [3], "speaker": [None]})
    clips = read_clips(frame)
    assert clips.fact("label") == ["3"]
    assert clips.groups() is None


def test_recordings_to_answer_for_need_no_classes(corpus: Path) -> None:
    assert read_clips(corpus, labelled=False).names == ["03a01Fa.wav", "03b02Wb.wav", "11a01Na.wav"]
    assert len(read_clips(corpus / "03a01Fa.wav", labelled=False)) == 1
    assert len(read_clips([corpus / "03a01Fa.wav", corpus / "11a01Na.wav"], labelled=False)) == 2


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{speaker:2}{take}.wav", r"pattern .*: has no field {label}; write it where the class stands"),
        ("{label:1}{label:2}.wav", r"field 'label' stands twice"),
        ("{label", r"braces must hold a field, such as {label} or {speaker:2}"),
        ("{label:0}.wav", r"braces must hold a field"),
        ("{2}{label}.wav", r"braces must hold a field"),
        ("{label:5}.wav", r"3 of 3 recordings do not match the pattern '{label:5}.wav' \('03a01Fa.wav', "),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(corpus: Path, pattern: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_clips(corpus, pattern=pattern)


def test_a_pattern_without_fields_is_refused_where_no_class_is_asked_for(corpus: Path) -> None:
    with pytest.raises(InputError, match=r"pattern '\*.wav': has no field; write {label} where the class stands"):
        read_clips(corpus, pattern="*.wav", labelled=False)


def test_names_are_read_as_written_never_as_an_expression(write: Write, tmp_path: Path) -> None:
    write("a+b.wav", SOUND)
    assert read_clips(tmp_path, pattern="{label}+{take}.wav").fact("take") == ["b"]
    with pytest.raises(InputError, match="1 of 1 recordings do not match"):
        read_clips(tmp_path, pattern="{label}.b.wav")


def lists(text: str) -> Callable[[Path], Any]:
    def written(folder: Path) -> Path:
        (folder / "list.csv").write_text(text)
        return folder / "list.csv"

    return written


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda folder: folder, r"3 of 3 recordings lie in no folder that names their class, first '03a01Fa.wav'"),
        (lists("audio,kind\n03a01Fa.wav,glad\n"), r"nothing is called 'label' \(there are: 'audio', 'kind'\)"),
        (lists("audio,label\n03a01Fa.wav,glad\n,sad\n"), "1 of 2 rows name no recording; fill it in"),
        (lists("audio,label\nnone.wav,glad\n"), r"1 of 1 recordings are not there"),
        (lists("audio,label,start,end\n03a01Fa.wav,glad,2,1\n"), r"the end, 1 s, must be after the start"),
    ],
)
def test_sources_without_classes_or_recordings_are_refused(
    corpus: Path, source: Callable[[Path], Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_clips(source(corpus))


def test_a_pattern_beside_a_table_is_refused(corpus: Path) -> None:
    table = lists("audio,label\n03a01Fa.wav,glad\n")(corpus)
    with pytest.raises(InputError, match="a pattern reads the names of a folder's files"):
        read_clips(table, pattern=PATTERN)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no recordings"):
        read_clips(tmp_path)


def test_one_file_is_a_recording_and_no_table_whatever_it_is_called(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "call.m4a").write_bytes(b"\0\0\0\x18ftypM4A ")
    given = read_clips(tmp_path / "call.m4a", labelled=False)
    with pytest.raises(InputError, match=r"call.m4a: no sound that can be read .*; give WAV, FLAC, Ogg or MP3"):
        clip_frames(given, VoiceSettings())
    with pytest.raises(InputError, match="one recording, whose class nothing says; give a folder of recordings"):
        read_clips(tmp_path / "call.m4a")


@pytest.mark.parametrize("name", ["labels", "labels.dat", "list.ndjson"])
def test_a_table_is_one_whatever_it_is_called(corpus: Path, name: str) -> None:
    table = lists("audio,label\n03a01Fa.wav,glad\n11a01Na.wav,sad\n")(corpus)
    assert read_clips(table.rename(corpus / name)).fact("label") == ["glad", "sad"]


def test_speakers_must_be_known_of_all_or_of_none(corpus: Path) -> None:
    table = lists("audio,label,speaker\n03a01Fa.wav,glad,ann\n11a01Na.wav,sad,\n")(corpus)
    with pytest.raises(InputError, match=r"no speaker for 1 of 2 recordings, first '11a01Na.wav'; fill in who it is"):
        read_clips(table).groups()


def test_a_recording_that_cannot_be_used_is_named(write: Write, tmp_path: Path) -> None:
    write("short.wav", SOUND[:500])
    with pytest.raises(InputError, match=r"short.wav: 31.2 ms of sound are shorter than a window of 60 ms"):
        clip_frames(read_clips(tmp_path, labelled=False), VoiceSettings())
