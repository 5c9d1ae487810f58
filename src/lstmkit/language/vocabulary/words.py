"""A vocabulary of whole words."""

from __future__ import annotations

import itertools
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.vocabulary.splitting import ALL_SPLITS, SPLITS, find_split, join_words, splitter
from lstmkit.language.vocabulary.tokens import END, UNKNOWN, check_symbols
from lstmkit.ranges import whole

LOOK_AT = 1 << 20
"""Characters at the beginning of a text from which is found whether it is tokenised already."""


@dataclass(frozen=True)
class Words:
    """Words, the unknown word, and the end of a line.

    A word of the text that reads "<unk>" is the unknown word, as in texts prepared so. One that reads "<eos>" is
    unknown too: only a line that ends is the end of a line.

    symbols  V different words, <unk> and <eos> among them; learnt ones by falling count
    split    one of ALL_SPLITS; see `lstmkit.language.vocabulary.splitting`
    """

    symbols: tuple[str, ...]
    split: str = "space"

    def __post_init__(self) -> None:
        check_symbols(self.symbols, (UNKNOWN, END))
        if self.split not in ALL_SPLITS:
            raise ValueError(f"split {self.split!r} is none of {', '.join(ALL_SPLITS)}")

    @property
    def unit(self) -> str:
        """What a token is."""
        return "word"

    @cached_property
    def unknown(self) -> int:
        """The id of <unk>."""
        return self.symbols.index(UNKNOWN)

    @cached_property
    def end(self) -> int:
        """The id of <eos>, which ends a line."""
        return self.symbols.index(END)

    @classmethod
    def learn(
        cls, lines: Iterable[str], split: str = "auto", min_count: int | None = None, max_size: int | None = None
    ) -> Words:
        """Return the words of a text by falling count; equal counts in the order of appearance.

        lines      the text in order, a line or any number of lines at a time
        split      "space", "punctuation", or "auto": found from the first MiB
        min_count  rarer words are unknown; None means 1 if the text has <unk> of its own, else 2, so that the model
                   meets the unknown word; 1 too where no word occurs twice
        max_size   tokens at most, <unk> and <eos> included
        Raises     InputError if no word would be left
        """
        _check_limits(split, min_count, max_size)
        pieces = iter(lines)
        if split == "auto":
            split, pieces = _looked_at(pieces)
        counts, line_ends = _count(pieces, split)
        outside = counts.pop(END, 0)
        marked = counts.pop(UNKNOWN, 0)
        if not counts:
            raise InputError("the training part holds no words; give a longer text")
        most = max(counts.values())
        if min_count is None:
            min_count = 1 if marked or most == 1 else 2
        elif most < min_count:
            raise InputError(
                f"min_count {min_count}: no word occurs so often, the most frequent {most} times; lower it"
            )
        ranked = [word for word, count in counts.most_common() if count >= min_count]
        kept = ranked if max_size is None else ranked[: max_size - 2]
        unknown = marked + outside + counts.total() - sum(counts[word] for word in kept)
        table = {word: counts[word] for word in kept} | {UNKNOWN: unknown, END: line_ends}
        return cls(tuple(sorted(table, key=lambda word: -table[word])), split)

    def encode(self, text: str, closed: bool = True) -> NDArray[np.int32]:
        r"""Return the ids of a text; each "\n" becomes <eos>.

        text     of any number of lines
        closed   whether a last line without "\n" is ended too
        Returns  (T,)
        """
        lookup, cut, unknown, end = self._ids.get, splitter(self.split), itertools.repeat(self.unknown), self.end
        *finished, last = text.split("\n")
        ids = array("i")
        for line in finished:
            ids.extend(map(lookup, cut(line), unknown))
            ids.append(end)
        ids.extend(map(lookup, cut(last), unknown))
        if last and closed:
            ids.append(end)
        return np.array(ids, dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        r"""Return the text of ids; <eos> becomes "\n", and prose gets its marks where they belong."""
        lines: list[list[str]] = [[]]
        for token in ids:
            if token == self.end:
                lines.append([])
            else:
                lines[-1].append(self.symbols[token])
        return "\n".join(join_words(line, self.split) for line in lines)

    def config(self) -> dict[str, Any]:
        """Return what `tokens_from` needs."""
        return {"unit": self.unit, "split": self.split, "symbols": list(self.symbols)}

    def id_of(self, word: str) -> int | None:
        """Return the id of a word, None where the vocabulary does not have it."""
        return self._ids.get(word)

    def words_starting_with(self, prefix: str) -> NDArray[np.int32]:
        """Return the ids of the words that begin with a prefix, in alphabetical order; never <unk> and <eos>.

        The order is that of code points. Every prefix is one slice of it, found in O(log V).
        """
        size = len(prefix)
        first = bisect_left(self._sorted, prefix, key=lambda word: word[:size])
        last = bisect_right(self._sorted, prefix, lo=first, key=lambda word: word[:size])
        return self.alphabetical[first:last]

    @cached_property
    def alphabetical(self) -> NDArray[np.int32]:
        """(V - 2,) the ids of all words but <unk> and <eos>, in the order of code points."""
        return np.array([self._ids[word] for word in self._sorted], dtype=np.int32)

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(word for word in self.symbols if word not in (UNKNOWN, END))

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.symbols) if word != END}


def _check_limits(split: str, min_count: int | None, max_size: int | None) -> None:
    if split not in ("auto", *SPLITS):
        raise InputError(f"split {split!r} is not one of auto, {', '.join(SPLITS)}")
    if min_count is not None:
        whole("min_count", min_count)
    if max_size is not None and max_size < 3:
        raise InputError(f"vocabulary size {max_size}: words need at least 3, of which <unk> and <eos> are two")


def _looked_at(pieces: Iterator[str]) -> tuple[str, Iterator[str]]:
    """Return the split found from the first MiB, and all pieces again."""
    held: list[str] = []
    size = 0
    while size < LOOK_AT and (piece := next(pieces, "")):
        held.append(piece)
        size += len(piece)
    return find_split("".join(held)[:LOOK_AT]), itertools.chain(held, pieces)


def _count(pieces: Iterator[str], split: str) -> tuple[Counter[str], int]:
    """Return how often each word occurs, and how many lines there are."""
    counts: Counter[str] = Counter()
    cut, line_ends, last = splitter(split), 0, "\n"
    for piece in pieces:
        counts.update(cut(piece))
        line_ends += piece.count("\n")
        last = piece[-1:] or last
    return counts, line_ends + (last != "\n")
