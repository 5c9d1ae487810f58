"""What the fields of ABC say: metre, unit length, tempo."""

from __future__ import annotations

import re
from fractions import Fraction

from lstmkit.errors import InputError
from lstmkit.music.tune import Metre
from lstmkit.ranges import shown

METRES = {"C": Metre(4, 4), "C|": Metre(2, 2), "none": Metre(0, 0), "": Metre(0, 0)}
LARGEST = 999
"""Of a number in a field."""
TEMPO = re.compile(r"((?:\d{1,3}/\d{1,3}\s*)+)=\s*(\d{1,4}(?:\.\d{1,3})?)")


def metre_of(text: str) -> Metre:
    """Return a metre such as "6/8", "C|", "(2+3)/8" or "none".

    Raises  InputError if it is none
    """
    words = text.strip()
    if words in METRES:
        return METRES[words]
    found = re.fullmatch(r"\(?(\d{1,3}(?:\+\d{1,3})*)\)?\s*/\s*(\d{1,3})", words)
    beats, unit = (sum(map(int, found[1].split("+"))), int(found[2])) if found else (0, 0)
    if not 0 < beats <= LARGEST or unit not in (1, 2, 4, 8, 16, 32, 64):
        raise InputError(f"no metre: {shown(text)}; write beats and their unit, such as 4/4 or 6/8, or none")
    return Metre(beats, unit)


def unit_of(text: str) -> Fraction:
    """Return a unit length such as "1/8".

    Raises  InputError if it is none
    """
    found = re.fullmatch(r"(\d{1,3})(?:\s*/\s*(\d{1,3}))?", text.strip())
    if found is None or not int(found[1]) or not int(found[2] or 1):
        raise InputError(f"no unit length: {shown(text)}; write a part of a whole note, such as 1/8")
    return Fraction(int(found[1]), int(found[2] or 1))


def usual_unit(metre: Metre) -> Fraction:
    """Return the unit length of a tune that does not say it: a sixteenth below 3/4, else an eighth."""
    return Fraction(1, 16) if metre.unit and metre.length < Fraction(3, 4) else Fraction(1, 8)


def tempo_of(text: str, unit: Fraction) -> Fraction | None:
    """Return the quarter notes a minute of a field such as "1/4=120" or "120", None where it has words alone.

    unit    the unit length, of which a bare number counts
    Raises  InputError if the tempo is zero
    """
    bare = re.sub(r'"[^"]*"', "", text).strip()
    found = TEMPO.search(bare)
    if found is not None:
        beat = sum((Fraction(one) for one in found[1].split() if not one.endswith("/0")), Fraction(0))
        number = Fraction(found[2])
    elif re.fullmatch(r"\d{1,4}", bare):
        beat, number = unit, Fraction(bare)
    else:
        return None
    if not beat * number:
        raise InputError(f"a tempo of zero: {shown(text)}; write how many beats a minute has, such as 1/4=120")
    return beat * number * 4
