"""MIDI files, against bytes written by hand and another reader."""

from __future__ import annotations

import zipfile
from fractions import Fraction

import pytest

from lstmkit.errors import InputError
from lstmkit.music.abc import read_abc
from lstmkit.music.keys import Key
from lstmkit.music.midi import read_midi, write_midi
from lstmkit.music.midi.chunks import events, packed_number
from lstmkit.music.repeats import played
from lstmkit.music.tune import Metre

ON, OFF, META = 0x90, 0x80, 0xFF


def midi(*events: tuple[int, bytes], ticks: int = 4) -> bytes:
    """Return a file of one track."""
    body = b"".join(packed_number(step) + data for step, data in events) + b"\x00\xff\x2f\x00"
    head = b"MThd\x00\x00\x00\x06\x00\x00\x00\x01" + ticks.to_bytes(2, "big")
    return head + b"MTrk" + len(body).to_bytes(4, "big") + body


def on(pitch: int, velocity: int = 80, channel: int = 0) -> bytes:
    return bytes([ON | channel, pitch, velocity])


def off(pitch: int, channel: int = 0) -> bytes:
    return bytes([OFF | channel, pitch, 0])


def heard(content: bytes) -> list[list[tuple[Fraction, Fraction, int]]]:
    return [[(n.onset, n.duration, n.pitch) for n in voice.notes] for voice in read_midi(content)[0].voices]


def test_notes_end_with_their_own_end_or_a_beginning_without_loudness():
    assert heard(midi((0, on(60)), (4, off(60)), (2, on(62)), (2, on(62, 0)))) == [
        [(Fraction(0), Fraction(1, 4), 60), (Fraction(3, 8), Fraction(1, 8), 62)]
    ]


def test_a_status_may_be_left_out_when_it_is_the_same():
    assert heard(midi((0, on(60)), (4, bytes([60, 0])), (0, bytes([64, 9])), (4, bytes([64, 0])))) == [
        [(Fraction(0), Fraction(1, 4), 60), (Fraction(1, 4), Fraction(1, 4), 64)]
    ]


def test_channels_are_voices_with_instruments_and_drums():
    tune, _ = read_midi(
        midi((0, b"\xc1\x28"), (0, on(60)), (0, on(64, channel=1)), (0, on(36, channel=9)),
             (4, off(60)), (0, off(64, 1)), (0, off(36, 9)))
    )  # fmt: skip
    assert [(v.program, v.drums, v.notes[0].pitch) for v in tune.voices] == [
        (0, False, 60),
        (40, False, 64),
        (0, True, 36),
    ]


def test_tempo_metre_and_key_are_read_and_bars_follow_the_metre():
    tune, _ = read_midi(
        midi(
            (0, b"\xff\x51\x03\x07\xa1\x20"), (0, b"\xff\x58\x04\x03\x02\x18\x08"), (0, b"\xff\x59\x02\xfd\x01"),
            (0, b"\xff\x03\x02hi"), (0, on(60)), (12, b"\xff\x58\x04\x02\x02\x18\x08"), (12, off(60)),
        )
    )  # fmt: skip
    assert tune.tempos == ((Fraction(0), Fraction(120)),) and tune.title == "hi"
    assert tune.metres == ((Fraction(0), Metre(3, 4)), (Fraction(3, 4), Metre(2, 4)))
    assert tune.key == Key("C", "minor")
    assert [bar.onset for bar in tune.bars] == [Fraction(3, 4), Fraction(5, 4), Fraction(7, 4)]


def test_notes_that_never_end_are_closed_and_said():
    tune, remarks = read_midi(midi((0, on(60)), (4, on(62)), (4, off(62)), (4, b"\xc0\x00")))
    assert [(n.onset, n.duration, n.pitch) for n in tune.notes] == [
        (Fraction(0), Fraction(3, 4), 60),
        (Fraction(1, 4), Fraction(1, 4), 62),
    ]
    assert remarks == {"notes that never end, closed with their track": 1}


def test_a_note_that_begins_twice_ends_twice():
    tune, remarks = read_midi(midi((0, on(60)), (4, on(60)), (4, off(60)), (4, off(60)), (4, off(60))))
    assert [(n.onset, n.duration) for n in tune.notes] == [
        (Fraction(0), Fraction(1, 2)),
        (Fraction(1, 4), Fraction(1, 2)),
    ] and not remarks


def test_a_note_without_a_length_is_left_out_and_said():
    tune, remarks = read_midi(midi((0, on(60)), (0, off(60)), (0, on(62)), (4, off(62))))
    assert [n.pitch for n in tune.notes] == [62] and remarks == {"notes without a length, left out": 1}


def test_a_track_cut_short_behind_the_status_of_a_text_is_read_up_to_it():
    assert [event.data for event in events(b"\x00\x90\x3c\x40\x60\xff")] == [b"\x3c\x40"]


