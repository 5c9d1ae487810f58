"""Windows expressed in units of their own, as logarithms or as they are."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lstmkit.nn.scaling import mean_near, rounding

LEAST_UNIT = 0.02
LARGEST_LOG = 700.0


class WindowUnits(NamedTuple):
    """Where windows stand and how much they change over a season.

    logs   (B, 1) bool, whether logarithms are taken
    base   (B, 1) float64, a power of two near the values, which they are divided by before logarithms are taken; 1
           where none are
    mean   (B, 1) float64, of the window
    unit   (B, 1) float64, mean absolute change over a season, positive
    swing  (B, 1) float64, mean distance from the mean, positive
    """

    logs: Tensor
    base: Tensor
    mean: Tensor
    unit: Tensor
    swing: Tensor

    def apply(self, raw: Tensor) -> Tensor:
        """Express raw values (B, P) in float32; NaN stays NaN, and so becomes what has no logarithm."""
        return ((_taken(raw, self.logs, self.base) - self.mean) / self.unit).float()

    def invert(self, expressed: Tensor) -> Tensor:
        """Return raw values (B, P, Q), float64."""
        raw = self.mean[:, :, None] + self.unit[:, :, None] * expressed.double()
        base = self.base[:, :, None]
        return torch.where(self.logs[:, :, None], torch.minimum(raw, LARGEST_LOG - base.log()).exp() * base, raw)


def window_units(past: Tensor, logs: Tensor, period: int, size: Tensor) -> WindowUnits:
    """Measure windows.

    past    (B, L) raw values, float64, NaN where missing
    logs    (B,) bool, whether to take logarithms
    period  steps of the season; 1 without
    size    (B,) usual swing of the series, 0 where it is not known
    Returns WindowUnits; where little changes from season to season the unit is a fiftieth of the swing or size at
            least, and where nothing does and no size is known, what the level's own digits cannot tell apart
    """
    logs = logs[:, None]
    base = torch.where(logs, _power_of_two(past), 1.0)
    taken = _taken(past, logs, base)
    mean = mean_near(taken)
    change = (taken[:, period:] - taken[:, :-period]).abs().nanmean(1, keepdim=True).nan_to_num()
    least = rounding(torch.where(logs, torch.ones_like(mean), mean.abs()))
    swing = torch.maximum((taken - mean).abs().nanmean(1, keepdim=True).nan_to_num(), least)
    unit = torch.maximum(change, torch.maximum(LEAST_UNIT * torch.maximum(swing, size[:, None]), least))
    return WindowUnits(logs, base, mean, unit, swing)


def _taken(raw: Tensor, logs: Tensor, base: Tensor) -> Tensor:
    return torch.where(logs, (torch.where(raw > 0, raw, torch.nan) / base).log(), raw)


def _power_of_two(past: Tensor) -> Tensor:
    """Return a power of two near the largest value of windows (B, L), (B, 1); 1 where there is none above zero."""
    largest = past.nan_to_num(0.0).amax(1, keepdim=True)
    return torch.where(largest > 0, torch.ldexp(torch.ones_like(largest), largest.frexp().exponent), 1.0)
