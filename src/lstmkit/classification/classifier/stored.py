"""A fitted classifier of sequences as a model folder, and back."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lstmkit import __version__
from lstmkit.classification.classifier.settings import SequenceSettings
from lstmkit.classification.frames import FrameShape, frame_ensemble
from lstmkit.classification.labels import Coding
from lstmkit.classification.network import Ensemble
from lstmkit.classification.reading import Form
from lstmkit.errors import InputError
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill
from lstmkit.training.schema import Natural

KIND = "sequence classifier"


@dataclass(frozen=True)
class StoredClassifier:
    """The config of a classifier's folder, its types and ranges checked; see `SequenceClassifier.save`."""

    task: Literal["classes", "number"]
    seed: Natural
    settings: SequenceSettings
    shape: FrameShape
    form: Form
    classes: tuple[str, ...]
    whole: bool
    scale: tuple[float, float]
    history: tuple[StoredRecord, ...]
    beside: dict[str, float] = field(default_factory=dict)

    def coding(self) -> Coding:
        """Return how labels are coded."""
        return Coding(self.form.label, self.classes, self.whole, self.scale)


def write_sequence_classifier(path: Path, config: dict[str, Any], network: Ensemble, force: bool) -> None:
    """Write a fitted classifier to a folder; `config` is what a `StoredClassifier` is read from."""
    ModelFolder(KIND, config, network.state_dict()).write(path, __version__, force)


def read_sequence_classifier(path: Path) -> tuple[StoredClassifier, Ensemble]:
    """Return what a folder holds: its config and the network; see `SequenceClassifier.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(StoredClassifier)
    asked = config.settings.ensemble
    if asked is not None and config.shape.networks == 1:  # older folders say in the settings alone how many there are
        config = dataclasses.replace(config, shape=dataclasses.replace(config.shape, networks=asked))
    return config, network_of(folder, config)


def network_of(folder: StoredModel, config: StoredClassifier) -> Ensemble:
    """Return the network that a folder holds, described by its config or a part of it."""
    how, shape = config.settings, config.shape
    folder = folder.named(_present_name)
    with folder.agreeing():
        _check(config)
        folder.require(folder.shapes_of(lambda: frame_ensemble(how, shape), shape.networks * (how.num_layers + 1)))
        tensors = folder.load()
        network = frame_ensemble(how, shape)
        fill(network, tensors)
    return network.eval()


def _present_name(name: str) -> str:
    """Return what a tensor is called now: in older folders the input layer is no part of its own."""
    return re.sub(r"(\.encoder\.)(normalisation|filters)\.", r"\1frames.\2.", name)


def _check(config: StoredClassifier) -> None:
    """Raise InputError if the parts of a config do not agree with each other."""
    shape, channels = config.shape, config.form.channels
    config.coding().require_sound(config.task, shape.outputs)
    if shape.channels != len(channels) or not config.form.layout:
        raise InputError(f"a network of {shape.channels} channels for {len(channels)} names")
    how = config.settings
    if how.ensemble not in (None, shape.networks) or how.convolution not in (None, shape.filtered):
        raise InputError("networks or filters other than those that the settings ask for")
    if [own.weight for own in shape.further] != list(config.beside.values()):
        raise InputError(f"{len(shape.further)} further heads for {len(config.beside)} further labels")
