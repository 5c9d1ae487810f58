"""The same numbers from one process, from several, and from a real Ray cluster of two nodes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from lstmkit import Forecaster, InputError
from lstmkit.data import TableSettings, read_table
from lstmkit.forecasting.backtest import backtest
from lstmkit.forecasting.cluster import run
from lstmkit.forecasting.models.lstm import LstmSettings
from lstmkit.forecasting.predicting import forecasts, quantiles_ahead
from lstmkit.forecasting.predicting.forecasts import windows_ahead
from lstmkit.forecasting.tuning import ask_of, tune
from lstmkit.forecasting.tuning.study import Study
from lstmkit.forecasting.tuning.trying import Choice, attempt

QUICK = LstmSettings(hidden_size=4, max_epochs=2)
Run = Callable[..., "Ran"]  # noqa: F821


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a Ray cluster of two nodes with a processor each, on this machine, gone in the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))  # so that the nodes find the functions of this file
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'lstmkit[ray]'")
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        try:
            cluster.add_node(**node)
            yield cluster.address
        finally:
            cluster.shutdown()


@pytest.fixture(scope="module")
def connected(address: str) -> Iterator[str]:
    """The same, with a connection to it that is there before, so that its workers stay warm."""
    import ray

    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    yield address
    assert ray.is_initialized(), "somebody has cut a connection that was not theirs"
    ray.shutdown()


@pytest.fixture
def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    days = np.arange("2024-01-01", "2024-03-21", dtype="datetime64[D]")
    frames = [pl.DataFrame({"shop": s, "day": days, "sold": 50 + rng.normal(size=80).cumsum()}) for s in ("x", "z")]
    return pl.concat(frames)


def square(number: int) -> int:
    if number < 0:
        raise InputError(f"number must not be negative; got {number}")
    return number * number


def die(number: int) -> int:
    os._exit(3)


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a += 1  # what is given may be written to, wherever the work is done
    return a @ b


def where(_: int) -> tuple[str, int]:
    import ray

    return ray.get_runtime_context().get_node_id(), torch.get_num_threads()


def make(**arguments: object) -> Forecaster:
    return Forecaster(**{"horizon": 4, "context": 8, "settings": QUICK, **arguments})


def many_series(count: int) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    days = np.tile(np.arange("2024-01-01", "2024-02-10", dtype="datetime64[D]"), count)
    return pl.DataFrame({"shop": np.repeat(np.arange(count), 40), "day": days, "sold": rng.normal(size=40 * count)})


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_items_and_so_does_an_input_error(jobs: int) -> None:
    results = run(square, iter([3, 0, 5, 4, 1, -2, 6]), jobs=jobs)
    assert [next(results) for _ in range(5)] == [9, 0, 25, 16, 1]
    with pytest.raises(InputError, match=r"^number must not be negative; got -2$"):
        next(results)


def test_a_process_that_dies_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="a worker process ended"):
        list(run(die, [1], jobs=2))


def test_fewer_than_one_process_is_refused() -> None:
    with pytest.raises(InputError, match=r"^jobs must be at least 1; got 0$"):
        list(run(square, [1], jobs=0))


def test_the_threads_are_as_before() -> None:
    torch.set_num_threads(2)
    try:
        assert list(run(_threads, [0])) == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def _threads(_: int) -> int:
    return torch.get_num_threads()


def test_without_refit_there_is_nothing_to_share(table: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="without refit there is one; leave ray out"):
        backtest(make(), table, "sold", "day", "shop", ray="127.0.0.1:1")


@pytest.mark.parametrize("nowhere", ["nowhere", "127.0.0.1:1", "127.0.0.1:70000"])
def test_no_cluster_is_an_input_error(nowhere: str) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'lstmkit[ray]'")
    with pytest.raises(InputError, match=f"^ray: no cluster answers at '{nowhere}'"):
        list(run(square, [1], nowhere))


def test_a_backtest_on_a_cluster_is_the_same_to_the_bit(
    lstm: Run, table: pl.DataFrame, tmp_path: Path, address: str
) -> None:
    table.write_csv(tmp_path / "sold.csv")
    arguments = ["backtest", tmp_path / "sold.csv", "--target", "sold", "--id", "shop", "--horizon", 4]
    arguments += ["--windows", 4, "--refit", "--context", 8, "--json", "--out"]
    here = lstm(*arguments, tmp_path / "here.csv")
    there = lstm(*arguments, tmp_path / "there.csv", "--ray", address)
    assert (here.code, here.out) == (there.code, there.out) == (0, here.out)
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()


def test_both_nodes_of_a_cluster_work_on_one_thread(connected: str) -> None:
    told = list(run(where, range(8), connected))
    assert len({node for node, _ in told}) == 2
    assert {threads for _, threads in told} == {1}


def test_a_cluster_gives_the_results_in_order_and_they_can_be_written_to(connected: str) -> None:
    a, b = np.ones((3, 60_000)), np.ones(60_000)
    for result in run(functools.partial(product, a), [b, 2 * b], connected):
        result += 1
        assert result.tolist() in ([120_001.0] * 3, [240_001.0] * 3)
    assert (a == 1).all()


def test_a_cluster_passes_on_what_cannot_be_used(connected: str) -> None:
    with pytest.raises(InputError, match=r"^number must not be negative; got -2$"):
        list(run(square, [1, -2, 3], connected))


def test_parts_of_the_ids_are_forecast_the_same_on_a_cluster(monkeypatch: pytest.MonkeyPatch, connected: str) -> None:
    monkeypatch.setattr(forecasts, "BATCH", 64)
    frame = many_series(200)
    fitted = make(horizon=3).fit(frame.filter(pl.col("shop") < 20), "sold", "day", "shop")
    read = fitted.read(frame)
    whole = fitted.predict_windows(windows_ahead(fitted.network_, read))
    np.testing.assert_array_equal(quantiles_ahead(fitted.network_, read, connected), whole)
    np.testing.assert_array_equal(quantiles_ahead(fitted.network_, read), whole)


def test_trials_on_a_cluster_score_as_here(connected: str, table: pl.DataFrame, tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed: pip install 'lstmkit[tune]'")
    question = ask_of([make(seasons=())], read_table(table, TableSettings("sold", "day", "shop")))
    result = tune(question, tmp_path / "tune.db", 4, ray=connected)
    study = Study(tmp_path / "tune.db", question)
    assert [trial.state for trial in result.trials] == ["complete"] * 4
    for trial in result.trials:
        assert trial.score == attempt(question.table, question.fit_rows, Choice(0, study.forecaster(trial))).score


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'lstmkit\[ray\]'"):
        list(run(square, [1], "127.0.0.1:6379"))
