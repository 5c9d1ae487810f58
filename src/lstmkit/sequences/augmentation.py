"""Sequences that could have been as well, drawn on a batch in training: stretched, cut, scaled, noisy, with gaps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.nn.lengths import padding_mask
from lstmkit.ranges import ANY, BELOW_1, NOT_NEGATIVE, check_fields, shown
from lstmkit.sequences.ragged import Padded

RANGES = {**dict.fromkeys(("stretch", "crop", "scale", "time_mask", "channel_mask"), BELOW_1), "noise": NOT_NEGATIVE}
RANGES |= {"mirror": ANY}
"""Of the amounts, also where other settings hold them."""


@dataclass(frozen=True)
class Augmentation:
    """How much sequences of frames are changed, each by amounts of its own; zeros change nothing.

    stretch       frames are drawn out or pressed together by a factor within this of 1
    crop          share of the frames that is cut off at most, from both ends together
    scale         features of each channel are multiplied by a factor within this of 1
    noise         spread of what is added to features, which have a spread of one
    time_mask     share of the steps that is blanked out at most, in one piece
    channel_mask  share of the channels that is blanked out at most, neighbours, in all steps
    mirror        half of the sequences are seen in a mirror: for each channel the number, from 1 on, of the one that it
                  is there, below zero if its sign changes; empty: none
    Raises        InputError if a value is out of range
    Source        masks: Park et al. 2019, arXiv 1904.08779
    """

    stretch: float = 0.0
    crop: float = 0.0
    scale: float = 0.0
    noise: float = 0.0
    time_mask: float = 0.0
    channel_mask: float = 0.0
    mirror: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, RANGES, "Augmentation")
        if sorted(map(abs, self.mirror)) != list(range(1, len(self.mirror) + 1)):
            raise InputError(
                f"Augmentation: mirror must name every channel once, by its number from 1 on; got {shown(self.mirror)}"
            )

    def warp(self, batch: Padded, generator: torch.Generator | None = None) -> Padded:
        """Return frames (T, B, C) in a mirror, cut and stretched, between two frames on the line between them.

        generator  what is drawn from; None draws from torch's own
        """
        batch = self._mirrored(batch, generator)
        values, lengths = batch
        if not self.stretch and not self.crop:
            return batch
        cut, begin, factor = torch.rand(3, len(lengths), generator=generator, dtype=torch.float64)
        kept = (lengths * (1 - self.crop * cut)).round().to(torch.int64).clamp(min=1).minimum(lengths)
        start = (begin * (lengths - kept + 1)).floor()
        longer = (kept * (1 + self.stretch * (2 * factor - 1))).round().to(torch.int64).clamp(min=1)
        longer = torch.where(kept > 0, longer, 0)
        steps = torch.arange(max(1, int(longer.max())), dtype=torch.float64).unsqueeze(1)
        places = start + steps * ((kept - 1) / (longer - 1).clamp(min=1))
        padding = padding_mask(longer, len(steps), values.device)
        places = places.to(values.device).masked_fill(padding, 0.0)
        below = places.floor()
        share = (places - below).to(values.dtype).unsqueeze(2)
        rows, last = torch.arange(len(lengths), device=values.device), (lengths - 1).clamp(min=0).to(values.device)
        left = values[below.to(torch.int64), rows]
        right = values[torch.minimum(below.to(torch.int64) + 1, last), rows]
        found = torch.where(share > 0, torch.lerp(left, right, share), left)  # beside a gap, a frame is still itself
        return Padded(found.masked_fill(padding.unsqueeze(2), 0.0), longer)

    def _mirrored(self, batch: Padded, generator: torch.Generator | None) -> Padded:
        """Return frames of which every second sequence, by chance, is as in a mirror."""
        values, lengths = batch
        if not self.mirror:
            return batch
        turned = torch.rand(len(lengths), generator=generator) < 0.5
        numbers = torch.tensor(self.mirror)
        other = values[:, :, numbers.abs() - 1] * numbers.sign().to(values.dtype)
        return Padded(torch.where(turned.to(values.device)[None, :, None], other, values), lengths)

    def blur(
        self, features: Tensor, lengths: Tensor, channels: int, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return normalised features (T, B, groups C) with noise, and zeros where they are masked.

        lengths    (B,) of the sequences
        channels   C; a channel that is masked is so in all groups of features
        generator  what is drawn from; None draws from torch's own
        """
        T, B, F = features.shape
        if self.scale:
            factor = torch.rand(B, channels, generator=generator).to(features)
            features = features * (1 + self.scale * (2 * factor - 1)).repeat(1, F // channels)
        if self.noise:
            features = features + self.noise * torch.randn(features.shape, generator=generator).to(features)
        if self.time_mask:
            hidden = _block(lengths.to(torch.float64), T, self.time_mask, generator).to(features.device)
            features = features.masked_fill(hidden.T.unsqueeze(2), 0.0)
        if self.channel_mask:
            hidden = _block(torch.full((B,), float(channels)), channels, self.channel_mask, generator)
            features = features.masked_fill(hidden.repeat(1, F // channels).to(features.device), 0.0)
        return features


def _block(sizes: Tensor, most: int, share: float, generator: torch.Generator | None) -> Tensor:
    """Return where a run of places lies, (B, most): up to a share of the places, anywhere among them.

    sizes  (B,) of the places that each has
    """
    width, begin = torch.rand(2, len(sizes), generator=generator, dtype=torch.float64)
    long = (width * ((share * sizes).floor() + 1)).floor()
    start = (begin * (sizes - long + 1)).floor().unsqueeze(1)
    places = torch.arange(most).unsqueeze(0)
    found: Tensor = (places >= start) & (places < start + long.unsqueeze(1))
    return found
