"""Scaling by the context window: a pure function, so there is no scaler to fit, leak or lose."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

ULPS = 8


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

    context  (B, C) raw values, C at least 2, NaN where missing; float64 keeps a small change on a large level exact
    Returns  WindowScale from the values that are there: the last of them, and the mean absolute change between
             neighbours, a change over a gap counting as much as its steps together; where nothing moves in the window
             the spread is what the level's own digits cannot tell apart, so that a constant series stays finite and
             its forecast constant. A window without any value has last 0
    """
    there = ~torch.isnan(context)
    if bool(there.all()):
        last, spread = context[:, -1:], context.diff(dim=1).abs().mean(dim=1, keepdim=True)
    else:
        filled = carry_forward(context)
        last = filled[:, -1:].nan_to_num()
        changes = filled.diff(dim=1)
        steps = (~torch.isnan(changes)).sum(dim=1, keepdim=True).clamp_min(1)
        spread = changes.nan_to_num().abs().sum(dim=1, keepdim=True) / steps
    return WindowScale(last, torch.maximum(spread, rounding(last)))


def rounding(level: Tensor) -> Tensor:
    """Return the size, elementwise and positive, below which differences at a level are no more than rounding.

    It is a few units in the last place, so that values tell as much in one unit of measurement as in another, and on a
    large level as much as without it.
    """
    kind = torch.finfo(level.dtype)
    least: Tensor = ULPS * kind.eps * level.abs() + kind.tiny**0.5
    return least


def mean_near(values: Tensor) -> Tensor:
    """Return the mean over the last axis of what is there, (..., 1), 0 where nothing is.

    It is taken of the distances from one of the values, so that it is exact on a large level.
    """
    there = ~torch.isnan(values)
    place = values.gather(-1, there.to(torch.uint8).argmax(-1, keepdim=True)).nan_to_num()
    count = there.sum(-1, keepdim=True).clamp_min(1)
    return place + (values - place).nan_to_num().sum(-1, keepdim=True) / count


def carry_forward(values: Tensor) -> Tensor:
    """Return values (B, C) with every NaN replaced by the last value before it; NaN before the first one stays."""
    at = torch.arange(values.shape[1], device=values.device).expand_as(values)
    latest = torch.where(torch.isnan(values), torch.zeros_like(at), at).cummax(dim=1).values
    return values.gather(1, latest)


def squash(scaled: Tensor) -> Tensor:
    """Return sign(x) log(1 + |x|): the size of a network input stays moderate however long the tails of the data."""
    return scaled.sign() * scaled.abs().log1p()
