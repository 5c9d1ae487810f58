"""A fitted classifier as a model folder, and back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from lstmkit import __version__
from lstmkit.errors import InputError, ModelFolderError
from lstmkit.language.classify.network import LayerShape, Shape, TextEnsemble
from lstmkit.language.classify.settings import ClassifierSettings
from lstmkit.language.classify.table import Columns
from lstmkit.language.classify.text_classifier import TextClassifier
from lstmkit.language.tokens import tokens_from
from lstmkit.training import EpochRecord, ModelFolder

KIND = "classifier"


def save_classifier(classifier: TextClassifier, path: Path, force: bool) -> None:
    """Write a fitted classifier to a folder; see `TextClassifier.save`."""
    config = {
        "task": classifier.task,
        "seed": classifier.seed,
        "settings": dataclasses.asdict(classifier.settings),
        "shape": dataclasses.asdict(classifier.network_.shape),
        "columns": dataclasses.asdict(classifier.columns_),
        "classes": list(classifier.classes_),
        "whole": classifier.whole_,
        "scale": list(classifier.scale_),
        "lowercase": classifier.lowercase_,
        "tokens": classifier.tokens_.config(),
        "history": [record.to_json() for record in classifier.history_],
    }
    ModelFolder(KIND, config, classifier.network_.state_dict()).write(path, __version__, force)


def load_classifier(path: Path) -> TextClassifier:
    """Read a classifier from a folder; see `TextClassifier.load`."""
    folder = ModelFolder.read(path, KIND)
    try:
        return _restore(folder)
    except (KeyError, TypeError, ValueError, RuntimeError, InputError) as error:
        raise ModelFolderError(f"{path}: config.json and model.safetensors do not belong together ({error})") from error


def _restore(folder: ModelFolder) -> TextClassifier:
    config = folder.config
    classifier = TextClassifier(ClassifierSettings(**config["settings"]), config["task"], config["seed"])
    classifier.columns_ = Columns(**config["columns"])
    classifier.classes_ = tuple(config["classes"])
    classifier.whole_ = config["whole"]
    classifier.scale_ = (float(config["scale"][0]), float(config["scale"][1]))
    classifier.lowercase_ = config["lowercase"]
    classifier.tokens_ = tokens_from(config["tokens"])
    start = tuple(LayerShape.from_json(layer) for layer in config["shape"]["start"])
    network = TextEnsemble(classifier.settings, Shape(**{**config["shape"], "start": start}))
    network.load_state_dict(dict(folder.tensors))
    classifier.network_ = network.eval()
    classifier.history_ = [EpochRecord.from_json(record) for record in config["history"]]
    return classifier
