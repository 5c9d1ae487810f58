"""The notes of one tune of ABC, line by line: a small machine that keeps what holds at each moment in each voice."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from lstmkit.errors import InputError
from lstmkit.music.abc.fields import metre_of, tempo_of, unit_of
from lstmkit.music.chords import is_chord
from lstmkit.music.keys import NATURAL, SIGNS, Key, read_key
from lstmkit.music.tune import HIGHEST, LOWEST, START, Bar, Metre, Note, in_order

LENGTH = r"(\d{0,4})((?:/\d{0,4})*)"
TOKEN = re.compile(
    r"(?P<text>\"[^\"]*\")"
    r"|(?P<inline>\[[A-Za-z]:[^\]]*\])"
    r"|(?P<bar>\[\|\]?:*|[:|]*\|[:|\]]*|:{2,})(?P<with>\s*\[?\d[\d,.-]*)?"
    r"|\[(?P<ending>\d[\d,.-]*)"
    rf"|(?P<sign>\^\^|\^|__|_|=)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>{LENGTH})"
    rf"|(?P<rest>[zx])(?P<rest_length>{LENGTH})"
    r"|(?P<bars>[ZX])(?P<count>\d{0,3})"
    r"|\((?P<tuplet>\d)(?::(?P<time>\d*))?(?::(?P<many>\d*))?"
    rf"|(?P<open>\[)|(?P<close>\])(?P<close_length>{LENGTH})"
    r"|(?P<broken>>{1,3}|<{1,3})"
    r"|(?P<tie>-)"
    r"|(?P<grace>\{/?)|(?P<graced>\})"
    r"|(?P<overlay>&+)"
    r"|(?P<nothing>[\s\\`()*]|y\d*|![^!]*!|\+[a-z][^+]*\+|[~.H-WhL-Wuv$;!])"
)
TUPLET_TIMES = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""In the time of how many of its notes a tuplet is played; the others, two, or three where the metre is compound."""


@dataclass
class Changes:
    """What holds from a time on."""

    keys: dict[Fraction, Key]
    metres: dict[Fraction, Metre]
    tempos: dict[Fraction, Fraction] = field(default_factory=dict)


@dataclass
class _Event:
    """Notes that begin together, or a rest: their places in the list of notes, and how long they last."""

    places: list[int]
    length: Fraction


@dataclass
class _Voice:
    """Where a voice stands."""

    key: Key
    unit: Fraction
    name: str = ""
    program: int = 0
    time: Fraction = START
    notes: list[Note] = field(default_factory=list)
    altered: dict[str, int] = field(default_factory=dict)
    tied: dict[int, int] = field(default_factory=dict)
    names: dict[int, tuple[str, int]] = field(default_factory=dict)
    last: _Event | None = None
    factor: Fraction = Fraction(1)
    tuplet: tuple[Fraction, int] = (Fraction(1), 0)
    chord: list[tuple[int, Fraction]] | None = None
    held: set[int] = field(default_factory=set)
    grace: bool = False


