"""From sentences to their translations: what is searched for, and what is made of what is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.language.translate.network import TranslationNetwork
from lstmkit.language.translate.reading.sides import Sides
from lstmkit.language.translate.reading.words import (
    Link,
    copies,
    cut_text,
    links_between,
    surfaces,
    word_numbers,
    written_text,
)
from lstmkit.language.translate.search import Hypothesis, SearchSettings, write_sequences
from lstmkit.language.writing.sampling import SamplingSettings


@dataclass(frozen=True)
class Translation:
    """A translation of a sentence.

    text       of it
    log_prob   natural logarithm of its probability
    score      by which it was compared with others
    ended      whether it came to an end, not only to the longest length
    links      which word that was read each word was written of; empty without attention
    read, written  the tokens of both sides as text
    attention  (T, S) of these, or None without attention, or where the sentence was translated in parts
    """

    text: str
    log_prob: float
    score: float
    ended: bool
    links: tuple[Link, ...]
    read: tuple[str, ...]
    written: tuple[str, ...]
    attention: NDArray[np.float32] | None


@dataclass(frozen=True)
class Manner:
    """How sentences are translated.

    search    beam, lengths
    sampling  None: the best that the search finds; else one is drawn of what is likely
    seed      of what is drawn
    prefix    words with which every translation begins
    copy      whether unknown words that are written are replaced by what was read
    """

    search: SearchSettings
    sampling: SamplingSettings | None = None
    seed: int = 0
    prefix: str = ""
    copy: bool = True


def translate_texts(
    networks: Sequence[TranslationNetwork], sides: Sides, texts: Sequence[str], manner: Manner
) -> list[list[Translation]]:
    """Return the translations of each sentence, the best first; that of a blank one is blank.

    Of several networks the mean of their probabilities counts.

    A sentence longer than the longest that was learnt from is translated in parts: no network writes well what is
    longer than all it has seen.
    """
    lines = [" ".join(text.split()) for text in texts]
    lines = [line.lower() for line in lines] if sides.lowercase else lines
    pieces: list[str] = []
    owners: list[list[int]] = []
    for line in lines:
        parts = cut_text(sides.source, line, sides.longest) if line else []
        owners.append(list(range(len(pieces), len(pieces) + len(parts))))
        pieces += [part.strip() for part in parts]
    found = _translated(networks, sides, pieces, manner)
    return [_joined([found[k] for k in own], [pieces[k] for k in own]) for own in owners]


def _translated(
    networks: Sequence[TranslationNetwork], sides: Sides, texts: Sequence[str], manner: Manner
) -> list[list[Translation]]:
    """Return the translations of sentences that are short enough, none of them blank."""
    prefix = sides.written([manner.prefix])[0].tolist()
    banned = _banned(sides, manner)
    found = write_sequences(networks, sides.read(texts), manner.search, manner.sampling, manner.seed, prefix, banned)
    return [
        [_shown(sides, text, one, manner.copy) for one in hypotheses]
        for text, hypotheses in zip(texts, found, strict=True)
    ]


def _banned(sides: Sides, manner: Manner) -> list[int]:
    return [sides.target.unknown] if manner.sampling is not None and manner.sampling.ban_unknown else []


def _shown(sides: Sides, text: str, one: Hypothesis, copy: bool) -> Translation:
    """Return a hypothesis as text, with the words that belong together."""
    read = surfaces(sides.source, text)
    own = copies(one.tokens, sides.target.unknown, one.attention, read) if copy else {}
    shown = written_text(sides.target, one.tokens, own)
    symbols = sides.target.symbols
    written = [own.get(k, symbols[token]) for k, token in enumerate(one.tokens.tolist())]
    links: list[Link] = []
    if one.attention is not None and len(one.tokens):
        links = links_between(one.attention, word_numbers(read, text), word_numbers(written, shown))
    return Translation(
        shown, one.log_prob, one.score, one.ended, tuple(links), tuple(read), tuple(written), one.attention
    )


def _joined(parts: Sequence[Sequence[Translation]], texts: Sequence[str]) -> list[Translation]:
    """Return the translations of a sentence from those of its parts; of several parts, the best."""
    if not parts:
        return [Translation("", 0.0, 0.0, True, (), (), (), None)]
    if len(parts) == 1:
        return list(parts[0])
    best = [own[0] for own in parts]
    links: list[Link] = []
    before, after = 0, 0
    for one, text in zip(best, texts, strict=True):
        links += [(own + before, other + after) for own, other in one.links]
        before += len(text.split())
        after += len(one.text.split())
    return [
        Translation(
            " ".join(one.text for one in best),
            sum(one.log_prob for one in best),
            sum(one.score for one in best) / len(best),
            all(one.ended for one in best),
            tuple(links),
            tuple(part for one in best for part in one.read),
            tuple(part for one in best for part in one.written),
            None,
        )
    ]
