"""A language model as the beginning of a classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lstmkit.classification.network import Ensemble
from lstmkit.errors import InputError
from lstmkit.language.classify.extending import extended
from lstmkit.language.classify.network import LayerShape, TextEncoder
from lstmkit.language.vocabulary import Tokens, Words
from lstmkit.nn import LSTM


@dataclass(frozen=True)
class Beginning:
    """What a classifier takes from a language model.

    tokens     V words
    embedding  (V, E)
    layers     recurrent layers, lowest first
    """

    tokens: Tokens
    embedding: Tensor
    layers: nn.ModuleList

    @classmethod
    def of(cls, start: Any) -> Beginning:
        """Return the parts of a fitted `LanguageModel`, or of the folder of one; parts come back as they are.

        Raises  InputError if it is neither, or has no network
        """
        if isinstance(start, Beginning):
            return start
        if isinstance(start, str | Path):
            from lstmkit.language.language_model import LanguageModel

            start = LanguageModel.load(start)
        network = getattr(start, "network_", None)
        if network is None:
            raise InputError(f"start: a fitted language model with a network is needed; got {type(start).__name__}")
        return cls(start.tokens_, network.embedding.weight.detach(), network.layers)

    def tokens_for(self, texts: Sequence[str], lowercase: bool, min_count: int) -> Tokens:
        """Return the vocabulary, with the words of texts that it lacks behind its own."""
        return extended(self.tokens, texts, lowercase, min_count) if isinstance(self.tokens, Words) else self.tokens

    def shapes(self) -> tuple[LayerShape, ...]:
        """Return what the layers are built from."""
        return tuple(LayerShape.of(layer) for layer in self.layers if isinstance(layer, LSTM))

    def copy_into(self, network: Ensemble) -> None:
        """Copy the weights into every member of a network, which was built with these layers' shapes."""
        for member in network.networks:
            encoder = member.encoder
            assert isinstance(encoder, TextEncoder)
            with torch.no_grad():
                nn.init.normal_(encoder.embedding.weight, std=float(self.embedding.std()))
                encoder.embedding.weight[: len(self.embedding)] = self.embedding
            for own, given in zip(encoder.start, self.layers, strict=True):
                own.load_state_dict(given.state_dict())

    def rate_share(self, share: float) -> Callable[[str], float]:
        """Return with which share of the learning rate a parameter is trained, by its name: what came from the model.

        share  of that; 1 at most
        """
        return lambda name: min(1.0, share) if ".start." in name or name.endswith("encoder.embedding.weight") else 1.0
