"""Which seasons a table has: candidates from its frequency and autocorrelation, kept if the training rows show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import Frequency
from lstmkit.data.series import SeriesTable
from lstmkit.forecasting.student import student_p
from lstmkit.training.schema import Positive

EVIDENCE = 0.95
"""A season counts as shown if repeating it is better than this share of the error of repeating the last value."""
MOST_LAGS = 1000
CLEARLY, CHANCE = 0.85, 0.005
"""A cycle that the calendar does not imply counts if repeating it has less than this share of the error of all that the
calendar implies, and if that is no matter of chance: over all lags looked at, in so many tables at most."""
FEWEST_CYCLES = 5
NEARLY = 1.25
"""A part of a period is a period itself if its error is at most so many times that of the whole."""
STRONG = 0.5
"""Peaks of this share of the highest are looked at, the shortest of them."""
MOST_PEAKS, MOST_ROWS = 8, 5 * MOST_LAGS
"""Peaks of each autocorrelation that are looked at, on so many rows."""
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
    cycle = _cycle_beside(table, possible, longest, horizon) if table.frequency.seasons() else None
    if cycle is None:
        return Seasons(naive, shown)
    return Seasons(cycle, tuple(sorted({cycle, *(m for m in shown if cycle % m == 0)})))


def cycle_note(seasons: Seasons, frequency: Frequency) -> str:
    """Return a sentence about a cycle found that the calendar does not imply, or ""."""
    implied = frequency.seasons()
    others = [m for m in seasons.shown if m not in implied] if implied else []
    if not others:
        return ""
    return (
        f"the rows repeat every {frequency.counted(others[0])}, which the calendar does not imply: taken for a season"
    )


def _cycle_beside(table: SeriesTable, implied: tuple[int, ...], longest: int, horizon: int) -> int | None:
    """Return a period that forecasts clearly better than the last value and all periods that the calendar implies.

    The gain is tested over blocks of a period each, which are nearly independent, and corrected for the lags looked at.
    """
    most = (longest - horizon - 1) // FEWEST_CYCLES
    m = _best_period(table, implied, most, horizon)
    if m is None:
        return None
    own, rival = _errors_of_blocks(table, m, implied, horizon)
    gain = rival - own
    if len(gain) < FEWEST_CYCLES or own.mean() > CLEARLY * rival.mean():
        return None
    spread = float(gain.std(ddof=1)) / len(gain) ** 0.5
    p = student_p(float(gain.mean()) / spread, len(gain) - 1) / 2 if spread else 0.0
    return m if p * min(most, MOST_LAGS) < CHANCE else None


def _best_period(table: SeriesTable, implied: tuple[int, ...], most: int, horizon: int) -> int | None:
    """Return the period up to `most` that forecasts the end of the longest series best, of those near a peak.

    All multiples of a period are periods, too; the shortest is returned.
    """
    s = int(table.lengths.argmax())
    y = table.values[table.offsets[s] : table.offsets[s + 1]][-MOST_ROWS:]
    place = np.arange(len(y))
    there = np.isfinite(y)
    if there.sum() < 3:
        return None
    level = y - np.polyval(np.polyfit(place[there], y[there], 1), place)
    peaks = {m for values in (y[1:] - y[:-1], level) for m in _highest_peaks(_autocorrelation(values))}
    near = {m + d for m in peaks for d in (-1, 0, 1)} - set(implied)
    steps = _steps(horizon)
    near = {m for m in near if 2 <= m <= most}
    if not near:
        return None
    first = max(near) + int(steps.max())  # the same targets for all
    errors = {m: _error_of_period(y, m, steps, first) for m in near}
    best = min(errors, key=lambda m: errors[m])
    if errors[best] > CLEARLY * min(_error_of_period(y, m, steps, first) for m in implied):
        return None
    parts = [m for m in errors if abs(best / m - round(best / m)) <= 1 / m and errors[m] <= NEARLY * errors[best]]
    return min((m for m in errors if abs(m - min(parts)) <= 1), key=lambda m: errors[m])


def _highest_peaks(correlation: NDArray[np.float64]) -> list[int]:
    inner = correlation[2:-1]
    peaks = np.flatnonzero((inner > correlation[1:-2]) & (inner >= correlation[3:]) & (inner > 0)) + 2
    highest = peaks[np.argsort(-correlation[peaks])][:MOST_PEAKS]
    shortest = peaks[correlation[peaks] > STRONG * correlation[peaks].max(initial=0.0)][:MOST_PEAKS]
    return [int(m) for m in {*highest, *shortest}]


def _error_of_period(y: NDArray[np.float64], m: int, steps: NDArray[np.int64], first: int) -> float:
    """Return the mean absolute error of repeating a period, as it was or moved to the level, whichever is less.

    first  of the rows that are forecast
    """
    means = []
    for p in steps[steps % m > 0] if (steps % m > 0).any() else steps:
        errors = _errors_of_targets(y, p, (m,))[1:, first:]
        errors = errors[:, np.isfinite(errors).all(axis=0)]
        means.append(errors.mean(axis=1) if errors.size else np.full(2, np.inf))
    return float(np.mean(means, axis=0).min())


def _steps(horizon: int) -> NDArray[np.int64]:
    """Return steps ahead, spread over the horizon."""
    return np.unique(np.linspace(1, horizon, min(horizon, STEPS)).round().astype(np.int64))


def _errors_of_blocks(
    table: SeriesTable, m: int, implied: tuple[int, ...], horizon: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean absolute errors by blocks of `m` rows, of repeating the period `m` and of the best rival.

    Rivals are the last value and the periods that the calendar implies, as they were and moved to the level. The blocks
    of many series are averaged, the last ones together: series may rise and fall as one.
    """
    steps = _steps(horizon)
    chosen = np.unique(np.linspace(0, len(table) - 1, min(len(table), MOST_SERIES)).round().astype(np.int64))
    totals: dict[int, NDArray[np.float64]] = {}
    for s in chosen:
        y = table.values[table.offsets[s] : table.offsets[s + 1]]
        change = np.abs(y[1:] - y[:-1])
        scale = float(np.nanmean(change)) if np.isfinite(change).any() else 0.0
        each = np.stack([_errors_of_targets(y, p, (m, *implied)) for p in steps])
        there = np.isfinite(each).all(axis=1, keepdims=True)  # of a target and a step, every forecast or none
        counts = there.sum(axis=0)
        each = np.where(there, each, 0.0).sum(axis=0)[:, counts[0] > 0] / counts[:, counts[0] > 0] / (scale or 1.0)
        for k in range(each.shape[1] // m):
            block = each[:, each.shape[1] - (k + 1) * m : each.shape[1] - k * m].mean(axis=1)
            totals[k] = totals.get(k, np.zeros(len(block) + 1)) + np.append(block, 1.0)
    if not totals:
        return np.empty(0), np.empty(0)
    blocks = np.array([total[:-1] / total[-1] for total in totals.values()])
    means = blocks.mean(axis=0)
    own, rivals = 1 + int(means[1:3].argmin()), [0, *range(3, len(means))]
    return blocks[:, own], blocks[:, rivals[int(means[rivals].argmin())]]


def _errors_of_targets(y: NDArray[np.float64], p: int, periods: tuple[int, ...]) -> NDArray[np.float64]:
    """Return absolute errors `p` steps ahead by target, (1 + 2 M, N): last value, then each period repeated and moved.

    Targets that a forecast cannot reach are NaN.
    """
    errors = np.full((1 + 2 * len(periods), len(y)), np.nan)
    errors[0, p:] = np.abs(y[p:] - y[:-p])
    for k, m in enumerate(periods):
        back = m * -(-p // m)
        first = max(back, p + m)
        if first >= len(y):
            continue
        target, season = y[first:], y[first - back : len(y) - back]
        last, season_then = y[first - p : len(y) - p], y[first - p - m : len(y) - p - m]
        errors[1 + 2 * k, first:] = np.abs(target - season)
        errors[2 + 2 * k, first:] = np.abs(target - (season + last - season_then))
    return errors


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
    steps = _steps(horizon)
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
    y = table.values[table.offsets[s] : table.offsets[s + 1]]
    correlation = _autocorrelation(y[1:] - y[:-1])
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
    """Return the autocorrelation up to a third of the series, `MOST_LAGS` at most; a missing change counts as mean."""
    n = len(changes)
    seen = np.isfinite(changes)
    centred = np.where(seen, changes - (changes[seen].mean() if seen.any() else 0.0), 0.0)
    spectrum = np.fft.rfft(centred, 2 * n)
    lags = np.arange(min(n // 3, MOST_LAGS) + 1)
    covariance = np.fft.irfft(spectrum * spectrum.conj())[: len(lags)] / (n - lags)
    return np.asarray(covariance / (covariance[0] or 1.0))
