"""A tune with its repeats written out, as it is played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple, TypeVar

from lstmkit.music.tune import START, Bar, Note, Tune, Voice

DOUBLE = ("||", "|]", "[|")
MOST_TIMES = 9
"""Through a repeat, as numbers of endings go."""
T = TypeVar("T")


class _Span(NamedTuple):
    """What is written between two bar lines."""

    start: Bar
    end: Bar


def played(tune: Tune) -> Tune:
    """Return a tune without repeats: all that is played, in order, with plain bar lines."""
    parts = order_of(tune)
    if parts == [(START, tune.end)]:
        return tune
    shifts, at = [], START
    for begin, end in parts:
        shifts.append((begin, end, at - begin))
        at += end - begin
    bars = [Bar(b.onset + by) for first, last, by in shifts for b in tune.bars if first < b.onset <= last]
    return replace(
        tune,
        voices=tuple(replace(voice, notes=tuple(_moved_notes(voice, shifts))) for voice in tune.voices),
        keys=_moved(tune.keys, shifts, holds=True),
        metres=_moved(tune.metres, shifts, holds=True),
        tempos=_moved(tune.tempos, shifts, holds=True),
        bars=tuple({bar.onset: bar for bar in bars}.values()),
        chords=_moved(tune.chords, shifts, holds=False),
        end=at,
    )


def order_of(tune: Tune) -> list[tuple[Fraction, Fraction]]:
    """Return what is played one after the other: beginning and end of each part, as written.

    A repeat goes back to its opening sign, or to the last repeat or double line that was passed, or to the beginning.
    """
    found: list[tuple[Fraction, Fraction]] = []
    for span in _walked(_spans(tune)):
        begin, end = span.start.onset, span.end.onset
        if found and found[-1][1] == begin:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def _moved_notes(voice: Voice, shifts: list[tuple[Fraction, Fraction, Fraction]]) -> Iterator[Note]:
    """Yield the notes of a voice as they are played; what is held over the end of a part ends with it."""
    notes, first = voice.notes, 0
    order = START
    for begin, end, by in shifts:
        first = first if begin >= order else 0
        order = begin
        while first < len(notes) and notes[first].onset < begin:
            first += 1
        for note in notes[first:]:
            if note.onset >= end:
                break
            held = note if note.grace else note._replace(duration=min(note.duration, end - note.onset))
            yield held._replace(onset=note.onset + by)


def _moved(
    changes: tuple[tuple[Fraction, T], ...], shifts: list[tuple[Fraction, Fraction, Fraction]], holds: bool
) -> tuple[tuple[Fraction, T], ...]:
    """Return changes at the times when they are played.

    holds   whether one lasts until the next: then what holds at the beginning of a part is said there anew
    """
    found: list[tuple[Fraction, T]] = []
    for begin, end, by in shifts:
        inside = [(at + by, value) for at, value in changes if begin <= at < end]
        before = [value for at, value in changes if at < begin]
        if holds and before and not (inside and inside[0][0] == begin + by):
            inside.insert(0, (begin + by, before[-1]))
        for one in inside:
            if not (holds and found and found[-1][1] == one[1]):
                found.append(one)
    return tuple(found)


def _spans(tune: Tune) -> list[_Span]:
    lines = [*tune.bars]
    if not lines or lines[0].onset > START:
        lines.insert(0, Bar(START, ""))
    if tune.end > lines[-1].onset:
        lines.append(Bar(tune.end, "|]"))
    return [_Span(*two) for two in pairwise(lines)]


def _walked(spans: list[_Span]) -> Iterator[_Span]:
    """Yield the spans in the order in which they are played."""
    at, back, time, inside = 0, 0, 1, False
    while at < len(spans):
        start, end = spans[at]
        if start.opens and at != back:
            back, time, inside = at, 1, False
        if start.ending:
            if time not in _times(start.ending):
                at = _past(spans, at)
                continue
            inside = True
        yield spans[at]
        at += 1
        if end.closes:
            named = [t for span in spans[back : at + 1] if span.start.ending for t in _times(span.start.ending)]
            if time < max(named, default=2) or time < 2:
                at, time = back, time + 1
            else:
                back, time = at, 1
            inside = False
        elif end.sign in DOUBLE and (time > 1 or not inside):
            back, time, inside = at, 1, False


def _times(ending: str) -> list[int]:
    return [min(int(one), MOST_TIMES) for one in ending.split(",") if one.isdigit()]


def _past(spans: list[_Span], at: int) -> int:
    """Return the span behind an ending: it reaches to a repeat, a double line, or the next ending."""
    while at < len(spans):
        end = spans[at].end
        at += 1
        if end.closes or end.opens or end.sign in DOUBLE or end.ending:
            break
    return at
