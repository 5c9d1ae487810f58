"""Where does the native kernel stand against torch's own on equal lengths, training and inference?

A grid of shapes in float32; outputs and gradients are compared with torch's before anything is timed; contestants
alternate. Ratios above 1 mean that the native kernel is faster. Writes bench/results/grid.txt.

    python -m bench.kernel.grid --steps 60
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import statistics
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads ruin torch's times on shared cores

import torch

from bench.machine import header, write
from lstmkit.nn import LSTM
from lstmkit.recurrence.library import load_library

BATCHES = (1, 8, 32, 128)
HIDDEN = (16, 50, 64, 128, 256, 512)
SECONDS = 0.4


def train(lstm: LSTM, x: torch.Tensor) -> list[torch.Tensor]:
    lstm.zero_grad()
    y, _ = lstm(x)
    y.square().sum().backward()
    return [y.detach(), *(p.grad for p in lstm.parameters() if p.grad is not None)]


@torch.no_grad()
def infer(lstm: LSTM, x: torch.Tensor) -> list[torch.Tensor]:
    return [lstm(x)[0]]


def ratios(T: int, B: int, I: int, H: int) -> dict[str, tuple[float, float]]:  # noqa: E741
    """Return for training and inference the native milliseconds, and torch's time over it (medians, alternating)."""
    torch.manual_seed(0)
    x = torch.randn(T, B, I)
    lstms = {name: LSTM(I, H, backend=name) for name in ("native", "torch")}
    lstms["torch"].load_state_dict(lstms["native"].state_dict())
    found = {}
    for kind, run in (("training", train), ("inference", infer)):
        for ours, wanted in zip(run(lstms["native"], x), run(lstms["torch"], x), strict=True):
            torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
        times: dict[str, list[float]] = {"native": [], "torch": []}
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end or len(times["torch"]) < 5:
            for name, lstm in lstms.items():
                start = time.perf_counter()
                run(lstm, x)
                times[name].append(1e3 * (time.perf_counter() - start))
        native, torchs = (statistics.median(times[name]) for name in ("native", "torch"))
        found[kind] = (native, torchs / native)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    library, why_not = load_library()
    assert library is not None, why_not
    lines = []
    for threads in options.threads:
        torch.set_num_threads(threads)
        lines += ["", f"{threads} thread{'s' * (threads > 1)}: native ms (torch / native)"]
        lines.append(f"{'H':>5}{'I':>5}  " + "".join(f"{f'train B {B}':>18}{f'infer B {B}':>18}" for B in BATCHES))
        logs: dict[str, list[float]] = {"training": [], "inference": []}
        for H, wide in itertools.product(HIDDEN, (False, True)):
            I = H if wide else 1  # noqa: E741
            cells = []
            for B in BATCHES:
                for kind, (ms, ratio) in ratios(options.steps, B, I, H).items():
                    cells.append(f"{ms:10.2f} ({ratio:4.2f})")
                    logs[kind].append(math.log(ratio))
            lines.append(f"{H:5}{I:5}  " + "".join(f"{cell:>18}" for cell in cells))
            print(lines[-1], flush=True)
        for kind, values in logs.items():
            mean, least = math.exp(statistics.mean(values)), math.exp(min(values))
            lines.append(f"{kind}: geometric mean {mean:.2f}, least {least:.2f}")
    head = header(f"Native kernel and torch's own on equal lengths, T {options.steps}", {"torch": torch.__version__})
    write("grid.txt", [*head, f"target    {library.lstmkit_target().decode()}, OMP_WAIT_POLICY=PASSIVE", *lines])


if __name__ == "__main__":
    main()
