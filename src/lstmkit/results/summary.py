"""What `summary.json` of every task has: seconds by stage, versions, and no number that JSON does not know."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import lstmkit
from lstmkit.training import write_atomically

SUMMARY = "summary.json"


def write_summary(out: Path, summary: dict[str, Any]) -> None:
    """Write `summary.json` into a folder of results, complete or not at all."""
    write_atomically(out / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())


class Clock:
    """Seconds by stage of a job, which begins by reading.

    on_stage  is told the name of every stage that begins
    """

    def __init__(self, on_stage: Callable[[str], None] | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_stage = on_stage
        self._stage = "read"
        self._start = self._last = time.perf_counter()

    def begin(self, stage: str) -> None:
        """End the stage under way and begin another."""
        now = time.perf_counter()
        self.seconds[self._stage] = now - self._last
        self._stage, self._last = stage, now
        if self._on_stage is not None:
            self._on_stage(stage)

    def total(self) -> float:
        """Return the seconds since the beginning."""
        return time.perf_counter() - self._start


def versions() -> dict[str, str]:
    """Return the versions of what a result was made with."""
    return {
        "lstmkit": lstmkit.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def without_nan(value: Any) -> Any:
    """Return JSON-able data with null for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
