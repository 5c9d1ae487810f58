"""Where is torch's own kernel faster than ours on equal lengths, on this instruction set?

What this finds stands in `src/lstmkit/recurrence/speed.py`, from which the backends choose. One thread; its own
processor time, because other work on the machine shall not count; contestants alternate; medians. Ratios above 1 mean
that the native kernel is faster. A machine with AVX2 is imitated on a larger one by

    ATEN_CPU_CAPABILITY=avx2 DNNL_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 LSTMKIT_TARGET=avx2 \
        python -m bench.kernel.choice

Writes bench/results/choice-<target>.txt, or what --name says.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator

import torch

from bench.kernel.grid import infer, train
from bench.machine import header, write
from lstmkit.nn import LSTM
from lstmkit.recurrence.library import load_library

BATCHES = (1, 5, 32, 128)
STEPS = (20, 100)
HIDDEN = (16, 50, 64, 128, 256, 512, 1024)
CASES = ((100, 5, 256, 256), (50, 32, 512, 512), (20, 64, 1024, 256), (50, 16, 1024, 1024))
TYPES = {"float32": torch.float32, "float64": torch.float64}
KINDS = {"training": train, "inference": infer}
IMITATED = ("ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "LSTMKIT_TARGET")


def shapes(hidden: list[int], most: float) -> Iterator[tuple[int, int, int, int]]:
    """Yield T, B, I, H whose products are at most `most` billion multiplications."""
    grid = [(T, B, I, H) for H, T, B in itertools.product(hidden, STEPS, BATCHES) for I in sorted({8, H})]  # noqa: E741
    for T, B, I, H in dict.fromkeys([*grid, *(case for case in CASES if case[3] in hidden)]):  # noqa: E741
        products = T * B * (I + H) * 4 * H
        if products <= most * 1e9:
            yield T, B, I, H


def processor_times(runs: dict[str, Callable[[], object]], seconds: float, least: int) -> dict[str, float]:
    """Return the median milliseconds of each contestant, in turn for `seconds` and at least `least` times."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    end = time.thread_time() + seconds
    while time.thread_time() < end or len(times["native"]) < least:
        for name, run in runs.items():
            start = time.thread_time()
            run()
            times[name].append(1e3 * (time.thread_time() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--most", type=float, default=4.0, help="billions of multiplications in a forward, at most")
    parser.add_argument("--hidden", type=int, nargs="+", default=list(HIDDEN))
    parser.add_argument("--types", nargs="+", choices=TYPES, default=list(TYPES))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--name")
    options = parser.parse_args()
    library, why_not = load_library()
    assert library is not None, why_not
    torch.set_num_threads(1)
    target = library.lstmkit_target().decode()
    lines = []
    for kind, dtype in itertools.product(options.kinds, options.types):
        for T, B, I, H in shapes(options.hidden, options.most):  # noqa: E741
            torch.manual_seed(0)
            x = torch.randn(T, B, I, dtype=TYPES[dtype])
            native, theirs = (LSTM(I, H, backend=name, dtype=TYPES[dtype]) for name in ("native", "torch"))
            theirs.load_state_dict(native.state_dict())
            for ours, wanted in zip(KINDS[kind](native, x), KINDS[kind](theirs, x), strict=True):
                torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
            runs = {
                "native": lambda native=native, x=x, kind=kind: KINDS[kind](native, x),
                "torch": lambda theirs=theirs, x=x, kind=kind: KINDS[kind](theirs, x),
            }
            times = processor_times(runs, options.seconds, 5)
            ratio = times["torch"] / times["native"]
            shape = f"{kind:10}{dtype:8} T {T:3}, B {B:3}, I {I:4}, H {H:4}"
            lines.append(f"{shape} {times['native']:10.3f} {times['torch']:10.3f} {ratio:6.2f}")
            print(lines[-1], flush=True)
    head = header("Native kernel and torch's own on equal lengths, one thread", {"torch": torch.__version__})
    imitated = " ".join(f"{name}={os.environ[name]}" for name in IMITATED if name in os.environ)
    head += [f"target    {target}, torch {torch.backends.cpu.get_cpu_capability()} {imitated}".rstrip(), ""]
    head.append(f"{'':46}{'native':>10} {'torch, ms':>10}  ratio")
    write(f"choice-{options.name or target}.txt", [*head, *lines])


if __name__ == "__main__":
    main()
