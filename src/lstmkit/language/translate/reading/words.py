"""Tokens of a sentence and the words that they are parts of: for alignments, and for what is copied."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.vocabulary import Subwords, Tokens, Words
from lstmkit.language.vocabulary.splitting import join_words, splitter
from lstmkit.language.vocabulary.subwords import SPACE

Link = tuple[int, int]
"""A word that was read, and one that was written of it; both are counted from 0, between white space."""


def surfaces(tokens: Tokens, text: str) -> list[str]:
    """Return what stands in a line for each of its tokens, unknown ones too."""
    if isinstance(tokens, Words):
        return splitter(tokens.split)(text)
    return tokens.pieces(text) if isinstance(tokens, Subwords) else list(text)


def written_text(tokens: Tokens, ids: NDArray[np.int64], copied: Mapping[int, str]) -> str:
    """Return the text of tokens that were written.

    copied  what stands in place of the tokens at some positions
    """
    if not copied:
        return tokens.decode(ids.tolist())
    shown = [copied.get(k, tokens.symbols[token]) for k, token in enumerate(ids.tolist())]
    if isinstance(tokens, Words):
        return join_words(shown, tokens.split)
    text = "".join(shown)
    return text.replace(SPACE, " ").strip() if isinstance(tokens, Subwords) else text


def copies(
    ids: NDArray[np.int64], unknown: int, attention: NDArray[np.float32] | None, read: Sequence[str]
) -> dict[int, str]:
    """Return what unknown tokens that were written are replaced by: what was read where most attention was.

    ids        (T,) that were written
    attention  (T, S), or None: nothing is known
    read       S texts of the tokens that were read
    Source     Luong et al. 2015, arXiv 1410.8206
    """
    if attention is None or not read:
        return {}
    return {int(k): read[int(attention[k].argmax())] for k in np.flatnonzero(ids == unknown)}


def word_numbers(parts: Sequence[str], text: str) -> list[int]:
    """Return which word between white space each part of a text belongs to, from 0 on; -1 of what is no word.

    parts  in the order in which they stand in the text
    """
    starts = [found.start() for found in re.finditer(r"\S+", text)]
    at, numbers = 0, []
    for part in parts:
        plain = part.replace(SPACE, "").strip()
        found = text.find(plain, at) if plain else -1
        if found < 0:
            numbers.append(-1)
            continue
        numbers.append(bisect_right(starts, found) - 1)
        at = found + len(plain)
    return numbers


def links_between(attention: NDArray[np.float32], read: Sequence[int], written: Sequence[int]) -> list[Link]:
    """Return for every word that was written the word that was read where most attention was.

    attention      (T, S) of the tokens
    read, written  word of each token, -1 of none
    """
    rows, columns = np.array(written, np.int64), np.array(read, np.int64)
    if not (rows >= 0).any() or not (columns >= 0).any():
        return []
    shares = np.zeros((rows.max() + 1, columns.max() + 1))
    inside = np.ix_(rows >= 0, columns >= 0)
    np.add.at(shares, (rows[rows >= 0][:, None], columns[columns >= 0][None, :]), attention[inside])
    return [(int(shares[word].argmax()), word) for word in np.unique(rows[rows >= 0]).tolist()]


def pharaoh(links: Sequence[Link]) -> str:
    """Return links as word alignments are written: 0-0 1-2 2-1."""
    return " ".join(f"{one}-{other}" for one, other in links)


def cut_text(tokens: Tokens, text: str, most: int) -> list[str]:
    """Return a line in parts of at most `most` tokens, cut after marks where there are some, else between words."""
    if len(surfaces(tokens, text)) <= most:
        return [text]
    parts: list[str] = []
    held: list[tuple[str, int]] = []
    for word in re.findall(rf"\S{{1,{most}}}\s*", text):
        size = max(1, len(surfaces(tokens, word.strip())))
        while held and sum(own for _, own in held) + size > most:
            cut = _last_mark(held)
            parts.append("".join(own for own, _ in held[:cut]))
            held = held[cut:]
        held.append((word, size))
    return [*parts, "".join(own for own, _ in held)]


def _last_mark(words: Sequence[tuple[str, int]]) -> int:
    """Return after how many words a text is best cut: after the last mark in the second half, or all."""
    for signs in (".!?。！？", ";:,、，；"):  # noqa: RUF001
        for k in range(len(words), len(words) // 2, -1):
            if words[k - 1][0].rstrip()[-1:] in signs:
                return k
    return len(words)
