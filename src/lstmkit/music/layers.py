"""Voices in which nothing overlaps: what notation on one line can say."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
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


class Piece(NamedTuple):
    """A part of a stroke, or of a rest, that goes beyond no cut.

    pitches  none in a rest
    goes_on  whether its notes are tied to the next piece
    """

    onset: Fraction
    duration: Fraction
    pitches: tuple[int, ...]
    goes_on: bool
    graces: tuple[Note, ...]


def pieces(row: Sequence[Stroke], cuts: Sequence[Fraction], end: Fraction) -> list[Piece]:
    """Return the pieces of a row, rests among them.

    cuts  times, in order, that no piece goes beyond
    end   of the row; a rest lasts to it
    """
    found: list[Piece] = []

    def cut(at: Fraction, until: Fraction, stroke: Stroke | None) -> None:
        graces, pitches = ((), ()) if stroke is None else (stroke.graces, stroke.pitches)
        while at < until or graces:
            place = bisect_right(cuts, at)
            stop = min(until, cuts[place]) if place < len(cuts) else until
            found.append(Piece(at, stop - at, pitches, bool(pitches) and stop < until, graces))
            at, graces = stop, ()

    at = START
    for stroke in row:
        cut(at, stroke.onset, None)
        at = stroke.onset + stroke.duration
        cut(stroke.onset, at, stroke)
    cut(at, end, None)
    return found


def tuplet_at(lengths: Sequence[Fraction], at: int) -> tuple[int, int]:
    """Return how many of some lengths a tuplet has that begins at a place, 0 for none, and by what they are divided."""
    divisor = odd_part(lengths[at])
    if not 3 <= divisor <= 9:
        return 0, 1
    total = START
    for count, length in enumerate(lengths[at:], start=1):
        total += length
        if odd_part(length) not in (1, divisor):
            return 0, 1
        if odd_part(total) == 1:
            return count, divisor
    return 0, 1


def odd_part(length: Fraction) -> int:
    """Return the odd part of what a length is divided by: 1 of one that plain notes can write."""
    below = length.denominator
    return below // (below & -below)


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
