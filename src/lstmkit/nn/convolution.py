"""Filters over neighbouring steps, for a recurrent layer to read: shapes of a few steps are seen at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class StepFilters(nn.Module):
    """A convolution over the steps, what it gives normalised at each step, and nothing below zero.

    width    C, values of a step
    filters  F, values of a step that come out
    steps    K, that a filter sees: half of them before a step and half after it, or all up to it
    causal   whether a step is told by none that come later, so that a stream can be followed
    """

    def __init__(self, width: int, filters: int, steps: int, causal: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(width, filters, steps)
        self.normalisation = nn.LayerNorm(filters)
        self.before = steps - 1 if causal else (steps - 1) // 2
        self.after = steps - 1 - self.before

    def forward(self, values: Tensor) -> Tensor:
        """Return filtered steps (T, B, F) of values (T, B, C) that are zero in the padding, as before and after all."""
        return self.following(functional.pad(values, (0, 0, 0, 0, self.before, self.after)))

    def following(self, values: Tensor) -> Tensor:
        """Return filtered steps (T, B, F) of values (K - 1 + T, B, C): those around them are given."""
        found = self.convolution(values.permute(1, 2, 0)).permute(2, 0, 1)
        return torch.relu(self.normalisation(found))
