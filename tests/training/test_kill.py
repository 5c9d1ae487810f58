"""`lstm forecast` killed with SIGKILL at any moment and resumed ends with the bits of a run that was never killed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

KILLS = 10
PATIENCE = 60.0
# Importing takes longer than the training, so one process imports all there is and every run is a fork of that process:
# a process of its own, which dies of SIGKILL as any other.
LAUNCHER = """
import json, os, sys
import plotly.graph_objects, torch._dynamo
import lstmkit.forecasting.job
from lstmkit.cli import main
plotly.graph_objects.Figure([{"type": "scatter"}]).update_layout(template="plotly").to_json()
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        main(json.loads(line))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Runs:
    """Runs of the same forecast in different folders."""

    def __init__(self, csv: Path, launcher: subprocess.Popen[str]) -> None:
        self.csv = csv
        self.launcher = launcher

    def start(self, out: Path, *options: str) -> int:
        """Start a run; return its process."""
        how = ["--horizon", "1", "--context", "8", "--seed", "3", "--quiet", "--out", str(out), *options]
        self.launcher.stdin.write(json.dumps(["forecast", str(self.csv), *how]) + "\n")
        self.launcher.stdin.flush()
        return int(self.launcher.stdout.readline())

    def ended(self) -> bool:
        """Whether the run started last has ended."""
        return bool(select.select([self.launcher.stdout], [], [], 0)[0])

    def status(self) -> int:
        """Wait for the run started last; return how it ended, 0 if all went well."""
        return int(self.launcher.stdout.readline())

    def kill_after(self, out: Path, epochs: int, delay: float, *options: str) -> bool:
        """Start a run and kill it a moment after so many of its epochs; return whether it was still in training."""
        run, seen, mark = self.start(out, *options), 0, _mark(out)
        deadline = time.monotonic() + PATIENCE
        while seen < epochs and not self.ended():
            assert time.monotonic() < deadline, f"{seen} of {epochs} epochs in {PATIENCE} s"
            time.sleep(0.001)
            now = _mark(out)
            seen, mark = seen + (now != mark and now is not None), now
        time.sleep(delay)
        if not self.ended():
            os.kill(run, signal.SIGKILL)
        assert self.status() in (0, signal.SIGKILL)
        return _mark(out) is not None and not (out / "summary.json").exists()


def _mark(out: Path) -> int | None:
    """Return what changes whenever the checkpoint is replaced, None if there is none."""
    return (out / "checkpoint.safetensors").stat().st_mtime_ns if "checkpoint.safetensors" in _names(out) else None


def _names(out: Path) -> list[str]:
    return os.listdir(out) if out.exists() else []


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """Write 600 business days of a random walk; start the process that starts the runs."""
    steps = np.random.default_rng(6).normal(0.02, 1.0, 600)
    days = np.busday_offset("2020-01-01", np.arange(600), roll="forward")
    rows = [f"{day},{value:.4f}" for day, value in zip(days, 100 + steps.cumsum(), strict=True)]
    csv = tmp_path / "prices.csv"
    csv.write_text("\n".join(["Date,Close", *rows]) + "\n")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as launcher:
        yield Runs(csv, launcher)
        launcher.stdin.close()


def _network(out: Path) -> dict[str, torch.Tensor]:
    tensors = {k: v for k, v in load_file(out / "model" / "model.safetensors").items() if k.startswith("network.")}
    assert len(tensors) >= 6
    return tensors


def _assert_equal(out: Path, whole: Path) -> None:
    found, expected = _network(out), _network(whole)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    for name in ("forecast.csv", "backtest.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert "checkpoint.safetensors" not in _names(out)


def test_a_killed_forecast_resumes_to_the_same_bits(runs: Runs, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    runs.start(whole)
    assert runs.status() == 0
    summary = json.loads((whole / "summary.json").read_text())
    epochs, seconds = summary["epochs"], summary["seconds"]["fit"]
    history = json.loads((whole / "model" / "config.json").read_text())["history"]
    assert max(record["epoch"] for record in history if record["improved"]) >= 2, "these weights were never trained"

    random = np.random.default_rng(0)
    moments = np.linspace(0, epochs + 1, KILLS, endpoint=False) + random.random(KILLS) * (epochs + 1) / KILLS
    hits = 0
    for number, moment in enumerate(moments):
        out = tmp_path / f"killed-{number}"
        hits += runs.kill_after(out, int(moment), moment % 1 * seconds / epochs)
        done = "summary.json" in _names(out) and _mark(out) is None
        if not done:
            runs.start(out, "--resume")
            assert runs.status() == 0
        _assert_equal(out, whole)
    assert hits >= KILLS // 2, f"only {hits} of {KILLS} kills came while the network was training"
