"""How states are learnt: a flat start, then paths and densities in turn, while components are split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lstmkit.errors import InputError
from lstmkit.ranges import AT_LEAST_1, Range, check_fields
from lstmkit.sequences import Ragged
from lstmkit.sequences.ragged import batches_by_length
from lstmkit.speech.hmm.alignment import transcript_graph
from lstmkit.speech.hmm.mixtures import Mixtures, reestimated, single, split
from lstmkit.speech.paths import Graph, best_paths

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

SILENCE = ""
"""The unit of silence; no phone is called so."""
TOGETHER = 6_000
"""Padded frames whose paths are found together."""
ROUNDED = 0.02, 0.98
"""Ends of the probability that a state lasts another frame."""
RANGES = {
    "states": AT_LEAST_1,
    "mixtures": AT_LEAST_1,
    "rounds": AT_LEAST_1,
    "word_frames": Range("must be at least 1", least=1),
    "most_states": AT_LEAST_1,
}


@dataclass(frozen=True)
class HmmSettings:
    """How a hidden Markov model is built and learnt.

    states       of a phone and of silence, from left to right
    mixtures     normal densities of a state at most; they double from 1 on
    rounds       that paths and densities take turns at each number of them; twice as many at the first and the last
    word_frames  frames for each state of a whole word, where there is no lexicon
    most_states  of a whole word
    Raises       InputError if a value is out of range
    """

    states: int = 3
    mixtures: int = 16
    rounds: int = 4
    word_frames: float = 5.0
    most_states: int = 16

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, RANGES, "HmmSettings")


@dataclass(frozen=True)
class Units:
    """The states of every unit: of phones or of whole words, and of silence.

    units  states of each, by name
    words  pronunciations of each word, as names of units
    """

    units: Mapping[str, Ints]
    words: Mapping[str, tuple[tuple[str, ...], ...]]

    @classmethod
    def of(cls, sizes: Mapping[str, int], words: Mapping[str, tuple[tuple[str, ...], ...]]) -> Units:
        """Return units of so many states each, numbered in order; silence is among them."""
        bounds = np.cumsum([0, *sizes.values()])
        return cls({name: np.arange(*bounds[k : k + 2]) for k, name in enumerate(sizes)}, words)

    @property
    def count(self) -> int:
        """How many states there are."""
        return sum(map(len, self.units.values()))

    @property
    def pronunciations(self) -> dict[str, list[Ints]]:
        """States of every pronunciation, by word."""
        return {
            word: [np.concatenate([self.units[name] for name in one]) for one in own]
            for word, own in self.words.items()
        }


@dataclass(frozen=True)
class States:
    """What was learnt.

    mixtures  the densities
    stay      (N,) probability of every state to last another frame
    """

    mixtures: Mixtures
    stay: Floats


def learn(
    frames: Ragged,
    words: Sequence[Sequence[str]],
    units: Units,
    settings: HmmSettings,
    told: Callable[[str], None] = lambda line: None,
) -> tuple[States, list[int]]:
    """Learn states from recordings and what is said in them.

    frames   of the recordings, float32, normalised
    words    of each
    told     is given a line after each round
    Returns  the states, and the places of recordings that are too short for what is said in them, which were left out
    Raises   InputError if none is left
    """
    spoken, silence = units.pronunciations, units.units[SILENCE]
    flat = [np.concatenate([silence, *(spoken[w][0] for w in own), silence]) for own in words]
    long = [k for k, own in enumerate(flat) if len(own) <= frames.lengths[k]]
    kept = [k for k in long if len(flat[k]) > 2 * len(silence)]
    if not kept:
        raise InputError(
            "hidden Markov model: every recording is too short for what is said in it; check the transcripts"
        )
    used = frames.select(np.array(kept))
    values = np.asarray(used.values, np.float32)
    graphs = [transcript_graph(words[k], spoken, silence) for k in kept]
    states = np.concatenate([flat[k][np.arange(frames.lengths[k]) * len(flat[k]) // frames.lengths[k]] for k in kept])
    found = States(single(values, states, units.count), np.full(units.count, 0.7, np.float32))
    components = 1
    while True:
        twice = components == 1 or components >= settings.mixtures
        for number in range(settings.rounds * (1 + twice)):
            states, stay, score = _aligned(used, graphs, found, states)
            found = States(reestimated(found.mixtures, values, states), stay)
            told(f"{components} densities a state, round {number + 1}: {score:.3f} nats a frame")
        if components >= settings.mixtures:
            break
        components = min(2 * components, settings.mixtures)
        found = States(split(found.mixtures, states, components), found.stay)
    return found, sorted(set(range(len(words))) - set(kept))


def _aligned(frames: Ragged, graphs: Sequence[Graph], found: States, before: Ints) -> tuple[Ints, Floats, float]:
    """Return the state of every frame on the best paths, how states last, and the mean score of a frame.

    before  states of the last round, which stay where there is no path
    """
    N = len(found.stay)
    states, begins = before.copy(), np.ones(N)
    total = 0.0
    for rows in batches_by_length(frames.lengths, TOGETHER):
        scores = []
        for row in rows:
            there, inverse = np.unique(graphs[row].states, return_inverse=True)
            scores.append(found.mixtures.scores(np.asarray(frames[row], np.float32), there)[:, inverse])
        for row, own, path in zip(rows, scores, best_paths([graphs[r] for r in rows], scores, found.stay), strict=True):
            if path is not None:
                place = slice(frames.offsets[row], frames.offsets[row + 1])
                states[place] = graphs[row].states[path[0]]
                np.add.at(begins, states[place], path[1])
                total += float(own[np.arange(len(own)), path[0]].sum())
    lasting = 1 - begins / (np.bincount(states, minlength=N) + 2)
    return states, np.clip(lasting, *ROUNDED).astype(np.float32), total / len(states)
