"""How good is NeuralForecast's LSTM or DeepAR with its default settings, fitted for a given time?

A first fit of 20 steps, or half the time if that is over sooner, tells the time of a step; the real one starts anew,
with as many steps as fill the time. The first fit is not charged, nor is what the real one does around its steps.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.models import LSTM, DeepAR

from bench.forecasting.worker import QUIET_TRAINER, StepClock, begin, report, stopwatch

MODELS = {"LSTM": LSTM, "DeepAR": DeepAR}
PROBE_STEPS = 20


def build(model: str, horizon: int, seed: int, steps: int, most_seconds: float | None = None) -> NeuralForecast:
    limit = {} if most_seconds is None else {"max_time": {"seconds": most_seconds}}
    network = MODELS[model](h=horizon, max_steps=steps, random_seed=seed, **QUIET_TRAINER, **limit)
    return NeuralForecast(models=[network], freq=1)


def steps_for(seconds: float, table: pd.DataFrame, model: str, horizon: int, seed: int) -> int:
    """Return how many steps fill a time."""
    clock = StepClock()
    probe = build(model, horizon, seed, PROBE_STEPS, max(seconds / 2, 1.0))
    with stopwatch() as spent:
        probe.fit(table)
    done = len(clock.stamps)
    step = clock.seconds_per_step if done > 2 else spent.wall / max(1, done)
    return max(1, int(seconds / step))


def main() -> None:
    task, _ = begin()
    model, horizon, seed = task["model"], task["horizon"], task["seed"]
    cutoffs, apart = task["cutoffs"], task["apart"]
    with np.load(task["values"]) as content:
        values, offsets = content["values"], content["offsets"]
    parts = [
        pd.DataFrame({"unique_id": s, "ds": np.arange(b - a), "y": values[a:b]})
        for s, (a, b) in enumerate(pairwise(offsets))
    ]
    table = pd.concat(parts, ignore_index=True)
    lengths = table.groupby("unique_id")["y"].transform("size")
    training = table[table["ds"] < lengths - (cutoffs - 1) * apart - horizon].reset_index(drop=True)
    steps = steps_for(task["seconds"], training, model, horizon, seed)
    forecaster = build(model, horizon, seed, steps)
    with stopwatch() as fit:
        forecaster.fit(training)
    found = forecaster.cross_validation(table, n_windows=cutoffs, step_size=apart, use_fitted=True)
    rows = found.sort_values(["unique_id", "cutoff", "ds"])
    column = f"{model}-median" if f"{model}-median" in rows else model
    at = rows["ds"].to_numpy() + offsets[rows["unique_id"].to_numpy()]
    shape = (-1, horizon)
    np.savez(task["out"], at=at.reshape(shape)[:, 0], median=rows[column].to_numpy(np.float64).reshape(shape))
    packages = ("neuralforecast", "pytorch-lightning", "torch", "pandas", "numpy")
    report(packages, seconds_fit=fit.wall, cores=fit.cores, steps=steps, column=column)


if __name__ == "__main__":
    main()
