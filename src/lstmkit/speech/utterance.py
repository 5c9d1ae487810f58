"""One recording, or a part of one, and what is said in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SEVERAL, SINGLE = ".npz", ".npy"
"""Endings of files of ready features: an array for each utterance by its name, or one."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording, or a part of one, and what is said in it.

    name        of the utterance, for messages and results; in a .npz file, of its array
    audio       the file
    text        what is said; None where it is not known
    speaker     who says it; None where that is not known
    start, end  seconds from the beginning of the file; None is its end
    """

    name: str
    audio: Path
    text: str | None = None
    speaker: str | None = None
    start: float = 0.0
    end: float | None = None

    @property
    def ready(self) -> bool:
        """Whether the file holds ready features and no sound."""
        return self.audio.suffix.lower() in (SEVERAL, SINGLE)
