"""`lstm forecast` killed with SIGKILL at any moment and resumed ends with the bits of a run that was never killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

KILLS = 10
# Importing takes longer than the training, so one process imports all there is and every run is a fork of that process:
# a process of its own, which dies of SIGKILL as any other. What a kill leaves is what lies on the disk, so that one at
# any moment is one before some event of its files. The events are counted; the clock has no say.
LAUNCHER = """
import json, os, signal, sys
import plotly.graph_objects, torch._dynamo
import lstmkit.forecasting.job
from lstmkit.cli import main
plotly.graph_objects.Figure([{"type": "scatter"}]).update_layout(template="plotly").to_json()

def watch(out, last):
    events = []
    def count(event, arguments):
        if event == "open" or event.startswith("os."):
            if any(isinstance(a, (str, os.PathLike)) and out in os.fspath(a) for a in arguments):
                events.append(event + " " + os.path.basename(os.fspath(arguments[0])))
                if len(events) == last:
                    os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    return events

for line in sys.stdin:
    arguments, out, last, told = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        events = watch(out, last)
        try:
            main(arguments)
        finally:
            seen = list(events)
            with open(told, "w") as file:
                json.dump(seen, file)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Runs:
    """Runs of the same forecast in different folders."""

    def __init__(self, csv: Path, launcher: subprocess.Popen[str]) -> None:
        self.csv = csv
        self.launcher = launcher
        self.told = csv.with_suffix(".json")

    def run(self, out: Path, *options: str, last: int = 0) -> int:
        """Run to the end, or to event number `last` of the files in `out`; return how it ended, 0 if all went well."""
        how = ["--horizon", "1", "--context", "8", "--seed", "3", "--quiet", "--out", str(out), *options]
        request = (["forecast", str(self.csv), *how], str(out), last, str(self.told))
        self.launcher.stdin.write(json.dumps(request) + "\n")
        self.launcher.stdin.flush()
        return int(self.launcher.stdout.readline())

    def events(self) -> list[str]:
        """Return what the run that ended last did with its files, in order."""
        return json.loads(self.told.read_text())


def _names(out: Path) -> list[str]:
    return os.listdir(out) if out.exists() else []


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    """Write 600 business days of something to be learnt; start the process that starts the runs."""
    steps = np.random.default_rng(6).normal(0.02, 1.0, 600)
    steps[1:] -= 0.8 * steps[:-1].copy()
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
    assert runs.run(whole) == 0
    events = runs.events()
    history = json.loads((whole / "model" / "config.json").read_text())["history"]
    assert max(record["epoch"] for record in history if record["improved"]) >= 2, "these weights were never trained"

    edges = np.linspace(1, len(events) + 1, KILLS + 1)
    moments = np.random.default_rng(0).integers(edges[:-1].astype(int), edges[1:].astype(int))
    hits = 0
    for number, moment in enumerate(moments.tolist()):
        out = tmp_path / f"killed-{number}"
        assert runs.run(out, last=moment) == signal.SIGKILL
        hits += "checkpoint.safetensors" in _names(out) and "summary.json" not in _names(out)
        assert runs.run(out, "--resume") == 0
        _assert_equal(out, whole)
    assert hits >= KILLS // 2, f"only {hits} of {KILLS} kills came while the network was training: {events}"
