"""Tunes as MusicXML, which notation programs open."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from lstmkit.music.chords import SYMBOL
from lstmkit.music.keys import ALTERS, Key, spelt
from lstmkit.music.layers import Piece, Stroke, layers, pieces
from lstmkit.music.midi.chunks import DRUMS
from lstmkit.music.musicxml.lengths import Symbol, bracketed, symbols_of
from lstmkit.music.tune import START, Bar, Metre, Tune, Voice, holding

HEAD = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">
"""
KINDS = {
    "": "major", "maj": "major", "M": "major", "m": "minor", "min": "minor", "-": "minor", "7": "dominant",
    "maj7": "major-seventh", "M7": "major-seventh", "m7": "minor-seventh", "min7": "minor-seventh",
    "-7": "minor-seventh",
    "dim": "diminished", "°": "diminished", "dim7": "diminished-seventh", "aug": "augmented", "+": "augmented",
    "6": "major-sixth", "m6": "minor-sixth", "9": "dominant-ninth", "maj9": "major-ninth", "m9": "minor-ninth",
    "m7b5": "half-diminished", "ø": "half-diminished", "sus4": "suspended-fourth", "sus": "suspended-fourth",
    "sus2": "suspended-second",
}  # fmt: skip
"""What MusicXML calls what stands behind the root of a chord; others keep their text alone."""
ACCIDENTALS = {0: "natural", 1: "sharp", 2: "double-sharp", -1: "flat", -2: "flat-flat"}
STYLES = {"": "none", "||": "light-light", "|]": "light-heavy", ":|": "light-heavy", "::": "light-heavy"}
"""How a bar line looks on the right of a bar; others look as usual."""
LOW = 55
"""Mean pitch below which a voice is written in the bass clef."""


class _Drawn(NamedTuple):
    """A symbol of a piece.

    onset    of the symbol
    opening  whether it is the first of its piece, before which grace notes stand
    tied     from the symbol before, and to the next
    """

    onset: Fraction
    symbol: Symbol
    piece: Piece
    opening: bool
    tied: tuple[bool, bool]


class _Measure(NamedTuple):
    """A bar: when it begins and ends, its number, and whether that is not counted."""

    begin: Fraction
    end: Fraction
    number: int
    implicit: bool


def write_musicxml(tune: Tune) -> str:
    """Return a tune as a text of MusicXML 4.0, partwise; repeats are written, not played.

    Voices whose notes overlap become several parts.
    """
    score = Element("score-partwise", version="4.0")
    if tune.title:
        _add(_add(score, "work"), "work-title", tune.title)
    identification = _add(score, "identification")
    _add(_add(identification, "encoding"), "software", "lstmkit")
    if tune.style:
        _add(_add(identification, "miscellaneous"), "miscellaneous-field", tune.style, {"name": "style"})
    names = _add(score, "part-list")
    rows = [(voice, row) for voice in tune.voices for row in layers(voice.notes)]
    measures = list(_measures(tune))
    drawn = [_drawn(tune, row, measures) for _, row in rows]
    times = [one.symbol.length for own in drawn for bar in own for one in bar]
    times += [at for at, _ in (*tune.chords, *tune.tempos)]
    divisions = math.lcm(*((4 * time).denominator for time in times))
    for number, ((voice, _), own) in enumerate(zip(rows, drawn, strict=True), start=1):
        _name(names, voice, number)
        part = _Part(tune, divisions, number == 1, _mean(own) < LOW)
        part.write(_add(score, "part", None, {"id": f"P{number}"}), measures, own)
    indent(score, " ")
    return HEAD + tostring(score, encoding="unicode") + "\n"


def _add(parent: Element, tag: str, text: object = None, attributes: dict[str, str] | None = None) -> Element:
    """Add an element, with a text without what XML cannot hold."""
    found = SubElement(parent, tag, attributes or {})
    if text is not None:
        found.text = "".join(sign for sign in str(text) if sign.isprintable())
    return found


def _name(names: Element, voice: Voice, number: int) -> None:
    part = _add(names, "score-part", None, {"id": f"P{number}"})
    _add(part, "part-name", voice.name or f"Voice {number}")
    _add(
        _add(part, "score-instrument", None, {"id": f"P{number}-I1"}),
        "instrument-name",
        voice.name or f"Voice {number}",
    )
    midi = _add(part, "midi-instrument", None, {"id": f"P{number}-I1"})
    channel = (number - 1) % 15  # of the sixteen without that of drums
    _add(midi, "midi-channel", (DRUMS if voice.drums else channel + (channel >= DRUMS)) + 1)
    _add(midi, "midi-program", voice.program + 1)


def _measures(tune: Tune) -> Iterator[_Measure]:
    """Yield the bars of a tune; of two that make up one, such as around a repeat, the second is not counted."""
    ends = sorted({*(bar.onset for bar in tune.bars if bar.onset > START), tune.end})
    begin, number, halved = START, 0, False
    for end in ends:
        short = end - begin < holding(tune.metres, begin, Metre(0, 0)).length
        implicit = short and (begin == START or halved)
        number += not implicit
        yield _Measure(begin, end, number, implicit)
        begin, halved = end, short and not implicit


