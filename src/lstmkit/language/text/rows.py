"""Texts as rows of ids, a row each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lstmkit.language.vocabulary import Tokens
from lstmkit.sequences import Ragged


def encode_texts(tokens: Tokens, texts: Sequence[str], lowercase: bool, max_length: int | None = None) -> Ragged:
    """Return texts as ids, a line break in a text being a space.

    max_length  ids of a text that are kept, the first ones; None keeps all
    """
    lines = joined(texts, lowercase)
    ids = tokens.encode(lines) if lines else np.empty(0, np.int32)
    ends = np.flatnonzero(ids == tokens.end)
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    lengths = ends - starts if max_length is None else np.minimum(ends - starts, max_length)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
    return Ragged(ids[places], offsets)


def joined(texts: Sequence[str], lowercase: bool) -> str:
    """Return texts as lines of one text."""
    text = "".join(" ".join(own.splitlines()) + "\n" for own in texts)
    return text.lower() if lowercase else text
