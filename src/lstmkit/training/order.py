"""Which items an epoch sees, and in which order."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

RARE = 8
"""From this many items for each one drawn, repeats are so few that drawing again costs less than a permutation."""


def draw_items(num_items: int, count: int, seed: int) -> Tensor:
    """Draw items without replacement, in random order; the cost depends on `count`, not on `num_items`.

    count    how many; of more than `num_items` each comes once before one comes again
    Returns  (count,) int64, every ordered choice equally likely; the same for the same arguments
    """
    generator = torch.Generator().manual_seed(seed)
    if count > num_items:
        rounds = [torch.randperm(num_items, generator=generator) for _ in range(-(-count // num_items))]
        return torch.cat(rounds)[:count]
    if num_items < RARE * count:
        return torch.randperm(num_items, generator=generator)[:count]
    drawn = torch.empty(0, dtype=torch.int64)
    while True:
        drawn = torch.cat([drawn, torch.randint(num_items, (count + count // RARE + 1,), generator=generator)])
        first = np.unique(drawn.numpy(), return_index=True)[1]  # where each value came up for the first time
        if len(first) >= count:
            return drawn[torch.from_numpy(np.sort(first)[:count])]


def next_items(num_items: int, count: int, before: int) -> Tensor:
    """Return the items of an epoch that takes up where the one before stopped, and begins again after the last.

    count    how many, at most `num_items`
    before   how many there have been in all epochs before
    Returns  (count,) int64
    """
    return (torch.arange(count) + before) % num_items
