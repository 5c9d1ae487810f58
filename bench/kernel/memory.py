"""How much memory does a training step take, and a long sequence in inference, beside torch?

Each case runs in a fresh process: by how much the largest resident size grows over that after a step on a tiny batch.
Writes bench/results/memory_of_steps.txt.

    python -m bench.kernel.memory
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from bench.machine import ROOT, header, write
from lstmkit.nn import LSTM

TRAINING = (
    (256, 32, 1, 50, 2),
    (256, 128, 64, 64, 1),
    (256, 128, 128, 128, 2),
    (256, 64, 512, 512, 1),
)  # T, B, I, H, K
LONG = (1_000_000, 1, 8, 64, 2)


def peak() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell the size of a process")


def grown(backend: str, kind: str, T: int, B: int, I: int, H: int, K: int) -> float:  # noqa: E741
    """Return by how many MiB one step grows the process beyond the input that it is given."""
    torch.set_num_threads(1)
    lstm = LSTM(I, H, K, backend=backend)
    y, _ = lstm(torch.randn(4, 2, I))
    y.sum().backward()
    x = torch.randn(T, B, I, requires_grad=kind == "training")
    Path("/proc/self/clear_refs").write_text("5")  # forget the largest size so far
    before = peak()
    if kind == "training":
        y, _ = lstm(x)
        y.sum().backward()
    else:
        with torch.no_grad():
            lstm(x)
    return (peak() - before) / 2**20


def in_a_process(backend: str, kind: str, shape: tuple[int, ...]) -> float:
    command = [sys.executable, "-m", "bench.kernel.memory", "--one", json.dumps([backend, kind, *shape])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one")
    one = parser.parse_args().one
    if one:
        print(grown(*json.loads(one)))
        return
    lines = [*header("Memory of one step beyond its input, MiB", {"torch": torch.__version__}), ""]
    lines.append(f"{'':52}{'native':>10}{'torch':>10}")
    for kind, shapes in (("training", TRAINING), ("inference", (LONG,))):
        for shape in shapes:
            T, B, I, H, K = shape  # noqa: E741
            found = [in_a_process(backend, kind, shape) for backend in ("native", "torch")]
            lines.append(f"{f'{kind}, T {T}, B {B}, I {I}, H {H}, K {K}':52}" + "".join(f"{v:10.1f}" for v in found))
            print(lines[-1], flush=True)
    write("memory_of_steps.txt", lines)


if __name__ == "__main__":
    main()
