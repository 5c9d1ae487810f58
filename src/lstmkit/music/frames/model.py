"""One or several networks of frames as one model: what it says of a piece, and what it would play next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstmkit.errors import InputError
from lstmkit.music.frames.network import EVERY, OUTSIDE, FrameNetwork, Inner, Recall, within
from lstmkit.music.frames.recall import COLUMNS, WAYS, Memory, with_recall
from lstmkit.music.frames.settings import FrameSettings
from lstmkit.music.rolls import KEYS, Roll
from lstmkit.sequences import Ragged
from lstmkit.sequences.ragged import batches_by_length

AT_ONCE = 1 << 11
"""Steps of a padded batch, or of a long piece, that are scored together."""


class State(NamedTuple):
    """What was played so far, as a value: the last frame, the states of each network, and what can be recalled."""

    last: Tensor
    inner: tuple[Inner | None, ...]
    memory: Memory | None


class FrameModel(nn.Module):
    """Foresees the frames of a piano roll.

    Probabilities are the mean of the networks' at each decision: of a key given the past, and in order also given the
    keys below it. So they sum to one over all frames, and independent keys stay independent.

    lowest, highest  keys that sounded in training, 0 to 87
    frequencies      (K,) how often, or None
    """

    def __init__(self, settings: FrameSettings, lowest: int, highest: int, frequencies: Tensor | None = None) -> None:
        super().__init__()
        self.settings, self.lowest, self.highest = settings, lowest, highest
        self.networks = nn.ModuleList(
            FrameNetwork(settings, lowest, highest, frequencies) for _ in range(settings.ensemble)
        )

    @classmethod
    def joined(cls, models: Sequence[FrameModel]) -> FrameModel:
        """Return one model whose networks are those of several, which were trained one by one.

        Raises  InputError if their settings or keys differ
        """
        first, count = models[0], sum(model.settings.ensemble for model in models)
        settings = replace(first.settings, ensemble=count)
        for model in models[1:]:
            if replace(model.settings, ensemble=count) != settings or model._range != first._range:
                raise InputError("frames: models of different settings or keys cannot be joined; train them alike")
        found = cls(settings, first.lowest, first.highest)
        found.networks = nn.ModuleList(network for model in models for network in model.networks)
        return found.eval()

    @property
    def _range(self) -> tuple[int, int]:
        return self.lowest, self.highest

    def members(self) -> Iterator[FrameNetwork]:
        """Yield the networks."""
        for network in self.networks:
            assert isinstance(network, FrameNetwork)
            yield network

    def nats(self, rolls: Sequence[Roll]) -> list[NDArray[np.float64]]:
        """Return of each piece the negative log-likelihood of every frame, (T,), given the frames before it.

        rolls    (T, 88) each
        Returns  natural logarithms, summed over all 88 keys
        """
        return self.nats_of(pieces_of(rolls, self.settings))

    def nats_of(self, pieces: Ragged) -> list[NDArray[np.float64]]:
        """Return the same of pieces as `pieces_of` makes them."""
        found = [np.zeros(0)] * len(pieces)
        for k in np.flatnonzero(pieces.lengths > AT_ONCE).tolist():
            found[k] = self._key_nats(pieces[k]).sum(axis=1)
        short = np.flatnonzero(pieces.lengths <= AT_ONCE)
        with torch.no_grad():
            for batch in batches_by_length(pieces.lengths[short], AT_ONCE):
                rows = short[batch]
                values, lengths = pieces.batch(rows)
                frames, recall = parted(values)
                inside = within(frames, lengths)
                logits = torch.stack([network(frames, recall, lengths) for network in self.members()])
                nats = np.zeros(inside.shape)
                nats[inside.numpy()] = self._of_keys(logits, frames[inside]).sum(dim=1).double().numpy()
                for place, row in enumerate(rows.tolist()):
                    found[row] = nats[: pieces.lengths[row], place]
        return found

    def key_nats(self, roll: Roll) -> NDArray[np.float64]:
        """Return the negative log-likelihood of each key of each frame of a piece of any length, (T, 88)."""
        return self._key_nats(pieces_of([roll], self.settings)[0])

    def _key_nats(self, piece: NDArray[np.uint8]) -> NDArray[np.float64]:
        inner: list[Inner | None] = [None] * self.settings.ensemble
        found, last = np.zeros((len(piece), KEYS)), torch.zeros(1, 1, KEYS)
        with torch.no_grad():
            for begin in range(0, len(piece), AT_ONCE):
                frames, recall = parted(torch.from_numpy(piece[begin : begin + AT_ONCE])[:, None])
                before, last = torch.cat([last, frames[:-1]]), frames[-1:]
                logits = []
                for k, network in enumerate(self.members()):  # what one knows of so many frames is much to hold
                    past, inner[k] = network.past(before, recall, inner[k])
                    logits.append(network.decide(past[:, 0], frames[:, 0]))
                found[begin : begin + len(frames)] = self._of_keys(torch.stack(logits), frames[:, 0]).double().numpy()
        return found

    def pasts(
        self, before: Tensor, recall: Recall | None, inner: Sequence[Inner | None]
    ) -> tuple[list[Tensor], tuple[Inner, ...]]:
        """Return what each network knows before each frame, and its states after them; see `FrameNetwork.past`."""
        found = [network.past(before, recall, own) for network, own in zip(self.members(), inner, strict=True)]
        return [past for past, _ in found], tuple(after for _, after in found)

    def decide(self, pasts: Sequence[Tensor], frames: Tensor, keys: slice = EVERY) -> Tensor:
        """Return the logits of each network, (M, N, K); see `FrameNetwork.decide`."""
        return torch.stack([n.decide(past, frames, keys) for n, past in zip(self.members(), pasts, strict=True)])

    def _of_keys(self, logits: Tensor, frames: Tensor) -> Tensor:
        """Return the negative log-likelihood of each key, (N, 88), those among them that never sounded in training.

        logits  (M, N, K) of each network
        frames  (N, 88)
        """
        found, own = self.outside(frames), slice(self.lowest, self.highest + 1)
        found[:, own] = decided(logits, frames[:, own])
        return found

    def outside(self, frames: Tensor) -> Tensor:
        """Return what each key of frames (N, 88) costs that never sounded in training, zero for all others."""
        found = torch.where(frames > 0, -math.log(OUTSIDE), -math.log1p(-OUTSIDE))
        found[:, self.lowest : self.highest + 1] = 0.0
        return found

    def begin(self) -> State:
        """Return the state before the first frame."""
        memory = Memory.empty() if self.settings.recall else None
        return State(torch.zeros(KEYS), (None,) * self.settings.ensemble, memory)

    def next_frame(self, state: State) -> Frame:
        """Return what may be played next."""
        with torch.no_grad():
            recall = None if state.memory is None else recall_now(state.memory)
            pasts, inner = self.pasts(state.last[None, None], recall, state.inner)
        return Frame(self, [past[0] for past in pasts], State(state.last, inner, state.memory))


class Frame:
    """The next frame, of which nothing is decided: from it frames are scored and drawn.

    pasts  what each network knows of each key, (1, K, features)
    state  after the frame before
    """

    def __init__(self, model: FrameModel, pasts: list[Tensor], state: State) -> None:
        self._model, self._pasts, self._state = model, pasts, state

    def nats(self, frame: Roll) -> float:
        """Return the negative log-likelihood of a frame (88,)."""
        roll = torch.from_numpy(np.asarray(frame, np.float32))[None]
        with torch.no_grad():
            return float(self._model._of_keys(self._model.decide(self._pasts, roll), roll).sum())

    def draw(self, random: np.random.Generator, temperature: float = 1.0, fixed: Roll | None = None) -> Roll:
        """Return a frame (88,) drawn from what may come.

        temperature  below 1 likelier ones; 0 decides for the likelier at every key
        fixed        (88,) -1 where a key is drawn, else whether it sounds
        """
        model, chance = self._model, random.random(KEYS)
        held = np.full(KEYS, -1) if fixed is None else np.asarray(fixed)
        own = slice(model.lowest, model.highest + 1)
        frame, key = np.zeros(KEYS, np.uint8), model.lowest
        while key <= model.highest:
            sounds = np.zeros(KEYS, bool)
            sounds[own] = chance[own] < self._shares(frame, temperature)
            sounds[own] = np.where(held[own] >= 0, held[own] > 0, sounds[own])
            if not model.settings.in_order:
                return sounds.astype(np.uint8)
            above = np.flatnonzero(sounds[key:])
            if not len(above):
                break
            key += int(above[0]) + 1  # up to the first that sounds, what is said of the keys holds
            frame[key - 1] = 1
        return frame

    def _shares(self, frame: Roll, temperature: float) -> NDArray[np.float64]:
        """Return the probability of each key, (K,), given those of the frame that are decided on."""
        given = torch.from_numpy(frame.astype(np.float32))[None]
        with torch.no_grad():
            shares = self._model.decide(self._pasts, given).double().sigmoid().mean(dim=0)[0]
            if temperature == 0:
                return (shares > 0.5).double().numpy()
            return (torch.logit(shares.clamp(1e-12, 1 - 1e-12)) / temperature).sigmoid().numpy()

    def advance(self, frame: Roll) -> State:
        """Return the state after a frame (88,); this one stays as it was."""
        memory = self._state.memory
        memory = None if memory is None else memory.after(np.asarray(frame, np.uint8)[None])
        return State(torch.from_numpy(np.asarray(frame, np.float32)), self._state.inner, memory)


def pieces_of(rolls: Sequence[Roll], settings: FrameSettings) -> Ragged:
    """Return pieces, with what is recalled in them if networks are told."""
    if not settings.recall:
        return Ragged.of(rolls, KEYS, dtype=np.uint8)
    return Ragged.of((with_recall(roll) for roll in rolls), COLUMNS, dtype=np.uint8)


def parted(values: Tensor) -> tuple[Tensor, Recall | None]:
    """Return the frames of a batch of `pieces_of`, (T, B, 88), and what is recalled before each, if it is told."""
    if values.shape[2] == KEYS:
        return values.float(), None
    T, B, _ = values.shape
    frames = values[..., :-WAYS].float().reshape(T, B, 1 + WAYS, KEYS)
    return frames[:, :, 0], Recall(frames[:, :, 1:], values[..., -WAYS:].long())


def recall_now(memory: Memory) -> Recall:
    """Return what is recalled of each of N versions, as a batch of one step."""
    frames, lengths = memory.recalled()
    return Recall(torch.from_numpy(frames).float()[None], torch.from_numpy(lengths)[None])


def decided(logits: Tensor, sounds: Tensor) -> Tensor:
    """Return the negative log-likelihood of decisions.

    logits   (M, N, K) of each network; the probability is the mean of theirs
    sounds   (N, K) of 0 and 1
    Returns  (N, K)
    """
    signs = 2 * sounds - 1
    if len(logits) == 1:
        return nn.functional.softplus(-signs * logits[0])
    return math.log(len(logits)) - nn.functional.logsigmoid(signs * logits).logsumexp(dim=0)


def per_frame(nats: Sequence[NDArray[np.float64]]) -> float:
    """Return the mean over all frames but the first of each piece, as published figures are made."""
    return float(np.concatenate([own[1:] for own in nats]).mean())
