"""Is the default model better than seasonal naive, Theta and ETS on small classic series?

Fits `Forecaster` with its default settings, three seeds, and scores it with the naive and classical forecasts on the
same windows after the training rows. Theta and ETS are those of statsforecast, which must be installed. Writes
bench/results/classic.txt.

    python -m bench.forecasting.classic
"""

from __future__ import annotations

import importlib.metadata
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from bench.machine import ROOT, header, write
from lstmkit import Forecaster
from lstmkit.data import TableSettings, read_file, read_table
from lstmkit.forecasting.judgement import Evaluation
from lstmkit.forecasting.judgement.evaluation import evaluate
from lstmkit.forecasting.judgement.metrics import Scales, naive_scales, score_by_series

SEEDS = (0, 1, 2)
COLUMNS = ("lstm", "worst", "its mean", "last value", "s. naive", "Theta", "ETS", "cover 80", "CPU s")


class Case(NamedTuple):
    """A table, what to forecast in it, and every how many rows of the test part.

    test  rows of each series at its end that are only forecast
    last  rows of each series that are used at all, the last ones: Theta and ETS take long on tens of thousands
    """

    path: str
    target: str
    horizon: int
    test: int
    stride: int
    freq: str | None = None
    missing: str = "refuse"
    id: str | None = None
    last: int | None = None
    time: str | None = None


CASES = (
    Case("airline-passengers.csv", "Passengers", 12, 36, 1),
    Case("taylor.csv", "Y", 48, 806, 24, "30min"),
    Case("pollution.csv.gz", "pm2.5", 24, 2400, 60, "h", "drop", None, 17520, "row"),
    Case("daily-min-temperatures.csv", "Temp", 7, 730, 7),
    Case("monash_sample.tsf", "value", 8, 8, 1, None, "refuse", "series_name"),
    Case("taylor.csv", "Y", 336, 806, 48, "30min"),
)


def line(folder: Path, case: Case) -> str:
    """Fit and score a case; return its row of the table."""
    settings = TableSettings(case.target, case.time, case.id, case.freq, missing=case.missing)
    table = read_table(read_file(folder / case.path), settings)
    table = table if case.last is None else table.tail(case.last)
    train_rows = table.lengths - case.test
    own, means, covered, begin = [], [], [], time.process_time()
    for seed in SEEDS:
        forecaster = Forecaster(case.horizon, seed=seed).fit_series(table.head(train_rows))
        result = evaluate(forecaster, table, train_rows, case.stride)
        own.append(mase_of_median(result, naive_scales(table.head(train_rows), forecaster.seasons_.mase_period)))
        means.append(result.scores["model"].mase)
        covered.append(result.coverage[80])
    seconds = (time.process_time() - begin) / len(SEEDS)
    others = evaluate(forecaster, table, train_rows, case.stride, ("theta", "ets")).scores
    names = ("last_value", "seasonal_naive", "theta", "ets")
    rivals = [f"{others[name].mase:.4f}" if name in others else "-" for name in names]
    figures = [f"{figure:.4f}" for figure in (np.mean(own), max(own), np.mean(means))] + rivals
    figures += [f"{100 * np.mean(covered):.1f} %", f"{seconds:.1f}"]
    title = f"{Path(case.path).name.split('.')[0]}, {case.horizon} ({len(result.cutoffs)} windows)"
    return f"{title:44}" + "".join(f"{figure:>11}" for figure in figures)


def mase_of_median(result: Evaluation, scales: Scales) -> float:
    """Return the MASE of the median, the point forecast that absolute errors reward."""
    medians = result.quantiles[..., result.quantiles.shape[2] // 2]
    return score_by_series(result.truth, medians, result.series, scales).mean().mase


def main() -> None:
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data") / "ts_classic"
    lines = [f"{'series, steps ahead':44}" + "".join(f"{name:>11}" for name in COLUMNS)]
    for case in CASES:
        lines.append(line(folder, case))
        print(lines[-1], flush=True)
    versions = {"torch": torch.__version__, "statsforecast": importlib.metadata.version("statsforecast")}
    head = header("Default model on classic series: MASE after the training rows, seeds 0 1 2", versions)
    legend = [
        "lstm: of its median, mean of the seeds; worst: worst of the seeds; its mean: of the mean in its place",
        "s. naive: seasonal naive; Theta, ETS: AutoTheta and AutoETS of statsforecast, fitted once on the training",
        "rows like the network, and carried on to each cutoff; pollution: the last two years",
        "cover 80: share of truths in the 80 % interval; CPU s: processor seconds to fit and score one seed",
        "",
    ]
    write("classic.txt", [*head, "", *legend, *lines])


if __name__ == "__main__":
    main()
