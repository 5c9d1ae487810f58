"""The page of a captioner: scores, the best and the worst captions, what was attended to, the training."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.results import page
from lstmkit.results.attention import attention_card, attention_step, extremes
from lstmkit.video.captions.judgement.verdict import HEAD, score_rows
from lstmkit.video.captions.result import CaptionResult
from lstmkit.video.pictures import PictureSettings

SHOWN, TRUE = 8, 3
"""Clips of each kind that are shown, and true captions of each."""
MOST_FRAMES, MOST_WORDS = 400, 60
"""In a picture of attention."""


def write_report(result: CaptionResult, path: Path) -> None:
    """Write report.html."""
    summary = result.summary
    counts, name = summary["clips"], Path(result.source).name
    lead = (
        f"{name}: learnt from {counts['training']:,} clips with {summary['captions']['training']:,} captions, watched "
        f"on {counts['validation']:,} clips, scored on {counts['test']:,}."
    )
    footer = page.made_by("lstm video caption train", summary)
    page.write_page(path, f"Captions: {name}", lead, result.verdict, _sections(result), footer)


def _sections(result: CaptionResult) -> list[str]:
    from lstmkit.results.curves import training_figure

    scored, summary = result.scored, result.summary
    figures = scored.own.clips
    chosen = extremes(figures, [len(one.written) > 0 for one in scored.found], SHOWN)
    perplexity = math.exp(min(summary["test_nats_per_word"], 700))
    text = (
        "CIDEr-D, BLEU of up to four words and ROUGE-L against all true captions of a clip, in percent, without case "
        "and punctuation; word for word: captions that are one of the true ones. Nearest clip: a caption of the "
        f"training clip whose mean frame is nearest. Perplexity of the true captions: {perplexity:,.2f} a word."
    )
    body = page.scrolling(page.table(HEAD, score_rows(scored.scores), first="model"))
    sections = [page.card("Scores", text, f"{body}<p>BLEU: {page.words(summary['signature'])}</p>")]
    steps = [_step(result, kind, row) for kind, rows in chosen.items() for row in rows if _drawable(result, row)]
    sections += [attention_card(steps, "frame"), _examples(result, chosen, figures)]
    training = page.plot(training_figure(result.model.history_), "training")
    text = "Loss in nats a word; in training with label smoothing and dropout, so not to be compared with validation."
    sections.append(page.card("Training", text, training))
    use = f"lstm video caption predict {shlex.quote(str(result.out))} CLIP"
    sections.append(page.card("Use it", "", page.code(use)))
    sections.append(page.settings_card(summary["settings"]))
    return [section for section in sections if section]


def _drawable(result: CaptionResult, row: int) -> bool:
    one = result.scored.found[row]
    return one.attention is not None and 0 < len(one.written) <= MOST_WORDS and one.attention.shape[1] <= MOST_FRAMES


def _step(result: CaptionResult, kind: str, row: int) -> page.Step:
    one, name = result.scored.found[row], result.parts.test.rows.ids[row]
    assert one.attention is not None
    how, count = result.model.frames, one.attention.shape[1]
    rate = how.rate if isinstance(how, PictureSettings) and how.count is None else None
    read = [str(k + 1) if rate is None else f"{k / rate:.1f} s" for k in range(count)]
    return attention_step(f"{name}: {one.text}", kind, one.attention, read, one.written)


def _examples(result: CaptionResult, chosen: dict[str, Sequence[int]], figures: NDArray[np.float64]) -> str:
    test, found = result.parts.test, result.scored.found
    rows = [
        (
            kind,
            test.rows.ids[row],
            found[row].text,
            " · ".join(dict.fromkeys(test.captions[row][:TRUE])),
            f"{figures[row]:.0f}",
        )
        for kind, own in chosen.items()
        for row in own
    ]
    head = ("", "clip", "caption", "true captions", "CIDEr-D")
    text = "Of the test part, those of whose captions CIDEr-D is highest, lowest, and in the middle."
    return page.card("Examples", text, page.scrolling(page.table(head, rows, prose=True)))
