"""Panels of unequal lengths: what most series allow decides, and the few that are shorter begin before they do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster, InputError, backtest
from lstmkit.forecasting.models.lstm import LstmSettings

QUICK = LstmSettings(hidden_size=8, max_epochs=2, steps_per_epoch=5)


def panel(lengths: Sequence[int], season: int = 7) -> pl.DataFrame:
    """Return daily series that end on the same day, with a season and noise."""
    parts = []
    for s, count in enumerate(lengths):
        k = np.arange(count)
        values = 50 + 10 * s + 5 * np.sin(2 * np.pi * k / season) + np.random.default_rng(s).normal(0, 0.5, count)
        days = [date(2024, 1, 1) + timedelta(days=int(n) + max(lengths) - count) for n in k]
        parts.append(pl.DataFrame({"shop": [f"s{s}"] * count, "day": days, "sold": values}))
    return pl.concat(parts)


def fitted(frame: pl.DataFrame, **choices: str) -> Forecaster:
    return Forecaster(5, settings=QUICK).fit(frame, "sold", "day", "shop", **choices)


def test_one_short_series_does_not_decide_for_the_others() -> None:
    alone = fitted(panel([200] * 5))
    with_short = fitted(panel([200] * 5 + [16]))
    assert with_short.network_.task.context == alone.network_.task.context > 50
    assert with_short.seasons_ == alone.seasons_
    assert with_short.seasons_.shown == (7,)
    assert with_short.table_.notes[-1] == (
        "1 of 6 series are short beside the others ('s5'): their windows begin before they do; --short drop leaves "
        "them out"
    )
    forecast = with_short.predict()
    assert forecast["shop"].unique(maintain_order=True).to_list() == [f"s{s}" for s in range(6)]
    assert np.isfinite(forecast["mean"].to_numpy()).all()
    assert abs(float(forecast.filter(shop="s5")["mean"].mean()) - 100) < 10  # its own level


def test_where_none_is_short_nothing_is_padded() -> None:
    frame = panel([200, 200, 200])
    own, refusing = fitted(frame), fitted(frame, short="refuse")
    assert not own.network_.task.marked and own.network_.task == refusing.network_.task
    assert own.predict().equals(refusing.predict())
    longer = fitted(panel([120, 200, 200]))  # long enough for the context of the others
    assert longer.network_.task == own.network_.task


def test_a_short_series_decides_where_it_may_not_be_padded() -> None:
    frame = panel([200] * 5 + [24])
    for short in ("refuse", "drop"):  # it has enough rows for a window of its own
        decided = fitted(frame, short=short)
        assert decided.network_.task.context < 5 and decided.seasons_.shown == ()


def test_series_that_are_all_too_short_are_refused() -> None:
    with pytest.raises(InputError, match=r"^series 's0': 6 rows to learn from; at least \d+ for horizon 5"):
        fitted(panel([6, 6, 6]))
    with pytest.raises(InputError, match=r"^6 rows to learn from|: 6 rows to learn from"):
        Forecaster(5, settings=QUICK).fit(panel([6]).drop("shop"), "sold", "day")


def test_backtest_pads_as_well() -> None:
    rows = backtest(Forecaster(5, settings=QUICK), panel([200] * 3 + [40]), "sold", "day", "shop", windows=3)
    assert rows["shop"].n_unique() == 4
    assert np.isfinite(rows["mean"].to_numpy()).all()


def test_a_model_with_padded_series_is_saved_and_forecasts_new_short_ones(tmp_path) -> None:
    forecaster = fitted(panel([200] * 5 + [16]))
    forecaster.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model")
    new = panel([200, 12]).with_columns(pl.col("shop").replace("s1", "new"))
    forecast = again.predict(new)
    assert forecast["shop"].unique(maintain_order=True).to_list() == ["s0", "new"]
    assert np.isfinite(forecast["mean"].to_numpy()).all()
