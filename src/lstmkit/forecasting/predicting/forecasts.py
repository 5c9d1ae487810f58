"""What a trained ensemble says of windows, and of what follows every series, here or on a cluster."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, Windows, require_ahead, windows_at
from lstmkit.forecasting.cluster import run
from lstmkit.forecasting.learning import Ensemble
from lstmkit.forecasting.learning.adaptive import both_sides
from lstmkit.forecasting.predicting.soundness import check_finite
from lstmkit.nn import mean_weights

BATCH = 1024
BATCH_OF_PATHS = 64


def quantiles_of(network: Ensemble, windows: Windows) -> NDArray[np.float64]:
    """Return quantiles (W, P, Q) in the units of the series, increasing along Q.

    windows  their context must be `network.window`
    Raises   InputError if one is not finite
    """
    network.eval()
    quantiles = np.empty((len(windows), network.task.horizon, len(network.task.levels)))
    with torch.no_grad():
        for items in torch.split(torch.arange(len(windows)), BATCH):
            quantiles[int(items[0]) : int(items[-1]) + 1] = network.quantiles(windows.batch(items)).numpy()
    check_finite(quantiles, windows)
    return quantiles


def mean_of(network: Ensemble, quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean that forecast quantiles (..., Q) imply; what intervals have followed does not move it."""
    median = quantiles[..., quantiles.shape[-1] // 2, None]
    weights = mean_weights(network.task.levels).numpy() / both_sides(network.followed)
    mean = median[..., 0] + (quantiles - median) @ weights  # from the median: exact on a large level
    return np.asarray(np.clip(mean, quantiles[..., 0], quantiles[..., -1]))


def paths_of(network: Ensemble, windows: Windows, paths: int, seed: int) -> NDArray[np.float64]:
    """Draw sample paths (W, paths, P) in the units of the series; the same for the same seed."""
    network.eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        parts = [
            network.samples(windows.batch(items), paths, generator)
            for items in torch.split(torch.arange(len(windows)), BATCH_OF_PATHS)
        ]
    drawn = np.asarray(torch.cat(parts).numpy())
    check_finite(drawn, windows)
    return drawn


def windows_ahead(network: Ensemble, table: SeriesTable) -> Windows:
    """Return the window after the end of every series."""
    horizon = network.task.horizon
    require_ahead(table, horizon)
    return windows_at(table, network.window, horizon, table.lengths)


def quantiles_ahead(network: Ensemble, table: SeriesTable, address: str | None = None) -> NDArray[np.float64]:
    """Forecast after the end of every series; on a cluster, parts of the ids are forecast side by side.

    A part is as large as a batch of `quantiles_of`, so that the numbers are the same.

    table    as `Forecaster.read` returns it
    address  of a Ray cluster; None forecasts here
    Returns  quantiles (S, P, Q) in the units of the series
    Raises   InputError if a covariate known ahead is missing for a step, or there is no cluster
    """
    if address is None:
        return _quantiles(network, table)
    numbered = dataclasses.replace(table, learnt=table.numbers).tail(network.window)
    starts = range(0, len(table), BATCH)
    parts = (numbered.choose(np.arange(a, min(a + BATCH, len(table)))) for a in starts)
    return np.concatenate(list(run(functools.partial(_quantiles, network), parts, address)))


def _quantiles(network: Ensemble, table: SeriesTable) -> NDArray[np.float64]:
    return quantiles_of(network, windows_ahead(network, table))
