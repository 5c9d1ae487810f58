"""How fast does Darts train its BlockRNNModel (direct), or its RNNModel (step by step), both as LSTM?

An epoch of all windows is stopped after as many steps as everyone takes. Darts does not scale, so values come scaled.
"""

from pathlib import Path
from typing import Any

import numpy as np
from darts import TimeSeries
from darts.models import BlockRNNModel, RNNModel
from darts.utils.likelihood_models import GaussianLikelihood, QuantileRegression

from bench.forecasting.throughput import Sizes
from bench.forecasting.worker import QUIET_TRAINER, StepClock, begin, read_m4_rows, report, stopwatch

QUANTILES = [0.025, 0.1, 0.5, 0.9, 0.975]


def build(sizes: Sizes) -> BlockRNNModel | RNNModel:
    common: dict[str, Any] = {
        "model": "LSTM",
        "input_chunk_length": sizes.context,
        "hidden_dim": sizes.hidden,
        "n_rnn_layers": sizes.layers,
        "batch_size": sizes.batch,
        "n_epochs": 1,
        "random_state": sizes.seed,
        "pl_trainer_kwargs": QUIET_TRAINER | {"limit_train_batches": sizes.steps},
    }
    if sizes.model == "block":
        return BlockRNNModel(output_chunk_length=sizes.horizon, likelihood=QuantileRegression(QUANTILES), **common)
    return RNNModel(training_length=sizes.context + sizes.horizon, likelihood=GaussianLikelihood(), **common)


def main() -> None:
    task, seconds_import = begin()
    sizes = Sizes(**task)
    rows = read_m4_rows(Path(sizes.data) / "m4" / "Hourly-train.csv.gz", sizes.series).values()
    series = [TimeSeries.from_values(((y - y.mean()) / max(y.std(), 1e-9)).astype(np.float32)) for y in rows]
    model = build(sizes)
    clock = StepClock()
    with stopwatch() as fit:
        model.fit(series, verbose=False)
    report(
        ("darts", "pytorch-lightning", "torch", "numpy"),
        steps=len(clock.stamps),
        windows_per_second=sizes.batch / clock.seconds_per_step,
        median_step=clock.median_step,
        cpu_per_step=clock.cpu_per_step,
        seconds_import=seconds_import,
        seconds_fit=fit.wall,
        cores=fit.cores,
    )


if __name__ == "__main__":
    main()
