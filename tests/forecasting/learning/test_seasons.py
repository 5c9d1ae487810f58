"""Which seasons are found."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from lstmkit import Forecaster
from lstmkit.data import SeriesTable, TableSettings, parse_frequency, read_table
from lstmkit.forecasting.learning import Seasons
from lstmkit.forecasting.learning.seasons import cycle_note, find_seasons
from lstmkit.forecasting.models.lstm import LstmSettings


def monthly(values: np.ndarray) -> SeriesTable:
    months = (np.datetime64("1949-01") + np.arange(len(values))).astype("datetime64[us]")
    return read_table(pl.DataFrame({"month": months, "y": values}), TableSettings("y"))


def unnamed(values: np.ndarray) -> SeriesTable:
    return read_table(pl.DataFrame({"y": values}), TableSettings("y"))


@pytest.fixture
def passengers() -> np.ndarray:
    """144 months that grow, with a yearly season that grows with them, and noise."""
    k = np.arange(144)
    noise = np.random.default_rng(0).normal(0, 0.02, 144)
    return np.exp(4.7 + 0.01 * k + 0.2 * np.sin(2 * np.pi * k / 12) + noise)


def random_walk(length: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=length).cumsum()


def test_a_yearly_season_of_months_is_shown(passengers: np.ndarray) -> None:
    seasons = find_seasons(monthly(passengers), 12, None)
    assert seasons == Seasons(12, (12,))
    assert seasons.mase_period == 12


def test_a_random_walk_shows_none_and_mase_is_scaled_by_the_last_value() -> None:
    seasons = find_seasons(monthly(random_walk(300)), 5, None)
    assert seasons == Seasons(12, ())
    assert seasons.mase_period == 1


def test_a_random_walk_of_numbered_rows_has_no_candidate() -> None:
    assert find_seasons(unnamed(random_walk(500)), 5, None) == Seasons(None, ())


@pytest.mark.parametrize("period", [4, 5, 7, 17])
def test_the_period_of_numbered_rows_is_found_by_autocorrelation(period: int) -> None:
    k = np.arange(400)
    values = np.sin(2 * np.pi * k / period) + np.random.default_rng(1).normal(0, 0.05, 400)
    assert period in find_seasons(unnamed(values), 3, None).shown


def test_given_periods_are_believed() -> None:
    assert find_seasons(unnamed(random_walk(300)), 5, (7, 30)).shown == (7, 30)
    assert find_seasons(unnamed(random_walk(300)), 5, ()) == Seasons(None, ())


def test_periods_that_the_rows_cannot_hold_are_left_out(passengers: np.ndarray) -> None:
    assert find_seasons(monthly(passengers[:28]), 4, None) == Seasons(None, ())
    assert find_seasons(monthly(passengers[:30]), 4, None) == Seasons(12, ())
    assert find_seasons(monthly(passengers[:41]), 4, None) == Seasons(12, (12,))


def test_large_series_do_not_drown_small_ones(passengers: np.ndarray) -> None:
    values = np.concatenate([1e6 * random_walk(144), passengers, passengers, passengers])
    months = np.tile((np.datetime64("1949-01") + np.arange(144)).astype("datetime64[us]"), 4)
    frame = pl.DataFrame({"s": np.repeat(list("abcd"), 144), "month": months, "y": values})
    assert find_seasons(read_table(frame, TableSettings("y", "month", "s")), 6, None).shown == (12,)


def test_a_slow_wave_with_noise_shows_no_season_shorter_than_its_own() -> None:
    k = np.arange(400)
    values = np.sin(2 * np.pi * k / 48) + np.random.default_rng(1).normal(0, 0.05, 400)
    shown = find_seasons(unnamed(values), 3, None).shown
    assert shown
    assert min(shown) > 24  # where the wave has come round, give or take the noise


def test_missing_values_hide_no_season(passengers: np.ndarray) -> None:
    table = monthly(passengers)
    holes = passengers.copy()
    holes[np.random.default_rng(2).random(144) < 0.2] = np.nan
    assert find_seasons(dataclasses.replace(table, values=holes), 12, None) == Seasons(12, (12,))
    walk = random_walk(300)
    walk[::7] = np.nan
    assert find_seasons(dataclasses.replace(monthly(random_walk(300)), values=walk), 5, None) == Seasons(12, ())


def test_missing_values_hide_no_period_of_numbered_rows() -> None:
    values = np.sin(2 * np.pi * np.arange(400) / 7) + np.random.default_rng(1).normal(0, 0.05, 400)
    holes = values.copy()
    holes[np.random.default_rng(2).random(400) < 0.1] = np.nan
    assert 7 in find_seasons(dataclasses.replace(unnamed(values), values=holes), 3, None).shown


def test_of_many_series_200_are_looked_at(passengers: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    months = np.tile((np.datetime64("1949-01") + np.arange(144)).astype("datetime64[us]"), 500)
    frame = pl.DataFrame({"s": np.repeat(np.arange(500), 144), "month": months, "y": np.tile(passengers, 500)})
    table = read_table(frame, TableSettings("y", "month", "s"))
    measured: list[int] = []
    original = np.diff
    monkeypatch.setattr(np, "diff", lambda *a, **k: measured.append(len(a[0])) or original(*a, **k))
    assert find_seasons(table, 6, None).shown == (12,)
    assert measured.count(144) == 200


def test_where_short_series_are_padded_half_of_the_series_decide(passengers: np.ndarray) -> None:
    lengths = (5, 144, 144)
    months = (np.datetime64("1949-01") + np.arange(144)).astype("datetime64[us]")
    frame = pl.concat(
        [pl.DataFrame({"s": s, "month": months[-n:], "y": passengers[-n:]}) for s, n in enumerate(lengths)]
    )
    table = read_table(frame, TableSettings("y", "month", "s", short="refuse"))
    assert find_seasons(table, 1, None) == Seasons(None, ())
    padded = dataclasses.replace(table, columns=dataclasses.replace(table.columns, short="pad"))
    assert find_seasons(padded, 1, None) == Seasons(12, (12,))


@pytest.mark.parametrize("horizon", [1, 12, 24, 48, 96])
def test_a_season_shows_whatever_the_horizon(horizon: int) -> None:
    """Whole seasons ahead the last value and the season repeated are the same; they must not hide the season."""
    k = np.arange(1500)
    y = 10 * np.sin(2 * np.pi * k / 24) + np.random.default_rng(1).normal(0, 3, 1500)
    hours = (np.datetime64("2024-01-01T00", "us") + k * np.timedelta64(1, "h")).astype("datetime64[us]")
    table = read_table(pl.DataFrame({"time": hours, "y": y}), TableSettings("y", "time"))
    assert 24 in find_seasons(table, horizon, None).shown


def dated(values: np.ndarray, code: str, series: int = 1) -> SeriesTable:
    first = np.datetime64("2001-01-01", "us")
    times = np.append(first, parse_frequency(code).future(first, len(values) - 1))
    frame = pl.DataFrame(
        {"s": np.repeat(np.arange(series), len(values)), "t": np.tile(times, series), "y": np.tile(values, series)}
    )
    return read_table(frame, TableSettings("y", "t", "s", freq=code))


@pytest.mark.parametrize("series", [1, 3])
@pytest.mark.parametrize(("code", "period", "shown"), [("M", 11, (11,)), ("D", 28, (7, 28)), ("B", 10, (5, 10))])
def test_a_cycle_that_the_calendar_does_not_imply(code: str, period: int, shown: tuple[int, ...], series: int) -> None:
    k = np.arange(480)
    weekly = 0 if code == "M" else 4 * (k % shown[0])
    y = 20 * (k % period == 3) + 9 * (k % period == 4) + weekly + np.random.default_rng(2).normal(0, 2, 480)
    assert find_seasons(dated(y, code, series), 6, None) == Seasons(period, shown)
    assert find_seasons(dated(y, code, series), 6, (7,)) == Seasons(7, (7,))


def test_a_smooth_cycle_beside_that_of_the_calendar() -> None:
    k = np.arange(160)
    y = 10 * np.sin(2 * np.pi * k / 11) + np.random.default_rng(0).normal(0, 1, 160)
    assert find_seasons(monthly(y), 12, None) == Seasons(11, (11,))
    holes = np.where(np.random.default_rng(1).random(160) < 0.05, np.nan, y)
    table = dataclasses.replace(monthly(y), values=holes)
    assert find_seasons(table, 12, None) == Seasons(11, (11,))


def test_chance_is_no_cycle() -> None:
    found = []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        k, noise = np.arange(240), rng.normal(size=240)
        wave = np.zeros(240)
        for n in range(2, 240):
            wave[n] = 1.6 * wave[n - 1] - 0.8 * wave[n - 2] + noise[n]
        for code, period in (("M", 12), ("D", 7), ("B", 5)):
            season = np.tile(rng.normal(0, 3, period), 240 // period + 1)[:240] + noise
            for y in (noise, noise.cumsum(), wave, season, np.exp(0.003 * k + 0.3 * np.sin(2 * np.pi * k / period))):
                found += set(find_seasons(dated(y, code), 6, None).shown) - set(parse_frequency(code).seasons())
    assert not found


def test_a_cycle_is_said() -> None:
    k = np.arange(200)
    y = 20.0 * (k % 11 == 3) + np.random.default_rng(2).normal(0, 1, 200)
    note = "the rows repeat every 11 months, which the calendar does not imply: taken for a season"
    forecaster = Forecaster(3, context=12, settings=LstmSettings(hidden_size=4, max_epochs=1)).fit_series(monthly(y))
    assert forecaster.table_.notes == (note,)
    assert cycle_note(Seasons(11, (11,)), parse_frequency("M")) == note
    assert cycle_note(Seasons(12, (12,)), parse_frequency("M")) == ""
    assert cycle_note(Seasons(11, (11,)), parse_frequency("step")) == ""
