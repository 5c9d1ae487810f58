"""Files and folders of music, of whatever kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lstmkit.errors import InputError
from lstmkit.music.abc import read_abc
from lstmkit.music.files import read_music, read_tune
from lstmkit.music.midi import write_midi
from lstmkit.music.tune import transposed

ABC = "X:1\nT:One\nM:4/4\nK:G\nG4 A4|\n\nX:2\nT:Two\nM:4/4\nK:Am\nA4 B4|c8|AB|\n"


def test_what_a_file_is_shows_in_its_first_bytes(tmp_path):
    (tmp_path / "a").write_text(ABC.replace("\n", "\r\n"))
    assert [tune.title for tune in read_music(tmp_path / "a").tunes] == ["One", "Two"]
    (tmp_path / "b").write_bytes(write_midi(replace(read_abc(ABC).tunes[0], title="")))
    assert read_tune(tmp_path / "b").title == "b"
    (tmp_path / "c").write_text("[[[60], [62]]]")
    assert [n.pitch for n in read_tune(tmp_path / "c").notes] == [60, 62]


def test_a_name_of_midi_says_what_is_missing(tmp_path):
    (tmp_path / "a.mid").write_bytes(bytes(range(200)))
    with pytest.raises(InputError, match=r"a.mid: not a MIDI file; give a file that begins with MThd"):
        read_music(tmp_path / "a.mid")


def test_a_folder_is_read_with_what_is_in_it_and_what_cannot_be_read_is_said(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.abc").write_text(ABC)
    (tmp_path / "b.mid").write_bytes(b"MThd, but no more")
    (tmp_path / "notes.pdf").write_bytes(b"%PDF")
    found = read_music(tmp_path)
    assert len(found.tunes) == 2
    assert found.remarks == {
        "files that cannot be read, left out": 1,
        "bars not as long as their metre says, left as they are": 1,
    }


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("auto", {"reels": 4, "jigs": 2}),
        ("folder", {"x": 4, "y": 2}),
        ("none", {}),
        ("header", {}),
    ],
)
def test_styles_are_told_by_files_of_one_folder(tmp_path, style, expected):
    names = ["reelsa-c", "reelsd-g", "jigs"]
    for name in names:
        (tmp_path / f"{name}.abc").write_text(ABC)
    if style == "folder":
        for name, folder in zip(names, ("x", "x", "y"), strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / f"{name}.abc").rename(tmp_path / folder / f"{name}.abc")
    assert read_music(tmp_path, style).styles == expected


def test_titles_are_no_styles(tmp_path):
    for name in ("yesterday", "help", "michelle", "girl"):
        (tmp_path / f"{name}.abc").write_text(ABC)
    assert read_music(tmp_path).styles == {}
    assert len(read_music(tmp_path, "file").styles) == 4


def test_styles_are_told_by_the_header_where_all_have_it(tmp_path):
    (tmp_path / "a.abc").write_text("X:1\nR:Reel\nK:C\nA\n")
    (tmp_path / "b.abc").write_text("X:1\nR:jig\nK:C\nA\n")
    assert read_music(tmp_path).styles == {"reel": 1, "jig": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the file is empty"), (b"\n\n", "the file is empty"), (b"MThd", "not a MIDI file"), (b"hm", "not ABC")],
)
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path, content, message):
    (tmp_path / "x.abc").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_music(tmp_path / "x.abc")


def test_a_folder_without_music_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no file of music \(\.abc"):
        read_music(tmp_path)


def test_a_transposed_tune_has_its_key_and_chords_moved():
    tune = transposed(read_abc('X:1\nK:Em\n"Em"e "B7/f+"f "D"d\n').tunes[0], 3)
    assert str(tune.key) == "Gm" and [n.pitch for n in tune.notes] == [79, 81, 77]
    assert [text for _, text in tune.chords] == ["Gm", "D7/a", "F"]
    with pytest.raises(InputError, match="a note leaves the range from 0 to 127"):
        transposed(tune, 60)
