"""What every test may use: real data where it is at hand, small series, and the command line in this process."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads starve each other on shared cores

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import hypothesis
import numpy as np
import polars as pl
import pytest
import torch

from lstmkit.cli import main

ROOT = Path(__file__).parents[1]
torch.set_num_threads(int(os.environ.get("LSTMKIT_TEST_THREADS", "1")))
# The same inputs at every run and on every machine, however slow it is; `make fuzz` draws others.
hypothesis.settings.register_profile(
    "same",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=25,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("same")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("LSTMKIT_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set LSTMKIT_DATA")
    return folder


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock to put in the place of a module's `time`."""
    return Clock()


@pytest.fixture(scope="session")
def prices() -> pl.DataFrame:
    """160 business days of a random walk: the smallest table on which a default forecast is quick and possible."""
    steps = np.random.default_rng(7).normal(0.02, 1.0, 160)
    days = np.busday_offset("2024-01-01", np.arange(160)).astype("datetime64[us]")
    return pl.DataFrame({"Date": days, "Close": 100 + steps.cumsum()}).with_columns(pl.col("Date").cast(pl.Date))


@pytest.fixture
def prices_csv(prices: pl.DataFrame, tmp_path: Path) -> Path:
    """The same as a CSV file."""
    path = tmp_path / "prices.csv"
    prices.write_csv(path)
    return path


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def lstm(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the command line in this process: `lstm("forecast", path, "--horizon", 3)`."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Ran(int(stopped.value.code or 0), captured.out, captured.err)

    return run
