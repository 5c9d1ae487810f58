"""What exactly is the tutorial recipe that every contestant runs, and what does each one report?

One CSV column, min-max scaled over the whole series, 80/20 split, windows of 60, LSTM(50) -> LSTM(50) -> Dense(1),
Adam 1e-3, mean squared error, batches of 32, 10 epochs, one step ahead. The scaling over the whole series (the test
part included) and the window loop that drops the last target are the tutorial's own; they are kept.
"""

import argparse
import csv
import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LOOK_BACK = 60
UNITS = 50
BATCH = 32
LEARNING_RATE = 1e-3
TRAIN_FRACTION = 0.8
WARM_UP_STEPS = 10

Array = NDArray[np.float64]
Marks = list[tuple[int, float]]  # (steps so far, seconds on the clock)


@dataclass(frozen=True, slots=True)
class Series:
    """The column, scaled, and the tutorial's windows; inputs are (windows, 60), targets (windows,)."""

    values: Array
    scaled: Array
    low: float
    high: float
    split: int  # rows of the training part
    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array

    def rmse(self, predicted: Array, target: Array) -> float:
        """Root mean squared error in the series' own units, of two scaled arrays."""
        error = (np.asarray(predicted, np.float64).reshape(-1) - target) * (self.high - self.low)
        return float(np.sqrt(np.mean(error**2)))

    @property
    def naive_rmse(self) -> float:
        """Error of repeating each test window's last value."""
        return self.rmse(self.x_test[:, -1], self.y_test)

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.x_train) // BATCH)


def arguments() -> argparse.Namespace:
    """Read the options all contestants share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--column", default="Close")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--mode",
        choices=("fit", "steps", "command"),
        default="command",
        help="fit: train only; steps: time single training steps; command: train, predict and score",
    )
    parser.add_argument("--steps", type=int, default=60, help="training steps in mode steps")
    parser.add_argument("--eager", action="store_true", help="Keras only: run_eagerly=True")
    return parser.parse_args()


def read_series(path: Path, column: str) -> Series:
    """Read the column with the standard library (no contestant pays for another's CSV reader) and cut the windows."""
    with path.open(newline="") as file:
        values = np.array([float(row[column]) for row in csv.DictReader(file)])
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low)
    split = int(TRAIN_FRACTION * len(scaled))
    x_train, y_train = create_dataset(scaled[:split])
    x_test, y_test = create_dataset(scaled[split:])
    return Series(values, scaled, low, high, split, x_train, y_train, x_test, y_test)


def create_dataset(data: Array, look_back: int = LOOK_BACK) -> tuple[Array, Array]:
    """Cut windows and next values as the tutorial does."""
    x, y = [], []
    for i in range(len(data) - look_back - 1):
        x.append(data[i : i + look_back])
        y.append(data[i + look_back])
    return np.array(x), np.array(y)


def seconds_since_start() -> float:
    """Seconds since this process was created (Linux; 10 ms resolution)."""
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def ms_per_epoch_step(marks: Marks) -> float:
    """Return the median over epochs of (seconds of the epoch / its steps), without the first epoch if there are more.

    marks  the clock before the first step and after each epoch
    """
    per_epoch = [1e3 * (end - start) / (after - before) for (before, start), (after, end) in pairwise(marks)]
    return statistics.median(per_epoch[1:] or per_epoch)


def ms_per_single_step(stamps: Sequence[float]) -> float:
    """Return the median time between the ends of successive steps, after the warm-up steps."""
    gaps = [1e3 * (b - a) for a, b in pairwise(stamps)]
    return statistics.median(gaps[WARM_UP_STEPS:] or gaps)


@dataclass(slots=True)
class Report:
    """What a contestant prints as one JSON line; the scores are None where the recipe is not followed exactly."""

    library: str
    packages: tuple[str, ...]
    seconds_import: float
    seconds_fit: float
    steps: int
    ms_per_step: float
    ms_per_step_is: str
    train_rmse: float | None = None
    test_rmse: float | None = None
    naive_rmse: float | None = None

    def print(self) -> None:
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "packages"}
        fields["versions"] = {package: version(package) for package in self.packages}
        print(json.dumps(fields), flush=True)


EPOCH_MEDIAN = "median over epochs after the first of epoch seconds / steps"
STEP_MEDIAN = f"median over single steps after {WARM_UP_STEPS}"
