"""Directions and trading: against sums written out, and nothing that has not happened yet decides anything."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from lstmkit import Forecaster, InputError
from lstmkit.data import SeriesTable, TableSettings, read_table
from lstmkit.forecasting.judgement import Evaluation, judge_trading, trade
from lstmkit.forecasting.judgement.evaluation import MODEL, evaluate
from lstmkit.forecasting.judgement.trading import (
    check_prices,
    largest_fall,
    looks_like_prices,
    signed,
    trade_if_prices,
    trading_summary,
)
from lstmkit.forecasting.learning import Seasons
from lstmkit.forecasting.models.lstm import LstmSettings

P, ROWS, TRAIN = 2, 200, 100


def table_of(values: NDArray[np.float64], name: str = "Close") -> SeriesTable:
    days = np.busday_offset("2022-01-03", np.arange(len(values))).astype("datetime64[us]")
    return read_table(pl.DataFrame({"Date": days, name: values}), TableSettings(name))


@pytest.fixture(scope="module")
def found() -> Evaluation:
    """An evaluation of a walk, one row apart, two steps ahead."""
    values = 100 * np.exp(np.random.default_rng(4).normal(0, 0.01, ROWS).cumsum())
    table = table_of(values)
    rows = np.array([TRAIN])
    fitted = Forecaster(P, context=8, settings=LstmSettings(hidden_size=4, max_epochs=1)).fit_series(table.head(rows))
    return evaluate(fitted, table, rows)


def saying(found: Evaluation, forecast: NDArray[np.float64]) -> Evaluation:
    """Return the evaluation with another forecast (W, P) of the model."""
    return dataclasses.replace(found, forecasts={**found.forecasts, MODEL: forecast})


def test_wealth_is_what_a_loop_earns(found: Evaluation) -> None:
    forecast = found.truth[:, :1] + np.random.default_rng(1).normal(0, 1.0, found.truth.shape)
    trading = trade(saying(found, forecast), 25)
    assert trading is not None
    values, wealth, held, changes, curve = found.table.values, 1.0, 0, 0, []
    for w, cutoff in enumerate(found.cutoffs):
        wanted = int(forecast[w, 0] > values[cutoff - 1])
        if wanted != held:
            wealth *= 1 - 0.0025
            changes += 1
        held = wanted
        if held:
            wealth *= values[cutoff] / values[cutoff - 1]
        curve.append(wealth)
    np.testing.assert_allclose(trading.wealth, curve)
    assert (trading.changes, trading.earned) == (changes, pytest.approx(wealth - 1))
    first, last = int(found.cutoffs[0]), int(found.cutoffs[-1])
    assert trading.held == pytest.approx((1 - 0.0025) * values[last] / values[first - 1] - 1)
    np.testing.assert_array_equal(trading.times, found.table.times[found.cutoffs])


def test_without_costs_and_always_up_it_is_buying_and_holding(found: Evaluation) -> None:
    trading = trade(saying(found, np.full_like(found.truth, 1e6)), 0)
    assert trading is not None
    assert trading.earned == trading.held == trading.before_costs
    assert (trading.gain, trading.low, trading.high, trading.changes, trading.invested) == (0, 0, 0, 1, 1)
    assert judge_trading(trading).headline.startswith("The forecast always rose: trading on it is buying and holding.")


def test_the_largest_costs_and_gains_are_numbers(found: Evaluation) -> None:
    price = found.forecasts["last_value"]
    turns = np.where(np.arange(len(price))[:, None] % 2 == 0, 2 * price, 0 * price)
    trading = trade(saying(found, turns), 9999.99)
    assert trading is not None
    assert trading.earned == -1 and trading.high < 0 and np.isfinite(trading.wealth).all()
    steep = dataclasses.replace(found.table, values=np.where(np.arange(ROWS) % 2 == 0, 1e-70, 1e70))
    price = steep.values[found.cutoffs - 1][:, None]
    rich = dataclasses.replace(found, table=steep, truth=1e140 * price**-1 * np.ones((1, P)))
    rich = dataclasses.replace(rich, forecasts={MODEL: rich.truth, "last_value": price * np.ones((1, P))})
    best = trade(rich, 0)
    assert best is not None and np.isfinite([best.earned, best.gain, best.low, best.high]).all()
    assert np.isfinite(best.wealth).all() and largest_fall(best.wealth) == 0


def test_always_down_buys_nothing(found: Evaluation) -> None:
    trading = trade(saying(found, np.zeros_like(found.truth)), 10)
    assert trading is not None
    assert (trading.earned, trading.changes, trading.invested) == (0, 0, 0)
    assert judge_trading(trading).headline.startswith("The forecast never rose, so nothing was bought.")


def test_the_last_price_but_for_rounding_says_no_direction(found: Evaluation) -> None:
    price = found.forecasts["last_value"]
    rounding = 1e-9 * price * np.random.default_rng(0).normal(size=price.shape)
    trading = trade(saying(found, price + rounding), 10)
    assert trading is not None
    assert (trading.changes, trading.earned, [hit.windows for hit in trading.hits]) == (0, 0, [0, 0])
    assert judge_trading(trading).headline == (
        "The forecast is the last price: it says no direction, and there is nothing to trade on."
    )


def test_who_knows_tomorrow_earns_more_and_who_is_always_wrong_less(found: Evaluation) -> None:
    price = found.forecasts["last_value"]
    better, worse = (trade(saying(found, price + sign * (found.truth - price)), 1) for sign in (1, -1))
    assert better is not None and worse is not None
    assert 0 < better.low < better.gain < better.high and better.kind == "better"
    assert worse.low < worse.gain < worse.high < 0 and worse.kind == "worse"
    assert "earned more than buying and holding" in judge_trading(better).headline
    assert "One test part is little to go by" in judge_trading(better).detail
    assert "earned less than buying and holding" in judge_trading(worse).headline
    assert (better.hits[0].share, worse.hits[0].share) == (1, 0)


def test_chance_is_called_chance(found: Evaluation) -> None:
    forecast = found.forecasts["last_value"] + np.random.default_rng(9).normal(size=found.truth.shape)
    trading = trade(saying(found, forecast), 0)
    assert trading is not None
    assert trading.low < 0 < trading.high and trading.kind == "equal"
    assert "was not clearly better than buying and holding" in judge_trading(trading).headline
    assert trading.hits[0].low < 0.5 < trading.hits[0].high


def test_later_values_change_nothing_that_was_decided(found: Evaluation) -> None:
    other = 1.5 * found.table.values
    cut = int(found.cutoffs[50])
    values = np.where(np.arange(ROWS) < cut, found.table.values, other)
    rows = np.array([TRAIN])
    changed = table_of(values)
    fitted = Forecaster(P, context=8, settings=LstmSettings(hidden_size=4, max_epochs=1))
    fitted.fit_series(changed.head(rows))
    one, two = trade(found, 10), trade(evaluate(fitted, changed, rows), 10)
    assert one is not None and two is not None
    np.testing.assert_allclose(one.wealth[:50], two.wealth[:50])


def test_hit_rates_are_counted(found: Evaluation) -> None:
    forecast = found.truth + np.random.default_rng(2).normal(0, 1.5, found.truth.shape)
    trading = trade(saying(found, forecast))
    assert trading is not None
    for hit in trading.hits:
        price = found.forecasts["last_value"][:, 0]
        said, came = forecast[:, hit.step - 1] > price, found.truth[:, hit.step - 1] > price
        assert (hit.share, hit.up) == (pytest.approx((said == came).mean()), pytest.approx(came.mean()))
        assert hit.windows == len(found.cutoffs)
        assert hit.low < hit.share < hit.high
    assert [hit.step for hit in trading.hits] == [1, P]
    spread = math.sqrt(trading.hits[0].share * (1 - trading.hits[0].share) / len(found.cutoffs))
    assert trading.hits[0].high - trading.hits[0].low == pytest.approx(2 * 1.96 * spread, rel=0.35)


def test_a_year_is_a_year(found: Evaluation) -> None:
    trading = trade(saying(found, np.zeros_like(found.truth)), 0)
    assert trading is not None and trading.years is None  # 99 business days
    assert trading.gain == pytest.approx(1 / (1 + trading.held) - 1)
    frame = pl.DataFrame({"t": np.arange(ROWS), "Close": found.table.values})
    numbered = dataclasses.replace(found, table=read_table(frame, TableSettings("Close", time="t")))
    later = trade(saying(numbered, np.zeros_like(found.truth)), 0)
    assert later is not None and later.years is None


def test_several_series_have_equal_shares() -> None:
    walk = np.exp(np.random.default_rng(5).normal(0, 0.01, (2, ROWS)).cumsum(1))
    days = np.busday_offset("2022-01-03", np.arange(ROWS)).astype("datetime64[us]")
    frame = pl.concat([pl.DataFrame({"Date": days, "Close": own, "id": n}) for own, n in zip(walk, "ab", strict=True)])
    table, rows = read_table(frame, TableSettings("Close", id="id")), np.array([TRAIN, TRAIN])
    fitted = Forecaster(1, context=8, settings=LstmSettings(hidden_size=4, max_epochs=1)).fit_series(table.head(rows))
    evaluation = evaluate(fitted, table, rows)
    trading = trade(saying(evaluation, np.full_like(evaluation.truth, 1e9)), 0)
    assert trading is not None
    growth = (walk[:, TRAIN:] / walk[:, TRAIN - 1 : -1]).mean(0)
    np.testing.assert_allclose(trading.wealth, np.cumprod(growth))


def test_missing_prices_are_passed_over(found: Evaluation) -> None:
    values = found.table.values.copy()
    values[[120, 121, 150]] = np.nan
    days = np.busday_offset("2022-01-03", np.arange(ROWS)).astype("datetime64[us]")
    table = read_table(pl.DataFrame({"Date": days, "Close": values}), TableSettings("Close", missing="mask"))
    rows = np.array([TRAIN])
    fitted = Forecaster(1, context=8, settings=LstmSettings(hidden_size=4, max_epochs=1)).fit_series(table.head(rows))
    evaluation = evaluate(fitted, table, rows)
    trading = trade(saying(evaluation, np.full_like(evaluation.truth, 1e9)), 0)
    assert trading is not None
    assert trading.earned == pytest.approx(values[-1] / values[TRAIN - 1] - 1)


@pytest.mark.parametrize(
    ("name", "is_price"),
    [(name, True) for name in ("Close", "Adj Close", "close_price", "Price", "Kurs", "adj_close")]
    + [(name, False) for name in ("sold", "enclosed", "Volume", "temperature", "lasting")],
)
def test_prices_are_known_by_the_name_of_their_column(found: Evaluation, name: str, is_price: bool) -> None:
    table = table_of(found.table.values, name)
    assert looks_like_prices(table, Seasons(5, ())) is is_price
    assert not looks_like_prices(table, Seasons(5, (5,)))
    assert not looks_like_prices(table_of(found.table.values - 110, name), Seasons(None, ()))


def test_a_price_in_a_shop_is_not_traded_on() -> None:
    months = np.arange("2010-01", "2020-01", dtype="datetime64[M]").astype("datetime64[us]")
    walk = 100 + np.random.default_rng(0).normal(size=120).cumsum()
    for name, trades in (("avg price", False), ("Close", True)):
        table = read_table(pl.DataFrame({"month": months, name: walk}), TableSettings(name))
        assert looks_like_prices(table, Seasons(12, ())) is trades


def test_a_cost_that_is_asked_for_is_traded_at(found: Evaluation) -> None:
    other = dataclasses.replace(found, table=table_of(found.table.values, "sold"))
    assert trade_if_prices(other, Seasons(None, ()), None) is None
    asked, usual = trade_if_prices(other, Seasons(None, ()), 3), trade_if_prices(found, Seasons(None, ()), None)
    assert asked is not None and usual is not None
    assert (asked.cost, usual.cost) == (3, 10)
    summary = trading_summary(asked)
    assert "wealth" not in summary and summary["hits"][0]["step"] == 1


def test_what_cannot_be_traded_on_is_refused(found: Evaluation) -> None:
    table = table_of(np.where(np.arange(ROWS) == 7, -1.5, found.table.values))
    with pytest.raises(InputError, match=r"column 'Close': the value -1.5 at 2022-01-12 is no price; leave out --cost"):
        check_prices(table, 50, 10)
    with pytest.raises(InputError, match="--cost: 19 test windows are too few to trade on"):
        check_prices(found.table, 19, 10)
    for cost in (-1, 10_000, float("nan"), True, "5"):
        with pytest.raises(InputError, match="cost must be"):
            check_prices(found.table, 50, cost)  # type: ignore[arg-type]
    few = dataclasses.replace(found, cutoffs=found.cutoffs[:19], series=found.series[:19], truth=found.truth[:19])
    few = dataclasses.replace(few, forecasts={name: f[:19] for name, f in found.forecasts.items()})
    assert trade(few) is None


def test_the_largest_fall_and_signs() -> None:
    assert largest_fall(np.array([1.1, 0.9, 1.2, 0.6])) == pytest.approx(-0.5)
    assert largest_fall(np.array([0.8, 0.9])) == pytest.approx(-0.2)
    assert [signed(x) for x in (0.0, -0.0001, 0.034, -0.5, 1.234, 73.1)] == [
        "0.0 %",
        "0.0 %",
        "+3.4 %",
        "-50.0 %",
        "+123 %",
        "+7,310 %",
    ]
