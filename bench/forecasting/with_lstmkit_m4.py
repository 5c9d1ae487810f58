"""How long does lstmkit take from the M4 Hourly file to forecasts, with the small settings?"""

from pathlib import Path

import numpy as np

from bench.forecasting.m4 import DAY, HORIZON, QUICK, long_table, read
from bench.forecasting.worker import begin, report, stopwatch
from lstmkit import Forecaster


def main() -> None:
    task, seconds_import = begin()
    with stopwatch() as reading:
        ids, series = read(Path(task["data"]), "train")
        table = long_table(ids, series)
    forecaster = Forecaster(HORIZON, seasons=(DAY, 7 * DAY), seed=task["seed"], settings=QUICK)
    with stopwatch() as fit:
        forecaster.fit(table, "y", "time", "id")
    with stopwatch() as forecast:
        found = forecaster.predict()
    own = {name: rows["median"].to_numpy() for (name,), rows in found.group_by("id")}
    file = Path(task["out"]) / f"lstmkit-{task['seed']}.npy"
    np.save(file, np.stack([own[name] for name in ids]))
    report(
        ("lstmkit", "torch", "polars", "numpy"),
        file=str(file),
        seconds_import=seconds_import,
        seconds_read=reading.wall,
        seconds_fit=fit.wall,
        seconds_predict=forecast.wall,
        cores=fit.cores,
    )


if __name__ == "__main__":
    main()