class Body:
    """The state of a tune that is read.

    key, metre  at the beginning
    unit        what a note without a length lasts
    """

    def __init__(self, key: Key, metre: Metre, unit: Fraction) -> None:
        self.changes = Changes({START: key}, {START: metre})
        self.chords: list[tuple[Fraction, str]] = []
        self._start = (key, unit)
        self._metre = metre
        self._voices: dict[str, _Voice] = {}
        self._now = self._voice("")
        self._bars: list[Bar] = []

    def _voice(self, name: str) -> _Voice:
        """Return the voice of that name, new where there is none; notes before the first V: are its own."""
        if name not in self._voices:
            first = self._voices.get("")
            if first is not None and not first.notes and first.time == START and len(self._voices) == 1:
                self._voices = {name: first}
            else:
                self._voices[name] = _Voice(*self._start)
        return self._voices[name]

    def define(self, text: str) -> None:
        """Take a field V:, and go on in its voice."""
        name = text.split()[0] if text.split() else ""
        self._now = self._voice(name)
        shown = re.search(r'(?:name|nm)="([^"]*)"', text)
        self._now.name = shown[1] if shown else self._now.name or name

    def instrument(self, text: str) -> None:
        """Take a directive `%%MIDI program [channel] number`."""
        numbers = re.findall(r"\d+", text)
        if numbers and int(numbers[-1]) <= HIGHEST:
            self._now.program = int(numbers[-1])

    def field(self, letter: str, text: str) -> None:
        """Take a field within the tune."""
        now = self._now
        if letter == "K":
            now.key = read_key(text)
            self.changes.keys[now.time] = now.key
            now.altered.clear()
        elif letter == "M":
            self._metre = metre_of(text)
            self.changes.metres[now.time] = self._metre
        elif letter == "L":
            now.unit = unit_of(text)
        elif letter == "Q":
            tempo = tempo_of(text, now.unit)
            if tempo is not None:
                self.changes.tempos[now.time] = tempo
        elif letter == "V":
            self.define(text)

    def line(self, text: str, remarks: Counter[str]) -> None:
        """Take a line of notes."""
        if text.startswith("%%"):
            self.instrument(text)
            return
        at = 0
        while at < len(text):
            found = TOKEN.match(text, at)
            if found is None:
                remarks["characters passed over that mean nothing in ABC"] += 1
                at += 1
                continue
            at = found.end()
            self._take(found, remarks)

    def _take(self, found: re.Match[str], remarks: Counter[str]) -> None:
        """Take one token."""
        now = self._now
        if found["letter"]:
            self._note(now, found)
        elif found["bar"]:
            self._bar(now, found["bar"], (found["with"] or "").strip(" [\t"))
        elif found["ending"]:
            self._bar(now, "", found["ending"])
        elif found["text"]:
            symbol = found["text"].strip('"').strip()
            if is_chord(symbol):
                self.chords.append((now.time, symbol))
            elif symbol:
                remarks["words above the staff"] += 1
        elif found["inline"]:
            self.field(found["inline"][1], found["inline"][3:-1])
        elif found["rest"]:
            self._advance(now, _Event([], self._timed(now, found["rest_length"])))
        elif found["bars"]:
            self._advance(now, _Event([], self._metre.length * int(found["count"] or 1)))
        elif found["tuplet"]:
            now.tuplet = self._tuplet(found)
        elif found["open"]:
            now.chord, now.held = [], set()
        elif found["close"]:
            self._close(now, found["close_length"])
        elif found["broken"]:
            self._break(now, found["broken"])
        elif found["tie"]:
            if now.chord is not None:
                now.held |= {pitch for pitch, _ in now.chord[-1:]}
            elif now.last is not None:
                now.tied = {now.notes[place].pitch: place for place in now.last.places}
        elif found["grace"] or found["graced"]:
            now.grace = bool(found["grace"])
        elif found["overlay"]:
            raise InputError("a second voice within a bar (&) is not read; write it as a voice of its own (V:)")
        elif found[0][0] in "!+~.HLMOPRSTuv":
            remarks["ornaments and marks of playing"] += 1

    def _tuplet(self, found: re.Match[str]) -> tuple[Fraction, int]:
        """Return by what the lengths of a tuplet are multiplied, and how many notes it has."""
        count = int(found["tuplet"])
        compound = self._metre.unit == 8 and self._metre.beats % 3 == 0
        time = int(found["time"] or 0) or TUPLET_TIMES.get(count, 3 if compound else 2)
        many = int(found["many"] or 0) or count
        return (Fraction(time, count), many) if count else (Fraction(1), 0)

    def _timed(self, now: _Voice, length: str) -> Fraction:
        """Return how long a note or rest lasts, with what a tuplet and a broken rhythm make of it."""
        found = _multiple(length) * now.unit
        factor, left = now.tuplet
        if left:
            found *= factor
            now.tuplet = (factor, left - 1)
        found *= now.factor
        now.factor = Fraction(1)
        return found

    def _note(self, now: _Voice, found: re.Match[str]) -> None:
        """Take a note, alone, in a chord or a grace note."""
        letter = found["letter"].upper()
        octave = 5 + found["letter"].islower() + found["octave"].count("'") - found["octave"].count(",")
        if found["sign"]:
            now.altered[letter] = SIGNS[found["sign"]]  # in every octave, as the standard has it
        alter = now.altered.get(letter, now.key.alters[letter])
        pitch = 12 * octave + NATURAL[letter] + alter
        if not found["sign"] and pitch not in now.tied:  # the sign of a tied note lasts beyond the bar line
            held = [p for p, place in now.tied.items() if now.names[p] == (letter, octave) and self._ends(now, place)]
            pitch = held[0] if held else pitch
        now.names[pitch] = (letter, octave)
        if not LOWEST <= pitch <= HIGHEST:
            raise InputError(
                f"the note {found[0]} is outside the range of MIDI, {LOWEST} to {HIGHEST}; move its octave"
            )
        if now.grace:
            now.notes.append(Note(now.time, _multiple(found["length"]) * now.unit, pitch, grace=True))
        elif now.chord is not None:
            now.chord.append((pitch, _multiple(found["length"])))
        else:
            event = _Event([], self._timed(now, found["length"]))
            self._sound(now, event, pitch, event.length)
            now.tied = {}
            self._advance(now, event)

    def _ends(self, now: _Voice, place: int) -> bool:
        """Whether a note ends now."""
        return now.notes[place].end == now.time

    def _sound(self, now: _Voice, event: _Event, pitch: int, length: Fraction) -> None:
        """Begin a note, or make one longer that is tied to it."""
        place = now.tied.pop(pitch, None)
        if place is not None and self._ends(now, place):
            now.notes[place] = now.notes[place]._replace(duration=now.notes[place].duration + length)
        else:
            place = len(now.notes)
            now.notes.append(Note(now.time, length, pitch))
        event.places.append(place)

    def _close(self, now: _Voice, length: str) -> None:
        """End a chord: its notes last what they say, times what stands behind it; the first says when it is over."""
        chord, now.chord = now.chord, None
        if not chord:
            return
        factor = self._timed(now, length)
        event = _Event([], chord[0][1] * factor)
        for pitch, multiple in chord:
            self._sound(now, event, pitch, multiple * factor)
        now.tied = {now.notes[place].pitch: place for place in event.places if now.notes[place].pitch in now.held}
        self._advance(now, event)

    def _break(self, now: _Voice, signs: str) -> None:
        """Take a broken rhythm: what one note gets, the other loses."""
        small = Fraction(1, 2 ** len(signs))
        long, last = 2 - small, now.last
        if last is None:
            return
        mine, now.factor = (long, small) if signs[0] == ">" else (small, long)
        more = last.length * (mine - 1)
        for place in last.places:
            now.notes[place] = now.notes[place]._replace(duration=now.notes[place].duration + more)
        now.time += more

    def _advance(self, now: _Voice, event: _Event) -> None:
        now.last = event
        now.time += event.length

    def _bar(self, now: _Voice, signs: str, ending: str) -> None:
        """Take a bar line; those of the first voice are the tune's."""
        now.altered.clear()
        now.last = None
        if now is not next(iter(self._voices.values())):
            return
        sign = _sign(signs)
        ending = ending.strip(",.-").replace("-", ",").replace(".", ",")
        if self._bars and self._bars[-1].onset == now.time:
            before = self._bars.pop()
            sign, ending = _joined(before.sign, sign), ending or before.ending
        if now.time or sign or ending:
            self._bars.append(Bar(now.time, sign, ending))

    def bars(self) -> list[Bar]:
        """Return the bar lines; a plain one before the first note says nothing."""
        return [bar for bar in self._bars if bar.onset or bar.opens or bar.ending]

    def length(self) -> Fraction:
        """Return how long the longest voice is."""
        return max(voice.time for voice in self._voices.values())

    def finished(self, remarks: Counter[str]) -> list[tuple[tuple[Note, ...], str, int]]:
        """Return of each voice its notes in order, its name and its instrument."""
        found = []
        for voice in self._voices.values():
            kept = [note for note in voice.notes if note.duration > 0]
            if len(kept) < len(voice.notes):
                remarks["notes without a length, left out"] += len(voice.notes) - len(kept)
            found.append((in_order(kept), voice.name, voice.program))
        return found


