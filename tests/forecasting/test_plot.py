"""What the pictures show is what the forecasts say."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster, InputError, backtest
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.forecasting.plot import plot_backtest

matplotlib = pytest.importorskip("matplotlib", reason="the extra plot is not installed")
matplotlib.use("Agg")
QUICK = LstmSettings(hidden_size=4, max_epochs=1)


@pytest.fixture
def two(prices: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([prices.with_columns(shop=pl.lit(n), Close=pl.col("Close") * k) for k, n in ((1, "A"), (3, "B"))])


def lines(ax: object) -> dict[str, np.ndarray]:
    return {line.get_label(): np.asarray(line.get_ydata(), float) for line in ax.lines}


def test_the_forecast_is_drawn_after_the_series(two: pl.DataFrame) -> None:
    forecaster = Forecaster(3, context=10, settings=QUICK).fit(two, "Close", id="shop")
    drawn = lines(forecaster.plot(id="B"))
    np.testing.assert_allclose(drawn["forecast"], forecaster.predict().filter(pl.col("shop") == "B")["mean"], rtol=1e-6)
    np.testing.assert_array_equal(drawn["observed"], two.filter(pl.col("shop") == "B")["Close"][-10:])
    _, ax = matplotlib.pyplot.subplots()
    assert forecaster.plot(two, id="A", ax=ax) is ax
    assert len(ax.collections) == 2
    with pytest.raises(InputError, match=r"plot: no series 'C'"):
        forecaster.plot(id="C")


def test_the_backtest_is_drawn_for_one_step_ahead(two: pl.DataFrame) -> None:
    rows = backtest(Forecaster(3, context=10, settings=QUICK), two, "Close", id="shop", windows=5)
    drawn = lines(plot_backtest(rows, id="B", step=2, baseline="last_value"))
    own = rows.filter((pl.col("shop") == "B") & (pl.col("step") == 2))
    np.testing.assert_array_equal(drawn["observed"], own["y"])
    np.testing.assert_array_equal(drawn["forecast, 2 ahead"], own["mean"])
    np.testing.assert_array_equal(drawn["last value"], own["last_value"])
    with pytest.raises(InputError, match="plot: no column 'last_valu'; did you mean 'last_value'"):
        plot_backtest(rows, baseline="last_valu")
    with pytest.raises(InputError, match="plot: no row of series 'B', 9 steps ahead"):
        plot_backtest(rows, id="B", step=9)
