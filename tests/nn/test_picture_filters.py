"""Filters over the places of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lstmkit.nn.convolution import PictureFilters


def by_hand(filters: PictureFilters, picture: np.ndarray) -> np.ndarray:
    """Return what is seen in a picture (C, H, W), place by place."""
    found = picture
    for convolution, normalisation in zip(filters.convolutions, filters.normalisations, strict=True):
        weight, bias = (own.detach().numpy() for own in convolution.parameters())
        around = np.pad(found, ((0, 0), (1, 1), (1, 1)))
        height, width = (-(-side // 2) for side in found.shape[1:])
        out = np.empty((len(weight), height, width))
        for y in range(height):
            for x in range(width):
                out[:, y, x] = np.einsum("fcij,cij->f", weight, around[:, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3]) + bias
        out = (out - out.mean()) / np.sqrt(out.var() + normalisation.eps)
        scale, shift = (own.detach().numpy() for own in normalisation.parameters())
        found = np.maximum(out * scale[:, None, None] + shift[:, None, None], 0)
    half = found.shape[1] // 2, found.shape[2] // 2
    parts = found.reshape(len(found), 2, half[0], 2, half[1]).mean(axis=(2, 4))
    return parts.reshape(-1)


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (32, 16)])
def test_each_picture_is_seen_by_itself(rows: int, columns: int) -> None:
    torch.manual_seed(0)
    filters = PictureFilters(2, rows, columns, 8)
    values = torch.randn(3, 2, 2 * rows * columns)
    found = filters(values)
    assert found.shape == (3, 2, filters.width) == (3, 2, 32)
    for step in range(3):
        for row in range(2):
            wanted = by_hand(filters, values[step, row].numpy().reshape(2, rows, columns))
            np.testing.assert_allclose(found[step, row].detach().numpy(), wanted, atol=1e-5)
