"""Frames in units of what is heard: by the frames of a speaker, of an utterance, or of all that has come so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmkit.nn.lengths import padding_mask
from lstmkit.sequences import Padded, Ragged

LEAST = 0.1
"""Spread of a channel that is divided by at least: bands are logarithms of energies."""
SESSION = 3000
"""Frames of the same speaker that a streaming network has heard before, at most, in training."""
AT_ONCE = 1 << 16
"""Frames that are summed together."""


class Moments(NamedTuple):
    """Means and mean squares of the frames of B sequences or speakers.

    frames  (B,) float64, how many; 0 where nothing is known
    mean    (B, C) float64
    square  (B, C) float64
    """

    frames: Tensor
    mean: Tensor
    square: Tensor

    @property
    def spread(self) -> Tensor:
        """Standard deviations (B, C)."""
        return (self.square - self.mean.square()).clamp(min=LEAST**2).sqrt()

    def units(self, values: Tensor) -> Tensor:
        """Return frames (T, B, C) in units of these, float32."""
        return ((values.double() - self.mean) / self.spread).to(torch.float32)


class Heard:
    """Frames of one speaker, summed as they come.

    channels  C
    """

    def __init__(self, channels: int) -> None:
        self._count, self._sums = 0, np.zeros((2, channels))

    def add(self, frames: NDArray[np.float32]) -> None:
        """Take frames (N, C)."""
        exact = np.asarray(frames, np.float64)
        self._count += len(exact)
        self._sums += np.stack([exact.sum(axis=0), (exact**2).sum(axis=0)])

    @property
    def moments(self) -> Moments:
        """Those of all, of one speaker; zeros of none."""
        mean, square = torch.from_numpy(self._sums / max(1, self._count)).unsqueeze(1)
        return Moments(torch.tensor([self._count], dtype=torch.float64), mean, square)


def moments_of(batch: Padded) -> Moments:
    """Return the moments of every sequence of a batch (T, B, C)."""
    values, lengths = batch
    exact = values.double().masked_fill(padding_mask(lengths, len(values), values.device).unsqueeze(2), 0.0)
    count = lengths.to(torch.float64)
    share = count.clamp(min=1).unsqueeze(1)
    return Moments(count, exact.sum(dim=0) / share, exact.square().sum(dim=0) / share)


def speaker_moments(frames: Ragged, speakers: Sequence[str | None]) -> Moments:
    """Return for every sequence the moments of all frames of its speaker; count 0 where nobody is named."""
    heard = {name: Heard(frames.values.shape[1]) for name in speakers}
    for row, name in enumerate(speakers):
        if name is not None:
            heard[name].add(frames[row])
    return _together([heard[name].moments for name in speakers], frames.values.shape[1])


def moments_before(frames: Ragged, speakers: Sequence[str | None]) -> Moments:
    """Return for every sequence the moments of its speaker's before it; count 0 where there are none."""
    heard = {name: Heard(frames.values.shape[1]) for name in speakers}
    found = []
    for row, name in enumerate(speakers):
        found.append(heard[name].moments)
        if name is not None:
            heard[name].add(frames[row])
    return _together(found, frames.values.shape[1])


def _together(several: Sequence[Moments], channels: int) -> Moments:
    return Moments(*(torch.cat(parts) for parts in zip(nobody(0, channels), *several, strict=True)))


def nobody(rows: int, channels: int) -> Moments:
    """Return the moments of speakers of whom nothing is known."""
    return Moments(
        torch.zeros(rows, dtype=torch.float64), *(torch.zeros(rows, channels, dtype=torch.float64) for _ in range(2))
    )


def mixed(first: Moments, weight: Tensor, second: Moments) -> Moments:
    """Return moments between two, the first with a weight (B,) from 0 to 1."""
    share = weight.unsqueeze(1)
    return Moments(
        first.frames + second.frames,
        share * first.mean + (1 - share) * second.mean,
        share * first.square + (1 - share) * second.square,
    )


class SpeechNormalisation(nn.Module):
    """Gives every channel mean 0 and spread 1.

    channels   C
    kind       "speaker", "utterance" or "features"
    streaming  whether only what came before is known
    shrink     frames that an utterance, or while streaming the training part, weighs beside its speaker
    """

    mean: Tensor
    square: Tensor

    def __init__(self, channels: int, kind: str, streaming: bool, shrink: float) -> None:
        super().__init__()
        self.kind, self.streaming, self.shrink = kind, streaming, shrink
        self.register_buffer("mean", torch.zeros(channels, dtype=torch.float64))
        self.register_buffer("square", torch.ones(channels, dtype=torch.float64))

    def fit(self, frames: NDArray[np.float32]) -> None:
        """Measure the training part."""
        every = Heard(frames.shape[1])
        for place in range(0, len(frames), AT_ONCE):  # they may lie on disk, and be more than memory holds
            every.add(frames[place : place + AT_ONCE])
        self.mean.copy_(every.moments.mean[0])
        self.square.copy_(every.moments.square[0])

    def usual(self, rows: int) -> Moments:
        """Return the moments of the training part, as often as there are rows, with the weight that they have."""
        count = torch.full((rows,), self.shrink, dtype=torch.float64)
        return Moments(count, self.mean.expand(rows, -1), self.square.expand(rows, -1))

    def forward(self, batch: Padded, speakers: Moments) -> Tensor:
        """Return frames (T, B, C) in these units, float32, zero in the padding.

        speakers  of each sequence, from other utterances too, or while streaming from those before
        """
        values, lengths = batch
        padding = padding_mask(lengths, len(values), values.device).unsqueeze(2)
        if self.kind == "features":
            known = self.usual(len(lengths))
        elif self.streaming:
            return so_far(values, self.before(speakers))[0].masked_fill(padding, 0.0)
        else:
            known = moments_of(batch)
            if self.kind == "speaker":
                weight = self.shrink / (self.shrink + speakers.frames)
                known = mixed(known, torch.where(speakers.frames > 0, weight, 1.0), speakers)
        return known.units(values).masked_fill(padding, 0.0)

    def before(self, speakers: Moments) -> Moments:
        """Return what is known before the first frame."""
        usual = self.usual(len(speakers.frames))
        if self.kind == "utterance":
            return usual
        return mixed(usual, usual.frames / (usual.frames + speakers.frames), speakers)


def so_far(values: Tensor, known: Moments) -> tuple[Tensor, Moments]:
    """Return frames (T, B, C), each in units of all up to it, float32, and what is known after the last."""
    exact = values.double()
    first = known.frames.view(1, -1, 1)
    count = first + torch.arange(1, len(values) + 1, dtype=torch.float64).view(-1, 1, 1)
    mean = (first * known.mean + exact.cumsum(dim=0)) / count
    square = (first * known.square + exact.square().cumsum(dim=0)) / count
    after = Moments(count[-1, :, 0], mean[-1], square[-1]) if len(values) else known
    return Moments(count, mean, square).units(exact), after
