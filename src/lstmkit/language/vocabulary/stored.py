"""A vocabulary as a config holds it, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lstmkit.errors import InputError
from lstmkit.language.vocabulary.characters import Characters
from lstmkit.language.vocabulary.subwords import Subwords
from lstmkit.language.vocabulary.tokens import Tokens
from lstmkit.language.vocabulary.words import Words

Unit = Literal["word", "character", "subword"]


@dataclass(frozen=True)
class StoredTokens:
    """What a config says of a vocabulary.

    unit     what a token is
    symbols  how each token is shown
    split    of words
    model    of sub-words: that of sentencepiece, in base64
    """

    unit: Unit
    symbols: tuple[str, ...]
    split: str | None = None
    model: str | None = None


def tokens_from(config: StoredTokens) -> Tokens:
    """Return the vocabulary whose `config()` this is.

    Raises   InputError if it is none
    """
    try:
        if config.unit == "word":
            return Words(config.symbols, config.split or "")
        if config.unit == "character":
            return Characters(config.symbols)
        return Subwords.of(config.model or "", config.symbols)
    except (TypeError, ValueError) as error:
        raise error if isinstance(error, InputError) else InputError(f"vocabulary: {error}") from error
