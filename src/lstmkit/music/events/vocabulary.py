"""The events that a model knows, as a vocabulary of `lstmkit.language`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.vocabulary.tokens import check_symbols
from lstmkit.music.events.tokens import END, METRE, MODE, STYLE, UNKNOWN

RARE = 2
"""How often an event occurs in training at least; a rarer one is unknown."""


@dataclass(frozen=True)
class EventTokens:
    """Events, by falling count in training, after the unknown one and the end of a tune.

    symbols  V different ones, <unk> and <end> first
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        check_symbols(self.symbols, (UNKNOWN, END))

    @classmethod
    def learnt(cls, tunes: Iterable[Sequence[str]]) -> EventTokens:
        """Return the vocabulary of tunes, each a sequence of events; what stands at their head is never rare."""
        counts = Counter(token for tune in tunes for token in tune)
        kept = [t for t, n in counts.most_common() if n >= RARE or t.startswith((STYLE, METRE, MODE))]
        return cls((UNKNOWN, END, *kept))

    @property
    def unit(self) -> str:
        """What a token is."""
        return "word"

    @property
    def unknown(self) -> int:
        """The id of what is not in the vocabulary."""
        return self._ids[UNKNOWN]

    @property
    def end(self) -> int:
        """The id that ends a tune."""
        return self._ids[END]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    def ids_of(self, events: Iterable[str]) -> NDArray[np.int32]:
        """Return the ids of events, (T,)."""
        unknown = self.unknown
        return np.fromiter((self._ids.get(one, unknown) for one in events), np.int32)

    def encode(self, text: str, closed: bool = True) -> NDArray[np.int32]:
        r"""Return the ids of tunes written as events with spaces between them, a line each.

        closed   whether a last line without "\n" is ended too
        """
        found: list[str] = []
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            found += line.split(" ") if line else []
            if number < len(lines) or (closed and line):
                found.append(END)
        return self.ids_of(found)

    def decode(self, ids: Iterable[int]) -> str:
        r"""Return the text of ids; the end of a tune becomes "\n"."""
        lines = " ".join(self.symbols[one] for one in ids).split(END)
        return "\n".join(line.strip(" ") for line in lines)

    def config(self) -> dict[str, Any]:
        """Return what it is made of, as values that JSON can hold."""
        return {"symbols": list(self.symbols)}

    def choices(self, kind: str) -> list[str]:
        """Return the styles, metres or modes that there are.

        kind   STYLE, METRE or MODE
        """
        return [symbol.removeprefix(kind) for symbol in self.symbols if symbol.startswith(kind)]

    def all_of(self, kind: str) -> list[int]:
        """Return the ids of all styles, metres or modes; `kind` as in `choices`."""
        return [number for number, symbol in enumerate(self.symbols) if symbol.startswith(kind)]

    def one_of(self, kind: str, value: str, name: str) -> int:
        """Return the id of a style, metre or mode; a style may be said in the singular or the plural.

        name    how a complaint calls it
        Raises  InputError if the model does not know it; it says what there is
        """
        found = self._ids.get(kind + value)
        if found is None and kind == STYLE:  # files of jigs are often called so
            found = self._ids.get(f"{kind}{value}s", self._ids.get(kind + value.removesuffix("s")))
        if found is None:
            there = ", ".join(sorted(one for one in self.choices(kind) if one))
            raise InputError(f"{name} {value!r} is none that the model learnt; there is {there or 'none'}")
        return found
