"""A fitted captioner as a model folder, and back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstmkit.language.text import VocabularySettings
from lstmkit.language.translate.network import Shape, TranslationNetwork
from lstmkit.language.vocabulary import StoredTokens, Tokens, tokens_from
from lstmkit.sequences import FrameLayer
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill
from lstmkit.training.schema import Natural, Positive, Seed
from lstmkit.video.captions.settings import CaptionSettings
from lstmkit.video.pictures import PictureSettings
from lstmkit.video.rows import ArraySettings, Kind
from lstmkit.video.skeletons import SkeletonSettings

KIND = "captioner"


@dataclass(frozen=True)
class CaptionerConfig:
    """The config of a captioner's folder, its types and ranges checked; see `Captioner.save`."""

    settings: CaptionSettings
    pictures: PictureSettings | None
    skeletons: SkeletonSettings | None
    arrays: ArraySettings | None
    vocabulary: VocabularySettings
    tokens: StoredTokens
    cased: bool
    marks: bool
    seed: Seed
    channels: tuple[str, ...]
    longest: Positive
    left_out: Natural
    history: tuple[StoredRecord, ...]

    @property
    def kind(self) -> Kind:
        """How what is read becomes frames."""
        found = [own for own in (self.pictures, self.skeletons, self.arrays) if own is not None]
        if len(found) != 1:
            raise ValueError("either videos, or skeletons, or arrays")
        return found[0]


def write_captioner(
    path: Path,
    config: dict[str, Any],
    frames: Kind,
    tokens: Tokens,
    network: TranslationNetwork,
    version: str,
    force: bool,
) -> None:
    """Write a fitted captioner to a folder; `config` with what is read and words is that of `CaptionerConfig`."""
    assert network.frames is not None
    kinds = {"pictures": PictureSettings, "skeletons": SkeletonSettings, "arrays": ArraySettings}
    own = frames.with_weights() if isinstance(frames, PictureSettings) else frames
    beside: dict[str, Any] = {
        name: dataclasses.asdict(own) if isinstance(own, kind) else None for name, kind in kinds.items()
    }
    beside |= {"tokens": tokens.config(), "marks": network.frames.marks}
    ModelFolder(KIND, config | beside, network.state_dict()).write(path, version, force)


def read_captioner(path: Path) -> tuple[CaptionerConfig, Tokens, TranslationNetwork]:
    """Return what a folder holds: its config, the words, and the network; see `Captioner.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(CaptionerConfig)
    with folder.agreeing():
        if isinstance(config.kind, PictureSettings) and config.channels != config.kind.channels:
            raise ValueError("a network of other frames")
        tokens = tokens_from(config.tokens)
        shape = Shape(len(tokens.symbols), tokens.end, tokens.unknown)

        def build() -> TranslationNetwork:
            layer = FrameLayer(config.settings.layer, len(config.channels), config.marks)
            return TranslationNetwork(config.settings, shape, layer)

        folder.require(folder.shapes_of(build, config.settings.layers))
        tensors = folder.load()
        network = build().eval()
        fill(network, tensors)
    if isinstance(config.kind, PictureSettings):
        config.kind.require_weights(str(path))
    return config, tokens, network
