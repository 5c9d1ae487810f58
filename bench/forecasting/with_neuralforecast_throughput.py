"""How fast does NeuralForecast train its LSTM, or its DeepAR?

It draws the windows of a step from those of 32 series, its default; the windows of a step are as many as everyone's.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import DistributionLoss, MQLoss
from neuralforecast.models import LSTM, DeepAR

from bench.forecasting.throughput import Sizes
from bench.forecasting.worker import QUIET_TRAINER, StepClock, begin, read_m4_rows, report, stopwatch

LEVELS = [80, 95]


def build(sizes: Sizes) -> LSTM | DeepAR:
    common: dict[str, Any] = {
        "h": sizes.horizon,
        "input_size": sizes.context,
        "max_steps": sizes.steps,
        "windows_batch_size": sizes.batch,
        "scaler_type": "standard",
        "random_seed": sizes.seed + 1,
        **QUIET_TRAINER,
    }
    if sizes.model == "LSTM":
        return LSTM(
            encoder_hidden_size=sizes.hidden,
            encoder_n_layers=sizes.layers,
            decoder_layers=1,
            loss=MQLoss(level=LEVELS),
            **common,
        )
    return DeepAR(
        h_train=sizes.horizon,
        lstm_hidden_size=sizes.hidden,
        lstm_n_layers=sizes.layers,
        lstm_dropout=0.0,
        loss=DistributionLoss("StudentT", level=LEVELS, return_params=False),
        **common,
    )


def main() -> None:
    task, seconds_import = begin()
    sizes = Sizes(**task)
    series = read_m4_rows(Path(sizes.data) / "m4" / "Hourly-train.csv.gz", sizes.series)
    parts = [pd.DataFrame({"unique_id": name, "ds": np.arange(len(y)), "y": y}) for name, y in series.items()]
    table = pd.concat(parts, ignore_index=True)
    forecaster = NeuralForecast(models=[build(sizes)], freq=1)
    clock = StepClock()
    with stopwatch() as fit:
        forecaster.fit(table)
    report(
        ("neuralforecast", "pytorch-lightning", "torch", "pandas", "numpy"),
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
