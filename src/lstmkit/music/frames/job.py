"""What `lstm music train` does with frames, piano rolls or voices: read, train, score on pieces never seen, write."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from lstmkit.errors import InputError
from lstmkit.music.files import lines_of
from lstmkit.music.frames.foreseeing import FrameComposer
from lstmkit.music.frames.judgement import compare_frames, judge_frames
from lstmkit.music.frames.reading import Piece, Pieces, parted_pieces, read_pieces
from lstmkit.music.frames.report import write_frame_report
from lstmkit.music.frames.result import FrameResult
from lstmkit.music.related import count_related
from lstmkit.music.rolls.frames import require_same_voices
from lstmkit.results import SUMMARY, Job, Run

SAMPLES = 4
"""Pieces that are composed at the end of a training, the likeliest first."""


@dataclass(frozen=True)
class DividedPieces:
    """Pieces by part.

    related  pieces of the test part that share a run of notes with one to learn from
    """

    given: Pieces
    train: list[Piece]
    valid: list[Piece]
    test: list[Piece]
    related: int


@dataclass(frozen=True)
class FrameJob(Job[DividedPieces, None, FrameResult]):
    """What `lstm music train` was asked to do with frames.

    music       file or folder to learn from
    out         folder for the results
    composer    unfitted; its step is that in which tunes of ABC and MIDI become frames
    test        file or folder that the result is scored on; None: the part of this name, or else a share
    valid_share, test_share  shares that are held back where the file has no such part
    force       replace results that are in `out`
    resume      continue an interrupted job in `out`
    """

    results: ClassVar = (SUMMARY, "model", "pieces.npz", "pieces.json", "report.html")

    music: str
    out: Path
    composer: FrameComposer
    test: str | None = None
    valid_share: float = 0.1
    test_share: float = 0.1
    force: bool = False
    resume: bool = False

    def read(self) -> DividedPieces:
        """Read the pieces; parts stand as the file has them."""
        how = self.composer.step, self.composer.notation
        given = read_pieces(self.music, *how)
        test = None if self.test is None else read_pieces(self.test, *how)
        parts = parted_pieces(given, test, (self.valid_share, self.test_share), self.composer.seed)
        if not parts[2]:
            raise InputError(f"{self.music}: no piece is left to score on; give more pieces, or a file by --test")
        require_same_voices(piece.frames for own in parts for piece in own)
        learnt, scored = ([piece.tune for piece in own] for own in (parts[0], parts[2]))
        return DividedPieces(given, *parts, count_related(scored, learnt))

    def understood(self, read: DividedPieces) -> list[str]:
        """Return what was understood of the pieces, then what was noticed, a line each."""
        frames = sum(len(piece.frames) for piece in read.train)
        lines = [
            f"{self.music}: {len(read.train):,} pieces to learn from, {frames:,} frames",
            f"Choosing the best epoch on {len(read.valid):,}, scoring on {len(read.test):,} pieces never seen",
        ]
        if read.related:
            lines.append(
                f"{read.related:,} of {len(read.test):,} test pieces share a run of notes with pieces to learn from"
            )
        return lines + lines_of(read.given.remarks)

    def fit(self, read: DividedPieces, run: Run) -> None:
        """Train the network and count the chains."""
        frames = sum(len(piece.frames) for piece in read.train)
        run.begin("fit", self.composer.settings.epochs_for(frames))
        train, valid = ([piece.frames for piece in own] for own in (read.train, read.valid))
        self.composer.fit(train, valid, run.watcher.on_epoch, run.checkpoint, self.resume)

    def score(self, read: DividedPieces, fitted: None, run: Run) -> FrameResult:
        """Score network and chains on the test part, and compose a few pieces."""
        composer = self.composer
        run.watcher.on_lines(["Scoring on the pieces never seen"])
        comparison = compare_frames(composer, [piece.frames for piece in read.test])
        verdict = judge_frames(comparison, composer.titles["chain"], read.related)
        composed = composer.compose(count=SAMPLES, seed=composer.seed)
        own = {
            **comparison.to_json(),
            "verdict": asdict(verdict),
            "pieces_by_part": {"train": len(read.train), "valid": len(read.valid), "test": len(read.test)},
            "keys": composer.keys(),
            "remarks": dict(read.given.remarks),
            "related": read.related,
            "parameters": sum(p.numel() for p in composer.model_.parameters()),
            "history": [record.to_json() for record in composer.history_],
        }
        summary = run.summary(own, asdict(composer.settings), composer.model_, composer.seed)
        return FrameResult(self.music, self.out, composer, comparison, verdict, composed, summary)

    def write(self, found: FrameResult) -> None:
        """Write the model, the pieces that were composed, and the page."""
        self.composer.save(self.out / "model", self.replaces)
        self.composer.notation.write(found.pieces, {"composed": [piece.frames for piece in found.composed]})
        write_frame_report(found, self.out / "report.html")
