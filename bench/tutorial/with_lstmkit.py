"""How fast and how accurate is the tutorial recipe in lstmkit?

lstmkit reports once per epoch, so mode steps times whole epochs: two of them, the first as warm-up.
"""

import torch

from bench.tutorial import recipe
from lstmkit.forecasting.judgement.tutorial import run_tutorial


def main() -> None:
    seconds_import = recipe.seconds_since_start()
    args = recipe.arguments()
    torch.set_num_threads(args.threads)
    data = recipe.read_series(args.csv, args.column)
    epochs = 2 if args.mode == "steps" else args.epochs
    marks: recipe.Marks = [(0, 0.0)]
    result = run_tutorial(
        data.values,
        epochs=epochs,
        seed=args.seed,
        on_epoch=lambda record: marks.append((record.steps, marks[-1][1] + record.seconds)),
    )
    report = recipe.Report(
        "lstmkit",
        ("lstmkit", "torch", "numpy"),
        seconds_import,
        result.seconds_fit,
        result.steps,
        recipe.ms_per_epoch_step([mark for mark in marks if mark[0] or mark is marks[0]]),
        recipe.EPOCH_MEDIAN,
    )
    if args.mode == "command":
        report.train_rmse = result.train_rmse
        report.test_rmse = result.test_rmse
        report.naive_rmse = result.naive_rmse
    report.print()


if __name__ == "__main__":
    main()
