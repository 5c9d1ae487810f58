"""Windows expressed in units of their own, as logarithms or as they are."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

LEAST_UNIT = 0.02
LARGEST_LOG = 700.0


class WindowUnits(NamedTuple):
    """Where windows stand and how much they change over a season.

    logs   (B, 1) bool, whether logarithms are taken
    mean   (B, 1) float64, of the window
    unit   (B, 1) float64, mean absolute change over a season, positive
    swing  (B, 1) float64, mean distance from the mean, positive
    """

    logs: Tensor
    mean: Tensor
    unit: Tensor
    swing: Tensor

    def apply(self, raw: Tensor) -> Tensor:
        """Express raw values (B, P) in float32; NaN stays NaN, and so becomes what has no logarithm."""
        return ((_taken(raw, self.logs) - self.mean) / self.unit).float()

    def invert(self, expressed: Tensor) -> Tensor:
        """Return raw values (B, P, Q), float64."""
        raw = self.mean[:, :, None] + self.unit[:, :, None] * expressed.double()
        return torch.where(self.logs[:, :, None], raw.clamp_max(LARGEST_LOG).exp(), raw)


def window_units(past: Tensor, logs: Tensor, period: int, size: Tensor) -> WindowUnits:
    """Measure windows.

    past    (B, L) raw values, float64, NaN where missing
    logs    (B,) bool, whether to take logarithms
    period  steps of the season; 1 without
    size    (B,) usual swing of the series, 0 where it is not known
    Returns WindowUnits; where little changes from season to season the unit is a fiftieth of the swing or size at
            least, and where nothing does and no size is known, a small fraction of the level
    """
    logs = logs[:, None]
    taken = _taken(past, logs)
    mean = taken.nanmean(1, keepdim=True).nan_to_num()
    change = (taken[:, period:] - taken[:, :-period]).abs().nanmean(1, keepdim=True).nan_to_num()
    level = torch.where(logs, torch.ones_like(mean), mean.abs())
    least = 1e-6 * level + torch.finfo(past.dtype).tiny ** 0.5
    swing = torch.maximum((taken - mean).abs().nanmean(1, keepdim=True).nan_to_num(), least)
    unit = torch.maximum(change, torch.maximum(LEAST_UNIT * torch.maximum(swing, size[:, None]), least))
    return WindowUnits(logs, mean, unit, swing)


def _taken(raw: Tensor, logs: Tensor) -> Tensor:
    return torch.where(logs, torch.where(raw > 0, raw, torch.nan).log(), raw)
