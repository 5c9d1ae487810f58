"""Batches of utterances of about equal length and of about as many steps each, some followed by another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

MOST, FEWEST, BATCHES = 32, 4, 24
"""Utterances of a batch at most, in the mean; and at least, where an epoch would have fewer than so many batches."""
JITTER = 0.1
"""Share by which lengths are changed at random before utterances are sorted by them."""


def batch_count(lengths: Numbers, size: int) -> int:
    """Return how many batches of about a size utterances make; of short or few utterances, batches are smaller."""
    N = len(lengths)
    return int(np.clip(max(round(float(lengths.sum()) / size), N // MOST, min(BATCHES, N // FEWEST)), 1, N))


class StepBatches:
    """The batches of every epoch, others in each: the items of `training.train`, as many in every epoch.

    lengths   (N,) of the utterances, in steps or frames
    speakers  of each; an utterance is followed by another of the same speaker, and by none where nobody is named
    size      steps or frames of a batch, about
    joined    share of the utterances that is followed by another
    seed      of what is drawn, together with the epoch
    """

    def __init__(self, lengths: Numbers, speakers: Sequence[str | None], size: int, joined: float, seed: int) -> None:
        self._lengths, self._joined, self._seed = lengths, joined, seed
        self._count = batch_count(lengths, size)
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(speakers):
            if name is not None:
                rows.setdefault(name, []).append(row)
        self._others = {row: own for own in rows.values() if len(own) > 1 for row in own}
        self.begin(1)

    def __len__(self) -> int:
        return self._count

    def begin(self, epoch: int) -> None:
        """Draw the batches of an epoch."""
        generator = np.random.default_rng((self._seed, epoch))
        N, longest = len(self._lengths), int(self._lengths.max())
        after = np.full(N, -1, np.int64)
        for row in np.flatnonzero(generator.random(N) < self._joined).tolist():
            others = self._others.get(row, ())
            own = int(generator.integers(len(others))) if others else 0
            if others and others[own] != row and self._lengths[[row, others[own]]].sum() <= longest:
                after[row] = others[own]
        lengths = self._lengths + np.where(after >= 0, self._lengths[after], 0)
        order = np.argsort(lengths * generator.uniform(1 - JITTER, 1 + JITTER, N), kind="stable")
        total = np.cumsum(lengths[order])
        place = np.arange(self._count)
        start = np.searchsorted(total, place * total[-1] / self._count)
        start = np.minimum(np.maximum.accumulate(start - place) + place, N - self._count + place)
        self._rows = np.split(order, start[1:])
        self._after = after

    def utterances(self, item: int) -> list[tuple[int, ...]]:
        """Return the utterances of a batch, each a row alone or with the row that follows it."""
        return [(row, after) if (after := int(self._after[row])) >= 0 else (row,) for row in self._rows[item].tolist()]
