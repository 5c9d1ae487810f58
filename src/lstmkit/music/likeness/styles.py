"""Names the style of a tune by n-grams, which know nothing of the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.ngrams import NGramModel
from lstmkit.music.events import encode
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.tune import Tune

ORDER = 4
LEAST = 10
"""Tunes of a style, without which nothing can be said of it."""


class StyleJudge:
    """The style whose Kneser-Ney model foresees a tune best, told from what is heard and from bar lines alone.

    tunes  to learn from; styles with few tunes are left out
    """

    def __init__(self, tunes: Sequence[Tune]) -> None:
        self._tokens = EventTokens.learnt([encode(tune).tokens for tune in tunes])
        counts = Counter(tune.style for tune in tunes if tune.style)
        self._models = {}
        for style in sorted(style for style, count in counts.items() if count >= LEAST):
            text = np.concatenate([self._ids(tune) for tune in tunes if tune.style == style])
            self._models[style] = NGramModel.fit(text, len(self._tokens.symbols), ORDER, self._tokens.end)

    @property
    def styles(self) -> tuple[str, ...]:
        """Those that can be told."""
        return tuple(self._models)

    def name(self, tune: Tune) -> str:
        """Return the style of a tune."""
        ids = self._ids(tune)
        return max(self._models, key=lambda style: float(self._models[style].token_log_probs(ids).sum()))

    def _ids(self, tune: Tune) -> NDArray[np.int32]:
        """Return what is heard and its bars: not the head, which says the style."""
        return np.append(self._tokens.ids_of(encode(tune).tokens[3:]), self._tokens.end).astype(np.int32)
