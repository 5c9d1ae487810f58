"""How good captions are: CIDEr-D and ROUGE-L of our own, BLEU by sacrebleu, each against several true captions.

Words are compared in lower case and without punctuation, as in the usual evaluation of captions. METEOR and SPICE are
left out: they need Java.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.translate.judgement.scoring import require_sacrebleu
from lstmkit.results.bootstrap import ratio_interval

ORDERS = 4
"""Of n-grams."""
SPREAD = 6.0
"""Of the Gaussian by which CIDEr-D punishes another length."""
SCALE, PERCENT = 10.0, 100.0
"""CIDEr-D is ten times a mean of cosines; papers write it in percent."""
RECALL = 1.2
"""How many times as much as precision recall counts in ROUGE-L."""
Grams = Counter[tuple[str, ...]]


@dataclass(frozen=True)
class CaptionScore:
    """How good the captions of clips are.

    cider, bleu, rouge  in percent: CIDEr-D as papers write it, which is at most 1,000; BLEU of up to four words;
                        ROUGE-L
    exact               share of the captions that are one of the true ones, in percent
    signature           of BLEU
    clips               (U,) CIDEr-D of each clip
    """

    cider: float
    bleu: float
    rouge: float
    exact: float
    signature: str
    clips: NDArray[np.float64] = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {"cider_d": self.cider, "bleu": self.bleu, "rouge_l": self.rouge, "exact": self.exact}


def words_of(text: str) -> list[str]:
    """Return the words by which captions are compared."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.lower())  # noqa: RUF001


def score_captions(found: Sequence[str], truths: Sequence[Sequence[str]]) -> CaptionScore:
    """Score captions.

    found   one of each clip
    truths  true ones of each clip, at least one
    Raises  InputError if sacrebleu is not installed, or there are not as many of each
    """
    if len(found) != len(truths) or not found or not all(truths):
        raise InputError(
            f"scores: {len(found):,} captions for {len(truths):,} clips; give as many, and true ones of each"
        )
    own = [words_of(text) for text in found]
    true = [[words_of(text) for text in several] for several in truths]
    clips = cider(own, true)
    rouge = np.array([rouge_l(one, several) for one, several in zip(own, true, strict=True)])
    exact = np.array([one in several for one, several in zip(own, true, strict=True)])
    bleu, signature = _bleu(own, true)
    return CaptionScore(
        float(clips.mean()), bleu, PERCENT * float(rouge.mean()), PERCENT * float(exact.mean()), signature, clips
    )


def cider_gain(own: CaptionScore, other: CaptionScore, groups: Sequence[str] | None = None) -> tuple[float, float]:
    """Return the 95 % interval of the difference in CIDEr-D between captions of the same clips.

    groups  (U,) of the clips, which are drawn together; None: every clip by itself
    """
    gains = own.clips - other.clips
    units = np.arange(len(gains)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    return ratio_interval(np.bincount(units, gains), np.bincount(units))


def cider(found: Sequence[Sequence[str]], truths: Sequence[Sequence[Sequence[str]]]) -> NDArray[np.float64]:
    """Return CIDEr-D of the caption of each clip, in percent, (U,).

    An n-gram counts by how often a text has it, times the logarithm of how many clips there are over how many have it
    in a true caption. Of a caption no n-gram counts more than the true one has of it, and one of another length is
    punished by a Gaussian of the difference.

    Source  Vedantam, Zitnick & Parikh 2015; as the evaluation of COCO computes it, where a length is that in bigrams
    """
    weights = DocumentWeights.of(truths)
    return np.array([weights.cider(one, several) for one, several in zip(found, truths, strict=True)])


@dataclass(frozen=True)
class DocumentWeights:
    """How much n-grams tell: in how many of the clips true captions have them.

    counts  of clips, by n-gram
    clips   how many there are
    """

    counts: Mapping[tuple[str, ...], int]
    clips: int

    @classmethod
    def of(cls, truths: Sequence[Sequence[Sequence[str]]]) -> DocumentWeights:
        """Return those of the true captions of clips."""
        counts: Grams = Counter()
        for several in truths:
            counts.update({gram for text in several for grams in _grams(text) for gram in grams})
        return cls(counts, len(truths))

    def cider(self, found: Sequence[str], truths: Sequence[Sequence[str]]) -> float:
        """Return CIDEr-D of a caption beside the true ones of its clip, in percent."""
        own = self._vectors(found)
        total = sum(
            sum(_likeness(a, b) for a, b in zip(own, self._vectors(true), strict=True)) * _gaussian(found, true)
            for true in truths
        )
        return PERCENT * SCALE * total / (ORDERS * len(truths))

    def _vectors(self, text: Sequence[str]) -> list[dict[tuple[str, ...], float]]:
        """Return the weight of each n-gram of a text, by the order of the n-grams."""
        log = math.log(self.clips)
        return [
            {gram: count * (log - math.log(max(1, self.counts.get(gram, 0)))) for gram, count in grams.items()}
            for grams in _grams(text)
        ]


def rouge_l(found: Sequence[str], truths: Sequence[Sequence[str]]) -> float:
    """Return ROUGE-L of a caption, from 0 to 1: of the best precision and the best recall of its longest common words.

    Source  Lin 2004; as the evaluation of COCO computes it
    """
    if not found:
        return 0.0
    common = [_longest_common(found, true) for true in truths]
    precision = max(own / len(found) for own in common)
    recall = max(own / max(1, len(true)) for own, true in zip(common, truths, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + RECALL**2) * precision * recall / (recall + RECALL**2 * precision)


def _grams(text: Sequence[str]) -> list[Grams]:
    return [Counter(tuple(text[k : k + n]) for k in range(len(text) - n + 1)) for n in range(1, ORDERS + 1)]


def _likeness(own: Mapping[tuple[str, ...], float], true: Mapping[tuple[str, ...], float]) -> float:
    """Return the cosine of two vectors, of which none counts more in the first than in the second."""
    sizes = [math.sqrt(sum(weight**2 for weight in one.values())) for one in (own, true)]
    if not all(sizes):
        return 0.0
    return sum(min(weight, true.get(gram, 0.0)) * true.get(gram, 0.0) for gram, weight in own.items()) / math.prod(
        sizes
    )


def _gaussian(found: Sequence[str], true: Sequence[str]) -> float:
    difference = max(0, len(found) - 1) - max(0, len(true) - 1)
    return math.exp(-(difference**2) / (2 * SPREAD**2))


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest sequence of words that both have, in this order."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for k, own in enumerate(other, 1):
            before, row[k] = row[k], before + 1 if word == own else max(row[k], row[k - 1])
    return row[-1]


def _bleu(found: Sequence[Sequence[str]], truths: Sequence[Sequence[Sequence[str]]]) -> tuple[float, str]:
    """Return BLEU of the words in percent, and how it was computed."""
    metric = require_sacrebleu().metrics.BLEU(tokenize="none", force=True)
    most = max(map(len, truths))
    columns = [[" ".join(own[k]) if k < len(own) else None for own in truths] for k in range(most)]
    score = metric.corpus_score([" ".join(own) for own in found], columns)
    return float(score.score), str(metric.get_signature())
