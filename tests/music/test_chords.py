"""Chord symbols: told from other words, moved to another key, and sounded."""

from __future__ import annotations

from fractions import Fraction

import pytest

from lstmkit.music.abc import read_abc
from lstmkit.music.chords import chord_notes, is_chord, transposed_symbol
from lstmkit.music.midi import accompanied, read_midi, write_midi


@pytest.mark.parametrize(
    ("symbol", "notes"),
    [
        ("C", (0, 12, 16, 19)),
        ("Am", (9, 12, 16, 21)),
        ("G7", (7, 14, 17, 19, 23)),
        ("D/f+", (6, 14, 18, 21)),
        ("Bbmaj7", (10, 14, 17, 21, 22)),
        ("Gd", (7, 13, 19, 22)),
        ("F+", (5, 13, 17, 21)),
        ("Asus4", (9, 14, 16, 21)),
        ("(E7)", (4, 14, 16, 20, 23)),
        ("fine", ()),
    ],
)
def test_notes_of_a_chord(symbol, notes):
    assert chord_notes(symbol) == notes and is_chord(symbol) == bool(notes)


@pytest.mark.parametrize(("symbol", "moved"), [("Em7", "Gm7"), ("D/f+", "F/a"), ("A/C#", "C/E"), ("slow", "slow")])
def test_a_symbol_three_half_tones_higher(symbol, moved):
    assert transposed_symbol(symbol, 3) == moved


def test_chords_sound_until_the_next_and_are_struck_again_in_every_bar():
    tune = read_abc('X:1\nM:2/4\nL:1/4\nK:C\n"C"cd|ef|c"G"B|]\n').tunes[0]
    voice = accompanied(tune).voices[1]
    bass = [(n.onset, n.duration, n.pitch) for n in voice.notes if n.pitch < 48]
    quarter = Fraction(1, 4)
    assert bass == [
        (0, 2 * quarter, 36),
        (2 * quarter, 2 * quarter, 36),
        (4 * quarter, quarter, 36),
        (5 * quarter, quarter, 43),
    ]
    other, _ = read_midi(write_midi(accompanied(tune)))
    assert [v.name for v in other.voices] == ["", "chords"] and len(other.voices[1].notes) == 16
    plain = read_abc("X:1\nK:C\nc\n").tunes[0]
    assert accompanied(plain) == plain
