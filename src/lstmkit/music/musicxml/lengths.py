"""Lengths as notation writes them: kinds of notes with dots, tied where one is not enough, and tuplets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from lstmkit.music.layers import odd_part, tuplet_at

TYPES = {
    Fraction(4): "long", Fraction(2): "breve", Fraction(1): "whole", Fraction(1, 2): "half", Fraction(1, 4): "quarter",
    Fraction(1, 8): "eighth",
} | {Fraction(1, n): f"{n}{'nd' if n == 32 else 'th'}" for n in (16, 32, 64, 128, 256, 512, 1024)}  # fmt: skip
DOTS = 2
"""Of a note, at most."""


class Symbol(NamedTuple):
    """A note, or a rest, as it is drawn.

    length         of a whole note, as it sounds
    type           "" of a length that no symbol has
    actual, usual  so many notes stand in the time of so many; both 1 outside tuplets
    bracket        "start" or "stop" where a tuplet begins or ends here
    """

    length: Fraction
    type: str
    dots: int = 0
    actual: int = 1
    usual: int = 1
    bracket: str = ""


WRITTEN = sorted(((base * (2 - Fraction(1, 1 << dots)), name, dots) for base, name in TYPES.items()
                  for dots in range(DOTS + 1)), reverse=True)  # fmt: skip


def symbols_of(length: Fraction) -> list[Symbol]:
    """Return the symbols of one length, tied in this order: the longest first."""
    actual = odd_part(length)
    usual = 1 << (actual.bit_length() - 1)
    left = length * actual / usual
    found: list[Symbol] = []
    while left:
        fitting = next((one for one in WRITTEN if one[0] <= left), None)
        if fitting is None or left.denominator > min(TYPES).denominator:
            return [*found, Symbol(left * usual / actual, "", 0, actual, usual)]
        found.append(Symbol(fitting[0] * usual / actual, *fitting[1:], actual, usual))
        left -= fitting[0]
    return found


def bracketed(symbols: Sequence[Symbol]) -> Iterator[Symbol]:
    """Yield the symbols of a bar, tuplets among them with where they begin and end.

    Where some last as long as outside tuplets, such as a quarter among triplets, no bracket says so: each symbol does.
    """
    lengths = [symbol.length for symbol in symbols]
    at = 0
    while at < len(symbols):
        many, _ = tuplet_at(lengths, at)
        alike = len({symbol.actual for symbol in symbols[at : at + many] if symbol.length}) == 1
        for place in range(max(1, many)):
            bracket = {0: "start", many - 1: "stop"}.get(place, "") if many > 1 and alike else ""
            yield symbols[at + place]._replace(bracket=bracket)
        at += max(1, many)
