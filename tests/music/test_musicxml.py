"""MusicXML as music21 reads it, which knows nothing of this package: every note, bar, key, metre, repeat and chord."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from lstmkit.music import read_abc, read_music, tune_of_roll, write_musicxml
from lstmkit.music.chords import SYMBOL
from lstmkit.music.keys import class_of
from lstmkit.music.musicxml.lengths import symbols_of
from lstmkit.music.tune import Metre, Note, Tune, Voice, holding, lengths_of_bars

music21 = pytest.importorskip("music21", reason="music21 is not installed: pip install 'lstmkit[dev]'")

SONG = """X:1
T:A <song> & more
R:jig
M:6/8
L:1/8
Q:3/8=120
K:Ador
A|:"Am"e2A ABc|1 {cd}(3efg a2>b c3:|2 [A2c2e2]- [Ace] z3|]
[K:G][M:4/4]^F2-F=f _B4|"F#m7/e"c5 d3||e8|
V:2
%%MIDI program 40
C,8|Z|
"""


def read(tune: Tune) -> Any:
    return music21.converter.parseData(write_musicxml(tune), format="musicxml")


def heard(score: Any) -> list[tuple[Fraction, Fraction, int, bool]]:
    """Return onset, length and pitch of each note, ties joined, and whether it is a grace note."""
    found = []
    for part in score.parts:
        for one in part.stripTies().flatten().notes:
            if not isinstance(one, music21.harmony.ChordSymbol):
                onset, length = (Fraction(value) / 4 for value in (one.offset, one.duration.quarterLength))
                found += [(onset, length, pitch.midi, one.duration.isGrace) for pitch in one.pitches]
    return sorted(found)


def same(tune: Tune) -> bool:
    """Whether what was read is the tune: notes, keys, metres, bars, repeats, chord symbols and tempos."""
    score = read(tune)
    notes = sorted((n.onset, Fraction(0) if n.grace else n.duration, n.pitch, n.grace) for n in tune.notes)
    assert heard(score) == notes
    first = score.parts[0]
    measures = list(first.getElementsByClass(music21.stream.Measure))
    begins = [Fraction(0), *(onset for onset, _, _ in lengths_of_bars(tune))]
    assert [Fraction(one.offset) / 4 for one in measures] == sorted(set(begins))
    flat = first.flatten()
    keys = [(Fraction(k.offset) / 4, k.sharps, k.mode) for k in flat.getElementsByClass(music21.key.Key)]
    assert keys == [(at, key.fifths, key.mode) for at, key in tune.keys]
    metres = [(Fraction(m.offset) / 4, m.ratioString) for m in flat.getElementsByClass(music21.meter.TimeSignature)]
    assert metres == [(at, str(metre)) for at, metre in tune.metres if metre.length]
    repeats = [
        (Fraction(one.offset + (0 if one.leftBarline is sign else one.duration.quarterLength)) / 4, sign.direction)
        for one in measures
        for sign in (one.leftBarline, one.rightBarline)
        if isinstance(sign, music21.bar.Repeat)
    ]
    signs = [(bar.onset, "end") for bar in tune.bars if bar.closes]
    signs += [(bar.onset, "start") for bar in tune.bars if bar.opens and bar.onset < tune.end]
    assert sorted(repeats) == sorted(signs)
    chords = [
        (Fraction(c.offset) / 4, c.root().pitchClass) for c in flat.getElementsByClass(music21.harmony.ChordSymbol)
    ]
    roots = [SYMBOL.match(symbol.strip("()")) for _, symbol in tune.chords]
    wanted = [(at, class_of(root[1] + root[2])) for (at, _), root in zip(tune.chords, roots, strict=True)]
    assert chords == wanted
    return True


def test_a_song_with_all_there_is_comes_back_and_is_as_it_was_named():
    tune = read_abc(SONG).tunes[0]
    assert same(tune)
    score = read(tune)
    assert score.metadata.title == "A <song> & more" and len(score.parts) == 2
    assert score.parts[1].getInstrument().midiProgram == 40
    marks = list(score.parts[0].flatten().getElementsByClass(music21.tempo.MetronomeMark))
    assert [(mark.offset, mark.number) for mark in marks] == [(0, 180)]
    endings = [b.number for b in score.recurse().getElementsByClass(music21.spanner.RepeatBracket)]
    assert endings[:2] == ["1", "2"]


def test_signs_are_drawn_where_neither_the_signature_nor_the_bar_has_them():
    tune = read_abc("X:1\nM:4/4\nL:1/4\nK:D\n=c c ^c c|c C ^G G-|^G ^G ^f' f|\n").tunes[0]
    notes = ElementTree.fromstring(write_musicxml(tune)).findall(".//note")
    drawn = [note.findtext("accidental") for note in notes]
    assert drawn == ["natural", None, "sharp", None, None, None, "sharp", None, None, "sharp", None, None]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        ("3/8", [("quarter", 1, 1)]),
        ("7/16", [("quarter", 2, 1)]),
        ("5/8", [("half", 0, 1), ("eighth", 0, 1)]),
        ("1/12", [("eighth", 0, 3)]),
        ("5/12", [("half", 0, 3), ("eighth", 0, 3)]),
        ("1/20", [("16th", 0, 5)]),
        ("9", [("long", 2, 1), ("breve", 0, 1)]),
        ("1/4096", [("", 0, 1)]),
    ],
)
def test_lengths_become_symbols_that_last_as_long(length, expected):
    found = symbols_of(Fraction(length))
    assert [(one.type, one.dots, one.actual) for one in found] == expected
    assert sum(one.length for one in found) == Fraction(length)


def test_tuplets_have_a_beginning_and_an_end():
    tune = read_abc("X:1\nM:4/4\nL:1/8\nK:C\n(3cde (3c2d (5cdefg c|\n").tunes[0]
    marks = [one.get("type") for one in ElementTree.fromstring(write_musicxml(tune)).iter("tuplet")]
    assert marks == ["start", "stop"] * 3 and same(tune)


def test_no_bracket_is_drawn_around_lengths_of_which_some_are_as_outside_tuplets():
    lengths, notes, at = (Fraction(1, 12), Fraction(1, 4), Fraction(1, 6), Fraction(1, 2)), [], Fraction(0)
    for length in lengths:
        notes.append(Note(at, length, 60))
        at += length
    tune = Tune((Voice(tuple(notes)),), end=at)
    written = ElementTree.fromstring(write_musicxml(tune))
    assert not list(written.iter("tuplet"))
    assert [one.findtext("time-modification/actual-notes") for one in written.iter("note")] == ["3", None, "3", None]
    assert heard(read(tune)) == [(note.onset, note.duration, 60, False) for note in notes]


def test_words_and_tempos_within_a_note_say_how_far_behind_it_they_stand_where_the_format_has_it():
    note = Note(Fraction(0), Fraction(1), 60)
    said = (Fraction(1, 4), "very slowly"), (Fraction(1, 2), "Am/c")
    tune = Tune((Voice((note,)),), chords=said, tempos=((Fraction(3, 4), Fraction(90)),), end=Fraction(1))
    written = ElementTree.fromstring(write_musicxml(tune))
    assert [[part.tag for part in one] for one in (*written.iter("direction"), *written.iter("harmony"))] == [
        ["direction-type", "offset"],
        ["direction-type", "offset", "sound"],
        ["root", "kind", "bass", "offset"],
    ]
    assert [one.text for one in written.iter("offset")] == ["1", "2", "3"]


def test_a_grace_note_without_a_length_is_written():
    notes = Note(Fraction(0), Fraction(0), 62, grace=True), Note(Fraction(0), Fraction(1), 60)
    assert heard(read(Tune((Voice(notes),), end=Fraction(1)))) == [
        (Fraction(0), Fraction(0), 62, True), (Fraction(0), Fraction(1), 60, False),
    ]  # fmt: skip


def test_a_piano_roll_and_drums_are_written():
    roll = np.zeros((8, 88), np.uint8)
    roll[:4, [20, 30, 34]] = 1
    roll[4:, [21, 30]] = 1
    tune = tune_of_roll(roll, Fraction(1, 4))
    assert tune.metre == Metre(0, 0) and heard(read(tune)) == sorted(
        (n.onset, n.duration, n.pitch, False) for n in tune.notes
    )
    text = write_musicxml(replace(tune, voices=tuple(replace(voice, drums=True) for voice in tune.voices)))
    assert "<midi-channel>10</midi-channel>" in text and "<senza-misura />" in text and "<sign>F</sign>" in text


def test_texts_that_xml_cannot_hold_are_left_out():
    tune = replace(read_abc(SONG).tunes[0], title="a\x00b\x1b\ufffe")
    assert read(tune).metadata.title == "ab"


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_folk_tunes_come_back(data, step):
    tunes = read_music(data / "nottingham_abc" / "ABC_cleaned").tunes[::step]
    assert len(tunes) > 20 and all(same(tune) for tune in tunes)
    assert all(holding(tune.metres, Fraction(0), Metre(0, 0)).length for tune in tunes)
