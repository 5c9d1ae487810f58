"""Tunes as events."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from lstmkit.music.events.tokens import CELL, DRUMS, METRE, MODE, STYLE, chord_token, home_of, style_word
from lstmkit.music.keys import Key
from lstmkit.music.layers import Piece, layers, pieces
from lstmkit.music.tune import START, Bar, Tune

LONGEST = Fraction(2)
"""Of a bar whose voices are said one after the other; where lines are farther apart, every whole note is a place."""
WHOLE = Fraction(1)


class Events(NamedTuple):
    """A tune as events.

    key     the first; tokens are the same for a tune in every key
    tokens  style, metre and mode, then what happens
    """

    key: Key
    tokens: tuple[str, ...]


def encode(tune: Tune) -> Events:
    """Return a tune as events; see `decode` for the way back.

    The voices of a bar stand one after the other. Title and names of voices are left out, and loudness.
    """
    rows = [(voice, row) for voice in tune.voices for row in layers(voice.notes)]
    found = [f"{STYLE}{style_word(tune.style)}", f"{METRE}{tune.metre}", f"{MODE}{tune.key.mode}"]
    for number, (voice, _) in enumerate(rows):
        if voice.program:
            found.append(f"program{number}={voice.program}")
        if voice.drums:
            found.append(f"{DRUMS}{number}")
    fields = _fields(tune)
    ends = _cells(tune)
    parts = []
    for number, (_, row) in enumerate(rows):
        cuts = sorted({*fields, *ends}) if number == 0 else ends
        parts.append(_by_cell(pieces(row, cuts, tune.end), ends))
    lines = {bar.onset: bar for bar in tune.bars}
    home = home_of(tune.key)
    if START in lines:
        found += _line(lines[START])
    for cell, end in enumerate(ends):
        for number, part in enumerate(parts):
            if number:
                found.append(f"v{number}")
            for piece in part[cell]:
                found += fields.pop(piece.onset, ()) if number == 0 else ()
                found += _sounds(piece, home)
        if end in lines:
            found += _line(lines[end])
        elif cell + 1 < len(ends):
            found.append(CELL)
    return Events(tune.key, tuple(found))


def _fields(tune: Tune) -> dict[Fraction, list[str]]:
    """Return what is said at a time before its notes: changes of key, metre and tempo, and chords."""
    found: dict[Fraction, list[str]] = {}
    for at, key in tune.keys[1:]:
        steps = (key.pitch_class - tune.key.pitch_class) % 12
        found.setdefault(at, []).append(f"key+{steps}:{key.mode}" + "".join(f":{one}" for one in key.extra))
    for at, metre in tune.metres[1:]:
        found.setdefault(at, []).append(f"metre:{metre}")
    for at, quarters in tune.tempos:
        found.setdefault(at, []).append(f"tempo:{quarters}")
    for at, symbol in tune.chords:
        found.setdefault(at, []).append(chord_token(symbol, tune.key))
    return found


def _cells(tune: Tune) -> list[Fraction]:
    """Return the ends of the cells in which voices stand one after the other."""
    found, at = [], START
    for line in sorted({*(bar.onset for bar in tune.bars if bar.onset > START), tune.end}):
        if line - at > LONGEST:
            while line - at > WHOLE:
                at += WHOLE
                found.append(at)
        if line > at:
            found.append(line)
        at = line
    return found or [tune.end]


def _by_cell(row: list[Piece], ends: list[Fraction]) -> list[list[Piece]]:
    found: list[list[Piece]] = [[] for _ in ends]
    cell = 0
    for piece in row:
        while cell + 1 < len(ends) and piece.onset >= ends[cell]:
            cell += 1
        found[cell].append(piece)
    return found


def _line(bar: Bar) -> list[str]:
    return [one for one in (bar.sign, f"[{bar.ending}" if bar.ending else "") if one]


def _sounds(piece: Piece, home: int) -> list[str]:
    found = [f"g{grace.pitch - home}:{grace.duration}" for grace in piece.graces]
    if not piece.duration:
        return found
    if not piece.pitches:
        return [*found, f"z:{piece.duration}"]
    *others, highest = piece.pitches
    found += [f"&{pitch - home}" for pitch in others]
    return [*found, f"{highest - home}:{piece.duration}" + ("~" if piece.goes_on else "")]
