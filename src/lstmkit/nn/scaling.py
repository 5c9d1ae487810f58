"""Scaling by the context window: a pure function, so there is no scaler to fit, leak or lose."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class WindowScale(NamedTuple):
    """Where a window stands and how much it moves.

    last    (B, 1) the window's last value
    spread  (B, 1) mean absolute change from one step to the next, positive
    """

    last: Tensor
    spread: Tensor

    def apply(self, values: Tensor) -> Tensor:
        """Express values (B, ...) as a change from the last value, in units of the window's usual step."""
        return (values - self._like(self.last, values)) / self._like(self.spread, values)

    def invert(self, scaled: Tensor) -> Tensor:
        """Undo `apply`."""
        return self._like(self.last, scaled) + scaled * self._like(self.spread, scaled)

    @staticmethod
    def _like(column: Tensor, values: Tensor) -> Tensor:
        return column.view(column.shape[0], *[1] * (values.dim() - 1))


def window_scale(context: Tensor) -> WindowScale:
    """Measure a batch of context windows.

    context  (B, C) raw values, C at least 2; float64 keeps a small change on a large level exact
    Returns  WindowScale; where nothing moves in the window the spread is a small fraction of the level, so that a
             constant series stays finite and its forecast constant
    """
    last = context[:, -1:]
    spread = context.diff(dim=1).abs().mean(dim=1, keepdim=True)
    floor = 1e-6 * last.abs() + torch.finfo(context.dtype).tiny ** 0.5
    return WindowScale(last, torch.maximum(spread, floor))


def squash(scaled: Tensor) -> Tensor:
    """Return sign(x) log(1 + |x|): the size of a network input stays moderate however long the tails of the data."""
    return scaled.sign() * scaled.abs().log1p()
