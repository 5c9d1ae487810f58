"""Attention over the outputs of a recurrent layer, and pooling of them over time.

Letters: B batch, T time, H width of the outputs, P queries (steps ahead), Q width of a query, A width of the scoring
layer, R rows of structured pooling. Weights are (B, T), (B, P, T) or (B, R, T), batch first in either layout, as those
of torch.nn.MultiheadAttention.

With `lengths`, everything at and after a sequence's length is padding: its weights are exactly zero, and what stands
there, NaN included, reaches neither values nor gradients. A sequence of length 0 gives zeros.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.nn.lengths import Lengths, checked_lengths, padding_mask
from lstmkit.ranges import whole

FORMS = ("dot", "general")


class AttentionMemory(NamedTuple):
    """A memory made ready for any number of queries.

    values   (B, T, H) the memory, zero in the padding
    keys     (B, T, A) or (B, T, H): what a query is scored against
    padding  (B, T) True in the padding, or None if every sequence fills all T steps
    """

    values: Tensor
    keys: Tensor
    padding: Tensor | None


class _Attention(torch.nn.Module):
    """What both attentions share: layouts, checks, and the weighted mean; a subclass gives keys and scores."""

    def __init__(self, query_size: int, memory_size: int, batch_first: bool) -> None:
        super().__init__()
        self.query_size = whole(f"{type(self).__name__}: query_size", query_size)
        self.memory_size = whole(f"{type(self).__name__}: memory_size", memory_size)
        self.batch_first = batch_first

    def forward(self, query: Tensor, memory: Tensor, *, lengths: Lengths | None = None) -> tuple[Tensor, Tensor]:
        """Return the mean of the memory under the weights each query gives to its steps.

        query    (B, Q), or (P, B, Q), or (B, P, Q) if batch_first
        memory   (T, B, H), or (B, T, H) if batch_first
        lengths  (B,) integers from 0 to T, or None for T each
        Returns  context (B, H) and weights (B, T); with P queries context (P, B, H), or (B, P, H) if batch_first, and
                 weights (B, P, T)
        Raises   InputError for wrong shapes or lengths
        """
        return self.attend(query, self.prepare(memory, lengths=lengths))

    def prepare(self, memory: Tensor, *, lengths: Lengths | None = None) -> AttentionMemory:
        """Do once what does not depend on the query, for a decoder that asks step by step.

        memory   (T, B, H), or (B, T, H) if batch_first
        lengths  (B,) integers from 0 to T, or None for T each
        Returns  what `attend` takes
        Raises   InputError for wrong shapes or lengths
        """
        values, padding = _checked(memory, self.memory_size, lengths, self.batch_first, type(self).__name__, "memory")
        return AttentionMemory(values, self._keys(values), padding)

    def attend(self, query: Tensor, memory: AttentionMemory) -> tuple[Tensor, Tensor]:
        """Return context and weights as `forward` does, from a memory that `prepare` made ready."""
        B = memory.values.shape[0]
        many = query.dim() == 3
        queries = query.transpose(0, 1) if many and not self.batch_first else query
        if query.dim() not in (2, 3) or queries.shape[0] != B or queries.shape[-1] != self.query_size:
            several = f"({B}, P, {self.query_size})" if self.batch_first else f"(P, {B}, {self.query_size})"
            raise InputError(
                f"{type(self).__name__}: query must be ({B}, {self.query_size}) or {several}; "
                f"got shape {tuple(query.shape)}"
            )
        scores = self._scores(queries if many else queries.unsqueeze(1), memory.keys)
        context, weights = _weighted_mean(scores, memory.values, memory.padding)
        if not many:
            return context.squeeze(1), weights.squeeze(1)
        return context if self.batch_first else context.transpose(0, 1), weights

    def extra_repr(self) -> str:
        """Return what the printed module shows."""
        return f"{self.query_size}, {self.memory_size}, batch_first={self.batch_first}"

    def _keys(self, values: Tensor) -> Tensor:
        raise NotImplementedError

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return scores (B, P, T) from queries (B, P, Q) and keys (B, T, A) or (B, T, H)."""
        raise NotImplementedError


