"""What a training of a captioner found: clips by what they are for, captions, scores, the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmkit.language.translate import SearchSettings
from lstmkit.results import Verdict
from lstmkit.video.captions.captioner import Caption, Captioner
from lstmkit.video.captions.judgement.scoring import CaptionScore, score_captions
from lstmkit.video.captions.judgement.yardsticks import FREQUENT, NEAREST, frequent_caption, nearest_captions
from lstmkit.video.captions.reading import Captioned
from lstmkit.video.captions.start import Opening


@dataclass(frozen=True)
class Parts:
    """The clips of a job by what they are for, what was noticed in them, and what writing begins with."""

    training: Captioned
    validation: Captioned
    test: Captioned
    notes: tuple[str, ...] = ()
    opening: Opening | None = None


@dataclass(frozen=True)
class Scored:
    """What a captioner and the yardsticks made of the test part.

    found   the captions by the beam, the best of each clip
    scores  by the name of what wrote, the captioner first
    """

    found: list[Caption] = field(repr=False)
    scores: dict[str, CaptionScore]

    @property
    def own(self) -> CaptionScore:
        """The scores of the captioner, by the beam."""
        return next(iter(self.scores.values()))

    @property
    def rivals(self) -> dict[str, CaptionScore]:
        """The scores of the yardsticks."""
        return {name: self.scores[name] for name in (NEAREST, FREQUENT)}


@dataclass(frozen=True)
class CaptionResult:
    """What a job found.

    source   what was learnt from
    out      folder that holds it
    model    that was trained
    summary  what summary.json holds
    """

    source: str
    out: Path
    model: Captioner
    parts: Parts
    scored: Scored
    verdict: Verdict
    summary: dict[str, Any] = field(repr=False)


def score_all(model: Captioner, training: Captioned, test: Captioned, search: SearchSettings) -> Scored:
    """Score a captioner on clips, by a beam and, unless that is one, greedily, and simple captions beside it."""
    found = [own[0] for own in model.search(test.rows.frames, search)]
    name = "LSTM, greedy" if search.width == 1 else f"LSTM, beam {search.width}"
    scores = {name: score_captions([one.text for one in found], test.captions)}
    if search.width > 1:
        greedy = model.search(test.rows.frames, SearchSettings(width=1))
        scores["LSTM, greedy"] = score_captions([own[0].text for own in greedy], test.captions)
    scores[NEAREST] = score_captions(nearest_captions(training, test), test.captions)
    scores[FREQUENT] = score_captions([frequent_caption(training)] * len(test), test.captions)
    return Scored(found, scores)
