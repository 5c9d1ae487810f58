"""How good translations are: BLEU and chrF, by sacrebleu."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.vocabulary.splitting import lacks_spaces
from lstmkit.results.bootstrap import gain_interval

ORDERS = 4
"""Of the n-grams of BLEU."""


@dataclass(frozen=True)
class TranslationScore:
    """How good the translations of a test part are.

    bleu, lowercased, chrf  in percent: cased BLEU, BLEU of both texts in lower case, chrF
    ratio                   of the lengths of the translations to that of the true ones
    signatures              of BLEU, lowercased BLEU and chrF: how they were computed
    parts                   (U, 10) of each sentence: n-grams that are right, n-grams, and both lengths; in lower case
                            where that is what is judged
    sentences               (U,) chrF of each sentence
    """

    bleu: float
    lowercased: float
    chrf: float
    ratio: float
    signatures: dict[str, str]
    parts: NDArray[np.float64] = field(repr=False)
    sentences: NDArray[np.float64] = field(repr=False)
    in_lower: bool = False

    @property
    def judged(self) -> float:
        """BLEU by which it is compared with others: cased, or in lower case where nothing else can be written."""
        return self.lowercased if self.in_lower else self.bleu

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {"bleu": self.bleu, "bleu_lowercased": self.lowercased, "chrf": self.chrf, "length_ratio": self.ratio}


def score_texts(found: Sequence[str], truths: Sequence[str], in_lower: bool = False) -> TranslationScore:
    """Score translations.

    found, truths  one of each a sentence
    in_lower       whether they are compared with others in lower case, because they cannot but be in it
    Raises         InputError if sacrebleu is not installed, or there are not as many of each
    Source         BLEU: Papineni et al. 2002; chrF: Popović 2015; Post 2018 (sacrebleu)
    """
    if len(found) != len(truths) or not truths:
        raise InputError(f"scores: {len(found):,} translations for {len(truths):,} true ones; give as many, and one")
    metrics = require_sacrebleu().metrics
    how = {"tokenize": "char" if lacks_spaces("".join(truths[:1000])) else "13a", "force": True}
    bleu, lower, chrf = metrics.BLEU(**how), metrics.BLEU(lowercase=True, **how), metrics.CHRF()
    one = metrics.BLEU(lowercase=in_lower, effective_order=True, **how)
    own, own_lower, own_chrf = (metric.corpus_score(found, [truths]) for metric in (bleu, lower, chrf))
    parts, sentences = [], []
    for text, truth in zip(found, truths, strict=True):
        score = one.sentence_score(text, [truth])
        parts.append([*score.counts, *score.totals, score.sys_len, score.ref_len])
        sentences.append(chrf.sentence_score(text, [truth]).score)
    names = {"BLEU": bleu, "BLEU, lowercased": lower, "chrF": chrf}
    signatures = {name: str(metric.get_signature()) for name, metric in names.items()}
    ratio = own.sys_len / max(1, own.ref_len)
    figures = (own.score, own_lower.score, own_chrf.score, ratio)
    return TranslationScore(*figures, signatures, np.array(parts, np.float64), np.array(sentences), in_lower)


def bleu_of(parts: NDArray[np.float64]) -> float:
    """Return BLEU of many sentences from the sums (10,) of their parts, as sacrebleu computes it."""
    whole = [int(number) for number in parts]
    counts, totals = whole[:ORDERS], whole[ORDERS : 2 * ORDERS]
    score = require_sacrebleu().metrics.BLEU.compute_bleu(counts, totals, *whole[2 * ORDERS :], smooth_method="exp")
    return float(score.score)


def bleu_gain(own: TranslationScore, rival: TranslationScore) -> tuple[float, float]:
    """Return the 95 % interval of the gain in BLEU over other translations of the same sentences.

    Source  Koehn 2004, paired bootstrap
    """
    return gain_interval(own.parts, rival.parts, bleu_of)


def require_sacrebleu() -> Any:
    """Return the package that scores.

    Raises  InputError if it is not installed
    """
    try:
        import sacrebleu
    except ImportError as error:
        raise InputError(
            "translations are scored by the package sacrebleu: pip install 'lstmkit[translate]'"
        ) from error
    return sacrebleu
