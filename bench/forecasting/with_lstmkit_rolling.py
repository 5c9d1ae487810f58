"""How long does lstmkit take to forecast from every cutoff of a test part, with and without the scores?"""

from pathlib import Path

import numpy as np
import polars as pl

from bench.forecasting.rolling import Rolling
from bench.forecasting.worker import begin, read_column, rolling_report, stopwatch
from lstmkit import Forecaster
from lstmkit.data import TableSettings, make_windows, read_table
from lstmkit.forecasting import LstmSettings, evaluate


def main() -> None:
    asked = Rolling(**begin()[0])
    values = read_column(Path(asked.data) / "ett" / "ETTh1.csv.gz", "OT")
    table = read_table(pl.DataFrame({"OT": values}), TableSettings(target="OT", freq="h"))
    first = table.lengths - asked.test_rows
    settings = LstmSettings(
        hidden_size=asked.hidden,
        num_layers=asked.layers,
        dropout=0.0,
        batch_size=asked.batch,
        max_epochs=1,
        steps_per_epoch=asked.steps,
        patience=None,
        fold="auto" if asked.way == "folded" else "never",
    )
    forecaster = Forecaster(asked.horizon, asked.context, seasons=(24,), seed=asked.seed, settings=settings)
    forecaster.fit_series(table.head(first))
    spent = []
    for _ in range(asked.repeats):
        with stopwatch() as one:
            if asked.way == "predict_windows":
                windows = make_windows(table, forecaster.network_.window, asked.horizon, first=first)
                cutoffs, quantiles = windows.cutoffs, forecaster.predict_windows(windows)
            else:
                found = evaluate(forecaster, table, first)
                cutoffs, quantiles = found.cutoffs, found.quantiles
        spent.append(one)
    median = quantiles[..., forecaster.quantile_levels.index(0.5)]
    rolling_report(("lstmkit", "torch", "polars", "numpy"), spent, median, np.asarray(cutoffs), values)


if __name__ == "__main__":
    main()
