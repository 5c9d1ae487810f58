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
from lstmkit.music.frames.network import OUTSIDE, FrameNetwork, Inner, within
from lstmkit.music.frames.settings import FrameSettings
from lstmkit.music.rolls import KEYS, Roll
from lstmkit.sequences import Ragged
from lstmkit.sequences.ragged import batches_by_length

AT_ONCE = 1 << 13
"""Steps of a padded batch that are scored together."""


class State(NamedTuple):
    """What was played so far, as a value: the last frame, and the states of each network; see `Frame.advance`."""

    last: Tensor
    inner: tuple[Inner | None, ...]


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
        pieces = Ragged.of(rolls, KEYS, dtype=np.float32)
        found: list[NDArray[np.float64]] = [np.zeros(0)] * len(rolls)
        with torch.no_grad():
            for rows in batches_by_length(pieces.lengths, AT_ONCE):
                values, lengths = pieces.batch(rows)
                nats = np.zeros(values.shape[:2])
                nats[within(values, lengths).numpy()] = self.frame_nats(values, lengths).double().numpy()
                for place, row in enumerate(rows.tolist()):
                    found[row] = nats[: len(rolls[row]), place]
        return found

    def frame_nats(self, rolls: Tensor, lengths: Tensor) -> Tensor:
        """Return the negative log-likelihood of all frames of a padded batch that are no padding, (N,)."""
        logits = torch.stack([network(rolls, lengths) for network in self.members()])
        flat = rolls[within(rolls, lengths)]
        return decided(logits, flat[:, self.lowest : self.highest + 1]) + self.outside(flat)

    def outside(self, rolls: Tensor) -> Tensor:
        """Return what the keys cost that never sounded in training."""
        count = rolls.sum(dim=-1) - rolls[..., self.lowest : self.highest + 1].sum(dim=-1)
        silent = KEYS - (self.highest - self.lowest + 1) - count
        return -count * math.log(OUTSIDE) - silent * math.log1p(-OUTSIDE)

    def begin(self) -> State:
        """Return the state before the first frame."""
        return State(torch.zeros(KEYS), (None,) * self.settings.ensemble)

    def next_frame(self, state: State) -> Frame:
        """Return what may be played next."""
        with torch.no_grad():
            pasts, inner = [], []
            for network, own in zip(self.members(), state.inner, strict=True):
                past, after = network.past(state.last[None, None], own)
                pasts.append(past[0])
                inner.append(after)
        return Frame(self, pasts, tuple(inner))


class Frame:
    """The next frame, of which nothing is decided: from it frames are scored and drawn.

    pasts  what each network knows of each key, (1, K, features)
    inner  states of each network after the frame before
    """

    def __init__(self, model: FrameModel, pasts: list[Tensor], inner: tuple[Inner, ...]) -> None:
        self._model, self._pasts, self._inner = model, pasts, inner

    def nats(self, frame: Roll) -> float:
        """Return the negative log-likelihood of a frame (88,)."""
        roll = torch.from_numpy(np.asarray(frame, np.float32))[None]
        model = self._model
        with torch.no_grad():
            logits = torch.stack([n.decide(past, roll) for n, past in zip(model.members(), self._pasts, strict=True)])
            return float(decided(logits, roll[..., model.lowest : model.highest + 1]) + model.outside(roll))

    def draw(self, random: np.random.Generator, temperature: float = 1.0, fixed: Roll | None = None) -> Roll:
        """Return a frame (88,) drawn from what may come.

        temperature  below 1 likelier ones; 0 decides for the likelier at every key
        fixed        (88,) -1 where a key is drawn, else whether it sounds
        """
        frame = torch.zeros(1, KEYS)
        model = self._model
        for key in range(model.lowest, model.highest + 1):
            if key == model.lowest or model.settings.in_order:
                shares = self._shares(frame, temperature)
            sounds = random.random() < shares[key - model.lowest]
            if fixed is not None and fixed[key] >= 0:
                sounds = bool(fixed[key])
            frame[0, key] = float(sounds)
        return frame[0].numpy().astype(np.uint8)

    def _shares(self, frame: Tensor, temperature: float) -> NDArray[np.float64]:
        """Return the probability of each key, (K,), given those of the frame that are decided on."""
        with torch.no_grad():
            own = [n.decide(past, frame) for n, past in zip(self._model.members(), self._pasts, strict=True)]
            shares = torch.stack(own).double().sigmoid().mean(dim=0)[0]
            if temperature == 0:
                return (shares > 0.5).double().numpy()
            return (torch.logit(shares.clamp(1e-12, 1 - 1e-12)) / temperature).sigmoid().numpy()

    def advance(self, frame: Roll) -> State:
        """Return the state after a frame (88,); this one stays as it was."""
        return State(torch.from_numpy(np.asarray(frame, np.float32)), self._inner)


def decided(logits: Tensor, sounds: Tensor) -> Tensor:
    """Return the negative log-likelihood of decisions, summed over the keys.

    logits   (M, N, K) of each network; the probability is the mean of theirs
    sounds   (N, K) of 0 and 1
    Returns  (N,)
    """
    signs = 2 * sounds - 1
    if len(logits) == 1:
        return nn.functional.softplus(-signs * logits[0]).sum(dim=-1)
    return -(nn.functional.logsigmoid(signs * logits).logsumexp(dim=0) - math.log(len(logits))).sum(dim=-1)


def per_frame(nats: Sequence[NDArray[np.float64]]) -> float:
    """Return the mean over all frames but the first of each piece, as published figures are made."""
    return float(np.concatenate([own[1:] for own in nats]).mean())
