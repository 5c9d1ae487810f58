"""What a captioner looks like and how it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lstmkit.errors import InputError
from lstmkit.language.translate import TranslatorSettings
from lstmkit.sequences import FrameLayerSettings
from lstmkit.sequences.frame_layer import RANGES
from lstmkit.video.classifier import OF_SKELETONS
from lstmkit.video.pictures import PIXELS, PictureSettings
from lstmkit.video.rows import Kind
from lstmkit.video.skeletons import SkeletonSettings

OF_PICTURES: Mapping[str, Any] = {"convolution": 1, "stretch": 0.0, "noise": 0.0}
"""Settings for frames of many numbers, which become few before the recurrent layers read them."""

OF_FLOW: Mapping[str, Any] = {**OF_PICTURES, "convolution": 0, "differences": ()}
"""Settings for the flow likewise, as where classes are told: few numbers, changes already, are read as they are."""

OF_PIXELS: Mapping[str, Any] = {**OF_PICTURES, "convolution": 0, "picture": (PIXELS, PIXELS), "normalise": "together"}
"""Settings for pixels likewise: filters that are learnt see them first."""


@dataclass(frozen=True)
class CaptionSettings(TranslatorSettings):
    """The network and its training: those of a translator, and what it makes of the frames that it reads.

    A translator's `input_dropout` is that of words and of frames, and its `sampling` has no meaning here.

    longest    words of a caption at most; longer ones are left out of the training
    longest_clip  frames of a clip at most, in training: those of a batch are in memory together
    relative, differences, normalise, convolution, filters, picture, stretch, crop, noise, time_mask
               as of `FrameLayerSettings`
    """

    embedding_size: int = 128
    hidden_size: int = 128
    batch_size: int = 32
    average: float | None = 0.99
    warmup: int = 100
    patience: int | None = 10
    longest: int = 60
    longest_clip: int = 2_000
    relative: int = 0
    differences: tuple[int, ...] = (1,)
    normalise: str = "features"
    convolution: int = 0
    filters: int = 128
    picture: tuple[int, ...] = ()
    stretch: float = 0.2
    crop: float = 0.0
    noise: float = 0.1
    time_mask: float = 0.0

    def __post_init__(self) -> None:
        """Check every value."""
        self.check(RANGES)
        self.layer  # noqa: B018, it checks
        if self.sampling:
            raise InputError(
                "CaptionSettings: sampling divides words into sub-words, and captions have none; leave it out"
            )

    @property
    def layer(self) -> FrameLayerSettings:
        """What is made of the frames."""
        return FrameLayerSettings.of(self)


def usual_settings(frames: Kind) -> Mapping[str, Any]:
    """Return the settings that are others than those of `CaptionSettings` for what is read."""
    if isinstance(frames, SkeletonSettings):
        return OF_SKELETONS
    features = frames.features if isinstance(frames, PictureSettings) else ""
    return {"pixels": OF_PIXELS, "flow": OF_FLOW}.get(features, OF_PICTURES)
