"""The best path through what may be said: a graph whose nodes are states that last for one or more frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

START = -1
"""What comes before the first frame, among those before a node."""


@dataclass(frozen=True)
class Graph:
    """What may be said, as nodes: each is a state that lasts for one or more frames.

    states  (n,) of the nodes
    before  those that may come before each node, itself not named; START is the beginning
    last    nodes that may be the last
    """

    states: Ints
    before: tuple[tuple[int, ...], ...]
    last: tuple[int, ...]


def best_paths(
    graphs: Sequence[Graph], scores: Sequence[Floats], stay: Floats | None = None
) -> list[tuple[Ints, Ints] | None]:
    """Return the best path of every utterance through its graph, all of them frame by frame together.

    scores   (T, n) of each: the logarithm of the density of every frame in the state of every node
    stay     (N,) probability of every state to last another frame; None: it may, or not, and that counts nothing
    Returns  for each utterance the node of every frame, and (T,) 1 where a node begins; None where no path is so short
    Source   Viterbi 1967
    """
    B, n = len(graphs), max(len(g.states) for g in graphs)
    T = max(len(s) for s in scores)
    P = 1 + max(len(own) for g in graphs for own in g.before)
    places = np.full((B, n, P), n, np.int64)
    moves = np.full((B, n, P), -np.inf, np.float32)
    emitted = np.zeros((T, B, n), np.float32)
    delta = np.full((B, n + 1), -np.inf, np.float32)
    if stay is None:
        longer = over = np.zeros(1 + max(int(g.states.max()) for g in graphs), np.float32)
    else:
        with np.errstate(divide="ignore"):
            longer, over = np.log(stay), np.log1p(-stay)
    for b, graph in enumerate(graphs):
        emitted[: len(scores[b]), b, : len(graph.states)] = scores[b]
        for node, own in enumerate(graph.before):
            places[b, node, 0], moves[b, node, 0] = node, longer[graph.states[node]]
            for slot, other in enumerate((o for o in own if o != START), 1):
                places[b, node, slot], moves[b, node, slot] = other, over[graph.states[other]]
            if START in own:
                delta[b, node] = emitted[0, b, node]
    came = np.zeros((T, B, n), np.uint8)
    rows = np.arange(B)[:, None, None]
    finals = np.empty((T, B, n), np.float32)
    finals[0] = delta[:, :n]
    for t in range(1, T):
        found = delta[rows, places] + moves
        came[t] = found.argmax(axis=2)
        delta[:, :n] = found.max(axis=2) + emitted[t]
        finals[t] = delta[:, :n]
    return [_walked_back(b, graph, len(scores[b]), finals, came, places) for b, graph in enumerate(graphs)]


def _walked_back(
    b: int, graph: Graph, length: int, finals: Floats, came: NDArray[np.uint8], places: Ints
) -> tuple[Ints, Ints] | None:
    last = [node for node in graph.last if node != START]
    node = max(last, key=lambda place: finals[length - 1, b, place])
    if not np.isfinite(finals[length - 1, b, node]):
        return None
    path, begins = np.empty(length, np.int64), np.zeros(length, np.int64)
    for t in range(length - 1, -1, -1):
        path[t] = node
        slot = came[t, b, node] if t else 1
        begins[t] = slot > 0
        node = int(places[b, node, slot]) if t else node
    return path, begins
