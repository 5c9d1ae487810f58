"""How fast is Darts' BlockRNNModel, configured as close to the tutorial recipe as its options allow?

Its one-step-ahead forecasts of the test part start from rows of the training part, as its users do it.
"""

import logging
import time
import warnings

import numpy as np
import torch
from darts import TimeSeries
from darts.models import BlockRNNModel

from bench.tutorial import recipe
from bench.tutorial.lightning_clock import LightningClock, quiet_trainer


def build(epochs: int, seed: int, clock: LightningClock, limit: dict[str, int]) -> BlockRNNModel:
    return BlockRNNModel(
        model="LSTM",
        input_chunk_length=recipe.LOOK_BACK,
        output_chunk_length=1,
        hidden_dim=recipe.UNITS,
        n_rnn_layers=2,
        batch_size=recipe.BATCH,
        n_epochs=epochs,
        loss_fn=torch.nn.MSELoss(),
        optimizer_kwargs={"lr": recipe.LEARNING_RATE},
        random_state=seed,
        pl_trainer_kwargs=quiet_trainer(clock) | limit,
    )


def main() -> None:
    seconds_import = recipe.seconds_since_start()
    args = recipe.arguments()
    torch.set_num_threads(args.threads)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("darts").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    data = recipe.read_series(args.csv, args.column)
    series = TimeSeries.from_values(data.scaled.astype(np.float32))

    single = args.mode == "steps"
    clock = LightningClock()
    limit = {"limit_train_batches": args.steps} if single else {}
    model = build(1 if single else args.epochs, args.seed, clock, limit)
    start = time.perf_counter()
    model.fit(series[: data.split], verbose=False)
    seconds_fit = time.perf_counter() - start
    report = recipe.Report(
        "Darts",
        ("darts", "pytorch-lightning", "torch", "numpy"),
        seconds_import,
        seconds_fit,
        len(clock.stamps) - 1,
        clock.ms_per_step(data.steps_per_epoch, single),
        recipe.STEP_MEDIAN if single else recipe.EPOCH_MEDIAN,
    )
    if args.mode == "command":
        forecasts = model.historical_forecasts(series, start=data.split, retrain=False, verbose=False)
        same_windows = forecasts.values()[recipe.LOOK_BACK : -1]
        report.test_rmse = data.rmse(same_windows, data.y_test)
        report.naive_rmse = data.naive_rmse
    report.print()


if __name__ == "__main__":
    main()
