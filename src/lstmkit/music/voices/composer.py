"""`VoiceComposer`: learn from voices, compose, harmonise, score, save, load."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lstmkit.music.frames.foreseeing import BY, FrameComposer, Told
from lstmkit.music.rolls import VOICES, Notation
from lstmkit.music.voices.baselines import FirstOrderVoices, LastStep, VoiceTransitions
from lstmkit.music.voices.completing import OPEN, completed_voices
from lstmkit.music.voices.history import Parts
from lstmkit.music.voices.learning import fit_voices
from lstmkit.music.voices.model import VoiceModel, codes_of_piece
from lstmkit.music.voices.settings import VoiceSettings
from lstmkit.music.voices.stored import read_voiced, write_voiced
from lstmkit.ranges import a_path
from lstmkit.training import Checkpoint, EpochRecord


class VoiceComposer(FrameComposer):
    """A recurrent model of several voices, with a chain of each voice and the last step repeated as its yardsticks.

    Pieces are (T, V), the pitch of each voice or -1 where it rests; see `FrameComposer`, and `VoiceSettings` for the
    settings.
    """

    notation: ClassVar[Notation] = VOICES
    titles: ClassVar = dict(zip(BY, ("LSTM", "chain of each voice", "last frame repeated"), strict=True))
    scope: ClassVar[str] = "over all voices"
    model_: VoiceModel

    @staticmethod
    def _usual() -> VoiceSettings:
        return VoiceSettings()

    def _learnt(
        self, pieces: Sequence[Parts], valid: Sequence[Parts], told: Told, kept: Checkpoint | None, resume: bool
    ) -> tuple[VoiceModel, list[EpochRecord]]:
        return fit_voices(pieces, valid, self.settings, self.seed, told, kept, resume)

    @staticmethod
    def _counted(pieces: Sequence[Parts]) -> dict[str, VoiceTransitions]:
        return {"chain": FirstOrderVoices(pieces), "last": LastStep(pieces)}

    def _require_fitting(self, frames: Parts) -> None:
        codes_of_piece(frames, self.model_.voices)

    def _completed(self, melody: Parts, versions: int, temperature: float, seeds: Sequence[int]) -> list[Parts]:
        if melody.ndim != 2 or not melody.shape[1]:
            self._require_fitting(melody)
        given = np.full((len(melody), self.model_.voices), OPEN, np.int16)
        given[:, 0] = melody[:, 0]
        return [completed_voices(self.model_, given, versions, temperature, seed)[0] for seed in seeds]

    def _notes(self, frames: Parts) -> tuple[tuple[Fraction, int, float], ...]:
        (nats,) = self.model_.voice_nats([frames])
        found = []
        for voice, own in zip(VOICES.to_tune(frames, self.step).voices, nats.T / np.log(2), strict=True):
            found += [(n.onset, n.pitch, float(own[int(n.onset / self.step)])) for n in voice.notes]
        return tuple(sorted(found))

    def keys(self) -> dict[str, Any]:
        """Return the lowest and the highest key of each voice, 0 to 87."""
        return {"spans": [list(span) for span in self.model_.spans]}

    def _write(self, path: Path, config: dict[str, Any], force: bool) -> None:
        chains = {name: chain.shares for name, chain in self.chains_.items()}
        write_voiced(path, config, self.model_, chains, force)

    @classmethod
    def load(cls, path: str | Path) -> VoiceComposer:
        """Read a composer from a folder, or from a folder of results with one in it; no code in it is run.

        Raises  ModelFolderError if it is missing, damaged, or of another kind
        """
        return cls._restored(*read_voiced(a_path("path", path)))
