"""Lines on stderr about a training that takes minutes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from lstmkit.results import Watcher
from lstmkit.training import EpochRecord


class Lines(Watcher):
    """A watcher of a language job that prints a line a round."""

    def __init__(self) -> None:
        self._began, self._tokens = time.perf_counter(), 0

    def on_lines(self, lines: Sequence[str]) -> None:
        print(*lines, sep="\n", file=sys.stderr, flush=True)

    def on_stage(self, name: str, epochs: int) -> None:
        print(f"{time.perf_counter() - self._began:8.1f} s  {name}", file=sys.stderr, flush=True)

    def on_work(self, items: int, seconds: float) -> None:
        self._began = time.perf_counter()

    def on_step(self, items: int, loss: float) -> None:
        self._tokens += items

    def on_epoch(self, record: EpochRecord) -> None:
        seconds = time.perf_counter() - self._began
        losses = f"train {record.train_loss:.4f}, validation {record.valid_loss:.4f}"
        print(f"{seconds:8.1f} s  round {record.epoch}: {losses}, {self._tokens:,} tokens", file=sys.stderr, flush=True)
