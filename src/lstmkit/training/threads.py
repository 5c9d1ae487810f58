"""How many threads a training uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL = 128
"""Hidden size below which torch's kernels are faster on one thread than on several; see bench/results/tutorial.txt."""


@contextmanager
def threads_for(hidden_size: int) -> Iterator[None]:
    """Use one thread while a small network trains, and torch's own number for a large one; restored afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if hidden_size < SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