def test_a_file_that_is_cut_short_is_read_as_far_as_it_goes():
    tune, remarks = read_midi(midi((0, on(60)), (4, off(60)), (0, on(62)), (4, off(62)))[:-6])
    assert [n.pitch for n in tune.notes] == [60, 62]
    assert remarks == {"tracks cut short": 1, "notes that never end, closed with their track": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"hello, this is no music", "x: not a MIDI file; give a file that begins with MThd"),
        (midi(), "x: holds no note"),
        (midi((0, on(60)), (4, off(60)), ticks=0xE728), "times in seconds of film"),
        (midi((0, b"\xff\x51\x03\x00\x00\x00"), (0, on(60)), (4, off(60))), "x: a tempo of zero at tick 0"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(content, message):
    with pytest.raises(InputError) as error:
        read_midi(content, "x")
    assert message in str(error.value)


@pytest.mark.parametrize("metres", [(), [(0, b"\xff\x58\x04\x01\x06\x18\x08")]])
def test_a_note_at_a_time_that_nothing_reaches_is_refused_before_bars_are_made(metres):
    late = (0x0FFFFFFF, b"\xff\x01\x00")  # a text, so late that two of them are days behind
    content = midi(*metres, (0, on(60)), (4, off(60)), *[late] * 6, (0, on(62)), (4, off(62)), ticks=1)
    with pytest.raises(InputError, match="x: lasts 402,653,184 whole notes, more than 100,000; correct when its last"):
        read_midi(content, "x")


def test_more_notes_than_fit_are_refused(monkeypatch):
    monkeypatch.setattr("lstmkit.music.midi.reading.MOST_NOTES", 2)
    content = midi(*[(1, one) for _ in range(3) for one in (on(60), off(60))])
    with pytest.raises(InputError, match="x: more than 2 notes; divide the file"):
        read_midi(content, "x")


TUNE = 'X:1\nT:A\nM:3/4\nQ:1/4=100\nK:G\nD|:"G"G2 (3ABc d2|[M:2/4][K:Em]"Em"e^fga:|B4-|B4||\n'


def test_a_written_file_has_what_is_played():
    tune = played(read_abc(TUNE).tunes[0])
    again, remarks = read_midi(write_midi(read_abc(TUNE).tunes[0]))
    assert [n for v in again.voices for n in v.notes] == [n for v in tune.voices for n in v.notes] and not remarks
    for name in ("keys", "metres", "tempos", "bars", "chords", "end", "title"):
        assert getattr(again, name) == getattr(tune, name), name


def test_another_reader_hears_the_same():
    symusic = pytest.importorskip("symusic", reason="symusic is not installed")
    score = symusic.Score.from_midi(write_midi(read_abc(TUNE).tunes[0]))
    own = played(read_abc(TUNE).tunes[0])
    found = [
        (Fraction(n.time, 4 * score.tpq), Fraction(n.duration, 4 * score.tpq), n.pitch) for n in score.tracks[0].notes
    ]
    assert sorted(found) == [(n.onset, n.duration, n.pitch) for n in own.notes]
    assert [(t.time, t.numerator, t.denominator) for t in score.time_signatures][:2] == [
        (0, 3, 4),
        (score.tpq * 7 // 2, 2, 4),
    ]
    assert abs(score.tempos[0].qpm - 100) < 1e-3


def test_a_grace_note_takes_its_time_from_the_note():
    notes = heard(write_midi(read_abc("X:1\nL:1/4\nK:C\n{c}d e\n").tunes[0]))[0]
    assert notes == [
        (Fraction(0), Fraction(1, 32), 72),
        (Fraction(1, 32), Fraction(7, 32), 74),
        (Fraction(1, 4), Fraction(1, 4), 76),
    ]


def test_the_files_of_the_folk_tunes_are_read_as_another_reader_does(data, tmp_path):
    symusic = pytest.importorskip("symusic", reason="symusic is not installed")
    with zipfile.ZipFile(data / "nottingham_abc" / "nottingham_midi.zip") as file:
        for name in sorted(one for one in file.namelist() if one.endswith(".mid"))[::20]:
            content = file.read(name)
            score = symusic.Score.from_midi(content)
            theirs = sorted(
                (Fraction(n.time, 4 * score.tpq), Fraction(n.duration, 4 * score.tpq), n.pitch, n.velocity)
                for track in score.tracks
                for n in track.notes
            )
            tune, remarks = read_midi(content)
            assert sorted(tuple(n)[:4] for n in tune.notes) == theirs and not remarks


def test_abc_sounds_as_the_files_of_the_folk_tunes(data):
    """They were made by a program for which accidentals end with their note, and that knows no ties."""
    checked = 0
    with zipfile.ZipFile(data / "nottingham_abc" / "nottingham_midi.zip") as file:
        names = {one.rsplit("/", 1)[-1]: one for one in file.namelist()}
        for tune_file in sorted((data / "nottingham_abc" / "ABC_cleaned").glob("reels[dhr]*.abc")):
            text = tune_file.read_text(encoding="latin-1")
            for part in text.split("X:")[1:]:
                body = part.split("K:", 1)[1].split("\n", 1)[1]
                if "P:" in part or "Y:" in part or any(sign in body for sign in "^_=-"):
                    continue
                other, _ = read_midi(file.read(names[f"{tune_file.stem}{int(part.split()[0])}.mid"]))
                own = played(read_abc("X:" + part).tunes[0])
                theirs = [(n.duration, n.pitch) for n in other.voices[0].notes]
                if len(theirs) != len(own.notes):  # parts are played in another order
                    continue
                assert [p for _, p in theirs] == [n.pitch for n in own.notes]
                assert all(abs(a - n.duration) < Fraction(1, 500) for (a, _), n in zip(theirs, own.notes, strict=True))
                checked += 1
    assert checked > 9
