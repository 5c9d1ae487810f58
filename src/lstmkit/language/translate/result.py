"""What a training of a translator found: the pairs by what they are for, translations, scores, the verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lstmkit.language.text.parts import Repeats
from lstmkit.language.translate.judgement import Dictionary, TranslationScore, judge, score_texts
from lstmkit.language.translate.judgement.verdict import DICTIONARY
from lstmkit.language.translate.reading.lines import Lines
from lstmkit.language.translate.search import SearchSettings
from lstmkit.language.translate.translating import Manner, Translation
from lstmkit.language.translate.translator import Translator
from lstmkit.results import Verdict
from lstmkit.results.attention import extremes

SIDES = tuple[str, str]
"""Files of a language each, whose lines belong together."""


@dataclass(frozen=True)
class Parts:
    """The pairs of a job by what they are for."""

    training: Lines
    validation: Lines
    test: Lines
    repeats: Repeats


@dataclass(frozen=True)
class Scored:
    """What a translator and the yardstick made of the test part.

    found    the translations by the beam, the best of each first
    scores   by the name of what translated, the translator first
    seconds  that the beam took
    """

    found: list[Translation] = field(repr=False)
    scores: dict[str, TranslationScore]
    seconds: float


@dataclass(frozen=True)
class TranslateResult:
    """What a job found.

    sides    files that were learnt from
    out      folder that holds it
    model    that was trained
    summary  what summary.json holds
    """

    sides: SIDES
    out: Path
    model: Translator
    parts: Parts
    scored: Scored
    verdict: Verdict
    summary: dict[str, Any] = field(repr=False)


def score_all(model: Translator, test: Lines, search: SearchSettings, also: Sequence[Translator] = ()) -> Scored:
    """Score a translator on pairs, by a beam and, unless that is one, greedily; with further ones, all as one."""
    begun = time.perf_counter()
    found = [own[0] for own in model.search(test.source, Manner(search), also)]
    seconds = time.perf_counter() - begun
    name = "LSTM, greedy" if search.width == 1 else f"LSTM, beam {search.width}"
    scores = {name: score_texts([one.text for one in found], test.target, model.lowercase)}
    if search.width > 1:
        greedy = model.search(test.source, Manner(SearchSettings(width=1)), also)
        scores["LSTM, greedy"] = score_texts([own[0].text for own in greedy], test.target, model.lowercase)
    return Scored(found, scores, seconds)


def judge_beside_dictionary(model: Translator, training: Lines, test: Lines, scored: Scored, unseen: bool) -> Verdict:
    """Add the score of a dictionary of the training part to those of a translator, and return how the two compare.

    unseen  whether no more than a few pairs of the test part are in the training part
    """
    words = Dictionary.learn(training.source, training.target, model.lowercase)
    own = next(iter(scored.scores.values()))
    rival = scored.scores[DICTIONARY] = score_texts(words.translate(test.source), test.target, model.lowercase)
    return judge(own, rival, unseen)


def examples(scored: Scored, count: int) -> dict[str, Sequence[int]]:
    """Return the sentences of the test part that are translated best, worst, and in the middle, by chrF.

    Only those with attention and more than three words are shown, as far as there are some.
    """
    figures = next(iter(scored.scores.values())).sentences
    return extremes(figures, [len(one.written) > 3 for one in scored.found], count)
