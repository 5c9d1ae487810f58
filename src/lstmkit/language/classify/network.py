"""The input layer of texts: words to vectors, and the layers of a language model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from lstmkit.classification.network import Encoder, Ensemble, SequenceNetwork
from lstmkit.errors import InputError
from lstmkit.language.classify.settings import ClassifierSettings
from lstmkit.nn import LSTM
from lstmkit.nn.regularization import locked
from lstmkit.recurrence.cells import CELLS
from lstmkit.sequences import Padded
from lstmkit.training.schema import Natural, Positive


@dataclass(frozen=True)
class LayerShape:
    """What a recurrent layer taken from a language model is built from.

    Every field is the argument of `lstmkit.nn.LSTM` with its name; `cell` is the name of a cell with default settings.
    """

    input_size: Positive
    hidden_size: Positive
    num_layers: Positive
    bias: bool
    proj_size: Natural
    dropout: float
    cell: str
    zoneout: tuple[float, ...]
    weight_drop: float
    locked_dropout: tuple[float, ...]
    recurrent_dropout: float

    @classmethod
    def of(cls, layer: LSTM) -> LayerShape:
        """Return the shape of a layer.

        Raises  InputError if its cell has settings of its own, or it runs in both directions
        """
        if layer.bidirectional or CELLS.get(layer.cell.name) != layer.cell:
            raise InputError(f"start: a classifier cannot begin with a layer such as {layer}")
        how = layer.regularization
        return cls(
            layer.input_size,
            layer.hidden_size,
            layer.num_layers,
            layer.bias,
            layer.proj_size,
            layer.dropout,
            layer.cell.name,
            how.zoneout,
            how.weight_drop,
            how.locked_dropout,
            how.recurrent_dropout,
        )

    def build(self) -> LSTM:
        """Return a new layer of this shape, time first."""
        return LSTM(
            self.input_size,
            self.hidden_size,
            self.num_layers,
            self.bias,
            dropout=self.dropout,
            proj_size=self.proj_size,
            cell=self.cell,
            zoneout=self.zoneout,
            weight_drop=self.weight_drop,
            locked_dropout=self.locked_dropout,
            recurrent_dropout=self.recurrent_dropout,
        )


@dataclass(frozen=True)
class Shape:
    """What a network is built from, besides its settings.

    symbols  V, words of the vocabulary
    unknown  id of the unknown word
    end      id of the end of a line, before which every text begins
    outputs  K, classes, or 1 for a number
    sides    1, or 2 for pairs
    width    of a word's vector
    start    layers of a language model below the encoder
    """

    symbols: Positive
    unknown: Natural
    end: Natural
    outputs: Positive
    sides: Positive
    width: Positive
    start: tuple[LayerShape, ...] = ()


class TextEncoder(Encoder):
    """From words to one vector a text.

    With layers of a language model, the encoder reads their top output beside the words' vectors. They read the end of
    a line first, because that is how a text began when they were trained.
    """

    def __init__(self, settings: ClassifierSettings, shape: Shape) -> None:
        super().__init__()
        self.unknown, self.end = shape.unknown, shape.end
        self.word_dropout, self.embedding_dropout = settings.word_dropout, settings.embedding_dropout
        self.embedding = nn.Embedding(shape.symbols, shape.width)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.start = nn.ModuleList([layer.build() for layer in shape.start])
        width = shape.width
        if shape.start:
            width += shape.start[-1].proj_size or shape.start[-1].hidden_size
        self.stack(width, settings)

    def steps(self, batch: Padded) -> Padded:
        """Return what the recurrent layers read, (T, B, width)."""
        ids, lengths = batch
        if self.training and self.word_dropout > 0:
            ids = torch.where(torch.rand(ids.shape) < self.word_dropout, self.unknown, ids)
        if not len(self.start):
            return Padded(locked(self.embedding(ids), self.embedding_dropout, self.training), lengths)
        ids = torch.cat([torch.full_like(ids[:1], self.end), ids])
        words = locked(self.embedding(ids), self.embedding_dropout, self.training)
        hidden = words
        for layer in self.start:
            hidden, _ = layer(hidden, lengths=lengths + 1)
        return Padded(torch.cat([words, hidden], dim=2)[1:], lengths)


def text_network(settings: ClassifierSettings, shape: Shape) -> SequenceNetwork:
    """Return one network, untrained."""
    return SequenceNetwork(TextEncoder(settings, shape), settings, shape.outputs, shape.sides)


def text_ensemble(settings: ClassifierSettings, shape: Shape) -> Ensemble:
    """Return as many networks as the settings ask for, untrained."""
    return Ensemble((text_network(settings, shape) for _ in range(settings.ensemble)), shape.outputs)
