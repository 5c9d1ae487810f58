"""Whatever a user has of music as frames, by part: piano rolls, or voices."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from lstmkit.errors import InputError
from lstmkit.music.files import are_rolls, over_files, read_music
from lstmkit.music.related import places_divided
from lstmkit.music.rolls import ROLLS, Frames, Notation
from lstmkit.music.rolls.frames import STEP
from lstmkit.music.rolls.reading import ALL, part_of
from lstmkit.music.tune import Tune
from lstmkit.ranges import a_path


@dataclass(frozen=True)
class Piece:
    """Frames of a piece, what it is called, and how they are to be read."""

    title: str
    frames: Frames
    notation: Notation = ROLLS

    @property
    def tune(self) -> Tune:
        """It as a tune."""
        return self.notation.to_tune(self.frames, STEP)


Divided = tuple[list[Piece], list[Piece], list[Piece]]
"""To learn from, to choose the best epoch, and to score on."""


@dataclass(frozen=True)
class Pieces:
    """Pieces that were read.

    parts    by part, as the file names them: train, valid, test, or all
    remarks  how often what was left out occurred
    """

    parts: dict[str, list[Piece]]
    remarks: Counter[str] = field(default_factory=Counter)

    @property
    def all(self) -> list[Piece]:
        """Return the pieces of all parts."""
        return [piece for own in self.parts.values() for piece in own]


def read_pieces(path: str | Path, step: Fraction = STEP, notation: Notation = ROLLS) -> Pieces:
    """Return the pieces of a file or folder as frames; tunes of ABC and MIDI become some.

    step      of time, as a part of a whole note, in which tunes are written; what is frames stays as it is
    notation  whether frames are piano rolls or voices
    Raises    InputError if there is no such file, or none with a note in it
    """
    path, found = a_path("the music", path), Pieces({})
    if are_rolls(path):
        for file, parts in over_files(path, found.remarks, notation.read):
            for said, pieces in parts.items():
                part = part_of(file.name) if said == ALL else said
                own = found.parts.setdefault(part, [])
                own += [Piece(f"{part} {len(own) + k}", frames, notation) for k, frames in enumerate(pieces, 1)]
        return found
    read = read_music(path, step=step)
    tunes = []
    for tune in read.tunes:
        try:
            tunes.append(Piece(tune.title, notation.of_tune(tune, step), notation))
        except InputError:
            if len(read.tunes) == 1:
                raise
            read.remarks[f"tunes that cannot be written as {notation.name}, left out"] += 1
    if not tunes:
        raise InputError(f"{path}: no tune can be written as {notation.name}; give others, or learn them as events")
    return Pieces({ALL: tunes}, read.remarks)


def parted_pieces(given: Pieces, test: Pieces | None, shares: tuple[float, float], seed: int) -> Divided:
    """Return the pieces to learn from, those that choose the best epoch, and those to score on.

    Parts stand as the file has them; what it lacks is held back, whole families of related pieces.

    test    pieces that are only used to score; None: those that the file calls so, or else a share
    shares  of the pieces that choose the best epoch, and that are scored
    Raises  InputError if there are too few
    """
    parts = {part: _sounding(own) for part, own in given.parts.items()}
    rest = parts.get("train", []) + parts.get(ALL, [])
    if not rest:
        rest, parts = [piece for own in parts.values() for piece in own], {}
    if test is not None:
        held = _sounding(test.parts.get("test") or test.all)
    elif parts.get("test"):
        held = parts["test"]
    else:
        rest, held = _divided(rest, shares[1], seed)
    if parts.get("valid"):
        return rest, parts["valid"], held
    train, valid = _divided(rest, shares[0], seed)
    return train, valid, held


def _sounding(pieces: list[Piece]) -> list[Piece]:
    """Return the pieces of more than one frame in which something sounds."""
    return [piece for piece in pieces if len(piece.frames) > 1 and piece.notation.sounds(piece.frames)]


def _divided(pieces: list[Piece], share: float, seed: int) -> tuple[list[Piece], list[Piece]]:
    kept, cut = places_divided([piece.tune for piece in pieces], share, seed, "pieces that sound")
    return [pieces[k] for k in kept], [pieces[k] for k in cut]
