"""Chord symbols such as "F#m7/e": told from other words above a staff, and moved to another key."""

from __future__ import annotations

import re

from lstmkit.music.keys import NATURAL

SYMBOL = re.compile(r"([A-G])([#b]?)((?:maj|min|dim|aug|sus|add|[mMd+\-°ø#b()\d]|no)*)(?:/([A-Ga-g])([#b+]?))?")
SHARPS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")
"""How a moved root is written."""


def is_chord(text: str) -> bool:
    """Return whether a text is a chord symbol."""
    return SYMBOL.fullmatch(text.strip("()")) is not None


def transposed_symbol(text: str, steps: int) -> str:
    """Return a chord symbol some half tones higher; what is no chord, and no half tone, leave it as it is."""
    found = SYMBOL.fullmatch(text)
    if found is None or not steps % 12:
        return text
    bass = ""
    if found[4]:
        moved = _moved(found[4].upper(), found[5], steps)
        bass = "/" + (moved if found[4].isupper() else moved[0].lower() + moved[1:].replace("#", "+"))
    return _moved(found[1], found[2], steps) + found[3] + bass


def _moved(letter: str, sign: str, steps: int) -> str:
    return SHARPS[(NATURAL[letter] + {"#": 1, "+": 1, "b": -1}.get(sign, 0) + steps) % 12]
