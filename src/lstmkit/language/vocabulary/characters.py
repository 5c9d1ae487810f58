"""A vocabulary of single characters, which are code points of Unicode."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.vocabulary.tokens import UNKNOWN, check_symbols

REPLACEMENT = "\ufffd"
"""What stands for an unknown character in a text."""


@dataclass(frozen=True)
class Characters:
    r"""Characters, "\n" among them, and the unknown character.

    A combining mark is a character of its own. No text holds the unknown character: what is not in the vocabulary
    becomes it.

    symbols  V different ones, <unk> and "\n" among them
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        check_symbols(self.symbols, (UNKNOWN, "\n"))
        for symbol in self.symbols:
            if symbol != UNKNOWN and len(symbol) != 1:
                raise ValueError(f"the symbol {symbol!r} is not one character")

    @property
    def unit(self) -> str:
        """What a token is."""
        return "character"

    @cached_property
    def unknown(self) -> int:
        """The id of the unknown character."""
        return self.symbols.index(UNKNOWN)

    @cached_property
    def end(self) -> int:
        r"""The id of "\n", which ends a line."""
        return self.symbols.index("\n")

    @classmethod
    def learn(cls, lines: Iterable[str], max_size: int | None = None) -> Characters:
        r"""Return the characters of a text by falling count, "\n" among them whether it occurs or not.

        lines     the text in order, a line or any number of lines at a time
        max_size  tokens at most, <unk> and "\n" included; the rarest characters are left out
        Raises    InputError if max_size is below three
        """
        if max_size is not None and max_size < 3:
            raise InputError(f"vocabulary size {max_size}: characters need at least 3, of which two are <unk> and \\n")
        counts: Counter[str] = Counter()
        for piece in lines:
            counts.update(piece)
        line_ends = counts.pop("\n", 0)
        kept = dict(counts.most_common(None if max_size is None else max_size - 2))
        table = kept | {"\n": line_ends, UNKNOWN: counts.total() - sum(kept.values())}
        return cls(tuple(sorted(table, key=lambda symbol: -table[symbol])))

    def encode(self, text: str, closed: bool = True) -> NDArray[np.int32]:
        """Return the ids of a text, one for every character.

        text     any
        closed   without effect: a character that is not there is not invented
        Returns  (T,)
        """
        ids = map(self._ids.get, text, itertools.repeat(self.unknown))
        return np.fromiter(ids, dtype=np.int32, count=len(text))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids; the unknown character becomes U+FFFD."""
        return "".join(REPLACEMENT if token == self.unknown else self.symbols[token] for token in ids)

    def config(self) -> dict[str, Any]:
        """Return what `tokens_from` needs."""
        return {"unit": self.unit, "symbols": list(self.symbols)}

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols)}
