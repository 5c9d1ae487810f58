"""Squares of a picture, turned as a body is, and the body that a detector finds in the whole of it.

Source  Bazarevsky et al. 2020, BlazePose, arXiv 2006.10204; MediaPipe 0.10.21, the constants of its graphs
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SIDE = 224
"""Of what the detector sees."""
GRIDS = ((8, 2), (16, 2), (32, 6))
"""Pixels from a place to the next, and boxes that stand at each."""
BOXES = sum((SIDE // stride) ** 2 * count for stride, count in GRIDS)
POINTS = 4
"""Of a body that the detector tells: the middle of the hips, one on the circle around it, and two of the torso."""
LEAST, OVERLAP = 0.5, 0.3
"""Probability of a body, and the share that boxes of the same one have in common at least."""
WIDER = 1.25
"""Than the circle around the body is the square that is looked at."""


@dataclass(frozen=True)
class Region:
    """A square.

    x, y   its middle, in pixels
    width  in pixels
    turn   in radians, clockwise as the picture is seen; upright is 0
    """

    x: float
    y: float
    width: float
    turn: float = 0.0

    def taken(self, picture: NDArray[np.uint8], side: int) -> NDArray[np.float32]:
        """Return what a picture (H, W, 3) shows there, (side, side, 3), from 0 to 255; black beyond its edges."""
        along = np.arange(side) / side - 0.5  # corner to corner, as the networks were trained
        across, down = np.meshgrid(along, along)
        places = self.placed(np.stack([across, down], axis=2))
        low = np.floor(places).astype(np.int64)
        share = (places - low).astype(np.float32)
        (x, y), (right, below) = np.moveaxis(low, 2, 0), np.moveaxis(share[..., None], 2, 0)
        upper = _at(picture, y, x) * (1 - right) + _at(picture, y, x + 1) * right
        lower = _at(picture, y + 1, x) * (1 - right) + _at(picture, y + 1, x + 1) * right
        return np.asarray(upper * (1 - below) + lower * below)

    def placed(self, points: Floats) -> Floats:
        """Return where points (..., 2), from -0.5 to 0.5 in the square, are in the picture, in pixels."""
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        x, y = points[..., 0] * self.width, points[..., 1] * self.width
        return np.stack([self.x + cosine * x - sine * y, self.y + sine * x + cosine * y], axis=-1)


def around(hips: Floats, circle: Floats) -> Region:
    """Return the square around a body, which stands upright in it.

    hips    middle of the hips (2,), the centre of the circle around the body
    circle  the point of the circle above the head (2,)
    """
    x, y = (circle - hips).tolist()
    turn = np.pi / 2 - np.arctan2(-y, x)
    return Region(float(hips[0]), float(hips[1]), 2 * WIDER * float(np.hypot(x, y)), float(turn))


def whole(picture: NDArray[np.uint8]) -> Region:
    """Return the square around a picture (H, W, 3)."""
    height, width = picture.shape[:2]
    return Region(width / 2, height / 2, max(height, width))


def found_body(raw: NDArray[np.float32], scores: NDArray[np.float32], seen: Region) -> Region | None:
    """Return the square around the body of which the detector is surest, None if there is none.

    Boxes of the same body are one: their points are weighted by their probabilities.

    raw     (BOXES, 4 + 2 POINTS): middle and size of a box, and points, in pixels from where the box stands
    scores  (BOXES, 1) logits
    seen    what the detector saw
    """
    chances = 1 / (1 + np.exp(-np.clip(scores[:, 0].astype(np.float64), -100, 100)))
    sure = np.flatnonzero(chances >= LEAST)
    if not len(sure):
        return None
    chances, given = chances[sure], raw[sure].astype(np.float64) / SIDE
    middle = _anchors()[sure]
    centre, size = given[:, :2] + middle, given[:, 2:4]
    points = given[:, 4:].reshape(-1, POINTS, 2) + middle[:, None]
    same = _shared(centre - size / 2, centre + size / 2, int(chances.argmax())) > OVERLAP
    weights = chances[same] / chances[same].sum()
    body = seen.placed(np.einsum("b,bpx->px", weights, points[same]) - 0.5)
    return around(body[0], body[1])


def _anchors() -> Floats:
    """Return where the boxes stand (BOXES, 2), from 0 to 1."""
    found = []
    for stride, count in GRIDS:
        along = (np.arange(SIDE // stride) + 0.5) * stride / SIDE
        down, across = np.meshgrid(along, along, indexing="ij")
        found.append(np.repeat(np.stack([across.ravel(), down.ravel()], axis=1), count, axis=0))
    return np.concatenate(found)


def _shared(first: Floats, last: Floats, best: int) -> Floats:
    """Return the area that boxes have in common with one of them, as a share of that of both."""
    common = np.clip(np.minimum(last, last[best]) - np.maximum(first, first[best]), 0, None).prod(axis=1)
    areas = np.clip(last - first, 0, None).prod(axis=1)
    both = areas + areas[best] - common
    return np.asarray(np.where(both > 0, common / np.where(both > 0, both, 1), 0))


def _at(picture: NDArray[np.uint8], y: NDArray[np.int64], x: NDArray[np.int64]) -> NDArray[np.float32]:
    height, width = picture.shape[:2]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    values = picture[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.where(inside[..., None], values, 0).astype(np.float32)
