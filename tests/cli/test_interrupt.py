"""Ctrl-C keeps what was learnt, says how to go on, and going on ends as if nothing had happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from interrupted import interrupted

from lstmkit import Forecaster
from lstmkit.data import TableSettings
from lstmkit.forecasting.job import ForecastJob
from lstmkit.results import Watcher, run_job

Run = Callable[..., "Ran"]  # noqa: F821
RESULTS = ["backtest.csv", "forecast.csv", "model", "report.html", "summary.json"]


class StopAt(Watcher):
    """A watcher that interrupts at an epoch of the training, or when a stage begins."""

    def __init__(self, epoch: int = -1, stage: str = "") -> None:
        self.epoch, self.stage = epoch, stage

    def on_stage(self, name: str, epochs: int) -> None:
        if name == self.stage:
            raise KeyboardInterrupt

    def on_epoch(self, record: object) -> None:
        if record.epoch == self.epoch:
            raise KeyboardInterrupt


def job(source: Path, out: Path, **choices: bool) -> ForecastJob:
    return ForecastJob(str(source), out, TableSettings("Close"), Forecaster(3), **choices)


def test_ctrl_c_keeps_a_checkpoint_that_resume_completes(lstm: Run, tmp_path: Path) -> None:
    k = np.arange(1500)
    values = np.sin(k / 5) + np.random.default_rng(0).normal(0, 0.3, 1500)
    pl.DataFrame({"y": values}).write_csv(tmp_path / "long.csv")
    arguments = ["forecast", str(tmp_path / "long.csv"), "--context", "20", "--out", str(tmp_path / "out")]
    ran = interrupted(arguments)
    assert (ran.returncode, ran.stdout) == (130, "")
    assert "Traceback" not in ran.stderr
    assert ran.stderr.splitlines()[-1] == (
        f"lstm: interrupted; the training so far is kept in {tmp_path / 'out'}: "
        "run the same command with --resume to go on"
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["checkpoint.safetensors"]
    assert lstm("forecast", tmp_path / "long.csv", "--out", tmp_path / "out").code == 2
    assert lstm(*arguments, "--resume", "--season", 7).code == 2  # other options are not the same run
    assert lstm(*arguments, "--resume").code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == RESULTS
    again = lstm(*arguments, "--resume")
    assert (again.code, again.out) == (0, "")
    assert (
        again.err == f"lstm: {tmp_path / 'out'}: the run is complete already; nothing was done (--force starts again)\n"
    )
    found = lstm(*arguments, "--resume", "--json")
    assert found.code == 0
    assert json.loads(found.out) == json.loads((tmp_path / "out" / "summary.json").read_text())


def test_a_resumed_run_ends_with_the_same_bytes(prices_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_job(job(prices_csv, tmp_path / "resumed"), StopAt(epoch=2))
    run_job(job(prices_csv, tmp_path / "resumed", resume=True))
    run_job(job(prices_csv, tmp_path / "whole"))
    for name in ("forecast.csv", "backtest.csv", "model/model.safetensors"):
        assert (tmp_path / "resumed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_interrupted_while_writing_can_be_resumed(prices_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_job(job(prices_csv, out), StopAt(stage="write"))
    run_job(job(prices_csv, tmp_path / "other")).forecaster.save(out / "model")
    run_job(job(prices_csv, out, resume=True))
    assert sorted(path.name for path in out.iterdir()) == RESULTS


def test_a_run_interrupted_before_its_first_epoch_leaves_nothing(prices_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_job(job(prices_csv, tmp_path / "out"), StopAt(epoch=0))
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_is_not_overwritten_by_accident(lstm: Run, prices_csv: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_job(job(prices_csv, out), StopAt(epoch=1))
    before = (out / "checkpoint.safetensors").read_bytes()
    ran = lstm("forecast", prices_csv, "--out", out)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"lstm: {out}: holds an interrupted run; --resume continues it, --force starts again\n"
    assert lstm("forecast", tmp_path / "none.csv", "--out", out, "--force").code == 2
    assert (out / "checkpoint.safetensors").read_bytes() == before
    assert lstm("forecast", prices_csv, "--out", out, "--force").code == 0
    assert sorted(path.name for path in out.iterdir()) == RESULTS
