"""A network of voices: which key each sings next, one voice after the other.

Every key is seen from where it lies: how far the last notes of all voices are from it, the notes of voices that are
decided on in this step, and what is recalled. One recurrent network is shared by all keys, a second one sees the step
as a whole. So what is learnt of one key holds for all.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.music.frames.network import LEAST_RUNS, OUTSIDE, Inner
from lstmkit.music.rolls import KEYS
from lstmkit.music.voices.relative import CODES, NOTHING, SILENT, Relative
from lstmkit.music.voices.settings import VoiceSettings
from lstmkit.nn import LSTM

WAYS = 3
"""In which steps are compared to recall what followed: by all voices, by the first, and by the last."""
AGES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17)
"""From how many steps on that a voice has held what it sings, these are told apart."""
PERIODS = (16, 12)
"""Steps since the beginning are told as the rest of a division by each: bars of four and of three quarters in 16ths."""
HOLDS = 3.0
"""How much likelier, in nats, what a voice sings is again before anything is learnt."""


class Before(NamedTuple):
    """What is known before each step, beside the states; of a batch (T, B, ...), or of steps (N, ...).

    last      (..., V) codes of the step before
    recalled  (..., WAYS, V) codes of what followed, NOTHING where nothing is recalled
    runs      (..., WAYS) how many steps in a row were the same
    ages      (..., V) for how many steps each voice has sung what it sings
    step      (...) since the beginning
    """

    last: Tensor
    recalled: Tensor
    runs: Tensor
    ages: Tensor
    step: Tensor

    def of(self, chosen: Tensor) -> Before:
        """Return that of chosen steps."""
        return Before(*(one[chosen] for one in self))


class Past(NamedTuple):
    """What a network knows before each step; of a batch (T, B, ...), or of steps (N, ...).

    keys   (..., K, features) of each key
    whole  (..., features) of the step as a whole
    """

    keys: Tensor
    whole: Tensor

    def of(self, chosen: Tensor) -> Past:
        """Return that of chosen steps."""
        return Past(self.keys[chosen], self.whole[chosen])


class Span(NamedTuple):
    """The keys that a voice may sing, the lowest and the highest, 0 to 87; each other has the probability OUTSIDE."""

    lowest: int
    highest: int

    @property
    def keys(self) -> int:
        """How many there are."""
        return self.highest - self.lowest + 1


def order_of(voices: int) -> list[int]:
    """Return in which order voices are decided on: the first, the last, then those between."""
    return [0, *([voices - 1] if voices > 1 else []), *range(1, voices - 1)]


class Decision(nn.Module):
    """Says what one voice sings, given the voices that were decided on before it in the same step.

    voice, earlier  which voice, and those before it
    span            the keys that it may sing
    lowest          key with which `Past.keys` begins
    """

    def __init__(
        self, settings: VoiceSettings, voices: int, voice: int, earlier: list[int], span: Span, lowest: int
    ) -> None:
        super().__init__()
        self.settings, self.voice, self.earlier, self.span = settings, voice, earlier, span
        self.own = slice(span.lowest - lowest, span.highest + 1 - lowest)
        size, whole = settings.head_size, settings.frame_size + context_size(voices) + len(earlier)
        self.keys = nn.Linear(settings.key_size + settings.frame_features, size)
        self.whole = nn.Linear(whole, size)
        self.notes = Relative(voices + len(earlier) + (WAYS if settings.recall else 0), size, span.keys)
        self.decision = nn.Linear(size, 1, bias=False)
        self.hold, self.silence = nn.Linear(whole, 1), nn.Linear(whole, 1)
        self.again = nn.Parameter(torch.zeros(WAYS, len(LEAST_RUNS) + 1, 2))
        self.bias = nn.Parameter(torch.zeros(span.keys + 1))
        with torch.no_grad():
            self.decision.weight.mul_(0.1)
            self.hold.bias.fill_(HOLDS)

    def forward(self, past: Past, before: Before, now: Tensor) -> Tensor:
        """Return the log-probability of each key, and last of silence, (N, 89).

        now  (N, V) codes of the step itself; only those of the earlier voices are seen
        """
        sung = now[:, self.earlier]
        moved = (sung != before.last[:, self.earlier]).to(past.whole.dtype)
        whole = torch.cat([past.whole, moved], dim=1)
        notes = [before.last, sung, *([before.recalled[..., self.voice]] if self.settings.recall else [])]
        hidden = self.keys(past.keys[:, self.own]) + self.notes(torch.cat(notes, dim=1)) + self.whole(whole)[:, None]
        hidden = alike(functional.relu(hidden), self.settings.head_dropout, self.training)
        of_keys = self.decision(hidden).squeeze(2)
        said = torch.cat([of_keys, self.silence(whole)], dim=1) + self.bias
        more = self._more(before, sung, self.hold(whole))
        low, high = self.span
        said = said + torch.cat([more[:, low : high + 1], more[:, SILENT : SILENT + 1]], dim=1)
        outside = KEYS - self.span.keys
        found = torch.log_softmax(said, dim=1) + math.log1p(-outside * OUTSIDE)
        padded = functional.pad(found[:, :-1], (low, KEYS - 1 - high), value=math.log(OUTSIDE))
        return torch.cat([padded, found[:, -1:]], dim=1)

    def _more(self, before: Before, sung: Tensor, hold: Tensor) -> Tensor:
        """Return how much likelier what was sung last, and what is recalled, is, (N, CODES)."""
        more = torch.zeros(len(sung), CODES, device=sung.device).scatter(1, before.last[:, self.voice, None], hold)
        if not self.settings.recall:
            return more
        recalled = before.recalled[..., self.voice]
        others = before.recalled[..., self.earlier]
        kept = ((others == sung[:, None]) | (others == NOTHING)).all(dim=2).long()
        gains = self.again[torch.arange(WAYS, device=sung.device), classes(before.runs, LEAST_RUNS), kept]
        return more.scatter_add(1, recalled, gains)


class VoiceNetwork(nn.Module):
    """Foresees each voice from what was sung before, and from the voices decided on before it.

    spans  of the voices
    shares (V, 89) how often each voice sings each key and rests, to begin from
    """

    def __init__(self, settings: VoiceSettings, spans: list[Span], shares: Tensor | None = None) -> None:
        super().__init__()
        self.settings, self.voices = settings, len(spans)
        self.lowest = min(span.lowest for span in spans)
        self.width = K = max(span.highest for span in spans) - self.lowest + 1
        cell, voices = settings.cell, len(spans)
        forget = 1.0 if cell == "lstm" else None
        self.seen = Relative(voices, settings.key_features, K)
        self.keys = LSTM(settings.key_features, settings.key_size, cell=cell, forget_bias=forget)
        self.frame = LSTM(voices * CODES + context_size(voices), settings.frame_size, cell=cell, forget_bias=forget)
        self.spread = nn.Linear(settings.frame_size, settings.frame_features * K)
        order = order_of(voices)
        self.decisions = nn.ModuleList(
            Decision(settings, voices, voice, order[:place], spans[voice], self.lowest)
            for place, voice in enumerate(order)
        )
        self.dropout = nn.Dropout(settings.dropout)
        if shares is not None:
            with torch.no_grad():
                for decision in self.in_order():
                    low, high = decision.span
                    own = shares[decision.voice]
                    decision.bias.copy_(torch.cat([own[low : high + 1], own[SILENT:]]).clamp(min=1e-4).log())

    def in_order(self) -> list[Decision]:
        """Return the decisions in the order in which they are made."""
        return [decision for decision in self.decisions if isinstance(decision, Decision)]

    def forward(self, now: Tensor, before: Before, inside: Tensor, lengths: Tensor) -> Tensor:
        """Return the log-probability of what each voice sings, (N, V), for all N steps that are no padding.

        now      (T, B, V) codes
        inside   (T, B) which steps are no padding
        lengths  (B,)
        """
        past, _ = self.past(before, None, lengths)
        return self.log_probs(past.of(inside), before.of(inside), now[inside])

    def log_probs(self, past: Past, before: Before, now: Tensor) -> Tensor:
        """Return the log-probability of what each voice sings, (N, V)."""
        found = {d.voice: d(past, before, now).gather(1, now[:, d.voice, None]) for d in self.in_order()}
        return torch.cat([found[voice] for voice in range(self.voices)], dim=1)

    def past(self, before: Before, inner: Inner | None, lengths: Tensor | None = None) -> tuple[Past, Inner]:
        """Return what is known before each step, and the states after what is known.

        before   of a batch
        inner    states to go on from; None begins
        lengths  (B,); None where all last as long
        """
        T, B, V = before.last.shape
        K = self.width
        rows = None if lengths is None else lengths.repeat_interleave(K)
        seen = functional.relu(self.seen(before.last.reshape(-1, V))).reshape(T, B * K, -1)
        found, keys = self.keys(seen, None if inner is None else inner.keys, lengths=rows)
        context = _context(before).to(seen.dtype)
        sung = functional.one_hot(before.last, CODES).flatten(2).to(seen.dtype)
        whole, frame = self.frame(
            torch.cat([sung, context], dim=2), None if inner is None else inner.frame, lengths=lengths
        )
        whole = self.dropout(whole)
        spread = self.spread(whole).reshape(T, B, K, -1)
        own = alike(found.reshape(T, B, K, -1), self.settings.dropout, self.training)
        of_keys = torch.cat([own, spread], dim=3)
        return Past(of_keys, torch.cat([whole, context], dim=2)), Inner(keys, frame)


def alike(values: Tensor, rate: float, training: bool) -> Tensor:
    """Return values (..., K, features) with dropout, that of all K keys of a step alike."""
    if not training or not rate:
        return values
    kept = values.new_ones((*values.shape[:-2], 1, values.shape[-1]))
    return values * functional.dropout(kept, rate)


def context_size(voices: int) -> int:
    """Return how many numbers say where a step is, how long voices have held, and how much is recalled."""
    return sum(PERIODS) + voices * (len(AGES) + 1) + WAYS * (len(LEAST_RUNS) + 1)


def _context(before: Before) -> Tensor:
    """Return these numbers, (T, B, context_size)."""
    places = [functional.one_hot(before.step % period, period) for period in PERIODS]
    ages = functional.one_hot(classes(before.ages, AGES), len(AGES) + 1).flatten(2)
    runs = functional.one_hot(classes(before.runs, LEAST_RUNS), len(LEAST_RUNS) + 1).flatten(2)
    return torch.cat([*places, ages, runs], dim=2)


def classes(numbers: Tensor, least: tuple[int, ...]) -> Tensor:
    """Return how many of some numbers, which rise, each number reaches."""
    return (numbers[..., None] >= torch.tensor(least, device=numbers.device)).sum(dim=-1)
