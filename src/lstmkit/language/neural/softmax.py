"""The last layer: from a vector for each token to how likely every word of the vocabulary is next.

With a large vocabulary most of the time goes here, so the loss of the full softmax comes with its own gradient: logits
are turned into probabilities and those into gradients in the same memory, a block of rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.errors import InputError

BLOCK = 1 << 24
"""Logits held at a time, 64 MiB in float32: enough rows for fast products, and the same memory for every block."""

CUTOFFS = (2_000, 10_000, 50_000)
"""Where clusters of the adaptive softmax end, as far as the vocabulary is larger than twice as much."""


NARROWER = 4
"""How many times narrower the vectors of a cluster are than those of the one before."""


class FullSoftmax(nn.Module):
    """A linear layer and a softmax over all V tokens.

    embedding_size  E
    vocabulary      V
    tied            whether the weights are the embedding's, which then are given in every call
    precision       "float32" or "bfloat16" of the products in `loss`
    """

    def __init__(self, embedding_size: int, vocabulary: int, tied: bool, precision: str) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.weight = None if tied else nn.Parameter(torch.empty(vocabulary, embedding_size).uniform_(-0.1, 0.1))
        self.low = precision == "bfloat16"

    def start_from(self, counts: Tensor) -> None:
        """Begin as the frequencies of the tokens: counts (V,) of the text to learn from."""
        with torch.no_grad():
            self.bias.copy_(_log_shares(counts))

    def loss(self, hidden: Tensor, targets: Tensor, embedding: Tensor, smoothing: float = 0.0) -> Tensor:
        """Return the mean negative log-likelihood.

        hidden     (N, E)
        targets    (N,) int64
        embedding  (V, E), the weights where they are tied
        smoothing  share of the truth that is spread evenly over all tokens
        Returns    (), in nats; a token less likely than exp(-87) counts as 87
        Source     smoothing: Szegedy et al. 2016
        """
        weight = embedding if self.weight is None else self.weight
        found: Tensor = _CrossEntropy.apply(hidden, weight, self.bias, targets, self.low, smoothing)  # type: ignore[no-untyped-call]
        return found

    def log_probs(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """Return (N, V) natural logarithms of probabilities from hidden (N, E)."""
        weight = embedding if self.weight is None else self.weight
        return torch.log_softmax(functional.linear(hidden, weight, self.bias), dim=-1)

    def target_log_probs(self, hidden: Tensor, targets: Tensor, embedding: Tensor) -> Tensor:
        """Return (N,) natural logarithms of the probabilities of targets (N,), without gradients."""
        weight = embedding if self.weight is None else self.weight
        with torch.no_grad():
            rows = min(len(hidden), max(1, BLOCK // len(self.bias)))
            buffer, found = hidden.new_empty((rows, len(self.bias))), hidden.new_empty(len(hidden))
            for start in range(0, len(hidden), rows):
                x, t = hidden[start : start + rows], targets[start : start + rows].unsqueeze(1)
                block = torch.addmm(self.bias, x, weight.t(), out=buffer[: len(x)])
                likely = block.amax(1, keepdim=True)
                target = block.gather(1, t) - likely
                # What the likeliest token has tells the sum of all, even where the target's own share is lost.
                torch.softmax(block, dim=-1, out=block)
                found[start : start + rows] = (target + block.amax(1, keepdim=True).log()).squeeze(1)
        return found


class AdaptiveSoftmax(nn.Module):
    """A softmax in clusters of words by frequency, the rare ones with narrower vectors; ids must fall in frequency.

    embedding_size  E
    vocabulary      V
    cutoffs         where clusters end; None: see `CUTOFFS`
    Raises          InputError if there are clusters without words or width
    Source          Grave et al. 2017
    """

    def __init__(self, embedding_size: int, vocabulary: int, cutoffs: Sequence[int] | None) -> None:
        super().__init__()
        most = next(n for n in range(embedding_size) if embedding_size < NARROWER ** (n + 1))
        if cutoffs is None:
            cutoffs = ([c for c in CUTOFFS if 2 * c < vocabulary] or [max(1, vocabulary // 4)])[: max(1, most)]
        if cutoffs[-1] >= vocabulary:
            raise InputError(f"cutoffs {tuple(cutoffs)} do not lie below the vocabulary of {vocabulary:,} tokens")
        if len(cutoffs) > most:
            raise InputError(
                f"cutoffs {tuple(cutoffs)}: vectors of {embedding_size} are too narrow for {len(cutoffs)} clusters, "
                f"each {NARROWER} times narrower than the one before"
            )
        self.clusters = nn.AdaptiveLogSoftmaxWithLoss(
            embedding_size, vocabulary, list(cutoffs), div_value=NARROWER, head_bias=True
        )

    def start_from(self, counts: Tensor) -> None:
        """Begin as the frequencies of frequent tokens and of clusters: counts (V,) of the text to learn from."""
        shares = _log_shares(counts)
        ends = self.clusters.cutoffs
        groups = [shares[first:last].logsumexp(0) for first, last in pairwise(ends)]
        with torch.no_grad():
            self.clusters.head.bias.copy_(torch.cat([shares[: ends[0]], torch.stack(groups)]))

    def loss(self, hidden: Tensor, targets: Tensor, embedding: Tensor) -> Tensor:
        """Return the mean negative log-likelihood, as `FullSoftmax.loss` does."""
        return self.clusters(hidden, targets).loss  # type: ignore[no-any-return]

    def log_probs(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """Return (N, V) natural logarithms of probabilities from hidden (N, E)."""
        return self.clusters.log_prob(hidden)

    def target_log_probs(self, hidden: Tensor, targets: Tensor, embedding: Tensor) -> Tensor:
        """Return (N,) natural logarithms of the probabilities of targets (N,)."""
        return self.clusters(hidden, targets).output  # type: ignore[no-any-return]


def _log_shares(counts: Tensor) -> Tensor:
    """Return the logarithm of the share of each token, one occurrence added to every token's."""
    smoothed = counts.double() + 1.0
    return (smoothed / smoothed.sum()).log().float()


