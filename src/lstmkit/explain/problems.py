"""Two problems that ask for memory and nothing else: adding, and temporal order. Sequences are drawn as needed.

The lag is T, the length of the sequences: the answer is read after the last step, the first thing to remember stands
near the beginning, the second one before or just after the middle.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

SHORTEST = 10


class Problem(Protocol):
    """A problem with a right answer for each sequence."""

    name: str
    inputs: int
    outputs: int
    limit: float
    """Error on new sequences below which the problem counts as learnt."""
    measure: str
    """What the error is, in words."""
    naive: str
    """What the naive answer is, in words."""

    def draw(self, B: int, T: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return B sequences (T, B, inputs) and their answers (B,)."""

    def loss(self, output: Tensor, answer: Tensor) -> Tensor:
        """Return the loss to minimise, of outputs (B, outputs)."""

    def error(self, output: Tensor, answer: Tensor) -> float:
        """Return the error of outputs (B, outputs)."""

    def naive_error(self, answer: Tensor) -> float:
        """Return the error of the best answer that does not look at the sequence."""


class Adding:
    """Add the two numbers that are marked.

    Each step has a number in [0, 1] and a mark, which is 1 at two steps and 0 elsewhere: one among the first tenth of
    the steps, the other among the first half. Always answering 1 has a mean squared error of 1/6.

    Source  Hochreiter & Schmidhuber 1997, experiment 4, where the numbers lie in [-1, 1]; numbers in [0, 1] and their
            plain sum: Le, Jaitly & Hinton 2015. The limit is ours: an answer is off by 0.1, where 1 is off by 0.4
    """

    name = "adding"
    inputs = 2
    outputs = 1
    limit = 0.01
    measure = "mean squared error"
    naive = "always 1"

    def draw(self, B: int, T: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return sequences (T, B, 2) and sums (B,)."""
        numbers = torch.rand(T, B, generator=generator)
        first = torch.randint(0, max(1, T // 10), (B,), generator=generator)
        second = torch.randint(0, T // 2 - 1, (B,), generator=generator)
        second = second + (second >= first)  # any of the first half but `first` itself, all equally likely
        marks = torch.zeros(T, B)
        every = torch.arange(B)
        marks[first, every] = 1
        marks[second, every] = 1
        return torch.stack((numbers, marks), 2), numbers[first, every] + numbers[second, every]

    def loss(self, output: Tensor, answer: Tensor) -> Tensor:
        """Return the mean squared error."""
        return functional.mse_loss(output[:, 0], answer)

    def error(self, output: Tensor, answer: Tensor) -> float:
        """Return the mean squared error."""
        return float(self.loss(output, answer))

    def naive_error(self, answer: Tensor) -> float:
        """Return the mean squared error of always answering 1, the mean of all sums."""
        return float((answer - 1).square().mean())


class TemporalOrder:
    """Say which two symbols came, and in which order: XX, XY, YX or YY.

    Sequences of one-hot symbols begin with E and end with B; in between is noise of a, b, c, d but for two steps that
    hold X or Y, the first in [T/10, 2T/10), the second in [5T/10, 6T/10).

    Source  Hochreiter & Schmidhuber 1997, experiment 6a, with T between 100 and 110. Places in proportion to T, and the
            limit of one wrong answer in a hundred, are ours
    """

    name = "temporal order"
    inputs = 8
    outputs = 4
    limit = 0.01
    measure = "share of wrong answers"
    naive = "always the most frequent class"

    def draw(self, B: int, T: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return sequences (T, B, 8) of the symbols a, b, c, d, E, B, X, Y, and classes (B,)."""
        symbols = torch.randint(0, 4, (T, B), generator=generator)
        symbols[0], symbols[-1] = 4, 5
        which = torch.randint(0, 2, (2, B), generator=generator)
        tenth, every = max(1, T // 10), torch.arange(B)
        for place, begin in enumerate((T // 10, T // 2)):
            at = begin + torch.randint(0, tenth, (B,), generator=generator)
            symbols[at, every] = 6 + which[place]
        return functional.one_hot(symbols, 8).float(), 2 * which[0] + which[1]

    def loss(self, output: Tensor, answer: Tensor) -> Tensor:
        """Return the cross-entropy."""
        return functional.cross_entropy(output, answer)

    def error(self, output: Tensor, answer: Tensor) -> float:
        """Return the share of wrong classes."""
        return float((output.argmax(1) != answer).float().mean())

    def naive_error(self, answer: Tensor) -> float:
        """Return the share that always answering the most frequent class gets wrong."""
        return 1 - float(answer.bincount(minlength=4).max()) / len(answer)


PROBLEMS: tuple[Problem, ...] = (Adding(), TemporalOrder())
