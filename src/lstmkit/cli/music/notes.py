"""How much each note of a tune or of a piano roll surprises, printed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lstmkit.cli import printing

if TYPE_CHECKING:
    from lstmkit.music.keys import Key

Notes = Sequence[tuple[Fraction, int, float]]
"""Onset, pitch and bits of each."""


def notes_as_json(notes: Notes) -> list[dict[str, Any]]:
    """Return notes as values that JSON can hold."""
    return [{"onset": str(at), "pitch": pitch, "bits": cost} for at, pitch, cost in notes]


def print_notes(title: str, notes: Notes, key: Key) -> None:
    """Print a title and a line a note, named as in a key."""
    from lstmkit.music.events.foreseen import note_line

    printing.write(f"{title}\n")
    for at, pitch, bits in notes:
        printing.write(note_line(at, pitch, bits, key))