class _CrossEntropy(torch.autograd.Function):
    """Mean negative log-likelihood of a softmax, its gradients computed on the way forward.

    The logits of a block of rows become probabilities and then their own gradient in one buffer, and its products with
    the weights and with the input are taken while it is still in the cache; the graph keeps no matrix of N by V.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, low: bool, smoothing: float
    ) -> Tensor:
        N, V = len(hidden), len(weight)
        kind = torch.bfloat16 if low else hidden.dtype
        x, w, b = hidden.detach().to(kind), weight.detach().to(kind), bias.detach().to(kind)
        needed = any(ctx.needs_input_grad)
        rows = min(N, max(1, BLOCK // V))
        buffer = x.new_empty((rows, V))
        share = x / N
        d_hidden, d_weight, d_bias = x.new_empty(x.shape), w.new_empty(w.shape), torch.zeros_like(bias)
        mean_weight, mean_bias = (w.mean(0), b.mean()) if smoothing else (w, b)
        total, places, ones = hidden.new_zeros(()), torch.arange(rows, device=x.device), x.new_ones(rows)
        for start in range(0, N, rows):
            x_block, t_block = x[start : start + rows], targets[start : start + rows].unsqueeze(1)
            block = torch.addmm(b, x_block, w.t(), out=buffer[: len(x_block)])
            likely = block.amax(1) if smoothing else None
            torch.softmax(block, dim=-1, out=block)
            chosen = block.gather(1, t_block)
            lost = -chosen.to(hidden.dtype).clamp_min(torch.finfo(torch.float32).tiny).log().sum()
            if likely is not None:
                # The mean logit needs no matrix; what the likeliest token has tells the sum of all.
                logs = (likely - block.amax(1).log()).to(hidden.dtype) - torch.mv(x_block, mean_weight) - mean_bias
                lost = (1 - smoothing) * lost + smoothing * logs.sum()
            total += lost
            if not needed:
                continue
            block[places[: len(x_block)], t_block[:, 0]] = chosen[:, 0] - (1 - smoothing)
            if smoothing:
                block -= smoothing / V
            torch.mm(block, w, out=d_hidden[start : start + rows])
            if start == 0:
                torch.mm(block.t(), share[:rows], out=d_weight)
            else:
                d_weight.addmm_(block.t(), share[start : start + rows])
            d_bias += torch.mv(block.t(), ones[: len(x_block)])
        ctx.gradients = (d_hidden.to(hidden.dtype) / N, d_weight.to(weight.dtype), d_bias / N) if needed else None
        return total / N

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.gradients is None:
            raise RuntimeError("the gradient of this loss was taken already; compute the loss again")
        found, ctx.gradients = ctx.gradients, None  # given away, so that autograd need not copy the weights' gradient
        if gradient.item() != 1.0:
            found = tuple(d * gradient for d in found)
        return (*found, None, None, None)