def _drawn(tune: Tune, row: Sequence[Stroke], measures: Sequence[_Measure]) -> list[list[_Drawn]]:
    """Return the symbols of a row, those of each bar together."""
    changes = {at for at, _ in (*tune.keys, *tune.metres)}
    bars: list[list[Piece]] = [[] for _ in measures]
    place, found, held = 0, [], False
    for piece in pieces(row, sorted(changes | {one.end for one in measures}), tune.end):
        while place + 1 < len(measures) and piece.onset >= measures[place].end:
            place += 1
        bars[place].append(piece)
    for own in bars:
        symbols = [(piece, symbols_of(piece.duration) or [Symbol(START, "")]) for piece in own]
        flat = iter(list(bracketed([symbol for _, some in symbols for symbol in some])))
        bar: list[_Drawn] = []
        for piece, some in symbols:
            at = piece.onset
            for k in range(len(some)):
                symbol = next(flat)
                goes_on = piece.goes_on or (bool(piece.pitches) and k + 1 < len(some))
                bar.append(_Drawn(at, symbol, piece, k == 0, (held, goes_on)))
                at, held = at + symbol.length, goes_on
        found.append(bar)
    return found


def _mean(bars: Sequence[Sequence[_Drawn]]) -> float:
    pitches = [pitch for bar in bars for one in bar for pitch in one.piece.pitches]
    return sum(pitches) / len(pitches) if pitches else LOW


