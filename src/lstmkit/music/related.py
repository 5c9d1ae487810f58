"""Tunes that are the same, or nearly so: folk tunes recur under several names and in several keys."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from lstmkit.errors import InputError
from lstmkit.music.tune import Tune
from lstmkit.sequences.splits import cut_off_groups

RUN = 32
"""Notes in a row, whatever the key, of which two tunes have no more than one by chance."""

Step = tuple[int, Fraction]


def melody(tune: Tune) -> list[Step]:
    """Return the highest notes of the first voice, as written: each interval from the one before, and its length."""
    highest: dict[Fraction, tuple[int, Fraction]] = {}
    for note in tune.voices[0].notes:
        if not note.grace and note.pitch >= highest.get(note.onset, (-1, Fraction(0)))[0]:
            highest[note.onset] = (note.pitch, note.duration)
    line = [highest[onset] for onset in sorted(highest)]
    return [(b[0] - a[0], b[1]) for a, b in itertools.pairwise(line)]


def runs(tune: Tune, length: int = RUN) -> set[int]:
    """Return a number for each run of notes in a melody; of a shorter one, for the whole."""
    steps = melody(tune)
    return _runs(steps, min(length - 1, len(steps)))


def _runs(steps: Sequence[Step], wide: int) -> set[int]:
    """Return a number for each run of so many steps."""
    hashes = [hash(step) for step in steps]  # once each: those of fractions take long
    return {hash(tuple(hashes[k : k + wide])) for k in range(len(steps) - wide + 1)}


def families(tunes: Sequence[Tune], length: int = RUN) -> list[int]:
    """Return a number for each tune, the same for tunes that share a run of notes, or are related through others."""
    parents = list(range(len(tunes)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    first: dict[int, int] = {}
    for number, tune in enumerate(tunes):
        for run in runs(tune, length):
            parents[root(number)] = root(first.setdefault(run, number))
    return [root(number) for number in range(len(tunes))]


def count_related(tunes: Sequence[Tune], known: Sequence[Tune]) -> int:
    """Return how many tunes are of a family of tunes that are known."""
    groups = families([*known, *tunes])
    there = set(groups[: len(known)])
    return sum(group in there for group in groups[len(known) :])


class Known:
    """Runs of notes of many tunes, by length, to see how much of another is among them.

    tunes  those that were learnt from
    """

    def __init__(self, tunes: Sequence[Tune]) -> None:
        self._melodies = [melody(tune) for tune in tunes]
        self._runs: dict[int, set[int]] = {}

    def longest_run(self, tune: Tune, most: int = 64) -> int:
        """Return how many notes in a row a tune has in common with one of them, whatever the key; `most` at most."""
        steps, low, high = melody(tune), 0, most - 1
        while low < high:  # of a run that is known every part is
            wide = (low + high + 1) // 2
            low, high = (wide, high) if _runs(steps, wide) & self._of(wide) else (low, wide - 1)
        return low + 1 if low else 0

    def _of(self, wide: int) -> set[int]:
        if wide not in self._runs:
            self._runs[wide] = set().union(*(_runs(own, wide) for own in self._melodies))
        return self._runs[wide]


def divided(tunes: Sequence[Tune], share: float, seed: int) -> tuple[list[Tune], list[Tune]]:
    """Return the tunes that stay, and those cut off: whole families, of each style if possible.

    Raises  InputError if there are too few families
    """
    kept, cut = places_divided(tunes, share, seed, "tunes")
    return [tunes[k] for k in kept], [tunes[k] for k in cut]


def places_divided(tunes: Sequence[Tune], share: float, seed: int, kind: str) -> tuple[list[int], list[int]]:
    """Return where the tunes stand that stay, and those cut off; see `divided`.

    kind    what a complaint calls them, in the plural
    """
    groups = [str(one) for one in families(tunes)]
    if len(set(groups)) < 2:
        raise InputError(f"too few {kind} to hold some back: {len(tunes):,}, of one family; give more")
    names = sorted({tune.style for tune in tunes})
    counts = np.array([len({g for g, t in zip(groups, tunes, strict=True) if t.style == name}) for name in names])
    classes = np.array([names.index(tune.style) for tune in tunes], np.int64)
    classes[counts[classes] < 3] = 0  # of a style with hardly a family nothing need be held back
    kept, cut = cut_off_groups(groups, classes, share, seed)
    return kept.tolist(), cut.tolist()
