"""MIDI files as tunes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TypeVar

from lstmkit.errors import InputError
from lstmkit.music.chords import is_chord
from lstmkit.music.keys import ALONG, MOST_FIFTHS, Key
from lstmkit.music.midi.chunks import DRUMS, META, Event, divided, events
from lstmkit.music.tune import SIGNS, START, Bar, Metre, Note, Tune, Voice, changes, check_end

T = TypeVar("T")
MOST_NOTES = 1_000_000
"""Of a file; each takes some 300 bytes."""
MOST_BARS = 100_000
"""Bar lines that are added to a file without any."""


@dataclass
class _Part:
    """Notes of one channel in one track.

    sounding  by pitch, onset and velocity of notes that have not ended
    """

    name: str
    program: int
    drums: bool
    notes: list[tuple[int, int, int, int]] = field(default_factory=list)
    sounding: dict[int, list[tuple[int, int]]] = field(default_factory=dict)


@dataclass
class _Found:
    """What all tracks say."""

    parts: list[_Part] = field(default_factory=list)
    tempos: dict[int, Fraction] = field(default_factory=dict)
    metres: dict[int, Metre] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    chords: list[tuple[int, str]] = field(default_factory=list)
    bars: list[tuple[int, str]] = field(default_factory=list)
    title: str = ""
    count: int = 0


def read_midi(content: bytes, place: str = "MIDI") -> tuple[Tune, Counter[str]]:
    """Return the tune of a MIDI file, a voice for each channel of each track, and what was mended in it.

    Notes that never end are closed where their track ends, or where the same pitch begins again.

    place   how a complaint calls it
    Raises  InputError if it is no MIDI file, holds no note, or more than MOST_NOTES, lasts too long, or has a tempo of
            zero
    """
    head = divided(content, place)
    remarks: Counter[str] = Counter()
    found = _Found()
    for track in head.tracks:
        _take_track(track, found, remarks, place)
    if head.cut:
        remarks["tracks cut short"] += 1
    parts = [part for part in found.parts if part.notes]
    if not parts:
        raise InputError(f"{place}: holds no note; give a file with music in it")

    @lru_cache(maxsize=1 << 16)
    def at(tick: int) -> Fraction:
        return Fraction(tick, 4 * head.division)

    end = max(onset + length for part in parts for onset, length, _, _ in part.notes)
    check_end(at(max(end, *(tick for tick, _ in found.bars))) if found.bars else at(end), place)
    metres = _changes(found.metres, at, Metre(0, 0))
    bars = [Bar(at(tick), text) for tick, text in sorted(dict(found.bars).items())] or _bars(metres, at(end))
    tune = Tune(
        tuple(_voice(part, at) for part in parts),
        _changes(found.keys, at, Key()),
        metres,
        tuple((at(tick), value) for tick, value in sorted(found.tempos.items())),
        tuple(bars),
        tuple((at(tick), text) for tick, text in sorted(found.chords, key=lambda one: one[0])),
        max(at(end), bars[-1].onset if bars else START),
        title=found.title,
    )
    return tune, remarks


def _voice(part: _Part, at: Callable[[int], Fraction]) -> Voice:
    ordered = sorted(part.notes, key=lambda note: (note[0], note[2]))  # by ticks: fractions take long to compare
    notes = tuple(Note(at(onset), at(length), pitch, loud) for onset, length, pitch, loud in ordered)
    return Voice(notes, part.name, part.program, part.drums)


def _changes(values: dict[int, T], at: Callable[[int], Fraction], default: T) -> tuple[tuple[Fraction, T], ...]:
    """Return what holds from a time on; from the beginning the default, unless another does."""
    return changes(((at(tick), value) for tick, value in values.items()), default)


def _bars(metres: tuple[tuple[Fraction, Metre], ...], end: Fraction) -> list[Bar]:
    """Return the bar lines that metres ask for: a change of metre begins a bar."""
    found: list[Bar] = []
    for k, (begin, metre) in enumerate(metres):
        until = min(metres[k + 1][0], end) if k + 1 < len(metres) else end
        if not metre.length or metre.length * (MOST_BARS - len(found)) < until - begin:
            continue
        at = begin
        while at < until:
            at = min(at + metre.length, until) if k + 1 < len(metres) else at + metre.length
            found.append(Bar(at))
    return found


def _take_track(track: bytes, found: _Found, remarks: Counter[str], place: str) -> None:
    """Take the events of a track."""
    parts: dict[int, _Part] = {}
    name, tick, programs = "", 0, dict.fromkeys(range(16), 0)
    for event in events(track):
        tick, kind = event.tick, event.status >> 4
        channel = event.status & 0xF
        if event.status == META:
            name = _take_meta(event, found, name, place)
        elif kind == 0xC:
            programs[channel] = event.data[0] & 0x7F
        elif kind in (0x8, 0x9):
            pitch, loud = event.data[0] & 0x7F, event.data[1] & 0x7F
            if kind == 0x9 and loud:
                part = parts.get(channel)
                if part is None:
                    part = parts[channel] = _Part(name, programs[channel], channel == DRUMS)
                    found.parts.append(part)
                _begin(part, found, tick, pitch, loud, place)
            elif channel in parts:
                _close(parts[channel], tick, pitch, remarks)
    for part in parts.values():
        left = sum(map(len, part.sounding.values()))
        if left:
            remarks["notes that never end, closed with their track"] += left
            for pitch in list(part.sounding):
                while part.sounding[pitch]:
                    _close(part, max(tick, part.sounding[pitch][0][0] + 1), pitch, remarks)
        part.name = part.name or name


def _begin(part: _Part, found: _Found, tick: int, pitch: int, loud: int, place: str) -> None:
    """Begin a note."""
    found.count += 1
    if found.count > MOST_NOTES:
        raise InputError(f"{place}: more than {MOST_NOTES:,} notes; divide the file")
    part.sounding.setdefault(pitch, []).append((tick, loud))


def _close(part: _Part, tick: int, pitch: int, remarks: Counter[str]) -> None:
    """End the note of a pitch that began first."""
    waiting = part.sounding.get(pitch)
    if not waiting:
        return
    onset, loud = waiting.pop(0)
    if tick <= onset:
        remarks["notes without a length, left out"] += 1
    else:
        part.notes.append((onset, tick - onset, pitch, loud))


def _take_meta(event: Event, found: _Found, name: str, place: str) -> str:
    """Take what is no sound: tempo, metre, key, texts; return the name of the track."""
    kind, data, tick = event.data[0], event.data[1:], event.tick
    if kind == 0x51 and len(data) >= 3:
        micros = int.from_bytes(data[:3], "big")
        if not micros:
            raise InputError(f"{place}: a tempo of zero at tick {tick}; correct it, or take the event out")
        found.tempos[tick] = Fraction(60_000_000, micros)
    elif kind == 0x58 and len(data) >= 2 and data[0] and data[1] <= 6:
        found.metres[tick] = Metre(data[0], 1 << data[1])
    elif kind == 0x59 and len(data) >= 2:
        fifths = data[0] - 256 if data[0] > 127 else data[0]
        if abs(fifths) <= MOST_FIFTHS:
            found.keys[tick] = key_of(fifths, data[1] == 1)
    elif kind in (0x03, 0x06):
        text = data.decode("utf-8", "replace").strip()
        if kind == 0x06:
            if text in SIGNS:
                found.bars.append((tick, text))
            elif is_chord(text):
                found.chords.append((tick, text))
        else:
            found.title = found.title or text
            return text
    return name


def key_of(fifths: int, minor: bool) -> Key:
    """Return the major or minor key with so many sharps; flats are negative."""
    place = fifths + 1 + (3 if minor else 0)  # of the tonic along the line of fifths, F at 0
    sign = {-1: "b", 0: "", 1: "#"}[place // 7]
    return Key(ALONG[place % 7] + sign, "minor" if minor else "major")
