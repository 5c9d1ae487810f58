"""Who is told where a job stands, and the words for how long something takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from lstmkit.training import EpochRecord


class Watcher(Protocol):
    """Who is told about the progress of a job: a display takes it all, who extends this may take a part."""

    def on_lines(self, lines: Sequence[str]) -> None:
        """Take what the job has to say, a line each: what was understood, what was noticed, what comes."""
        return

    def on_stage(self, name: str, epochs: int) -> None:
        """Take what begins (fit, score, write), and how many epochs it takes at most; 0: it does not train."""
        return

    def on_work(self, items: int, seconds: float) -> None:
        """Take what a training told of by its steps reads at most, such as tokens, and after how long it ends."""
        return

    def on_step(self, items: int, loss: float) -> None:
        """Take how many items a step of the training read, and their mean loss."""
        return

    def on_epoch(self, record: EpochRecord) -> None:
        """Take the record of an epoch."""
        return

    def on_sample(self, write: Callable[[], str]) -> None:
        """Take what shows, when it is called, what the model can do after an epoch: a few words, a transcript."""
        return


class Nobody(Watcher):
    """A watcher that does not listen."""


def duration(seconds: float) -> str:
    """Return a time in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
