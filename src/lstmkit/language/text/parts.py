"""Training, validation and test files of a folder, told by their names; lines of the test part that were learnt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from lstmkit.sequences.splits import PARTS

TELLING = 5
"""Words that a line must have to count: shorter ones, such as headings, are in many texts."""


def parts_of(folder: Path, files: Iterable[Path]) -> dict[str, tuple[Path, ...]]:
    """Return the files of each part of a folder, or nothing where it has no training part with another beside it.

    folder  whose inner folders may name the parts, as files do: ptb.train.txt, wiki.valid.tokens, test/001.txt
    files   in it; those that name no part, or several, belong to none
    """
    found: dict[str, list[Path]] = {}
    for file in files:
        words = [re.split(r"[\W_]+", place.lower()) for place in file.relative_to(folder).parts]
        named = {PARTS[word] for place in words for word in place if word in PARTS}
        if len(named) == 1:
            found.setdefault(named.pop(), []).append(file)
    if "train" not in found or len(found) == 1:
        return {}
    return {part: tuple(found[part]) for part in ("train", "valid", "test") if part in found}


class Repeats(NamedTuple):
    """Lines, or rows, of a test part that stand word for word in what is learnt from.

    repeated  of them
    compared  how many there are, of lines those of TELLING words and more
    """

    repeated: int
    compared: int

    @property
    def share(self) -> float:
        """In percent of those compared; 0 where there are none."""
        return 100 * self.repeated / self.compared if self.compared else 0.0

    @property
    def notable(self) -> bool:
        """Whether they are more than what people say twice: from 1 % on, the test part is not called unseen."""
        return self.share >= 1

    def note(self, what: str) -> str:
        """Return a sentence about them, or "" without any.

        what  they are: "lines", "rows"
        """
        if not self.repeated:
            return ""
        whole = "all" if self.repeated == self.compared else f"{self.repeated:,} of {self.compared:,}"
        flattered = ": the scores flatter whoever knows them by heart" if self.notable else ""
        return (
            f"{whole} {what} of the test part ({self.share:.3g} %) stand word for word in the training part{flattered}"
        )


def find_repeats(learnt: Iterable[str], tested: Iterable[str], least: int = TELLING) -> Repeats:
    """Compare two parts; memory grows with the test part only.

    learnt, tested  lines or rows; white space around and between words does not count
    least           words of a line that counts
    """
    wanted: Counter[int] = Counter()
    for line in tested:
        words = line.split()
        if len(words) >= least:
            wanted[hash(" ".join(words))] += 1
    left = dict(wanted)
    for line in learnt:
        if not left:
            break
        left.pop(hash(" ".join(line.split())), None)
    repeated = wanted.total() - sum(left.values())
    return Repeats(repeated, wanted.total())
