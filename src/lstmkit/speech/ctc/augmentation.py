"""Speech that could have been as well: another vocal tract, noise, gaps in time and frequency.

Frames of bands are logarithms of energies, so frequencies are stretched between bands, and noise is added to energies.
How frames are stretched in time is `lstmkit.sequences.Augmentation`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lstmkit.nn.lengths import padding_mask
from lstmkit.sequences import Padded, Ragged

KNEE = 0.85
"""Of the highest frequency: where the stretched frequencies turn, so that the last stays the last."""
NEPERS = math.log(10) / 10
"""Of energy, in a decibel."""


@dataclass(frozen=True)
class Bands:
    """Where the bands of frames lie: their centres are evenly spaced on the mel scale between two frequencies in Hz."""

    count: int
    low: float
    high: float

    def places(self, factors: Tensor) -> Tensor:
        """Return for every band the place, counted in bands, of the frequency that it hears when all are stretched.

        factors  (B,) by which frequencies are multiplied
        Returns  (B, count) float32
        Source   Eide and Gish 1996, in pieces of straight lines as Kaldi has it
        """
        low, high = _mel(torch.tensor(self.low)), _mel(torch.tensor(self.high))
        step = (high - low) / (self.count + 1)
        hertz = 700 * (torch.exp((low + step * torch.arange(1, self.count + 1)) / 1127) - 1)
        factor = factors.unsqueeze(1)
        knee = KNEE * self.high / factor.clamp(min=1)
        above = factor * knee + (self.high - factor * knee) / (self.high - knee) * (hertz - knee)
        heard = torch.where(hertz <= knee, factor * hertz, above)
        return ((_mel(heard) - low) / step - 1).clamp(0, self.count - 1)


def _mel(hertz: Tensor) -> Tensor:
    return 1127 * torch.log1p(hertz / 700)


def stretched(values: Tensor, places: Tensor) -> Tensor:
    """Return frames (..., B, C) read at other places among the bands (B, C), on the line between two bands."""
    below = places.floor().clamp(max=values.shape[-1] - 2).to(torch.int64)
    share = (places - below).to(values.dtype)
    left = torch.gather(values, -1, below.expand(values.shape))
    right = torch.gather(values, -1, (below + 1).expand(values.shape))
    return torch.lerp(left, right, share.expand(values.shape))


def drawn(shape: int | tuple[int, ...], low: float, high: float) -> Tensor:
    """Return numbers drawn evenly from a range, from torch's own generator."""
    return low + (high - low) * torch.rand(shape)


def with_noise(batch: Padded, noise: Ragged, share: float, least_snr: float, most_snr: float) -> Padded:
    """Return frames of bands (T, B, C) of which some hear a piece of noise as well.

    noise      frames of noise; a piece that is too short begins again
    share      of the utterances that hear it
    least_snr, most_snr  decibels from the mean energy of the noise to that of what is said
    """
    values, lengths = batch
    heard = torch.rand(len(lengths)) < share
    which, begin, ratio = torch.rand(3, len(lengths), dtype=torch.float64)
    found = values.clone()
    for row in torch.nonzero(heard).flatten().tolist():
        own = noise[int(float(which[row]) * len(noise))]
        length = int(lengths[row])
        places = (int(float(begin[row]) * len(own)) + np.arange(length)) % len(own)
        piece = torch.from_numpy(np.asarray(own[places], np.float32))
        speech = values[:length, row]
        wanted = least_snr + (most_snr - least_snr) * float(ratio[row])
        gain = _loudness(speech) - _loudness(piece) - wanted * NEPERS
        found[:length, row] = torch.logaddexp(speech, piece + gain)
    return Padded(found, lengths)


def _loudness(frames: Tensor) -> float:
    """Return the logarithm of the mean energy of frames of bands."""
    return float(torch.logsumexp(frames.double().flatten(), 0)) - math.log(frames.numel())


def masked_times(values: Tensor, lengths: Tensor, count: Tensor, width: float) -> Tensor:
    """Return frames (T, B, C) with zeros where a mask lies, in all bands.

    count  (B,) masks of each sequence
    width  frames that a mask has at most
    Source Park et al. 2019, arXiv 1904.08779
    """
    most = int(count.max()) if len(count) else 0
    if not most or width < 1:
        return values
    here = torch.arange(most).unsqueeze(1) < count
    long = (torch.rand(most, len(lengths)) * (width + 1)).floor().minimum(lengths.to(torch.float32)) * here
    start = (torch.rand(most, len(lengths)) * (lengths - long + 1)).floor()
    times = torch.arange(len(values)).view(-1, 1, 1)
    hidden = ((times >= start) & (times < start + long)).any(dim=1)
    return values.masked_fill((hidden & ~padding_mask(lengths, len(values), values.device)).unsqueeze(2), 0.0)


def masked_bands(values: Tensor, count: int, share: float) -> Tensor:
    """Return frames (T, B, C) with zeros where a mask lies, in all steps of a sequence.

    count  masks of each sequence
    share  of the bands that a mask has at most
    """
    B, C = values.shape[1:]
    if not count or share * C < 1:
        return values
    long = (torch.rand(count, B) * (math.floor(share * C) + 1)).floor()
    start = (torch.rand(count, B) * (C - long + 1)).floor()
    bands = torch.arange(C).view(-1, 1, 1)
    hidden = ((bands >= start) & (bands < start + long)).any(dim=1).T
    return values.masked_fill(hidden, 0.0)
