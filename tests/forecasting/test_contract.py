"""What every forecaster keeps: fit, predict, save, the same answer for the same seed, and one line for wrong use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_frame_not_equal

from lstmkit import Forecaster, InputError
from lstmkit.errors import NotFittedError
from lstmkit.forecasting.models import MODELS, ModelSettings
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.nn import CELLS

QUICK = LstmSettings(hidden_size=8, max_epochs=2, learning_rate=0.02)


@pytest.fixture(scope="module")
def wave() -> pl.DataFrame:
    """A sine with noise by day: training changes the forecast, so a seed matters."""
    k = np.arange(140)
    y = 20 + 3 * np.sin(2 * np.pi * k / 9) + np.random.default_rng(4).normal(0, 0.2, 140)
    return pl.DataFrame({"day": (np.datetime64("2024-01-01") + k).astype("datetime64[us]"), "y": y})


def make(seed: int = 0, **arguments: object) -> Forecaster:
    return Forecaster(3, **{"context": 10, "seasons": (), "seed": seed, "settings": QUICK, **arguments})


@pytest.fixture(scope="module")
def fitted(wave: pl.DataFrame) -> Forecaster:
    return make().fit(wave, "y")


def complaint(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_fit_returns_the_forecaster_and_what_it_learnt_ends_in_an_underscore(wave: pl.DataFrame) -> None:
    forecaster = make()
    given = set(vars(forecaster))
    assert given == set(forecaster.get_params())
    assert forecaster.fit(wave, "y") is forecaster
    learnt = set(vars(forecaster)) - given
    assert {"network_", "tail_", "seasons_", "history_"} <= learnt
    assert all(name.endswith("_") for name in learnt)


def test_fit_leaves_its_arguments_and_the_table_alone(wave: pl.DataFrame) -> None:
    before = wave.clone()
    forecaster = make()
    params = dict(forecaster.get_params())
    forecaster.fit(wave, "y").predict()
    assert_frame_equal(wave, before)
    assert forecaster.get_params() == params


def test_the_same_seed_gives_the_same_forecast_and_another_seed_another(wave: pl.DataFrame, fitted: Forecaster) -> None:
    expected = fitted.predict()
    assert_frame_equal(make().fit(wave, "y").predict(), expected, check_exact=True)
    assert_frame_not_equal(make(seed=1).fit(wave, "y").predict(), expected, check_exact=True)


def test_fitting_twice_equals_fitting_once(wave: pl.DataFrame, fitted: Forecaster) -> None:
    other = wave.with_columns(pl.col("y") * pl.int_range(pl.len()))
    again = make().fit(other, "y").fit(wave, "y")
    assert_frame_equal(again.predict(), fitted.predict(), check_exact=True)


def test_a_forecast_does_not_change_the_forecaster(fitted: Forecaster, wave: pl.DataFrame) -> None:
    first = fitted.predict()
    fitted.predict(wave.head(50))
    assert_frame_equal(fitted.predict(), first, check_exact=True)


def test_parameters_go_round(wave: pl.DataFrame, fitted: Forecaster) -> None:
    twin = type(fitted)(**fitted.get_params())
    assert twin.get_params() == fitted.get_params()
    assert not hasattr(twin, "network_")
    assert repr(twin) == repr(fitted)
    assert_frame_equal(twin.fit(wave, "y").predict(), fitted.predict(), check_exact=True)


def test_the_global_random_state_is_neither_read_nor_moved(wave: pl.DataFrame, fitted: Forecaster) -> None:
    import torch

    torch.manual_seed(123)
    state = torch.get_rng_state()
    forecast = make().fit(wave, "y").predict()
    assert torch.equal(torch.get_rng_state(), state)
    assert_frame_equal(forecast, fitted.predict(), check_exact=True)


@pytest.mark.parametrize("method", ["predict", "save", "read", "predict_windows"])
def test_before_fit_every_method_says_what_to_do(method: str, tmp_path: Path) -> None:
    arguments = {"predict": (), "save": (tmp_path / "m",), "read": (None,), "predict_windows": (None,)}[method]
    with pytest.raises(NotFittedError) as caught:
        getattr(make(), method)(*arguments)
    assert str(caught.value) == "Forecaster: not fitted yet; call fit first"
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0}, "horizon must be at least 1; got 0"),
        ({"horizon": -1}, "horizon must be at least 1; got -1"),
        ({"context": 0}, "context must be at least 2; got 0"),
        ({"context": 1}, "context must be at least 2; got 1"),
        ({"model": "lsmt"}, f"model must be one of {', '.join(MODELS)}; got 'lsmt'; did you mean 'lstm'?"),
        (
            {"cell": "abacus"},
            f"cell must be one of {', '.join(CELLS)}, or settings such as Lstm(peephole=True); got 'abacus'",
        ),
        ({"ensemble": 0}, "ensemble must be at least 1; got 0"),
        ({"settings": ModelSettings()}, "model lstm takes settings of LstmSettings; got ModelSettings"),
        ({"levels": (0,)}, "levels must be from 1 to 99.99 percent; got 0"),
        ({"levels": (80, 100)}, "levels must be from 1 to 99.99 percent; got 100"),
        ({"levels": (0.5, 0.9)}, "levels must be from 1 to 99.99 percent; got 0.5; write 50 for 50 %"),
        ({"levels": (80, 80.000001)}, "levels must differ within six digits; got (80, 80.000001)"),
        ({"levels": ()}, "levels must be several numbers, such as (80, 95); got none"),
        ({"seasons": (1,)}, "seasons must be at least 2; got 1"),
    ],
)
def test_the_constructor_checks(arguments: dict[str, object], message: str) -> None:
    assert complaint(lambda: Forecaster(**{"horizon": 3, **arguments})) == message


def test_an_unknown_backend_is_refused_and_the_known_ones_listed() -> None:
    message = complaint(lambda: Forecaster(3, backend="abacus"))
    assert "abacus" in message
    assert "reference" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_size", 0),
        ("num_layers", 0),
        ("max_epochs", -1),
        ("dropout", 1.0),
        ("learning_rate", 0.0),
        ("weight_decay", -1.0),
        ("validation", 0.5),
    ],
)
def test_settings_check_every_value(name: str, value: float) -> None:
    message = complaint(lambda: LstmSettings(**{name: value}))
    assert message.startswith(f"{name} must ")
    assert message.endswith(f"; got {value}")


def test_levels_become_columns_and_wider_intervals_hold_narrower_ones(wave: pl.DataFrame) -> None:
    forecast = make(levels=(50, 97.5, 90)).fit(wave, "y").predict()
    assert forecast.columns == ["day", "mean", "median", "lo-50", "hi-50", "lo-97.5", "hi-97.5", "lo-90", "hi-90"]
    assert (forecast["lo-97.5"] <= forecast["lo-90"]).all() and (forecast["lo-90"] <= forecast["lo-50"]).all()
    assert (forecast["hi-97.5"] >= forecast["hi-90"]).all() and (forecast["hi-90"] >= forecast["hi-50"]).all()


def test_a_table_with_other_columns_is_refused(fitted: Forecaster, wave: pl.DataFrame) -> None:
    message = complaint(lambda: fitted.predict(wave.rename({"y": "Y2"})))
    assert message == "no column 'y'; did you mean 'Y2'? (columns: 'day', 'Y2')"


def test_a_table_too_short_for_the_context_is_refused(fitted: Forecaster, wave: pl.DataFrame) -> None:
    assert complaint(lambda: fitted.predict(wave.head(9))) == (
        "column 'y': 9 rows; the model needs 10 to forecast from"
    )
    assert fitted.predict(wave.head(10)).height == 3


def test_a_table_of_another_frequency_is_refused(fitted: Forecaster, wave: pl.DataFrame) -> None:
    message = complaint(lambda: fitted.predict(wave.gather_every(7)))
    assert message.startswith("column 'y': steps of one day do not fit: ") and "have no row" in message


def test_a_few_recent_rows_are_read_with_the_frequency_seen_at_fit(fitted: Forecaster, wave: pl.DataFrame) -> None:
    recent = wave.tail(16)
    with_holidays = recent.filter(~pl.int_range(16).is_in([3, 7, 8]))
    assert fitted.predict(with_holidays)["day"].to_list() == fitted.predict(recent)["day"].to_list()


ROWS = [(3, 10), (1, 2), (2, 25), (10, 4), (5, None), (1, None), (12, None)]


@pytest.mark.parametrize("validation", [0.125, 0.3])
@pytest.mark.parametrize(("horizon", "context"), ROWS)
def test_the_number_of_rows_said_to_be_needed_is_enough_and_one_fewer_is_not(
    wave: pl.DataFrame, horizon: int, context: int | None, validation: float
) -> None:
    settings = LstmSettings(hidden_size=2, max_epochs=1, validation=validation)
    forecaster = Forecaster(horizon, context, seasons=(), settings=settings)
    message = complaint(lambda: forecaster.fit(wave.head(4 if horizon > 1 else 3), "y"))
    words = message.split(" at least ")[1]
    needed = int(words.split(" ")[0])
    forecaster.fit(wave.head(needed), "y")
    assert forecaster.predict().height == horizon
    assert f"at least {needed} for " in complaint(lambda: forecaster.fit(wave.head(needed - 1), "y"))


def test_the_rows_needed_count_the_season_before_the_context(wave: pl.DataFrame) -> None:
    forecaster = make(context=30, seasons=(9,), settings=LstmSettings(hidden_size=2, max_epochs=1))
    message = complaint(lambda: forecaster.fit(wave.head(45), "y"))
    assert "at least 48 for context 30 and horizon 3 after a season of 9;" in message
    assert forecaster.fit(wave.head(48), "y").network_.window == 39
    assert "at least 48 for " in complaint(lambda: forecaster.fit(wave.head(47), "y"))
