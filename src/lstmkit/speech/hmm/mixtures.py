"""The densities of states: mixtures of normal densities with diagonal covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

LEAST_VARIANCE = 0.02
"""Of a component, where all frames have 1."""
FEWEST = 20
"""Frames for each component of a state."""
APART = 0.2
"""Standard deviations by which the halves of a split component move."""


@dataclass(frozen=True)
class Mixtures:
    """N states of up to M components over D features.

    means, variances  (N, M, D)
    log_weights       (N, M), -inf where a state has fewer components
    """

    means: Floats
    variances: Floats
    log_weights: Floats

    def components(self, frames: Floats, states: Ints) -> Floats:
        """Return the logarithm of weight times density, (T, K, M), of frames (T, D) in the components of K states."""
        inverse = 1 / self.variances[states]
        constant = self.log_weights[states] - 0.5 * (
            np.log(np.float32(2 * np.pi) * self.variances[states]) + self.means[states] ** 2 * inverse
        ).sum(axis=2)
        K, M, D = inverse.shape
        linear = (self.means[states] * inverse).reshape(K * M, D)
        found = frames @ linear.T
        found -= 0.5 * (frames**2 @ inverse.reshape(K * M, D).T)
        found += constant.reshape(-1)
        shaped: Floats = found.reshape(len(frames), K, M).astype(np.float32, copy=False)
        return shaped

    def scores(self, frames: Floats, states: Ints) -> Floats:
        """Return the logarithm of the density of frames in some states, (T, K)."""
        parts = self.components(frames, states)
        most: Floats = parts.max(axis=2)
        if parts.shape[2] > 1:
            parts -= most[:, :, None]
            np.exp(parts, out=parts)
            most += np.log(parts.sum(axis=2))
        return most


def single(frames: Floats, states: Ints, count: int) -> Mixtures:
    """Return a normal density for each state, from frames (T, D) and their states; without any, that of all frames."""
    means = np.repeat(frames.mean(axis=0)[None, None], count, axis=0)
    variances = np.repeat(frames.var(axis=0)[None, None], count, axis=0)
    start = Mixtures(means, variances, np.zeros((count, 1), np.float32))
    return reestimated(start, frames, states)


def reestimated(mixtures: Mixtures, frames: Floats, states: Ints) -> Mixtures:
    """Return the mixtures that frames (T, D) make more likely, each in its state (T,).

    A component that hardly any frame is of goes; a state that hardly any is of stays as it was.

    Source  Dempster, Laird and Rubin 1977
    """
    means, variances = mixtures.means.copy(), mixtures.variances.copy()
    log_weights = mixtures.log_weights.copy()
    order = np.argsort(states, kind="stable")
    bounds = np.searchsorted(states[order], np.arange(len(means) + 1))
    for state in range(len(means)):
        own = frames[order[bounds[state] : bounds[state + 1]]]
        if len(own) < FEWEST // 2:
            continue
        parts = mixtures.components(own, np.array([state]))[:, 0]
        parts -= parts.max(axis=1, keepdims=True)
        shares = np.exp(parts)
        shares /= shares.sum(axis=1, keepdims=True)
        counts = shares.sum(axis=0)
        there = counts > 2
        if not there.any():
            continue
        sums, squares = shares.T @ own, shares.T @ own**2
        size = np.maximum(counts, 1e-9)[:, None]
        means[state] = np.where(there[:, None], sums / size, 0)
        variances[state] = np.where(there[:, None], np.maximum(squares / size - means[state] ** 2, LEAST_VARIANCE), 1)
        with np.errstate(divide="ignore"):
            log_weights[state] = np.log(np.where(there, counts / counts[there].sum(), 0))
    return Mixtures(means, variances, log_weights)


def split(mixtures: Mixtures, states: Ints, most: int) -> Mixtures:
    """Return mixtures of up to `most` components, the heaviest halved until a state has as many as its frames allow.

    states  (T,) of the frames
    """
    N, _, D = mixtures.means.shape
    means = np.zeros((N, most, D), np.float32)
    variances = np.ones((N, most, D), np.float32)
    log_weights = np.full((N, most), -np.inf, np.float32)
    frames = np.bincount(states, minlength=N)
    for state in range(N):
        there = np.flatnonzero(np.isfinite(mixtures.log_weights[state]))
        found = [
            (mixtures.log_weights[state, c], mixtures.means[state, c], mixtures.variances[state, c]) for c in there
        ]
        allowed = max(len(found), min(most, int(frames[state] // FEWEST)))
        while len(found) < allowed:
            heaviest = max(range(len(found)), key=lambda c: found[c][0])
            weight, mean, variance = found.pop(heaviest)
            step = APART * np.sqrt(variance)
            half = weight - np.float32(np.log(2))
            found += [(half, mean - step, variance), (half, mean + step, variance)]
        for place, (weight, mean, variance) in enumerate(found):
            log_weights[state, place], means[state, place], variances[state, place] = weight, mean, variance
    return Mixtures(means, variances, log_weights)
