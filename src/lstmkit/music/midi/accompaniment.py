"""Chord symbols as a voice that sounds."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace

from lstmkit.music.chords import chord_notes
from lstmkit.music.tune import START, Note, Tune, Voice, in_order

LOWEST, VELOCITY = 36, 56
"""The octave of the bass begins here; a chord is softer than a tune."""


def accompanied(tune: Tune, program: int = 0) -> Tune:
    """Return a tune with a voice that plays its chord symbols: each until the next, struck again in every bar.

    program  instrument of the voice, of General MIDI
    """
    cuts = sorted({*(bar.onset for bar in tune.bars if bar.onset > START), tune.end})
    notes: list[Note] = []
    for place, (onset, symbol) in enumerate(tune.chords):
        at, until = onset, tune.chords[place + 1][0] if place + 1 < len(tune.chords) else tune.end
        while at < until:
            stop = min(until, cuts[bisect_right(cuts, at)])
            notes += [Note(at, stop - at, LOWEST + pitch, VELOCITY) for pitch in chord_notes(symbol)]
            at = stop
    if not notes:
        return tune
    return replace(tune, voices=(*tune.voices, Voice(in_order(notes), "chords", program)))
