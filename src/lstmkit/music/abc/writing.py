"""Tunes as a text of ABC."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from lstmkit.music.keys import SIGNS, Key, spelt
from lstmkit.music.layers import Piece, Stroke, layers, odd_part, pieces, tuplet_at
from lstmkit.music.tune import START, Bar, Tune

UNIT = Fraction(1, 8)
BARS_A_LINE, MOST_PIECES = 4, 40
WRITTEN = {alter: sign for sign, alter in SIGNS.items()}


class _Written(NamedTuple):
    """A piece with what is written before it, fields and chord symbols, and the key that holds."""

    piece: Piece
    before: str
    key: Key


def write_abc(tunes: Iterable[Tune]) -> str:
    """Return tunes as a text of ABC, version 2.1.

    Voices whose notes overlap become several voices.
    """
    return "\n".join(_written(tune, number) for number, tune in enumerate(tunes, start=1))


def _written(tune: Tune, number: int) -> str:
    head = [f"X:{number}", f"T:{_one_line(tune.title)}"]
    if tune.style:
        head.append(f"R:{_one_line(tune.style)}")
    head += [f"M:{tune.metre}", f"L:{UNIT}"]
    if tune.tempos and tune.tempos[0][0] == START:
        head.append(f"Q:{_tempo(tune.tempos[0][1])}")
    head.append(f"K:{tune.key}")
    rows = [(voice, row) for voice in tune.voices for row in layers(voice.notes)]
    body = []
    for place, (voice, row) in enumerate(rows, start=1):
        if len(rows) > 1:
            body.append(f"V:{place}" + (f' name="{_one_line(voice.name)}"' if voice.name else ""))
        if voice.program:
            body.append(f"%%MIDI program {voice.program}")
        body += _lines(tune, row, place == 1)
    return "\n".join([*head, *body]) + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.replace('"', "'").split())


def _tempo(quarters: Fraction) -> str:
    """Return a tempo as beats a minute, of a beat that makes them a whole number where one does."""
    for beat in (Fraction(1, 4), Fraction(3, 8), Fraction(1, 8), Fraction(1, 2)):
        count = quarters / 4 / beat
        if count.denominator == 1:
            return f"{beat}={count}"
    return f"1/4={float(quarters):.3f}"


def _lines(tune: Tune, row: Sequence[Stroke], first: bool) -> list[str]:
    """Return the lines of one voice; the chord symbols stand over the first."""
    fields = _fields(tune)
    chords: dict[Fraction, str] = {}
    for at, symbol in tune.chords if first else ():
        chords[at] = chords.get(at, "") + f'"{symbol}"'
    cuts = sorted({*fields, *chords, *(bar.onset for bar in tune.bars), tune.end})
    bars = {bar.onset: bar for bar in tune.bars}
    lines, line, count = [], _sign(bars[START]) if START in bars else "", 0
    bar_pieces: list[_Written] = []
    altered: dict[str, int] = {}
    keys = [at for at, _ in tune.keys]
    for piece in pieces(row, cuts, tune.end):
        before = fields.pop(piece.onset, "") + chords.pop(piece.onset, "")
        bar_pieces.append(_Written(piece, before, tune.keys[bisect_right(keys, piece.onset) - 1][1]))
        count += 1
        end = piece.onset + piece.duration
        bar = bars.get(end) if piece.duration else None
        if bar is not None:
            line += _group(bar_pieces, altered) + _sign(bar)
            bar_pieces, altered = [], {}
        elif count >= MOST_PIECES and odd_part(end) == 1:
            line += _group(bar_pieces, altered)
            bar_pieces = []
        if not bar_pieces and (count >= MOST_PIECES or line.count("|") >= BARS_A_LINE):
            lines.append(line)
            line, count = "", 0
    line += _group(bar_pieces, altered)
    return [one.strip() for one in [*lines, line] if one]


def _fields(tune: Tune) -> dict[Fraction, str]:
    """Return by time what changes within a tune."""
    found: dict[Fraction, str] = {}
    for letter, changes in (("K", tune.keys), ("M", tune.metres)):
        for at, value in changes:
            if at > START:
                found[at] = found.get(at, "") + f"[{letter}:{value}]"
    for at, quarters in tune.tempos:
        if at > START:
            found[at] = found.get(at, "") + f"[Q:{_tempo(quarters)}]"
    return found


def _sign(bar: Bar) -> str:
    return (bar.sign + (f"[{bar.ending}" if bar.ending else "")) + " "


def _group(written: Sequence[_Written], altered: dict[str, int]) -> str:
    """Return pieces of one bar, with tuplets where lengths ask for them.

    altered  half tones of the signs that hold in the bar by letter; new ones are added
    """
    text, at = "", 0
    lengths = [one.piece.duration for one in written]
    while at < len(written):
        many, divisor = tuplet_at(lengths, at)
        factor = Fraction(1)
        if many:
            times = 1 << (divisor.bit_length() - 1)
            factor = Fraction(divisor, times)
            text += f"({divisor}:{times}:{many}"
        for one in written[at : at + max(1, many)]:
            text += _text(one, altered, factor)
        at += max(1, many)
    return text


def _text(written: _Written, altered: dict[str, int], factor: Fraction) -> str:
    piece, before, key = written
    graces = "".join(_note(n.pitch, key, altered) + _length(n.duration) for n in piece.graces)
    text = before + (f"{{{graces}}}" if graces else "")
    if not piece.duration:
        return text
    length, tie = _length(piece.duration * factor), "-" if piece.goes_on else ""
    if not piece.pitches:
        return f"{text}z{length}"
    notes = [_note(pitch, key, altered) for pitch in piece.pitches]
    if len(notes) == 1:
        return f"{text}{notes[0]}{length}{tie}"
    return f"{text}[{''.join(note + length + tie for note in notes)}]"


def _note(pitch: int, key: Key, altered: dict[str, int]) -> str:
    """Return a pitch with the sign that it needs, and remember it; signs hold in every octave."""
    letter, octave, alter = spelt(pitch, key)
    sign = "" if altered.get(letter, key.alters[letter]) == alter else WRITTEN[alter]
    altered[letter] = alter
    if octave >= 6:
        return sign + letter.lower() + "'" * (octave - 6)
    return sign + letter + "," * (5 - octave)


def _length(length: Fraction) -> str:
    units = length / UNIT
    if units == 1:
        return ""
    above = "" if units.numerator == 1 else str(units.numerator)
    return above if units.denominator == 1 else f"{above}/{'' if units.denominator == 2 else units.denominator}"
