"""Covariates as a network takes them: standardised, marked where they are missing, categories embedded."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from lstmkit.data import Batch, Windows
from lstmkit.forecasting.models.model import Task
from lstmkit.nn.scaling import mean_near, rounding

MOST_WINDOWS = 8192
EMBEDDING = 8


class Encoded(NamedTuple):
    """Covariates of a batch; the widths are `CovariateInputs.past`, `.ahead` and `.static`.

    past    (B, L, D) of every step before the cutoff: seen, known, and marks
    ahead   (B, P, D) of every step from the cutoff on: known, and marks
    static  (B, D) numbers and embedded categories
    """

    past: Tensor
    ahead: Tensor
    static: Tensor


class CovariateInputs(nn.Module):
    """Turn the covariates of a batch into inputs.

    Numbers are expressed in standard deviations from the mean that `start_from` found in training windows. One that
    never varied there says nothing, and is 0 whatever it is later. A missing one becomes 0, the mean, and where the
    task says that values may be missing, a mark beside it is 1. A category is a learnt vector; a series that was not
    learnt from is described by its own static covariates all the same.
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        marks = 2 if task.marked else 1
        self.marked = task.marked
        self.past, self.ahead = marks * (task.seen + task.known), marks * task.known
        widths = [min(EMBEDDING, (size + 1) // 2) for size in task.categories]
        self.static = marks * task.numbers + sum(widths)
        self.embeddings = nn.ModuleList(nn.Embedding(n, w) for n, w in zip(task.categories, widths, strict=True))
        for name, width in (("seen", task.seen), ("known", task.known), ("numbers", task.numbers)):
            self.register_buffer(f"{name}_mean", torch.zeros(width, dtype=torch.float64))
            self.register_buffer(f"{name}_size", torch.ones(width, dtype=torch.float64))

    def start_from(self, windows: Windows) -> None:
        """Find mean and standard deviation of every number in at most 8,192 training windows."""
        items = torch.arange(0, len(windows), max(1, len(windows) // MOST_WINDOWS))
        batch = windows.batch(items)
        for name, values in (("seen", batch.seen), ("known", batch.known), ("numbers", batch.numbers)):
            if not values.shape[-1]:
                continue
            flat = values.flatten(0, -2)
            there = ~torch.isnan(flat)
            count = there.sum(0).clamp_min(1)
            mean = mean_near(flat.T)[:, 0]
            size = (torch.where(there, (flat - mean) ** 2, 0.0).sum(0) / count).sqrt()
            self.get_buffer(f"{name}_mean").copy_(mean)
            self.get_buffer(f"{name}_size").copy_(torch.where(size > rounding(mean), size, 0.0))

    def forward(self, batch: Batch) -> Encoded:
        """Encode the covariates of a batch, in float32."""
        L = batch.past.shape[1]
        known = self._scaled(batch.known, "known")
        past = torch.cat([self._scaled(batch.seen, "seen"), known[:, :L]], 2)
        numbers = self._scaled(batch.numbers, "numbers")
        embedded = [embed(batch.categories[:, k]) for k, embed in enumerate(self.embeddings)]
        return Encoded(past, known[:, L:], torch.cat([numbers, *embedded], 1))

    def _scaled(self, values: Tensor, name: str) -> Tensor:
        """Return values (..., D) in standard deviations, and their marks beside them."""
        if not values.shape[-1]:
            return values.float()
        mean, size = self.get_buffer(f"{name}_mean"), self.get_buffer(f"{name}_size")
        scaled = torch.where(size > 0, (values - mean) / size, (values - mean) * 0)  # what never varied says nothing
        missing = torch.isnan(scaled)
        scaled = scaled.nan_to_num().clamp(-10, 10).float()
        return torch.cat([scaled, missing.float()], -1) if self.marked else scaled
