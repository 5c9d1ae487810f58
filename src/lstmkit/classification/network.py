"""The network: an encoder from sequences to one vector each, heads that answer from it, and an ensemble of such."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lstmkit.classification.settings import NetworkSettings
from lstmkit.nn import LSTM
from lstmkit.nn.attention import AttentivePooling, last_over_time, max_over_time, mean_over_time
from lstmkit.nn.pooling import mean_and_max
from lstmkit.sequences import Padded
from lstmkit.training.schema import Positive


class Answer(NamedTuple):
    """What a network says of a batch of rows.

    scores   (B, K) of the classes, or (B, 1) of a standardised number
    further  the scores of further heads, (B, K') each
    weights  for each side the weights (B, T) of its steps if attention pools them, else None
    """

    scores: Tensor
    further: tuple[Tensor, ...]
    weights: tuple[Tensor | None, ...]


@dataclass(frozen=True)
class FurtherHead:
    """A head for a label that is learnt beside the main one, because what tells it apart helps with both.

    outputs  K', classes, or 1 for a number
    weight   of its loss beside the main one's, which has 1
    """

    outputs: Positive
    weight: float


class Encoder(nn.Module, ABC):
    """From sequences to one vector each.

    A subclass has the input layer: it makes its own modules, then calls `stack` with the width of a step.
    """

    def stack(self, width: int, settings: NetworkSettings) -> None:
        """Add the recurrent layers, which read steps of a width, and the pooling."""
        directions = 2 if settings.bidirectional else 1
        self.recurrent = LSTM(
            width,
            settings.hidden_size,
            settings.num_layers,
            dropout=settings.layer_dropout if settings.num_layers > 1 else 0.0,
            bidirectional=settings.bidirectional,
            cell=settings.cell,
        )
        outputs = directions * settings.hidden_size
        self.pooling = settings.pooling
        self.attention = AttentivePooling(outputs) if settings.pooling == "attention" else None
        self.width = 2 * outputs if settings.pooling == "mean-max" else outputs

    @abstractmethod
    def steps(self, batch: Padded) -> Padded:
        """Return what the recurrent layers read, (T, B, width), and the lengths of that."""

    def forward(self, batch: Padded) -> tuple[Tensor, Tensor | None]:
        """Return the vectors (B, width) of sequences, and the weights of their steps (B, T) if attention pools them."""
        read, lengths = self.steps(batch)
        hidden, _ = self.recurrent(read, lengths=lengths)
        if self.attention is not None:
            pooled, weights = self.attention(hidden, lengths=lengths)
            return pooled, weights
        if self.pooling == "last":
            return last_over_time(hidden, lengths=lengths, bidirectional=self.recurrent.bidirectional), None
        if self.pooling == "mean-max":
            return mean_and_max(hidden, lengths), None
        pool = mean_over_time if self.pooling == "mean" else max_over_time
        return pool(hidden, lengths=lengths), None


def head(settings: NetworkSettings, features: int, outputs: int) -> nn.Sequential:
    """Return the layers from the features of a row to the outputs."""
    return nn.Sequential(
        nn.Dropout(settings.dropout),
        nn.Linear(features, settings.head_size),
        nn.ReLU(),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.head_size, outputs),
    )


class SequenceNetwork(nn.Module):
    """One network: an encoder that both sides of a pair share, and a head for each label.

    encoder  of every sequence
    outputs  K, classes, or 1 for a number
    sides    1, or 2 for pairs
    further  heads beside the main one
    Source   features of a pair [u; v; |u - v|; u * v]: Conneau et al. 2017, arXiv 1705.02364
    """

    def __init__(
        self,
        encoder: Encoder,
        settings: NetworkSettings,
        outputs: int,
        sides: int = 1,
        further: tuple[FurtherHead, ...] = (),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        features = encoder.width * (4 if sides == 2 else 1)
        self.head = head(settings, features, outputs)
        self.further = nn.ModuleList([head(settings, features, own.outputs) for own in further])
        self.further_weights = tuple(own.weight for own in further)

    def forward(self, sides: tuple[Padded, ...]) -> Answer:
        """Return the answer to a batch of rows, given a padded batch for each side."""
        encoded = [self.encoder(side) for side in sides]
        vectors = [vector for vector, _ in encoded]
        features = vectors[0]
        if len(vectors) == 2:
            u, v = vectors
            features = torch.cat([u, v, (u - v).abs(), u * v], dim=1)
        further = tuple(own(features) for own in self.further)
        return Answer(self.head(features), further, tuple(weights for _, weights in encoded))


class Ensemble(nn.Module):
    """Networks from different initial weights; their losses are trained together and their answers averaged.

    members  made one after the other, so that each draws its own weights
    outputs  K, classes, or 1 for a number
    """

    def __init__(self, members: Iterable[SequenceNetwork], outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.members = nn.ModuleList(members)

    @property
    def networks(self) -> list[SequenceNetwork]:
        """The members as what they are."""
        return [member for member in self.members if isinstance(member, SequenceNetwork)]

    def forward(self, sides: tuple[Padded, ...]) -> list[Answer]:
        """Return the answer of every member to a batch of rows."""
        return [network(sides) for network in self.networks]

    def scores(self, sides: tuple[Padded, ...]) -> Tensor:
        """Return the scores of every member, (M, B, K)."""
        return torch.stack([answer.scores for answer in self(sides)])

    def weights(self, sides: tuple[Padded, ...]) -> tuple[Tensor, ...]:
        """Return for each side the weights (B, T) that attention gives to its steps, the mean of the members."""
        found = [answer.weights for answer in self(sides)]
        return tuple(torch.stack([own[side] for own in found]).mean(dim=0) for side in range(len(sides)))
