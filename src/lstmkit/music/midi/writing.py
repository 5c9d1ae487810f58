"""Tunes as MIDI files."""

from __future__ import annotations

import math
from fractions import Fraction

from lstmkit.errors import InputError
from lstmkit.music.keys import Key
from lstmkit.music.midi.chunks import DRUMS, packed_number
from lstmkit.music.repeats import played
from lstmkit.music.tune import QUARTERS, START, Tune, Voice

MOST_TICKS = 32_767
"""Of a quarter note that a head can say."""
USUAL_TICKS = 480
GRACE = Fraction(1, 32)
"""At most how long a grace note sounds, taken from the note that it belongs to."""
CHANNELS = [channel for channel in range(16) if channel != DRUMS]
SIGNATURE = {"major": 0, "minor": 1}


def write_midi(tune: Tune) -> bytes:
    """Return a tune as a MIDI file: repeats played, a track a voice, bar lines and chord symbols as markers.

    Times are exact if a quarter note has few enough different parts, and else rounded to the nearest of 32,767.

    Raises  InputError if the tune has more voices than MIDI has channels
    """
    whole = played(tune)
    if sum(not voice.drums for voice in whole.voices) > len(CHANNELS):
        raise InputError(f"{len(whole.voices)} voices, but MIDI has {len(CHANNELS)} channels; leave some out")
    ticks = _ticks(whole)
    channels = iter(CHANNELS)
    tracks = [_track(_leading(whole, ticks))]
    for voice in whole.voices:
        tracks.append(_track(_sounding(voice, ticks, DRUMS if voice.drums else next(channels))))
    head = b"MThd" + (6).to_bytes(4, "big") + (1).to_bytes(2, "big") + len(tracks).to_bytes(2, "big")
    return head + ticks.to_bytes(2, "big") + b"".join(tracks)


def _ticks(tune: Tune) -> int:
    """Return how many ticks a quarter note has, so that all times fall on one."""
    times = {one for voice in tune.voices for note in voice.notes if not note.grace for one in (note.onset, note.end)}
    found = USUAL_TICKS
    for time in times | {bar.onset for bar in tune.bars} | {at for at, _ in tune.chords}:
        found = math.lcm(found, (time * 4).denominator)
        if found > MOST_TICKS:
            return MOST_TICKS
    return found


def _meta(kind: int, data: bytes) -> bytes:
    return bytes([0xFF, kind]) + packed_number(len(data)) + data


def _leading(tune: Tune, ticks: int) -> list[tuple[int, int, bytes]]:
    """Return what holds for all voices: tick, order at one tick, and event."""
    found = [(0, 0, _meta(0x03, tune.title.encode()))] if tune.title else []
    for at, key in tune.keys:
        found.append((_tick(at, ticks), 1, _meta(0x59, _signature(key))))
    for at, metre in tune.metres:
        if metre.unit and metre.beats < 256:
            unit = metre.unit.bit_length() - 1
            found.append((_tick(at, ticks), 1, _meta(0x58, bytes([metre.beats, unit, 24, 8]))))
    for at, quarters in tune.tempos or ((START, QUARTERS),):
        micros = min(0xFFFFFF, max(1, round(60_000_000 / quarters)))
        found.append((_tick(at, ticks), 1, _meta(0x51, micros.to_bytes(3, "big"))))
    found += [(_tick(bar.onset, ticks), 2, _meta(0x06, bar.sign.encode())) for bar in tune.bars if bar.sign]
    found += [(_tick(at, ticks), 3, _meta(0x06, text.encode())) for at, text in tune.chords]
    return found


def _signature(key: Key) -> bytes:
    """Return sharps and mode; of other modes those of the major key with their signature."""
    return bytes([key.fifths & 0xFF, SIGNATURE.get(key.mode, 0)])


def _sounding(voice: Voice, ticks: int, channel: int) -> list[tuple[int, int, bytes]]:
    """Return the events of a voice: ends before beginnings at one tick."""
    found = [(0, 0, _meta(0x03, voice.name.encode()))] if voice.name else []
    found.append((0, 0, bytes([0xC0 | channel, voice.program])))
    graces: list[int] = []
    for note in voice.notes:
        start, end = (
            _tick(note.onset, ticks),
            max(_tick(note.onset + note.duration, ticks), _tick(note.onset, ticks) + 1),
        )
        if note.grace:
            graces.append(note.pitch)
            continue
        if graces:
            each = max(1, min(_tick(GRACE, ticks), (end - start) // (2 * len(graces))))
            for pitch in graces:
                found.append((start, 2, bytes([0x90 | channel, pitch, note.velocity])))
                found.append((start + each, 1, bytes([0x80 | channel, pitch, 64])))
                start += each
            graces = []
        found.append((start, 2, bytes([0x90 | channel, note.pitch, note.velocity])))
        found.append((max(end, start + 1), 1, bytes([0x80 | channel, note.pitch, 64])))
    return found


def _tick(time: Fraction, ticks: int) -> int:
    return round(time * 4 * ticks)


def _track(found: list[tuple[int, int, bytes]]) -> bytes:
    """Return events as a track: sorted, each with the ticks since the last."""
    body, now = bytearray(), 0
    for tick, _, data in sorted(found, key=lambda one: one[:2]):
        body += packed_number(tick - now) + data
        now = tick
    body += b"\x00\xff\x2f\x00"
    return b"MTrk" + len(body).to_bytes(4, "big") + bytes(body)
