"""Tables of many series, and of covariates: what is wrong with them ends in one line, what is odd still forecasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster, InputError

Complain = Callable[..., str]
START = date(2024, 1, 1)
OPTIONS = ["--target", "sold", "--time", "day", "--id", "shop", "--horizon", 3]


def shops(lengths: dict[str, int] | None = None, ahead: int = 0, step: int = 1) -> pl.DataFrame:
    """Return daily sales of shops, higher on days with an offer; `ahead` rows without sales at the end of each."""
    parts = []
    for s, (shop, count) in enumerate((lengths or {"east": 120, "west": 90}).items()):
        k = np.arange(count + ahead)
        offer = (k % 5 == 0).astype(int)
        sold = 50 + 10 * s + 8 * offer + np.random.default_rng(s).normal(size=500)[: len(k)]
        parts.append(
            pl.DataFrame(
                {
                    "shop": [shop] * len(k),
                    "day": [START + timedelta(days=int(n) * step) for n in k],
                    "sold": [round(float(y), 2) if n < count else None for n, y in enumerate(sold)],
                    "offer": offer,
                    "area": [100 + 10 * s] * len(k),
                    "region": ["north" if s else "south"] * len(k),
                }
            )
        )
    return pl.concat(parts)


def put(frame: pl.DataFrame, column: str, row: int, value: Any) -> pl.DataFrame:
    values = frame[column].cast(str).to_list()
    values[row] = value
    return frame.with_columns(pl.Series(column, values))


def with_offsets() -> pl.DataFrame:
    """Return times of which only those with an offer say how far from UTC they are."""
    texts = [f"{day} 00:00:00{'+01:00' if offer else ''}" for day, offer in shops().select("day", "offer").iter_rows()]
    return shops().with_columns(pl.Series("day", texts))


def uneven() -> pl.DataFrame:
    return pl.concat([shops({"east": 90}), shops({"west": 40}, step=7)])


WRONG = {
    "two frequencies": (
        uneven(),
        [],
        "the series have different frequencies (D: 'east'; W: 'west'); forecast them apart, or pass --freq",
    ),
    "duplicates": (
        pl.concat([shops(), shops().tail(1)]),
        [],
        "series 'west': 1 duplicate time, first 2024-03-30; drop them or pass --duplicates last",
    ),
    "missing id": (put(shops(), "shop", 3, ""), [], "id column 'shop', row 4: the id is missing"),
    "no value": (
        shops().with_columns(pl.when(pl.col("shop") == "east").then("sold")),
        ["--missing", "mask"],
        "series 'west': every value is missing; remove its rows, or pass --short drop",
    ),
    "text in a covariate": (
        put(shops(), "offer", 4, "yes"),
        ["--future", "offer"],
        "covariate column 'offer', row 5: 'yes' is not a number; give numbers, such as 0 and 1, or name a category "
        "with --static",
    ),
    "infinite covariate": (
        put(shops(), "offer", 4, "inf"),
        ["--past", "offer"],
        "column 'offer', series 'east', 2024-01-05: infinite value; correct or remove the row",
    ),
    "missing covariate": (
        put(shops(), "offer", 121, ""),
        ["--past", "offer"],
        "column 'offer', series 'west', 2024-01-02: the covariate is missing (1 in all); fill it in, or pass "
        "--missing mask",
    ),
    "varying attribute": (
        put(shops(), "area", 2, "7"),
        ["--static", "area"],
        "column 'area', row 3: a static attribute must not vary within a series, but series 'east' has '100' and "
        "'7'; declare it with --past or --future",
    ),
    "id as covariate": (
        shops(),
        ["--static", "shop"],
        "target, time, id and covariates must be different columns; got 'sold', 'day', 'shop', 'shop'",
    ),
    "covariate that is not there": (
        shops(),
        ["--future", "ofer"],
        "no column 'ofer'; did you mean 'offer'? (columns: 'shop', 'day', 'sold', 'offer', 'area', 'region')",
    ),
    "offsets in some rows": (
        with_offsets(),
        [],
        "time column 'day', row 2: '2024-01-02 00:00:00' does not fit the format '%Y-%m-%d %H:%M:%S%z' of the rows "
        "before it; write all in one form",
    ),
    "policy": (shops(), ["--short", "guess"], "short must be one of auto, refuse, drop, pad; got 'guess'"),
}  # fmt: skip


@pytest.mark.parametrize("command", ["forecast", "backtest"])
@pytest.mark.parametrize("kind", WRONG)
def test_a_panel_that_cannot_be_used(complain: Complain, kind: str, command: str) -> None:
    frame, options, message = WRONG[kind]
    frame.write_csv("a.csv")
    assert complain(command, "a.csv", *OPTIONS, *options) == message


def test_a_series_with_too_few_rows_is_named_with_the_flags(complain: Complain) -> None:
    shops({"east": 120, "west": 9}).write_csv("a.csv")
    message = complain("forecast", "a.csv", *OPTIONS, "--short", "refuse")
    assert message.startswith("series 'west': 9 rows, ")
    assert "--short drop or pad" in message


def test_rows_ahead_that_are_missing_leave_nothing_behind(complain: Complain) -> None:
    shops(ahead=2).write_csv("a.csv")
    message = complain("forecast", "a.csv", *OPTIONS, "--future", "offer", "--out", "out")
    assert message == (
        "series 'east': column 'offer' is known ahead, but has no value for 1 of the 3 steps after the last row "
        "(2024-05-02); add rows with these times and an empty target; so it is with 'west'"
    )


@pytest.fixture(scope="module")
def fitted() -> Forecaster:
    """A forecaster of two shops, with every kind of covariate."""
    forecaster = Forecaster(horizon=3, context=14, settings=quick())
    return forecaster.fit(
        shops(ahead=3), "sold", "day", "shop", future=["offer"], static=["area", "region"], calendar=True
    )


def quick() -> Any:
    from lstmkit.forecasting.models import MODELS

    return MODELS["lstm"].Settings(hidden_size=8, max_epochs=2)


def test_a_panel_with_every_covariate_is_forecast(fitted: Forecaster) -> None:
    forecast = fitted.predict()
    assert forecast["shop"].to_list() == ["east"] * 3 + ["west"] * 3
    first = {"east": START + timedelta(days=120), "west": START + timedelta(days=90)}
    assert [d - first[s] for s, d in forecast.select("shop", "day").iter_rows()] == [
        timedelta(days=k) for k in (0, 1, 2)
    ] * 2
    assert np.isfinite(forecast.drop("shop", "day").to_numpy()).all()


def test_rows_ahead_may_come_with_the_table_or_in_one_of_their_own(fitted: Forecaster) -> None:
    whole, past = shops(ahead=3), shops()
    future = whole.filter(pl.col("sold").is_null()).select("shop", "day", "offer")
    assert fitted.predict(whole).equals(fitted.predict(past, future))
    with pytest.raises(
        InputError, match=r"^series 'east': column 'offer' is known ahead, but has no value for 3 of the 3"
    ):
        fitted.predict(past)
    with pytest.raises(InputError, match=r"for 1 of the 3 steps after the last row \(2024-04-01\)"):
        fitted.predict(past, future.filter(pl.col("day") != date(2024, 4, 1)))


def test_ids_that_were_not_learnt_from_are_forecast(fitted: Forecaster) -> None:
    whole = shops(ahead=3)
    new = whole.filter(pl.col("shop") == "west").with_columns(pl.lit("middle").alias("shop"))
    forecast = fitted.predict(pl.concat([new, whole]))
    assert forecast["shop"].unique(maintain_order=True).to_list() == ["middle", "east", "west"]
    alone = fitted.predict(new)
    fields = ["mean", "median", "lo-80", "hi-95"]
    np.testing.assert_allclose(alone.select(fields), forecast.head(3).select(fields), rtol=1e-6)
    assert alone["shop"].to_list() == ["middle"] * 3
    np.testing.assert_allclose(forecast.tail(6).select(fields), fitted.predict(whole).select(fields), rtol=1e-6)


def test_ids_that_are_missing_are_not_forecast(fitted: Forecaster) -> None:
    forecast = fitted.predict(shops(ahead=3).filter(pl.col("shop") == "west"))
    assert forecast.height == 3
    np.testing.assert_allclose(forecast["mean"], fitted.predict(shops(ahead=3))["mean"].tail(3), rtol=1e-6)


def test_a_category_that_was_not_learnt_is_named(fitted: Forecaster) -> None:
    other = shops(ahead=3).with_columns(pl.col("region").replace("north", "centre"))
    with pytest.raises(InputError, match=r"^column 'region', series 'west': the category 'centre' was not among those"):
        fitted.predict(other)


def test_a_series_too_short_to_forecast_from_is_named(fitted: Forecaster) -> None:
    with pytest.raises(InputError, match=r"^series 'west': \d+ rows; the model needs \d+ to forecast from"):
        fitted.predict(shops({"east": 120, "west": 5}, ahead=3))


def test_whole_number_ids_of_training_are_known_again_in_text(tmp_path: Path) -> None:
    frame = shops().with_columns(pl.col("shop").replace_strict({"east": 1, "west": 2}))
    forecaster = Forecaster(horizon=3, context=14, settings=quick()).fit(frame, "sold", "day", "shop")
    read = forecaster.read(frame.with_columns(pl.col("shop").cast(str)).filter(pl.col("shop") == "2"))
    assert (read.ids, read.numbers.tolist()) == (("2",), [1])


def test_targets_side_by_side_are_fitted_and_forecast() -> None:
    long = shops({"east": 90, "west": 90})
    wide = long.pivot("shop", index="day", values="sold")
    forecaster = Forecaster(horizon=3, context=14, settings=quick()).fit(wide, ["east", "west"], "day")
    own = forecaster.predict()
    assert own.columns[:2] == ["series", "day"] and own["series"].to_list() == ["east"] * 3 + ["west"] * 3
    assert forecaster.predict(wide).equals(own)
    same = Forecaster(horizon=3, context=14, settings=quick()).fit(long, "sold", "day", "shop").predict()
    np.testing.assert_allclose(own["mean"], same["mean"], rtol=1e-12)


@pytest.mark.parametrize("short", ["drop", "pad", "auto"])
def test_short_series_are_dropped_or_padded(short: str) -> None:
    frame = shops({"east": 120, "new": 9, "west": 90})
    with pytest.raises(InputError, match=r"^series 'new': 9 rows to learn from; at least \d+ for "):
        Forecaster(horizon=3, context=14, settings=quick()).fit(frame, "sold", "day", "shop", short="refuse")
    forecast = (
        Forecaster(horizon=3, context=14, settings=quick()).fit(frame, "sold", "day", "shop", short=short).predict()
    )
    assert forecast["shop"].unique(maintain_order=True).to_list() == (
        ["east", "west"] if short == "drop" else ["east", "new", "west"]
    )
    assert np.isfinite(forecast["mean"].to_numpy()).all()


QUICK = ["--set", "max_epochs=1", "--set", "hidden_size=8"]


def test_a_panel_with_everything_is_forecast_and_predicted_again(
    lstm: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    panel = shops({"east": 120, "new": 6, "west": 90}, ahead=3)
    panel.write_parquet("a.parquet")
    covariates = ["--future", "offer", "--static", "area", "--static", "region", "--calendar", "--short", "drop"]
    ran = lstm("forecast", "a.parquet", *OPTIONS, *covariates, *QUICK, "--out", "out")
    assert ran.code == 0, ran.err
    assert "1 series with fewer than " in ran.err and "('new'): left out" in ran.err
    forecast = pl.read_csv("out/forecast.csv", try_parse_dates=True)
    assert forecast["shop"].to_list() == ["east"] * 3 + ["west"] * 3
    assert forecast["day"].to_list()[:3] == [START + timedelta(days=120 + k) for k in range(3)]
    panel.filter(pl.col("shop") != "new").write_csv("b.csv")
    again = lstm("predict", "out", "b.csv", "--out", "next.csv")
    assert again.code == 0, again.err
    fields = ["mean", "median", "lo-80", "hi-95"]
    np.testing.assert_allclose(pl.read_csv("next.csv").select(fields), forecast.select(fields), rtol=1e-5)


def test_a_table_that_a_saved_model_cannot_forecast_from(
    complain: Complain, lstm: Callable[..., Any], tmp_path: Path
) -> None:
    shops(ahead=3).write_csv("a.csv")
    ran = lstm("forecast", "a.csv", *OPTIONS, "--future", "offer", "--static", "region", *QUICK, "--out", "out")
    assert ran.code == 0, ran.err
    shops().write_csv("b.csv")
    message = complain("predict", "out", "b.csv", "--out", "next.csv")
    assert message.startswith("series 'east': column 'offer' is known ahead, but has no value for 3 of the 3 steps")
    shops(ahead=3).with_columns(pl.col("region").replace("north", "sea")).write_csv("c.csv")
    message = complain("predict", "out", "c.csv", "--out", "next.csv")
    assert message.startswith("column 'region', series 'west': the category 'sea' was not among those learnt from (")
    shops(ahead=3).drop("offer").write_csv("d.csv")
    assert complain("predict", "out", "d.csv", "--out", "next.csv").startswith("no column 'offer'")
