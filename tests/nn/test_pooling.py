"""Mean and maximum together: against numpy on each sequence by itself, and their gradient against differences."""

from __future__ import annotations

import numpy as np
import torch

from lstmkit.nn.pooling import mean_and_max

LENGTHS = torch.tensor([5, 1, 3, 0])


def padded(seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Steps (5, 4, 3), zero in the padding, as a recurrent layer leaves them; all below zero."""
    steps = -torch.rand(5, 4, 3, generator=torch.Generator().manual_seed(seed), dtype=dtype) - 0.1
    return steps.masked_fill((torch.arange(5).unsqueeze(1) >= LENGTHS).unsqueeze(2), 0.0)


def test_each_sequence_has_its_mean_and_its_largest_values() -> None:
    hidden = padded(0)
    found = mean_and_max(hidden, LENGTHS)
    for row, T in enumerate(LENGTHS.tolist()):
        own = hidden[:T, row].numpy() if T else np.zeros((1, 3), np.float32)
        np.testing.assert_allclose(found[row], np.concatenate([own.mean(axis=0), own.max(axis=0)]), rtol=1e-6)


def test_the_gradient_is_that_of_differences() -> None:
    there = padded(1, torch.float64) != 0

    def pooled(steps: torch.Tensor) -> torch.Tensor:
        return mean_and_max(steps * there, LENGTHS)

    assert torch.autograd.gradcheck(pooled, padded(1, torch.float64).requires_grad_())


def test_steps_that_are_alike_share_the_gradient_of_their_maximum() -> None:
    hidden = torch.tensor([2.0, 1.0, 2.0, 2.0]).view(4, 1, 1).requires_grad_()
    mean_and_max(hidden, torch.tensor([3]))[:, 1].sum().backward()
    assert hidden.grad is not None
    torch.testing.assert_close(hidden.grad[:3].flatten(), torch.tensor([0.5, 0.0, 0.5]))
