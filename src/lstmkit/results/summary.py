"""What `summary.json` of every task has: seconds, settings, versions, and no number that JSON does not know."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import lstmkit
from lstmkit.nn import LSTM
from lstmkit.training import write_atomically

SUMMARY = "summary.json"


def write_json(path: Path, value: Any) -> None:
    """Write JSON to a file, complete or not at all."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


class Clock:
    """Seconds by stage of a job, which begins by reading."""

    def __init__(self) -> None:
        self._ended: dict[str, float] = {}
        self._stage = "read"
        self._start = self._last = time.perf_counter()

    def begin(self, stage: str) -> None:
        """End the stage under way and begin another."""
        now = time.perf_counter()
        self._ended[self._stage] = now - self._last
        self._stage, self._last = stage, now

    def seconds(self) -> dict[str, float]:
        """Return the seconds of every stage, of that under way up to now, and in total."""
        now = time.perf_counter()
        return {**self._ended, self._stage: now - self._last, "total": now - self._start}


def shared_fields(
    clock: Clock, settings: Mapping[str, Any], network: nn.Module, seed: int, lengths: Sequence[int] | None = None
) -> dict[str, Any]:
    """Return what the summary of every task ends with.

    network, lengths  as in `backends`
    """
    return {
        "seconds": clock.seconds(),
        "settings": dict(settings),
        "versions": versions(),
        "backend": backends(network, lengths),
        "seed": seed,
    }


def backends(network: nn.Module, lengths: Sequence[int] | None = None) -> str:
    """Return the names of the backends that run the recurrent layers of a network.

    lengths  of two sequences, such as it gets; None: equal ones
    """
    layers = [module for module in network.modules() if isinstance(module, LSTM)]
    return ", ".join(sorted({m.explain(torch.zeros(2, 2, m.input_size), lengths=lengths).chosen for m in layers}))


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
