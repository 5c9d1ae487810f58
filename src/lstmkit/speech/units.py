"""What the heads of a recogniser tell apart: words, phones, characters or parts of words.

Of a head with U units, number 0 is the blank of CTC and number k the k-th unit. A phone that ends a word is a unit of
its own, written with `FINAL` behind it: so words can be told from a row of phones.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.language.vocabulary.subwords import SPACE, Subwords
from lstmkit.speech.lexicon import Lexicon

KINDS = ("word", "phone", "character", "subword")
FINAL = "|"
"""Behind a phone that ends a word."""
GAP = " "
"""The character between two words."""
MOST_WORDS, FEWEST = 2000, 5
"""Different words up to which they are units by themselves where nobody asks for units, and how often each was said at
least, in the mean."""

Numbers = tuple[int, ...]
"""Units in order, from 1 on; 0 is the blank."""


@dataclass(frozen=True)
class Units:
    """The units of a head.

    kind     one of `KINDS`
    symbols  how each is written, in the order of their numbers from 1 on
    model    of sub-words: that of sentencepiece, in base64
    """

    kind: str
    symbols: tuple[str, ...]
    model: str | None = None

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each symbol."""
        return {symbol: number for number, symbol in enumerate(self.symbols, 1)}

    @cached_property
    def _subwords(self) -> Subwords:
        return Subwords.of(self.model or "", self.symbols)

    def encode(self, words: Sequence[str]) -> Numbers | None:
        """Return the numbers of what is said; None if something is no unit. Phones need `pronunciations`."""
        if self.kind == "subword":
            found = self._subwords.encode(GAP.join(words), closed=False).tolist()
            return None if self._subwords.unknown in found else tuple(one + 1 for one in found)
        symbols = words if self.kind == "word" else GAP.join(words)
        numbers = [self.numbers.get(symbol, 0) for symbol in symbols]
        return None if 0 in numbers else tuple(numbers)

    def pronunciations(self, lexicon: Lexicon) -> dict[str, tuple[Numbers, ...]]:
        """Return the words of a lexicon in numbers of phones; words with phones that are no units are left out."""
        found = {}
        for word, several in lexicon.words.items():
            spoken = [tuple(self.numbers.get(one, 0) for one in _marked(phones)) for phones in several]
            known = tuple(own for own in spoken if 0 not in own)
            if known:
                found[word] = known
        return found

    def joined(self, parts: Sequence[Numbers]) -> Numbers:
        """Return what is said one after the other."""
        if self.kind != "character" or len(parts) < 2:
            return tuple(number for part in parts for number in part)
        gap, found = self.numbers.get(GAP), list(parts[0])
        for part in parts[1:]:
            found += ([] if gap is None else [gap]) + list(part)
        return tuple(found)

    def words(self, numbers: Iterable[int]) -> list[str]:
        """Return the words that units spell; phones are joined, for they spell none without a lexicon."""
        symbols = [self.symbols[number - 1] for number in numbers]
        if self.kind == "word":
            return symbols
        if self.kind == "phone":
            return "".join(one.replace(FINAL, GAP) for one in symbols).split()
        return "".join(symbols).replace(SPACE, GAP).split()


def steps_needed(numbers: Numbers) -> int:
    """Return how many steps units take at least: one each, and a blank between two that are equal."""
    return len(numbers) + sum(a == b for a, b in itertools.pairwise(numbers))


def _marked(phones: Sequence[str]) -> tuple[str, ...]:
    return (*phones[:-1], phones[-1] + FINAL)


def learn_units(kind: str, words: Sequence[Sequence[str]], lexicon: Lexicon | None = None, size: int = 256) -> Units:
    """Return the units of transcripts.

    kind     one of `KINDS`
    words    of each transcript
    lexicon  for phones
    size     how many sub-words
    Raises   InputError if phones are asked for without a lexicon
    """
    said = {word for line in words for word in line}
    if kind == "word":
        return Units(kind, tuple(sorted(said)))
    if kind == "phone":
        if lexicon is None:
            raise InputError("units: phones need a lexicon; give --lexicon, or take other units")
        spoken = {one for several in lexicon.words.values() for own in several for one in _marked(own)}
        return Units(kind, tuple(sorted(spoken)))
    if kind == "character":
        letters = {letter for word in said for letter in word}
        return Units(kind, tuple(sorted(letters | ({GAP} if any(len(line) > 1 for line in words) else set()))))
    learnt = Subwords.learn((f"{GAP.join(line)}\n" for line in words), size)
    return Units(kind, learnt.symbols, learnt.config()["model"])


def usual_kinds(words: Sequence[Sequence[str]], lexicon: Lexicon | None) -> tuple[str, ...]:
    """Return the units that a recogniser has where nobody asks for others: all that can be learnt."""
    counts = Counter(word for line in words for word in line)
    few = len(counts) <= MOST_WORDS and counts.total() >= FEWEST * len(counts)
    return (*(("word",) if few else ()), *(("phone",) if lexicon is not None else ()), "character")


def unknown_letters(units: Units, texts: Sequence[Sequence[str]]) -> str:
    """Return a line about characters of texts that are no units, "" if there are none."""
    missing = sorted({letter for line in texts for letter in GAP.join(line)} - set(units.symbols))
    if units.kind != "character" or not missing:
        return ""
    return f"characters that no transcript of the training part has, so that they are never told: {shorten(missing)}"