class AdditiveAttention(_Attention):
    """Attention that scores by a small network: e = vᵀ tanh(W_s s + W_h h + b) for a query s and a step h.

    query_size      Q, width of a query
    memory_size     H, width of a step of the memory
    attention_size  A, width of the scoring layer
    bias            whether there is b
    batch_first     whether query, memory and context come batch first
    device, dtype   of the parameters: `query_projection.weight` (A, Q) is W_s, `memory_projection.weight` (A, H) is
                    W_h, `memory_projection.bias` (A,) is b, `score.weight` (1, A) is v
    Source          Bahdanau, Cho & Bengio 2015
    """

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        attention_size: int,
        bias: bool = True,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(query_size, memory_size, batch_first)
        attention_size = whole("AdditiveAttention: attention_size", attention_size)
        self.query_projection = torch.nn.Linear(query_size, attention_size, bias=False, device=device, dtype=dtype)
        self.memory_projection = torch.nn.Linear(memory_size, attention_size, bias=bias, device=device, dtype=dtype)
        self.score = torch.nn.Linear(attention_size, 1, bias=False, device=device, dtype=dtype)

    def _keys(self, values: Tensor) -> Tensor:
        keys: Tensor = self.memory_projection(values)
        return keys

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        hidden = torch.tanh(self.query_projection(queries).unsqueeze(2) + keys.unsqueeze(1))
        scores: Tensor = self.score(hidden).squeeze(-1)
        return scores


