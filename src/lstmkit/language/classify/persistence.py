"""A fitted classifier as a model folder, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lstmkit import __version__
from lstmkit.classification.labels import Coding
from lstmkit.classification.network import Ensemble
from lstmkit.errors import InputError
from lstmkit.language.classify.network import Shape, text_ensemble
from lstmkit.language.classify.settings import ClassifierSettings
from lstmkit.language.classify.table import Columns
from lstmkit.language.vocabulary import StoredTokens, Tokens, tokens_from
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill
from lstmkit.training.schema import Natural

KIND = "classifier"


@dataclass(frozen=True)
class ClassifierConfig:
    """The config of a classifier's folder, its types and ranges checked; see `TextClassifier.save`."""

    task: Literal["classes", "number"]
    seed: Natural
    settings: ClassifierSettings
    shape: Shape
    columns: Columns
    classes: tuple[str, ...]
    whole: bool
    scale: tuple[float, float]
    lowercase: bool
    tokens: StoredTokens
    history: tuple[StoredRecord, ...]

    def coding(self) -> Coding:
        """Return how labels are coded."""
        return Coding(self.columns.label, self.classes, self.whole, self.scale)


def write_classifier(path: Path, config: dict[str, Any], network: Ensemble, force: bool) -> None:
    """Write a fitted classifier to a folder; `config` is what a `ClassifierConfig` is read from."""
    ModelFolder(KIND, config, network.state_dict()).write(path, __version__, force)


def read_classifier(path: Path) -> tuple[ClassifierConfig, Tokens, Ensemble]:
    """Return what a folder holds: its config, the vocabulary, and the network; see `TextClassifier.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(ClassifierConfig)
    how, shape = config.settings, config.shape
    with folder.agreeing():
        tokens = tokens_from(config.tokens)
        _check(config, tokens)
        parts = how.ensemble * (how.num_layers + len(shape.start) + sum(layer.num_layers for layer in shape.start))
        folder.require(folder.shapes_of(lambda: text_ensemble(how, shape), parts))
        tensors = folder.load()
        network = text_ensemble(how, shape)
        fill(network, tensors)
    return config, tokens, network.eval()


def _check(config: ClassifierConfig, tokens: Tokens) -> None:
    """Raise InputError if the parts of a config do not agree with each other."""
    shape = config.shape
    if (len(tokens.symbols), tokens.unknown, tokens.end) != (shape.symbols, shape.unknown, shape.end):
        raise InputError(f"a network of {shape.symbols} words for a vocabulary of {len(tokens.symbols)}")
    config.coding().require_sound(config.task, shape.outputs)
    if shape.sides != len(config.columns.sides):
        raise InputError(f"a network of {shape.sides} sides for {len(config.columns.sides)} columns of text")
