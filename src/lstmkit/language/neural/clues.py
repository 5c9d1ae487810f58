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
    kinds     of every token of the vocabulary which kind it is, counted from 0; one for all where there are none
    telling   place of the number that speaks for or against each kind
    """

    numbers: tuple[int, ...]
    recalled: int
    kinds: tuple[int, ...]
    telling: int = 0


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

    Numbers speak by a vector for each value, and one of them by a weight for each kind of token as well: what never
    comes at a value is told apart by that from the start, while a softmax of vectors alone leaves it a share that it
    never loses. What is recalled speaks for itself, as far as the network asks for it.

    Letters: embedding E, kinds of tokens K, vocabulary V.

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
        self.telling = sizes.telling
        kinds = np.eye(max(sizes.kinds) + 1, dtype=np.float32)[list(sizes.kinds)]
        self.register_buffer("kinds", torch.from_numpy(kinds), persistent=False)
        self.kinds: Tensor
        self.by_kind = nn.Embedding(sizes.numbers[sizes.telling], kinds.shape[1])
        nn.init.zeros_(self.by_kind.weight)
        self.recalled = nn.Linear(sizes.recalled * embedding_size, embedding_size, bias=False)
        self.gates = nn.Linear(embedding_size, sizes.recalled)
        nn.init.zeros_(self.gates.weight)
        nn.init.zeros_(self.gates.bias)

    def start_from(self, told: NDArray[np.int16], ids: NDArray[np.int32]) -> None:
        """Begin with how often each kind of token came where a number had each value, against how often at all.

        told  before each token, (N, clues)
        ids   (N,) a text to learn from
        """
        kinds = self.kinds.argmax(1).numpy()[ids]
        counts = np.zeros(tuple(self.by_kind.weight.shape))
        np.add.at(counts, (told[:, self.telling], kinds), 1.0)
        shares = (counts.sum(0) + 1) / (counts.sum() + counts.shape[1])
        here = (counts + shares) / (counts.sum(1, keepdims=True) + 1)  # as if each value had come once more, as usual
        with torch.no_grad():
            self.by_kind.weight.copy_(torch.from_numpy(np.log(here / shares)))

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
        """Return outputs (..., E) to which is added what the clues say, and what is said of each kind: (..., E + K).

        told       (..., clues) int64
        embedding  (V, E)
        """
        numbers, tokens = told[..., : len(self.starts)], told[..., len(self.starts) :]
        recalled = nn.functional.embedding(tokens, embedding)
        gates = self.gates(output).unsqueeze(-1)
        spoken = output + self.spoken(numbers + self.starts).sum(dim=-2) + (gates * recalled).sum(dim=-2)
        return torch.cat([spoken, self.by_kind(numbers[..., self.telling])], dim=-1)

    def weights(self, embedding: Tensor) -> Tensor:
        """Return the weights (V, E + K) of a softmax that hears what is said: an embedding (V, E), and kinds."""
        return torch.cat([embedding, self.kinds], dim=-1)
