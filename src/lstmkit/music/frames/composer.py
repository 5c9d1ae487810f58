"""`RollComposer`: learn from piano rolls, compose, complete, score, save, load."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from lstmkit.errors import InputError, require_fit
from lstmkit.music.frames.baselines import FirstOrder, LastFrame
from lstmkit.music.frames.completing import below_melody, completed
from lstmkit.music.frames.learning import fit_frames
from lstmkit.music.frames.model import FrameModel, per_frame
from lstmkit.music.frames.settings import FrameSettings
from lstmkit.music.frames.stored import read_rolled, write_rolled
from lstmkit.music.rolls import LOWEST_KEY, Roll, tune_of_roll
from lstmkit.music.rolls.frames import MOST_STEPS, PART, STEP
from lstmkit.ranges import NOT_NEGATIVE, SEED, Range, a_path, real, whole
from lstmkit.training import Checkpoint, EpochRecord

BY = ("lstm", "chain", "last")
"""The network, the chain of first order of each key, and the last frame repeated."""
STEPS = Range(f"must be from 1 to {MOST_STEPS:,}", least=1, most=MOST_STEPS)


@dataclass(frozen=True)
class RolledPiece:
    """A piano roll that was composed.

    nats_per_frame  under the model itself, before temperature, the first frame left out
    """

    roll: Roll
    nats_per_frame: float


@dataclass(frozen=True)
class RollScore:
    """How well a piano roll is foreseen.

    frames  that were foreseen: all but the first
    nats    by BY, of all of them together, over all 88 keys
    notes   onset, pitch and bits of every note by the network: what it costs that the key sounds where it begins; none
            where they were not asked for
    """

    frames: int
    nats: dict[str, float]
    notes: tuple[tuple[Fraction, int, float], ...]


class RollComposer:
    """A recurrent model of piano rolls, with chains as its yardsticks.

    settings  of the networks and their training; None: the usual ones
    seed      of the weights, of dropout and transposition
    step      how long a frame is, as a part of a whole note: for what is written as notes
    Raises    InputError if a value is out of range

    After `fit`: `model_`, `chains_` (by name), `history_` (a record an epoch), `steps_` (the median),
    `trained_on_` (pieces).
    """

    def __init__(self, settings: FrameSettings | None = None, seed: int = 0, step: Fraction = STEP) -> None:
        self.settings = FrameSettings() if settings is None else settings
        self.seed = whole("seed", seed, SEED)
        if PART.fullmatch(str(step)) is None:
            raise InputError(f"step: {step} is no part of a whole note; give one such as 1/16")
        self.step = step

    def fit(
        self,
        rolls: Sequence[Roll],
        valid: Sequence[Roll],
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> RollComposer:
        """Learn from piano rolls; earlier fits are forgotten.

        rolls       (T, 88) each
        valid       that choose the best epoch
        on_epoch    is told the record of every epoch
        checkpoint  file for the state of the training after every epoch, left for the caller
        resume      continue from the checkpoint, if there is one
        Returns     itself
        Raises      InputError if there are none, or no key sounds in them
        """
        kept = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(rolls, valid))
        self.model_, self.history_ = fit_frames(rolls, valid, self.settings, self.seed, on_epoch, kept, resume)
        self.chains_ = {"chain": FirstOrder(rolls), "last": LastFrame(rolls)}
        self.steps_ = int(np.median([len(roll) for roll in rolls]))
        self.trained_on_ = len(rolls)
        return self

    def _fingerprint(self, rolls: Sequence[Roll], valid: Sequence[Roll]) -> dict[str, Any]:
        """Return what a checkpoint belongs to: settings, seed, and a digest of the pieces."""
        digest = hashlib.sha256()
        for roll in (*rolls, *valid):
            digest.update(f"{len(roll)},".encode())
            digest.update(np.packbits(roll > 0).tobytes())
        settings = {f"settings.{name}": value for name, value in asdict(self.settings).items()}
        return {"pieces": digest.hexdigest()[:16], "seed": self.seed, **settings}

    def _fitted(self) -> FrameModel:
        require_fit(self, "model_")
        return self.model_

    def compose(
        self,
        steps: int | None = None,
        primer: Roll | None = None,
        count: int = 1,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> list[RolledPiece]:
        """Return piano rolls, the likeliest first.

        steps        frames of each, those of the primer among them; None: as many as half of the training pieces have
        primer       (T, 88) with which they begin
        count        how many
        temperature  below 1 likelier keys; 0 the likelier of both at every key
        seed         the same gives the same
        Raises       InputError if a value is out of range, or the primer is longer than the piece
        """
        self._fitted()
        steps = whole("steps", self.steps_ if steps is None else steps, STEPS)
        real("temperature", temperature, NOT_NEGATIVE)
        given: list[Roll] = [] if primer is None else list(primer)
        if len(given) >= steps:
            raise InputError(
                f"the primer has {len(given)} steps, and the piece shall have {steps}; ask for more steps, or give "
                f"less of the primer"
            )
        streams = np.random.SeedSequence(whole("seed", seed, SEED)).spawn(whole("count", count))
        found = [self._compose(given, steps, temperature, np.random.default_rng(stream)) for stream in streams]
        return sorted(found, key=lambda one: one.nats_per_frame)

    def _compose(
        self, given: Sequence[Roll], steps: int, temperature: float, random: np.random.Generator
    ) -> RolledPiece:
        model, frames = self.model_, list(given)
        state = model.begin()
        for frame in given:
            state = model.next_frame(state).advance(frame)
        while len(frames) < steps:
            following = model.next_frame(state)
            frames.append(following.draw(random, temperature))
            state = following.advance(frames[-1])
        return self._as_piece(np.array(frames))

    def harmonise(
        self, melody: Roll, count: int = 1, temperature: float = 1.0, seed: int = 0, versions: int = 32
    ) -> list[RolledPiece]:
        """Return piano rolls whose highest notes are those of a melody, the likeliest first.

        melody       (T, 88), of which the highest note of each step is kept, and all below is found
        count        how many
        temperature  below 1 likelier keys
        seed         the same gives the same
        versions     drawn side by side for each, of which the likelier go on
        Raises       InputError if a value is out of range
        """
        model, given = self._fitted(), below_melody(melody)
        seeds = np.random.default_rng(whole("seed", seed, SEED)).integers(1 << 31, size=whole("count", count))
        found = [completed(model, given, versions, temperature, int(own))[0] for own in seeds]
        return sorted((self._as_piece(roll) for roll in found), key=lambda one: one.nats_per_frame)

    def _as_piece(self, roll: Roll) -> RolledPiece:
        return RolledPiece(roll, per_frame(self.model_.nats([roll])) if len(roll) > 1 else 0.0)

    def score(self, rolls: Sequence[Roll], notes: bool = True) -> list[RollScore]:
        """Return how well piano rolls are foreseen, each frame but the first from those before it.

        rolls   (T, 88) each
        notes   whether that is said of each note, too, which takes as long again
        Raises  NotFittedError before `fit`
        """
        model = self._fitted()
        by = {"lstm": model.nats(rolls), **{name: chain.nats(rolls) for name, chain in self.chains_.items()}}
        return [
            RollScore(
                len(roll) - 1,
                {name: float(by[name][k][1:].sum()) for name in BY},
                self._notes(roll) if notes else (),
            )
            for k, roll in enumerate(rolls)
        ]

    def _notes(self, roll: Roll) -> tuple[tuple[Fraction, int, float], ...]:
        bits = self.model_.key_nats(roll) / np.log(2)
        notes = tune_of_roll(roll, self.step).notes if roll.any() else ()
        return tuple((n.onset, n.pitch, float(bits[int(n.onset / self.step), n.pitch - LOWEST_KEY])) for n in notes)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the composer to a folder, complete or not at all.

        force   replace a model that is there
        Raises  ModelFolderError if the folder exists or cannot be written; NotFittedError before `fit`
        """
        model = self._fitted()
        config: dict[str, Any] = {
            "params": {"settings": asdict(self.settings), "seed": self.seed, "step": str(self.step)},
            "lowest": model.lowest,
            "highest": model.highest,
            "steps": self.steps_,
            "trained_on": self.trained_on_,
            "history": [record.to_json() for record in self.history_],
        }
        chains = {name: chain.on for name, chain in self.chains_.items()}
        write_rolled(a_path("path", path), config, model, chains, force)

    @classmethod
    def load(cls, path: str | Path) -> RollComposer:
        """Read a composer from a folder, or from a folder of results with one in it; no code in it is run.

        Raises  ModelFolderError if it is missing, damaged, or of another kind
        """
        config, model, chains = read_rolled(a_path("path", path))
        composer = cls(config.params.settings, config.params.seed, Fraction(config.params.step))
        composer.model_, composer.chains_ = model, chains
        composer.steps_, composer.trained_on_ = config.steps, config.trained_on
        composer.history_ = [record.record() for record in config.history]
        return composer
