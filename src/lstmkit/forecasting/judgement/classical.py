"""The classical models a forecast may be shown beside, from statsforecast: Theta, ETS and ARIMA."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.series import SeriesTable
from lstmkit.errors import InputError

Array = NDArray[np.float64]
TITLES = {"theta": "Theta", "ets": "ETS", "arima": "ARIMA"}
CLASSES = {"theta": "AutoTheta", "ets": "AutoETS", "arima": "AutoARIMA"}
FEWEST_SEASONS = 3
"""Seasons that the training rows hold at least; with fewer, the models are fitted without one."""
FEWEST_ROWS = 8
"""Rows that statsforecast can fit every one of these models to; a series with fewer repeats its last value."""


def classical_forecasts(
    names: Sequence[str],
    table: SeriesTable,
    train_rows: NDArray[np.int64],
    cutoffs: NDArray[np.int64],
    horizon: int,
    season: int | None,
) -> dict[str, Array]:
    """Forecast `horizon` steps from every cutoff by classical models, one of its own for each series.

    A model is chosen and its parameters are estimated once, on the training rows of its series. At every cutoff it
    takes in the values up to there with those parameters (statsforecast's `forward`), so it is as old as a network that
    is not fitted again. A missing value inside the past is put on the straight line between its neighbours, one at its
    end repeats the last value; nothing from the cutoff on is read. A series with fewer than 8 training rows from its
    first observed value on gets its last value repeated.

    names       from theta, ets, arima: AutoTheta, AutoETS and AutoARIMA of statsforecast with their default settings
    train_rows  (S,)
    cutoffs     (W,) flat positions of the first value to forecast, at the end of the training rows or later
    season      period in steps; None for none
    Returns     (W, P) per name; NaN where nothing has been observed before the cutoff
    Raises      InputError if a name is not known or statsforecast is not installed
    """
    for name in names:
        if name not in CLASSES:
            raise InputError(f"baselines must be of {', '.join(CLASSES)}; got {name!r}")
    if not names:
        return {}
    library = _library()
    forecasts = {name: np.full((len(cutoffs), horizon), np.nan) for name in names}
    series = np.searchsorted(table.offsets, cutoffs, side="right") - 1
    for s in np.unique(series):
        start = int(table.offsets[s])
        training = _filled(table.values[start : start + int(train_rows[s])])
        period = season if season is not None and len(training) >= FEWEST_SEASONS * season else 1
        windows = np.flatnonzero(series == s)
        pasts = [_filled(table.values[start : cutoffs[w]]) for w in windows]
        for name in names:
            if len(training) < FEWEST_ROWS:
                forecasts[name][windows] = [past[-1:] if len(past) else [np.nan] for past in pasts]
                continue
            with np.errstate(divide="ignore", invalid="ignore"):  # of a constant series
                model = getattr(library, CLASSES[name])(season_length=period).fit(training)
                forecasts[name][windows] = [model.forward(y=past, h=horizon)["mean"] for past in pasts]
    return forecasts


def _library() -> Any:
    """Import statsforecast when it is first needed: it takes seconds."""
    try:
        return importlib.import_module("statsforecast.models")
    except ImportError as error:
        raise InputError(
            "the baselines theta, ets, arima need the extra baselines: pip install 'lstmkit[baselines]'"
        ) from error


def _filled(values: Array) -> Array:
    """Return past values from the first observed one on, without gaps; empty if nothing has been observed."""
    seen = np.flatnonzero(np.isfinite(values))
    if not len(seen):
        return values[:0]
    return np.interp(np.arange(seen[0], len(values)), seen, values[seen])
