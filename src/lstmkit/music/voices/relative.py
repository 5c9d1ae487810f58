"""What each key is told of notes: how far they lie from it, so that a chord that is moved is the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lstmkit.music.rolls import KEYS

SILENT, NOTHING = KEYS, KEYS + 1
"""In place of a key: a voice that rests, and nothing known."""
CODES = KEYS + 2
FEW = 64
"""Rows up to which notes are looked up one by one."""


class Relative(nn.Module):
    """A sum of embeddings, one for each of several notes, of the distance from the key to the note.

    notes   how many, each with distances of its own
    size    of the embeddings
    keys    how many, side by side, are told
    """

    def __init__(self, notes: int, size: int, keys: int) -> None:
        super().__init__()
        self.notes, self.size, self.keys = notes, size, keys
        self.distances = nn.Parameter(0.05 * torch.randn(notes, keys + KEYS - 1, size))
        self.others = nn.Parameter(torch.zeros(notes, CODES - KEYS, size))

    def forward(self, codes: Tensor) -> Tensor:
        """Return what the keys are told.

        codes    (N, notes) keys from 0 to 87, SILENT or NOTHING
        Returns  (N, keys, size)
        """
        if len(codes) <= FEW:
            return self._one_by_one(codes)
        windows = self.distances.unfold(1, self.keys, 1)  # from the highest note to the lowest
        seen = windows.flip(1).transpose(2, 3).reshape(self.notes, KEYS, -1)
        others = self.others.repeat(1, 1, self.keys)
        table = torch.cat([seen, others], dim=1).flatten(0, 1)
        rows = codes + CODES * torch.arange(self.notes, device=codes.device)
        return functional.embedding_bag(rows, table, mode="sum").reshape(len(codes), self.keys, self.size)

    def _one_by_one(self, codes: Tensor) -> Tensor:
        """Return the same without a table of all notes that there could be, which takes longer than few rows."""
        notes = torch.arange(self.notes, device=codes.device)
        sung, keys = (codes < KEYS)[..., None], torch.arange(self.keys, device=codes.device)
        distances = torch.where(sung, keys + (KEYS - 1) - codes[..., None], 0)
        told = self.distances[notes[:, None], distances]
        others = self.others[notes, (codes - KEYS).clamp(min=0)]
        return torch.where(sung[..., None], told, others[:, :, None]).sum(dim=1)
