"""`RollComposer`: learn from piano rolls, compose, complete, score, save, load."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lstmkit.music.frames.baselines import FirstOrder, LastFrame, Transitions
from lstmkit.music.frames.completing import below_melody, completed, require_roll
from lstmkit.music.frames.foreseeing import BY, FrameComposer, Told
from lstmkit.music.frames.learning import fit_frames
from lstmkit.music.frames.model import FrameModel
from lstmkit.music.frames.settings import FrameSettings
from lstmkit.music.frames.stored import read_rolled, write_rolled
from lstmkit.music.rolls import LOWEST_KEY, ROLLS, Notation, Roll
from lstmkit.ranges import a_path
from lstmkit.training import Checkpoint, EpochRecord


class RollComposer(FrameComposer):
    """A recurrent model of piano rolls, with a chain of each key and the last frame repeated as its yardsticks.

    Pieces are (T, 88) of 0 and 1; see `FrameComposer`, and `FrameSettings` for the settings.
    """

    notation: ClassVar[Notation] = ROLLS
    titles: ClassVar = dict(zip(BY, ("LSTM", "chain of each key", "last frame repeated"), strict=True))
    scope: ClassVar[str] = "over all 88 keys"
    model_: FrameModel

    @staticmethod
    def _usual() -> FrameSettings:
        return FrameSettings()

    def _learnt(
        self, pieces: Sequence[Roll], valid: Sequence[Roll], told: Told, kept: Checkpoint | None, resume: bool
    ) -> tuple[FrameModel, list[EpochRecord]]:
        return fit_frames(pieces, valid, self.settings, self.seed, told, kept, resume)

    @staticmethod
    def _counted(pieces: Sequence[Roll]) -> dict[str, Transitions]:
        return {"chain": FirstOrder(pieces), "last": LastFrame(pieces)}

    def _require_fitting(self, frames: Roll) -> None:
        require_roll(frames)

    def _completed(self, melody: Roll, versions: int, temperature: float, seeds: Sequence[int]) -> list[Roll]:
        given = below_melody(melody)
        return [completed(self.model_, given, versions, temperature, seed)[0] for seed in seeds]

    def _notes(self, frames: Roll) -> tuple[tuple[Fraction, int, float], ...]:
        bits, notes = self.model_.key_nats(frames) / np.log(2), ROLLS.to_tune(frames, self.step).notes
        return tuple((n.onset, n.pitch, float(bits[int(n.onset / self.step), n.pitch - LOWEST_KEY])) for n in notes)

    def keys(self) -> dict[str, int]:
        """Return the lowest and the highest key that is decided on, 0 to 87."""
        return {"lowest": self.model_.lowest, "highest": self.model_.highest}

    def _write(self, path: Path, config: dict[str, Any], force: bool) -> None:
        write_rolled(path, config, self.model_, {name: chain.on for name, chain in self.chains_.items()}, force)

    @classmethod
    def load(cls, path: str | Path) -> RollComposer:
        """Read a composer from a folder, or from a folder of results with one in it; no code in it is run.

        Raises  ModelFolderError if it is missing, damaged, or of another kind
        """
        return cls._restored(*read_rolled(a_path("path", path)))
