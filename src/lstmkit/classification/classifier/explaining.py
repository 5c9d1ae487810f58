"""What weighed in an answer: attention over the steps, or how the answer leans on every value."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.classification.classifier.pieces import pieces
from lstmkit.classification.classifier.settings import SequenceSettings
from lstmkit.classification.network import Ensemble
from lstmkit.sequences import Padded, Ragged
from lstmkit.sequences.ragged import batches_by_length

STEPS_AT_ONCE, ROWS_AT_ONCE = 1 << 16, 64
"""Steps, and pieces, that are looked at together at most."""
POINTS = 24
"""On the way, at which slopes are taken."""


def step_weights(network: Ensemble, settings: SequenceSettings, frames: Ragged) -> list[NDArray[np.float64]]:
    """Return how much each step of each sequence weighed in its answer, (T,) each, of sum one.

    Of a network that pools by attention, its weights. Of others, integrated gradients: what each value adds to the
    score of the class that is told (or to the number) on the straight way from a sequence that stays at the mean of
    each channel; added up over the channels, without signs. A piece of a long sequence weighs by its length.

    Source  Sundararajan, Taly & Yan 2017, arXiv 1703.01365
    """
    cut, owner = pieces(frames, settings.max_steps)
    found = np.zeros(len(frames.values))
    attends = settings.pooling == "attention"
    for batch in batches_by_length(cut.lengths, cut.bounded(STEPS_AT_ONCE), ROWS_AT_ONCE):
        padded = cut.batch(batch)
        weights = _attention(network, padded) if attends else _leaning(network, padded)
        for place, piece in enumerate(batch.tolist()):
            T = int(cut.lengths[piece])
            own = weights[place, :T]
            total = own.sum()
            share = T / frames.lengths[owner[piece]]
            found[cut.offsets[piece] : cut.offsets[piece] + T] = own * (share / total) if total > 0 else share / T
    return np.split(found, frames.offsets[1:-1])


def _attention(network: Ensemble, batch: Padded) -> NDArray[np.float64]:
    with torch.no_grad():
        return np.asarray(network.weights((batch,))[0].double().numpy())


def _leaning(network: Ensemble, batch: Padded) -> NDArray[np.float64]:
    """Return what steps add, without signs, (B, T)."""
    return np.asarray(added(network, batch).abs().sum(dim=2).T.double().numpy())


def added(network: Ensemble, batch: Padded) -> Tensor:
    """Return what each value (T, B, C) adds to the score of what is told, beside the mean of its channel.

    Over a sequence the sum is the score minus that of a sequence that stays at the means.
    """
    steps = torch.arange(len(batch.values)).unsqueeze(1) < batch.lengths
    there = steps.unsqueeze(2) & ~torch.isnan(batch.values)
    known = batch.values.masked_fill(~there, 0.0)
    away = (known - known.sum(dim=0) / there.sum(dim=0).clamp(min=1)).masked_fill(~there, 0.0)
    with torch.no_grad():
        told = _scores(network, batch).argmax(dim=1, keepdim=True)
    slopes = torch.zeros_like(batch.values)
    for point in range(POINTS):
        values = (batch.values - (1 - (point + 0.5) / POINTS) * away).requires_grad_()
        score = _scores(network, Padded(values, batch.lengths)).gather(1, told).sum()
        slopes += torch.autograd.grad(score, values)[0].masked_fill(~there, 0.0) / POINTS
    return slopes * away


def _scores(network: Ensemble, batch: Padded) -> Tensor:
    """Return the mean scores of the members, (B, K): logarithms of probabilities, or a number."""
    scores = network.scores((batch,))
    return (scores if scores.shape[2] == 1 else scores.log_softmax(dim=2)).mean(dim=0)
