"""What `lstm doctor` looks at: versions, backends, and a speed check of a few seconds."""

from __future__ import annotations

import platform
import statistics
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

import lstmkit
from lstmkit.nn import LSTM
from lstmkit.recurrence import BACKENDS
from lstmkit.training import threads_for

PACKAGES = ("torch", "numpy", "polars", "narwhals", "safetensors", "plotly", "typer", "rich")
SHAPES = (
    (32, 60, 1, 50, 2, False),
    (128, 60, 2, 64, 1, False),
    (32, 60, 16, 256, 1, False),
    (32, 60, 16, 64, 1, True),
)
SECONDS = 9.0


def checkup() -> dict[str, Any]:
    """Return versions, threads, backends with what they answer to a plain call, and the times of training steps."""
    lstm, x = LSTM(1, 50, 2), torch.zeros(60, 32, 1)
    explanation = lstm.explain(x)
    descriptions = {b.name: b.description for b in BACKENDS}
    backends = [
        {"name": name, "description": descriptions[name], "unsupported": why} for name, why in explanation.reasons
    ]
    return {
        "versions": {"lstmkit": lstmkit.__version__, "python": platform.python_version()}
        | {name: _version(name) for name in PACKAGES},
        "threads": torch.get_num_threads(),
        "backends": backends,
        "chosen": explanation.chosen,
        "speed": [_compare(*shape, seconds=SECONDS / len(SHAPES)) for shape in SHAPES],
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _compare(B: int, T: int, I: int, H: int, K: int, ragged: bool, seconds: float) -> dict[str, Any]:  # noqa: E741
    """Time a training step of lstmkit's LSTM and of torch's, alternating; return the medians in milliseconds.

    ragged   lengths from a fifth of T to T, which torch takes as a packed sequence
    """
    x = torch.randn(T, B, I)
    lengths = torch.linspace(T // 5, T, B).to(torch.int64) if ragged else None
    modules = {"lstmkit": LSTM(I, H, K), "torch": LSTM(I, H, K, backend="torch")}
    times: dict[str, list[float]] = {name: [] for name in modules}
    end = time.perf_counter() + seconds
    with threads_for(H):
        threads = torch.get_num_threads()
        while time.perf_counter() < end or len(times["torch"]) < 3:
            for name, module in modules.items():
                start = time.perf_counter()
                module.zero_grad()
                module(x, lengths=lengths)[0].sum().backward()
                times[name].append(1e3 * (time.perf_counter() - start))
    medians = {name: statistics.median(t[1:]) for name, t in times.items()}
    layers = "layer" if K == 1 else "layers"
    steps = f"{T // 5} to {T}" if ragged else str(T)
    what = f"batch {B}, {steps} steps, {K} {layers} of {H}, {threads} thread"
    what += "s" if threads > 1 else ""
    return {"what": what, **medians, "ratio": medians["torch"] / medians["lstmkit"]}
