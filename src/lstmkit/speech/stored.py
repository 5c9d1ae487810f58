"""A fitted recogniser as a model folder, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lstmkit import __version__
from lstmkit.errors import InputError
from lstmkit.language.ngrams import NGramPredictor
from lstmkit.language.ngrams.stored import StoredNGram
from lstmkit.language.persistence import parts_in, tensors_of
from lstmkit.language.vocabulary import StoredTokens, tokens_from
from lstmkit.speech.ctc.network import RecognizerNetwork, RecognizerShape
from lstmkit.speech.ctc.settings import RecognizerSettings
from lstmkit.speech.decoding import DecodingSettings
from lstmkit.speech.features import Features, FeatureSettings, ReadyFrames
from lstmkit.speech.units import Units
from lstmkit.training import ModelFolder, StoredRecord
from lstmkit.training.folder import StoredModel
from lstmkit.training.schema import Natural

KIND = "recogniser"


@dataclass(frozen=True)
class StoredRecogniser:
    """The config of a recogniser's folder, its types and ranges checked; see `Recognizer.save`."""

    seed: Natural
    order: Natural
    settings: RecognizerSettings
    features: FeatureSettings | None
    units: dict[str, Units]
    lexicon: dict[str, tuple[tuple[str, ...], ...]] | None
    decoding: DecodingSettings
    tokens: StoredTokens | None
    ngrams: StoredNGram | None
    history: tuple[StoredRecord, ...]
    ready: ReadyFrames | None = None

    @property
    def heard(self) -> Features:
        """What frames are."""
        if self.features is not None and self.ready is None and self.features.stack == 1:
            return self.features
        if self.ready is not None and self.features is None:
            return self.ready
        raise InputError("a recogniser has frames that stand alone, computed of sound or ready")


def write_recogniser(
    path: Path, config: dict[str, Any], network: RecognizerNetwork, ngrams: NGramPredictor | None, force: bool
) -> None:
    """Write a fitted recogniser to a folder; `config`, with the n-grams, is what a `StoredRecogniser` is read from."""
    beside: dict[str, Any] = {"tokens": None, "ngrams": None}
    if ngrams is not None:
        beside = {"tokens": ngrams.tokens.config(), "ngrams": ngrams.model.config()}
    tensors = tensors_of(network, None if ngrams is None else ngrams.model)
    ModelFolder(KIND, config | beside, tensors).write(path, __version__, force)


def read_recogniser(path: Path) -> tuple[StoredRecogniser, RecognizerNetwork, NGramPredictor | None]:
    """Return what a folder holds: its config, the network, and the n-grams; see `Recognizer.load`."""
    folder = StoredModel.open(path, KIND)
    config = folder.checked(StoredRecogniser)
    how = config.settings
    with folder.agreeing():
        _check(config)
        shape = RecognizerShape.of(config.heard, config.units)
        tokens = None if config.tokens is None else tokens_from(config.tokens)
        V = 0 if tokens is None else len(tokens.symbols)
        network, model = parts_in(folder, lambda: RecognizerNetwork(how, shape), how.num_layers, config.ngrams, V)
    return config, network, None if tokens is None or model is None else NGramPredictor(tokens, model)


def _check(config: StoredRecogniser) -> None:
    """Raise InputError if the parts of a config do not agree with each other."""
    for name, own in config.units.items():
        if name != own.kind or len(set(own.symbols)) != len(own.symbols) or not own.symbols:
            raise InputError(f"the units of head {name!r} are not sound")
    if not config.units:
        raise InputError("a recogniser has heads")
    if not all(own and all(phones and all(phones) for phones in own) for own in (config.lexicon or {}).values()):
        raise InputError("a word of the lexicon has no phones")
    if (config.ngrams is None) != (config.tokens is None) or (config.ngrams is None) != (config.order == 0):
        raise InputError("n-grams, their order and their vocabulary belong together")
