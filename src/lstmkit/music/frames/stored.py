"""A fitted composer of piano rolls as a model folder, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.music.frames.baselines import Transitions
from lstmkit.music.frames.model import FrameModel
from lstmkit.music.frames.settings import FrameSettings
from lstmkit.music.rolls import KEYS
from lstmkit.music.rolls.frames import PART
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill, part_of
from lstmkit.training.schema import Natural, Positive, Seed
from lstmkit.training.tensors import TensorShape

KIND = "piano rolls"
NETWORK, CHAIN = "network.", "chain."
CHAINS = ("chain", "last")
Key = Annotated[int, msgspec.Meta(ge=0, le=KEYS - 1)]
Part = Annotated[str, msgspec.Meta(pattern=f"^{PART.pattern}$")]
"""Of a whole note."""


@dataclass(frozen=True)
class Params:
    """Arguments of `RollComposer` as a config holds them."""

    settings: FrameSettings
    seed: Seed
    step: Part


@dataclass(frozen=True)
class RollConfig:
    """The config of a folder, its types and ranges checked; see `RollComposer.save`.

    lowest, highest  keys that are decided on
    steps            of half of the training pieces, at most
    """

    params: Params
    lowest: Key
    highest: Key
    steps: Positive
    trained_on: Natural
    history: tuple[StoredRecord, ...]


def write_rolled(
    path: Path, config: dict[str, Any], model: FrameModel, chains: Mapping[str, NDArray[np.float64]], force: bool
) -> None:
    """Write a fitted composer to a folder; `config` is what a `RollConfig` is read from."""
    tensors = {NETWORK + name: tensor for name, tensor in model.state_dict().items()}
    tensors |= {CHAIN + name: torch.from_numpy(np.ascontiguousarray(on)) for name, on in chains.items()}
    ModelFolder(KIND, config, tensors).write(path, __version__, force)


def read_rolled(path: Path) -> tuple[RollConfig, FrameModel, dict[str, Transitions]]:
    """Return what a folder, or one in a folder of results, holds; see `RollComposer.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(RollConfig)
    how = config.params.settings
    with folder.agreeing():
        if config.highest < config.lowest:
            raise InputError(f"keys from {config.lowest} to {config.highest}")

        def build() -> FrameModel:
            return FrameModel(how, config.lowest, config.highest)

        shapes = folder.shapes_of(build, how.ensemble, NETWORK)
        shapes |= {CHAIN + name: TensorShape("F64", (2, KEYS)) for name in CHAINS}
        folder.require(shapes)
        tensors = folder.load()
        model = build().eval()
        fill(model, tensors, NETWORK)
        chains = {name: _chain(on.numpy()) for name, on in part_of(tensors, CHAIN).items()}
    return config, model, chains


def _chain(on: NDArray[np.float64]) -> Transitions:
    if not bool(((on > 0) & (on < 1)).all()):
        raise InputError("a chain with probabilities that are none")
    return Transitions(on)
