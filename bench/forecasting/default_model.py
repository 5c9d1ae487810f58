"""Is the default forecaster ever worse than a naive forecast, and are its intervals as wide as they say?

Runs `Forecaster` with its default settings on the daily closes in `stocks` (one and five steps ahead) and on three
classic series, three seeds each, scored on the last 20 % of every series, which nothing has seen. Writes a table to
bench/results/default_model.txt.

    python bench/forecasting/default_model.py
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import ROOT, header, write

from lstmkit import Forecaster
from lstmkit.data import TableSettings, read_file, read_table
from lstmkit.forecasting.evaluate import evaluate, test_split

SEEDS = (0, 1, 2)
CLASSICS = (
    ("airline-passengers.csv", "Passengers", 12, None),
    ("daily-min-temperatures.csv", "Temp", 7, None),
    ("taylor.csv", "Y", 48, "30min"),
)


class Row(NamedTuple):
    rmse: float
    mase: float
    seasonal: float
    covered: float
    epochs: int
    seconds: float


def measure(path: Path, target: str, horizon: int, freq: str | None, seed: int) -> Row:
    """Fit on the first 80 % of a series; return errors relative to the naive ones on the last 20 %."""
    table = read_table(read_file(path), TableSettings(target=target, freq=freq))
    train_rows = test_split(table, 0.2)
    start = time.perf_counter()
    forecaster = Forecaster(horizon, seed=seed).fit_series(table.head(train_rows))
    seconds = time.perf_counter() - start
    result = evaluate(forecaster, table, train_rows)
    model, last = result.scores["model"], result.scores["last_value"]
    seasonal = result.scores.get("seasonal_naive", last)
    best = min(last.mase, seasonal.mase)
    epochs = max(r.epoch for r in forecaster.history_ if r.improved)
    return Row(model.rmse / last.rmse, model.mase / best, model.mase, result.coverage[80], epochs, seconds)


def line(name: str, rows: list[Row]) -> str:
    mean = [float(np.mean(column)) for column in zip(*rows, strict=True)]
    worst = max(r.rmse for r in rows)
    return f"{name:42}{mean[0]:9.4f}{worst:9.4f}{mean[1]:9.4f}{mean[2]:9.3f}{100 * mean[3]:8.1f} %{mean[4]:8.1f}{mean[5]:8.1f}"


def main() -> None:
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")
    stocks = sorted((folder / "stocks").glob("*.csv"))
    lines = [
        f"{'series, steps ahead':42}{'RMSE/last':>9}{'worst':>9}{'MASE/best':>9}{'MASE':>9}{'cover 80':>10}{'epochs':>8}{'s':>8}"
    ]
    groups: dict[str, list[Row]] = defaultdict(list)
    for horizon in (1, 5):
        for path in stocks:
            target = "close" if "tiingo" in path.name else "Close"
            rows = [measure(path, target, horizon, None, seed) for seed in SEEDS]
            groups[f"mean of stocks, {horizon} ahead"] += rows
            lines.append(line(f"{path.stem[:36]}, {horizon}", rows))
            print(lines[-1], flush=True)
    for file, target, horizon, freq in CLASSICS:
        rows = [measure(folder / "ts_classic" / file, target, horizon, freq, seed) for seed in SEEDS]
        lines.append(line(f"{file[:-4]}, {horizon}", rows))
        print(lines[-1], flush=True)
    lines += [""] + [line(name, rows) for name, rows in groups.items()]
    head = header("Default forecaster, seeds 0 1 2, last 20 % of each series", {"torch": torch.__version__})
    write("default_model.txt", [*head, "", *lines])


if __name__ == "__main__":
    main()
