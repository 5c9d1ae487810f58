"""Dilated recurrent layers: a cell reads its state from several steps ago, so that far steps are few steps away."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from lstmkit.nn import LSTM


class DilatedStack(nn.Module):
    """Blocks of recurrent layers, each layer with a dilation of its own, and a shortcut around every block.

    A layer of dilation d treats the steps t, t + d, t + 2d, ... as a sequence of its own, which is what it means that
    step t reads its state from step t - d. With time as the first axis these d sequences are the batch of one call,
    without moving a number. The first block has a shortcut only if its input is as wide as its output.

    input_size   I
    hidden_size  H, width of every layer
    dilations    of the layers of each block, such as ((1, 4), (24, 168))
    cell         member of the family
    num_layers   layers at each dilation
    dropout      between the layers of one dilation
    backend      name of the backend that must run the recurrence; None for the fastest
    Source       Chang et al. 2017, arXiv 1710.02224; shortcuts: Kim, El-Khamy & Lee 2017, Smyl 2020
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        dilations: Sequence[Sequence[int]],
        cell: str = "lstm",
        num_layers: int = 1,
        dropout: float = 0.0,
        backend: str | None = None,
    ) -> None:
        super().__init__()
        self.dilations = tuple(tuple(block) for block in dilations)
        between = dropout if num_layers > 1 else 0.0
        widths = [input_size] + [hidden_size] * (sum(map(len, self.dilations)) - 1)
        self.layers = nn.ModuleList(
            LSTM(width, hidden_size, num_layers, dropout=between, cell=cell, backend=backend) for width in widths
        )

    def forward(self, x: Tensor) -> Tensor:
        """Run all blocks over a batch of sequences (T, B, I); returns (T, B, H)."""
        layers = iter(self.layers)
        for block in self.dilations:
            before = x
            for dilation in block:
                x = dilated(next(layers), x, dilation)
            if before.shape == x.shape:
                x = x + before
        return x


def dilated(layer: nn.Module, x: Tensor, dilation: int) -> Tensor:
    """Run a recurrent layer (T, B, I) -> (T, B, H) so that it reads its state from `dilation` steps before.

    The last steps are filled up with zeros, whose outputs are cut off again: no true step comes after them.
    """
    T, B, width = x.shape
    steps = -(-T // dilation)
    filled = functional.pad(x, (0, 0, 0, 0, 0, steps * dilation - T))
    y: Tensor = layer(filled.reshape(steps, dilation * B, width))[0]
    return y.reshape(steps * dilation, B, -1)[:T]
