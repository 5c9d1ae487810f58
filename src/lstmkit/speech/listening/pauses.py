"""Long recordings in pieces, cut where nobody speaks, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.speech.audio import RATE, Samples

LONGEST = 20.0
"""Seconds of a piece."""
EARLIEST = 0.25
"""Share of the longest piece after which one may be cut."""
STEP = 0.01
"""Seconds whose level is measured at once."""
QUIET = 0.3
"""How far up from the quietest to the loudest, in decibels, a pause may be."""
ENDS = 0.05, 0.95
"""Quantiles of the levels that are taken for the quietest and the loudest."""
SHORTEST = 20
"""Steps of a pause; a click within it of so many at most does not end it."""
CLICK = 3
SILENCE, STEADY = -70.0, 3.0
"""Decibels: below full scale, that silence has at most; and between the ends of the levels of what is no speech."""
FLOOR = 1e-10
"""Added to energies: digital silence has a level, too."""


class Piece(NamedTuple):
    """A part of a recording.

    start    seconds from its beginning
    samples  (N,)
    """

    start: float
    samples: Samples


def cut_at_pauses(blocks: Iterable[Samples], rate: int = RATE, longest: float = LONGEST) -> Iterator[Piece]:
    """Yield a recording in pieces, one after the other and without gaps, cut in the middle of its longest pauses.

    Where there is none, a piece ends at the quietest moment. A recording that is not longer than a piece is one.

    blocks   samples as they come; how they are cut changes nothing
    longest  seconds of a piece at most
    Raises   InputError if pieces are shorter than a second
    """
    if not longest >= 1.0:
        raise InputError(f"longest must be at least 1 s; got {longest:g}")
    most, start = round(longest * rate), 0
    held: list[Samples] = []
    count = 0
    for block in blocks:
        held.append(np.asarray(block, np.float32))
        count += len(block)
        while count > most:
            samples = np.concatenate(held)
            at = best_cut(samples[:most], rate)
            yield Piece(start / rate, samples[:at])
            held, start, count = [samples[at:]], start + at, count - at
    if count or not start:
        yield Piece(start / rate, np.concatenate(held) if held else np.zeros(0, np.float32))


def levels(samples: Samples, step: int) -> NDArray[np.float64]:
    """Return the level of every step, in decibels; a rest that is shorter is left out."""
    parts = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    energy = (parts - parts.mean(axis=1, keepdims=True)) ** 2
    found: NDArray[np.float64] = 10 * np.log10(energy.mean(axis=1) + FLOOR)
    return found


def nobody_speaks(samples: Samples, rate: int) -> bool:
    """Return whether samples are silence, or a sound whose level stays the same, as speech never does."""
    own = levels(samples, max(1, round(STEP * rate)))
    if not len(own):
        return True
    low, high = np.quantile(own, ENDS)
    return bool(own.max() < SILENCE or (len(own) >= SHORTEST and high - low < STEADY))


def best_cut(samples: Samples, rate: int) -> int:
    """Return where samples are cut best: after how many of them."""
    step = max(1, round(STEP * rate))
    own = levels(samples, step)
    low, high = np.quantile(own, ENDS)
    quiet = own < low + QUIET * (high - low) if high > low else np.ones(len(own), bool)
    first = round(EARLIEST * len(own))
    best, middle = 0, 0
    for begin, end in _runs(quiet):
        begin = max(begin, first)
        if end - begin >= max(best, SHORTEST):
            best, middle = end - begin, (begin + end) // 2
    if not best:
        smooth = np.convolve(own, np.ones(SHORTEST) / SHORTEST, mode="same")
        middle = first + int(smooth[first : len(own) - SHORTEST].argmin())
    return middle * step


def _runs(quiet: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Yield beginnings and ends of pauses, clicks within them included."""
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8), prepend=0, append=0))
    begin, end = -1, -1
    for first, last in edges.reshape(-1, 2).tolist():
        if begin >= 0 and first - end <= CLICK:
            end = last
            continue
        if begin >= 0:
            yield begin, end
        begin, end = first, last
    if begin >= 0:
        yield begin, end
