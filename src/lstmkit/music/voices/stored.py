"""A fitted composer of voices as a model folder, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.music.frames.stored import CHAIN, CHAINS, NETWORK, Key, Part
from lstmkit.music.voices.baselines import SUNG, VoiceTransitions
from lstmkit.music.voices.model import VoiceModel
from lstmkit.music.voices.network import Span
from lstmkit.music.voices.relative import CODES
from lstmkit.music.voices.settings import VoiceSettings
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill, part_of
from lstmkit.training.schema import Natural, Positive, Seed
from lstmkit.training.tensors import TensorShape

KIND = "voices"


@dataclass(frozen=True)
class VoiceParams:
    """Arguments of `VoiceComposer` as a config holds them."""

    settings: VoiceSettings
    seed: Seed
    step: Part


@dataclass(frozen=True)
class VoiceConfig:
    """The config of a folder, its types and ranges checked; see `VoiceComposer.save`.

    spans   the lowest and the highest key of each voice
    steps   of half of the training pieces, at most
    """

    params: VoiceParams
    spans: tuple[tuple[Key, Key], ...]
    steps: Positive
    trained_on: Natural
    history: tuple[StoredRecord, ...]


def write_voiced(
    path: Path, config: dict[str, Any], model: VoiceModel, chains: Mapping[str, NDArray[np.float64]], force: bool
) -> None:
    """Write a fitted composer to a folder; `config` is what a `VoiceConfig` is read from."""
    tensors = {NETWORK + name: tensor for name, tensor in model.state_dict().items()}
    tensors |= {CHAIN + name: torch.from_numpy(np.ascontiguousarray(shares)) for name, shares in chains.items()}
    ModelFolder(KIND, config, tensors).write(path, __version__, force)


def read_voiced(path: Path) -> tuple[VoiceConfig, VoiceModel, dict[str, VoiceTransitions]]:
    """Return what a folder, or one in a folder of results, holds; see `VoiceComposer.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(VoiceConfig)
    how, spans = config.params.settings, [Span(*span) for span in config.spans]
    with folder.agreeing():
        if not spans or any(span.highest < span.lowest for span in spans):
            raise InputError(f"{len(spans)} voices with keys {spans}")

        def build() -> VoiceModel:
            return VoiceModel(how, spans)

        shapes = folder.shapes_of(build, how.ensemble * len(spans), NETWORK)
        shapes |= {CHAIN + name: TensorShape("F64", (len(spans), CODES, SUNG)) for name in CHAINS}
        folder.require(shapes)
        tensors = folder.load()
        model = build().eval()
        fill(model, tensors, NETWORK)
        chains = {name: _chain(shares.numpy()) for name, shares in part_of(tensors, CHAIN).items()}
    return config, model, chains


def _chain(shares: NDArray[np.float64]) -> VoiceTransitions:
    if not bool(((shares > 0) & (shares < 1)).all()):
        raise InputError("a chain with probabilities that are none")
    return VoiceTransitions(shares)
