"""`FrameComposer`: what composers of frames have in common, whether they are of piano rolls or of voices."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError, require_fit
from lstmkit.music.frames.model import per_frame
from lstmkit.music.rolls import Frames, Notation
from lstmkit.music.rolls.frames import MOST_STEPS, PART, STEP
from lstmkit.ranges import NOT_NEGATIVE, SEED, Range, a_path, real, whole
from lstmkit.training import Checkpoint, EpochRecord

BY = ("lstm", "chain", "last")
"""The network, a chain of first order, and the last frame repeated."""
STEPS = Range(f"must be from 1 to {MOST_STEPS:,}", least=1, most=MOST_STEPS)
Told = Callable[[EpochRecord], None] | None


@dataclass(frozen=True)
class ComposedPiece:
    """A piece that was composed.

    frames          as the composer's notation has them
    nats_per_frame  under the model itself, before temperature, the first frame left out
    """

    frames: Frames
    nats_per_frame: float


@dataclass(frozen=True)
class FrameScore:
    """How well a piece is foreseen.

    frames  that were foreseen: all but the first
    nats    by BY, of all of them together
    notes   onset, pitch and bits of every note by the network, where it begins; none where they were not asked for
    """

    frames: int
    nats: dict[str, float]
    notes: tuple[tuple[Fraction, int, float], ...]


class FrameComposer(ABC):
    """A recurrent model of frames, with chains as its yardsticks.

    settings  of the networks and their training; None: the usual ones
    seed      of the weights, of dropout and transposition
    step      how long a frame is, as a part of a whole note: for what is written as notes
    Raises    InputError if a value is out of range

    After `fit`: `model_`, `chains_` (by name), `history_` (a record an epoch), `steps_` (the median),
    `trained_on_` (pieces).
    """

    notation: ClassVar[Notation]
    titles: ClassVar[dict[str, str]]
    """What BY are called."""
    scope: ClassVar[str]
    """Over what nats are summed."""

    def __init__(self, settings: Any = None, seed: int = 0, step: Fraction = STEP) -> None:
        self.settings = self._usual() if settings is None else settings
        self.seed = whole("seed", seed, SEED)
        if PART.fullmatch(str(step)) is None:
            raise InputError(f"step: {step} is no part of a whole note; give one such as 1/16")
        self.step = step

    @staticmethod
    @abstractmethod
    def _usual() -> Any:
        """Return the usual settings."""

    @abstractmethod
    def _learnt(
        self, pieces: Sequence[Frames], valid: Sequence[Frames], told: Told, kept: Checkpoint | None, resume: bool
    ) -> tuple[Any, list[EpochRecord]]:
        """Return a model and the records of its training."""

    @staticmethod
    @abstractmethod
    def _counted(pieces: Sequence[Frames]) -> dict[str, Any]:
        """Return the chains, by name."""

    @abstractmethod
    def _require_fitting(self, frames: Frames) -> None:
        """Raise InputError if frames are not such as the model has."""

    @abstractmethod
    def _completed(self, melody: Frames, versions: int, temperature: float, seeds: Sequence[int]) -> list[Frames]:
        """Return a piece to a melody for each seed."""

    @abstractmethod
    def _notes(self, frames: Frames) -> tuple[tuple[Fraction, int, float], ...]:
        """Return onset, pitch and bits of every note."""

    @abstractmethod
    def keys(self) -> dict[str, Any]:
        """Return which keys are decided on, as values that JSON can hold."""

    @abstractmethod
    def _write(self, path: Path, config: dict[str, Any], force: bool) -> None:
        """Write a model folder."""

    def fit(
        self,
        pieces: Sequence[Frames],
        valid: Sequence[Frames],
        on_epoch: Told = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Learn from pieces; earlier fits are forgotten.

        pieces      frames of each, as the notation has them
        valid       that choose the best epoch
        on_epoch    is told the record of every epoch
        checkpoint  file for the state of the training after every epoch, left for the caller
        resume      continue from the checkpoint, if there is one
        Returns     itself
        Raises      InputError if there are none, nothing sounds in them, a voice never sings, their numbers of voices
                    differ, the loss stops being finite, or the checkpoint belongs to others
        """
        kept = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(pieces, valid))
        self.model_, self.history_ = self._learnt(pieces, valid, on_epoch, kept, resume)
        self.chains_ = self._counted(pieces)
        self.steps_ = int(np.median([len(frames) for frames in pieces]))
        self.trained_on_ = len(pieces)
        return self

    def _fingerprint(self, pieces: Sequence[Frames], valid: Sequence[Frames]) -> dict[str, Any]:
        """Return what a checkpoint belongs to: settings, seed, and a digest of the pieces."""
        digest = hashlib.sha256()
        for frames in (*pieces, *valid):
            digest.update(f"{frames.shape},".encode())
            digest.update(np.ascontiguousarray(frames, np.int16).tobytes())
        settings = {f"settings.{name}": value for name, value in asdict(self.settings).items()}
        return {"pieces": digest.hexdigest()[:16], "seed": self.seed, **settings}

    def fitted(self) -> Any:
        """Return the model.

        Raises  NotFittedError before `fit`
        """
        require_fit(self, "model_")
        return self.model_

    def compose(
        self,
        steps: int | None = None,
        primer: Frames | None = None,
        count: int = 1,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> list[ComposedPiece]:
        """Return pieces, the likeliest first.

        steps        frames of each, those of the primer among them; None: as many as half of the training pieces have
        primer       frames with which they begin
        count        how many
        temperature  below 1 likelier frames; 0 the likeliest at every decision
        seed         the same gives the same
        Raises       NotFittedError before `fit`; InputError if a value is out of range, the primer is as long as the
                     piece or longer, or its frames are not such as were learnt
        """
        self.fitted()
        steps = whole("steps", self.steps_ if steps is None else steps, STEPS)
        real("temperature", temperature, NOT_NEGATIVE)
        if primer is not None:
            self._require_fitting(primer)
        given: list[Frames] = [] if primer is None else list(primer)
        if len(given) >= steps:
            raise InputError(
                f"the primer has {len(given)} steps, and the piece shall have {steps}; ask for more steps, or give "
                f"less of the primer"
            )
        streams = np.random.SeedSequence(whole("seed", seed, SEED)).spawn(whole("count", count))
        found = [self._compose(given, steps, temperature, np.random.default_rng(stream)) for stream in streams]
        return sorted(found, key=lambda one: one.nats_per_frame)

    def _compose(
        self, given: Sequence[Frames], steps: int, temperature: float, random: np.random.Generator
    ) -> ComposedPiece:
        model, frames = self.fitted(), list(given)
        state = model.begin()
        for frame in given:
            state = model.next_frame(state).advance(frame)
        while len(frames) < steps:
            following = model.next_frame(state)
            frames.append(following.draw(random, temperature))
            state = following.advance(frames[-1])
        return self._as_piece(np.array(frames))

    def harmonise(
        self, melody: Frames, count: int = 1, temperature: float = 1.0, seed: int = 0, versions: int = 32
    ) -> list[ComposedPiece]:
        """Return pieces with a melody that is kept, the likeliest first.

        melody       frames: the highest note of each of a piano roll, or the first voice
        count        how many
        temperature  below 1 likelier frames
        seed         the same gives the same
        versions     drawn side by side for each, of which the likelier go on
        Raises       NotFittedError before `fit`; InputError if a value is out of range, the melody has no first voice,
                     or it is no piano roll where these were learnt
        """
        self.fitted()
        seeds = np.random.default_rng(whole("seed", seed, SEED)).integers(1 << 31, size=whole("count", count)).tolist()
        found = self._completed(melody, versions, temperature, seeds)
        return sorted((self._as_piece(frames) for frames in found), key=lambda one: one.nats_per_frame)

    def _as_piece(self, frames: Frames) -> ComposedPiece:
        return ComposedPiece(frames, per_frame(self.fitted().nats([frames])) if len(frames) > 1 else 0.0)

    def score(self, pieces: Sequence[Frames], notes: bool = True) -> list[FrameScore]:
        """Return how well pieces are foreseen, each frame but the first from those before it.

        pieces  frames of each
        notes   whether that is said of each note, too, which takes as long again
        Raises  NotFittedError before `fit`
        """
        by: dict[str, list[NDArray[np.float64]]] = {"lstm": self.fitted().nats(pieces)}
        by |= {name: chain.nats(pieces) for name, chain in self.chains_.items()}
        return [
            FrameScore(
                len(frames) - 1,
                {name: float(by[name][k][1:].sum()) for name in BY},
                self._notes(frames) if notes and self.notation.sounds(frames) else (),
            )
            for k, frames in enumerate(pieces)
        ]

    @classmethod
    def _restored(cls, config: Any, model: Any, chains: dict[str, Any]) -> Self:
        """Return a composer from what `read_rolled` or `read_voiced` found."""
        composer = cls(config.params.settings, config.params.seed, Fraction(config.params.step))
        composer.model_, composer.chains_ = model, chains
        composer.steps_, composer.trained_on_ = config.steps, config.trained_on
        composer.history_ = [record.record() for record in config.history]
        return composer

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the composer to a folder, complete or not at all.

        force   replace a model that is there
        Raises  ModelFolderError if the folder exists or cannot be written; NotFittedError before `fit`
        """
        self.fitted()
        config: dict[str, Any] = {
            "params": {"settings": asdict(self.settings), "seed": self.seed, "step": str(self.step)},
            **self.keys(),
            "steps": self.steps_,
            "trained_on": self.trained_on_,
            "history": [record.to_json() for record in self.history_],
        }
        self._write(a_path("path", path), config, force)
