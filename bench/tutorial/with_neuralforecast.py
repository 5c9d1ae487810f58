"""How fast is NeuralForecast's LSTM, configured as close to the tutorial recipe as its options allow?

NeuralForecast has steps, not epochs: it draws 32 windows at random for each step. It gets the same number of steps.
Its one-step-ahead forecasts of the test part start from rows of the training part, as its users do it.
"""

import logging
import time
import warnings

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import LSTM

from bench.tutorial import recipe
from bench.tutorial.lightning_clock import LightningClock, quiet_trainer


def build(max_steps: int, seed: int) -> NeuralForecast:
    model = LSTM(
        h=1,
        input_size=recipe.LOOK_BACK,
        encoder_n_layers=2,
        encoder_hidden_size=recipe.UNITS,
        decoder_layers=1,
        loss=MSE(),
        max_steps=max_steps,
        learning_rate=recipe.LEARNING_RATE,
        num_lr_decays=-1,
        early_stop_patience_steps=-1,
        batch_size=recipe.BATCH,
        windows_batch_size=recipe.BATCH,
        scaler_type="identity",
        random_seed=seed,
        **quiet_trainer(LightningClock()),
    )
    return NeuralForecast(models=[model], freq=1)


def main() -> None:
    seconds_import = recipe.seconds_since_start()
    args = recipe.arguments()
    torch.set_num_threads(args.threads)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    data = recipe.read_series(args.csv, args.column)
    table = pd.DataFrame({"unique_id": args.column, "ds": np.arange(len(data.scaled)), "y": data.scaled})

    single = args.mode == "steps"
    steps = args.steps if single else args.epochs * data.steps_per_epoch
    forecaster = build(steps, args.seed)
    start = time.perf_counter()
    forecaster.fit(table[: data.split])
    seconds_fit = time.perf_counter() - start
    clock = forecaster.models[0].trainer_kwargs["callbacks"][0]  # fit trains a copy of the model, callbacks included
    report = recipe.Report(
        "NeuralForecast",
        ("neuralforecast", "pytorch-lightning", "torch", "numpy"),
        seconds_import,
        seconds_fit,
        steps,
        clock.ms_per_step(data.steps_per_epoch, single),
        recipe.STEP_MEDIAN if single else recipe.EPOCH_MEDIAN,
    )
    if args.mode == "command":
        forecasts = forecaster.cross_validation(table, n_windows=len(table) - data.split, use_fitted=True)
        same_windows = forecasts["LSTM"].to_numpy()[recipe.LOOK_BACK : -1]
        report.test_rmse = data.rmse(same_windows, data.y_test)
        report.naive_rmse = data.naive_rmse
    report.print()


if __name__ == "__main__":
    main()
