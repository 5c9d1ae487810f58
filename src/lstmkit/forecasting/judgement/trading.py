"""Of prices: how often the forecast has the direction right, and what trading on it would have earned after costs."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lstmkit.data import SeriesTable
from lstmkit.errors import InputError
from lstmkit.forecasting.judgement.evaluation import MODEL, Evaluation
from lstmkit.forecasting.judgement.significance import draw_blocks
from lstmkit.forecasting.learning import Seasons
from lstmkit.ranges import Range, real
from lstmkit.results.verdict import BETTER, EQUAL, WORSE, Verdict, kind_of

Array = NDArray[np.float64]
COST = 10.0
"""Basis points that a change of position costs where the user does not say."""
BASIS_POINTS = Range("must be at least 0 and below 10000 basis points", least=0, below=10_000)
NAMES = re.compile(r"(^|[^a-z])(adj|adjusted|close|closing|settle|nav|kurs|schlusskurs)([^a-z]|$)")
"""Names of columns that hold prices of an exchange as a rule."""
OFTEN = re.compile(r"(^|[^a-z])(price|last)([^a-z]|$)")
"""Names of columns that do so where there is a row a day, or more of them; else they may be of anything in a shop."""
FEWEST = 20
"""Forecasts that it takes to say anything about directions or trading."""
RULE = (
    "After each forecast the series is held until the next one if the mean forecast for that time lies above the last "
    "price, else the money is kept"
)
NOTHING_SAID = 1e-5
"""Of the usual change of the price: a forecast no further from the last price is the last price, but for rounding."""
MOST_LOG = 700.0
"""Of a growth that is still a number."""
YEAR = 365.25 * 24 * 3600


@dataclass(frozen=True, slots=True)
class HitRate:
    """How often a forecast has the direction right, of the windows in which forecast and price both move.

    step       steps ahead
    share      of the windows
    low, high  ends of its 95 % interval, from a bootstrap of blocks
    up         share of the windows in which the price rose: what always saying "up" would have
    windows    how many there are
    """

    step: int
    share: float
    low: float
    high: float
    up: float
    windows: int


@dataclass(frozen=True, slots=True)
class Trading:
    """What trading on a forecast would have earned, and what buying and holding.

    The rule: after each forecast the series is held until the next one if the mean forecast for that time lies above
    the last price; else the money is kept. Several series have equal shares.

    cost       of a change of position, in basis points of what is bought or sold; buying and holding buys once
    hits       direction hit rates, at the first and the last step ahead
    earned     by the rule, after costs, as a share of the beginning
    before_costs  the same without costs
    held       by buying and holding
    changes    purchases and sales, of all series
    invested   share of the time in which the rule holds
    gain       by how much the wealth of the rule grows more than that of holding, as a share: a year, or in all
    low, high  ends of its 95 % interval, from a bootstrap of blocks of consecutive forecasts
    years      that the trading took; None where the rows are not dated, or half a year at most: `gain` is then in all
    periods    times at which there was a forecast
    kind       "better", "equal" or "worse" than buying and holding
    times      (n,) of the ends of the periods
    wealth     (n,) of the rule, from 1
    wealth_held  (n,) of buying and holding
    """

    cost: float
    hits: tuple[HitRate, ...]
    earned: float
    before_costs: float
    held: float
    changes: int
    invested: float
    gain: float
    low: float
    high: float
    years: float | None
    periods: int
    kind: str
    times: NDArray[np.generic]
    wealth: Array
    wealth_held: Array


def looks_like_prices(table: SeriesTable, seasons: Seasons) -> bool:
    """Whether a table holds prices that trade: by the name of its column, all values above zero, and no season."""
    name, daily = str(table.columns.target).lower(), table.frequency.unit in ("B", "D", "h", "min", "s")
    named = NAMES.search(name) or (daily and OFTEN.search(name))
    return bool(named) and not seasons.shown and not (table.values <= 0).any()


def check_prices(table: SeriesTable, windows: int, cost: float | None) -> float | None:
    """Return the cost that a user asked for; refuse a table that cannot be traded on.

    windows  forecasts that there will be of the series with most of them
    cost     basis points of a change of position; None where nobody asked, and nothing is refused
    Raises   InputError if a value is not above zero, the forecasts are fewer than 20, or the cost is out of range
    """
    if cost is None:
        return None
    cost = real("cost", cost, BASIS_POINTS)
    wrong = np.flatnonzero(table.values <= 0)
    if len(wrong):
        k = int(wrong[0])
        raise InputError(
            f"{table.name(table.series_of(k))}: the value {table.values[k]:g} at {table.time_name(k)} is no price; "
            "leave out --cost"
        )
    if windows < FEWEST:
        raise InputError(
            f"--cost: {windows} test windows are too few to trade on; give more rows or test on more of them, so that "
            f"there are {FEWEST}, or leave it out"
        )
    return cost


def trade_if_prices(evaluation: Evaluation, seasons: Seasons, cost: float | None) -> Trading | None:
    """Trade at the cost asked for, or at the usual one where the table looks like prices; else None."""
    if cost is None and not looks_like_prices(evaluation.table, seasons):
        return None
    return trade(evaluation, COST if cost is None else cost)


def trade(evaluation: Evaluation, cost: float = COST) -> Trading | None:
    """Trade on the forecasts of an evaluation; None where they are fewer than 20.

    cost  basis points of a change of position
    """
    ends, growth, position = _periods(evaluation)
    times = np.unique(ends)
    if len(times) < FEWEST:
        return None
    first = np.append(True, evaluation.series[1:] != evaluation.series[:-1])
    change = np.abs(position - np.where(first, 0.0, np.append(0.0, position[:-1])))
    share = cost / 10_000
    rule = _log_wealth(ends, growth, position, share * change)
    plain = _log_wealth(ends, growth, position, 0 * change)
    held = _log_wealth(ends, growth, np.ones(len(growth)), share * first)
    difference = np.diff(rule - held, prepend=0.0)
    stretch = round(position.sum() / max(1.0, change.sum() / 2))  # periods between two changes, about
    block = min(max(round(len(times) ** (1 / 3)), stretch), len(times) // 5)
    drawn = draw_blocks(difference[None], block, np.random.default_rng(0))[0]
    years = _years(times)
    scale = len(times) / (years or 1.0)
    low, high = (float(q) for q in np.quantile(drawn, [0.025, 0.975]))
    return Trading(
        cost=cost,
        hits=tuple(_hit_rate(evaluation, p) for p in sorted({1, evaluation.truth.shape[1]})),
        earned=_gained(rule[-1]),
        before_costs=_gained(plain[-1]),
        held=_gained(held[-1]),
        changes=int(change.sum()),
        invested=float(position.mean()),
        gain=_gained(scale * difference.mean()),
        low=_gained(scale * low),
        high=_gained(scale * high),
        years=years,
        periods=len(times),
        kind=kind_of(low, high),
        times=times,
        wealth=np.exp(np.minimum(rule, MOST_LOG)),
        wealth_held=np.exp(np.minimum(held, MOST_LOG)),
    )


def _periods(evaluation: Evaluation) -> tuple[NDArray[np.generic], Array, Array]:
    """Return of the time from each window to the next one its end, the growth of the price, and whether it is held."""
    table, cutoffs, P = evaluation.table, evaluation.cutoffs, evaluation.truth.shape[1]
    price = evaluation.forecasts["last_value"][:, 0]
    follows = np.append(np.diff(evaluation.series) == 0, False)
    gaps = np.append(np.diff(cutoffs), 0)
    usual = min(int(gaps[follows].min()) if follows.any() else P, P)
    gaps = np.where(follows, gaps, usual)
    forecast = evaluation.forecasts[MODEL][np.arange(len(cutoffs)), np.minimum(gaps, P) - 1]
    after = np.append(price[1:], 0.0)
    for w in np.flatnonzero(~follows):
        came = evaluation.truth[w, :usual]
        came = came[np.isfinite(came)]
        after[w] = came[-1] if len(came) else price[w]
    growth = np.divide(after, price, out=np.ones(len(price)), where=np.isfinite(price) & np.isfinite(after))
    return table.times[cutoffs + gaps - 1], growth, (_direction_said(forecast, price, after) > 0).astype(np.float64)


def _direction_said(forecast: Array, price: Array, after: Array) -> Array:
    """Return 1 where forecasts (n,) say up, -1 where they say down, 0 where they are the last price.

    after  what came, which tells how much the price usually changes
    """
    change = np.abs(after - price)
    usual = change[np.isfinite(change)].mean() if np.isfinite(change).any() else 0.0
    said = forecast - price
    return np.where(np.abs(said) > NOTHING_SAID * usual, np.sign(said), 0.0)


def _log_wealth(ends: NDArray[np.generic], growth: Array, position: Array, costs: Array) -> Array:
    """Return the logarithm of the wealth at each time that a period ends, from 1; series are given equal shares."""
    factor = (1 - costs) * np.where(position > 0, growth, 1.0)
    _, at = np.unique(ends, return_inverse=True)
    return np.asarray(np.cumsum(np.log(np.bincount(at, weights=factor) / np.bincount(at))), np.float64)


def _gained(log: float) -> float:
    """Return what the logarithm of a growth is as a share."""
    return float(np.expm1(min(float(log), MOST_LOG)))


def _years(times: NDArray[np.generic]) -> float | None:
    """Return the years that the periods take; None without dates, or where they are less than half of one."""
    if times.dtype.kind != "M":
        return None
    seconds = (times[-1] - times[0]).astype("timedelta64[s]").astype(np.int64) * len(times) / (len(times) - 1)
    return float(seconds / YEAR) if seconds >= YEAR / 2 else None


def _hit_rate(evaluation: Evaluation, step: int) -> HitRate:
    """Measure how often the direction is right `step` steps ahead; windows at the same time are drawn together."""
    price = evaluation.forecasts["last_value"][:, 0]
    forecast, truth = evaluation.forecasts[MODEL][:, step - 1], evaluation.truth[:, step - 1]
    said, came = _direction_said(forecast, price, truth), np.sign(truth - price)
    moved = np.isfinite(came) & (came != 0) & (said != 0)
    n = int(moved.sum())
    if n < FEWEST:
        return HitRate(step, float("nan"), float("nan"), float("nan"), float("nan"), n)
    right = said[moved] == came[moved]
    times, at = np.unique(evaluation.table.times[evaluation.cutoffs[moved] - 1], return_inverse=True)
    sums = np.stack([np.bincount(at, weights=right), np.bincount(at)]).astype(np.float64)
    overlap = -(-step // max(1, _usual_gap(evaluation)))
    block = max(overlap, round(len(times) ** (1 / 3)))
    drawn = draw_blocks(sums, block, np.random.default_rng(0))
    low, high = np.quantile(drawn[0] / drawn[1], [0.025, 0.975])
    return HitRate(step, float(right.mean()), float(low), float(high), float((came[moved] > 0).mean()), n)


def _usual_gap(evaluation: Evaluation) -> int:
    gaps = np.diff(evaluation.cutoffs)[np.diff(evaluation.series) == 0]
    return int(gaps.min()) if len(gaps) else 1


def judge_trading(trading: Trading) -> Verdict:
    """Judge the rule against buying and holding by the 95 % interval of what its wealth gains on it."""
    if not trading.changes and not any(hit.windows for hit in trading.hits):
        headline = "The forecast is the last price: it says no direction, and there is nothing to trade on."
        return Verdict(trading.kind, headline, f"Buying and holding earned {signed(trading.held)}.")
    direction = " ".join(map(_direction, trading.hits))
    if not trading.changes:
        headline = f"The forecast never rose, so nothing was bought. Buying and holding earned {signed(trading.held)}."
        return Verdict(trading.kind, headline, direction)
    if trading.invested == 1:
        headline = f"The forecast always rose: trading on it is buying and holding. It earned {signed(trading.earned)}."
        return Verdict(trading.kind, headline, direction)
    than = {BETTER: "earned more than", EQUAL: "was not clearly better than", WORSE: "earned less than"}[trading.kind]
    headline = (
        f"Trading on it {than} buying and holding: {signed(trading.earned)} against {signed(trading.held)}, after "
        f"costs of {trading.cost:g} basis points a change."
    )
    changes = "changed once" if trading.changes == 1 else f"changed {trading.changes:,} times"
    detail = (
        f"{direction} {RULE}: it {changes} and held {100 * trading.invested:.0f} % of the time; before costs it earned "
        f"{signed(trading.before_costs)}. Its wealth gained {signed(trading.gain)} "
        f"{'in all' if trading.years is None else 'a year'} on buying and holding (95 % interval {signed(trading.low)} "
        f"to {signed(trading.high)})."
    )
    if trading.kind == BETTER:
        detail += " One test part is little to go by: the next may differ."
    return Verdict(trading.kind, headline, detail)


def _direction(hit: HitRate) -> str:
    """Return a sentence about the direction at a step ahead, beside always saying the same."""
    ahead = f"{hit.step} step{'s' if hit.step > 1 else ''} ahead"
    if not hit.share >= 0:
        return f"{ahead.capitalize()}, too few windows moved ({hit.windows}) to tell whether the direction was right."
    often, always = max(hit.up, 1 - hit.up), "up" if hit.up >= 0.5 else "down"
    return (
        f"{ahead.capitalize()}, the direction was right in {100 * hit.share:.1f} % of {hit.windows:,} windows (95 % "
        f"interval {100 * hit.low:.1f} % to {100 * hit.high:.1f} %); always saying {always!r} would have been right in "
        f"{100 * often:.1f} %."
    )


def trading_summary(trading: Trading) -> dict[str, Any]:
    """Return what summary.json says: all but the curves."""
    curves = ("times", "wealth", "wealth_held")
    fields = {f.name: getattr(trading, f.name) for f in dataclasses.fields(trading) if f.name not in curves}
    return fields | {"hits": [dataclasses.asdict(hit) for hit in trading.hits]}


def largest_fall(wealth: Array) -> float:
    """Return the largest fall of a curve of wealth (n,) that begins at 1, from a peak, as a share; 0 or negative."""
    whole = np.append(1.0, wealth)
    return float((whole / np.maximum.accumulate(whole) - 1).min())


def signed(share: float) -> str:
    """Return a share as a percentage with its sign, without decimals where it is large."""
    text = f"{100 * share:+,.0f} %" if abs(share) >= 0.995 else f"{100 * share:+.1f} %"
    return text.replace("-0.0 %", "0.0 %").replace("+0.0 %", "0.0 %")
