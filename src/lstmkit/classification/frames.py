"""The network of sequences of frames: its settings, an encoder with the input layer of frames, and several as one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lstmkit.classification.network import Encoder, Ensemble, FurtherHead, SequenceNetwork
from lstmkit.classification.settings import NetworkSettings
from lstmkit.sequences import Features, FrameLayer, FrameLayerSettings, Normalisation, Padded, Ragged
from lstmkit.sequences.frame_layer import RANGES
from lstmkit.training.schema import Natural, Positive

NETWORKS = ((100, 5), (300, 3))
"""Up to how many rows of the training part the answer is the mean of how many networks; of more rows it is one's."""
FILTERED, LONG = 9, 50
"""Steps that the filters of every second network see, and that sequences have in the median where there are such."""


@dataclass(frozen=True)
class FrameSettings(NetworkSettings):
    """Size and training of a network that reads frames: those of every network, and what only frames have.

    convolution    as of `FrameLayerSettings`; None: of several networks every second has filters, over 9 steps, if the
                   sequences are long, `filters_for`; one alone has none
    ensemble       networks whose mean is the answer, each from other initial weights; None: more where there are few
                   rows, `networks_for`
    The others are those of `FrameLayerSettings`.
    """

    later: ClassVar[tuple[str, ...]] = (*NetworkSettings.later, "convolution", "filters", "picture", "mirror")

    relative: int = 0
    differences: tuple[int, ...] = ()
    normalise: str = "features"
    convolution: int | None = 0
    filters: int = 32
    picture: tuple[int, ...] = ()
    ensemble: int | None = None
    input_dropout: float = 0.0
    stretch: float = 0.0
    crop: float = 0.0
    scale: float = 0.0
    noise: float = 0.0
    time_mask: float = 0.0
    channel_mask: float = 0.0
    mirror: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check every value."""
        self.check(RANGES)
        self.layer  # noqa: B018, it checks

    @property
    def layer(self) -> FrameLayerSettings:
        """What is made of the frames."""
        return FrameLayerSettings.of(self)

    @property
    def features(self) -> Features:
        """What is computed of the frames."""
        return self.layer.features

    def networks_for(self, rows: int) -> int:
        """Return of how many networks the answer is the mean where there are so many rows to learn from."""
        if self.ensemble is not None:
            return self.ensemble
        return next((count for most, count in NETWORKS if rows <= most), 1)

    def filters_for(self, lengths: NDArray[np.int64]) -> int:
        """Return how many steps filters see where sequences have such lengths."""
        if self.convolution is not None:
            return self.convolution
        return FILTERED if np.median(lengths) >= LONG else 0

    def of_network(self, number: int, filtered: int) -> FrameSettings:
        """Return the settings of one of several networks: of those that nobody decided on, every second has filters.

        number    counted from 0
        filtered  steps that its filters see
        """
        if self.convolution is not None:
            return self
        return dataclasses.replace(self, convolution=filtered * (number % 2))

    def networks_note(self, rows: int) -> list[str]:
        """Return a line where several networks answer though nobody asked for them."""
        count = self.networks_for(rows)
        if self.ensemble is not None or count == 1:
            return []
        return [
            f"{rows:,} sequences are few, and what one network makes of them differs by its seed: the answer is the "
            f"mean of {count} networks; --set ensemble=1 trains one"
        ]


@dataclass(frozen=True)
class FrameShape:
    """What a network is built from, besides its settings.

    channels  C, of a frame
    outputs   K, classes, or 1 for a number
    marks     whether values may be missing, so that the network must be told which are
    further   heads beside the main one
    networks  whose mean is the answer
    filtered  steps that filters see, in all networks or in every second: `FrameSettings.of_network`
    """

    channels: Positive
    outputs: Positive
    marks: bool = False
    further: tuple[FurtherHead, ...] = ()
    networks: Positive = 1
    filtered: Natural = 0


class FrameEncoder(Encoder):
    """From frames to one vector a sequence."""

    def __init__(self, settings: FrameSettings, shape: FrameShape) -> None:
        super().__init__()
        self.frames = FrameLayer(settings.layer, shape.channels, shape.marks, not settings.bidirectional)
        self.stack(self.frames.width, settings)

    def steps(self, batch: Padded) -> Padded:
        """Return what the recurrent layers read, (T, B, width)."""
        found: Padded = self.frames(batch)
        return found


def frame_ensemble(settings: FrameSettings, shape: FrameShape, training: Ragged | None = None) -> Ensemble:
    """Return the networks of a shape.

    training  frames that normalisation is fitted to; None where a state dict is loaded afterwards
    """
    network = Ensemble(
        (
            SequenceNetwork(FrameEncoder(own, shape), own, shape.outputs, 1, shape.further)
            for own in (settings.of_network(number, shape.filtered) for number in range(shape.networks))
        ),
        shape.outputs,
    )
    layers = [module for module in network.modules() if isinstance(module, Normalisation)]
    if training is not None and layers[0].fitted:
        layers[0].fit(settings.features.of(training))
        for layer in layers[1:]:
            layer.load_state_dict(layers[0].state_dict())
    return network
