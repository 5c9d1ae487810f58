"""Alternating times of several contestants, so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple


class Times(NamedTuple):
    """Milliseconds of one contestant: the median, and the first and third quartile."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:9.3f} [{self.low:.3f}, {self.high:.3f}]"


def alternate(runs: Mapping[str, Callable[[], object]], seconds: float, least: int = 5) -> dict[str, Times]:
    """Run all contestants in turn for `seconds` and at least `least` times each; the first turn is not timed."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    gc.disable()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(len(t) for t in times.values()) < least:
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(1e3 * (time.perf_counter() - start))
    gc.enable()
    return {name: _times(values) for name, values in times.items()}


def _times(values: list[float]) -> Times:
    low, _, high = statistics.quantiles(values, n=4)
    return Times(statistics.median(values), low, high)
