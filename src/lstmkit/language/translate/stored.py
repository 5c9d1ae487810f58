"""A fitted translator as a model folder, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.language.text import VocabularySettings
from lstmkit.language.translate.network import Shape, TranslationNetwork, TranslatorSettings
from lstmkit.language.translate.reading import Sides
from lstmkit.language.vocabulary import StoredTokens, Tokens, tokens_from
from lstmkit.language.vocabulary.stored import Unit
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel, fill, part_of
from lstmkit.training.schema import Natural, Positive, Seed
from lstmkit.training.tensors import TensorShape

KIND = "translator"
NETWORK, SHARES = "network.", "shares."
READ, WRITTEN = "source", "target"


@dataclass(frozen=True)
class TranslatorConfig:
    """The config of a translator's folder, its types and ranges checked; see `Translator.save`."""

    unit: Unit
    settings: TranslatorSettings
    vocabulary: VocabularySettings
    joint: bool
    lowercase: bool
    seed: Seed
    longest: Positive
    left_out: Natural
    trained_on: Natural
    source: StoredTokens | None
    target: StoredTokens
    history: tuple[StoredRecord, ...]


def write_translator(
    path: Path, config: dict[str, Any], sides: Sides, network: TranslationNetwork, force: bool
) -> None:
    """Write a fitted translator to a folder; `config` with the vocabularies is what `TranslatorConfig` is read from."""
    beside = {"source": None if sides.joint else sides.source.config(), "target": sides.target.config()}
    tensors = {NETWORK + name: tensor for name, tensor in network.state_dict().items()}
    tensors |= {SHARES + name: own for name, own in zip((READ, WRITTEN), sides.shares, strict=True)}
    ModelFolder(KIND, config | beside, tensors).write(path, __version__, force)


def read_translator(path: Path) -> tuple[TranslatorConfig, Sides, TranslationNetwork]:
    """Return what a folder holds: its config, both vocabularies, and the network; see `Translator.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(TranslatorConfig)
    how = config.settings
    with folder.agreeing():
        target = tokens_from(config.target)
        source = target if config.source is None else tokens_from(config.source)
        _check(config, source, target)
        read = None if source is target else len(source.symbols)
        shape = Shape(len(target.symbols), target.end, target.unknown, read)
        shapes = folder.shapes_of(lambda: TranslationNetwork(how, shape), how.layers, NETWORK)
        for name, tokens in ((READ, source), (WRITTEN, target)):
            shapes[SHARES + name] = TensorShape("F32", (len(tokens.symbols),))
        folder.require(shapes)
        tensors = folder.load()
        network = TranslationNetwork(how, shape).eval()
        fill(network, tensors, NETWORK)
        shares = part_of(tensors, SHARES)
        if not all(bool((own <= 0).all()) for own in shares.values()):
            raise InputError("shares of tokens are not logarithms of shares")
    sides = Sides(source, target, config.lowercase, (shares[READ], shares[WRITTEN]), config.longest)
    return config, sides, network


def _check(config: TranslatorConfig, source: Tokens, target: Tokens) -> None:
    """Raise InputError if the parts of a config do not agree with each other."""
    if config.joint != (config.source is None) or {source.unit, target.unit} != {config.unit}:
        raise InputError(f"vocabularies of {source.unit}s and {target.unit}s for a model of {config.unit}s")
