"""How fast is a training step on unequal lengths, against torch's packed sequences and against padding?

Lengths are uniform over 20 to 100 % of T. The kernel's outputs and gradients are compared with torch's before anything
is timed; contestants alternate; medians of `--rounds` steps with the spread. Writes bench/results/lengths.txt.

    python -m bench.kernel.lengths
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads ruin torch's times on shared cores

import torch

from bench.machine import header, write
from lstmkit.nn import LSTM
from lstmkit.recurrence.library import load_library


class Shape(NamedTuple):
    T: int
    B: int
    I: int  # noqa: E741
    H: int
    K: int
    bidirectional: bool = False

    def __str__(self) -> str:
        return f"T {self.T}, B {self.B}, I {self.I}, H {self.H}, K {self.K}{', both ways' * self.bidirectional}"


SHAPES = (
    Shape(60, 32, 1, 50, 2),
    Shape(60, 32, 16, 64, 1),
    Shape(100, 32, 64, 128, 1, True),
    Shape(200, 32, 64, 128, 2),
    Shape(100, 32, 256, 256, 1),
    Shape(60, 32, 512, 512, 1),
)


def step(lstm: LSTM, x: torch.Tensor, lengths: torch.Tensor | None) -> list[torch.Tensor]:
    """Run forward and backward; return the output and the gradients of the weights."""
    lstm.zero_grad()
    y, _ = lstm(x, lengths=lengths)
    y.square().sum().backward()
    return [y.detach(), *(p.grad for p in lstm.parameters() if p.grad is not None)]


def milliseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)


def measure(shape: Shape, rounds: int) -> str:
    torch.manual_seed(0)
    T, B, I, H, K, bidirectional = shape  # noqa: E741
    x = torch.randn(T, B, I)
    lengths = torch.randint(T // 5, T + 1, (B,))
    native = LSTM(I, H, K, bidirectional=bidirectional, backend="native")
    theirs = LSTM(I, H, K, bidirectional=bidirectional, backend="torch")
    theirs.load_state_dict(native.state_dict())
    for ours, wanted in zip(step(native, x, lengths), step(theirs, x, lengths), strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    runs = {
        "native": lambda: step(native, x, lengths),
        "packed": lambda: step(theirs, x, lengths),
        "padded": lambda: step(theirs, x, None),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(milliseconds(run))
    median = {name: statistics.median(values) for name, values in times.items()}
    cells = [f"{median[n]:9.2f} [{min(times[n]):.2f}, {max(times[n]):.2f}]" for n in runs]
    ratios = [median[n] / median["native"] for n in ("packed", "padded")]
    return f"{shape!s:40}" + "".join(f"{cell:28}" for cell in cells) + "".join(f"{r:7.2f}" for r in ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    library, why_not = load_library()
    assert library is not None, why_not
    lines = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        head = f"{threads} thread{'s' * (threads > 1)}"
        names = "".join(f"{name:28}" for name in ("  native, ms", "  torch packed", "  torch padded, no lengths"))
        lines += ["", f"{head:40}{names}   over packed, padded"]
        for shape in SHAPES:
            lines.append(measure(shape, rounds))
            print(lines[-1], flush=True)
    title = f"Training step on unequal lengths (20 to 100 % of T), {rounds} alternating rounds"
    head = header(title, {"torch": torch.__version__})
    write("lengths.txt", [*head, f"target    {library.lstmkit_target().decode()}, OMP_WAIT_POLICY=PASSIVE", *lines])


if __name__ == "__main__":
    main()
