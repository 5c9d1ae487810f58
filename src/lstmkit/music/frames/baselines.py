"""What a network of frames must beat: the last frame repeated, and a chain that knows the last frame alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lstmkit.music.rolls import Roll


class Transitions:
    """Says how likely a key sounds by whether it sounded in the frame before.

    on  (2, 88) probability that a key sounds, where it was silent and where it sounded
    """

    def __init__(self, on: NDArray[np.float64]) -> None:
        self.on = on

    def nats(self, rolls: Sequence[Roll]) -> list[NDArray[np.float64]]:
        """Return of each piece the negative log-likelihood of every frame, (T,)."""
        return [self._nats(roll.astype(bool)) for roll in rolls]

    def _nats(self, roll: NDArray[np.bool_]) -> NDArray[np.float64]:
        before = np.concatenate([np.zeros((1, roll.shape[1]), bool), roll[:-1]])
        share = np.where(before, self.on[1], self.on[0])
        nats: NDArray[np.float64] = -np.log(np.where(roll, share, 1 - share)).sum(axis=1)
        return nats


class LastFrame(Transitions):
    """Repeats the last frame; how sure that is, is the same for all keys and counted in training.

    rolls  (T, 88) each, to learn from
    """

    def __init__(self, rolls: Sequence[Roll]) -> None:
        sounded, after = _counts(rolls)
        shares = (after.sum(axis=1) + 0.5) / (sounded.sum(axis=1) + 1)
        super().__init__(np.repeat(shares[:, None], sounded.shape[1], axis=1))


class FirstOrder(Transitions):
    """A Markov chain of first order for each key: how often it begins and ends, counted in training.

    rolls   (T, 88) each, to learn from
    weight  of what all keys do together, in frames, for keys that were seen little
    """

    def __init__(self, rolls: Sequence[Roll], weight: float = 2.0) -> None:
        sounded, after = _counts(rolls)
        common = LastFrame(rolls).on
        super().__init__((after + weight * common) / (sounded + weight))


def _counts(rolls: Sequence[Roll]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how often keys were silent and sounded, (2, 88), and how often they sounded in the next frame."""
    sounded, after = np.zeros((2, 2, rolls[0].shape[1]))
    for roll in rolls:
        before, now = roll[:-1].astype(bool), roll[1:].astype(bool)
        for state, where in enumerate((~before, before)):
            sounded[state] += where.sum(axis=0)
            after[state] += (where & now).sum(axis=0)
    return sounded, after
