"""Where does the native kernel stand against torch's own on equal lengths, training and inference?

The grid is B {1, 8, 32, 128} x T {16, 60, 256} x I {1, 16, H} x H {16, 50, 64, 128, 256, 512} in float32. Outputs and
gradients are compared with torch's before anything is timed; contestants alternate; medians with quartiles. Ratios
above 1 mean that the native kernel is faster. Writes bench/results/grid-<threads>.txt.

    python -m bench.kernel.grid --threads 1
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import statistics
from collections.abc import Iterator

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads ruin torch's times on shared cores

import torch

from bench.kernel.clock import Times, alternate
from bench.machine import header, write
from lstmkit.nn import LSTM
from lstmkit.recurrence.library import load_library

BATCHES = (1, 8, 32, 128)
STEPS = (16, 60, 256)
HIDDEN = (16, 50, 64, 128, 256, 512)


def shapes(steps: list[int], hidden: list[int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield T, B, I, H; a width that occurs twice (I 16 and I = H for H 16) only once."""
    for H, T in itertools.product(hidden, steps):
        for I, B in itertools.product(sorted({1, 16, H}), BATCHES):  # noqa: E741
            yield T, B, I, H


def train(lstm: LSTM, x: torch.Tensor) -> list[torch.Tensor]:
    y, _ = lstm(x)
    return [y.detach(), *torch.autograd.grad(y, list(lstm.parameters()), torch.ones(1).expand_as(y))]


@torch.no_grad()
def infer(lstm: LSTM, x: torch.Tensor) -> list[torch.Tensor]:
    return [lstm(x)[0]]


def measure(T: int, B: int, I: int, H: int, seconds: float) -> dict[str, dict[str, Times]]:  # noqa: E741
    """Return the times of native and torch for training and inference."""
    torch.manual_seed(0)
    x = torch.randn(T, B, I)
    native, theirs = (LSTM(I, H, backend=name) for name in ("native", "torch"))
    theirs.load_state_dict(native.state_dict())
    found = {}
    for kind, run in (("training", train), ("inference", infer)):
        for ours, wanted in zip(run(native, x), run(theirs, x), strict=True):
            torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))

        def one(lstm: LSTM, run: object = run) -> object:
            return run(lstm, x)  # type: ignore[operator]

        runs = {"native": lambda one=one: one(native), "torch": lambda one=one: one(theirs)}
        found[kind] = alternate(runs, seconds, least=3)
    return found


def summary(ratios: dict[str, list[tuple[float, str]]]) -> list[str]:
    """Return lines with the geometric mean and the least ratios of each kind."""
    lines = []
    for kind, values in ratios.items():
        mean = math.exp(statistics.mean(math.log(ratio) for ratio, _ in values))
        below = sum(ratio < 1 for ratio, _ in values)
        least = ", ".join(f"{ratio:.2f} at {shape}" for ratio, shape in sorted(values)[:3])
        lines.append(f"{kind}: geometric mean {mean:.2f}, {below} of {len(values)} below 1; least {least}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--steps", type=int, nargs="+", default=list(STEPS))
    parser.add_argument("--hidden", type=int, nargs="+", default=list(HIDDEN))
    options = parser.parse_args()
    library, why_not = load_library()
    assert library is not None, why_not
    torch.set_num_threads(options.threads)
    lines, ratios = [], {"training": [], "inference": []}
    for T, B, I, H in shapes(options.steps, options.hidden):  # noqa: E741
        shape = f"T {T}, B {B}, I {I}, H {H}"
        for kind, times in measure(T, B, I, H, options.seconds).items():
            ratio = times["torch"].median / times["native"].median
            ratios[kind].append((ratio, shape))
            lines.append(f"{shape:28}{kind:11}{times['native']!s:32}{times['torch']!s:32}{ratio:6.2f}")
            print(lines[-1], flush=True)
    threads = f"{options.threads} thread{'s' * (options.threads > 1)}"
    head = header(f"Native kernel and torch's own on equal lengths, {threads}", {"torch": torch.__version__})
    head.append(f"target    {library.lstmkit_target().decode()}, OMP_WAIT_POLICY={os.environ['OMP_WAIT_POLICY']}")
    table = f"{'':39}{'   native, ms [quartiles]':32}{'   torch, ms [quartiles]':32} ratio"
    write(f"grid-{options.threads}.txt", [*head, *summary(ratios), "", table, *lines])


if __name__ == "__main__":
    main()
