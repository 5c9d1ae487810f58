"""Where torch's own LSTM is faster than the kernel on equal lengths: a table for each instruction set, as measured.

What is not in it is left to the kernel. The choice depends on the sizes of a call, never on the number of threads.
`bench/kernel/choice.py` measures a machine; a test compares the table with what the results in `bench/results` say.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

STEPS = (20, 100)
BATCHES = (1, 5, 32, 128)
HIDDEN = (16, 50, 64, 128, 256, 512, 1024)


class Place(NamedTuple):
    """A place in the tables; a call belongs to the nearest one on a logarithmic scale.

    T, B, H  steps, sequences, hidden size
    wide     whether the input is nearer to H than to 8 values, or there are several layers
    """

    T: int
    B: int
    wide: bool
    H: int


FASTER = {
    ("avx512", "inference", "float32"): {  # Intel Xeon (grid-1.txt) and AMD Zen 4 (choice-avx512-zen4.txt)
        Place(20, 5, False, 512): 0.94,
        Place(20, 32, False, 512): 0.87,
        Place(20, 32, True, 512): 0.93,
        Place(20, 128, True, 512): 0.94,
        Place(100, 5, False, 512): 0.87,
        Place(100, 5, True, 512): 0.90,
        Place(100, 32, False, 512): 0.89,
        Place(100, 32, True, 512): 0.85,
        Place(100, 128, True, 512): 0.95,
    },
    ("avx2", "inference", "float32"): {  # AMD Zen 4 with AVX2 alone (choice-avx2-zen4.txt)
        Place(20, 5, False, 256): 0.94,
        Place(20, 5, True, 256): 0.87,
        Place(100, 5, True, 256): 0.93,
        Place(20, 5, True, 512): 0.88,
        Place(100, 5, False, 1024): 0.79,
        # AMD Zen 3, reported with 0.91 to 0.98, though not so on Zen 4
        Place(20, 32, True, 256): 0.98,
        Place(20, 128, True, 256): 0.98,
        Place(100, 32, True, 512): 0.98,
        Place(100, 32, True, 1024): 0.98,
    },
    ("avx2", "inference", "float64"): {  # AMD Zen 4 with AVX2 alone: the weights are packed for few steps
        Place(20, 1, True, 512): 0.81,
        Place(20, 1, True, 1024): 0.64,
        Place(100, 1, True, 1024): 0.87,
        Place(20, 32, True, 512): 0.91,
    },
}
"""Torch's time over that of the kernel, for each instruction set of the kernel, kind of call and type."""


@lru_cache(maxsize=1024)
def place_of(T: int, B: int, I: int, H: int) -> Place:  # noqa: E741
    """Return the place of sizes in the tables."""
    return Place(_nearest(T, STEPS), _nearest(B, BATCHES), I * I >= 8 * H, _nearest(H, HIDDEN))


def _nearest(value: int, axis: tuple[int, ...]) -> int:
    return min(axis, key=lambda at: abs(math.log(max(value, 1) / at)))


@lru_cache(maxsize=1024)
def slower_than_torch(target: str, kind: str, dtype: str, sizes: tuple[int, int, int, int]) -> str:
    """Return "" unless torch was measured to be faster at such calls, else one sentence.

    target  instruction set of the kernel
    kind    "training" or "inference"
    dtype   "float32" or "float64"
    sizes   T, B, I, H
    """
    ratio = FASTER.get((target, kind, dtype), {}).get(place_of(*sizes))
    if ratio is None:
        return ""
    T, B, wide, H = place_of(*sizes)
    return (
        f"with {target} torch is faster at {kind} in {dtype} of about this size: {1 / ratio:.2f} times, as measured "
        f"for T {T}, B {B}, I {H if wide else 8}, H {H}"
    )
