"""A yardstick for frames: the answer of the most similar sequence, by dynamic time warping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.classification.metrics import Floats, answer_score
from lstmkit.sequences import Features, Normalisation, Ragged
from lstmkit.sequences.ragged import batches_by_length

WINDOWS = (0.05, 0.1, 0.2, 0.4, 1.0)
"""Shares of the longer sequence by which two steps that are compared may lie apart."""
MOST_STEPS = 500
"""Of a sequence that is compared; a longer one is replaced by the means of so many pieces."""
LEFT_OUT = 100
"""Rows of the training part by which view and window are chosen beside the validation part."""
AT_ONCE = 2_000_000
"""Pairs of steps whose distance is kept at a time, about."""


@dataclass(frozen=True)
class View:
    """Frames as they are compared.

    features       of them
    normalisation  fitted to the features of the training part
    """

    features: Features
    normalisation: Normalisation

    @classmethod
    def of(cls, features: Features, kind: str, training: Ragged) -> View:
        """Return a view with features normalised in a way that `Normalisation` knows, by a training part."""
        normalisation = Normalisation(features.groups * training.values.shape[1], kind)
        normalisation.fit(features.of(training))
        return cls(features, normalisation)

    def __call__(self, frames: Ragged) -> Ragged:
        """Return what is compared, of MOST_STEPS steps at most."""
        return _shortened(self.normalisation.of(self.features.of(frames)))


@dataclass(frozen=True)
class NearestNeighbour:
    """The answer of the sequence nearest by dynamic time warping, all channels warped together.

    view     how frames are compared
    frames   of the training and the validation part so seen: nothing is learnt of them that would be held back
    targets  (N,) their classes or standardised numbers
    window   share of the longer sequence by which steps may lie apart
    count    classes; 1 for numbers
    Source   Sakoe & Chiba 1978; as a yardstick: Bagnall et al. 2017
    """

    view: View
    frames: Ragged
    targets: Tensor
    window: float
    count: int

    @classmethod
    def fit(
        cls, training: Ragged, targets: Tensor, validation: Ragged, wanted: Tensor, count: int, features: Features
    ) -> NearestNeighbour:
        """Choose view and window with which the training part tells other rows best, the first of equals.

        These are the validation part, and some rows of the training part, each left out. The features are compared with
        and without their differences, each in units of its spread, and all in the same: which is better depends on
        whether the channels are of one kind.

        training, validation  frames
        targets, wanted       (N,) classes or standardised numbers likewise
        count                 classes; 1 for numbers
        features              of the frames: those that the network has
        """
        found: list[tuple[float, float, View]] = []
        left_out = np.unique(np.linspace(0, len(training) - 1, min(len(training), LEFT_OUT)).astype(np.int64))
        tried, truth = validation.joined(training.select(left_out)), torch.cat([wanted, targets[left_out]])
        for own in dict.fromkeys((features, Features(features.relative))):
            for kind in ("features", "together"):
                view = View.of(own, kind, training)
                distances = warped_distances(view(tried), view(training), WINDOWS)
                distances[:, len(validation) + np.arange(len(left_out)), left_out] = np.inf
                scores = [answer_score(_told(one, targets, count), truth) for one in distances]
                found += [(score, window, view) for score, window in zip(scores, WINDOWS, strict=True)]
        _, window, view = min(found, key=lambda one: one[0])
        return cls(view, view(training.joined(validation)), torch.cat([targets, wanted]), window, count)

    def answers(self, rows: Ragged) -> Floats:
        """Return ones for the class of the nearest sequence (N, K), or its number (N, 1)."""
        return _told(warped_distances(self.view(rows), self.frames, (self.window,))[0], self.targets, self.count)


def warped_distances(rows: Ragged, references: Ragged, windows: Sequence[float]) -> NDArray[Any]:
    """Return the distance by dynamic time warping from every row to every reference, (W, N, M), for each window.

    It is the smallest sum of squared distances between frames along a path from the first steps of both to the last,
    on which step i of one and step j of the other are compared only if |i - j| is at most the window's share of the
    longer one, or the difference of their lengths. A missing value is taken for zero; an empty sequence for one frame
    of zeros.
    """
    lengths, found = np.maximum(rows.lengths, 1), np.empty((len(windows), len(rows), len(references)))
    queries = [_whole(rows, np.array([row]))[:, 0] for row in range(len(rows))]
    for block in batches_by_length(references.lengths, AT_ONCE // int(lengths.max(initial=1))):
        frames = _whole(references, block)
        T, P, F = frames.shape
        ends = np.maximum(references.lengths[block], 1)
        turned, norms = np.ascontiguousarray(frames.reshape(T * P, F).T), (frames**2).sum(axis=2)
        for row, query in enumerate(queries):
            product = torch.from_numpy(query) @ torch.from_numpy(turned)  # on torch's threads, as all else
            costs = (-2 * product).numpy().reshape(len(query), T, P)
            costs += norms
            costs += (query**2).sum(axis=1)[:, None, None]
            np.maximum(costs, 0, out=costs)
            longer, apart = np.maximum(ends, len(query)), np.abs(ends - len(query))
            for number, window in enumerate(windows):
                radius = np.maximum((window * longer).astype(np.int64), apart)
                found[number, row, block] = _shortest_paths(costs, ends, radius)
    return found


def _shortest_paths(costs: NDArray[Any], ends: NDArray[np.int64], radius: NDArray[np.int64]) -> NDArray[Any]:
    """Return the smallest sums along paths through costs (I, J, P), for each of P pairs at once.

    One anti-diagonal i + j = k after another: each needs the two before it only, and none of its own cells.

    ends    (P,) how many of the J steps each has
    radius  (P,) largest |i - j|
    """
    steps_i, steps_j, P = costs.shape
    width, alike = int(radius.max()), bool((radius == radius[0]).all())
    before, last, now = (np.full((steps_i + 2, P), np.inf, costs.dtype) for _ in range(3))  # row i + 1 is step i
    before[0] = 0  # the corner from which the first cell is reached
    stride_i, stride_j, _ = costs.strides
    found = np.empty(P, costs.dtype)
    for k in range(steps_i + steps_j - 1):
        low = max(0, k - steps_j + 1, (k - width + 1) // 2)
        high = min(steps_i - 1, k, (k + width) // 2)
        now[low] = now[high + 2] = np.inf  # beside the cells; no later diagonal looks further
        if low <= high:
            corner = costs[low, k - low :]
            cells = np.lib.stride_tricks.as_strided(
                corner, (high - low + 1, P), (stride_i - stride_j, costs.strides[2]), writeable=False
            )
            own = now[low + 1 : high + 2]
            np.minimum(last[low : high + 1], last[low + 1 : high + 2], out=own)
            np.minimum(own, before[low : high + 1], out=own)
            own += cells
            if not alike:
                own[np.abs(2 * np.arange(low, high + 1) - k)[:, None] > radius] = np.inf
            if high == steps_i - 1:
                ended = ends == k - high + 1
                found[ended] = own[-1, ended]
        else:
            now[high + 1 : low + 2] = np.inf
        before[0] = np.inf
        before, last, now = last, now, before
    return found


def _whole(frames: Ragged, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return sequences (T, B, F) with zeros for what is missing."""
    return np.asarray(np.nan_to_num(frames.batch(rows).values.numpy(), posinf=np.inf, neginf=-np.inf))


def _told(distances: NDArray[Any], targets: Tensor, count: int) -> Floats:
    """Return the answers of the nearest references, given distances (N, M)."""
    nearest = targets.numpy()[distances.argmin(axis=1)]
    return np.asarray(nearest[:, None].astype(np.float64) if targets.is_floating_point() else np.eye(count)[nearest])


def _shortened(frames: Ragged) -> Ragged:
    """Return sequences of MOST_STEPS steps at most: means of equal pieces, without what is missing."""
    if int(frames.lengths.max(initial=0)) <= MOST_STEPS:
        return frames
    kept: list[NDArray[Any]] = []
    for row in range(len(frames)):
        own = frames[row]
        if len(own) > MOST_STEPS:
            starts = np.arange(MOST_STEPS) * len(own) // MOST_STEPS
            count = np.add.reduceat(~np.isnan(own), starts, axis=0, dtype=np.int64)
            total = np.add.reduceat(np.nan_to_num(own), starts, axis=0)
            own = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        kept.append(own)
    return Ragged.of(kept, frames.values.shape[1], dtype=frames.values.dtype)
