"""A language model as the beginning of what a captioner writes with."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lstmkit.errors import InputError
from lstmkit.language import LanguageModel
from lstmkit.language.classify.extending import extended
from lstmkit.language.neural.softmax import FullSoftmax
from lstmkit.language.translate.network import TranslationNetwork
from lstmkit.language.vocabulary import Tokens, Words
from lstmkit.nn import LSTM
from lstmkit.video.captions.settings import CaptionSettings


@dataclass(frozen=True)
class Opening:
    """What a captioner takes from a language model of words.

    tokens     V words
    embedding  (V, E)
    bias       (V,) of its softmax
    cell       of the layers, by name
    layers     recurrent layers, lowest first, all of one width, E
    """

    tokens: Words
    embedding: Tensor
    bias: Tensor
    cell: str
    layers: tuple[LSTM, ...]

    @classmethod
    def of(cls, start: Any) -> Opening:
        """Return the parts of a fitted `LanguageModel`, or of the folder of one; parts come back as they are.

        Raises  InputError if it is neither, or no captioner can begin with it
        """
        if isinstance(start, Opening):
            return start
        model = LanguageModel.load(start) if isinstance(start, str | Path) else start
        if not isinstance(model, LanguageModel) or "network_" not in vars(model):
            raise InputError(f"start: a fitted language model is needed; got {type(start).__name__}")
        network = model.network_
        layers = [layer for layer in network.layers if isinstance(layer, LSTM)]
        if not isinstance(model.tokens_, Words):
            raise InputError(
                f"start: a model of {model.unit}s, and captions are written word by word; give one of words"
            )
        widths = [layers[0].input_size, *(layer.hidden_size for layer in layers)]
        if len(set(widths)) > 1 or not isinstance(network.softmax, FullSoftmax) or network.softmax.weight is not None:
            raise InputError(
                f"start: its layers have widths {', '.join(map(str, widths))}, and a captioner needs one width for all "
                f"and a tied softmax; train it with --set hidden_size={widths[0]}"
            )
        bias = network.softmax.bias.detach()
        return cls(model.tokens_, network.embedding.weight.detach(), bias, model.settings.cell, tuple(layers))

    def settings_for(self, settings: CaptionSettings) -> CaptionSettings:
        """Return the settings of a captioner whose decoder has the shape of the model."""
        width = self.layers[0].hidden_size
        return dataclasses.replace(
            settings,
            embedding_size=width,
            hidden_size=width,
            decoder_layers=len(self.layers),
            decoder_cell=self.cell,
            input_feeding=False,
        )

    def tokens_for(self, texts: Sequence[str]) -> Tokens:
        """Return the vocabulary, with the words of texts that it lacks behind its own."""
        return extended(self.tokens, texts, False, 1)

    @torch.no_grad()
    def copy_into(self, network: TranslationNetwork) -> None:
        """Make the decoder of a network write what the model writes, as far as nothing was read.

        What its layers read of attention counts nothing at first, as does the state that the encoder ended with.
        """
        E = self.embedding.shape[1]
        nn.init.normal_(network.embedding.weight, std=float(self.embedding.std()))
        network.embedding.weight[: len(self.embedding)] = self.embedding
        network.softmax.bias[: len(self.bias)] = self.bias
        for own, given in zip(network.decoder, self.layers, strict=True):
            for name, tensor in given.state_dict().items():
                target = own.state_dict()[name]
                target.zero_()
                target[(..., *map(slice, tensor.shape))] = tensor
        for layer in (network.bridge, network.readout):
            layer.weight.zero_()
            layer.bias.zero_()
        network.readout.weight[:, :E] = torch.eye(E)
