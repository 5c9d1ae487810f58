"""A fitted language model as a model folder, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.language.neural import LanguageNetwork, LanguageSettings
from lstmkit.language.ngrams import NGramModel
from lstmkit.language.ngrams.stored import StoredNGram
from lstmkit.language.text import VocabularySettings
from lstmkit.language.vocabulary import StoredTokens, Tokens, tokens_from
from lstmkit.language.vocabulary.stored import Unit
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill, part_of
from lstmkit.training.schema import Natural, Positive, Seed, Share

KIND = "language"
NETWORK, NGRAM = "network.", "ngram."
Network = TypeVar("Network", bound=nn.Module)


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
    """The config of a language model's folder, its types and ranges checked; see `LanguageModel.save`."""

    params: Params
    tokens: StoredTokens
    ngram: StoredNGram | None
    share: Share
    trained_on: Natural
    history: tuple[StoredRecord, ...]


def write_language_model(
    path: Path, config: dict[str, Any], network: LanguageNetwork, ngram: NGramModel | None, force: bool
) -> None:
    """Write a fitted language model to a folder; `config` is what a `LanguageConfig` is read from."""
    ModelFolder(KIND, config, tensors_of(network, ngram)).write(path, __version__, force)


def tensors_of(network: nn.Module, ngram: NGramModel | None) -> dict[str, torch.Tensor]:
    """Return what a folder holds of a network and of n-grams; see `parts_in`."""
    tensors = {NETWORK + name: tensor for name, tensor in network.state_dict().items()}
    if ngram is not None:
        tensors |= {NGRAM + n: torch.from_numpy(np.array(a)) for n, a in ngram.arrays().items()}
    return tensors


def parts_in(
    folder: StoredModel, build: Callable[[], Network], layers: int, stored: StoredNGram | None, vocabulary: int
) -> tuple[Network, NGramModel | None]:
    """Return the network, in evaluation, and the n-grams whose tensors a folder holds, nothing else among them.

    build       makes the network that the config describes, of so many layers
    stored      what the config says of the n-grams
    vocabulary  tokens of the n-grams
    Raises      InputError if the settings, the shapes or the n-grams contradict each other
    """
    shapes = folder.shapes_of(build, layers, NETWORK)
    if stored is not None:
        shapes |= stored.shapes(vocabulary, folder.header, NGRAM)
    folder.require(shapes)
    tensors = folder.load()
    network = build().eval()
    fill(network, tensors, NETWORK)
    if stored is None:
        return network, None
    arrays = {name: tensor.numpy() for name, tensor in part_of(tensors, NGRAM).items()}
    return network, NGramModel.from_arrays(stored, arrays)


def read_language_model(path: Path) -> tuple[LanguageConfig, Tokens, LanguageNetwork, NGramModel | None]:
    """Return what a folder, or one in a folder of results, holds; see `LanguageModel.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(LanguageConfig)
    how = config.params.settings
    with folder.agreeing():
        tokens = _tokens(config)
        V = len(tokens.symbols)
        network, ngram = parts_in(folder, lambda: LanguageNetwork(V, how), how.num_layers, config.ngram, V)
    return config, tokens, network, ngram


def _tokens(config: LanguageConfig) -> Tokens:
    tokens = tokens_from(config.tokens)
    if tokens.unit != config.params.unit:
        raise InputError(f"tokens of {tokens.unit}s, for a model of {config.params.unit}s")
    if (None if config.ngram is None else config.ngram.order) != config.params.order:
        raise InputError(f"n-grams of another order than {config.params.order}")
    return tokens
