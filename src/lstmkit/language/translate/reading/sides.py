"""The vocabularies of both sides of a translation, and how often each of their tokens is met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.language.text.corpus import VocabularySettings, learn_tokens
from lstmkit.language.text.rows import encode_texts
from lstmkit.language.translate.reading.lines import Lines
from lstmkit.language.vocabulary import Tokens
from lstmkit.sequences import Ragged

TELLING = 4
"""Tokens from which on a text tells its language."""
CLEARLY = 0.7
"""Nats a token by which a text is likelier in the other language, so that it is said."""


@dataclass(frozen=True)
class Sides:
    """What is read, and what is written.

    source, target  vocabularies, perhaps one and the same
    lowercase       whether texts are read, and written, in lower case
    shares          natural logarithm of how often each token was met in training, (V,) each, of each side
    longest         tokens of the longest sentence that was learnt from: of a longer one, nobody knows how it is written
    """

    source: Tokens
    target: Tokens
    lowercase: bool
    shares: tuple[Tensor, Tensor]
    longest: int = 1

    @classmethod
    def learn(cls, lines: Lines, unit: str, settings: VocabularySettings, joint: bool, lowercase: bool) -> Sides:
        """Learn the vocabularies of pairs.

        joint   whether both sides have one vocabulary
        Raises  InputError if the settings do not suit the unit, or the texts
        """
        source, target = ((_ended(side, lowercase)) for side in (lines.source, lines.target))
        if joint:
            own = other = learn_tokens([*source, *target], unit, settings)
        else:
            own, other = (learn_tokens(side, unit, settings) for side in (source, target))
        shares = (_shares(own, lines.source, lowercase), _shares(other, lines.target, lowercase))
        return cls(own, other, lowercase, shares)

    @property
    def joint(self) -> bool:
        """Whether both sides have one vocabulary."""
        return self.source is self.target

    def same_as(self, other: Sides) -> bool:
        """Whether texts become the same ids on both sides."""
        return (self.source, self.target, self.lowercase) == (other.source, other.target, other.lowercase)

    def read(self, texts: Sequence[str]) -> Ragged:
        """Return sentences to be read as ids."""
        return encode_texts(self.source, texts, self.lowercase)

    def written(self, texts: Sequence[str]) -> Ragged:
        """Return sentences that were written as ids."""
        return encode_texts(self.target, texts, self.lowercase)

    def otherwise(self, texts: Sequence[str]) -> bool:
        """Whether texts to be read look like what is written: clearly likelier there, token by token."""
        read, written = self.read(texts), self.written(texts)
        if min(len(read.values), len(written.values)) < TELLING:
            return False
        own, other = (
            float(shares[torch.from_numpy(ids.values.astype(np.int64))].sum())
            for ids, shares in zip((read, written), self.shares, strict=True)
        )
        return other - own > CLEARLY * max(len(read.values), len(written.values))

    def refuse_swapped(self, lines: Lines) -> None:
        """Raise InputError if what is to be read and its translations look like each other's language."""
        if self.otherwise(lines.source) and not self.otherwise(lines.target):
            raise InputError(
                f"{lines.names[0]}: looks like the language that the model writes, and {lines.names[1]} like the one "
                "that it reads; give them the other way round, or take a model of the other direction"
            )


def _ended(texts: Sequence[str], lowercase: bool) -> Iterable[str]:
    return [(text.lower() if lowercase else text) + "\n" for text in texts]


def _shares(tokens: Tokens, texts: Sequence[str], lowercase: bool) -> Tensor:
    """Return the natural logarithm of the share of each token in texts, one occurrence added to every token's."""
    ids: NDArray[np.int32] = encode_texts(tokens, texts, lowercase).values
    counts = np.bincount(ids, minlength=len(tokens.symbols)) + 1.0
    found: Tensor = torch.from_numpy(np.log(counts / counts.sum())).float()
    return found
