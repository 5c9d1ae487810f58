"""What may be said in a recording, given its transcript: the states of its words in order, silence around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lstmkit.speech.paths import START, Graph

Ints = NDArray[np.int64]


def transcript_graph(words: Sequence[str], pronunciations: Mapping[str, Sequence[Ints]], silence: Ints) -> Graph:
    """Return the graph of a transcript: words in order, each in any pronunciation, with silence or none around them.

    pronunciations  states of each, by word
    silence         its states
    """
    states: list[int] = []
    before: list[tuple[int, ...]] = []

    def chain(own: Ints, after: tuple[int, ...]) -> int:
        """Add states one after the other and return the last."""
        for place, state in enumerate(own.tolist()):
            before.append(after if place == 0 else (len(states) - 1,))
            states.append(state)
        return len(states) - 1

    ends: tuple[int, ...] = (START, chain(silence, (START,)))
    for word in words:
        spoken = tuple(chain(own, ends) for own in pronunciations[word])
        ends = (*spoken, chain(silence, spoken))
    return Graph(np.array(states), tuple(before), ends)
