"""Forecasting after every new row: what was forecast is kept until it is known, and the intervals learn from it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.data import SeriesTable, Tail
from lstmkit.forecasting.learning import Ensemble
from lstmkit.forecasting.learning.adaptive import distances, growth
from lstmkit.forecasting.predicting.columns import columns_ahead
from lstmkit.forecasting.predicting.forecasts import quantiles_ahead

Array = NDArray[np.float64]


class Forecast(NamedTuple):
    """A forecast: quantiles (P, Q) for times (P,), and what widths were multiplied by then (Q // 2,)."""

    times: NDArray[np.int64]
    quantiles: Array
    followed: Array


class Made:
    """The forecasts of each series that still have steps ahead."""

    def __init__(self) -> None:
        self._of: dict[object, list[Forecast]] = {}

    def add(self, name: object, forecast: Forecast) -> None:
        """Keep a forecast of a series."""
        begun = [own for own in self._of.get(name, []) if own.times[-1] >= forecast.times[0]]
        self._of[name] = [*begun, forecast]

    def outside(self, name: object, times: NDArray[np.int64], values: Array) -> Iterator[tuple[int, Array]]:
        """Yield when a series has a new value, and how far it lies from its forecasts (K, Q // 2), times those factors.

        times, values  (N,) of the series; those after its last forecast was made are new
        """
        made = self._of.get(name, [])
        new = times >= made[-1].times[0] if made else np.zeros(len(times), bool)
        for time, value in zip(times[new], values[new], strict=True):
            of = [own for own in made if np.isfinite(value) and time in own.times]
            if of:
                quantiles = np.concatenate([own.quantiles[own.times == time] for own in of])
                yield int(time), _outside(quantiles, value) * np.stack([own.followed for own in of])


def _outside(quantiles: Array, value: float) -> Array:
    """Return how far a value lies from its forecasts (K, Q), (K, Q // 2)."""
    return distances(torch.from_numpy(quantiles), torch.full((len(quantiles),), value, dtype=torch.float64)).numpy()


def follow(
    network: Ensemble, levels: Sequence[float], tail: Tail, made: Made, rows: Any
) -> tuple[SeriesTable, dict[str, Any]]:
    """Take new rows; return the series that have some, and the columns of their forecast.

    levels  coverages of the intervals in percent
    tail    the last rows of every series, to which the new ones are added
    made    what has been forecast, to which this forecast is added
    rows    as in `Forecaster.update`
    Raises  InputError as it does; nothing is taken then
    """
    changed = tail.append(rows)
    moments: dict[int, list[Array]] = defaultdict(list)
    for s, (begin, end) in enumerate(itertools.pairwise(changed.offsets)):
        times, values = changed.times[begin:end].astype(np.int64), changed.values[begin:end]
        for time, outside in made.outside(changed.ids[s], times, values):
            moments[time].append(outside)
    for _, known in sorted(moments.items()):
        outside, share = np.concatenate(known) / network.followed, len(known) / network.task.series
        network.followed = network.followed * growth(outside, network.task.levels, share)
    quantiles = quantiles_ahead(network, changed)
    columns = columns_ahead(network, levels, changed, quantiles)
    ahead = changed.future_times(changed.times[changed.offsets[1:] - 1], network.task.horizon).astype(np.int64)
    for s in range(len(changed)):
        made.add(changed.ids[s], Forecast(ahead[s], quantiles[s], network.followed))
    return changed, columns
