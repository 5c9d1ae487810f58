"""The tutorial is the tutorial: its windows, its lost rows, its naive rival."""

from __future__ import annotations

import numpy as np
import pytest

from lstmkit import InputError
from lstmkit.forecasting.judgement.tutorial import LOOK_BACK, UNITS, TutorialNetwork, TutorialResult, run_tutorial


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return 100 + np.random.default_rng(0).normal(0.1, 1, 400).cumsum()


@pytest.fixture(scope="module")
def result(values: np.ndarray) -> TutorialResult:
    return run_tutorial(values, epochs=1)


def test_each_part_loses_its_context_and_its_last_row(result: TutorialResult) -> None:
    split = 320
    assert result.train_at.tolist() == list(range(LOOK_BACK, split - 1))
    assert result.test_at.tolist() == list(range(split + LOOK_BACK, 399))
    assert len(result.train_forecast) == split - LOOK_BACK - 1
    assert len(result.test_forecast) == 80 - LOOK_BACK - 1


def test_the_errors_by_hand(values: np.ndarray, result: TutorialResult) -> None:
    test = np.arange(380, 399)
    assert result.naive_rmse == pytest.approx(np.sqrt(np.mean((values[test] - values[test - 1]) ** 2)))
    assert result.test_rmse == pytest.approx(np.sqrt(np.mean((values[test] - result.test_forecast) ** 2)))
    train = np.arange(60, 319)
    assert result.naive_train_rmse == pytest.approx(np.sqrt(np.mean((values[train] - values[train - 1]) ** 2)))
    assert result.train_rmse == pytest.approx(np.sqrt(np.mean((values[train] - result.train_forecast) ** 2)))


def test_one_epoch_is_one_pass_in_batches_of_32(result: TutorialResult) -> None:
    assert result.steps == -(-259 // 32)
    assert [r.epoch for r in result.history] == [1]


def test_the_same_seed_repeats_it_bit_for_bit_and_another_does_not(values: np.ndarray, result: TutorialResult) -> None:
    again, other = run_tutorial(values, epochs=1), run_tutorial(values, epochs=1, seed=1)
    np.testing.assert_array_equal(again.test_forecast, result.test_forecast)
    assert not np.array_equal(other.test_forecast, result.test_forecast)


def test_forecasts_are_in_the_units_of_the_series(values: np.ndarray, result: TutorialResult) -> None:
    moved = run_tutorial(1000 * values, epochs=1)
    np.testing.assert_allclose(moved.test_forecast, 1000 * result.test_forecast, rtol=1e-5)


def test_every_epoch_is_told(values: np.ndarray) -> None:
    told = []
    result = run_tutorial(values[:310], epochs=2, on_epoch=told.append)
    assert tuple(told) == result.history
    assert [r.epoch for r in told] == [1, 2]


def test_the_network_begins_as_in_keras() -> None:
    network = TutorialNetwork()
    for lstm in (network.first, network.second):
        w_ih, w_hh, b_ih, b_hh = (p.detach() for p in lstm.parameters())
        limit = np.sqrt(6 / (w_ih.shape[0] + w_ih.shape[1]))
        assert 0.9 * limit < float(w_ih.abs().max()) <= limit
        np.testing.assert_allclose((w_hh.T @ w_hh).numpy(), np.eye(UNITS), atol=1e-5)
        bias = (b_ih + b_hh).reshape(4, UNITS)
        assert (bias[1] == 1).all()
        assert (bias[[0, 2, 3]] == 0).all()


def test_too_short_a_series_says_how_long_it_must_be(values: np.ndarray) -> None:
    with pytest.raises(InputError) as caught:
        run_tutorial(values[:305], epochs=1)
    needed = int(str(caught.value).split("at least ")[1].split(" ")[0])
    assert str(caught.value) == f"the tutorial needs at least {needed} rows; the series has 305"
    assert len(run_tutorial(values[:needed], epochs=1).test_at) >= 1
    with pytest.raises(InputError):
        run_tutorial(values[: needed - 1], epochs=1)
