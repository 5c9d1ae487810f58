"""Features in comparable units: by statistics of the training part, by those of each sequence, or as they are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lstmkit.nn.lengths import padding_mask
from lstmkit.nn.scaling import rounding
from lstmkit.ranges import choice
from lstmkit.sequences.ragged import Padded, Ragged, map_batches

KINDS = ("features", "together", "sequence", "none")
PIECE = 1 << 22
"""Values that are added up at a time, about."""


class Normalisation(nn.Module):
    """Every feature minus its mean, over its spread; what is missing stays missing.

    A feature that does not change, but for rounding, is zero, whatever its level. Statistics are in float64, and only
    what comes out is float32.

    width   F, of the features
    kind    "features": statistics of each feature over the training part, `fit` to it and saved with the weights;
            "together": so too, but with one spread for all channels, where these are of one kind and it matters which
            of them move far; "sequence": those of each sequence, so that its level and size tell nothing; "none"
    groups  of features, each with as many channels: the frames, and each difference; each has a spread of its own
    Raises  InputError if there is no such kind
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int, kind: str = "features", groups: int = 1) -> None:
        super().__init__()
        self.kind, self.groups = choice("normalise", kind, KINDS), groups
        self.fitted = kind in ("features", "together")
        if self.fitted:
            self.register_buffer("mean", torch.zeros(width, dtype=torch.float64))
            self.register_buffer("spread", torch.ones(width, dtype=torch.float64))

    def fit(self, features: Ragged) -> None:
        """Measure the features of the training part, for the kinds that are `fitted` to it."""
        if not self.fitted:
            return
        values = features.values
        count, total, square = (np.zeros(values.shape[1]) for _ in range(3))
        rows = max(1, PIECE // values.shape[1])
        pieces = [slice(begin, begin + rows) for begin in range(0, len(values), rows)]
        for piece in pieces:
            own = values[piece].astype(np.float64)
            count += (~np.isnan(own)).sum(axis=0)
            total += np.nansum(own, axis=0)
        mean = total / np.maximum(count, 1)
        for piece in pieces:
            square += np.nansum((values[piece] - mean) ** 2, axis=0)
        level = np.abs(mean)
        if self.kind == "together":
            channels = values.shape[1] // self.groups
            square, count, level = (
                np.repeat(of_group(own.reshape(self.groups, channels), axis=1), channels)
                for of_group, own in ((np.sum, square), (np.sum, count), (np.max, level))
            )
        spread = torch.from_numpy(np.sqrt(square / np.maximum(count, 1)))
        self.mean.copy_(torch.from_numpy(mean))
        self.spread.copy_(_usable(spread, torch.from_numpy(level.astype(values.dtype))))

    def of(self, features: Ragged) -> Ragged:
        """Return the features of many sequences in comparable units, float32."""
        return map_batches(features, self, features.values.shape[1], np.float32)

    def forward(self, batch: Padded) -> Tensor:
        """Return the features of a batch (T, B, F) in comparable units, float32, zero in the padding."""
        values, lengths = batch
        if self.kind == "none":
            return values.to(torch.float32)
        padding = padding_mask(lengths, len(values), values.device).unsqueeze(2)
        if self.fitted:
            return ((values - self.mean) / self.spread).to(torch.float32).masked_fill(padding, 0.0)
        missing = torch.isnan(values)
        there = ~(missing | padding)
        # Gaps, and the root of nothing, are kept out of what is derived: slopes there are no numbers, and would spread.
        known, count = values.double().masked_fill(~there, 0.0), there.sum(dim=0).clamp(min=1)
        mean = known.sum(dim=0) / count
        square = (known - mean).masked_fill(~there, 0.0).square().sum(dim=0) / count
        spread = torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)
        usable = _usable(spread, mean.to(values.dtype))
        found = ((known - mean) / usable).to(torch.float32)
        return found.masked_fill(missing, torch.nan).masked_fill(padding, 0.0)


def _usable(spread: Tensor, level: Tensor) -> Tensor:
    """Return a spread to divide by: one where it is no more than what the digits of frames at a level cannot tell."""
    return torch.where(spread > rounding(level), spread, torch.ones_like(spread))
