"""What a network is told beside every token: what follows from the tokens so far, but is hard to keep in a state."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class ClueSizes(NamedTuple):
    """What kinds of clues there are.

    numbers   how many values each of those has that are numbers, counted from 0
    recalled  how many are tokens: such that followed like places before, one of which may come again
    """

    numbers: tuple[int, ...]
    recalled: int


class Clues(Protocol):
    """Follows a text token by token and says what is to be known where it stands.

    A place is a value: `advance` returns another one and leaves the one it was given as it was.
    """

    @property
    def sizes(self) -> ClueSizes:
        """The kinds, in the order in which they are told."""

    def begin(self) -> Any:
        """Return the place at the beginning of a text, which is also that after the end of a line."""

    def advance(self, place: Any, token: int) -> Any:
        """Return the place after one more token."""

    def told(self, place: Any) -> tuple[int, ...]:
        """Return the numbers of a place, then the tokens; nothing in them comes from what follows it."""


def told_all(clues: Clues, ids: NDArray[np.int32]) -> NDArray[np.int16]:
    """Return what is told before each token of a text and after the last, (N + 1, clues)."""
    place = clues.begin()
    found = [clues.told(place)]
    for token in ids.tolist():
        place = clues.advance(place, token)
        found.append(clues.told(place))
    return np.array(found, np.int16)


class ClueLayer(nn.Module):
    """Turns clues into vectors that stand beside those of tokens, and into what speaks for or against each token.

    Numbers speak by a vector for each value; what is recalled speaks for itself, as far as the network asks for it.

    Letters: embedding E.

    sizes           what is told
    embedding_size  E
    """

    def __init__(self, sizes: ClueSizes, embedding_size: int) -> None:
        super().__init__()
        starts = np.cumsum([0, *sizes.numbers])
        self.register_buffer("starts", torch.from_numpy(starts[:-1]), persistent=False)
        self.starts: Tensor
        self.numbers = nn.Embedding(int(starts[-1]), embedding_size)
        spread = 0.1 / max(1, len(sizes.numbers)) ** 0.5  # so that all together weigh as much as a token
        nn.init.uniform_(self.numbers.weight, -spread, spread)
        self.spoken = nn.Embedding(int(starts[-1]), embedding_size)
        nn.init.zeros_(self.spoken.weight)
        self.recalled = nn.Linear(sizes.recalled * embedding_size, embedding_size, bias=False)
        self.gates = nn.Linear(embedding_size, sizes.recalled)
        nn.init.zeros_(self.gates.weight)
        nn.init.zeros_(self.gates.bias)

    def forward(self, told: Tensor, embedding: Tensor) -> Tensor:
        """Return what stands beside the vectors of tokens, (..., E).

        told       (..., clues) int64
        embedding  (V, E)
        """
        numbers, tokens = told[..., : len(self.starts)], told[..., len(self.starts) :]
        recalled = self.recalled(nn.functional.embedding(tokens, embedding).flatten(-2))
        found: Tensor = recalled + self.numbers(numbers + self.starts).sum(dim=-2)
        return found

    def speaking(self, output: Tensor, told: Tensor, embedding: Tensor) -> Tensor:
        """Return outputs (..., E) to which is added what the clues say.

        told       (..., clues) int64
        embedding  (V, E), also the weights of the softmax
        """
        numbers, tokens = told[..., : len(self.starts)], told[..., len(self.starts) :]
        recalled = nn.functional.embedding(tokens, embedding)
        gates = self.gates(output).unsqueeze(-1)
        found: Tensor = output + self.spoken(numbers + self.starts).sum(dim=-2) + (gates * recalled).sum(dim=-2)
        return found
