"""A text as rows that are read side by side, a window at a time, with the state carried from window to window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.errors import InputError
from lstmkit.language.neural.network import Carried


@dataclass(frozen=True)
class Streams:
    """A text cut into B rows of equal length; window k of T tokens is the same stretch of every row.

    ids      (N,) tokens; may lie on disk: a window reads only what is in it
    columns  B
    window   T
    end      the token before the first: a text begins as after the end of a line
    told     (N + 1, F) what a network is told before each token and after the last, or None

    Every token is predicted from those before it in its row. Fewer than B tokens at the end of the text are left out.
    """

    ids: NDArray[np.int32]
    columns: int
    window: int
    end: int
    told: NDArray[np.int16] | None = None

    def __post_init__(self) -> None:
        """Check that every row has a token."""
        if len(self.ids) < self.columns:
            raise InputError(
                f"text of {len(self.ids):,} tokens: too short for {self.columns} columns; use a smaller columns="
            )

    @property
    def row(self) -> int:
        """Tokens of a row."""
        return len(self.ids) // self.columns

    def __len__(self) -> int:
        """Return how many windows there are, the last perhaps a short one."""
        return -(-self.row // self.window)

    def span(self, number: int, first: int) -> tuple[int, int]:
        """Return where window `number` begins and ends in each row, if window 0 has `first` tokens (1 to T)."""
        begin = 0 if number == 0 else first + (number - 1) * self.window
        return begin, min(self.row, first + number * self.window)

    def read(self, begin: int, stop: int) -> tuple[Tensor, Tensor]:
        """Return tokens and those that follow them, each (stop - begin, B) int64, from a stretch of every row.

        What is told stands behind each of the first: (stop - begin, B, 1 + F).
        """
        starts = np.arange(self.columns) * self.row
        places = np.arange(begin - 1, stop)[:, None] + starts
        found = np.asarray(self.ids[np.maximum(places, 0)], dtype=np.int64)
        if begin == 0:
            found[0, 0] = self.end
        tokens = torch.from_numpy(found)
        if self.told is None:
            return tokens[:-1], tokens[1:]
        beside = torch.from_numpy(self.told[places[:-1] + 1].astype(np.int64))
        return torch.cat([tokens[:-1, :, None], beside], dim=2), tokens[1:]


class Reader:
    """Reads the windows of streams in order, for `lstmkit.training.train`: an item is the number of a window.

    The state is carried from window to window. It begins at zero after `restart`, and where a window does not follow
    the one before. Then the length of the first window is drawn anew, so that gradients are cut at other places in
    every pass over the text; up to a window at the end of each row may be left out in turn.
    """

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.state: Carried | None = None
        self._next = -1
        self._first = streams.window

    def restart(self) -> None:
        """Forget the state: the next window begins a text."""
        self._next = -1

    def read(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the tokens of a window and those that follow them; see `Streams.read`."""
        if number != self._next:
            self.state = None
            self._first = 1 + int(torch.randint(self.streams.window, ()))
        self._next = number + 1
        return self.streams.read(*self.streams.span(number, self._first))
