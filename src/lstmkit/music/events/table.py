"""What each event of a vocabulary is, as arrays: by these rules say what may follow."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from lstmkit.music.events.tokens import CHORD, sound_of
from lstmkit.music.events.vocabulary import EventTokens

TICKS = 960
"""Of a whole note; what falls on none is not written."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class EventTable:
    """What each event of a vocabulary is, (V,) each.

    ticks   how long it sounds, -1 where that is no whole number
    pitch   half tones above the tonic
    """

    ticks: NDArray[np.int64]
    pitch: NDArray[np.int64]
    note: Mask
    tied: Mask
    rest: Mask
    grace: Mask
    together: Mask
    chord: Mask

    @classmethod
    def of(cls, tokens: EventTokens) -> EventTable:
        """Return that of a vocabulary."""
        sounds = [sound_of(symbol) for symbol in tokens.symbols]
        kinds = np.array([sound.kind if sound else "" for sound in sounds])
        lengths = [sound.duration * TICKS if sound else Fraction(-1) for sound in sounds]
        ticks = np.array([int(one) if one.denominator == 1 else -1 for one in lengths])
        return cls(
            ticks,
            np.array([sound.pitch if sound else 0 for sound in sounds]),
            (kinds == "note") & (ticks > 0),
            np.array([sound is not None and sound.tied for sound in sounds]),
            (kinds == "rest") & (ticks > 0),
            kinds == "grace",
            kinds == "with",
            np.array([CHORD.fullmatch(symbol) is not None for symbol in tokens.symbols]),
        )


def reached(parts: NDArray[np.int64], length: int) -> Mask:
    """Return which sums up to a length parts have, each taken as often as one likes, (length + 1,)."""
    found = np.zeros(length + 1, bool)
    found[0] = True
    for at in range(1, length + 1):
        found[at] = any(part <= at and found[at - part] for part in parts.tolist())
    return found
