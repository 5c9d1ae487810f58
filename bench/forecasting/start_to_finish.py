"""From a file to forecasts of M4 Hourly in a fresh process: how long, and how good?

Import, reading, fitting and forecasting; forecasts are scored here, for all alike, with the competition's formulas;
the official Naive2 must come out as 1.000. Writes bench/results/start_to_finish.txt.

    python -m bench.forecasting.start_to_finish
    python -m bench.forecasting.start_to_finish --steps 3 --trial
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.forecasting import m4
from bench.forecasting.race import Contestant, Run, aligned, alternate, closing, keep, parser, spread, versions
from bench.forecasting.worker import Array, read_m4_rows
from bench.machine import header

NOTES = (
    "lstmkit quick: the settings QUICK of bench/forecasting/m4.py. NeuralForecast LSTM: input_size=168, everything",
    "else its default (1,000 steps, robust scaler), unless --steps was given. import: from the start of the process",
    "to the end of the imports; read: the file to the library's table; whole: of the process, all in seconds. sMAPE,",
    "MASE: by series, then averaged; mean over the rounds, each its own seed. cores: processor seconds of the fit",
    "over its wall seconds.",
)


def contestants(steps: int) -> tuple[Contestant, ...]:
    return (
        Contestant("lstmkit lstm, quick", "with_lstmkit_m4"),
        Contestant("NeuralForecast LSTM", "with_neuralforecast_m4", "forecasting", (("steps", steps),)),
    )


def score(forecasts: Sequence[Array], truth: Sequence[Array], seen: Sequence[Array]) -> tuple[float, float]:
    """Return sMAPE and MASE with a season of 24, each by series and then averaged; see data/m4/SOURCE.md."""
    smape, mase = [], []
    for forecast, y, past in zip(forecasts, truth, seen, strict=True):
        error = np.abs(y - forecast)
        smape.append(float(np.mean(200 * error / (np.abs(y) + np.abs(forecast)))))
        mase.append(float(np.mean(error) / np.mean(np.abs(past[m4.DAY :] - past[: -m4.DAY]))))
    return float(np.mean(smape)), float(np.mean(mase))


def owa(smape: float, mase: float, naive: tuple[float, float]) -> float:
    return (smape / naive[0] + mase / naive[1]) / 2


def naive2(folder: Path, truth: dict[str, Array], seen: dict[str, Array]) -> tuple[float, float]:
    """Return the scores of the official Naive2; stop unless they are the published ones."""
    forecasts = read_m4_rows(folder / "Naive2_Hourly_forecasts.csv.gz")
    found = score([forecasts[name] for name in seen], list(truth.values()), list(seen.values()))
    if abs(owa(*found, m4.NAIVE2) - 1) > 5e-4:
        sys.exit(f"Naive2 scores {found} here, not {m4.NAIVE2}; nothing is reported")
    return found


def table(runs: dict[str, list[Run]], scores: dict[str, tuple[float, float]], naive: tuple[float, float]) -> list[str]:
    rows: list[tuple[str, ...]] = [
        ("", "sMAPE", "MASE", "OWA", "import", "read", "fit", "predict", "whole", "cores", "threads")
    ]
    for label, each in runs.items():
        smape, mase = scores[label]
        seconds = (
            spread([run[name] for run in each])
            for name in ("seconds_import", "seconds_read", "seconds_fit", "seconds_predict", "seconds_command")
        )
        quality = (f"{smape:.3f}", f"{mase:.4f}", f"{owa(smape, mase, naive):.4f}")
        rows.append((label, *quality, *seconds, spread([run["cores"] for run in each]), str(each[0]["threads"])))
    rows.append(("official Naive2", f"{naive[0]:.3f}", f"{naive[1]:.4f}", f"{owa(*naive, naive):.4f}", *("",) * 7))
    return aligned(rows)


def measure(asked: argparse.Namespace, kept: Path) -> tuple[dict[str, list[Run]], list[str]]:
    """Run the contestants and return their reports, and the lines of the result.

    kept  folder for their forecasts
    """
    runs, failures = alternate(contestants(asked.steps), asked, {"out": str(kept)})
    folder = asked.data / "m4"
    seen, truth = (read_m4_rows(folder / f"Hourly-{part}.csv.gz") for part in ("train", "test"))
    naive = naive2(folder, truth, seen)
    scores = {}
    for label, each in runs.items():
        own = []
        for run in each:
            forecasts = np.load(run["file"])
            if forecasts.shape != (len(truth), m4.HORIZON) or not np.isfinite(forecasts).all():
                sys.exit(f"{label}: forecasts {forecasts.shape}, or not all finite; nothing is reported")
            own.append(score(list(forecasts), list(truth.values()), list(seen.values())))
        scores[label] = (float(np.mean([s for s, _ in own])), float(np.mean([m for _, m in own])))
    everything = [run for each in runs.values() for run in each]
    return runs, [*table(runs, scores, naive), "", *NOTES, *closing(everything, failures)]


def main() -> None:
    options = parser(__doc__, rounds=1)
    options.add_argument("--steps", type=int, default=1000, help="of NeuralForecast")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        runs, lines = measure(asked, Path(kept))
    title = f"M4 Hourly from file to forecasts, {asked.rounds} alternating rounds, {asked.threads} threads given"
    head = header(title, versions(run for each in runs.values() for run in each))
    keep("start_to_finish.txt", asked, [*head, "", *lines])


if __name__ == "__main__":
    main()
