"""The network: words to vectors, a recurrent encoder in both directions, pooling, and a small head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lstmkit.errors import InputError
from lstmkit.language.classify.settings import ClassifierSettings
from lstmkit.nn import LSTM
from lstmkit.nn.attention import AttentivePooling, max_over_time, mean_over_time
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


class TextEncoder(nn.Module):
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
        self.recurrent = LSTM(width, settings.hidden_size, settings.num_layers, bidirectional=True, cell=settings.cell)
        self.width = 2 * settings.hidden_size
        self.pooling = settings.pooling
        self.attention = AttentivePooling(self.width) if settings.pooling == "attention" else None

    def forward(self, texts: Padded) -> tuple[Tensor, Tensor | None]:
        """Return the vectors (B, 2H) of texts, and the weights of their words (B, T) if attention pools them."""
        steps = self._words(texts)
        hidden, _ = self.recurrent(steps, lengths=texts.lengths)
        if self.attention is not None:
            pooled, weights = self.attention(hidden, lengths=texts.lengths)
            return pooled, weights
        pool = max_over_time if self.pooling == "max" else mean_over_time
        return pool(hidden, lengths=texts.lengths), None

    def _words(self, texts: Padded) -> Tensor:
        """Return what the encoder reads, (T, B, width)."""
        ids = texts.values
        if self.training and self.word_dropout > 0:
            ids = torch.where(torch.rand(ids.shape) < self.word_dropout, self.unknown, ids)
        if not len(self.start):
            return locked(self.embedding(ids), self.embedding_dropout, self.training)
        ids = torch.cat([torch.full_like(ids[:1], self.end), ids])
        words = locked(self.embedding(ids), self.embedding_dropout, self.training)
        hidden = words
        for layer in self.start:
            hidden, _ = layer(hidden, lengths=texts.lengths + 1)
        return torch.cat([words, hidden], dim=2)[1:]


def head(settings: ClassifierSettings, features: int, outputs: int) -> nn.Sequential:
    """Return the layers from the features of a text, or of a pair, to the outputs."""
    return nn.Sequential(
        nn.Dropout(settings.dropout),
        nn.Linear(features, settings.head_size),
        nn.ReLU(),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.head_size, outputs),
    )


class TextNetwork(nn.Module):
    """One network: an encoder that both sides of a pair share, and a head.

    Source  features of a pair [u; v; |u - v|; u * v]: Conneau et al. 2017, arXiv 1705.02364
    """

    def __init__(self, settings: ClassifierSettings, shape: Shape) -> None:
        super().__init__()
        self.encoder = TextEncoder(settings, shape)
        features = self.encoder.width * (4 if shape.sides == 2 else 1)
        self.head = head(settings, features, shape.outputs)

    def forward(self, sides: tuple[Padded, ...]) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        """Return scores (B, K), and for each side the weights of its words (B, T) if attention pools them."""
        encoded = [self.encoder(texts) for texts in sides]
        vectors = [vector for vector, _ in encoded]
        features = vectors[0]
        if len(vectors) == 2:
            u, v = vectors
            features = torch.cat([u, v, (u - v).abs(), u * v], dim=1)
        return self.head(features), tuple(weights for _, weights in encoded)


class TextEnsemble(nn.Module):
    """Networks from different initial weights; their losses are trained together and their answers averaged."""

    def __init__(self, settings: ClassifierSettings, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.members = nn.ModuleList([TextNetwork(settings, shape) for _ in range(settings.ensemble)])

    @property
    def networks(self) -> list[TextNetwork]:
        """The members as what they are."""
        return [member for member in self.members if isinstance(member, TextNetwork)]

    def begin_with(self, embedding: Tensor, layers: nn.ModuleList) -> None:
        """Copy the weights of a language model into every member.

        embedding  (V', width) vectors of the first V' words of the vocabulary
        layers     the model's own, of the shapes that this network was built with
        """
        for network in self.networks:
            encoder = network.encoder
            with torch.no_grad():
                spread = float(embedding.std())
                nn.init.normal_(encoder.embedding.weight, std=spread)
                encoder.embedding.weight[: len(embedding)] = embedding
            for own, given in zip(encoder.start, layers, strict=True):
                own.load_state_dict(given.state_dict())

    def scores(self, sides: tuple[Padded, ...]) -> Tensor:
        """Return the scores of every member, (M, B, K)."""
        return torch.stack([network(sides)[0] for network in self.networks])

    def weights(self, sides: tuple[Padded, ...]) -> tuple[Tensor, ...]:
        """Return for each side the weights (B, T) that attention gives to its words, the mean of the members."""
        found = [network(sides)[1] for network in self.networks]
        return tuple(torch.stack([own[side] for own in found]).mean(dim=0) for side in range(len(sides)))
