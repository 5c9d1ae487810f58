"""A fitted composer as a model folder, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.language.neural import LanguageNetwork, LanguageSettings
from lstmkit.language.ngrams import NGramModel
from lstmkit.language.ngrams.stored import StoredNGram
from lstmkit.language.persistence import parts_in, tensors_of
from lstmkit.music.events.clues import TuneClues
from lstmkit.music.events.vocabulary import EventTokens
from lstmkit.music.keys import Key, read_key
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel
from lstmkit.training.schema import Natural, Positive, Seed, Share

KIND = "music"


@dataclass(frozen=True)
class Params:
    """Arguments of `Composer` as a config holds them."""

    settings: LanguageSettings
    order: Positive
    seed: Seed
    clues: bool


@dataclass(frozen=True)
class MusicConfig:
    """The config of a composer's folder, its types and ranges checked; see `Composer.save`.

    symbols  events of the vocabulary
    keys     by mode, how often each tonic occurs
    lowest, highest  pitch of the training tunes
    """

    params: Params
    symbols: tuple[str, ...]
    ngram: StoredNGram
    share: Share
    keys: dict[str, dict[str, Positive]]
    lowest: Natural
    highest: Natural
    trained_on: Natural
    history: tuple[StoredRecord, ...]


def write_composer(
    path: Path, config: dict[str, Any], network: LanguageNetwork, ngram: NGramModel, force: bool
) -> None:
    """Write a fitted composer to a folder; `config` is what a `MusicConfig` is read from."""
    ModelFolder(KIND, config, tensors_of(network, ngram)).write(path, __version__, force)


def read_composer(path: Path) -> tuple[MusicConfig, EventTokens, LanguageNetwork, NGramModel]:
    """Return what a folder, or one in a folder of results, holds; see `Composer.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(MusicConfig)
    how = config.params.settings
    with folder.agreeing():
        tokens = _tokens(config)
        V = len(tokens.symbols)
        sizes = TuneClues(tokens).sizes if config.params.clues else None
        network, ngram = parts_in(folder, lambda: LanguageNetwork(V, how, sizes), how.num_layers, config.ngram, V)
        assert ngram is not None
    return config, tokens, network, ngram


def _tokens(config: MusicConfig) -> EventTokens:
    try:
        tokens = EventTokens(config.symbols)
    except (TypeError, ValueError) as error:
        raise InputError(f"vocabulary: {error}") from error
    if config.ngram.boundary != tokens.end:
        raise InputError("n-grams of tunes that end with another event")
    for mode, tonics in config.keys.items():
        for tonic in tonics:
            if read_key(tonic).tonic != tonic:
                raise InputError(f"{tonic} is no tonic of a tune in {mode}")
            Key(tonic, mode)
    return tokens
