"""Lines on stderr about a training that takes minutes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable

from lstmkit.language.fitting import Window
from lstmkit.language.pace import Plan
from lstmkit.training import EpochRecord


class Lines:
    """A watcher of a language job that prints a line a round."""

    def __init__(self) -> None:
        self._began, self._tokens = time.perf_counter(), 0

    def on_read(self, lines: Iterable[str]) -> None:
        print(*lines, sep="\n", file=sys.stderr, flush=True)

    def on_stage(self, name: str) -> None:
        print(f"{time.perf_counter() - self._began:8.1f} s  {name}", file=sys.stderr, flush=True)

    def on_size(self, tokens: int, parameters: int) -> None:
        print(f"{parameters:,} parameters", file=sys.stderr, flush=True)

    def on_plan(self, plan: Plan) -> None:
        self._began = time.perf_counter()

    def on_sample(self, write: Callable[[], str]) -> None:
        pass

    def on_window(self, window: Window) -> None:
        self._tokens += window.tokens

    def on_epoch(self, record: EpochRecord) -> None:
        seconds = time.perf_counter() - self._began
        losses = f"train {record.train_loss:.4f}, validation {record.valid_loss:.4f}"
        print(f"{seconds:8.1f} s  round {record.epoch}: {losses}, {self._tokens:,} tokens", file=sys.stderr, flush=True)
