"""A classifier that follows a stream: steps come one by one or a few at a time, and the answer is always there."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.classification.classifier.settings import SequenceSettings
from lstmkit.classification.frames import FrameEncoder
from lstmkit.classification.labels import Coding
from lstmkit.classification.network import Ensemble, SequenceNetwork
from lstmkit.errors import InputError
from lstmkit.sequences import Padded


class ClassifierStream:
    """One sequence under way. After any steps, the answer is that for the sequence up to there, to rounding.

    network   fitted, of one direction, with a normalisation that does not need the whole sequence
    settings  of it
    coding    of its answers
    channels  of a step
    masked    whether values may be missing
    Raises    InputError for another network
    """

    def __init__(
        self, network: Ensemble, settings: SequenceSettings, coding: Coding, channels: int, masked: bool
    ) -> None:
        if settings.bidirectional:
            raise InputError("stream: this model reads backwards, too; train one with bidirectional=False")
        if settings.normalise == "sequence":
            raise InputError(
                "stream: this model normalises by the whole sequence; train one with normalise='features' or 'together'"
            )
        if settings.relative and masked:
            raise InputError(
                "stream: this model needs its first steps, which may be missing; train one with relative=0"
            )
        self._networks, self._coding, self._channels, self._masked = network.networks, coding, channels, masked
        self._most, self._first = settings.max_steps, settings.relative
        self._lags = settings.differences
        self._ended = np.zeros(coding.outputs)
        self.steps = 0
        self._begin()

    def _begin(self) -> None:
        """Begin a piece."""
        self._members = [_Member(network) for network in self._networks]
        self._frames = np.empty((0, self._channels))
        self._count = 0

    def push(self, frames: Any) -> NDArray[np.float64]:
        """Take further steps, and return the answer so far: probabilities (K,), or a number (1,).

        frames  (C,) one step, or (n, C)
        Raises  InputError for another number of channels, or a value that is missing and may not be
        """
        given = np.asarray(frames, np.float64)
        given = given[None] if given.ndim == 1 else given
        channels = self._channels
        if given.ndim != 2 or given.shape[1] != channels or not len(given):
            raise InputError(f"stream: steps must be ({channels},) or (n, {channels}); got {np.shape(frames)}")
        if np.isinf(given).any() or (np.isnan(given).any() and not self._masked):
            raise InputError("stream: a value is missing or infinite; fill it in, or train with missing='mask'")
        while len(given):
            if self._count == self._most:
                self._ended += self._count * self._answer()
                self._begin()
            own, given = given[: self._most - self._count], given[self._most - self._count :]
            self._advance(own)
            self.steps += len(own)
        total = self._ended + self._count * self._answer()
        return np.asarray(self._coding.restored(total[None] / self.steps)[0])

    def _advance(self, new: NDArray[np.float64]) -> None:
        """Let the networks read further steps of a piece; from its beginning while its first steps still come in."""
        if self._count < self._first:
            self._members = [_Member(network) for network in self._networks]
            new = np.concatenate([self._frames[: self._count], new])
            self._frames, self._count = new[:0], 0
        begun, seen = self._count, np.concatenate([self._frames, new])
        if not begun:
            self._start = seen[0]
            self._level = seen[: self._first].mean(axis=0) if self._first else np.zeros(seen.shape[1])
        features = [new - self._level]
        for lag in self._lags:
            places = np.arange(len(seen) - len(new), len(seen)) - lag
            early = begun + np.arange(len(new)) < lag
            before = np.where(early[:, None], self._start, seen[np.maximum(places, 0)])
            features.append(new - before)
        self._count += len(new)
        kept = self._count if self._count < self._first else max((0, *self._lags))
        self._frames = seen[len(seen) - min(kept, len(seen)) :]
        batch = Padded(torch.from_numpy(np.concatenate(features, axis=1))[:, None], torch.tensor([len(new)]))
        missing = torch.from_numpy(np.isnan(new))[:, None]
        with torch.no_grad():
            for member in self._members:
                member.read(batch, missing)

    def _answer(self) -> NDArray[np.float64]:
        with torch.no_grad():
            scores = torch.stack([member.scores() for member in self._members]).double()
        found = scores if scores.shape[1] == 1 else scores.softmax(dim=1)
        return np.asarray(found.mean(dim=0).numpy())


@dataclass
class _Member:
    """One network of the ensemble on its way through a piece, and what its pooling has seen so far."""

    network: SequenceNetwork
    state: Any = None
    before: Tensor | None = None
    steps: int = 0
    total: Tensor | float = 0.0
    largest: Tensor | None = None
    last: Tensor | None = None
    highest: float = -math.inf
    weight: float = 0.0
    weighted: Tensor | float = field(default=0.0)

    def read(self, batch: Padded, missing: Tensor) -> None:
        """Read features (n, 1, F) of further steps, and which values are missing (n, 1, C)."""
        encoder = self.network.encoder
        assert isinstance(encoder, FrameEncoder)
        layer = encoder.frames
        values = layer.marked(layer.normalisation(batch), missing)
        if layer.filters is not None:
            count = layer.filters.before
            before = values.new_zeros(count, 1, values.shape[2]) if self.before is None else self.before
            values = torch.cat([before, values])
            self.before = values[len(values) - count :]
            values = layer.filters.following(values)
        hidden, self.state = encoder.recurrent(values, self.state)
        hidden = hidden[:, 0]
        self.steps += len(hidden)
        self.total = self.total + hidden.sum(dim=0)
        top = hidden.max(dim=0).values
        self.largest = top if self.largest is None else torch.maximum(self.largest, top)
        self.last = hidden[-1]
        if encoder.attention is not None:
            heights = encoder.attention.score(hidden)[:, 0]
            highest = max(self.highest, float(heights.max()))
            old, own = math.exp(self.highest - highest), (heights - highest).exp()
            self.weighted = old * self.weighted + own @ hidden
            self.weight, self.highest = old * self.weight + float(own.sum()), highest

    def scores(self) -> Tensor:
        """Return the scores (K,) for what has been read."""
        encoder = self.network.encoder
        found = {"mean": self.total / self.steps, "max": self.largest, "last": self.last}
        if encoder.attention is not None:
            found["attention"] = self.weighted / self.weight
        pooled = [found[name] for name in encoder.pooling.split("-")]
        vector = torch.cat([own for own in pooled if isinstance(own, Tensor)])
        scores: Tensor = self.network.head(vector[None])[0]
        return scores
