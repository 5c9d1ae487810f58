"""A streaming network that is fed samples as they come; what it hears does not depend on how they are cut.

Every step is worked by itself, counted from the beginning of the recording, so that this holds for every bit.
"""

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

TOGETHER = 4
"""Steps that are heard together where samples come without end: 120 ms, for one by one takes half as long again."""


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
        self.block = TOGETHER * round(network.settings.stack * features.rate * features.shift / 1000)
        self.heard: Moments = network.normalisation.before(nobody(1, self._channels))
        self._kept = self.heard
        self._begin()

    def _begin(self) -> None:
        how = self._network.settings
        self._reach = how.frames_around
        self._source = FeatureStream(self._features)
        self._frames = torch.zeros(self._reach, 1, self._channels)
        self._raw = torch.zeros(0, 1, self._channels)
        self._ahead = how.lookahead
        self._state: Any = None
        self._hidden: Tensor | None = None

    def remember(self) -> None:
        """Keep what has been heard of the speaker."""
        self._kept = self.heard

    def forget(self) -> None:
        """Leave out what has been heard since it was kept last: nobody spoke, and a long silence is not the speaker."""
        self.heard = self._kept

    def accept(self, samples: Samples) -> Emissions:
        """Return the steps that more samples complete, by head, (N, 1 + units)."""
        return self._heard(self._source.accept(samples), last=False)

    def finish(self) -> Emissions:
        """Return the steps of the last samples; another recording may follow, which begins with what was heard."""
        found = self._heard(self._source.finish(), last=True)
        self._begin()
        return found

    def _heard(self, frames: NDArray[np.float32], last: bool) -> Emissions:
        parts = [[np.zeros((0, width), np.float32) for width in self._network.outputs.values()]]
        with torch.no_grad():
            self._raw = torch.cat([self._raw, torch.from_numpy(np.ascontiguousarray(frames)).unsqueeze(1)])
            stack = self._network.settings.stack
            while len(self._raw) >= stack or (last and len(self._raw)):
                self._normalised(self._raw[:stack])
                self._raw = self._raw[stack:]
                parts += self._steps()
            if last:
                missing = -(len(self._frames) - self._reach) % stack + self._reach
                self._frames = torch.cat([self._frames, torch.zeros(missing, 1, self._channels)])
                parts += self._steps()
                silence = torch.zeros(1, 1, self._network.recurrent.hidden_size)
                parts += [self._told(silence) for _ in range(self._ahead if self._hidden is not None else 0)]
        names = self._network.outputs
        return {name: np.concatenate(own) for name, own in zip(names, zip(*parts, strict=True), strict=True)}

    def _normalised(self, values: Tensor) -> None:
        """Take the frames of a step, in units of all that came before."""
        if self._network.normalisation.kind == "features":
            own = self._network.normalisation.usual(1).units(values)
        else:
            own, self.heard = so_far(values, self.heard)
        self._frames = torch.cat([self._frames, own])

    def _steps(self) -> list[list[NDArray[np.float32]]]:
        """Return what the heads say of steps that can be told now that more frames have come."""
        stack, found = self._network.settings.stack, []
        needed = stack + 2 * self._reach
        while len(self._frames) >= needed:
            step = self._network.stacked(self._frames[:needed])[0]
            hidden, self._state = self._network.recurrent.step(step, self._state)
            self._frames = self._frames[stack:]
            found.append(self._told(hidden.unsqueeze(0)))
        return found

    def _told(self, hidden: Tensor) -> list[NDArray[np.float32]]:
        """Take one more step, and return what the heads say of the one that now knows enough of those after it."""
        held = hidden if self._hidden is None else torch.cat([self._hidden, hidden])
        if len(held) <= self._ahead:
            self._hidden = held
            return [np.zeros((0, width), np.float32) for width in self._network.outputs.values()]
        self._hidden = held[1:]
        read = held[:1]
        if self._network.ahead is not None:
            # What the convolution does, for a single step and channel by channel: in a tenth of its time.
            weight, bias = self._network.ahead.weight[:, 0].T, self._network.ahead.bias
            read = read + (held[:, 0] * weight).sum(dim=0) + (0.0 if bias is None else bias)
        return [own[:, 0].numpy() for own in self._network.told(read).values()]
