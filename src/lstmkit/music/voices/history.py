"""What is known before a step of voices, beside the states of networks: of a whole piece, and as it goes on.

All of it follows from the steps before. A step is where it is from the beginning of the piece on: bars and upbeats are
not told, since piano rolls do not say them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.music.frames.recall import Memory, places_seen
from lstmkit.music.rolls import KEYS, LOWEST_KEY
from lstmkit.music.rolls.frames import SILENCE, require_key
from lstmkit.music.voices.network import AGES, PERIODS, WAYS, Before
from lstmkit.music.voices.relative import NOTHING, SILENT

Parts = NDArray[np.int16]
"""(T, V) the pitch of each voice in each step, or SILENCE."""
Codes = NDArray[np.uint8]
"""The same as codes: keys from 0 to 87, SILENT or NOTHING."""
LONG = AGES[-1]
ROUND = int(np.lcm.reduce(PERIODS))
"""Steps after which all places are told as before."""


def codes_of(parts: Parts) -> Codes:
    """Return voices as codes.

    Raises  InputError if a note is no key of a piano
    """
    for pitch in parts[(parts != SILENCE) & ((parts < LOWEST_KEY) | (parts >= LOWEST_KEY + KEYS))][:1].tolist():
        require_key(pitch, "voices")
    return np.where(parts == SILENCE, SILENT, parts - LOWEST_KEY).astype(np.uint8)


def parts_of(codes: Codes) -> Parts:
    """Return codes as voices."""
    return np.where(codes == SILENT, SILENCE, codes.astype(np.int16) + LOWEST_KEY).astype(np.int16)


def ways_of(codes: Codes) -> Codes:
    """Return steps (N, V) as each way of recalling sees them, (WAYS, N, V): whole, the first voice, the last."""
    first, last = np.full_like(codes, NOTHING), np.full_like(codes, NOTHING)
    first[:, 0], last[:, -1] = codes[:, 0], codes[:, -1]
    return np.stack([codes, first, last])


def columns(voices: int) -> int:
    """Return how many numbers `with_history` makes of a step."""
    return voices * (2 + WAYS) + WAYS + 1


def with_history(codes: Codes, recall: bool) -> NDArray[np.uint8]:
    """Return each step of a piece (T, V) with what is known before it, beside the step before.

    Returns  (T, columns): the step, what is recalled, for how many steps that was the same, how long each voice has
             sung what it sings, and the place
    """
    T, V = codes.shape
    recalled, runs = np.full((T, WAYS, V), NOTHING, np.uint8), np.zeros((T, WAYS), np.uint8)
    if recall:
        seen = ways_of(codes)
        where, lengths = places_seen(seen)
        found = np.take_along_axis(seen, where.T[..., None], axis=1).swapaxes(0, 1)
        recalled, runs = np.where(lengths[..., None] > 0, found, NOTHING), lengths.astype(np.uint8)
    ages = np.zeros((T, V), np.uint8)
    for at in range(1, T):
        ages[at] = aged(ages[at - 1], codes[at - 1] == codes[max(0, at - 2)])
    place = (np.arange(T) % ROUND)[:, None]
    return np.concatenate([codes, recalled.reshape(T, -1), runs, ages, place], axis=1).astype(np.uint8)


def aged(ages: NDArray[np.uint8], same: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return how long voices have sung what they sing after a step in which they sang the same, or not."""
    return np.where(same, np.minimum(ages + 1, LONG), 1).astype(np.uint8)


def parted(values: Tensor, voices: int) -> tuple[Tensor, Before]:
    """Return the steps of a batch of `with_history`, (T, B, V), and what is known before each."""
    T, B, _ = values.shape
    sizes = [voices, WAYS * voices, WAYS, voices, 1]
    now, recalled, runs, ages, place = torch.split(values.long(), sizes, dim=2)
    last = torch.cat([torch.full_like(now[:1], NOTHING), now[:-1]])
    return now, Before(last, recalled.reshape(T, B, WAYS, voices), runs, ages, place[..., 0])


class History(NamedTuple):
    """What is known of N versions side by side, as a value.

    last    (N, V) codes
    ages    (N, V)
    step    how many steps there were
    memory  None where nothing is recalled
    """

    last: Codes
    ages: NDArray[np.uint8]
    step: int
    memory: Memory | None

    @classmethod
    def empty(cls, voices: int, recall: bool, versions: int = 1) -> History:
        """Return that of versions of which nothing was sung."""
        memory = Memory.empty(versions, WAYS, voices) if recall else None
        return cls(np.full((versions, voices), NOTHING, np.uint8), np.zeros((versions, voices), np.uint8), 0, memory)

    def after(self, codes: Codes) -> History:
        """Return the history after a step of each version, (N, V)."""
        memory = None if self.memory is None else self.memory.with_seen(ways_of(codes))
        return History(codes, aged(self.ages, codes == self.last), self.step + 1, memory)

    def of(self, chosen: NDArray[np.int64]) -> History:
        """Return that of chosen versions."""
        memory = None if self.memory is None else self.memory.of(chosen)
        return History(self.last[chosen], self.ages[chosen], self.step, memory)

    def before(self) -> Before:
        """Return what is known now, as a batch of one step, (1, N, ...)."""
        N, V = self.last.shape
        recalled, runs = np.full((N, WAYS, V), NOTHING, np.uint8), np.zeros((N, WAYS), np.int64)
        if self.memory is not None:
            found, runs = self.memory.recalled()
            recalled = np.where(runs[..., None] > 0, found, NOTHING).astype(np.uint8)
        place = np.full(N, self.step % ROUND)
        return Before(*(torch.from_numpy(one).long()[None] for one in (self.last, recalled, runs, self.ages, place)))
