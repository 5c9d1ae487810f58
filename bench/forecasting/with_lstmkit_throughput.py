"""How fast does lstmkit train its direct LSTM, step by step, or its DeepAR?"""

from dataclasses import replace
from pathlib import Path

from bench.forecasting.m4 import long_table
from bench.forecasting.throughput import Sizes
from bench.forecasting.worker import StepClock, begin, read_m4_rows, report, stopwatch
from lstmkit import Forecaster
from lstmkit.forecasting import LstmSettings
from lstmkit.forecasting.models import ModelSettings
from lstmkit.forecasting.models.deepar import DeepArSettings


def settings_of(sizes: Sizes) -> ModelSettings:
    kinds = {"lstm": LstmSettings(fold="never"), "folded": LstmSettings(), "deepar": DeepArSettings()}
    own = kinds[sizes.model]
    changed = {"hidden_size": sizes.hidden, "num_layers": sizes.layers, "dropout": 0.0, "batch_size": sizes.batch}
    return replace(own, **changed, max_epochs=1, steps_per_epoch=sizes.steps, patience=None)


def main() -> None:
    task, seconds_import = begin()
    sizes = Sizes(**task)
    series = read_m4_rows(Path(sizes.data) / "m4" / "Hourly-train.csv.gz", sizes.series)
    table = long_table(list(series), list(series.values()))
    forecaster = Forecaster(
        sizes.horizon,
        sizes.context,
        "deepar" if sizes.model == "deepar" else "lstm",
        seasons=(sizes.season,),
        seed=sizes.seed,
        settings=settings_of(sizes),
    )
    clock = StepClock()
    with stopwatch() as fit:
        forecaster.fit(table, "y", "time", "id")
    report(
        ("lstmkit", "torch", "polars", "numpy"),
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
