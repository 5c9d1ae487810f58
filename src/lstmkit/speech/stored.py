"""A fitted recogniser as a model folder, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.language.ngrams import NGramModel, NGramPredictor
from lstmkit.language.ngrams.stored import StoredNGram
from lstmkit.language.vocabulary import StoredTokens, tokens_from
from lstmkit.speech.ctc.network import RecognizerNetwork, RecognizerShape
from lstmkit.speech.ctc.settings import RecognizerSettings
from lstmkit.speech.decoding import DecodingSettings
from lstmkit.speech.features import FeatureSettings
from lstmkit.speech.units import Units
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill, part_of
from lstmkit.training.schema import Natural

KIND = "recogniser"
NETWORK, NGRAM = "network.", "ngram."


@dataclass(frozen=True)
class StoredRecogniser:
    """The config of a recogniser's folder, its types and ranges checked; see `Recognizer.save`."""

    seed: Natural
    order: Natural
    settings: RecognizerSettings
    features: FeatureSettings
    units: dict[str, Units]
    lexicon: dict[str, tuple[tuple[str, ...], ...]] | None
    decoding: DecodingSettings
    tokens: StoredTokens | None
    ngrams: StoredNGram | None
    history: tuple[StoredRecord, ...]


def write_recogniser(
    path: Path, config: dict[str, Any], network: RecognizerNetwork, ngrams: NGramPredictor | None, force: bool
) -> None:
    """Write a fitted recogniser to a folder; `config`, with the n-grams, is what a `StoredRecogniser` is read from."""
    tensors = {NETWORK + name: tensor for name, tensor in network.state_dict().items()}
    beside: dict[str, Any] = {"tokens": None, "ngrams": None}
    if ngrams is not None:
        tensors |= {NGRAM + name: torch.from_numpy(np.array(own)) for name, own in ngrams.model.arrays().items()}
        beside = {"tokens": ngrams.tokens.config(), "ngrams": ngrams.model.config()}
    ModelFolder(KIND, config | beside, tensors).write(path, __version__, force)


def read_recogniser(path: Path) -> tuple[StoredRecogniser, RecognizerNetwork, NGramPredictor | None]:
    """Return what a folder holds: its config, the network, and the n-grams; see `Recognizer.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(StoredRecogniser)
    how, ngrams = config.settings, None
    with folder.agreeing():
        _check(config)
        shape = RecognizerShape.of(config.features, config.units)
        shapes = folder.shapes_of(lambda: RecognizerNetwork(how, shape), how.num_layers, NETWORK)
        if config.ngrams is not None and config.tokens is not None:
            tokens = tokens_from(config.tokens)
            shapes |= config.ngrams.shapes(len(tokens.symbols), folder.header, NGRAM)
        folder.require(shapes)
        tensors = folder.load()
        network = RecognizerNetwork(how, shape)
        fill(network, tensors, NETWORK)
        if config.ngrams is not None and config.tokens is not None:
            arrays = {name: tensor.numpy() for name, tensor in part_of(tensors, NGRAM).items()}
            ngrams = NGramPredictor(tokens, NGramModel.from_arrays(config.ngrams, arrays))
    return config, network.eval(), ngrams


def _check(config: StoredRecogniser) -> None:
    """Raise InputError if the parts of a config do not agree with each other."""
    for name, own in config.units.items():
        if name != own.kind or len(set(own.symbols)) != len(own.symbols) or not own.symbols:
            raise InputError(f"the units of head {name!r} are not sound")
    if not config.units or config.features.stack != 1:
        raise InputError("a recogniser has heads, and frames that stand alone")
    if not all(own and all(phones and all(phones) for phones in own) for own in (config.lexicon or {}).values()):
        raise InputError("a word of the lexicon has no phones")
    if (config.ngrams is None) != (config.tokens is None) or (config.ngrams is None) != (config.order == 0):
        raise InputError("n-grams, their order and their vocabulary belong together")
