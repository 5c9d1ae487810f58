"""Filters over neighbouring steps, or places of a picture, for a recurrent layer to read what they see at once."""

from __future__ import annotations

import itertools

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


class PictureFilters(nn.Module):
    """Three convolutions over the places of pictures, each of which halves the sides, and what is seen in quarters.

    colours  numbers of a place
    rows     of a picture
    columns  of a picture
    filters  of the last convolution, F; the first has a quarter of them, the second half
    """

    QUARTERS = 2
    """Rows, and columns, of the parts of a picture in which what is seen is averaged."""

    def __init__(self, colours: int, rows: int, columns: int, filters: int) -> None:
        super().__init__()
        self.shape = colours, rows, columns
        widths = (colours, max(1, filters // 4), max(1, filters // 2), filters)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(own, other, 3, stride=2, padding=1) for own, other in itertools.pairwise(widths)
        )
        self.normalisations = nn.ModuleList(nn.GroupNorm(1, width) for width in widths[1:])
        self.width = filters * self.QUARTERS**2

    def forward(self, values: Tensor) -> Tensor:
        """Return what is seen (T, B, 4 F) in pictures (T, B, colours rows columns), colour by colour, row by row."""
        steps, batch, _ = values.shape
        found = values.reshape(steps * batch, *self.shape)
        for convolution, normalisation in zip(self.convolutions, self.normalisations, strict=True):
            found = torch.relu(normalisation(convolution(found)))
        return functional.adaptive_avg_pool2d(found, self.QUARTERS).reshape(steps, batch, self.width)
