"""Given the time that lstmkit's default forecaster takes, how good are NeuralForecast's LSTM and DeepAR?

Six cases, three seeds; the last fifth of every series is for testing, with a cutoff every horizon, or at least 20
cutoffs where there is one series. NeuralForecast gets the seconds of lstmkit's fit of the same seed, at least 10, and
as many steps as fill them. Every process forecasts the same windows; errors are computed here. Writes
bench/results/equal_budget.txt, row by row.

    python -m bench.forecasting.equal_budget
    python -m bench.forecasting.equal_budget --cases "AirPassengers, 12" --seeds 1 --least 2 --trial
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.forecasting.race import Contestant, Failure, Run, aligned, closing, keep, parser, run, versions
from bench.forecasting.with_lstmkit_budget import CASES, Case
from bench.machine import header
from lstmkit.data import SeriesTable

Array = NDArray[np.float64]
LSTMKIT = "lstmkit"
RIVALS = ("LSTM", "DeepAR")
NOTES = (
    "MASE: absolute error of the median over the mean absolute error, within the training part, of repeating the",
    "value a season ago (the season stands in brackets); by series, then over the series; mean over the seeds",
    "[lowest, highest]. lstmkit: Forecaster(horizon, seed=seed) and nothing else; its mean: the same with the mean in",
    "place of the median. LSTM, DeepAR: NeuralForecast with h, max_steps and random_seed, everything else its",
    "default; missing values are filled with the one before, for it takes none, and no filled value is scored. best",
    "naive: the lowest of the last value and the values a season ago, for taylor 48 or 336 steps. s: seconds of the",
    "fit; steps: of the training; both means over the seeds.",
)


def filled(table: SeriesTable) -> Array:
    """Return the values with each missing one replaced by the one before, or by the first one of the series."""
    parts = []
    for a, b in zip(table.offsets[:-1], table.offsets[1:], strict=True):
        own = table.values[a:b]
        known = np.flatnonzero(~np.isnan(own))
        before = np.searchsorted(known, np.arange(len(own)), side="right") - 1
        parts.append(own[known[np.maximum(before, 0)]])
    return np.concatenate(parts)


class Judge:
    """What is true in the test part of a case, and what errors are divided by."""

    def __init__(self, case: Case, table: SeriesTable) -> None:
        self.table, self.values, self.case = table, filled(table), case
        self.cutoffs, self.apart = case.cutoffs(table)
        P, first = case.horizon, table.offsets[1:] - case.test_rows(table)
        self.at = (first[:, None] + self.apart * np.arange(self.cutoffs)).reshape(-1)
        self.series = np.repeat(np.arange(len(table)), self.cutoffs)
        self.truth = table.values[self.at[:, None] + np.arange(P)]
        training = [table.values[a:b] for a, b in zip(table.offsets[:-1], first, strict=True)]
        m = case.seasons[0]
        self.scales = np.array([np.nanmean(np.abs(y[m:] - y[:-m])) for y in training])

    def mase(self, forecasts: Array) -> float:
        errors = np.abs(forecasts - self.truth)
        own = [np.nanmean(errors[self.series == s]) for s in range(len(self.table))]
        return float(np.nanmean(np.array(own) / self.scales))

    def best_naive(self) -> float:
        """Return the lowest MASE among those of the last value and of the values a season ago."""
        steps = np.arange(self.case.horizon)
        last = np.repeat(self.values[self.at - 1][:, None], len(steps), 1)
        ago = (self.values[self.at[:, None] - season + steps % season] for season in self.case.seasons)
        return min(self.mase(forecasts) for forecasts in (last, *ago))

    def read(self, path: Path, label: str) -> dict[str, Array]:
        """Return the forecasts (W, P) that a process left, NaN where it left out a window without any truth.

        Stops if they are of other windows.
        """
        with np.load(path) as content:
            found = {name: content[name] for name in content.files}
        at, finite = found.pop("at"), all(np.isfinite(forecasts).all() for forecasts in found.values())
        there = np.isin(self.at, at)
        if not finite or not np.array_equal(self.at[there], at) or np.isfinite(self.truth[~there]).any():
            sys.exit(f"{self.case.name}, {label}: not the same windows, or forecasts that are not finite")
        placed = {name: np.full(self.truth.shape, np.nan) for name in found}
        for name, forecasts in found.items():
            placed[name][there] = forecasts
        return placed


def measure(case: Case, asked: argparse.Namespace, kept: Path) -> tuple[dict[str, list[Run]], float, list[Failure]]:
    """Run a case with every seed; return reports with "mase" by contestant, the MASE of naive, and failures."""
    judge = Judge(case, case.read(asked.data, asked.series))
    np.savez(kept / "values.npz", values=judge.values, offsets=judge.table.offsets)
    common: dict[str, Any] = {"case": case.name, "data": str(asked.data), "series": asked.series}
    common |= {"horizon": case.horizon, "cutoffs": judge.cutoffs, "apart": judge.apart}
    common |= {"values": str(kept / "values.npz")}
    runs: dict[str, list[Run]] = {name: [] for name in (LSTMKIT, *RIVALS)}
    failures: list[Failure] = []
    for seed in asked.seeds:
        out, seconds = kept / "forecasts.npz", asked.least
        for name in (LSTMKIT, *RIVALS):
            label = f"{case.name}: {name}, seed {seed}"
            worker = Contestant(label, "with_neuralforecast_budget", "forecasting", (("model", name),))
            if name == LSTMKIT:
                worker = Contestant(label, "with_lstmkit_budget")
            done = run(worker, asked, common | {"seed": seed, "out": str(out), "seconds": seconds})
            if isinstance(done, Failure):
                failures.append(done)
                continue
            found = judge.read(out, name)
            runs[name].append(done | {f"mase {kind}": judge.mase(forecasts) for kind, forecasts in found.items()})
            if name == LSTMKIT:
                seconds = max(asked.least, done["seconds_fit"])
    return runs, judge.best_naive(), failures


def row(case: Case, runs: dict[str, list[Run]], naive: float) -> tuple[str, ...]:
    cells = [f"{case.name} [{case.seasons[0]}]"]
    for name in (LSTMKIT, *RIVALS):
        each = runs[name]
        cells.append(spread_of_mean([one["mase median"] for one in each]))
        if name == LSTMKIT:
            cells.append(spread_of_mean([one["mase mean"] for one in each]))
    cells.append(f"{naive:.3f}")
    for name in (LSTMKIT, *RIVALS):
        each = runs[name]
        cells.append(f"{np.mean([one['seconds_fit'] for one in each]):.1f}" if each else "-")
        cells.append(f"{np.mean([one['steps'] for one in each]):.0f}" if each else "-")
    return tuple(cells)


def spread_of_mean(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def main() -> None:
    options = parser(__doc__, rounds=1)
    options.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    options.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    options.add_argument("--least", type=float, default=10.0, help="seconds that NeuralForecast gets at least")
    options.add_argument("--series", type=int, help="the first ones alone; for trials")
    asked = options.parse_args()
    rows: list[tuple[str, ...]] = [
        (
            "MASE",
            LSTMKIT,
            "its mean",
            *RIVALS,
            "best naive",
            "lstmkit s",
            "steps",
            "LSTM s",
            "steps",
            "DeepAR s",
            "steps",
        )
    ]
    everything: list[Run] = []
    failures: list[Failure] = []
    for name in asked.cases:
        with tempfile.TemporaryDirectory() as kept:
            runs, naive, failed = measure(CASES[name], asked, Path(kept))
        everything += [one for each in runs.values() for one in each]
        failures += failed
        rows.append(row(CASES[name], runs, naive))
        title = (
            f"Equal time: default forecasters, seeds {' '.join(map(str, asked.seeds))}, {asked.threads} threads given"
        )
        lines = [*header(title, versions(everything)), "", *aligned(rows), "", *NOTES, *closing(everything, failures)]
        keep("equal_budget.txt", asked, lines)


if __name__ == "__main__":
    main()
