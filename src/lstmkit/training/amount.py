"""How much is learnt where nobody says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amount:
    """How much a training does if its epochs are not given: what suits the task, whatever the size of its data.

    steps           of the optimiser, about
    least, most     epochs that may be
    steps_an_epoch  that few rows get, in batches down to `least_batch` rows
    """

    steps: int
    least: int
    most: int
    steps_an_epoch: int = 1
    least_batch: int = 8

    def batch(self, rows: int, most: int) -> int:
        """Return how many of so many rows a step has, which are `most` where there are enough of them."""
        return min(most, max(self.least_batch, rows // self.steps_an_epoch))

    def epochs(self, batches: int) -> int:
        """Return how many epochs of so many batches there are."""
        return max(self.least, min(self.most, round(self.steps / batches)))
