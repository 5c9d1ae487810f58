"""Windows by index arithmetic: one flat array, a batch gathered at a time, never a copy of all windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lstmkit.data.series import SeriesTable


@dataclass(frozen=True)
class Windows:
    """Some windows of a table.

    A window is named by its cutoff: the flat position of the first value that it must forecast.

    values   (N,) float64, the table's flat array
    cutoffs  (W,) int64
    context  values before the cutoff
    horizon  values from the cutoff on; 0 when there is nothing to compare with
    """

    values: Tensor
    cutoffs: Tensor
    context: int
    horizon: int

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.cutoffs)

    def batch(self, items: Tensor) -> tuple[Tensor, Tensor]:
        """Gather windows by number.

        items    (B,) numbers of windows
        Returns  context (B, context) and future (B, horizon), float64
        """
        cutoffs = self.cutoffs[items, None]
        context = self.values[cutoffs + torch.arange(-self.context, 0)]
        return context, self.values[cutoffs + torch.arange(self.horizon)]


def make_windows(
    table: SeriesTable, context: int, horizon: int, first: NDArray[np.int64] | None = None, stride: int = 1
) -> Windows:
    """Return all windows whose future lies in the table and begins at row `first` of its series or later.

    first   (S,) earliest cutoff of each series, in rows; None for as early as the context allows
    stride  rows between the cutoffs of one series, counted back from the last
    """
    lengths = table.lengths
    earliest = np.full(len(table), context) if first is None else np.maximum(first, context)
    cutoffs = [
        table.offsets[s] + np.arange(lengths[s] - horizon, earliest[s] - 1, -stride)[::-1] for s in range(len(table))
    ]
    flat = np.concatenate(cutoffs) if cutoffs else np.empty(0, np.int64)
    return Windows(torch.from_numpy(table.values), torch.from_numpy(flat.astype(np.int64)), context, horizon)
