"""The bytes of a MIDI file: chunks, numbers of variable length, and events with their times in ticks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lstmkit.errors import InputError

META, SYSEX, ESCAPE = 0xFF, 0xF0, 0xF7
END_OF_TRACK = 0x2F
DRUMS = 9
"""The channel of drums, counted from 0."""
LENGTHS = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
"""Bytes behind a status, by its upper half."""
LATEST = 1 << 31
"""Ticks from the beginning."""


class Event(NamedTuple):
    """One event of a track.

    tick    from the beginning
    status  kind and channel, or META
    data    what follows; of a meta event its kind first
    """

    tick: int
    status: int
    data: bytes


class Head(NamedTuple):
    """What the head of a file says.

    division  ticks of a quarter note
    """

    tracks: list[bytes]
    division: int
    cut: bool


def divided(content: bytes, place: str) -> Head:
    """Return the tracks of a file, and whether the last is shorter than it should be.

    Raises  InputError if it is no MIDI file
    """
    if content[:4] == b"RIFF" and content[8:12] == b"RMID":
        content = content[20:]
    if len(content) < 14 or content[:4] != b"MThd":
        raise InputError(f"{place}: not a MIDI file; give a file that begins with MThd, or ABC or piano rolls")
    division = int.from_bytes(content[12:14], "big")
    if division & 0x8000 or not division:
        raise InputError(f"{place}: times in seconds of film (SMPTE); save it with ticks of a quarter note")
    tracks, at, cut = [], 8 + int.from_bytes(content[4:8], "big"), False
    while at + 8 <= len(content):
        length = int.from_bytes(content[at + 4 : at + 8], "big")
        if content[at : at + 4] == b"MTrk":
            tracks.append(content[at + 8 : at + 8 + length])
            cut = at + 8 + length > len(content)
        at += 8 + length
    return Head(tracks, division, cut)


def events(track: bytes) -> Iterator[Event]:
    """Yield the events of a track up to its end, or to where it can no longer be read."""
    at, tick, running = 0, 0, 0
    while at < len(track):
        step, at = _number(track, at)
        tick += step
        if tick > LATEST or at >= len(track):
            return
        status = track[at]
        if status >= 0x80:
            at += 1
        else:
            status = running
        if status in (META, SYSEX, ESCAPE):
            kind = track[at : at + 1] if status == META else b""
            if status == META and not kind:  # cut off behind the status
                return
            length, at = _number(track, at + len(kind))
            yield Event(tick, status, kind + track[at : at + length])
            at += length
            if kind and kind[0] == END_OF_TRACK:
                return
            continue
        length = LENGTHS.get(status >> 4, 0)
        if not length or at + length > len(track):
            return
        running = status
        yield Event(tick, status, track[at : at + length])
        at += length


def _number(track: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length, and where it ends."""
    found = 0
    for _ in range(4):
        if at >= len(track):
            break
        byte = track[at]
        at += 1
        found = found << 7 | byte & 0x7F
        if byte < 0x80:
            break
    return found, at


def packed_number(number: int) -> bytes:
    """Return a number as bytes of variable length."""
    parts = [number & 0x7F]
    while number := number >> 7:
        parts.append(number & 0x7F | 0x80)
    return bytes(reversed(parts))
