"""From a model of one stream of lines to one of lines that stand alone, as other tools for n-grams know them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstmkit.language.ngrams.levels import ABSENT, Level
from lstmkit.language.ngrams.model import NGramModel


def lines_alone(model: NGramModel, end: int) -> NGramModel:
    """Return the model that says at the beginning of a line what a model of a stream says after the end of one.

    N-grams that go on over the end of a line are left out. What is left is exact: no context loses some of what may
    follow it and keeps the rest, so all probabilities still sum to one.

    model    one that has a boundary is returned as it is
    end      the token that ends a line
    """
    if model.boundary is not None:
        return model
    V, first = model.vocabulary, model.levels[0]
    ended = np.arange(V + 1) == end
    log_backoff = first.log_backoff.copy()
    if len(log_backoff):
        log_backoff[V], log_backoff[end] = log_backoff[end], 0
    levels = [replace(first, log_backoff=log_backoff)]
    rows = np.where(ended, V, np.arange(V + 1))
    for level in model.levels[1:]:
        prefixes = rows[level.keys // level.width]
        kept = np.flatnonzero(prefixes != ABSENT)
        keys = prefixes[kept] * level.width + level.tokens[kept]
        order = np.argsort(keys)
        starts = np.searchsorted(keys[order], np.arange(len(levels[-1]) + 1) * level.width)
        kept = kept[order]
        ends = ended[level.tokens[kept]]
        log_backoff = np.where(ends, 0, level.log_backoff[kept]) if len(level.log_backoff) else level.log_backoff
        levels.append(Level(level.tokens[kept], starts, level.log_prob[kept], log_backoff, level.width))
        rows = np.full(len(level), ABSENT)
        rows[kept] = np.where(ends, ABSENT, np.arange(len(kept)))
    return NGramModel(tuple(levels), end)
