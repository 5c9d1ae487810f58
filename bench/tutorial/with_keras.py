"""How fast and how accurate is the tutorial recipe in Keras 3 with TensorFlow, compiled or (--eager) step by step?"""

import os
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from bench.tutorial import recipe


class StepClock(keras.callbacks.Callback):
    """The clock after every training step."""

    def __init__(self) -> None:
        super().__init__()
        self.stamps: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.stamps.append(time.perf_counter())


class EpochClock(keras.callbacks.Callback):
    """The clock before the first epoch and after every epoch."""

    def __init__(self, steps_per_epoch: int) -> None:
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.marks: recipe.Marks = []

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.marks.append((0, time.perf_counter()))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.marks.append(((epoch + 1) * self.steps_per_epoch, time.perf_counter()))


def build(eager: bool) -> keras.Sequential:
    model = keras.Sequential(
        [
            keras.Input((recipe.LOOK_BACK, 1)),
            keras.layers.LSTM(recipe.UNITS, return_sequences=True),
            keras.layers.LSTM(recipe.UNITS),
            keras.layers.Dense(1),
        ]
    )
    optimizer = keras.optimizers.Adam(recipe.LEARNING_RATE)
    model.compile(loss="mean_squared_error", optimizer=optimizer, run_eagerly=eager)
    return model


def main() -> None:
    seconds_import = recipe.seconds_since_start()
    args = recipe.arguments()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    keras.utils.set_random_seed(args.seed)
    data = recipe.read_series(args.csv, args.column)
    x, x_test = data.x_train[..., None], data.x_test[..., None]
    model = build(args.eager)

    single = args.mode == "steps"
    epochs, steps = (1, args.steps) if single else (args.epochs, data.steps_per_epoch)
    clock = StepClock() if single else EpochClock(steps)
    limit = {"steps_per_epoch": steps} if single else {}
    start = time.perf_counter()
    model.fit(x, data.y_train, epochs=epochs, batch_size=recipe.BATCH, verbose=0, callbacks=[clock], **limit)
    seconds_fit = time.perf_counter() - start
    report = recipe.Report(
        "Keras eager" if args.eager else "Keras",
        ("keras", "tensorflow-cpu", "numpy"),
        seconds_import,
        seconds_fit,
        epochs * steps,
        recipe.ms_per_single_step(clock.stamps) if single else recipe.ms_per_epoch_step(clock.marks),
        recipe.STEP_MEDIAN if single else recipe.EPOCH_MEDIAN,
    )
    if args.mode == "command":
        report.train_rmse = data.rmse(model.predict(x, verbose=0), data.y_train)
        report.test_rmse = data.rmse(model.predict(x_test, verbose=0), data.y_test)
        report.naive_rmse = data.naive_rmse
    report.print()


if __name__ == "__main__":
    main()
