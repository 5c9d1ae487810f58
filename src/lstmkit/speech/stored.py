"""A fitted recogniser as a model folder, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.speech.ctc.network import RecognizerNetwork, RecognizerShape
from lstmkit.speech.ctc.settings import RecognizerSettings
from lstmkit.speech.features import FeatureSettings
from lstmkit.speech.units import Units
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill
from lstmkit.training.schema import Natural

KIND = "recogniser"


@dataclass(frozen=True)
class StoredRecogniser:
    """The config of a recogniser's folder, its types and ranges checked; see `Recognizer.save`."""

    seed: Natural
    settings: RecognizerSettings
    features: FeatureSettings
    units: dict[str, Units]
    lexicon: dict[str, tuple[tuple[str, ...], ...]] | None
    history: tuple[StoredRecord, ...]


def write_recogniser(path: Path, config: dict[str, Any], network: RecognizerNetwork, force: bool) -> None:
    """Write a fitted recogniser to a folder; `config` is what a `StoredRecogniser` is read from."""
    ModelFolder(KIND, config, network.state_dict()).write(path, __version__, force)


def read_recogniser(path: Path) -> tuple[StoredRecogniser, RecognizerNetwork]:
    """Return what a folder holds: its config and the network; see `Recognizer.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(StoredRecogniser)
    with folder.agreeing():
        for name, own in config.units.items():
            if name != own.kind or len(set(own.symbols)) != len(own.symbols) or not own.symbols:
                raise InputError(f"the units of head {name!r} are not sound")
        if not config.units or config.features.stack != 1:
            raise InputError("a recogniser has heads, and frames that stand alone")
        shape = RecognizerShape.of(config.features, config.units)
        folder.require(folder.shapes_of(lambda: RecognizerNetwork(config.settings, shape), config.settings.num_layers))
        tensors = folder.load()
        network = RecognizerNetwork(config.settings, shape)
        fill(network, tensors)
    return config, network.eval()
