"""Voices of which some notes are given: the others are drawn so that they suit what is given, to its end.

Many versions are drawn side by side, as of piano rolls; see `lstmkit.music.frames.completing`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.music.frames.completing import chosen_states, resampled
from lstmkit.music.frames.network import Inner
from lstmkit.music.rolls.frames import SILENCE
from lstmkit.music.voices.history import Codes, History, Parts, codes_of, parts_of
from lstmkit.music.voices.model import VoiceModel, drawn
from lstmkit.music.voices.network import Before, Past
from lstmkit.music.voices.relative import NOTHING
from lstmkit.ranges import NOT_NEGATIVE, SEED, real, whole

OPEN = SILENCE - 1
"""In place of a pitch that is to be found."""


def completed_voices(
    model: VoiceModel, given: Parts, versions: int = 32, temperature: float = 1.0, seed: int = 0
) -> tuple[Parts, float]:
    """Return voices in which everything given is as it was, and the nats of all of it under the model.

    given        (T, V) pitches and SILENCE, which are held, and OPEN
    versions     drawn side by side; the likeliest is returned
    temperature  below 1 likelier ones
    Raises       InputError if the shape is another, a note is no key of a piano, or a value is out of range
    """
    if given.ndim != 2 or given.shape[1] != model.voices:
        raise InputError(f"given: the model has {model.voices} voices; got {given.shape}")
    whole("versions", versions)
    real("temperature", temperature, NOT_NEGATIVE)
    random = np.random.default_rng(whole("seed", seed, SEED))
    held = np.where(given == OPEN, NOTHING, codes_of(np.where(given == OPEN, SILENCE, given))).astype(np.uint8)
    found = np.zeros((len(given), versions, model.voices), np.uint8)
    history = History.empty(model.voices, model.settings.recall, versions)
    inner: Sequence[Inner | None] = model.begin().inner
    nats, weights = np.zeros(versions), np.zeros(versions)
    for step, own in enumerate(held):
        before = history.before()
        with torch.no_grad():
            pasts, states = model.pasts(before, inner)
            known = Before(*(one[0] for one in before))
            found[step], cost, weight = _sung(model, pasts, known, own, temperature, random)
        history, nats, weights = history.after(found[step]), nats + cost, weights - weight
        chosen = resampled(weights, random)
        if chosen is not None:
            found[: step + 1], nats, weights = found[: step + 1, chosen], nats[chosen], 0 * weights
            history = history.of(chosen)
            width = next(model.members()).width
            states = tuple(chosen_states(one, torch.from_numpy(chosen), width) for one in states)
        inner = states
    best = int(nats.argmin())
    return parts_of(found[:, best]), float(nats[best])


def _sung(
    model: VoiceModel,
    pasts: list[Past],
    before: Before,
    held: Codes,
    temperature: float,
    random: np.random.Generator,
) -> tuple[Codes, NDArray[np.float64], NDArray[np.float64]]:
    """Return what the voices of each version sing, (N, V), its nats, and those of what is held in it, (N,) each."""
    count = len(before.last)
    now: Tensor = torch.full((count, model.voices), NOTHING)
    nats, weight = np.zeros(count), np.zeros(count)
    for place, voice in enumerate(model.order):
        log_probs = model.decide(pasts, before, now, place).double().numpy()
        code = int(held[voice])
        free = model.singable(log_probs, voice)
        sung = drawn(free, temperature, random) if code == NOTHING else np.full(count, code)
        cost = -log_probs[np.arange(count), sung]
        nats += cost
        weight += 0.0 if code == NOTHING else cost
        now[:, voice] = torch.from_numpy(sung)
    return now.numpy().astype(np.uint8), nats, weight
