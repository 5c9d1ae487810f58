"""Which recordings are learnt from, which say how well it goes, and which are scored: whole speakers where possible."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lstmkit.data.series import shorten
from lstmkit.errors import InputError
from lstmkit.sequences import cut_off, cut_off_groups
from lstmkit.speech.manifest import Manifest, refuse_shared
from lstmkit.speech.scoring import words_of

TEST_SHARE, VALID_SHARE = 0.15, 0.1
"""Of the recordings that are held back where no list is given."""
FEWEST = 3
"""Recordings of which one is held back to score, and one to validate."""


@dataclass(frozen=True)
class Divided:
    """The recordings by what they are for, and what was noticed."""

    training: Manifest
    held: Manifest
    test: Manifest
    notes: tuple[str, ...] = ()


def how_many(count: int, what: str) -> str:
    """Return a number of things in words: 1 recording, 2 recordings."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def divide(place: str, given: Manifest, valid: Manifest | None, test: Manifest | None, seed: int) -> Divided:
    """Return recordings by what they are for.

    place        of the list, for a message
    valid, test  as they are given; None holds some back: whole speakers where three are known, else at random
    Raises       InputError if there are too few, or one is both learnt from and scored
    """
    notes: list[str] = []
    if test is None:
        given, test, own = _cut(place, given, TEST_SHARE, seed)
        notes += [f"{how_many(len(test), 'recording')} {own} held back to score"]
    else:
        notes += refuse_shared(given, test)
    if valid is None:
        given, valid, own = _cut(place, given, VALID_SHARE, seed)
        notes += [f"{how_many(len(valid), 'recording')} {own} held back to validate"]
    else:
        refuse_shared(given, valid)
    return Divided(given, valid, test, (*notes, *_same_sentences(given, test)))


def _cut(place: str, given: Manifest, share: float, seed: int) -> tuple[Manifest, Manifest, str]:
    """Return what stays, what is cut off, and of whom that is."""
    if len(given) < FEWEST:
        raise InputError(
            f"{place}: {len(given)} recordings are too few to hold some back; give more, or --valid and --test"
        )
    none = np.zeros(len(given), np.int64)
    if len(given.speakers) >= FEWEST:
        groups = [f"={k}" if one.speaker is None else f"+{one.speaker}" for k, one in enumerate(given.utterances)]
        stay, cut = cut_off_groups(groups, none, share, seed)
        held = sorted({str(given.utterances[row].speaker) for row in cut.tolist()})
        own = f"of {how_many(len(held), 'speaker')} ({shorten(held)})"
    else:
        stay, cut = cut_off(none, max(share, 1 / len(given)), seed)
        own = "at random"
    parts = [replace(given, utterances=tuple(given.utterances[row] for row in rows.tolist())) for rows in (stay, cut)]
    return parts[0], parts[1], own


def _same_sentences(training: Manifest, test: Manifest) -> list[str]:
    known = {tuple(words_of(str(one.text))) for one in training.utterances}
    same = sum(tuple(words_of(str(one.text))) in known for one in test.utterances)
    if not same:
        return []
    return [
        f"{same:,} of the {len(test):,} sentences that are scored are said in the training part too: n-grams know them "
        "better than they will know others"
    ]
