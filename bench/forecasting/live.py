"""How long does a forecast take after a new row, without training?

Fits the default model to the demonstration prices, one series and 100 copies of it, then gives `Forecaster.update` one
row at a time. Writes bench/results/live.txt.

    python -m bench.forecasting.live
"""

from __future__ import annotations

import statistics
import time

import polars as pl
import torch

from bench.machine import header, write
from lstmkit import Forecaster
from lstmkit.data import read_file
from lstmkit.forecasting import LstmSettings

FIT, ROWS = 3000, 200


def measure(series: int) -> str:
    """Return the median and the largest time of an update of one series, among `series` that were learnt from."""
    prices = read_file("demo:aapl").select("Date", pl.col("Adj Close").alias("y"))
    table = pl.concat(prices.head(FIT).with_columns(id=pl.lit(f"s{k}")) for k in range(series))
    settings = LstmSettings(max_epochs=1, steps_per_epoch=20)
    forecaster = Forecaster(horizon=5, settings=settings).fit(table, "y", "Date", "id")
    seconds = []
    for k in range(FIT, FIT + ROWS):
        row = prices[k : k + 1].with_columns(id=pl.lit("s0"))
        start = time.perf_counter()
        forecaster.update(row)
        seconds.append(time.perf_counter() - start)
    return (
        f"{series:>8}{1e3 * statistics.median(seconds):>12.2f}{1e3 * statistics.quantiles(seconds, n=100)[98]:>12.2f}"
    )


def main() -> None:
    torch.set_num_threads(1)
    lines = [f"{'series':>8}{'median ms':>12}{'99 % ms':>12}", *(measure(series) for series in (1, 100))]
    head = header(
        "A new row and its forecast, without training", {"torch": torch.__version__, "polars": pl.__version__}
    )
    notes = [f"one thread; {ROWS} rows, one at a time; times as text, so parsing is part of it; a table comes back"]
    print("\n".join(lines))
    write("live.txt", [*head, *notes, "", *lines])


if __name__ == "__main__":
    main()
