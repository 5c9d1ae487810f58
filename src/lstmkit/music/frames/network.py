"""A network of frames: one recurrent network for all keys, each seen from where it lies, and one for the frame.

What a key sees of the last frame is relative to it: its neighbours, how often each interval above it sounds, and how
many notes lie below and above. So what is learnt of one key holds for all, and a chord that is moved is the same chord.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.music.frames.recall import WAYS
from lstmkit.music.frames.settings import FrameSettings
from lstmkit.music.rolls import KEYS
from lstmkit.nn import LSTM

COUNTS = 8
"""Numbers of notes that are told apart; the last stands for all above."""
OCTAVE = 12
EVERY = slice(None)
REACH = 2
"""Keys on either side that a key sees of what is recalled."""
LEAST_RUNS = (1, 2, 3, 4, 6, 9, 17, 32)
"""From how many frames in a row on that were the same, these are told apart."""
RUNS = len(LEAST_RUNS)
TOLD = WAYS * (2 * REACH + 1 + RUNS)
"""Numbers that say what is recalled of a key."""
OUTSIDE = 1e-6
"""Probability that a key sounds that never did in training."""


class Inner(NamedTuple):
    """States of both networks; `frame` is None without the second."""

    keys: Any
    frame: Any


class Recall(NamedTuple):
    """What is recalled before each frame of a batch; see `Recalled`.

    frames   (T, B, WAYS, 88) of 0 and 1
    lengths  (T, B, WAYS)
    """

    frames: Tensor
    lengths: Tensor


class FrameNetwork(nn.Module):
    """Says of each key how likely it sounds.

    lowest, highest  keys that are decided on, 0 to 87; others get the probability OUTSIDE
    frequencies      (K,) how often each of those keys sounds, to begin from
    """

    def __init__(self, settings: FrameSettings, lowest: int, highest: int, frequencies: Tensor | None = None) -> None:
        super().__init__()
        self.settings, self.lowest, self.highest = settings, lowest, highest
        K = highest - lowest + 1
        cell = settings.cell
        self.features = features = 2 * settings.window + 1 + OCTAVE + 2 * COUNTS + 1
        self.keys = LSTM(features, settings.key_size, cell=cell, forget_bias=1.0 if cell == "lstm" else None)
        size = settings.key_size + features  # what a key sees goes past its network, too
        if settings.frame_size:
            self.frame = LSTM(K, settings.frame_size, cell=cell, forget_bias=1.0 if cell == "lstm" else None)
            self.spread = nn.Linear(settings.frame_size, settings.frame_features * K)
            size += settings.frame_features
        if settings.in_order:
            size += settings.below + COUNTS
        if settings.recall:
            size += TOLD + 2 * WAYS * RUNS
            self.again = nn.Linear(2 * WAYS * RUNS, 1, bias=False)
            nn.init.zeros_(self.again.weight)
        self.hidden = nn.Linear(size, settings.head_size)
        self.decision = nn.Linear(settings.head_size, 1)
        self.bias = nn.Parameter(torch.zeros(K))
        self.dropout, self.head_dropout = nn.Dropout(settings.dropout), nn.Dropout(settings.head_dropout)
        with torch.no_grad():
            self.decision.weight.mul_(0.1)
            self.decision.bias.zero_()
            if frequencies is not None:
                self.bias.copy_(torch.logit(frequencies.clamp(1e-4, 1 - 1e-4)))

    @property
    def width(self) -> int:
        """How many keys are decided on, K."""
        return self.highest - self.lowest + 1

    def forward(self, rolls: Tensor, recall: Recall | None, lengths: Tensor) -> Tensor:
        """Return the logits of each key in each frame, given the frames before it, and the keys below if in order.

        rolls    (T, B, 88) of 0 and 1
        recall   what is recalled before each; None where networks are not told
        lengths  (B,)
        Returns  (N, K) for all N frames that are no padding, those of one step after each other
        """
        before = functional.pad(rolls, (0, 0, 0, 0, 1, 0))[:-1]
        past, _ = self.past(before, recall, None, lengths)
        inside = within(rolls, lengths)
        return self.decide(past[inside], rolls[inside])

    def past(
        self, before: Tensor, recall: Recall | None, inner: Inner | None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Inner]:
        """Return what is known of each key before its frame, and the states after it.

        before   (T, B, 88) the frame before each
        recall   what is recalled before each frame
        inner    states to go on from; None begins
        lengths  (B,); None where all last as long
        Returns  (T, B, K, features)
        """
        T, B, _ = before.shape
        K = self.width
        rows = None if lengths is None else lengths.repeat_interleave(K)
        seen = self._seen(before)
        states = None if inner is None else inner.keys
        found, keys = self.keys(seen.reshape(T, B * K, -1), states, lengths=rows)
        told = [] if recall is None else [self._told(recall)]
        found = torch.cat([found.reshape(T, B, K, -1), seen, *told], dim=3)
        if not self.settings.frame_size:
            return found, Inner(keys, None)
        own = before[..., self.lowest : self.highest + 1]
        whole, frame = self.frame(own, None if inner is None else inner.frame, lengths=lengths)
        spread = self.spread(self.dropout(whole)).reshape(T, B, K, -1)
        return torch.cat([found, spread], dim=3), Inner(keys, frame)

    def decide(self, past: Tensor, rolls: Tensor, keys: slice = EVERY) -> Tensor:
        """Return the logits of each key.

        past     (N, K, features)
        rolls    (N, 88) the frames themselves; a key sees only those below it
        keys     which of the K keys
        Returns  (N, K), of those keys alone
        """
        size, own = self.settings.key_size, past[:, keys]
        parts = [self.dropout(own[..., :size]), own[..., size:]]
        if self.settings.in_order:
            parts.append(self._below(rolls)[:, keys])
        if self.settings.recall:
            parts.append(self._again(past, rolls, keys))
        hidden = self.head_dropout(functional.relu(self.hidden(torch.cat(parts, dim=2))))
        decisions: Tensor = self.decision(hidden)
        if self.settings.recall:
            decisions = decisions + self.again(parts[-1])
        return decisions.squeeze(2) + self.bias[keys]

    def _seen(self, frames: Tensor) -> Tensor:
        """Return what each key sees of frames: (T, B, K, 2 · window + 1 + 12 + 2 · COUNTS + 1)."""
        window, K = self.settings.window, self.width
        around = functional.pad(frames, (window, window))[..., self.lowest : self.highest + 1 + 2 * window]
        near = around.unfold(2, 2 * window + 1, 1)
        padded = functional.pad(frames, (0, -KEYS % OCTAVE))
        classes = padded.reshape(*frames.shape[:2], -1, OCTAVE).sum(dim=2)
        numbers = torch.arange(self.lowest, self.highest + 1, device=frames.device)
        intervals = classes[..., (numbers[:, None] + torch.arange(OCTAVE, device=frames.device)) % OCTAVE]
        sums = functional.pad(frames.cumsum(dim=2), (1, 0))
        below = sums[..., self.lowest : self.highest + 1]
        above = sums[..., -1:] - sums[..., self.lowest + 1 : self.highest + 2]
        place = ((numbers - self.lowest) / K).expand(*frames.shape[:2], K)
        return torch.cat([near, intervals, _counted(below), _counted(above), place[..., None]], dim=3)

    def _told(self, recall: Recall) -> Tensor:
        """Return what is recalled of each key and those around it, and how long it was the same: (T, B, K, TOLD)."""
        T, B = recall.lengths.shape[:2]
        around = functional.pad(recall.frames, (REACH, REACH))[..., self.lowest : self.highest + 1 + 2 * REACH]
        near = around.unfold(3, 2 * REACH + 1, 1).transpose(2, 3).reshape(T, B, self.width, -1)
        least = torch.tensor(LEAST_RUNS, device=recall.lengths.device)
        reached = (recall.lengths[..., None] >= least).to(near.dtype)
        runs = (reached - functional.pad(reached[..., 1:], (0, 1))).reshape(T, B, 1, -1)
        return torch.cat([near, runs.expand(T, B, self.width, -1)], dim=3)

    def _again(self, past: Tensor, frames: Tensor, keys: slice) -> Tensor:
        """Return of some keys whether they would sound if what is recalled came again, (N, keys, 2 · WAYS · RUNS).

        Of the whole frame that is only said as long as the keys below are as they were, of the highest note only of it
        and the keys above. Each is said where the number of frames that were the same stands.
        """
        N, K, _ = past[:, keys].shape
        begin = self.settings.key_size + self.features
        told = past[..., begin : begin + TOLD]
        runs = told[:, keys, WAYS * (2 * REACH + 1) :].reshape(N, K, WAYS, 1, RUNS)
        whole, top = told[..., REACH], told[..., 2 * REACH + 1 + REACH]
        same = whole == frames[:, self.lowest : self.highest + 1]
        kept = functional.pad(same.to(whole.dtype).cumprod(dim=1), (1, 0), value=1.0)[:, :-1]
        if not self.settings.in_order:
            kept = torch.ones_like(kept)
        above = top.cumsum(dim=1) - top
        said = torch.stack([whole * kept, (1 - whole) * kept, top, above], dim=2)[:, keys]
        return (said.reshape(N, K, WAYS, 2, 1) * runs).flatten(2)

    def _below(self, frames: Tensor) -> Tensor:
        """Return what each key sees of its own frame: the keys below it, and how many of all below sound."""
        below = self.settings.below
        own = functional.pad(frames, (below, 0))[..., self.lowest : self.highest + below]
        near = own.unfold(1, below, 1) if below else frames.new_zeros(len(frames), self.width, 0)
        sums = functional.pad(frames.cumsum(dim=1), (1, 0))[..., self.lowest : self.highest + 1]
        return torch.cat([near, _counted(sums)], dim=2)


def within(rolls: Tensor, lengths: Tensor) -> Tensor:
    """Return which frames of a padded batch (T, B, ...) are no padding, (T, B)."""
    return torch.arange(len(rolls), device=rolls.device)[:, None] < lengths


def _counted(counts: Tensor) -> Tensor:
    """Return numbers of notes as 0 and 1 for each of COUNTS."""
    numbers = counts.round().long().clamp(max=COUNTS - 1)
    return functional.one_hot(numbers, COUNTS).to(counts.dtype)
