"""What a vocabulary is to the rest: text to ids and back. `Words`, `Characters` and `Subwords` are the three there are.

Ids are int32, 0 to V - 1. A text is a row of ids in which the id `end` follows every finished line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

UNKNOWN, END = "<unk>", "<eos>"
"""How what is not in the vocabulary, and the end of a line of words, are shown."""

PLURALS = {"word": "words", "character": "characters", "subword": "sub-words"}
"""What a token may be, and how many of them are called."""

UNITS = tuple(PLURALS)


class Tokens(Protocol):
    """A vocabulary of V tokens. It is never changed after it was learnt."""

    @property
    def unit(self) -> str:
        """One of UNITS."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """How each token is shown; words are sorted by falling count in the training text."""

    @property
    def unknown(self) -> int:
        """The id of what is not in the vocabulary."""

    @property
    def end(self) -> int:
        """The id that ends a line."""

    def encode(self, text: str, closed: bool = True) -> NDArray[np.int32]:
        r"""Return the ids of a text.

        text     of any number of lines; each "\n" becomes `end`
        closed   whether a last line without "\n" is ended too: words and sub-words only, a character is never invented
        Returns  (T,)
        """

    def decode(self, ids: Iterable[int]) -> str:
        r"""Return the text of ids; `end` becomes "\n"."""

    def config(self) -> dict[str, Any]:
        """Return what `tokens_from` needs, as values that JSON can hold."""


def check_symbols(symbols: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """Check the symbols of a vocabulary that is made or read.

    Raises   TypeError if one is no text; ValueError if two are equal or a needed one is missing
    """
    for symbol in symbols:
        if not isinstance(symbol, str):
            raise TypeError(f"the symbol {symbol!r} is no text")
    if len(set(symbols)) < len(symbols):
        raise ValueError("a symbol occurs twice in the vocabulary")
    for symbol in needed:
        if symbol not in symbols:
            raise ValueError(f"the vocabulary lacks {symbol!r}")
