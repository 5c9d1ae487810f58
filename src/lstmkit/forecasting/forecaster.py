"""`Forecaster`: fit a model to a table of series, forecast what follows, save it, load it."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import lstmkit
from lstmkit.data import SeriesTable, TableSettings, Windows, make_windows, read_table, table_kind
from lstmkit.errors import InputError, NotFittedError
from lstmkit.forecasting.network import ForecastNetwork
from lstmkit.forecasting.output import forecast_columns, to_user_table
from lstmkit.forecasting.seasons import Seasons, find_seasons
from lstmkit.forecasting.settings import LstmSettings
from lstmkit.nn import mean_weights, quantile_levels
from lstmkit.recurrence.backends import check_backend_name
from lstmkit.training import Checkpoint, EpochRecord, TrainSettings, threads_for, train

MODELS = ("lstm",)
EVALUATION_BATCH = 1024


class Forecaster:
    """Forecast the next values of one or many series, with intervals, by an LSTM.

    horizon   steps ahead that every forecast covers, at least 1
    context   past values that the model sees; None chooses from the seasons and the length of the series
    model     "lstm"
    levels    coverage of the intervals in percent, each in (0, 100)
    seasons   periods in steps; None looks for them in the training rows; () is none
    seed      of the weights, the order of the windows and dropout
    settings  size and training of the network
    backend   name of the backend that must run the LSTM; None for the fastest
    Raises    InputError if a value is out of range

    After `fit`: `network_`, `table_` (what a window needs of each series' end), `seasons_`, `history_` (a record per
    epoch).
    """

    def __init__(
        self,
        horizon: int,
        context: int | None = None,
        model: str = "lstm",
        levels: Sequence[float] = (80, 95),
        seasons: Sequence[int] | None = None,
        seed: int = 0,
        settings: LstmSettings | None = None,
        backend: str | None = None,
    ) -> None:
        if horizon < 1:
            raise InputError(f"horizon must be at least 1 step; got {horizon}")
        if context is not None and context < 2:
            raise InputError(f"context must be at least 2 steps; got {context}")
        if model not in MODELS:
            raise InputError(f"model must be one of {', '.join(MODELS)}; got {model!r}")
        if not levels or not all(0 < level < 100 for level in levels):
            raise InputError(f"levels must lie between 0 and 100 percent; got {tuple(levels)}")
        if seasons is not None and any(m < 2 for m in seasons):
            raise InputError(f"seasons must be at least 2 steps; got {tuple(seasons)}")
        check_backend_name(backend)
        self.horizon = horizon
        self.context = context
        self.model = model
        self.levels = levels
        self.seasons = seasons
        self.seed = seed
        self.settings = settings
        self.backend = backend

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, so that scikit-learn's `clone` works."""
        return {
            name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"
        }

    def __repr__(self) -> str:
        """Show the arguments that differ from their defaults."""
        defaults = inspect.signature(type(self).__init__).parameters
        given = {k: v for k, v in self.get_params().items() if v != defaults[k].default}
        return f"Forecaster({', '.join(f'{k}={v!r}' for k, v in given.items())})"

    def fit(
        self,
        table: Any,
        target: str | None = None,
        time: str | None = None,
        id: str | None = None,
        *,
        freq: str | None = None,
        missing: str = "refuse",
        duplicates: str = "refuse",
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> Forecaster:
        """Learn from a table; earlier fits are forgotten.

        table      polars, pandas or pyarrow table, one row per time; it is not modified
        target, time, id, freq, missing, duplicates  as in `lstmkit.data.TableSettings`
        on_epoch   called with every `EpochRecord`
        checkpoint file that keeps the state of the training after every epoch; removed when the training is complete
        resume     continue from that file, if it exists, to the same weights as without the interruption
        Returns    self
        Raises     InputError if the table cannot be used; one line that says why, where and how to mend it
        """
        columns = TableSettings(target, time, id, freq, None, missing, duplicates)
        self.table_kind_ = table_kind(table)
        path = None if checkpoint is None else Path(checkpoint)
        self.fit_series(read_table(table, columns), on_epoch, path, resume)
        if path is not None:
            path.unlink(missing_ok=True)
        return self

    def fit_series(
        self,
        table: SeriesTable,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> Forecaster:
        """Learn from a table that has been read and checked; as `fit`, but the checkpoint stays."""
        settings = self.settings or LstmSettings()
        given = None if self.seasons is None else tuple(self.seasons)
        fit_rows = table.lengths - self._held_back(table.lengths, settings)
        self.seasons_ = find_seasons(table.head(fit_rows), self.horizon, given)
        context = self._choose_context(table, fit_rows)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.network_ = self._build(context, self.seasons_, settings)
        training = make_windows(table.head(fit_rows), self.network_.window, self.horizon)
        validation = make_windows(table, self.network_.window, self.horizon, first=fit_rows)
        self.network_.start_from(training)
        self.history_ = []
        kept = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(table, settings))
        with threads_for(settings.hidden_size):
            for record in self._train(training, validation, settings, kept, resume):
                self.history_.append(record)
                if on_epoch is not None:
                    on_epoch(record)
            self.network_.calibrate(training, validation)
        return self.remember(table)

    def remember(self, table: SeriesTable) -> Forecaster:
        """Keep the end of each series: the rows that `predict` without a table forecasts after; nothing is learnt."""
        self.table_ = table.tail(self.network_.window)
        return self

    def predict(self, table: Any = None) -> Any:
        """Forecast the `horizon` steps after the last row of each series.

        table    more recent rows of the same columns, long enough for the context; None for the rows given to `fit`
        Returns  a table of the kind given (to `fit`, if None): the id column if there is one, the time column, `mean`,
                 `median`, and `lo-80`, `hi-80` for each level
        Raises   NotFittedError before `fit`; InputError if a series is too short or the table cannot be used
        """
        self._require_fit("predict")
        kind = self.table_kind_ if table is None else table_kind(table)
        read = self.table_ if table is None else self.read(table)
        return to_user_table(forecast_columns(self, read), read, kind)

    def read(self, table: Any) -> SeriesTable:
        """Read a table with the columns of the table given to `fit`; its frequency must be the one seen there."""
        self._require_fit("read")
        fitted = self.table_
        known = None if fitted.time_kind == "row" else str(fitted.frequency)  # a few rows alone may not show it
        read = read_table(table, dataclasses.replace(fitted.columns, freq=fitted.columns.freq or known))
        short = np.flatnonzero(read.lengths < self.network_.window)
        if len(short):
            s = int(short[0])
            raise InputError(
                f"{read.name(s)}: {read.lengths[s]} rows; the model needs {self.network_.window} to forecast from"
            )
        return read

    def predict_windows(self, windows: Windows) -> NDArray[np.float64]:
        """Forecast from many windows at once.

        windows  their context must be `network_.window`
        Returns  quantiles (W, P, Q) in the units of the series, increasing along Q; the levels are `quantile_levels`
        """
        self._require_fit("predict_windows")
        self.network_.eval()
        parts = []
        with torch.no_grad():
            for items in torch.split(torch.arange(len(windows)), EVALUATION_BATCH):
                quantiles, scale = self.network_(windows.batch(items)[0])
                parts.append(scale.invert(quantiles.double()).sort(dim=2).values)
        return torch.cat(parts).numpy() if parts else np.empty((0, self.horizon, len(self.quantile_levels)))

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """Levels of the quantiles that the network forecasts, increasing."""
        return quantile_levels(tuple(float(level) for level in self.levels))

    def mean_of(self, quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean that quantiles (..., Q) imply."""
        return np.asarray(quantiles @ mean_weights(self.quantile_levels).numpy())

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the model folder `path`: model.safetensors and config.json.

        Raises  NotFittedError before `fit`; ModelFolderError if it exists and not `force`, or cannot be written
        """
        from lstmkit.forecasting.persistence import save_forecaster

        self._require_fit("save")
        save_forecaster(self, Path(path), force)

    @staticmethod
    def load(path: str | Path) -> Forecaster:
        """Read a model folder written by `save`; nothing in it is executed or unpickled.

        Raises  ModelFolderError if it is missing, damaged, or from a newer version
        """
        from lstmkit.forecasting.persistence import load_forecaster

        return load_forecaster(Path(path))

    def _require_fit(self, method: str) -> None:
        if "table_" not in self.__dict__:
            raise NotFittedError(f"Forecaster.{method}: this forecaster has not been fitted; call fit first")

    def _build(self, context: int, seasons: Seasons, settings: LstmSettings) -> ForecastNetwork:
        return ForecastNetwork(
            context,
            self.horizon,
            seasons.shown,
            self.quantile_levels,
            settings.hidden_size,
            settings.num_layers,
            settings.dropout,
            self.backend,
        )

    def _held_back(self, rows: NDArray[np.int64], settings: LstmSettings) -> NDArray[np.int64]:
        """Return how many of a series' rows, at its end, only early stopping sees."""
        share = (settings.validation * rows).astype(np.int64)
        return np.asarray(np.maximum(share, np.minimum(2 * self.horizon, rows // 4)))

    def least_rows(self, season: int = 0) -> int:
        """Return how many rows a series needs at least, so that it has a training window and a validation window.

        season  longest season shown by the rows, which comes before the context
        """
        settings = self.settings or LstmSettings()
        needed = (self.context or 2) + season + self.horizon
        most = 2 * needed + 4 * self.horizon + 4  # less than half is held back, and a quarter of 4 P holds a window
        rows = np.arange(1, most + 1)
        held_back = self._held_back(rows, settings)
        return int(rows[(rows - held_back >= needed) & (held_back >= self.horizon)][0])

    def _choose_context(self, table: SeriesTable, fit_rows: NDArray[np.int64]) -> int:
        """Return the context, and make sure that every series has a training window and a validation window."""
        season = max(self.seasons_.shown, default=0)
        shortest = int(fit_rows.argmin())
        available = int(fit_rows[shortest]) - season - self.horizon
        context = self.context
        if context is None:
            context = max(2, min(max(60, 2 * min(self.seasons_.shown, default=0)), available // 3))
        rows = self.least_rows(season)
        if table.lengths[shortest] < rows:
            what = ("" if self.context is None else f"context {context} and ") + f"horizon {self.horizon}"
            what += f" after a season of {season}" if season else ""
            raise InputError(
                f"{table.name(shortest)}: {table.lengths[shortest]} rows to learn from; at least {rows} for {what}; "
                f"use a smaller {'--horizon' if self.context is None else '--context or --horizon'}"
            )
        return context

    def _train(
        self,
        training: Windows,
        validation: Windows,
        settings: LstmSettings,
        checkpoint: Checkpoint | None,
        resume: bool,
    ) -> Any:
        network = self.network_
        recurrent = [p for n, p in network.named_parameters() if n.startswith("lstm.weight")]
        others = [p for n, p in network.named_parameters() if not n.startswith("lstm.weight")]
        groups = [{"params": recurrent, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)

        def validate() -> float:
            losses = [
                float(network.loss(*validation.batch(items))) * len(items)
                for items in torch.split(torch.arange(len(validation)), EVALUATION_BATCH)
            ]
            return sum(losses) / len(validation)

        how = TrainSettings(
            max_epochs=settings.max_epochs,
            batch_size=min(settings.batch_size, max(8, len(training) // 16)),
            steps_per_epoch=settings.steps_per_epoch,
            patience=settings.patience,
            clip_norm=1.0,
            seed=self.seed,
        )
        return train(
            network,
            optimizer,
            how,
            len(training),
            lambda items: network.loss(*training.batch(items)),
            validate,
            checkpoint,
            resume,
        )

    def _fingerprint(self, table: SeriesTable, settings: LstmSettings) -> dict[str, Any]:
        digest = hashlib.sha256(table.values.tobytes() + table.offsets.tobytes()).hexdigest()[:16]
        own = {k: v for k, v in self.get_params().items() if k not in ("settings", "backend")}
        own["levels"] = list(self.levels)
        own["seasons"] = None if self.seasons is None else list(self.seasons)
        made_with = {"lstmkit": lstmkit.__version__, "torch": torch.__version__}  # other versions round otherwise
        return {**own, **dataclasses.asdict(settings), **made_with, "target": table.columns.target, "data": digest}
