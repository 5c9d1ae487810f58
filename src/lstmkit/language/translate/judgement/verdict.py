"""What the scores of a translator mean, in plain words."""

from __future__ import annotations

from lstmkit.language.translate.judgement.scoring import TranslationScore, bleu_gain
from lstmkit.results.verdict import BETTER, EQUAL, WORSE, Verdict, kind_of

HEAD = ("translations", "BLEU", "BLEU, lowercased", "chrF", "length")
DICTIONARY = "word by word"


def score_rows(scores: dict[str, TranslationScore]) -> list[tuple[str, ...]]:
    """Return the rows of the table of scores, in the order given."""
    return [
        (name, f"{s.bleu:.2f}", f"{s.lowercased:.2f}", f"{s.chrf:.2f}", f"{100 * s.ratio:.0f} %")
        for name, s in scores.items()
    ]


def judge(own: TranslationScore, rival: TranslationScore, unseen: bool = True) -> Verdict:
    """Judge translations against those of a dictionary by the 95 % interval of the difference in BLEU.

    unseen  whether the sentences scored are none that were learnt from
    """
    low, high = bleu_gain(own, rival)
    kind = kind_of(low, high)
    told = {BETTER: "Better than", EQUAL: "No better than", WORSE: "Worse than"}[kind]
    measure = "BLEU in lower case" if own.in_lower else "BLEU"
    headline = f"{told} a dictionary, word by word: {measure} {own.judged:.2f} against {rival.judged:.2f}."
    where = "never seen" if unseen else "of the test part, of which some are in the training part"
    interval = f"95 % interval of the difference {low:+.2f} to {high:+.2f}, on {len(own.parts):,} sentences {where}."
    return Verdict(kind, headline, interval if kind != EQUAL else f"The uncertainty includes zero: {interval}")
