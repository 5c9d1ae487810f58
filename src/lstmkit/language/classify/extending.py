"""A vocabulary of words with those of other texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstmkit.language.text.rows import joined
from lstmkit.language.vocabulary import Words


def extended(words: Words, texts: Sequence[str], lowercase: bool, min_count: int) -> Words:
    """Return a vocabulary with the words of texts that it lacks behind its own."""
    found = Words.learn([joined(texts, lowercase)], words.split, min_count=1)
    counts = np.bincount(found.encode(joined(texts, lowercase)), minlength=len(found.symbols))
    known = set(words.symbols)
    new = [word for word, count in zip(found.symbols, counts, strict=True) if count >= min_count and word not in known]
    return Words((*words.symbols, *new), words.split)
