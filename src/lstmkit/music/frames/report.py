"""The page of a training on frames: scores, the training, and pieces of its own."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from lstmkit.music.frames.judgement import COLUMNS
from lstmkit.music.frames.result import FrameResult
from lstmkit.music.page import player, tune_card
from lstmkit.results import page


def write_frame_report(result: FrameResult, path: Path) -> None:
    """Write report.html."""
    from lstmkit.results.curves import training_figure

    summary, found, source = result.summary, result.comparison, Path(result.source).name
    parts, composer = summary["pieces_by_part"], result.composer
    lead = (
        f"{source}: learnt from {parts['train']:,} pieces, the best epoch chosen on {parts['valid']:,}, scored on "
        f"{parts['test']:,}."
    )
    text = (
        f"{found.pieces:,} pieces with {found.frames:,} frames, each foreseen from those before it, {composer.scope}; "
        "the first frame of each piece is left out. The lower, the better."
    )
    sections = [
        page.card("Scores", text, page.scrolling(page.table(COLUMNS, found.rows(composer.titles), first="model")))
    ]
    if len(composer.history_) > 1:
        figure = page.plot(training_figure(composer.history_), "training")
        sections.append(page.card("Training", "Loss in nats a frame, an epoch over all pieces each.", figure))
    sections.append(player())
    for number, piece in enumerate(result.composed, 1):
        if composer.notation.sounds(piece.frames):
            text = (
                f"Composed: number {number} of {len(result.composed)} by likelihood, "
                f"{piece.nats_per_frame / math.log(2):.2f} bits a frame. The redder a note is, the more it "
                "surprises the model where it begins."
            )
            tune = replace(composer.notation.to_tune(piece.frames, composer.step), title=f"Piece {number}")
            sections.append(tune_card(tune, composer.score([piece.frames])[0], str(number), text))
    footer = page.made_by("lstm music train", summary)
    page.write_page(path, f"{composer.notation.name.capitalize()} of {source}", lead, result.verdict, sections, footer)
