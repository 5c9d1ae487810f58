"""Beam search: the best of many ways to write a sequence, over many sequences at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.language.translate.search.contract import Searched
from lstmkit.ranges import MORE_THAN_0, NOT_NEGATIVE, Range, check_fields

SHORT = 5.0
"""Tokens that are added to a length before it divides a score."""
LEAST_ATTENDED = 1e-6
"""Attention that a step has at least, so that what nobody attended to has a logarithm."""


@dataclass(frozen=True)
class SearchSettings:
    """How a sequence is searched for.

    width         hypotheses that are followed at a time, `best` at least; 1 takes the likeliest token always
    best          hypotheses that are returned, the best first
    length        exponent of the length that divides a score; 0: none, so that short ones are preferred
    coverage      weight of a penalty for steps that were read and not attended to
    times, more   a sequence has at most `times` the length of what was read, and `more` tokens
    Raises        InputError if a value is out of range
    Source        length and coverage: Wu et al. 2016, section 7
    """

    width: int = 5
    best: int = 1
    length: float = 1.0
    coverage: float = 0.0
    times: float = 2.0
    more: int = 10

    def __post_init__(self) -> None:
        """Check every value."""
        ranges = {"length": NOT_NEGATIVE, "coverage": NOT_NEGATIVE, "times": MORE_THAN_0}
        check_fields(self, {**ranges, "width": Range("must be from 1 to 1000", least=1, most=1000)}, "SearchSettings")

    @property
    def followed(self) -> int:
        """Hypotheses that are followed at a time: as many as are wanted, at least."""
        return max(self.width, self.best)

    def limit(self, steps: int) -> int:
        """Return how many tokens are written at most of so many steps read, the end not counted."""
        return int(self.times * steps) + self.more


class Hypothesis(NamedTuple):
    """A way to write a sequence.

    tokens     (T,) int64, without the end
    log_prob   natural logarithm of its probability, the end included
    score      by which it is compared with others
    attention  (T, S) float32 weights of the steps read, or None
    ended      whether it came to an end, not only to its longest length
    """

    tokens: NDArray[np.int64]
    log_prob: float
    score: float
    attention: NDArray[np.float32] | None
    ended: bool


def length_divisor(tokens: int, exponent: float) -> float:
    """Return what the logarithm of a probability is divided by, for so many tokens, the end included."""
    return float(((SHORT + tokens) / (SHORT + 1)) ** exponent)


def coverage_penalty(attention: Tensor, read: int) -> float:
    """Return the sum of the logarithms of what the steps read were attended to in all, each 1 at most.

    attention  (S,) in all
    read       steps that were read; the rest is padding
    """
    return float(attention[:read].clamp(LEAST_ATTENDED, 1.0).log().sum())


def beam_search(
    model: Searched,
    read: Sequence[int],
    settings: SearchSettings,
    prefixes: Sequence[Sequence[int]] | None = None,
    banned: Sequence[int] = (),
) -> list[list[Hypothesis]]:
    """Return for every sequence the best ways to write it, the best first.

    A hypothesis has ended where its end is among the best continuations. A sequence is done when as many have ended as
    are followed, or when none that has not could become better than those that have.

    read      steps of what each of the S sequences is written of, from which its longest length follows
    prefixes  tokens with which each begins
    banned    tokens that are never written, but for those of the prefixes
    """
    begun: Sequence[Sequence[int]] = [()] * len(read) if prefixes is None else prefixes
    beam = _Beam(model, read, settings, begun, banned)
    with torch.inference_mode():
        while beam.left:
            beam.step()
    return [sorted(found, key=lambda one: -one.score)[: settings.best] for found in beam.found]


class _Beam:
    """A search under way: B sequences are left, of W hypotheses each, whose rows stand together."""

    def __init__(
        self,
        model: Searched,
        read: Sequence[int],
        settings: SearchSettings,
        prefixes: Sequence[Sequence[int]],
        banned: Sequence[int],
    ) -> None:
        self.how, self._model, self._read, self._prefixes = settings, model, read, prefixes
        self._banned = torch.tensor(list(banned), dtype=torch.int64)
        self._limits = [max(settings.limit(r), len(p)) for r, p in zip(read, prefixes, strict=True)]
        self.found: list[list[Hypothesis]] = [[] for _ in read]
        self.left = list(range(len(read)))
        W, B = settings.followed, len(read)
        with torch.inference_mode():
            self._context: Any = model.begin(W) if B else None
            self._total = torch.full((B, W), -math.inf)
            self._total[:, :1] = 0.0  # at first all hypotheses are the same
            self._tokens = torch.empty((B * W, 0), dtype=torch.int64)
            self._attended: Tensor | None = None
            if B and model.attention(self._context) is not None:
                weights = model.attention(self._context)
                assert weights is not None
                self._attended = weights.new_empty((B * W, 0, weights.shape[1]))

    def step(self) -> None:
        """Write one more token of every hypothesis; those that end, and sequences that are done, are put aside."""
        W, B, T = self.how.followed, len(self.left), self._tokens.shape[1]
        weights = self._model.attention(self._context)
        if weights is not None and self._attended is not None:
            self._attended = torch.cat([self._attended, weights.unsqueeze(1)], 1)
        values, tokens = self._continuations(T)
        each = values.shape[1]
        total = (self._total.view(-1, 1) + values).view(B, W * each)
        ranked, places = total.topk(min(2 * W, W * each), dim=1)
        chosen = tokens.view(B, W * each).gather(1, places)
        parents = places // each + W * torch.arange(B).unsqueeze(1)
        ends = chosen == self._model.end
        self._put_aside(ranked, parents, ends, T)
        closed = self._close_longest(T)
        # The best that go on: ended ones last, in the order they have.
        order = torch.sort(ends.to(torch.int8), dim=1, stable=True).indices[:, :W]
        ranked = ranked.masked_fill(ends, -math.inf).gather(1, order)
        if ranked.shape[1] < W:  # fewer tokens than hypotheses: the last ones are nothing
            missing = W - ranked.shape[1]
            order = torch.cat([order, order[:, :1].expand(B, missing)], 1)
            ranked = torch.cat([ranked, ranked.new_full((B, missing), -math.inf)], 1)
        parents, chosen = parents.gather(1, order), chosen.gather(1, order)
        self._go_on(ranked, parents, chosen, closed)

    def _continuations(self, T: int) -> tuple[Tensor, Tensor]:
        """Return the best W + 1 tokens of every row, logarithms of their probabilities and ids, (N, W + 1) each."""
        W = self.how.followed
        log_probs = self._model.next_log_probs(self._context)
        if len(self._banned):
            log_probs.index_fill_(1, self._banned, -math.inf)
        values, tokens = log_probs.topk(min(W + 1, log_probs.shape[1]), dim=1)
        forced = [(k, self._prefixes[s][T]) for k, s in enumerate(self.left) if len(self._prefixes[s]) > T]
        for k, token in forced:
            rows = slice(k * W, (k + 1) * W)
            own = self._forced_log_probs(rows, token, log_probs)
            values[rows], tokens[rows] = -math.inf, token
            values[rows, 0] = own
        return values, tokens

    def _forced_log_probs(self, rows: slice, token: int, log_probs: Tensor) -> Tensor:
        """Return the logarithms of the probabilities of a token that must come, also where it is banned."""
        if token in self._banned:
            return self._model.next_log_probs(self._context)[rows, token]
        return log_probs[rows, token]

    def _put_aside(self, ranked: Tensor, parents: Tensor, ends: Tensor, T: int) -> None:
        """Keep the hypotheses that end here and are among the best W."""
        W = self.how.followed
        among = ends[:, :W] & (ranked[:, :W] > -math.inf)
        for k, rank in among.nonzero().tolist():
            self._keep(k, int(parents[k, rank]), float(ranked[k, rank]), T, ended=True)

    def _close_longest(self, T: int) -> set[int]:
        """Return the sequences that have their longest length; where too few have come to an end, others are kept."""
        closed = {s for s in self.left if self._limits[s] <= T}
        for k, s in enumerate(self.left):
            if s not in closed:
                continue
            missing = max(0, self.how.best - len(self.found[s]))
            for rank in self._total[k].topk(min(missing, self.how.followed)).indices.tolist():
                if self._total[k, rank] > -math.inf:
                    self._keep(k, k * self.how.followed + rank, float(self._total[k, rank]), T, ended=False)
        return closed

    def _keep(self, k: int, row: int, log_prob: float, T: int, ended: bool) -> None:
        s = self.left[k]
        divisor = length_divisor(T + ended, self.how.length)
        weights = None if self._attended is None else self._attended[row, :T, : self._read[s]]
        score = log_prob / divisor
        if self.how.coverage and weights is not None:
            score += self.how.coverage * coverage_penalty(weights.sum(0), self._read[s])
        shown = None if weights is None else weights.numpy().copy()
        self.found[s].append(Hypothesis(self._tokens[row, :T].numpy().copy(), log_prob, score, shown, ended))

    def _go_on(self, ranked: Tensor, parents: Tensor, chosen: Tensor, closed: set[int]) -> None:
        """Take the hypotheses that go on, of the sequences that are not done."""
        W, best, before = self.how.followed, ranked[:, 0].tolist(), self.left
        kept = [k for k, s in enumerate(before) if s not in closed and not self._done(s, best[k])]
        self.left = [before[k] for k in kept]
        if not kept:
            return
        if len(kept) < len(before):
            own = torch.tensor(kept)
            ranked, parents, chosen = ranked[own], parents[own], chosen[own]
        rows = parents.flatten()
        self._total = ranked
        self._tokens = torch.cat([self._tokens[rows], chosen.view(-1, 1)], 1)
        self._attended = None if self._attended is None else self._attended[rows]
        self._context = self._model.advance(self._model.chosen(self._context, rows, W), chosen.flatten())

    def _done(self, s: int, best: float) -> bool:
        """Return whether no hypothesis of a sequence that goes on, the best of this log-probability, is needed."""
        found = self.found[s]
        if best == -math.inf:
            return True
        if len(found) < self.how.best:
            return False
        if len(found) >= self.how.followed:
            return True
        # Its probability only falls, and what it is divided by grows to that of the longest.
        bound = best / length_divisor(self._limits[s] + 1, self.how.length)
        return sorted(one.score for one in found)[-self.how.best] >= bound
