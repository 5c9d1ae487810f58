"""The page of a training: scores, the training, and tunes of its own."""

from __future__ import annotations

import math
from pathlib import Path

from lstmkit.music.judgement import COLUMNS
from lstmkit.music.page import player, tune_card
from lstmkit.music.result import MusicResult
from lstmkit.results import page

DRAWN = 4
"""Tunes of its own that are shown."""


def write_report(result: MusicResult, path: Path) -> None:
    """Write report.html."""
    from lstmkit.results.curves import training_figure

    summary, found, source = result.summary, result.comparison, Path(result.source).name
    parts = summary["tunes_by_part"]
    lead = (
        f"{source}: learnt from {parts['train']:,} tunes, the best pass chosen on {parts['valid']:,}, scored on "
        f"{parts['test']:,}."
    )
    scores = page.table(COLUMNS, found.rows(), first="model")
    unknown = f", {found.unknown:,} of them unknown" if found.unknown else ""
    sections = [
        page.card(
            "Scores",
            f"{found.tunes:,} tunes with {found.events:,} events{unknown}, given style, metre and mode of each; "
            "characters are those of the tunes as ABC.",
            page.scrolling(scores),
        )
    ]
    if len(result.composer.history_) > 1:
        figure = page.plot(training_figure(result.composer.history_), "training")
        sections.append(page.card("Training", "Loss in nats an event, a pass over all tunes each.", figure))
    if result.likeness is not None:
        likeness = result.likeness
        text = (
            f"{likeness.tunes} tunes of people, never seen, and as many composed in their style, metre and key, by the "
            f"same measures; ± is half of a 95 % interval. {likeness.sentence()}"
        )
        head = ("a tune", "people", "composed")
        sections.append(page.card("Is it music?", text, page.scrolling(page.table(head, likeness.rows()))))
    sections.append(player())
    for number, one in enumerate(result.composed[:DRAWN], 1):
        bits = one.nats_per_event / math.log(2)
        text = (
            f"Composed: number {number} of {len(result.composed)} by likelihood, {bits:.2f} bits an event. The redder "
            "a note is, the more it surprises the model."
        )
        score, moments = result.composer.score(one.tune), result.composer.foreseen(one.tune)
        sections.append(tune_card(one.tune, score, str(number), text, moments))
    footer = page.made_by("lstm music train", summary)
    page.write_page(path, f"Tunes of {source}", lead, result.verdict, sections, footer)
