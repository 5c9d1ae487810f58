"""The input layer of frames: features, normalisation, what is missing, filters, and what is changed in training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lstmkit.errors import InputError
from lstmkit.nn.convolution import PictureFilters, StepFilters
from lstmkit.nn.lengths import padding_mask
from lstmkit.nn.regularization import locked
from lstmkit.ranges import BELOW_1, Range, check_fields, shown
from lstmkit.sequences.augmentation import RANGES as AUGMENTATION_RANGES
from lstmkit.sequences.augmentation import Augmentation
from lstmkit.sequences.features import RANGES as FEATURE_RANGES
from lstmkit.sequences.features import Features
from lstmkit.sequences.normalising import KINDS, Normalisation
from lstmkit.sequences.ragged import Padded

RANGES: Mapping[str, Range | Sequence[str]] = {
    "input_dropout": BELOW_1,
    "convolution": Range("must be from 0 to 999", least=0, most=999),
    "normalise": KINDS,
    "picture": Range("must be from 8 to 256", least=8, most=256),
    **FEATURE_RANGES,
    **AUGMENTATION_RANGES,
}
"""Of the settings, for those that add them to others."""


@dataclass(frozen=True)
class FrameLayerSettings:
    """What a network makes of frames before its recurrent layers read them; settings of a task have these
    fields among their own.

    relative       first frames whose mean is taken from every frame; 0 leaves the frames as they are
    differences    lags over which differences are read beside the frames
    normalise      "features": by statistics of the training part; "together": with one spread for all channels;
                   "sequence": by those of each sequence; "none"
    convolution    steps that filters see, which stand between the frames and the recurrent layers: around a step, or
                   before it where the network reads forwards only; 0 for none
    filters        how many
    picture        rows and columns of frames that are pictures, colour by colour and row by row: filters that are
                   learnt see neighbouring places, before those over steps; (): frames are numbers without places
    input_dropout  of the features, for a whole sequence
    stretch, crop, scale, noise, time_mask, channel_mask, mirror
                   how sequences are changed in training, as in `Augmentation`
    """

    relative: int = 0
    differences: tuple[int, ...] = ()
    normalise: str = "features"
    convolution: int | None = 0
    filters: int = 32
    picture: tuple[int, ...] = ()
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
        check_fields(self, RANGES, "FrameLayerSettings")
        if len(self.picture) not in (0, 2):
            raise InputError(f"picture must be rows and columns; got {shown(self.picture)}")
        self.augmentation  # noqa: B018, it checks

    @classmethod
    def of(cls, settings: Any) -> FrameLayerSettings:
        """Return the fields that the settings of a task have of these."""
        own = {field.name for field in dataclasses.fields(cls)} & {field.name for field in dataclasses.fields(settings)}
        return cls(**{name: getattr(settings, name) for name in own})

    @property
    def features(self) -> Features:
        """What is computed of the frames."""
        return Features(self.relative, self.differences)

    @property
    def augmentation(self) -> Augmentation:
        """How sequences are changed in training."""
        amounts = (self.stretch, self.crop, self.scale, self.noise, self.time_mask, self.channel_mask)
        return Augmentation(*amounts, self.mirror)


class FrameLayer(nn.Module):
    """From frames to what recurrent layers read of them.

    A value that is missing is NaN up to here, where it becomes zero, which is the mean. Where some may be missing,
    a mark stands beside each.

    settings  of the layer
    channels  C, of a frame
    marks     whether values may be missing, so that the network must be told which are
    forwards  whether filters see no step after their own
    Raises    InputError if the mirror names other channels, or frames are no pictures of the shape that is told
    """

    def __init__(self, settings: FrameLayerSettings, channels: int, marks: bool, forwards: bool = False) -> None:
        super().__init__()
        self.features, self.augmentation = settings.features, settings.augmentation
        self.channels, self.marks, self.input_dropout = channels, marks, settings.input_dropout
        if settings.mirror and len(settings.mirror) != channels:
            raise InputError(f"mirror: {len(settings.mirror)} channels are named of {channels}; name all, or none")
        width = channels * self.features.groups
        self.normalisation = Normalisation(width, settings.normalise, self.features.groups)
        self.pictures: PictureFilters | None = None
        if settings.picture:
            self.pictures = _picture_filters(width, settings)
            width = self.pictures.width
        width += channels * marks
        self.filters: StepFilters | None = None
        if settings.convolution:
            self.filters = StepFilters(width, settings.filters, settings.convolution, forwards)
            width = settings.filters
        self.width = width

    def forward(self, batch: Padded) -> Padded:
        """Return what the recurrent layers read, (T, B, width), and the lengths of that."""
        if self.training:
            batch = self.augmentation.warp(batch)
        values, lengths = self.normalisation(self.features(batch)), batch.lengths
        if self.training:
            values = self.augmentation.blur(values, lengths, self.channels)
        values = locked(self.marked(values, torch.isnan(batch.values)), self.input_dropout, self.training)
        if self.filters is not None:
            there = ~padding_mask(lengths, len(values), values.device).unsqueeze(2)
            values = self.filters(values * there)  # noise is in the padding, too
        return Padded(values, lengths)

    def marked(self, values: Tensor, missing: Tensor) -> Tensor:
        """Return normalised features (T, B, F) without gaps, what is seen of pictures, and marks of gaps beside them.

        missing  which values (T, B, C) of the frames are missing
        """
        values = values.masked_fill(torch.isnan(values), 0.0)
        if self.pictures is not None:
            values = self.pictures(values)
        return torch.cat([values, missing.to(values.dtype)], dim=2) if self.marks else values


def _picture_filters(width: int, settings: FrameLayerSettings) -> PictureFilters:
    """Return the filters of pictures whose features have so many numbers.

    Raises  InputError if that is no number of whole pictures
    """
    rows, columns = settings.picture
    colours, rest = divmod(width, rows * columns)
    if rest or not colours:
        raise InputError(f"picture: frames of {width:,} numbers are no pictures of {rows} x {columns}; leave it out")
    return PictureFilters(colours, rows, columns, settings.filters)
