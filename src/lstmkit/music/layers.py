"""Voices in which nothing overlaps: what notation on one line can say."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from lstmkit.music.tune import START, Note


class Stroke(NamedTuple):
    """Notes that begin and end together.

    graces  that stand before it
    """

    onset: Fraction
    duration: Fraction
    pitches: tuple[int, ...]
    graces: tuple[Note, ...] = ()


def layers(notes: Iterable[Note]) -> list[list[Stroke]]:
    """Return notes in as few rows as they need for no stroke to overlap the next in its row."""
    graces: dict[Fraction, list[Note]] = {}
    together: dict[tuple[Fraction, Fraction], list[int]] = {}
    for note in notes:
        if note.grace:
            graces.setdefault(note.onset, []).append(note)
        else:
            together.setdefault((note.onset, note.duration), []).append(note.pitch)
    rows: list[list[Stroke]] = []
    ends: list[Fraction] = []
    for (onset, duration), pitches in sorted(together.items(), key=lambda one: (one[0][0], -max(one[1]))):
        stroke = Stroke(onset, duration, tuple(sorted(pitches)), tuple(graces.pop(onset, ())))
        row = next((k for k, end in enumerate(ends) if end <= onset), len(rows))
        if row == len(rows):
            rows.append([])
            ends.append(START)
        rows[row].append(stroke)
        ends[row] = onset + duration
    for onset, left in graces.items():  # before a rest, or at the end
        rows = rows or [[]]
        rows[0].append(Stroke(onset, START, (), tuple(left)))
        rows[0].sort(key=lambda stroke: stroke.onset)
    return rows
