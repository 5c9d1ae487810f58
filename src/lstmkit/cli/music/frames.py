"""What `lstm music` does with frames, piano rolls or voices, and models of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmkit.cli import parameters, printing
from lstmkit.cli.music.notes import notes_as_json, print_notes
from lstmkit.cli.progress import JobProgress, Rounds, run_shown

if TYPE_CHECKING:
    from lstmkit.music.composing.wish import Wish
    from lstmkit.music.frames.foreseeing import ComposedPiece, FrameComposer, FrameScore
    from lstmkit.music.frames.job import FrameJob
    from lstmkit.music.frames.reading import Piece, Pieces
    from lstmkit.music.tune import Tune

MOST = 50
"""Pieces that are listed one by one."""
OF_FRAMES = "where frames are learnt"


@dataclass(frozen=True)
class Asked:
    """What is asked of a composer of frames.

    steps              of each piece; None: as many as usual
    primer, harmonise  files with what is given, or None
    wish               of which tempo and instrument count
    """

    steps: int | None
    primer: Path | None
    harmonise: Path | None
    wish: Wish
    count: int
    temperature: float
    seed: int


def train_frames(job: FrameJob, manner: parameters.Manner) -> None:
    """Do a job, and print what came of it."""
    from lstmkit.music.frames.judgement import COLUMNS

    rounds = Rounds(lambda nats: f"{nats:.4f} nats a frame", items="frames")
    result = run_shown(job, JobProgress(manner.silent, rounds))
    if manner.json:
        printing.print_json(result.summary)
        return
    found = result.comparison
    title = f"{found.pieces:,} pieces never seen, {found.frames:,} frames, the first of each left out"
    printing.print_table(COLUMNS, found.rows(job.composer.titles), title, bold_first=True)
    printing.print_verdict(result.verdict)
    seconds = result.summary["seconds"]["total"]
    printing.stdout().print(
        f"{result.out / 'report.html'} is the page, {result.pieces} holds pieces of its own, "
        f"{result.out / 'model'} the model ({seconds:.1f} s)"
    )


def composed(composer: FrameComposer, asked: Asked) -> list[tuple[ComposedPiece, Tune]]:
    """Return pieces, each also as a tune."""
    if asked.harmonise is None:
        begin = None if asked.primer is None else _read(asked.primer, composer).all[0].frames
        found = composer.compose(asked.steps, begin, asked.count, asked.temperature, asked.seed)
    else:
        melody = _read(asked.harmonise, composer).all[0].frames
        found = composer.harmonise(melody, asked.count, asked.temperature, asked.seed)
    return [
        (
            piece,
            replace(
                asked.wish.sounding(composer.notation.to_tune(piece.frames, composer.step)), title=f"Piece {number}"
            ),
        )
        for number, piece in enumerate(found, 1)
    ]


def score_frames(composer: FrameComposer, music: Path, notes: bool, json: bool) -> None:
    """Print how well pieces are foreseen, in nats a frame, beside the chains."""
    from lstmkit.music.frames.judgement import summed
    from lstmkit.music.keys import Key

    parts = {part: [p for p in own if len(p.frames) > 1] for part, own in _read(music, composer).parts.items()}
    scores = {part: composer.score([piece.frames for piece in own], notes) for part, own in parts.items() if own}
    each = [one for own in scores.values() for one in own]
    total = summed(each)
    if json:
        found = {
            part: {
                **summed(own).to_json(),
                "each": [_as_json(p, s, notes) for p, s in zip(parts[part], own, strict=True)],
            }
            for part, own in scores.items()
        }
        printing.print_json({**total.to_json(), "parts": found})
        return
    rows = []
    for part, own in scores.items():
        if len(each) <= MOST:
            rows += [_row(piece.title, [score]) for piece, score in zip(parts[part], own, strict=True)]
        if len(scores) > 1:
            rows.append(_row(f"{part}, {len(own):,} pieces", own))
    if len(each) > 1:
        rows.append(_row(f"all {len(each):,} pieces", each))
    printing.print_table(
        ("piece", "frames", *composer.titles.values()),
        rows,
        "nats a frame, the first of each piece left out: the lower, the better",
    )
    if notes:
        for piece, score in zip([piece for own in parts.values() for piece in own], each, strict=True):
            print_notes(piece.title, score.notes, Key())


def _read(path: Path, composer: FrameComposer) -> Pieces:
    """Return the pieces of a file or folder as a composer has them; what was noticed in them is said."""
    from lstmkit.music.files import lines_of
    from lstmkit.music.frames.reading import read_pieces

    read = read_pieces(path, composer.step, composer.notation)
    printing.remark(lines_of(read.remarks))
    return read


def _row(name: str, scores: list[FrameScore]) -> tuple[str, ...]:
    from lstmkit.music.frames.judgement import summed

    found = summed(scores)
    return (name, f"{found.frames:,}", *(f"{found.nats_per_frame(by):.3f}" for by in found.nats))


def _as_json(piece: Piece, own: FrameScore, notes: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"title": piece.title, "frames": own.frames}
    found["nats_per_frame"] = {by: nats / own.frames for by, nats in own.nats.items()}
    if notes:
        found["notes"] = notes_as_json(own.notes)
    return found
