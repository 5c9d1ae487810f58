"""What a captioner must beat: the caption of the nearest clip that was learnt from, and the most frequent caption."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from lstmkit.sequences import Ragged
from lstmkit.video.captions.judgement.scoring import DocumentWeights, words_of
from lstmkit.video.captions.reading import Captioned

NEAREST, FREQUENT = "nearest clip", "most frequent caption"


def nearest_captions(training: Captioned, test: Captioned) -> list[str]:
    """Return for each clip a caption of the one that was learnt from whose mean frame is nearest.

    The numbers of frames are in units of their spread over those means. Of several captions, the one is taken that is
    most like the others of its clip.

    Source  Devlin et al. 2015, arXiv 1505.04467
    """
    known, asked = (_means(part.rows.frames) for part in (training, test))
    centre, spread = known.mean(axis=0), known.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    known, asked = (known - centre) / spread, (asked - centre) / spread
    weights = DocumentWeights.of([[words_of(text) for text in own] for own in training.captions])
    chosen: dict[int, str] = {}
    found = []
    for row in asked:
        near = int(((known - row) ** 2).sum(axis=1).argmin())
        if near not in chosen:
            chosen[near] = _usual(training.captions[near], weights)
        found.append(chosen[near])
    return found


def frequent_caption(training: Captioned) -> str:
    """Return the caption that was learnt most often."""
    return Counter(text for own in training.captions for text in own).most_common(1)[0][0]


def _means(frames: Ragged) -> NDArray[np.float64]:
    """Return the mean frame of each clip, of what is not missing, (N, C)."""
    found = np.zeros((len(frames), frames.values.shape[1]))
    for row in range(len(frames)):
        own = frames[row].astype(np.float64)
        there = ~np.isnan(own)
        found[row] = np.where(there, own, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return found


def _usual(captions: tuple[str, ...], weights: DocumentWeights) -> str:
    """Return the caption of a clip that is most like the others."""
    texts = [words_of(text) for text in captions]
    likeness = [
        weights.cider(own, [*texts[:k], *texts[k + 1 :]]) if len(texts) > 1 else 0.0 for k, own in enumerate(texts)
    ]
    return captions[int(np.argmax(likeness))]
