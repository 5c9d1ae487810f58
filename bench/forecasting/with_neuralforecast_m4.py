"""How long does NeuralForecast's LSTM take from the M4 Hourly file to forecasts?"""

from pathlib import Path

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.models import LSTM

from bench.forecasting.worker import QUIET_TRAINER, begin, report, stopwatch

HORIZON, CONTEXT = 48, 168


def read(path: Path) -> pd.DataFrame:
    """Return a row per series and hour, numbered from 0."""
    wide = pd.read_csv(path).rename(columns={"V1": "unique_id"}).set_index("unique_id")
    wide.columns = range(wide.shape[1])
    long = wide.stack().dropna().rename("y").rename_axis(["unique_id", "ds"]).reset_index()
    return long.astype({"ds": np.int64})


def main() -> None:
    task, seconds_import = begin()
    with stopwatch() as reading:
        table = read(Path(task["data"]) / "m4" / "Hourly-train.csv.gz")
    model = LSTM(h=HORIZON, input_size=CONTEXT, max_steps=task["steps"], random_seed=task["seed"] + 1, **QUIET_TRAINER)
    forecaster = NeuralForecast(models=[model], freq=1)
    with stopwatch() as fit:
        forecaster.fit(table)
    with stopwatch() as forecast:
        found = forecaster.predict()
    own = {name: rows["LSTM"].to_numpy() for name, rows in found.groupby("unique_id", sort=False)}
    file = Path(task["out"]) / f"neuralforecast-{task['seed']}.npy"
    np.save(file, np.stack([own[name] for name in table["unique_id"].unique()]))
    report(
        ("neuralforecast", "pytorch-lightning", "torch", "pandas", "numpy"),
        file=str(file),
        seconds_import=seconds_import,
        seconds_read=reading.wall,
        seconds_fit=fit.wall,
        seconds_predict=forecast.wall,
        cores=fit.cores,
    )


if __name__ == "__main__":
    main()
