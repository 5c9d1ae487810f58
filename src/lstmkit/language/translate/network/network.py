"""The network: an encoder of ids or of frames, attention, and a decoder, for whole sequences and step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lstmkit.language.neural.network import precision_note
from lstmkit.language.neural.softmax import FullSoftmax
from lstmkit.language.translate.network.settings import TranslatorSettings
from lstmkit.nn import LSTM, AdditiveAttention, AttentionMemory, MultiplicativeAttention, last_over_time
from lstmkit.nn.regularization import locked
from lstmkit.recurrence.cell import Sizes, State
from lstmkit.sequences import FrameLayer, Padded
from lstmkit.training.schema import Natural, Positive

BRIDGED = ("h", "c")
"""States of the decoder that begin as the encoder ended; a cell that has others than these begins with the first."""


@dataclass(frozen=True)
class Shape:
    """What a network is built from, besides its settings.

    target    V, tokens that are written
    end       id of the end of a sentence, before which every one begins
    unknown   id of the unknown token that is written
    source    tokens that are read, where they are others than those written; None: the same, or frames
    """

    target: Positive
    end: Natural
    unknown: Natural
    source: Positive | None = None


class Read(NamedTuple):
    """What the encoder has made of a batch.

    memory  what attention asks, or None without attention
    state   with which each layer of the decoder begins; with input feeding also the readout before the first, zeros
    """

    memory: AttentionMemory | None
    state: tuple[State, ...]


class Written(NamedTuple):
    """What the decoder has made of one token of each of N rows.

    readout    (N, E) what the softmax reads
    state      of each layer after it
    attention  (N, S) weights of the steps read, or None without attention
    """

    readout: Tensor
    state: tuple[State, ...]
    attention: Tensor | None


class TranslationNetwork(nn.Module):
    """Maps a sequence that is read, of ids or of frames, and the beginning of one that is written to its next token.

    Attention follows the first layer of the decoder, and the other layers read what it found. So nothing that attention
    finds is needed by the recurrence it asks for, and in training every layer is one call over whole sequences; the
    layers above remember what was attended to.

    With input feeding the first layer reads the readout of the token before as well, which then is one more state. Now
    the recurrence does wait for attention, and training goes step by step, too.

    Letters: S steps read, T tokens written, B sentences, V vocabulary, E embedding, H hidden.

    settings  sizes, cells, attention, dropouts
    shape     of what is read and written
    frames    the input layer of frames; None: ids are read
    """

    def __init__(self, settings: TranslatorSettings, shape: Shape, frames: FrameLayer | None = None) -> None:
        super().__init__()
        how = self.settings = settings
        self.shape = shape
        E, H = how.embedding_size, how.hidden_size
        self.embedding = _vectors(shape.target, E)
        self.source = None if shape.source is None else _vectors(shape.source, E)
        self.frames = frames
        widths = [E if frames is None else frames.width, *[2 * H] * (how.encoder_layers - 1)]
        self.encoder = nn.ModuleList(_layer(how, how.cell, width, both=True) for width in widths)
        cell = how.decoder_cell or how.cell
        self.attention = _attention(how)
        found = 2 * H if self.attention is not None else 0
        widths = [2 * E if how.input_feeding else E, *[H + found] * (how.decoder_layers - 1)]
        self.decoder = nn.ModuleList(_layer(how, cell, width, both=False) for width in widths)
        states = _recurrent(self.decoder[0]).cell.states
        self.bridged = len(states) if set(states) <= set(BRIDGED) else 1
        self.bridge = nn.Linear(2 * H, how.decoder_layers * self.bridged * H)
        self.readout = nn.Linear(H + found + E, E)
        self.low = how.precision == "bfloat16" and not precision_note(how.precision)
        self.softmax = FullSoftmax(E, shape.target, tied=True, precision="bfloat16" if self.low else "float32")

    def read(self, batch: Padded) -> Read:
        """Read a batch of sequences."""
        how = self.settings
        steps, lengths = self._vectors_read(batch) if self.frames is None else self.frames(batch)
        for layer in self.encoder:
            steps, _ = layer(steps, lengths=lengths)
            steps = locked(steps, how.hidden_dropout, self.training)
        last = last_over_time(steps, lengths=lengths, bidirectional=True)
        begun = torch.tanh(self.bridge(last)).view(len(lengths), how.decoder_layers, self.bridged, how.hidden_size)
        states = tuple(self._begun(k, begun[:, k]) for k in range(how.decoder_layers))
        if how.input_feeding:
            states += ((begun.new_zeros(1, len(lengths), how.embedding_size),),)
        memory = None if self.attention is None else self.attention.prepare(steps, lengths=lengths)
        return Read(memory, states)

    def loss(self, source: Padded, target: Padded) -> Tensor:
        """Return what is minimised: the mean loss of a token of the sentences to be written, their ends included."""
        hidden, targets = self._forced(source, target)
        found: Tensor = self.softmax.loss(hidden, targets, self.embedding.weight, self.settings.label_smoothing)
        return found

    def target_log_probs(self, source: Padded, target: Padded) -> Tensor:
        """Return natural logarithms of the probabilities of the tokens to be written, ends included, in one row."""
        hidden, targets = self._forced(source, target)
        return self.softmax.target_log_probs(hidden, targets, self.embedding.weight)

    def weights(self, source: Padded, target: Padded) -> Tensor | None:
        """Return the attention (B, T + 1, S) while given sentences are written, or None without attention."""
        read, (inputs, _) = self.read(source), _shifted(target, self.shape.end)
        return self._written(read, self.embedding(inputs), target.lengths + 1)[1]

    def step(self, tokens: Tensor, state: tuple[State, ...], memory: AttentionMemory | None) -> Written:
        """Take in one token of each of N rows, N being a multiple of the B sentences that were read.

        tokens   (N,) int64; the rows of a sentence stand together
        state    as `Read` begins it, (1, N, width) each
        memory   of B sentences
        """
        return self._step(self.embedding(tokens), state, memory)

    def log_probs(self, readout: Tensor) -> Tensor:
        """Return (N, V) natural logarithms of the probabilities of the next token, from readouts (N, E)."""
        found: Tensor = self.softmax.log_probs(readout, self.embedding.weight)
        return found

    def _vectors_read(self, batch: Padded) -> Padded:
        """Return vectors (S, B, E) of ids (S, B)."""
        how, table = self.settings, self.embedding if self.source is None else self.source
        vectors = _without_some(table(batch.values), how.word_dropout, self.training)
        return Padded(locked(vectors, how.input_dropout, self.training), batch.lengths)

    def _begun(self, layer: int, given: Tensor) -> State:
        """Return the state (1, B, width) with which a layer of the decoder begins, from (B, states, H)."""
        own = _recurrent(self.decoder[layer])
        widths = own.cell.state_widths(Sizes(own.input_size, own.hidden_size, own.hidden_size, own.bias))
        states = [given[:, k] for k in range(self.bridged)]
        states += [given.new_zeros(len(given), width) for width in widths[self.bridged :]]
        return tuple(state.unsqueeze(0).contiguous() for state in states)

    def _forced(self, source: Padded, target: Padded) -> tuple[Tensor, Tensor]:
        """Return what the softmax reads where every token before is the true one, (N, E), and the true tokens (N,)."""
        how, (inputs, targets) = self.settings, _shifted(target, self.shape.end)
        vectors = _without_some(self.embedding(inputs), how.word_dropout, self.training)
        vectors = locked(vectors, how.input_dropout, self.training)
        low = self.low and self.training
        with torch.autocast(vectors.device.type, torch.bfloat16, enabled=low):
            # Nobody looks beyond the ends; torch's kernels of lower precision are faster if they need not, either.
            readout, _ = self._written(self.read(source), vectors, None if low else target.lengths + 1)
        readout = readout.to(vectors.dtype)
        true = torch.arange(len(inputs)).unsqueeze(1) <= target.lengths
        return locked(readout, how.output_dropout, self.training)[true], targets[true]

    def _written(self, read: Read, vectors: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return what the softmax reads (T, B, E) and the attention (B, T, S), from vectors (T, B, E) of tokens."""
        how, found, weights = self.settings, None, None
        if how.input_feeding:
            return self._written_by_steps(read, vectors)
        value, _ = self.decoder[0](vectors, read.state[0], lengths=lengths)
        if self.attention is not None and read.memory is not None:
            found, weights = self.attention.attend(value, read.memory)
        for layer, begun in zip(list(self.decoder)[1:], read.state[1:], strict=True):
            value = locked(value, how.hidden_dropout, self.training)
            value, _ = layer(value if found is None else torch.cat([value, found], -1), begun, lengths=lengths)
        return self._read_out(value, found, vectors), weights

    def _written_by_steps(self, read: Read, vectors: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return what `_written` does where every step waits for the readout of the one before."""
        rate, H = self.settings.hidden_dropout, self.settings.hidden_size
        one = vectors.new_ones(1, vectors.shape[1], H)  # its dropout is that of every step of a sequence
        kept = [locked(one, rate, self.training)[0] for _ in list(self.decoder)[1:]]
        state, steps = read.state, []
        for own in vectors:
            steps.append(self._step(own, state, read.memory, kept))
            state = steps[-1].state
        weights = [step.attention for step in steps if step.attention is not None]
        return torch.stack([step.readout for step in steps]), torch.stack(weights, 1) if weights else None

    def _step(
        self, vectors: Tensor, state: tuple[State, ...], memory: AttentionMemory | None, kept: Sequence[Tensor] = ()
    ) -> Written:
        """Take in the vector of one token of each of N rows; see `step`.

        vectors  (N, E)
        kept     by what the values between layers are multiplied, (N, H) each; none: by nothing
        """
        given = torch.cat([vectors, state[-1][0][0]], -1) if self.settings.input_feeding else vectors
        value, last = _recurrent(self.decoder[0]).step(given, state[0])
        after, found, weights = [last], None, None
        if self.attention is not None and memory is not None:
            B, N = len(memory.values), len(vectors)
            queries = value.view(B, N // B, -1)
            context, shares = self.attention.attend(queries.transpose(0, 1), memory)
            found, weights = context.transpose(0, 1).reshape(N, -1), shares.reshape(N, -1)
        for k, layer in enumerate(list(self.decoder)[1:]):
            value = value * kept[k] if kept else value
            value, last = _recurrent(layer).step(
                value if found is None else torch.cat([value, found], -1), state[k + 1]
            )
            after.append(last)
        readout = self._read_out(value, found, vectors)
        if self.settings.input_feeding:
            after.append((readout.unsqueeze(0),))
        return Written(readout, tuple(after), weights)

    def _read_out(self, value: Tensor, found: Tensor | None, vectors: Tensor) -> Tensor:
        parts = [value, vectors] if found is None else [value, found, vectors]
        return torch.tanh(self.readout(torch.cat(parts, -1)))


def _vectors(tokens: int, width: int) -> nn.Embedding:
    table = nn.Embedding(tokens, width)
    nn.init.normal_(table.weight, std=width**-0.5)
    return table


def _layer(how: TranslatorSettings, cell: str, width: int, both: bool) -> LSTM:
    return LSTM(
        width,
        how.hidden_size,
        bidirectional=both,
        cell=cell,
        weight_drop=how.weight_drop,
        zoneout=how.zoneout,
        recurrent_dropout=how.recurrent_dropout,
    )


def _attention(how: TranslatorSettings) -> AdditiveAttention | MultiplicativeAttention | None:
    H = how.hidden_size
    if how.attention == "none":
        return None
    if how.attention == "additive":
        return AdditiveAttention(H, 2 * H, H)
    return MultiplicativeAttention(H, 2 * H, scaled=True)


def _recurrent(layer: nn.Module) -> LSTM:
    """Return a layer as what it is, which torch's list of modules does not say."""
    assert isinstance(layer, LSTM)
    return layer


def _shifted(target: Padded, end: int) -> tuple[Tensor, Tensor]:
    """Return what is read and what is to be foreseen (T + 1, B): the sentences after an end, and before one."""
    ids, lengths = target
    ends = torch.full_like(ids[:1], end)
    targets = torch.cat([ids, ends])
    targets[lengths, torch.arange(len(lengths))] = end
    return torch.cat([ends, ids]), targets


def _without_some(vectors: Tensor, rate: float, training: bool) -> Tensor:
    """Return vectors (T, B, E), some of them left out whole and the others scaled up."""
    if not (training and rate):
        return vectors
    return vectors * (torch.rand(vectors.shape[:2]) >= rate).unsqueeze(2) / (1 - rate)
