"""How long does NeuralForecast's cross_validation of a fitted LSTM take?"""

from pathlib import Path

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.models import LSTM

from bench.forecasting.rolling import Rolling
from bench.forecasting.worker import QUIET_TRAINER, begin, read_column, rolling_report, stopwatch


def main() -> None:
    asked = Rolling(**begin()[0])
    values = read_column(Path(asked.data) / "ett" / "ETTh1.csv.gz", "OT")
    table = pd.DataFrame({"unique_id": "OT", "ds": np.arange(len(values)), "y": values})
    model = LSTM(
        h=asked.horizon,
        input_size=asked.context,
        encoder_hidden_size=asked.hidden,
        encoder_n_layers=asked.layers,
        decoder_layers=1,
        windows_batch_size=asked.batch,
        max_steps=asked.steps,
        random_seed=asked.seed + 1,
        **QUIET_TRAINER,
    )
    forecaster = NeuralForecast(models=[model], freq=1)
    forecaster.fit(table[: -asked.test_rows])
    spent = []
    for _ in range(asked.repeats):
        with stopwatch() as one:
            found = forecaster.cross_validation(table, n_windows=asked.cutoffs, step_size=1, use_fitted=True)
        spent.append(one)
    rows = found.sort_values(["cutoff", "ds"])
    forecasts = rows["LSTM"].to_numpy(np.float64).reshape(-1, asked.horizon)
    at = rows["ds"].to_numpy().reshape(-1, asked.horizon)[:, 0]
    packages = ("neuralforecast", "pytorch-lightning", "torch", "pandas", "numpy")
    rolling_report(packages, spent, forecasts, at, values)


if __name__ == "__main__":
    main()
