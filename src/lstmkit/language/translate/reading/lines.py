"""Two files of lines that belong together, one language each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.language.text.parts import Repeats, find_repeats
from lstmkit.language.text.reading import read_pieces

QUOTED = 40
"""Characters of a line in a complaint."""
NOTABLE = 0.01
"""Share of pairs from which on it is said that both sides are the same."""

SWAPPED = 0.5
"""Of both sides together, the share of known words by which pairs are rather known the other way round."""


@dataclass(frozen=True)
class Lines:
    """Sentences and their translations, none of them blank.

    source, target  one of each a pair
    blank           pairs that were left out, because one side is blank
    names           of the two sides
    """

    source: list[str]
    target: list[str]
    blank: int = 0
    names: tuple[str, str] = ("source", "target")

    def __len__(self) -> int:
        return len(self.source)

    def select(self, rows: NDArray[np.int64]) -> Lines:
        """Return some of the pairs."""
        source, target = ([side[row] for row in rows.tolist()] for side in (self.source, self.target))
        return Lines(source, target, 0, self.names)

    @cached_property
    def same(self) -> int:
        """Pairs whose sides are the same."""
        return sum(one.split() == other.split() for one, other in zip(self.source, self.target, strict=True))

    def notes(self) -> list[str]:
        """Return what was noticed, a line each."""
        found = []
        if self.blank:
            are = "pairs are" if self.blank > 1 else "pair is"
            found.append(f"{self.blank:,} {are} left out: a side is blank")
        if self.same == len(self):
            found.append("both sides are the same text, so nothing is translated: give another file for one of them")
        elif self.same >= NOTABLE * len(self):
            have = "pairs have" if self.same > 1 else "pair has"
            found.append(f"{self.same:,} {have} the same text on both sides")
        return found


def read_lines_of(source: str | Path, target: str | Path) -> Lines:
    """Return the pairs of two files, the first line of one belonging to the first of the other.

    Raises  InputError for whatever is wrong with a file, if they differ in the number of lines, or nothing is left
    """
    return paired(_lines(source), _lines(target), (str(source), str(target)))


def paired(source: list[str], target: list[str], names: tuple[str, str] = ("source", "target")) -> Lines:
    """Return sentences and their translations without the blank ones.

    Raises  InputError if there are not as many of each, or nothing is left
    """
    if len(source) != len(target):
        line = parting([len(text) for text in source], [len(text) for text in target])
        shown = " and ".join(repr(side[line][:QUOTED]) if line < len(side) else "nothing" for side in (source, target))
        raise InputError(
            f"{names[0]} has {len(source):,} lines, but {names[1]} has {len(target):,}; they seem to part ways about "
            f"line {line + 1:,} ({shown}): give files whose lines belong together"
        )
    kept = [k for k, (one, other) in enumerate(zip(source, target, strict=True)) if one.strip() and other.strip()]
    if not kept:
        raise InputError(f"{names[0]}: no line has text here and in {names[1]}; give sentences and their translations")
    blank = len(source) - len(kept)
    if blank:
        source, target = ([side[k] for k in kept] for side in (source, target))
    return Lines(source, target, blank, names)


def parting(source: list[int], target: list[int]) -> int:
    """Return the line, from 0 on, from which on two sides of unequal numbers of lines do not belong together.

    Lines that belong together have lengths in about the same ratio: the line is where the ratios are most even if the
    lines that one side has too many are taken out there.

    source, target  characters of each line
    """
    own, other = (np.log1p(np.array(side, np.float64)) for side in (source, target))
    if len(own) > len(other):
        own, other = other, own
    if not len(own):
        return 0
    usual = float(np.median(other) - np.median(own))
    before = np.abs(other[: len(own)] - own - usual)
    after = np.abs(other[len(other) - len(own) :] - own - usual)
    costs = np.concatenate([[0.0], np.cumsum(before)]) + np.concatenate([np.cumsum(after[::-1])[::-1], [0.0]])
    return int(np.argmin(costs))


def repeats_between(training: Lines, test: Lines) -> Repeats:
    """Return how many sentences of the test part stand in the training part with their translations."""
    tab = "\t"
    learnt, tested = (map(tab.join, zip(own.source, own.target, strict=True)) for own in (training, test))
    return find_repeats(learnt, tested, 1)


def refuse_swapped(training: Lines, other: Lines) -> None:
    """Raise InputError if the words of other pairs are those of the training pairs the other way round."""
    known = [{word for text in side for word in text.split()} for side in (training.source, training.target)]
    met = [[word for text in side for word in text.split()] for side in (other.source, other.target)]
    own, across = (
        sum(sum(word in words for word in side) / max(1, len(side)) for words, side in zip(order, met, strict=True))
        for order in (known, known[::-1])
    )
    if across > own + SWAPPED:
        raise InputError(
            f"{other.names[0]} and {other.names[1]}: look like the sides of the training pairs the other way round; "
            "give them in the order of those"
        )


def _lines(file: str | Path) -> list[str]:
    text = "".join(read_pieces(file)).split("\n")
    return text[:-1] if text[-1] == "" else text
