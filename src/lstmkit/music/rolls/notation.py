"""Two ways in which pieces are frames: the keys that sound in each step, and what each voice sings in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.music.rolls.frames import SILENCE, parts_of_tune, tune_of_parts, tune_of_roll, tune_to_roll
from lstmkit.music.rolls.reading import read_rolls, read_voices
from lstmkit.music.rolls.writing import write_rolls, write_voices
from lstmkit.music.tune import Tune

Frames = NDArray[Any]
"""Of a piece: one row a step."""


@dataclass(frozen=True)
class Notation:
    """How pieces are frames, and files of them.

    name      what is learnt so, as it is called
    read      pieces of a file by part
    write     the same
    of_tune   a tune as frames of steps of a length
    to_tune   the other way
    quiet     what stands in a frame where nothing sounds
    ending    of files
    """

    name: str
    read: Callable[[Path], Mapping[str, Sequence[Frames]]]
    write: Callable[[Path, Mapping[str, Sequence[Frames]]], None]
    of_tune: Callable[[Tune, Fraction], Frames]
    to_tune: Callable[[Frames, Fraction], Tune]
    quiet: int
    ending: str

    def sounds(self, frames: Frames) -> bool:
        """Say whether anything sounds in a piece."""
        return bool(np.any(frames != self.quiet))


ROLLS = Notation("piano rolls", read_rolls, write_rolls, tune_to_roll, tune_of_roll, 0, "npz")
VOICES = Notation("voices", read_voices, write_voices, parts_of_tune, tune_of_parts, SILENCE, "json")
