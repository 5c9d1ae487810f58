"""What is searched: models that write many sequences side by side, token by token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from lstmkit.language.predicting import Predictor
from lstmkit.language.translate.network.network import Read, TranslationNetwork
from lstmkit.nn import AttentionMemory
from lstmkit.recurrence.cell import State


class Searched(Protocol):
    """A model that says of N rows at once which token may come next; a search knows nothing else of it.

    The rows are those of S sequences to be written, equally many of each, one sequence after the other. A context is a
    value: `advance` and `chosen` return another one and leave the one they were given as it was.
    """

    @property
    def end(self) -> int:
        """The token that ends a sequence."""

    def begin(self, width: int) -> Any:
        """Return the context before the first token, of `width` equal rows of every sequence."""

    def advance(self, context: Any, tokens: Tensor) -> Any:
        """Return the context after one more token of every row, (N,) int64."""

    def next_log_probs(self, context: Any) -> Tensor:
        """Return the natural logarithms of the probabilities of the next token, (N, V) float32, for the caller."""

    def attention(self, context: Any) -> Tensor | None:
        """Return the weights (N, S) with which the steps read were attended to for the next token, None without."""

    def chosen(self, context: Any, rows: Tensor, width: int) -> Any:
        """Return the context of some rows, (N',) int64.

        width  rows of each sequence that is left, all of them rows of this same sequence before
        """


class Context(NamedTuple):
    """What a network remembers of N rows.

    readout    (N, E) of the token before
    state      of every layer of the decoder, (1, N, width) each
    weights    (N, S) of the steps read, or None
    memory     of the sequences that are left
    """

    readout: Tensor
    state: tuple[State, ...]
    weights: Tensor | None
    memory: AttentionMemory | None


class NetworkSearched:
    """A network that has read a batch of sequences, of ids or frames; see `Searched`.

    network  in evaluation mode
    read     what it has made of them
    """

    def __init__(self, network: TranslationNetwork, read: Read) -> None:
        self._network, self._read = network, read

    @property
    def end(self) -> int:
        """The token that ends a sequence."""
        return self._network.shape.end

    def begin(self, width: int) -> Context:
        """Return the context before the first token."""
        state = tuple(tuple(s.repeat_interleave(width, 1) for s in own) for own in self._read.state)
        ends = torch.full((state[0][0].shape[1],), self.end)
        return self._after(ends, state, self._read.memory)

    def advance(self, context: Context, tokens: Tensor) -> Context:
        """Return the context after one more token of every row."""
        return self._after(tokens, context.state, context.memory)

    def next_log_probs(self, context: Context) -> Tensor:
        """Return the natural logarithms of the probabilities of the next token."""
        return self._network.log_probs(context.readout)

    def attention(self, context: Context) -> Tensor | None:
        """Return the weights of the steps read."""
        return context.weights

    def chosen(self, context: Context, rows: Tensor, width: int) -> Context:
        """Return the context of some rows."""
        memory, before = context.memory, len(context.readout)
        if memory is not None and len(rows) != before:  # else all sequences are left, in the same order
            sequences = rows[::width] // (before // len(memory.values))
            padding = None if memory.padding is None else memory.padding.index_select(0, sequences)
            values, keys = (part.index_select(0, sequences) for part in (memory.values, memory.keys))
            memory = AttentionMemory(values, keys, padding)
        return Context(
            context.readout.index_select(0, rows),
            tuple(tuple(s.index_select(1, rows) for s in own) for own in context.state),
            None if context.weights is None else context.weights.index_select(0, rows),
            memory,
        )

    def _after(self, tokens: Tensor, state: tuple[State, ...], memory: AttentionMemory | None) -> Context:
        written = self._network.step(tokens, state, memory)
        return Context(written.readout, written.state, written.attention, memory)


class PredictorSearched:
    """Any predictor of tokens as what is searched: it writes `count` sequences, each begun afresh; see `Searched`."""

    def __init__(self, predictor: Predictor, count: int = 1) -> None:
        self._predictor, self._count = predictor, count

    @property
    def end(self) -> int:
        """The token that ends a sequence."""
        return self._predictor.tokens.end

    def begin(self, width: int) -> list[Any]:
        """Return the context before the first token."""
        return [self._predictor.begin()] * (self._count * width)

    def advance(self, context: list[Any], tokens: Tensor) -> list[Any]:
        """Return the context after one more token of every row."""
        return [self._predictor.advance(own, token) for own, token in zip(context, tokens.tolist(), strict=True)]

    def next_log_probs(self, context: list[Any]) -> Tensor:
        """Return the natural logarithms of the probabilities of the next token."""
        return torch.from_numpy(np.stack([self._predictor.next_log_probs(own) for own in context])).float()

    def attention(self, context: list[Any]) -> None:
        """Return None: a predictor reads nothing else."""
        return

    def chosen(self, context: list[Any], rows: Tensor, width: int) -> list[Any]:
        """Return the context of some rows."""
        return [context[row] for row in rows.tolist()]


class TogetherSearched:
    """Several models of the same tokens as one: the mean of their probabilities, and of what they attend to.

    See `Searched`.

    models  that write the same sequences, of the same steps read
    """

    def __init__(self, models: Sequence[Searched]) -> None:
        self._models = models

    @property
    def end(self) -> int:
        """The token that ends a sequence."""
        return self._models[0].end

    def begin(self, width: int) -> list[Any]:
        """Return the context before the first token."""
        return [model.begin(width) for model in self._models]

    def advance(self, context: list[Any], tokens: Tensor) -> list[Any]:
        """Return the context after one more token of every row."""
        return [model.advance(own, tokens) for model, own in zip(self._models, context, strict=True)]

    def next_log_probs(self, context: list[Any]) -> Tensor:
        """Return the natural logarithms of the mean of the probabilities of the next token."""
        found = [model.next_log_probs(own) for model, own in zip(self._models, context, strict=True)]
        return torch.logsumexp(torch.stack(found), 0) - math.log(len(found))

    def attention(self, context: list[Any]) -> Tensor | None:
        """Return the mean of the weights of the steps read, of the models that have some."""
        found = [model.attention(own) for model, own in zip(self._models, context, strict=True)]
        known = [weights for weights in found if weights is not None]
        return torch.stack(known).mean(0) if known else None

    def chosen(self, context: list[Any], rows: Tensor, width: int) -> list[Any]:
        """Return the context of some rows."""
        return [model.chosen(own, rows, width) for model, own in zip(self._models, context, strict=True)]
