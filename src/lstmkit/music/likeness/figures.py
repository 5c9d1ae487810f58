"""Figures of one tune that say what it is like."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.music.abc import read_abc, write_abc
from lstmkit.music.related import melody
from lstmkit.music.tune import Tune, lengths_of_bars, uneven_bars

BACK = (1, 2, 4, 8)
"""Bars after which a bar may come again."""
WIDEST = 12
"""Half tones of an interval; a wider one counts as so many."""
LENGTHS = (Fraction(1, 32), Fraction(1, 16), Fraction(3, 32), Fraction(1, 8), Fraction(3, 16), Fraction(1, 4),
           Fraction(3, 8), Fraction(1, 2))  # fmt: skip
"""Of notes that are told apart; another counts as the next longer one."""

Bar = tuple[tuple[Fraction, int], ...]
"""Notes of a bar: when each begins, since the bar line, and its pitch."""


def comes_back(tune: Tune) -> float:
    """Return whether a tune has the same notes after it was written as ABC and read again."""
    return float(read_abc(write_abc([tune])).tunes[0].notes == tune.notes)


def bars_right(tune: Tune) -> float:
    """Return whether all bars are as long as the metre says."""
    return float(not uneven_bars(tune))


def ends_at_home(tune: Tune) -> float:
    """Return whether the last note is the tonic."""
    return float(tune.notes[-1].pitch % 12 == tune.key.pitch_class)


def in_key(tune: Tune) -> float:
    """Return the share of notes that belong to the key."""
    return float(np.mean([note.pitch % 12 in tune.key.scale for note in tune.notes]))


def entropy(tune: Tune) -> float:
    """Return the entropy of the pitch classes, in bits."""
    shares = np.bincount([note.pitch % 12 for note in tune.notes], minlength=12) / len(tune.notes)
    return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())


def mean_interval(tune: Tune) -> float:
    """Return the mean step from note to note, in half tones."""
    return float(np.mean([abs(step) for step, _ in melody(tune)] or [0]))


def bars_of(tune: Tune) -> list[Bar]:
    """Return what sounds in each bar."""
    notes = tune.notes
    onsets, found = [note.onset for note in notes], []
    for onset, length, _ in lengths_of_bars(tune):
        own = notes[bisect_left(onsets, onset) : bisect_left(onsets, onset + length)]
        found.append(tuple((note.onset - onset, note.pitch) for note in own))
    return found


def recurring(tune: Tune) -> float:
    """Return the share of bars whose notes are those of another bar of the tune."""
    counts = Counter(bars_of(tune))
    return sum(count for count in counts.values() if count > 1) / max(1, sum(counts.values()))


def recurring_rhythm(tune: Tune) -> float:
    """Return the share of bars whose notes begin when those of another bar do."""
    counts = Counter(tuple(onset for onset, _ in bar) for bar in bars_of(tune))
    return sum(count for count in counts.values() if count > 1) / max(1, sum(counts.values()))


def described(tune: Tune) -> NDArray[np.float64]:
    """Return a tune as numbers, (D,): all above but what is held by rules, and shares of pitches, steps and lengths."""
    notes, bars = tune.notes, bars_of(tune)
    steps = [max(-WIDEST, min(WIDEST, step)) + WIDEST for step, _ in melody(tune)]
    lengths = [next((k for k, most in enumerate(LENGTHS) if n.duration <= most), len(LENGTHS)) for n in notes]
    pitches = [(note.pitch - tune.key.pitch_class) % 12 for note in notes]
    again = [_same(bars, back) for back in BACK]
    rhythms = [tuple(onset for onset, _ in bar) for bar in bars]
    again += [_same(rhythms, back) for back in BACK]
    whole = max(1, len(bars))
    figures = [
        in_key(tune), entropy(tune), mean_interval(tune), recurring(tune), recurring_rhythm(tune), len(notes) / whole,
        len(tune.chords) / whole, len(set(tune.chords)) / whole, float(np.std([n.pitch for n in notes])),
        len({n.pitch for n in notes}),
    ]  # fmt: skip
    return np.concatenate([
        figures,
        again,
        _shares(pitches, 12),
        _shares(steps, 2 * WIDEST + 1),
        _shares(lengths, len(LENGTHS) + 1),
    ])  # fmt: skip


def _same(values: Sequence[Any], back: int) -> float:
    """Return the share of values that are the same as those so many places before."""
    same = sum(bool(one == other) for one, other in zip(values, values[back:], strict=False))
    return same / max(1, len(values) - back)


def _shares(values: list[int], count: int) -> NDArray[np.float64]:
    return np.bincount(values, minlength=count) / max(1, len(values))
