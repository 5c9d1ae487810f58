"""Which seasons a table has: candidates from its frequency or autocorrelation, kept if the training rows show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.data.series import SeriesTable
from lstmkit.training.schema import Positive

EVIDENCE = 0.95
"""A season counts as shown if repeating it is better than this share of the error of repeating the last value."""
STEPS = 8
"""Steps ahead, spread over the horizon, at which forecasts are compared."""

MOST_SERIES = 200
"""Seasons are looked for in this many series at most, evenly spread over the table."""


@dataclass(frozen=True, slots=True)
class Seasons:
    """What is known about the seasons of a table.

    naive   period of the seasonal naive forecast, in steps: the candidate that forecasts the training rows best; None
            if there is no candidate
    shown   periods that the training rows show, shortest first: the network sees their lags
    """

    naive: Positive | None
    shown: tuple[Positive, ...]

    @property
    def mase_period(self) -> int:
        """Period of the naive forecast that MASE is scaled by: 1 unless a season is shown."""
        return self.naive if self.naive in self.shown and self.naive is not None else 1


def find_seasons(table: SeriesTable, horizon: int, given: tuple[int, ...] | None) -> Seasons:
    """Look for seasons in the training rows.

    horizon  steps ahead at which forecasts are compared
    given    periods that the user named, which are believed; None looks for them
    """
    decides = np.median if table.columns.short in ("auto", "pad") else np.min  # shorter ones are padded
    longest = int(decides(table.lengths))
    candidates = given if given is not None else table.frequency.seasons() or _autocorrelation_peaks(table)
    possible = tuple(m for m in sorted(set(candidates)) if 2 * m + horizon < longest)
    if not possible:
        return Seasons(None, ())
    errors = {m: _naive_errors(table, m, horizon) for m in possible}
    naive = min(possible, key=lambda m: errors[m][0][1])
    if given is not None:
        return Seasons(naive, tuple(m for m in possible if 3 * m + horizon < longest))
    shown = tuple(m for m in possible if 3 * m + horizon < longest and _is_shown(errors[m][1]))
    return Seasons(naive, shown)


def _is_shown(errors: NDArray[np.float64]) -> bool:
    """Whether repeating a season, as it was or moved to the level, is clearly better than repeating the last value."""
    return bool(min(errors[1:]) < EVIDENCE * errors[0])


def _naive_errors(table: SeriesTable, m: int, horizon: int) -> NDArray[np.float64]:
    """Return mean absolute errors on the same rows: last value, seasonal naive, and seasonal naive moved to the level.

    Each series is scaled by its mean absolute change, so that large series do not drown small ones. Rows where one of
    the three is missing count for none.
    Returns  (2, 3): over steps spread over the horizon, and over those of them that are not whole seasons ahead, where
             repeating a season is no different from repeating the last value
    """
    totals = np.zeros((2, 3))
    steps = np.unique(np.linspace(1, horizon, min(horizon, STEPS)).round().astype(np.int64))
    telling = steps % m > 0 if (steps % m > 0).any() else np.ones(len(steps), bool)
    chosen = np.unique(np.linspace(0, len(table) - 1, min(len(table), MOST_SERIES)).round().astype(np.int64))
    for s in chosen:
        y = table.values[table.offsets[s] : table.offsets[s + 1]]
        change = np.abs(np.diff(y))
        change = change[np.isfinite(change)]
        scale = (change.mean() if len(change) else 0.0) or 1.0
        for p, tells in zip(steps, telling, strict=True):
            back = m * -(-p // m)  # whole seasons back from the target: the seasonal naive forecast p steps ahead
            at = np.arange(back - p + m, len(y) - p)
            target, last, season, season_then = y[at + p], y[at], y[at + p - back], y[at - m]
            errors = np.abs([target - last, target - season, target - (season + last - season_then)])
            errors = errors[:, np.isfinite(errors).all(0)]
            if errors.size:
                totals[: 1 + tells] += errors.mean(1) / scale
    return totals


def _autocorrelation_peaks(table: SeriesTable, strength: float = 0.3) -> tuple[int, ...]:
    """Return up to two lags at which the changes of the longest series repeat, shortest first."""
    s = int(table.lengths.argmax())
    correlation = _autocorrelation(np.diff(table.values[table.offsets[s] : table.offsets[s + 1]]))
    inner = correlation[2:-1]
    is_peak = (inner > correlation[1:-2]) & (inner >= correlation[3:]) & (inner > strength)
    peaks = np.flatnonzero(is_peak) + 2
    fallen = int((correlation <= 0).argmax())  # a slow wave and some noise also have small peaks before it has turned
    peaks = peaks[peaks > fallen] if fallen else peaks[:0]
    if not len(peaks):
        return ()
    best = int(peaks[correlation[peaks].argmax()])
    strong = peaks[correlation[peaks] > 0.7 * correlation[best]]
    return tuple(sorted({int(strong[0]), best}))


def _autocorrelation(changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the autocorrelation at lags 0 to a third of the series, 1,000 at most; a missing change counts as mean."""
    n = len(changes)
    seen = np.isfinite(changes)
    centred = np.where(seen, changes - (changes[seen].mean() if seen.any() else 0.0), 0.0)
    spectrum = np.fft.rfft(centred, 2 * n)
    lags = np.arange(min(n // 3, 1000) + 1)
    covariance = np.fft.irfft(spectrum * spectrum.conj())[: len(lags)] / (n - lags)
    return np.asarray(covariance / (covariance[0] or 1.0))
