"""What the scores of a captioner mean, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from lstmkit.results.verdict import BETTER, EQUAL, WORSE, Verdict, kind_of
from lstmkit.video.captions.judgement.scoring import CaptionScore, cider_gain

HEAD = ("captions", "CIDEr-D", "BLEU-4", "ROUGE-L", "word for word")
FEW = 30
"""Clips below which nothing can be concluded."""


def score_rows(scores: dict[str, CaptionScore]) -> list[tuple[str, ...]]:
    """Return the rows of the table of scores, in the order given."""
    return [
        (name, f"{s.cider:.1f}", f"{s.bleu:.1f}", f"{s.rouge:.1f}", f"{s.exact:.1f} %") for name, s in scores.items()
    ]


def judge(own: CaptionScore, rivals: dict[str, CaptionScore], groups: Sequence[str] | None = None) -> Verdict:
    """Judge captions against the best of simple ones by the 95 % interval of the difference in CIDEr-D.

    rivals  by what they are
    groups  (U,) of the clips, which are drawn together; None: every clip by itself
    """
    name = max(rivals, key=lambda rival: rivals[rival].cider)
    low, high = cider_gain(own, rivals[name], groups)
    kind = kind_of(low, high)
    told = {BETTER: "Better than", EQUAL: "No better than", WORSE: "Worse than"}[kind]
    headline = f"{told} the {name}: CIDEr-D {own.cider:.1f} against {rivals[name].cider:.1f}."
    interval = f"95 % interval of the difference {low:+.1f} to {high:+.1f}, on {len(own.clips):,} clips never seen."
    if len(own.clips) < FEW:
        headline = f"Nothing can be concluded: CIDEr-D {own.cider:.1f}, {name} {rivals[name].cider:.1f}."
        return Verdict(EQUAL, headline, f"The clips are too few. {interval}")
    return Verdict(kind, headline, interval if kind != EQUAL else f"The uncertainty includes zero: {interval}")
