"""How good is lstmkit's default forecaster on a case, and how long does it fit?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.forecasting.worker import begin, report, stopwatch
from lstmkit import Forecaster
from lstmkit.data import SeriesTable, TableSettings, make_windows, read_file, read_table
from lstmkit.data.tsf import parse_tsf

TEST = 0.2
LEAST_CUTOFFS = 20


@dataclass(frozen=True, slots=True)
class Case:
    """A file, what to forecast in it, and the seasons to repeat; MASE divides by the error of the first."""

    name: str
    path: str
    horizon: int
    seasons: tuple[int, ...]
    settings: TableSettings

    def read(self, folder: Path, most: int | None = None) -> SeriesTable:
        """Return the series, the first `most` of them; missing values stay missing."""
        path = folder / "ts_classic" / self.path
        frame = parse_tsf(path.read_text(), path.name).frame if path.suffix == ".tsf" else read_file(path)
        table = read_table(frame, self.settings)
        return table if most is None else table.choose(np.arange(min(most, len(table))))

    def cutoffs(self, table: SeriesTable) -> tuple[int, int]:
        """Return how many cutoffs the last fifth of the shortest series has, and how many rows they lie apart.

        They lie a horizon apart, but closer where a single series would be judged by fewer than 20 of them.
        """
        rows = round(TEST * int(table.lengths.min()))
        few = len(table) == 1 and rows // self.horizon < LEAST_CUTOFFS
        apart = max(1, (rows - self.horizon) // (LEAST_CUTOFFS - 1)) if few else self.horizon
        return max(1, 1 + (rows - self.horizon) // apart), apart

    def test_rows(self, table: SeriesTable) -> int:
        """Return how many rows at the end of each series nothing is learnt from."""
        cutoffs, apart = self.cutoffs(table)
        return (cutoffs - 1) * apart + self.horizon


TAYLOR = TableSettings(target="Y", freq="30min")
CASES = {
    case.name: case
    for case in (
        Case("AirPassengers, 12", "airline-passengers.csv", 12, (12,), TableSettings(target="Passengers")),
        Case("taylor, 48", "taylor.csv", 48, (48, 336), TAYLOR),
        Case("taylor, 336", "taylor.csv", 336, (48, 336), TAYLOR),
        Case(
            "Beijing PM2.5, 24",
            "pollution.csv.gz",
            24,
            (24,),
            TableSettings(target="pm2.5", time="row", freq="h", missing="mask"),
        ),
        Case("daily temperature, 7", "daily-min-temperatures.csv", 7, (1,), TableSettings(target="Temp")),
        Case(
            "Monash weekly, 8",
            "monash_sample.tsf",
            8,
            (52,),
            TableSettings(target="value", time="time", id="series_name"),
        ),
    )
}


def main() -> None:
    task, _ = begin()
    case = CASES[task["case"]]
    table = case.read(Path(task["data"]), task["series"])
    first, (_, apart) = table.lengths - case.test_rows(table), case.cutoffs(table)
    forecaster = Forecaster(case.horizon, seed=task["seed"])
    with stopwatch() as fit:
        forecaster.fit_series(table.head(first))
    windows = make_windows(table, forecaster.network_.window, case.horizon, first=first, stride=apart)
    quantiles = forecaster.predict_windows(windows)
    median = quantiles[..., forecaster.quantile_levels.index(0.5)]
    np.savez(task["out"], at=windows.cutoffs, median=median, mean=forecaster.mean_of(quantiles))
    steps = forecaster.history_[-1].steps
    report(("lstmkit", "torch", "polars", "numpy"), seconds_fit=fit.wall, cores=fit.cores, steps=steps)


if __name__ == "__main__":
    main()