def _multiple(length: str) -> Fraction:
    """Return how many units a length is: "3", "/2", "3/2", "/", "//"."""
    number, *parts = length.split("/")
    found = Fraction(int(number) if number else 1)
    for part in parts:
        below = int(part) if part else 2
        if not below:
            raise InputError(f"a length of {length}: divided by zero; write how many parts the note has")
        found /= below
    return found


def _sign(signs: str) -> str:
    """Return the bar line that a run of its characters is."""
    if not signs:
        return ""
    bare = signs.strip("[]")
    first, last = bare.find("|"), bare.rfind("|")
    if first < 0:
        return "::"
    closes, opens = ":" in bare[:last], ":" in bare[last:]
    if closes or opens:
        return "::" if closes and opens else ":|" if closes else "|:"
    if signs.endswith("]") and len(signs) > 1 and not signs.startswith("["):
        return "|]"
    return "[|" if signs.startswith("[") and not signs.endswith("]") else "||" if len(bare) > 1 else "|"


def _joined(before: str, after: str) -> str:
    """Return the bar line that two at one place make."""
    closes, opens = (
        ":|" in (before, after) or "::" in (before, after),
        "|:" in (before, after) or "::" in (before, after),
    )
    if closes or opens:
        return "::" if closes and opens else ":|" if closes else "|:"
    return max(before, after, key=lambda sign: ("", "|", "||", "[|", "|]").index(sign))