class MultiplicativeAttention(_Attention):
    """Attention that scores by a product: e = sᵀ h ("dot") or e = (W s)ᵀ h ("general") for a query s and a step h.

    query_size     Q, width of a query; equal to memory_size if form is "dot"
    memory_size    H, width of a step of the memory
    form           "dot" or "general"
    scaled         whether scores are divided by √H, so that they do not grow with the width
    batch_first    whether query, memory and context come batch first
    device, dtype  of the only parameter, that of "general": `query_projection.weight` (H, Q) is W
    Raises         InputError if there is no such form, or if "dot" gets two widths
    Source         Luong, Pham & Manning 2015; scaled: Vaswani et al. 2017
    """

    def __init__(
        self,
        query_size: int,
        memory_size: int,
        form: str = "general",
        scaled: bool = False,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(query_size, memory_size, batch_first)
        if form not in FORMS:
            raise InputError(f"MultiplicativeAttention: form must be one of {', '.join(FORMS)}; got {form!r}")
        if form == "dot" and query_size != memory_size:
            raise InputError(
                f'MultiplicativeAttention: form "dot" needs equal widths; query_size is {query_size} and memory_size '
                f'{memory_size}: use "general"'
            )
        self.form = form
        self.scaled = scaled
        self.query_projection = (
            torch.nn.Linear(query_size, memory_size, bias=False, device=device, dtype=dtype)
            if form == "general"
            else None
        )

    def extra_repr(self) -> str:
        """Return what the printed module shows."""
        return f"{super().extra_repr()}, form={self.form!r}, scaled={self.scaled}"

    def _keys(self, values: Tensor) -> Tensor:
        return values

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        if self.query_projection is not None:
            queries = self.query_projection(queries)
        if self.scaled:
            # Before the product, because float16 may overflow in it.
            queries = queries / math.sqrt(self.memory_size)
        return torch.bmm(queries, keys.transpose(1, 2))


class AttentivePooling(torch.nn.Module):
    """Pooling over time by one learnt query: weights softmax over t of wᵀ h_t.

    input_size     H, width of a step
    batch_first    whether the input comes batch first
    device, dtype  of the only parameter: `score.weight` (1, H) is w
    Source         Mirsamadi, Barsoum & Zhang 2017; in the A-LSTM network: Tao & Liu 2018
    """

    def __init__(
        self,
        input_size: int,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = whole("AttentivePooling: input_size", input_size)
        self.batch_first = batch_first
        self.score = torch.nn.Linear(input_size, 1, bias=False, device=device, dtype=dtype)

    def forward(self, input: Tensor, *, lengths: Lengths | None = None) -> tuple[Tensor, Tensor]:
        """Return the weighted mean over the true steps.

        input    (T, B, H), or (B, T, H) if batch_first
        lengths  (B,) integers from 0 to T, or None for T each
        Returns  pooled (B, H) and weights (B, T)
        Raises   InputError for wrong shapes or lengths
        """
        values, padding = _checked(input, self.input_size, lengths, self.batch_first, "AttentivePooling", "input")
        pooled, weights = _weighted_mean(self.score(values).transpose(1, 2), values, padding)
        return pooled.squeeze(1), weights.squeeze(1)


class StructuredPooling(torch.nn.Module):
    """Pooling over time into R rows: weights softmax over t of W_2 tanh(W_1 h_t); see `overlap_penalty`.

    input_size      H, width of a step
    attention_size  A, width of the scoring layer
    rows            R, how many weighted means are taken
    batch_first     whether the input comes batch first
    device, dtype   of the parameters: `hidden.weight` (A, H) is W_1, `score.weight` (R, A) is W_2
    Source          Lin et al. 2017
    """

    def __init__(
        self,
        input_size: int,
        attention_size: int,
        rows: int,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = whole("StructuredPooling: input_size", input_size)
        attention_size = whole("StructuredPooling: attention_size", attention_size)
        rows = whole("StructuredPooling: rows", rows)
        self.batch_first = batch_first
        self.hidden = torch.nn.Linear(input_size, attention_size, bias=False, device=device, dtype=dtype)
        self.score = torch.nn.Linear(attention_size, rows, bias=False, device=device, dtype=dtype)

    def forward(self, input: Tensor, *, lengths: Lengths | None = None) -> tuple[Tensor, Tensor]:
        """Return one weighted mean over the true steps for each row.

        input    (T, B, H), or (B, T, H) if batch_first
        lengths  (B,) integers from 0 to T, or None for T each
        Returns  pooled (B, R, H) and weights (B, R, T)
        Raises   InputError for wrong shapes or lengths
        """
        values, padding = _checked(input, self.input_size, lengths, self.batch_first, "StructuredPooling", "input")
        return _weighted_mean(self.score(torch.tanh(self.hidden(values))).transpose(1, 2), values, padding)


def overlap_penalty(weights: Tensor) -> Tensor:
    """Return ‖A Aᵀ − I‖² (Frobenius) of each sequence's weights A: small if each row rests on a step of its own.

    weights  (B, R, T) from `StructuredPooling`
    Returns  (B,), in float32 at least; a sequence of length 0 gives R, with gradient zero
    Raises   InputError for another number of axes
    Source   Lin et al. 2017
    """
    if weights.dim() != 3:
        raise InputError(f"overlap_penalty: weights must be (B, R, T); got shape {tuple(weights.shape)}")
    rows = weights.to(torch.promote_types(weights.dtype, torch.float32))
    with torch.autocast(rows.device.type, enabled=False):  # a loss is not to be rounded to 8 bits
        products = torch.bmm(rows, rows.transpose(1, 2))
    identity = torch.eye(rows.shape[1], device=rows.device, dtype=rows.dtype)
    return (products - identity).square().sum(dim=(1, 2))


def mean_over_time(input: Tensor, *, lengths: Lengths | None = None, batch_first: bool = False) -> Tensor:
    """Return the mean over the true steps.

    input        (T, B, H), or (B, T, H) if batch_first
    lengths      (B,) integers from 0 to T, or None for T each
    batch_first  the layout of the input
    Returns      (B, H); zeros where a length is 0
    Raises       InputError for wrong shapes or lengths
    """
    values, padding = _checked(input, None, lengths, batch_first, "mean_over_time", "input")
    if padding is None:
        return values.mean(dim=1)
    # In float32 at least, because a sum over time may exceed float16 where the mean does not.
    total = values.sum(dim=1, dtype=torch.promote_types(values.dtype, torch.float32))
    count = (~padding).sum(dim=1, keepdim=True).clamp(min=1)
    return (total / count).to(values.dtype)


def max_over_time(input: Tensor, *, lengths: Lengths | None = None, batch_first: bool = False) -> Tensor:
    """Return the largest value of each unit over the true steps.

    input        (T, B, H), or (B, T, H) if batch_first
    lengths      (B,) integers from 0 to T, or None for T each
    batch_first  the layout of the input
    Returns      (B, H); zeros where a length is 0
    Raises       InputError for wrong shapes or lengths
    """
    values, padding = _checked(input, None, lengths, batch_first, "max_over_time", "input", -math.inf)
    largest = values.max(dim=1).values
    return largest if padding is None else largest.masked_fill(padding.all(dim=1, keepdim=True), 0.0)


def last_over_time(
    input: Tensor, *, lengths: Lengths | None = None, batch_first: bool = False, bidirectional: bool = False
) -> Tensor:
    """Return the last true step.

    input          (T, B, H), or (B, T, H) if batch_first
    lengths        (B,) integers from 0 to T, or None for T each
    batch_first    the layout of the input
    bidirectional  whether the second half of H is of a layer that runs backwards, whose last step is the first
    Returns        (B, H); zeros where a length is 0
    Raises         InputError for wrong shapes or lengths
    """
    values, padding = _checked(input, None, lengths, batch_first, "last_over_time", "input")
    ends = values[:, -1]
    if padding is not None:
        last = ((~padding).sum(dim=1) - 1).clamp(min=0)  # of an empty sequence the first, which is zero
        ends = values.gather(1, last.view(-1, 1, 1).expand(-1, 1, values.shape[2])).squeeze(1)
    if not bidirectional:
        return ends
    half = ends.shape[1] // 2
    return torch.cat([ends[:, :half], values[:, 0, half:]], dim=1)


def _checked(
    steps: Tensor,
    width: int | None,
    lengths: Lengths | None,
    batch_first: bool,
    what: str,
    name: str,
    filler: float = 0.0,
) -> tuple[Tensor, Tensor | None]:
    """Return steps as (B, T, H), `filler` in the padding, and the padding (B, T); None for it without lengths."""
    fits = steps.dim() == 3 and (width is None or steps.shape[-1] == width)
    if not fits or not steps.is_floating_point():
        last = "H" if width is None else str(width)
        layout = f"(B, T, {last})" if batch_first else f"(T, B, {last})"
        raise InputError(
            f"{what}: {name} must be {layout}, floating point; got shape {tuple(steps.shape)}, {steps.dtype}"
        )
    values = steps if batch_first else steps.transpose(0, 1)
    B, T, _ = values.shape
    if T == 0:
        raise InputError(f"{what}: {name} has no steps; give at least one, with length 0 where a sequence is empty")
    if lengths is None:
        return values, None
    padding = padding_mask(checked_lengths(lengths, B, T, what), T, values.device).transpose(0, 1)
    # Zero weights would not be enough: zero times NaN is NaN, in values and in gradients.
    return values.masked_fill(padding.unsqueeze(2), filler), padding


def _weighted_mean(scores: Tensor, values: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return means (B, P, H) of values (B, T, H) under the softmax of scores (B, P, T), and that softmax."""
    if padding is None:
        weights = torch.softmax(scores, dim=-1)
    else:
        padding = padding.unsqueeze(1)
        scores = scores.masked_fill(padding, -math.inf)
        # The softmax of nothing but −∞ is NaN; hidden below, but detect_anomaly would stop at it on the way back.
        scores = scores.masked_fill(padding.all(dim=-1, keepdim=True), 0.0)
        # Again, for empty rows, and because the gradient that arrives at a zero weight may be infinite (of a log).
        weights = torch.softmax(scores, dim=-1).masked_fill(padding, 0.0)
    return torch.bmm(weights, values), weights
