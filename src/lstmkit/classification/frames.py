"""The input layer of frames: features, normalisation, what is missing, and what is changed in training."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit.classification.network import Encoder, Ensemble, FurtherHead, SequenceNetwork
from lstmkit.classification.settings import NetworkSettings
from lstmkit.errors import InputError
from lstmkit.nn.convolution import StepFilters
from lstmkit.nn.lengths import padding_mask
from lstmkit.nn.regularization import locked
from lstmkit.ranges import BELOW_1, Range
from lstmkit.sequences import Augmentation, Features, Normalisation, Padded, Ragged
from lstmkit.sequences.augmentation import RANGES as AUGMENTATION_RANGES
from lstmkit.sequences.features import RANGES as FEATURE_RANGES
from lstmkit.sequences.normalising import KINDS
from lstmkit.training.schema import Natural, Positive

NETWORKS = ((100, 5), (300, 3))
"""Up to how many rows of the training part the answer is the mean of how many networks; of more rows it is one's."""
CONVOLUTION = Range("must be from 0 to 999", least=0, most=999)
FILTERED, LONG = 9, 50
"""Steps that the filters of every second network see, and that sequences have in the median where there are such."""


@dataclass(frozen=True)
class FrameSettings(NetworkSettings):
    """Size and training of a network that reads frames: those of every network, and what only frames have.

    relative       first frames whose mean is taken from every frame; 0 leaves the frames as they are
    differences    lags over which differences are read beside the frames
    normalise      "features": by statistics of the training part; "together": with one spread for all channels;
                   "sequence": by those of each sequence; "none"
    convolution    steps that filters see, which stand between the frames and the recurrent layers: around a step, or
                   before it where the network reads forwards only; 0 for none; None: of several networks
                   every second has them, over 9 steps, if the sequences are long, `filters_for`; one alone has none
    filters        how many
    ensemble       networks whose mean is the answer, each from other initial weights; None: more where there are few
                   rows, `networks_for`
    input_dropout  of the features, for a whole sequence
    stretch, crop, scale, noise, time_mask, channel_mask, mirror
                   how sequences are changed in training, as in `Augmentation`
    """

    later: ClassVar[tuple[str, ...]] = (*NetworkSettings.later, "convolution", "filters", "mirror")

    relative: int = 0
    differences: tuple[int, ...] = ()
    normalise: str = "features"
    convolution: int | None = 0
    filters: int = 32
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
        ranges = {"input_dropout": BELOW_1, "convolution": CONVOLUTION, **FEATURE_RANGES, **AUGMENTATION_RANGES}
        self.check({"normalise": KINDS, **ranges})
        self.augmentation  # noqa: B018, it checks

    @property
    def features(self) -> Features:
        """What is computed of the frames."""
        return Features(self.relative, self.differences)

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

    @property
    def augmentation(self) -> Augmentation:
        """How sequences are changed in training."""
        amounts = (self.stretch, self.crop, self.scale, self.noise, self.time_mask, self.channel_mask)
        return Augmentation(*amounts, self.mirror)


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
    """From frames to one vector a sequence.

    A value that is missing is NaN up to here, where it becomes zero, which is the mean. Where some may be missing,
    a mark stands beside each.
    """

    def __init__(self, settings: FrameSettings, shape: FrameShape) -> None:
        super().__init__()
        self.features, self.augmentation = settings.features, settings.augmentation
        self.channels, self.marks, self.input_dropout = shape.channels, shape.marks, settings.input_dropout
        if settings.mirror and len(settings.mirror) != shape.channels:
            raise InputError(
                f"mirror: {len(settings.mirror)} channels are named of {shape.channels}; name all, or none"
            )
        width = shape.channels * self.features.groups
        self.normalisation = Normalisation(width, settings.normalise, self.features.groups)
        width += shape.channels * shape.marks
        self.filters: StepFilters | None = None
        if settings.convolution:
            self.filters = StepFilters(width, settings.filters, settings.convolution, not settings.bidirectional)
            width = settings.filters
        self.stack(width, settings)

    def steps(self, batch: Padded) -> Padded:
        """Return what the recurrent layers read, (T, B, width)."""
        if self.training:
            batch = self.augmentation.warp(batch)
        values, lengths = self.normalisation(self.features(batch)), batch.lengths
        if self.training:
            values = self.augmentation.blur(values, lengths, self.channels)
        values = values.masked_fill(torch.isnan(values), 0.0)
        if self.marks:
            values = torch.cat([values, torch.isnan(batch.values).to(values.dtype)], dim=2)
        values = locked(values, self.input_dropout, self.training)
        if self.filters is not None:
            there = ~padding_mask(lengths, len(values), values.device).unsqueeze(2)
            values = self.filters(values * there)  # noise is in the padding, too
        return Padded(values, lengths)


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
