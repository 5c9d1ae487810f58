"""What is continued: a text that someone has typed, as tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.vocabulary import UNKNOWN, Words
from lstmkit.language.vocabulary.spelling import variants
from lstmkit.language.vocabulary.splitting import splitter

if TYPE_CHECKING:
    from lstmkit.language.vocabulary import Tokens

MAX_PROMPT = 100_000
"""Tokens of a prompt at most. An LSTM carries its state on for ever, but reads one token after another."""
SHOWN = 20
"""Unknown words that an error names at most."""


def encode_prompt(tokens: Tokens, text: str, allow_unknown: bool = False) -> NDArray[np.int32]:
    """Return the tokens of a text that goes on where it ends.

    A word that the vocabulary has in other case or with another apostrophe only is read as that.

    allow_unknown  words that the vocabulary does not have stand as the unknown token
    Returns        (T,)
    Raises         InputError for unknown words, all named, and for a text of more than `MAX_PROMPT` tokens
    """
    ids = _closest(tokens, text)
    if len(ids) > MAX_PROMPT:
        raise InputError(f"the prompt has {len(ids):,} tokens, at most {MAX_PROMPT:,} are read; give its end alone")
    if not allow_unknown and np.any(ids == tokens.unknown):
        names = unknown_pieces(tokens, text)
        what = {"word": "word", "character": "character", "subword": "piece"}[tokens.unit]
        if names:
            shown = ", ".join(map(repr, names[:SHOWN]))
            more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
            raise InputError(
                f"the prompt has {'a ' + what if len(names) == 1 else what + 's'} unknown to the model: {shown}{more}; "
                "use others, or pass --allow-unknown"
            )
    return ids


def _closest(tokens: Tokens, text: str) -> NDArray[np.int32]:
    """Return the ids of a text with the closest words of the vocabulary in place of unknown ones."""
    ids = tokens.encode(text, closed=False)
    unknown = np.flatnonzero(ids == tokens.unknown)
    if not isinstance(tokens, Words) or not len(unknown):
        return ids
    cut = splitter(tokens.split)
    words = [word for line in text.split("\n") for word in (*cut(line), "\n")]
    ids = ids.copy()
    for at in unknown:
        known = (number for one in variants(words[at]) if (number := tokens.id_of(one)) is not None)
        ids[at] = next(known, tokens.unknown)
    return ids


def unknown_pieces(tokens: Tokens, text: str) -> list[str]:
    """Return what of a text the vocabulary does not have, each once; the unknown token written out is asked for."""
    pieces: Iterable[str] = text if tokens.unit == "character" else text.split()
    if isinstance(tokens, Words):
        pieces = splitter(tokens.split)(text)
    return [
        piece
        for piece in dict.fromkeys(pieces)
        if piece != UNKNOWN and np.any(_closest(tokens, piece) == tokens.unknown)
    ]