class _Part:
    """Writes the bars of a part.

    tune       whose bar lines, keys and metres hold in all parts
    divisions  of a quarter note, in which lengths are whole numbers
    first      whether chord symbols and tempos stand here
    bass       the clef
    """

    def __init__(self, tune: Tune, divisions: int, first: bool, bass: bool) -> None:
        self._tune, self._divisions, self._bass = tune, divisions, bass
        self._lines = {bar.onset: bar for bar in tune.bars}
        self._keys, self._metres = dict(tune.keys), dict(tune.metres)
        said = [(at, _harmony(symbol)) for at, symbol in tune.chords] + [(at, _tempo(own)) for at, own in tune.tempos]
        self._said = sorted(said, key=lambda one: one[0]) if first else []
        self._ending = ""
        self._altered: dict[tuple[str, int], int] = {}

    def write(self, part: Element, measures: Sequence[_Measure], bars: Sequence[Sequence[_Drawn]]) -> None:
        """Write them all."""
        for measure, bar in zip(measures, bars, strict=True):
            said = {"implicit": "yes"} if measure.implicit else {}
            number = f"X{measure.number}" if measure.implicit and measure.begin else str(measure.number)
            element = _add(part, "measure", None, {"number": number} | said)
            self._altered = {}
            self._left(element, self._lines.get(measure.begin, Bar(START, "|")))
            for one in bar:
                self._attributes(element, one.onset)
                self._beside(element, one)
                self._note(element, one)
            self._right(element, self._lines.get(measure.end, Bar(START, "|")), measure.end == self._tune.end)

    def _ticks(self, length: Fraction) -> int:
        return int(4 * length * self._divisions)

    def _attributes(self, measure: Element, at: Fraction) -> None:
        """Say which key and metre hold from here on; at the beginning also the clef."""
        key, metre = self._keys.pop(at, None), self._metres.pop(at, None)
        if key is None and metre is None:
            return
        found = _add(measure, "attributes")
        if at == START:
            _add(found, "divisions", self._divisions)
        if key is not None:
            self._altered = {}
            said = _add(found, "key")
            _add(said, "fifths", key.fifths)
            _add(said, "mode", key.mode)
        if metre is not None:
            said = _add(found, "time")
            if metre.length:
                _add(said, "beats", metre.beats)
                _add(said, "beat-type", metre.unit)
            else:
                _add(said, "senza-misura")
        if at == START:
            clef = _add(found, "clef")
            _add(clef, "sign", "F" if self._bass else "G")
            _add(clef, "line", 4 if self._bass else 2)

    def _beside(self, measure: Element, one: _Drawn) -> None:
        """Write chord symbols and tempos from here to the next note, each with how far behind its place it stands."""
        until = one.onset + one.symbol.length
        while self._said and (self._said[0][0] < until or until == self._tune.end):
            at, element = self._said.pop(0)
            offset = Element("offset")
            offset.text = str(self._ticks(at - one.onset))
            if at > one.onset:  # behind what a direction says, before its sound; at the end of a chord symbol
                element.insert(1 if element.tag == "direction" else len(element), offset)
            measure.append(element)

    def _note(self, measure: Element, one: _Drawn) -> None:
        """Write what begins here: grace notes, then a note, notes together, or a rest."""
        key = holding(self._tune.keys, one.onset, Key())
        if one.opening:
            for grace in one.piece.graces:
                note = _add(measure, "note")
                _add(note, "grace")
                _pitch(note, grace.pitch, key)
                symbol = (symbols_of(grace.duration) or [Symbol(START, "")])[0]
                _add(note, "voice", 1)
                self._look(note, symbol._replace(actual=1, usual=1), grace.pitch, key, False)
        if not one.symbol.length:
            return
        for k, pitch in enumerate(one.piece.pitches or (None,)):
            note = _add(measure, "note")
            if k:
                _add(note, "chord")
            if pitch is None:
                _add(note, "rest")
            else:
                _pitch(note, pitch, key)
            _add(note, "duration", self._ticks(one.symbol.length))
            ties = [
                kind for kind, there in zip(("stop", "start"), one.tied, strict=True) if there and pitch is not None
            ]
            for kind in ties:
                _add(note, "tie", None, {"type": kind})
            _add(note, "voice", 1)
            self._look(note, one.symbol, pitch, key, one.tied[0])
            if ties or (one.symbol.bracket and not k):
                notations = _add(note, "notations")
                for kind in ties:
                    _add(notations, "tied", None, {"type": kind})
                if one.symbol.bracket and not k:
                    _add(notations, "tuplet", None, {"type": one.symbol.bracket})

    def _look(self, note: Element, symbol: Symbol, pitch: int | None, key: Key, held: bool) -> None:
        """Write how a note is drawn; an accidental where the signature, or a sign in this bar, says another."""
        if symbol.type:
            _add(note, "type", symbol.type)
            for _ in range(symbol.dots):
                _add(note, "dot")
        if pitch is not None and not held:
            letter, octave, alter = spelt(pitch, key)
            if self._altered.get((letter, octave), Key(key.tonic, key.mode).alters[letter]) != alter:
                _add(note, "accidental", ACCIDENTALS[alter])
                self._altered[letter, octave] = alter
        if symbol.actual > 1:
            timed = _add(note, "time-modification")
            _add(timed, "actual-notes", symbol.actual)
            _add(timed, "normal-notes", symbol.usual)

    def _left(self, measure: Element, bar: Bar) -> None:
        """Write what stands at the left of a bar: a repeat or an ending that begins."""
        number = ",".join(re.findall(r"[1-9]\d*", bar.ending))
        if not (bar.opens or number or bar.sign == "[|"):
            return
        line = _add(measure, "barline", None, {"location": "left"})
        if bar.opens or bar.sign == "[|":
            _add(line, "bar-style", "heavy-light")
        if number:
            _add(line, "ending", None, {"number": number, "type": "start"})
            self._ending = number
        if bar.opens:
            _add(line, "repeat", None, {"direction": "forward"})

    def _right(self, measure: Element, bar: Bar, last: bool) -> None:
        """Write what stands at the right of a bar: another line than usual, a repeat or an ending that is over."""
        ends = bool(self._ending) and (last or bool(bar.ending) or bar.sign not in ("", "|"))
        if not (ends or bar.sign in STYLES):
            return
        line = _add(measure, "barline", None, {"location": "right"})
        if bar.sign in STYLES:
            _add(line, "bar-style", STYLES[bar.sign])
        if ends:
            _add(line, "ending", None, {"number": self._ending, "type": "stop" if bar.closes else "discontinue"})
            self._ending = ""
        if bar.closes:
            _add(line, "repeat", None, {"direction": "backward"})


def _pitch(note: Element, pitch: int, key: Key) -> None:
    letter, octave, alter = spelt(pitch, key)
    found = _add(note, "pitch")
    _add(found, "step", letter)
    if alter:
        _add(found, "alter", alter)
    _add(found, "octave", octave - 1)


def _harmony(symbol: str) -> Element:
    """Return a chord symbol; what is none becomes words above the staff."""
    found = SYMBOL.fullmatch(symbol.strip("()"))
    if found is None:
        words = Element("direction", placement="above")
        _add(_add(words, "direction-type"), "words", symbol)
        return words
    harmony = Element("harmony")
    for tag, letter, sign in (("root", found[1], found[2]), ("bass", (found[4] or "").upper(), found[5] or "")):
        if tag == "bass":
            _add(harmony, "kind", KINDS.get(found[3], "other"), {"text": found[3]})
        if letter:
            named = _add(harmony, tag)
            _add(named, f"{tag}-step", letter)
            if ALTERS[sign]:
                _add(named, f"{tag}-alter", ALTERS[sign])
    return harmony


def _tempo(quarters: Fraction) -> Element:
    direction = Element("direction", placement="above")
    beat = _add(_add(direction, "direction-type"), "metronome")
    _add(beat, "beat-unit", "quarter")
    _add(beat, "per-minute", f"{round(float(quarters), 3):g}")
    _add(direction, "sound", None, {"tempo": f"{float(quarters):.6f}".rstrip("0").rstrip(".")})
    return direction
