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


def moments_of(batch: Padded) -> Moments:
    """Return the moments of every sequence of a batch (T, B, C)."""
    values, lengths = batch
    exact = values.double().masked_fill(padding_mask(lengths, len(values), values.device).unsqueeze(2), 0.0)
    count = lengths.to(torch.float64)
    share = count.clamp(min=1).unsqueeze(1)
    return Moments(count, exact.sum(dim=0) / share, exact.square().sum(dim=0) / share)


def speaker_moments(frames: Ragged, speakers: Sequence[str | None]) -> Moments:
    """Return for every sequence the moments of all frames of its speaker; count 0 where nobody is named."""
    names = sorted({name for name in speakers if name is not None})
    number = {name: k for k, name in enumerate(names)}
    C = frames.values.shape[1]
    counts, sums, squares = np.zeros(len(names) + 1), *(np.zeros((len(names) + 1, C)) for _ in range(2))
    own = np.array([len(names) if name is None else number[name] for name in speakers], np.int64)
    for row, place in enumerate(own.tolist()):
        if place < len(names):
            values = np.asarray(frames[row], np.float64)
            counts[place] += len(values)
            sums[place] += values.sum(axis=0)
            squares[place] += (values**2).sum(axis=0)
    share = np.maximum(counts, 1)[:, None]
    found = (counts[own], (sums / share)[own], (squares / share)[own])
    return Moments(*(torch.from_numpy(one) for one in found))


def moments_before(frames: Ragged, speakers: Sequence[str | None]) -> Moments:
    """Return for every sequence the moments of its speaker's before it; count 0 where there are none."""
    rows, C = len(frames), frames.values.shape[1]
    found = nobody(rows, C)
    sums: dict[str, tuple[int, NDArray[np.float64], NDArray[np.float64]]] = {}
    for row, name in enumerate(speakers):
        if name is None:
            continue
        count, total, squares = sums.get(name, (0, np.zeros(C), np.zeros(C)))
        if count:
            found.frames[row] = count
            found.mean[row], found.square[row] = torch.from_numpy(total / count), torch.from_numpy(squares / count)
        values = np.asarray(frames[row], np.float64)
        sums[name] = (count + len(values), total + values.sum(axis=0), squares + (values**2).sum(axis=0))
    return found


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
        values = np.asarray(frames, np.float64)
        self.mean.copy_(torch.from_numpy(values.mean(axis=0)))
        self.square.copy_(torch.from_numpy((values**2).mean(axis=0)))

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
            return self._so_far(batch, speakers).masked_fill(padding, 0.0)
        else:
            known = moments_of(batch)
            if self.kind == "speaker":
                weight = self.shrink / (self.shrink + speakers.frames)
                known = mixed(known, torch.where(speakers.frames > 0, weight, 1.0), speakers)
        found = (values.double() - known.mean) / known.spread
        return found.to(torch.float32).masked_fill(padding, 0.0)

    def _so_far(self, batch: Padded, speakers: Moments) -> Tensor:
        """Return frames in units of the training part, the speaker, and the frames up to each."""
        return so_far(batch.values, self.before(speakers))[0]

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
    spread = (square - mean.square()).clamp(min=LEAST**2).sqrt()
    after = Moments(count[-1, :, 0], mean[-1], square[-1]) if len(values) else known
    return ((exact - mean) / spread).to(torch.float32), after
