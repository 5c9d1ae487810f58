"""How probable unit sequences are by their sound, all alignments summed, and when each part of one is said.

Source  Graves, Fernández, Gomez and Schmidhuber 2006, Connectionist Temporal Classification
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lstmkit.speech.paths import START, Graph, best_paths
from lstmkit.speech.units import Numbers, steps_needed

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

Slots = Sequence[Sequence[Numbers]]
"""What is said, part by part, each of them in one of several ways."""

MOST_WAYS = 16
"""Ways to say the same that are summed, the first."""
TOGETHER = 1 << 21
"""Numbers of the table of a block of sequences at most."""


def ctc_scores(emissions: Floats, sequences: Sequence[Numbers]) -> Doubles:
    """Return the logarithm of the probability of each sequence of units.

    emissions  (T, 1 + U) logarithms of the probability of blank and units
    Returns    (K,); -inf where there are too few frames
    """
    found = np.empty(len(sequences))
    probabilities = np.exp(emissions.astype(np.float64))
    order = sorted(range(len(sequences)), key=lambda k: len(sequences[k]))
    at = 0
    while at < len(order):
        width = 2 * len(sequences[order[at]]) + 1
        block = order[at : at + max(1, TOGETHER // (len(emissions) * (width + 16) + 1))]
        found[block] = _forward(probabilities, [sequences[k] for k in block])
        at += len(block)
    lost = [k for k in np.flatnonzero(np.isneginf(found)).tolist() if steps_needed(sequences[k]) <= len(emissions)]
    if lost:  # beyond what numbers can be: by logarithms, slowly
        found[lost] = _by_logarithms(emissions.astype(np.float64), [sequences[k] for k in lost])
    return found


def _states(sequences: Sequence[Numbers]) -> tuple[Ints, NDArray[np.bool_], Ints]:
    """Return the units with blanks between, (K, S); which may follow the last but one; and places of the ends."""
    longest = max(map(len, sequences))
    units = np.zeros((len(sequences), 2 * longest + 1), np.int64)
    for row, own in enumerate(sequences):
        units[row, 1 : 2 * len(own) : 2] = own
    skips = np.zeros(units.shape, bool)
    skips[:, 2:] = (units[:, 2:] != 0) & (units[:, 2:] != units[:, :-2])
    return units, skips, 2 * np.array([len(own) for own in sequences])


def _forward(probabilities: Doubles, sequences: Sequence[Numbers]) -> Doubles:
    units, skips, last = _states(sequences)
    rows = np.arange(len(sequences))
    alpha = np.zeros((len(units), units.shape[1] + 2))
    alpha[:, 1] = 1.0  # before the first frame
    skipped = skips.astype(np.float64)
    logs = np.zeros(len(units))
    said = probabilities[:, units]
    for t in range(len(said)):
        moved = alpha[:, 2:] + alpha[:, 1:-1]
        moved += skipped * alpha[:, :-2]
        if t == 0 and units.shape[1] > 1:
            moved[:, 1] = 1.0
        moved *= said[t]
        total = moved.sum(axis=1)
        np.copyto(total, 1.0, where=total <= 0)
        moved /= total[:, None]
        logs += np.log(total)
        alpha[:, 2:] = moved
        alpha[:, 1] = 0.0
    ends = alpha[rows, last + 2] + np.where(last > 0, alpha[rows, np.maximum(last + 1, 2)], 0.0)
    with np.errstate(divide="ignore"):
        found: Doubles = np.log(ends) + logs
    return found


def _by_logarithms(emissions: Doubles, sequences: Sequence[Numbers]) -> Doubles:
    units, skips, last = _states(sequences)
    rows = np.arange(len(sequences))
    alpha = np.full((len(units), units.shape[1] + 2), -np.inf)
    alpha[:, 2] = emissions[0, 0]
    if units.shape[1] > 1:
        alpha[:, 3] = emissions[0, units[:, 1]]
    for frame in emissions[1:]:
        moved = np.logaddexp(alpha[:, 2:], alpha[:, 1:-1])
        moved = np.where(skips, np.logaddexp(moved, alpha[:, :-2]), moved)
        alpha[:, 2:] = moved + frame[units]
    before = np.where(last > 0, alpha[rows, np.maximum(last + 1, 2)], -np.inf)
    found: Doubles = np.logaddexp(alpha[rows, last + 2], before)
    return found


def ways(slots: Slots) -> list[Numbers]:
    """Return the ways to say parts in order, the first MOST_WAYS of them."""
    several = itertools.islice(itertools.product(*slots), MOST_WAYS)
    return [tuple(unit for part in chosen for unit in part) for chosen in several]


def slot_scores(emissions: Floats, every: Sequence[Slots]) -> Doubles:
    """Return the logarithm of the probability of each of several things said, all its ways summed.

    Returns  (K,); -inf where a part cannot be said, or there are too few frames
    """
    spelled = [ways(slots) for slots in every]
    counts = [len(own) for own in spelled]
    scores = ctc_scores(emissions, [one for own in spelled for one in own])
    bounds = np.cumsum([0, *counts])
    found = [
        np.logaddexp.reduce(scores[begin:end]) if end > begin else -np.inf for begin, end in itertools.pairwise(bounds)
    ]
    return np.array(found, np.float64)


def ctc_graph(slots: Slots) -> tuple[Graph, Ints]:
    """Return what may be said as a graph of blanks and units, and the part that each node belongs to, -1 for blanks."""
    states, parts = [0], [-1]
    before: list[tuple[int, ...]] = [(START,)]
    blank, ends = 0, [START]

    def node(unit: int, part: int, after: Sequence[int]) -> int:
        states.append(unit)
        parts.append(part)
        before.append(tuple(after))
        return len(states) - 1

    for part, several in enumerate(slots):
        last = []
        for own in several:
            quiet, said = blank, ends
            for place, unit in enumerate(own):
                if place:
                    quiet = node(0, -1, said)
                follows = [one for one in said if one == START or states[one] != unit]
                said = [node(unit, part, [quiet, *follows])]
            last += said
        blank, ends = node(0, -1, last), last
    final = (blank, *(one for one in ends if one != START))
    return Graph(np.array(states), tuple(before), final), np.array(parts)


def times(emissions: Floats, slots: Slots) -> list[tuple[int, int]] | None:
    """Return the first frame of every part and the one after its last, on the best path; None if there is none."""
    if not slots:
        return []
    graph, parts = ctc_graph(slots)
    path = best_paths([graph], [emissions[:, graph.states]])[0]
    if path is None:
        return None
    said = parts[path[0]]
    found = []
    for part in range(len(slots)):
        frames = np.flatnonzero(said == part)
        found.append((int(frames[0]), int(frames[-1]) + 1))
    return found
