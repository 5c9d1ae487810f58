"""Mean and maximum over the steps of what recurrent layers gave, together: fewer passes over it than one by one."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from lstmkit.nn.lengths import padding_mask


def mean_and_max(hidden: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean and the largest value of each unit over the true steps, (B, 2H); zeros where a length is 0.

    hidden   (T, B, H), zero in the padding, as a recurrent layer that was given the lengths leaves it; the gradient
             that it gets has no meaning there
    lengths  (B,) integers from 0 to T, on the CPU
    """
    found: Tensor = _MeanAndMax.apply(hidden, lengths)  # type: ignore[no-untyped-call]
    return found


class _MeanAndMax(torch.autograd.Function):
    """The gradient of a maximum that several steps reach is shared by them."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, lengths: Tensor) -> Tensor:
        padding = padding_mask(lengths, len(hidden), hidden.device).unsqueeze(2)
        count = lengths.to(hidden).clamp(min=1).unsqueeze(1)
        candidates = hidden + torch.zeros_like(hidden[:, :, :1]).masked_fill_(padding, -math.inf)  # one fast pass
        largest = candidates.amax(dim=0)
        ctx.save_for_backward(candidates, largest, count)
        return torch.cat([hidden.sum(dim=0) / count, largest.masked_fill(padding.all(dim=0), 0.0)], dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        candidates, largest, count = ctx.saved_tensors
        of_mean, of_largest = grad.chunk(2, dim=1)
        found = torch.eq(candidates, largest, out=torch.empty_like(candidates))
        return found.mul_(of_largest / found.sum(dim=0)).add_(of_mean / count), None
