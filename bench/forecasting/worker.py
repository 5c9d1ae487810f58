"""What every contestant needs to measure itself, without the libraries of any other."""

from __future__ import annotations

import csv
import gzip
import json
import logging
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.optimizer import register_optimizer_step_post_hook

from bench.tutorial.recipe import seconds_since_start

Array = NDArray[np.float64]
WARM_UP_STEPS = 5
MEMORY_SHARE = 0.9
QUIET_TRAINER: dict[str, Any] = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
"""Options of a Lightning trainer that leave nothing but training: no files, no logs, no bars."""


@dataclass(slots=True)
class Spent:
    """Wall seconds, and processor seconds of all threads."""

    wall: float = 0.0
    cpu: float = 0.0

    @property
    def cores(self) -> float:
        return self.cpu / self.wall


@contextmanager
def stopwatch() -> Iterator[Spent]:
    """Measure a block; the result is complete when the block has ended."""
    spent = Spent()
    wall, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent.wall, spent.cpu = time.perf_counter() - wall, time.process_time() - cpu


class StepClock:
    """When did each training step of this process end? All libraries step torch's optimizers, so one clock does."""

    def __init__(self) -> None:
        self.stamps: list[float] = []
        self.cpu: list[float] = []
        register_optimizer_step_post_hook(self._stamp)

    def _stamp(self, optimizer: Any, arguments: Any, options: Any) -> None:
        self.stamps.append(time.perf_counter())
        self.cpu.append(time.process_time())

    @property
    def seconds_per_step(self) -> float:
        """Mean over the steps after the warm-up, whatever lies between two steps included."""
        return mean_gap(self.stamps)

    @property
    def cpu_per_step(self) -> float:
        """The same in processor seconds of all threads, which other processes disturb less."""
        return mean_gap(self.cpu)

    @property
    def median_step(self) -> float:
        return statistics.median(b - a for a, b in pairwise(self.stamps))


def mean_gap(stamps: list[float]) -> float:
    kept = stamps[min(WARM_UP_STEPS, len(stamps) - 2) :]
    return (kept[-1] - kept[0]) / (len(kept) - 1)


def begin() -> tuple[dict[str, Any], float]:
    """Return what is asked, and the seconds since this process was made; silence the libraries and limit memory."""
    seconds = seconds_since_start()
    stay_within_free_memory()
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning", "darts"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    return json.loads(sys.argv[1]), seconds


def stay_within_free_memory() -> None:
    """Let this process fail when it asks for more memory than is free, before the system ends another one for it."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            most = int(MEMORY_SHARE * 1024 * int(line.split()[1]))
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def report(packages: tuple[str, ...], **fields: Any) -> None:
    """Print what was measured, with versions and the number of torch's threads, as one line of JSON."""
    fields |= {"versions": {package: version(package) for package in packages}, "threads": torch.get_num_threads()}
    print(json.dumps({"report": fields}), flush=True)


def read_m4_rows(path: Path, most: int | None = None) -> dict[str, Array]:
    """Return the values of each series of an M4 file by id, with the standard library alone."""
    with gzip.open(path, "rt", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        return {name: np.array([float(v) for v in values if v]) for name, *values in islice(rows, most)}


def read_column(path: Path, column: str) -> Array:
    """Return a column of a gzipped CSV file, with the standard library alone."""
    with gzip.open(path, "rt", newline="") as file:
        return np.array([float(row[column]) for row in csv.DictReader(file)])


def rolling_report(
    packages: tuple[str, ...], spent: list[Spent], forecasts: Array, at: NDArray[np.int64], values: Array
) -> None:
    """Report how long rolling forecasts took, and that they are of the rows asked for.

    spent      of each repeat
    forecasts  (W, P)
    at         (W,) row of the first value that each forecasts, as the library itself says
    values     (N,) the column
    """
    ahead = np.arange(forecasts.shape[1])
    truth = values[at[:, None] + ahead]
    kept = spent[1:] or spent
    report(
        packages,
        seconds=statistics.median(one.wall for one in kept),
        first=spent[0].wall,
        cores=statistics.median(one.cores for one in kept),
        forecasts=len(np.unique(at)),
        mae=float(np.abs(truth - forecasts).mean()),
        naive_mae=float(np.abs(truth - values[at - 1][:, None]).mean()),
    )
