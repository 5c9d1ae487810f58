"""A piano roll of which some keys are given: the others are drawn so that they suit what is given, to its end.

Many versions are drawn side by side. How likely a version foresees what is given is its weight, and versions of little
weight give way to copies of others: so what is drawn early suits what comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.music.frames.model import FrameModel, recall_now
from lstmkit.music.frames.network import Inner
from lstmkit.music.frames.recall import Memory
from lstmkit.music.rolls import KEYS, Roll
from lstmkit.ranges import NOT_NEGATIVE, SEED, real, whole

Given = NDArray[np.int8]
"""(T, 88), 1 where a key sounds, 0 where it does not, -1 where it is to be found."""
FEW = 0.5
"""Share of the versions that count, below which they are drawn anew."""


def require_roll(given: NDArray[Any]) -> None:
    """Raise InputError if an array has not the shape of a piano roll."""
    if given.ndim != 2 or given.shape[1] != KEYS:
        raise InputError(f"given: a piano roll is (steps, {KEYS}) numbers; got {given.shape}")


def below_melody(melody: Roll) -> Given:
    """Return what is given where all below a melody is to be found: its highest key in each step, and silence above it.

    melody  (T, 88); steps in which nothing sounds are left open
    Raises  InputError if the shape is another
    """
    require_roll(melody)
    found = np.full(melody.shape, -1, np.int8)
    for step, sounds in enumerate(melody.astype(bool)):
        if sounds.any():
            highest = int(np.flatnonzero(sounds)[-1])
            found[step, highest:] = 0
            found[step, highest] = 1
    return found


def completed(
    model: FrameModel, given: Given, versions: int = 32, temperature: float = 1.0, seed: int = 0
) -> tuple[Roll, float]:
    """Return a piano roll in which everything given is as it was, and the nats of all of it under the model.

    given        what is held, and what is to be found
    versions     drawn side by side; the likeliest is returned
    temperature  below 1 likelier ones
    Raises       InputError if the shape is another, or a value out of range
    """
    require_roll(given)
    whole("versions", versions)
    real("temperature", temperature, NOT_NEGATIVE)
    random = np.random.default_rng(whole("seed", seed, SEED))
    rolls = np.zeros((len(given), versions, KEYS), np.uint8)
    last = torch.zeros(versions, KEYS)
    inner: Sequence[Inner | None] = model.begin().inner
    memory = Memory.empty(versions) if model.settings.recall else None
    nats, weights = np.zeros(versions), np.zeros(versions)
    for step, held in enumerate(given):
        with torch.no_grad():
            recall = None if memory is None else recall_now(memory)
            pasts, states = model.pasts(last[None], recall, inner)
            frame, cost, weight = _drawn(model, [past[0] for past in pasts], held, temperature, random)
        rolls[step], nats, weights = frame.numpy(), nats + cost, weights - weight
        chosen = resampled(weights, random)
        if chosen is not None:
            rolls[: step + 1], frame, nats, weights = (
                rolls[: step + 1, chosen],
                frame[chosen],
                nats[chosen],
                0 * weights,
            )
            states = tuple(
                chosen_states(one, torch.from_numpy(chosen), model.highest - model.lowest + 1) for one in states
            )
            memory = None if memory is None else memory.of(chosen)
        last, inner = frame, states
        memory = None if memory is None else memory.after(frame.numpy().astype(np.uint8))
    best = int(nats.argmin())
    return rolls[:, best], float(nats[best])


def _drawn(
    model: FrameModel, pasts: list[Tensor], held: Given, temperature: float, random: np.random.Generator
) -> tuple[Tensor, NDArray[np.float64], NDArray[np.float64]]:
    """Return a frame for each version (N, 88), its nats, and those of what is held in it, (N,) each."""
    count = len(pasts[0])
    frame = torch.from_numpy((held > 0).astype(np.float32)).repeat(count, 1)
    nats = model.outside(frame).double().sum(dim=1).numpy()
    weight = nats.copy()
    for key in range(model.lowest, model.highest + 1):  # others sound only if they are held
        share = _share(model, pasts, frame, key - model.lowest)
        sounds = np.full(count, held[key] > 0) if held[key] >= 0 else _decided(share, temperature, random)
        cost = -np.log(np.where(sounds, share, 1 - share))
        nats += cost
        weight += cost if held[key] >= 0 else 0.0
        frame[:, key] = torch.from_numpy(sounds.astype(np.float32))
    return frame, nats, weight


def _share(model: FrameModel, pasts: list[Tensor], frame: Tensor, place: int) -> NDArray[np.float64]:
    """Return the probability that a key sounds, (N,), given the keys of the frame below it."""
    one = slice(place, place + 1)
    share: NDArray[np.float64] = model.decide(pasts, frame, one).double().sigmoid().mean(dim=0)[:, 0].numpy()
    return np.clip(share, 1e-12, 1 - 1e-12)


def _decided(share: NDArray[np.float64], temperature: float, random: np.random.Generator) -> NDArray[np.bool_]:
    if temperature == 0:
        return share > 0.5
    odds = (np.log(share) - np.log1p(-share)) / temperature
    return random.random(len(share)) < 1 / (1 + np.exp(-np.clip(odds, -700, 700)))


def resampled(weights: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.int64] | None:
    """Return which versions go on, some of them several times, or None while most of them count.

    weights  (N,) log-probabilities of what is given
    """
    shares = np.exp(weights - np.logaddexp.reduce(weights))
    if 1 / np.square(shares).sum() >= FEW * len(weights):
        return None
    places = (random.random() + np.arange(len(weights))) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(shares), places), len(weights) - 1)


def chosen_states(inner: Inner, chosen: Tensor, keys: int) -> Inner:
    """Return the states of chosen versions; those of the keys of one version stand side by side."""
    rows = (chosen[:, None] * keys + torch.arange(keys)).flatten()
    frame = None if inner.frame is None else tuple(s.index_select(1, chosen) for s in inner.frame)
    return Inner(tuple(s.index_select(1, rows) for s in inner.keys), frame)
