"""Chord symbols such as "F#m7/e": told from other words above a staff, and moved to another key."""

from __future__ import annotations

import re

from lstmkit.music.keys import class_of

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
        moved = _moved(found[4].upper() + found[5], steps)
        bass = "/" + (moved if found[4].isupper() else moved[0].lower() + moved[1:].replace("#", "+"))
    return _moved(found[1] + found[2], steps) + found[3] + bass


def _moved(name: str, steps: int) -> str:
    return SHARPS[(class_of(name) + steps) % 12]


def chord_notes(text: str) -> tuple[int, ...]:
    """Return the notes of a chord symbol in half tones above C: the bass, then what sounds above it; () for none."""
    found = SYMBOL.fullmatch(text.strip("()"))
    if found is None:
        return ()
    root = class_of(found[1] + found[2])
    bass = class_of(found[4].upper() + found[5]) if found[4] else root
    above = sorted({(root + step) % 12 for step in _steps(found[3])})
    return (bass, *(12 + one for one in above))


def _steps(quality: str) -> list[int]:
    """Return the half tones above its root of a chord of some quality, such as "m7" or "sus4"."""
    diminished = quality.startswith(("dim", "d", "°"))
    minor = diminished or (quality.startswith(("m", "-")) and not quality.startswith("maj"))
    third = 5 if "sus4" in quality or quality == "sus" else 2 if "sus2" in quality else 3 if minor else 4
    fifth = 6 if diminished or "b5" in quality else 8 if quality.startswith(("aug", "+")) or "#5" in quality else 7
    found = [0, third, fifth]
    if "7" in quality or "9" in quality:
        found.append(11 if "maj" in quality or "M7" in quality else 9 if diminished else 10)
    if "6" in quality:
        found.append(9)
    if "9" in quality:
        found.append(13 if "b9" in quality else 15 if "#9" in quality else 14)
    return found
