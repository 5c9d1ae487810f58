"""A streaming network that is fed samples as they come; what it hears does not depend on how they are cut."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.speech.audio import Samples
from lstmkit.speech.ctc.learning import Emissions
from lstmkit.speech.ctc.network import RecognizerNetwork
from lstmkit.speech.ctc.normalising import Moments, nobody, so_far
from lstmkit.speech.features import FeatureSettings, FeatureStream


@final
class NetworkStream:
    """Hears one recording after the other, whose speaker is the same.

    network   in evaluation
    features  how frames are computed
    Raises    InputError if the network must see the whole of a recording
    """

    def __init__(self, network: RecognizerNetwork, features: FeatureSettings) -> None:
        if not network.settings.streaming:
            raise InputError("stream: this network reads recordings from both ends; train one with --streaming")
        self._network, self._features = network, features
        self._channels = features.width
        self.heard: Moments = network.normalisation.before(nobody(1, self._channels))
        self._begin()

    def _begin(self) -> None:
        how = self._network.settings
        self._reach = how.reach if how.front == "convolution" else 0
        self._source = FeatureStream(self._features)
        self._frames = torch.zeros(self._reach, 1, self._channels)
        self._state: Any = None
        self._hidden: Tensor | None = None

    def accept(self, samples: Samples) -> Emissions:
        """Return the steps that more samples complete, by head, (N, 1 + units)."""
        self._hear(self._source.accept(samples))
        return self._told(self._steps(), last=False)

    def finish(self) -> Emissions:
        """Return the steps of the last samples; another recording may follow, which begins with what was heard."""
        self._hear(self._source.finish())
        stack, own = self._network.settings.stack, len(self._frames) - self._reach
        missing = -own % stack + self._reach
        self._frames = torch.cat([self._frames, torch.zeros(missing, 1, self._channels)])
        found = self._told(self._steps(), last=True)
        self._begin()
        return found

    def _hear(self, frames: NDArray[np.float32]) -> None:
        """Take frames, in units of all that came before."""
        if not len(frames):
            return
        values = torch.from_numpy(np.ascontiguousarray(frames)).unsqueeze(1)
        if self._network.normalisation.kind == "features":
            usual = self._network.normalisation.usual(1)
            own = ((values.double() - usual.mean) / usual.spread).to(torch.float32)
        else:
            own, self.heard = so_far(values, self.heard)
        self._frames = torch.cat([self._frames, own])

    def _steps(self) -> Tensor:
        """Return what the recurrent layers make of the frames that have come, (N, 1, width)."""
        stack = self._network.settings.stack
        count = max(0, (len(self._frames) - 2 * self._reach) // stack)
        width = self._network.recurrent.hidden_size
        if not count:
            return torch.zeros(0, 1, width)
        with torch.no_grad():
            read = self._network.stacked(self._frames[: count * stack + 2 * self._reach])
            hidden, self._state = self._network.recurrent(read, self._state)
        self._frames = self._frames[count * stack :]
        found: Tensor = hidden
        return found

    def _told(self, hidden: Tensor, last: bool) -> Emissions:
        """Return what the heads say of the steps of which enough is known."""
        how = self._network.settings
        held = hidden if self._hidden is None else torch.cat([self._hidden, hidden])
        count = len(held) if last else max(0, len(held) - how.lookahead)
        self._hidden = held[count:]
        if not count:
            return {name: np.zeros((0, width), np.float32) for name, width in self._network.outputs.items()}
        with torch.no_grad():
            found = self._network.told(self._network.looked_ahead(held)[:count])
        return {name: values[:, 0].contiguous().numpy() for name, values in found.items()}
