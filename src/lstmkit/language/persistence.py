"""A fitted language model as a model folder, and back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.language.corpus import VocabularySettings
from lstmkit.language.language_model import LanguageModel
from lstmkit.language.network import LanguageNetwork
from lstmkit.language.ngram import NGramModel
from lstmkit.language.ngram_stored import StoredNGram
from lstmkit.language.settings import LanguageSettings
from lstmkit.language.tokens import StoredTokens, Tokens, Unit, tokens_from
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill, part_of
from lstmkit.training.schema import Natural, Positive, Seed, Share

KIND = "language"
NETWORK, NGRAM = "network.", "ngram."


@dataclass(frozen=True)
class Params:
    """Arguments of `LanguageModel` as a config holds them."""

    unit: Unit
    settings: LanguageSettings
    vocabulary: VocabularySettings
    order: Positive | None
    seed: Seed


@dataclass(frozen=True)
class LanguageConfig:
    """The config of a language model's folder, its types and ranges checked; see `save_language_model`."""

    params: Params
    tokens: StoredTokens
    ngram: StoredNGram | None
    share: Share
    trained_on: Natural
    history: tuple[StoredRecord, ...]


def save_language_model(model: LanguageModel, path: Path, force: bool) -> None:
    """Write a fitted language model to a folder; see `LanguageModel.save`."""
    config = {
        "params": {
            "unit": model.unit,
            "settings": dataclasses.asdict(model.settings),
            "vocabulary": dataclasses.asdict(model.vocabulary),
            "order": model.order,
            "seed": model.seed,
        },
        "tokens": model.tokens_.config(),
        "ngram": None if model.ngram_ is None else model.ngram_.config(),
        "share": model.share_,
        "trained_on": model.trained_on_,
        "history": [record.to_json() for record in model.history_],
    }
    tensors = {NETWORK + name: tensor for name, tensor in model.network_.state_dict().items()}
    if model.ngram_ is not None:
        tensors |= {NGRAM + n: torch.from_numpy(np.array(a)) for n, a in model.ngram_.arrays().items()}
    ModelFolder(KIND, config, tensors).write(path, __version__, force)


def load_language_model(path: Path) -> LanguageModel:
    """Read a language model from a folder, or from a folder of results; see `LanguageModel.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(LanguageConfig)
    params, how = config.params, config.params.settings
    with folder.agreeing():
        model = LanguageModel(params.unit, how, params.vocabulary, params.order, params.seed)
        model.tokens_ = _tokens(config)
        vocabulary = len(model.tokens_.symbols)
        shapes = folder.shapes_of(lambda: LanguageNetwork(vocabulary, how), how.num_layers, NETWORK)
        if config.ngram is not None:
            shapes |= config.ngram.shapes(vocabulary, folder.header, NGRAM)
        folder.require(shapes)
        tensors = folder.load()
        model.network_ = LanguageNetwork(vocabulary, how).eval()
        fill(model.network_, tensors, NETWORK)
        model.ngram_ = None
        if config.ngram is not None:
            arrays = {name: tensor.numpy() for name, tensor in part_of(tensors, NGRAM).items()}
            model.ngram_ = NGramModel.from_arrays(config.ngram, arrays)
        model.share_ = config.share
        model.trained_on_ = config.trained_on
        model.history_ = [record.record() for record in config.history]
    return model


def _tokens(config: LanguageConfig) -> Tokens:
    tokens = tokens_from(config.tokens)
    if tokens.unit != config.params.unit:
        raise InputError(f"tokens of {tokens.unit}s, for a model of {config.params.unit}s")
    if (None if config.ngram is None else config.ngram.order) != config.params.order:
        raise InputError(f"n-grams of another order than {config.params.order}")
    return tokens
