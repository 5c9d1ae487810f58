"""How long do Darts' historical_forecasts of a fitted model take, with and without its optimised path?"""

from pathlib import Path
from typing import Any

import numpy as np
from darts import TimeSeries
from darts.models import BlockRNNModel, RNNModel

from bench.forecasting.rolling import Rolling
from bench.forecasting.worker import QUIET_TRAINER, begin, read_column, rolling_report, stopwatch


def build(asked: Rolling) -> BlockRNNModel | RNNModel:
    common: dict[str, Any] = {
        "model": "LSTM",
        "input_chunk_length": asked.context,
        "hidden_dim": asked.hidden,
        "n_rnn_layers": asked.layers,
        "batch_size": asked.batch,
        "n_epochs": 1,
        "random_state": asked.seed,
        "pl_trainer_kwargs": QUIET_TRAINER | {"limit_train_batches": asked.steps},
    }
    if asked.way.startswith("block"):
        return BlockRNNModel(output_chunk_length=asked.horizon, **common)
    return RNNModel(training_length=asked.context + asked.horizon, **common)


def main() -> None:
    asked = Rolling(**begin()[0])
    values = read_column(Path(asked.data) / "ett" / "ETTh1.csv.gz", "OT")
    seen = values[: -asked.test_rows]
    centre, unit = seen.mean(), seen.std()
    series = TimeSeries.from_values(((values - centre) / unit).astype(np.float32))
    model = build(asked)
    model.fit(series[: len(seen)], verbose=False)
    loop = asked.way.endswith("loop")
    spent = []
    for _ in range(1 if loop else asked.repeats):
        with stopwatch() as one:
            found = model.historical_forecasts(
                series,
                start=len(seen),
                start_format="position",
                forecast_horizon=asked.horizon,
                stride=1,
                retrain=False,
                last_points_only=False,
                enable_optimization=not loop,
                verbose=False,
            )
        spent.append(one)
    forecasts = np.stack([each.values()[:, 0] for each in found]) * unit + centre
    at = np.array([each.start_time() for each in found])
    rolling_report(("darts", "pytorch-lightning", "torch", "numpy"), spent, forecasts, at, values)


if __name__ == "__main__":
    main()
