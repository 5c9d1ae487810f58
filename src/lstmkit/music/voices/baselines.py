"""What a network of voices must beat: the last step repeated, and a chain of each voice that knows its last key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lstmkit.music.rolls import KEYS
from lstmkit.music.voices.history import Parts, codes_of
from lstmkit.music.voices.relative import CODES, NOTHING, SILENT

Counts = NDArray[np.float64]
SUNG = KEYS + 1
"""What a voice can do: sing one of the keys, or rest."""


class VoiceTransitions:
    """Says what a voice sings by what it sang in the step before.

    shares  (V, CODES, 89) probabilities, of each voice after each code; NOTHING is before the first step
    """

    def __init__(self, shares: Counts) -> None:
        self.shares = shares

    def nats(self, pieces: Sequence[Parts]) -> list[NDArray[np.float64]]:
        """Return of each piece the negative log-likelihood of every step, (T,), summed over the voices."""
        voices = np.arange(len(self.shares))
        found = []
        for codes in map(codes_of, pieces):
            before = np.concatenate([np.full((1, codes.shape[1]), NOTHING), codes[:-1]])
            found.append(-np.log(self.shares[voices, before, codes]).sum(axis=1))
        return found


class LastStep(VoiceTransitions):
    """Holds what each voice sings; how sure that is, and what is sung otherwise, is counted in training.

    pieces  (T, V) each, to learn from
    """

    def __init__(self, pieces: Sequence[Parts]) -> None:
        counts = _counts(pieces)
        often = counts.sum(axis=1) + 0.5
        often /= often.sum(axis=1, keepdims=True)
        shares = np.repeat(often[:, None], CODES, axis=1)
        place = np.arange(SUNG)
        held = counts[:, place, place].sum(axis=1)
        share = ((held + 0.5) / (counts[:, :SUNG].sum(axis=(1, 2)) + 1))[:, None]
        shares[:, place, place] = 0
        shares[:, :SUNG] *= (1 - share[..., None]) / shares[:, :SUNG].sum(axis=2, keepdims=True)
        shares[:, place, place] = share
        super().__init__(shares)


class FirstOrderVoices(VoiceTransitions):
    """A Markov chain of first order for each voice, counted in training.

    Where a key was seen little it moves as all keys do: by the same intervals. These are known from few notes.

    pieces  (T, V) each, to learn from
    weight  of what all keys do together, in steps
    """

    def __init__(self, pieces: Sequence[Parts], weight: float = 4.0) -> None:
        counts = _counts(pieces)
        common = np.stack([_by_intervals(own) for own in counts])
        super().__init__((counts + weight * common) / (counts.sum(axis=2, keepdims=True) + weight))


def _by_intervals(counts: Counts) -> Counts:
    """Return what one voice sings after each code, (CODES, 89), if only the interval counts.

    counts  (CODES, 89)
    """
    often = counts.sum(axis=0) + 0.5
    often /= often.sum()
    found = np.repeat(often[None], CODES, axis=0)
    keys = np.arange(KEYS)
    intervals = keys[None] - keys[:, None] + KEYS - 1
    moves = np.bincount(intervals.ravel(), counts[:KEYS, :KEYS].ravel(), 2 * KEYS - 1) + 0.01
    own = moves[intervals] * often[:KEYS]
    own = np.concatenate([own / own.sum(axis=1, keepdims=True), np.zeros((KEYS, 1))], axis=1)
    silent = (counts[:KEYS, SILENT].sum() + 0.5) / (counts[:KEYS].sum() + 1)
    found[:KEYS] = (1 - silent) * own
    found[:KEYS, SILENT] = silent
    return found


def _counts(pieces: Sequence[Parts]) -> Counts:
    """Return how often each voice sang what after what, (V, CODES, 89)."""
    voices = pieces[0].shape[1]
    found = np.zeros((voices, CODES, SUNG))
    for codes in map(codes_of, pieces):
        before = np.concatenate([np.full((1, voices), NOTHING), codes[:-1]])
        np.add.at(found, (np.broadcast_to(np.arange(voices), codes.shape), before, codes), 1.0)
    return found
