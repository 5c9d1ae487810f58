"""What does a window cost when there are many series, and how much memory do a hundred thousand of them take?

Makes tables of 10 to 100,000 daily series of 200 points. First every size is read from a Parquet file, learnt from for
one epoch and forecast, each in a process of its own, for seconds and peak memory. Then a network of each size takes
training steps (128 windows, gathered at random from all series) and forecasts (1,024 windows), one size after another,
round after round, so that whatever else the machine does falls on all alike. Writes bench/results/scale.txt and
docs/scale.png.

    python -m bench.forecasting.scale
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["POLARS_MAX_THREADS"] = "1"  # before either is imported

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch

from bench.machine import ROOT, header, write
from lstmkit import Forecaster
from lstmkit.data import SeriesTable, TableSettings, make_windows, read_source, windows_at
from lstmkit.forecasting.learning import Seasons
from lstmkit.forecasting.learning.fitting import build, make_task
from lstmkit.forecasting.models import MODELS

SIZES = (10, 100, 1_000, 10_000, 100_000)
POINTS, HORIZON, CONTEXT = 200, 7, 28
ROUNDS, STEPS, BATCH, FORECAST = 15, 10, 128, 1024
COLUMNS = TableSettings("y", "day", "id")


class Once(NamedTuple):
    """Seconds to read, learn for an epoch and forecast, and peak memory in MiB, of one process."""

    read: float
    fit: float
    predict: float
    memory: float


def make_table(series: int) -> pl.DataFrame:
    """Return daily series with a weekly season on a random walk."""
    rng = np.random.default_rng(series)
    day = np.arange(POINTS)
    season = rng.uniform(1, 10, (series, 1)) * np.sin(2 * np.pi * (day + rng.integers(0, 7, (series, 1))) / 7)
    y = rng.uniform(10, 100, (series, 1)) + season + rng.normal(size=(series, POINTS)).cumsum(1)
    days = np.tile(np.datetime64("2024-01-01", "D") + day, series)
    return pl.DataFrame({"id": np.repeat(np.arange(series), POINTS), "day": days, "y": y.ravel()})


def forecaster() -> Forecaster:
    settings = MODELS["lstm"].Settings(max_epochs=1)
    made = Forecaster(HORIZON, CONTEXT, settings=settings, seasons=[7])
    made.table_kind_ = "polars"
    return made


def run_once(path: str) -> Once:
    """Read, fit for an epoch and forecast all series, and say what it took."""
    torch.set_num_threads(1)
    clock = [time.perf_counter()]
    table = read_source(path, COLUMNS)
    clock.append(time.perf_counter())
    fitted = forecaster().fit_series(table)
    clock.append(time.perf_counter())
    forecast = fitted.predict()
    clock.append(time.perf_counter())
    assert forecast.height == len(table) * HORIZON and bool(forecast["mean"].is_finite().all())
    seconds = np.diff(clock)
    return Once(*seconds.tolist(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def in_a_process(path: Path) -> Once:
    command = [sys.executable, "-m", "bench.forecasting.scale", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Once(*map(float, done.stdout.split()[-4:]))


def check_windows(table: SeriesTable) -> None:
    """A gathered batch must be what slicing gives, in the largest table too."""
    windows = make_windows(table, CONTEXT, HORIZON)
    items = torch.randint(len(windows), (64,))
    batch = windows.batch(items)
    for k, cutoff in enumerate(windows.cutoffs[items.numpy()]):
        assert batch.past[k].tolist() == table.values[cutoff - CONTEXT : cutoff].tolist()
        assert batch.future[k].tolist() == table.values[cutoff : cutoff + HORIZON].tolist()


def cost_of_windows(tables: dict[int, SeriesTable]) -> dict[int, tuple[list[float], list[float]]]:
    """Return seconds per training window and per forecast window, a value a round, by number of series."""
    torch.set_num_threads(1)
    request, seasons = forecaster().request(), Seasons(7, (7,))
    networks = {S: build(request, make_task(request, table, table.lengths, seasons)) for S, table in tables.items()}
    optimizers = {S: torch.optim.AdamW(network.parameters(), lr=1e-4) for S, network in networks.items()}
    L = networks[SIZES[0]].window
    training = {S: make_windows(table, L, HORIZON) for S, table in tables.items()}
    ahead = {S: windows_at(table, L, HORIZON, table.lengths) for S, table in tables.items()}
    costs: dict[int, tuple[list[float], list[float]]] = {S: ([], []) for S in SIZES}
    for turn in range(ROUNDS + 1):
        for S in SIZES:
            items = torch.randint(len(training[S]), (STEPS, BATCH))
            network, optimizer = networks[S].train(), optimizers[S]
            start = time.perf_counter()
            for own in items:
                optimizer.zero_grad()
                network.loss(training[S].batch(own)).backward()
                optimizer.step()
            middle = time.perf_counter()
            network.eval()
            with torch.no_grad():
                network.quantiles(ahead[S].batch(torch.randint(S, (FORECAST,))))
            end = time.perf_counter()
            if turn:  # the first round warms up
                costs[S][0].append((middle - start) / (STEPS * BATCH))
                costs[S][1].append((end - middle) / FORECAST)
    return costs


def report(once: dict[int, Once], costs: dict[int, tuple[list[float], list[float]]]) -> list[str]:
    versions = {"torch": torch.__version__, "polars": pl.__version__, "numpy": np.__version__}
    lines = header("Many series: cost of a window, and memory", versions)
    lines += [
        "threads   1; other programs ran on the machine, so sizes took turns and medians are given",
        f"series    of {POINTS} points, daily; model lstm, context {CONTEXT}, horizon {HORIZON}, season 7",
        f"rounds    {ROUNDS}, each {STEPS} training steps of {BATCH} windows and {FORECAST} forecasts a size",
        "",
        f"{'series':>8} {'train us/window':>16} {'(quartiles)':>16} {'predict us/window':>18} {'(quartiles)':>16}"
        f" {'read s':>8} {'epoch s':>8} {'predict s':>10} {'peak MiB':>9}",
    ]
    for S in SIZES:
        cells = []
        for values in costs[S]:
            low, middle, high = np.quantile(np.array(values) * 1e6, [0.25, 0.5, 0.75])
            cells += [f"{middle:.1f}", f"{low:.1f} to {high:.1f}"]
        own = once[S]
        lines.append(
            f"{S:>8,} {cells[0]:>16} {cells[1]:>16} {cells[2]:>18} {cells[3]:>16}"
            f" {own.read:>8.1f} {own.fit:>8.1f} {own.predict:>10.2f} {own.memory:>9,.0f}"
        )
    lines += [
        "",
        "epoch s is what fitting takes with max_epochs=1: 100 steps, validation before and after, calibration.",
        "predict s forecasts every series. peak MiB is the most the process held, the libraries (250 MiB) included.",
    ]
    return lines


def draw(once: dict[int, Once], costs: dict[int, tuple[list[float], list[float]]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for k, (name, colour) in enumerate((("a training window", "#1f77b4"), ("a predicted window", "#ff7f0e"))):
        quartiles = np.array([np.quantile(np.array(costs[S][k]) * 1e6, [0.25, 0.5, 0.75]) for S in SIZES])
        left.fill_between(SIZES, quartiles[:, 0], quartiles[:, 2], color=colour, alpha=0.2, linewidth=0)
        left.plot(SIZES, quartiles[:, 1], marker="o", color=colour, label=name)
    left.set(
        xscale="log", xlabel="series of 200 points", ylabel="microseconds", title="Cost of a window", ylim=(0, None)
    )
    left.legend(frameon=False)
    right.plot(SIZES, [once[S].memory / 1024 for S in SIZES], marker="o", color="#2ca02c")
    right.axhline(4, color="grey", linestyle="--", linewidth=1)
    right.annotate("4 GiB", (SIZES[0], 4), xytext=(0, -11), textcoords="offset points", color="grey")
    right.set(xscale="log", xlabel="series of 200 points", ylabel="GiB", title="Peak memory: read, one epoch, predict")
    right.set_ylim(0, 4.4)
    figure.savefig(ROOT / "docs" / "scale.png", dpi=110)


def main() -> None:
    torch.manual_seed(0)
    once, tables = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for S in SIZES:
            path = Path(folder) / f"{S}.parquet"
            make_table(S).write_parquet(path)
            once[S] = in_a_process(path)
            tables[S] = read_source(path, COLUMNS)
            check_windows(tables[S])
    costs = cost_of_windows(tables)
    write("scale.txt", report(once, costs))
    draw(once, costs)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(*run_once(sys.argv[1]))
    else:
        main()
