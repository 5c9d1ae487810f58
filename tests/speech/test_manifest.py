"""Which recordings there are and what is said in them, however it is written down."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from lstmkit import InputError
from lstmkit.speech import Manifest, Utterance, read_manifest, refuse_shared


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three files; what is in them is not looked at here."""
    for number, name in enumerate(("a", "b", "c")):
        path = tmp_path / "clips" / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(10 + number))
    return tmp_path


def table(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


EXPECTED = [("clips/a.wav", 'say "one"', "x"), ("clips/b.wav", "zwei, drei", "y")]


def short(manifest: Manifest, folder: Path) -> list[tuple[object, ...]]:
    return [(one.audio.relative_to(folder).as_posix(), one.text, one.speaker) for one in manifest.utterances]


def test_tables_of_every_kind_say_the_same(folder):
    csv = 'audio,text,speaker\nclips/a.wav,"say ""one""",x\nclips/b.wav,"zwei, drei",y\n'
    tsv = 'audio\ttext\tspeaker\nclips/a.wav\tsay "one"\tx\nclips/b.wav\tzwei, drei\ty\n'
    rows = [dict(zip(("audio", "text", "speaker"), row, strict=True)) for row in EXPECTED]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    for path in (table(folder, "m.csv", csv), table(folder, "m.tsv", tsv), table(folder, "m.jsonl", lines)):
        found = read_manifest(path)
        assert short(found, folder) == EXPECTED and found.speakers == ("x", "y")
    absolute = pl.DataFrame(rows).with_columns(pl.concat_str(pl.lit(f"{folder}/"), "audio").alias("audio"))
    assert short(read_manifest(absolute), folder) == EXPECTED


def test_columns_may_have_the_names_that_other_tools_give(folder):
    path = table(folder, "m.csv", "Path,sentence,client_id,offset,duration\nclips/a.wav,one,x,1.5,2\n")
    (one,) = read_manifest(path).utterances
    assert (one.text, one.speaker, one.start, one.end) == ("one", "x", 1.5, 3.5)


def test_parts_of_a_file_are_utterances(folder):
    path = table(folder, "m.csv", "audio,text,start,end\nclips/a.wav,one,0,1\nclips/a.wav,two,1,2.5\n")
    assert [(o.name, o.start, o.end) for o in read_manifest(path).utterances] == [
        ("clips/a.wav@0", 0.0, 1.0),
        ("clips/a.wav@1", 1.0, 2.5),
    ]


def test_a_folder_with_a_text_beside_each(folder):
    clips = folder / "clips"
    for name in "abc":
        (clips / f"{name}.txt").write_text(f" word {name}\n")
    found = read_manifest(clips)
    assert [(o.name, o.text, o.speaker) for o in found.utterances] == [(n, f"word {n}", None) for n in "abc"]
    for name in "ab":
        (clips / f"speaker_{name}").mkdir()
        for ending in ("wav", "txt"):
            shutil.move(clips / f"{name}.{ending}", clips / f"speaker_{name}" / f"{name}.{ending}")
    (clips / "c.wav").unlink()
    found = read_manifest(clips)
    assert found.speakers == ("speaker_a", "speaker_b")
    assert found.notes == ("2 folders are taken for as many speakers",)


def kaldi(folder: Path) -> Path:
    table(folder, "wav.scp", "u1 clips/a.wav\nu2\tclips/b.wav\n")
    table(folder, "text", "u1 one two\nu2 three\n")
    table(folder, "utt2spk", "u1 x\nu2 y\n")
    return folder


def test_the_files_of_kaldi(folder):
    expected = [("u1", "one two", "x"), ("u2", "three", "y")]
    for source in (kaldi(folder), folder / "wav.scp"):
        assert [(o.name, o.text, o.speaker) for o in read_manifest(source).utterances] == expected
    table(folder, "segments", "p1 u1 0 1.5\np2 u1 1.5 2\n")
    table(folder, "text", "p1 one\np2 two\n")
    (folder / "utt2spk").unlink()
    found = [(o.name, o.audio.name, o.text, o.start, o.end) for o in read_manifest(folder).utterances]
    assert found == [("p1", "a.wav", "one", 0.0, 1.5), ("p2", "a.wav", "two", 1.5, 2.0)]


def test_recordings_without_a_text_will_do_where_none_is_needed(folder):
    assert [o.text for o in read_manifest(folder / "clips", transcripts=False).utterances] == [None] * 3


def refused(source: object) -> str:
    with pytest.raises(InputError) as error:
        read_manifest(source)
    return str(error.value)


def test_a_missing_transcript_is_named(folder):
    path = table(folder, "m.csv", "audio,text\nclips/a.wav,one\nclips/b.wav,\nclips/c.wav, \n")
    assert "m.csv: no transcript for 2 of 3 recordings, first 'clips/b.wav'" in refused(path)
    assert "no transcript for 3 of 3 recordings, first 'a'" in refused(folder / "clips")
    kaldi(folder)
    table(folder, "text", "u1 one\nu2\n")
    assert "no transcript for 1 of 2 recordings, first 'u2'" in refused(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "sound,text\nx,y\n", "no column audio (or path, file) (columns: 'sound', 'text')"),
        ("m.csv", "audio,text\ngone.wav,y\n", "1 of 1 recordings are not there, first"),
        ("m.csv", "audio,text\nclips/a.wav,one\n,two\n", "row 2 names no recording; fill in column 'audio'"),
        ("m.csv", "audio,text,start,end\nclips/a.wav,x,2,1\n", "the end, 1 s, must be after the start, 2 s"),
        ("m.csv", "audio,text,start\nclips/a.wav,x,soon\n", "row 1: start must be seconds from 0 on; got 'soon'"),
        ("m.csv", "audio,text\nclips/a.wav,x\nclips/a.wav,y\n", "'clips/a.wav' stands twice"),
        ("wav.scp", "u1 sox a.wav |\n", "wav.scp: 'u1' is a command, which is not run"),
        ("wav.scp", "u1 a\nu1 b\n", "wav.scp, line 2: 'u1' stands twice; keep one"),
        ("text", "u1 one\nu2 two\nu3 three\n", "text: 1 utterances are in no recording, first 'u3'"),
        ("segments", "p1 u9 0 1\n", "segments, line 1: a recording of wav.scp, start and end must follow 'p1'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(folder, name, text, message):
    if not name.startswith("m"):
        kaldi(folder)
    path = table(folder, name, text)
    assert message in refused(path if name.startswith("m") else folder)


def test_a_folder_without_recordings_is_refused(folder):
    (folder / "empty").mkdir()
    assert "holds no recordings" in refused(folder / "empty")


def test_one_recording_is_no_table_of_them(folder):
    assert "a.wav: one recording alone; give a folder of recordings with their texts" in refused(
        folder / "clips" / "a.wav"
    )


def one(path: Path, **rest: object) -> Utterance:
    return Utterance(path.stem, path, "x", **rest)


def test_the_same_recording_in_both_parts_is_refused(folder):
    a, b = folder / "clips" / "a.wav", folder / "clips" / "b.wav"
    copy = Path(shutil.copy(a, folder / "other_name.wav"))
    apart = refuse_shared(
        Manifest((one(a, speaker="x"),)), Manifest((one(b, speaker="x"), one(folder / "clips/c.wav")))
    )
    assert apart == ("speakers in the training part and in the test part: 'x'; figures for strangers will be worse",)
    for training, test in ((a, a), (a, copy)):
        with pytest.raises(InputError, match=r"1 of 2 test recordings are in the training part too, first '"):
            refuse_shared(Manifest((one(training),)), Manifest((one(b), one(test))))
    first, second = Manifest((one(a, start=0.0, end=1.0),)), Manifest((one(a, start=1.0, end=2.0),))
    assert refuse_shared(first, second) == ()
    with pytest.raises(InputError, match="are in the training part too"):
        refuse_shared(first, Manifest((one(a, start=0.9),)))
