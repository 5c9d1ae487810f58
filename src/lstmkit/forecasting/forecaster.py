"""`Forecaster`: fit a model to a table of series, forecast what follows, save it, load it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import (
    SeriesTable,
    TableKind,
    TableSettings,
    Tail,
    Windows,
    make_windows,
    read_source,
    read_table,
    table_kind,
    with_future,
)
from lstmkit.errors import InputError, require_fit
from lstmkit.forecasting.learning import Fit, Request
from lstmkit.forecasting.learning.fitting import noted, suited, table_to_learn_from, train_ensemble
from lstmkit.forecasting.models import ModelSettings, model_named
from lstmkit.forecasting.persistence import StoredForecaster, write_forecaster
from lstmkit.forecasting.predicting import forecast_columns
from lstmkit.forecasting.predicting.columns import sample_columns, to_user_table
from lstmkit.forecasting.predicting.forecasts import mean_of, quantiles_of
from lstmkit.forecasting.predicting.live import Made, follow
from lstmkit.forecasting.reading import columns_like, read_to_learn, recognised
from lstmkit.nn import quantile_levels
from lstmkit.ranges import AT_LEAST_2, SEED, Range, a_path, several, shown, whole
from lstmkit.recurrence.backends import check_backend_name
from lstmkit.recurrence.cells import cell_named
from lstmkit.training import Checkpoint, Devices, EpochRecord, Parameters
from lstmkit.training.checkpoint import made_with, until_done

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PERCENT = Range("must be from 1 to 99.99 percent", least=1, most=99.99, percent=100)


class Forecaster(Parameters):
    """Forecast the next values of one or many series, with intervals, by recurrent networks.

    horizon   steps ahead that every forecast covers, at least 1
    context   past values that the model sees; None chooses from the seasons and the length of the series
    model     name of the model: see `lstmkit.forecasting.models.MODELS`
    levels    coverage of the intervals in percent, each in (0, 100)
    seasons   periods in steps; None looks for them in the training rows; () is none
    seed      of the weights, the order of the windows and dropout
    settings  size and training of the network, of the model's own kind (`MODELS[model].Settings`); None for what suits
              the table
    backend   name of the backend that must run the recurrence; None for the fastest
    cell      member of the LSTM family in place of the settings' own
    ensemble  networks whose mean is the forecast: a number of seeds, or (seeds, snapshots) to keep the best epochs of
              each; None for one, or as many as suit a table of few rows where no settings are given
    devices   processes that train together, each with a device of its own; None trains in this process
    Raises    InputError if a value is out of range

    After `fit`: `network_`, `table_` (what a window needs of each series' end), `seasons_`, `history_` (a record per
    epoch), `settings_` (what the network was trained with).
    """

    def __init__(
        self,
        horizon: int,
        context: int | None = None,
        model: str = "lstm",
        levels: Sequence[float] = (80, 95),
        seasons: Sequence[int] | None = None,
        seed: int = 0,
        settings: ModelSettings | None = None,
        backend: str | None = None,
        cell: str | None = None,
        ensemble: int | tuple[int, int] | None = None,
        devices: Devices | None = None,
    ) -> None:
        kind = model_named(model).Settings
        if settings is not None and not isinstance(settings, kind):
            raise InputError(f"model {model} takes settings of {kind.__name__}; got {type(settings).__name__}")
        if cell is not None:
            cell_named(cell)
        if not isinstance(devices, Devices | None):
            raise InputError(f"devices must be a lstmkit.training.Devices; got {shown(devices)}")
        _pair(ensemble)
        check_backend_name(backend)
        self.horizon = whole("horizon", horizon)
        self.context = None if context is None else whole("context", context, AT_LEAST_2)
        self.model = model
        self.levels = several("levels", levels, PERCENT)
        if not self.levels:
            raise InputError("levels must be several numbers, such as (80, 95); got none")
        if len({f"{level:g}" for level in levels}) < len(set(levels)):
            raise InputError(f"levels must differ within six digits; got {shown(levels)}")
        self.seasons = None if seasons is None else several("seasons", seasons, AT_LEAST_2, int, "(7,)")
        self.seed = whole("seed", seed, SEED)
        self.settings = settings
        self.backend = backend
        self.cell = cell
        self.ensemble = ensemble
        self.devices = devices

    def settings_now(self, params: dict[str, Any]) -> Any:
        """Return the settings that arguments stand for: the model's own where none are given."""
        return params["settings"] or model_named(params["model"]).Settings()

    def fit(
        self,
        table: Any,
        target: str | Sequence[str] | None = None,
        time: str | None = None,
        id: str | None = None,
        *,
        future: str | Sequence[str] | None = None,
        past: str | Sequence[str] | None = None,
        static: str | Sequence[str] | None = None,
        calendar: bool = False,
        freq: str | None = None,
        time_format: str | None = None,
        missing: str = "refuse",
        duplicates: str = "refuse",
        short: str = "auto",
        decimal: str | None = None,
        lower: float | None = None,
        upper: float | None = None,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: str | Path | None = None,
        resume: bool = False,
    ) -> Forecaster:
        """Learn from a table; earlier fits are forgotten.

        table      polars, pandas or pyarrow table, one row per time; it is not modified
        target     column to forecast, or several columns side by side, each a series of its own
        time, id, future, past, static, calendar, freq, time_format, missing, duplicates, short, decimal, lower,
                   upper  as in
                   `lstmkit.data.TableSettings`
        on_epoch   called with every `EpochRecord`
        checkpoint file that keeps the state of the training after every epoch; removed when the training is complete
        resume     continue from that file, if it exists, to the same weights as without the interruption
        Returns    self
        Raises     InputError if the table cannot be used; one line that says why, where and how to mend it
        """
        columns = TableSettings.of(
            target,
            time,
            id,
            future=future,
            past=past,
            static=static,
            calendar=calendar,
            freq=freq,
            time_format=time_format,
            missing=missing,
            duplicates=duplicates,
            short=short,
            decimal=decimal,
            lower=lower,
            upper=upper,
        )
        self.table_kind_ = table_kind(table)
        with until_done(checkpoint) as path:
            self.fit_series(read_to_learn(table, columns), on_epoch, path, resume)
        return self

    def fit_series(
        self,
        table: SeriesTable,
        on_epoch: Callable[[EpochRecord], None] | None = None,
        checkpoint: Path | None = None,
        resume: bool = False,
    ) -> Forecaster:
        """Learn from a table that has been read and checked; as `fit`, but the checkpoint stays."""
        request = self.request()
        table = table_to_learn_from(table, request)
        kept = None if checkpoint is None else Checkpoint(checkpoint, self._fingerprint(table))
        fit = train_ensemble(request, table, on_epoch, kept, resume)
        return self._learnt(fit, noted(table, request, fit.seasons))

    def _learnt(self, fit: Fit, table: SeriesTable) -> Forecaster:
        self.network_, self.seasons_ = fit.network, fit.seasons
        self.history_, self.settings_ = fit.history, fit.settings
        return self.remember(table)

    def remember(self, table: SeriesTable) -> Forecaster:
        """Keep the end of each series: the rows that `predict` without a table forecasts after; nothing is learnt."""
        window = self.network_.window
        self.tail_ = Tail(dataclasses.replace(table.tail(window), learnt=table.numbers), window)
        self.made_ = Made()
        return self

    @property
    def table_(self) -> SeriesTable:
        """The end of every series, as long as a window."""
        require_fit(self, "tail_")
        return self.tail_.table()

    def predict(self, table: Any = None, future: Any = None) -> Any:
        """Forecast the `horizon` steps after the last row of each series.

        table    more recent rows of the same columns; None for the rows given to `fit`. Ids that were not among those
                 may be there: they are forecast from their own context
        future   covariates that are known ahead, a row per id and time; None if the rows without a target at the end of
                 the table hold them, or there are none
        Returns  a table of the kind given (to `fit`, if None): the id column if there is one, the time column, `mean`,
                 `median`, and `lo-80`, `hi-80` for each level
        Raises   NotFittedError before `fit`; InputError if a series is too short or the table cannot be used
        """
        read, kind = self._to_forecast(table, future)
        return to_user_table(forecast_columns(self.network_, self.levels, read), read, kind)

    def update(self, rows: Any) -> Any:
        """Take new observations and forecast again, without training; the intervals follow how earlier ones have held.

        rows     a table with the columns given to `fit`, one or more rows of one or more series; each follows the last
                 row of its series
        Returns  as `predict`, for the series that have new rows
        Raises   InputError if a row does not follow, or its id is not among those learnt from; nothing is taken then
        """
        changed, columns = self.follow(rows)
        return to_user_table(columns, changed, table_kind(rows))

    def follow(self, rows: Any) -> tuple[SeriesTable, dict[str, Any]]:
        """Do what `update` does; return the end of the series that have new rows, and the columns of their forecast."""
        require_fit(self, "tail_")
        return follow(self.network_, self.levels, self.tail_, self.made_, rows)

    def calibrate(self, table: Any) -> Forecaster:
        """Make the intervals as wide as the errors on rows that came after the fit; nothing else is learnt.

        table    rows of the same columns, with rows after the last ones given to `fit`: every window that forecasts
                 those counts, however old its context
        Returns  self
        Raises   InputError if no window forecasts a row after the last one known
        """
        require_fit(self, "tail_")
        read, known = self.read(table), self.table_
        last = {id: known.times[end - 1] for id, end in zip(known.ids, known.offsets[1:], strict=True)}
        first = [
            int(np.searchsorted(read.times[begin:end], last[id], side="right")) if id in last else 0
            for id, begin, end in zip(read.ids, read.offsets[:-1], read.offsets[1:], strict=True)
        ]
        windows = make_windows(read, self.network_.window, self.horizon, first=np.array(first, np.int64))
        if not len(windows):
            raise InputError(f"calibrate: no {self.horizon} rows in a row after the last one given to fit")
        self.network_.calibrate(windows, windows)
        return self

    def sample(self, paths: int = 100, table: Any = None, future: Any = None) -> Any:
        """Draw sample paths of the `horizon` steps after the last row of each series.

        paths    of each series; steps of one path belong together
        table, future  as in `predict`
        Returns  a table with the id column if there is one, the time column, `path` (from 1), and `value`
        """
        paths = whole("paths", paths)
        read, kind = self._to_forecast(table, future)
        return to_user_table(sample_columns(self.network_, read, paths, self.seed), read, kind)

    def least_rows(self) -> int:
        """Return how many rows a series needs at least, so that it has a training window and a validation window."""
        return self.request().least_rows()

    def read(self, table: Any) -> SeriesTable:
        """Read a table with the columns of the table given to `fit`; its frequency must be the one seen there."""
        require_fit(self, "tail_")
        fitted = self.table_
        read = read_table(table, columns_like(fitted), fitted.covariates)
        return recognised(read, fitted, self.network_.window)

    def read_source(self, source: str | Path, delimiter: str | None = None) -> SeriesTable:
        """Read a file as `read` does a table; a Parquet file too large for memory is mapped from disk."""
        require_fit(self, "tail_")
        fitted = self.table_
        read = read_source(source, columns_like(fitted), delimiter, fitted.covariates)
        return recognised(read, fitted, self.network_.window)

    def _to_forecast(self, table: Any, future: Any) -> tuple[SeriesTable, TableKind]:
        require_fit(self, "tail_")
        kind = self.table_kind_ if table is None else table_kind(table)
        read = self.table_ if table is None else self.read(table)
        return read if future is None else with_future(read, future), kind

    def predict_windows(self, windows: Windows) -> NDArray[np.float64]:
        """Forecast from many windows at once.

        windows  their context must be `network_.window`
        Returns  quantiles (W, P, Q) in the units of the series, increasing along Q; the levels are `quantile_levels`
        Raises   InputError if one is not finite
        """
        require_fit(self, "tail_")
        return quantiles_of(self.network_, windows)

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """Levels of the quantiles that the network forecasts, increasing."""
        return quantile_levels(self.levels)

    def mean_of(self, quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean that forecast quantiles (..., Q) imply; what intervals have followed does not move it."""
        return mean_of(self.network_, quantiles)

    def plot(self, table: Any = None, id: Any = None, ax: Axes | None = None) -> Axes:
        """Draw the end of one series and its forecast with intervals, with matplotlib; return the axes.

        table  as in `predict`; None for the rows given to `fit`
        id     which series; None for the first
        ax     matplotlib axes to draw on; None makes new ones
        Raises InputError without the extra `plot`
        """
        from lstmkit.forecasting.plot import plot_forecast

        read = self._to_forecast(table, None)[0]
        return plot_forecast(self.network_, self.levels, read, id, ax)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the model folder `path`: model.safetensors and config.json.

        Raises  NotFittedError before `fit`; ModelFolderError if it exists and not `force`, or cannot be written
        """
        require_fit(self, "tail_")
        fit = Fit(self.network_, self.seasons_, self.history_, self.settings_)
        networks = len(self.network_.members) if self.ensemble is None else self.ensemble
        params = self._own_params() | {"ensemble": networks}
        write_forecaster(a_path("path", path), params, fit, self.table_, self.table_kind_, force)

    @staticmethod
    def load(path: str | Path) -> Forecaster:
        """Read a model folder written by `save`, or one within results; nothing in it is executed or unpickled.

        Raises  ModelFolderError if it is missing, damaged, or from a newer version
        """
        stored = StoredForecaster(a_path("path", path))
        with stored.agreeing():
            forecaster = Forecaster(**stored.params())
            forecaster.table_kind_ = stored.table_kind
            return forecaster._learnt(*stored.learnt(forecaster.request()))

    def request(self) -> Request:
        """Return what this forecaster asks of a fit."""
        model = model_named(self.model)
        settings = self.settings or model.Settings()
        if self.cell is not None:
            settings = dataclasses.replace(settings, cell=self.cell)
        return Request(
            model,
            settings,
            self.horizon,
            self.context,
            self.quantile_levels,
            None if self.seasons is None else tuple(self.seasons),
            self.seed,
            self.backend,
            *_pair(self.ensemble),
            self.devices,
            self.settings is not None,
        )

    def suited_to(self, table: SeriesTable) -> Forecaster:
        """Return an unfitted forecaster with the settings and networks that this one would train with on a table."""
        asked = suited(self.request(), table)
        networks = asked.networks if self.ensemble is None and asked.networks > 1 else self.ensemble
        return type(self)(**self.get_params() | {"settings": asked.settings, "ensemble": networks, "cell": None})

    def _own_params(self) -> dict[str, Any]:
        """Return the arguments that belong to a model, but for its settings, as JSON holds them."""
        own = {k: v for k, v in self.get_params().items() if k not in ("settings", "backend", "cell", "devices")}
        return own | {"levels": list(self.levels), "seasons": None if self.seasons is None else list(self.seasons)}

    def _fingerprint(self, table: SeriesTable) -> dict[str, Any]:
        digest = hashlib.sha256(np.ascontiguousarray(table.values).data)
        digest.update(np.ascontiguousarray(table.offsets).data)
        own = self._own_params() | {"ensemble": list(_pair(self.ensemble))}
        settings = dataclasses.asdict(self.request().settings)
        return {**own, **settings, **made_with(), "target": table.columns.target, "data": digest.hexdigest()[:16]}


def _pair(ensemble: int | tuple[int, int] | None) -> tuple[int | None, int]:
    """Return seeds and snapshots of the argument `ensemble`; raise InputError if it is neither one number nor two."""
    if ensemble is None:
        return None, 1
    if not isinstance(ensemble, tuple | list):
        return whole("ensemble", ensemble), 1
    if len(ensemble) != 2:
        raise InputError(f"ensemble must be one number, or two: seeds and snapshots; got {len(ensemble)}")
    return whole("ensemble", ensemble[0]), whole("ensemble", ensemble[1])
