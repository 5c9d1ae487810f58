"""Simple features of pictures: of every cell of a grid how light it is, where its edges point, and what moves there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE, CELLS, DIRECTIONS = 96, 4, 8
"""Pixels of the small picture, cells a side, and directions of edges and of motion."""
FAINT = 1e-3
"""Of a gradient, of the range from black to white: below, an edge has no direction."""

Floats = NDArray[np.float32]


def grid_names() -> tuple[str, ...]:
    """Return what the numbers of a picture are called, cell after cell, each with its row and column from 1 on."""
    own = ["light", *(f"edge_{k}" for k in range(DIRECTIONS)), *(f"move_{k}" for k in range(DIRECTIONS))]
    cells = [(row, column) for row in range(1, CELLS + 1) for column in range(1, CELLS + 1)]
    return tuple(f"{name}_{row}{column}" for row, column in cells for name in own)


def mirrored_grid() -> list[int]:
    """Return for each number of a picture the place of the one that it is in a mirror, left for right."""
    cells = [(row, column) for row in range(CELLS) for column in range(CELLS)]
    own = [0, *(1 + (-k) % DIRECTIONS for k in range(DIRECTIONS))]
    own += [1 + DIRECTIONS + (DIRECTIONS // 2 - k) % DIRECTIONS for k in range(DIRECTIONS)]
    return [(row * CELLS + CELLS - 1 - column) * len(own) + place for row, column in cells for place in own]


def grid_features(picture: NDArray[np.uint8], before: NDArray[np.uint8]) -> Floats:
    """Return the numbers of a picture, in the order of `grid_names`.

    Of a cell: the mean light from 0 to 1; the square root of the mean gradient in each of eight directions over half a
    turn; and that of the mean change since the picture before, in each of eight directions over a whole turn. What
    moves, moves along the gradient where a pixel becomes darker, and against it where it becomes lighter.

    picture, before  (SIDE, SIDE) grey
    Source           edges: Dalal & Triggs 2005; change against the gradient is the normal flow of Horn & Schunck 1981
    """
    light: Floats = picture.astype(np.float32) / np.float32(255)
    change = light - before.astype(np.float32) / np.float32(255)
    down, right = np.gradient(light)
    size = np.hypot(down, right)
    angle = np.arctan2(down, right)
    plain = size < FAINT
    edge = np.round(angle / np.pi * DIRECTIONS).astype(np.int64) % DIRECTIONS
    turned = np.where(change > 0, angle + np.pi, angle)
    moved = np.round(turned / (2 * np.pi) * DIRECTIONS).astype(np.int64) % DIRECTIONS
    edges = _by_direction(np.where(plain, 0.0, size), edge)
    moves = _by_direction(np.where(plain, 0.0, np.abs(change)), moved)
    found = [_cells(light[None]), np.sqrt(_cells(edges)), np.sqrt(_cells(moves))]
    return np.concatenate(found, axis=1).reshape(-1).astype(np.float32)


def _by_direction(amount: NDArray[np.floating], direction: NDArray[np.int64]) -> Floats:
    """Return amounts (SIDE, SIDE) in a layer a direction, (DIRECTIONS, SIDE, SIDE)."""
    return np.where(np.arange(DIRECTIONS)[:, None, None] == direction, amount, 0.0).astype(np.float32)


def _cells(layers: Floats) -> Floats:
    """Return the means of layers (L, SIDE, SIDE) over cells, (CELLS * CELLS, L)."""
    wide = SIDE // CELLS
    parts = layers.reshape(len(layers), CELLS, wide, CELLS, wide).mean(axis=(2, 4))
    return np.asarray(parts.reshape(len(layers), -1).T)
