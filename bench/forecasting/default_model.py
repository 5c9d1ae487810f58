"""Is the default forecaster ever worse than a naive forecast, and are its intervals as wide as they say?

Runs `Forecaster` with its default settings on the daily closes in `stocks` (1, 5 and 20 steps ahead), on three
classic series, and on six series that were not looked at until the defaults stood; three seeds each, scored on the
last 20 % of every series. Writes a table to bench/results/default_model.txt.

    python -m bench.forecasting.default_model
    python -m bench.forecasting.default_model --only airline-passengers ILINet   # prints these, writes nothing
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from bench.machine import ROOT, header, write
from lstmkit import Forecaster
from lstmkit.data import TableSettings, read_file, read_table
from lstmkit.forecasting.judgement.evaluation import evaluate, test_split

SEEDS = (0, 1, 2)
COLUMNS = ("RMSE/last", "worst", "MASE/best", "MASE", "cover 80", "epochs", "s")


class Case(NamedTuple):
    path: str
    target: str
    horizon: int
    freq: str | None = None
    missing: str = "refuse"
    time: str | None = None


CLASSICS = (
    Case("ts_classic/airline-passengers.csv", "Passengers", 12),
    Case("ts_classic/daily-min-temperatures.csv", "Temp", 7),
    Case("ts_classic/taylor.csv", "Y", 48, "30min"),
)
FRESH = (
    Case("ts_classic/daily-total-female-births.csv", "Births", 7),
    Case("ts_classic/monthly-car-sales.csv", "Sales", 12),
    Case("ts_classic/ILINet.csv", "% WEIGHTED ILI", 4, None, "drop"),
    Case("ts_classic/pollution.csv.gz", "pm2.5", 24, "h", "drop", "row"),
    Case("ett/ETTh1.csv.gz", "OT", 24),
    Case("exchange_rate/exchange_rate.csv.gz", "0", 5),
)


class Row(NamedTuple):
    rmse: float
    mase: float
    seasonal: float
    covered: float
    epochs: int
    seconds: float


def measure(folder: Path, case: Case, seed: int) -> Row:
    """Fit on the first 80 % of a series; return errors relative to the naive ones on the last 20 %."""
    settings = TableSettings(target=case.target, time=case.time, freq=case.freq, missing=case.missing)
    table = read_table(read_file(folder / case.path), settings)
    train_rows = test_split(table, 0.2)
    start = time.perf_counter()
    forecaster = Forecaster(case.horizon, seed=seed).fit_series(table.head(train_rows))
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
    figures = (f"{mean[0]:.4f}", f"{worst:.4f}", f"{mean[1]:.4f}", f"{mean[2]:.3f}", f"{100 * mean[3]:.1f} %")
    return f"{name:42}" + "".join(f"{f:>10}" for f in (*figures, f"{mean[4]:.1f}", f"{mean[5]:.1f}"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", metavar="NAME", help="series that are measured and printed")
    only = parser.parse_args().only
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")
    stocks = [f"stocks/{path.name}" for path in sorted((folder / "stocks").glob("*.csv"))]
    daily = [Case(p, "close" if "tiingo" in p else "Close", horizon) for horizon in (1, 5, 20) for p in stocks]
    lines = [f"{'series, steps ahead':42}" + "".join(f"{name:>10}" for name in COLUMNS)]
    means: dict[str, list[Row]] = defaultdict(list)
    for title, cases in (("", (*daily, *CLASSICS)), ("not looked at until the defaults stood:", FRESH)):
        lines += ["", title] if title else []
        for case in cases:
            name = Path(case.path).name.split(".")[0][:36]
            if only and name not in only:
                continue
            rows = [measure(folder, case, seed) for seed in SEEDS]
            if case in daily:
                means[f"mean of the price series, {case.horizon} ahead"] += rows
            lines.append(line(f"{name}, {case.horizon}", rows))
            print(lines[-1], flush=True)
        if not title:
            lines += [line(name, rows) for name, rows in means.items()]
    if only:
        return
    head = header("Default forecaster, seeds 0 1 2, last 20 % of each series", {"torch": torch.__version__})
    legend = [
        "RMSE/last: RMSE over that of the last value, mean and worst of the seeds; MASE/best: over the better of",
        "last value and seasonal naive; cover 80: share of truths in the 80 % interval; s: seconds to fit",
        "",
    ]
    write("default_model.txt", [*head, "", *legend, *lines])


if __name__ == "__main__":
    main()
