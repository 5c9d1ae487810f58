"""What is computed of frames before a network reads them: displacement from the first frames, and differences."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lstmkit.nn.lengths import padding_mask
from lstmkit.ranges import NOT_NEGATIVE, check_fields
from lstmkit.sequences.ragged import Padded, Ragged, map_batches

RANGES = {"relative": NOT_NEGATIVE}
"""Of the settings, also where others hold them."""


@dataclass(frozen=True)
class Features:
    """Functions of the frames alone, each of the width of a frame, side by side.

    relative     first frames whose mean is taken from every frame, so that it matters how far one has moved and not
                 where one began; 0 leaves the frames as they are
    differences  lags over which frames are subtracted from later ones; before a lag is over, from the first frame
    Raises       InputError if a value is out of range
    """

    relative: int = 0
    differences: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, RANGES, "Features")

    @property
    def groups(self) -> int:
        """How many features there are for each channel."""
        return 1 + len(self.differences)

    def __call__(self, batch: Padded) -> Padded:
        """Return the features of a batch (T, B, C), as (T, B, groups C); missing where a frame that they need is."""
        if not self.relative and not self.differences:
            return batch
        values, lengths = batch
        T = len(values)
        places = torch.arange(T, device=values.device)
        first = values - _first(values, lengths, self.relative) if self.relative else values
        later = [values - values[(places - lag).clamp(min=0)] for lag in self.differences]
        found = torch.cat([first, *later], dim=2)
        return Padded(found.masked_fill(padding_mask(lengths, T, found.device).unsqueeze(2), 0.0), lengths)

    def of(self, ragged: Ragged) -> Ragged:
        """Return the features of many sequences of frames."""
        width = self.groups * ragged.values.shape[1]
        return map_batches(ragged, lambda batch: self(batch).values, width, ragged.values.dtype)


def _first(values: Tensor, lengths: Tensor, frames: int) -> Tensor:
    """Return the mean (B, C) over the first frames of sequences (T, B, C) of what is there.

    Where nothing is, the first value that is there counts, and zero if none is.
    """
    missing = torch.isnan(values)
    there = ~(missing | padding_mask(lengths, len(values), values.device).unsqueeze(2))
    begun = there[:frames]
    total = values[:frames].masked_fill(~begun, 0.0).sum(dim=0)
    count = begun.sum(dim=0)
    place = there.to(torch.uint8).argmax(dim=0, keepdim=True)
    later = values.gather(0, place).squeeze(0).masked_fill(~there.any(dim=0), 0.0)
    return torch.where(count > 0, total / count.clamp(min=1), later)
